//! Discord, by a webhook of a channel: an embed for each thing that happens.

use std::time::Duration;

use serde_json::{Value, json};

use super::TargetSettings;
use super::compile::Reading;
use super::exchange::{Reply, Request, Secret, Verdict};
use super::markdown;
use super::prose::{self, Colour};
use crate::incident::Notice;

/// The longest title of an embed, in characters.
const LONGEST_TITLE: usize = 256;
/// The longest text and the longest transcript, in characters: together they are the description, of 4096 at most.
const LONGEST_TEXT: usize = 1500;
/// The longest value of a field, in characters: all of an embed may have 6000.
const LONGEST_VALUE: usize = 256;

/// A webhook of Discord.
#[derive(Debug, Clone)]
pub struct Discord {
    url: Secret,
}

impl Discord {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(settings: &TargetSettings, reading: &mut Reading<'_>) -> Option<Self> {
        Some(Self { url: reading.url(settings, None)? })
    }

    /// What is sent.
    pub fn request(&self, notice: &Notice) -> Request {
        let colour = Colour::of(notice);
        let headline = format!("{} {}", colour.disc(), prose::headline(notice));
        let text = prose::text(notice).map(|text| shown(&text, LONGEST_TEXT));
        let said = prose::transcript(notice)
            .map(|said| format!("> {}", shown(&said.replace('\n', " "), LONGEST_TEXT)));
        let description = text.into_iter().chain(said).collect::<Vec<_>>().join("\n\n");
        let fields: Vec<_> = prose::details(notice).iter().map(|(name, value)| field(name, value)).collect();
        let mut embed = json!({
            "title": shown(&headline, LONGEST_TITLE),
            "description": description,
            "color": colour.rgb(),
            "timestamp": notice.at.to_string(),
            "fields": fields,
        });
        if let Some(link) = &notice.link {
            embed["url"] = json!(link);
        }
        // Whatever the texts say: nobody is mentioned.
        let body = json!({ "embeds": [embed], "allowed_mentions": { "parse": [] } });
        Request::json(self.url.clone(), &body)
    }

    /// What an answer means: how long to wait stands in the body as well, in fractions of a second.
    pub fn verdict(reply: &Reply) -> Verdict {
        match Verdict::by_status(reply) {
            Verdict::Later { why, after: None } => Verdict::Later { why, after: retry_after(&reply.body) },
            verdict => verdict,
        }
    }
}

fn field(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": shown(value, LONGEST_VALUE), "inline": true })
}

fn shown(text: &str, most: usize) -> String {
    prose::escaped_within(text, most, markdown::escaped)
}

fn retry_after(body: &str) -> Option<Duration> {
    let seconds = serde_json::from_str::<Value>(body).ok()?.get("retry_after")?.as_f64()?;
    Duration::try_from_secs_f64(seconds).ok()
}
