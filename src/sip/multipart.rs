//! The session description inside a body of several parts (RFC 2046 5.1, RFC 5621): carriers put one beside
//! an ISUP message or the location of the caller.

use crate::sip::message::{HeaderName, Headers};
use crate::sip::scan;
use crate::sip::sdp;

/// Parts that are looked at.
const MAX_PARTS: usize = 8;
/// Bodies of several parts inside one another.
const MAX_DEPTH: usize = 2;

/// Whether a media type is that of a body of several parts.
#[must_use]
pub fn is_multipart(media_type: &str) -> bool {
    media_type.starts_with("multipart/")
}

/// The session description in a body: the body itself, or a part of it.
#[must_use]
pub fn session<'a>(headers: &Headers, body: &'a [u8]) -> Option<&'a [u8]> {
    let written = headers.get(&HeaderName::ContentType)?;
    let kind = headers.content_type().ok()??;
    find(&kind, written, body, MAX_DEPTH)
}

fn find<'a>(kind: &str, written: &[u8], body: &'a [u8], depth: usize) -> Option<&'a [u8]> {
    if kind == sdp::MEDIA_TYPE {
        return (!body.is_empty()).then_some(body);
    }
    if !is_multipart(kind) || depth == 0 {
        return None;
    }
    let boundary = boundary(written)?;
    parts(body, &boundary).into_iter().find_map(|part| {
        let (head, content) = split_head(part);
        let written = content_type(head)?;
        let kind = scan::split_once(written, b';').map_or(written, |(bare, _)| bare);
        let kind = String::from_utf8_lossy(scan::trim(kind)).to_ascii_lowercase();
        find(&kind, written, content, depth - 1)
    })
}

/// The parameter `boundary` of a Content-Type, quoted or not.
fn boundary(written: &[u8]) -> Option<Vec<u8>> {
    let parameters = scan::split_list(written, b';').ok()?;
    let value = parameters.into_iter().skip(1).find_map(|parameter| {
        let (name, value) = scan::split_once(parameter, b'=')?;
        scan::trim(name).eq_ignore_ascii_case(b"boundary").then(|| scan::trim(value))
    })?;
    let bare = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
    (1..=70).contains(&bare.len()).then(|| bare.to_vec())
}

/// What stands between the delimiter lines, without the line end that belongs to the next delimiter.
fn parts<'a>(body: &'a [u8], boundary: &[u8]) -> Vec<&'a [u8]> {
    let mut found = Vec::new();
    let (mut begin, mut at) = (None, 0);
    for line in body.split_inclusive(|octet| *octet == b'\n') {
        let text = line.trim_ascii_end();
        let rest = text.strip_prefix(b"--").and_then(|rest| rest.strip_prefix(boundary));
        if let Some(rest) = rest.filter(|rest| rest.is_empty() || *rest == b"--") {
            if let Some(part) = begin.and_then(|begin| body.get(begin..at)) {
                found.push(part.strip_suffix(b"\r\n").or_else(|| part.strip_suffix(b"\n")).unwrap_or(part));
            }
            if rest == b"--" || found.len() >= MAX_PARTS {
                return found;
            }
            begin = Some(at + line.len());
        }
        at += line.len();
    }
    // The last delimiter is missing: what is there may be cut off.
    found
}

/// The header fields of a part, and what they are of.
fn split_head(part: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    for line in part.split_inclusive(|octet| *octet == b'\n') {
        let end = at + line.len();
        if line.trim_ascii().is_empty() {
            return (part.get(..at).unwrap_or_default(), part.get(end..).unwrap_or_default());
        }
        at = end;
    }
    (part, &[])
}

/// The Content-Type of a part, by its full or its compact name.
fn content_type(head: &[u8]) -> Option<&[u8]> {
    head.split(|octet| *octet == b'\n').find_map(|line| {
        let (name, value) = scan::split_once(line, b':')?;
        (HeaderName::parse(scan::trim(name)) == Some(HeaderName::ContentType)).then(|| value.trim_ascii())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: &str, body: &str) -> Option<String> {
        let mut headers = Headers::new();
        headers.push(HeaderName::ContentType, kind);
        session(&headers, body.as_bytes()).map(|sdp| String::from_utf8_lossy(sdp).into_owned())
    }

    const ISUP: &str = "--b1\r\nContent-Type: application/isup\r\n\r\n\u{1}\u{2}\r\n\
        --b1\r\nc: Application/SDP ; x=y\r\nContent-Disposition: session\r\n\r\nv=0\r\ns=-\r\n\r\n--b1--\r\n";

    #[test]
    fn the_sdp_beside_something_else_is_found() {
        assert_eq!(found("multipart/mixed;boundary=b1", ISUP).as_deref(), Some("v=0\r\ns=-\r\n"));
        assert_eq!(found("multipart/mixed; boundary=\"b1\"", ISUP).as_deref(), Some("v=0\r\ns=-\r\n"));
        assert_eq!(found("application/sdp", "v=0\r\n").as_deref(), Some("v=0\r\n"));
        let bare = ISUP.replace("\r\n", "\n");
        assert_eq!(found("multipart/mixed;boundary=b1", &bare).as_deref(), Some("v=0\ns=-\n"));
    }

    #[test]
    fn a_part_of_parts_is_looked_into_once_and_no_deeper() {
        let inside = |inner: &str, boundary: &str, outer: &str| {
            format!(
                "--{outer}\r\nContent-Type: multipart/mixed;boundary={boundary}\r\n\r\n{inner}\r\n--{outer}--\r\n"
            )
        };
        let two = inside(ISUP, "b1", "b2");
        assert!(found("multipart/mixed;boundary=b2", &two).is_some());
        let three = inside(&two, "b2", "b3");
        assert_eq!(found("multipart/mixed;boundary=b3", &three), None);
    }

    #[test]
    fn broken_bodies_and_those_without_sdp_have_none() {
        for (kind, body) in [
            ("multipart/mixed", ISUP),
            ("multipart/mixed;boundary=other", ISUP),
            ("multipart/mixed;boundary=b1", "--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"),
            ("multipart/mixed;boundary=b1", "--b1\r\n\r\nv=0\r\n--b1--\r\n"),
            ("multipart/mixed;boundary=b1", ""),
            ("text/plain", "v=0\r\n"),
            ("application/sdp", ""),
        ] {
            assert_eq!(found(kind, body), None, "{kind} {body}");
        }
    }

    #[test]
    fn of_many_parts_only_the_first_are_looked_at() {
        let filler = "--b1\r\nContent-Type: text/plain\r\n\r\nx\r\n";
        let with = |count: usize| filler.repeat(count) + ISUP.split_once("--b1").map_or("", |_| ISUP);
        assert!(found("multipart/mixed;boundary=b1", &with(MAX_PARTS - 2)).is_some());
        assert_eq!(found("multipart/mixed;boundary=b1", &with(MAX_PARTS)), None);
    }
}
