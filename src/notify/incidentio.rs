//! incident.io, by an HTTP alert source.

use serde_json::json;

use super::compile::{Levels, Reading};
use super::exchange::{Request, Secret};
use super::text::{cut, details, line, news};
use super::{Facts, TargetSettings};
use crate::incident::{Event, Notice};

/// The longest `title`, in characters.
const LONGEST_TITLE: usize = 255;
/// The longest text beside it, in characters: an event may have 512 KiB, and one that is longer is answered like too
/// many at a time, so that it would be tried again for ever.
const LONGEST_TEXT: usize = 15_000;

/// An alert source.
#[derive(Debug, Clone)]
pub struct IncidentIo {
    url: Secret,
    token: Secret,
    levels: Levels,
}

impl IncidentIo {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(settings: &TargetSettings, facts: &Facts, reading: &mut Reading<'_>) -> Option<Self> {
        let url = reading.url(settings, None);
        let token = reading.secret(settings.token_file.as_ref(), "the token of the alert source");
        let levels = reading.levels(settings, facts.scale.as_ref()?);
        Some(Self { url: url?, token: token?, levels: levels? })
    }

    /// What is sent; nothing where the service has no use for it: what is resolved would be opened again.
    pub fn request(&self, notice: &Notice) -> Option<Request> {
        let status = match notice.event {
            Event::Resolve => "resolved",
            Event::Acknowledge | Event::Update if notice.status == "resolved" => return None,
            Event::Trigger | Event::Acknowledge | Event::Update => "firing",
        };
        let mut metadata = details(notice, LONGEST_TEXT);
        metadata.insert("severity".to_owned(), json!(self.levels.of(notice.severity)));
        metadata.insert("status".to_owned(), json!(notice.status));
        if let Some(by) = &notice.by {
            metadata.insert("by".to_owned(), json!(line(by, LONGEST_TITLE)));
        }
        let mut body = json!({
            "title": line(&notice.title, LONGEST_TITLE),
            "status": status,
            "deduplication_key": notice.dedup_key,
            "description": cut(&news(notice), LONGEST_TEXT),
            "metadata": metadata,
        });
        if let Some(link) = &notice.link {
            body["source_url"] = json!(link);
        }
        let authorization = Secret::new(format!("Bearer {}", self.token.expose()));
        Some(Request::json(self.url.clone(), &body).header("Authorization", authorization))
    }
}
