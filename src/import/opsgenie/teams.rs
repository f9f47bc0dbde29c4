//! Teams: what "forward to team" leads to.

use jiff::civil::DateTime;

use super::Converter;
use super::backup::TeamFile;
use super::shapes::{Reference, RoutingRule};
use crate::import::directory::Known;
use crate::import::{RotationDraft, ScheduleDraft, TeamDraft};
use crate::oncall::{Every, Member, ScheduleId, Target, TeamId, Unit, WeekInterval};

impl Converter {
    pub(super) fn team(&mut self, path: &str, file: &TeamFile) {
        let Some(id) = self.team_id(file) else { return };
        let place = format!("team {}", file.team.name);
        for rule in file.rules.iter().filter(|rule| !rule.is_default) {
            let text = format!(
                "{place}: the routing rule {} is about alerts; a call goes by the default rule",
                rule.name
            );
            self.report.dropped(path, text);
        }
        let mut team = TeamDraft { id, levels: Vec::new(), comments: Vec::new() };
        match file.rules.iter().find(|rule| rule.is_default) {
            Some(rule) => self.routed(path, rule, &place, &mut team),
            None => self.all_members(path, file, &place, &mut team),
        }
        if let Some(level) = team.levels.first() {
            let targets: Vec<String> = level.iter().map(ToString::to_string).collect();
            let target = Target::Team(team.id.clone());
            self.report.became(target.clone(), path, format!("{place} is {target}: {}", targets.join(", ")));
        }
        self.draft.teams.push(team);
    }

    fn team_id(&self, file: &TeamFile) -> Option<TeamId> {
        match self.directory.find("team", &[&file.team.id, &file.team.name]) {
            Some(Known::As(Target::Team(id))) => Some(id.clone()),
            _ => None,
        }
    }

    fn routed(&mut self, path: &str, rule: &RoutingRule, place: &str, team: &mut TeamDraft) {
        let place = format!("{place}, default routing rule");
        if Reference::default() == rule.notify || rule.notify.kind.eq_ignore_ascii_case("none") {
            self.report.dropped(path, format!("{place}: it notifies nobody"));
            return;
        }
        let Some(target) = self.target(&rule.notify, &place, path) else { return };
        let hours = self.hours(rule.time_restriction.as_ref(), &place, path);
        let target =
            if hours.is_empty() { target } else { self.only_at(path, rule, &place, team, target, hours) };
        team.levels.push(vec![target]);
    }

    /// A schedule with one turn: the target at the times of the rule, nobody at others.
    fn only_at(
        &mut self,
        path: &str,
        rule: &RoutingRule,
        place: &str,
        team: &mut TeamDraft,
        target: Target,
        hours: Vec<WeekInterval>,
    ) -> Target {
        let zone = self.report.zone(&rule.timezone, place, path);
        let id = ScheduleId::new(&self.schedule_names.id(&format!("{}-routing", team.id)));
        let mut schedule = ScheduleDraft::new(id.clone(), zone.name());
        schedule
            .comments
            .push(format!("the time restriction of the default routing rule of team:{}", team.id));
        schedule.rotations.push(RotationDraft {
            name: "routing".to_owned(),
            people: vec![Member::Target(target)],
            every: Every { count: 1, unit: Unit::Weeks },
            start: DateTime::constant(2020, 1, 6, 0, 0, 0, 0),
            until: None,
            hours,
            comments: Vec::new(),
        });
        self.draft.schedules.push(schedule);
        Target::Schedule(id)
    }

    /// A team without rules: all its members, side by side.
    fn all_members(&mut self, path: &str, file: &TeamFile, place: &str, team: &mut TeamDraft) {
        let members: Vec<Target> =
            file.team.members.iter().filter_map(|member| self.target(&member.user, place, path)).collect();
        if members.is_empty() {
            self.report.dropped(path, format!("{place}: it has neither a routing rule nor members"));
            return;
        }
        team.comments.push("no default routing rule in Opsgenie: all members, side by side".to_owned());
        self.report.guessed(path, format!("{place}: it has no default routing rule; all members are rung"));
        team.levels.push(members);
    }
}
