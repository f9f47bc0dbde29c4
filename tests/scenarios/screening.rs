//! Whoever picks up must accept before the caller is put through.

use nightbell::call::journal::Outcome;
use nightbell::call::leg::{Farewell, Gone};

use crate::house::{House, PEOPLE, one_route};
use crate::story::{
    ACCEPT_PROMPT, Deed, Sign, Story, accepts_after, after, answers_after, caller, during, ms, rings_out,
    secs, upon,
};
use crate::told::Told;

/// Anna does as told; bob accepts. `accept` is what the route says of accepting.
async fn screened(accept: &str, anna: Story) -> Told {
    let more = format!("[hotlines.routes.accept]\n{accept}");
    let mut house = House::with(&one_route(r#"[["person:anna"], ["person:bob"]]"#, &more), PEOPLE);
    house.phone("anna", anna);
    house.phone("bob", accepts_after(secs(2)).presses('7', after(ACCEPT_PROMPT).plus(ms(500))));
    house.call(caller().hangs_up(upon(Sign::Bridged).plus(secs(10)))).await
}

fn picks_up() -> Story {
    answers_after(secs(2))
}

#[tokio::test(start_paused = true)]
async fn who_presses_nothing_is_asked_again_and_then_let_go_of() {
    let call = screened("", picks_up()).await;
    assert_eq!(call.rang(), ["anna", "bob"]);
    assert_eq!(call.heard("anna").len(), 2);
    assert_eq!(call.released("anna"), (39_100, Farewell::Done, None));
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       4.300   DialTargetResult    anna: answered
       4.300   ConfirmTarget       anna: asked to press 1
      39.100   ConfirmTargetResult anna: answered, pressed nothing within 10 s of the prompt, 2 times
      39.100   DialTarget          bob: 2. ringing bob at +4915100000002 (level 2: named in level 2)
      41.300   DialTargetResult    bob: answered
      41.300   ConfirmTarget       bob: asked to press 1
      49.700   ConfirmTargetResult bob: accepted with 1
      49.700   Bridge              bob: the caller and bob hear each other
      59.700   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_that_answers_never_gets_the_caller() {
    let call = screened("attempts = 1\ntimeout = \"5s\"", picks_up()).await;
    assert_eq!(call.ended.responder.as_deref(), Some("bob"));
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       4.300   DialTargetResult    anna: answered
       4.300   ConfirmTarget       anna: asked to press 1
      16.700   ConfirmTargetResult anna: answered, pressed nothing within 5 s of the prompt
      16.700   DialTarget          bob: 2. ringing bob at +4915100000002 (level 2: named in level 2)
      18.900   DialTargetResult    bob: answered
      18.900   ConfirmTarget       bob: asked to press 1
      27.300   ConfirmTargetResult bob: accepted with 1
      27.300   Bridge              bob: the caller and bob hear each other
      37.300   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn the_accept_key_counts_during_the_prompt() {
    let call = screened("", picks_up().presses('1', during(ACCEPT_PROMPT))).await;
    assert_eq!(call.rang(), ["anna"]);
    assert!(call.heard("anna")[0].ends_with("--"));
}

#[tokio::test(start_paused = true)]
async fn the_accept_key_counts_at_the_second_asking() {
    let call = screened("", picks_up().presses('1', during(ACCEPT_PROMPT).nth(2))).await;
    assert_eq!(call.rang(), ["anna"]);
    assert_eq!(call.outcome, Outcome::Accepted);
}

#[tokio::test(start_paused = true)]
async fn who_declines_is_let_go_of_and_the_next_is_rung_at_once() {
    let call = screened("", picks_up().presses('2', during(ACCEPT_PROMPT))).await;
    assert_eq!(call.rung(), [("anna", 2100), ("bob", 2100 + 200 + 2000 + 500)]);
    assert_eq!(call.released("anna").0, 2100 + 200 + 2000 + 500);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       4.300   DialTargetResult    anna: answered
       4.300   ConfirmTarget       anna: asked to press 1
       4.800   ConfirmTargetResult anna: declined with 2
       4.800   DialTarget          bob: 2. ringing bob at +4915100000002 (level 2: named in level 2)
       7.000   DialTargetResult    bob: answered
       7.000   ConfirmTarget       bob: asked to press 1
      15.400   ConfirmTargetResult bob: accepted with 1
      15.400   Bridge              bob: the caller and bob hear each other
      25.400   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn without_a_decline_key_none_declines() {
    let call = screened("decline = \"none\"", picks_up().presses('2', after(ACCEPT_PROMPT))).await;
    assert_eq!(call.rang(), ["anna", "bob"]);
    assert_eq!(call.heard("anna").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn keys_that_mean_nothing_are_passed_over() {
    let anna = picks_up()
        .presses('5', during(ACCEPT_PROMPT))
        .presses('#', after(ACCEPT_PROMPT))
        .presses('1', after(ACCEPT_PROMPT).plus(secs(3)));
    let call = screened("", anna).await;
    assert_eq!(call.rang(), ["anna"]);
    // The prompt goes on: who has pressed a wrong key must hear which one is right.
    assert_eq!(call.heard("anna").len(), 2, "{:?}", call.heard("anna"));
    assert!(!call.heard("anna")[0].ends_with("--"));
}

#[tokio::test(start_paused = true)]
async fn any_key_but_the_declining_one_accepts_where_the_route_says_so() {
    let call = screened("key = \"any\"", picks_up().presses('9', during("press"))).await;
    assert_eq!(call.rang(), ["anna"]);
    let call = screened("key = \"any\"", picks_up().presses('2', during("press"))).await;
    assert_eq!(call.rang(), ["anna", "bob"]);
}

#[tokio::test(start_paused = true)]
async fn picking_up_is_accepting_where_the_route_says_so() {
    let call = screened("key = \"none\"", picks_up()).await;
    assert_eq!(call.rang(), ["anna"]);
    assert_eq!(call.heard("anna"), ["the other one"]);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       4.300   DialTargetResult    anna: answered
       4.300   ConfirmTarget       anna: picking up is accepting
       4.300   ConfirmTargetResult anna: accepted by picking up
       4.300 ~ DialTarget          bob: not rung: anna accepted first
       4.300   Bridge              anna: the caller and anna hear each other
      14.300   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_key_of_their_own_choice_accepts() {
    let call = screened("key = \"7\"\ndecline = \"*\"", picks_up().presses('*', after(ACCEPT_PROMPT))).await;
    assert_eq!(call.rang(), ["anna", "bob"]);
    assert_eq!(call.ended.responder.as_deref(), Some("bob"));
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_during_the_prompt_has_not_accepted() {
    let call = screened("", picks_up().hangs_up(during(ACCEPT_PROMPT))).await;
    assert_eq!(call.rang(), ["anna", "bob"]);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       4.300   DialTargetResult    anna: answered
       4.300   ConfirmTarget       anna: asked to press 1
       4.800   ConfirmTargetResult anna: answered, then hung up without accepting
       4.800   DialTarget          bob: 2. ringing bob at +4915100000002 (level 2: named in level 2)
       7.000   DialTargetResult    bob: answered
       7.000   ConfirmTarget       bob: asked to press 1
      15.400   ConfirmTargetResult bob: accepted with 1
      15.400   Bridge              bob: the caller and bob hear each other
      25.400   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_line_lost_after_the_prompt_is_told_as_such_and_the_next_is_rung() {
    let lost = Deed::End(Gone::MediaTimeout);
    let call = screened("", picks_up().does(lost, after(ACCEPT_PROMPT))).await;
    assert_eq!(call.rang(), ["anna", "bob"]);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       4.300   DialTargetResult    anna: answered
       4.300   ConfirmTarget       anna: asked to press 1
      12.700 ! ConfirmTargetResult anna: answered, then the line was lost
      12.700   DialTarget          bob: 2. ringing bob at +4915100000002 (level 2: named in level 2)
      14.900   DialTargetResult    bob: answered
      14.900   ConfirmTarget       bob: asked to press 1
      23.300   ConfirmTargetResult bob: accepted with 1
      23.300   Bridge              bob: the caller and bob hear each other
      33.300   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn who_picks_up_in_the_moment_they_are_let_go_of_is_not_put_through() {
    let late = rings_out().does(Deed::PickUp, upon(Sign::Rings).plus(secs(20)));
    let call = screened("", late).await;
    assert_eq!(call.outcome, Outcome::Accepted);
    assert_eq!(call.released("anna").2, None);
}

#[tokio::test(start_paused = true)]
async fn the_operators_own_words_are_heard_with_the_names_filled_in() {
    let words = r#"prompt = { say = "{hotline}: a call for {route}. Press 1." }"#;
    let call = screened(words, picks_up().presses('1', after("Press 1"))).await;
    assert_eq!(call.heard("anna")[0], "\u{201c}Support: a call for Production. Press 1.\u{201d}");
    assert_eq!(call.outcome, Outcome::Accepted);
}
