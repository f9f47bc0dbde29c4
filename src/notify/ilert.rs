//! ilert, by its events.

use serde_json::json;

use super::compile::{Levels, Reading};
use super::exchange::{Request, Secret};
use super::text::{cut, details, line};
use super::{Facts, TargetSettings};
use crate::incident::{Event, Notice};

/// The longest `summary`, in characters: a line on a phone.
const LONGEST_SUMMARY: usize = 255;
/// The longest text beside it, in characters.
const LONGEST_TEXT: usize = 15_000;

/// An alert source.
#[derive(Debug, Clone)]
pub struct Ilert {
    base: Secret,
    key: Secret,
    levels: Levels,
}

impl Ilert {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(settings: &TargetSettings, facts: &Facts, reading: &mut Reading<'_>) -> Option<Self> {
        let base = reading.url(settings, Some("https://api.ilert.com"));
        let key = reading.secret(settings.api_key_file.as_ref(), "the key of the alert source");
        let levels = reading.levels(settings, facts.scale.as_ref()?);
        Some(Self { base: base?, key: key?, levels: levels? })
    }

    /// What is sent.
    pub fn request(&self, notice: &Notice) -> Request {
        let mut body = json!({
            "integrationKey": self.key.expose(),
            "eventType": match notice.event {
                Event::Trigger => "ALERT",
                Event::Acknowledge => "ACCEPT",
                Event::Resolve => "RESOLVE",
                Event::Update => "COMMENT",
            },
            "alertKey": notice.dedup_key,
            "summary": line(&notice.title, LONGEST_SUMMARY),
        });
        match notice.event {
            Event::Trigger => {
                body["details"] = json!(cut(&notice.text, LONGEST_TEXT));
                body["priority"] = json!(self.levels.of(notice.severity));
                body["customDetails"] = json!(details(notice, LONGEST_TEXT));
                if let Some(link) = &notice.link {
                    body["links"] = json!([{ "href": link, "text": "Nightbell" }]);
                }
            }
            Event::Update => {
                let creator = line(notice.by.as_deref().unwrap_or("Nightbell"), LONGEST_SUMMARY);
                body["comments"] =
                    json!([{ "creator": creator, "content": cut(&notice.text, LONGEST_TEXT) }]);
            }
            Event::Acknowledge | Event::Resolve => {}
        }
        let url = Secret::new(format!("{}/api/events", self.base.expose()));
        Request::json(url, &body).hiding(&self.key)
    }
}
