//! Somebody hangs up: the caller in each state of a call, and the responder.

use nightbell::call::journal::Outcome;
use nightbell::call::leg::{Farewell, Gone};

use crate::house::{House, PEOPLE, one_route, two_routes};
use crate::story::{
    ACCEPT_PROMPT, Caller, Cue, Deed, Sign, accepts_after, after, answers_after, caller, during, is_busy,
    is_dead, ms, rings_out, secs, upon,
};
use crate::switch::Disk;
use crate::told::Told;

const LEVELS: &str = r#"[["person:anna"], ["person:bob"]]"#;

/// A call to anna, who picks up after three seconds and accepts, in which the caller hangs up.
async fn gives_up(when: Cue) -> Told {
    let mut house = House::with(&one_route(LEVELS, ""), PEOPLE);
    house.phone("anna", accepts_after(secs(3)));
    house.call(caller().hangs_up(when)).await
}

/// A call to people who are all busy, in which the caller hangs up.
async fn gives_up_on_nobody(fallback: &str, caller: Caller) -> Told {
    let mut house =
        House::with(&one_route(LEVELS, &format!("fallback = {{ then = \"{fallback}\" }}")), PEOPLE);
    house.phone("anna", is_busy());
    house.phone("bob", is_busy());
    house.call(caller).await
}

#[tokio::test(start_paused = true)]
async fn before_the_answer() {
    let call = gives_up(upon(Sign::AnswerAsked).plus(ms(50))).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert!(!call.was_answered());
    assert_eq!(call.ended.answered_at, None);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       0.050   Hangup              the caller hung up
    missed: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn while_the_calls_row_is_written() {
    let mut house = House::with(&one_route(LEVELS, ""), PEOPLE);
    house.disk(Disk::Takes(ms(200)));
    let call = house.call(caller().hangs_up(upon(Sign::CallsIn).plus(ms(100)))).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert!(!call.was_answered());
}

#[tokio::test(start_paused = true)]
async fn during_the_welcome() {
    let call = gives_up(during("welcome")).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.rang(), [""; 0], "nobody is rung for a caller who is gone");
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       0.600 ~ Welcome             interrupted: the caller hung up
       0.600   Hangup              the caller hung up
    missed: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn during_the_welcome_before_a_menu() {
    let call = House::with(&two_routes(""), PEOPLE).call(caller().hangs_up(during("welcome"))).await;
    assert_eq!(call.outcome, Outcome::Missed);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       0.600 ~ Welcome             interrupted: the caller hung up
       0.600   Hangup              the caller hung up
    missed: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn during_the_menu_and_after_it() {
    for when in [during("press"), after("press")] {
        let call = House::with(&two_routes(""), PEOPLE).call(caller().hangs_up(when)).await;
        assert_eq!(call.outcome, Outcome::Missed);
        assert_eq!(call.rang(), [""; 0]);
        assert!(call.timeline().contains("~ GatherDtmf          interrupted: the caller hung up"));
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_key_without_a_route() {
    let caller = caller().presses('9', after("press")).hangs_up(during("route-unknown"));
    let call = House::with(&two_routes(""), PEOPLE).call(caller).await;
    assert_eq!(call.outcome, Outcome::Missed);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       5.300 ! GatherDtmf          pressed 9, which leads nowhere (attempt 1 of 3)
       5.800   Hangup              the caller hung up
    missed: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn during_the_goodbye_after_the_menu() {
    let call =
        House::with(&two_routes("attempts = 1"), PEOPLE).call(caller().hangs_up(during("goodbye"))).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.reason, "the caller hung up");
}

#[tokio::test(start_paused = true)]
async fn while_the_intent_of_a_dial_is_written() {
    let mut house = House::with(&one_route(LEVELS, ""), PEOPLE);
    house.disk(Disk::Takes(ms(200)));
    let call = house.call(caller().hangs_up(upon(Sign::HasHeard("welcome")).plus(ms(100)))).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.rang(), [""; 0]);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.300   Welcome             played
       2.300   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2)
       2.400 ~ DialTarget          bob: not rung: not reached before the call ended
       2.400   Hangup              the caller hung up
    missed: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn while_a_phone_is_called_that_does_not_ring_yet() {
    let mut house = House::with(&one_route(LEVELS, ""), PEOPLE);
    house.phone("anna", is_dead());
    let call = house.call(caller().hangs_up(upon(Sign::Dialled).of("anna").plus(ms(100)))).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.released("anna"), (2200, Farewell::Done, None));
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       2.200 ~ DialTargetResult    anna: interrupted: the caller hung up
       2.200 ~ DialTarget          bob: not rung: not reached before the call ended
       2.200   Hangup              the caller hung up
    missed: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn while_a_phone_rings() {
    let mut house = House::with(&one_route(LEVELS, ""), PEOPLE);
    house.phone("anna", rings_out());
    let call = house.call(caller().hangs_up(upon(Sign::Rings).of("anna").plus(secs(5)))).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.rang(), ["anna"]);
    assert_eq!(call.released("anna"), (7300, Farewell::Done, None));
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       7.300 ~ DialTargetResult    anna: interrupted: the caller hung up
       7.300 ~ DialTarget          bob: not rung: not reached before the call ended
       7.300   Hangup              the caller hung up
    missed: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn while_the_second_phone_rings() {
    let mut house = House::with(&one_route(LEVELS, ""), PEOPLE);
    house.phone("anna", is_busy());
    house.phone("bob", rings_out());
    let call = house.call(caller().hangs_up(upon(Sign::Rings).of("bob").plus(secs(5)))).await;
    assert_eq!(call.rang(), ["anna", "bob"]);
    assert_eq!(call.released("bob").0, 2100 + 300 + 200 + 5000);
}

#[tokio::test(start_paused = true)]
async fn in_the_moment_in_which_a_phone_is_picked_up() {
    let call = gives_up(upon(Sign::Answered).of("anna")).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.released("anna").0, 5300);
}

#[tokio::test(start_paused = true)]
async fn while_the_responder_hears_the_prompt_and_is_told() {
    let call = gives_up(during(ACCEPT_PROMPT).of("anna")).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.released("anna"), (5800, Farewell::Done, Some("[en/caller-gone]".to_owned())));
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       5.300   DialTargetResult    anna: answered
       5.300   ConfirmTarget       anna: asked to press 1
       5.800 ~ ConfirmTargetResult anna: interrupted: the caller hung up
       5.800 ~ DialTarget          bob: not rung: not reached before the call ended
       5.800   Hangup              the caller hung up
    missed: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn while_the_responder_thinks_it_over_and_is_told() {
    let mut house = House::with(&one_route(LEVELS, ""), PEOPLE);
    house.phone("anna", answers_after(secs(3)));
    let call = house.call(caller().hangs_up(after(ACCEPT_PROMPT).of("anna"))).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.released("anna").2.as_deref(), Some("[en/caller-gone]"));
}

#[tokio::test(start_paused = true)]
async fn in_the_moment_in_which_the_responder_accepts() {
    // Accepted first, gone right after it: both have happened, and both are told.
    let call = gives_up(upon(Sign::Bridged)).await;
    assert_eq!(call.outcome, Outcome::Accepted);
    // Gone first: the responder hears it.
    let call = gives_up(upon(Sign::HasHeard(ACCEPT_PROMPT)).of("anna").plus(ms(999))).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.released("anna").2.as_deref(), Some("[en/caller-gone]"));
}

#[tokio::test(start_paused = true)]
async fn in_the_conversation() {
    let call = gives_up(upon(Sign::Bridged).plus(secs(30))).await;
    assert_eq!(call.outcome, Outcome::Accepted);
    assert_eq!(call.released("anna"), (13_700 + 30_000, Farewell::Done, None));
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       5.300   DialTargetResult    anna: answered
       5.300   ConfirmTarget       anna: asked to press 1
      13.700   ConfirmTargetResult anna: accepted with 1
      13.700 ~ DialTarget          bob: not rung: anna accepted first
      13.700   Bridge              anna: the caller and anna hear each other
      43.700   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn during_the_greeting_of_the_voicemail() {
    let call = gives_up_on_nobody("voicemail", caller().hangs_up(during("leave-message"))).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.message, None);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       2.400   DialTargetResult    anna: busy
       2.400   DialTarget          bob: 2. ringing bob at +4915100000002 (level 2: named in level 2)
       2.700   DialTargetResult    bob: busy
       2.700   Voicemail           nobody accepted
       3.200   Hangup              the caller hung up
    missed: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn during_the_beep() {
    let call =
        gives_up_on_nobody("voicemail", caller().hangs_up(upon(Sign::Hears("Beep")).plus(ms(200)))).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.message, None, "nothing was recorded");
}

#[tokio::test(start_paused = true)]
async fn in_the_message() {
    let call = gives_up_on_nobody("voicemail", caller().hangs_up(upon(Sign::Recorded).plus(secs(9)))).await;
    assert_eq!(call.outcome, Outcome::Voicemail);
    assert_eq!(call.message, Some((true, 9000)));
    assert_eq!(call.reason, "the caller hung up");
}

#[tokio::test(start_paused = true)]
async fn after_the_message() {
    for word in ["thank-you-message", "goodbye"] {
        let caller = caller().presses('#', upon(Sign::Recorded).plus(secs(9))).hangs_up(during(word));
        let call = gives_up_on_nobody("voicemail", caller).await;
        assert_eq!(call.outcome, Outcome::Voicemail);
        assert_eq!(call.reason, "the caller hung up");
    }
}

#[tokio::test(start_paused = true)]
async fn in_the_moment_in_which_the_message_is_closed() {
    let ends = upon(Sign::Recorded).plus(secs(9));
    let caller = caller().presses('#', ends.clone()).hangs_up(ends.plus(ms(10)));
    let call = gives_up_on_nobody("voicemail", caller).await;
    assert_eq!(call.outcome, Outcome::Voicemail);
    assert_eq!(call.message, Some((true, 8880)));
}

#[tokio::test(start_paused = true)]
async fn during_the_closing_words() {
    let call = gives_up_on_nobody("closing", caller().hangs_up(during("nobody-available"))).await;
    assert_eq!(call.outcome, Outcome::Missed);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       2.400   DialTargetResult    anna: busy
       2.400   DialTarget          bob: 2. ringing bob at +4915100000002 (level 2: named in level 2)
       2.700   DialTargetResult    bob: busy
       3.200 ~ Closing             interrupted: the caller hung up
       3.200   Hangup              the caller hung up
    missed: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn while_hearing_that_the_line_is_closed() {
    let settings = one_route(LEVELS, "").replace("trunks =", "enabled = false\ntrunks =");
    let call = House::with(&settings, PEOPLE).call(caller().hangs_up(during("closed"))).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.reason, "the caller hung up");
}

#[tokio::test(start_paused = true)]
async fn the_responder_hangs_up_and_the_call_is_over() {
    let mut house = House::with(&one_route(LEVELS, ""), PEOPLE);
    house.phone("anna", accepts_after(secs(3)).hangs_up(upon(Sign::Bridged).plus(secs(45))));
    let call = house.call(caller()).await;
    assert_eq!(call.outcome, Outcome::Accepted);
    assert_eq!(call.released("caller"), (13_700 + 45_000, Farewell::Done, None));
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       5.300   DialTargetResult    anna: answered
       5.300   ConfirmTarget       anna: asked to press 1
      13.700   ConfirmTargetResult anna: accepted with 1
      13.700 ~ DialTarget          bob: not rung: anna accepted first
      13.700   Bridge              anna: the caller and anna hear each other
      58.700   Hangup              anna hung up
    accepted: anna hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn the_responder_falls_silent_for_good_and_the_record_says_so() {
    let mut house = House::with(&one_route(LEVELS, ""), PEOPLE);
    let lost = Deed::End(Gone::MediaTimeout);
    house.phone("anna", accepts_after(secs(3)).does(lost, upon(Sign::Bridged).plus(secs(45))));
    let call = house.call(caller()).await;
    assert_eq!(call.outcome, Outcome::Accepted);
    assert_eq!(call.reason, "nothing was heard from anna's phone any more");
}

#[tokio::test(start_paused = true)]
async fn the_caller_falls_silent_for_good_and_the_record_says_so() {
    let mut house = House::with(&one_route(LEVELS, ""), PEOPLE);
    house.phone("anna", accepts_after(secs(3)));
    let lost = Deed::End(Gone::MediaTimeout);
    let call = house.call(caller().does(lost, upon(Sign::Bridged).plus(secs(45)))).await;
    assert_eq!(call.outcome, Outcome::Accepted);
    assert_eq!(call.reason, "nothing was heard from the caller's phone any more");
}
