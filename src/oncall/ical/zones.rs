//! The time zones that a calendar brings along. Most are known by their name; what is not (Outlook's `W. Europe
//! Standard Time`, or a name somebody made up) is worked out from the rules that stand in the calendar.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::component::Component;
use super::when::short;
use super::{Fault, FaultKind};
use crate::oncall::zone::Zone;

/// What the names of zones mean in one calendar.
#[derive(Debug, Default)]
pub struct Zones(BTreeMap<String, Zone>);

impl Zones {
    /// Takes a `VTIMEZONE` in.
    pub fn add(&mut self, component: &Component) {
        let Some(name) = component.value("TZID") else { return };
        let location = component.value("X-LIC-LOCATION");
        let zone = known(name).or_else(|| location.and_then(known)).or_else(|| by_rules(name, component));
        if let Some(zone) = zone {
            self.0.insert(name.to_owned(), zone);
        }
    }

    /// The zone of a name.
    pub fn find(&self, name: &str, line: usize) -> Result<Zone, Fault> {
        let zone = self.0.get(name).cloned().or_else(|| known(name));
        zone.ok_or_else(|| Fault::at(line, FaultKind::Zone(short(name))))
    }
}

/// A zone of the IANA database, also behind a path as in `/citadel.org/20210210_1/Europe/Berlin`.
fn known(name: &str) -> Option<Zone> {
    let ends = name.match_indices('/').filter_map(|(at, _)| name.get(at + 1..));
    std::iter::once(name).chain(ends).find_map(|name| name.parse().ok())
}

/// From the newest rule of standard time and the newest of summer time.
fn by_rules(name: &str, component: &Component) -> Option<Zone> {
    let newest = |kind: &str| {
        let all = component.inner.iter().filter(|inner| inner.name == kind);
        all.max_by_key(|inner| inner.value("DTSTART").unwrap_or_default().to_owned())
    };
    let standard = newest("STANDARD")?;
    let offset = |part: &Component| posix_offset(part.value("TZOFFSETTO")?);
    let change = |part: &Component| posix_change(part);
    let summer = newest("DAYLIGHT").and_then(|part| Some((offset(part)?, change(part)?, change(standard)?)));
    let rules = match summer {
        Some((summer, begins, ends)) => format!("<STD>{}<DST>{summer},{begins},{ends}", offset(standard)?),
        None => format!("<STD>{}", offset(standard)?),
    };
    Some(Zone::of_rules(name, TimeZone::posix(&rules).ok()?))
}

/// `+0130` as POSIX writes it: west is positive.
fn posix_offset(text: &str) -> Option<String> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => ("-", digits),
        ("-", digits) => ("", digits),
        _ => return None,
    };
    let numeric = digits.len() >= 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    numeric.then(|| Some(format!("{sign}{}:{}", digits.get(..2)?, digits.get(2..4)?)))?
}

/// `FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU` from 02:00 on as `M3.5.0/02:00:00`.
fn posix_change(part: &Component) -> Option<String> {
    const DAYS: [&str; 7] = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];
    let rule = part.value("RRULE")?.to_uppercase();
    let of = |name: &str| rule.split(';').find_map(|item| item.strip_prefix(name)?.strip_prefix('='));
    if of("UNTIL").is_some() || of("FREQ") != Some("YEARLY") {
        return None;
    }
    let month: u8 = of("BYMONTH")?.parse().ok()?;
    let (position, day) = of("BYDAY")?.split_at_checked(of("BYDAY")?.len().checked_sub(2)?)?;
    let week = match position.parse::<i8>().ok()? {
        -1 => 5,
        week @ 1..=4 => week,
        _ => return None,
    };
    let day = DAYS.iter().position(|name| *name == day)?;
    let clock = part.value("DTSTART")?.split_once('T')?.1;
    let (hours, minutes, seconds) = (clock.get(..2)?, clock.get(2..4)?, clock.get(4..6)?);
    Some(format!("M{month}.{week}.{day}/{hours}:{minutes}:{seconds}"))
}
