//! Recurrence rules of RFC 5545 (section 3.3.10), on the wall clock: which times a rule names, without a look
//! at any time zone. The instants come afterwards, from [`Zone::instant`], as for all our times.
//!
//! A rule is looked at one period (year, month, week, day) at a time, and any period can be looked at without
//! the ones before it: what is long past costs nothing.

mod period;
mod read;
mod series;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use jiff::civil::{DateTime, Weekday};

pub use read::RuleError;
pub(super) use series::{Numbered, Occurrence, Series, Work};

use crate::oncall::zone::Zone;

/// A rule by which times recur.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecurrenceRule {
    frequency: Frequency,
    /// Each so many periods.
    interval: u32,
    end: End,
    week_start: Weekday,
    months: Vec<i8>,
    weeks: Vec<i16>,
    year_days: Vec<i16>,
    month_days: Vec<i16>,
    days: Vec<Nth>,
    hours: Vec<i8>,
    minutes: Vec<i8>,
    seconds: Vec<i8>,
    /// Which of a period's times are meant, counted from 1, or from -1 backwards.
    positions: Vec<i16>,
}

/// What a rule counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// When a rule is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Never,
    Count(u32),
    Until(Until),
}

/// The last time that may be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    Wall(DateTime),
    Instant(Timestamp),
}

/// A day of the week; the second, the last, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Nth {
    /// 0: all; 2: the second of its month or year; -1: the last.
    position: i16,
    /// Days after Monday.
    from_monday: i8,
}

impl RecurrenceRule {
    fn every(frequency: Frequency) -> Self {
        Self {
            frequency,
            interval: 1,
            end: End::Never,
            week_start: Weekday::Monday,
            months: Vec::new(),
            weeks: Vec::new(),
            year_days: Vec::new(),
            month_days: Vec::new(),
            days: Vec::new(),
            hours: Vec::new(),
            minutes: Vec::new(),
            seconds: Vec::new(),
            positions: Vec::new(),
        }
    }

    /// The same rule with what it leaves open taken from the first time.
    fn completed(mut self, start: DateTime) -> Self {
        let no_day = self.year_days.is_empty() && self.month_days.is_empty() && self.days.is_empty();
        let weekday = Nth { position: 0, from_monday: start.weekday().to_monday_zero_offset() };
        match self.frequency {
            _ if !no_day => {}
            Frequency::Yearly if !self.weeks.is_empty() => self.days = vec![weekday],
            Frequency::Yearly => {
                if self.months.is_empty() {
                    self.months = vec![start.month()];
                }
                self.month_days = vec![i16::from(start.day())];
            }
            Frequency::Monthly => self.month_days = vec![i16::from(start.day())],
            Frequency::Weekly => self.days = vec![weekday],
            Frequency::Daily => {}
        }
        let or = |list: Vec<i8>, value: i8| if list.is_empty() { vec![value] } else { list };
        self.hours = or(self.hours, start.hour());
        self.minutes = or(self.minutes, start.minute());
        self.seconds = or(self.seconds, start.second());
        self
    }

    /// The last wall-clock time that may be meant, where there is one.
    fn last(&self, zone: &Zone) -> Option<DateTime> {
        match self.end {
            End::Until(Until::Wall(wall)) => Some(wall),
            End::Until(Until::Instant(at)) => Some(zone.local(at)),
            End::Never | End::Count(_) => None,
        }
    }
}
