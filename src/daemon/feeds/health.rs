//! How the calendars stand: how old what we have is, and how far ahead it reaches.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{Copies, Place};
use crate::call::settings::Period;
use crate::oncall::Roster;

/// `[calendars]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CalendarSettings {
    /// How often calendars are read.
    pub every: Period,
    /// How old the newest copy may be before somebody should look.
    pub stale_after: Period,
    /// How far ahead there should be shifts.
    pub horizon: Period,
}

impl Default for CalendarSettings {
    fn default() -> Self {
        let hours = |hours: u64| Period(Duration::from_secs(hours * 3600));
        Self { every: Period::seconds(15 * 60), stale_after: hours(24), horizon: hours(7 * 24) }
    }
}

impl CalendarSettings {
    /// What is wrong with them.
    pub fn fault(&self) -> Option<&'static str> {
        let often = (60..=24 * 3600).contains(&self.every.0.as_secs());
        (!often).then_some("calendars are read every 1m to 24h")
    }
}

/// The calendar of a schedule or of opening hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// `schedule production`
    pub whose: String,
    /// What may be shown of the address.
    pub label: String,
    /// When the copy in use was read; `None`: there is none.
    pub read_at: Option<Timestamp>,
    /// Why the last try failed.
    pub failure: Option<String>,
    /// Until when there are shifts; `None` for a shift without an end, and for opening hours.
    pub until: Option<Timestamp>,
    /// What somebody should look at.
    pub alarms: Vec<String>,
    now: Timestamp,
}

/// How all calendars of a roster stand. The roster has its calendars put in.
pub fn health(roster: &Roster, copies: &Copies, settings: &CalendarSettings, now: Timestamp) -> Vec<Health> {
    let schedules = roster.schedules.values().filter_map(|schedule| {
        let calendar = schedule.calendar.as_ref()?;
        let until = calendar.feed.as_ref().and_then(|feed| feed.horizon());
        Some((format!("schedule {}", schedule.id), &calendar.source, until))
    });
    let hours = roster
        .hours
        .values()
        .filter_map(|hours| Some((format!("hours {}", hours.id), hours.calendar.as_ref()?, None)));
    schedules
        .chain(hours)
        .map(|(whose, source, until)| one(whose, source, until, copies, settings, now))
        .collect()
}

fn one(
    whose: String,
    source: &str,
    until: Option<Timestamp>,
    copies: &Copies,
    settings: &CalendarSettings,
    now: Timestamp,
) -> Health {
    let copy = copies.get(source);
    let read_at = copy.and_then(|copy| copy.read_at.filter(|_| copy.copy.is_some()));
    let failure = copy.and_then(|copy| copy.failure.clone());
    let label = Place::label(source);
    let mut health = Health { whose, label, read_at, failure, until, alarms: Vec::new(), now };
    let why = health.failure.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let alarm = match read_at {
        None => Some(format!("its calendar has not been read yet{why}")),
        Some(at) if older(at, now, settings.stale_after) => {
            Some(format!("its calendar is stale, read {}{why}", health.age()))
        }
        Some(_) => {
            health.failure.as_ref().map(|why| format!("its calendar was not taken the last time: {why}"))
        }
    };
    let ahead = SignedDuration::try_from(settings.horizon.0).unwrap_or(SignedDuration::MAX);
    let short = until.filter(|until| until.duration_since(now) < ahead);
    let ends = short.map(|until| format!("its calendar has no shifts beyond {}", day(until)));
    health.alarms = alarm.into_iter().chain(ends.filter(|_| read_at.is_some())).collect();
    health
}

fn older(read_at: Timestamp, now: Timestamp, limit: Period) -> bool {
    now.duration_since(read_at) > SignedDuration::try_from(limit.0).unwrap_or(SignedDuration::MAX)
}

fn day(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

impl Health {
    fn age(&self) -> String {
        let Some(at) = self.read_at else { return "never".to_owned() };
        match self.now.duration_since(at).as_mins() {
            ..1 => "just now".to_owned(),
            minutes @ 1..120 => format!("{minutes} min ago"),
            minutes @ 120..2880 => format!("{} h ago", minutes / 60),
            minutes => format!("{} days ago", minutes / 1440),
        }
    }
}

impl fmt::Display for Health {
    /// `schedule production: calendar feed https://cal.example/..., read 5 min ago, shifts until 2026-12-31 09:00`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, read {}", self.whose, self.label, self.age())?;
        match self.until {
            Some(until) => write!(f, ", shifts until {}", day(until)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oncall::OncallFile;
    use crate::store::CalendarCopy;

    const NOW: &str = "2026-01-05T12:00:00Z";

    fn told(read_at: Option<&str>, failure: Option<&str>, last_day: &str) -> Vec<String> {
        let text = "[[people]]\nid = \"anna\"\nphones = [\"+4915112345678\"]\n[[schedules]]\nid = \"s\"\n\
                    timezone = \"UTC\"\ncalendar = \"https://cal.example/secret\"\n";
        let (mut roster, _) = OncallFile::parse(text).unwrap().compile();
        let ics = format!(
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:anna\nDTSTART;VALUE=DATE:{last_day}\nEND:VEVENT\nEND:VCALENDAR\n"
        );
        let copy = CalendarCopy {
            copy: read_at.map(|_| ics.into_bytes()),
            read_at: read_at.map(|at| at.parse().unwrap()),
            etag: None,
            last_modified: None,
            failure: failure.map(str::to_owned),
        };
        let copies = Copies::from([("https://cal.example/secret".to_owned(), copy)]);
        super::super::attach(&mut roster, &copies);
        let health = health(&roster, &copies, &CalendarSettings::default(), NOW.parse().unwrap());
        assert!(!format!("{health:?}{}", health[0]).contains("secret"));
        health.into_iter().flat_map(|health| health.alarms).collect()
    }

    #[test]
    fn a_calendar_that_is_fresh_and_reaches_far_ahead_is_silent() {
        assert!(told(Some("2026-01-05T11:50:00Z"), None, "20260131").is_empty());
    }

    #[test]
    fn a_stale_a_failing_and_a_missing_calendar_are_told_with_the_reason() {
        let stale = told(Some("2026-01-03T11:00:00Z"), Some("the server answered 500"), "20260131");
        assert_eq!(stale, ["its calendar is stale, read 2 days ago: the server answered 500"]);
        let failing = told(Some("2026-01-05T11:00:00Z"), Some("the server answered 500"), "20260131");
        assert_eq!(failing, ["its calendar was not taken the last time: the server answered 500"]);
        assert_eq!(told(None, None, "20260131"), ["its calendar has not been read yet"]);
    }

    #[test]
    fn a_calendar_that_runs_out_within_days_is_told() {
        let alarms = told(Some("2026-01-05T11:50:00Z"), None, "20260110");
        assert!(alarms[0].starts_with("its calendar has no shifts beyond 2026-01-1"), "{alarms:?}");
    }
}
