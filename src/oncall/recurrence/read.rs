//! Reads a rule as RFC 5545 writes it: `FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH`.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;

use super::{End, Frequency, Nth, RecurrenceRule, Until};

/// The most values of one part: more than there are days in a year is a mistake or an attack.
const MOST_VALUES: usize = 400;

/// Why a text is not a rule that turns or events can follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Not `NAME=VALUE` between semicolons.
    #[error("`{0}` is not part of a recurrence rule: write NAME=VALUE, as in FREQ=WEEKLY;BYDAY=MO,TH")]
    Form(String),
    /// A name that RFC 5545 does not have, or one twice.
    #[error("`{0}` stands in no recurrence rule, or stands there twice")]
    Name(String),
    /// A value that cannot be.
    #[error("`{value}` cannot be a value of {name}")]
    Value {
        /// `BYDAY`
        name: String,
        /// What was written.
        value: String,
    },
    /// No FREQ.
    #[error("a recurrence rule needs FREQ=DAILY, WEEKLY, MONTHLY or YEARLY")]
    NoFrequency,
    /// Hours, minutes, seconds.
    #[error("FREQ={0} is too often for turns: write FREQ=DAILY with the hours in BYHOUR")]
    TooOften(String),
    /// Parts that RFC 5545 does not let stand together.
    #[error("{0} cannot stand in this rule: {1}")]
    Together(&'static str, &'static str),
}

impl FromStr for RecurrenceRule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let upper = text.trim().to_uppercase();
        let mut parts = Parts { rule: RecurrenceRule::every(Frequency::Daily), seen: Vec::new() };
        let written = upper.strip_prefix("RRULE:").unwrap_or(&upper);
        for part in written.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| RuleError::Form(part.to_owned()))?;
            parts.take(name, value)?;
        }
        if !parts.seen.iter().any(|name| name == "FREQ") {
            return Err(RuleError::NoFrequency);
        }
        parts.rule.checked()
    }
}

struct Parts {
    rule: RecurrenceRule,
    seen: Vec<String>,
}

impl Parts {
    fn take(&mut self, name: &str, value: &str) -> Result<(), RuleError> {
        let rule = &mut self.rule;
        let ended = rule.end != End::Never;
        let wrong = || RuleError::Value { name: name.to_owned(), value: value.to_owned() };
        match name {
            _ if self.seen.iter().any(|seen| seen == name) => return Err(RuleError::Name(name.to_owned())),
            "COUNT" | "UNTIL" if ended => {
                return Err(RuleError::Together("COUNT", "UNTIL is there, and one of them ends it"));
            }
            "FREQ" => rule.frequency = frequency(value)?,
            "INTERVAL" => rule.interval = number(value, 1, 10_000).ok_or_else(wrong)?,
            "COUNT" => rule.end = End::Count(number(value, 1, 1_000_000).ok_or_else(wrong)?),
            "UNTIL" => rule.end = End::Until(until(value).ok_or_else(wrong)?),
            "WKST" => rule.week_start = weekday(value).ok_or_else(wrong)?,
            "BYMONTH" => rule.months = list(name, value, |text| number(text, 1, 12))?,
            "BYWEEKNO" => rule.weeks = list(name, value, |text| signed(text, 53))?,
            "BYYEARDAY" => rule.year_days = list(name, value, |text| signed(text, 366))?,
            "BYMONTHDAY" => rule.month_days = list(name, value, |text| signed(text, 31))?,
            "BYDAY" => rule.days = list(name, value, nth)?,
            "BYHOUR" => rule.hours = list(name, value, |text| number(text, 0, 23))?,
            "BYMINUTE" => rule.minutes = list(name, value, |text| number(text, 0, 59))?,
            // A leap second is the second before it: no wall clock shows it.
            "BYSECOND" => {
                rule.seconds = list(name, value, |text| number(text, 0, 60).map(|s: i8| s.min(59)))?
            }
            "BYSETPOS" => rule.positions = list(name, value, |text| signed(text, 366))?,
            _ => return Err(RuleError::Name(name.to_owned())),
        }
        self.seen.push(name.to_owned());
        Ok(())
    }
}

impl RecurrenceRule {
    /// What RFC 5545 does not let stand together.
    fn checked(self) -> Result<Self, RuleError> {
        let yearly = self.frequency == Frequency::Yearly;
        let in_months = yearly || self.frequency == Frequency::Monthly;
        let positioned = self.days.iter().any(|nth| nth.position != 0);
        let chosen_from = [
            self.months.is_empty(),
            self.weeks.is_empty() && self.year_days.is_empty() && self.month_days.is_empty(),
            self.days.is_empty(),
            self.hours.is_empty() && self.minutes.is_empty() && self.seconds.is_empty(),
        ];
        if !self.weeks.is_empty() && !yearly {
            Err(RuleError::Together("BYWEEKNO", "it needs FREQ=YEARLY"))
        } else if !self.year_days.is_empty() && !yearly {
            Err(RuleError::Together("BYYEARDAY", "it needs FREQ=YEARLY"))
        } else if !self.month_days.is_empty() && self.frequency == Frequency::Weekly {
            Err(RuleError::Together("BYMONTHDAY", "weeks have no days of the month"))
        } else if positioned && (!in_months || !self.weeks.is_empty()) {
            Err(RuleError::Together(
                "a number before a day in BYDAY",
                "it counts in months and years alone, and not beside BYWEEKNO",
            ))
        } else if !self.positions.is_empty() && chosen_from == [true; 4] {
            Err(RuleError::Together("BYSETPOS", "there is nothing else to choose from"))
        } else {
            Ok(self)
        }
    }
}

fn frequency(word: &str) -> Result<Frequency, RuleError> {
    match word {
        "DAILY" => Ok(Frequency::Daily),
        "WEEKLY" => Ok(Frequency::Weekly),
        "MONTHLY" => Ok(Frequency::Monthly),
        "YEARLY" => Ok(Frequency::Yearly),
        "HOURLY" | "MINUTELY" | "SECONDLY" => Err(RuleError::TooOften(word.to_owned())),
        other => Err(RuleError::Value { name: "FREQ".to_owned(), value: other.to_owned() }),
    }
}

/// A number without a sign.
fn number<T: FromStr + PartialOrd>(text: &str, least: T, most: T) -> Option<T> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|number| (least..=most).contains(number))
}

/// A number from 1, or from the end: -1 is the last.
fn signed(text: &str, most: i16) -> Option<i16> {
    let number: i16 = text.parse().ok()?;
    (number != 0 && number.abs() <= most).then_some(number)
}

/// The values of a part, in order, each once.
fn list<T: Ord>(name: &str, text: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, RuleError> {
    let wrong = |value: &str| RuleError::Value { name: name.to_owned(), value: value.to_owned() };
    let values = text.split(',').take(MOST_VALUES);
    let mut read: Vec<T> =
        values.map(|value| read(value).ok_or_else(|| wrong(value))).collect::<Result<_, _>>()?;
    read.sort_unstable();
    read.dedup();
    Ok(read)
}

fn weekday(text: &str) -> Option<Weekday> {
    const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    let days = Weekday::Monday.cycle_forward().take(7).zip(DAYS);
    days.into_iter().find(|(_, name)| *name == text).map(|(day, _)| day)
}

/// `MO`, `2MO`, `-1FR`
fn nth(text: &str) -> Option<Nth> {
    let (position, day) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let position = if position.is_empty() { 0 } else { signed(position, 53)? };
    let day = weekday(day)?;
    Some(Nth { position, from_monday: day.to_monday_zero_offset() })
}

/// `20261231`, `20261231T080000` or `20261231T080000Z`
fn until(text: &str) -> Option<Until> {
    let date_time = |text: &str| DateTime::strptime("%Y%m%dT%H%M%S", text).ok();
    if let Some(utc) = text.strip_suffix('Z') {
        return date_time(utc)?.to_zoned(TimeZone::UTC).ok().map(|at| Until::Instant(Timestamp::from(at)));
    }
    let day = || Date::strptime("%Y%m%d", text).ok().map(|day| Until::Wall(day.at(23, 59, 59, 0)));
    date_time(text).map(Until::Wall).or_else(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        text.parse::<RecurrenceRule>().unwrap_err().to_string()
    }

    #[test]
    fn a_rule_is_read_in_any_case_and_order() {
        let plain: RecurrenceRule = "FREQ=WEEKLY;BYDAY=MO,TH;INTERVAL=2".parse().unwrap();
        for other in ["rrule:interval=2;byday=th,mo,mo;freq=weekly", " FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH; "]
        {
            assert_eq!(other.parse(), Ok(plain.clone()), "{other}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused_with_the_part_that_is_wrong() {
        assert!(refusal("").contains("needs FREQ"));
        assert!(refusal("every monday").contains("NAME=VALUE"));
        assert!(refusal("FREQ=WEEKLY;BYDAY=MO,XX").contains("`XX` cannot be a value of BYDAY"));
        assert!(refusal("FREQ=FORTNIGHTLY").contains("`FORTNIGHTLY`"));
        assert!(refusal("FREQ=DAILY;FREQ=DAILY").contains("twice"));
        assert!(refusal("FREQ=DAILY;BYMOON=1").contains("`BYMOON`"));
        for wrong in
            ["INTERVAL=0", "COUNT=0", "COUNT=-1", "BYHOUR=24", "BYMONTHDAY=0", "UNTIL=2026", "BYDAY=é"]
        {
            assert!(refusal(&format!("FREQ=DAILY;{wrong}")).contains("cannot be a value"), "{wrong}");
        }
    }

    #[test]
    fn turns_by_the_hour_are_refused_with_the_way_to_write_them() {
        assert!(refusal("FREQ=HOURLY;INTERVAL=8").contains("BYHOUR"));
        assert!(refusal("FREQ=SECONDLY").contains("too often"));
    }

    #[test]
    fn parts_that_do_not_go_together_are_refused() {
        for (rule, part) in [
            ("FREQ=MONTHLY;BYWEEKNO=1", "BYWEEKNO"),
            ("FREQ=DAILY;BYYEARDAY=1", "BYYEARDAY"),
            ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY"),
            ("FREQ=WEEKLY;BYDAY=1MO", "BYDAY"),
            ("FREQ=DAILY;BYSETPOS=1", "BYSETPOS"),
            ("FREQ=DAILY;COUNT=3;UNTIL=20270101", "COUNT"),
        ] {
            assert!(refusal(rule).contains(part), "{rule}: {}", refusal(rule));
        }
    }
}
