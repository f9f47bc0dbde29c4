//! A hotline as it is written.

use std::fmt;

use serde::Deserialize;
use toml::Spanned;

use super::{
    AudioSetting, CallerSettings, KeysSettings, MenuSettings, NumberList, OutsideSetting, PinSettings,
    PromptSetting, PromptsSettings, RepeatedSettings, RouteSettings, WaitingSettings, yes,
};
use crate::call::preset::Preset;
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
    /// Fills in what is left out here and at the routes.
    #[serde(default)]
    pub preset: Preset,
    /// The number responders see.
    pub caller_id: Option<CallerIdSetting>,
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
    /// Opening hours, by their id in the on-call file; left out: always open.
    pub hours: Option<Spanned<String>>,
    /// What is done outside the hours; left out: callers hear that the line is closed.
    pub outside: Option<Spanned<OutsideSetting>>,
    /// Who has no PIN does not get through.
    pub pin: Option<PinSettings>,
    /// What holds for certain callers; the first that fits counts.
    #[serde(default)]
    pub callers: Vec<CallerSettings>,
    /// What holds for callers who call again and again.
    pub repeated: Option<RepeatedSettings>,
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
    /// What a responder can ask for with a star and a key.
    #[serde(default)]
    pub keys: KeysSettings,
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

impl fmt::Display for CallerIdSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hotline => "hotline",
            Self::Caller => "caller",
        })
    }
}
