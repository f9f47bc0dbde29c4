//! Calendars from elsewhere: fetched, judged, kept, and put into the roster that calls use.
//!
//! Only a copy that can be read whole, and names nobody unknown, replaces the one before it. The last good copy is
//! used while its source fails, and after a restart.

mod fetch;
mod health;
mod place;
mod poll;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;

pub use fetch::{Fetched, Fetcher};
pub use health::{CalendarSettings, Health, health};
pub use place::Place;
pub use poll::{Poller, Wanted};

use crate::oncall::ical::Calendar;
use crate::oncall::{Feed, Holiday, Hours, Roster, Schedule};
use crate::store::{CalendarCopy, Reader, Store, StoreError};

/// What is known of calendars by their address or file, as it is written.
pub type Copies = BTreeMap<String, CalendarCopy>;

/// Something worth a look about the calendar of a schedule or of opening hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The address or the file, as it is written: not to be shown.
    pub source: String,
    /// What is wrong, in one sentence.
    pub message: String,
}

/// The calendars that a roster names.
pub fn sources(roster: &Roster) -> BTreeSet<String> {
    let schedules = roster.schedules.values().filter_map(|schedule| schedule.calendar.as_ref());
    let hours = roster.hours.values().filter_map(|hours| hours.calendar.as_ref());
    schedules.map(|calendar| &calendar.source).chain(hours).cloned().collect()
}

/// Whether a copy can be taken for all that a roster uses it for; else why not.
pub fn judge(roster: &Roster, source: &str, octets: &[u8], now: Timestamp) -> Result<(), String> {
    let calendar = Calendar::read(octets).map_err(|fault| fault.to_string())?;
    for schedule in fed_by(roster, source) {
        feed(roster, schedule, &calendar, now)
            .map_err(|error| format!("schedule {}: {error}", schedule.id))?;
    }
    for hours in closed_by(roster, source) {
        Holiday::read(&calendar, &hours.timezone, now)
            .map_err(|fault| format!("hours {}: {fault}", hours.id))?;
    }
    Ok(())
}

/// The shifts that a calendar would be for a schedule.
fn feed(
    roster: &Roster,
    schedule: &Schedule,
    calendar: &Calendar,
    now: Timestamp,
) -> Result<Feed, crate::oncall::FeedError> {
    let Some(named) = &schedule.calendar else {
        return Feed::read(calendar, &roster.people, &BTreeMap::new(), &schedule.timezone, "", now);
    };
    let label = Place::label(&named.source);
    Feed::read(calendar, &roster.people, &named.names, &schedule.timezone, &label, now)
}

fn fed_by<'a>(roster: &'a Roster, source: &'a str) -> impl Iterator<Item = &'a Schedule> {
    let is_it =
        move |schedule: &&Schedule| schedule.calendar.as_ref().is_some_and(|named| named.source == source);
    roster.schedules.values().filter(is_it)
}

fn closed_by<'a>(roster: &'a Roster, source: &'a str) -> impl Iterator<Item = &'a Hours> {
    roster.hours.values().filter(move |hours| hours.calendar.as_deref() == Some(source))
}

/// Puts the kept copies into a roster, and answers what is wrong with them.
pub fn attach(roster: &mut Roster, copies: &Copies) -> Vec<Note> {
    let read: BTreeMap<&str, (Result<Calendar, String>, Timestamp)> = copies
        .iter()
        .filter_map(|(source, known)| {
            let calendar = Calendar::read(known.copy.as_ref()?).map_err(|fault| fault.to_string());
            Some((source.as_str(), (calendar, known.read_at?)))
        })
        .collect();
    let mut notes = Vec::new();
    let mut note = |source: &str, message: String| notes.push(Note { source: source.to_owned(), message });
    let people = &roster.people;
    for schedule in roster.schedules.values_mut() {
        let (id, zone) = (&schedule.id, &schedule.timezone);
        let Some(named) = &mut schedule.calendar else { continue };
        let feed = match read.get(named.source.as_str()) {
            None => Err("it has not been read yet".to_owned()),
            Some((Err(fault), _)) => Err(fault.clone()),
            Some((Ok(calendar), at)) => {
                let label = Place::label(&named.source);
                Feed::read_as_kept(calendar, people, &named.names, zone, &label, *at)
                    .map_err(|error| error.to_string())
            }
        };
        match feed {
            Ok((feed, unknown)) => {
                for name in unknown {
                    note(&named.source, format!("the calendar of schedule {id}: {name}"));
                }
                named.feed = Some(feed);
            }
            Err(why) => {
                note(&named.source, format!("the calendar of schedule {id}: {why}: nobody is on call by it"))
            }
        }
    }
    for hours in roster.hours.values_mut() {
        let Some(source) = &hours.calendar else { continue };
        let holidays = match read.get(source.as_str()) {
            None => Err("it has not been read yet".to_owned()),
            Some((Err(fault), _)) => Err(fault.clone()),
            Some((Ok(calendar), at)) => {
                Holiday::read(calendar, &hours.timezone, *at).map_err(|fault| fault.to_string())
            }
        };
        match holidays {
            Ok(holidays) => hours.holidays = holidays,
            Err(why) => note(source, format!("the calendar of hours {}: {why}: it closes no day", hours.id)),
        }
    }
    notes
}

/// What the database says of people and schedules, with the calendars that are kept there.
pub fn load(reader: &Reader) -> Result<(Roster, Vec<Note>), StoreError> {
    let mut roster = reader.load_roster()?;
    let notes =
        if sources(&roster).is_empty() { Vec::new() } else { attach(&mut roster, &reader.calendars()?) };
    Ok((roster, notes))
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// There is a new copy.
    New,
    /// The kept one is the newest.
    Same,
    /// Neither: the kept one stays, if there is one.
    Failed(String),
}

/// Tries to read a calendar, and keeps what comes of it. Blocks, for half a minute at most.
pub fn renew(
    store: &Store,
    fetcher: &Fetcher,
    roster: &Roster,
    source: &str,
    folder: &Path,
) -> Result<Tried, StoreError> {
    let kept = store.reader().calendars()?.remove(source);
    let fetched = fetcher.fetch(&Place::of(source, folder), kept.as_ref());
    let now = Timestamp::now();
    let good = fetched.and_then(|fetched| match fetched {
        Fetched::Unchanged => Ok(Fetched::Unchanged),
        Fetched::Copy { ref octets, .. } => judge(roster, source, octets, now).map(|()| fetched),
    });
    match good {
        Ok(Fetched::Unchanged) => {
            store.calendar_unchanged(source, now)?;
            Ok(Tried::Same)
        }
        Ok(Fetched::Copy { octets, etag, last_modified }) => {
            let same = kept.is_some_and(|kept| kept.copy.as_deref() == Some(octets.as_slice()));
            store.calendar_read(source, &octets, etag.as_deref(), last_modified.as_deref(), now)?;
            Ok(if same { Tried::Same } else { Tried::New })
        }
        Err(why) => {
            store.calendar_failed(source, &why, now)?;
            Ok(Tried::Failed(why))
        }
    }
}

/// Looks at the calendars that are files without keeping anything: what the next start would find.
pub fn look_at_files(roster: &Roster, folder: &Path, copies: &mut Copies) {
    let files = sources(roster);
    for source in files.iter().filter(|source| matches!(Place::of(source, folder), Place::File(_))) {
        look_at(&Fetcher::for_files(), roster, source, folder, copies);
    }
}

/// What came of a look at a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    /// It would be taken.
    Good,
    /// It was not to be had, and why.
    Missing(String),
    /// It would not be taken, and why.
    Refused(String),
}

/// Looks at a calendar without keeping anything. What is wrong with it stands beside the copy that is kept.
pub fn look_at(
    fetcher: &Fetcher,
    roster: &Roster,
    source: &str,
    folder: &Path,
    copies: &mut Copies,
) -> Looked {
    let now = Timestamp::now();
    let kept = copies.entry(source.to_owned()).or_default();
    match fetcher.fetch(&Place::of(source, folder), Some(&*kept)) {
        Err(why) => {
            kept.failure = Some(why.clone());
            return Looked::Missing(why);
        }
        Ok(Fetched::Unchanged) => {}
        Ok(Fetched::Copy { octets, .. }) => match judge(roster, source, &octets, now) {
            Ok(()) => kept.copy = Some(octets),
            Err(why) => {
                kept.failure = Some(why.clone());
                return Looked::Refused(why);
            }
        },
    }
    (kept.read_at, kept.failure) = (Some(now), None);
    Looked::Good
}

/// Reads the calendars that are files on this machine. What comes over the network is not waited for.
pub fn renew_files(store: &Store, roster: &Roster, folder: &Path) -> Result<(), StoreError> {
    let files = sources(roster);
    let files = files.iter().filter(|source| matches!(Place::of(source, folder), Place::File(_)));
    for source in files {
        if let Tried::Failed(why) = renew(store, &Fetcher::for_files(), roster, source, folder)? {
            tracing::error!("the calendar {} was not taken: {why}", Place::label(source));
        }
    }
    Ok(())
}
