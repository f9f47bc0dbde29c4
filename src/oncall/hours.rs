//! Opening hours: when somebody is there, week by week, with the days on which it is otherwise.
//!
//! What counts, first to last: an exception of the settings, the one listed last; a day of the holiday
//! calendar, one that opens before one that closes; the week.

use std::fmt;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::oncall::ical::{Calendar, Fault, Occurrence, short};
use crate::oncall::name::HoursId;
use crate::oncall::turn::Edges;
use crate::oncall::week::WeekInterval;
use crate::oncall::zone::{Zone, days_after};

/// How far ahead the next opening or closing is looked for.
const HORIZON: SignedDuration = SignedDuration::from_hours(366 * 24);

/// When somebody is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// How others refer to them.
    pub id: HoursId,
    /// Whose wall clock all times are told in.
    pub timezone: Zone,
    /// The open times of an ordinary week; empty: always open.
    pub week: Vec<WeekInterval>,
    /// Days on which it is otherwise; where two meet, the later one counts.
    pub exceptions: Vec<HoursException>,
    /// What the holiday calendar says, where there is one and it has been read.
    pub holidays: Vec<Holiday>,
    /// A calendar of days on which it is closed: an address (`https://...`) or a file, as it is written.
    pub calendar: Option<String>,
}

/// Days on which opening hours are other than in an ordinary week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoursException {
    /// The first day.
    pub first: Date,
    /// The last day.
    pub last: Date,
    /// Open all day, or closed all day.
    pub open: bool,
    /// What it is, as people say it: `Christmas Day`.
    pub name: Option<String>,
}

/// A stretch of a holiday calendar: whole days, or some hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holiday {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
    /// Open, or closed.
    pub open: bool,
    /// What it is: `Christmas Day`.
    pub name: String,
}

/// How opening hours stand at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoursState {
    /// Whether it is open.
    pub open: bool,
    /// Why, as a person would say it: `closed: Christmas Day (2026-12-25)`.
    pub because: String,
    /// The first instant at which it is the other way round; `None`: not within a year.
    pub until: Option<Timestamp>,
}

impl Holiday {
    /// Reads a calendar of holidays as it is seen from an instant: a year back, three years ahead. What stands in it is
    /// closed, unless its title begins with `[open]`.
    pub fn read(calendar: &Calendar, zone: &Zone, at: Timestamp) -> Result<Vec<Self>, Fault> {
        let from = at.saturating_sub(HORIZON).unwrap_or(Timestamp::MIN);
        let until = at.saturating_add(HORIZON * 3).unwrap_or(Timestamp::MAX);
        let occurrences = calendar.occurrences(from, until, zone)?;
        let holiday = |occurrence: &Occurrence<'_>| {
            let title = occurrence.event.summary.trim();
            let is_open = title.get(..6).is_some_and(|mark| mark.eq_ignore_ascii_case("[open]"));
            let name = if is_open { title.get(6..).unwrap_or_default().trim() } else { title };
            let name = if name.is_empty() { "a day of the calendar" } else { name };
            Self { from: occurrence.from, until: occurrence.until, open: is_open, name: short(name) }
        };
        Ok(occurrences.iter().map(holiday).collect())
    }
}

impl Hours {
    /// Whether it is open at an instant, why, and until when.
    pub fn state(&self, at: Timestamp) -> HoursState {
        let (open, because) = self.rule(at);
        HoursState { open, because, until: self.next_change(at, open) }
    }

    /// Whether it is ever open in the year after an instant.
    pub fn opens_within_a_year(&self, at: Timestamp) -> bool {
        let open = self.is_open(at);
        open || self.next_change(at, open).is_some()
    }

    fn is_open(&self, at: Timestamp) -> bool {
        match (self.exception(at), self.holiday(at)) {
            (Some(exception), _) => exception.open,
            (None, Some(holiday)) => holiday.open,
            (None, None) => self.week.is_empty() || self.interval(at).is_some(),
        }
    }

    fn rule(&self, at: Timestamp) -> (bool, String) {
        let word = |open| if open { "open" } else { "closed" };
        if let Some(exception) = self.exception(at) {
            return (exception.open, format!("{}{exception}", word(exception.open)));
        }
        if let Some(holiday) = self.holiday(at) {
            return (holiday.open, format!("{}: {}", word(holiday.open), self.say(holiday)));
        }
        match self.interval(at) {
            _ if self.week.is_empty() => (true, "always open".to_owned()),
            Some(interval) => (true, format!("open {interval}")),
            None => (false, format!("closed outside {}", listed(&self.week))),
        }
    }

    fn exception(&self, at: Timestamp) -> Option<&HoursException> {
        self.exceptions.iter().rev().find(|exception| {
            let (from, until) = exception.bounds(&self.timezone);
            from <= at && at < until
        })
    }

    fn holiday(&self, at: Timestamp) -> Option<&Holiday> {
        let now = || self.holidays.iter().filter(|holiday| holiday.from <= at && at < holiday.until);
        now().find(|holiday| holiday.open).or_else(|| now().next())
    }

    fn interval(&self, at: Timestamp) -> Option<&WeekInterval> {
        let now = self.timezone.local(at);
        self.week.iter().find(|interval| interval.contains(at, now, &self.timezone))
    }

    /// `Christmas Day (2026-12-25)`: days where it is whole days, else with the time.
    fn say(&self, holiday: &Holiday) -> String {
        let (first, end) = (self.timezone.local(holiday.from), self.timezone.local(holiday.until));
        let last = days_after(end.date(), -1).unwrap_or(end.date());
        let is_whole = |date| {
            self.timezone.instant(first.date().at(0, 0, 0, 0)) == holiday.from
                && self.timezone.instant(end.date().at(0, 0, 0, 0)) == holiday.until
                && first.date() <= date
        };
        match is_whole(last) {
            true if first.date() == last => format!("{} ({last})", holiday.name),
            true => format!("{} ({} to {last})", holiday.name, first.date()),
            false => {
                let form = "%Y-%m-%d %H:%M";
                format!("{} ({} to {})", holiday.name, first.strftime(form), end.strftime(form))
            }
        }
    }

    /// The first instant after `at` at which it is not as it is now.
    fn next_change(&self, at: Timestamp, open: bool) -> Option<Timestamp> {
        let mut edge = self.next_edge(at)?;
        while edge.duration_since(at) < HORIZON {
            if self.is_open(edge) != open {
                return Some(edge);
            }
            edge = self.next_edge(edge)?;
        }
        None
    }

    /// The first instant after `at` at which anything begins or ends.
    fn next_edge(&self, at: Timestamp) -> Option<Timestamp> {
        let mut edges = Edges::around(at);
        let today = self.timezone.local(at).date();
        let week = self.week.iter().flat_map(|interval| interval.near(today, &self.timezone));
        let exceptions = self.exceptions.iter().map(|exception| exception.bounds(&self.timezone));
        let holidays = self.holidays.iter().map(|holiday| (holiday.from, holiday.until));
        for (from, until) in week.chain(exceptions).chain(holidays) {
            edges.note(from);
            edges.note(until);
        }
        edges.next
    }
}

fn listed(week: &[WeekInterval]) -> String {
    week.iter().map(WeekInterval::to_string).collect::<Vec<_>>().join(", ")
}

impl HoursException {
    /// The first instant, and the first one after it.
    fn bounds(&self, zone: &Zone) -> (Timestamp, Timestamp) {
        let midnight = |date: Date| zone.instant(date.at(0, 0, 0, 0));
        (midnight(self.first), days_after(self.last, 1).map_or(Timestamp::MAX, midnight))
    }
}

/// `: Christmas Day (2026-12-25)`, or without a name ` on 2026-12-25`.
impl fmt::Display for HoursException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last, name, .. } = self;
        match name {
            Some(name) if first == last => write!(f, ": {name} ({first})"),
            Some(name) => write!(f, ": {name} ({first} to {last})"),
            None if first == last => write!(f, " on {first}"),
            None => write!(f, " from {first} to {last}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oncall::zone::parse_wall;
    use proptest::prelude::*;

    fn hours(zone: &str, week: &[&str]) -> Hours {
        Hours {
            id: HoursId::new("support"),
            timezone: zone.parse().unwrap(),
            week: week.iter().map(|text| text.parse().unwrap()).collect(),
            exceptions: Vec::new(),
            holidays: Vec::new(),
            calendar: None,
        }
    }

    fn berlin() -> Hours {
        hours("Europe/Berlin", &["mon-fri 08:00-18:00", "sat 10:00-14:00"])
    }

    fn days(first: &str, last: &str, open: bool, name: Option<&str>) -> HoursException {
        let (first, last) = (first.parse().unwrap(), last.parse().unwrap());
        HoursException { first, last, open, name: name.map(str::to_owned) }
    }

    fn at(hours: &Hours, wall: &str) -> Timestamp {
        hours.timezone.instant(parse_wall(wall).unwrap())
    }

    fn told(hours: &Hours, wall: &str) -> String {
        let state = hours.state(at(hours, wall));
        let until =
            state.until.map(|until| hours.timezone.local(until).strftime("%Y-%m-%d %H:%M").to_string());
        format!("{}, until {}", state.because, until.as_deref().unwrap_or("further notice"))
    }

    #[test]
    fn an_ordinary_week_opens_and_closes_by_the_wall_clock() {
        let hours = berlin();
        assert_eq!(told(&hours, "2026-12-21 08:00"), "open mon-fri 08:00-18:00, until 2026-12-21 18:00");
        assert_eq!(
            told(&hours, "2026-12-21 18:00"),
            "closed outside mon-fri 08:00-18:00, sat 10:00-14:00, until 2026-12-22 08:00"
        );
        assert!(told(&hours, "2026-12-26 14:00").ends_with("until 2026-12-28 08:00"), "over the Sunday");
    }

    #[test]
    fn without_a_week_it_is_always_open_but_for_the_exceptions() {
        let mut hours = hours("Europe/Berlin", &[]);
        assert_eq!(told(&hours, "2026-12-21 03:00"), "always open, until further notice");
        hours.exceptions.push(days("2026-12-25", "2026-12-25", false, Some("Christmas Day")));
        assert_eq!(told(&hours, "2026-12-24 23:59"), "always open, until 2026-12-25 00:00");
        assert_eq!(
            told(&hours, "2026-12-25 00:00"),
            "closed: Christmas Day (2026-12-25), until 2026-12-26 00:00"
        );
    }

    #[test]
    fn an_exception_wins_over_the_week_and_the_later_one_over_the_earlier() {
        let mut hours = berlin();
        hours.exceptions.push(days("2026-12-24", "2026-12-26", false, Some("Christmas")));
        hours.exceptions.push(days("2026-12-26", "2026-12-26", true, None));
        assert_eq!(
            told(&hours, "2026-12-24 12:00"),
            "closed: Christmas (2026-12-24 to 2026-12-26), until 2026-12-26 00:00"
        );
        assert_eq!(told(&hours, "2026-12-26 03:00"), "open on 2026-12-26, until 2026-12-27 00:00");
        hours.exceptions.push(days("2026-12-26", "2026-12-27", false, None));
        assert_eq!(
            told(&hours, "2026-12-26 03:00"),
            "closed from 2026-12-26 to 2026-12-27, until 2026-12-28 08:00"
        );
    }

    #[test]
    fn a_holiday_closes_and_one_marked_open_opens_but_the_settings_have_the_last_word() {
        let mut hours = berlin();
        let holiday = |from: &str, until: &str, open, name: &str| Holiday {
            from: at(&berlin(), from),
            until: at(&berlin(), until),
            open,
            name: name.to_owned(),
        };
        hours.holidays = vec![
            holiday("2026-12-25 00:00", "2026-12-27 00:00", false, "Christmas"),
            holiday("2026-12-28 12:00", "2026-12-28 15:00", false, "Works meeting"),
            holiday("2026-12-26 00:00", "2026-12-27 00:00", true, "Sale"),
        ];
        assert_eq!(
            told(&hours, "2026-12-25 09:00"),
            "closed: Christmas (2026-12-25 to 2026-12-26), until 2026-12-26 00:00"
        );
        assert_eq!(told(&hours, "2026-12-26 09:00"), "open: Sale (2026-12-26), until 2026-12-27 00:00");
        assert_eq!(
            told(&hours, "2026-12-28 12:30"),
            "closed: Works meeting (2026-12-28 12:00 to 2026-12-28 15:00), until 2026-12-28 15:00"
        );
        hours.exceptions.push(days("2026-12-26", "2026-12-26", false, None));
        assert_eq!(told(&hours, "2026-12-26 09:00"), "closed on 2026-12-26, until 2026-12-28 08:00");
    }

    #[test]
    fn the_day_on_which_the_clocks_change_opens_and_closes_at_the_hours_on_the_wall() {
        let hours = hours("Europe/Berlin", &["sun 02:30-05:00"]);
        let spring = hours.state("2027-03-28T00:59:59Z".parse().unwrap());
        assert!(!spring.open && spring.until == Some("2027-03-28T01:00:00Z".parse().unwrap()));
        let autumn = hours.state("2026-10-25T00:30:00Z".parse().unwrap());
        assert!(autumn.open && autumn.until == Some("2026-10-25T04:00:00Z".parse().unwrap()));
    }

    #[test]
    fn hours_that_never_open_are_known_for_it() {
        let mut hours = hours("Europe/Berlin", &["mon 08:00-09:00"]);
        let now = at(&hours, "2026-01-01 00:00");
        assert!(hours.opens_within_a_year(now));
        hours.exceptions.push(days("2025-01-01", "2099-12-31", false, None));
        assert!(!hours.opens_within_a_year(now));
        let never = Hours { week: Vec::new(), ..hours };
        assert!(!never.opens_within_a_year(now) && never.state(now).until.is_none());
    }

    fn weeks() -> impl Strategy<Value = Vec<WeekInterval>> {
        let text =
            "(mon|tue|sat|sun)(-(wed|fri|sun))? (0[0-9]|1[0-9]|2[0-3]):[0-5]0-(0[0-9]|1[0-9]|2[0-3]):[0-5]0";
        prop::collection::vec(text.prop_filter_map("ends as it begins", |text| text.parse().ok()), 0..4)
    }

    fn exceptions() -> impl Strategy<Value = Vec<HoursException>> {
        let day = || (0..60_i64).prop_map(|day| days_after(jiff::civil::date(2026, 10, 1), day).unwrap());
        let one = (day(), 0..5_i64, any::<bool>()).prop_map(|(first, more, open)| HoursException {
            first,
            last: days_after(first, more).unwrap(),
            open,
            name: None,
        });
        prop::collection::vec(one, 0..5)
    }

    proptest! {
        #[test]
        fn nothing_changes_before_until_and_then_it_is_the_other_way_round(
            week in weeks(),
            exceptions in exceptions(),
            zone in prop::sample::select(vec!["Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"]),
            minute in 0..60 * 24 * 60_i64,
            part in 0.0..1.0_f64,
        ) {
            let hours = Hours { week, exceptions, ..hours(zone, &[]) };
            let start: Timestamp = "2026-10-01T00:00:00Z".parse().unwrap();
            let at = start + SignedDuration::from_mins(minute);
            let state = hours.state(at);
            let end = state.until.unwrap_or(at + HORIZON);
            prop_assert!(end > at);
            let between = at + end.duration_since(at).mul_f64(part);
            prop_assert_eq!(hours.is_open(between.min(end - SignedDuration::from_nanos(1))), state.open);
            if let Some(until) = state.until {
                prop_assert_eq!(hours.is_open(until), !state.open);
            }
        }

        #[test]
        fn a_closed_day_is_closed_at_each_of_its_minutes(
            week in weeks(),
            mut exceptions in exceptions(),
            day in 0..60_i64,
            minute in 0..24 * 60_i64,
        ) {
            let date = days_after(jiff::civil::date(2026, 10, 1), day).unwrap();
            exceptions.push(HoursException { first: date, last: date, open: false, name: None });
            let hours = Hours { week, exceptions, ..hours("Europe/Berlin", &[]) };
            let wall = date.at(0, 0, 0, 0) + jiff::Span::new().minutes(minute);
            prop_assert!(!hours.state(hours.timezone.instant(wall)).open);
        }
    }
}
