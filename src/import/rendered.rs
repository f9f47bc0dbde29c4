//! Shifts as another service worked them out: Opsgenie's `/timeline` and PagerDuty's `final_schedule`.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::import::loose::or_default;
use crate::import::moment::Moment;
use crate::oncall::Zone;

/// Somebody's time on call, as others say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TheirShift {
    /// Who: an e-mail address, a name, an id.
    pub names: Vec<String>,
    /// From when.
    pub from: Timestamp,
    /// The first moment after it; `None`: open.
    pub until: Option<Timestamp>,
}

/// Why a text is no list of shifts.
#[derive(Debug, thiserror::Error)]
pub enum RenderedError {
    /// Not JSON.
    #[error("it is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// JSON of another kind.
    #[error("it holds neither Opsgenie's finalTimeline nor PagerDuty's final_schedule")]
    Kind,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Timeline {
    #[serde(deserialize_with = "or_default")]
    rotations: Vec<Rotation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Rotation {
    #[serde(deserialize_with = "or_default")]
    deleted: bool,
    #[serde(deserialize_with = "or_default")]
    periods: Vec<Period>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Period {
    start_date: Option<Moment>,
    end_date: Option<Moment>,
    /// One, or what stands for several.
    #[serde(alias = "responder")]
    recipient: Option<Who>,
    /// The people behind it.
    #[serde(alias = "flattenedResponders", deserialize_with = "or_default")]
    flattened_recipients: Vec<Who>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
struct Who {
    #[serde(rename = "type", deserialize_with = "or_default")]
    kind: String,
    #[serde(deserialize_with = "or_default")]
    id: String,
    #[serde(deserialize_with = "or_default")]
    name: String,
    #[serde(deserialize_with = "or_default")]
    username: String,
    #[serde(deserialize_with = "or_default")]
    summary: String,
    #[serde(deserialize_with = "or_default")]
    email: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Rendered {
    #[serde(deserialize_with = "or_default")]
    rendered_schedule_entries: Vec<Entry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    start: Option<Moment>,
    end: Option<Moment>,
    #[serde(deserialize_with = "or_default")]
    user: Who,
}

impl Who {
    fn names(&self) -> Vec<String> {
        [&self.username, &self.email, &self.name, &self.summary, &self.id]
            .into_iter()
            .filter(|name| !name.is_empty())
            .cloned()
            .collect()
    }

    fn is_nobody(&self) -> bool {
        ["none", "noone"].contains(&self.kind.to_lowercase().as_str()) || self.names().is_empty()
    }
}

/// Reads the answer of `/schedules/ID/timeline` (Opsgenie) or `/schedules/ID` (PagerDuty).
pub fn read(text: &str) -> Result<Vec<TheirShift>, RenderedError> {
    let value: Value = serde_json::from_str(text)?;
    if let Some(timeline) = within(&value, "finalTimeline") {
        return Ok(of_timeline(Timeline::deserialize(timeline)?));
    }
    if let Some(rendered) = within(&value, "final_schedule") {
        return Ok(of_rendered(Rendered::deserialize(rendered)?));
    }
    Err(RenderedError::Kind)
}

/// The value under a key, at the top or one level below it.
fn within<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    let below = value.as_object().into_iter().flat_map(|fields| fields.values());
    value.get(key).or_else(|| below.filter_map(|inner| inner.get(key)).next())
}

fn of_timeline(timeline: Timeline) -> Vec<TheirShift> {
    let periods = timeline.rotations.into_iter().filter(|rotation| !rotation.deleted);
    periods.flat_map(|rotation| rotation.periods).flat_map(|period| of_period(&period)).collect()
}

fn of_period(period: &Period) -> Vec<TheirShift> {
    let Some(from) = period.start_date else { return Vec::new() };
    let people = period.flattened_recipients.iter().filter(|who| who.kind.is_empty() || who.kind == "user");
    let people: Vec<&Who> = people.collect();
    let who = if people.is_empty() { period.recipient.iter().collect() } else { people };
    let utc = Zone::utc();
    who.into_iter()
        .filter(|who| !who.is_nobody())
        .map(|who| TheirShift {
            names: who.names(),
            from: from.instant(&utc),
            until: period.end_date.map(|end| end.instant(&utc)),
        })
        .collect()
}

fn of_rendered(rendered: Rendered) -> Vec<TheirShift> {
    let utc = Zone::utc();
    let shift = |entry: Entry| {
        Some(TheirShift {
            names: entry.user.names(),
            from: entry.start?.instant(&utc),
            until: entry.end.map(|end| end.instant(&utc)),
        })
    };
    rendered.rendered_schedule_entries.into_iter().filter_map(shift).collect()
}
