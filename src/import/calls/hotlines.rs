//! The answers as hotlines of our settings.

use super::answers::{Answers, Repeat};
use crate::import::write::{Page, quoted, texts};
use crate::oncall::Target;

/// Where the numbers are now, and where calls will come in.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The preset of the service they come from.
    pub preset: &'a str,
    /// The trunk they will come in over.
    pub trunk: &'a str,
}

impl Answers {
    /// The text of a `[[hotlines]]` for each number, to be put into `nightbell.toml`.
    pub fn to_toml(all: &[Self], origin: Origin<'_>) -> String {
        let mut page = Page::default();
        page.comment("To be put into nightbell.toml. Texts (`say`) need a [voice], or give a file for each.");
        for answers in all {
            page.hotline(answers, origin);
        }
        page.0
    }
}

impl Page {
    fn hotline(&mut self, answers: &Answers, origin: Origin<'_>) {
        let mut comments = Vec::new();
        if !answers.notify.is_empty() {
            comments.push(format!("others were notified: {}", answers.notify));
        }
        self.table("hotlines", &comments);
        self.text("name", &answers.name);
        self.key("numbers", &texts(&[&answers.number]));
        self.key("trunks", &texts(&[origin.trunk]));
        self.text("preset", origin.preset);
        if let Some(language) = answers.language {
            self.text("language", language);
        }
        self.said("welcome", &answers.welcome);
        if !answers.hold_music.is_empty() {
            self.key("hold", &format!("{{ file = {} }}", quoted(&answers.hold_music)));
        }
        if !answers.blocklist.is_empty() {
            self.key("block", &texts(&answers.blocklist));
        }
        if answers.options.is_empty() {
            self.route(answers, None, &answers.name, &answers.recipients);
            return;
        }
        self.sub_table("hotlines.menu");
        self.said("prompt", &answers.menu_text);
        for option in &answers.options {
            self.route(answers, Some(option.key), &option.name, &option.recipients);
        }
    }

    /// A text for the voice, where there is one.
    fn said(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.key(key, &format!("{{ say = {} }}", quoted(text)));
        }
    }

    /// Recipients were dialled in the order in which they are listed: each is a level.
    fn route(&mut self, answers: &Answers, key: Option<char>, name: &str, recipients: &[Target]) {
        let comment = "whom does it ring? `levels` is empty".to_owned();
        let silent = recipients.is_empty() && answers.tries != Some(0);
        self.table("hotlines.routes", if silent { std::slice::from_ref(&comment) } else { &[] });
        if let Some(key) = key {
            self.text("key", key);
        }
        self.text("name", name);
        let levels: Vec<String> = recipients.iter().map(|target| texts(&[target])).collect();
        self.key("levels", &format!("[{}]", levels.join(", ")));
        if let Some(tries) = answers.tries {
            self.key("max_people", &tries.to_string());
        }
        match answers.repeat {
            Repeat::Unsaid => {}
            Repeat::Own => self.text("repeat", "own"),
            Repeat::Times(times) => self.key("repeat", &times.to_string()),
        }
        self.sub_table("hotlines.routes.fallback");
        self.text("then", if answers.voicemail { "voicemail" } else { "closing" });
        self.said(if answers.voicemail { "greeting" } else { "closing" }, &answers.message);
    }
}
