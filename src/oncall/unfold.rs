//! From targets to people: teams and schedules unfold into those they stand for, in ranks.
//!
//! A target stands for a list of ranks. A person is one rank. A team's levels follow one another.
//! What stands side by side in a level is merged rank by rank: first everybody's first, then
//! everybody's second.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::oncall::feed::Feed;
use crate::oncall::name::{EscalationId, PersonId, ScheduleId, Target, TeamId};
use crate::oncall::roster::Roster;
use crate::oncall::schedule::{Member, Schedule};
use crate::oncall::turn::Edges;

/// How deep teams and schedules may stand inside each other.
pub(super) const DEEPEST: usize = 8;

/// How many targets of a level are looked at before we stop: far more than any real team has, and few enough
/// that no nesting, however twisted, keeps a caller waiting.
const MOST_TARGETS: u32 = 5_000;

/// A person, and the way that led there; empty when the person was named outright.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub person: PersonId,
    pub because: String,
    /// How long after its beginning an escalation turns to this person.
    pub after: Option<Duration>,
}

/// People of equal rank, each once.
pub(super) type Rank = Vec<Found>;

/// A target that leads to nobody, and the way that led there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeadEnd {
    pub path: String,
    pub kind: DeadEndKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DeadEndKind {
    /// Nobody is on call in a schedule; on purpose, where a rule says so.
    NobodyOnCall { schedule: ScheduleId, on_purpose: Option<String> },
    /// A schedule that is switched off.
    NotEnabled(ScheduleId),
    /// Somebody whom an override takes out of a schedule, with its rule.
    LeftOut { schedule: ScheduleId, who: PersonId, rule: String },
    /// A name that leads nowhere.
    Unknown(Target),
    /// Nested too deep, or in a circle.
    TooDeep(Target),
    /// More targets than we look at.
    TooMany,
}

/// One unfolding at one instant.
#[derive(Debug)]
pub(super) struct Unfolding<'a> {
    pub(super) roster: &'a Roster,
    pub(super) at: Timestamp,
    targets_left: u32,
    depth: usize,
    /// How often the escalations that were met say they are repeated; the one that says most.
    pub repeat: u8,
    /// The instants around at which the result may be another, where somebody wants to know.
    pub edges: Option<Edges>,
    /// What led to nobody.
    pub dead_ends: Vec<DeadEnd>,
}

impl<'a> Unfolding<'a> {
    pub fn new(roster: &'a Roster, at: Timestamp) -> Self {
        let targets_left = MOST_TARGETS;
        Self { roster, at, targets_left, depth: 0, repeat: 0, edges: None, dead_ends: Vec::new() }
    }

    /// One that notes when its result may be another: that takes as long again.
    pub fn with_edges(roster: &'a Roster, at: Timestamp, edges: Edges) -> Self {
        Self { edges: Some(edges), ..Self::new(roster, at) }
    }

    /// Unfolds a level of a route. What one level has too much of does not cost the next anything.
    pub fn route_level(&mut self, targets: &[Target]) -> Vec<Rank> {
        self.targets_left = MOST_TARGETS;
        self.level(targets, "")
    }

    /// Unfolds targets that stand side by side.
    fn level<'t>(&mut self, targets: impl IntoIterator<Item = &'t Target>, path: &str) -> Vec<Rank> {
        let mut ranks = Vec::new();
        for target in targets {
            merge(&mut ranks, self.target(target, path));
        }
        ranks
    }

    /// Unfolds one target.
    pub fn target(&mut self, target: &Target, path: &str) -> Vec<Rank> {
        if self.targets_left == 0 {
            return Vec::new();
        }
        self.targets_left -= 1;
        if self.targets_left == 0 {
            return self.dead_end(path, DeadEndKind::TooMany);
        }
        if self.depth > DEEPEST {
            return self.dead_end(path, DeadEndKind::TooDeep(target.clone()));
        }
        if !self.roster.knows(target) {
            return self.dead_end(path, DeadEndKind::Unknown(target.clone()));
        }
        self.depth += 1;
        let ranks = match target {
            Target::Person(person) => found(person, path),
            Target::Team(team) => self.team(team, path),
            Target::Schedule(schedule) => self.schedule(schedule, path),
            Target::Everyone(schedule) => self.everyone(schedule, path),
            Target::Escalation(escalation) => self.escalation(escalation, path),
        };
        self.depth -= 1;
        ranks
    }

    /// Each dead end is told once, with the first way that led there.
    pub(super) fn dead_end(&mut self, path: &str, kind: DeadEndKind) -> Vec<Rank> {
        if !self.dead_ends.iter().any(|known| known.kind == kind) {
            self.dead_ends.push(DeadEnd { path: path.to_owned(), kind });
        }
        Vec::new()
    }

    fn team(&mut self, id: &TeamId, path: &str) -> Vec<Rank> {
        let Some(team) = self.roster.teams.get(id) else { return Vec::new() };
        let mut ranks = Vec::new();
        for (level, targets) in (1_usize..).zip(&team.levels) {
            let path = step(path, &format!("team {id}, level {level}"));
            ranks.extend(self.level(targets, &path));
        }
        ranks
    }

    fn escalation(&mut self, id: &EscalationId, path: &str) -> Vec<Rank> {
        let Some(escalation) = self.roster.escalations.get(id) else { return Vec::new() };
        self.repeat = self.repeat.max(escalation.repeat);
        let mut ranks = Vec::new();
        for (number, (after, targets)) in (1_usize..).zip(escalation.in_order()) {
            let path = step(path, &format!("escalation {id}, level {number}"));
            let mut level = self.level(targets, &path);
            // What follows within the level follows those who were first.
            for found in level.iter_mut().take(1).flatten() {
                found.after = Some(found.after.unwrap_or_default().saturating_add(after));
            }
            ranks.extend(level);
        }
        ranks
    }

    /// All who take turns in a schedule, of equal rank: also those of schedules and teams that
    /// take turns in it.
    fn everyone(&mut self, id: &ScheduleId, path: &str) -> Vec<Rank> {
        let Some(schedule) = self.roster.schedules.get(id) else { return Vec::new() };
        if !schedule.enabled {
            return self.dead_end(path, DeadEndKind::NotEnabled(id.clone()));
        }
        let path = step(path, &format!("takes turns in schedule {id}"));
        let mut all = Vec::new();
        for target in participants(schedule) {
            let ranks = match target {
                Target::Schedule(nested) => self.target(&Target::Everyone(nested.clone()), &path),
                other => self.target(other, &path),
            };
            for rank in ranks {
                merge(&mut all, vec![rank]);
            }
        }
        all
    }
}

impl Roster {
    /// Whether there is an escalation on the way from any of these targets to people.
    pub fn meets_escalation(&self, levels: &[Vec<Target>]) -> bool {
        let mut open: Vec<&Target> = levels.iter().flatten().collect();
        let mut seen = BTreeSet::new();
        while let Some(target) = open.pop() {
            if !seen.insert(target) {
                continue;
            }
            match target {
                Target::Escalation(_) => return true,
                Target::Person(_) => {}
                Target::Team(id) => {
                    open.extend(self.teams.get(id).into_iter().flat_map(|team| team.levels.iter().flatten()));
                }
                Target::Schedule(id) | Target::Everyone(id) => {
                    let schedule = self.schedules.get(id).into_iter();
                    open.extend(schedule.flat_map(|schedule| {
                        let standing_in = schedule.overrides.iter().filter_map(|entry| entry.member.target());
                        participants(schedule).into_iter().chain(standing_in)
                    }));
                }
            }
        }
        false
    }
}

/// Everything that takes turns in a schedule, each once, in the order of the rotations, then those of its calendar.
fn participants(schedule: &Schedule) -> Vec<&Target> {
    let mut seen = BTreeSet::new();
    let members = schedule.rotations.iter().flat_map(|rotation| &rotation.people).filter_map(Member::target);
    let feed = schedule.calendar.as_ref().and_then(|calendar| calendar.feed.as_ref());
    let fed = feed.into_iter().flat_map(Feed::people);
    members.chain(fed).filter(|target| seen.insert(*target)).collect()
}

fn found(person: &PersonId, path: &str) -> Vec<Rank> {
    vec![vec![Found { person: person.clone(), because: path.to_owned(), after: None }]]
}

/// Adds a step to the way that led to a target.
pub(super) fn step(path: &str, step: &str) -> String {
    if path.is_empty() { step.to_owned() } else { format!("{path}: {step}") }
}

/// Merges ranks into others, equal with equal. Who is there already stays, with the first reason,
/// so nobody is in a rank twice.
pub(super) fn merge(into: &mut Vec<Rank>, more: Vec<Rank>) {
    for (index, rank) in more.into_iter().enumerate() {
        if into.len() == index {
            into.push(Rank::new());
        }
        let Some(there) = into.get_mut(index) else { return };
        for found in rank {
            if !there.iter().any(|known| known.person == found.person) {
                there.push(found);
            }
        }
    }
}
