//! Grafana OnCall and IRM, by a formatted webhook.

use serde_json::json;

use super::TargetSettings;
use super::compile::Reading;
use super::exchange::{Request, Secret};
use super::text::{cut, details, line, news};
use crate::incident::{Event, Notice};

/// The longest `title`, in characters.
const LONGEST_TITLE: usize = 255;
/// The longest `message`, in characters.
const LONGEST_MESSAGE: usize = 15_000;

/// A formatted webhook.
#[derive(Debug, Clone)]
pub struct Grafana {
    url: Secret,
}

impl Grafana {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(settings: &TargetSettings, reading: &mut Reading<'_>) -> Option<Self> {
        // Grafana's own addresses end in a slash, and it redirects what comes without.
        let url = reading.url(settings, None)?;
        Some(Self { url: Secret::new(format!("{}/", url.expose())) })
    }

    /// What is sent; nothing where the service has no use for it: what is resolved would be opened again.
    pub fn request(&self, notice: &Notice) -> Option<Request> {
        let state = match notice.event {
            Event::Resolve => "ok",
            Event::Acknowledge | Event::Update if notice.status == "resolved" => return None,
            Event::Trigger | Event::Acknowledge | Event::Update => "alerting",
        };
        let mut body = json!({
            "alert_uid": notice.dedup_key,
            "title": line(&notice.title, LONGEST_TITLE),
            "message": cut(&news(notice), LONGEST_MESSAGE),
            "state": state,
            "severity": notice.severity.as_str(),
            "details": details(notice, LONGEST_MESSAGE),
        });
        if let Some(link) = &notice.link {
            body["link_to_upstream_details"] = json!(link);
        }
        Some(Request::json(self.url.clone(), &body))
    }
}
