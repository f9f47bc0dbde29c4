//! A hotline as it is written.

use serde::Deserialize;
use toml::Spanned;

use super::{
    AudioSetting, MenuSettings, NumberList, PromptSetting, PromptsSettings, RouteSettings, WaitingSettings,
    yes,
};
use crate::oncall::Language;

/// One hotline.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HotlineSettings {
    /// Its name: spoken to responders, shown in the log.
    pub name: Spanned<String>,
    /// The numbers it answers, in E.164; `sip:user` for a user part that is no number.
    pub numbers: Vec<Spanned<String>>,
    /// The trunks calls come in over (any of them) and go out over (in this order).
    pub trunks: Vec<Spanned<String>>,
    /// Language of the default prompts and of the voice.
    #[serde(default)]
    pub language: Language,
    /// The first words a caller hears; `false`: none.
    pub welcome: Option<Spanned<PromptSetting>>,
    /// What a caller hears while people are rung. Default: a shipped hold tone.
    pub hold: Option<Spanned<AudioSetting>>,
    /// The number responders see.
    #[serde(default)]
    pub caller_id: CallerIdSetting,
    /// Who may call; empty: everyone.
    #[serde(default)]
    pub allow: NumberList,
    /// Who may not. Beats `allow`.
    #[serde(default)]
    pub block: NumberList,
    /// Calls at a time; one more is refused with 503.
    #[serde(default = "default_max_calls")]
    pub max_calls: usize,
    /// `false`: callers hear that the line is closed.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// What is said at each turn of a call.
    #[serde(default)]
    pub prompts: PromptsSettings,
    /// What callers who are held hear beside the music.
    #[serde(default)]
    pub waiting: WaitingSettings,
    /// Left out: one route, no menu.
    pub menu: Option<MenuSettings>,
    /// Whether calls are recorded that somebody accepts.
    #[serde(default)]
    pub recording: RecordingSettings,
    /// Where calls go.
    #[serde(default)]
    pub routes: Vec<RouteSettings>,
}

/// The recording of calls.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordingSettings {
    /// `true`: calls are recorded that somebody accepts, unless a route says otherwise.
    pub calls: bool,
    /// What both sides hear before; without it nothing is recorded.
    pub consent: Option<Spanned<AudioSetting>>,
}

/// Which number responders see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallerIdSetting {
    /// The hotline's first number.
    #[default]
    Hotline,
    /// The caller's.
    Caller,
}

fn default_max_calls() -> usize {
    20
}
