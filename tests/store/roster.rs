//! Who is on call: applied, found again, and changed without losing what commands have said.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::{DateTime, date};
use nightbell::oncall::Way;
use nightbell::oncall::{
    Escalation, EscalationId, EscalationLevel, Every, Hours, HoursException, HoursId, Language, Member,
    OncallFile, Origin, Override, OverrideKind, Person, PersonId, PersonPhone, Phone, Recurrence, Roster,
    Rotation, Schedule, ScheduleId, ShiftCalendar, Stacking, Target, Team, TeamId, Turns, WeekInterval, Zone,
};
use nightbell::store::Store;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::scratch::Scratch;

const BEFORE: &str = r#"
[[people]]
id = "anna"
name = "Anna Schmidt"
phones = ["+4915112345678", "sip:anna@10.1.2.3"]
language = "de"

[[people]]
id = "bob"
name = "Bob"
phones = ["+4915100000001"]

[[teams]]
id = "sre"
levels = [["schedule:production", "person:bob"], ["person:anna"]]

[[schedules]]
id = "old"
timezone = "UTC"
[[schedules.rotations]]
name = "all"
people = ["bob"]
every = "1 week"
start = "2026-01-05 09:00"

[[schedules]]
id = "production"
timezone = "Europe/Berlin"
[[schedules.rotations]]
name = "weekly"
people = ["anna", "bob"]
every = "1 week"
start = "2026-01-05 09:00"
[[schedules.rotations]]
name = "nights"
people = ["bob", "nobody"]
every = "1 day"
start = "2026-01-05 22:00"
until = "2027-01-01 00:00"
hours = ["mon-sun 22:00-06:00"]
[[schedules.overrides]]
person = "anna"
from = "2026-12-24 18:00"
until = "2026-12-25 09:00"
"#;

const AFTER: &str = r#"
[[people]]
id = "anna"
name = "Anna Schmidt"
phones = ["+4915112345678"]
language = "de"
available = false

[[people]]
id = "bob"
name = "Bob"
phones = ["+4915100000001"]
email = "bob@acme.example"

[[people]]
id = "carla"
name = "Carla"
phones = ["+4915100000002"]

[[teams]]
id = "sre"
levels = [["schedule:production"], ["person:anna"]]

[[schedules]]
id = "production"
timezone = "Europe/Vienna"
[[schedules.rotations]]
name = "nights"
people = ["bob", "nobody"]
every = "1 day"
start = "2026-01-05 22:00"
[[schedules.rotations]]
name = "weekly"
people = ["anna", "bob", "carla"]
every = "1 week"
start = "2026-01-05 09:00"
[[schedules.overrides]]
person = "carla"
from = "2026-12-24 18:00"
until = "2026-12-25 09:00"
"#;

fn file(text: &str) -> Roster {
    let (roster, problems) = OncallFile::parse(text).unwrap().compile();
    assert!(!problems.iter().any(|problem| problem.is_error()), "{problems:?}");
    roster
}

fn apply(store: &Store, roster: &Roster) -> Vec<String> {
    store.apply_roster(roster, false).unwrap().iter().map(ToString::to_string).collect()
}

/// What a command would write.
fn by_command(scratch: &Scratch, sql: &str) {
    let database = rusqlite::Connection::open(scratch.path().join("nightbell.db")).unwrap();
    database.execute_batch(sql).unwrap();
}

#[test]
fn the_first_file_is_told_as_all_new() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    assert_eq!(
        apply(&store, &file(BEFORE)),
        [
            "+ person anna (Anna Schmidt)",
            "+ person bob (Bob)",
            "+ team sre (schedule:production + person:bob, then person:anna)",
            "+ schedule old (UTC)",
            "+ schedule old: rotation all (every 1 week from 2026-01-05 09:00: bob)",
            "+ schedule production (Europe/Berlin)",
            "+ schedule production: rotation weekly (every 1 week from 2026-01-05 09:00: anna, bob)",
            "+ schedule production: rotation nights (every 1 day from 2026-01-05 22:00: bob, nobody)",
            "+ schedule production: override anna from 2026-12-24 18:00 until 2026-12-25 09:00",
        ]
    );
    assert_eq!(store.reader().load_roster().unwrap(), file(BEFORE));
    assert_eq!(apply(&store, &file(BEFORE)), [""; 0]);
}

#[test]
fn the_shipped_example_is_found_again_as_it_was_applied() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    let example = file(include_str!("../../config/oncall.toml"));
    apply(&store, &example);
    assert!(!example.schedules.is_empty());
    assert_eq!(store.reader().load_roster().unwrap(), example);
}

#[test]
fn a_changed_file_is_told_as_a_person_would_write_it() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    apply(&store, &file(BEFORE));
    assert_eq!(
        apply(&store, &file(AFTER)),
        [
            "~ person anna: phones +4915112345678, sip:anna@10.1.2.3 -> +4915112345678",
            "~ person anna: available yes -> no",
            "~ person bob: email none -> bob@acme.example",
            "+ person carla (Carla)",
            "~ team sre: levels schedule:production + person:bob, then person:anna -> \
             schedule:production, then person:anna",
            "~ schedule production: time zone Europe/Berlin -> Europe/Vienna",
            "~ schedule production: rotation nights: until 2027-01-01 00:00 -> none",
            "~ schedule production: rotation nights: hours mon-sun 22:00-06:00 -> always",
            "~ schedule production: rotation weekly: people anna, bob -> anna, bob, carla",
            "+ schedule production: override carla from 2026-12-24 18:00 until 2026-12-25 09:00",
            "- schedule old (UTC)",
            "- schedule production: override anna from 2026-12-24 18:00 until 2026-12-25 09:00",
            "~ schedule production: order of rotations weekly, nights -> nights, weekly",
        ]
    );
    assert_eq!(store.reader().load_roster().unwrap(), file(AFTER));
}

#[test]
fn a_dry_run_tells_the_changes_and_makes_none() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    apply(&store, &file(BEFORE));
    let dry = store.apply_roster(&file(AFTER), true).unwrap();
    assert_eq!(store.reader().load_roster().unwrap(), file(BEFORE));
    assert_eq!(store.apply_roster(&file(AFTER), false).unwrap(), dry);
}

#[test]
fn what_came_by_command_outlives_the_file() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    apply(&store, &file(BEFORE));
    by_command(
        &scratch,
        "UPDATE people SET available_by_command = 0 WHERE id = 'bob';
         INSERT INTO overrides (schedule_id, target, kind, starts_at, ends_at, from_file)
         VALUES ('production', 'person:bob', 'replace', '2026-12-24T00:00:00', '2026-12-27T00:00:00', 0)",
    );
    assert_eq!(apply(&store, &file(BEFORE)), [""; 0], "a command is no difference between files");
    apply(&store, &file(AFTER));

    let roster = store.reader().load_roster().unwrap();
    assert!(!roster.people[&PersonId::new("bob")].is_available(jiff::Timestamp::UNIX_EPOCH));
    let overrides = &roster.schedules[&ScheduleId::new("production")].overrides;
    let told: Vec<_> =
        overrides.iter().map(|entry| (entry.member.to_string(), entry.origin == Origin::File)).collect();
    let expected = [("carla".to_owned(), true), ("bob".to_owned(), false)];
    assert_eq!(told, expected, "a command comes later and so wins");
}

#[test]
fn a_phone_that_its_owner_has_confirmed_stays_so_when_the_file_is_read_again() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    let waiting = BEFORE.replace("\"+4915112345678\"", "{ phone = \"+4915112345678\", unconfirmed = true }");
    apply(&store, &file(&waiting));
    let anna = PersonId::new("anna");
    let phone = Phone::parse("+4915112345678").unwrap();
    let first = || store.reader().load_roster().unwrap().people[&anna].phones[0].confirmed;
    assert!(!first());
    assert!(store.confirm_phone(&anna, &phone, jiff::Timestamp::UNIX_EPOCH).unwrap());
    assert!(first());
    assert_eq!(apply(&store, &file(&waiting)), [""; 0]);
    assert!(first());
    assert!(store.reader().roster_with(&file(&waiting)).unwrap().people[&anna].phones[0].confirmed);
    let of_nobody = Phone::parse("+4915112345679").unwrap();
    assert!(!store.confirm_phone(&anna, &of_nobody, jiff::Timestamp::UNIX_EPOCH).unwrap());
}

#[test]
fn an_override_whose_schedule_goes_is_told() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    apply(&store, &file(BEFORE));
    by_command(
        &scratch,
        "INSERT INTO overrides (schedule_id, target, kind, starts_at, ends_at, from_file)
         VALUES ('old', 'person:bob', 'replace', '2026-12-24T00:00:00', '2026-12-27T00:00:00', 0)",
    );
    let changes = apply(&store, &file(AFTER));
    let told = "- schedule old: override bob from 2026-12-24 00:00 until 2026-12-27 00:00 (made by command)";
    assert_eq!(changes.last().map(String::as_str), Some(told));
}

fn name() -> impl Strategy<Value = String> {
    "[a-z0-9][a-z0-9_.-]{0,6}"
}

/// As settings may have it.
fn wall() -> impl Strategy<Value = DateTime> {
    (1970_i16..2200, 1_i8..=12, 1_i8..=28, 0_i8..24, 0_i8..60, 0_i8..60).prop_map(
        |(year, month, day, hour, minute, second)| date(year, month, day).at(hour, minute, second, 0),
    )
}

fn phone() -> impl Strategy<Value = Phone> {
    let text = prop_oneof!["\\+[1-9][0-9]{6,14}", "sip:[a-z]{1,8}@[a-z]{1,8}(:[1-9][0-9]{3})?"];
    text.prop_map(|text| Phone::parse(&text).unwrap())
}

fn target() -> impl Strategy<Value = Target> {
    (select(vec!["person", "team", "schedule", "everyone"]), name())
        .prop_map(|(kind, name)| format!("{kind}:{name}").parse().unwrap())
}

fn person_phone() -> impl Strategy<Value = PersonPhone> {
    (phone(), any::<bool>()).prop_map(|(phone, confirmed)| PersonPhone { phone, confirmed })
}

fn person(id: PersonId) -> impl Strategy<Value = Person> {
    let language = option::of(select(Language::ALL.to_vec()));
    (any::<String>(), vec(person_phone(), 0..4), option::of(any::<String>()), language, any::<bool>())
        .prop_map(move |(name, phones, email, language, available)| Person {
            id: id.clone(),
            name,
            phones,
            email,
            language,
            notify: vec![Way::Email, Way::of("pager"), Way::Phone],
            available,
            by_command: None,
        })
}

fn escalation(id: EscalationId) -> impl Strategy<Value = Escalation> {
    let level = (vec(target(), 1..3), 0..100_000_u64)
        .prop_map(|(targets, after)| EscalationLevel { targets, after: Duration::from_millis(after) });
    (0..=9_u8, vec(level, 0..3)).prop_map(move |(repeat, levels)| Escalation {
        id: id.clone(),
        repeat,
        levels,
    })
}

fn opening_hours(id: HoursId) -> impl Strategy<Value = Hours> {
    let days = (wall(), 0..9_i64, any::<bool>(), option::of(any::<String>()));
    let days = days.prop_map(|(first, days, open, name)| HoursException {
        first: first.date(),
        last: first.date().saturating_add(jiff::Span::new().days(days)),
        open,
        name,
    });
    (zone(), vec(hours(), 0..3), vec(days, 0..3), option::of(any::<String>())).prop_map(
        move |(timezone, week, mut exceptions, calendar)| {
            // Written as two lists: what is closed, then what is open.
            exceptions.sort_by_key(|days| days.open);
            Hours { id: id.clone(), timezone, week, exceptions, holidays: Vec::new(), calendar }
        },
    )
}

fn zone() -> impl Strategy<Value = Zone> {
    select(vec!["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"])
        .prop_map(|name| name.parse().unwrap())
}

fn hours() -> impl Strategy<Value = WeekInterval> {
    let known = ["mon-fri 09:00-17:00", "sat-sun", "fri 18:00-mon 08:00", "22:00-06:00", "wed 00:00-24:00"];
    select(known.to_vec()).prop_map(|text| text.parse().unwrap())
}

/// Turns of a rotation that begins at a wall-clock time of a zone.
fn turns(zone: Zone) -> impl Strategy<Value = (DateTime, Turns)> {
    let every = (1_u32..=12, select(vec!["hours", "days", "weeks", "months"]))
        .prop_map(|(count, unit)| format!("{count} {unit}").parse::<Every>().unwrap());
    let rule = option::of(select(vec!["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,TH"]));
    (wall(), every, rule).prop_map(move |(start, every, rule)| {
        let recurrence = |rule| Recurrence::new(rule, every, start, &zone).unwrap();
        (start, rule.map_or(Turns::Every(every), |rule| Turns::Recurrence(recurrence(rule))))
    })
}

fn member() -> impl Strategy<Value = Member> {
    prop_oneof![Just(Member::Nobody), target().prop_map(Member::Target)]
}

fn rotation(zone: Zone) -> impl Strategy<Value = Rotation> {
    (name(), vec(member(), 0..4), turns(zone), option::of(wall()), vec(hours(), 0..3)).prop_map(
        |(name, people, (start, turns), until, hours)| Rotation { name, people, turns, start, until, hours },
    )
}

fn override_entry() -> impl Strategy<Value = Override> {
    let what = prop_oneof![
        member().prop_map(|member| (OverrideKind::Replace, member, None)),
        (member(), target()).prop_map(|(member, who)| (OverrideKind::Replace, member, Some(who))),
        target().prop_map(|who| (OverrideKind::Add, Member::Target(who), None)),
        target().prop_map(|who| (OverrideKind::Remove, Member::Target(who), None)),
    ];
    (what, vec(name(), 0..3), wall(), wall()).prop_map(
        |((kind, member, instead_of), rotations, from, until)| Override {
            member,
            kind,
            instead_of,
            rotations,
            from,
            until,
            origin: Origin::File,
        },
    )
}

fn shift_calendar(people: Vec<PersonId>) -> impl Strategy<Value = ShiftCalendar> {
    (any::<String>(), btree_map(any::<String>(), select(people), 0..3))
        .prop_map(|(source, names)| ShiftCalendar { source, names, feed: None })
}

fn schedule(id: ScheduleId, people: Vec<PersonId>) -> impl Strategy<Value = Schedule> {
    let stacking = select(vec![Stacking::Layers, Stacking::Parallel]);
    let rotations = zone().prop_flat_map(|zone| {
        vec(rotation(zone.clone()), 0..4).prop_map(move |mut all| {
            let mut names = std::collections::BTreeSet::new();
            all.retain(|rotation: &Rotation| names.insert(rotation.name.clone()));
            (zone.clone(), all)
        })
    });
    let calendar = option::of(shift_calendar(people));
    (rotations, stacking, any::<bool>(), calendar, vec(override_entry(), 0..3)).prop_map(
        move |((timezone, rotations), stacking, enabled, calendar, overrides)| Schedule {
            id: id.clone(),
            timezone,
            stacking,
            enabled,
            calendar,
            rotations,
            overrides: overrides.into(),
        },
    )
}

/// A map of things that know the names they are found by.
fn map<K: Ord + Clone + std::fmt::Debug, T: std::fmt::Debug, S: Strategy<Value = T>>(
    ids: impl IntoIterator<Item = K>,
    make: impl Fn(K) -> S,
) -> impl Strategy<Value = BTreeMap<K, T>> {
    let entries: Vec<_> = ids.into_iter().map(|id| (Just(id.clone()), make(id))).collect();
    entries.prop_map(|entries| entries.into_iter().collect())
}

fn roster() -> impl Strategy<Value = Roster> {
    let ids = (btree_set(name(), 1..5), btree_set(name(), 0..4));
    let teams = btree_map(name(), vec(vec(target(), 0..3), 0..3), 0..4);
    let others = (teams, btree_set(name(), 0..3), btree_set(name(), 0..3));
    (ids, others).prop_flat_map(|((people, schedules), (teams, escalations, hours))| {
        let people: Vec<PersonId> = people.iter().map(|id| PersonId::new(id)).collect();
        let everybody = people.clone();
        let schedules = map(schedules.into_iter().map(|id| ScheduleId::new(&id)), move |id| {
            schedule(id, everybody.clone())
        });
        let escalations = map(escalations.into_iter().map(|id| EscalationId::new(&id)), escalation);
        let hours = map(hours.into_iter().map(|id| HoursId::new(&id)), opening_hours);
        let teams: BTreeMap<TeamId, Team> = teams
            .into_iter()
            .map(|(id, levels)| (TeamId::new(&id), Team { id: TeamId::new(&id), levels }))
            .collect();
        (map(people, person), escalations, schedules, hours).prop_map(
            move |(people, escalations, schedules, hours)| Roster {
                people,
                teams: teams.clone(),
                escalations,
                schedules,
                hours,
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_applied_is_what_is_found_whatever_was_there_before(first in roster(), second in roster()) {
        let scratch = Scratch::new();
        let store = Store::open(scratch.path()).unwrap();
        store.apply_roster(&first, false).unwrap();
        prop_assert_eq!(&store.reader().load_roster().unwrap(), &first);

        let changes = store.apply_roster(&second, false).unwrap();
        prop_assert_eq!(changes.is_empty(), first == second);
        prop_assert_eq!(&store.reader().load_roster().unwrap(), &second);
        prop_assert_eq!(store.apply_roster(&second, false).unwrap(), []);
    }
}

#[test]
fn the_address_of_a_calendar_is_never_told_but_a_new_one_is() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    let roster = |address: &str| {
        let text = format!(
            "[[schedules]]\nid = \"s\"\ntimezone = \"UTC\"\ncalendar = \"https://cal.example/{address}\"\n"
        );
        OncallFile::parse(&text).unwrap().compile().0
    };
    store.apply_roster(&roster("secret-one"), false).unwrap();
    let changes = store.apply_roster(&roster("secret-two"), false).unwrap();
    assert_eq!(changes.len(), 1);
    let told = changes[0].to_string();
    assert!(told.contains("https://cal.example/...") && !told.contains("secret"), "{told}");
}
