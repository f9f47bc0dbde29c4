//! GoAlert, by a generic integration key.

use serde_json::{Map, Value, json};

use super::TargetSettings;
use super::compile::Reading;
use super::exchange::{Request, Secret};
use super::text::{cut, details, line};
use crate::incident::{Event, Notice};

/// The longest `summary`, in characters: it may have 1,024 bytes, and a letter has four at most.
const LONGEST_SUMMARY: usize = 255;
/// The longest `details`, in characters: 6 KiB.
const LONGEST_DETAILS: usize = 1500;
/// The longest value of `meta`, in characters.
const LONGEST_META: usize = 255;

/// An integration key of a service.
#[derive(Debug, Clone)]
pub struct GoAlert {
    base: Secret,
    token: Secret,
}

impl GoAlert {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(settings: &TargetSettings, reading: &mut Reading<'_>) -> Option<Self> {
        let base = reading.url(settings, None);
        let token = reading.secret(settings.token_file.as_ref(), "the integration key");
        Some(Self { base: base?, token: token? })
    }

    /// What is sent; nothing where the service has no use for it: a key can open and close, and no more.
    pub fn request(&self, notice: &Notice) -> Option<Request> {
        let mut body = json!({
            "summary": line(&notice.title, LONGEST_SUMMARY),
            "dedup": notice.dedup_key,
        });
        match notice.event {
            Event::Trigger => {
                body["details"] = json!(cut(&text(notice), LONGEST_DETAILS));
                body["meta"] = Value::Object(meta(notice));
            }
            Event::Resolve => body["action"] = json!("close"),
            Event::Acknowledge | Event::Update => return None,
        }
        let url = Secret::new(format!("{}/api/v2/generic/incoming", self.base.expose()));
        let authorization = Secret::new(format!("Bearer {}", self.token.expose()));
        Some(Request::json(url, &body).header("Authorization", authorization))
    }
}

/// The details are Markdown: the link first, because what follows may be cut.
fn text(notice: &Notice) -> String {
    match &notice.link {
        Some(link) => format!("{link}\n\n{}", notice.text),
        None => notice.text.clone(),
    }
}

/// Texts alone; what is long stands in the details.
fn meta(notice: &Notice) -> Map<String, Value> {
    let mut meta = details(notice, LONGEST_META);
    meta.insert("severity".to_owned(), json!(notice.severity.as_str()));
    meta
}
