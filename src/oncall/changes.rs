//! The instants at which somebody else may be rung: what a sweep over weeks or a year looks at.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::iter::FusedIterator;

use jiff::Timestamp;

use crate::oncall::name::{PersonId, ScheduleId, Target};
use crate::oncall::roster::Roster;
use crate::oncall::schedule::{Member, Schedule};
use crate::oncall::turn::Edges;

/// The instants at which who stands for some targets may change, in order, each once.
#[derive(Debug, Clone)]
pub struct Changes<'a> {
    schedules: Vec<&'a Schedule>,
    /// The next change of each schedule, by its place.
    next: BinaryHeap<Reverse<(Timestamp, Source)>>,
    until: Timestamp,
}

/// What changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    /// The schedule at this place.
    Schedule(usize),
    /// Whether somebody is available: once.
    Person,
}

/// Everything that targets stand for, directly or inside each other.
#[derive(Debug, Default)]
struct Reach<'a> {
    seen: BTreeSet<&'a Target>,
    schedules: BTreeSet<&'a ScheduleId>,
    people: BTreeSet<&'a PersonId>,
}

impl Roster {
    /// The instants after `from` and before `until` at which somebody else may stand for one of the
    /// targets, or be available. Not all of them change who is rung: what is covered changes, too.
    pub fn changes<'a>(
        &'a self,
        targets: impl IntoIterator<Item = &'a Target>,
        from: Timestamp,
        until: Timestamp,
    ) -> Changes<'a> {
        let mut reach = Reach::default();
        targets.into_iter().for_each(|target| reach.follow(self, target));
        let schedules = reach.schedules.iter().filter_map(|id| self.schedules.get(*id)).collect();
        let mut changes = Changes { schedules, next: BinaryHeap::new(), until };
        (0..changes.schedules.len()).for_each(|place| changes.look_ahead(place, from));
        let people = reach.people.iter().filter_map(|id| self.people.get(*id));
        let ends = people.filter_map(|person| person.by_command?.until).filter(|end| from < *end);
        changes.next.extend(ends.map(|end| Reverse((end, Source::Person))));
        changes
    }
}

impl<'a> Reach<'a> {
    fn follow(&mut self, roster: &'a Roster, target: &'a Target) {
        if !self.seen.insert(target) {
            return;
        }
        match target {
            Target::Person(id) => _ = self.people.insert(id),
            Target::Team(id) => {
                let levels = roster.teams.get(id).into_iter().flat_map(|team| &team.levels);
                levels.flatten().for_each(|target| self.follow(roster, target));
            }
            Target::Escalation(id) => {
                let levels = roster.escalations.get(id).into_iter().flat_map(|known| &known.levels);
                levels.flat_map(|level| &level.targets).for_each(|target| self.follow(roster, target));
            }
            Target::Schedule(id) | Target::Everyone(id) => {
                if self.schedules.insert(id)
                    && let Some(schedule) = roster.schedules.get(id)
                {
                    participants(schedule).for_each(|target| self.follow(roster, target));
                }
            }
        }
    }
}

fn participants(schedule: &Schedule) -> impl Iterator<Item = &Target> {
    let turns = schedule.rotations.iter().flat_map(|rotation| &rotation.people);
    let overrides = schedule.overrides.iter().map(|over| &over.member);
    turns.chain(overrides).filter_map(Member::target)
}

impl Changes<'_> {
    /// Notes the next change of a schedule after an instant.
    fn look_ahead(&mut self, place: usize, at: Timestamp) {
        let Some(schedule) = self.schedules.get(place) else { return };
        let mut edges = Edges::after(at);
        schedule.note_edges(&mut edges, at);
        if let Some(next) = edges.next {
            self.next.push(Reverse((next, Source::Schedule(place))));
        }
    }
}

impl Iterator for Changes<'_> {
    type Item = Timestamp;

    fn next(&mut self) -> Option<Timestamp> {
        let Reverse((at, _)) = *self.next.peek()?;
        if at >= self.until {
            return None;
        }
        while let Some(Reverse((also, source))) = self.next.peek().copied()
            && also == at
        {
            self.next.pop();
            if let Source::Schedule(place) = source {
                self.look_ahead(place, at);
            }
        }
        Some(at)
    }
}

impl FusedIterator for Changes<'_> {}
