//! An incident as it stands.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Severity;
use super::policy::words;

words! {
    /// Whether somebody has taken an incident on, and whether it is over.
    Status {
        /// Nobody has taken it on.
        Triggered = "triggered",
        /// Somebody has.
        Acknowledged = "acknowledged",
        /// It is over.
        Resolved = "resolved",
    }
}

/// Something that was done, by whom and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// When.
    pub at: Timestamp,
    /// Who: the id of a person, or a word for something else (`call`, `caller`).
    pub by: String,
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// When it was opened.
    pub opened_at: Timestamp,
    /// One line of what happened.
    pub title: String,
    /// How grave it is.
    pub severity: Severity,
    /// How far it has come.
    pub status: Status,
    /// Who took it on first.
    pub acknowledged: Option<Act>,
    /// Who ended it.
    pub resolved: Option<Act>,
    /// Who is on it: ids of people.
    pub people: BTreeSet<String>,
    /// Nobody is told of it.
    pub muted: bool,
    /// Nobody is told of it before.
    pub snoozed_until: Option<Timestamp>,
    /// Nobody is ever to be told to come: whoever it concerns was there when it was opened.
    pub(super) silent: bool,
    /// When those who are told to come are told.
    pub(super) told_at: Option<Timestamp>,
    /// How many notices there were.
    pub(super) notices: u32,
    /// People are being chased.
    pub(super) chased: bool,
}
