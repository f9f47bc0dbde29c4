//! When nobody is left: a message, or the closing words.

use nightbell::call::journal::{Outcome, Step};
use nightbell::call::leg::Gone;

use crate::house::{House, PEOPLE, one_route};
use crate::story::{Caller, Deed, Sign, caller, during, is_busy, ms, rings_out, secs, upon};
use crate::told::Told;

const GREETING: &str = "leave-message";

/// Everybody is busy; `more` is what the route says of its end.
async fn nobody(more: &str, caller: Caller) -> Told {
    let more = format!("[hotlines.routes.fallback]\n{more}");
    let mut house = House::with(&one_route(r#"[["person:anna"]]"#, &more), PEOPLE);
    house.phone("anna", is_busy());
    house.call(caller).await
}

#[tokio::test(start_paused = true)]
async fn a_message_ends_with_the_caller_hanging_up() {
    let call = nobody("", caller().hangs_up(upon(Sign::Recorded).plus(secs(12)))).await;
    assert_eq!(call.outcome, Outcome::Voicemail);
    assert_eq!(call.message, Some((true, 12_000)));
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       2.400   DialTargetResult    anna: busy
       2.400   Voicemail           nobody accepted
      17.020   RecordMessage       a message of 12 s was kept
      17.020   Hangup              the caller hung up
    voicemail: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_message_ends_with_the_hash_key_which_is_cut_off() {
    let call = nobody("", caller().presses('#', upon(Sign::Recorded).plus(secs(12)))).await;
    assert_eq!(call.outcome, Outcome::Voicemail);
    assert_eq!(call.message, Some((true, 11_880)));
    let last = ["[en/leave-message]", "[Beep]", "[en/thank-you-message]", "[en/goodbye]"];
    assert_eq!(call.heard("caller")[2..], last);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       2.400   DialTargetResult    anna: busy
       2.400   Voicemail           nobody accepted
      17.020   RecordMessage       a message of 12 s was kept
      21.020   Hangup              the caller left a message and pressed #
    voicemail: the caller left a message and pressed #
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_message_ends_at_its_longest_length() {
    let call = nobody("max_length = \"30s\"", caller()).await;
    assert_eq!(call.outcome, Outcome::Voicemail);
    assert_eq!(call.message, Some((true, 30_000)));
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       2.400   DialTargetResult    anna: busy
       2.400   Voicemail           nobody accepted
      35.020   RecordMessage       a message of 30 s was kept
      39.020   Hangup              the message reached its longest length
    voicemail: the message reached its longest length
    "#);
}

#[tokio::test(start_paused = true)]
async fn other_keys_belong_to_the_message_and_do_not_put_off_its_end() {
    let fumbles = caller()
        .presses('1', upon(Sign::Recorded).plus(secs(8)))
        .presses('0', upon(Sign::Recorded).plus(secs(9)));
    let call = nobody("max_length = \"10s\"", fumbles).await;
    assert_eq!(call.message, Some((true, 10_000)));
}

#[tokio::test(start_paused = true)]
async fn the_star_key_throws_the_message_away_and_begins_a_new_one() {
    let thinks_again = caller()
        .presses('*', upon(Sign::Recorded).plus(secs(8)))
        .presses('*', upon(Sign::Recorded).nth(2).plus(secs(9)))
        .presses('#', upon(Sign::Recorded).nth(3).plus(secs(5)));
    let call = nobody("max_length = \"10s\"", thinks_again).await;
    assert_eq!(call.outcome, Outcome::Voicemail);
    assert_eq!(call.message, Some((true, 4_880)), "each has its own length");
    let beep = "[Beep]";
    let last = ["[en/leave-message]", beep, beep, beep, "[en/thank-you-message]", "[en/goodbye]"];
    assert_eq!(call.heard("caller")[2..], last);
    let told = "the caller pressed * and began anew";
    assert_eq!(call.timeline().matches(told).count(), 2, "{}", call.timeline());
}

#[tokio::test(start_paused = true)]
async fn who_begins_anew_and_hangs_up_over_the_beep_leaves_no_message() {
    let gives_up = caller()
        .presses('*', upon(Sign::Recorded).plus(secs(8)))
        .hangs_up(upon(Sign::Recorded).plus(ms(8200)));
    let call = nobody("", gives_up).await;
    assert_eq!((call.outcome, call.message), (Outcome::Missed, Some((false, 0))));
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_message() {
    let trails_off = || caller().does(Deed::FallSilent, upon(Sign::Recorded).plus(secs(12)));
    let call = nobody("", trails_off()).await;
    assert_eq!((call.outcome, call.message), (Outcome::Voicemail, Some((true, 12_000))));
    assert_eq!(call.reason, "nothing was said for 30 s");
    assert_eq!(call.heard("caller")[4..], ["[en/thank-you-message]", "[en/goodbye]"]);
    let call = nobody("silence = \"5s\"", trails_off()).await;
    assert_eq!(call.reason, "nothing was said for 5 s");
    let call = nobody("silence = \"off\"", trails_off()).await;
    assert_eq!(call.reason, "the message reached its longest length");
}

#[tokio::test(start_paused = true)]
async fn who_never_says_anything_is_let_go_and_the_call_was_missed() {
    let call = nobody("", caller().says_nothing()).await;
    assert_eq!((call.outcome, call.message), (Outcome::Missed, Some((false, 0))));
    assert_eq!(call.reason, "nothing was said for 30 s");
    assert_eq!(call.heard("caller")[3..], ["[Beep]", "[en/goodbye]"]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_hears_that_no_message_can_be_taken_before_being_asked_for_one() {
    let mut house = House::with(&one_route(r#"[["person:anna"]]"#, ""), PEOPLE);
    house.phone("anna", is_busy());
    house.has_no_room("1 MiB are free on the disk, and 4 are needed");
    let call = house.call(caller()).await;
    assert_eq!((call.outcome, call.message), (Outcome::Missed, None));
    assert_eq!(call.heard("caller")[2..], ["[en/no-message]", "[en/goodbye]"]);
    let why = "no message could be taken: 1 MiB are free on the disk, and 4 are needed";
    assert_eq!(call.reason, why);
    assert!(call.timeline().contains(&format!("! RecordMessage       {why}")), "{}", call.timeline());
}

#[tokio::test(start_paused = true)]
async fn when_the_disk_fails_during_a_message_the_caller_is_told_at_once_and_the_begin_is_kept() {
    let unlucky = |after| caller().does(Deed::LoseDisk, upon(Sign::Recorded).plus(after));
    let call = nobody("", unlucky(secs(12))).await;
    assert_eq!((call.outcome, call.message), (Outcome::Voicemail, Some((true, 12_000))));
    assert_eq!(call.heard("caller")[4..], ["[en/message-cut-short]", "[en/goodbye]"]);
    assert_eq!(call.reason, "the disk failed during the message");
    assert!(call.timeline().contains("the disk failed; the first 12 s of the message were kept"));
    let call = nobody("", unlucky(secs(0))).await;
    assert_eq!((call.outcome, call.message), (Outcome::Failed, Some((false, 0))));
    assert_eq!(call.heard("caller")[4..], ["[en/no-message]", "[en/goodbye]"]);
}

#[tokio::test(start_paused = true)]
async fn a_key_skips_the_greeting_for_those_who_know_it() {
    let knows = caller()
        .presses('#', during(GREETING))
        .presses('5', during("Beep").plus(ms(400)))
        .hangs_up(upon(Sign::Recorded).plus(secs(5)));
    let call = nobody("", knows).await;
    assert_eq!(call.outcome, Outcome::Voicemail);
    assert_eq!(call.heard("caller")[2..], ["[en/leave-message] --", "[Beep]"]);
    assert_eq!(call.message, Some((true, 5000)));
}

#[tokio::test(start_paused = true)]
async fn an_empty_message_is_not_kept_and_the_call_was_missed() {
    let call = nobody("", caller().says_nothing().hangs_up(upon(Sign::Recorded).plus(secs(3)))).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.message, Some((false, 0)));
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       2.400   DialTargetResult    anna: busy
       2.400   Voicemail           nobody accepted
       8.020 ~ RecordMessage       nothing was said; no message was kept
       8.020   Hangup              the caller hung up
    missed: the caller hung up
    "#);
}

const CANNOT_HEAR: &str = "[en/cannot-hear-you]";

#[tokio::test(start_paused = true)]
async fn a_caller_who_is_not_heard_is_told_so_once_while_the_message_is_recorded() {
    let deaf = caller()
        .says_nothing()
        .does(Deed::GoUnheard, upon(Sign::Recorded).plus(secs(4)))
        .does(Deed::End(Gone::MediaTimeout), upon(Sign::Recorded).plus(secs(34)));
    let call = nobody("", deaf).await;
    assert_eq!(call.heard("caller")[2..5], ["[en/leave-message]", "[Beep]", CANNOT_HEAR]);
    assert_eq!(call.heard("caller").iter().filter(|prompt| *prompt == CANNOT_HEAR).count(), 1);
    assert_eq!(call.outcome, Outcome::Missed);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_is_not_heard_is_told_so_once_between_two_stretches_of_the_hold_tone() {
    let mut house = House::with(&one_route(r#"[["person:anna"]]"#, ""), PEOPLE);
    house.phone("anna", rings_out());
    let deaf = caller()
        .does(Deed::GoUnheard, upon(Sign::Hears("Hold")).plus(secs(3)))
        .hangs_up(upon(Sign::Hears("cannot-hear")).plus(secs(9)));
    let call = house.call(deaf).await;
    assert_eq!(call.heard("caller")[2..], ["[Hold]... --", CANNOT_HEAR, "[Hold]... --"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_being_said_is_not_interrupted_to_tell_a_caller_that_nothing_is_heard() {
    let deaf = caller()
        .does(Deed::GoUnheard, during(GREETING))
        .hangs_up(upon(Sign::Hears("cannot-hear")).plus(secs(9)));
    let call = nobody("", deaf).await;
    assert_eq!(call.heard("caller")[2..], ["[en/leave-message]", "[Beep]", CANNOT_HEAR]);
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_not_thanked() {
    let call = nobody("", caller().says_nothing().presses('#', upon(Sign::Recorded).plus(secs(3)))).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.heard("caller")[3..], ["[Beep]", "[en/goodbye]"]);
}

#[tokio::test(start_paused = true)]
async fn where_the_route_says_so_the_caller_hears_the_closing_words() {
    let call = nobody("then = \"closing\"", caller()).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.heard("caller").last().unwrap(), "[en/nobody-available]");
    assert_eq!(call.count(Step::Voicemail), 0);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       2.400   DialTargetResult    anna: busy
       4.400   Closing             nobody was available; the closing message was played
       4.400   Hangup              nobody was available
    missed: nobody was available
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_route_may_lead_to_the_voicemail_at_once() {
    for more in ["direct = \"voicemail\"", "max_people = 0"] {
        let house = House::with(&one_route(r#"[["person:anna"]]"#, more), PEOPLE);
        let call = house.call(caller().hangs_up(upon(Sign::Recorded).plus(secs(8)))).await;
        assert_eq!(call.outcome, Outcome::Voicemail);
        assert_eq!(call.rang(), [""; 0]);
        assert_eq!(
            call.heard("caller"),
            ["[en/welcome]", "[en/leave-message]", "[Beep]"],
            "no word of holding"
        );
        insta::allow_duplicates! {
            insta::assert_snapshot!(call.timeline(), @r#"
               0.000   CallReceived        +4915155500 calls +4930123456 over carrier
               2.100   Welcome             played
               2.100   Voicemail           the route takes messages only
              12.720   RecordMessage       a message of 8 s was kept
              12.720   Hangup              the caller hung up
            voicemail: the caller hung up
            "#);
        }
    }
}
