//! What must go before a draft can be used: circles, and what leads to nobody.

use std::collections::BTreeSet;

use crate::import::{Draft, Report};
use crate::oncall::{Member, PersonId, Target};

impl Draft {
    /// Everything a team, an escalation or a schedule names.
    fn named_in(&self, target: &Target) -> Vec<Target> {
        match target {
            Target::Person(_) => Vec::new(),
            Target::Team(id) => {
                let teams = self.teams.iter().filter(|team| team.id == *id);
                teams.flat_map(|team| team.levels.iter().flatten().cloned()).collect()
            }
            Target::Escalation(id) => {
                let found = self.escalations.iter().filter(|escalation| escalation.id == *id);
                found.flat_map(|found| found.levels.iter().flat_map(|level| level.targets.clone())).collect()
            }
            Target::Schedule(id) | Target::Everyone(id) => {
                let found = self.schedules.iter().filter(|schedule| schedule.id == *id);
                let members = found.flat_map(|schedule| {
                    let turns = schedule.rotations.iter().flat_map(|rotation| &rotation.people);
                    turns.chain(schedule.overrides.iter().map(|over| &over.person))
                });
                members.filter_map(of_member).collect()
            }
        }
    }

    /// Everything that can name others.
    fn containers(&self) -> Vec<Target> {
        let teams = self.teams.iter().map(|team| Target::Team(team.id.clone()));
        let escalations = self.escalations.iter().map(|found| Target::Escalation(found.id.clone()));
        let schedules = self.schedules.iter().map(|found| Target::Schedule(found.id.clone()));
        teams.chain(escalations).chain(schedules).collect()
    }

    /// Takes a target out of one container, or of all.
    fn take_out(&mut self, inside: Option<&Target>, target: &Target) {
        let is_in = |container: Target| inside.is_none_or(|inside| *inside == container);
        for team in self.teams.iter_mut().filter(|team| is_in(Target::Team(team.id.clone()))) {
            team.levels.iter_mut().for_each(|level| level.retain(|named| named != target));
        }
        for found in self.escalations.iter_mut().filter(|found| is_in(Target::Escalation(found.id.clone()))) {
            found.levels.iter_mut().for_each(|level| level.targets.retain(|named| named != target));
        }
        for schedule in self.schedules.iter_mut().filter(|found| is_in(Target::Schedule(found.id.clone()))) {
            let member = Member::Target(target.clone());
            for turn in schedule.rotations.iter_mut().flat_map(|rotation| &mut rotation.people) {
                if *turn == member {
                    *turn = Member::Nobody;
                }
            }
            schedule.overrides.retain(|over| over.person != member);
        }
    }

    /// Teams and escalations that name a person outright.
    pub(super) fn names_outright(&self, person: &PersonId) -> Vec<String> {
        let person = Target::Person(person.clone());
        let named = |container: &Target| {
            !matches!(container, Target::Schedule(_)) && self.named_in(container).contains(&person)
        };
        self.containers().iter().filter(|container| named(container)).map(ToString::to_string).collect()
    }
}

fn of_member(member: &Member) -> Option<Target> {
    match member {
        Member::Target(target) => Some(target.clone()),
        Member::Nobody => None,
    }
}

/// All of it.
pub(super) fn all(draft: &mut Draft, report: &mut Report) {
    circles(draft, report);
    empty(draft, report);
    people_without_phones(draft, report);
}

/// Breaks circles: what would lead back to where it came from is taken out.
fn circles(draft: &mut Draft, report: &mut Report) {
    let mut done = BTreeSet::new();
    for container in draft.containers() {
        while let Some((inside, target)) = way_back(draft, &container, &mut Vec::new(), &mut done) {
            report.dropped("", format!("{target} in {inside}: it leads back to itself"));
            draft.take_out(Some(&inside), &target);
        }
    }
}

/// A mention below a container that closes a circle.
fn way_back(
    draft: &Draft,
    container: &Target,
    path: &mut Vec<Target>,
    done: &mut BTreeSet<Target>,
) -> Option<(Target, Target)> {
    if done.contains(container) {
        return None;
    }
    path.push(container.clone());
    for named in draft.named_in(container) {
        if path.contains(&named) {
            return Some((container.clone(), named));
        }
        if let Some(found) = way_back(draft, &named, path, done) {
            return Some(found);
        }
    }
    path.pop();
    done.insert(container.clone());
    None
}

/// Takes out levels without targets, and teams and escalations without levels, wherever they are named.
fn empty(draft: &mut Draft, report: &mut Report) {
    loop {
        for team in &mut draft.teams {
            team.levels.retain(|level| !level.is_empty());
        }
        for escalation in &mut draft.escalations {
            escalation.levels.retain(|level| !level.targets.is_empty());
        }
        let teams = draft.teams.iter().filter(|team| team.levels.is_empty());
        let escalations = draft.escalations.iter().filter(|found| found.levels.is_empty());
        let empty = teams
            .map(|team| Target::Team(team.id.clone()))
            .chain(escalations.map(|found| Target::Escalation(found.id.clone())))
            .collect::<Vec<_>>();
        if empty.is_empty() {
            return;
        }
        for target in empty {
            let file = report.take_back(&target);
            report.dropped(
                &file,
                format!("{target}: it leads to nobody, and is left out wherever it was named"),
            );
            draft.take_out(None, &target);
            draft.teams.retain(|team| Target::Team(team.id.clone()) != target);
            draft.escalations.retain(|found| Target::Escalation(found.id.clone()) != target);
        }
    }
}

/// Takes out people without a phone whom nothing names: they are nobody's concern in a call. The
/// others without one are shown.
fn people_without_phones(draft: &mut Draft, report: &mut Report) {
    let named: BTreeSet<Target> =
        draft.containers().iter().flat_map(|container| draft.named_in(container)).collect();
    draft.people.retain_mut(|person| {
        let target = Target::Person(person.id.clone());
        if !person.phones.is_empty() {
            return true;
        }
        if named.contains(&target) {
            person.comments.push("no phone there: is not rung until one stands here instead".to_owned());
            report.guessed(&report.file_of(&target), format!("{target} has no phone: add one"));
            return true;
        }
        let file = report.take_back(&target);
        report.dropped(&file, format!("{target} has no phone, and is on call nowhere"));
        false
    });
}
