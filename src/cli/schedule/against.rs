//! The shifts of another service: JSON or a calendar, in a file or at an address.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;

use crate::cli::Failure;
use crate::daemon::feeds::{Fetched, Fetcher, Place};
use crate::import::{TheirShift, read_rendered};
use crate::oncall::ical::Calendar;
use crate::oncall::{Feed, FeedShift, PersonId, Roster, Schedule};

/// Fetches a file or an address.
pub fn fetch(source: &str) -> Result<Vec<u8>, Failure> {
    match Fetcher::new().fetch(&Place::of(source, Path::new("")), None) {
        Ok(Fetched::Copy { octets, .. }) => Ok(octets),
        Ok(Fetched::Unchanged) => Ok(Vec::new()),
        Err(why) => Err(Failure::Failed(why)),
    }
}

/// Whom names in calendars mean, as the schedule has it.
pub fn names(schedule: &Schedule) -> BTreeMap<String, PersonId> {
    schedule.calendar.as_ref().map(|calendar| calendar.names.clone()).unwrap_or_default()
}

/// Reads shifts: Opsgenie's or PagerDuty's JSON, else a calendar, as it is seen from an instant.
pub fn read(
    source: &str,
    roster: &Roster,
    schedule: &Schedule,
    at: Timestamp,
) -> Result<Vec<TheirShift>, Failure> {
    let octets = fetch(source)?;
    let failed = |why: String| Failure::Failed(format!("{}: {why}", Place::label(source)));
    if octets.iter().find(|octet| !octet.is_ascii_whitespace()) == Some(&b'{') {
        return read_rendered(&String::from_utf8_lossy(&octets)).map_err(|error| failed(error.to_string()));
    }
    let calendar = Calendar::read(&octets).map_err(|fault| failed(fault.to_string()))?;
    let label = Place::label(source);
    let feed = Feed::read(&calendar, &roster.people, &names(schedule), &schedule.timezone, &label, at);
    let feed = feed.map_err(|error| failed(error.to_string()))?;
    Ok(feed.shifts().iter().flat_map(shifts).collect())
}

/// The shift of each person of a calendar's shift.
fn shifts(shift: &FeedShift) -> impl Iterator<Item = TheirShift> {
    shift.people.iter().map(|person| TheirShift {
        names: vec![person.to_string()],
        from: shift.from,
        until: shift.until,
    })
}
