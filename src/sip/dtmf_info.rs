//! Digits in INFO: `application/dtmf-relay` and `application/dtmf`, the two forms that equipment sends
//! outside any info package (RFC 6086 1 calls this the legacy usage).

use super::scan;

/// The media types whose bodies are digits.
pub const MEDIA_TYPES: [&str; 2] = ["application/dtmf-relay", "application/dtmf"];

/// A key and, where it was said, for how long it was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digit {
    /// `0` to `9`, `*`, `#`, `A` to `D`.
    pub key: char,
    /// In ms.
    pub duration_ms: Option<u16>,
}

/// Reads the body of an INFO; `None` when the media type is another or the body names no key.
#[must_use]
pub fn read(media_type: &str, body: &[u8]) -> Option<Digit> {
    match media_type {
        "application/dtmf-relay" => relay(body),
        "application/dtmf" => Some(Digit { key: key(scan::trim(first_line(body)))?, duration_ms: None }),
        _ => None,
    }
}

/// `Signal=5` and `Duration=160` on lines of their own, with white space anywhere.
fn relay(body: &[u8]) -> Option<Digit> {
    let mut signal = None;
    let mut duration_ms = None;
    for line in body.split(|octet| matches!(octet, b'\r' | b'\n')) {
        let Some((name, value)) = scan::split_once(line, b'=') else { continue };
        let (name, value) = (scan::trim(name), scan::trim(value));
        if name.eq_ignore_ascii_case(b"Signal") {
            signal = key(value);
        } else if name.eq_ignore_ascii_case(b"Duration") {
            duration_ms = scan::number(value).and_then(|ms| u16::try_from(ms).ok());
        }
    }
    signal.map(|key| Digit { key, duration_ms })
}

fn first_line(body: &[u8]) -> &[u8] {
    body.split(|octet| matches!(octet, b'\r' | b'\n')).next().unwrap_or_default()
}

/// The key itself, or its event number of RFC 4733 3.2 (10 is `*`, 11 is `#`, 12 to 15 are `A` to `D`).
fn key(value: &[u8]) -> Option<char> {
    match value {
        [octet @ (b'0'..=b'9' | b'*' | b'#')] => Some(char::from(*octet)),
        [octet @ (b'A'..=b'D' | b'a'..=b'd')] => Some(char::from(octet.to_ascii_uppercase())),
        b"10" => Some('*'),
        b"11" => Some('#'),
        b"12" => Some('A'),
        b"13" => Some('B'),
        b"14" => Some('C'),
        b"15" => Some('D'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digit(key: char, duration_ms: Option<u16>) -> Option<Digit> {
        Some(Digit { key, duration_ms })
    }

    #[test]
    fn both_legacy_forms_name_their_key() {
        assert_eq!(read("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n"), digit('5', Some(160)));
        assert_eq!(read("application/dtmf-relay", b"signal = * \nduration = 99999"), digit('*', None));
        assert_eq!(read("application/dtmf", b" # \r\n"), digit('#', None));
        assert_eq!(read("application/dtmf", b"d"), digit('D', None));
        assert_eq!(read("application/dtmf-relay", b"Signal=11\r\nDuration=100"), digit('#', Some(100)));
    }

    #[test]
    fn what_names_no_key_is_none() {
        for body in [&b""[..], b"Signal=", b"Signal=16", b"Signal=x", b"Duration=160", b"\xff"] {
            assert_eq!(read("application/dtmf-relay", body), None);
        }
        assert_eq!(read("application/dtmf", b"55"), None);
        assert_eq!(read("text/plain", b"5"), None);
    }
}
