//! Rows 62 to 68: how a responder accepts. Row 67, answering in a browser, is to come.

use nightbell::call::journal::Outcome;

use crate::house::{House, PEOPLE, one_route};
use crate::story::{
    ACCEPT_PROMPT, Sign, Story, accepts_after, after, answers_after, caller, during, ms, secs, upon,
};
use crate::told::Told;

/// Anna does as told; bob accepts with 1 or any key. `accept` is what the route says of accepting.
async fn call(accept: &str, anna: Story) -> Told {
    let more = format!("[hotlines.routes.accept]\n{accept}");
    let mut house = House::with(&one_route(r#"[["person:anna"], ["person:bob"]]"#, &more), PEOPLE);
    house.phone("anna", anna);
    house.phone("bob", accepts_after(secs(2)));
    house.call(caller().hangs_up(upon(Sign::Bridged).plus(secs(10)))).await
}

/// The word of the prompt that asks for any key.
const ANY: &str = "any-key-to-accept";

#[tokio::test(start_paused = true)]
async fn row_62_the_key_accepts_or_any_key_or_picking_up() {
    let presses = |key| answers_after(secs(1)).presses(key, after(ACCEPT_PROMPT));
    for (accept, anna, responder) in [
        ("", presses('1'), "anna"),
        ("", presses('7'), "bob"),
        ("key = \"1\"\ndecline = \"none\"", presses('2'), "bob"),
        ("key = \"#\"", presses('#'), "anna"),
        ("key = \"any\"", answers_after(secs(1)).presses('7', after(ANY)), "anna"),
        ("key = \"none\"", answers_after(secs(1)), "anna"),
    ] {
        let call = call(accept, anna).await;
        assert_eq!(call.ended.responder.as_deref(), Some(responder), "{accept}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_63_a_declined_call_rings_the_next_person_at_once() {
    let call = call("", answers_after(secs(1)).presses('2', during(ACCEPT_PROMPT))).await;
    assert_eq!(call.rang(), ["anna", "bob"]);
    assert_eq!(
        call.released("anna").0,
        u128::try_from(call.rung()[1].1).unwrap(),
        "bob is rung as anna is let go of"
    );
    assert!(call.timeline().contains("anna: declined with 2"));
}

#[tokio::test(start_paused = true)]
async fn row_64_the_time_to_accept_counts_from_the_end_of_the_question() {
    let presses = |s| answers_after(secs(1)).presses('1', upon(Sign::HasHeard(ACCEPT_PROMPT)).plus(s));
    let accept = "timeout = \"15s\"\nattempts = 1";
    assert_eq!(call(accept, presses(ms(14_900))).await.rang(), ["anna"]);
    assert_eq!(call(accept, presses(ms(15_100))).await.rang(), ["anna", "bob"]);
}

#[tokio::test(start_paused = true)]
async fn row_65_the_question_is_asked_as_often_as_set() {
    for attempts in [1, 3, 5] {
        let call = call(&format!("attempts = {attempts}\ntimeout = \"2s\""), answers_after(secs(1))).await;
        assert_eq!(call.heard("anna").len(), attempts);
        assert_eq!(call.ended.responder.as_deref(), Some("bob"));
    }
}

#[tokio::test(start_paused = true)]
async fn row_66_a_mailbox_that_picks_up_does_not_get_the_caller() {
    // It may even dial as it picks up: that is no answer to a question which has not been asked. The tone of
    // its greeting is no key either: `tests/wire` shows that.
    let mailbox = answers_after(secs(1)).presses('1', upon(Sign::Rings).plus(secs(1)));
    let call = call("", mailbox).await;
    assert_eq!((call.outcome, call.ended.responder.as_deref()), (Outcome::Accepted, Some("bob")));
    assert_eq!(call.heard("anna").len(), 2, "it was asked to the end");
}

#[tokio::test(start_paused = true)]
async fn row_68_picked_up_without_a_key_is_not_accepted() {
    let call = call("", answers_after(secs(1))).await;
    assert_eq!(call.ended.responder.as_deref(), Some("bob"));
    assert!(call.timeline().contains("anna: answered, pressed nothing within 10 s of the prompt, 2 times"));
}

/// A call on a route that asks for the caller's name. Anna accepts.
async fn named(caller: crate::story::Caller, accept: &str) -> Told {
    let more = format!("record_name = true\n{accept}");
    let mut house = House::with(&one_route(r#"[["person:anna"]]"#, &more), PEOPLE);
    house.phone(
        "anna",
        answers_after(secs(1)).presses('1', upon(Sign::Hears("caller-on-hold")).plus(secs(9))),
    );
    house.call(caller.hangs_up(upon(Sign::Bridged).plus(secs(10)))).await
}

#[tokio::test(start_paused = true)]
async fn a_caller_is_asked_for_a_name_once_and_the_responder_hears_it() {
    let call = named(caller(), "").await;
    let asked = call.heard("caller").iter().filter(|words| words.contains("say-name")).count();
    assert_eq!(asked, 1);
    let prompt = &call.heard("anna")[0];
    assert!(prompt.starts_with("[en/caller-on-hold] [what was said] [en/press]"), "{prompt}");
    assert!(call.timeline().contains("RecordMessage       the caller said a name"), "{}", call.timeline());
    assert_eq!(call.message, None, "nothing of it is kept");
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_says_no_name_is_a_caller_without_a_name() {
    let call = named(caller().says_nothing(), "").await;
    let prompt = &call.heard("anna")[0];
    assert!(prompt.starts_with("[en/caller-on-hold] [en/unnamed-caller] [en/press]"), "{prompt}");
}

#[tokio::test(start_paused = true)]
async fn a_key_ends_the_name_and_a_caller_who_hangs_up_amid_it_rings_nobody() {
    let call = named(caller().presses('#', upon(Sign::Recorded).plus(ms(700))), "").await;
    assert_eq!(call.outcome, Outcome::Accepted);
    let amid = upon(Sign::Recorded).plus(ms(700));
    let more = "record_name = true";
    let mut house = House::with(&one_route(r#"[["person:anna"]]"#, more), PEOPLE);
    house.phone("anna", answers_after(secs(1)));
    let call = house.call(caller().hangs_up(amid)).await;
    assert_eq!((call.outcome, call.rang().len()), (Outcome::Missed, 0));
}

#[tokio::test(start_paused = true)]
async fn words_of_ones_own_begin_with_the_name() {
    let own = "[hotlines.routes.accept]\nprompt = { file = \"caller-on-hold.wav\" }";
    let call = named(caller(), own).await;
    assert_eq!(call.heard("anna")[0].split(" --").next(), Some("[what was said] [/etc/caller-on-hold.wav]"));
}
