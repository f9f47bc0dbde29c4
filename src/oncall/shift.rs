//! Who is on call in a schedule, since when, until when; and when nobody is.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::oncall::name::{PersonId, ScheduleId, Target};
use crate::oncall::roster::Roster;
use crate::oncall::turn::Edges;
use crate::oncall::unfold::{DeadEnd, Rank, Unfolding};

/// How far a shift's beginning and end are looked for.
const HORIZON: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Somebody's time on call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shift {
    /// Who.
    pub person: PersonId,
    /// Since when without a break; where that is more than a year ago, a hand-off about a year ago.
    pub since: Timestamp,
    /// The first instant at which this person is no longer on call; `None`: not within a year.
    pub until: Option<Timestamp>,
    /// The rule: `on call in schedule production (rotation weekly, turn 47, since Mon 09:00)`.
    pub because: String,
}

/// Who is on call at one instant, and when that may change.
pub(super) struct Sight {
    pub people: Rank,
    pub edges: Edges,
    dead_ends: Vec<DeadEnd>,
}

impl Sight {
    fn sees(&self, person: &PersonId) -> bool {
        self.people.iter().any(|found| found.person == *person)
    }
}

impl Roster {
    /// Who is on call in a schedule at an instant: those who would be rung first. Nobody, too, for
    /// a schedule that does not exist.
    pub fn on_call(&self, schedule: &ScheduleId, at: Timestamp) -> Vec<Shift> {
        let now = self.look(schedule, Edges::around(at), at);
        now.people
            .iter()
            .map(|found| Shift {
                person: found.person.clone(),
                since: self.shift_begin(schedule, &found.person, &now.edges).unwrap_or(at),
                until: self.first_from(schedule, now.edges.next, |later| !later.sees(&found.person)),
                because: found.because.clone(),
            })
            .collect()
    }

    /// The people on call in a schedule at an instant, as [`Roster::on_call`] has them, without their shifts.
    pub fn people_on_call(&self, schedule: &ScheduleId, at: Timestamp) -> Vec<PersonId> {
        let outright = self.schedules.get(schedule).filter(|known| known.enabled);
        match outright.and_then(|known| known.outright(at)) {
            Some(mut people) => {
                let mut seen = BTreeSet::new();
                people.retain(|person| self.people.contains_key(person) && seen.insert(person.clone()));
                people
            }
            None => self
                .look(schedule, Edges::after(at), at)
                .people
                .into_iter()
                .map(|found| found.person)
                .collect(),
        }
    }

    /// Those who will be on call in a schedule between two instants though they cannot be rung then: each
    /// with the first such instant and the reason.
    pub fn on_call_in_vain(
        &self,
        schedule: &ScheduleId,
        from: Timestamp,
        until: Timestamp,
    ) -> Vec<(PersonId, Timestamp, String)> {
        let mut found: Vec<(PersonId, Timestamp, String)> = Vec::new();
        let target = Target::Schedule(schedule.clone());
        for at in std::iter::once(from).chain(self.changes([&target], from, until)) {
            for person in self.people_on_call(schedule, at) {
                let why = self.people.get(&person).and_then(|known| known.unreachable(at));
                match why {
                    Some(because) if !found.iter().any(|(known, ..)| *known == person) => {
                        found.push((person, at, because));
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// The stretches between two instants in which nobody is on call, on purpose or not.
    pub fn gaps(
        &self,
        schedule: &ScheduleId,
        from: Timestamp,
        until: Timestamp,
    ) -> Vec<(Timestamp, Timestamp)> {
        let mut gaps: Vec<(Timestamp, Timestamp)> = Vec::new();
        let mut at = from;
        while at < until {
            let now = self.sight(schedule, at);
            let next = now.edges.next.map_or(until, |next| next.min(until));
            match gaps.last_mut() {
                _ if !now.people.is_empty() => {}
                Some((_, end)) if *end == at => *end = next,
                _ => gaps.push((at, next)),
            }
            at = next;
        }
        gaps
    }

    /// Why nobody is on call in a schedule, as a person would say it; `None` when somebody is.
    pub fn nobody_on_call(&self, schedule: &ScheduleId, at: Timestamp) -> Option<String> {
        let now = self.sight(schedule, at);
        if !now.people.is_empty() {
            return None;
        }
        now.dead_ends.first().map(|end| end.say(self, at))
    }

    /// The next instant at which somebody is on call, within a year.
    pub(super) fn next_on_call(&self, schedule: &ScheduleId, at: Timestamp) -> Option<Timestamp> {
        let now = self.sight(schedule, at);
        self.first_from(schedule, now.edges.next, |later| !later.people.is_empty())
    }

    /// Who is on call, and when that may change next.
    pub(super) fn sight(&self, schedule: &ScheduleId, at: Timestamp) -> Sight {
        self.look(schedule, Edges::after(at), at)
    }

    fn look(&self, schedule: &ScheduleId, edges: Edges, at: Timestamp) -> Sight {
        let mut unfolding = Unfolding::with_edges(self, at, edges);
        let ranks = unfolding.target(&Target::Schedule(schedule.clone()), "");
        let people = ranks.into_iter().find(|rank| !rank.is_empty()).unwrap_or_default();
        Sight { people, edges: unfolding.edges.unwrap_or(edges), dead_ends: unfolding.dead_ends }
    }

    /// The first change from `edge` on after which something holds.
    fn first_from(
        &self,
        schedule: &ScheduleId,
        edge: Option<Timestamp>,
        holds: impl Fn(&Sight) -> bool,
    ) -> Option<Timestamp> {
        let begin = edge?;
        let mut edge = begin;
        while edge.duration_since(begin) < HORIZON {
            let then = self.sight(schedule, edge);
            if holds(&then) {
                return Some(edge);
            }
            edge = then.edges.next?;
        }
        None
    }

    /// The last change at which a person's shift began.
    fn shift_begin(&self, schedule: &ScheduleId, person: &PersonId, now: &Edges) -> Option<Timestamp> {
        let newest = now.last?;
        let mut begin = newest;
        while newest.duration_since(begin) < HORIZON {
            let just_before = begin.checked_sub(SignedDuration::from_nanos(1)).ok()?;
            let then = self.look(schedule, Edges::around(just_before), just_before);
            match then.edges.last {
                Some(earlier) if then.sees(person) => begin = earlier,
                _ => break,
            }
        }
        Some(begin)
    }
}
