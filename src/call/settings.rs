//! The `[[hotlines]]` of `nightbell.toml`, as they are written. `plan` turns them into what a
//! call runs on.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::oncall::{Language, Order, PhoneChoice};

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
    /// The first words a caller hears.
    pub welcome: Option<Spanned<AudioSetting>>,
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
    /// Left out: one route, no menu.
    pub menu: Option<MenuSettings>,
    /// Whether calls are recorded that somebody accepts.
    #[serde(default)]
    pub recording: RecordingSettings,
    /// Where calls go.
    #[serde(default)]
    pub routes: Vec<RouteSettings>,
}

/// The menu of a hotline.
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
    /// What silence means: `"replay"`, or `"route:KEY"` for callers that cannot press keys.
    #[serde(default = "default_silence")]
    pub silence: Spanned<String>,
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

/// One route of a hotline.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSettings {
    /// `1`-`9`, `0`, or `*`: every key without a route of its own.
    pub key: Option<Spanned<String>>,
    /// Its name: spoken in the generated menu and to responders.
    pub name: Spanned<String>,
    /// `false`: its key is an unknown key.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// `"voicemail"`: nobody is rung.
    #[serde(default)]
    pub direct: DirectSetting,
    /// Who is rung, level by level.
    #[serde(default)]
    pub levels: Vec<Vec<Spanned<String>>>,
    /// The order within a level.
    #[serde(default)]
    pub order: Order,
    /// How long one phone rings, from the first 18x.
    #[serde(default = "default_ring")]
    pub ring: Spanned<Period>,
    /// Which phones of a person.
    #[serde(default)]
    pub phones: PhoneChoice,
    /// People tried at most: a number, or `"all"`; 0: voicemail only.
    #[serde(default = "unspanned_default")]
    pub max_people: Spanned<MaxPeople>,
    /// How often the whole chain is tried again.
    #[serde(default = "unspanned_default")]
    pub repeat: Spanned<u8>,
    /// Leave out phones already rung in this pass of the chain.
    #[serde(default = "yes")]
    pub skip_dialled: bool,
    /// Leave out who is busy with another call; they are tried again last.
    #[serde(default = "yes")]
    pub skip_busy: bool,
    /// Whether calls of this route are recorded; left out: as the hotline says.
    pub record_calls: Option<bool>,
    /// How a responder accepts.
    #[serde(default)]
    pub accept: AcceptSettings,
    /// What happens when nobody is left.
    #[serde(default)]
    pub fallback: FallbackSettings,
}

/// How a responder accepts a call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AcceptSettings {
    /// A key, `"any"`, or `"none"`: picking up is accepting.
    pub key: Spanned<String>,
    /// A key, or `"none"`.
    pub decline: Spanned<String>,
    /// How long to wait after the prompt, at each attempt.
    pub timeout: Spanned<Period>,
    /// How often the prompt is played.
    pub attempts: Spanned<u8>,
    /// The accept prompt.
    pub prompt: Option<Spanned<AudioSetting>>,
}

/// What happens when nobody is left.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FallbackSettings {
    /// `"voicemail"` or `"closing"`.
    pub then: FallbackKind,
    /// Before the beep.
    pub greeting: Option<Spanned<AudioSetting>>,
    /// The closing message.
    pub closing: Option<Spanned<AudioSetting>>,
    /// The longest message.
    pub max_length: Spanned<Period>,
    /// So much silence ends a message, or `"off"`.
    pub silence: Spanned<SilenceSetting>,
}

/// How much silence ends a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SilenceSetting(pub Option<Period>);

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

/// The menu's prompt: words of its own, or the welcome.
#[derive(Debug, Clone)]
pub enum MenuPromptSetting {
    /// `"welcome"`: the welcome explains the keys, and is played again on retries.
    Welcome,
    /// Words of its own.
    Audio(AudioSetting),
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

/// Whether a route rings anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DirectSetting {
    /// Ring people.
    #[default]
    None,
    /// Voicemail at once.
    Voicemail,
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

impl Default for AcceptSettings {
    fn default() -> Self {
        Self {
            key: unspanned("1".to_owned()),
            decline: unspanned("2".to_owned()),
            timeout: unspanned(Period::seconds(10)),
            attempts: unspanned(2),
            prompt: None,
        }
    }
}

impl Default for FallbackSettings {
    fn default() -> Self {
        Self {
            then: FallbackKind::Voicemail,
            greeting: None,
            closing: None,
            max_length: unspanned(Period::seconds(120)),
            silence: unspanned(SilenceSetting(Some(Period::seconds(30)))),
        }
    }
}

/// A value that stands nowhere in the file: a default.
fn unspanned<T>(value: T) -> Spanned<T> {
    Spanned::new(0..0, value)
}

fn unspanned_default<T: Default>() -> Spanned<T> {
    unspanned(T::default())
}

fn yes() -> bool {
    true
}

fn default_max_calls() -> usize {
    20
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

fn default_ring() -> Spanned<Period> {
    unspanned(Period::seconds(20))
}

/// A length of time as it is written: `"5s"`, `"2m"`, `"1h 30m"`, `"365d"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

impl Period {
    /// A number of seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// What is written, if it is a length of time.
    pub fn parse(text: &str) -> Option<Self> {
        let length = text.parse::<jiff::SignedDuration>().ok()?;
        Duration::try_from(length).map(Self).ok()
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong =
            || de::Error::custom(format!("`{text}` is not a length of time such as \"20s\" or \"2m\""));
        Self::parse(&text).ok_or_else(wrong)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subsec_millis() {
            0 => write!(f, "{} s", self.0.as_secs()),
            _ => write!(f, "{} ms", self.0.as_millis()),
        }
    }
}

/// How many people are tried: a number, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MaxPeople(pub Option<u32>);

impl<'de> Deserialize<'de> for MaxPeople {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl Visitor<'_> for Words {
            type Value = MaxPeople;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number from 0 to 50, or \"all\"")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<MaxPeople, E> {
                match u32::try_from(value) {
                    Ok(count) if count <= 50 => Ok(MaxPeople(Some(count))),
                    _ => Err(E::invalid_value(de::Unexpected::Signed(value), &self)),
                }
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<MaxPeople, E> {
                match value {
                    "all" => Ok(MaxPeople(None)),
                    _ => Err(E::invalid_value(de::Unexpected::Str(value), &self)),
                }
            }
        }
        deserializer.deserialize_any(Words)
    }
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

/// A list of numbers: an array, or one text with commas or new lines.
#[derive(Debug, Clone, Default)]
pub struct NumberList(pub Vec<Spanned<String>>);

impl<'de> Deserialize<'de> for NumberList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Read as a value with its place first, then as either form: each entry takes the place
        // of the whole list, since an untagged form has no places of its own.
        let written = Spanned::<OneOrMany>::deserialize(deserializer)?;
        let span = written.span();
        let entries = match written.into_inner() {
            OneOrMany::One(text) => text
                .split([',', '\n'])
                .map(|entry| entry.trim().to_owned())
                .filter(|entry| !entry.is_empty())
                .collect(),
            OneOrMany::Many(list) => list,
        };
        Ok(Self(entries.into_iter().map(|entry| Spanned::new(span.clone(), entry)).collect()))
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}
