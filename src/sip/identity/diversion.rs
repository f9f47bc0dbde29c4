//! Who passed the call on to us: Diversion (RFC 5806), or else History-Info (RFC 7044, and RFC 4244 before it).

use super::{MAX_ADDRESSES, addresses, clean, hides};
use crate::sip::header::NameAddr;
use crate::sip::message::{HeaderName, Headers};
use crate::sip::scan;

/// The longest index of a History-Info entry that is looked at, in octets.
const MAX_INDEX: usize = 32;

/// Somebody who was called and whose call went on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diversion {
    /// The name or number (user part), printable and at most 64 characters long; nothing: withheld.
    pub by: Option<String>,
    /// Why, where it was said.
    pub reason: DiversionReason,
}

/// Why a call was passed on (RFC 5806 4, RFC 4458 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiversionReason {
    /// The line was busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// Every call is.
    Unconditional,
    /// Whoever was called chose so.
    Deflected,
    /// The phone could not be reached.
    Unavailable,
    /// It was not said, or is something else.
    Unknown,
}

/// The diversions of a call, the last one first.
pub(super) fn read(headers: &Headers) -> Vec<Diversion> {
    let diverted: Vec<Diversion> =
        addresses(headers, &HeaderName::Diversion).iter().map(from_diversion).collect();
    if diverted.is_empty() { from_history(headers) } else { diverted }
}

/// RFC 5806 writes the last diversion on top.
fn from_diversion(address: &NameAddr) -> Diversion {
    let param =
        |name: &str| address.params.get(name).unwrap_or_default().trim_matches('"').to_ascii_lowercase();
    let private = matches!(param("privacy").as_str(), "full" | "uri");
    let reason = match param("reason").as_str() {
        "user-busy" | "busy" => DiversionReason::Busy,
        "no-answer" => DiversionReason::NoAnswer,
        "unconditional" => DiversionReason::Unconditional,
        "deflection" => DiversionReason::Deflected,
        "unavailable" | "out-of-service" => DiversionReason::Unavailable,
        _ => DiversionReason::Unknown,
    };
    Diversion { by: diverter(address).filter(|_| !private), reason }
}

fn diverter(address: &NameAddr) -> Option<String> {
    if hides(address) { None } else { clean(&address.uri.subscriber()?) }
}

/// One entry of a History-Info.
struct Entry {
    address: NameAddr,
    index: String,
}

impl Entry {
    /// Where the target was changed to this one: RFC 4458 puts the cause into the URI, and RFC 7044 names
    /// the entry it was changed from; before, that was the one above it in the tree of indices.
    fn changed_from(&self) -> Option<(&str, DiversionReason)> {
        let cause = self.address.uri.as_sip()?.params.get("cause")?;
        let before = ["mp", "rc"].iter().find_map(|name| self.address.params.get(name));
        let above = || self.index.rsplit_once('.').map(|(above, _)| above);
        Some((before.or_else(above)?, from_cause(cause)))
    }

    /// RFC 4244 has the reason in the entry whose target was given up, as an escaped header field.
    fn gave_up(&self) -> Option<DiversionReason> {
        let escaped = self.address.uri.as_sip()?.headers.as_deref()?;
        let headers = scan::percent_decode(escaped.as_bytes())?;
        let headers = String::from_utf8(headers).ok()?.to_ascii_lowercase();
        let (_, reason) = headers.split_once("reason=")?;
        let (_, cause) = reason.split_once("cause=")?;
        let digits: String = cause.chars().take_while(char::is_ascii_digit).take(3).collect();
        match from_cause(&digits) {
            DiversionReason::Unknown => None,
            reason => Some(reason),
        }
    }

    /// The entry must not be shown (RFC 7044 10.1).
    fn is_private(&self) -> bool {
        let headers = self.address.uri.as_sip().and_then(|sip| sip.headers.as_deref()).unwrap_or_default();
        headers.to_ascii_lowercase().split('&').any(|header| header == "privacy=history")
    }

    fn diverter(&self) -> Option<String> {
        if self.is_private() { None } else { diverter(&self.address) }
    }
}

fn from_history(headers: &Headers) -> Vec<Diversion> {
    let private = headers.privacy().iter().any(|kind| kind == "history");
    let entries: Vec<Entry> = addresses(headers, &HeaderName::HistoryInfo)
        .into_iter()
        .filter_map(|address| {
            let index = address.params.get("index").filter(|index| index.len() <= MAX_INDEX)?.to_owned();
            Some(Entry { address, index })
        })
        .collect();
    let mut diversions: Vec<(&str, Diversion)> = Vec::new();
    for entry in &entries {
        let given_up = entry.gave_up().map(|reason| (entry, reason));
        let changed = entry.changed_from().and_then(|(before, reason)| {
            entries.iter().find(|other| other.index == before).map(|other| (other, reason))
        });
        for (by, reason) in [given_up, changed].into_iter().flatten() {
            // Both ways may tell of the same entry.
            if !diversions.iter().any(|(index, _)| *index == by.index) {
                let by_whom = by.diverter().filter(|_| !private);
                diversions.push((&by.index, Diversion { by: by_whom, reason }));
            }
        }
    }
    diversions.into_iter().rev().map(|(_, diversion)| diversion).take(MAX_ADDRESSES).collect()
}

/// RFC 4458 2.
fn from_cause(cause: &str) -> DiversionReason {
    match cause {
        "486" => DiversionReason::Busy,
        "408" => DiversionReason::NoAnswer,
        "302" => DiversionReason::Unconditional,
        "480" | "487" => DiversionReason::Deflected,
        "404" | "503" => DiversionReason::Unavailable,
        _ => DiversionReason::Unknown,
    }
}
