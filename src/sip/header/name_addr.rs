//! An address with a display name and parameters: From, To, Contact, Route, Record-Route,
//! P-Asserted-Identity (RFC 3261 20.10, 20.20, 20.30, 20.34, 20.39; RFC 3325 9.1).

use super::Params;
use crate::sip::scan;
use crate::sip::uri::Uri;

/// `name-addr` or `addr-spec` with header parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// The display name with quotation marks and escapes undone.
    pub display: Option<Vec<u8>>,
    /// The address.
    pub uri: Uri,
    /// Header parameters, such as `tag`.
    pub params: Params,
}

impl NameAddr {
    /// An address without display name and parameters.
    #[must_use]
    pub fn new(uri: Uri) -> Self {
        NameAddr { display: None, uri, params: Params::default() }
    }

    /// Reads one header field value (one element of a list).
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<NameAddr> {
        let value = scan::trim(value);
        match scan::find_unquoted(value, b'<').ok()? {
            Some(open) => bracketed(value, open),
            None => bare(value),
        }
    }

    /// The tag (RFC 3261 19.3), when it is a token.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag").filter(|tag| scan::is_token(tag.as_bytes()))
    }

    /// The same address with this tag.
    #[must_use]
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.params.set("tag", Some(tag));
        self
    }

    /// The display name as printable text; `None` when absent, empty or not printable.
    #[must_use]
    pub fn display_text(&self) -> Option<String> {
        let text = scan::printable(self.display.as_deref()?)?;
        (!text.trim().is_empty()).then_some(text)
    }

    /// The header field value, always with angle brackets (RFC 3261 20.10 asks for them when the URI has
    /// parameters of its own).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(display) = &self.display {
            out.extend_from_slice(&scan::quote(display));
            out.push(b' ');
        }
        out.push(b'<');
        out.extend_from_slice(self.uri.as_bytes());
        out.push(b'>');
        self.params.write(&mut out);
        out
    }
}

fn bracketed(value: &[u8], open: usize) -> Option<NameAddr> {
    let display = display_name(scan::trim(value.get(..open)?))?;
    let behind = value.get(open.checked_add(1)?..)?;
    let (uri, rest) = scan::split_once(behind, b'>')?;
    let uri = Uri::parse(scan::trim(uri));
    let params = match scan::trim(rest) {
        [] => Params::default(),
        [b';', params @ ..] => Params::parse(params)?,
        _ => return None,
    };
    checked(NameAddr { display, uri, params })
}

/// Without angle brackets everything behind the first `;` belongs to the header field, and neither `?`
/// nor `,` may stand in the URI (RFC 3261 20).
fn bare(value: &[u8]) -> Option<NameAddr> {
    let (uri, params) = match scan::split_once(value, b';') {
        Some((uri, params)) => (scan::trim(uri), Params::parse(params)?),
        None => (value, Params::default()),
    };
    if uri.iter().any(|octet| matches!(octet, b'?' | b',')) {
        return None;
    }
    checked(NameAddr { display: None, uri: Uri::parse(uri), params })
}

fn checked(address: NameAddr) -> Option<NameAddr> {
    (!address.uri.is_broken() && !address.params.has_duplicate("tag")).then_some(address)
}

/// Quoted, or words: any characters but a quotation mark are let through there (RFC 4475 3.1.2.15 `baddn`
/// asks for leniency).
fn display_name(text: &[u8]) -> Option<Option<Vec<u8>>> {
    match text {
        [] => Some(None),
        [b'"', ..] => Some(Some(scan::unquote(text)?)),
        words if words.contains(&b'"') => None,
        words => Some(Some(words.to_vec())),
    }
}
