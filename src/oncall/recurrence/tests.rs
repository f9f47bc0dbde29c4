use calcard::common::timezone::Tz;
use calcard::icalendar::ICalendar;
use jiff::ToSpan as _;
use jiff::civil::{DateTime, date};
use proptest::prelude::*;

use super::series::TooMuch;
use super::{Numbered, RecurrenceRule, Series, Work};
use crate::oncall::zone::Zone;

fn series(rule: &str, start: DateTime) -> Series {
    Series::new(&rule.parse::<RecurrenceRule>().unwrap(), start, &"Europe/Berlin".parse().unwrap())
}

fn between(series: &Series, from: DateTime, until: DateTime) -> Vec<DateTime> {
    series.between(from, until, &mut Work(10_000_000)).unwrap()
}

/// The first dates of a rule that begins at nine o'clock.
fn first(rule: &str, start: &str, count: usize) -> Vec<String> {
    let start: DateTime = format!("{start}T09:00:00").parse().unwrap();
    let all = between(&series(rule, start), start, date(2100, 1, 1).at(0, 0, 0, 0));
    assert!(all.iter().all(|time| time.hour() == 9), "{rule}");
    all.into_iter().take(count).map(|time| time.date().to_string()).collect()
}

#[test]
fn the_examples_of_rfc_5545_come_out_as_they_stand_there() {
    let check = |rule: &str, start: &str, dates: &[&str]| {
        assert_eq!(first(rule, start, dates.len()), dates, "{rule}")
    };
    check("FREQ=WEEKLY;INTERVAL=2;WKST=SU", "1997-09-02", &["1997-09-02", "1997-09-16", "1997-09-30"]);
    check("FREQ=MONTHLY;COUNT=10;BYDAY=1FR", "1997-09-05", &["1997-09-05", "1997-10-03", "1997-11-07"]);
    check("FREQ=MONTHLY;BYDAY=-2MO", "1997-09-22", &["1997-09-22", "1997-10-20", "1997-11-17"]);
    check("FREQ=MONTHLY;BYMONTHDAY=-3", "1997-09-28", &["1997-09-28", "1997-10-29", "1997-11-28"]);
    check("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "1997-09-02", &["1998-02-13", "1998-03-13", "1998-11-13"]);
    check(
        "FREQ=YEARLY;INTERVAL=3;BYYEARDAY=1,100,200",
        "1997-01-01",
        &["1997-01-01", "1997-04-10", "1997-07-19"],
    );
    check("FREQ=YEARLY;BYDAY=20MO", "1997-05-19", &["1997-05-19", "1998-05-18", "1999-05-17"]);
    check("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "1997-05-12", &["1997-05-12", "1998-05-11", "1999-05-17"]);
    check(
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
        "1996-11-05",
        &["1996-11-05", "2000-11-07", "2004-11-02"],
    );
    check(
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
        "1997-09-29",
        &["1997-09-29", "1997-10-30", "1997-11-27"],
    );
    check(
        "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
        "1997-08-05",
        &["1997-08-05", "1997-08-10", "1997-08-19", "1997-08-24"],
    );
    check(
        "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
        "1997-08-05",
        &["1997-08-05", "1997-08-17", "1997-08-19", "1997-08-31"],
    );
}

#[test]
fn a_day_that_a_month_does_not_have_is_passed_over() {
    assert_eq!(first("FREQ=MONTHLY", "2026-01-31", 3), ["2026-01-31", "2026-03-31", "2026-05-31"]);
    assert_eq!(first("FREQ=YEARLY", "2024-02-29", 3), ["2024-02-29", "2028-02-29", "2032-02-29"]);
}

#[test]
fn until_is_the_last_time_that_is_meant_in_whatever_form_it_is_written() {
    for until in ["20260107", "20260107T090000", "20260107T080000Z"] {
        assert_eq!(first(&format!("FREQ=DAILY;UNTIL={until}"), "2026-01-05", 9).len(), 3, "{until}");
    }
    assert_eq!(first("FREQ=DAILY;UNTIL=20260107T075959Z", "2026-01-05", 9).len(), 2);
}

#[test]
fn a_rule_that_names_no_day_at_all_ends_and_is_known_for_it() {
    let never = series("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", date(2026, 1, 1).at(9, 0, 0, 0));
    assert!(between(&never, date(2026, 1, 1).at(0, 0, 0, 0), date(2190, 1, 1).at(0, 0, 0, 0)).is_empty());
    let never = Numbered::new(never);
    assert!(!never.ever_occurs() && never.near(date(2030, 1, 1).at(0, 0, 0, 0), 1.day()).is_empty());
    assert!(Numbered::new(series("FREQ=YEARLY", date(2026, 1, 1).at(9, 0, 0, 0))).ever_occurs());
}

#[test]
fn looking_far_ahead_costs_no_more_than_was_allowed() {
    let start = date(1970, 1, 1).at(0, 0, 0, 0);
    let counted = series("FREQ=DAILY;COUNT=1000000;BYHOUR=0,6,12,18", start);
    let far = date(2190, 1, 1).at(0, 0, 0, 0);
    assert_eq!(counted.between(far, far + 7.days(), &mut Work(10_000)), Err(TooMuch));
    let endless = series("FREQ=DAILY", start);
    assert_eq!(endless.between(far, far + 7.days(), &mut Work(40)).map(|times| times.len()), Ok(7));
}

fn dated(days: i64) -> jiff::civil::Date {
    date(2024, 1, 1) + days.days()
}

fn list<T: ToString>(name: &str, values: &[T]) -> String {
    if values.is_empty() {
        return String::new();
    }
    format!(";{name}={}", values.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
}

fn some(values: impl Strategy<Value = i16>, most: usize) -> impl Strategy<Value = Vec<i16>> {
    prop::collection::vec(values, 0..=most)
}

/// A number from 1 or from the end.
fn signed(most: i16) -> impl Strategy<Value = i16> {
    prop_oneof![1..=most, -most..=-1]
}

fn days(positions: bool) -> impl Strategy<Value = String> {
    let day = prop::sample::select(vec!["MO", "TU", "WE", "TH", "FR", "SA", "SU"]);
    // A day with a number and one without: the other reader takes what is both, RFC 5545 what is either.
    let position =
        if positions { prop_oneof![Just(""), Just("(1|2|4|-1|-2)")].boxed() } else { Just("").boxed() };
    position
        .prop_flat_map(move |position| prop::collection::vec((position, day.clone()), 0..4))
        .prop_map(|days| list("BYDAY", &days.into_iter().map(|(n, day)| n + day).collect::<Vec<_>>()))
}

/// Any rule as `FREQ=...` to its end, but for how it ends.
fn rules() -> impl Strategy<Value = String> {
    let months = || some(1..=12_i16, 3);
    let month_days = || some(signed(31), 3);
    let daily = (months(), month_days(), days(false))
        .prop_map(|(m, d, w)| format!("FREQ=DAILY{}{}{w}", list("BYMONTH", &m), list("BYMONTHDAY", &d)));
    let weekly = (months(), days(false), prop::sample::select(vec!["", ";WKST=SU", ";WKST=TH"]))
        .prop_map(|(m, w, start)| format!("FREQ=WEEKLY{}{w}{start}", list("BYMONTH", &m)));
    let positions = || some(signed(5), 2);
    let monthly = (months(), month_days(), days(true), positions()).prop_map(|(m, d, w, p)| {
        let by = format!("{}{}{w}", list("BYMONTH", &m), list("BYMONTHDAY", &d));
        let chosen = if by.is_empty() { String::new() } else { list("BYSETPOS", &p) };
        format!("FREQ=MONTHLY{by}{chosen}")
    });
    let yearly = (months(), some(signed(366), 3), month_days(), days(true), positions()).prop_map(
        |(m, y, d, w, p)| {
            let by = format!("{}{}{}{w}", list("BYMONTH", &m), list("BYYEARDAY", &y), list("BYMONTHDAY", &d));
            let chosen = if by.is_empty() { String::new() } else { list("BYSETPOS", &p) };
            format!("FREQ=YEARLY{by}{chosen}")
        },
    );
    // Without BYDAY the other reader takes every day of the week.
    let weeks = (prop::collection::vec(1..=53_i16, 1..3), days(false))
        .prop_filter("no day", |(_, days)| !days.is_empty())
        .prop_map(|(weeks, days)| format!("FREQ=YEARLY{}{days}", list("BYWEEKNO", &weeks)));
    (prop_oneof![daily, weekly, monthly, yearly, weeks], 1..5_u8, some(0..=23_i16, 2))
        .prop_map(|(rule, interval, hours)| format!("{rule};INTERVAL={interval}{}", list("BYHOUR", &hours)))
}

fn starts() -> impl Strategy<Value = DateTime> {
    (0..1500_i64, 0..24_i8).prop_map(|(day, hour)| dated(day).at(hour, 30, 0, 0))
}

/// What another program makes of a rule, on a clock of no place.
fn by_calcard(rule: &str, start: DateTime, count: usize) -> Vec<String> {
    let text = format!(
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:{}\r\nDTEND:{0}\r\nRRULE:{rule}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        start.strftime("%Y%m%dT%H%M%S")
    );
    let calendar = ICalendar::parse(&text).unwrap();
    let expanded = calendar.expand_dates(Tz::Floating, count);
    assert!(expanded.errors.is_empty(), "{rule}: {:?}", expanded.errors);
    expanded.events.iter().map(|event| event.start.naive_local().to_string()).collect()
}

proptest! {
    // The other reader takes its time for rules that name few days.
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn another_program_finds_the_same_times(rule in rules(), start in starts(), ends in prop::option::of(1..30_u32)) {
        let rule = format!("{rule}{}", ends.map(|count| format!(";COUNT={count}")).unwrap_or_default());
        let end = date(2036, 1, 1).at(0, 0, 0, 0);
        let ours = between(&series(&rule, start), start, end);
        let ours: Vec<_> = ours.iter().take(40).map(|time| time.strftime("%Y-%m-%d %H:%M:%S").to_string()).collect();
        let mut theirs = by_calcard(&rule, start, 40);
        theirs.retain(|time| time.as_str() < "2036");
        prop_assert_eq!(ours, theirs, "{} from {}", rule, start);
    }

    #[test]
    fn a_stretch_may_be_looked_at_in_parts_and_from_anywhere(
        rule in rules(), start in starts(), ends in prop::option::of(1..200_u32), cuts in prop::array::uniform3(0..4000_i64),
    ) {
        let rule = format!("{rule}{}", ends.map(|count| format!(";COUNT={count}")).unwrap_or_default());
        let series = series(&rule, start);
        let mut cuts = cuts.map(|day| dated(day).at(12, 0, 0, 0));
        cuts.sort_unstable();
        let [a, b, c] = cuts;
        let parts = [between(&series, a, b), between(&series, b, c)].concat();
        prop_assert_eq!(parts, between(&series, a, c));
    }


    #[test]
    fn each_occurrence_has_the_number_that_counting_from_the_first_gives(
        rule in rules(), start in starts(), ends in prop::option::of(1..50_u32), day in 0..4000_i64,
    ) {
        let rule = format!("{rule}{}", ends.map(|count| format!(";COUNT={count}")).unwrap_or_default());
        let series = series(&rule, start);
        let all = between(&series, start, date(2040, 1, 1).at(0, 0, 0, 0));
        let at = dated(day).at(12, 0, 0, 0);
        let numbered = Numbered::new(series);
        let near = numbered.near(at, 10.days());
        for occurrence in &near {
            let counted = all.get(usize::try_from(occurrence.number).unwrap());
            prop_assert_eq!(counted, Some(&occurrence.begins));
        }
        // Nothing that is near is missing.
        let there = |time: &DateTime| near.iter().any(|occurrence| occurrence.begins == *time);
        let last = all.iter().rfind(|time| **time <= at && **time > at - 399.days());
        let next = all.iter().find(|time| **time > at && **time < at + 399.days());
        prop_assert!(last.is_none_or(there), "{:?} is missing", last);
        prop_assert!(next.is_none_or(there), "{:?} is missing", next);
        prop_assert!(all.iter().filter(|time| (at - 10.days()..at).contains(*time)).all(there));
    }
}

#[test]
fn a_zone_is_asked_for_the_end_alone() {
    let zone: Zone = "Asia/Tokyo".parse().unwrap();
    let rule: RecurrenceRule = "FREQ=DAILY;UNTIL=20260105T235959Z".parse().unwrap();
    let series = Series::new(&rule, date(2026, 1, 5).at(9, 0, 0, 0), &zone);
    assert_eq!(between(&series, date(2026, 1, 1).at(0, 0, 0, 0), date(2027, 1, 1).at(0, 0, 0, 0)).len(), 1);
}
