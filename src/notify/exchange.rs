//! What is sent over HTTP, what comes back, and what that means: values, so that every target can be tested
//! without a network.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

/// A secret of a target, or an address that holds one: never shown, wiped when it is let go of.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself, for the wire alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// GET: some gateways of text messages know nothing else.
    Get,
}

/// One request to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to; it may hold a secret.
    pub url: Secret,
    /// Headers beside those of HTTP itself, `Content-Type` included; their values may be secrets.
    pub headers: Vec<(String, Secret)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A POST of a JSON document.
    pub fn json(url: Secret, body: &serde_json::Value) -> Self {
        let headers = vec![("Content-Type".to_owned(), Secret::new("application/json"))];
        Self { method: Method::Post, url, headers, body: body.to_string().into_bytes() }
    }

    /// The same with one header more.
    #[must_use]
    pub fn header(mut self, name: &str, value: Secret) -> Self {
        self.headers.push((name.to_owned(), value));
        self
    }
}

/// What a target answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status of HTTP.
    pub status: u16,
    /// `Retry-After`, where it was sent.
    pub retry_after: Option<Duration>,
    /// The first 4 KiB of the body.
    pub body: String,
}

/// What came of telling a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has been told.
    Delivered,
    /// Not now: it is tried again, after this time at the earliest.
    Later {
        /// Why, in half a sentence that holds no secret.
        why: String,
        /// What the target asked for.
        after: Option<Duration>,
    },
    /// It will never be taken as it is: the operator has to look.
    Refused {
        /// Why, in half a sentence that holds no secret.
        why: String,
    },
}

impl Verdict {
    /// By the status alone, as most targets mean it: 2xx is delivered; 408, 425, 429 and 5xx pass; all else
    /// stays, and the settings are at fault.
    pub fn by_status(reply: &Reply) -> Self {
        let why = match reply.body.split_whitespace().collect::<Vec<_>>().join(" ") {
            said if said.is_empty() => format!("the target answered {}", reply.status),
            said => format!(
                "the target answered {}: {}",
                reply.status,
                said.chars().take(200).collect::<String>()
            ),
        };
        match reply.status {
            200..=299 => Self::Delivered,
            408 | 425 | 429 | 500..=599 => Self::Later { why, after: reply.retry_after },
            _ => Self::Refused { why },
        }
    }
}
