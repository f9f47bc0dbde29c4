//! The times of a rule from a first one on: those between two times, and which number each has.

use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use jiff::{Span, ToSpan as _};

use super::{End, RecurrenceRule};
use crate::oncall::zone::Zone;

/// Up to which year the numbers of occurrences are kept ready.
const COUNTED_UNTIL: i16 = 2100;
/// How far the next or the last occurrence is looked for.
const HORIZON_DAYS: i64 = 400;

/// How much may still be looked at: keeps a hostile calendar from taking our time.
#[derive(Debug, Clone, Copy)]
pub struct Work(pub u32);

/// More would have to be looked at than may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuch;

impl Work {
    fn spend(&mut self, cost: u32) -> Result<(), TooMuch> {
        self.0 = self.0.checked_sub(cost).ok_or(TooMuch)?;
        Ok(())
    }
}

/// The wall-clock times at which something recurs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    rule: RecurrenceRule,
    start: DateTime,
    last: Option<DateTime>,
}

impl Series {
    /// The times of a rule from `start` on. `start` itself is among them where the rule means it.
    pub fn new(rule: &RecurrenceRule, start: DateTime, zone: &Zone) -> Self {
        Self { last: rule.last(zone), rule: rule.clone().completed(start), start }
    }

    /// The times from one time to before another, in order.
    pub fn between(
        &self,
        from: DateTime,
        until: DateTime,
        work: &mut Work,
    ) -> Result<Vec<DateTime>, TooMuch> {
        let until = self.last.map_or(until, |last| until.min(last.saturating_add(1.second())));
        if until <= self.start {
            return Ok(Vec::new());
        }
        // What ends after so many times has to be counted from its beginning.
        let (begin, most) = match self.rule.end {
            End::Count(count) => (0, usize::try_from(count).unwrap_or(usize::MAX)),
            End::Never | End::Until(_) => (self.index(from).max(0), usize::MAX),
        };
        let mut times = Vec::new();
        let mut counted = 0;
        for index in begin..=self.index(until) {
            work.spend(self.rule.cost())?;
            let here = self.period(index);
            work.spend(u32::try_from(here.len()).unwrap_or(u32::MAX))?;
            let left = most.saturating_sub(counted);
            counted += here.len();
            times.extend(here.into_iter().take(left).filter(|time| (from..until).contains(time)));
            if counted >= most {
                break;
            }
        }
        Ok(times)
    }

    /// The period a time is in, counted from 0 at the start; a time between two belongs to the one before.
    fn index(&self, time: DateTime) -> i64 {
        let units = self.rule.unit(time.date()) - self.rule.unit(self.start.date());
        units.div_euclid(i64::from(self.rule.interval))
    }

    /// The times in one period, whatever a count says.
    fn period(&self, index: i64) -> Vec<DateTime> {
        let mut times = self.first_day(index).map(|first| self.rule.times_from(first)).unwrap_or_default();
        times.retain(|time| *time >= self.start && self.last.is_none_or(|last| *time <= last));
        times
    }

    /// The day on which a period begins.
    fn first_day(&self, index: i64) -> Option<Date> {
        let units = index.checked_mul(i64::from(self.rule.interval))?;
        self.rule.first_day(self.start.date(), units)
    }
}

/// An occurrence, and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// Counts from 0.
    pub number: i64,
    /// When it begins.
    pub begins: DateTime,
}

/// A series of which every occurrence's number is known without counting from the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    series: Series,
    /// How many occurrences lie before each block of periods.
    before: Arc<[i64]>,
}

impl Numbered {
    /// Counts once, up to the year 2100.
    pub fn new(series: Series) -> Self {
        let end = jiff::civil::date(COUNTED_UNTIL, 1, 1).at(0, 0, 0, 0);
        let block = Self::block(&series);
        let mut before = vec![0];
        let mut count = 0;
        for index in 0..series.index(end).max(0) {
            count += length(&series.period(index));
            if (index + 1) % block == 0 {
                before.push(count);
            }
        }
        Self { series, before: before.into() }
    }

    /// How many periods are counted together: days are so many and so quick that it pays.
    fn block(series: &Series) -> i64 {
        if series.rule.cost() == 1 { 32 } else { 1 }
    }

    /// Those near a time: all from `span` before it to the first one after it, and at least one before it,
    /// but none that is more than a year away.
    pub fn near(&self, time: DateTime, span: Span) -> Vec<Occurrence> {
        let earliest = time.saturating_sub(span).min(time.saturating_sub(1.day()));
        let latest = time.saturating_add(1.day());
        let middle = self.series.index(time).max(0);
        let mut found = self.occurrences(middle);
        let mut index = middle;
        while index > 0 && found.first().is_none_or(|first| first.begins >= earliest) {
            if self.hours_from(index, time).is_none_or(|hours| hours > HORIZON_DAYS * 24) {
                break;
            }
            index -= 1;
            found.splice(0..0, self.occurrences(index));
        }
        let mut index = middle;
        while found.last().is_none_or(|last| last.begins <= latest) {
            index += 1;
            if self.hours_from(index, time).is_none_or(|hours| hours < -HORIZON_DAYS * 24) {
                break;
            }
            found.extend(self.occurrences(index));
        }
        found
    }

    /// How long before a time a period begins, in hours.
    fn hours_from(&self, index: i64, time: DateTime) -> Option<i64> {
        Some(self.series.first_day(index)?.at(0, 0, 0, 0).duration_until(time).as_hours())
    }

    /// Whether there is any at all before the year 2100.
    pub fn ever_occurs(&self) -> bool {
        self.before.last().is_some_and(|count| *count > 0)
            || !self.occurrences(self.series.index(self.series.start)).is_empty()
    }

    /// The occurrences in one period.
    fn occurrences(&self, index: i64) -> Vec<Occurrence> {
        let begins = self.series.period(index);
        if begins.is_empty() {
            return Vec::new();
        }
        let most = match self.series.rule.end {
            End::Count(count) => i64::from(count),
            End::Never | End::Until(_) => i64::MAX,
        };
        let numbered = (self.count_before(index)..most).zip(begins);
        numbered.map(|(number, begins)| Occurrence { number, begins }).collect()
    }

    fn count_before(&self, index: i64) -> i64 {
        let block = Self::block(&self.series);
        let last = self.before.len().saturating_sub(1);
        let kept = usize::try_from(index / block).unwrap_or(last).min(last);
        let counted = self.before.get(kept).copied().unwrap_or_default();
        let from = i64::try_from(kept).unwrap_or_default() * block;
        counted + (from..index).map(|index| length(&self.series.period(index))).sum::<i64>()
    }
}

fn length(times: &[DateTime]) -> i64 {
    i64::try_from(times.len()).unwrap_or(i64::MAX)
}
