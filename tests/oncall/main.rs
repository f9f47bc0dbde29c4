//! Who is on call, and who is rung: the promises of the on-call room, checked from outside.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod calendar;
mod feeds;
mod file;
mod ringing;
mod schedules;
mod zoneinfo;

use jiff::Timestamp;
use nightbell::oncall::{OncallFile, Roster, ScheduleId, Shift};

/// The roster of a file that must be without fault.
fn roster(text: &str) -> Roster {
    let (roster, problems) = OncallFile::parse(text).unwrap().compile();
    assert_eq!(problems, []);
    roster
}

/// People of these ids, each with a phone.
fn people(ids: &[&str]) -> String {
    let entry = |(number, id): (usize, &&str)| {
        format!("[[people]]\nid = \"{id}\"\nphones = [\"+49151{number:05}\"]\n")
    };
    ids.iter().enumerate().map(entry).collect()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Who is on call in the schedule `s`.
fn on_call(roster: &Roster, when: &str) -> Vec<Shift> {
    roster.on_call(&ScheduleId::new("s"), at(when))
}

/// The ids of those on call in the schedule `s`, with commas between.
fn names(roster: &Roster, when: &str) -> String {
    let ids: Vec<String> = on_call(roster, when).into_iter().map(|shift| shift.person.to_string()).collect();
    ids.join(",")
}
