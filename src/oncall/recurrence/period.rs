//! The times that a rule means in one period: a year, a month, a week or a day.

use jiff::Span;
use jiff::civil::{Date, DateTime, Time};

use super::{Frequency, Nth, RecurrenceRule};
use crate::oncall::zone::days_after;

impl RecurrenceRule {
    /// The period a date is in, counted in years, months, weeks or days from some fixed one.
    pub(super) fn unit(&self, date: Date) -> i64 {
        match self.frequency {
            Frequency::Yearly => i64::from(date.year()),
            Frequency::Monthly => i64::from(date.year()) * 12 + i64::from(date.month()) - 1,
            Frequency::Weekly => day_number(self.beginning_of_week(date)).div_euclid(7),
            Frequency::Daily => day_number(date),
        }
    }

    /// The first day of the period that lies some years, months, weeks or days after the one of `date`.
    pub(super) fn first_day(&self, date: Date, units: i64) -> Option<Date> {
        let (first, span) = match self.frequency {
            Frequency::Yearly => (date.first_of_year(), Span::new().try_years(units)),
            Frequency::Monthly => (date.first_of_month(), Span::new().try_months(units)),
            Frequency::Weekly => (self.beginning_of_week(date), Span::new().try_weeks(units)),
            Frequency::Daily => (date, Span::new().try_days(units)),
        };
        first.checked_add(span.ok()?).ok()
    }

    fn beginning_of_week(&self, date: Date) -> Date {
        let since = i64::from(self.week_start.until(date.weekday()));
        days_after(date, -since).unwrap_or(date)
    }

    /// How many days a period has at most: what looking at it costs.
    pub(super) fn cost(&self) -> u32 {
        match self.frequency {
            Frequency::Yearly => 366,
            Frequency::Monthly => 31,
            Frequency::Weekly => 7,
            Frequency::Daily => 1,
        }
    }

    /// All times the rule means in the period that begins with a day, in order. The rule is complete.
    pub(super) fn times_from(&self, first: Date) -> Vec<DateTime> {
        let days = match self.frequency {
            Frequency::Yearly => first.days_in_year(),
            Frequency::Monthly => i16::from(first.days_in_month()),
            Frequency::Weekly => 7,
            Frequency::Daily => 1,
        };
        let meant = (0..days)
            .filter_map(|day| days_after(first, i64::from(day)))
            .filter(|date| self.means(*date))
            .flat_map(|date| self.clock().map(move |time| date.to_datetime(time)))
            .collect();
        self.chosen(meant)
    }

    /// The times of the day, in order.
    fn clock(&self) -> impl Iterator<Item = Time> + '_ {
        self.hours.iter().flat_map(move |hour| {
            self.minutes.iter().flat_map(move |minute| {
                self.seconds.iter().filter_map(move |second| Time::new(*hour, *minute, *second, 0).ok())
            })
        })
    }

    /// Those at the positions asked for.
    fn chosen(&self, times: Vec<DateTime>) -> Vec<DateTime> {
        if self.positions.is_empty() {
            return times;
        }
        let place = |position: i16| {
            let from_end = usize::from(position.unsigned_abs());
            if position > 0 { Some(from_end - 1) } else { times.len().checked_sub(from_end) }
        };
        let mut chosen: Vec<DateTime> =
            self.positions.iter().filter_map(|position| times.get(place(*position)?).copied()).collect();
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }

    fn means(&self, date: Date) -> bool {
        (self.months.is_empty() || self.months.contains(&date.month()))
            && (self.weeks.is_empty() || self.means_week_of(date))
            && among(&self.year_days, date.day_of_year(), date.days_in_year())
            && among(&self.month_days, i16::from(date.day()), i16::from(date.days_in_month()))
            && (self.days.is_empty() || self.days.iter().any(|nth| self.is_nth(*nth, date)))
    }

    fn is_nth(&self, nth: Nth, date: Date) -> bool {
        if nth.from_monday != date.weekday().to_monday_zero_offset() {
            return false;
        }
        let in_year = self.frequency == Frequency::Yearly && self.months.is_empty();
        let (day, days) = match in_year {
            true => (date.day_of_year(), date.days_in_year()),
            false => (i16::from(date.day()), i16::from(date.days_in_month())),
        };
        nth.position == 0 || nth.position == (day - 1) / 7 + 1 || nth.position == -((days - day) / 7 + 1)
    }

    /// Weeks are counted as ISO 8601 counts them, from the day on which weeks begin here: the first one has
    /// four days or more in its year.
    fn means_week_of(&self, date: Date) -> bool {
        let first = self.beginning_of_week(date);
        let Some(middle) = days_after(first, 3) else { return false };
        let weeks = self.weeks_in_year(middle);
        let number = (middle.day_of_year() - 1) / 7 + 1;
        among(&self.weeks, number, weeks)
    }

    /// A year has as many weeks as it has days of the week that stands in the middle.
    fn weeks_in_year(&self, middle: Date) -> i16 {
        let (day, days) = (middle.day_of_year(), middle.days_in_year());
        (day - 1) / 7 + 1 + (days - day) / 7
    }
}

/// Whether a number is meant, counted from the beginning or from the end; where none is named, all are.
fn among(wanted: &[i16], number: i16, of: i16) -> bool {
    wanted.is_empty() || wanted.iter().any(|wanted| *wanted == number || *wanted == number - of - 1)
}

/// Days since Monday, 5 January 1970, negative before it.
fn day_number(date: Date) -> i64 {
    let monday = jiff::civil::date(1970, 1, 5);
    date.since(monday).map_or(0, |span| i64::from(span.get_days()))
}
