//! PagerDuty, by its Events API v2.

use serde_json::json;

use super::TargetSettings;
use super::compile::Reading;
use super::exchange::{Request, Secret};
use crate::incident::{Event, Notice};

/// The longest `summary`, in characters.
const LONGEST_SUMMARY: usize = 1024;

/// A PagerDuty integration.
#[derive(Debug, Clone)]
pub struct PagerDuty {
    base: Secret,
    routing_key: Secret,
}

impl PagerDuty {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(settings: &TargetSettings, reading: &mut Reading<'_>) -> Option<Self> {
        let base = reading.url(settings.url.as_ref(), "https://events.pagerduty.com");
        let routing_key = reading.secret(settings.routing_key_file.as_ref(), "the routing key");
        Some(Self { base: base?, routing_key: routing_key? })
    }

    /// What is sent; nothing where the service has no use for it.
    pub fn request(&self, notice: &Notice) -> Option<Request> {
        let url = Secret::new(format!("{}/v2/enqueue", self.base.expose()));
        let action = match notice.event {
            Event::Trigger => "trigger",
            Event::Acknowledge => "acknowledge",
            Event::Resolve => "resolve",
            // The API has no comments; a second trigger with the same key adds to the alert's log.
            Event::Update => "trigger",
        };
        let mut body = json!({
            "routing_key": self.routing_key.expose(),
            "event_action": action,
            "dedup_key": notice.dedup_key,
        });
        if action == "trigger" {
            body["payload"] = json!({
                "summary": notice.title.chars().take(LONGEST_SUMMARY).collect::<String>(),
                "source": notice.hotline.as_deref().unwrap_or("nightbell"),
                "severity": notice.severity.as_str(),
                "timestamp": notice.at.to_string(),
                "component": notice.route,
                "custom_details": notice,
            });
            body["client"] = json!("Nightbell");
            if let Some(link) = &notice.link {
                body["client_url"] = json!(link);
            }
        }
        Some(Request::json(url, &body))
    }
}
