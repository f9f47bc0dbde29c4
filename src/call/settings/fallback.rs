//! What happens when nobody is left, as it is written.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{AudioSetting, Period, PromptSetting, unspanned};

/// What happens when nobody is left.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FallbackSettings {
    /// `"voicemail"` or `"closing"`.
    pub then: Option<FallbackKind>,
    /// Before the beep.
    pub greeting: Option<Spanned<AudioSetting>>,
    /// The closing message.
    pub closing: Option<Spanned<AudioSetting>>,
    /// The longest message.
    pub max_length: Option<Spanned<Period>>,
    /// So much silence ends a message, or `"off"`.
    pub silence: Spanned<SilenceSetting>,
    /// Less sound than this is no message.
    pub min_length: Spanned<Period>,
    /// With this key a caller who is held leaves a message instead.
    pub key: Option<Spanned<String>>,
    /// That the message is recorded, before the beep. `true`: the words for calls that are recorded.
    pub consent: Option<Spanned<PromptSetting>>,
    /// `true`: callers can listen to their message, and record it again.
    pub review: bool,
}

/// What a route does when nobody is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FallbackKind {
    /// Take a message.
    #[default]
    Voicemail,
    /// Say the closing message.
    Closing,
}

impl fmt::Display for FallbackKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Voicemail => "voicemail",
            Self::Closing => "closing",
        })
    }
}

/// How much silence ends a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SilenceSetting(pub Option<Period>);

impl Default for FallbackSettings {
    fn default() -> Self {
        Self {
            then: None,
            greeting: None,
            closing: None,
            max_length: None,
            silence: unspanned(SilenceSetting(Some(Period::seconds(30)))),
            min_length: unspanned(Period(Duration::from_millis(200))),
            key: None,
            consent: None,
            review: false,
        }
    }
}

impl<'de> Deserialize<'de> for SilenceSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "off" {
            return Ok(Self(None));
        }
        let wrong =
            || de::Error::custom(format!("`{text}` is neither a length of time such as \"30s\" nor \"off\""));
        Period::parse(&text).map(|period| Self(Some(period))).ok_or_else(wrong)
    }
}
