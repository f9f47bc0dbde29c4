//! Reason (RFC 3326) with SIP codes and Q.850 causes (RFC 6432), and what the one means in the other
//! (RFC 3398 7.2.4.1 and 8.2.6.1).

use crate::sip::message::{HeaderName, Headers};
use crate::sip::scan;

/// Whose numbers a cause is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Status codes of SIP.
    Sip,
    /// Cause values of the telephone network (ITU-T Q.850).
    Q850,
}

/// One value of a Reason header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Whose numbers.
    pub protocol: Protocol,
    /// The number.
    pub cause: u16,
    /// What it says in words, without control characters.
    pub text: Option<String>,
}

/// Reasons of more than this length say nothing that helps.
const MAX_TEXT: usize = 100;

impl Reason {
    /// Without words.
    #[must_use]
    pub fn new(protocol: Protocol, cause: u16) -> Self {
        Self { protocol, cause, text: None }
    }

    /// Reads one value; nothing for another protocol, or without a cause.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let parts = scan::split_list(value, b';').ok()?;
        let mut parts = parts.into_iter().map(scan::trim);
        let protocol = Protocol::parse(parts.next()?)?;
        let (mut cause, mut text) = (None, None);
        for part in parts {
            let Some((name, value)) = scan::split_once(part, b'=') else { continue };
            let (name, value) = (scan::trim(name), scan::trim(value));
            if name.eq_ignore_ascii_case(b"cause") {
                cause = scan::number(value).and_then(|cause| u16::try_from(cause).ok());
            } else if name.eq_ignore_ascii_case(b"text") {
                text = words(value);
            }
        }
        Some(Self { protocol, cause: cause?, text })
    }

    /// The reason that says most: Q.850 before SIP, for the telephone network knows why.
    #[must_use]
    pub fn of(headers: &Headers) -> Option<Self> {
        let elements = headers.elements(&HeaderName::Reason).unwrap_or_default();
        let mut known: Vec<_> = elements.into_iter().filter_map(Self::parse).collect();
        let at = known.iter().position(|reason| reason.protocol == Protocol::Q850).unwrap_or(0);
        (at < known.len()).then(|| known.swap_remove(at))
    }
}

/// For people: `Q.850 cause 17, user busy`.
impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = match self.protocol {
            Protocol::Q850 => q850_words(self.cause),
            Protocol::Sip => None,
        };
        write!(f, "{} cause {}", self.protocol.word(), self.cause)?;
        match (&self.text, known) {
            (Some(text), _) => write!(f, ", {text}"),
            (None, Some(words)) => write!(f, ", {words}"),
            (None, None) => Ok(()),
        }
    }
}

impl Protocol {
    fn parse(word: &[u8]) -> Option<Self> {
        [Protocol::Sip, Protocol::Q850]
            .into_iter()
            .find(|protocol| word.eq_ignore_ascii_case(protocol.word().as_bytes()))
    }

    fn word(self) -> &'static str {
        match self {
            Protocol::Sip => "SIP",
            Protocol::Q850 => "Q.850",
        }
    }
}

/// A quoted text, or a token that ought to have been quoted.
fn words(value: &[u8]) -> Option<String> {
    let inner = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
    let mut escaped = false;
    let text = String::from_utf8_lossy(inner);
    let plain = text.chars().filter(|character| {
        let keep = escaped || *character != '\\';
        escaped = !keep;
        keep && !character.is_control()
    });
    let plain: String = plain.take(MAX_TEXT).collect();
    (!plain.is_empty()).then_some(plain)
}

/// Q.850 cause, its meaning, and the status it comes as from a gateway (RFC 3398 7.2.4.1).
const CAUSES: [(u16, &str, u16); 36] = [
    (1, "unallocated number", 404),
    (2, "no route to network", 404),
    (3, "no route to destination", 404),
    (16, "normal call clearing", 480),
    (17, "user busy", 486),
    (18, "no user responding", 408),
    (19, "no answer from the user", 480),
    (20, "subscriber absent", 480),
    (21, "call rejected", 403),
    (22, "number changed", 410),
    (23, "redirection to new destination", 410),
    (26, "non-selected user clearing", 404),
    (27, "destination out of order", 502),
    (28, "address incomplete", 484),
    (29, "facility rejected", 501),
    (31, "normal, unspecified", 480),
    (34, "no circuit available", 503),
    (38, "network out of order", 503),
    (41, "temporary failure", 503),
    (42, "switching equipment congestion", 503),
    (44, "requested channel not available", 503),
    (47, "resource unavailable", 503),
    (50, "facility not subscribed", 403),
    (55, "incoming calls barred in the closed group", 403),
    (57, "bearer capability not authorized", 403),
    (58, "bearer capability not available", 503),
    (63, "service not available", 503),
    (65, "bearer capability not implemented", 488),
    (70, "only restricted digital information", 488),
    (79, "service not implemented", 501),
    (87, "not a member of the closed group", 403),
    (88, "incompatible destination", 503),
    (97, "message type not implemented", 500),
    (102, "recovery on timer expiry", 504),
    (111, "protocol error", 500),
    (127, "interworking, unspecified", 500),
];

/// What a Q.850 cause means.
#[must_use]
pub fn q850_words(cause: u16) -> Option<&'static str> {
    CAUSES.iter().find(|(known, ..)| *known == cause).map(|(_, words, _)| *words)
}

/// The status that a gateway makes of a Q.850 cause (RFC 3398 7.2.4.1).
#[must_use]
pub fn status_of(cause: u16) -> Option<u16> {
    CAUSES.iter().find(|(known, ..)| *known == cause).map(|(.., status)| *status)
}

/// The Q.850 cause of a refusal (RFC 3398 8.2.6.1).
#[must_use]
pub fn q850_of(status: u16) -> u16 {
    match status {
        400 | 481 | 500 | 503 => 41,
        401 | 402 | 403 | 407 | 603 | 607 | 608 => 21,
        404 | 485 | 604 => 1,
        405 => 63,
        406 | 415 | 501 | 488 | 606 => 79,
        408 | 504 => 102,
        410 => 22,
        413 | 414 | 416 | 420 | 421 | 423 | 505 | 513 => 127,
        480 => 18,
        482 | 483 => 25,
        484 => 28,
        486 | 600 => 17,
        487 => 16,
        502 => 38,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> Headers {
        let mut headers = Headers::new();
        for value in values {
            headers.push(HeaderName::Reason, *value);
        }
        headers
    }

    #[test]
    fn reasons_are_read_as_carriers_write_them() {
        for (value, expected) in [
            ("Q.850;cause=17;text=\"User busy\"", "Q.850 cause 17, User busy"),
            ("q.850 ; text=\"a;b=\\\"c\\\"\" ; cause = 34", "Q.850 cause 34, a;b=\"c\""),
            ("Q.850;cause=1", "Q.850 cause 1, unallocated number"),
            ("Q.850;cause=99", "Q.850 cause 99"),
            ("SIP;cause=200;text=\"Call completed elsewhere\"", "SIP cause 200, Call completed elsewhere"),
        ] {
            let read = Reason::parse(value.as_bytes()).map(|reason| reason.to_string());
            assert_eq!(read.as_deref(), Some(expected), "{value}");
        }
        for nothing in ["", "Q.850", "Q.850;cause=many", "preemption;cause=1", "Q.850;text=\"x"] {
            assert_eq!(Reason::parse(nothing.as_bytes()), None, "{nothing}");
        }
    }

    #[test]
    fn of_several_reasons_the_telephone_network_s_counts() {
        let both = headers(&["SIP;cause=486, Q.850;cause=17"]);
        assert_eq!(Reason::of(&both), Some(Reason::new(Protocol::Q850, 17)));
        let lines = headers(&["X;cause=1", "SIP;cause=408"]);
        assert_eq!(Reason::of(&lines), Some(Reason::new(Protocol::Sip, 408)));
        assert_eq!(Reason::of(&headers(&[])), None);
    }

    #[test]
    fn the_table_of_causes_is_in_order_and_each_has_a_refusal() {
        assert!(CAUSES.is_sorted_by(|(one, ..), (next, ..)| one < next));
        assert!(CAUSES.iter().all(|(.., status)| (400..600).contains(status)));
    }

    #[test]
    fn what_decides_who_is_rung_next_means_the_same_in_both_numbers() {
        for (status, cause) in [(404, 1), (484, 28), (486, 17), (410, 22)] {
            assert_eq!(q850_of(status), cause, "{status}");
            assert_eq!(status_of(cause), Some(status), "{cause}");
        }
        for (status, cause) in [(480, 18), (503, 41), (603, 21), (487, 16), (500, 41), (488, 79), (600, 17)] {
            assert_eq!(q850_of(status), cause, "{status}");
        }
        for congestion in [34, 38, 41, 42, 44, 47] {
            assert_eq!(status_of(congestion), Some(503), "{congestion}");
        }
    }
}
