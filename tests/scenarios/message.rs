//! What a caller can do about a message: leave it instead of waiting, hear it, record it again.

use nightbell::call::journal::Outcome;
use nightbell::call::leg::Farewell;

use crate::house::{House, PEOPLE, one_route};
use crate::story::{
    ACCEPT_PROMPT, Caller, Deed, Sign, accepts_after, after, answers_after, caller, during, is_busy, ms,
    rings_out, secs, upon,
};
use crate::told::Told;

const BEEP: &str = "[Beep]";
const QUESTION: &str = "[en/press] [en/1] [en/to-send] [en/press] [en/2] [en/to-listen] [en/press] [en/3] \
                        [en/to-record-again]";
const THANKS: [&str; 2] = ["[en/thank-you-message]", "[en/goodbye]"];

fn house(fallback: &str) -> House {
    let more = format!("[hotlines.routes.fallback]\n{fallback}");
    House::with(&one_route(r#"[["person:anna"]]"#, &more), PEOPLE)
}

/// Everybody is busy; `fallback` is what the route says of its end.
async fn nobody(fallback: &str, caller: Caller) -> Told {
    let mut house = house(fallback);
    house.phone("anna", is_busy());
    house.call(caller).await
}

// ---- a key pressed while waiting ----

#[tokio::test(start_paused = true)]
async fn with_the_key_a_caller_who_is_held_leaves_a_message_and_the_phone_stops_ringing() {
    let mut house = house("key = \"9\"");
    house.phone("anna", rings_out());
    let caller = caller()
        .presses('9', upon(Sign::Hears("Hold")).plus(secs(3)))
        .hangs_up(upon(Sign::Recorded).plus(secs(12)));
    let held = "[en/please-hold] [en/for-message] [en/press] [en/9]";
    assert!(house.has_ready(held), "what is played as one was made ready as one");
    let call = house.call(caller).await;
    assert_eq!((call.outcome, call.message), (Outcome::Voicemail, Some((true, 12_000))));
    assert_eq!(call.heard("caller")[1..], [held, "[Hold]... --", "[en/leave-message]", BEEP]);
    assert_eq!(call.released("anna").1, Farewell::Done);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       9.800 ~ DialTargetResult    anna: interrupted: the caller pressed 9 to leave a message
       9.800   Voicemail           the caller asked for it with a key
      24.420   RecordMessage       a message of 12 s was kept
      24.420   Hangup              the caller hung up
    voicemail: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn who_is_asked_to_accept_is_let_go_of_when_the_caller_prefers_to_leave_a_message() {
    let mut house = house("key = \"9\"");
    house.phone("anna", answers_after(secs(2)));
    let caller =
        caller().presses('9', during(ACCEPT_PROMPT).of("anna")).hangs_up(upon(Sign::Recorded).plus(secs(12)));
    let call = house.call(caller).await;
    assert_eq!((call.outcome, call.message), (Outcome::Voicemail, Some((true, 12_000))));
    assert_eq!(call.released("anna").2.as_deref(), Some("[en/caller-gone]"));
}

#[tokio::test(start_paused = true)]
async fn the_key_counts_from_the_first_word_on_and_other_keys_do_not() {
    let mut house = house("key = \"9\"");
    house.phone("anna", rings_out());
    let caller = caller()
        .presses('9', during("welcome"))
        .presses('1', during("please-hold"))
        .presses('9', during("please-hold").plus(secs(1)))
        .hangs_up(upon(Sign::Recorded).plus(secs(5)));
    let call = house.call(caller).await;
    assert_eq!(call.message, Some((true, 5_000)));
    assert_eq!(call.heard("caller")[1], "[en/please-hold] [en/for-message] [en/press] [en/9] --");
}

#[tokio::test(start_paused = true)]
async fn the_key_leads_to_a_message_also_where_the_route_ends_with_closing_words() {
    let mut house = house("key = \"9\"\nthen = \"closing\"");
    house.phone("anna", rings_out());
    let caller = caller()
        .presses('9', upon(Sign::Hears("Hold")).plus(secs(1)))
        .hangs_up(upon(Sign::Recorded).plus(secs(5)));
    assert_eq!(house.call(caller).await.outcome, Outcome::Voicemail);
}

#[tokio::test(start_paused = true)]
async fn once_somebody_has_accepted_the_key_is_too_late() {
    let mut house = House::with(
        &one_route(
            r#"[["person:anna"]]"#,
            "[hotlines.routes.fallback]\nkey = \"9\"\n[hotlines.prompts]\nconnected = true",
        ),
        PEOPLE,
    );
    house.phone("anna", accepts_after(secs(2)));
    let caller = caller().presses('9', during("connected")).hangs_up(upon(Sign::Bridged).plus(secs(20)));
    let call = house.call(caller).await;
    assert_eq!((call.outcome, call.message), (Outcome::Accepted, None));
}

#[tokio::test(start_paused = true)]
async fn without_the_setting_the_key_means_nothing() {
    let mut house = house("");
    house.phone("anna", rings_out());
    let caller = caller()
        .presses('9', upon(Sign::Hears("Hold")).plus(secs(3)))
        .hangs_up(upon(Sign::Recorded).plus(secs(12)));
    let call = house.call(caller).await;
    assert_eq!(call.heard("caller")[1], "[en/please-hold]");
    assert!(call.timeline().contains("no answer within 20 s"), "{}", call.timeline());
}

// ---- review ----

#[tokio::test(start_paused = true)]
async fn a_message_can_be_heard_and_sent() {
    let careful = caller()
        .presses('#', upon(Sign::Recorded).plus(secs(12)))
        .presses('2', after("to-send"))
        .presses('1', upon(Sign::HasHeard("to-send")).nth(2).plus(secs(2)));
    let call = nobody("review = true", careful).await;
    assert_eq!((call.outcome, call.message), (Outcome::Voicemail, Some((true, 11_880))));
    let heard = call.heard("caller");
    assert_eq!(heard[3..], [BEEP, QUESTION, "[what was said]", QUESTION, THANKS[0], THANKS[1]]);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       2.400   DialTargetResult    anna: busy
       2.400   Voicemail           nobody accepted
      26.120   RecordMessage       the caller pressed 2 and hears the message
      39.220   RecordMessage       a message of 12 s was kept
      43.220   Hangup              the caller left a message and pressed #
    voicemail: the caller left a message and pressed #
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_message_can_be_recorded_again_and_the_last_one_counts() {
    let again = caller()
        .presses('#', upon(Sign::Recorded).plus(secs(12)))
        .presses('3', during("to-send"))
        .presses('#', upon(Sign::Recorded).nth(2).plus(secs(5)))
        .presses('1', upon(Sign::Hears("to-send")).nth(2).plus(secs(1)));
    let call = nobody("review = true", again).await;
    assert_eq!((call.outcome, call.message), (Outcome::Voicemail, Some((true, 4_880))));
    let cut = format!("{QUESTION} --");
    assert_eq!(call.heard("caller")[3..], [BEEP, &cut, BEEP, &cut, THANKS[0], THANKS[1]]);
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_or_says_nothing_at_the_question_has_sent_the_message() {
    let spoken = || caller().presses('#', upon(Sign::Recorded).plus(secs(12)));
    let call = nobody("review = true", spoken()).await;
    assert_eq!((call.outcome, call.message), (Outcome::Voicemail, Some((true, 11_880))));
    assert_eq!(call.heard("caller")[5..], THANKS);
    let call = nobody("review = true", spoken().hangs_up(during("to-send"))).await;
    assert_eq!((call.outcome, call.message), (Outcome::Voicemail, Some((true, 11_880))));
    let fumbles = spoken().presses('7', during("to-send")).presses('7', after("to-send"));
    let call = nobody("review = true", fumbles).await;
    assert_eq!(call.message, Some((true, 11_880)));
}

#[tokio::test(start_paused = true)]
async fn the_first_message_stays_until_another_one_is_kept() {
    let begins_again =
        || caller().presses('#', upon(Sign::Recorded).plus(secs(12))).presses('3', during("to-send"));
    // Over the beep, before a word was said, thrown away and not said again.
    let gives_up = [
        begins_again().hangs_up(upon(Sign::Hears("Beep")).nth(2).plus(ms(200))),
        begins_again().hangs_up(upon(Sign::Recorded).nth(2).plus(ms(100))),
        begins_again()
            .presses('*', upon(Sign::Recorded).nth(2).plus(secs(3)))
            .hangs_up(upon(Sign::Recorded).nth(2).plus(ms(3_200))),
    ];
    for caller in gives_up {
        let call = nobody("review = true", caller).await;
        assert_eq!((call.outcome, call.message), (Outcome::Voicemail, Some((true, 11_880))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_ended_by_itself_is_reviewed_too_and_one_that_is_none_is_not() {
    let trails_off =
        caller().does(Deed::FallSilent, upon(Sign::Recorded).plus(secs(12))).presses('1', after("to-send"));
    let call = nobody("review = true", trails_off).await;
    assert_eq!(call.message, Some((true, 12_000)));
    assert_eq!(call.heard("caller")[4], QUESTION);
    let call =
        nobody("review = true", caller().says_nothing().presses('#', upon(Sign::Recorded).plus(secs(3))))
            .await;
    assert_eq!((call.outcome, call.message), (Outcome::Missed, Some((false, 0))));
    assert_eq!(call.heard("caller")[3..], [BEEP, "[en/goodbye]"]);
}

// ---- what is said before, and what is too little ----

#[tokio::test(start_paused = true)]
async fn the_caller_is_told_of_the_recording_before_the_beep_and_no_key_ends_that() {
    let hasty = || {
        caller()
            .presses('#', during("leave-message"))
            .presses('#', during("recorded"))
            .hangs_up(upon(Sign::Recorded).plus(secs(5)))
    };
    let call = nobody("consent = true", hasty()).await;
    assert_eq!(call.heard("caller")[2..], ["[en/leave-message] --", "[en/may-be-recorded]", BEEP]);
    assert!(call.timeline().contains("the caller was told that the message is recorded"));
    let call = nobody("consent = { file = \"recorded.wav\" }", hasty()).await;
    assert_eq!(call.heard("caller")[3..], ["[/etc/recorded.wav]", BEEP]);
}

#[tokio::test(start_paused = true)]
async fn who_was_told_of_it_in_this_call_is_not_told_again() {
    let more = "record_calls = true\n[hotlines.routes.fallback]\nconsent = true";
    let mut house = House::with(&one_route(r#"[["person:anna"]]"#, more), PEOPLE);
    house.phone("anna", is_busy());
    let call = house.call(caller().hangs_up(upon(Sign::Recorded).plus(secs(5)))).await;
    let told = call.heard("caller").iter().filter(|heard| heard.contains("may-be-recorded")).count();
    assert_eq!(told, 1);
}

#[tokio::test(start_paused = true)]
async fn less_than_the_shortest_message_is_none_and_the_call_was_missed() {
    let sighs = |after| caller().presses('#', upon(Sign::Recorded).plus(after));
    let call = nobody("min_length = \"2s\"", sighs(ms(1_620))).await;
    assert_eq!((call.outcome, call.message), (Outcome::Missed, Some((false, 1_500))));
    assert_eq!(call.reason, "the caller pressed #", "nobody is to look for a message");
    assert!(
        call.timeline().contains("only 2 s of sound: too short for a message, and not kept"),
        "{}",
        call.timeline()
    );
    let call = nobody("min_length = \"2s\"", sighs(ms(2_120))).await;
    assert_eq!(call.message, Some((true, 2_000)));
}
