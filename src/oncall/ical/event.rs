//! One event of a calendar, as it is written.

use jiff::civil::DateTime;

use super::component::Component;
use super::line::Line;
use super::when::{self, When};
use super::zones::Zones;
use super::{Fault, FaultKind};
use crate::oncall::recurrence::RecurrenceRule;

/// The longest event, in days: who is on call for years is one event, too.
const LONGEST_DAYS: i64 = 3660;

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The line it begins on.
    pub line: usize,
    /// Its name; occurrences that were moved have the name of the event they belong to.
    pub uid: String,
    /// What it is called.
    pub summary: String,
    /// The e-mail addresses of those who take part.
    pub attendees: Vec<String>,
    /// When it begins, or the first of them.
    pub start: When,
    /// How long it, or each of them, lasts.
    pub length: Length,
    /// The rules by which it recurs.
    pub rules: Vec<RecurrenceRule>,
    /// More times at which it takes place.
    pub also: Vec<(When, Option<Length>)>,
    /// Times at which it does not.
    pub except: Vec<When>,
    /// Which occurrence of the event of this name it stands for, and whether also for all later ones.
    pub instead_of: Option<(When, bool)>,
    /// It does not take place.
    pub cancelled: bool,
}

/// How long an event lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// Until the clock has gone on by so many seconds: a night from 20:00 to 08:00 ends at 08:00 whatever the
    /// clocks do.
    Wall(i64),
    /// Days of the calendar, then seconds as they pass.
    Nominal {
        /// Days.
        days: i64,
        /// Seconds.
        seconds: i64,
    },
}

impl Event {
    pub(super) fn read(component: &Component, zones: &Zones) -> Result<Self, Fault> {
        let missing = || Fault::at(component.number, FaultKind::NoStart);
        let start = when::time(component.line("DTSTART").ok_or_else(missing)?, zones)?;
        let text = |name: &str| component.line(name).map(Line::text).unwrap_or_default();
        let lists = |name: &str| -> Result<Vec<When>, Fault> {
            let lists: Result<Vec<_>, _> = component.all(name).map(|line| when::times(line, zones)).collect();
            Ok(lists?.concat())
        };
        let also: Result<Vec<_>, _> = component.all("RDATE").map(|line| more_times(line, zones)).collect();
        let instead_of = component.line("RECURRENCE-ID").map(|line| {
            let later_ones = line.parameter("RANGE").is_some_and(|range| range == "THISANDFUTURE");
            Ok((when::time(line, zones)?, later_ones))
        });
        Ok(Self {
            line: component.number,
            uid: text("UID"),
            summary: text("SUMMARY").trim().to_owned(),
            attendees: component.all("ATTENDEE").filter_map(attendee).collect(),
            length: length(component, &start, zones)?,
            rules: component.all("RRULE").map(rule).collect::<Result<_, _>>()?,
            also: also?.concat(),
            except: lists("EXDATE")?,
            instead_of: instead_of.transpose()?,
            cancelled: component
                .value("STATUS")
                .is_some_and(|status| status.eq_ignore_ascii_case("CANCELLED")),
            start,
        })
    }
}

fn rule(line: &Line) -> Result<RecurrenceRule, Fault> {
    line.value.parse().map_err(|fault| Fault::at(line.number, FaultKind::Rule(fault)))
}

/// `mailto:anna@acme.example`, unless it was declined.
fn attendee(line: &Line) -> Option<String> {
    let declined = line.parameter("PARTSTAT").is_some_and(|status| status.eq_ignore_ascii_case("DECLINED"));
    let address = line.parameter("EMAIL").unwrap_or(line.value.trim());
    let is_mail = address.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
    let address = if is_mail { address.get(7..)? } else { address };
    (!declined && address.contains('@')).then(|| address.to_owned())
}

/// From `DTEND`, else from `DURATION`; without either a date is a day, and a time takes no time at all.
fn length(component: &Component, start: &When, zones: &Zones) -> Result<Length, Fault> {
    if let Some(line) = component.line("DTEND") {
        let end = when::time(line, zones)?;
        return until(start, &end).ok_or_else(|| Fault::at(line.number, FaultKind::Backwards));
    }
    match component.line("DURATION") {
        Some(line) => when::length(&line.value, line),
        None => Ok(Length::Wall(86_400 * i64::from(start.is_date))),
    }
}

/// What the clock at the beginning goes on by until the end; an end far away or before the beginning is none.
fn until(start: &When, end: &When) -> Option<Length> {
    let utc = crate::oncall::zone::Zone::utc();
    let own = start.zone.as_ref().unwrap_or(&utc);
    let end: DateTime = match (&start.zone, &end.zone) {
        (None, _) | (_, None) => end.wall,
        _ => end.wall_in(own, &utc),
    };
    let length = start.wall.duration_until(end);
    let seconds = length.as_secs();
    (0..=LONGEST_DAYS * 86_400).contains(&seconds).then_some(Length::Wall(seconds))
}

/// The times of an `RDATE`, also as periods: `20260105T090000Z/PT8H`.
fn more_times(line: &Line, zones: &Zones) -> Result<Vec<(When, Option<Length>)>, Fault> {
    let zone = line.parameter("TZID").map(|name| zones.find(name, line.number)).transpose()?;
    let one = |text: &str| {
        let Some((begin, end)) = text.split_once('/') else {
            return Ok((when::one(text, zone.as_ref(), line)?, None));
        };
        let begin = when::one(begin, zone.as_ref(), line)?;
        let length = match end.starts_with(['P', '+', 'p']) {
            true => when::length(end, line)?,
            false => until(&begin, &when::one(end, zone.as_ref(), line)?)
                .ok_or_else(|| Fault::at(line.number, FaultKind::Backwards))?,
        };
        Ok((begin, Some(length)))
    };
    line.value.split(',').map(one).collect()
}
