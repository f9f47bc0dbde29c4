//! The welcome and the menu.

use nightbell::call::journal::Outcome;

use crate::house::{House, PEOPLE, one_route, two_routes};
use crate::story::{Caller, Deed, Sign, accepts_after, after, caller, during, ms, secs, upon};
use crate::told::Told;

/// The menu is over, as far as the caller hears it, at its second key and the pause after it.
const MENU: &str = "press";

/// A call to two routes, of which 1 rings anna and 2 rings bob; both accept. The caller hangs up
/// after ten seconds of conversation.
async fn menu(more: &str, caller: Caller) -> Told {
    let mut house = House::with(&two_routes(more), PEOPLE);
    house.phone("anna", accepts_after(secs(4)));
    house.phone("bob", accepts_after(secs(4)));
    house.call(caller.hangs_up(upon(Sign::Bridged).plus(secs(10)))).await
}

#[tokio::test(start_paused = true)]
async fn a_key_leads_to_a_person_who_accepts_and_both_hear_each_other() {
    let call = menu("", caller().presses('1', after(MENU))).await;
    assert_eq!(call.outcome, Outcome::Accepted);
    assert_eq!(call.ended.responder.as_deref(), Some("anna"));
    assert_eq!(call.ended.route.as_deref(), Some("Production"));
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       5.300   GatherDtmf          Production: pressed 1: Production (attempt 1 of 3)
       5.300   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1)
       5.300   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       9.500   DialTargetResult    anna: answered
       9.500   ConfirmTarget       anna: asked to press 1
      17.900   ConfirmTargetResult anna: accepted with 1
      17.900   Bridge              anna: the caller and anna hear each other
      27.900   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_key_pressed_during_the_welcome_counts() {
    let call = menu("", caller().presses('2', during("welcome"))).await;
    assert_eq!(call.rang(), ["bob"]);
    assert_eq!(call.heard("caller").first().unwrap(), "[en/welcome] --");
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       0.600   Welcome             cut short by the key 2
       0.600   GatherDtmf          Billing: pressed 2: Billing (attempt 1 of 3)
       0.600   DialChainResolved   Billing: to be rung in this order: bob (level 1: named in level 1)
       0.600   DialTarget          bob: 1. ringing bob at +4915100000002 (level 1: named in level 1)
       4.800   DialTargetResult    bob: answered
       4.800   ConfirmTarget       bob: asked to press 1
      13.200   ConfirmTargetResult bob: accepted with 1
      13.200   Bridge              bob: the caller and bob hear each other
      23.200   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_is_not_heard_is_told_so_before_the_menu_is_played_again() {
    let call = menu("", caller().does(Deed::GoUnheard, during(MENU))).await;
    let heard = call.heard("caller");
    assert_eq!(heard[2], "[en/cannot-hear-you]", "{heard:?}");
    assert_eq!(heard.iter().filter(|prompt| prompt.contains("cannot-hear")).count(), 1, "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn a_key_pressed_during_the_menu_counts() {
    let call = menu("", caller().presses('2', during(MENU))).await;
    assert_eq!(call.rang(), ["bob"]);
    assert_eq!(call.heard("caller")[1], "[en/press] [en/1] [400 ms] [en/press] [en/2] [400 ms] --");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_key_during_the_welcome_uses_up_an_attempt_and_the_next_key_counts() {
    let call = menu("", caller().presses('9', during("welcome")).presses('1', during("route-unknown"))).await;
    assert_eq!(call.rang(), ["anna"]);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       0.600   Welcome             cut short by the key 9
       0.600 ! GatherDtmf          pressed 9, which leads nowhere (attempt 1 of 3)
       1.100   GatherDtmf          Production: pressed 1: Production (attempt 2 of 3)
       1.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1)
       1.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       5.300   DialTargetResult    anna: answered
       5.300   ConfirmTarget       anna: asked to press 1
      13.700   ConfirmTargetResult anna: accepted with 1
      13.700   Bridge              anna: the caller and anna hear each other
      23.700   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn silence_and_wrong_keys_use_up_the_attempts_and_the_call_is_missed() {
    let call = menu("", caller().presses('9', after(MENU).nth(2)).presses('#', after(MENU).nth(3))).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.rang(), [""; 0]);
    assert_eq!(call.heard("caller").last().unwrap(), "[en/goodbye]");
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       9.300 ! GatherDtmf          pressed nothing (attempt 1 of 3)
      12.500 ! GatherDtmf          pressed 9, which leads nowhere (attempt 2 of 3)
      17.700 ! GatherDtmf          pressed #, which leads nowhere (attempt 3 of 3)
      19.700   Hangup              the menu was left without a choice
    missed: the menu was left without a choice
    "#);
}

#[tokio::test(start_paused = true)]
async fn silence_takes_the_route_that_is_meant_for_it() {
    let call = menu("silence = \"route:2\"\ntimeout = \"3s\"", caller()).await;
    assert_eq!(call.rang(), ["bob"]);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       7.300   GatherDtmf          Billing: pressed nothing: Billing (attempt 1 of 3)
       7.300   DialChainResolved   Billing: to be rung in this order: bob (level 1: named in level 1)
       7.300   DialTarget          bob: 1. ringing bob at +4915100000002 (level 1: named in level 1)
      11.500   DialTargetResult    bob: answered
      11.500   ConfirmTarget       bob: asked to press 1
      19.900   ConfirmTargetResult bob: accepted with 1
      19.900   Bridge              bob: the caller and bob hear each other
      29.900   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn the_star_route_takes_every_key_without_a_route_but_not_silence() {
    let star = two_routes("").replace("key = \"2\"", "key = \"*\"");
    for (key, person) in [('1', "anna"), ('2', "bob"), ('*', "bob"), ('0', "bob"), ('#', "bob")] {
        let mut house = House::with(&star, PEOPLE);
        house.phone("anna", accepts_after(secs(4)));
        house.phone("bob", accepts_after(secs(4)));
        let caller = caller().presses(key, after(MENU)).hangs_up(upon(Sign::Bridged));
        assert_eq!(house.call(caller).await.rang(), [person], "{key}");
    }
    let call = House::with(&star, PEOPLE).call(caller()).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.rang(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_route_that_is_switched_off_has_no_key() {
    let settings =
        two_routes("attempts = 1").replace("name = \"Billing\"", "name = \"Billing\"\nenabled = false");
    let call = House::with(&settings, PEOPLE).call(caller().presses('2', after(MENU))).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.heard("caller"), ["[en/welcome]", "[en/press] [en/1] [400 ms]", "[en/goodbye]"]);
}

#[tokio::test(start_paused = true)]
async fn a_welcome_that_explains_the_keys_is_the_menu_and_is_repeated() {
    let settings = two_routes("prompt = \"welcome\"")
        .replace("trunks =", "welcome = { file = \"hello.wav\" }\ntrunks =");
    let mut house = House::with(&settings, PEOPLE);
    house.phone("anna", accepts_after(secs(1)));
    let caller = caller().presses('1', after("hello").nth(2)).hangs_up(upon(Sign::Bridged));
    let call = house.call(caller).await;
    assert_eq!(call.heard("caller")[..3], ["[/etc/hello.wav]", "[/etc/hello.wav]", "[en/please-hold]"]);
}

#[tokio::test(start_paused = true)]
async fn a_hotline_with_one_route_has_no_menu_and_keys_in_its_welcome_mean_nothing() {
    let mut house = House::with(&one_route(r#"[["person:anna"]]"#, ""), PEOPLE);
    house.phone("anna", accepts_after(secs(4)));
    let caller = caller().presses('2', during("welcome")).hangs_up(upon(Sign::Bridged).plus(ms(100)));
    let call = house.call(caller).await;
    assert_eq!(call.outcome, Outcome::Accepted);
    assert_eq!(call.heard("caller")[0], "[en/welcome]");
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       6.300   DialTargetResult    anna: answered
       6.300   ConfirmTarget       anna: asked to press 1
      14.700   ConfirmTargetResult anna: accepted with 1
      14.700   Bridge              anna: the caller and anna hear each other
      14.800   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}
