//! Schedules that are fed by calendars, and calendars made of schedules.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use nightbell::oncall::ical::{Calendar, write};
use nightbell::oncall::{
    Feed, FeedError, OncallFile, PersonId, Previewed, Roster, ScheduleId, ShiftCalendar, Zone,
};
use proptest::prelude::*;

const PEOPLE: &str = r#"
[[people]]
id = "anna"
name = "Anna Schmidt"
phones = ["+4915112345678"]
email = "Anna@acme.example"
[[people]]
id = "bob"
name = "Bob Ömer"
phones = ["+4915112345679"]
[[people]]
id = "carla"
name = "Carla, née Anna"
phones = ["+4915112345680"]
email = "carla@acme.example"
"#;

fn roster(rest: &str) -> Roster {
    let (roster, problems) = OncallFile::parse(&format!("{PEOPLE}{rest}")).unwrap().compile();
    assert!(problems.iter().all(|problem| !problem.is_error()), "{problems:?}");
    roster
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn berlin() -> Zone {
    "Europe/Berlin".parse().unwrap()
}

fn calendar(events: &[&str]) -> Calendar {
    let events: String = events.iter().map(|event| format!("BEGIN:VEVENT\n{event}\nEND:VEVENT\n")).collect();
    Calendar::read(format!("BEGIN:VCALENDAR\n{events}END:VCALENDAR\n").as_bytes()).unwrap()
}

fn read(events: &[&str]) -> Result<Feed, FeedError> {
    let names = BTreeMap::from([("Anna S.".to_owned(), PersonId::from("anna"))]);
    let label = "calendar feed https://cal.example/...";
    Feed::read(&calendar(events), &roster("").people, &names, &berlin(), label, at("2026-01-05T12:00:00Z"))
}

/// Whom a title means, or what is said of it.
fn meant(title: &str) -> String {
    match read(&[&format!("SUMMARY:{title}\nDTSTART:20260105T080000Z\nDURATION:PT8H")]) {
        Ok(feed) => feed.shifts()[0].people.iter().map(PersonId::as_str).collect::<Vec<_>>().join("+"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_title_means_a_person_by_id_name_address_or_the_name_the_settings_give() {
    for title in ["anna", "ANNA SCHMIDT", "anna@acme.example", "Anna S.", "anna s."] {
        assert_eq!(meant(title), "anna", "{title}");
    }
    assert_eq!(meant("On call: Bob Ömer (primary)"), "bob");
    assert_eq!(meant("[L2] Bob Ömer"), "bob");
    assert_eq!(meant("[Anna Schmidt] On-Call (GoAlert: production)"), "anna");
    assert_eq!(meant("anna\\, bob"), "anna+bob");
    assert_eq!(meant("Carla\\, née Anna"), "carla", "the longer name is not read as one of its words");
    assert_eq!(meant("nobody"), "", "a gap on purpose");
}

#[test]
fn an_address_means_the_person_who_has_it() {
    let feed = read(&[
        "SUMMARY:Primary\nATTENDEE;CN=x:mailto:ANNA@acme.example\nATTENDEE;PARTSTAT=DECLINED:mailto:carla@acme.example\n\
         DTSTART:20260105T080000Z\nDURATION:PT8H",
    ]);
    assert_eq!(feed.unwrap().shifts()[0].people, [PersonId::from("anna")]);
}

#[test]
fn a_name_that_means_nobody_or_several_is_an_error_with_what_was_meant() {
    assert_eq!(
        meant("Ana Schmidt"),
        "line 2: `Ana Schmidt` is nobody of the people; did you mean `Anna Schmidt`?"
    );
    assert_eq!(meant("Zoe"), "line 2: `Zoe` is nobody of the people");
    assert!(meant("anna relieves bob").contains("is it anna or bob?"));
    let twice = "SUMMARY:Zoe\nDTSTART:20260105T080000Z\nDURATION:PT8H";
    let error = read(&[twice, twice, "SUMMARY:Max\nDTSTART:20260106T080000Z\nDURATION:PT8H"]).unwrap_err();
    assert_eq!(error.to_string().matches("is nobody").count(), 2, "each name once: {error}");
}

/// A roster with one schedule fed by these events, fetched at noon of 5 January.
fn fed(events: &[&str]) -> Roster {
    let mut roster = roster(
        "[[schedules]]\nid = \"s\"\ntimezone = \"Europe/Berlin\"\ncalendar = \"https://cal.example/secret\"\n",
    );
    let feed = read(events).unwrap();
    if let Some(calendar) = &mut roster.schedules.get_mut(&ScheduleId::from("s")).unwrap().calendar {
        calendar.feed = Some(feed);
    }
    roster
}

fn on_call(roster: &Roster, when: &str) -> Vec<String> {
    roster.on_call(&"s".into(), at(when)).into_iter().map(|shift| shift.person.to_string()).collect()
}

#[test]
fn a_shift_of_a_calendar_is_explained_and_has_its_own_beginning_and_end() {
    let roster = fed(&["SUMMARY:Anna Schmidt\nDTSTART;TZID=Europe/Berlin:20260105T090000\nDURATION:PT8H"]);
    let shift = roster.on_call(&"s".into(), at("2026-01-05T12:05:30Z")).remove(0);
    assert_eq!((shift.since, shift.until), (at("2026-01-05T08:00:00Z"), Some(at("2026-01-05T16:00:00Z"))));
    assert_eq!(
        shift.because,
        "on call in schedule s (calendar feed https://cal.example/..., \"Anna Schmidt\", fetched 5 min ago)"
    );
    assert!(on_call(&roster, "2026-01-05T16:00:00Z").is_empty());
}

#[test]
fn a_higher_level_covers_a_lower_one_and_equal_ones_are_on_call_together() {
    let roster = fed(&[
        "SUMMARY:anna [L1]\nDTSTART:20260105T080000Z\nDURATION:PT10H",
        "SUMMARY:[L2] bob\nDTSTART:20260105T100000Z\nDURATION:PT2H",
        "SUMMARY:[L1] carla\nDTSTART:20260105T130000Z\nDURATION:PT1H",
        "SUMMARY:[L3] nobody\nDTSTART:20260105T150000Z\nDURATION:PT1H",
    ]);
    assert_eq!(on_call(&roster, "2026-01-05T09:00:00Z"), ["anna"]);
    assert_eq!(on_call(&roster, "2026-01-05T11:00:00Z"), ["bob"]);
    assert_eq!(on_call(&roster, "2026-01-05T13:30:00Z"), ["anna", "carla"]);
    assert!(on_call(&roster, "2026-01-05T15:30:00Z").is_empty());
    assert!(roster.nobody_on_call(&"s".into(), at("2026-01-05T15:30:00Z")).unwrap().contains("on purpose"));
}

#[test]
fn the_last_shift_of_goalert_goes_on_beyond_the_end_of_its_calendar() {
    let roster = fed(&[
        "SUMMARY:[Anna Schmidt] On-Call (GoAlert: production) Begins*\nDTSTART:20260105T080000Z\nDTEND:20260106T080000Z",
    ]);
    assert_eq!(on_call(&roster, "2026-03-05T08:00:00Z"), ["anna"]);
}

#[test]
fn a_schedule_whose_calendar_was_never_read_says_so() {
    let roster =
        roster("[[schedules]]\nid = \"s\"\ntimezone = \"UTC\"\ncalendar = \"https://cal.example/secret\"\n");
    let why = roster.nobody_on_call(&"s".into(), at("2026-01-05T12:00:00Z")).unwrap();
    assert_eq!(why, "schedule s: its calendar has not been read yet");
}

#[test]
fn everyone_of_a_fed_schedule_are_those_who_have_shifts_in_it() {
    let roster = fed(&[
        "SUMMARY:anna\nDTSTART:20260105T080000Z\nDURATION:PT8H",
        "SUMMARY:bob\nDTSTART:20270105T080000Z\nDURATION:PT8H",
    ]);
    let policy = nightbell::oncall::DialPolicy {
        levels: vec![vec!["everyone:s".parse().unwrap()]],
        ..nightbell::oncall::DialPolicy::default()
    };
    let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(0);
    let chain = nightbell::oncall::resolve(&roster, &policy, at("2026-06-01T00:00:00Z"), &mut rng);
    assert_eq!(chain.candidates.len(), 2);
}

/// Rotations, layers, hours, overrides and a nested schedule, drawn.
fn schedules() -> impl Strategy<Value = String> {
    let hours = prop::sample::select(vec![
        "",
        "hours = [\"mon-fri 09:00-17:00\"]",
        "hours = [\"fri 18:00-mon 08:00\"]",
    ]);
    let turns = prop::sample::select(vec![
        "every = \"1 week\"",
        "every = \"1 day\"",
        "every = \"12 hours\"",
        "every = \"1 month\"",
        "rrule = \"FREQ=WEEKLY;BYDAY=MO,TH\"\nlasts = \"2 days\"",
        "rrule = \"FREQ=DAILY;BYHOUR=20\"\nlasts = \"12 hours\"",
    ]);
    let people = prop::sample::subsequence(vec!["anna", "bob", "carla", "nobody", "schedule:inner"], 1..5)
        .prop_shuffle();
    let rotation = (hours, turns, people, 1..28_u8, 0..24_u8);
    (prop::collection::vec(rotation, 1..4), any::<bool>(), 1..28_u8).prop_map(|(rotations, parallel, day)| {
        let stacking = if parallel { "parallel" } else { "layers" };
        let mut text = format!("[[schedules]]\nid = \"s\"\ntimezone = \"Europe/Berlin\"\nstacking = \"{stacking}\"\n");
        for (number, (hours, turns, people, day, hour)) in rotations.into_iter().enumerate() {
            text += &format!(
                "[[schedules.rotations]]\nname = \"r{number}\"\npeople = {people:?}\n{turns}\nstart = \"2025-12-{day:02} {hour:02}:00\"\n{hours}\n"
            );
        }
        text + &format!(
            "[[schedules.overrides]]\nperson = \"bob\"\nfrom = \"2026-03-{day:02} 18:00\"\nuntil = \"2026-04-02 09:00\"\n\
             [[schedules]]\nid = \"inner\"\ntimezone = \"America/New_York\"\n[[schedules.rotations]]\nname = \"inner\"\n\
             people = [\"carla\", \"anna\"]\nevery = \"3 days\"\nstart = \"2025-11-03 09:00\"\n"
        )
    })
}

/// Who is on call from when to when in a year; gaps and reasons are left out.
fn shifts(
    roster: &Roster,
    from: Timestamp,
    until: Timestamp,
) -> Vec<(Timestamp, Option<Timestamp>, PersonId)> {
    let all = roster.preview(&"s".into(), from, until).into_iter();
    let of = |shift: Previewed| Some((shift.from, shift.until, shift.person?));
    let mut all: Vec<_> = all.filter_map(of).collect();
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_calendar_made_of_a_schedule_and_read_as_one_has_the_same_shifts_for_a_year(text in schedules()) {
        let original = roster(&text);
        let (from, until) = (at("2026-01-15T00:00:00Z"), at("2027-01-15T00:00:00Z"));
        let previewed = original.preview(&"s".into(), from, until);
        let written = write("s", &original.entries(&previewed, until), from);
        let feed = Feed::read(
            &Calendar::read(written.as_bytes()).unwrap(), &original.people, &BTreeMap::new(), &berlin(), "calendar", from,
        ).unwrap();
        let mut copy = roster("[[schedules]]\nid = \"s\"\ntimezone = \"UTC\"\n");
        copy.schedules.get_mut(&ScheduleId::from("s")).unwrap().calendar =
            Some(ShiftCalendar { source: "s.ics".to_owned(), names: BTreeMap::new(), feed: Some(feed) });
        // What has no end within a year ends with the calendar.
        let ours = shifts(&original, from, until).into_iter().map(|(a, b, who)| (a, b.or(Some(until)), who));
        prop_assert_eq!(ours.collect::<Vec<_>>(), shifts(&copy, from, until));
    }

    #[test]
    fn a_preview_says_of_each_instant_who_is_on_call_then(text in schedules(), minute in 0..365 * 24 * 60_i64) {
        let roster = roster(&text);
        let (from, until) = (at("2026-01-15T00:00:00Z"), at("2027-01-15T00:00:00Z"));
        let now = from + SignedDuration::from_mins(minute);
        let covers = |shift: &&Previewed| shift.from <= now && shift.until.is_none_or(|until| now < until);
        let previewed = roster.preview(&"s".into(), from, until);
        let mut told: Vec<_> = previewed.iter().filter(covers).map(|shift| shift.person.clone()).collect();
        let mut there: Vec<_> = roster.on_call(&"s".into(), now).into_iter().map(|shift| Some(shift.person)).collect();
        if there.is_empty() {
            there.push(None);
        }
        told.sort();
        there.sort();
        prop_assert_eq!(told, there);
    }
}
