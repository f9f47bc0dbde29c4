//! Octets to messages (RFC 3261 7, 18.3), in one pass over the datagram.

use super::{HeaderName, Headers, Message, Method, Request, Response};
use crate::sip::scan;
use crate::sip::uri::Uri;

/// Octets in a message: what a UDP datagram can hold.
pub const MAX_MESSAGE: usize = 65_535;
/// Octets in a line of the head, after unfolding.
pub const MAX_LINE: usize = 8_192;
/// Header fields in a message.
pub const MAX_HEADERS: usize = 200;

/// A datagram that is no message as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong with it.
    pub fault: Fault,
    /// The request as far as it could be read, when it was one: enough for an answer where its Via, From,
    /// To, Call-ID and CSeq are there. Its body is empty.
    pub request: Option<Box<Request>>,
}

/// What is wrong with a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing but line ends: a keep-alive (RFC 5626 4.4.1).
    #[error("nothing but line ends")]
    Empty,
    /// More than [`MAX_MESSAGE`] octets.
    #[error("message too large")]
    TooLarge,
    /// A line of more than [`MAX_LINE`] octets.
    #[error("line too long")]
    LineTooLong,
    /// More than [`MAX_HEADERS`] header fields.
    #[error("too many header fields")]
    TooManyHeaders,
    /// The first line is neither a request line nor a status line.
    #[error("bad start line")]
    StartLine,
    /// A version other than `SIP/2.0`.
    #[error("version not supported")]
    Version,
    /// A header field without a name, or a NUL or lone CR in a value.
    #[error("bad header field")]
    HeaderField,
    /// Content-Length is no number, contradicts itself, or is longer than the body.
    #[error("bad Content-Length")]
    ContentLength,
}

impl Fault {
    /// The status that answers a request with this fault.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Fault::Version => 505,
            Fault::TooLarge => 513,
            _ => 400,
        }
    }
}

enum Start {
    Request(Method, Uri),
    Response(u16, Vec<u8>),
}

pub(super) fn datagram(datagram: &[u8]) -> Result<Message, Malformed> {
    let alone = |fault| Malformed { fault, request: None };
    let text = skip_line_ends(datagram);
    if text.is_empty() {
        return Err(alone(Fault::Empty));
    }
    let mut lines = Lines { rest: text, ended: false };
    let (start, start_fault) = start_line(lines.next_line().unwrap_or_default()).map_err(alone)?;
    let (headers, header_fault) = header_fields(&mut lines);
    let size_fault = (datagram.len() > MAX_MESSAGE).then_some(Fault::TooLarge);
    let body = match size_fault.or(start_fault).or(header_fault) {
        Some(fault) => Err(fault),
        None => body(&headers, lines.rest),
    };
    assemble(start, headers, body)
}

fn assemble(start: Start, headers: Headers, body: Result<Vec<u8>, Fault>) -> Result<Message, Malformed> {
    match (start, body) {
        (Start::Request(method, uri), Ok(body)) => {
            Ok(Message::Request(Request { method, uri, headers, body }))
        }
        (Start::Response(status, reason), Ok(body)) => {
            Ok(Message::Response(Response { status, reason, headers, body }))
        }
        (Start::Request(method, uri), Err(fault)) => {
            let request = Request { method, uri, headers, body: Vec::new() };
            Err(Malformed { fault, request: Some(Box::new(request)) })
        }
        (Start::Response(..), Err(fault)) => Err(Malformed { fault, request: None }),
    }
}

/// RFC 3261 7.5: line ends before the start line are ignored.
fn skip_line_ends(mut octets: &[u8]) -> &[u8] {
    while let [b'\r' | b'\n', rest @ ..] = octets {
        octets = rest;
    }
    octets
}

/// Physical lines, ended by CRLF or, leniently, by LF alone.
struct Lines<'a> {
    rest: &'a [u8],
    /// The line before `rest` had its end.
    ended: bool,
}

impl<'a> Lines<'a> {
    /// The next line without its end; `None` behind the last octet.
    fn next_line(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let split = scan::split_once(self.rest, b'\n');
        self.ended = split.is_some();
        let (line, rest) = split.unwrap_or((self.rest, &[]));
        self.rest = rest;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// The next line is the continuation of the one before (RFC 3261 7.3.1).
    fn continues(&self) -> bool {
        self.rest.first().copied().is_some_and(scan::is_space)
    }
}

/// The start line; a request line with a fault still yields method and text.
fn start_line(line: &[u8]) -> Result<(Start, Option<Fault>), Fault> {
    let fault = (line.len() > MAX_LINE).then_some(Fault::LineTooLong);
    let line = line.get(..MAX_LINE).unwrap_or(line);
    if line.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/")) {
        return status_line(line).map(|start| (start, fault));
    }
    let (start, line_fault) = request_line(line)?;
    Ok((start, fault.or(line_fault)))
}

/// `SIP/2.0 SP 3DIGIT SP reason` (RFC 3261 7.2); the reason may be empty, and its space missing.
fn status_line(line: &[u8]) -> Result<Start, Fault> {
    let (version, rest) = scan::split_once(line, b' ').ok_or(Fault::StartLine)?;
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Err(Fault::Version);
    }
    let (code, reason) = scan::split_once(rest, b' ').unwrap_or((rest, &[]));
    let status = scan::number(code).and_then(|code| u16::try_from(code).ok()).ok_or(Fault::StartLine)?;
    if code.len() != 3 || !(100..700).contains(&status) || has_forbidden(reason) {
        return Err(Fault::StartLine);
    }
    Ok(Start::Response(status, reason.to_vec()))
}

/// `Method SP Request-URI SP SIP/2.0` (RFC 3261 7.1). White space behind the version is let through (RFC 4475
/// 3.1.2.10 `trws`).
fn request_line(line: &[u8]) -> Result<(Start, Option<Fault>), Fault> {
    let line = scan::trim_end(line);
    let (method, rest) = scan::split_once(line, b' ').ok_or(Fault::StartLine)?;
    let method = Method::parse(method).ok_or(Fault::StartLine)?;
    let at = rest.iter().rposition(|octet| *octet == b' ').unwrap_or(rest.len());
    let uri = rest.get(..at).unwrap_or_default();
    let version = scan::trim(rest.get(at..).unwrap_or_default());
    let fault = if uri.is_empty() || uri.iter().any(|octet| octet.is_ascii_whitespace()) || has_forbidden(uri)
    {
        Some(Fault::StartLine)
    } else {
        version_fault(version)
    };
    Ok((Start::Request(method, Uri::parse(uri)), fault))
}

fn version_fault(version: &[u8]) -> Option<Fault> {
    if version.eq_ignore_ascii_case(b"SIP/2.0") {
        return None;
    }
    let is_sip = version.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"));
    Some(if is_sip { Fault::Version } else { Fault::StartLine })
}

/// Reads up to the empty line; goes on behind the first fault so that the message can be answered.
fn header_fields(lines: &mut Lines<'_>) -> (Headers, Option<Fault>) {
    let mut headers = Headers::new();
    let mut fault = None;
    let mut count = 0_usize;
    while let Some(line) = lines.next_line() {
        if line.is_empty() {
            return (headers, fault);
        }
        count = count.saturating_add(1);
        if count > MAX_HEADERS {
            return (headers, fault.or(Some(Fault::TooManyHeaders)));
        }
        match unfolded(line, lines).and_then(|line| header_field(&line)) {
            Ok((name, value)) => headers.push(name, value),
            Err(problem) => fault = fault.or(Some(problem)),
        }
    }
    // The empty line is missing. That is let through where the last line is whole and no body is announced
    // (RFC 4475 `baddn` comes so); a datagram that was cut short is not.
    (headers, fault.or((!lines.ended).then_some(Fault::HeaderField)))
}

/// The line with its continuations, each begun by one space (RFC 3261 7.3.1). All of them are taken even
/// when they are too long together.
fn unfolded(line: &[u8], lines: &mut Lines<'_>) -> Result<Vec<u8>, Fault> {
    let mut whole = line.to_vec();
    while lines.continues() {
        let more = scan::trim(lines.next_line().unwrap_or_default());
        if whole.len() <= MAX_LINE {
            whole.push(b' ');
            whole.extend_from_slice(more);
        }
    }
    if whole.len() > MAX_LINE { Err(Fault::LineTooLong) } else { Ok(whole) }
}

fn header_field(line: &[u8]) -> Result<(HeaderName, Vec<u8>), Fault> {
    let (name, value) = scan::split_once(line, b':').ok_or(Fault::HeaderField)?;
    let name = HeaderName::parse(scan::trim_end(name)).ok_or(Fault::HeaderField)?;
    if has_forbidden(value) {
        return Err(Fault::HeaderField);
    }
    Ok((name, scan::trim(value).to_vec()))
}

/// What no part of a head may hold: a line end that is none, and a NUL that is not escaped.
fn has_forbidden(octets: &[u8]) -> bool {
    let before = std::iter::once(0).chain(octets.iter().copied());
    octets.iter().zip(before).any(|(octet, before)| scan::is_forbidden(before, *octet))
}

/// The body by Content-Length; without one, all that is left of the datagram (RFC 3261 18.3).
fn body(headers: &Headers, rest: &[u8]) -> Result<Vec<u8>, Fault> {
    let length = content_length(headers)?.unwrap_or(rest.len());
    Ok(rest.get(..length).ok_or(Fault::ContentLength)?.to_vec())
}

/// What Content-Length says; all that are there have to say the same.
fn content_length(headers: &Headers) -> Result<Option<usize>, Fault> {
    let mut length = None;
    for value in headers.get_all(&HeaderName::ContentLength) {
        let value = scan::number(value).and_then(|value| usize::try_from(value).ok());
        let value = value.ok_or(Fault::ContentLength)?;
        if length.is_some_and(|length| length != value) {
            return Err(Fault::ContentLength);
        }
        length = Some(value);
    }
    Ok(length)
}

/// The length of the body behind a head, its empty line included, that came in a stream: there nothing
/// but Content-Length tells it (RFC 3261 18.3).
pub(in crate::sip) fn body_length(head: &[u8]) -> Result<usize, Malformed> {
    let mut lines = Lines { rest: head, ended: false };
    lines.next_line();
    let (headers, _) = header_fields(&mut lines);
    let length = content_length(&headers).and_then(|length| length.ok_or(Fault::ContentLength));
    length.map_err(|fault| cut_off(head, fault))
}

/// What is left of a message that is not read to its end.
pub(in crate::sip) fn cut_off(octets: &[u8], fault: Fault) -> Malformed {
    let mut lines = Lines { rest: octets, ended: false };
    let request = match start_line(lines.next_line().unwrap_or_default()) {
        Ok((Start::Request(method, uri), _)) => {
            let (headers, _) = header_fields(&mut lines);
            Some(Box::new(Request { method, uri, headers, body: Vec::new() }))
        }
        Ok((Start::Response(..), _)) | Err(_) => None,
    };
    Malformed { fault, request }
}
