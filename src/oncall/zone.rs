//! The wall clock of a place, and the instants at which it shows a time.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use crate::problem;

/// A time zone of the IANA database, found there when its name was read: nothing can be missing
/// when a call comes in.
#[derive(Clone)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// No such time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a time zone of this machine")]
pub struct ZoneError {
    /// What was asked for.
    pub name: String,
    /// The known name that may have been meant.
    pub nearest: Option<String>,
}

/// Why a text is not a time of a zone's wall clock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not in a form we know.
    #[error("`{0}` is not a time: write the schedule's wall clock, as in \"2026-12-24 18:00\", or RFC 3339")]
    Form(String),
    /// The second time that the clocks show it: a wall-clock time means the first.
    #[error(
        "the clocks of {1} show {0} twice, and this is the second time: name a time before or after that hour"
    )]
    Twice(DateTime, String),
}

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), rules: TimeZone::UTC }
    }

    /// A zone that the database does not have, by its rules, as a calendar brings it along.
    pub(super) fn of_rules(name: &str, rules: TimeZone) -> Self {
        Self { name: name.to_owned(), rules }
    }

    /// The name in the IANA database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the wall clock shows at an instant.
    pub fn local(&self, at: Timestamp) -> DateTime {
        self.rules.to_datetime(at)
    }

    /// What the wall clock shows at a time that is written as a wall-clock time of this zone
    /// (`2026-12-24 18:00`) or as an instant (RFC 3339, or with a zone in brackets).
    pub fn read(&self, text: &str) -> Result<DateTime, TimeError> {
        if let Some(wall) = parse_wall(text) {
            return Ok(wall);
        }
        let zoned = || text.parse::<jiff::Zoned>().map(|zoned| zoned.timestamp());
        let at: Timestamp =
            text.parse().or_else(|_| zoned()).map_err(|_| TimeError::Form(text.to_owned()))?;
        let wall = self.local(at);
        if self.instant(wall) == at { Ok(wall) } else { Err(TimeError::Twice(wall, self.name.clone())) }
    }

    /// The instant at which the wall clock shows a time: the first of two where the clocks are set
    /// back, and the first instant after the gap where they are set forward. Never runs backwards:
    /// a later wall-clock time never gives an earlier instant. Beyond the years that can be told
    /// (-9999 to 9999), the end of time.
    pub fn instant(&self, wall: DateTime) -> Timestamp {
        let found = match self.rules.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(wall),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(wall),
            AmbiguousOffset::Gap { before, after } => Ok(self.end_of_gap(wall, before, after)),
        };
        found.unwrap_or(if wall.year() < 0 { Timestamp::MIN } else { Timestamp::MAX })
    }

    /// Seen with the offset after the gap, a time inside it lies before the change of the clocks;
    /// seen with the offset before, at the change or after it.
    fn end_of_gap(&self, wall: DateTime, before: Offset, after: Offset) -> Timestamp {
        let earliest = after.to_timestamp(wall).unwrap_or(Timestamp::MIN);
        let latest = before.to_timestamp(wall).unwrap_or(Timestamp::MAX);
        self.rules
            .following(earliest)
            .map(|change| change.timestamp())
            .take_while(|change| *change <= latest)
            .find(|change| self.rules.to_offset(*change) == after)
            .unwrap_or(latest)
    }

    /// `Mon 09:00` for a time within six days of `now`, else with the date: `Mon 2026-01-05 09:00`.
    pub fn say(&self, at: Timestamp, now: Timestamp) -> String {
        let near = at.duration_since(now).abs() < SignedDuration::from_hours(6 * 24);
        let form = if near { "%a %H:%M" } else { "%a %Y-%m-%d %H:%M" };
        self.local(at).strftime(form).to_string()
    }
}

/// A change of the clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClockChange {
    /// The first instant after it.
    pub at: Timestamp,
    before: Offset,
    after: Offset,
}

impl ClockChange {
    /// Whether the clocks are set back, so that some times come twice.
    pub fn sets_back(&self) -> bool {
        self.after < self.before
    }

    /// What the clocks would show without the change.
    pub fn wall(&self) -> DateTime {
        self.before.to_datetime(self.at)
    }

    /// Whether the clocks skip a time, or show it twice.
    pub fn is_doubtful(&self, wall: DateTime) -> bool {
        let (one, other) = (self.wall(), self.after.to_datetime(self.at));
        one.min(other) <= wall && wall < one.max(other)
    }
}

impl Zone {
    /// The changes of the clocks between two instants.
    pub(super) fn clock_changes(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> impl Iterator<Item = ClockChange> {
        let following = self.rules.following(from).map(|change| change.timestamp());
        following.take_while(move |at| *at < until).filter_map(|at| {
            let before = self.rules.to_offset(at.checked_sub(SignedDuration::from_nanos(1)).ok()?);
            let after = self.rules.to_offset(at);
            (before != after).then_some(ClockChange { at, before, after })
        })
    }
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(name: &str) -> Result<Self, ZoneError> {
        match TimeZone::get(name) {
            Ok(rules) if !rules.is_unknown() => {
                let name = rules.iana_name().unwrap_or(name).to_owned();
                Ok(Self { name, rules })
            }
            _ => Err(ZoneError { name: name.to_owned(), nearest: nearest_zone(name) }),
        }
    }
}

fn nearest_zone(wrong: &str) -> Option<String> {
    let known: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
    problem::nearest(wrong, known.iter().map(String::as_str)).map(str::to_owned)
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Reads a wall-clock time: `2026-01-05 09:00`, also with seconds, with `T` between, or a date
/// alone for its midnight. No offset: the zone of the schedule decides.
pub(super) fn parse_wall(text: &str) -> Option<DateTime> {
    let forms = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
    let wall = forms
        .iter()
        .find_map(|form| DateTime::strptime(form, text).ok())
        .or_else(|| jiff::civil::Date::strptime("%Y-%m-%d", text).ok().map(DateTime::from))?;
    (1970..2200).contains(&wall.year()).then_some(wall)
}

/// The date some days later, or earlier where `days` is negative.
pub(super) fn days_after(date: jiff::civil::Date, days: i64) -> Option<jiff::civil::Date> {
    date.checked_add(days.days()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn instant(zone: &str, wall: &str) -> String {
        zone.parse::<Zone>().unwrap().instant(parse_wall(wall).unwrap()).to_string()
    }

    #[test]
    fn a_time_that_comes_twice_is_its_first_occurrence() {
        assert_eq!(instant("Europe/Berlin", "2026-10-25 02:30"), "2026-10-25T00:30:00Z");
        assert_eq!(instant("Australia/Lord_Howe", "2027-04-04 01:45"), "2027-04-03T14:45:00Z");
    }

    #[test]
    fn a_time_that_is_skipped_is_the_first_instant_after_the_gap() {
        assert_eq!(instant("Europe/Berlin", "2027-03-28 02:00"), "2027-03-28T01:00:00Z");
        assert_eq!(instant("Europe/Berlin", "2027-03-28 02:59:59"), "2027-03-28T01:00:00Z");
        assert_eq!(instant("Australia/Lord_Howe", "2026-10-04 02:15"), "2026-10-03T15:30:00Z");
        assert_eq!(instant("Pacific/Apia", "2011-12-30 12:00"), "2011-12-30T10:00:00Z");
    }

    #[test]
    fn an_unknown_zone_is_refused_with_the_nearest_known_one() {
        let refusal = "Europe/Berln".parse::<Zone>().unwrap_err();
        assert_eq!(refusal.nearest.as_deref(), Some("Europe/Berlin"));
        for wrong in ["", "CET-1CEST,M3.5.0,M10.5.0/3", "../../etc/passwd", "/etc/localtime", "Etc/Unknown"] {
            assert!(wrong.parse::<Zone>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wall_clock_time_is_read_in_a_few_forms_and_without_an_offset() {
        for text in ["2026-01-05 09:00", "2026-01-05 09:00:00", "2026-01-05T09:00", "2026-01-05T09:00:00"] {
            assert_eq!(parse_wall(text), Some(jiff::civil::date(2026, 1, 5).at(9, 0, 0, 0)), "{text}");
        }
        assert_eq!(parse_wall("2026-01-05"), Some(jiff::civil::date(2026, 1, 5).at(0, 0, 0, 0)));
        for wrong in [
            "",
            "09:00",
            "2026-01-05 09",
            "2026-01-05T09:00Z",
            "2026-01-05 09:00+01:00",
            "2026-02-30 09:00",
            "2026-01-05 25:00",
            "0001-01-01 00:00",
            "9999-12-31 23:59",
            "2026-01-05 09:00 ",
        ] {
            assert_eq!(parse_wall(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn near_times_are_told_by_the_day_of_the_week_and_others_with_the_date() {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        let at: Timestamp = "2026-01-05T08:00:00Z".parse().unwrap();
        assert_eq!(zone.say(at, at), "Mon 09:00");
        assert_eq!(zone.say(at, at + SignedDuration::from_hours(6 * 24 - 1)), "Mon 09:00");
        assert_eq!(zone.say(at, at + SignedDuration::from_hours(6 * 24)), "Mon 2026-01-05 09:00");
    }

    proptest! {
        #[test]
        fn a_later_wall_clock_time_never_gives_an_earlier_instant(
            zone in prop::sample::select(vec![
                "Europe/Berlin", "Pacific/Apia", "Australia/Lord_Howe", "America/St_Johns", "Africa/Casablanca",
            ]),
            start in 0..60 * 366 * 24_i64,
            minutes in 0..3000_i64,
        ) {
            let zone: Zone = zone.parse().unwrap();
            let earlier = jiff::civil::date(1975, 1, 1).at(0, 0, 0, 0) + start.hours();
            prop_assert!(zone.instant(earlier) <= zone.instant(earlier + minutes.minutes()));
        }
    }
}
