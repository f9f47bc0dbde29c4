//! Who calls, and who we say that we are: P-Asserted-Identity, P-Preferred-Identity and Privacy (RFC 3323,
//! 3325), Remote-Party-ID (draft-ietf-sip-privacy-04), Diversion (RFC 5806), History-Info (RFC 7044), the
//! carrier's verdict on the number (3GPP TS 24.229 `verstat`) and its attestation (RFC 8588).
//!
//! | file | what it does |
//! |---|---|
//! | `read` | what an INVITE says of its caller |
//! | `diversion` | who passed the call on to us |
//! | `attestation` | what carriers vouch for |
//! | `state` | what our INVITE says of us |

mod attestation;
mod diversion;
mod read;
mod state;

pub use attestation::{Attestation, Verstat};
pub use diversion::{Diversion, DiversionReason};
pub use read::Identity;
pub use state::{Forwarded, IdentityHeader, IdentityPolicy};

pub(super) use read::{called, called_party};
pub(super) use state::Statement;

use crate::sip::header::NameAddr;
use crate::sip::message::{HeaderName, Headers};
use crate::sip::scan;

/// Addresses that are read of one header field.
const MAX_ADDRESSES: usize = 8;
/// Characters of a name or number that are kept.
const MAX_TEXT: usize = 64;

/// The addresses of a header field that may hold several. One that is malformed costs no other.
fn addresses(headers: &Headers, name: &HeaderName) -> Vec<NameAddr> {
    headers
        .get_all(name)
        .filter_map(|line| scan::split_list(line, b',').ok())
        .flatten()
        .filter_map(NameAddr::parse)
        .take(MAX_ADDRESSES)
        .collect()
}

/// Text from outside as it may be shown to people: no control characters, none that are invisible or turn
/// the direction of writing, no white space but single spaces, 64 characters at most.
fn clean(text: &str) -> Option<String> {
    let shown: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(is_shown).collect();
    let words: Vec<&str> = shown.split(' ').filter(|word| !word.is_empty()).collect();
    let text: String = words.join(" ").chars().take(MAX_TEXT).collect();
    (!text.is_empty()).then(|| text.trim_end().to_owned())
}

fn is_shown(c: &char) -> bool {
    let invisible = matches!(
        *c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    );
    !c.is_control() && !invisible
}

/// UTF-8, or else Latin-1, which never fails.
fn decoded(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => octets.iter().map(|octet| char::from(*octet)).collect(),
    }
}

/// A name that stands for somebody who does not want to be known.
fn is_withheld(name: &str) -> bool {
    ["anonymous", "anon", "private", "restricted", "withheld"]
        .iter()
        .any(|word| name.eq_ignore_ascii_case(word))
}

/// A name that stands for a number nobody knows.
fn is_unknown(name: &str) -> bool {
    ["unavailable", "unknown", "no-number"].iter().any(|word| name.eq_ignore_ascii_case(word))
}

/// The address hides who it is: `anonymous@anonymous.invalid` and its like (RFC 3323 4.1.1.3).
fn hides(address: &NameAddr) -> bool {
    let invalid =
        address.uri.host().is_some_and(|host| host.to_string().eq_ignore_ascii_case("anonymous.invalid"));
    invalid || address.uri.user().is_some_and(|user| is_withheld(user.trim()))
}
