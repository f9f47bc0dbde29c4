//! What happens in a call and after it, as far as incidents are concerned.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Policy;

/// One fact. Facts of a call come in the order in which they happened; each may come twice, after a crash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The caller has got to a route.
    Routed(Box<Routed>),
    /// A phone of this person is about to be rung.
    Rung {
        /// The id of the person.
        person: String,
    },
    /// The last person has been tried, or those who accepted have left the caller alone: a message or closing
    /// words follow.
    NobodyAnswered,
    /// This person accepted and hears the caller.
    Accepted {
        /// The id of the person.
        person: String,
    },
    /// The caller and those who accepted have spoken, and the call ends with it.
    BridgeEnded,
    /// A message was kept: its file is whole.
    MessageKept(Message),
    /// The call is over.
    Ended(Ending),
    /// The message was written out.
    Transcribed {
        /// What was said.
        text: String,
    },
    /// Somebody opens an incident for the call by hand.
    OpenedByHand {
        /// Who opened it, and is on it: the id of a person.
        person: String,
    },
    /// Somebody has taken it on.
    Acknowledged {
        /// Who: the id of a person, or a word for something else.
        by: String,
    },
    /// It is over.
    Resolved {
        /// Who says so.
        by: String,
    },
    /// Somebody has something to say of it.
    Noted {
        /// Who.
        by: String,
        /// What.
        text: String,
    },
    /// People are told again, because nobody has taken it on: these are on it, too.
    Escalated {
        /// The ids of people.
        people: Vec<String>,
        /// Which level, from 1.
        level: u8,
    },
    /// Nobody is to be told of this incident any more, or people are again.
    Muted {
        /// Who says so.
        by: String,
        /// `false`: it is not muted any more.
        on: bool,
    },
    /// Nobody is to be told of this incident before a moment.
    Snoozed {
        /// Who says so.
        by: String,
        /// Until when; nothing: it is not snoozed any more.
        until: Option<Timestamp>,
    },
}

/// Where a caller has got to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routed {
    /// The name of the hotline.
    pub hotline: String,
    /// The number that was dialled.
    pub number: String,
    /// The name of the route; empty: the caller got to none, and somebody opens an incident by hand.
    pub route: String,
    /// When the call came in.
    pub started_at: Timestamp,
    /// The caller's number; `anonymous` when withheld.
    pub caller: String,
    /// The caller's name, as the trunk states it.
    pub caller_name: Option<String>,
    /// Who is on level 1: ids of people.
    pub first_level: Vec<String>,
    /// What the route wants of incidents.
    pub policy: Policy,
}

impl Routed {
    /// Of a call that got to no route, so that an incident can be opened for it by hand.
    pub fn nowhere(hotline: String, number: String, caller: String, started_at: Timestamp) -> Self {
        Self {
            hotline,
            number,
            route: String::new(),
            started_at,
            caller,
            caller_name: None,
            first_level: Vec::new(),
            policy: Policy::never(),
        }
    }
}

/// A caller's message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The file's name inside the recordings folder.
    pub file: String,
    /// Its length in ms.
    pub duration_ms: u64,
    /// Whether the disk or a crash cut it short.
    pub truncated: bool,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Its outcome in a word: `accepted`, `voicemail`, `missed`, `blocked`, `failed`.
    pub outcome: String,
    /// Who or what ended it, in words.
    pub reason: String,
    /// The caller gave up before anybody answered and before the last person had been tried.
    pub abandoned: bool,
}
