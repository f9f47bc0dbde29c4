//! Parameters of header fields (`;name=value`, RFC 3261 7.3.1) and of URIs (19.1.1).

use crate::sip::scan;

/// Parameters in their order; names are compared without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    list: Vec<(String, Option<Vec<u8>>)>,
}

impl Params {
    /// Reads what stands behind the first `;` of a header field value.
    pub(crate) fn parse(text: &[u8]) -> Option<Params> {
        let mut params = Params::default();
        for part in scan::split_list(text, b';').ok()? {
            let (name, value) = match scan::split_once(part, b'=') {
                Some((name, value)) => (scan::trim(name), Some(scan::trim(value))),
                None => (part, None),
            };
            if !scan::is_token(name) || value.is_some_and(|value| !is_value(value)) {
                return None;
            }
            params.add(name, value)?;
        }
        Some(params)
    }

    /// Reads what stands behind the first `;` of a URI: wider names, no quotations, no white space.
    pub(crate) fn parse_uri(text: &[u8]) -> Option<Params> {
        let mut params = Params::default();
        for part in text.split(|octet| *octet == b';') {
            let (name, value) = match scan::split_once(part, b'=') {
                Some((name, value)) => (name, Some(value)),
                None => (part, None),
            };
            if name.is_empty() || !part.iter().copied().all(is_uri_param_char) {
                return None;
            }
            params.add(name, value)?;
        }
        Some(params)
    }

    fn add(&mut self, name: &[u8], value: Option<&[u8]>) -> Option<()> {
        let name = std::str::from_utf8(name).ok()?.to_owned();
        self.list.push((name, value.map(<[u8]>::to_vec)));
        Some(())
    }

    /// The value of the first parameter of that name as it stands on the wire (quotation marks included), when
    /// it is UTF-8.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.list.iter().find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value.as_deref()?).ok()
    }

    /// Sets a parameter to a value (`None`: a bare name) in its place, or behind the others.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(|value| value.as_bytes().to_vec());
        match self.list.iter_mut().find(|(own, _)| own.eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = value,
            None => self.list.push((name.to_owned(), value)),
        }
    }

    /// Takes a parameter out and hands back its value: `Some(None)` for a bare name.
    pub(crate) fn take(&mut self, name: &str) -> Option<Option<Vec<u8>>> {
        let at = self.list.iter().position(|(own, _)| own.eq_ignore_ascii_case(name))?;
        Some(self.list.remove(at).1)
    }

    /// A name stands there more than once.
    pub(crate) fn has_duplicate(&self, name: &str) -> bool {
        self.list.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name)).count() > 1
    }

    /// Appends `;name=value` for each.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for (name, value) in &self.list {
            out.push(b';');
            out.extend_from_slice(name.as_bytes());
            if let Some(value) = value {
                out.push(b'=');
                out.extend_from_slice(value);
            }
        }
    }
}

/// RFC 3261 25.1 `gen-value`: token, host or quoted string. What carriers put there beyond it is let
/// through as long as it cannot be taken for something else.
fn is_value(value: &[u8]) -> bool {
    match value {
        [b'"', ..] => scan::unquote(value).is_some(),
        _ => !value.iter().any(|octet| {
            octet.is_ascii_whitespace()
                || octet.is_ascii_control()
                || matches!(octet, b'"' | b'<' | b'>' | b',')
        }),
    }
}

fn is_uri_param_char(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-_.!~*'()[]/:&+$%=\"".contains(&octet)
}
