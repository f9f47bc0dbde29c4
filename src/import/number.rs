//! Phone numbers as other services keep them.

use crate::oncall::E164;

/// Reads `49-15112345678`, `+49 151 12345678`, `0049151...` or `4915112345678`.
pub(super) fn read(text: &str) -> Option<E164> {
    let text = text.trim();
    if text.starts_with('+') {
        return with_country(text.trim_start_matches('+')).or_else(|| E164::parse(text).ok());
    }
    if text.starts_with("00") {
        return E164::from_dialled(text, None);
    }
    with_country(text).or_else(|| E164::from_digits(text))
}

/// A country code, a hyphen, and the number as it is written in that country: `49-0151...` has a 0
/// too many, and in Italy the 0 stays.
fn with_country(text: &str) -> Option<E164> {
    let (country, national) = text.split_once('-')?;
    join(country, national)
}

/// The number of a country.
pub(super) fn join(country: &str, national: &str) -> Option<E164> {
    let country = country.trim().trim_start_matches('+');
    let is_code = (1..=3).contains(&country.len()) && country.bytes().all(|byte| byte.is_ascii_digit());
    if !is_code {
        return None;
    }
    if national.trim().starts_with('0') {
        E164::from_dialled(national, Some(country))
    } else {
        E164::parse(&format!("+{country}{national}")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_all_their_forms() {
        for (text, number) in [
            ("49-15112345678", "+4915112345678"),
            ("49-015112345678", "+4915112345678"),
            ("+49-151 123 456 78", "+4915112345678"),
            ("+4915112345678", "+4915112345678"),
            ("004915112345678", "+4915112345678"),
            ("4915112345678", "+4915112345678"),
            ("1-212-555-0123", "+12125550123"),
            ("39-0612345678", "+390612345678"),
            ("44-07700900123", "+447700900123"),
        ] {
            assert_eq!(read(text).map(|number| number.to_string()).as_deref(), Some(number), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_not_made_one() {
        for text in ["", "-", "49-", "anna", "12345-678x", "+"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
