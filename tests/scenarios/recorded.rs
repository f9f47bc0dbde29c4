//! Calls that are recorded, and those that are not.

use nightbell::call::journal::{Outcome, Step};
use nightbell::call::leg::Gone;

use crate::house::{House, PEOPLE, one_route};
use crate::story::{
    ACCEPT_PROMPT, Sign, accepts_after, after, answers_after, caller, during, is_busy, secs, upon,
};
use crate::switch::Seen;
use crate::told::Told;

const CONSENT: &str = "may-be-recorded";
const ON: &str = "[hotlines.recording]\ncalls = true\n";

/// A hotline with these settings of its own, whose one route rings anna, then bob; `more` belongs to the
/// route.
fn house(hotline: &str, more: &str) -> House {
    let settings = one_route(r#"[["person:anna"], ["person:bob"]]"#, more);
    let (head, route) = settings.split_once("[[hotlines.routes]]").expect("a route");
    let mut house = House::with(&format!("{head}{hotline}[[hotlines.routes]]{route}"), PEOPLE);
    house.phone("anna", accepts_after(secs(3)));
    house.phone("bob", accepts_after(secs(3)));
    house
}

async fn talks(house: House) -> Told {
    house.call(caller().hangs_up(upon(Sign::Bridged).plus(secs(60)))).await
}

#[tokio::test(start_paused = true)]
async fn a_call_is_recorded_after_both_sides_have_heard_that_it_may_be() {
    let call = talks(house(ON, "")).await;
    assert_eq!(call.outcome, Outcome::Accepted);
    assert_eq!((call.recorded, call.message), (Some((true, 60_000)), None));
    let heard = call.heard("caller");
    assert_eq!(heard[1..3], ["[en/may-be-recorded]", "[en/please-hold]"], "before anybody is rung");
    let heard = call.heard("anna");
    assert_eq!(heard[heard.len() - 2..], ["[en/may-be-recorded]", "the other one"]);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       4.100   RecordMessage       the caller was told that the call may be recorded
       4.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2)
       4.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       7.300   DialTargetResult    anna: answered
       7.300   ConfirmTarget       anna: asked to press 1
      17.700   ConfirmTargetResult anna: accepted with 1
      17.700 ~ DialTarget          bob: not rung: anna accepted first
      17.700   Bridge              anna: the caller and anna hear each other; both were told, and the call is recorded
      77.720   RecordMessage       a call of 1 min was recorded
      77.720   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_recorded_unless_it_is_asked_for() {
    for (hotline, more) in [("", ""), (ON, "record_calls = false"), ("[hotlines.recording]\n", "")] {
        let call = talks(house(hotline, more)).await;
        assert_eq!((call.outcome, call.recorded), (Outcome::Accepted, None));
        assert!(call.heard("caller").iter().chain(&call.heard("anna")).all(|words| !words.contains(CONSENT)));
    }
    let call = talks(house("", "record_calls = true")).await;
    assert_eq!(call.recorded, Some((true, 60_000)));
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_consent_was_not_played_to_its_end_goes_on_unrecorded_and_says_why() {
    let mut house = house(ON, "");
    house.never_hears(CONSENT);
    let call = talks(house).await;
    assert_eq!((call.outcome, call.recorded), (Outcome::Accepted, None));
    assert!(!call.saw(|seen| *seen == Seen::BridgeRecorded));
    assert!(call.heard("anna").iter().all(|words| !words.contains(CONSENT)), "she is not told in vain");
    let why = "not recorded: the caller did not hear to the end that it may be recorded";
    assert!(call.timeline().contains(why), "{}", call.timeline());
}

#[tokio::test(start_paused = true)]
async fn a_call_for_which_the_disk_has_no_room_goes_on_unrecorded_and_nobody_is_told_it_may_be() {
    let mut house = house(ON, "");
    house.has_no_room("the disk is full");
    let call = talks(house).await;
    assert_eq!((call.outcome, call.recorded), (Outcome::Accepted, None));
    assert!(!call.heard("caller").iter().any(|words| words.contains(CONSENT)));
    assert!(call.timeline().contains("hear each other; not recorded: the disk is full"));
}

#[tokio::test(start_paused = true)]
async fn who_accepts_and_hangs_up_over_the_words_of_consent_is_not_the_one_and_the_next_is_rung() {
    let mut house = house(ON, "");
    let leaves = accepts_after(secs(3)).hangs_up(during(CONSENT));
    house.phone("anna", leaves);
    let call = talks(house).await;
    assert_eq!(call.rang(), ["anna", "bob"]);
    assert_eq!((call.outcome, call.recorded), (Outcome::Accepted, Some((true, 60_000))));
    assert!(call.timeline().contains("anna: accepted, then hung up before the call was put through"));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_over_the_words_of_consent_rings_nobody() {
    let call = house(ON, "").call(caller().hangs_up(during(CONSENT))).await;
    assert_eq!((call.outcome, call.rang()), (Outcome::Missed, vec![]));
}

#[tokio::test(start_paused = true)]
async fn keys_pressed_over_the_words_of_consent_do_not_cut_them_short() {
    let stubborn = caller().presses('5', during(CONSENT)).hangs_up(upon(Sign::Bridged).plus(secs(60)));
    let call = house(ON, "").call(stubborn).await;
    assert_eq!(call.recorded, Some((true, 60_000)));
}

#[tokio::test(start_paused = true)]
async fn the_recording_of_a_call_ends_with_either_side_and_what_the_disk_took_is_kept() {
    let mut house = house(ON, "");
    house.phone("anna", accepts_after(secs(3)).hangs_up(upon(Sign::Bridged).plus(secs(20))));
    let call = house.call(caller()).await;
    assert_eq!(call.recorded, Some((true, 20_000)));
    let mut house = self::house(ON, "");
    house.phone("anna", accepts_after(secs(3)));
    let disk = crate::story::Deed::LoseDisk;
    let loses = caller().does(disk, upon(Sign::Bridged).plus(secs(10)));
    let call = house.call(loses.hangs_up(upon(Sign::Bridged).plus(secs(60)))).await;
    assert_eq!((call.outcome, call.recorded), (Outcome::Accepted, Some((true, 10_000))));
    assert!(call.timeline().contains("the disk failed; the first 10 s of the call were kept"));
}

#[tokio::test(start_paused = true)]
async fn a_route_that_takes_messages_only_speaks_of_no_recording() {
    let call =
        house(ON, "direct = \"voicemail\"").call(caller().hangs_up(upon(Sign::Recorded).plus(secs(8)))).await;
    assert_eq!((call.outcome, call.message, call.recorded), (Outcome::Voicemail, Some((true, 8000)), None));
    assert!(!call.heard("caller").iter().any(|words| words.contains(CONSENT)));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_accepts_the_message_is_recorded_and_no_call() {
    let mut house = house(ON, "");
    house.phone("anna", is_busy());
    house.phone(
        "bob",
        answers_after(secs(2)).does(crate::story::Deed::End(Gone::HungUp), after(ACCEPT_PROMPT)),
    );
    let call = house.call(caller().hangs_up(upon(Sign::Recorded).plus(secs(8)))).await;
    assert_eq!((call.outcome, call.message, call.recorded), (Outcome::Voicemail, Some((true, 8000)), None));
    assert_eq!(call.count(Step::RecordMessage), 2, "the words of consent, and the message");
}
