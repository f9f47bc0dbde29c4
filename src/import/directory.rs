//! What another service calls the people, teams, schedules and escalations that are now ours.

use std::collections::BTreeMap;

use crate::oncall::{Target, TargetError};

/// What stands behind a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// Somebody or something of ours.
    As(Target),
    /// Left out on purpose, and why: `is blocked`.
    LeftOut(String),
}

/// Names and ids of another service, each of one kind: `user`, `team`, `schedule`, `escalation`.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    entries: BTreeMap<(String, String), Known>,
}

impl Directory {
    /// Enters something under all its names; who was entered first keeps a name.
    pub(super) fn enter(&mut self, kind: &str, names: &[&str], known: &Known) {
        for name in names.iter().filter(|name| !name.trim().is_empty()) {
            self.entries.entry(key(kind, name)).or_insert_with(|| known.clone());
        }
    }

    /// What stands behind the first of these names that is known.
    pub(super) fn find(&self, kind: &str, names: &[&str]) -> Option<&Known> {
        names.iter().filter(|name| !name.is_empty()).find_map(|name| self.entries.get(&key(kind, name)))
    }

    /// Reads `team:SRE - Nights` by the names of the other service, or else a target of our own.
    pub fn target(&self, text: &str) -> Result<Target, TargetError> {
        let (kind, name) = text.split_once(':').unwrap_or(("user", text));
        let kind = match kind.trim().to_lowercase().as_str() {
            "person" => "user".to_owned(),
            other => other.to_owned(),
        };
        match self.find(&kind, &[name.trim()]) {
            Some(Known::As(target)) => Ok(target.clone()),
            _ => text.trim().parse(),
        }
    }

    /// What others call all that is known: `user:anna@acme.example`, in order.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str, &Target)> {
        self.entries.iter().filter_map(|((kind, name), known)| match known {
            Known::As(target) => Some((kind.as_str(), name.as_str(), target)),
            Known::LeftOut(_) => None,
        })
    }
}

fn key(kind: &str, name: &str) -> (String, String) {
    (kind.to_lowercase(), name.trim().to_lowercase())
}
