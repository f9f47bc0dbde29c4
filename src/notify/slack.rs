//! Slack, by an incoming webhook: one message for each thing that happens.

use serde_json::{Value, json};

use super::TargetSettings;
use super::compile::Reading;
use super::exchange::{Request, Secret};
use super::prose::{self, Colour};
use crate::incident::Notice;

/// The longest text of a section, in characters.
const LONGEST_SECTION: usize = 3000;

/// An incoming webhook of Slack.
#[derive(Debug, Clone)]
pub struct Slack {
    url: Secret,
}

impl Slack {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(settings: &TargetSettings, reading: &mut Reading<'_>) -> Option<Self> {
        Some(Self { url: reading.url(settings, None)? })
    }

    /// What is sent.
    pub fn request(&self, notice: &Notice) -> Request {
        let headline = format!("{} {}", Colour::of(notice).disc(), prose::headline(notice));
        let mut blocks = vec![section(&format!("*{}*", escaped(&headline)))];
        blocks.extend(prose::text(notice).map(|text| section(&shown(&text))));
        blocks.extend(
            prose::transcript(notice).map(|said| section(&format!(">{}", shown(&said.replace('\n', " "))))),
        );
        let fields: Vec<_> = prose::details(notice).iter().map(|(name, value)| field(name, value)).collect();
        if !fields.is_empty() {
            blocks.push(json!({ "type": "section", "fields": fields }));
        }
        if let Some(link) = &notice.link {
            blocks.push(section(&format!("<{}|Show the call>", escaped(link).replace('|', "%7C"))));
        }
        Request::json(
            self.url.clone(),
            &json!({ "text": escaped(&headline), "blocks": blocks, "unfurl_links": false }),
        )
    }
}

/// `verbatim` keeps Slack from making links and mentions of what only looks like them.
fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } })
}

fn field(name: &str, value: &str) -> Value {
    json!({ "type": "mrkdwn", "text": format!("*{name}*\n{}", escaped(value)), "verbatim": true })
}

/// As much of it as a section takes.
fn shown(text: &str) -> String {
    prose::escaped_within(text, LONGEST_SECTION - 1, escaped)
}

/// The three letters that mean something to Slack; `<!channel>` is a mention only with them.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
