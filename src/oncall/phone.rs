//! Phone numbers in E.164 and SIP addresses: the only things that can ever be dialled.
//!
//! A [`Phone`] is made from settings alone. No header of an incoming call can become one, so a
//! caller cannot choose what we dial.

use std::fmt;

use serde::Serialize;

use super::numbering::{NumberFormat, Plan};

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
    /// `+49...`, `0049...`, `030...` or `4930...`, with or without visual separators. Without a country only
    /// the first two are known. How a country writes its own numbers differs: in North America
    /// `2125550123` and `011...`, in Italy the 0 stays.
    pub fn from_dialled(text: &str, country: Option<&str>) -> Option<Self> {
        let text = text.trim();
        if text.starts_with('+') {
            return Self::parse(text).ok();
        }
        let digits = digits(text)?;
        match country {
            Some(country) => Self::from_digits(&Plan::of(country).read(&digits, country)?),
            None => Self::from_digits(digits.strip_prefix("00")?),
        }
    }

    /// Reads a number that is written as in E.164, but for the `+`.
    pub fn from_digits(text: &str) -> Option<Self> {
        Self::parse(&format!("+{}", digits(text)?)).ok()
    }

    /// The number as a carrier of `country` (its calling code) wants it. What a country needs is not known
    /// without one: then national numbers are written as international ones.
    pub fn written(&self, format: NumberFormat, country: Option<&str>) -> String {
        let digits = self.0.trim_start_matches('+');
        let plan = country.map_or_else(Plan::usual, Plan::of);
        match (format, country) {
            (NumberFormat::E164, _) => self.0.clone(),
            (NumberFormat::Digits, _) => digits.to_owned(),
            (NumberFormat::National, Some(country)) => plan.write(digits, country),
            (NumberFormat::International | NumberFormat::National, _) => plan.write_abroad(digits),
        }
    }

    /// The number with its `+`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The digits of a text that holds nothing but digits and visual separators (RFC 3966 3).
fn digits(text: &str) -> Option<String> {
    let mut digits = String::with_capacity(text.len().min(32));
    for c in text.trim().chars() {
        match c {
            '0'..='9' => digits.push(c),
            ' ' | '-' | '.' | '(' | ')' | '/' => {}
            _ => return None,
        }
    }
    (!digits.is_empty()).then_some(digits)
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
    fn a_country_has_habits_of_its_own() {
        let forms = [
            ("1", "2125550123", "+12125550123"),
            ("1", "12125550123", "+12125550123"),
            ("1", "(212) 555-0123", "+12125550123"),
            ("1", "011493012345", "+493012345"),
            ("39", "0612345678", "+390612345678"),
            ("39", "390612345678", "+390612345678"),
            ("45", "45123456", "+4545123456"),
            ("45", "4545123456", "+4545123456"),
            ("34", "912345678", "+34912345678"),
            ("7", "84951234567", "+74951234567"),
            ("7", "810493012345", "+493012345"),
            ("36", "0612345678", "+3612345678"),
            ("91", "9198765432", "+919198765432"),
            ("91", "09876543210", "+919876543210"),
            ("91", "919876543210", "+919876543210"),
            ("49", "(030) 123-456", "+4930123456"),
        ];
        for (country, dialled, number) in forms {
            let read = E164::from_dialled(dialled, Some(country)).map(|number| number.to_string());
            assert_eq!(read.as_deref(), Some(number), "{dialled} in +{country}");
        }
    }

    #[test]
    fn a_number_is_written_as_the_carrier_wants_it() {
        let forms = [
            (NumberFormat::E164, "+4930123456", Some("49"), "+4930123456"),
            (NumberFormat::Digits, "+4930123456", Some("49"), "4930123456"),
            (NumberFormat::International, "+4930123456", Some("49"), "004930123456"),
            (NumberFormat::National, "+4930123456", Some("49"), "030123456"),
            (NumberFormat::National, "+43123456", Some("49"), "0043123456"),
            (NumberFormat::National, "+12125550123", Some("1"), "2125550123"),
            (NumberFormat::National, "+4930123456", Some("1"), "0114930123456"),
            (NumberFormat::National, "+390612345678", Some("39"), "0612345678"),
            (NumberFormat::National, "+4930123456", None, "004930123456"),
        ];
        for (format, number, country, written) in forms {
            assert_eq!(
                E164::parse(number).unwrap().written(format, country),
                written,
                "{format:?} {country:?}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_for_a_carrier_is_read_back_as_the_same_number(
            own in proptest::bool::ANY,
            national in "[1-9][0-9]{9}",
            format in proptest::sample::select(vec![NumberFormat::E164, NumberFormat::International, NumberFormat::National]),
            country in proptest::sample::select(vec!["1", "7", "33", "34", "36", "39", "44", "45", "49", "91", "420"]),
        ) {
            // A country whose numbers have nine digits has none of ten.
            let length = match country { "45" => 8, "34" | "420" => 9, _ => 10 };
            let text = if own { format!("+{country}{}", &national[..length]) } else { format!("+380{}", &national[..9]) };
            let number = E164::parse(&text).unwrap();
            // An Italian number without its 0 is a mobile one, which nobody can tell from a number abroad.
            proptest::prop_assume!(country != "39" || format != NumberFormat::National || !own);
            // No area code of +7 begins with 10, so that 810 is always the way abroad.
            proptest::prop_assume!(country != "7" || !own || !national.starts_with("10"));
            let written = number.written(format, Some(country));
            proptest::prop_assert_eq!(E164::from_dialled(&written, Some(country)), Some(number), "{} in +{}", written, country);
        }
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
