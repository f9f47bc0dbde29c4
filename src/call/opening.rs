//! Opening hours of a hotline or a route, and what is done outside them.

use jiff::Timestamp;

use crate::call::choice::Place;
use crate::call::prompt::Prompt;
use crate::oncall::{HoursId, Roster};

/// When somebody is there, and what is done with callers at other times.
#[derive(Debug, Clone)]
pub struct Opening {
    /// The hours.
    pub hours: HoursId,
    /// Outside them.
    pub outside: Instead,
}

/// What is done with a caller who cannot go on.
#[derive(Debug, Clone)]
pub enum Instead {
    /// Goes on at another choice of the hotline.
    Choice(Place),
    /// Leaves a message, without anybody being rung.
    Voicemail,
    /// Hears these words, and the call is over.
    Words(Prompt),
}

impl Opening {
    /// Why it is closed at an instant; nothing: it is open. Hours that are gone from the on-call data are
    /// open: a phone that rings in vain is better than one that does not.
    pub fn closed(&self, roster: &Roster, at: Timestamp) -> Option<String> {
        let hours = roster.hours.get(&self.hours)?;
        let state = hours.state(at);
        if state.open {
            return None;
        }
        let until = state.until.map(|until| format!(", until {}", hours.timezone.say(until, at)));
        Some(format!("outside the hours {} ({}{})", self.hours, state.because, until.unwrap_or_default()))
    }
}

impl Instead {
    /// The words, if it is words.
    pub fn words(&self) -> Option<&Prompt> {
        match self {
            Self::Words(words) => Some(words),
            Self::Choice(_) | Self::Voicemail => None,
        }
    }
}
