//! Texts cut to what a service takes.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::incident::{Event, Notice};

/// The beginning of a text, so many characters at most; one that was cut ends in an ellipsis.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// The same on one line: everything that breaks one or is not printed is a blank.
pub fn line(text: &str, most: usize) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut(plain.trim(), most)
}

/// A text as a part of an address or of a form: everything but letters, digits and `-._~` as `%XX`.
pub fn percent(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, octet| {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(octet))
            }
            octet => {
                let _ = write!(out, "%{octet:02X}");
            }
        }
        out
    })
}

/// What is new, in words: the text, with who did it where somebody did.
pub fn news(notice: &Notice) -> String {
    let done = match notice.event {
        Event::Acknowledge => "Acknowledged",
        Event::Resolve => "Resolved",
        Event::Trigger | Event::Update => return notice.text.clone(),
    };
    let who = notice.by.as_ref().map_or_else(|| format!("{done}."), |by| format!("{done} by {by}."));
    format!("{who}\n{}", notice.text).trim_end().to_owned()
}

/// What is known of an incident, as a service shows it beside the text: without what is not there, each text cut.
pub fn details(notice: &Notice, most: usize) -> Map<String, Value> {
    let mut details = Map::new();
    let known = [
        ("call", &notice.call),
        ("incident", &notice.incident),
        ("hotline", &notice.hotline),
        ("number", &notice.number),
        ("route", &notice.route),
        ("caller", &notice.caller),
        ("caller_name", &notice.caller_name),
        ("transcript", &notice.transcript),
    ];
    for (name, value) in known.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        details.insert(name.to_owned(), Value::String(cut(value, most)));
    }
    if let Some(started) = notice.started_at {
        details.insert("started_at".to_owned(), Value::String(started.to_string()));
    }
    if let Some(sound) = &notice.voicemail {
        let seconds = sound.duration_ms.div_ceil(1000);
        details.insert("voicemail".to_owned(), Value::String(format!("{} ({seconds} s)", sound.file)));
    }
    if !notice.assigned.is_empty() {
        let names: Vec<_> = notice.assigned.iter().map(|party| party.name.as_str()).collect();
        details.insert("assigned".to_owned(), Value::String(cut(&names.join(", "), most)));
    }
    details
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_letters_and_says_so() {
        assert_eq!(cut("Zürich", 6), "Zürich");
        assert_eq!(cut("Zürich", 4), "Zür…");
        assert_eq!(cut("Zürich", 1), "…");
        assert_eq!(line(" a\r\nb\u{1b}[31m ", 20), "a  b [31m");
    }
}
