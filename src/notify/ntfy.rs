//! ntfy, by its JSON publishing: a push message for each thing that happens.

use serde_json::json;

use super::compile::{Levels, Reading};
use super::credentials::Credentials;
use super::exchange::{Request, Secret};
use super::{Facts, TargetSettings, prose};
use crate::incident::{Event, Notice, Severity};
use crate::problem::Problem;

/// The service itself, where no server of one's own is named.
const OWN: &str = "https://ntfy.sh";
/// The longest message, in bytes: the server makes a file of anything longer.
const LONGEST_MESSAGE: usize = 4000;

/// A topic of an ntfy server.
#[derive(Debug, Clone)]
pub struct Ntfy {
    server: Secret,
    topic: String,
    credentials: Credentials,
    levels: Levels,
}

impl Ntfy {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(settings: &TargetSettings, facts: &Facts, reading: &mut Reading<'_>) -> Option<Self> {
        let server = reading.url(settings, Some(OWN));
        let topic = settings.topic.as_ref()?;
        let good = |topic: &str| {
            (1..=64).contains(&topic.len())
                && topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if !good(topic.get_ref()) {
            let message = format!("`{}` is no topic", topic.get_ref());
            let help = "a topic has 1 to 64 of the letters A-Z, a-z, 0-9, - and _";
            reading.problems.push(Problem::error(topic.span(), message).help(help));
            return None;
        }
        let credentials = Credentials::compile(settings, reading);
        let levels = reading.levels(settings, facts.scale.as_ref()?);
        Some(Self {
            server: server?,
            topic: topic.get_ref().clone(),
            credentials: credentials?,
            levels: levels?,
        })
    }

    /// What is sent.
    pub fn request(&self, notice: &Notice) -> Request {
        // For one person alone: the topic that this person listens to.
        let own = notice.to.as_ref().and_then(|to| to.address.as_ref());
        let mut body = json!({
            "topic": own.unwrap_or(&self.topic),
            "title": prose::headline(notice),
            "message": within(&prose::plain(notice), LONGEST_MESSAGE),
            "priority": self.priority(notice),
            "tags": [tag(notice)],
        });
        if let Some(link) = &notice.link {
            body["click"] = json!(link);
        }
        self.credentials.show(Request::json(self.server.clone(), &body))
    }

    /// 5 rings through the night, 3 is the usual, 1 is silent. What comes after the trigger wakes nobody.
    fn priority(&self, notice: &Notice) -> u8 {
        match notice.event {
            Event::Trigger => self.levels.of(notice.severity).parse().unwrap_or(3),
            Event::Acknowledge | Event::Resolve | Event::Update => 2,
        }
    }
}

/// The short names that ntfy makes pictures of.
fn tag(notice: &Notice) -> &'static str {
    match (notice.event, notice.severity) {
        (Event::Trigger, Severity::Critical | Severity::Error) => "rotating_light",
        (Event::Trigger, Severity::Warning) => "warning",
        (Event::Trigger, Severity::Info) => "information_source",
        (Event::Acknowledge, _) => "raising_hand",
        (Event::Resolve, _) => "white_check_mark",
        (Event::Update, _) => "memo",
    }
}

/// As much of a text as so many bytes hold.
fn within(text: &str, most: usize) -> &str {
    let ends = text.char_indices().map(|(at, letter)| at + letter.len_utf8());
    text.get(..ends.take_while(|end| *end <= most).last().unwrap_or(0)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn a_message_is_cut_between_letters() {
        assert_eq!(within("aää", 4), "aä");
        assert_eq!(within("aää", 5), "aää");
        assert_eq!(within("", 5), "");
    }
}
