//! The files of the backup, sorted by their folders.

use std::collections::BTreeMap;

use serde_json::Value;

use super::shapes::{Escalation, Forwarding, Override, RoutingRule, Schedule, Team, User};
use crate::import::loose::{documents, value};
use crate::import::{Export, Report};

/// Everything in the backup that matters to calls, each with the path of its file.
#[derive(Debug, Default)]
pub(super) struct Backup {
    pub users: Vec<(String, User)>,
    pub teams: Vec<(String, TeamFile)>,
    pub schedules: Vec<(String, Schedule, Vec<Override>)>,
    pub escalations: Vec<(String, Escalation)>,
    pub forwardings: Vec<(String, Forwarding)>,
}

/// A team and what it does with alerts.
#[derive(Debug)]
pub(super) struct TeamFile {
    pub team: Team,
    pub rules: Vec<RoutingRule>,
}

/// Folders that say nothing of whom a call rings.
const ABOUT_ALERTS: [(&str, &str); 6] = [
    ("integrations", "integrations: alerts keep coming from where they come from"),
    ("policies", "alert policies: they are about alerts, not calls"),
    ("policiesV2", "alert policies: they are about alerts, not calls"),
    ("orders", "orders of alert policies"),
    ("customUserRoles", "roles of users: whoever may edit the files may change everything"),
    ("maintenance", "maintenance windows: calls go on in a maintenance"),
];

impl Backup {
    /// Reads all files; what cannot be read is noted and left out.
    pub fn read(files: &[Export], report: &mut Report) -> Self {
        let mut backup = Self::default();
        let mut others: BTreeMap<&str, usize> = BTreeMap::new();
        for file in files {
            let folder = file.path.rsplit('/').nth(1).unwrap_or_default();
            match folder {
                "users" | "teams" | "schedules" | "escalations" | "forwardings" => {
                    for document in documents(file, report) {
                        backup.add(folder, &file.path, document, report);
                    }
                }
                other => *others.entry(other).or_default() += 1,
            }
        }
        for (folder, count) in others {
            let known = ABOUT_ALERTS.iter().find(|(name, _)| *name == folder);
            let what = known.map_or("files of a kind that we do not know", |(_, what)| what);
            report.dropped(folder, format!("{count} files: {what}"));
        }
        backup
    }

    fn add(&mut self, folder: &str, path: &str, mut document: Value, report: &mut Report) {
        let at = path.to_owned();
        match folder {
            "users" => self.users.extend(part(&mut document, "user", path, report).map(|user| (at, user))),
            "forwardings" => {
                self.forwardings
                    .extend(part(&mut document, "forwarding", path, report).map(|rule| (at, rule)));
            }
            "escalations" => {
                self.escalations
                    .extend(part(&mut document, "escalation", path, report).map(|found| (at, found)));
            }
            "teams" => {
                let rules = list(&mut document, "teamRoutingRules", path, report);
                let team = part(&mut document, "team", path, report);
                self.teams.extend(team.map(|team| (at, TeamFile { team, rules })));
            }
            _ => {
                let overrides = list(&mut document, "scheduleOverrideList", path, report);
                let schedule = part(&mut document, "schedule", path, report);
                self.schedules.extend(schedule.map(|schedule| (at, schedule, overrides)));
            }
        }
    }
}

/// The object under a key, or the document itself where nothing is wrapped around it.
fn part<T: serde::de::DeserializeOwned>(
    document: &mut Value,
    key: &str,
    path: &str,
    report: &mut Report,
) -> Option<T> {
    let inner = document.get_mut(key).filter(|inner| inner.is_object()).map(Value::take);
    value(inner.unwrap_or_else(|| document.take()), path, report)
}

/// The entries of a list that can be read.
fn list<T: serde::de::DeserializeOwned>(
    document: &mut Value,
    key: &str,
    path: &str,
    report: &mut Report,
) -> Vec<T> {
    let Some(Value::Array(entries)) = document.get_mut(key).map(Value::take) else { return Vec::new() };
    entries.into_iter().filter_map(|entry| value(entry, path, report)).collect()
}
