//! The JSON of Opsgenie's configuration backup, as far as calls are concerned.

use serde::Deserialize;

use crate::import::loose::or_default;
use crate::import::moment::Moment;

/// Somebody or something that is referred to: by id, by name, or by user name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Reference {
    /// `user`, `team`, `escalation`, `schedule`, `none`.
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub kind: String,
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub username: String,
}

impl Reference {
    /// Whether it is a turn of nobody's on purpose.
    pub fn is_nobody(&self) -> bool {
        ["none", "noone"].contains(&self.kind.to_lowercase().as_str())
    }

    /// What a person calls it.
    pub fn said(&self) -> &str {
        [&self.username, &self.name, &self.id]
            .into_iter()
            .find(|text| !text.is_empty())
            .map_or("", |text| text)
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct User {
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    #[serde(deserialize_with = "or_default")]
    pub username: String,
    #[serde(deserialize_with = "or_default")]
    pub full_name: String,
    #[serde(deserialize_with = "or_default")]
    pub locale: String,
    #[serde(deserialize_with = "or_default")]
    pub blocked: bool,
    #[serde(deserialize_with = "or_default")]
    pub user_contacts: Vec<Contact>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Contact {
    #[serde(deserialize_with = "or_default")]
    pub to: String,
    #[serde(deserialize_with = "or_default")]
    pub contact_method: String,
    pub enabled: Option<bool>,
    pub verified: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Schedule {
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub timezone: String,
    pub enabled: Option<bool>,
    #[serde(deserialize_with = "or_default")]
    pub rotations: Vec<Rotation>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Rotation {
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    pub start_date: Option<Moment>,
    pub end_date: Option<Moment>,
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub kind: String,
    pub length: Option<u32>,
    #[serde(deserialize_with = "or_default")]
    pub participants: Vec<Reference>,
    pub time_restriction: Option<TimeRestriction>,
}

/// `time-of-day` with one restriction, or `weekday-and-time-of-day` with a list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct TimeRestriction {
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub kind: String,
    pub restriction: Option<Restriction>,
    #[serde(deserialize_with = "or_default")]
    pub restrictions: Vec<Restriction>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Restriction {
    #[serde(deserialize_with = "or_default")]
    pub start_day: String,
    #[serde(deserialize_with = "or_default")]
    pub start_hour: u32,
    #[serde(deserialize_with = "or_default")]
    pub start_min: u32,
    #[serde(deserialize_with = "or_default")]
    pub end_day: String,
    #[serde(deserialize_with = "or_default")]
    pub end_hour: u32,
    #[serde(deserialize_with = "or_default")]
    pub end_min: u32,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Override {
    #[serde(deserialize_with = "or_default")]
    pub alias: String,
    #[serde(deserialize_with = "or_default")]
    pub user: Reference,
    pub start_date: Option<Moment>,
    pub end_date: Option<Moment>,
    #[serde(deserialize_with = "or_default")]
    pub rotations: Vec<Reference>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Forwarding {
    #[serde(deserialize_with = "or_default")]
    pub alias: String,
    #[serde(deserialize_with = "or_default")]
    pub from_user: Reference,
    #[serde(deserialize_with = "or_default")]
    pub to_user: Reference,
    pub start_date: Option<Moment>,
    pub end_date: Option<Moment>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Escalation {
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub rules: Vec<EscalationRule>,
    pub repeat: Option<Repeat>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct EscalationRule {
    #[serde(deserialize_with = "or_default")]
    pub condition: String,
    #[serde(deserialize_with = "or_default")]
    pub notify_type: String,
    #[serde(deserialize_with = "or_default")]
    pub recipient: Reference,
    #[serde(deserialize_with = "or_default")]
    pub delay: Delay,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Delay {
    #[serde(deserialize_with = "or_default")]
    pub time_amount: u64,
    #[serde(deserialize_with = "or_default")]
    pub time_unit: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Repeat {
    #[serde(deserialize_with = "or_default")]
    pub count: u32,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Team {
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub members: Vec<TeamMember>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct TeamMember {
    #[serde(deserialize_with = "or_default")]
    pub user: Reference,
    /// `user`, `admin`, or a role of the team's own.
    #[serde(deserialize_with = "or_default")]
    pub role: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RoutingRule {
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub is_default: bool,
    #[serde(deserialize_with = "or_default")]
    pub timezone: String,
    pub time_restriction: Option<TimeRestriction>,
    #[serde(deserialize_with = "or_default")]
    pub notify: Reference,
}
