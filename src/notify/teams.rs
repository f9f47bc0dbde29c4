//! Microsoft Teams, by a workflow that takes webhook requests: an Adaptive Card for each thing that happens.

use serde_json::{Value, json};

use super::TargetSettings;
use super::compile::Reading;
use super::exchange::{Request, Secret};
use super::prose::{self, Colour};
use crate::incident::Notice;

/// A workflow of Teams.
#[derive(Debug, Clone)]
pub struct Teams {
    url: Secret,
}

impl Teams {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(settings: &TargetSettings, reading: &mut Reading<'_>) -> Option<Self> {
        Some(Self { url: reading.url(settings, None)? })
    }

    /// What is sent. Texts are runs and not text blocks, because Teams reads Markdown in those. The bounds of
    /// [`prose`] keep the card below the 28 KB that Teams takes.
    pub fn request(&self, notice: &Notice) -> Request {
        let headline = json!([{
            "type": "TextRun", "text": prose::headline(notice), "weight": "bolder", "size": "large",
            "color": colour(Colour::of(notice)),
        }]);
        let mut body = vec![block(headline)];
        body.extend(prose::text(notice).map(|text| block(json!([run(&text)]))));
        body.extend(
            prose::transcript(notice)
                .map(|said| block(json!([{ "type": "TextRun", "text": said, "italic": true }]))),
        );
        body.extend(prose::details(notice).into_iter().map(|(name, value)| {
            let name = json!({ "type": "TextRun", "text": format!("{name}: "), "weight": "bolder" });
            block(json!([name, run(&value)]))
        }));
        let mut card = json!({
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "fallbackText": prose::headline(notice),
            "msteams": { "width": "full" },
            "body": body,
        });
        if let Some(link) = &notice.link {
            card["actions"] = json!([{ "type": "Action.OpenUrl", "title": "Show the call", "url": link }]);
        }
        let attachment = json!({
            "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card,
        });
        Request::json(self.url.clone(), &json!({ "type": "message", "attachments": [attachment] }))
    }
}

fn block(inlines: Value) -> Value {
    json!({ "type": "RichTextBlock", "inlines": inlines })
}

fn run(text: &str) -> Value {
    json!({ "type": "TextRun", "text": text })
}

/// The names that cards have for colours.
fn colour(colour: Colour) -> &'static str {
    match colour {
        Colour::Red => "attention",
        Colour::Orange | Colour::Yellow => "warning",
        Colour::Blue => "accent",
        Colour::Green => "good",
    }
}
