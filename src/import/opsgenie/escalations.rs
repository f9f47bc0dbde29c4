//! Escalations: rules in order of their delays.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Converter;
use super::backup::TeamFile;
use super::shapes::{Delay, Escalation, EscalationRule, TeamMember};
use crate::import::directory::Known;
use crate::import::{EscalationDraft, LevelDraft};
use crate::oncall::{EscalationId, ScheduleId, Target};

/// The most repeats that can be written.
const MOST_REPEATS: u32 = 9;

impl Converter {
    pub(super) fn escalation(&mut self, path: &str, escalation: &Escalation, teams: &[(String, TeamFile)]) {
        let Some(id) = self.escalation_id(escalation) else { return };
        let place = format!("escalation {}", escalation.name);
        let mut levels: BTreeMap<Duration, Vec<Target>> = BTreeMap::new();
        for (number, rule) in (1_usize..).zip(&escalation.rules) {
            let place = format!("{place}, rule {number}");
            if rule.condition.to_lowercase().contains("closed") {
                let text = format!("{place}: `{}` is about alerts that nobody closes", rule.condition);
                self.report.dropped(path, text);
                continue;
            }
            let level = levels.entry(rule.delay.length()).or_default();
            for target in self.recipients(path, rule, &place, teams) {
                if !level.contains(&target) {
                    level.push(target);
                }
            }
        }
        let levels: Vec<LevelDraft> =
            levels.into_iter().map(|(after, targets)| LevelDraft { targets, after }).collect();
        let repeat = self.repeat(path, escalation, &place);
        let target = Target::Escalation(id.clone());
        self.report.became(target.clone(), path, format!("{place} is {target}, levels: {}", levels.len()));
        self.draft.escalations.push(EscalationDraft { id, repeat, levels, comments: Vec::new() });
    }

    fn escalation_id(&self, escalation: &Escalation) -> Option<EscalationId> {
        match self.directory.find("escalation", &[&escalation.id, &escalation.name]) {
            Some(Known::As(Target::Escalation(id))) => Some(id.clone()),
            _ => None,
        }
    }

    fn repeat(&mut self, path: &str, escalation: &Escalation, place: &str) -> u8 {
        let count = escalation.repeat.as_ref().map_or(0, |repeat| repeat.count);
        if count > MOST_REPEATS {
            let text = format!("{place}: {count} repeats become {MOST_REPEATS}, the most there are");
            self.report.approximated(path, text);
        }
        u8::try_from(count.min(MOST_REPEATS)).unwrap_or_default()
    }

    /// Whom a rule turns to.
    fn recipients(
        &mut self,
        path: &str,
        rule: &EscalationRule,
        place: &str,
        teams: &[(String, TeamFile)],
    ) -> Vec<Target> {
        let Some(target) = self.target(&rule.recipient, place, path) else { return Vec::new() };
        let kind = rule.notify_type.to_lowercase();
        match (kind.as_str(), &target) {
            ("next", Target::Schedule(id)) => self.neighbour(path, id, place, Neighbour::Next),
            ("previous", Target::Schedule(id)) => self.neighbour(path, id, place, Neighbour::Previous),
            ("users" | "admins" | "all" | "random", Target::Team(_)) => {
                self.members(path, &kind, rule, place, teams)
            }
            ("default" | "", _) => vec![target],
            _ => {
                let text = format!("{place}: the notify type `{kind}` is taken as `default` for {target}");
                self.report.guessed(path, text);
                vec![target]
            }
        }
    }

    /// Members of a team by their role, side by side.
    fn members(
        &mut self,
        path: &str,
        kind: &str,
        rule: &EscalationRule,
        place: &str,
        teams: &[(String, TeamFile)],
    ) -> Vec<Target> {
        let recipient = &rule.recipient;
        let is_meant = |file: &&TeamFile| {
            let team = &file.team;
            (!team.id.is_empty() && team.id == recipient.id)
                || (!team.name.is_empty() && team.name == recipient.name)
        };
        let members: Vec<TeamMember> = teams
            .iter()
            .map(|(_, file)| file)
            .find(is_meant)
            .map_or(Vec::new(), |file| file.team.members.clone());
        if kind == "random" {
            let text =
                format!("{place}: one of the team at random is all of the team, in the order of the route");
            self.report.approximated(path, text);
        }
        let has_role = |member: &&TeamMember| match kind {
            "users" => member.role.eq_ignore_ascii_case("user"),
            "admins" => member.role.eq_ignore_ascii_case("admin"),
            _ => true,
        };
        members.iter().filter(has_role).filter_map(|member| self.target(&member.user, place, path)).collect()
    }

    /// Who has the turn after, or before, the one that is on call: a schedule of its own, with
    /// everybody one place further on.
    fn neighbour(&mut self, path: &str, id: &ScheduleId, place: &str, which: Neighbour) -> Vec<Target> {
        let wanted = ScheduleId::new(&format!("{id}-{}", which.as_str()));
        if self.draft.schedules.iter().any(|schedule| schedule.id == wanted) {
            return vec![Target::Schedule(wanted)];
        }
        let Some(mut schedule) = self.draft.schedules.iter().find(|schedule| schedule.id == *id).cloned()
        else {
            return Vec::new();
        };
        let wanted = ScheduleId::new(&self.schedule_names.id(wanted.as_str()));
        schedule.id = wanted.clone();
        schedule.overrides.clear();
        schedule.comments.push(format!("who has the {} turn in schedule:{id}", which.as_str()));
        for rotation in schedule.rotations.iter_mut().filter(|rotation| !rotation.people.is_empty()) {
            match which {
                Neighbour::Next => rotation.people.rotate_left(1),
                Neighbour::Previous => rotation.people.rotate_right(1),
            }
        }
        let simple = matches!(schedule.rotations.as_slice(), [only] if only.hours.is_empty());
        let text = format!("{place}: the {} on call in {id} is the schedule {wanted}", which.as_str());
        if simple {
            self.report.converted(path, text);
        } else {
            let why = "of each rotation by itself, and without overrides";
            self.report.approximated(path, format!("{text}, {why}"));
        }
        self.draft.schedules.push(schedule);
        vec![Target::Schedule(wanted)]
    }
}

/// A turn beside the one that is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Neighbour {
    Next,
    Previous,
}

impl Neighbour {
    fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Previous => "previous",
        }
    }
}

impl Delay {
    /// The delay; in minutes where no unit is named.
    fn length(&self) -> Duration {
        let seconds = match self.time_unit.to_lowercase().as_str() {
            "seconds" => 1,
            "hours" => 3_600,
            "days" => 86_400,
            _ => 60,
        };
        Duration::from_secs(self.time_amount.saturating_mul(seconds))
    }
}
