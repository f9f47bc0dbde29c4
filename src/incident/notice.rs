//! What is told of an incident: everything that any target can show, as it stood when it was told.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Severity;
use super::policy::words;

words! {
    /// What is told.
    Event {
        /// An incident is open: somebody has to come.
        Trigger = "trigger",
        /// Somebody has taken it on.
        Acknowledge = "acknowledge",
        /// It is over.
        Resolve = "resolve",
        /// Something was added: a message, a transcript, a note.
        Update = "update",
    }
}

/// What a target is told. Serialises as the JSON that is kept in the outbox, and that a webhook sends: the names
/// are a promise. Texts of callers are printable and bounded, and nothing of them is proven.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// What is told.
    pub event: Event,
    /// Names this very notice for good: a receiver that has seen it knows it again.
    pub id: String,
    /// Names the incident to the target: all notices of an incident have the same (`hotline-CALL`, `alarm-NAME`).
    pub dedup_key: String,
    /// The incident's id in our list; nothing: an alarm of Nightbell's own, or a test.
    pub incident: Option<String>,
    /// When it happened.
    pub at: Timestamp,
    /// One line.
    pub title: String,
    /// What happened, a line or more; for an update: what is new.
    pub text: String,
    /// How grave it is.
    pub severity: Severity,
    /// `triggered`, `acknowledged` or `resolved`.
    pub status: String,
    /// Who did it, where somebody did: the name of a person, or a word.
    pub by: Option<String>,
    /// Who is on it.
    pub assigned: Vec<Party>,
    /// The hotline's name.
    pub hotline: Option<String>,
    /// The number that was dialled.
    pub number: Option<String>,
    /// The route's name.
    pub route: Option<String>,
    /// The call.
    pub call: Option<String>,
    /// When the call came in.
    pub started_at: Option<Timestamp>,
    /// The caller's number; `anonymous` when withheld.
    pub caller: Option<String>,
    /// The caller's name, as the trunk states it.
    pub caller_name: Option<String>,
    /// The message.
    pub voicemail: Option<Sound>,
    /// What was said in it.
    pub transcript: Option<String>,
    /// Where a person reads more.
    pub link: Option<String>,
    /// For one person alone, by one of that person's own ways.
    pub to: Option<Recipient>,
}

impl Notice {
    /// One that belongs to no call and to nobody: what it says is for the caller to fill in.
    pub fn of_no_call(event: Event, id: String, dedup_key: String, at: Timestamp) -> Self {
        Self {
            event,
            id,
            dedup_key,
            incident: None,
            at,
            title: String::new(),
            text: String::new(),
            severity: Severity::Info,
            status: String::new(),
            by: None,
            assigned: Vec::new(),
            hotline: None,
            number: None,
            route: None,
            call: None,
            started_at: None,
            caller: None,
            caller_name: None,
            voicemail: None,
            transcript: None,
            link: None,
            to: None,
        }
    }
}

/// A person, as far as others need to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The address for mail.
    pub email: Option<String>,
}

/// A message that a target may carry along or point to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sound {
    /// The file's name inside the recordings folder.
    pub file: String,
    /// Its length in ms.
    pub duration_ms: u64,
    /// Whether it was cut short.
    pub truncated: bool,
}

/// One person, and where a notice reaches this person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Who.
    pub party: Party,
    /// A mail address, a phone number, or what else the way is addressed by.
    pub address: Option<String>,
}
