//! What follows from a fact: what the store is to write, in this order and in the fact's own transaction.

use jiff::Timestamp;

use super::Event;

/// What keeps people from being told, at the moment of a fact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quiet {
    /// No incident is to be created now.
    pub maintenance: bool,
    /// One that is created now is told to nobody.
    pub muted: bool,
    /// One that is created now is told to nobody before.
    pub snoozed_until: Option<Timestamp>,
}

/// One thing that follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The incident is new or not as it was: its row and its people are to be written anew. Comes first.
    Changed,
    /// A line of the incident's log.
    Logged {
        /// Who did it, where somebody did: the id of a person, or a word.
        by: Option<String>,
        /// What: `opened`, `call` (something new in the call), `acknowledged`, `resolved`, `note`, `message`,
        /// `transcript`, `escalated`, `quiet`.
        kind: &'static str,
        /// In a sentence.
        detail: String,
    },
    /// One notice to every target of the policy. All but a trigger is only for targets that a trigger of this
    /// incident was sent to, or that one still waits for.
    Tell(Tell),
    /// Notices of this incident that were not tried yet, by any target, are not needed any more.
    Withdraw,
    /// People are to be chased from then on, as the incident now stands. Said again, it takes the place of what
    /// was said before.
    Chase {
        /// From when.
        from: Timestamp,
    },
    /// Nobody is to be chased any more.
    StopChase,
    /// There would be an incident now, were it not for maintenance. Said once.
    Suppressed,
}

/// What is told, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tell {
    /// What.
    pub event: Event,
    /// Not before.
    pub due: Timestamp,
    /// What happened, in sentences; for an update: what is new.
    pub text: String,
    /// Who did it, where somebody did: the id of a person, or a word.
    pub by: Option<String>,
    /// Counts the notices of an incident, from 1.
    pub number: u32,
}
