//! Turns, layers, overrides, nested schedules, and the clocks being changed.

use jiff::{SignedDuration, Timestamp, ToSpan as _};
use nightbell::oncall::{Roster, ScheduleId, Target};
use proptest::prelude::*;

use crate::{at, names, on_call, people, roster};

/// A schedule `s` of one rotation of a, b and c.
fn simple(zone: &str, every: &str, start: &str, more: &str) -> Roster {
    roster(&format!(
        "{}\n[[schedules]]\nid = 's'\ntimezone = '{zone}'\n[[schedules.rotations]]\nname = 'r'\n\
         people = ['a', 'b', 'c']\nevery = '{every}'\nstart = '{start}'\n{more}",
        people(&["a", "b", "c"])
    ))
}

/// A schedule `s` in Berlin with these settings.
fn berlin(rest: &str) -> Roster {
    roster(&format!(
        "{}\n[[schedules]]\nid = 's'\ntimezone = 'Europe/Berlin'\n{rest}",
        people(&["a", "b", "c", "d"])
    ))
}

const WEEKLY: &str = "[[schedules.rotations]]\nname = 'weekly'\npeople = ['a', 'b']\n\
                      every = '1 week'\nstart = '2026-01-05 09:00'\n";

/// The hand-overs between two instants, as the wall clock shows them.
fn hand_overs(roster: &Roster, zone: &str, from: &str, until: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let mut now = at(from);
    while now < at(until) {
        let shift = roster.on_call(&ScheduleId::new("s"), now).swap_remove(0);
        let end = shift.until.unwrap();
        seen.push(format!("{} {}", end.to_zoned(zone_of(zone)).strftime("%d %H:%M%z"), shift.person));
        now = end;
    }
    seen
}

fn zone_of(name: &str) -> jiff::tz::TimeZone {
    jiff::tz::TimeZone::get(name).unwrap()
}

#[test]
fn nobody_is_on_call_before_the_start_or_after_the_end() {
    let roster = simple("Europe/Berlin", "1 week", "2026-01-05 09:00", "until = '2026-01-19 09:00'");
    assert_eq!(names(&roster, "2026-01-05T07:59:59Z"), "");
    assert_eq!(names(&roster, "2026-01-05T08:00:00Z"), "a");
    assert_eq!(names(&roster, "2026-01-19T07:59:59Z"), "b");
    assert_eq!(names(&roster, "2026-01-19T08:00:00Z"), "");
}

#[test]
fn daily_hand_overs_keep_the_wall_clock_when_the_clocks_are_changed() {
    let roster = simple("Europe/Berlin", "1 day", "2026-10-20 09:00", "");
    assert_eq!(
        hand_overs(&roster, "Europe/Berlin", "2026-10-24T08:00:00Z", "2026-10-26T08:00:00Z"),
        ["25 09:00+0100 b", "26 09:00+0100 c"]
    );
}

#[test]
fn a_hand_over_in_the_hour_that_comes_twice_is_at_its_first_time() {
    let roster = simple("Europe/Berlin", "1 day", "2026-10-20 02:30", "");
    assert_eq!(
        hand_overs(&roster, "Europe/Berlin", "2026-10-24T08:00:00Z", "2026-10-26T01:00:00Z"),
        ["25 02:30+0200 b", "26 02:30+0100 c"]
    );
}

#[test]
fn a_hand_over_in_the_hour_that_is_left_out_is_right_after_it() {
    let roster = simple("Europe/Berlin", "1 day", "2027-03-20 02:30", "");
    assert_eq!(
        hand_overs(&roster, "Europe/Berlin", "2027-03-27T08:00:00Z", "2027-03-29T00:00:00Z"),
        ["28 03:00+0200 b", "29 02:30+0200 c"]
    );
}

#[test]
fn lord_howe_moves_its_clocks_by_half_an_hour() {
    let forward = simple("Australia/Lord_Howe", "1 day", "2026-10-01 02:15", "");
    assert_eq!(
        hand_overs(&forward, "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-04T15:00:00Z"),
        ["04 02:30+1100 c", "05 02:15+1100 a"]
    );
}

#[test]
fn a_day_that_a_country_leaves_out_is_over_at_once() {
    let roster = simple("Pacific/Apia", "1 day", "2011-12-28 09:00", "");
    assert_eq!(
        hand_overs(&roster, "Pacific/Apia", "2011-12-29T20:00:00Z", "2011-12-31T19:00:00Z"),
        ["31 00:00+1400 b", "31 09:00+1400 c", "01 09:00+1400 a"]
    );
}

#[test]
fn hours_that_divide_a_day_keep_the_wall_clock_and_others_are_elapsed_time() {
    let eight = simple("Europe/Berlin", "8 hours", "2026-10-24 06:00", "");
    assert_eq!(
        hand_overs(&eight, "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T13:00:00Z"),
        ["24 22:00+0200 b", "25 06:00+0100 c", "25 14:00+0100 a"]
    );
    let ten = simple("Europe/Berlin", "10 hours", "2026-10-24 06:00", "");
    assert_eq!(
        hand_overs(&ten, "Europe/Berlin", "2026-10-24T04:00:00Z", "2026-10-25T05:00:00Z"),
        ["24 16:00+0200 a", "25 02:00+0200 b", "25 11:00+0100 c"]
    );
}

#[test]
fn monthly_turns_from_the_31st_begin_on_the_last_day_of_shorter_months() {
    let roster = simple("Europe/Berlin", "1 month", "2026-01-31 09:00", "");
    assert_eq!(names(&roster, "2026-02-28T07:59:59Z"), "a");
    assert_eq!(names(&roster, "2026-02-28T08:00:00Z"), "b");
    assert_eq!(names(&roster, "2026-03-31T06:59:59Z"), "b");
    assert_eq!(names(&roster, "2026-03-31T07:00:00Z"), "c");
    assert_eq!(names(&roster, "2026-04-30T07:00:00Z"), "a");
}

#[test]
fn the_reason_names_rotation_turn_and_hand_over() {
    let roster = berlin(WEEKLY);
    let [shift] = &on_call(&roster, "2026-11-24T12:00:00Z")[..] else { panic!("one is on call") };
    assert_eq!(shift.because, "on call in schedule s (rotation weekly, turn 47, since Mon 09:00)");
    assert_eq!((shift.since, shift.until), (at("2026-11-23T08:00:00Z"), Some(at("2026-11-30T08:00:00Z"))));
}

#[test]
fn a_later_layer_covers_the_earlier_ones_within_its_hours() {
    let nights = "[[schedules.rotations]]\nname = 'nights'\npeople = ['c']\nevery = '1 day'\n\
                  start = '2026-01-05'\nhours = ['mon-fri 22:00-06:00']\n";
    let roster = berlin(&format!("{WEEKLY}{nights}"));
    assert_eq!(names(&roster, "2026-01-06T20:59:59Z"), "a");
    assert_eq!(names(&roster, "2026-01-06T21:00:00Z"), "c");
    assert_eq!(names(&roster, "2026-01-07T04:59:59Z"), "c");
    assert_eq!(names(&roster, "2026-01-07T05:00:00Z"), "a");
    assert_eq!(names(&roster, "2026-01-10T04:00:00Z"), "c", "Friday's night ends on Saturday");
    assert_eq!(names(&roster, "2026-01-11T22:00:00Z"), "a", "no night begins on Sunday");
    let [shift] = &on_call(&roster, "2026-01-07T12:00:00Z")[..] else { panic!("one is on call") };
    assert_eq!(
        (shift.since, shift.until),
        (at("2026-01-07T05:00:00Z"), Some(at("2026-01-07T21:00:00Z"))),
        "a shift lasts from the end of one night to the beginning of the next"
    );
}

#[test]
fn parallel_rotations_are_all_on_call_in_their_order() {
    let second = "[[schedules.rotations]]\nname = 'second'\npeople = ['c', 'a']\nevery = '1 week'\n\
                  start = '2026-01-05 09:00'\n";
    let roster = berlin(&format!("stacking = 'parallel'\n{WEEKLY}{second}"));
    assert_eq!(names(&roster, "2026-01-06T12:00:00Z"), "a,c");
    assert_eq!(names(&roster, "2026-01-13T12:00:00Z"), "b,a");
}

#[test]
fn a_turn_of_nobody_covers_on_purpose() {
    let gap = "[[schedules.rotations]]\nname = 'quiet'\npeople = ['nobody']\nevery = '1 day'\n\
               start = '2026-01-05'\nhours = ['sun']\n";
    let roster = berlin(&format!("{WEEKLY}{gap}"));
    assert_eq!(names(&roster, "2026-01-11T12:00:00Z"), "");
    assert_eq!(
        roster.nobody_on_call(&ScheduleId::new("s"), at("2026-01-11T12:00:00Z")).unwrap(),
        "schedule s: nobody is on call on purpose (rotation quiet, turn 7, since Sun 00:00) until Mon 00:00"
    );
    assert_eq!(
        roster.gaps(&ScheduleId::new("s"), at("2026-01-05T08:00:00Z"), at("2026-01-19T00:00:00Z")),
        [
            (at("2026-01-10T23:00:00Z"), at("2026-01-11T23:00:00Z")),
            (at("2026-01-17T23:00:00Z"), at("2026-01-18T23:00:00Z")),
        ]
    );
}

#[test]
fn an_override_replaces_everybody_and_of_two_the_later_one_counts() {
    let over = |person: &str, from: &str, until: &str| {
        format!("[[schedules.overrides]]\nperson = '{person}'\nfrom = '{from}'\nuntil = '{until}'\n")
    };
    let roster = berlin(&format!(
        "stacking = 'parallel'\n{WEEKLY}{}{}",
        over("c", "2026-01-06 18:00", "2026-01-08 09:00"),
        over("d", "2026-01-07 00:00", "2026-01-07 12:00"),
    ));
    assert_eq!(names(&roster, "2026-01-06T17:00:00Z"), "c");
    assert_eq!(names(&roster, "2026-01-07T08:00:00Z"), "d");
    assert_eq!(names(&roster, "2026-01-07T11:00:00Z"), "c");
    assert_eq!(names(&roster, "2026-01-08T08:00:00Z"), "a");
    let [shift] = &on_call(&roster, "2026-01-06T18:00:00Z")[..] else { panic!("one is on call") };
    assert_eq!(shift.because, "on call in schedule s (override until Thu 09:00)");
    assert_eq!(shift.until, Some(at("2026-01-06T23:00:00Z")), "until the other override begins");
}

/// An override of these first days of 2026.
fn over(text: &str, from: &str, until: &str) -> String {
    format!("[[schedules.overrides]]\nfrom = '2026-01-{from}'\nuntil = '2026-01-{until}'\n{text}\n")
}

const SECOND: &str = "[[schedules.rotations]]\nname = 'second'\npeople = ['c']\nevery = '1 week'\n\
                      start = '2026-01-05 09:00'\nhours = ['mon-fri 09:00-17:00']\n";

#[test]
fn an_addition_is_on_call_beside_the_others_and_also_where_nobody_is() {
    let add = over("person = 'd'\nkind = 'add'", "04 00:00", "06 18:00");
    let roster = berlin(&format!("stacking = 'parallel'\n{WEEKLY}{SECOND}{add}"));
    assert_eq!(names(&roster, "2026-01-04T12:00:00Z"), "d", "no rotation has begun");
    assert_eq!(names(&roster, "2026-01-06T12:00:00Z"), "a,c,d");
    assert_eq!(names(&roster, "2026-01-06T17:00:00Z"), "a");
    let shifts = on_call(&roster, "2026-01-06T12:00:00Z");
    assert_eq!(shifts[2].because, "on call in schedule s (override until Tue 18:00, in addition)");
}

#[test]
fn who_is_removed_is_not_on_call_and_no_layer_below_comes_up() {
    let remove = over("person = 'c'\nkind = 'remove'", "06 00:00", "07 00:00");
    let layers = berlin(&format!("{WEEKLY}{SECOND}{remove}"));
    assert_eq!(names(&layers, "2026-01-06T12:00:00Z"), "");
    assert_eq!(
        layers.nobody_on_call(&ScheduleId::new("s"), at("2026-01-06T12:00:00Z")).unwrap(),
        "schedule s: nobody is on call on purpose (override until Wed 00:00, without c) until Tue 17:00"
    );
    assert_eq!(names(&layers, "2026-01-06T17:00:00Z"), "a", "c has no turn then");
    let parallel = berlin(&format!("stacking = 'parallel'\n{WEEKLY}{SECOND}{remove}"));
    assert_eq!(names(&parallel, "2026-01-06T12:00:00Z"), "a");
}

#[test]
fn an_override_instead_of_somebody_counts_only_where_that_one_is_on_call() {
    let instead = over("person = 'd'\ninstead_of = 'c'", "06 00:00", "08 00:00");
    let roster = berlin(&format!("stacking = 'parallel'\n{WEEKLY}{SECOND}{instead}"));
    assert_eq!(names(&roster, "2026-01-06T12:00:00Z"), "a,d");
    assert_eq!(names(&roster, "2026-01-06T19:00:00Z"), "a");
    let because = &on_call(&roster, "2026-01-06T12:00:00Z")[1].because;
    assert_eq!(because, "on call in schedule s (override until Thu 00:00, instead of c)");
}

#[test]
fn an_override_reaches_people_who_are_on_call_through_another_schedule() {
    let nested = "[[schedules.rotations]]\nname = 'outer'\npeople = ['team:t']\nevery = '1 week'\n\
                  start = '2026-01-01'\n";
    let rest = "[[teams]]\nid = 't'\nlevels = [['schedule:inner', 'person:c'], ['person:b']]\n\
                [[schedules]]\nid = 'inner'\ntimezone = 'UTC'\n[[schedules.rotations]]\nname = 'r'\n\
                people = ['a']\nevery = '1 day'\nstart = '2026-01-01'\n";
    let instead = over("person = 'd'\ninstead_of = 'a'", "06 00:00", "07 00:00");
    let remove = over("person = 'c'\nkind = 'remove'", "06 12:00", "07 00:00");
    let roster = berlin(&format!("{nested}{instead}{remove}{rest}"));
    assert_eq!(names(&roster, "2026-01-05T12:00:00Z"), "a,c");
    assert_eq!(names(&roster, "2026-01-06T08:00:00Z"), "d,c");
    assert_eq!(names(&roster, "2026-01-06T12:00:00Z"), "d");
}

#[test]
fn an_override_of_a_rotation_counts_while_that_rotation_is_in_force() {
    let replace = over("person = 'd'\nrotation = 'second'", "06 00:00", "08 00:00");
    let layers = berlin(&format!("{WEEKLY}{SECOND}{replace}"));
    assert_eq!(names(&layers, "2026-01-06T07:00:00Z"), "a");
    assert_eq!(names(&layers, "2026-01-06T12:00:00Z"), "d");
    let below = over("person = 'd'\nrotation = 'weekly'", "06 00:00", "08 00:00");
    let covered = berlin(&format!("{WEEKLY}{SECOND}{below}"));
    assert_eq!(names(&covered, "2026-01-06T12:00:00Z"), "c", "the layer above covers it as before");
    assert_eq!(names(&covered, "2026-01-06T17:00:00Z"), "d");
    let both = over("person = 'd'\nkind = 'add'\nrotation = ['weekly', 'second']", "06 00:00", "08 00:00");
    let parallel = berlin(&format!("stacking = 'parallel'\n{WEEKLY}{SECOND}{both}"));
    assert_eq!(names(&parallel, "2026-01-06T12:00:00Z"), "a,d,c");
}

#[test]
fn overlapping_overrides_count_one_after_another() {
    let replace = over("person = 'd'", "06 00:00", "08 00:00");
    let add = over("person = 'c'\nkind = 'add'", "06 00:00", "08 00:00");
    let remove = over("person = 'd'\nkind = 'remove'", "07 00:00", "08 00:00");
    let first_added = berlin(&format!("{WEEKLY}{add}{replace}"));
    assert_eq!(
        names(&first_added, "2026-01-06T12:00:00Z"),
        "d",
        "a replacement replaces who was added before"
    );
    let added_after = berlin(&format!("{WEEKLY}{replace}{add}{remove}"));
    assert_eq!(names(&added_after, "2026-01-06T12:00:00Z"), "d,c");
    assert_eq!(names(&added_after, "2026-01-07T12:00:00Z"), "c");
    let again = over("person = 'b'\ninstead_of = 'd'", "06 00:00", "08 00:00");
    let handed_on = berlin(&format!("{WEEKLY}{replace}{again}"));
    assert_eq!(names(&handed_on, "2026-01-06T12:00:00Z"), "b", "who stands in can be stood in for");
}

#[test]
fn nobody_is_on_call_in_a_schedule_that_is_switched_off() {
    let roster = berlin(&format!("enabled = false\n{WEEKLY}"));
    assert_eq!(names(&roster, "2026-01-06T12:00:00Z"), "");
    assert_eq!(
        roster.nobody_on_call(&ScheduleId::new("s"), at("2026-01-06T12:00:00Z")).unwrap(),
        "schedule s is not enabled: nobody is on call"
    );
}

#[test]
fn an_escalation_that_takes_a_turn_stands_for_its_first_level() {
    let rest = "[[schedules.rotations]]\nname = 'r'\npeople = ['escalation:e', 'team:t']\nevery = '1 day'\n\
                start = '2026-01-05'\n\
                [[escalations]]\nid = 'e'\nlevels = [{ targets = ['person:b'], after = '5m' }, \
                { targets = ['person:a'] }]\n\
                [[teams]]\nid = 't'\nlevels = [['person:c', 'person:d'], ['person:a']]\n";
    let roster = berlin(rest);
    assert_eq!(names(&roster, "2026-01-05T12:00:00Z"), "a", "the level without a delay is the first");
    assert_eq!(names(&roster, "2026-01-06T12:00:00Z"), "c,d");
}

#[test]
fn the_end_of_a_day_may_be_written_as_24_00() {
    let hours = "[[schedules.rotations]]\nname = 'r'\npeople = ['a']\nevery = '1 week'\nstart = '2026-01-01'\n\
                 hours = ['mon-tue 18:00-24:00', 'sun 22:00-mon 24:00']\n";
    let roster = berlin(hours);
    assert_eq!(names(&roster, "2026-01-06T22:59:59Z"), "a");
    assert_eq!(names(&roster, "2026-01-06T23:00:00Z"), "");
    assert_eq!(names(&roster, "2026-01-12T22:59:59Z"), "a", "over the end of the week");
    assert_eq!(names(&roster, "2026-01-12T23:00:00Z"), "");
}

#[test]
fn times_that_the_clocks_skip_or_show_twice_are_told_once_with_what_is_meant() {
    let roster = berlin(
        "[[schedules.rotations]]\nname = 'nights'\npeople = ['a', 'b']\nevery = '1 day'\nstart = '2026-01-05 02:30'\n\
         [[schedules.rotations]]\nname = 'early'\npeople = ['c']\nevery = '1 week'\nstart = '2026-01-05 09:00'\n\
         hours = ['sun 02:00-10:00']\n",
    );
    let doubts = |from: &str, until: &str| -> Vec<String> {
        let schedule = &roster.schedules[&ScheduleId::new("s")];
        schedule.doubts(at(from), at(until)).iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        doubts("2026-01-06T00:00:00Z", "2027-01-06T00:00:00Z"),
        [
            "a hand-over of rotation nights is at 2026-03-29 02:30, a time that is skipped: it is at 03:00",
            "the beginning of `sun 02:00-10:00` of rotation early is at 2026-03-29 02:00, a time that is skipped: \
             it is at 03:00",
        ]
    );
    assert_eq!(
        doubts("2026-04-01T00:00:00Z", "2027-01-06T00:00:00Z")[0],
        "a hand-over of rotation nights is at 2026-10-25 02:30, a time that comes twice: it is the first time"
    );
    assert_eq!(doubts("2026-04-01T00:00:00Z", "2026-10-01T00:00:00Z"), [""; 0]);
}

#[test]
fn who_will_be_on_call_in_vain_is_told_with_the_first_time() {
    let text = format!(
        "{}[[people]]\nid = 'x'\nphones = [{{ phone = '+49151777', unconfirmed = true }}]\n\
         [[people]]\nid = 'y'\nphones = ['+49151778']\navailable = false\n\
         [[schedules]]\nid = 's'\ntimezone = 'Europe/Berlin'\n[[schedules.rotations]]\nname = 'weekly'\n\
         people = ['a', 'x', 'y']\nevery = '1 week'\nstart = '2026-01-05 09:00'\n",
        people(&["a"])
    );
    let (roster, _) = nightbell::oncall::OncallFile::parse(&text).unwrap().compile();
    let found =
        roster.on_call_in_vain(&ScheduleId::new("s"), at("2026-01-06T00:00:00Z"), at("2026-03-01T00:00:00Z"));
    let told: Vec<_> =
        found.iter().map(|(person, at, why)| (person.as_str(), at.to_string(), why.as_str())).collect();
    assert_eq!(
        told,
        [
            ("x", "2026-01-12T08:00:00Z".to_owned(), "has no confirmed phone: +49151777 is not confirmed"),
            ("y", "2026-01-19T08:00:00Z".to_owned(), "is marked as unavailable"),
        ]
    );
}

#[test]
fn a_schedule_in_a_schedule_hands_over_by_its_own_clock() {
    let inner = "[[schedules.rotations]]\nname = 'outer'\npeople = ['schedule:inner', 'c']\nevery = '1 week'\n\
                 start = '2026-01-05 09:00'\n[[schedules]]\nid = 'inner'\ntimezone = 'Asia/Kathmandu'\n\
                 [[schedules.rotations]]\nname = 'daily'\npeople = ['a', 'b']\nevery = '1 day'\n\
                 start = '2026-01-05 06:00'\n";
    let roster = berlin(inner);
    assert_eq!(names(&roster, "2026-01-06T00:14:59Z"), "a");
    assert_eq!(names(&roster, "2026-01-06T00:15:00Z"), "b");
    assert_eq!(names(&roster, "2026-01-12T08:00:00Z"), "c");
    let [shift] = &on_call(&roster, "2026-01-12T07:00:00Z")[..] else { panic!("one is on call") };
    assert_eq!(
        shift.because,
        "on call in schedule s (rotation outer, turn 1, since Mon 2026-01-05 09:00): \
         on call in schedule inner (rotation daily, turn 8, since Mon 06:00)"
    );
    assert_eq!(
        (shift.since, shift.until),
        (at("2026-01-12T00:15:00Z"), Some(at("2026-01-12T08:00:00Z"))),
        "the inner hand-over begins it, the outer one ends it"
    );
}

#[test]
fn who_has_all_turns_has_been_on_call_since_the_start_and_has_no_end_in_sight() {
    let alone =
        "[[schedules.rotations]]\nname = 'r'\npeople = ['a', 'a']\nevery = '1 hour'\nstart = '2016-01-05'\n";
    let [shift] = &on_call(&berlin(alone), "2026-03-01T12:00:00Z")[..] else { panic!("one is on call") };
    assert_eq!((shift.since, shift.until), (at("2016-01-04T23:00:00Z"), None));
}

#[test]
fn a_shift_made_of_many_turns_is_followed_for_a_year() {
    let base = "[[schedules.rotations]]\nname = 'r'\npeople = ['a', 'b']\nevery = '1 day'\nstart = '2016-01-05'\n\
                [[schedules.rotations]]\nname = 'cover'\npeople = ['a']\nevery = '1 day'\nstart = '2020-01-05'\n\
                until = '2026-06-02'\n";
    let on = |when: &str| on_call(&berlin(base), when).swap_remove(0);
    assert_eq!(on("2026-03-01T12:00:00Z").until, Some(at("2026-06-01T22:00:00Z")));
    assert_eq!(on("2022-03-01T12:00:00Z").until, None);
    let since = on("2026-03-01T12:00:00Z").since;
    assert!(at("2025-02-25T00:00:00Z") < since && since < at("2025-03-03T00:00:00Z"), "{since}");
}

#[test]
fn a_schedule_that_nobody_knows_has_nobody_on_call() {
    let roster = berlin(WEEKLY);
    assert_eq!(roster.on_call(&ScheduleId::new("other"), at("2026-01-06T00:00:00Z")), []);
}

#[test]
fn the_ends_of_time_are_survived() {
    for every in ["1 hour", "7 hours", "1 day", "1 week", "1 month"] {
        let roster = simple("Europe/Berlin", every, "2026-01-05 09:00", "hours = ['mon-sun 22:00-06:00']");
        for when in [Timestamp::MIN, Timestamp::MAX] {
            assert!(roster.on_call(&ScheduleId::new("s"), when).len() <= 1);
        }
    }
}

fn zones() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "Europe/Berlin",
        "America/New_York",
        "America/Sao_Paulo",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Pacific/Chatham",
        "Africa/Casablanca",
        "Asia/Kathmandu",
        "UTC",
    ])
}

fn lengths() -> impl Strategy<Value = String> {
    prop_oneof![
        (1..=30_u32).prop_map(|count| format!("{count} hours")),
        (1..=10_u32).prop_map(|count| format!("{count} days")),
        (1..=4_u32).prop_map(|count| format!("{count} weeks")),
        (1..=6_u32).prop_map(|count| format!("{count} months")),
    ]
}

/// The file's warning about hours that make whole days is no fault here.
fn simple_with_warnings(zone: &str, every: &str, start: &str) -> Roster {
    let every = if every == "48 hours" { "47 hours" } else { every };
    simple(zone, every, start, "")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn in_a_simple_rotation_exactly_one_is_on_call_at_every_instant(
        zone in zones(),
        every in lengths(),
        minute in 0..24 * 60_i64,
        seconds in prop::collection::vec(0..10 * 365 * 86_400_i64, 16),
    ) {
        let start = at("2011-06-30T00:00:00Z").to_zoned(jiff::tz::TimeZone::UTC).datetime() + minute.minutes();
        let roster = simple_with_warnings(zone, &every, &start.strftime("%Y-%m-%d %H:%M").to_string());
        let begin = at("2011-07-02T00:00:00Z");
        for second in seconds {
            let now = begin + SignedDuration::from_secs(second);
            let shifts = roster.on_call(&ScheduleId::new("s"), now);
            prop_assert_eq!(shifts.len(), 1);
            prop_assert!(shifts[0].since <= now && shifts[0].until.unwrap() > now);
        }
    }

    #[test]
    fn shifts_tile_the_time_without_gap_or_overlap(
        zone in zones(),
        every in lengths(),
        from in 0..10 * 365_i64,
    ) {
        let roster = simple_with_warnings(zone, &every, "2011-06-30 02:30");
        let schedule = ScheduleId::new("s");
        let mut now = at("2011-07-02T00:00:00Z") + SignedDuration::from_hours(24 * from);
        for _ in 0..12 {
            let shift = roster.on_call(&schedule, now).swap_remove(0);
            let end = shift.until.unwrap();
            let next = roster.on_call(&schedule, end).swap_remove(0);
            prop_assert!(shift.since <= now && now < end, "never a negative length");
            prop_assert_eq!(next.since, end);
            prop_assert_ne!(next.person, shift.person);
            now = end;
        }
    }

    #[test]
    fn nobody_else_comes_on_call_inside_a_shift(
        zone in zones(),
        every in lengths(),
        other in lengths(),
        hours in prop::sample::select(vec!["mon-fri 09:00-17:00", "fri 18:00-mon 08:00", "mon-sun 22:00-06:00", "sun 02:15-02:45"]),
        parallel in any::<bool>(),
        from in 0..3 * 365 * 24_i64,
        inside in prop::collection::vec(0.0..1.0_f64, 12),
    ) {
        let stacking = if parallel { "parallel" } else { "layers" };
        let every = every.replace("48 hours", "47 hours");
        let other = other.replace("48 hours", "47 hours");
        let roster = roster(&format!(
            "{}\n[[schedules]]\nid = 's'\ntimezone = '{zone}'\nstacking = '{stacking}'\n\
             [[schedules.rotations]]\nname = 'base'\npeople = ['a', 'b', 'nobody']\nevery = '{every}'\nstart = '2024-01-01 02:30'\n\
             [[schedules.rotations]]\nname = 'top'\npeople = ['c', 'nobody', 'schedule:t']\nevery = '{other}'\nstart = '2024-02-01 00:00'\nhours = ['{hours}']\n\
             [[schedules.overrides]]\nperson = 'd'\nfrom = '2025-03-30 02:30'\nuntil = '2025-04-02 02:30'\n\
             [[schedules]]\nid = 't'\ntimezone = 'Pacific/Chatham'\n[[schedules.rotations]]\nname = 'daily'\npeople = ['b', 'd']\nevery = '1 day'\nstart = '2024-01-01 07:00'\n",
            people(&["a", "b", "c", "d"])
        ));
        let schedule = ScheduleId::new("s");
        let now = at("2024-01-01T00:00:00Z") + SignedDuration::from_hours(from);
        for shift in roster.on_call(&schedule, now) {
            let end = shift.until.unwrap_or(now + SignedDuration::from_hours(24 * 365));
            let is_on = |when: Timestamp| roster.on_call(&schedule, when).iter().any(|on| on.person == shift.person);
            for part in &inside {
                let length = end.duration_since(shift.since).as_secs_f64();
                let then = shift.since + SignedDuration::from_secs_f64(length * part);
                prop_assert!(is_on(then), "{} is on call at {then}", shift.person);
            }
            prop_assert!(!is_on(shift.since - SignedDuration::from_nanos(1)));
            if let Some(end) = shift.until {
                prop_assert!(!is_on(end));
            }
        }
        let month = now + SignedDuration::from_hours(24 * 30);
        let target = Target::Schedule(schedule.clone());
        let mut changes: Vec<Timestamp> = roster.changes([&target], now, month).collect();
        prop_assert!(changes.is_sorted());
        changes.insert(0, now);
        for part in &inside {
            let then = now + SignedDuration::from_secs_f64(30.0 * 86_400.0 * part);
            let people = roster.people_on_call(&schedule, then);
            let shifts: Vec<_> = roster.on_call(&schedule, then).into_iter().map(|shift| shift.person).collect();
            prop_assert_eq!(&people, &shifts);
            let since = changes[changes.partition_point(|change| *change <= then) - 1];
            prop_assert_eq!(people, roster.people_on_call(&schedule, since), "nothing changes between changes");
        }
        let gaps = roster.gaps(&schedule, now, month);
        for part in &inside {
            let then = now + SignedDuration::from_secs_f64(30.0 * 86_400.0 * part);
            let in_gap = gaps.iter().any(|(from, until)| *from <= then && then < *until);
            prop_assert_eq!(in_gap, roster.on_call(&schedule, then).is_empty());
        }
    }
}
