//! Gotify: a push message for each thing that happens.

use serde_json::json;

use super::compile::{Levels, Reading};
use super::exchange::{Request, Secret};
use super::{Facts, TargetSettings, prose};
use crate::incident::{Event, Notice};

/// An application of a Gotify server.
#[derive(Debug, Clone)]
pub struct Gotify {
    server: Secret,
    token: Secret,
    levels: Levels,
}

impl Gotify {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(settings: &TargetSettings, facts: &Facts, reading: &mut Reading<'_>) -> Option<Self> {
        let server = reading.url(settings, None);
        let token = reading.secret(settings.token_file.as_ref(), "the application's token");
        let levels = reading.levels(settings, facts.scale.as_ref()?);
        Some(Self { server: server?, token: token?, levels: levels? })
    }

    /// What is sent. The token goes in a header, because addresses end up in logs.
    pub fn request(&self, notice: &Notice) -> Request {
        let url = Secret::new(format!("{}/message", self.server.expose()));
        let mut body = json!({
            "title": prose::headline(notice),
            "message": match prose::plain(notice) {
                // The server takes no message without a text.
                text if text.is_empty() => prose::title(notice),
                text => text,
            },
            "priority": self.priority(notice),
            "extras": { "client::display": { "contentType": "text/plain" } },
        });
        if let Some(link) = &notice.link {
            body["extras"]["client::notification"] = json!({ "click": { "url": link } });
        }
        Request::json(url, &body).header("X-Gotify-Key", self.token.clone())
    }

    /// From 8 up the app makes itself heard and seen; below 4 it only lists the message.
    fn priority(&self, notice: &Notice) -> u8 {
        match notice.event {
            Event::Trigger => self.levels.of(notice.severity).parse().unwrap_or(5),
            Event::Acknowledge | Event::Resolve | Event::Update => 2,
        }
    }
}
