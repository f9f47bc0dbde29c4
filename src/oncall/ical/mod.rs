//! iCalendar (RFC 5545): calendars read and written. Pure: octets in, events out, and the other way round.
//!
//! A calendar comes from somebody else. It is read whole or not at all: an event that cannot be read is a fault
//! that is told, never a gap. And it is read within bounds: octets, depth, events and the work of finding what
//! recurs are limited, so that a hostile one costs some tenths of a second and no more.

mod component;
mod event;
mod expand;
mod line;
#[cfg(test)]
mod tests;
mod when;
mod write;
mod zones;

use std::fmt;

pub use event::Event;
pub use expand::Occurrence;
pub(super) use when::short;
pub use write::{Entry, write};

use crate::oncall::recurrence::RuleError;

/// The longest calendar, in octets: ten years of shifts are a tenth of it.
pub const MOST_OCTETS: usize = 8 << 20;
/// The most events of a calendar.
pub const MOST_EVENTS: usize = 20_000;

/// A calendar that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Its events, as they are written.
    pub events: Vec<Event>,
}

/// Why a calendar cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, counted from 1; 0: none in particular.
    pub line: usize,
    /// What is wrong there.
    pub kind: FaultKind,
}

/// What is wrong with a calendar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// No `BEGIN:VCALENDAR`.
    #[error("this is not a calendar: it does not begin with BEGIN:VCALENDAR")]
    NoCalendar,
    /// No `END:VCALENDAR`.
    #[error("the calendar has no end: it was cut off on the way")]
    CutOff,
    /// Another part ends than the one that began last.
    #[error("{0} does not end where it should")]
    End(String),
    /// Parts in parts in parts.
    #[error("the calendar is nested too deep")]
    TooDeep,
    /// Too many octets.
    #[error("the calendar is longer than {} MiB", MOST_OCTETS >> 20)]
    TooLong,
    /// Too many events.
    #[error("the calendar has more than {MOST_EVENTS} events")]
    TooMany,
    /// Recurs more often than we are ready to follow.
    #[error("what recurs in the calendar recurs too often to be followed")]
    TooMuch,
    /// An event without `DTSTART`.
    #[error("this event has no DTSTART")]
    NoStart,
    /// Not a time.
    #[error("`{1}` is not a time ({0})")]
    Time(String, String),
    /// Not a length.
    #[error("`{0}` is not the length of an event: up to a year, as in PT12H or P7D")]
    Length(String),
    /// The end is before the beginning, or more than ten years after it.
    #[error("the event ends before it begins, or more than ten years later")]
    Backwards,
    /// A zone that nobody explains.
    #[error("the time zone `{0}` is not known, and the calendar does not explain it")]
    Zone(String),
    /// A rule that cannot be followed.
    #[error(transparent)]
    Rule(RuleError),
}

impl Fault {
    fn at(line: usize, kind: FaultKind) -> Self {
        Self { line, kind }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => self.kind.fmt(f),
            line => write!(f, "line {line}: {}", self.kind),
        }
    }
}

impl std::error::Error for Fault {}

impl Calendar {
    /// Reads a calendar.
    pub fn read(octets: &[u8]) -> Result<Self, Fault> {
        let whole = component::read(octets)?;
        let mut zones = zones::Zones::default();
        for zone in whole.inner.iter().filter(|part| part.name == "VTIMEZONE") {
            zones.add(zone);
        }
        let parts: Vec<_> = whole.inner.iter().filter(|part| part.name == "VEVENT").collect();
        if let Some(one_too_many) = parts.get(MOST_EVENTS) {
            return Err(Fault::at(one_too_many.number, FaultKind::TooMany));
        }
        let events = parts.into_iter().map(|part| Event::read(part, &zones)).collect::<Result<_, _>>()?;
        Ok(Self { events })
    }
}
