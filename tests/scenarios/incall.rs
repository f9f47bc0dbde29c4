//! What a responder asks for with a star and a key while talking to the caller.

use nightbell::call::journal::Outcome;
use nightbell::call::leg::Gone;

use crate::house::{House, PEOPLE, one_route};
use crate::story::{
    Caller, Cue, Deed, Sign, Story, accepts_after, after, answers_after, caller, during, is_busy, rings_out,
    secs, turns_it_down, upon,
};
use crate::switch::Seen;
use crate::told::Told;

const LEVELS: &str = r#"[["person:anna"], ["person:bob"], ["person:carla"]]"#;
/// What a colleague hears who picks up.
const ASKS: &str = "colleague-asks";
const NOBODY_ELSE: &str = "nobody-else";
const CONSENT: &str = "may-be-recorded";

/// A route that rings anna, then bob, then carla; `more` belongs to it.
fn house(more: &str) -> House {
    let mut house = House::with(&one_route(LEVELS, more), PEOPLE);
    house.phone("anna", accepts_after(secs(2)));
    house.phone("bob", joins());
    house.phone("carla", joins());
    house
}

/// Somebody who picks up after two seconds, and joins the call.
fn joins() -> Story {
    answers_after(secs(2)).presses('1', after(ASKS))
}

/// So long after the first word between the caller and anna.
fn talking(seconds: u64) -> Cue {
    upon(Sign::Bridged).plus(secs(seconds))
}

fn anna_presses(key: char) -> Story {
    accepts_after(secs(2)).stars(key, talking(5))
}

fn talks_for(seconds: u64) -> Caller {
    caller().hangs_up(talking(seconds))
}

#[tokio::test(start_paused = true)]
async fn a_conference_brings_the_next_person_in_and_all_three_hear_each_other() {
    let mut house = house("");
    house.phone("anna", anna_presses('1'));
    let call = house.call(talks_for(60)).await;
    assert_eq!((call.outcome, call.rang()), (Outcome::Accepted, vec!["anna", "bob"]));
    for who in ["caller", "anna", "bob"] {
        assert_eq!(call.heard(who).last().map(String::as_str), Some("all others"), "{who}");
    }
    assert!(call.heard("caller").iter().all(|heard| !heard.contains("nobody")), "the talk goes on meanwhile");
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2); carla (level 3: named in level 3)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       4.300   DialTargetResult    anna: answered
       4.300   ConfirmTarget       anna: asked to press 1
      12.700   ConfirmTargetResult anna: accepted with 1
      12.700 ~ DialTarget          bob: not rung: anna accepted first
      12.700 ~ DialTarget          carla: not rung: anna accepted first
      12.700   Bridge              anna: the caller and anna hear each other
      17.700   GatherDtmf          anna: pressed *1 during the call: conference
      17.700   DialChainResolved   Production (another person): to be rung in this order: bob (level 2: named in level 2); carla (level 3: named in level 3); left out: anna: in this call already
      17.700   DialTarget          bob: 1. ringing bob at +4915100000002 (level 2: named in level 2)
      19.900   DialTargetResult    bob: answered
      19.900   ConfirmTarget       bob: asked to press 1
      28.300   ConfirmTargetResult bob: accepted with 1
      28.300 ~ DialTarget          carla: not rung: bob accepted first
      28.300 ~ DialTarget          anna: not rung: in this call already
      28.300   Bridge              bob: the caller, anna and bob hear each other
      72.700   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_a_conference_leaves_the_others_talking_and_the_last_one_ends_the_call() {
    let mut house = house("");
    house.phone("anna", anna_presses('1').hangs_up(upon(Sign::Conferred).plus(secs(10))));
    house.phone("bob", joins().hangs_up(upon(Sign::Conferred).plus(secs(30))));
    let call = house.call(caller()).await;
    assert_eq!((call.outcome, call.reason.as_str()), (Outcome::Accepted, "bob hung up"));
    assert_eq!(call.ended.responder.as_deref(), Some("bob"), "who spoke to the caller last");
    assert!(call.timeline().contains("anna hung up: the caller and bob hear each other"));
    let heard = call.heard("caller");
    assert_eq!(heard[heard.len() - 2..], ["all others", "the other one"]);
}

#[tokio::test(start_paused = true)]
async fn who_was_rung_before_and_who_declined_is_not_the_next_one() {
    let mut house = House::with(&one_route(LEVELS, ""), PEOPLE);
    house.phone("anna", turns_it_down());
    house.phone("bob", accepts_after(secs(2)).stars('1', talking(5)));
    house.phone("carla", joins());
    let call = house.call(talks_for(60)).await;
    assert_eq!(call.rang(), ["anna", "bob", "carla"]);
    assert!(call.timeline().contains("anna: not rung: declined this call before"));
    assert!(call.timeline().contains("bob: not rung: in this call already"));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_else_is_left_those_who_did_not_answer_are_rung_once_more() {
    let levels = r#"[["person:anna"], ["person:bob"]]"#;
    let mut house = House::with(&one_route(levels, "ring = \"5s\"\nskip_dialled = false"), PEOPLE);
    house.phone_each_time("anna", vec![rings_out(), joins()]);
    house.phone("bob", accepts_after(secs(2)).stars('1', talking(5)));
    let call = house.call(talks_for(60)).await;
    assert_eq!(call.rang(), ["anna", "bob", "anna"]);
    assert_eq!(call.heard("caller").last().map(String::as_str), Some("all others"));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_joins_the_responder_alone_is_told_and_the_talk_goes_on() {
    let mailbox = answers_after(secs(1));
    for story in [is_busy(), turns_it_down(), rings_out(), mailbox] {
        let mut house = house("");
        house.phone("anna", anna_presses('1'));
        house.phone("bob", story.clone());
        house.phone("carla", story);
        let call = house.call(talks_for(120)).await;
        assert_eq!((call.outcome, call.rang()), (Outcome::Accepted, vec!["anna", "bob", "carla"]));
        assert!(call.heard("anna").last().is_some_and(|heard| heard.contains(NOBODY_ELSE)));
        assert_eq!(call.heard("caller").last().map(String::as_str), Some("the other one"));
        assert!(
            call.timeline().contains("nobody else could be reached: the caller and anna hear each other")
        );
        assert_eq!(call.reason, "the caller hung up");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_key_again_calls_off_whoever_is_being_rung() {
    let mut house = house("");
    house.phone("anna", anna_presses('1').stars('1', talking(8)));
    house.phone("bob", rings_out());
    let call = house.call(talks_for(60)).await;
    assert_eq!((call.outcome, call.rang()), (Outcome::Accepted, vec!["anna", "bob"]));
    assert!(call.timeline().contains("the one who was being rung is called off"), "{}", call.timeline());
    let mut house = self::house("");
    house.phone("anna", anna_presses('2').stars('2', talking(8)));
    house.phone("bob", rings_out());
    let call = house.call(talks_for(60)).await;
    let heard = call.heard("caller");
    assert_eq!(
        heard[heard.len() - 3..],
        ["the other one", "[Hold]... --", "the other one"],
        "the caller is back"
    );
}

#[tokio::test(start_paused = true)]
async fn the_caller_may_hang_up_at_any_moment_and_nobody_is_left_on_a_line() {
    let moments = [
        upon(Sign::Dialled).of("bob"),
        upon(Sign::Rings).of("bob"),
        upon(Sign::Answered).of("bob"),
        during(ASKS).of("bob"),
        after(ASKS).of("bob"),
        upon(Sign::Conferred).plus(secs(1)),
    ];
    for key in ['1', '2'] {
        for moment in &moments {
            let mut house = house("");
            house.phone("anna", anna_presses(key));
            let call = house.call(caller().hangs_up(moment.clone()).hangs_up(talking(50))).await;
            assert_eq!(call.reason, "the caller hung up");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_responder_may_hang_up_at_any_moment_and_the_caller_is_not_lost() {
    for moment in [upon(Sign::Dialled), upon(Sign::Rings), upon(Sign::Answered), during(ASKS)] {
        for key in ['1', '2'] {
            let mut house = house("");
            house.phone("anna", anna_presses(key).hangs_up(moment.clone().of("bob")));
            let call = house.call(talks_for(60)).await;
            assert_eq!(call.heard("caller").last().map(String::as_str), Some("the other one"), "{moment:?}");
            assert_eq!(call.ended.responder.as_deref(), Some("bob"), "{moment:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_handed_to_nobody_leaves_a_message() {
    let mut house = house("");
    house.phone("anna", anna_presses('2').hangs_up(upon(Sign::Rings).of("bob")));
    house.phone("bob", rings_out());
    house.phone("carla", is_busy());
    let call = house.call(caller().hangs_up(upon(Sign::Recorded).plus(secs(8)))).await;
    assert_eq!((call.outcome, call.message), (Outcome::Accepted, Some((true, 8000))));
    assert!(call.timeline().contains("nobody else could be reached, and the caller is alone"));
    assert!(!call.timeline().contains("nobody accepted"), "anna had: {}", call.timeline());
}

#[tokio::test(start_paused = true)]
async fn a_warm_transfer_puts_the_caller_through_after_a_word_between_the_two() {
    let mut house = house("");
    let anna = anna_presses('2').stars('2', upon(Sign::Bridged).nth(2).plus(secs(10)));
    house.phone("anna", anna);
    let call = house.call(caller().hangs_up(upon(Sign::Bridged).nth(2).plus(secs(30)))).await;
    assert_eq!((call.outcome, call.ended.responder.as_deref()), (Outcome::Accepted, Some("bob")));
    let heard = call.heard("caller");
    assert_eq!(heard[heard.len() - 3..], ["the other one", "[Hold]... --", "the other one"]);
    assert_eq!(
        call.heard("anna").last().map(String::as_str),
        Some("the other one"),
        "bob, and then she is gone"
    );
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2); carla (level 3: named in level 3)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       4.300   DialTargetResult    anna: answered
       4.300   ConfirmTarget       anna: asked to press 1
      12.700   ConfirmTargetResult anna: accepted with 1
      12.700 ~ DialTarget          bob: not rung: anna accepted first
      12.700 ~ DialTarget          carla: not rung: anna accepted first
      12.700   Bridge              anna: the caller and anna hear each other
      17.700   GatherDtmf          anna: pressed *2 during the call: transfer
      17.700   DialChainResolved   Production (another person): to be rung in this order: bob (level 2: named in level 2); carla (level 3: named in level 3); left out: anna: in this call already
      17.700   DialTarget          bob: 1. ringing bob at +4915100000002 (level 2: named in level 2)
      19.900   DialTargetResult    bob: answered
      19.900   ConfirmTarget       bob: asked to press 1
      28.300   ConfirmTargetResult bob: accepted with 1
      28.300 ~ DialTarget          carla: not rung: bob accepted first
      28.300 ~ DialTarget          anna: not rung: in this call already
      28.300   Bridge              bob: anna and bob speak alone, the caller is on hold
      38.300   GatherDtmf          anna: pressed *2 during the call: transfer
      38.300   Bridge              anna: anna has handed the call over: the caller and bob hear each other
      68.300   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_transfer_can_become_a_talk_of_all_three() {
    for key in ['#', '1'] {
        let mut house = house("");
        house.phone("anna", anna_presses('2').stars(key, upon(Sign::Bridged).nth(2).plus(secs(10))));
        let call = house.call(talks_for(60)).await;
        for who in ["caller", "anna", "bob"] {
            assert_eq!(call.heard(who).last().map(String::as_str), Some("all others"), "*{key}: {who}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_before_a_transfer_gives_the_caller_to_the_other_one() {
    let mut house = house("");
    house.phone("anna", anna_presses('2').hangs_up(upon(Sign::Bridged).nth(2).plus(secs(5))));
    let call = house.call(caller().hangs_up(upon(Sign::Bridged).nth(2).plus(secs(30)))).await;
    assert_eq!(call.ended.responder.as_deref(), Some("bob"));
    let mut house = self::house("");
    house.phone("anna", anna_presses('2'));
    house.phone("bob", joins().hangs_up(upon(Sign::Bridged).plus(secs(5))));
    let call = house.call(talks_for(60)).await;
    assert_eq!(call.ended.responder.as_deref(), Some("anna"));
    assert!(call.timeline().contains("bob hung up: the caller and anna hear each other"));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_takes_a_transfer_the_caller_is_back_at_once() {
    let mut house = house("");
    house.phone("anna", anna_presses('2'));
    house.phone("bob", is_busy());
    house.phone("carla", turns_it_down());
    let call = house.call(talks_for(60)).await;
    let heard = call.heard("caller");
    assert_eq!(heard[heard.len() - 3..], ["the other one", "[Hold]... --", "the other one"]);
    assert!(call.heard("anna").iter().any(|heard| heard.contains("Ringback")), "{:?}", call.heard("anna"));
    assert!(call.heard("anna").last().is_some_and(|heard| heard.contains(NOBODY_ELSE)));
}

#[tokio::test(start_paused = true)]
async fn a_recording_on_demand_begins_once_all_have_heard_of_it_and_ends_with_the_same_key() {
    let mut house = house("");
    house.phone("anna", anna_presses('3').stars('3', talking(27)));
    let call = house.call(talks_for(60)).await;
    assert_eq!(call.recorded, Some((true, 20_000)), "from after the words to the second press");
    for who in ["caller", "anna"] {
        assert!(call.heard(who).iter().any(|heard| heard.contains(CONSENT)), "{who}");
    }
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2); carla (level 3: named in level 3)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       4.300   DialTargetResult    anna: answered
       4.300   ConfirmTarget       anna: asked to press 1
      12.700   ConfirmTargetResult anna: accepted with 1
      12.700 ~ DialTarget          bob: not rung: anna accepted first
      12.700 ~ DialTarget          carla: not rung: anna accepted first
      12.700   Bridge              anna: the caller and anna hear each other
      17.700   GatherDtmf          anna: pressed *3 during the call: record
      19.700   RecordMessage       anna: all were told, and the call is recorded
      39.700   GatherDtmf          anna: pressed *3 during the call: record
      39.700   RecordMessage       anna: has ended the recording
      72.700   RecordMessage       a call of 20 s was recorded
      72.700   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_call_is_not_recorded_on_demand_where_somebody_did_not_hear_of_it_or_there_is_no_room() {
    let mut house = house("");
    house.phone("anna", anna_presses('3'));
    house.never_hears(CONSENT);
    let call = house.call(talks_for(60)).await;
    assert_eq!(call.recorded, None);
    assert!(!call.saw(|seen| *seen == Seen::BridgeRecorded));
    assert!(call.timeline().contains("! RecordMessage       anna: not recorded: not everybody heard"));
    let mut house = self::house("");
    house.phone("anna", anna_presses('3'));
    house.has_no_room("the disk is full");
    let call = house.call(talks_for(60)).await;
    assert_eq!(call.recorded, None);
    assert!(!call.heard("caller").iter().any(|heard| heard.contains(CONSENT)), "nobody is told in vain");
    assert!(call.heard("anna").last().is_some_and(|heard| heard.contains("not-recorded")));
}

#[tokio::test(start_paused = true)]
async fn who_joins_a_recorded_call_is_told_first_and_is_then_part_of_the_recording() {
    let mut house = house("");
    house.phone("anna", anna_presses('3').stars('1', talking(20)));
    let call = house.call(talks_for(90)).await;
    let heard = call.heard("bob");
    assert_eq!(heard[heard.len() - 2..], ["[en/may-be-recorded]", "all others"]);
    assert!(call.saw(|seen| *seen == Seen::JoinsRecording));
    assert_eq!(call.recorded, Some((true, 83_000)));
}

#[tokio::test(start_paused = true)]
async fn help_is_for_the_responder_alone_and_names_the_keys_there_are() {
    let mut house = house("[hotlines.routes.keys]\ntransfer = \"none\"\nrecord = \"*7\"");
    house.phone("anna", anna_presses('0').stars('2', talking(20)));
    let call = house.call(talks_for(60)).await;
    let help = "[en/press] [en/star] [en/1] [en/to-add] [en/press] [en/star] [en/7] [en/to-record]";
    assert_eq!(call.heard("anna").last().map(String::as_str), Some(help));
    assert_eq!(call.rang(), ["anna"], "*2 is the caller's to hear");
    assert_eq!(call.heard("caller").last().map(String::as_str), Some("the other one"));
}

#[tokio::test(start_paused = true)]
async fn the_key_for_help_is_announced_before_the_first_word_where_that_is_wanted() {
    let call = house("[hotlines.routes.keys]\nannounce = true").call(talks_for(20)).await;
    let heard = call.heard("anna");
    let announced = "[en/for-help] [en/press] [en/star] [en/0]";
    assert_eq!(heard[heard.len() - 2..], [announced, "the other one"]);
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_during_the_announcement_of_the_keys_never_had_the_caller_and_the_next_is_rung() {
    let mut house = house("[hotlines.routes.keys]\nannounce = true");
    house.phone("anna", accepts_after(secs(2)).hangs_up(during("for-help")));
    house.phone("bob", accepts_after(secs(2)));
    let call = house.call(talks_for(20)).await;
    assert_eq!((call.rang(), call.ended.responder.as_deref()), (vec!["anna", "bob"], Some("bob")));
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_before_choosing_leaves_a_caller_on_hold_who_may_leave_a_message() {
    let invite = r#"invite = ["person:bob", "person:dora"]"#;
    let mut house = House::with(&one_route(LEVELS, invite), PEOPLE);
    house.phone("anna", anna_presses('2').hangs_up(talking(8)));
    let call = house.call(caller().hangs_up(upon(Sign::Recorded).plus(secs(8)))).await;
    assert_eq!((call.outcome, call.message), (Outcome::Accepted, Some((true, 8000))));
    assert!(call.timeline().contains("anna hung up: the caller is alone"), "{}", call.timeline());
}

#[tokio::test(start_paused = true)]
async fn without_keys_a_star_is_the_callers_to_hear() {
    let mut house = house("[hotlines.routes.keys]\nenabled = false");
    house.phone("anna", anna_presses('1'));
    let call = house.call(talks_for(60)).await;
    assert_eq!(call.rang(), ["anna"]);
    assert!(!call.timeline().contains("pressed *"));
}

#[tokio::test(start_paused = true)]
async fn one_who_may_be_invited_is_rung_at_once_whatever_the_levels_say() {
    let mut house = House::with(&one_route(LEVELS, r#"invite = ["person:dora"]"#), PEOPLE);
    house.phone("anna", anna_presses('1'));
    house.phone("dora", joins());
    let call = house.call(talks_for(60)).await;
    assert_eq!(call.rang(), ["anna", "dora"]);
}

#[tokio::test(start_paused = true)]
async fn of_several_who_may_be_invited_the_responder_chooses_while_the_caller_is_on_hold() {
    let invite = r#"invite = ["person:bob", "person:dora"]"#;
    let mut house = House::with(&one_route(LEVELS, invite), PEOPLE);
    house.phone("anna", anna_presses('1').presses('2', during("press").of("anna").nth(2)));
    house.phone("dora", joins());
    let call = house.call(talks_for(60)).await;
    assert_eq!(call.rang(), ["anna", "dora"], "{}", call.timeline());
    assert!(call.heard("caller").contains(&"[Hold]... --".to_owned()));
    assert_eq!(call.heard("caller").last().map(String::as_str), Some("all others"));
}

#[tokio::test(start_paused = true)]
async fn a_choice_that_is_not_made_gives_the_caller_back() {
    for leaves in [false, true] {
        let invite = r#"invite = ["person:bob", "person:dora"]"#;
        let mut house = House::with(&one_route(LEVELS, invite), PEOPLE);
        let anna = anna_presses('2');
        house.phone("anna", if leaves { anna.presses('*', talking(8)) } else { anna });
        let call = house.call(talks_for(60)).await;
        assert_eq!(call.rang(), ["anna"]);
        let heard = call.heard("caller");
        assert_eq!(heard[heard.len() - 3..], ["the other one", "[Hold]... --", "the other one"]);
    }
}

#[tokio::test(start_paused = true)]
async fn two_callers_never_get_the_same_colleague() {
    let mut house = house("");
    house.nobody_is_rung_twice_at_once();
    house.phone("anna", anna_presses('1'));
    house.phone("carla", accepts_after(secs(2)).stars('1', talking(2)));
    house.phone("bob", joins());
    let later = caller().named("second").calls_at(secs(20)).hangs_up(talking(60));
    let calls: Vec<Told> = house.calls(vec![talks_for(90), later]).await;
    assert_eq!(calls[0].rang(), ["anna", "bob"]);
    assert_eq!(calls[1].rang(), ["carla"], "{}", calls[1].timeline());
}

#[tokio::test(start_paused = true)]
async fn the_daemon_may_be_stopped_amid_a_conference() {
    let mut house = house("");
    house.phone("anna", anna_presses('1'));
    let call = house.call(caller().does(Deed::StopDaemon, upon(Sign::Conferred).plus(secs(3)))).await;
    assert_eq!(call.reason, "the daemon was stopped");
}

#[tokio::test(start_paused = true)]
async fn a_phone_that_falls_silent_leaves_the_conference_like_one_that_hangs_up() {
    let mut house = house("");
    let silent = Deed::End(Gone::MediaTimeout);
    house.phone("anna", anna_presses('1').does(silent, upon(Sign::Conferred).plus(secs(10))));
    let call = house.call(caller().hangs_up(upon(Sign::Conferred).plus(secs(60)))).await;
    assert!(
        call.timeline().contains("nothing was heard from anna's phone any more: the caller and bob hear")
    );
}
