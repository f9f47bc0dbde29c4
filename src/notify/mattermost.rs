//! Mattermost, by an incoming webhook: one post for each thing that happens.

use serde_json::json;

use super::TargetSettings;
use super::compile::Reading;
use super::exchange::{Request, Secret};
use super::markdown;
use super::prose::{self, Colour};
use crate::incident::Notice;

/// An incoming webhook of Mattermost.
#[derive(Debug, Clone)]
pub struct Mattermost {
    url: Secret,
    channel: Option<String>,
}

impl Mattermost {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(settings: &TargetSettings, reading: &mut Reading<'_>) -> Option<Self> {
        let channel = settings.channel.as_ref().map(|channel| channel.get_ref().clone());
        Some(Self { url: reading.url(settings, None)?, channel })
    }

    /// What is sent. The bounds of [`prose`] keep it below the 16,383 characters that a post may have.
    pub fn request(&self, notice: &Notice) -> Request {
        let colour = Colour::of(notice);
        let headline = format!("{} {}", colour.disc(), markdown::escaped(&prose::headline(notice)));
        let text = prose::text(notice).into_iter().map(|text| markdown::escaped(&text));
        let said = prose::transcript(notice)
            .map(|said| format!("> {}", markdown::escaped(&said).replace('\n', "\n> ")));
        let text = text.chain(said).collect::<Vec<_>>().join("\n\n");
        let fields: Vec<_> = prose::details(notice)
            .iter()
            .map(|(name, value)| json!({ "title": name, "value": markdown::escaped(value), "short": true }))
            .collect();
        let mut attachment = json!({
            "fallback": prose::headline(notice), "color": colour.hex(), "text": text, "fields": fields,
        });
        if let Some(link) = &notice.link {
            attachment["title"] = json!("Show the call");
            attachment["title_link"] = json!(link);
        }
        let mut body = json!({
            "text": format!("**{headline}**"),
            "attachments": [attachment],
            // A name that looks like a group mentions nobody.
            "props": { "disable_group_highlight": true },
        });
        // For one person alone: `@anna` is a direct message.
        let own = notice.to.as_ref().and_then(|to| to.address.as_ref());
        if let Some(channel) = own.or(self.channel.as_ref()) {
            body["channel"] = json!(channel);
        }
        Request::json(self.url.clone(), &body)
    }
}
