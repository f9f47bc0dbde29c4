//! A route as it is written.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use toml::Spanned;

use super::{AcceptSettings, FallbackSettings, PauseSettings, Period, unspanned, unspanned_default, yes};
use crate::oncall::{Order, PhoneChoice, Repeat};

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
    /// How often the whole chain is tried again: a number, or `"own"`, as its escalations say.
    #[serde(default = "unspanned_default")]
    pub repeat: Spanned<RepeatSetting>,
    /// Leave out phones already rung in this pass of the chain.
    #[serde(default = "yes")]
    pub skip_dialled: bool,
    /// Leave out who is busy with another call; they are tried again last.
    #[serde(default = "yes")]
    pub skip_busy: bool,
    /// How long a caller may wait for somebody who is busy; `"0s"`: not at all.
    #[serde(default = "nothing")]
    pub wait_for_busy: Spanned<Period>,
    /// How long a responder is left in peace after a call.
    #[serde(default = "nothing")]
    pub wrap_up: Spanned<Period>,
    /// So long after a call its caller gets the same responder first; `"0s"`: no matter who.
    #[serde(default = "nothing")]
    pub same_responder: Spanned<Period>,
    /// Who does not answer is left out for a while.
    #[serde(default)]
    pub pause: PauseSettings,
    /// Whether calls of this route are recorded; left out: as the hotline says.
    pub record_calls: Option<bool>,
    /// How a responder accepts.
    #[serde(default)]
    pub accept: AcceptSettings,
    /// What happens when nobody is left.
    #[serde(default)]
    pub fallback: FallbackSettings,
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

/// How often the chain is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepeatSetting(pub Repeat);

impl Default for RepeatSetting {
    fn default() -> Self {
        Self(Repeat::Times(0))
    }
}

impl<'de> Deserialize<'de> for RepeatSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl Visitor<'_> for Words {
            type Value = RepeatSetting;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number from 0 to 9, or \"own\": as the escalations in it say")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<RepeatSetting, E> {
                match u8::try_from(value) {
                    Ok(times) if times <= 9 => Ok(RepeatSetting(Repeat::Times(times))),
                    _ => Err(E::invalid_value(de::Unexpected::Signed(value), &self)),
                }
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<RepeatSetting, E> {
                match value {
                    "own" => Ok(RepeatSetting(Repeat::Own)),
                    _ => Err(E::invalid_value(de::Unexpected::Str(value), &self)),
                }
            }
        }
        deserializer.deserialize_any(Words)
    }
}

fn default_ring() -> Spanned<Period> {
    unspanned(Period::seconds(20))
}

fn nothing() -> Spanned<Period> {
    unspanned(Period::seconds(0))
}
