//! How a responder accepts a call, as it is written.

use serde::Deserialize;
use toml::Spanned;

use super::{AudioSetting, Period, unspanned};

/// How a responder accepts a call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AcceptSettings {
    /// A key, `"any"`, or `"none"`: picking up is accepting.
    pub key: Option<Spanned<String>>,
    /// A key, or `"none"`.
    pub decline: Option<Spanned<String>>,
    /// How long to wait after the prompt, at each attempt.
    pub timeout: Spanned<Period>,
    /// How often the prompt is played.
    pub attempts: Spanned<u8>,
    /// The accept prompt.
    pub prompt: Option<Spanned<AudioSetting>>,
}

impl Default for AcceptSettings {
    fn default() -> Self {
        Self {
            key: None,
            decline: None,
            timeout: unspanned(Period::seconds(10)),
            attempts: unspanned(2),
            prompt: None,
        }
    }
}
