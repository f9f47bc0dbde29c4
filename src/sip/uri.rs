//! SIP, SIPS and tel URIs (RFC 3261 19.1, RFC 3966). A text that is no URI is kept as it came.

use super::header::Params;
use super::scan;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A URI together with the text it was read from, which is what is written.
#[derive(Debug, Clone)]
pub struct Uri {
    text: Vec<u8>,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    Sip(SipUri),
    /// The number of a `tel:` URI (RFC 3966) without visual separators, with its `+` when global.
    Tel(String),
    Other(String),
    Broken,
}

/// `sip:` or `sips:` (RFC 3261 19.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipUri {
    /// `sips:`.
    pub secure: bool,
    /// User part with its escapes, without password.
    pub user: Option<String>,
    /// Host part.
    pub host: Host,
    /// Port, where given.
    pub port: Option<u16>,
    /// URI parameters.
    pub params: Params,
    /// What stands behind `?`.
    pub headers: Option<String>,
}

/// A host (RFC 3261 25.1 `host`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A domain name, as it came.
    Name(String),
    /// An IPv4 address, or an IPv6 address (in brackets on the wire).
    Address(IpAddr),
}

impl PartialEq for Uri {
    /// The same text. (The comparison of RFC 3261 19.1.4 is needed nowhere in a user agent behind a trunk.)
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Uri {}

impl Uri {
    /// Reads a URI. Never fails: see [`Uri::is_broken`].
    #[must_use]
    pub fn parse(text: &[u8]) -> Uri {
        Uri { text: text.to_vec(), form: form(text).unwrap_or(Form::Broken) }
    }

    /// `sip:user@host:port`; the user's octets that RFC 3261 does not allow there are escaped.
    #[must_use]
    pub fn sip(user: Option<&str>, host: &Host, port: Option<u16>) -> Uri {
        let mut text = String::from("sip:");
        if let Some(user) = user {
            escape_user(user, &mut text);
            text.push('@');
        }
        text.push_str(&host.to_string());
        if let Some(port) = port {
            text.push_str(&format!(":{port}"));
        }
        Uri::parse(text.as_bytes())
    }

    /// The text as it came.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// The text is no URI.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self.form, Form::Broken)
    }

    /// The scheme in lower case.
    #[must_use]
    pub fn scheme(&self) -> Option<&str> {
        match &self.form {
            Form::Sip(sip) if sip.secure => Some("sips"),
            Form::Sip(_) => Some("sip"),
            Form::Tel(_) => Some("tel"),
            Form::Other(scheme) => Some(scheme),
            Form::Broken => None,
        }
    }

    /// The parts of a `sip:` or `sips:` URI.
    #[must_use]
    pub fn as_sip(&self) -> Option<&SipUri> {
        match &self.form {
            Form::Sip(sip) => Some(sip),
            _ => None,
        }
    }

    /// Whom the URI names: the user part with escapes undone, or the number of a `tel:` URI; `None` when
    /// there is none or it is not printable.
    #[must_use]
    pub fn user(&self) -> Option<String> {
        match &self.form {
            Form::Sip(sip) => sip.user_decoded(),
            Form::Tel(number) => Some(number.clone()),
            Form::Other(_) | Form::Broken => None,
        }
    }

    /// Whom the URI names, as [`Uri::user`], with a local telephone number completed from a global
    /// `phone-context` (RFC 3966 5.1.5): `0301234` or `301234` in `+49` is `+49301234`.
    #[must_use]
    pub fn subscriber(&self) -> Option<String> {
        let user = self.user()?;
        let context = self.telephone_param("phone-context").filter(|_| is_telephone_user(user.as_bytes()));
        Some(context.and_then(|context| in_context(&user, &context)).unwrap_or(user))
    }

    /// The user part is a telephone number (RFC 3261 19.1.6).
    #[must_use]
    pub fn is_telephone_number(&self) -> bool {
        match &self.form {
            Form::Sip(sip) => sip.user.as_deref().is_some_and(|user| is_telephone_user(user.as_bytes())),
            Form::Tel(_) => true,
            Form::Other(_) | Form::Broken => false,
        }
    }

    /// The value of a parameter of the telephone number (RFC 3966 3): of a `tel:` URI, or of a `sip:` URI in
    /// its user part (RFC 3261 19.1.6), where some put it among the parameters of the URI.
    #[must_use]
    pub fn telephone_param(&self, name: &str) -> Option<String> {
        let of = |params: &[u8]| Params::parse_uri(params)?.get(name).map(str::to_owned);
        match &self.form {
            Form::Sip(sip) => {
                let user = sip.user.as_deref().unwrap_or_default().as_bytes();
                let in_user = scan::split_once(user, b';').filter(|(number, _)| is_telephone_user(number));
                in_user.and_then(|(_, params)| of(params)).or_else(|| sip.params.get(name).map(str::to_owned))
            }
            Form::Tel(_) => of(scan::split_once(&self.text, b';')?.1),
            Form::Other(_) | Form::Broken => None,
        }
    }

    /// The host of a `sip:` or `sips:` URI.
    #[must_use]
    pub fn host(&self) -> Option<&Host> {
        self.as_sip().map(|sip| &sip.host)
    }

    /// The port, where given.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.as_sip().and_then(|sip| sip.port)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.text))
    }
}

impl SipUri {
    /// The user part with escapes undone (RFC 3261 19.1.2), without the parameters that a telephone
    /// number may carry there (19.1.6); `None` when absent or not printable.
    #[must_use]
    pub fn user_decoded(&self) -> Option<String> {
        let user = self.user.as_deref()?.as_bytes();
        let bare = if is_telephone_user(user) {
            scan::split_once(user, b';').map_or(user, |(number, _)| number)
        } else {
            user
        };
        scan::printable(&scan::percent_decode(bare)?)
    }
}

/// A user part of digits with parameters behind (`+4930123;phone-context=...`).
fn is_telephone_user(user: &[u8]) -> bool {
    let number = scan::split_once(user, b';').map_or(user, |(number, _)| number);
    !number.is_empty() && number.iter().all(|octet| octet.is_ascii_digit() || b"+-.()*#".contains(octet))
}

/// A local number inside the numbers that begin like `context`; none where it cannot be told.
fn in_context(number: &str, context: &str) -> Option<String> {
    let code: String = context.strip_prefix('+')?.chars().filter(|c| !"-.()".contains(*c)).collect();
    if code.is_empty() || code.len() > 14 || !code.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let digits: String = number.chars().filter(|c| !"-.()".contains(*c)).collect();
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) || digits.starts_with("00") {
        return None;
    }
    match digits.strip_prefix('0') {
        // A national number: the context has to be the country. In Italy the 0 belongs to the number.
        Some(_) if code == "39" => Some(format!("+{code}{digits}")),
        Some(national) => (code.len() <= 3).then(|| format!("+{code}{national}")),
        None => (!digits.is_empty()).then(|| format!("+{code}{digits}")),
    }
}

impl Host {
    /// Reads a host without port: a name, an IPv4 address, or an IPv6 address in brackets.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Host> {
        if let [b'[', inner @ .., b']'] = text {
            return Some(Host::Address(IpAddr::V6(ipv6(std::str::from_utf8(inner).ok()?)?)));
        }
        let text = std::str::from_utf8(text).ok()?;
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Host::Address(IpAddr::V4(address)));
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        (!text.is_empty() && text.chars().all(legal)).then(|| Host::Name(text.to_owned()))
    }

    /// The address, when the host is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Host::Address(address) => Some(*address),
            Host::Name(_) => None,
        }
    }

    /// Reads `host [":" port]`.
    pub(crate) fn parse_with_port(text: &[u8]) -> Option<(Host, Option<u16>)> {
        let colon = match text {
            [b'[', ..] => {
                let close = text.iter().position(|octet| *octet == b']')?;
                text.get(close..)?
                    .iter()
                    .position(|octet| *octet == b':')
                    .and_then(|at| at.checked_add(close))
            }
            _ => text.iter().position(|octet| *octet == b':'),
        };
        let Some(colon) = colon else { return Some((Host::parse(text)?, None)) };
        let host = Host::parse(scan::trim(text.get(..colon)?))?;
        let port = scan::number(scan::trim(text.get(colon.checked_add(1)?..)?))?;
        Some((host, Some(u16::try_from(port).ok()?)))
    }
}

/// An IPv6 address, also with the third colon that the grammar of RFC 3261 put in front of an embedded IPv4
/// address by mistake (RFC 5118 4.10: both forms must be borne).
fn ipv6(text: &str) -> Option<Ipv6Addr> {
    let mended = match text.split_once(":::") {
        Some((before, embedded)) if embedded.parse::<Ipv4Addr>().is_ok() => format!("{before}::{embedded}"),
        Some(_) => return None,
        None => return text.parse().ok(),
    };
    mended.parse().ok()
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        Host::Address(address)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Address(IpAddr::V4(address)) => address.fmt(f),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

fn form(text: &[u8]) -> Option<Form> {
    if text.iter().any(|octet| !(0x21..=0x7e).contains(octet) || matches!(octet, b'<' | b'>' | b'"')) {
        return None;
    }
    let (scheme, rest) = scan::split_once(text, b':')?;
    match scheme_name(scheme)?.as_str() {
        "sip" => sip_form(false, rest).map(Form::Sip),
        "sips" => sip_form(true, rest).map(Form::Sip),
        "tel" => tel_form(rest).map(Form::Tel),
        other => Some(Form::Other(other.to_owned())),
    }
}

/// RFC 3986 3.1, in lower case.
fn scheme_name(scheme: &[u8]) -> Option<String> {
    let (first, rest) = scheme.split_first()?;
    let legal = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.');
    if !first.is_ascii_alphabetic() || !rest.iter().all(legal) {
        return None;
    }
    Some(std::str::from_utf8(scheme).ok()?.to_ascii_lowercase())
}

fn sip_form(secure: bool, rest: &[u8]) -> Option<SipUri> {
    // The user part may hold `;` and `?` of its own (RFC 3261 25.1 user-unreserved): it ends at the `@`,
    // which must stand escaped everywhere else.
    let (userinfo, rest) = match scan::split_once(rest, b'@') {
        Some((userinfo, rest)) => (Some(userinfo), rest),
        None => (None, rest),
    };
    let user = match userinfo {
        Some(userinfo) => Some(user_part(userinfo)?),
        None => None,
    };
    let (rest, headers) = match scan::split_once(rest, b'?') {
        Some((rest, headers)) => (rest, Some(std::str::from_utf8(headers).ok()?.to_owned())),
        None => (rest, None),
    };
    let (hostport, params) = match scan::split_once(rest, b';') {
        Some((hostport, params)) => (hostport, Params::parse_uri(params)?),
        None => (rest, Params::default()),
    };
    let (host, port) = Host::parse_with_port(hostport)?;
    Some(SipUri { secure, user, host, port, params, headers })
}

fn user_part(userinfo: &[u8]) -> Option<String> {
    let user = scan::split_once(userinfo, b':').map_or(userinfo, |(user, _password)| user);
    if user.is_empty() {
        return None;
    }
    scan::percent_decode(user)?;
    Some(std::str::from_utf8(user).ok()?.to_owned())
}

fn tel_form(rest: &[u8]) -> Option<String> {
    let (number, params) = scan::split_once(rest, b';').unwrap_or((rest, &[]));
    if !params.is_empty() {
        Params::parse_uri(params)?;
    }
    let plain: Vec<u8> = number.iter().copied().filter(|octet| !b"-.()".contains(octet)).collect();
    let digits = plain.strip_prefix(b"+").unwrap_or(&plain);
    let legal = |octet: &u8| octet.is_ascii_hexdigit() || matches!(octet, b'*' | b'#');
    if digits.is_empty() || !digits.iter().all(legal) {
        return None;
    }
    String::from_utf8(plain).ok()
}

/// RFC 3261 25.1 `user`: unreserved, user-unreserved, else `%HH`.
fn escape_user(user: &str, text: &mut String) {
    for octet in user.bytes() {
        if octet.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&octet) {
            text.push(char::from(octet));
        } else {
            text.push_str(&format!("%{octet:02X}"));
        }
    }
}
