//! Times of the week at which a rotation is in force, as people write them:
//! `mon-fri 09:00-17:00`, `mon-sun 22:00-06:00`, `fri 18:00-mon 08:00`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Weekday};

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
        // A day more on either side: clocks set back at midnight show the day before once again.
        let days = -self.midnights() - 1..=1;
        self.beginning(now.date(), days, zone).any(|(from, until)| from <= at && at < until)
    }

    /// The instants at which those near a date begin and end: the ones of that date, and on either
    /// side the ones next to it, at most eight days away.
    pub(super) fn near(&self, date: Date, zone: &Zone) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        self.beginning(date, -9..=9, zone)
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
        let date = if self == Self::END_OF_DAY { days_after(date, 1)? } else { date };
        let minutes = i8::try_from(self.0 % 60).ok()?;
        let hours = i8::try_from(self.0 / 60 % 24).ok()?;
        Some(zone.instant(date.at(hours, minutes, 0, 0)))
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
