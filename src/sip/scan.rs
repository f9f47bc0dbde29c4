//! Reading octets by the grammar of RFC 3261 25.1: tokens, quoted strings, lists.

/// A character of `token` (RFC 3261 25.1).
pub(crate) fn is_token_char(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&octet)
}

/// One or more token characters.
pub(crate) fn is_token(octets: &[u8]) -> bool {
    !octets.is_empty() && octets.iter().copied().all(is_token_char)
}

/// Space, tab, and what is left of a line break after unfolding (RFC 3261 25.1 `LWS`).
pub(crate) fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// Without white space at both ends.
pub(crate) fn trim(mut octets: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = octets {
        if !is_space(*first) {
            break;
        }
        octets = rest;
    }
    trim_end(octets)
}

/// Without white space at the end.
pub(crate) fn trim_end(mut octets: &[u8]) -> &[u8] {
    while let [rest @ .., last] = octets {
        if !is_space(*last) {
            break;
        }
        octets = rest;
    }
    octets
}

/// The two sides of the first `separator`, which belongs to neither.
pub(crate) fn split_once(octets: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = octets.iter().position(|octet| *octet == separator)?;
    Some((octets.get(..at)?, octets.get(at.checked_add(1)?..)?))
}

/// A quotation mark or angle bracket that is never closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unbalanced;

/// Where a reader stands with respect to quotation marks and angle brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Open,
    Quoted,
    Escaped,
    Angle,
}

impl Place {
    fn after(self, octet: u8) -> Place {
        match (self, octet) {
            (Place::Open, b'"') => Place::Quoted,
            (Place::Open, b'<') => Place::Angle,
            (Place::Quoted, b'\\') => Place::Escaped,
            (Place::Quoted, b'"') | (Place::Angle, b'>') => Place::Open,
            (Place::Escaped, _) => Place::Quoted,
            (place, _) => place,
        }
    }
}

/// The parts between separators that stand outside quotation marks and angle brackets, trimmed.
pub(crate) fn split_list(octets: &[u8], separator: u8) -> Result<Vec<&[u8]>, Unbalanced> {
    let mut parts = Vec::new();
    let mut place = Place::Open;
    let mut begin = 0;
    for (at, octet) in octets.iter().copied().enumerate() {
        if place == Place::Open && octet == separator {
            parts.push(trim(octets.get(begin..at).unwrap_or_default()));
            begin = at.saturating_add(1);
        }
        place = place.after(octet);
    }
    if place != Place::Open {
        return Err(Unbalanced);
    }
    parts.push(trim(octets.get(begin..).unwrap_or_default()));
    Ok(parts)
}

/// Where the first `wanted` outside quotation marks stands; `Err` when a quotation is never closed before it.
pub(crate) fn find_unquoted(octets: &[u8], wanted: u8) -> Result<Option<usize>, Unbalanced> {
    let mut place = Place::Open;
    for (at, octet) in octets.iter().copied().enumerate() {
        if place == Place::Open && octet == wanted {
            return Ok(Some(at));
        }
        // Angle brackets do not matter here, quotations do.
        place = if octet == b'<' && place == Place::Open { Place::Open } else { place.after(octet) };
    }
    if place == Place::Open { Ok(None) } else { Err(Unbalanced) }
}

/// The contents of a quoted string (with its marks) with escapes undone (RFC 3261 25.1 `quoted-string`).
pub(crate) fn unquote(octets: &[u8]) -> Option<Vec<u8>> {
    let [b'"', inner @ .., b'"'] = octets else { return None };
    let mut plain = Vec::with_capacity(inner.len());
    let mut escaped = false;
    for octet in inner.iter().copied() {
        match (escaped, octet) {
            (false, b'"') => return None,
            (false, b'\\') => escaped = true,
            _ => {
                plain.push(octet);
                escaped = false;
            }
        }
    }
    (!escaped).then_some(plain)
}

/// The octets as a quoted string.
pub(crate) fn quote(plain: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for octet in plain.iter().copied() {
        if matches!(octet, b'"' | b'\\') {
            quoted.push(b'\\');
        }
        quoted.push(octet);
    }
    quoted.push(b'"');
    quoted
}

/// Digits only, at least one, that fit into `u32`.
pub(crate) fn number(octets: &[u8]) -> Option<u32> {
    if octets.is_empty() || !octets.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(octets).ok()?.parse().ok()
}

/// `%HH` undone (RFC 3261 19.1.2); `None` when a percent sign has no two hexadecimal digits behind it.
pub(crate) fn percent_decode(octets: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(octets.len());
    let mut rest = octets.iter().copied();
    while let Some(octet) = rest.next() {
        if octet != b'%' {
            plain.push(octet);
            continue;
        }
        let high = hex_digit(rest.next()?)?;
        let low = hex_digit(rest.next()?)?;
        plain.push(high.checked_mul(16)?.checked_add(low)?);
    }
    Some(plain)
}

fn hex_digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Text for people: UTF-8 (else Latin-1, which never fails) without control characters.
pub(crate) fn printable(octets: &[u8]) -> Option<String> {
    let text = match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => octets.iter().map(|octet| char::from(*octet)).collect(),
    };
    (!text.chars().any(char::is_control)).then_some(text)
}

/// An octet that must not stand in a head behind `before`: CR, LF, and a NUL that is not escaped (RFC 3261
/// 25.1 `quoted-pair` allows `\` NUL).
pub(crate) fn is_forbidden(before: u8, octet: u8) -> bool {
    matches!(octet, b'\r' | b'\n') || (octet == 0 && before != b'\\')
}
