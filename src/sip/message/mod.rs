//! A SIP message as a value (RFC 3261 7): what came off the wire, or what goes onto it.
//!
//! Reading never loses what is needed to answer: a request that cannot be read in full is handed back
//! inside [`Malformed`] with every header field that could be read.

mod headers;
mod method;
mod parse;
mod write;

pub use headers::{HeaderError, HeaderName, Headers};
pub use method::Method;
pub use parse::{Fault, MAX_HEADERS, MAX_LINE, MAX_MESSAGE, Malformed};
pub(super) use parse::{body_length, cut_off};

use super::uri::Uri;

/// A request or a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// RFC 3261 7.1.
    Request(Request),
    /// RFC 3261 7.2.
    Response(Response),
}

/// A request (RFC 3261 7.1). The version is not kept: only `SIP/2.0` is ever read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method, as it came.
    pub method: Method,
    /// The Request-URI; what is no URI keeps its text ([`Uri::is_broken`]).
    pub uri: Uri,
    /// The header fields in their order.
    pub headers: Headers,
    /// The body, exactly as long as Content-Length says.
    pub body: Vec<u8>,
}

/// A response (RFC 3261 7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code, 100 to 699.
    pub status: u16,
    /// The reason phrase as it came; it need not be UTF-8.
    pub reason: Vec<u8>,
    /// The header fields in their order.
    pub headers: Headers,
    /// The body, exactly as long as Content-Length says.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without header fields and body.
    #[must_use]
    pub fn new(method: Method, uri: Uri) -> Self {
        Request { method, uri, headers: Headers::new(), body: Vec::new() }
    }

    /// The octets for the wire; see [`Message::to_bytes`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        write::request(self)
    }
}

impl Response {
    /// A response without header fields and body, with the standard reason phrase of `status`.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Response { status, reason: standard_reason(status).into(), headers: Headers::new(), body: Vec::new() }
    }

    /// The response to `request` with the header fields that RFC 3261 8.2.6.2 has copied: every Via in
    /// its order, From, To, Call-ID and CSeq. The To tag is the caller's to add ([`Headers::set_to_tag`]).
    #[must_use]
    pub fn to(request: &Request, status: u16) -> Self {
        let mut response = Response::new(status);
        for name in [HeaderName::Via, HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq]
        {
            for value in request.headers.get_all(&name) {
                response.headers.push(name.clone(), value);
            }
        }
        response
    }

    /// The octets for the wire; see [`Message::to_bytes`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        write::response(self)
    }
}

impl Message {
    /// Reads one datagram (RFC 3261 7, 18.3): octets beyond Content-Length are dropped, a body shorter
    /// than Content-Length is a fault.
    ///
    /// # Errors
    /// [`Malformed`], with as much of a request as could be read.
    pub fn parse_datagram(datagram: &[u8]) -> Result<Message, Malformed> {
        parse::datagram(datagram)
    }

    /// The octets for the wire. Content-Length is always written, from the body. A CR, LF or NUL in any
    /// part of the head is written as a space: no value can begin a line of its own.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Message::Request(request) => request.to_bytes(),
            Message::Response(response) => response.to_bytes(),
        }
    }

    /// The header fields.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        match self {
            Message::Request(request) => &request.headers,
            Message::Response(response) => &response.headers,
        }
    }
}

/// The reason phrase of RFC 3261 21 (and of later RFCs where named) for `status`.
#[must_use]
pub fn standard_reason(status: u16) -> &'static str {
    REASONS
        .iter()
        .find(|(code, _)| *code == status)
        .map_or_else(|| class_reason(status), |(_, phrase)| phrase)
}

/// RFC 3261 8.1.3.2: an unknown code means what the x00 code of its class means.
fn class_reason(status: u16) -> &'static str {
    match status / 100 {
        1 => "Progress",
        2 => "OK",
        3 => "Redirection",
        4 => "Bad Request",
        5 => "Server Internal Error",
        _ => "Global Failure",
    }
}

const REASONS: [(u16, &str); 51] = [
    (100, "Trying"),
    (180, "Ringing"),
    (181, "Call Is Being Forwarded"),
    (182, "Queued"),
    (183, "Session Progress"),
    (200, "OK"),
    (202, "Accepted"),
    (300, "Multiple Choices"),
    (301, "Moved Permanently"),
    (302, "Moved Temporarily"),
    (305, "Use Proxy"),
    (380, "Alternative Service"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (407, "Proxy Authentication Required"),
    (408, "Request Timeout"),
    (410, "Gone"),
    (413, "Request Entity Too Large"),
    (414, "Request-URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Unsupported URI Scheme"),
    (420, "Bad Extension"),
    (421, "Extension Required"),
    (422, "Session Interval Too Small"),
    (423, "Interval Too Brief"),
    (469, "Bad Info Package"),
    (480, "Temporarily Unavailable"),
    (481, "Call/Transaction Does Not Exist"),
    (482, "Loop Detected"),
    (483, "Too Many Hops"),
    (484, "Address Incomplete"),
    (485, "Ambiguous"),
    (486, "Busy Here"),
    (487, "Request Terminated"),
    (488, "Not Acceptable Here"),
    (491, "Request Pending"),
    (493, "Undecipherable"),
    (500, "Server Internal Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway"),
    (503, "Service Unavailable"),
    (504, "Server Time-out"),
    (505, "Version Not Supported"),
    (513, "Message Too Large"),
    (600, "Busy Everywhere"),
    (603, "Decline"),
    (606, "Not Acceptable"),
];
