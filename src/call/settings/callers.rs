//! What holds for certain callers, as it is written.

use serde::Deserialize;
use toml::Spanned;

use super::{AudioSetting, NumberList, Period};

/// What holds for callers with these numbers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerSettings {
    /// Who they are: shown in the record.
    pub name: Spanned<String>,
    /// Their numbers: numbers, prefixes, `anonymous`.
    pub numbers: NumberList,
    /// They get this route, by its key or its name, without a menu.
    pub route: Option<Spanned<String>>,
    /// The chain begins at this level for them.
    pub level: Option<Spanned<u8>>,
    /// Their place among callers who wait.
    #[serde(default)]
    pub position: PositionSetting,
    /// The first words they hear.
    pub welcome: Option<Spanned<AudioSetting>>,
}

/// A place among callers who wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PositionSetting {
    /// Before all others.
    Front,
    /// Behind those who came before.
    #[default]
    Back,
}

/// What holds for callers who call again and again.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepeatedSettings {
    /// From this call on, the one that comes in counted.
    pub calls: Spanned<u8>,
    /// Calls of the same number within this time count.
    pub within: Spanned<Period>,
    /// They get this route, by its key or its name, without a menu.
    pub route: Option<Spanned<String>>,
    /// The chain begins at this level for them.
    pub level: Option<Spanned<u8>>,
}
