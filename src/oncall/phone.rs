//! Phone numbers in E.164 and SIP addresses: the only things that can ever be dialled.
//!
//! A [`Phone`] is made from settings alone. No header of an incoming call can become one, so a
//! caller cannot choose what we dial.

use std::fmt;

use serde::Serialize;

/// A number in the form of ITU-T E.164: `+`, then 3 to 15 digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct E164(String);

/// Why a text is not a number in E.164.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// It does not start with `+`.
    #[error("a number starts with + and the country code, as in +4930123456")]
    NoPlus,
    /// It holds something that is not a digit.
    #[error("a number holds digits alone after the +, but `{0}` is not one")]
    NotADigit(char),
    /// It is too short or too long, or its country code starts with 0.
    #[error("a number has 3 to 15 digits after the +, and the first is not 0")]
    Length,
}

impl E164 {
    /// Reads a number that must already be in E.164. Spaces, hyphens, dots and brackets between
    /// digits are forgiven.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        let rest = text.trim().strip_prefix('+').ok_or(NumberError::NoPlus)?;
        let mut number = String::with_capacity(16);
        number.push('+');
        for c in rest.chars() {
            match c {
                '0'..='9' => number.push(c),
                ' ' | '-' | '.' | '(' | ')' | '/' => {}
                other => return Err(NumberError::NotADigit(other)),
            }
        }
        let digits = number.len() - 1;
        if !(3..=15).contains(&digits) || number.starts_with("+0") {
            return Err(NumberError::Length);
        }
        Ok(Self(number))
    }

    /// Reads a number in whatever form a carrier of `country` (its calling code, `"49"`) sends it:
    /// `+49...`, `0049...`, `030...` or `4930...`. Without a country only the first two are known.
    pub fn from_dialled(text: &str, country: Option<&str>) -> Option<Self> {
        let text = text.trim();
        if text.starts_with('+') {
            return Self::parse(text).ok();
        }
        if let Some(international) = text.strip_prefix("00") {
            return Self::parse(&format!("+{international}")).ok();
        }
        let country = country?;
        if let Some(national) = text.strip_prefix('0') {
            return Self::parse(&format!("+{country}{national}")).ok();
        }
        if text.starts_with(country) {
            return Self::parse(&format!("+{text}")).ok();
        }
        None
    }

    /// The number with its `+`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something that can be rung: a number over a trunk, or a SIP address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phone {
    /// A number, dialled over a trunk.
    Number(E164),
    /// A SIP address (`sip:anna@10.1.2.3`), user and host kept apart.
    Sip(SipAddress),
}

/// A SIP address without headers or parameters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SipAddress {
    user: String,
    host: String,
    port: Option<u16>,
}

/// Why a text is not a phone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Not a number in E.164.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// A SIP address that cannot be dialled.
    #[error("a SIP address is written sip:user@host or sip:user@host:port")]
    Sip,
}

impl Phone {
    /// Reads a phone as it is written in settings.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        match text.trim().strip_prefix("sip:") {
            Some(rest) => SipAddress::parse(rest).map(Self::Sip).ok_or(PhoneError::Sip),
            None => Ok(Self::Number(E164::parse(text)?)),
        }
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Sip(address) => write!(f, "sip:{address}"),
        }
    }
}

impl Serialize for Phone {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl SipAddress {
    fn parse(rest: &str) -> Option<Self> {
        let (user, host_port) = rest.split_once('@')?;
        let (host, port) = split_port(host_port)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.!~*+".contains(c);
        let host_ok =
            !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-.:[]".contains(c));
        (!user.is_empty() && user.chars().all(plain) && host_ok).then(|| Self {
            user: user.to_owned(),
            host: host.to_owned(),
            port,
        })
    }

    /// The part before the `@`.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// A name, an IPv4 address, or an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, where one is written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

/// Splits `host`, `host:port`, `[v6]` and `[v6]:port`.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let name_end = text.find(']').map_or(0, |at| at + 1);
    match text[name_end..].split_once(':') {
        Some((name_rest, port)) => {
            let host = &text[..name_end + name_rest.len()];
            Some((host, Some(port.parse().ok()?)))
        }
        None => Some((text, None)),
    }
}

impl fmt::Display for SipAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.user, self.host)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carrier_may_write_our_number_in_four_ways() {
        let ours = E164::parse("+4930123456").unwrap();
        for form in ["+4930123456", "004930123456", "030123456", "4930123456", "+49 (30) 123-456"] {
            assert_eq!(E164::from_dialled(form, Some("49")), Some(ours.clone()), "{form}");
        }
        assert_eq!(E164::from_dialled("030123456", None), None);
        assert_eq!(E164::from_dialled("anonymous", Some("49")), None);
    }

    #[test]
    fn what_is_not_a_number_is_refused_with_the_reason() {
        assert_eq!(E164::parse("030123"), Err(NumberError::NoPlus));
        assert_eq!(E164::parse("+49x"), Err(NumberError::NotADigit('x')));
        assert_eq!(E164::parse("+0049"), Err(NumberError::Length));
        assert_eq!(E164::parse("+1234567890123456"), Err(NumberError::Length));
    }

    #[test]
    fn sip_addresses_keep_user_host_and_port() {
        for text in ["sip:anna@10.1.2.3", "sip:anna@[fe80::1]:5070", "sip:1@pbx.example:5080"] {
            assert_eq!(Phone::parse(text).unwrap().to_string(), text);
        }
        for text in ["sip:anna", "sip:@host", "sip:a@", "sip:a;b@h", "sip:a@h:99999", "sip:a\r\n@h"] {
            assert_eq!(Phone::parse(text), Err(PhoneError::Sip), "{text}");
        }
    }
}
