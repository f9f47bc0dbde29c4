//! What carriers vouch for: the verdict of the last one on the caller's number (`verstat`), and the level
//! at which the first one attested it (SHAKEN, RFC 8588 4).

use serde::Deserialize;

use crate::sip::header::NameAddr;
use crate::sip::message::{HeaderName, Headers};
use crate::sip::scan;

/// Identity header fields that are looked at.
const MAX_TOKENS: usize = 4;
/// The longest payload of a PASSporT that is read, in octets of base64url.
const MAX_PAYLOAD: usize = 4096;

/// The verdict of the trunk's carrier on the caller's number (3GPP TS 24.229 7.2A.20).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verstat {
    /// `TN-Validation-Passed`.
    Passed,
    /// `TN-Validation-Failed`.
    Failed,
    /// `No-TN-Validation`.
    NotValidated,
}

/// What the carrier in which the call began knows of the caller (RFC 8588 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attestation {
    /// A: the customer, and that the number is his.
    Full,
    /// B: the customer, not the number.
    Partial,
    /// C: only through which gateway the call came.
    Gateway,
}

impl Attestation {
    fn from_letter(letter: &str) -> Option<Self> {
        match letter {
            "A" | "a" => Some(Self::Full),
            "B" | "b" => Some(Self::Partial),
            "C" | "c" => Some(Self::Gateway),
            _ => None,
        }
    }
}

/// The first verdict among the caller's addresses, and the level that some carriers add to it
/// (`TN-Validation-Passed-A`).
pub(super) fn verstat<'a>(
    addresses: impl Iterator<Item = &'a NameAddr>,
) -> (Option<Verstat>, Option<Attestation>) {
    let mut verdicts = addresses.filter_map(|address| {
        let in_header = || address.params.get("verstat").map(|value| value.trim_matches('"').to_owned());
        verdict(&address.uri.telephone_param("verstat").or_else(in_header)?)
    });
    verdicts.next().map_or((None, None), |(verstat, level)| (Some(verstat), level))
}

fn verdict(value: &str) -> Option<(Verstat, Option<Attestation>)> {
    let value = value.to_ascii_lowercase();
    let verdicts = [
        ("tn-validation-passed", Verstat::Passed),
        ("tn-validation-failed", Verstat::Failed),
        ("no-tn-validation", Verstat::NotValidated),
    ];
    let (rest, verstat) =
        verdicts.iter().find_map(|(word, verstat)| Some((value.strip_prefix(word)?, *verstat)))?;
    match rest.strip_prefix('-') {
        None if rest.is_empty() => Some((verstat, None)),
        None => None,
        Some(letter) => Some((verstat, Attestation::from_letter(letter))),
    }
}

/// The level of attestation: of the PASSporT in Identity (RFC 8224 4), else of P-Attestation-Indicator.
/// The signature is not checked: the word of the trunk is taken for it.
pub(super) fn of(headers: &Headers) -> Option<Attestation> {
    let tokens = headers.get_all(&HeaderName::Identity).take(MAX_TOKENS);
    let indicated = || {
        let value = headers.get(&HeaderName::PAttestationIndicator)?;
        Attestation::from_letter(std::str::from_utf8(scan::trim(value)).ok()?)
    };
    tokens.filter_map(of_passport).next().or_else(indicated)
}

/// What is of interest in a PASSporT of SHAKEN.
#[derive(Deserialize)]
struct Claims {
    attest: String,
}

/// `HEADER.PAYLOAD.SIGNATURE;info=...`, each part base64url. The compact form has no payload.
fn of_passport(value: &[u8]) -> Option<Attestation> {
    let token = scan::split_once(value, b';').map_or(value, |(token, _)| token);
    let mut parts = scan::trim(token).split(|octet| *octet == b'.');
    let payload = parts.nth(1).filter(|payload| payload.len() <= MAX_PAYLOAD)?;
    let claims: Claims = serde_json::from_slice(&base64url(payload)?).ok()?;
    Attestation::from_letter(&claims.attest)
}

/// RFC 4648 5, without padding or with it.
fn base64url(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let mut octets = Vec::with_capacity(digits.len());
    for group in digits.chunks(4) {
        let mut bits: u32 = 0;
        for digit in group {
            bits = bits << 6 | u32::from(sextet(*digit)?);
        }
        // A group of two or three digits ends in bits that belong to no octet.
        let whole = match group.len() {
            4 => 3,
            3 => 2,
            2 => 1,
            _ => return None,
        };
        let left = 24_u32.checked_sub(6_u32.checked_mul(u32::try_from(group.len()).ok()?)?)?;
        octets.extend((bits << left).to_be_bytes().iter().skip(1).take(whole));
    }
    Some(octets)
}

fn sextet(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => digit.checked_sub(b'A'),
        b'a'..=b'z' => digit.checked_sub(b'a')?.checked_add(26),
        b'0'..=b'9' => digit.checked_sub(b'0')?.checked_add(52),
        b'-' | b'+' => Some(62),
        b'_' | b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_is_decoded_as_rfc_4648_has_it() {
        // RFC 4648 10, without padding.
        let vectors = [
            ("", ""),
            ("Zg", "f"),
            ("Zm8", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ];
        for (text, plain) in vectors {
            assert_eq!(base64url(text.as_bytes()).as_deref(), Some(plain.as_bytes()), "{text}");
        }
        assert_eq!(base64url(b"-_8"), Some(vec![0xfb, 0xff]));
        for wrong in ["Z", "Zm9vY", "Zm 9", "Zg===", "Zm9v=Zg"] {
            assert_eq!(base64url(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
