//! What a route wants of incidents, as it is written.

use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

use super::Period;
use crate::incident::{Abandoned, Answered, Assign, Moment, NotifyWhen, Severity, Unanswered};

/// What a route wants of incidents. What is left out, the preset fills in.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IncidentSettings {
    /// At what one is opened: a word or a list of words.
    pub open: Option<Spanned<OpenSetting>>,
    /// When people are told: `"at-once"`, `"voicemail"` or `{ after = "2m" }`.
    pub notify_when: Option<Spanned<NotifyWhenSetting>>,
    /// What becomes of that of an answered call.
    pub answered: Option<Spanned<Answered>>,
    /// What becomes of that of a call nobody answered.
    pub unanswered: Option<Spanned<Unanswered>>,
    /// What becomes of that of a caller who gave up.
    pub abandoned: Option<Abandoned>,
    /// Who is on it.
    pub assign: Option<Assign>,
    /// How grave it is.
    pub severity: Option<Severity>,
    /// Whether a message is written out.
    pub transcript: Option<bool>,
    /// The names of the `[[notify]]` that are told; left out: all tools and chats.
    pub notify: Option<Vec<Spanned<String>>>,
    /// Whether Nightbell phones people itself until somebody has it.
    pub chase: Option<Spanned<bool>>,
}

/// At what an incident is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenSetting(u8);

impl OpenSetting {
    /// At any of these.
    pub const fn at(moments: &[Moment]) -> Self {
        let (mut set, mut rest) = (0, moments);
        while let [first, others @ ..] = rest {
            set |= 1 << (*first as u8);
            rest = others;
        }
        Self(set)
    }

    /// The moments.
    pub fn moments(self) -> impl Iterator<Item = Moment> {
        Moment::ALL.iter().copied().filter(move |moment| self.0 & 1 << (*moment as u8) != 0)
    }
}

/// `voicemail, no-answer`
impl fmt::Display for OpenSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.moments().map(Moment::as_str).collect();
        f.write_str(if words.is_empty() { "never" } else { "" })?;
        f.write_str(&words.join(", "))
    }
}

impl<'de> Deserialize<'de> for OpenSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = OpenSetting;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let words: Vec<_> = Moment::ALL.iter().map(|moment| format!("\"{moment}\"")).collect();
                write!(f, "one or more of {}", words.join(", "))
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<OpenSetting, E> {
                Moment::deserialize(StrDeserializer::new(word)).map(|moment| OpenSetting::at(&[moment]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OpenSetting, A::Error> {
                let mut moments = Vec::new();
                while let Some(moment) = list.next_element()? {
                    moments.push(moment);
                }
                Ok(OpenSetting::at(&moments))
            }
        }
        deserializer.deserialize_any(Words)
    }
}

/// When people are told of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotifyWhenSetting {
    /// As soon as it is opened.
    AtOnce,
    /// So long after, if nobody has answered by then.
    After(Period),
    /// When there is a message.
    Voicemail,
}

impl NotifyWhenSetting {
    /// What it means.
    pub fn meaning(self) -> NotifyWhen {
        match self {
            Self::AtOnce => NotifyWhen::AtOnce,
            Self::After(delay) => NotifyWhen::after(delay.0),
            Self::Voicemail => NotifyWhen::Voicemail,
        }
    }
}

impl fmt::Display for NotifyWhenSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtOnce => f.write_str("at-once"),
            Self::After(delay) => write!(f, "after {delay}"),
            Self::Voicemail => f.write_str("voicemail"),
        }
    }
}

impl<'de> Deserialize<'de> for NotifyWhenSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Delay {
            after: Period,
        }
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = NotifyWhenSetting;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"at-once\", \"voicemail\" or { after = \"2m\" }")
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<NotifyWhenSetting, E> {
                match word {
                    "at-once" => Ok(NotifyWhenSetting::AtOnce),
                    "voicemail" => Ok(NotifyWhenSetting::Voicemail),
                    _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<NotifyWhenSetting, A::Error> {
                let delay = Delay::deserialize(MapAccessDeserializer::new(map))?;
                Ok(NotifyWhenSetting::After(delay.after))
            }
        }
        deserializer.deserialize_any(Words)
    }
}
