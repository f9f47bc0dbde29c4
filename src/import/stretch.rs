//! Stretches of the week, as other services list them, put into the fewest lines of ours.

use jiff::civil::Weekday;

use crate::oncall::WeekInterval;

/// Minutes of a day.
pub(super) const DAY: u32 = 24 * 60;
/// Minutes of a week.
const WEEK: u32 = 7 * DAY;

/// A stretch of the week on a wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    /// The day on which it begins.
    day: Weekday,
    /// When it begins, in minutes after midnight.
    from: u32,
    /// How long it lasts, in minutes.
    length: u32,
}

impl Stretch {
    /// From a minute of a day, 0 to 1440, for some minutes.
    pub fn lasting(day: Weekday, from: u32, length: u32) -> Self {
        let day = if from >= DAY { day.next() } else { day };
        Self { day, from: from % DAY, length: length.min(WEEK) }
    }

    /// From a minute of one day to a minute of another. From a time to the same is a whole week.
    pub fn between(first: Weekday, from: u32, last: Weekday, until: u32) -> Self {
        let days = u32::try_from(first.until(last)).unwrap_or_default();
        let length = (days * DAY + until + WEEK - from) % WEEK;
        Self::lasting(first, from, if length == 0 { WEEK } else { length })
    }

    /// The clock times at both ends, where it begins anew on each day it is named for.
    fn clocks(self) -> Option<(u32, u32)> {
        match self.from + self.length {
            end if end <= DAY => Some((self.from, end)),
            end if self.length < DAY => Some((self.from, end - DAY)),
            _ => None,
        }
    }

    /// As one stretch: `fri 18:00-mon 08:00`.
    fn written(self) -> String {
        let end = self.from + self.length;
        let (midnights, clock) =
            if end.is_multiple_of(DAY) { (end / DAY - 1, DAY) } else { (end / DAY, end % DAY) };
        let last = self.day.wrapping_add(i64::from(midnights));
        format!("{} {}-{} {}", short(self.day), clock_text(self.from), short(last), clock_text(clock))
    }
}

/// The times of the week that some stretches make up; none where they are all of the week.
pub(super) fn week(stretches: &[Stretch]) -> Vec<WeekInterval> {
    if stretches.iter().any(|stretch| stretch.length == WEEK) {
        return Vec::new();
    }
    let mut lines = Vec::new();
    let mut left: Vec<Stretch> = Vec::new();
    for stretch in stretches {
        match stretch.clocks() {
            Some(_) if !left.contains(stretch) => left.push(*stretch),
            Some(_) => {}
            None => lines.push(stretch.written()),
        }
    }
    while let Some(first) = left.first().and_then(|stretch| stretch.clocks()) {
        let same: Vec<Weekday> = left
            .iter()
            .filter(|stretch| stretch.clocks() == Some(first))
            .map(|stretch| stretch.day)
            .collect();
        left.retain(|stretch| stretch.clocks() != Some(first));
        let clocks = format!("{}-{}", clock_text(first.0), clock_text(first.1));
        lines.extend(runs(&same).into_iter().map(|days| format!("{days} {clocks}")));
    }
    let whole = ["mon-sun 00:00-24:00".to_owned()];
    if lines == whole {
        return Vec::new();
    }
    lines.iter().filter_map(|line| line.parse().ok()).collect()
}

/// Every day from one minute to another; past midnight where the end is not after the beginning.
pub(super) fn daily(from: u32, until: u32) -> Vec<WeekInterval> {
    let length = (until + DAY - from) % DAY;
    let length = if length == 0 { DAY } else { length };
    if length == DAY {
        return Vec::new();
    }
    let days = Weekday::Monday.cycle_forward().take(7);
    week(&days.map(|day| Stretch::lasting(day, from, length)).collect::<Vec<_>>())
}

/// Days that follow each other, from Monday on: `mon-fri`, `sun`.
fn runs(days: &[Weekday]) -> Vec<String> {
    let mut runs: Vec<(Weekday, Weekday)> = Vec::new();
    for day in Weekday::Monday.cycle_forward().take(7).filter(|day| days.contains(day)) {
        match runs.last_mut() {
            Some((_, last)) if last.next() == day => *last = day,
            _ => runs.push((day, day)),
        }
    }
    let text = |(first, last)| match first == last {
        true => short(first).to_owned(),
        false => format!("{}-{}", short(first), short(last)),
    };
    runs.into_iter().map(text).collect()
}

fn short(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "mon",
        Weekday::Tuesday => "tue",
        Weekday::Wednesday => "wed",
        Weekday::Thursday => "thu",
        Weekday::Friday => "fri",
        Weekday::Saturday => "sat",
        Weekday::Sunday => "sun",
    }
}

/// The day of a word: `MONDAY`, `mon`.
pub(super) fn day(word: &str) -> Option<Weekday> {
    let word = word.trim().to_lowercase();
    let days = Weekday::Monday.cycle_forward().take(7);
    days.into_iter().find(|day| word.len() >= 3 && word.starts_with(short(*day)))
}

fn clock_text(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MONDAY: Weekday = Weekday::Monday;

    fn lines(stretches: &[Stretch]) -> Vec<String> {
        week(stretches).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn working_days_are_one_line() {
        let days = MONDAY.cycle_forward().take(5);
        let working: Vec<Stretch> = days.map(|day| Stretch::between(day, 540, day, 1020)).collect();
        assert_eq!(lines(&working), ["mon-fri 09:00-17:00"]);
    }

    #[test]
    fn nights_and_week_ends_keep_their_shape() {
        use Weekday::{Friday, Monday, Saturday, Sunday, Tuesday};
        assert_eq!(lines(&[Stretch::between(Monday, 1320, Tuesday, 360)]), ["mon 22:00-06:00"]);
        assert_eq!(lines(&[Stretch::between(Friday, 1080, Monday, 480)]), ["fri 18:00-mon 08:00"]);
        assert_eq!(lines(&[Stretch::between(Saturday, 0, Sunday, DAY)]), ["sat 00:00-sun 24:00"]);
        assert_eq!(lines(&[Stretch::between(Sunday, 1200, Monday, 0)]), ["sun 20:00-24:00"]);
        assert_eq!(lines(&[Stretch::between(Monday, DAY, Tuesday, 600)]), ["tue 00:00-10:00"]);
        assert_eq!(lines(&[Stretch::between(Monday, 540, Monday, 480)]), ["mon 09:00-mon 08:00"]);
        assert_eq!(lines(&[Stretch::between(Monday, 540, Monday, 540)]), Vec::<String>::new(), "always");
    }

    #[test]
    fn times_of_the_day_hold_on_every_day() {
        let text = |from, until| daily(from, until).first().map(ToString::to_string);
        assert_eq!(text(480, 1020).as_deref(), Some("mon-sun 08:00-17:00"));
        assert_eq!(text(1320, 360).as_deref(), Some("mon-sun 22:00-06:00"));
        assert_eq!(text(0, DAY), None);
        assert_eq!(text(540, 540), None);
    }

    #[test]
    fn a_day_is_read_in_any_case() {
        assert_eq!(day("MONDAY"), Some(Weekday::Monday));
        assert_eq!(day("thursday"), Some(Weekday::Thursday));
        assert_eq!(day(""), None);
    }

    proptest! {
        #[test]
        fn any_stretches_can_be_written(
            stretches in prop::collection::vec((0..7_i64, 0..=DAY, 0..7_i64, 0..=DAY), 1..9),
        ) {
            let stretches: Vec<Stretch> = stretches
                .into_iter()
                .map(|(first, from, last, until)| {
                    Stretch::between(MONDAY.wrapping_add(first), from, MONDAY.wrapping_add(last), until)
                })
                .collect();
            let whole_week = stretches.iter().any(|stretch| stretch.length == WEEK);
            let written = week(&stretches);
            let minutes: u32 = stretches.iter().map(|stretch| stretch.length).sum();
            prop_assert!(whole_week || !written.is_empty() || minutes >= WEEK);
        }
    }
}
