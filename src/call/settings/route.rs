//! A route as it is written.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use toml::Spanned;

use super::{
    AcceptSettings, ChaseSettings, FallbackSettings, IncidentSettings, KeysSettings, MenuSettings,
    OutsideSetting, PauseSettings, Period, unspanned, yes,
};
use crate::call::preset::Preset;
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
    /// Opening hours, by their id in the on-call file; left out: always.
    pub hours: Option<Spanned<String>>,
    /// What is done outside the hours; left out: callers hear that the line is closed.
    pub outside: Option<Spanned<OutsideSetting>>,
    /// The names of the PINs that open this route; left out: none is asked for here.
    #[serde(default)]
    pub pin: Vec<Spanned<String>>,
    /// A menu of its own: the key leads to further routes.
    pub menu: Option<MenuSettings>,
    /// The routes of that menu.
    #[serde(default)]
    pub routes: Vec<RouteSettings>,
    /// The call goes on at another hotline.
    pub redirect: Option<Spanned<RedirectSettings>>,
    /// `"voicemail"`: nobody is rung.
    #[serde(default)]
    pub direct: DirectSetting,
    /// Who is rung, level by level.
    #[serde(default)]
    pub levels: Vec<Vec<Spanned<String>>>,
    /// Fills in what is left out here; left out: the hotline's.
    pub preset: Option<Preset>,
    /// The order within a level.
    pub order: Option<Order>,
    /// How long one phone rings, from the first 18x.
    pub ring: Option<Spanned<Period>>,
    /// Which phones of a person.
    pub phones: Option<PhoneChoice>,
    /// People tried at most: a number, or `"all"`; 0: voicemail only.
    pub max_people: Option<MaxPeople>,
    /// How often the whole chain is tried again: a number, or `"own"`, as its escalations say.
    pub repeat: Option<Spanned<RepeatSetting>>,
    /// Leave out phones already rung in this pass of the chain.
    pub skip_dialled: Option<bool>,
    /// Leave out who is busy with another call; they are tried again last.
    pub skip_busy: Option<bool>,
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
    /// Whether the caller is asked for a name, which responders hear.
    #[serde(default)]
    pub record_name: bool,
    /// How a responder accepts.
    pub accept: Option<AcceptSettings>,
    /// What a responder can ask for with a star and a key; left out: as the hotline says.
    #[serde(default)]
    pub keys: KeysSettings,
    /// Who is rung when a responder asks for another person; left out: the others of the levels.
    #[serde(default)]
    pub invite: Vec<Spanned<String>>,
    /// What happens when nobody is left.
    pub fallback: Option<FallbackSettings>,
    /// What comes of its calls beside them.
    pub incident: Option<IncidentSettings>,
    /// How people are chased about an open incident.
    pub chase: Option<ChaseSettings>,
}

impl RouteSettings {
    /// Keys that are written although they are about ringing somebody.
    pub fn ringing_keys(&self) -> Vec<&'static str> {
        let written = [
            ("levels", !self.levels.is_empty()),
            ("direct", self.direct == DirectSetting::Voicemail),
            ("order", self.order.is_some()),
            ("ring", self.ring.is_some()),
            ("phones", self.phones.is_some()),
            ("max_people", self.max_people.is_some()),
            ("repeat", self.repeat.is_some()),
            ("skip_dialled", self.skip_dialled.is_some()),
            ("skip_busy", self.skip_busy.is_some()),
            ("wait_for_busy", !self.wait_for_busy.get_ref().0.is_zero()),
            ("wrap_up", !self.wrap_up.get_ref().0.is_zero()),
            ("same_responder", !self.same_responder.get_ref().0.is_zero()),
            ("pause", *self.pause.after_misses.get_ref() > 0),
            ("record_calls", self.record_calls.is_some()),
            ("record_name", self.record_name),
            ("accept", self.accept.is_some()),
            ("keys", !self.keys.is_empty()),
            ("invite", !self.invite.is_empty()),
            ("fallback", self.fallback.is_some()),
            ("incident", self.incident.is_some()),
            ("chase", self.chase.is_some()),
        ];
        written.into_iter().filter(|(_, is_written)| *is_written).map(|(key, _)| key).collect()
    }
}

/// Where a call goes on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedirectSettings {
    /// The other hotline, by its name.
    pub hotline: String,
    /// Its route, by its key or its name; left out: as if the caller had called that hotline.
    pub route: Option<String>,
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

impl fmt::Display for MaxPeople {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(most) => most.fmt(f),
            None => f.write_str("all"),
        }
    }
}

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

impl fmt::Display for RepeatSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Repeat::Times(times) => times.fmt(f),
            Repeat::Own => f.write_str("own"),
        }
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

fn nothing() -> Spanned<Period> {
    unspanned(Period::seconds(0))
}
