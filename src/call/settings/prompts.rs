//! The words of a hotline that stand nowhere else, as they are written.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use toml::Spanned;

use super::AudioSetting;

/// What a hotline says at each turn of a call, where it is not to be the shipped words.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PromptsSettings {
    /// Before people are rung.
    pub please_hold: Option<Spanned<PromptSetting>>,
    /// Before each further person is rung, where that is to be told.
    pub next_person: Option<Spanned<AudioSetting>>,
    /// To caller and responder, right before they hear each other.
    pub connected: Option<Spanned<PromptSetting>>,
    /// Where `enabled = false`.
    pub closed: Option<Spanned<AudioSetting>>,
    /// The last words.
    pub goodbye: Option<Spanned<PromptSetting>>,
    /// To a caller of whom nothing is heard.
    pub cannot_hear: Option<Spanned<PromptSetting>>,
    /// To a responder whose caller has hung up.
    pub caller_gone: Option<Spanned<PromptSetting>>,
    /// To a responder who accepts what somebody else has accepted.
    pub taken: Option<Spanned<PromptSetting>>,
    /// Asks the caller for a name.
    pub say_name: Option<Spanned<AudioSetting>>,
    /// After a key that leads nowhere.
    pub unknown_key: Option<Spanned<PromptSetting>>,
    /// After a message was kept.
    pub thanks: Option<Spanned<PromptSetting>>,
    /// Where no message can be taken.
    pub no_message: Option<Spanned<AudioSetting>>,
    /// Where only the begin of a message could be kept.
    pub cut_short: Option<Spanned<AudioSetting>>,
}

/// Words that may be left unsaid.
#[derive(Debug, Clone)]
pub enum PromptSetting {
    /// `true`: the shipped words; `false`: none.
    Shipped(bool),
    /// Words of the operator's own.
    Audio(AudioSetting),
}

impl<'de> Deserialize<'de> for PromptSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SwitchOrTable;
        impl<'de> Visitor<'de> for SwitchOrTable {
            type Value = PromptSetting;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("{ say = \"...\" }, { file = \"...\" }, true or false")
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<PromptSetting, E> {
                Ok(PromptSetting::Shipped(value))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PromptSetting, A::Error> {
                AudioSetting::deserialize(de::value::MapAccessDeserializer::new(map))
                    .map(PromptSetting::Audio)
            }
        }
        deserializer.deserialize_any(SwitchOrTable)
    }
}
