//! What callers hear while they are held, and who is left out for a while, as they are written.

use serde::Deserialize;
use toml::Spanned;

use super::{Period, unspanned};

/// What callers who are held hear beside the music.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WaitingSettings {
    /// "We are trying the next person", each time that somebody else is rung.
    pub next_person: bool,
    /// The place in line, where several callers are held on the same route.
    pub position: bool,
    /// How long it will take, by what callers of the last hour had to wait.
    pub time: bool,
    /// How often place and time are told.
    pub every: Spanned<Period>,
}

/// Who does not answer is left out for a while.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PauseSettings {
    /// After so many calls in a row; 0: never.
    pub after_misses: Spanned<u8>,
    /// For so long after the last of them.
    pub r#for: Spanned<Period>,
}

impl Default for WaitingSettings {
    fn default() -> Self {
        Self { next_person: false, position: false, time: false, every: unspanned(Period::seconds(30)) }
    }
}

impl Default for PauseSettings {
    fn default() -> Self {
        Self { after_misses: unspanned(0), r#for: unspanned(Period::seconds(600)) }
    }
}
