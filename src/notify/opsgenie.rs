//! Opsgenie, and Jira Service Management, which took its alert API over: the same requests at another address.

use serde_json::{Value, json};

use super::compile::{Levels, Reading};
use super::exchange::{Request, Secret};
use super::text::{cut, details, line, percent};
use super::{Facts, TargetSettings};
use crate::incident::{Event, Notice};

/// Where Opsgenie takes alerts.
pub const OPSGENIE: &str = "https://api.opsgenie.com";
/// Where Jira Service Management takes them.
pub const JIRA: &str = "https://api.atlassian.com/jsm/ops/integration";

/// The longest `message`, in characters.
const LONGEST_MESSAGE: usize = 130;
/// The longest `description`, in characters.
const LONGEST_DESCRIPTION: usize = 15_000;
/// The longest `note`, in characters: it may have 25,000.
const LONGEST_NOTE: usize = 15_000;
/// The longest of `details`, in characters: all together may have 8,000.
const LONGEST_DETAIL: usize = 600;
/// The longest `user` and `source`, in characters.
const LONGEST_NAME: usize = 100;

/// An API integration.
#[derive(Debug, Clone)]
pub struct Opsgenie {
    base: Secret,
    key: Secret,
    levels: Levels,
}

impl Opsgenie {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(
        settings: &TargetSettings,
        facts: &Facts,
        own: &str,
        reading: &mut Reading<'_>,
    ) -> Option<Self> {
        let base = reading.url(settings, Some(own));
        let key = reading.secret(settings.api_key_file.as_ref(), "the key of the integration");
        let levels = reading.levels(settings, facts.scale.as_ref()?);
        Some(Self { base: base?, key: key?, levels: levels? })
    }

    /// What is sent.
    pub fn request(&self, notice: &Notice) -> Request {
        let alias = percent(&notice.dedup_key);
        let action = |action: &str| format!("/v2/alerts/{alias}/{action}?identifierType=alias");
        let (path, body) = match notice.event {
            Event::Trigger => ("/v2/alerts".to_owned(), self.alert(notice)),
            Event::Acknowledge => (action("acknowledge"), note(notice)),
            Event::Resolve => (action("close"), note(notice)),
            Event::Update => (action("notes"), note(notice)),
        };
        let url = Secret::new(format!("{}{path}", self.base.expose()));
        Request::json(url, &body)
            .header("Authorization", Secret::new(format!("GenieKey {}", self.key.expose())))
    }

    fn alert(&self, notice: &Notice) -> Value {
        let mut body = json!({
            "message": line(&notice.title, LONGEST_MESSAGE),
            "alias": notice.dedup_key,
            "description": cut(&notice.text, LONGEST_DESCRIPTION),
            "details": details(notice, LONGEST_DETAIL),
            "priority": self.levels.of(notice.severity),
            "source": "Nightbell",
        });
        if let Some(hotline) = &notice.hotline {
            body["entity"] = json!(line(hotline, LONGEST_NAME));
        }
        if let Some(link) = &notice.link {
            body["details"]["link"] = json!(link);
        }
        body
    }
}

/// What stands beside an action on an alert: who, and what is to be said.
fn note(notice: &Notice) -> Value {
    let text = if notice.text.trim().is_empty() { &notice.title } else { &notice.text };
    let mut body = json!({ "source": "Nightbell", "note": cut(text, LONGEST_NOTE) });
    if let Some(by) = &notice.by {
        body["user"] = json!(line(by, LONGEST_NAME));
    }
    body
}
