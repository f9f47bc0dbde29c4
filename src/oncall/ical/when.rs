//! Times and lengths as calendars write them.

use jiff::civil::{Date, DateTime};
use jiff::{Span, Timestamp};

use super::event::Length;
use super::line::Line;
use super::zones::Zones;
use super::{Fault, FaultKind};
use crate::oncall::zone::Zone;

/// A time of a calendar: a reading of the wall clock, and of whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// What the clock shows; midnight, where only a date was written.
    pub wall: DateTime,
    /// Whose clock; `None`: the reader's.
    pub zone: Option<Zone>,
    /// A date without a time.
    pub is_date: bool,
}

impl When {
    /// The instant, for a reader in a zone.
    pub fn instant(&self, reader: &Zone) -> Timestamp {
        self.zone.as_ref().unwrap_or(reader).instant(self.wall)
    }

    /// What the clock of another place shows then.
    pub fn wall_in(&self, zone: &Zone, reader: &Zone) -> DateTime {
        let own = self.zone.as_ref().unwrap_or(reader);
        if own == zone { self.wall } else { zone.local(self.instant(reader)) }
    }
}

/// Reads the times of a line: one, or several with commas between.
pub fn times(line: &Line, zones: &Zones) -> Result<Vec<When>, Fault> {
    let zone = line.parameter("TZID").map(|name| zones.find(name, line.number)).transpose()?;
    line.value.split(',').map(|text| one(text, zone.as_ref(), line)).collect()
}

/// Reads the time of a line.
pub fn time(line: &Line, zones: &Zones) -> Result<When, Fault> {
    let zone = line.parameter("TZID").map(|name| zones.find(name, line.number)).transpose()?;
    one(&line.value, zone.as_ref(), line)
}

/// Reads `20260105T090000Z`, `20260105T090000` or `20260105`.
pub fn one(text: &str, zone: Option<&Zone>, line: &Line) -> Result<When, Fault> {
    let text = text.trim();
    let fault = || Fault::at(line.number, FaultKind::Time(line.name.clone(), short(text)));
    let (plain, zone) = match text.strip_suffix(['Z', 'z']) {
        Some(plain) => (plain, Some(Zone::utc())),
        None => (text, zone.cloned()),
    };
    let sane = |wall: &DateTime| (1900..=2200).contains(&wall.year());
    if let Ok(date) = Date::strptime("%Y%m%d", plain) {
        let wall = Some(date.at(0, 0, 0, 0)).filter(sane).ok_or_else(fault)?;
        return Ok(When { wall, zone: None, is_date: true });
    }
    let wall = DateTime::strptime("%Y%m%dT%H%M%S", plain).ok().filter(sane).ok_or_else(fault)?;
    Ok(When { wall, zone, is_date: false })
}

/// Reads a length: `PT12H`, `P1D`, `P2W`. Not longer than a year, and never backwards.
pub fn length(text: &str, line: &Line) -> Result<Length, Fault> {
    let fault = || Fault::at(line.number, FaultKind::Length(short(text)));
    let span: Span = text.trim().trim_start_matches('+').parse().map_err(|_| fault())?;
    let days = i64::from(span.get_weeks()) * 7 + i64::from(span.get_days());
    let hours = i64::from(span.get_hours());
    let (minutes, seconds) = (span.get_minutes(), span.get_seconds());
    let short_enough = (0..=366).contains(&days)
        && (0..=366 * 24).contains(&hours)
        && (0..=366 * 24 * 60).contains(&minutes)
        && (0..=366 * 86_400).contains(&seconds);
    let plain = span.get_years() == 0 && span.get_months() == 0 && !span.is_negative();
    let seconds = hours * 3600 + minutes * 60 + seconds;
    if plain && short_enough { Ok(Length::Nominal { days, seconds }) } else { Err(fault()) }
}

/// The beginning of a text that may be long.
pub fn short(text: &str) -> String {
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    let mut short: String = text.chars().take(80).map(plain).collect();
    if text.chars().nth(80).is_some() {
        short.push_str("...");
    }
    short
}
