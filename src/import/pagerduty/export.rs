//! The answers of the interface, sorted by what they hold.

use std::collections::BTreeMap;

use serde_json::Value;

use super::shapes::{Entry, Policy, Schedule, Service, User};
use crate::import::loose::{documents, value};
use crate::import::{Export, Report};

/// Everything that matters to calls, each with the path of its file.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub users: Vec<(String, User)>,
    pub schedules: Vec<(String, Schedule)>,
    pub policies: Vec<(String, Policy)>,
    pub services: Vec<(String, Service)>,
    /// Answers of `/schedules/ID/overrides`, which do not name the schedule: by the path of the file.
    overrides: Vec<(String, Entry)>,
}

impl Account {
    /// Reads all files; what cannot be read is noted and left out.
    pub fn read(files: &[Export], report: &mut Report) -> Self {
        let mut account = Self::default();
        let mut others: BTreeMap<String, usize> = BTreeMap::new();
        for file in files {
            for document in documents(file, report) {
                let Value::Object(fields) = document else { continue };
                for (key, found) in fields {
                    let values = match found {
                        Value::Array(values) => values,
                        value @ Value::Object(_) => vec![value],
                        _ => continue,
                    };
                    let count = values.len();
                    if !account.add(&key, &file.path, values, report) {
                        *others.entry(key).or_default() += count;
                    }
                }
            }
        }
        for (key, count) in others {
            report.dropped("", format!("{key}: {count}, which say nothing of whom a call rings"));
        }
        account
    }

    /// Takes what is under a key; whether it is of interest.
    fn add(&mut self, key: &str, path: &str, values: Vec<Value>, report: &mut Report) -> bool {
        match key.trim_end_matches('s') {
            "user" => take(&mut self.users, values, path, report),
            "schedule" => take(&mut self.schedules, values, path, report),
            "escalation_policy" | "escalation_policie" => take(&mut self.policies, values, path, report),
            "service" => take(&mut self.services, values, path, report),
            "override" => take(&mut self.overrides, values, path, report),
            _ => return false,
        }
        true
    }

    /// All overrides of a schedule: its own, those worked out, and those of a file whose name holds its id.
    pub fn overrides_of(&self, schedule: &Schedule) -> Vec<Entry> {
        let named = |path: &str| !schedule.id.is_empty() && path.contains(&schedule.id);
        let files = self.overrides.iter().filter(|(path, _)| named(path)).map(|(_, entry)| entry);
        let rendered = &schedule.overrides_subschedule.rendered_schedule_entries;
        let mut all: Vec<Entry> = Vec::new();
        for entry in schedule.overrides.iter().chain(files).chain(rendered) {
            let same = |known: &Entry| {
                known.start == entry.start && known.end == entry.end && known.user.id == entry.user.id
            };
            if !all.iter().any(same) {
                all.push(entry.clone());
            }
        }
        all
    }
}

fn take<T: serde::de::DeserializeOwned>(
    into: &mut Vec<(String, T)>,
    values: Vec<Value>,
    path: &str,
    report: &mut Report,
) {
    let read = values.into_iter().filter_map(|found| value(found, path, report));
    into.extend(read.map(|found| (path.to_owned(), found)));
}
