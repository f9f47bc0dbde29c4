//! Callers who wait for somebody who is busy, and responders who are left in peace for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use nightbell::call::journal::Outcome;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::house::{House, PEOPLE, one_route};
use crate::story::{
    Caller, Sign, Story, accepts_after, answers_after, caller, is_busy, ms, rings_out, secs, turns_it_down,
    upon,
};
use crate::told::Told;

const ANNA: &str = r#"[["person:anna"]]"#;
const BOTH: &str = r#"[["person:anna"], ["person:bob"]]"#;
const TWO_MINUTES: &str = "wait_for_busy = \"2m\"";

/// A caller who talks for so long, or leaves a message of ten seconds.
fn talks(name: &'static str, at: u64, length: u64) -> Caller {
    caller()
        .named(name)
        .calls_at(secs(at))
        .hangs_up(upon(Sign::Bridged).plus(secs(length)))
        .hangs_up(upon(Sign::Recorded).plus(secs(10)))
}

/// When a call's first responder was rung, in ms since the house was opened.
fn rung_at(call: &Told, at: u64) -> i64 {
    call.rung()[0].1 + i64::try_from(at).unwrap() * 1000
}

#[tokio::test(start_paused = true)]
async fn a_caller_waits_for_somebody_who_is_busy_and_gets_them_at_once() {
    let mut house = House::with(&one_route(ANNA, TWO_MINUTES), PEOPLE);
    house.phone("anna", accepts_after(secs(2)));
    let calls = house.calls(vec![talks("first", 0, 60), talks("second", 30, 10)]).await;
    insta::assert_snapshot!(calls[1].timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1)
       2.100   DialTarget          nobody else can be rung now: waiting up to 2 min for anna
      42.700   DialTarget          anna is free after 41 s
      42.700   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
      44.900   DialTargetResult    anna: answered
      44.900   ConfirmTarget       anna: asked to press 1
      53.300   ConfirmTargetResult anna: accepted with 1
      53.300   Bridge              anna: the caller and anna hear each other
      63.300   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn the_wait_ends_after_its_time_and_the_caller_leaves_a_message() {
    let mut house = House::with(&one_route(BOTH, "wait_for_busy = \"20s\""), PEOPLE);
    house.phone("anna", accepts_after(secs(2)));
    house.phone("bob", is_busy());
    let calls = house.calls(vec![talks("first", 0, 60), talks("second", 20, 10)]).await;
    insta::assert_snapshot!(calls[1].timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2)
       2.100   DialTarget          bob: 1. ringing bob at +4915100000002 (level 2: named in level 2)
       2.400   DialTargetResult    bob: busy
       2.400   DialTarget          nobody else can be rung now: waiting up to 20 s for anna
      22.400   DialTarget          nobody became free within 20 s
      22.400 ~ DialTarget          anna: not rung: busy with another call, also after waiting
      22.400   Voicemail           nobody accepted
      35.020   RecordMessage       a message of 10 s was kept
      35.020   Hangup              the caller hung up
    voicemail: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn who_has_waited_longest_is_served_first() {
    let mut house = House::with(&one_route(ANNA, "wait_for_busy = \"10m\""), PEOPLE);
    house.phone("anna", accepts_after(secs(2)));
    let at = [0, 10, 20, 30];
    let callers = ["a", "b", "c", "d"].into_iter().zip(at).map(|(name, at)| talks(name, at, 30));
    let calls = house.calls(callers.collect()).await;
    assert!(calls.iter().all(|call| call.outcome == Outcome::Accepted));
    let rung: Vec<_> = calls.iter().zip(at).map(|(call, at)| rung_at(call, at)).collect();
    assert!(rung.is_sorted(), "{rung:?}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_leaves_the_line_and_nobody_is_rung_for_them() {
    let mut house = House::with(&one_route(ANNA, "wait_for_busy = \"10m\""), PEOPLE);
    house.phone("anna", accepts_after(secs(2)));
    let gone = caller().named("gone").calls_at(secs(10)).hangs_up(upon(Sign::CallsIn).plus(secs(20)));
    let calls = house.calls(vec![talks("first", 0, 60), gone, talks("third", 20, 10)]).await;
    assert_eq!((calls[1].rang(), calls[1].outcome), (vec![], Outcome::Missed));
    assert_eq!((calls[2].rang(), calls[2].outcome), (vec!["anna"], Outcome::Accepted));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_in_the_moment_somebody_becomes_free_passes_them_on() {
    let mut house = House::with(&one_route(ANNA, "wait_for_busy = \"10m\""), PEOPLE);
    house.phone("anna", accepts_after(secs(2)));
    let ends = upon(Sign::Bridged).plus(secs(60));
    let first = caller().named("first").hangs_up(ends.clone());
    let gone = caller().named("gone").calls_at(secs(10)).hangs_up(ends.of("first"));
    let calls = house.calls(vec![first, gone, talks("third", 20, 10)]).await;
    assert_eq!(calls[1].outcome, Outcome::Missed);
    assert_eq!((calls[2].rang(), calls[2].outcome), (vec!["anna"], Outcome::Accepted));
}

#[tokio::test(start_paused = true)]
async fn who_has_declined_is_not_waited_for() {
    let mut house = House::with(&one_route(BOTH, TWO_MINUTES), PEOPLE);
    house.phone("anna", accepts_after(secs(2)));
    house.phone_each_time("bob", vec![turns_it_down(), accepts_after(secs(1))]);
    let calls = house.calls(vec![talks("first", 0, 60), talks("second", 20, 10)]).await;
    assert_eq!(calls[1].rang(), ["bob", "anna"]);
    assert!(calls[1].timeline().contains("waiting up to 2 min for anna"), "{}", calls[1].timeline());
}

#[tokio::test(start_paused = true)]
async fn nobody_is_waited_for_where_as_many_were_rung_as_may_be() {
    let mut house = House::with(&one_route(BOTH, &format!("{TWO_MINUTES}\nmax_people = 1")), PEOPLE);
    house.phone("anna", accepts_after(secs(2)));
    house.phone("bob", rings_out());
    let calls = house.calls(vec![talks("first", 0, 120), talks("second", 20, 10)]).await;
    assert_eq!((calls[1].rang(), calls[1].outcome), (vec!["bob"], Outcome::Voicemail));
}

#[tokio::test(start_paused = true)]
async fn after_the_wait_the_chain_is_repeated_as_often_as_the_route_says() {
    let again = format!("{TWO_MINUTES}\nrepeat = 1\nskip_dialled = false");
    let mut house = House::with(&one_route(ANNA, &again), PEOPLE);
    house.phone_each_time("anna", vec![accepts_after(secs(2)), rings_out(), accepts_after(secs(2))]);
    let calls = house.calls(vec![talks("first", 0, 30), talks("second", 10, 10)]).await;
    assert_eq!((calls[1].rang(), calls[1].outcome), (vec!["anna", "anna"], Outcome::Accepted));
}

#[tokio::test(start_paused = true)]
async fn lines_of_the_hotline_are_held_while_waiting() {
    let settings = one_route(ANNA, TWO_MINUTES).replace("trunks =", "max_calls = 2\ntrunks =");
    let mut house = House::with(&settings, PEOPLE);
    house.phone("anna", accepts_after(secs(2)));
    let third = caller().named("third").calls_at(secs(30));
    let calls = house.calls(vec![talks("first", 0, 60), talks("second", 20, 10), third]).await;
    assert_eq!(calls[1].outcome, Outcome::Accepted);
    assert_eq!(calls[2].reason, "all lines of the hotline were in use");
}

#[tokio::test(start_paused = true)]
async fn after_a_call_a_responder_is_left_in_peace_and_waited_for() {
    let mut house = House::with(&one_route(ANNA, &format!("{TWO_MINUTES}\nwrap_up = \"30s\"")), PEOPLE);
    house.phone("anna", accepts_after(secs(2)));
    let calls = house.calls(vec![talks("first", 0, 10), talks("second", 20, 10)]).await;
    // The first call ends at 22.7 s.
    assert_eq!(rung_at(&calls[1], 20), 52_700, "{}", calls[1].timeline());
}

#[tokio::test(start_paused = true)]
async fn after_a_call_a_responder_comes_last_yet_is_rung_where_nobody_else_is() {
    let mut house = House::with(&one_route(BOTH, "wrap_up = \"5m\""), PEOPLE);
    house.phone("anna", accepts_after(secs(2)));
    house.phone("bob", rings_out());
    let calls = house.calls(vec![talks("first", 0, 10), talks("second", 40, 10)]).await;
    assert_eq!((calls[1].rang(), calls[1].outcome), (vec!["bob", "anna"], Outcome::Accepted));
}

#[tokio::test(start_paused = true)]
async fn a_caller_is_not_lost_to_a_rest_that_is_longer_than_the_wait() {
    let more = "wrap_up = \"10m\"\nwait_for_busy = \"20s\"";
    let mut house = House::with(&one_route(ANNA, more), PEOPLE);
    house.phone("anna", accepts_after(secs(2)));
    let calls = house.calls(vec![talks("first", 0, 10), talks("second", 40, 10)]).await;
    assert_eq!((calls[1].rang(), calls[1].outcome), (vec!["anna"], Outcome::Accepted));
    insta::assert_snapshot!(calls[1].timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1)
       2.100   DialTarget          nobody else can be rung now: waiting up to 20 s for anna
      22.100   DialTarget          nobody became free within 20 s
      22.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
      24.300   DialTargetResult    anna: answered
      24.300   ConfirmTarget       anna: asked to press 1
      32.700   ConfirmTargetResult anna: accepted with 1
      32.700   Bridge              anna: the caller and anna hear each other
      42.700   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn who_misses_calls_in_a_row_is_rung_last_for_a_while() {
    let pause = "pause = { after_misses = 2, for = \"10m\" }";
    let mut house = House::with(&one_route(BOTH, pause), PEOPLE);
    // The second time anna picks up, and presses no key.
    house.phone_each_time("anna", vec![rings_out(), answers_after(secs(1)), rings_out()]);
    house.phone("bob", accepts_after(secs(1)));
    let calls: Vec<_> = [0, 100, 200, 900].into_iter().zip(["a", "b", "c", "d"]).collect();
    let calls = house.calls(calls.into_iter().map(|(at, name)| talks(name, at, 5)).collect()).await;
    let rang: Vec<_> = calls.iter().map(Told::rang).collect();
    assert_eq!(rang, [vec!["anna", "bob"], vec!["anna", "bob"], vec!["bob"], vec!["anna", "bob"]]);
    let why = "not rung: has missed 2 calls in a row (paused, 8 min";
    assert!(calls[2].timeline().contains(why), "{}", calls[2].timeline());
}

#[tokio::test(start_paused = true)]
async fn who_is_paused_is_rung_all_the_same_where_nobody_else_is_and_a_call_taken_ends_the_pause() {
    let pause = "pause = { after_misses = 1, for = \"10m\" }";
    let mut house = House::with(&one_route(BOTH, pause), PEOPLE);
    house.phone_each_time("anna", vec![rings_out(), accepts_after(secs(1))]);
    house.phone_each_time("bob", vec![accepts_after(secs(1)), is_busy(), rings_out()]);
    let calls = house.calls(vec![talks("a", 0, 5), talks("b", 100, 5), talks("c", 200, 5)]).await;
    let rang: Vec<_> = calls.iter().map(Told::rang).collect();
    assert_eq!(rang, [vec!["anna", "bob"], vec!["bob", "anna"], vec!["anna"]]);
}

#[tokio::test(start_paused = true)]
async fn who_calls_again_gets_the_same_responder_first() {
    let again = "same_responder = \"30m\"";
    let mut house = House::with(&one_route(BOTH, again), PEOPLE);
    house.phone_each_time("anna", vec![rings_out(), accepts_after(secs(1))]);
    house.phone("bob", accepts_after(secs(1)));
    let other = talks("other", 200, 5).from("+4915155501");
    let calls = house.calls(vec![talks("a", 0, 5), talks("b", 100, 5), other, talks("late", 3600, 5)]).await;
    let rang: Vec<_> = calls.iter().map(Told::rang).collect();
    assert_eq!(rang, [vec!["anna", "bob"], vec!["bob"], vec!["anna"], vec!["anna"]]);
    let why = "bob (level 2: spoke with this caller 1 min 5 s ago; named in level 2); anna";
    assert!(calls[1].timeline().contains(why), "{}", calls[1].timeline());
}

#[tokio::test(start_paused = true)]
async fn who_calls_again_gets_the_same_responder_first_also_where_the_call_goes_on_at_another_hotline() {
    let elsewhere = one_route("[]", "redirect = { hotline = \"Sales\" }");
    let elsewhere = elsewhere.replace("order = \"listed\"\nlevels = []\n", "");
    let sales =
        one_route(BOTH, "same_responder = \"30m\"").replace("Support", "Sales").replace("123456", "777");
    let mut house = House::with(&(elsewhere + &sales), PEOPLE);
    house.phone_each_time("anna", vec![rings_out(), accepts_after(secs(1))]);
    house.phone("bob", accepts_after(secs(1)));
    let calls = house.calls(vec![talks("a", 0, 5), talks("b", 100, 5)]).await;
    let rang: Vec<_> = calls.iter().map(Told::rang).collect();
    assert_eq!(rang, [vec!["anna", "bob"], vec!["bob"]]);
}

#[tokio::test(start_paused = true)]
async fn who_has_just_declined_is_rung_last_for_the_next_caller() {
    let mut house = House::with(&one_route(BOTH, ""), PEOPLE);
    house.phone_each_time("anna", vec![turns_it_down(), accepts_after(secs(1))]);
    house.phone("bob", accepts_after(secs(1)));
    // Anna declines at 4.3 s, and is left in peace for half a minute; bob talks until 70 s.
    let calls = house.calls(vec![talks("a", 0, 60), talks("b", 10, 5), talks("c", 100, 5)]).await;
    let rang: Vec<_> = calls.iter().map(Told::rang).collect();
    assert_eq!(rang, [vec!["anna", "bob"], vec!["anna"], vec!["anna"]]);
    let mut house = House::with(&one_route(BOTH, ""), PEOPLE);
    house.phone_each_time("anna", vec![turns_it_down(), accepts_after(secs(1))]);
    house.phone("bob", accepts_after(secs(1)));
    let calls = house.calls(vec![talks("a", 0, 1), talks("b", 18, 5)]).await;
    assert_eq!(calls[1].rang(), ["bob"], "{}", calls[1].timeline());
}

/// A hotline whose callers hear these announcements.
fn announcing(lines: &str, more: &str) -> String {
    one_route(ANNA, more)
        .replace("[[hotlines.routes]]", &format!("[hotlines.waiting]\n{lines}\n[[hotlines.routes]]"))
}

#[tokio::test(start_paused = true)]
async fn callers_in_line_hear_their_place_and_how_long_it_will_take() {
    let mut house = House::with(
        &announcing("position = true\ntime = true\nevery = \"20s\"", "wait_for_busy = \"10m\""),
        PEOPLE,
    );
    house.phone("anna", accepts_after(secs(2)));
    let calls = house.calls(vec![talks("a", 0, 100), talks("b", 20, 60), talks("c", 30, 5)]).await;
    // Alone on hold, nobody has a place.
    assert_eq!(calls[0].heard("a"), ["[en/welcome]", "[en/please-hold]", "[Hold]... --", "the other one"]);
    insta::assert_snapshot!(calls[1].heard("b").join("\n"), @r#"
    [en/welcome]
    [en/please-hold]
    [Hold]... --
    [en/waiting-minutes] [en/1]
    [Hold]... --
    [en/your-position] [en/1]
    [Hold]... --
    [en/your-position] [en/1]
    [Hold]... --
    [en/your-position] [en/1]
    [Hold]... --
    [en/your-position] [en/1]
    [Hold]... --
    the other one
    "#);
    insta::assert_snapshot!(calls[2].heard("c").join("\n"), @r#"
    [en/welcome]
    [en/please-hold]
    [Hold]... --
    [en/your-position] [en/2] [en/waiting-minutes] [en/1]
    [Hold]... --
    [en/your-position] [en/2]
    [Hold]... --
    [en/your-position] [en/2]
    [Hold]... --
    [en/your-position] [en/2]
    [Hold]... --
    [en/your-position] [en/2]
    [Hold]... --
    the other one
    "#);
}

#[tokio::test(start_paused = true)]
async fn callers_hear_that_the_next_person_is_tried_where_that_is_set() {
    let settings = announcing("next_person = true", "").replace(ANNA, BOTH);
    let mut house = House::with(&settings, PEOPLE);
    house.phone("anna", rings_out());
    house.phone("bob", accepts_after(secs(2)));
    let call = house.call(talks("caller", 0, 5)).await;
    let heard = [
        "[en/welcome]",
        "[en/please-hold]",
        "[Hold]... --",
        "[en/next-person]",
        "[Hold]... --",
        "the other one",
    ];
    assert_eq!(call.heard("caller"), heard);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_is_to_be_in_front_is_served_before_those_who_wait_longer() {
    let vip = "[[hotlines.callers]]\nname = \"VIP\"\nnumbers = [\"+4915155509\"]\nposition = \"front\"\n";
    let settings =
        one_route(ANNA, TWO_MINUTES).replace("[[hotlines.routes]]", &format!("{vip}[[hotlines.routes]]"));
    let mut house = House::with(&settings, PEOPLE);
    house.phone("anna", accepts_after(secs(2)));
    let vip = talks("vip", 40, 5).from("+4915155509");
    let calls = house.calls(vec![talks("a", 0, 60), talks("b", 20, 5), talks("c", 30, 5), vip]).await;
    let rung = |index: usize, at| rung_at(&calls[index], at);
    let order = [rung(0, 0), rung(3, 40), rung(1, 20), rung(2, 30)];
    assert!(order.is_sorted(), "{order:?}");
    assert!(calls[3].timeline().contains("1. of 3 callers in line"), "{}", calls[3].timeline());
}

/// A hotline where both hear that they are connected.
fn connecting(levels: &str) -> String {
    one_route(levels, "").replace("trunks =", "prompts = { connected = true }\ntrunks =")
}

#[tokio::test(start_paused = true)]
async fn both_hear_that_they_are_connected_at_the_same_time_and_then_each_other() {
    let mut house = House::with(&connecting(ANNA), PEOPLE);
    house.phone("anna", accepts_after(secs(9)));
    let call = house.call(talks("caller", 0, 5)).await;
    let caller = ["[en/welcome]", "[en/please-hold]", "[Hold]... --", "[en/connected]", "the other one"];
    assert_eq!(call.heard("caller"), caller);
    assert_eq!(
        call.heard("anna").last_chunk(),
        Some(&["[en/connected]".to_owned(), "the other one".to_owned()])
    );
}

#[tokio::test(start_paused = true)]
async fn a_responder_who_hangs_up_while_being_connected_leaves_the_caller_to_the_next() {
    let mut house = House::with(&connecting(BOTH), PEOPLE);
    house.phone("anna", accepts_after(secs(2)).hangs_up(upon(Sign::Hears("connected")).plus(ms(300))));
    house.phone("bob", accepts_after(secs(2)));
    let call = house.call(talks("caller", 0, 5)).await;
    assert_eq!((call.rang(), call.outcome), (vec!["anna", "bob"], Outcome::Accepted));
    assert!(call.timeline().contains("anna: accepted, then hung up before the call was put through"));
}

#[tokio::test(start_paused = true)]
async fn an_accept_prompt_may_tell_who_calls_and_for_how_long() {
    let prompt = "accept = { prompt = { say = \"A call from {caller}, waiting for {waiting}. Press 1.\" } }";
    let heard = async |caller: Caller| {
        let mut house = House::with(&one_route(BOTH, prompt), PEOPLE);
        house.phone("anna", rings_out());
        house.phone("bob", answers_after(secs(2)).presses('1', upon(Sign::HasHeard("Press 1"))));
        house.call(caller.hangs_up(upon(Sign::Bridged))).await.heard("bob").remove(0)
    };
    let digits = "[en/plus] [en/4] [en/9] [150 ms] [en/1] [en/5] [en/1] [150 ms] [en/5] [en/5] [en/5] [150 ms] [en/0] [en/0]";
    let text = |who: &str| {
        format!(
            "\u{201c}A call from\u{201d} {who} \u{201c}waiting for\u{201d} [en/20] [en/seconds] [250 ms] \u{201c}Press 1.\u{201d}"
        )
    };
    assert_eq!(heard(caller()).await, text(digits));
    assert_eq!(heard(caller().anonymous()).await, text("[en/withheld-number]"));
}

/// How somebody behaves at a phone, by chance; nobody declines.
fn by_chance(rng: &mut StdRng) -> Story {
    match rng.random_range(0..8) {
        0 => rings_out(),
        1 => is_busy(),
        2 => answers_after(ms(rng.random_range(0..15_000))),
        _ => accepts_after(ms(rng.random_range(0..25_000))),
    }
}

const TEAM: [&str; 5] = ["anna", "bob", "carla", "dora", "emil"];
const NAMES: [&str; 20] = [
    "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19",
    "20",
];

/// Twenty callers within a second on a team of five.
async fn rush(seed: u64) -> Vec<Told> {
    let mut rng = StdRng::seed_from_u64(seed);
    let team = TEAM.map(|name| format!("\"person:{name}\"")).join(", ");
    let people = format!("{PEOPLE}\n[[people]]\nid = \"emil\"\nphones = [\"+4915100000005\"]\n");
    let settings =
        one_route(&format!("[[{team}]]"), "wait_for_busy = \"5m\"").replace("\"listed\"", "\"shuffled\"");
    let mut house = House::with(&settings, &people).seeded(rng.random());
    house.nobody_is_rung_twice_at_once();
    for name in TEAM {
        let stories = (0..20).map(|_| by_chance(&mut rng)).collect();
        house.phone_each_time(name, stories);
    }
    let callers = NAMES.map(|name| {
        let at = ms(rng.random_range(0..1000));
        let patience = secs(rng.random_range(20..400));
        let talks = ms(rng.random_range(0..60_000));
        Caller { at, ..talks_or_gives_up(name, talks, patience) }
    });
    house.calls(callers.into()).await
}

fn talks_or_gives_up(name: &'static str, talks: Duration, patience: Duration) -> Caller {
    caller()
        .named(name)
        .hangs_up(upon(Sign::Bridged).plus(talks))
        .hangs_up(upon(Sign::Recorded).plus(secs(2)))
        .hangs_up(upon(Sign::CallsIn).plus(patience))
}

/// Nobody waits for somebody who is free: whoever is waited for has a phone in use all the time.
fn nobody_waits_in_vain(calls: &[Told], seed: u64) {
    let mut in_use: BTreeMap<&str, Vec<(Duration, Duration)>> = BTreeMap::new();
    for (who, from, until) in calls.iter().flat_map(Told::phones_in_use) {
        in_use.entry(who).or_default().push((from, until));
    }
    in_use.values_mut().for_each(|times| times.sort_unstable());
    for (call, (from, until, whom)) in
        calls.iter().flat_map(|call| call.waits().into_iter().map(move |wait| (call, wait)))
    {
        for person in whom {
            let mut busy_until = from;
            for (begin, end) in in_use.get(person.as_str()).into_iter().flatten() {
                if *begin <= busy_until {
                    busy_until = busy_until.max(*end);
                }
            }
            assert!(
                busy_until >= until,
                "seed {seed}: {person} is free at {busy_until:?}:\n{}",
                call.timeline()
            );
        }
    }
}

#[test]
fn twenty_callers_on_a_team_of_five_ring_nobody_twice_at_once_and_wait_for_nobody_who_is_free() {
    let (mut waited, mut accepted) = (0, 0);
    for seed in 0..1000 {
        let paused =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let calls = paused.block_on(rush(seed));
        nobody_waits_in_vain(&calls, seed);
        waited += calls.iter().map(|call| call.waits().len()).sum::<usize>();
        accepted += calls.iter().filter(|call| call.outcome == Outcome::Accepted).count();
    }
    assert!(waited > 10_000 && accepted > 10_000, "{waited} waits, {accepted} calls accepted");
}
