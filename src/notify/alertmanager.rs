//! Prometheus Alertmanager, by its API v2.
//!
//! An alert is its labels: they are the same in all that is told of an incident. It is over at `endsAt`; without one,
//! Alertmanager would make one of its own some minutes ahead, because it is used to hearing of an alert each minute.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::compile::{Levels, Reading};
use super::credentials::Credentials;
use super::exchange::{Request, Secret};
use super::text::{cut, line, news};
use super::{Facts, TargetSettings};
use crate::incident::{Event, Notice};

/// How long an incident that nobody closes stays an alert.
const LASTS: Duration = Duration::from_secs(30 * 24 * 3600);
/// The longest label, in characters.
const LONGEST_LABEL: usize = 200;
/// The longest annotation, in characters.
const LONGEST_ANNOTATION: usize = 15_000;

/// An Alertmanager.
#[derive(Debug, Clone)]
pub struct Alertmanager {
    base: Secret,
    credentials: Credentials,
    levels: Levels,
}

impl Alertmanager {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(settings: &TargetSettings, facts: &Facts, reading: &mut Reading<'_>) -> Option<Self> {
        let base = reading.url(settings, None);
        let credentials = Credentials::compile(settings, reading);
        let levels = reading.levels(settings, facts.scale.as_ref()?);
        Some(Self { base: base?, credentials: credentials?, levels: levels? })
    }

    /// What is sent; nothing where the service has no use for it: what is resolved would be opened again.
    pub fn request(&self, notice: &Notice) -> Option<Request> {
        let ends = match notice.event {
            Event::Resolve => notice.at,
            Event::Acknowledge | Event::Update if notice.status == "resolved" => return None,
            Event::Trigger | Event::Acknowledge | Event::Update => later(notice.at),
        };
        let starts = notice.started_at.unwrap_or(notice.at).min(ends);
        let mut alert = json!({
            "labels": self.labels(notice),
            "annotations": annotations(notice),
            "startsAt": starts.to_string(),
            "endsAt": ends.to_string(),
        });
        if let Some(link) = &notice.link {
            alert["generatorURL"] = json!(link);
        }
        let url = Secret::new(format!("{}/api/v2/alerts", self.base.expose()));
        Some(self.credentials.show(Request::json(url, &json!([alert]))))
    }

    fn labels(&self, notice: &Notice) -> Map<String, Value> {
        let known = [
            ("alertname", Some("NightbellIncident")),
            ("incident_key", Some(notice.dedup_key.as_str())),
            ("severity", Some(self.levels.of(notice.severity))),
            ("hotline", notice.hotline.as_deref()),
            ("route", notice.route.as_deref()),
        ];
        let label =
            |(name, value): (&str, Option<&str>)| Some((name.to_owned(), json!(line(value?, LONGEST_LABEL))));
        known.into_iter().filter_map(label).collect()
    }
}

fn later(at: Timestamp) -> Timestamp {
    at.checked_add(LASTS).unwrap_or(Timestamp::MAX)
}

fn annotations(notice: &Notice) -> Map<String, Value> {
    let assigned: Vec<_> = notice.assigned.iter().map(|party| party.name.as_str()).collect();
    let known = [
        ("summary", Some(line(&notice.title, LONGEST_ANNOTATION))),
        ("description", Some(cut(&news(notice), LONGEST_ANNOTATION))),
        ("status", Some(notice.status.clone())),
        ("caller", notice.caller.as_ref().map(|caller| line(caller, LONGEST_LABEL))),
        ("caller_name", notice.caller_name.as_ref().map(|name| line(name, LONGEST_LABEL))),
        ("call", notice.call.clone()),
        ("assigned", (!assigned.is_empty()).then(|| cut(&assigned.join(", "), LONGEST_ANNOTATION))),
        ("transcript", notice.transcript.as_ref().map(|text| cut(text, LONGEST_ANNOTATION))),
    ];
    known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))).collect()
}
