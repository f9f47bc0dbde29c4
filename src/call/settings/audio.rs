//! Something to be heard, as it is written.

use std::path::PathBuf;

use serde::Deserialize;

/// Something to be heard: exactly one of the three.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioSetting {
    /// A text for the voice command.
    pub say: Option<String>,
    /// An audio file, relative to the settings file.
    pub file: Option<PathBuf>,
    /// How loud the file is played; left out: as loud as all other prompts.
    pub level: Option<LevelSetting>,
    /// A country's ringing tone: `de`, `us`, `gb`.
    pub ringback: Option<String>,
}

/// How loud a file is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LevelSetting {
    /// As loud as it is.
    Keep,
}
