//! Nobody is rung for two callers at once.

use nightbell::call::journal::Outcome;

use crate::house::{House, PEOPLE, one_route};
use crate::story::{Caller, Sign, accepts_after, answers_after, caller, is_busy, rings_out, secs, upon};

const BOTH: &str = r#"[["person:anna"], ["person:bob"]]"#;

/// A caller who talks for a minute.
fn first() -> Caller {
    caller().named("first").hangs_up(upon(Sign::Bridged).plus(secs(60)))
}

/// A caller who comes later, and talks for ten seconds or leaves a message.
fn second(at: u64) -> Caller {
    caller()
        .named("second")
        .calls_at(secs(at))
        .hangs_up(upon(Sign::Bridged).plus(secs(10)))
        .hangs_up(upon(Sign::Recorded).plus(secs(10)))
}

#[tokio::test(start_paused = true)]
async fn while_one_responder_talks_the_second_caller_gets_the_other() {
    let mut house = House::with(&one_route(BOTH, ""), PEOPLE);
    house.phone("anna", accepts_after(secs(2)));
    house.phone("bob", accepts_after(secs(2)));
    let calls = house.calls(vec![first(), second(30)]).await;
    assert_eq!(calls[0].rang(), ["anna"]);
    assert_eq!(calls[1].rang(), ["bob"]);
    insta::assert_snapshot!(calls[1].timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2)
       2.100   DialTarget          bob: 1. ringing bob at +4915100000002 (level 2: named in level 2)
       4.300   DialTargetResult    bob: answered
       4.300   ConfirmTarget       bob: asked to press 1
      12.700   ConfirmTargetResult bob: accepted with 1
      12.700 ~ DialTarget          anna: not rung: busy with another call, and put off until the others had been tried
      12.700   Bridge              bob: the caller and bob hear each other
      22.700   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn the_busy_one_is_tried_last_and_rung_if_free_by_then() {
    let mut house = House::with(&one_route(BOTH, ""), PEOPLE);
    house.phone("anna", accepts_after(secs(2)));
    house.phone("bob", rings_out());
    // The first call is over at 72.7 s: while bob rings for the second.
    let calls = house.calls(vec![first(), second(60)]).await;
    assert_eq!(calls[1].rang(), ["bob", "anna"]);
    assert_eq!(calls[1].outcome, Outcome::Accepted);
}

#[tokio::test(start_paused = true)]
async fn who_is_still_busy_at_the_end_is_not_rung_and_the_reason_is_told() {
    let mut house = House::with(&one_route(BOTH, ""), PEOPLE);
    house.phone("anna", accepts_after(secs(2)));
    house.phone("bob", is_busy());
    let calls = house.calls(vec![first(), second(30)]).await;
    assert_eq!(calls[1].rang(), ["bob"]);
    assert_eq!(calls[1].outcome, Outcome::Voicemail);
    insta::assert_snapshot!(calls[1].timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2)
       2.100   DialTarget          bob: 1. ringing bob at +4915100000002 (level 2: named in level 2)
       2.400   DialTargetResult    bob: busy
       2.400 ~ DialTarget          anna: not rung: busy with another call, also when tried again after the others
       2.400   Voicemail           nobody accepted
      15.020   RecordMessage       a message of 10 s was kept
      15.020   Hangup              the caller hung up
    voicemail: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn somebody_is_busy_from_the_dial_on_and_free_when_the_phone_was_let_go_of() {
    let mut house = House::with(&one_route(r#"[["person:anna"]]"#, ""), PEOPLE);
    // Rings until 22.3 s.
    house.phone_each_time("anna", vec![rings_out(), accepts_after(secs(1))]);
    let first = caller().named("first").hangs_up(upon(Sign::Recorded).plus(secs(3)));
    let third = Caller { name: "third", ..second(25) };
    let calls = house.calls(vec![first, second(3), third]).await;
    assert_eq!(calls[0].rang(), ["anna"]);
    assert_eq!(calls[1].rang(), [""; 0], "anna's phone rings for the first caller");
    assert_eq!(calls[2].rang(), ["anna"]);
    assert_eq!(calls[2].outcome, Outcome::Accepted);
}

#[tokio::test(start_paused = true)]
async fn somebody_who_is_being_asked_to_accept_is_busy() {
    let mut house = House::with(&one_route(r#"[["person:anna"]]"#, ""), PEOPLE);
    house.phone("anna", answers_after(secs(1)));
    let first = caller().named("first").hangs_up(upon(Sign::Recorded).plus(secs(3)));
    let calls = house.calls(vec![first, second(10)]).await;
    assert_eq!(calls[1].rang(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_phone_in_use_is_not_rung_for_its_other_owner() {
    let shared = PEOPLE.replace("+4915100000002", "+4915100000001");
    let mut house = House::with(&one_route(BOTH, ""), &shared);
    house.phone("anna", accepts_after(secs(2)));
    let calls = house.calls(vec![first(), second(30)]).await;
    assert_eq!(calls[0].rang(), ["anna"]);
    assert_eq!(calls[1].rang(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn where_the_route_says_so_the_busy_are_rung_all_the_same() {
    let mut house = House::with(&one_route(BOTH, "skip_busy = false"), PEOPLE);
    house.phone_each_time("anna", vec![accepts_after(secs(2)), is_busy()]);
    house.phone("bob", accepts_after(secs(2)));
    let calls = house.calls(vec![first(), second(30)]).await;
    assert_eq!(calls[1].rang(), ["anna", "bob"]);
    assert_eq!(calls[1].outcome, Outcome::Accepted);
}

#[tokio::test(start_paused = true)]
async fn two_callers_in_the_same_moment_get_two_people() {
    let mut house = House::with(&one_route(BOTH, ""), PEOPLE);
    house.phone("anna", accepts_after(secs(2)));
    house.phone("bob", accepts_after(secs(2)));
    let calls = house.calls(vec![first(), second(0)]).await;
    let mut rang: Vec<_> = calls.iter().flat_map(|call| call.rang()).collect();
    rang.sort_unstable();
    assert_eq!(rang, ["anna", "bob"]);
    assert!(calls.iter().all(|call| call.outcome == Outcome::Accepted));
}
