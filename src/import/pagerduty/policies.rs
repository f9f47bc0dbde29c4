//! Escalation policies and services.

use std::time::Duration;

use super::Converter;
use super::shapes::{Policy, Service, name};
use crate::import::directory::Known;
use crate::import::{EscalationDraft, LevelDraft, TeamDraft};
use crate::oncall::Target;

/// The most repeats that can be written; PagerDuty has as many.
const MOST_REPEATS: u32 = 9;

impl Converter {
    pub(super) fn policy(&mut self, path: &str, policy: &Policy) {
        let said = name(&policy.name, &policy.summary, &policy.id);
        let place = format!("escalation policy {said}");
        let known = self.directory.find("escalation", &[&policy.id, said]);
        let Some(Known::As(Target::Escalation(id))) = known.cloned() else { return };
        let mut minutes: u64 = 0;
        let mut levels: Vec<LevelDraft> = Vec::new();
        for (number, rule) in (1_usize..).zip(&policy.escalation_rules) {
            let place = format!("{place}, rule {number}");
            if rule.escalation_rule_assignment_strategy.kind == "round_robin" {
                let text = format!(
                    "{place}: taking turns from alert to alert; the order of the route counts for calls"
                );
                self.report.approximated(path, text);
            }
            let targets =
                rule.targets.iter().filter_map(|target| self.target(target, &place, path)).collect();
            levels.push(LevelDraft { targets, after: Duration::from_secs(minutes.saturating_mul(60)) });
            // Rules without a delay between them would be one level.
            minutes = minutes.saturating_add(rule.escalation_delay_in_minutes.max(1));
        }
        let repeat = u8::try_from(policy.num_loops.min(MOST_REPEATS)).unwrap_or_default();
        let target = Target::Escalation(id.clone());
        self.report.became(target.clone(), path, format!("{place} is {target}, levels: {}", levels.len()));
        self.draft.escalations.push(EscalationDraft { id, repeat, levels, comments: Vec::new() });
    }

    /// A service is a team whose one level is its policy.
    pub(super) fn service(&mut self, path: &str, service: &Service) {
        let said = name(&service.name, &service.summary, &service.id);
        let place = format!("service {said}");
        let known = self.directory.find("service", &[&service.id, said]);
        let Some(Known::As(Target::Team(id))) = known.cloned() else { return };
        let mut policy = service.escalation_policy.clone();
        policy.kind = "escalation_policy".to_owned();
        let level: Vec<Target> = self.target(&policy, &place, path).into_iter().collect();
        let target = Target::Team(id.clone());
        self.report.became(target.clone(), path, format!("{place} is {target}"));
        self.draft.teams.push(TeamDraft { id, levels: vec![level], comments: Vec::new() });
    }
}
