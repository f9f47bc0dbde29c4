//! The menu of a hotline as it is written.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use toml::Spanned;

use super::{AudioSetting, Period, unspanned};

/// The menu of a hotline, or of a route that leads to further routes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MenuSettings {
    /// The menu's words; left out: made from the routes; `"welcome"`: the welcome says them.
    pub prompt: Option<Spanned<MenuPromptSetting>>,
    /// How long to wait for a key after the prompt.
    #[serde(default = "default_menu_timeout")]
    pub timeout: Spanned<Period>,
    /// How often the menu is played; wrong keys and silence both count.
    #[serde(default = "default_menu_attempts")]
    pub attempts: Spanned<u8>,
    /// After so many wrong keys the menu is over, whatever `attempts` says; left out: `attempts` alone counts.
    pub wrong_keys: Option<Spanned<u8>>,
    /// The key that leads back to the menu before; only in the menu of a route.
    pub back: Option<Spanned<String>>,
    /// What silence means: `"replay"`, or `"route:KEY"` for callers that cannot press keys.
    #[serde(default = "default_silence")]
    pub silence: Spanned<String>,
}

/// The menu's prompt: words of its own, or the welcome.
#[derive(Debug, Clone)]
pub enum MenuPromptSetting {
    /// `"welcome"`: the welcome explains the keys, and is played again on retries.
    Welcome,
    /// Words of its own.
    Audio(AudioSetting),
}

impl<'de> Deserialize<'de> for MenuPromptSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrTable;
        impl<'de> Visitor<'de> for WordOrTable {
            type Value = MenuPromptSetting;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("{ say = \"...\" }, { file = \"...\" } or \"welcome\"")
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<MenuPromptSetting, E> {
                match value {
                    "welcome" => Ok(MenuPromptSetting::Welcome),
                    _ => Err(E::invalid_value(de::Unexpected::Str(value), &self)),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<MenuPromptSetting, A::Error> {
                AudioSetting::deserialize(de::value::MapAccessDeserializer::new(map))
                    .map(MenuPromptSetting::Audio)
            }
        }
        deserializer.deserialize_any(WordOrTable)
    }
}

fn default_menu_timeout() -> Spanned<Period> {
    unspanned(Period::seconds(5))
}

fn default_menu_attempts() -> Spanned<u8> {
    unspanned(3)
}

fn default_silence() -> Spanned<String> {
    unspanned("replay".to_owned())
}
