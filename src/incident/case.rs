//! All that is known of one call as far as incidents are concerned. The store keeps it as JSON.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::turn::Turn;
use super::{Effect, Ending, Event, Fact, Incident, Message, Notice, Party, Policy, Quiet, Routed};
use super::{Sound, Status, Tell};

/// What stands in the place of something that was to be forgotten.
pub const FORGOTTEN: &str = "erased";

/// The case of a call. At most one incident comes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    pub(super) call: String,
    pub(super) routed: Option<Routed>,
    /// Whose phones were rung.
    pub(super) rung: BTreeSet<String>,
    /// Who accepted, in order.
    pub(super) accepted: Vec<String>,
    /// The last person was tried, or those who accepted have left the caller alone.
    pub(super) nobody_answered: bool,
    pub(super) bridge_ended: bool,
    pub(super) message: Option<Message>,
    pub(super) transcript: Option<String>,
    pub(super) ended: Option<Ending>,
    /// When there would have been an incident, but for maintenance.
    pub(super) suppressed: Option<Timestamp>,
    pub(super) notes: Vec<Note>,
    pub(super) escalations: Vec<(Timestamp, u8)>,
    pub(super) incident: Option<Incident>,
}

/// What somebody had to say. Kept, so that one that comes twice is known again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) at: Timestamp,
    pub(super) by: String,
    pub(super) text: String,
}

/// What a case does not know, and a notice tells.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The incident's id in our list.
    pub incident: i64,
    /// The people who are on it, and whoever did what is told. Whom we do not know is called by the id.
    pub people: &'a [Party],
    /// Where a person reads more.
    pub link: Option<&'a str>,
}

impl Case {
    /// Of a call of which nothing is known yet.
    pub fn of(call: impl Into<String>) -> Self {
        Self {
            call: call.into(),
            routed: None,
            rung: BTreeSet::new(),
            accepted: Vec::new(),
            nobody_answered: false,
            bridge_ended: false,
            message: None,
            transcript: None,
            ended: None,
            suppressed: None,
            notes: Vec::new(),
            escalations: Vec::new(),
            incident: None,
        }
    }

    /// Takes one fact; answers what follows. `quiet` is how it stands for the call's hotline and route now. A fact
    /// that was taken before changes nothing.
    pub fn take(&mut self, at: Timestamp, fact: &Fact, quiet: &Quiet) -> Vec<Effect> {
        let mut turn = Turn::new(self, at, quiet);
        turn.take(fact);
        turn.finish()
    }

    /// The call.
    pub fn call(&self) -> &str {
        &self.call
    }

    /// Where the caller got to.
    pub fn routed(&self) -> Option<&Routed> {
        self.routed.as_ref()
    }

    /// What the route wants.
    pub fn policy(&self) -> Option<&Policy> {
        self.routed.as_ref().map(|routed| &routed.policy)
    }

    /// The incident, if there is one.
    pub fn incident(&self) -> Option<&Incident> {
        self.incident.as_ref()
    }

    /// The message that was left.
    pub fn message(&self) -> Option<&Message> {
        self.message.as_ref()
    }

    /// When there would have been an incident, but for maintenance.
    pub fn suppressed(&self) -> Option<Timestamp> {
        self.suppressed
    }

    /// Whether people were to be told of the incident only after this.
    pub fn is_told_after(&self, at: Timestamp) -> bool {
        self.incident.as_ref().and_then(|incident| incident.told_at).is_some_and(|told| told > at)
    }

    /// People were told by then, whatever was meant: the entry for it was sent before this fact was written, or the
    /// clock was set back.
    pub fn was_told_by(&mut self, at: Timestamp) {
        if let Some(incident) = &mut self.incident {
            incident.told_at = incident.told_at.map(|told| told.min(at));
        }
    }

    /// What names the incident to targets.
    pub fn dedup_key(&self) -> String {
        format!("hotline-{}", self.call)
    }

    /// Forgets what was said and written: the transcript, and the texts of notes.
    pub fn forget_words(&mut self) {
        self.transcript = None;
        self.notes.iter_mut().for_each(|note| note.text = FORGOTTEN.to_owned());
    }

    /// Forgets the message.
    pub fn forget_message(&mut self) {
        self.message = None;
        self.transcript = None;
    }

    /// Forgets who called, and all that was said and written of it.
    pub fn forget_caller(&mut self) {
        self.forget_words();
        self.forget_message();
        if let Some(routed) = &mut self.routed {
            routed.caller = FORGOTTEN.to_owned();
            routed.caller_name = None;
        }
        if let Some(incident) = &mut self.incident {
            incident.title = FORGOTTEN.to_owned();
        }
    }

    /// Whether somebody ever accepted.
    pub fn was_accepted(&self) -> bool {
        !self.accepted.is_empty() || self.ended.as_ref().is_some_and(|ended| ended.outcome == "accepted")
    }

    /// Whether somebody accepted and did not leave the caller alone.
    pub(super) fn is_answered(&self) -> bool {
        self.was_accepted() && !self.nobody_answered
    }

    /// The notice of what is to be told now. Nothing where there is no incident.
    pub fn notice(&self, tell: &Tell, at: Timestamp, known: &Known<'_>) -> Option<Notice> {
        let (incident, routed) = (self.incident.as_ref()?, self.routed.as_ref()?);
        let status = match tell.event {
            Event::Trigger => Status::Triggered,
            Event::Acknowledge => Status::Acknowledged,
            Event::Resolve => Status::Resolved,
            Event::Update => incident.status,
        };
        let person = |id: &String| {
            let unknown = || Party { id: id.clone(), name: id.clone(), email: None };
            known.people.iter().find(|party| party.id == *id).cloned().unwrap_or_else(unknown)
        };
        let by = tell.by.as_ref().map(|by| person(by).name);
        Some(Notice {
            event: tell.event,
            id: format!("{}-{}", self.dedup_key(), tell.number),
            dedup_key: self.dedup_key(),
            incident: Some(known.incident.to_string()),
            at,
            title: incident.title.clone(),
            text: tell.text.clone(),
            severity: incident.severity,
            status: status.to_string(),
            by,
            assigned: incident.people.iter().map(person).collect(),
            hotline: Some(routed.hotline.clone()),
            number: Some(routed.number.clone()),
            route: Some(routed.route.clone()).filter(|route| !route.is_empty()),
            call: Some(self.call.clone()),
            started_at: Some(routed.started_at),
            caller: Some(routed.caller.clone()),
            caller_name: routed.caller_name.clone(),
            voicemail: self.message.as_ref().map(Sound::of),
            transcript: self.transcript.clone(),
            link: known.link.map(str::to_owned),
            to: None,
        })
    }
}

impl Sound {
    fn of(message: &Message) -> Self {
        Self { file: message.file.clone(), duration_ms: message.duration_ms, truncated: message.truncated }
    }
}
