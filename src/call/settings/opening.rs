//! Opening hours of a route or a hotline, and what is done outside them, as it is written.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::AudioSetting;

/// What is done with a caller who cannot go on: outside the hours, or without the PIN.
#[derive(Debug, Clone)]
pub enum OutsideSetting {
    /// `"voicemail"`: a message is taken, nobody is rung.
    Voicemail,
    /// `{ route = "2" }`: another route, by its key or its name.
    Route(String),
    /// `{ say = "..." }`, `{ file = "..." }`: these words, and the call is over.
    Words(AudioSetting),
}

/// The table that names a route.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteSetting {
    route: String,
}

impl<'de> Deserialize<'de> for OutsideSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrTable;
        impl<'de> Visitor<'de> for WordOrTable {
            type Value = OutsideSetting;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"voicemail\", { route = \"KEY\" }, { say = \"...\" } or { file = \"...\" }")
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<OutsideSetting, E> {
                match value {
                    "voicemail" => Ok(OutsideSetting::Voicemail),
                    _ => Err(E::invalid_value(de::Unexpected::Str(value), &self)),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OutsideSetting, A::Error> {
                let table = toml::Table::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let wrong = |error: toml::de::Error| de::Error::custom(error.message());
                if table.contains_key("route") {
                    let RouteSetting { route } = table.try_into().map_err(wrong)?;
                    return Ok(OutsideSetting::Route(route));
                }
                table.try_into().map(OutsideSetting::Words).map_err(wrong)
            }
        }
        deserializer.deserialize_any(WordOrTable)
    }
}
