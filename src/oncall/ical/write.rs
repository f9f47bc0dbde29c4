//! Writes a calendar: events of fixed times, as any program that shows calendars can read them.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The longest line, in octets.
const LONGEST: usize = 75;

/// An event to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name: the same each time it is written.
    pub uid: String,
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
    /// What it is called.
    pub summary: String,
    /// More about it.
    pub description: String,
    /// Who takes part: name and e-mail address.
    pub attendee: Option<(String, String)>,
}

/// Writes a calendar of a name; `now` is when it is written.
pub fn write(name: &str, entries: &[Entry], now: Timestamp) -> String {
    let mut text = String::new();
    line(&mut text, "BEGIN:VCALENDAR");
    line(&mut text, "VERSION:2.0");
    line(&mut text, "PRODID:-//Nightbell//on call//EN");
    line(&mut text, "CALSCALE:GREGORIAN");
    line(&mut text, "METHOD:PUBLISH");
    line(&mut text, &format!("X-WR-CALNAME:{}", escaped(name)));
    for entry in entries {
        event(&mut text, entry, now);
    }
    line(&mut text, "END:VCALENDAR");
    text
}

fn event(text: &mut String, entry: &Entry, now: Timestamp) {
    line(text, "BEGIN:VEVENT");
    line(text, &format!("UID:{}", escaped(&entry.uid)));
    line(text, &format!("DTSTAMP:{}", utc(now)));
    line(text, &format!("DTSTART:{}", utc(entry.from)));
    line(text, &format!("DTEND:{}", utc(entry.until)));
    line(text, &format!("SUMMARY:{}", escaped(&entry.summary)));
    if !entry.description.is_empty() {
        line(text, &format!("DESCRIPTION:{}", escaped(&entry.description)));
    }
    if let Some((name, address)) = &entry.attendee {
        line(text, &format!("ATTENDEE;CN=\"{}\":mailto:{}", parameter(name), parameter(address)));
    }
    line(text, "TRANSP:TRANSPARENT");
    line(text, "END:VEVENT");
}

fn utc(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// What means something in a text is marked as meaning itself.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | ',' | ';' => escaped.extend(['\\', letter]),
            '\n' => escaped.push_str("\\n"),
            letter if letter.is_control() => {}
            plain => escaped.push(plain),
        }
    }
    escaped
}

/// A parameter cannot have quotation marks in it, however they are written.
fn parameter(text: &str) -> String {
    text.chars().map(|letter| if letter == '"' { '\'' } else { letter }).filter(|c| !c.is_control()).collect()
}

/// Writes a line, folded where it is too long, and never inside a letter.
fn line(text: &mut String, content: &str) {
    let mut used = 0;
    for letter in content.chars() {
        if used + letter.len_utf8() > LONGEST {
            text.push_str("\r\n ");
            used = 1;
        }
        used += letter.len_utf8();
        let _ = text.write_char(letter);
    }
    text.push_str("\r\n");
}
