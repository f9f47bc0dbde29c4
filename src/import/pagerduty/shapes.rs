//! The JSON of PagerDuty's REST interface, as far as calls are concerned.

use serde::Deserialize;

use crate::import::loose::or_default;
use crate::import::moment::Moment;

/// Somebody or something that is referred to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Reference {
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    /// `user_reference`, `schedule_reference`, `user`.
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub kind: String,
    /// Its name.
    #[serde(deserialize_with = "or_default")]
    pub summary: String,
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    /// When it was deleted.
    pub deleted_at: Option<String>,
}

impl Reference {
    /// What a person calls it.
    pub fn said(&self) -> &str {
        [&self.summary, &self.name, &self.id]
            .into_iter()
            .find(|text| !text.is_empty())
            .map_or("", |text| text)
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct User {
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub email: String,
    pub contact_methods: Option<Vec<ContactMethod>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ContactMethod {
    /// `phone_contact_method`, `sms_contact_method`; with `_reference` there is no address.
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub kind: String,
    #[serde(deserialize_with = "or_default")]
    pub address: String,
    pub country_code: Option<u32>,
    pub enabled: Option<bool>,
    #[serde(deserialize_with = "or_default")]
    pub blacklisted: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Schedule {
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub summary: String,
    #[serde(deserialize_with = "or_default")]
    pub time_zone: String,
    #[serde(deserialize_with = "or_default")]
    pub schedule_layers: Vec<Layer>,
    #[serde(deserialize_with = "or_default")]
    pub overrides: Vec<Entry>,
    #[serde(deserialize_with = "or_default")]
    pub overrides_subschedule: Rendered,
    #[serde(deserialize_with = "or_default")]
    pub final_schedule: Rendered,
}

/// Shifts worked out by PagerDuty for the time that was asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rendered {
    #[serde(deserialize_with = "or_default")]
    pub rendered_schedule_entries: Vec<Entry>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Entry {
    pub start: Option<Moment>,
    pub end: Option<Moment>,
    #[serde(deserialize_with = "or_default")]
    pub user: Reference,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Layer {
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    pub start: Option<Moment>,
    pub end: Option<Moment>,
    pub rotation_virtual_start: Option<Moment>,
    #[serde(deserialize_with = "or_default")]
    pub rotation_turn_length_seconds: u64,
    #[serde(deserialize_with = "or_default")]
    pub users: Vec<LayerUser>,
    #[serde(deserialize_with = "or_default")]
    pub restrictions: Vec<Restriction>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct LayerUser {
    #[serde(deserialize_with = "or_default")]
    pub user: Reference,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Restriction {
    /// `daily_restriction` or `weekly_restriction`.
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub kind: String,
    /// `09:00:00`.
    #[serde(deserialize_with = "or_default")]
    pub start_time_of_day: String,
    #[serde(deserialize_with = "or_default")]
    pub duration_seconds: u64,
    /// 1: Monday.
    pub start_day_of_week: Option<u8>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Policy {
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub summary: String,
    #[serde(deserialize_with = "or_default")]
    pub num_loops: u32,
    #[serde(deserialize_with = "or_default")]
    pub escalation_rules: Vec<PolicyRule>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct PolicyRule {
    #[serde(deserialize_with = "or_default")]
    pub escalation_delay_in_minutes: u64,
    #[serde(deserialize_with = "or_default")]
    pub targets: Vec<Reference>,
    #[serde(deserialize_with = "or_default")]
    pub escalation_rule_assignment_strategy: Strategy,
}

/// `assign_to_everyone` or `round_robin`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Strategy {
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub kind: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Service {
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub summary: String,
    #[serde(deserialize_with = "or_default")]
    pub escalation_policy: Reference,
}

/// The name, or what stands for it in a short form.
pub(super) fn name<'a>(name: &'a str, summary: &'a str, id: &'a str) -> &'a str {
    [name, summary, id].into_iter().find(|text| !text.is_empty()).unwrap_or_default()
}
