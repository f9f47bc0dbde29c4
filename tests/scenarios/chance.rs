//! Histories made by chance: whatever phones and callers do, the rules of every call hold. The
//! rules themselves stand in `told`, `house` and `switch`.

use std::time::Duration;

use nightbell::call::leg::{Gone, NotAnswered};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

use crate::house::{House, PEOPLE};
use crate::story::{Caller, Deed, Sign, Story, answers_after, caller, ms, refused, rings_out, secs, upon};
use crate::switch::Disk;

const HISTORIES: u32 = 400;
const PHONES: [&str; 5] = ["anna", "anna 2", "bob", "carla", "dora"];
const NAMES: [&str; 3] = ["first", "second", "third"];

#[derive(Debug, Clone)]
struct History {
    settings: String,
    skip_busy: bool,
    phones: Vec<Vec<Story>>,
    callers: Vec<Caller>,
    disk: Disk,
    recorder_stuck: bool,
}

fn within(longest: Duration) -> impl Strategy<Value = Duration> {
    let longest = u64::try_from(longest.as_millis()).unwrap();
    (0..=longest).prop_map(ms)
}

fn key() -> impl Strategy<Value = char> {
    prop::sample::select(vec!['1', '1', '2', '5', '9', '*', '#'])
}

/// What somebody does at a phone, at any time after the answer.
fn deeds() -> impl Strategy<Value = Vec<(Duration, Deed)>> {
    let deed = prop_oneof![
        8 => key().prop_map(Deed::Press),
        1 => Just(Deed::End(Gone::HungUp)),
        1 => Just(Deed::End(Gone::MediaTimeout)),
    ];
    prop::collection::vec((within(secs(40)), deed), 0..4)
}

/// What a responder asks for during a call, at any time after the first word.
fn stars() -> impl Strategy<Value = Vec<(Duration, char)>> {
    let key = prop::sample::select(vec!['1', '1', '2', '2', '3', '0', '#', '7']);
    prop::collection::vec((within(secs(60)), key), 0..5)
}

fn asks(story: Story, stars: Vec<(Duration, char)>) -> Story {
    stars.into_iter().fold(story, |story, (after, key)| story.stars(key, upon(Sign::Bridged).plus(after)))
}

fn acts(story: Story, deeds: Vec<(Duration, Deed)>) -> Story {
    deeds.into_iter().fold(story, |story, (after, deed)| story.does(deed, upon(Sign::Answered).plus(after)))
}

fn phone() -> impl Strategy<Value = Story> {
    let rejected = NotAnswered::Rejected { status: 404, reason: "Not Found".to_owned() };
    let why = prop::sample::select(vec![
        NotAnswered::Busy,
        NotAnswered::Declined,
        NotAnswered::NoAnswer,
        rejected,
        NotAnswered::Unreachable("no trunk is up".to_owned()),
        NotAnswered::NoLine("max_calls is reached".to_owned()),
    ]);
    let lost = |after| rings_out().does(Deed::End(Gone::HungUp), upon(Sign::Rings).plus(after));
    prop_oneof![
        1 => Just(Story::default()),
        2 => Just(rings_out()),
        2 => why.prop_map(refused),
        1 => within(secs(25)).prop_map(lost),
        6 => (within(secs(25)), deeds(), stars())
            .prop_map(|(after, deeds, stars)| asks(acts(answers_after(after), deeds), stars)),
    ]
}

/// A caller who sooner or later hangs up, whatever else happens.
fn a_caller() -> impl Strategy<Value = Caller> {
    let blow = prop_oneof![
        30 => Just(None),
        1 => Just(Some(Deed::StopDaemon)),
        1 => Just(Some(Deed::LoseSwitch)),
        1 => Just(Some(Deed::End(Gone::NoAck))),
        6 => Just(Some(Deed::End(Gone::HungUp))),
    ];
    (within(secs(30)), any::<bool>(), deeds(), within(secs(120)), within(secs(90)), blow).prop_map(
        |(at, speaks, deeds, talks, patience, blow)| {
            let caller = Caller { speaks, ..caller().calls_at(at) };
            let caller = Caller { story: acts(caller.story.clone(), deeds), ..caller }
                .hangs_up(upon(Sign::Bridged).plus(talks));
            match blow {
                Some(blow) => caller.does(blow, upon(Sign::CallsIn).plus(patience)),
                None => caller,
            }
        },
    )
}

fn settings() -> impl Strategy<Value = (String, bool)> {
    let one_of = |words: &[&str]| {
        prop::sample::select(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    };
    (
        (any::<bool>(), 1..4_usize, 1..3_u8, 0..3_u8),
        one_of(&["0", "1", "2", "\"all\"", "\"all\""]),
        (any::<bool>(), any::<bool>(), any::<bool>()),
        (one_of(&["1", "any", "none", "5"]), one_of(&["2", "none"])),
        (
            one_of(&["voicemail", "closing"]),
            one_of(&["[]", "[]", r#"["person:dora"]"#, r#"["person:dora", "person:bob"]"#]),
        ),
        one_of(&["shuffled", "listed", "one-random", "all-at-once", "all-at-once"]),
    )
        .prop_map(
            |(
                (menu, max_calls, attempts, repeat),
                max_people,
                (dialled, skip_busy, first),
                (accept, decline),
                (then, invite),
                order,
            )| {
                let menu = if menu { "[hotlines.menu]\nattempts = 2" } else { "" };
                let phones = if first { "first" } else { "all" };
                let text = format!(
                    r#"
[[hotlines]]
name = "Support"
numbers = ["+4930123456"]
trunks = ["carrier"]
prompts = {{ connected = true }}
max_calls = {max_calls}
{menu}
[[hotlines.routes]]
key = "1"
name = "Production"
levels = [["person:anna", "person:bob"], ["person:carla", "person:anna", "person:dora"]]
order = "{order}"
max_people = {max_people}
repeat = {repeat}
skip_dialled = {dialled}
skip_busy = {skip_busy}
invite = {invite}
phones = "{phones}"
accept = {{ key = "{accept}", decline = "{decline}", attempts = {attempts} }}
fallback = {{ then = "{then}", max_length = "20s" }}
"#
                );
                (text, skip_busy)
            },
        )
}

fn history() -> impl Strategy<Value = History> {
    let phones = prop::collection::vec(prop::collection::vec(phone(), 1..3), PHONES.len());
    let callers = prop::collection::vec(a_caller(), 1..=NAMES.len());
    let disk = prop_oneof![4 => Just(Disk::Quick), 1 => within(secs(1)).prop_map(Disk::Takes), 1 => Just(Disk::Hangs)];
    let stuck = prop::bool::weighted(0.05);
    (settings(), phones, callers, disk, stuck).prop_map(
        |((settings, skip_busy), phones, callers, disk, recorder_stuck)| {
            let callers = callers.into_iter().zip(NAMES).map(|(caller, name)| caller.named(name)).collect();
            History { settings, skip_busy, phones, callers, disk, recorder_stuck }
        },
    )
}

async fn happens(history: History) {
    // Anna has two phones, and carla sits next to bob.
    let people = PEOPLE
        .replace(r#"["+4915100000001"]"#, r#"["+4915100000001", "sip:anna@10.1.2.3"]"#)
        .replace(r#"["+4915100000003"]"#, r#"["+4915100000003", "+4915100000002"]"#);
    let mut house = House::with(&history.settings, &people);
    house.disk(history.disk);
    if history.recorder_stuck {
        house.recorder_is_stuck();
    }
    if history.skip_busy {
        house.nobody_is_rung_twice_at_once();
    }
    for (name, stories) in PHONES.iter().zip(history.phones) {
        house.phone_each_time(name, stories);
    }
    let _ = house.calls(history.callers).await;
}

#[test]
fn whatever_happens_every_call_is_told_once_and_leaves_nothing_behind() {
    let config = ProptestConfig {
        cases: HISTORIES,
        rng_seed: RngSeed::Fixed(20_261_120),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(&history(), |history| {
            let paused = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            paused.block_on(happens(history));
            Ok(())
        })
        .unwrap();
}
