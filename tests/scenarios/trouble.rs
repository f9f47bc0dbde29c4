//! What breaks around a call: the disk, the recorder, the switch, the daemon. One record comes of
//! every call all the same.

use nightbell::call::journal::{Outcome, Step};
use nightbell::call::leg::{Farewell, Gone};

use crate::house::{House, PEOPLE, one_route, two_routes};
use crate::story::{
    ACCEPT_PROMPT, Cue, Deed, Sign, Story, accepts_after, caller, during, is_busy, ms, rings_out, secs, upon,
};
use crate::switch::Disk;
use crate::told::Told;

const ANNA: &str = r#"[["person:anna"]]"#;

/// A call to anna in which something happens to the house. Without it the caller would talk for a
/// minute, or leave a message of a minute.
async fn struck_by(blow: Deed, when: Cue, anna: Story) -> Told {
    let mut house = House::with(&one_route(ANNA, ""), PEOPLE);
    house.phone("anna", anna);
    let caller =
        caller().hangs_up(upon(Sign::Bridged).plus(secs(60))).hangs_up(upon(Sign::Recorded).plus(secs(60)));
    house.call(caller.does(blow, when)).await
}

#[tokio::test(start_paused = true)]
async fn while_the_disk_hangs_every_wait_for_it_ends_after_half_a_second() {
    let mut house = House::with(&one_route(ANNA, ""), PEOPLE);
    house.disk(Disk::Hangs);
    house.phone("anna", accepts_after(secs(3)));
    let call = house.call(caller().hangs_up(upon(Sign::Bridged).plus(secs(5)))).await;
    assert_eq!(call.outcome, Outcome::Accepted);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.600   Welcome             played
       2.600   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1)
       3.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       6.300   DialTargetResult    anna: answered
       6.300   ConfirmTarget       anna: asked to press 1
      14.700   ConfirmTargetResult anna: accepted with 1
      14.700   Bridge              anna: the caller and anna hear each other
      19.700   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_slow_disk_is_waited_for() {
    let mut house = House::with(&one_route(ANNA, ""), PEOPLE);
    house.disk(Disk::Takes(ms(300)));
    house.phone("anna", accepts_after(secs(3)));
    let call = house.call(caller().hangs_up(upon(Sign::Bridged))).await;
    // The row, the ACK, the welcome: then the intent is written, and waited for.
    assert_eq!(call.rung(), [("anna", 300 + 100 + 2000)]);
    assert!(call.timeline().contains("   2.700   DialTarget "));
}

#[tokio::test(start_paused = true)]
async fn a_recording_that_cannot_be_closed_is_given_up_after_ten_seconds() {
    let mut house = House::with(&one_route(ANNA, ""), PEOPLE);
    house.recorder_is_stuck();
    house.phone("anna", is_busy());
    let call = house.call(caller().hangs_up(upon(Sign::Recorded).plus(secs(5)))).await;
    assert_eq!(call.outcome, Outcome::Failed);
    assert_eq!(call.message, None);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       2.400   DialTargetResult    anna: busy
       2.400   Voicemail           nobody accepted
      20.000 ! RecordMessage       the recording could not be closed
      20.000   Hangup              the caller hung up
    failed: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_caller_waits_half_a_second_at_most_for_a_message_to_be_whole() {
    let mut ended = Vec::new();
    for stuck in [false, true] {
        let mut house = House::with(&one_route(ANNA, ""), PEOPLE);
        if stuck {
            house.recorder_is_stuck();
        }
        house.phone("anna", is_busy());
        let call = house.call(caller().says_nothing().presses('#', upon(Sign::Recorded).plus(secs(5)))).await;
        assert_eq!(call.heard("caller").last().unwrap(), "[en/goodbye]");
        ended.push(call.released("caller").0);
    }
    assert_eq!(ended[1] - ended[0], 480, "500 ms in place of 20");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_never_acknowledged_is_our_failure() {
    let lost = Deed::End(Gone::NoAck);
    let call = struck_by(lost, upon(Sign::AnswerAsked).plus(ms(99)), rings_out()).await;
    assert_eq!(call.outcome, Outcome::Failed);
    assert!(!call.was_answered());
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       0.099   Hangup              the answer was never acknowledged
    failed: the answer was never acknowledged
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_is_not_heard_any_more_ends_the_menu() {
    let lost = Deed::End(Gone::MediaTimeout);
    let call = House::with(&two_routes(""), PEOPLE).call(caller().does(lost, during("press"))).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.reason, "nothing was heard from the caller's phone any more");
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_disappears_ends_the_call_in_every_state() {
    let blow = |when, anna| struck_by(Deed::LoseSwitch, when, anna);
    for (when, anna) in [
        (upon(Sign::CallsIn), rings_out()),
        (upon(Sign::AnswerAsked).plus(ms(50)), rings_out()),
        (during("welcome"), rings_out()),
        (upon(Sign::Dialled).of("anna").plus(ms(100)), rings_out()),
        (upon(Sign::Rings).of("anna").plus(secs(3)), rings_out()),
        (during(ACCEPT_PROMPT).of("anna"), accepts_after(secs(3))),
        (during("leave-message"), is_busy()),
        (upon(Sign::Recorded).plus(secs(3)), is_busy()),
    ] {
        let call = blow(when.clone(), anna).await;
        assert_eq!(call.outcome, Outcome::Failed, "{when:?}");
        assert_eq!(call.reason, "the switch has stopped", "{when:?}");
    }
    let call = blow(upon(Sign::Bridged).plus(secs(5)), accepts_after(secs(3))).await;
    assert_eq!((call.outcome, call.reason.as_str()), (Outcome::Accepted, "the switch has stopped"));
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_stops_ends_the_call_in_every_state() {
    let blow = |when, anna| struck_by(Deed::StopDaemon, when, anna);
    for (when, anna) in [
        (upon(Sign::CallsIn), rings_out()),
        (upon(Sign::AnswerAsked).plus(ms(50)), rings_out()),
        (during("welcome"), rings_out()),
        (upon(Sign::Dialled).of("anna").plus(ms(100)), rings_out()),
        (upon(Sign::Rings).of("anna").plus(secs(3)), rings_out()),
        (during(ACCEPT_PROMPT).of("anna"), accepts_after(secs(3))),
        (during("leave-message"), is_busy()),
    ] {
        let call = blow(when.clone(), anna).await;
        assert_eq!(call.outcome, Outcome::Missed, "{when:?}");
        assert_eq!(call.reason, "the daemon was stopped", "{when:?}");
    }
    let bridged = blow(upon(Sign::Bridged).plus(secs(5)), accepts_after(secs(3))).await;
    assert_eq!((bridged.outcome, bridged.reason.as_str()), (Outcome::Accepted, "the daemon was stopped"));
    assert_eq!(bridged.released("anna").1, Farewell::Done);
    let message = blow(upon(Sign::Recorded).plus(secs(5)), is_busy()).await;
    assert_eq!((message.outcome, message.message), (Outcome::Voicemail, Some((true, 5000))));
}

#[tokio::test(start_paused = true)]
async fn the_daemon_stops_while_a_phone_rings_and_the_record_tells_it() {
    let when = upon(Sign::Rings).of("anna").plus(secs(3));
    let call = struck_by(Deed::StopDaemon, when, rings_out()).await;
    assert_eq!(call.count(Step::DialTargetResult), 1);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       5.300 ~ DialTargetResult    anna: interrupted: the daemon was stopped
       5.300   Hangup              the daemon was stopped
    missed: the daemon was stopped
    "#);
}
