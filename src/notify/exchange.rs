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

impl Method {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Get => "GET",
        }
    }
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
    /// Secrets in the body, so that an answer that repeats them is not shown as it is.
    pub hidden: Vec<Secret>,
}

impl Request {
    /// A POST of a JSON document.
    pub fn json(url: Secret, body: &serde_json::Value) -> Self {
        let headers = vec![("Content-Type".to_owned(), Secret::new("application/json"))];
        Self { method: Method::Post, url, headers, body: body.to_string().into_bytes(), hidden: Vec::new() }
    }

    /// The same with one header more.
    #[must_use]
    pub fn header(mut self, name: &str, value: Secret) -> Self {
        self.headers.push((name.to_owned(), value));
        self
    }

    /// The same, whose body holds this secret.
    #[must_use]
    pub fn hiding(mut self, secret: &Secret) -> Self {
        self.hidden.push(secret.clone());
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
    /// The first 4 KiB of the body: printable, and without the secrets of the request.
    pub body: String,
    /// Whether the answer came whole, as far as it is read.
    pub complete: bool,
}

impl Reply {
    /// What was answered, in a few words.
    pub fn words(&self) -> String {
        match self.body.split_whitespace().collect::<Vec<_>>().join(" ") {
            said if said.is_empty() => self.status.to_string(),
            said => format!("{}: {}", self.status, said.chars().take(200).collect::<String>()),
        }
    }
}

/// What came of telling a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has been told.
    Delivered,
    /// It has no use for this, and was sent nothing.
    Needless,
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
    /// Later, with no time of the target's own.
    pub fn later(why: impl Into<String>) -> Self {
        Self::Later { why: why.into(), after: None }
    }

    /// By the status alone, as most targets mean it: 2xx is delivered; 408, 425, 429 and 5xx pass; all else
    /// stays, and the settings are at fault.
    pub fn by_status(reply: &Reply) -> Self {
        let why = format!("the target answered {}", reply.words());
        match reply.status {
            200..=299 => Self::Delivered,
            300..=399 => Self::Refused { why: format!("{why} (no redirect is followed)") },
            408 | 425 | 429 | 500..=599 => Self::Later { why, after: reply.retry_after },
            _ => Self::Refused { why },
        }
    }
}
