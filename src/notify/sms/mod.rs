//! Text messages to phones, by any gateway that takes them over HTTP: the operator writes what it is sent.

mod text;

use serde::Serialize;
use toml::Spanned;

use super::compile::Reading;
use super::credentials::Credentials;
use super::exchange::{Method, Request, Secret, Verdict};
use super::http::{Client, Reach};
use super::template::{Form, Template};
use super::told::Told;
use super::{TargetSettings, prose, sample};
use crate::incident::{Event, Notice};
use crate::problem::Problem;

/// What the body is, where no header says so.
const FORM: &str = "application/x-www-form-urlencoded";
/// Headers that are not the operator's to write.
const OURS: [&str; 6] =
    ["connection", "content-length", "host", "idempotency-key", "te", "transfer-encoding"];
/// The most parts a message may have.
const MOST_SEGMENTS: u8 = 4;
/// Whom the template is tried for.
const SOMEBODY: &str = "+4915112345678";

/// A gateway.
#[derive(Debug, Clone)]
pub struct TextMessages {
    url: Secret,
    method: Method,
    content_type: String,
    headers: Vec<(String, Secret)>,
    credentials: Credentials,
    body: Template,
    secret: Option<Secret>,
    to: Vec<String>,
    segments: u8,
    told: Told,
}

/// What a template may put in.
#[derive(Debug, Serialize)]
struct Context<'a> {
    to: &'a str,
    text: &'a str,
    id: &'a str,
    secret: &'a str,
}

impl TextMessages {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(settings: &TargetSettings, reading: &mut Reading<'_>) -> Option<Self> {
        let url = reading.url(settings, None);
        let method = reading.method(settings, &[Method::Post, Method::Get, Method::Put]);
        let credentials = Credentials::compile(settings, reading);
        let secret = reading.optional_secret(settings.secret_file.as_ref(), "the secret");
        let segments = segments(settings.segments.as_ref(), reading);
        let to: Vec<_> =
            settings.to.iter().flat_map(Spanned::get_ref).map(|to| numbered(to, reading)).collect();
        let (content_type, headers) = reading.headers(settings, &OURS)?;
        let content_type = content_type.unwrap_or_else(|| FORM.to_owned());
        let secret = secret?;
        let shown = secret.as_ref().map_or("", Secret::expose);
        let texts: Vec<_> = sample::all().iter().map(|notice| text::message(notice, MOST_SEGMENTS)).collect();
        let samples: Vec<_> =
            texts.iter().map(|text| Context { to: SOMEBODY, text, id: "id", secret: shown }).collect();
        let written = settings.body.as_ref()?;
        let body = Template::compile(written, Form::of(&content_type), &samples, reading.problems);
        Some(Self {
            url: url?,
            method: method?,
            content_type,
            headers,
            credentials: credentials?,
            body: body?,
            secret,
            to: to.into_iter().collect::<Option<_>>()?,
            segments: segments?,
            told: Told::default(),
        })
    }

    /// Whether `to` is not written.
    pub fn has_no_number(&self) -> bool {
        self.to.is_empty()
    }

    /// Sends it to whoever has not got it yet: each number is a request of its own. Blocks.
    pub fn deliver(&self, notice: &Notice, client: &Client, reach: Reach) -> Verdict {
        // What is only added wakes nobody, and each message costs.
        if notice.event == Event::Update {
            return Verdict::Needless;
        }
        let numbers = match self.recipients(notice) {
            Ok(numbers) => numbers,
            Err(why) => return Verdict::Refused { why },
        };
        let text = text::message(notice, self.segments);
        let (mut later, mut refused, mut taken) = (None, None, false);
        for number in &numbers {
            if self.told.has(&notice.id, number) {
                taken = true;
                continue;
            }
            match self.send(notice, number, &text, client, reach) {
                Verdict::Delivered | Verdict::Needless => {
                    self.told.note(&notice.id, number);
                    taken = true;
                }
                verdict @ Verdict::Later { .. } => later = later.or(Some(verdict)),
                verdict @ Verdict::Refused { .. } => refused = refused.or(Some(verdict)),
            }
        }
        if let Some(later) = later {
            return later;
        }
        self.told.forget(&notice.id);
        match refused {
            Some(Verdict::Refused { why }) if taken => {
                tracing::warn!(why, "text messages: refused for one of several");
                Verdict::Delivered
            }
            Some(refused) => refused,
            None => Verdict::Delivered,
        }
    }

    fn send(&self, notice: &Notice, number: &str, text: &str, client: &Client, reach: Reach) -> Verdict {
        let request = match self.request(notice, number, text) {
            Ok(request) => request,
            Err(why) => return Verdict::Refused { why },
        };
        match client.send(&request, reach) {
            Ok(reply) => Verdict::by_status(&reply),
            Err(why) => Verdict::later(why),
        }
    }

    fn request(&self, notice: &Notice, number: &str, text: &str) -> Result<Request, String> {
        let shown = self.secret.as_ref().map_or("", Secret::expose);
        let body = self.body.render(&Context { to: number, text, id: &notice.id, secret: shown })?;
        let mut request = Request {
            method: self.method,
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: Vec::new(),
            hidden: self.secret.iter().cloned().collect(),
        };
        if self.method == Method::Get {
            // A GET has no body: what is written goes behind the question mark.
            let sign = if self.url.expose().contains('?') { '&' } else { '?' };
            request.url = Secret::new(format!("{}{sign}{body}", self.url.expose()));
        } else {
            request.headers.push(("Content-Type".to_owned(), Secret::new(self.content_type.clone())));
            request.body = body.into_bytes();
        }
        let key = Secret::new(format!("{}-{number}", notice.id));
        Ok(self.credentials.show(request).header("Idempotency-Key", key))
    }

    /// The person the notice is for, or all that are named.
    fn recipients(&self, notice: &Notice) -> Result<Vec<String>, String> {
        let Some(to) = &notice.to else {
            return match self.to.is_empty() {
                true => Err("there is no number: `to` is not written".to_owned()),
                false => Ok(self.to.clone()),
            };
        };
        let name = prose::line(&to.party.name);
        let address = to.address.as_ref().ok_or_else(|| format!("{name} has no phone number"))?;
        let number = number(address).ok_or_else(|| format!("{address} of {name} takes no text messages"))?;
        Ok(vec![number])
    }
}

/// A number as gateways want it: `+` and digits.
fn number(text: &str) -> Option<String> {
    let digits: String =
        text.trim().strip_prefix('+')?.chars().filter(|letter| !" -./()".contains(*letter)).collect();
    let good = (7..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    (good && !digits.starts_with('0')).then(|| format!("+{digits}"))
}

fn numbered(written: &Spanned<String>, reading: &mut Reading<'_>) -> Option<String> {
    let found = number(written.get_ref());
    if found.is_none() {
        let message = format!("`{}` is no number", written.get_ref());
        let help = "write it with + and the country code, as in \"+4915112345678\"";
        reading.problems.push(Problem::error(written.span(), message).help(help));
    }
    found
}

fn segments(written: Option<&Spanned<u8>>, reading: &mut Reading<'_>) -> Option<u8> {
    let Some(written) = written else { return Some(1) };
    let found = Some(*written.get_ref()).filter(|segments| (1..=MOST_SEGMENTS).contains(segments));
    if found.is_none() {
        let message = format!("a message has 1 to {MOST_SEGMENTS} parts");
        let help = "a part has 160 letters, or 70 where one is not in the alphabet of GSM";
        reading.problems.push(Problem::error(written.span(), message).help(help));
    }
    found
}
