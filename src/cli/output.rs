//! What commands print: plain lines for people, one JSON document for programs.

use std::io::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::daemon::logging::may_colour;

/// Prints text for a person. A reader that has gone (`| head`) is not an error.
pub fn say(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// Prints an error.
pub fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Prints one JSON document.
pub fn json(value: &impl Serialize) -> Result<(), serde_json::Error> {
    let text = serde_json::to_string_pretty(value)?;
    say(&format!("{text}\n"));
    Ok(())
}

/// Whether errors may be coloured.
pub fn colour_on_stderr() -> bool {
    may_colour(&io::stderr())
}

/// Whether output may be coloured.
pub fn colour_on_stdout() -> bool {
    may_colour(&io::stdout())
}

/// Text from outside, with control characters made visible: a caller's name must not drive the
/// reader's terminal.
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}

/// Rows as aligned columns under their headings.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(headings.get(column).map(|heading| heading.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut text = line(headings.to_vec());
    for row in rows {
        text.push_str(&line(row.iter().map(String::as_str).collect()));
    }
    text
}

/// A number of things: `0 errors`, `1 error`.
pub fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// A moment as a person at this machine reads it: local time, to the second.
pub fn local(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Reads a moment: RFC 3339, a local time with or without a zone, or a day.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Ok(zoned) = text.parse::<jiff::Zoned>() {
        return Ok(zoned.timestamp());
    }
    // "2026-12-24T18:00 Europe/Berlin"
    let (civil, zone) = match text.rsplit_once(' ') {
        Some((civil, zone)) if zone.contains('/') || zone == "UTC" => {
            let zone = TimeZone::get(zone).map_err(|_| format!("there is no time zone {zone}"))?;
            (civil, zone)
        }
        _ => (text, TimeZone::system()),
    };
    let wrong =
        |_| "write a time as 2026-12-24T18:00, \"2026-12-24T18:00 Europe/Berlin\" or RFC 3339".to_owned();
    let civil: jiff::civil::DateTime = civil.parse().map_err(wrong)?;
    civil.to_zoned(zone).map(|zoned| zoned.timestamp()).map_err(wrong)
}

/// Reads a moment, or how long ago it is: `2h`, `7d`.
pub fn since(text: &str) -> Result<Timestamp, String> {
    let ago = text.parse::<jiff::Span>().ok().and_then(|span| {
        let now = jiff::Zoned::now();
        now.checked_sub(span.abs()).ok().map(|then| then.timestamp())
    });
    ago.map_or_else(|| moment(text), Ok)
}

/// Reads a moment, or how long it is until then: `2h`, `7d`.
pub fn ahead(text: &str) -> Result<Timestamp, String> {
    let until = text.parse::<jiff::Span>().ok().and_then(|span| {
        let now = jiff::Zoned::now();
        now.checked_add(span.abs()).ok().map(|then| then.timestamp())
    });
    until.map_or_else(|| moment(text), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        assert_eq!(printable("a\u{1b}[2Jb\r\n"), "a\\u{1b}[2Jb\\r\\n");
    }

    #[test]
    fn a_moment_is_written_in_several_ways() {
        let wanted: Timestamp = "2026-12-24T17:00:00Z".parse().unwrap();
        for text in ["2026-12-24T17:00:00Z", "2026-12-24T18:00:00+01:00", "2026-12-24T18:00 Europe/Berlin"] {
            assert_eq!(moment(text), Ok(wanted), "{text}");
        }
        assert!(moment("tomorrow").is_err());
        assert!(since("2h").unwrap() < Timestamp::now());
        assert!(ahead("2h").unwrap() > Timestamp::now());
        assert_eq!(ahead("2026-12-24T17:00:00Z"), Ok(wanted));
    }

    #[test]
    fn columns_stand_below_each_other() {
        let rows = vec![vec!["1".to_owned(), "long cell".to_owned()], vec!["22".to_owned(), "x".to_owned()]];
        assert_eq!(table(&["a", "b"], &rows), "a   b\n1   long cell\n22  x\n");
    }
}
