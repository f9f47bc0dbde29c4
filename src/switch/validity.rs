//! From when until when a certificate is valid (RFC 5280 4.1.2.5): as much of DER as that takes.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`: the version, which may be left out.
const VERSION: u8 = 0xA0;

/// The first and the last second of a certificate, since 1970; nothing, if it cannot be read.
pub(super) fn of(certificate: &[u8]) -> Option<(u64, u64)> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (fields, _) = element(certificate, SEQUENCE)?;
    let rest = element(fields, VERSION).map_or(fields, |(_, rest)| rest);
    // The serial number, the algorithm and the issuer come first.
    let rest = (0..3).try_fold(rest, |rest, _| any(rest).map(|(_, _, rest)| rest))?;
    let (validity, _) = element(rest, SEQUENCE)?;
    let (kind, begin, rest) = any(validity)?;
    let (end_kind, end, _) = any(rest)?;
    Some((time(kind, begin)?, time(end_kind, end)?))
}

/// The content of the first element if it is of this kind, and what follows it.
fn element(der: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = any(der)?;
    (found == kind).then_some((content, rest))
}

/// Kind, content and what follows of the first element.
fn any(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short if *short < 0x80 => (usize::from(*short), rest),
        long => {
            let (octets, rest) = rest.split_at_checked(usize::from(long & 0x7F))?;
            let add = |length: usize, octet: &u8| length.checked_mul(256)?.checked_add(usize::from(*octet));
            (octets.iter().try_fold(0, add)?, rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*kind, content, rest))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn time(kind: u8, text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match kind {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2)?.parse::<i8>().ok();
    let day = Date::new(year, part(0)?, part(2)?).ok()?;
    let moment = day.to_datetime(Time::new(part(4)?, part(6)?, part(8)?, 0).ok()?);
    let zoned = moment.to_zoned(TimeZone::UTC).ok()?;
    u64::try_from(zoned.timestamp().as_second()).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_dates_of_a_certificate_are_read_in_both_forms() {
        let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 2);
        params.not_after = rcgen::date_time_ymd(2060, 3, 4);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let at = |year, month, day| {
            let moment = date(year, month, day).to_zoned(TimeZone::UTC).unwrap();
            u64::try_from(moment.timestamp().as_second()).unwrap()
        };
        assert_eq!(of(certificate.der()), Some((at(2020, 1, 2), at(2060, 3, 4))));
        for end in 0..certificate.der().len() {
            // What is cut short is never read as something else.
            assert!(of(&certificate.der()[..end]).is_none());
        }
    }
}
