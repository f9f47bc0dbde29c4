//! A draft as the text of an on-call file: the way a person would write it, with a comment wherever
//! one should look again.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use crate::import::moment::written;
use crate::import::{
    Draft, EscalationDraft, OverrideDraft, PersonDraft, PhoneDraft, RotationDraft, ScheduleDraft, TeamDraft,
};

/// Whoever has no phone there stays in the file with one that can never be rung: `check` goes on warning.
const NO_PHONE: &str = "{ phone = \"sip:unknown@phone.invalid\", unconfirmed = true }";

impl Draft {
    /// The text of `oncall.toml`. `origin`: where it came from, for the first line.
    pub fn to_toml(&self, origin: &str) -> String {
        let mut page = Page::default();
        page.comment(origin);
        page.comment("Look at the comments below before it is used: they stand where something was guessed.");
        self.people.iter().for_each(|person| page.person(person));
        self.teams.iter().for_each(|team| page.team(team));
        self.escalations.iter().for_each(|escalation| page.escalation(escalation));
        self.schedules.iter().for_each(|schedule| page.schedule(schedule));
        page.0
    }
}

/// A TOML file in the making.
#[derive(Debug, Default)]
pub(super) struct Page(pub String);

impl Page {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    pub fn comment(&mut self, text: &str) {
        for line in text.lines() {
            let visible: String = line.chars().filter(|c| !c.is_control()).collect();
            self.line(format!("# {visible}").trim_end());
        }
    }

    /// Opens a table of a list, an empty line before it.
    pub fn table(&mut self, name: &str, comments: &[String]) {
        self.line("");
        comments.iter().for_each(|comment| self.comment(comment));
        self.line(&format!("[[{name}]]"));
    }

    /// Opens a table inside the last one of a list.
    pub fn sub_table(&mut self, name: &str) {
        self.line(&format!("\n[{name}]"));
    }

    /// A key with a value that is already TOML.
    pub fn key(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {value}"));
    }

    pub fn text(&mut self, key: &str, value: impl Display) {
        self.key(key, &quoted(&value.to_string()));
    }

    fn person(&mut self, person: &PersonDraft) {
        self.table("people", &person.comments);
        self.text("id", &person.id);
        if person.name != person.id.as_str() {
            self.text("name", &person.name);
        }
        if person.phones.is_empty() {
            self.key("phones", &format!("[{NO_PHONE}]"));
        } else {
            self.key("phones", &list(person.phones.iter().map(phone)));
        }
        if let Some(email) = &person.email {
            self.text("email", email);
        }
        if let Some(language) = person.language {
            self.text("language", language);
        }
    }

    fn team(&mut self, team: &TeamDraft) {
        self.table("teams", &team.comments);
        self.text("id", &team.id);
        self.key("levels", &list(team.levels.iter().map(|level| texts(level))));
    }

    fn escalation(&mut self, escalation: &EscalationDraft) {
        self.table("escalations", &escalation.comments);
        self.text("id", &escalation.id);
        if escalation.repeat > 0 {
            self.key("repeat", &escalation.repeat.to_string());
        }
        self.line("levels = [");
        for level in &escalation.levels {
            let after = if level.after.is_zero() {
                String::new()
            } else {
                format!(", after = {}", quoted(&delay(level.after)))
            };
            self.line(&format!("    {{ targets = {}{after} }},", texts(&level.targets)));
        }
        self.line("]");
    }

    fn schedule(&mut self, schedule: &ScheduleDraft) {
        self.table("schedules", &schedule.comments);
        self.text("id", &schedule.id);
        self.text("timezone", &schedule.timezone);
        if schedule.parallel {
            self.text("stacking", "parallel");
        }
        if !schedule.enabled {
            self.key("enabled", "false");
        }
        if let Some(calendar) = &schedule.calendar {
            self.text("calendar", &calendar.source);
            let names: Vec<String> = calendar
                .names
                .iter()
                .map(|(said, person)| format!("{} = {}", quoted(said), quoted(person.as_str())))
                .collect();
            if !names.is_empty() {
                self.key("names", &format!("{{ {} }}", names.join(", ")));
            }
        }
        schedule.rotations.iter().for_each(|rotation| self.rotation(rotation));
        schedule.overrides.iter().for_each(|over| self.over(over));
    }

    fn rotation(&mut self, rotation: &RotationDraft) {
        self.table("schedules.rotations", &rotation.comments);
        self.text("name", &rotation.name);
        self.key("people", &texts(&rotation.people));
        self.text("every", rotation.every);
        self.text("start", written(rotation.start));
        if let Some(until) = rotation.until {
            self.text("until", written(until));
        }
        if !rotation.hours.is_empty() {
            self.key("hours", &texts(&rotation.hours));
        }
    }

    fn over(&mut self, over: &OverrideDraft) {
        self.table("schedules.overrides", &[]);
        self.text("person", &over.person);
        self.text("from", written(over.from));
        self.text("until", written(over.until));
        match over.rotations.as_slice() {
            [] => {}
            [one] => self.text("rotation", one),
            several => self.key("rotation", &texts(several)),
        }
        if let Some(person) = &over.instead_of {
            self.text("instead_of", person);
        }
    }
}

fn phone(phone: &PhoneDraft) -> String {
    let text = quoted(&phone.phone.to_string());
    if phone.unconfirmed { format!("{{ phone = {text}, unconfirmed = true }}") } else { text }
}

/// A list of values that are already TOML.
fn list(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(", "))
}

/// A list of texts.
pub(super) fn texts<T: Display>(values: &[T]) -> String {
    list(values.iter().map(|value| quoted(&value.to_string())))
}

/// A text as a basic string of TOML.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `5m`, `1h 30m`, `45s`.
fn delay(length: Duration) -> String {
    let seconds = length.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let parts: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_delay_is_written_as_people_write_it() {
        for (seconds, text) in [(300, "5m"), (5400, "1h 30m"), (45, "45s"), (86_400, "24h")] {
            assert_eq!(delay(Duration::from_secs(seconds)), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_the_file_as_it_was(text in any::<String>()) {
            let table: toml::Table = toml::from_str(&format!("a = {}", quoted(&text))).unwrap();
            prop_assert_eq!(table["a"].as_str(), Some(text.as_str()));
        }

        #[test]
        fn no_comment_ever_becomes_a_key(text in any::<String>()) {
            let mut page = Page::default();
            page.comment(&text);
            prop_assert!(toml::from_str::<toml::Table>(&page.0).is_ok_and(|table| table.is_empty()), "{}", page.0);
        }
    }
}
