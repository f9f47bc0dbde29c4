//! The turns of one rotation: which is running at an instant, and when it began and ends.

use jiff::civil::DateTime;
use jiff::{SignedDuration, Span, Timestamp};

use crate::oncall::recurrence::Occurrence;
use crate::oncall::schedule::{Every, Member, Recurrence, Rotation, Turns, Unit};
use crate::oncall::zone::Zone;

/// The last instant at which a turn can begin.
const LAST_INSTANT: Timestamp = Timestamp::constant(253_402_000_000, 0);

/// One turn of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn<'a> {
    /// Counts from 1.
    pub number: i64,
    /// When it began, whatever the hours of the rotation say.
    pub since: Timestamp,
    /// Who has it.
    pub member: &'a Member,
}

/// The changes next to an instant: the last at or before it, and the first after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edges {
    at: Timestamp,
    /// Whether the last change is asked for: it costs more than the next one.
    back: bool,
    /// The last change at the instant or before it.
    pub last: Option<Timestamp>,
    /// The first change after the instant.
    pub next: Option<Timestamp>,
}

impl Edges {
    /// For the last change and the next one.
    pub fn around(at: Timestamp) -> Self {
        Self { at, back: true, last: None, next: None }
    }

    /// For the next change alone.
    pub fn after(at: Timestamp) -> Self {
        Self { back: false, ..Self::around(at) }
    }

    /// Whether changes before the instant are asked for.
    pub fn look_back(&self) -> bool {
        self.back
    }

    /// Whether a change is after the instant.
    pub fn is_ahead(&self, change: Timestamp) -> bool {
        change > self.at
    }

    /// Takes a change into account.
    pub fn note(&mut self, change: Timestamp) {
        if change <= self.at {
            self.last = self.last.max(Some(change));
        } else {
            self.next = Some(self.next.map_or(change, |next| next.min(change)));
        }
    }
}

impl Rotation {
    /// The turn in force at an instant: none before the start, after the end, outside the hours.
    pub(super) fn turn(&self, zone: &Zone, at: Timestamp) -> Option<Turn<'_>> {
        if !self.has_begun_and_not_ended(zone, at) || !self.is_within_hours(zone, at) {
            return None;
        }
        let (index, since) = match &self.turns {
            Turns::Every(every) => {
                let (index, since, _) = self.running(*every, zone, at);
                (index, since)
            }
            Turns::Recurrence(recurrence) => {
                let begun = recurrence.near(zone, at).rfind(|(_, from, _)| *from <= at);
                let (index, since, _) = begun.filter(|(_, _, until)| at < *until)?;
                (index, since)
            }
        };
        let people = i64::try_from(self.people.len()).ok()?;
        let place = usize::try_from(index.checked_rem_euclid(people)?).ok()?;
        let member = self.people.get(place)?;
        Some(Turn { number: index.saturating_add(1), since, member })
    }

    fn has_begun_and_not_ended(&self, zone: &Zone, at: Timestamp) -> bool {
        zone.instant(self.start) <= at && self.until.is_none_or(|until| at < zone.instant(until))
    }

    fn is_within_hours(&self, zone: &Zone, at: Timestamp) -> bool {
        let now = zone.local(at);
        self.hours.is_empty() || self.hours.iter().any(|hours| hours.contains(at, now, zone))
    }

    /// Notes the instants around `at` at which somebody else may have, or come to, the turn.
    pub(super) fn note_edges(&self, zone: &Zone, edges: &mut Edges, at: Timestamp) {
        edges.note(zone.instant(self.start));
        if let Some(until) = self.until {
            edges.note(zone.instant(until));
        }
        if !self.has_begun_and_not_ended(zone, at) {
            return;
        }
        match &self.turns {
            Turns::Every(every) if self.has_hand_overs() => {
                let (_, since, until) = self.running(*every, zone, at);
                edges.note(since);
                edges.note(until);
            }
            Turns::Every(_) => {}
            Turns::Recurrence(recurrence) => {
                for (_, from, until) in recurrence.near(zone, at) {
                    edges.note(from);
                    edges.note(until);
                }
            }
        }
        let today = zone.local(at).date();
        self.hours.iter().for_each(|hours| hours.note_edges(today, zone, edges));
    }

    /// Whether a hand-over puts somebody else on call: not where one has all turns.
    fn has_hand_overs(&self) -> bool {
        self.people.windows(2).any(|pair| !matches!(pair, [first, second] if first == second))
    }

    /// The last turn that has begun at an instant: its number, counted from 0, and when it begins and ends.
    fn running(&self, every: Every, zone: &Zone, at: Timestamp) -> (i64, Timestamp, Timestamp) {
        let mut index = every.turns_between(zone, self.start, at).max(0);
        // No turn begins at the end of time: it stands for all that cannot be reckoned.
        let at = at.min(LAST_INSTANT);
        let mut since = self.beginning(every, zone, index);
        while index > 0 && since > at {
            index -= 1;
            since = self.beginning(every, zone, index);
        }
        // Where clocks jump over whole turns, several begin at once: the last of them counts.
        loop {
            let until = self.beginning(every, zone, index.saturating_add(1));
            if until > at {
                return (index, since, until);
            }
            (index, since) = (index.saturating_add(1), until);
        }
    }

    /// When a turn, counted from 0, begins. A later turn never begins before an earlier one.
    fn beginning(&self, every: Every, zone: &Zone, index: i64) -> Timestamp {
        match every.step() {
            Step::Elapsed => {
                SignedDuration::try_from_hours(index.saturating_mul(i64::from(every.count.max(1))))
                    .and_then(|hours| zone.instant(self.start).checked_add(hours).ok())
                    .unwrap_or(Timestamp::MAX)
            }
            Step::Wall => self.wall(every, index).map_or(Timestamp::MAX, |wall| zone.instant(wall)),
        }
    }

    /// The wall-clock time at which a turn, counted from 0, begins.
    fn wall(&self, every: Every, index: i64) -> Option<DateTime> {
        let turns = index.saturating_mul(i64::from(every.count.max(1)));
        every.unit.span(turns).and_then(|span| self.start.checked_add(span).ok())
    }

    /// The wall-clock times of the hand-overs between two instants; none where turns are elapsed time.
    pub(super) fn hand_overs(
        &self,
        every: Every,
        zone: &Zone,
        from: Timestamp,
        until: Timestamp,
    ) -> impl Iterator<Item = DateTime> {
        let is_wall = matches!(every.step(), Step::Wall) && self.has_hand_overs();
        let (first, last) = (self.running(every, zone, from).0, self.running(every, zone, until).0);
        let turns = if is_wall { first..last.saturating_add(1) } else { 0..0 };
        turns.filter_map(move |index| self.wall(every, index))
    }
}

impl Recurrence {
    /// The turns near an instant, in order: the number of each, counted from 0, its beginning and its end. One lasts
    /// by the clock on the wall, and until the next one begins at most.
    fn near(
        &self,
        zone: &Zone,
        at: Timestamp,
    ) -> impl DoubleEndedIterator<Item = (i64, Timestamp, Timestamp)> {
        let Every { count, unit } = self.lasts();
        let length = unit.span(i64::from(count)).unwrap_or_default();
        let end =
            |begins: DateTime| begins.checked_add(length).map_or(Timestamp::MAX, |wall| zone.instant(wall));
        let near = self.times().near(zone.local(at), length);
        near.into_iter()
            .map(|Occurrence { number, begins }| (number, zone.instant(begins), end(begins)))
            .collect::<Vec<_>>()
            .into_iter()
    }
}

/// What a turn's length is measured on.
enum Step {
    /// The wall clock and the calendar.
    Wall,
    /// Time as it passes, whatever the clocks show.
    Elapsed,
}

impl Every {
    /// Hours that divide a day keep to the wall clock, as days do; others cannot.
    fn step(self) -> Step {
        match self.unit {
            Unit::Hours if 24 % self.count.max(1) != 0 => Step::Elapsed,
            _ => Step::Wall,
        }
    }

    /// About how many turns lie between; off by one or two at most.
    fn turns_between(self, zone: &Zone, start: DateTime, at: Timestamp) -> i64 {
        let count = i64::from(self.count.max(1));
        let now = zone.local(at);
        let wall_hours = start.duration_until(now).as_hours();
        let units = match (self.unit, self.step()) {
            (Unit::Hours, Step::Elapsed) => at.duration_since(zone.instant(start)).as_hours(),
            (Unit::Hours, Step::Wall) => wall_hours,
            (Unit::Days, _) => wall_hours / 24,
            (Unit::Weeks, _) => wall_hours / (24 * 7),
            (Unit::Months, _) => months(now) - months(start),
        };
        units / count
    }
}

fn months(date: DateTime) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month())
}

impl Unit {
    fn span(self, count: i64) -> Option<Span> {
        let span = Span::new();
        match self {
            Self::Hours => span.try_hours(count),
            Self::Days => span.try_days(count),
            Self::Weeks => span.try_weeks(count),
            Self::Months => span.try_months(count),
        }
        .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oncall::name::{PersonId, Target};
    use proptest::prelude::*;

    fn rotation(people: usize, count: u32, unit: Unit, start: DateTime) -> Rotation {
        let person = |number| Member::Target(Target::Person(PersonId::new(&format!("p{number}"))));
        Rotation {
            name: "r".to_owned(),
            people: (0..people).map(person).collect(),
            turns: Turns::Every(Every { count, unit }),
            start,
            until: None,
            hours: Vec::new(),
        }
    }

    fn units() -> impl Strategy<Value = Unit> {
        prop::sample::select(vec![Unit::Hours, Unit::Days, Unit::Weeks, Unit::Months])
    }

    proptest! {
        #[test]
        fn whatever_the_database_holds_a_turn_is_found_or_not_but_never_a_panic(
            people in 0..3_usize,
            count in prop_oneof![Just(0), Just(1), Just(u32::MAX), any::<u32>()],
            unit in units(),
            (year, month, day) in (-9999..=9999_i16, 1..=12_i8, 1..=28_i8),
            second in -377_705_023_201..=253_402_207_200_i64,
        ) {
            let zone: Zone = "Europe/Berlin".parse().unwrap();
            let rotation = rotation(people, count, unit, jiff::civil::date(year, month, day).at(2, 30, 0, 0));
            let at = Timestamp::from_second(second).unwrap();
            let turn = rotation.turn(&zone, at);
            prop_assert!(people > 0 || turn.is_none());
            prop_assert!(turn.is_none_or(|turn| turn.number >= 1 && turn.since <= at));
            rotation.note_edges(&zone, &mut Edges::around(at), at);
        }

        #[test]
        fn turns_follow_each_other_one_by_one(
            count in 1..40_u32,
            unit in units(),
            zone in prop::sample::select(vec!["Europe/Berlin", "Pacific/Apia", "Australia/Lord_Howe"]),
            (month, day, hour) in (1..=12_i8, 1..=31_i8, 0..24_i8),
            index in 0..60_i64,
        ) {
            let zone: Zone = zone.parse().unwrap();
            let date = jiff::civil::date(2011, month, 1);
            let start = date.with().day(day.min(date.days_in_month())).build().unwrap().at(hour, 30, 0, 0);
            let rotation = rotation(7, count, unit, start);
            let every = Every { count, unit };
            let beginning = |index| rotation.beginning(every, &zone, index);
            let (begin, end) = (beginning(index), beginning(index + 1));
            prop_assert!(begin <= end);
            if begin < end {
                prop_assert_eq!(rotation.running(every, &zone, begin).0, index);
                prop_assert_eq!(rotation.running(every, &zone, end - SignedDuration::from_nanos(1)).0, index);
            }
        }
    }
}
