//! Times of the week at which a rotation is in force, as people write them:
//! `mon-fri 09:00-17:00`, `mon-sun 22:00-06:00`, `fri 18:00-mon 08:00`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Weekday};

use crate::oncall::turn::Edges;
use crate::oncall::zone::{Zone, days_after};

/// A time of the week, in wall-clock time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WeekInterval {
    shape: Shape,
    from: Clock,
    until: Clock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Shape {
    /// Begins anew on each of these days; ends on the same day or, past midnight, on the next.
    EachDay(Weekday, Weekday),
    /// One stretch from the first day to the last.
    OneStretch(Weekday, Weekday),
}

/// Minutes since midnight, 0 to 1440.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Clock(u16);

impl Clock {
    const MIDNIGHT: Self = Self(0);
    const END_OF_DAY: Self = Self(24 * 60);
}

/// Why a text is not a time of the week.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeekError {
    /// Not in a form we know.
    #[error(
        "`{0}` is not a time of the week: write \"mon-fri 09:00-17:00\", \"sat-sun\" or \"fri 18:00-mon 08:00\""
    )]
    Form(String),
    /// Not a day.
    #[error("`{0}` is not a day: mon, tue, wed, thu, fri, sat or sun")]
    Day(String),
    /// Not a time of the day.
    #[error("`{0}` is not a time of the day, 00:00 to 24:00")]
    Clock(String),
    /// It ends as it begins.
    #[error(
        "`{0}` ends as it begins: leave `hours` out for all the time, or write 00:00-24:00 for whole days"
    )]
    Empty(String),
}

impl FromStr for WeekInterval {
    type Err = WeekError;

    fn from_str(text: &str) -> Result<Self, WeekError> {
        let close = text.split('-').map(str::trim).collect::<Vec<_>>().join("-").to_lowercase();
        let words: Vec<&str> = close.split_whitespace().collect();
        let form = || WeekError::Form(text.to_owned());
        let every_day = Shape::EachDay(Weekday::Monday, Weekday::Sunday);
        let (shape, (from, until)) = match words[..] {
            [clocks] if clocks.contains(':') => (every_day, parse_clocks(clocks).ok_or_else(form)?),
            [days] => (parse_days(days)?, (Ok(Clock::MIDNIGHT), Ok(Clock::END_OF_DAY))),
            [days, clocks] => (parse_days(days)?, parse_clocks(clocks).ok_or_else(form)?),
            [first, middle, until] => {
                let (from, last) = middle.split_once('-').ok_or_else(form)?;
                (
                    Shape::OneStretch(parse_day(first)?, parse_day(last)?),
                    (parse_clock(from), parse_clock(until)),
                )
            }
            _ => return Err(form()),
        };
        Self { shape, from: from?, until: until? }.checked(text)
    }
}

type Clocks = (Result<Clock, WeekError>, Result<Clock, WeekError>);

fn parse_clocks(text: &str) -> Option<Clocks> {
    text.split_once('-').map(|(from, until)| (parse_clock(from), parse_clock(until)))
}

fn parse_clock(text: &str) -> Result<Clock, WeekError> {
    let two_digits = |part: &str| {
        let plain = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| part.parse::<u16>().ok()).flatten()
    };
    text.split_once(':')
        .and_then(|(hours, minutes)| Some((two_digits(hours)?, two_digits(minutes)?)))
        .filter(|(hours, minutes)| *minutes < 60 && hours * 60 + minutes <= Clock::END_OF_DAY.0)
        .map(|(hours, minutes)| Clock(hours * 60 + minutes))
        .ok_or_else(|| WeekError::Clock(text.to_owned()))
}

fn parse_days(text: &str) -> Result<Shape, WeekError> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Ok(Shape::EachDay(parse_day(first)?, parse_day(last)?))
}

fn parse_day(text: &str) -> Result<Weekday, WeekError> {
    Weekday::Monday
        .cycle_forward()
        .take(7)
        .find(|day| text == short(*day) || text == long(*day))
        .ok_or_else(|| WeekError::Day(text.to_owned()))
}

fn short(day: Weekday) -> &'static str {
    long(day).get(..3).unwrap_or_default()
}

fn long(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    }
}

impl WeekInterval {
    fn checked(self, text: &str) -> Result<Self, WeekError> {
        let one_day = match self.shape {
            Shape::EachDay(..) => true,
            Shape::OneStretch(first, last) => first == last,
        };
        if self.from == Clock::END_OF_DAY {
            Err(WeekError::Clock("24:00 as a beginning".to_owned()))
        } else if one_day && self.from == self.until {
            Err(WeekError::Empty(text.to_owned()))
        } else {
            Ok(self)
        }
    }

    /// Whether one of these begins on a day.
    fn begins_on(&self, day: Weekday) -> bool {
        match self.shape {
            Shape::EachDay(first, last) => first.until(day) <= first.until(last),
            Shape::OneStretch(first, _) => day == first,
        }
    }

    /// How many midnights lie between the beginning and the end.
    fn midnights(&self) -> i64 {
        let past_midnight = self.until <= self.from;
        match self.shape {
            Shape::EachDay(..) => i64::from(past_midnight),
            Shape::OneStretch(first, last) if first == last => 7 * i64::from(past_midnight),
            Shape::OneStretch(first, last) => i64::from(first.until(last)),
        }
    }

    /// Whether an instant that the wall clock shows as `now` is inside one of these.
    pub(super) fn contains(&self, at: Timestamp, now: DateTime, zone: &Zone) -> bool {
        // A day more ahead: clocks set back just after midnight show the day before once again.
        let days = -self.midnights()..=1;
        self.beginning(now.date(), days, zone).any(|(from, until)| from <= at && at < until)
    }

    /// The instants at which those near a date begin and end: the ones of that date, and on either
    /// side the ones next to it, at most eight days away.
    pub(super) fn near(&self, date: Date, zone: &Zone) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        self.beginning(date, -9..=9, zone)
    }

    /// The wall-clock times at which those near a date begin and end.
    pub(super) fn walls(&self, date: Date) -> impl Iterator<Item = (DateTime, DateTime)> {
        let begins = (-9..=9).filter_map(move |days| days_after(date, days));
        begins.filter(|begin| self.begins_on(begin.weekday())).filter_map(|begin| {
            let end = days_after(begin, self.midnights())?;
            Some((self.from.wall(begin)?, self.until.wall(end)?))
        })
    }

    /// Notes when those near a date begin and end.
    pub(super) fn note_edges(&self, date: Date, zone: &Zone, edges: &mut Edges) {
        let earliest = if edges.look_back() { -9 } else { -self.midnights() - 1 };
        for (from, until) in self.beginning(date, earliest..=9, zone) {
            edges.note(from);
            edges.note(until);
            // All that follow come later.
            if edges.is_ahead(from) {
                break;
            }
        }
    }

    /// Beginning and end of those that begin some days after (or before) a date.
    fn beginning(
        &self,
        date: Date,
        days: RangeInclusive<i64>,
        zone: &Zone,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        days.filter_map(move |days| days_after(date, days))
            .filter(|begin| self.begins_on(begin.weekday()))
            .filter_map(move |begin| {
                let end = days_after(begin, self.midnights())?;
                Some((self.from.on(begin, zone)?, self.until.on(end, zone)?))
            })
    }
}

impl Clock {
    /// The instant at which this time is shown on a date.
    fn on(self, date: Date, zone: &Zone) -> Option<Timestamp> {
        self.wall(date).map(|wall| zone.instant(wall))
    }

    /// This time on a date.
    fn wall(self, date: Date) -> Option<DateTime> {
        let date = if self == Self::END_OF_DAY { days_after(date, 1)? } else { date };
        let minutes = i8::try_from(self.0 % 60).ok()?;
        let hours = i8::try_from(self.0 / 60 % 24).ok()?;
        Some(date.at(hours, minutes, 0, 0))
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl fmt::Display for WeekInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shape {
            Shape::EachDay(day, last) if day == last => {
                write!(f, "{} {}-{}", short(day), self.from, self.until)
            }
            Shape::EachDay(first, last) => {
                write!(f, "{}-{} {}-{}", short(first), short(last), self.from, self.until)
            }
            Shape::OneStretch(first, last) => {
                write!(f, "{} {}-{} {}", short(first), self.from, short(last), self.until)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> WeekInterval {
        text.parse().unwrap()
    }

    /// Whether Berlin's wall clock showing this is inside; a week in June, without changes of clocks.
    fn contains(text: &str, wall: &str) -> bool {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        let wall: DateTime = wall.parse().unwrap();
        read(text).contains(zone.instant(wall), wall, &zone)
    }

    #[test]
    fn a_time_of_the_week_is_printed_as_it_is_written() {
        for text in ["mon-fri 09:00-17:00", "mon-sun 22:00-06:00", "fri 18:00-mon 08:00", "sat 10:00-24:00"] {
            assert_eq!(read(text).to_string(), text);
        }
    }

    #[test]
    fn short_and_long_ways_of_writing_mean_the_same() {
        for (short, long) in [
            ("22:00-06:00", "mon-sun 22:00-06:00"),
            ("sat-sun", "sat-sun 00:00-24:00"),
            ("Sunday", "sun 00:00-24:00"),
            ("Fri 18:00 - Monday 8:00", "fri 18:00-mon 08:00"),
            ("mon - fri  9:00 - 17:00", "mon-fri 09:00-17:00"),
        ] {
            assert_eq!(read(short).to_string(), long, "{short}");
        }
    }

    #[test]
    fn what_is_no_time_of_the_week_is_refused() {
        for wrong in [
            "",
            "-",
            "mon-",
            "mon-fri 9-17",
            "mon-fri 09:00",
            "mon 24:00-06:00",
            "mon 09:60-10:00",
            "mon 09:00-24:01",
            "09:00-09:00",
            "fri 08:00-fri 08:00",
            "mon tue wed thu",
            "mon 09:00-1e:00",
            "mon 09:00 tue",
            "mon-fri-sun 09:00-17:00",
            "mon +9:00-17:00",
            "mon 09:00-10:00-11:00",
        ] {
            assert!(wrong.parse::<WeekInterval>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn working_hours_are_inside_from_the_first_to_before_the_last_minute() {
        let working = |wall: &str| contains("mon-fri 09:00-17:00", wall);
        assert!(working("2026-06-05 09:00:00") && working("2026-06-05 16:59:59"));
        assert!(!working("2026-06-05 08:59:59") && !working("2026-06-05 17:00:00"));
        assert!(!working("2026-06-06 12:00:00"), "Saturday");
    }

    #[test]
    fn nights_belong_to_the_day_on_which_they_begin() {
        let nights = |wall: &str| contains("mon-fri 22:00-06:00", wall);
        assert!(nights("2026-06-06 05:59:59"), "Friday's night ends on Saturday");
        assert!(!nights("2026-06-06 23:00:00") && !nights("2026-06-08 05:00:00"), "none begins on a weekend");
    }

    #[test]
    fn a_stretch_crosses_the_end_of_the_week() {
        let weekend = |wall: &str| contains("fri 18:00-mon 08:00", wall);
        assert!(weekend("2026-06-05 18:00:00") && weekend("2026-06-07 03:00:00"));
        assert!(weekend("2026-06-08 07:59:59") && !weekend("2026-06-08 08:00:00"));
        assert!(!weekend("2026-06-05 17:59:59") && !weekend("2026-06-10 12:00:00"));
    }

    #[test]
    fn a_stretch_from_a_day_to_the_same_day_earlier_lasts_almost_a_week() {
        let most = |wall: &str| contains("mon 09:00-mon 08:00", wall);
        assert!(most("2026-06-06 12:00:00") && most("2026-06-08 07:59:59") && most("2026-06-08 09:00:00"));
        assert!(!most("2026-06-08 08:30:00"));
    }

    #[test]
    fn what_has_begun_at_midnight_goes_on_when_the_clocks_go_back_behind_midnight() {
        let zone: Zone = "America/St_Johns".parse().unwrap();
        let sunday = |at: &str| {
            let at: Timestamp = at.parse().unwrap();
            read("sun 00:00-12:00").contains(at, zone.local(at), &zone)
        };
        // At 00:01 on Sunday, 7 November 2010, it was 23:01 on Saturday again.
        assert!(!sunday("2010-11-07T02:29:59Z"));
        assert!(sunday("2010-11-07T02:30:00Z") && sunday("2010-11-07T03:00:00Z"));
    }

    #[test]
    fn days_may_run_over_the_end_of_the_week() {
        assert_eq!(
            ["fri", "sat", "sun", "mon", "tue"].map(|day| read("sat-mon").begins_on(parse_day(day).unwrap())),
            [false, true, true, true, false]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z0-9: -]{0,24}|\\PC{0,12}") {
            if let Ok(interval) = text.parse::<WeekInterval>() {
                prop_assert_eq!(interval.to_string().parse(), Ok(interval));
            }
        }

        #[test]
        fn an_interval_never_has_a_negative_length_whatever_the_clocks_do(
            text in "(mon|sat|sun)(-(fri|sun|mon))? [01][0-9]:[0-5][0-9]-[01][0-9]:[0-5][0-9]",
            zone in prop::sample::select(vec!["Europe/Berlin", "Pacific/Apia", "Australia/Lord_Howe"]),
            day in 0..12 * 366_i64,
        ) {
            let zone: Zone = zone.parse().unwrap();
            let date = days_after(jiff::civil::date(2011, 12, 20), day).unwrap();
            if let Ok(interval) = text.parse::<WeekInterval>() {
                prop_assert!(interval.near(date, &zone).all(|(from, until)| from <= until));
            }
        }
    }
}
