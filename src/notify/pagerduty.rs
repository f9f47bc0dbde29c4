//! PagerDuty, by its Events API v2.

use serde_json::{Value, json};

use super::compile::{Levels, Reading};
use super::exchange::{Request, Secret};
use super::text::{cut, details, line};
use super::{Facts, TargetSettings};
use crate::incident::{Event, Notice};

/// The longest `summary`, in characters.
const LONGEST_SUMMARY: usize = 1024;

/// The longest text among the details, in characters: an event may have 512 KB.
const LONGEST_DETAIL: usize = 16_000;

/// A PagerDuty integration.
#[derive(Debug, Clone)]
pub struct PagerDuty {
    base: Secret,
    routing_key: Secret,
    levels: Levels,
}

impl PagerDuty {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(settings: &TargetSettings, facts: &Facts, reading: &mut Reading<'_>) -> Option<Self> {
        let base = reading.url(settings, Some("https://events.pagerduty.com"));
        let routing_key = reading.secret(settings.routing_key_file.as_ref(), "the routing key");
        let levels = reading.levels(settings, facts.scale.as_ref()?);
        Some(Self { base: base?, routing_key: routing_key?, levels: levels? })
    }

    /// What is sent; nothing where the service has no use for it.
    pub fn request(&self, notice: &Notice) -> Option<Request> {
        let url = Secret::new(format!("{}/v2/enqueue", self.base.expose()));
        let action = match notice.event {
            Event::Trigger => "trigger",
            Event::Acknowledge => "acknowledge",
            Event::Resolve => "resolve",
            // The API has no comments; a second trigger with the same key adds to the alert's log, and would open
            // another one where it is resolved.
            Event::Update if notice.status == "resolved" => return None,
            Event::Update => "trigger",
        };
        let mut body = json!({
            "routing_key": self.routing_key.expose(),
            "event_action": action,
            "dedup_key": notice.dedup_key,
        });
        if action == "trigger" {
            body["payload"] = json!({
                "summary": line(&notice.title, LONGEST_SUMMARY),
                "source": notice.hotline.as_deref().unwrap_or("nightbell"),
                "severity": self.levels.of(notice.severity),
                "timestamp": notice.at.to_string(),
                "custom_details": custom_details(notice),
            });
            if let Some(route) = &notice.route {
                body["payload"]["component"] = json!(route);
            }
            body["client"] = json!("Nightbell");
            if let Some(link) = &notice.link {
                body["client_url"] = json!(link);
            }
        }
        Some(Request::json(url, &body).hiding(&self.routing_key))
    }
}

fn custom_details(notice: &Notice) -> Value {
    let mut details = details(notice, LONGEST_DETAIL);
    details.insert("text".to_owned(), json!(cut(&notice.text, LONGEST_DETAIL)));
    Value::Object(details)
}
