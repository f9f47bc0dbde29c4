//! The file `oncall.toml` as it is written. What it means is worked out in `compile`.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use toml::Spanned;

use crate::oncall::language::Language;

/// The whole file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OncallFile {
    /// Who can be rung.
    #[serde(default)]
    pub people: Vec<PersonEntry>,
    /// Groups of targets in levels.
    #[serde(default)]
    pub teams: Vec<TeamEntry>,
    /// Targets in levels with delays between them.
    #[serde(default)]
    pub escalations: Vec<EscalationEntry>,
    /// Who is on call when.
    #[serde(default)]
    pub schedules: Vec<ScheduleEntry>,
    /// When somebody is there.
    #[serde(default)]
    pub hours: Vec<HoursEntry>,
}

impl OncallFile {
    /// Reads the file's text. An unknown key or a value of the wrong kind is an error with its
    /// place; everything else is found by [`OncallFile::compile`], all at once.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// One of `[[people]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonEntry {
    /// How others refer to this person.
    pub id: Spanned<String>,
    /// The name as people say it. Default: the id.
    pub name: Option<Spanned<String>>,
    /// Numbers in E.164 and SIP addresses, rung in this order.
    #[serde(default)]
    pub phones: Vec<Spanned<PhoneEntry>>,
    /// Where messages go.
    pub email: Option<Spanned<String>>,
    /// The language this person is spoken to in. Default: the hotline's.
    pub language: Option<Language>,
    /// How incidents reach this person: `phone`, `email`, `sms`, `chat`, or the name of a `[[notify]]` target.
    /// Default: `phone`.
    pub notify: Option<Spanned<Vec<Spanned<String>>>>,
    /// Whether this person is rung at all. Default: yes.
    #[serde(default = "yes")]
    pub available: bool,
}

fn yes() -> bool {
    true
}

/// A phone: `"+49..."`, or `{ phone = "+49...", unconfirmed = true }` for one that must not be
/// rung until its owner has confirmed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneEntry {
    /// The number or the SIP address.
    pub phone: String,
    /// Not to be rung yet.
    pub unconfirmed: bool,
}

impl<'de> Deserialize<'de> for PhoneEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PhoneVisitor)
    }
}

struct PhoneVisitor;

impl<'de> Visitor<'de> for PhoneVisitor {
    type Value = PhoneEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a phone in quotes, or { phone = \"...\", unconfirmed = true }")
    }

    fn visit_str<E>(self, text: &str) -> Result<PhoneEntry, E> {
        Ok(PhoneEntry { phone: text.to_owned(), unconfirmed: false })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PhoneEntry, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            phone: String,
            #[serde(default)]
            unconfirmed: bool,
        }
        let Table { phone, unconfirmed } = Table::deserialize(MapAccessDeserializer::new(map))?;
        Ok(PhoneEntry { phone, unconfirmed })
    }
}

/// One of `[[teams]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeamEntry {
    /// How others refer to this team.
    pub id: Spanned<String>,
    /// Targets level by level.
    pub levels: Vec<Spanned<Vec<Spanned<String>>>>,
}

/// One of `[[escalations]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscalationEntry {
    /// How others refer to this escalation.
    pub id: Spanned<String>,
    /// How often it begins again after its last level. Default: 0.
    pub repeat: Option<Spanned<u8>>,
    /// Whom to turn to, level by level.
    pub levels: Vec<Spanned<EscalationLevelEntry>>,
}

/// One of the `levels` of an escalation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscalationLevelEntry {
    /// Who is turned to.
    pub targets: Spanned<Vec<Spanned<String>>>,
    /// How long after the beginning: `5m`. Default: at once.
    pub after: Option<Spanned<String>>,
}

/// One of `[[schedules]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleEntry {
    /// How others refer to this schedule.
    pub id: Spanned<String>,
    /// A zone of the IANA database: all times of the schedule are its wall clock's.
    pub timezone: Spanned<String>,
    /// `layers` (default) or `parallel`.
    pub stacking: Option<Spanned<String>>,
    /// Whether anybody is on call here at all. Default: yes.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// A calendar whose events are the shifts: an address or a file.
    pub calendar: Option<Spanned<String>>,
    /// Whom the names in the calendar's events mean: people's ids.
    #[serde(default)]
    pub names: BTreeMap<String, Spanned<String>>,
    /// People taking turns.
    #[serde(default)]
    pub rotations: Vec<RotationEntry>,
    /// People standing in.
    #[serde(default)]
    pub overrides: Vec<OverrideEntry>,
}

/// One of `[[schedules.rotations]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotationEntry {
    /// Its name, unique in the schedule.
    pub name: Spanned<String>,
    /// Who takes turns: people, `team:`, `schedule:`, `everyone:`, `escalation:`, and `nobody` for a gap
    /// on purpose.
    pub people: Spanned<Vec<Spanned<String>>>,
    /// The length of a turn: `1 week`, `12 hours`. Needed, but for turns by a rule.
    pub every: Option<Spanned<String>>,
    /// The rule of RFC 5545 by which turns begin, instead of `every`: `FREQ=WEEKLY;BYDAY=MO,TH`.
    pub rrule: Option<Spanned<String>>,
    /// How long each turn by a rule lasts: `12 hours`.
    pub lasts: Option<Spanned<String>>,
    /// When the first turn begins: `2026-01-05 09:00`.
    pub start: Spanned<String>,
    /// When all is over. Default: never.
    pub until: Option<Spanned<String>>,
    /// Times of the week at which it is in force. Default: always.
    #[serde(default)]
    pub hours: Vec<Spanned<String>>,
}

/// One of `[[schedules.overrides]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverrideEntry {
    /// Who stands in, comes along or is left out: a person, `team:`, `schedule:` and so on, or `nobody`.
    pub person: Spanned<String>,
    /// From when: `2026-12-24 18:00`.
    pub from: Spanned<String>,
    /// Until when.
    pub until: Spanned<String>,
    /// `replace` (default), `add` or `remove`.
    pub kind: Option<Spanned<String>>,
    /// The rotations it is about: one or a list. Default: the whole schedule.
    pub rotation: Option<Spanned<Names>>,
    /// Only where this person is on call. Default: whoever is.
    pub instead_of: Option<Spanned<String>>,
}

/// One name, or a list of names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected a name in quotes or a list of names")]
pub enum Names {
    /// `"weekly"`
    One(String),
    /// `["weekly", "nights"]`
    Several(Vec<String>),
}

impl Names {
    /// All of them.
    pub(super) fn all(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

/// One of `[[hours]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoursEntry {
    /// How routes refer to these hours.
    pub id: Spanned<String>,
    /// A zone of the IANA database: all times are its wall clock's.
    pub timezone: Spanned<String>,
    /// The open times of an ordinary week. Default: always.
    #[serde(default)]
    pub week: Vec<Spanned<String>>,
    /// Days on which it is closed, whatever the week says.
    #[serde(default)]
    pub closed: Vec<Spanned<DaysEntry>>,
    /// Days on which it is open, whatever the week and `closed` say.
    #[serde(default)]
    pub open: Vec<Spanned<DaysEntry>>,
    /// A calendar of days on which it is closed: an address or a file.
    pub calendar: Option<Spanned<String>>,
}

/// Days: `"2026-12-24"`, `"2026-12-24..2026-12-26"`, or one of these with a name,
/// `{ days = "2026-12-25", name = "Christmas Day" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaysEntry {
    /// One day, or the first and the last with `..` between.
    pub days: String,
    /// What they are, as people say it.
    pub name: Option<String>,
}

impl<'de> Deserialize<'de> for DaysEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DaysVisitor)
    }
}

struct DaysVisitor;

impl<'de> Visitor<'de> for DaysVisitor {
    type Value = DaysEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("days in quotes, or { days = \"...\", name = \"...\" }")
    }

    fn visit_str<E>(self, text: &str) -> Result<DaysEntry, E> {
        Ok(DaysEntry { days: text.to_owned(), name: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DaysEntry, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            days: String,
            name: Option<String>,
        }
        let Table { days, name } = Table::deserialize(MapAccessDeserializer::new(map))?;
        Ok(DaysEntry { days, name })
    }
}
