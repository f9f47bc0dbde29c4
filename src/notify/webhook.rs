//! A webhook: the notice as JSON, or what the operator's template makes of it, signed.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde::Serialize;
use sha2::Sha256;
use ureq::http::{HeaderName, HeaderValue};

use super::compile::{Levels, Reading};
use super::credentials::Credentials;
use super::exchange::{Method, Request, Secret};
use super::template::{Form, Template};
use super::{Facts, HeaderSetting, TargetSettings, sample};
use crate::incident::Notice;
use crate::problem::Problem;

/// What the body is, where no header says so.
const JSON: &str = "application/json";
/// Headers that are not the operator's to write.
const OURS: [&str; 8] = [
    "connection",
    "content-length",
    "host",
    "idempotency-key",
    "nightbell-signature",
    "nightbell-timestamp",
    "te",
    "transfer-encoding",
];

/// A webhook.
#[derive(Debug, Clone)]
pub struct Webhook {
    url: Secret,
    method: Method,
    content_type: String,
    headers: Vec<(String, Secret)>,
    credentials: Credentials,
    body: Option<Template>,
    secret: Option<Secret>,
    levels: Levels,
}

/// What a template may put in.
#[derive(Debug, Serialize)]
struct Context<'a> {
    notice: &'a Notice,
    severity: &'a str,
}

impl Webhook {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(settings: &TargetSettings, facts: &Facts, reading: &mut Reading<'_>) -> Option<Self> {
        let url = reading.url(settings, None);
        let method = reading.method(settings, &[Method::Post, Method::Put, Method::Patch]);
        let secret = reading.optional_secret(settings.secret_file.as_ref(), "the secret");
        let levels = reading.levels(settings, facts.scale.as_ref()?);
        let credentials = Credentials::compile(settings, reading);
        let (content_type, headers) = reading.headers(settings, &OURS)?;
        let content_type = content_type.unwrap_or_else(|| JSON.to_owned());
        let (levels, samples) = (levels?, sample::all());
        let contexts: Vec<_> =
            samples.iter().map(|notice| Context { notice, severity: levels.of(notice.severity) }).collect();
        let body = match &settings.body {
            None => None,
            Some(written) => {
                Some(Template::compile(written, Form::of(&content_type), &contexts, reading.problems)?)
            }
        };
        Some(Self {
            url: url?,
            method: method?,
            content_type,
            headers,
            credentials: credentials?,
            body,
            secret: secret?,
            levels,
        })
    }

    /// What is sent now. The error says why nothing can be.
    pub fn request(&self, notice: &Notice) -> Result<Request, String> {
        self.request_at(notice, Timestamp::now())
    }

    fn request_at(&self, notice: &Notice, now: Timestamp) -> Result<Request, String> {
        let body = match &self.body {
            None => serde_json::to_string(notice).map_err(|error| error.to_string())?,
            Some(template) => {
                template.render(&Context { notice, severity: self.levels.of(notice.severity) })?
            }
        };
        let mut request = Request {
            method: self.method,
            url: self.url.clone(),
            headers: vec![("Content-Type".to_owned(), Secret::new(self.content_type.clone()))],
            body: body.into_bytes(),
            hidden: Vec::new(),
        };
        request.headers.extend(self.headers.iter().cloned());
        let request =
            self.credentials.show(request).header("Idempotency-Key", Secret::new(notice.id.clone()));
        Ok(match &self.secret {
            Some(secret) => signed(request, secret, now),
            None => request,
        })
    }
}

/// The request with the moment at which it is sent, and HMAC-SHA256 over that moment, a full stop and the body.
fn signed(request: Request, secret: &Secret, now: Timestamp) -> Request {
    let timestamp = now.as_second().to_string();
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else { return request };
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(&request.body);
    let mut signature = "v1=".to_owned();
    for octet in mac.finalize().into_bytes() {
        let _ = write!(signature, "{octet:02x}");
    }
    request
        .header("Nightbell-Timestamp", Secret::new(timestamp))
        .header("Nightbell-Signature", Secret::new(signature))
}

impl Reading<'_> {
    /// The method of the request: the first of those there are, where none is written.
    pub(super) fn method(&mut self, settings: &TargetSettings, known: &[Method]) -> Option<Method> {
        let Some(written) = &settings.method else { return known.first().copied() };
        let named = known.iter().find(|method| method.as_str().eq_ignore_ascii_case(written.get_ref()));
        if named.is_none() {
            let message = format!("`{}` is no method here", written.get_ref());
            let known: Vec<_> = known.iter().map(|method| method.as_str()).collect();
            let help = format!("known are {}", known.join(", "));
            self.problems.push(Problem::error(written.span(), message).help(help));
        }
        named.copied()
    }

    /// `Content-Type`, where it is written, and all other headers. `ours` are those that nobody may write, in small
    /// letters.
    #[allow(clippy::type_complexity, reason = "a pair, taken apart where it is asked for")]
    pub(super) fn headers(
        &mut self,
        settings: &TargetSettings,
        ours: &[&str],
    ) -> Option<(Option<String>, Vec<(String, Secret)>)> {
        let (mut content_type, mut headers) = (None, Vec::new());
        let Some(written) = &settings.headers else { return Some((content_type, headers)) };
        let mut sound = true;
        for (name, value) in written.get_ref() {
            match self.header(name, value, ours) {
                Ok(value) if name.eq_ignore_ascii_case("content-type") => {
                    content_type = Some(value.expose().to_owned());
                }
                Ok(value) => headers.push((name.clone(), value)),
                Err(message) => {
                    let help = "write { Name = \"value\" }, or { Name = { file = \"PATH\" } } for a secret";
                    self.problems.push(Problem::error(written.span(), message).help(help));
                    sound = false;
                }
            }
        }
        sound.then_some((content_type, headers))
    }

    fn header(&self, name: &str, value: &HeaderSetting, ours: &[&str]) -> Result<Secret, String> {
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(format!("`{name}` is no name of a header"));
        }
        if ours.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(format!("the header {name} is written by us"));
        }
        let value = match value {
            HeaderSetting::Plain(value) => Secret::new(value.trim()),
            HeaderSetting::File(from) => {
                let text = (self.secret)(&self.folder.join(&from.file));
                Secret::new(text.map_err(|why| format!("the value of the header {name} {why}"))?.trim())
            }
        };
        match HeaderValue::from_str(value.expose()) {
            Ok(_) => Ok(value),
            Err(_) => Err(format!("the value of the header {name} has a letter that headers have not")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_over_the_moment_and_the_body() {
        // echo -n '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 'secret'
        let request = Request::json(Secret::new("https://h.example"), &serde_json::json!({ "a": 1 }));
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let request = signed(request, &Secret::new("secret"), now);
        let value = |name: &str| {
            request
                .headers
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.expose().to_owned())
        };
        assert_eq!(value("Nightbell-Timestamp").as_deref(), Some("1700000000"));
        assert_eq!(
            value("Nightbell-Signature").as_deref(),
            Some("v1=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686")
        );
    }
}
