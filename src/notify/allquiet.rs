//! All Quiet, by an inbound webhook. Its mapping makes attributes of the document; ours has them by the names that All
//! Quiet uses, so that the mapping has nothing to translate.

use serde_json::json;

use super::compile::{Levels, Reading};
use super::exchange::{Request, Secret};
use super::text::{cut, details, line, news};
use super::{Facts, TargetSettings};
use crate::incident::{Event, Notice};

/// The longest `Title`, in characters.
const LONGEST_TITLE: usize = 255;
/// The longest text beside it, in characters.
const LONGEST_TEXT: usize = 15_000;

/// An inbound integration.
#[derive(Debug, Clone)]
pub struct AllQuiet {
    url: Secret,
    token: Option<Secret>,
    levels: Levels,
}

impl AllQuiet {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(settings: &TargetSettings, facts: &Facts, reading: &mut Reading<'_>) -> Option<Self> {
        let url = reading.url(settings, None);
        let token = reading.optional_secret(settings.token_file.as_ref(), "the token of the webhook");
        let levels = reading.levels(settings, facts.scale.as_ref()?);
        Some(Self { url: url?, token: token?, levels: levels? })
    }

    /// What is sent; nothing where the service has no use for it: what is resolved would be opened again.
    pub fn request(&self, notice: &Notice) -> Option<Request> {
        let status = match notice.event {
            Event::Resolve => "Resolved",
            Event::Acknowledge | Event::Update if notice.status == "resolved" => return None,
            Event::Trigger | Event::Acknowledge | Event::Update => "Open",
        };
        let mut body = json!({
            "CorrelationID": notice.dedup_key,
            "Status": status,
            "Severity": self.levels.of(notice.severity),
            "Title": line(&notice.title, LONGEST_TITLE),
            "Message": cut(&news(notice), LONGEST_TEXT),
            "Details": details(notice, LONGEST_TEXT),
        });
        if let Some(link) = &notice.link {
            body["Link"] = json!(link);
        }
        let request = Request::json(self.url.clone(), &body);
        Some(match &self.token {
            Some(token) => request.header("Authorization", Secret::new(format!("Bearer {}", token.expose()))),
            None => request,
        })
    }
}
