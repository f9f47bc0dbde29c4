//! The PIN gate of a hotline as it is written.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::Deserializer;
use toml::Spanned;

use super::{AudioSetting, OutsideSetting, Period, unspanned, yes};

/// Who has no PIN does not get through.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinSettings {
    /// What asks for it.
    pub prompt: Option<Spanned<AudioSetting>>,
    /// How long to wait for the first key after the prompt, and for each further one.
    #[serde(default = "default_timeout")]
    pub timeout: Spanned<Period>,
    /// How often it is asked for in one call.
    #[serde(default = "default_attempts")]
    pub attempts: Spanned<u8>,
    /// After so many wrong PINs from one number within an hour nobody is asked any more who calls from it.
    #[serde(default = "default_lockout")]
    pub lockout: Spanned<u8>,
    /// `false`: only routes ask that name a PIN themselves.
    #[serde(default = "yes")]
    pub before_menu: bool,
    /// What is done with a caller without a PIN; left out: goodbye.
    pub fallback: Option<Spanned<OutsideSetting>>,
    /// The PINs.
    #[serde(default)]
    pub codes: Vec<PinCodeSettings>,
}

/// A PIN.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinCodeSettings {
    /// Whose it is: the only thing of it that is ever shown.
    pub name: Spanned<String>,
    /// Its digits.
    pub code: Option<Spanned<Hidden>>,
    /// A file with its digits, relative to the settings file.
    pub code_file: Option<Spanned<PathBuf>>,
    /// Leads straight to this route, by its key or its name.
    pub route: Option<Spanned<String>>,
}

/// A text that is never shown; nothing, where something else is written.
#[derive(Clone)]
pub struct Hidden(pub Option<String>);

impl<'de> Deserialize<'de> for Hidden {
    /// Takes anything: an error would show the place, and with it the PIN.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => Ok(Self(Some(text))),
            _ => Ok(Self(None)),
        }
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

fn default_timeout() -> Spanned<Period> {
    unspanned(Period::seconds(8))
}

fn default_attempts() -> Spanned<u8> {
    unspanned(3)
}

fn default_lockout() -> Spanned<u8> {
    unspanned(10)
}
