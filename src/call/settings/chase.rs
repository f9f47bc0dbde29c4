//! How people are chased about an open incident, as it is written.

use serde::Deserialize;
use toml::Spanned;

use super::{Period, unspanned};

/// How people are chased about an open incident.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChaseSettings {
    /// From one level to the next, where an escalation does not say otherwise, and from the last to the next round.
    pub wait: Spanned<Period>,
    /// How often it begins again after the last level.
    pub repeat: Spanned<u8>,
    /// Whether people are phoned; where not, they are told by their other ways alone.
    pub phone: bool,
}

impl Default for ChaseSettings {
    fn default() -> Self {
        Self { wait: unspanned(Period::seconds(300)), repeat: unspanned(2), phone: true }
    }
}
