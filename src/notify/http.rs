//! Sends requests to targets, in bounds of time and size, and to nowhere but where it is meant to.

use std::io::Read as _;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body, http};

use super::exchange::{Method, Reply, Request};
use crate::web::{self, Guard};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How much longer than the head of an answer all of it may take, body included.
const WHOLE: u32 = 2;
/// How much of an answer's body is read, in bytes.
const MOST_BODY: u64 = 4096;
/// The shortest part of an address that is taken for a secret.
const SECRET_PART: usize = 8;

/// Sends requests. A copy of it is as good as itself.
#[derive(Debug, Clone)]
pub struct Client {
    /// Reaches the public internet alone, over TLS alone.
    guarded: Agent,
    /// Reaches everything.
    open: Agent,
}

/// Where a request may go, and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Whether addresses of this machine and of private networks are allowed, and `http://`.
    pub allow_private: bool,
    /// How long the target may take until it begins to answer; the whole may take twice as long.
    pub timeout: Duration,
}

impl Client {
    /// One that trusts the authorities this machine trusts.
    pub fn new() -> Self {
        // Each request has a connection of its own: one that lay idle may be dead, and the guard looks each time.
        // The proxy of the environment is not used: it would reach what the guard is to keep away.
        let trust = web::trust();
        let settings = || {
            web::agent(trust.clone())
                .timeout_connect(Some(CONNECT))
                .max_redirects(0)
                .max_redirects_will_error(false)
                .max_idle_connections(0)
                .proxy(None)
        };
        let guarded = settings().https_only(true).build();
        Self {
            guarded: Agent::with_parts(guarded, DefaultConnector::default(), Guard::default()),
            open: settings().build().into(),
        }
    }

    /// Sends a request and takes the answer. Blocks. The error says why there is none, in half a sentence that
    /// holds neither the address nor a secret; it may pass.
    pub fn send(&self, request: &Request, reach: Reach) -> Result<Reply, String> {
        let agent = if reach.allow_private { &self.open } else { &self.guarded };
        let mut asked = http::Request::builder().method(method(request.method)).uri(request.url.expose());
        for (name, value) in &request.headers {
            asked = asked.header(name, value.expose());
        }
        let asked =
            asked.body(request.body.as_slice()).map_err(|_| "the request cannot be written".to_owned())?;
        let asked = agent
            .configure_request(asked)
            .timeout_recv_response(Some(reach.timeout))
            .timeout_global(Some(reach.timeout.saturating_mul(WHOLE)))
            .build();
        let mut answer = agent.run(asked).map_err(|error| web::plain(&error))?;
        let (body, complete) = read(answer.body_mut());
        let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
        Ok(Reply {
            status: answer.status().as_u16(),
            retry_after: retry_after.and_then(|value| wait(value, Timestamp::now())),
            body: shown(&body, request),
            complete,
        })
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

fn method(method: Method) -> http::Method {
    match method {
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Patch => http::Method::PATCH,
        Method::Get => http::Method::GET,
    }
}

/// The beginning of a body, and whether it was neither cut nor slower than it may be.
fn read(body: &mut Body) -> (Vec<u8>, bool) {
    let mut octets = Vec::new();
    let complete = body.as_reader().take(MOST_BODY).read_to_end(&mut octets).is_ok();
    (octets, complete)
}

/// `Retry-After`: seconds, or the moment itself.
fn wait(value: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = rfc2822::parse(value.trim()).ok()?.timestamp();
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

/// What may be shown of a body: printable letters, and nothing that the request keeps secret.
fn shown(body: &[u8], request: &Request) -> String {
    let text: String =
        String::from_utf8_lossy(body).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    secrets(request).iter().fold(text, |text, secret| text.replace(secret, "***"))
}

/// What is secret of a request, the longest first: the parts of its address behind the host, what its headers hold,
/// and what its body is said to hold.
fn secrets(request: &Request) -> Vec<&str> {
    let url = request.url.expose();
    let behind = url.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
    let parts = behind.into_iter().flat_map(|path| path.split(['/', '?', '&', '=', '#']).chain([path]));
    let headers = request
        .headers
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("content-type"))
        .flat_map(|(_, value)| value.expose().split(' ').chain([value.expose()]));
    let hidden = request.hidden.iter().map(|secret| secret.expose());
    let mut found: Vec<_> =
        parts.chain(headers).filter(|part| part.len() >= SECRET_PART).chain(hidden).collect();
    found.retain(|part| !part.is_empty());
    found.sort_by_key(|part| std::cmp::Reverse(part.len()));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::exchange::Secret;

    #[test]
    fn the_target_says_how_long_to_wait_in_seconds_or_by_the_clock() {
        let now: Timestamp = "2026-11-21T19:00:00Z".parse().unwrap();
        assert_eq!(wait("30", now), Some(Duration::from_secs(30)));
        assert_eq!(wait("Sat, 21 Nov 2026 19:00:45 GMT", now), Some(Duration::from_secs(45)));
        assert_eq!(wait("Sat, 21 Nov 2026 18:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(wait("soon", now), None);
    }

    #[test]
    fn an_answer_that_repeats_our_secrets_is_shown_without_them() {
        let url = Secret::new("https://hooks.example/services/T0AAAAAA1/abcdefghij?token=verysecret");
        let request = Request::json(url, &serde_json::json!({}))
            .header("Authorization", Secret::new("GenieKey 0123456789"))
            .hiding(&Secret::new("inside"));
        let said = "no /services/T0AAAAAA1/abcdefghij?token=verysecret, abcdefghij, verysecret, 0123456789, inside\x1b[31m";
        let shown = shown(said.as_bytes(), &request);
        assert_eq!(shown, "no ***, ***, ***, ***, *** [31m");
    }
}
