//! From events to occurrences: what takes place when, in a stretch of time.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::DateTime;
use jiff::{Timestamp, ToSpan as _};

use super::event::{Event, Length};
use super::when::When;
use super::{Calendar, Fault, FaultKind};
use crate::oncall::recurrence::{Series, Work};
use crate::oncall::zone::Zone;

/// A change of a series may make its occurrences longer, by so many days at most.
const USUAL_DAYS: i64 = 400;

/// How many days and times are looked at in one calendar: years of many recurring events, and some tenths of a
/// second of ours at most.
const MOST_WORK: u32 = 1_000_000;

/// Something that takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence<'a> {
    /// The event, or the one that says how this occurrence is otherwise.
    pub event: &'a Event,
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
}

/// The occurrences of an event that are otherwise than the rest, by the instant at which they would have begun.
#[derive(Default)]
struct Changes<'a> {
    one: BTreeMap<Timestamp, &'a Event>,
    from_then_on: BTreeMap<Timestamp, (&'a Event, When)>,
}

impl Calendar {
    /// Everything that takes place between two instants, in order, for a reader in a zone: whole days and times
    /// without a zone are told by the reader's clock.
    pub fn occurrences(
        &self,
        from: Timestamp,
        until: Timestamp,
        reader: &Zone,
    ) -> Result<Vec<Occurrence<'_>>, Fault> {
        let mut changes: BTreeMap<&str, Changes<'_>> = BTreeMap::new();
        for event in &self.events {
            if let Some((time, later_ones)) = &event.instead_of {
                let of = changes.entry(event.uid.as_str()).or_default();
                let at = time.instant(reader);
                match later_ones {
                    true => drop(of.from_then_on.insert(at, (event, time.clone()))),
                    false => drop(of.one.insert(at, event)),
                }
            }
        }
        let mut work = Work(MOST_WORK);
        let mut found = Vec::new();
        let none = Changes::default();
        for event in self.events.iter().filter(|event| event.instead_of.is_none()) {
            let changes = changes.get(event.uid.as_str()).unwrap_or(&none);
            let spread = Spread { event, changes, from, until, reader };
            found.extend(spread.occurrences(&mut work)?);
        }
        // What was moved may have been moved from outside the stretch into it, and may have lost its event.
        let moved = self.events.iter().filter(|event| matches!(event.instead_of, Some((_, false))));
        found.extend(
            moved.filter(|event| !event.cancelled).map(|event| of(event, &event.start, event.length, reader)),
        );
        found.retain(|occurrence| occurrence.from < until && occurrence.until > from);
        found.sort_by_key(|occurrence| (occurrence.from, occurrence.until));
        Ok(found)
    }
}

/// One event, and the stretch in which its occurrences are looked for.
struct Spread<'a, 'b> {
    event: &'a Event,
    changes: &'b Changes<'a>,
    from: Timestamp,
    until: Timestamp,
    reader: &'b Zone,
}

impl<'a> Spread<'a, '_> {
    fn occurrences(&self, work: &mut Work) -> Result<Vec<Occurrence<'a>>, Fault> {
        let event = self.event;
        let zone = event.start.zone.as_ref().unwrap_or(self.reader);
        let mut begins: BTreeMap<Timestamp, (DateTime, Option<Length>)> = BTreeMap::new();
        if event.rules.is_empty() {
            begins.insert(zone.instant(event.start.wall), (event.start.wall, None));
        }
        for wall in self.recurring(zone, work)? {
            begins.insert(zone.instant(wall), (wall, None));
        }
        for (time, length) in &event.also {
            begins.insert(time.instant(self.reader), (time.wall_in(zone, self.reader), *length));
        }
        let except: BTreeSet<Timestamp> = event.except.iter().map(|time| time.instant(self.reader)).collect();
        let days: BTreeSet<_> =
            event.except.iter().filter(|time| time.is_date).map(|time| time.wall.date()).collect();
        let is_out = |at: &Timestamp, wall: &DateTime| {
            except.contains(at) || days.contains(&wall.date()) || self.changes.one.contains_key(at)
        };
        let left = begins.into_iter().filter(|(at, (wall, _))| !is_out(at, wall));
        Ok(left.filter_map(|(at, (wall, length))| self.occurrence(at, wall, length)).collect())
    }

    /// The times the rules name, from before the stretch, so that what has begun and still lasts is there.
    fn recurring(&self, zone: &Zone, work: &mut Work) -> Result<Vec<DateTime>, Fault> {
        let lasts = match self.event.length {
            Length::Wall(seconds) => seconds / 86_400,
            Length::Nominal { days, seconds } => days + seconds / 86_400,
        };
        let from = zone.local(self.from).saturating_sub(lasts.saturating_add(USUAL_DAYS).days());
        let until = zone.local(self.until).saturating_add(1.day());
        let mut times = Vec::new();
        for rule in &self.event.rules {
            let series = Series::new(rule, self.event.start.wall, zone);
            let found = series.between(from, until, work);
            times.extend(found.map_err(|_| Fault::at(self.event.line, FaultKind::TooMuch))?);
        }
        Ok(times)
    }

    /// The occurrence that begins at a time, as the last change from then on has it.
    fn occurrence(&self, at: Timestamp, wall: DateTime, length: Option<Length>) -> Option<Occurrence<'a>> {
        let (event, start) = match self.changes.from_then_on.range(..=at).next_back() {
            Some((_, (event, instead_of))) => (*event, moved(wall, &instead_of.wall, &event.start)),
            None => (self.event, When { wall, ..self.event.start.clone() }),
        };
        (!event.cancelled).then(|| of(event, &start, length.unwrap_or(event.length), self.reader))
    }
}

/// A time as far after the new start as it was after the old one.
fn moved(wall: DateTime, old: &DateTime, new: &When) -> When {
    let since = old.duration_until(wall);
    When { wall: new.wall.saturating_add(since), ..new.clone() }
}

fn of<'a>(event: &'a Event, start: &When, length: Length, reader: &Zone) -> Occurrence<'a> {
    let zone = start.zone.as_ref().unwrap_or(reader);
    let from = zone.instant(start.wall);
    let until = match length {
        Length::Wall(seconds) => zone.instant(start.wall.saturating_add(seconds.seconds())),
        Length::Nominal { days, seconds } => {
            let begun = zone.instant(start.wall.saturating_add(days.days()));
            begun.saturating_add(seconds.seconds()).unwrap_or(begun)
        }
    };
    Occurrence { event, from, until }
}
