//! A calendar from anybody: read within bounds or refused, and what is read can be followed and written again.

use nightbell::oncall::ical::{Calendar, Entry, write};
use nightbell::oncall::{RecurrenceRule, Zone};

/// Reads a calendar and follows what is in it for two months.
pub fn check(octets: &[u8]) {
    if let Ok(text) = std::str::from_utf8(octets) {
        let _ = text.parse::<RecurrenceRule>();
    }
    let Ok(calendar) = Calendar::read(octets) else { return };
    let zone: Zone = "Europe/Berlin".parse().unwrap_or_else(|_| Zone::utc());
    let (from, until) = ("2026-01-01T00:00:00Z".parse().unwrap(), "2026-03-01T00:00:00Z".parse().unwrap());
    let Ok(occurrences) = calendar.occurrences(from, until, &zone) else { return };
    assert!(occurrences.iter().all(|one| one.from <= one.until && one.from < until && one.until > from));
    assert!(occurrences.windows(2).all(|pair| pair[0].from <= pair[1].from));
    let entries: Vec<Entry> = occurrences
        .iter()
        .take(3)
        .map(|one| Entry {
            uid: one.event.uid.clone(),
            from: one.from,
            until: one.until,
            summary: one.event.summary.clone(),
            description: String::new(),
            attendee: None,
        })
        .collect();
    let again = Calendar::read(write("again", &entries, from).as_bytes()).unwrap();
    assert_eq!(again.events.len(), entries.len());
}
