//! A phone is called to have it confirmed.

use crate::house::{House, one_route};
use crate::story::{Sign, Story, after, answers_after, is_busy, rings_out, secs, turns_it_down, upon};

const ANNA: &str = r#"
[[people]]
id = "anna"
language = "de"
phones = [{ phone = "+4915100000001", unconfirmed = true }]
"#;

async fn verified(anna: Story) -> (Result<String, String>, Vec<String>, bool) {
    let mut house = House::with(&one_route(r#"[["person:anna"]]"#, ""), ANNA);
    house.phone("anna", anna);
    house.verifies("anna").await
}

#[tokio::test(start_paused = true)]
async fn whoever_presses_1_after_the_question_has_confirmed_the_phone() {
    let (ended, said, kept) = verified(answers_after(secs(2)).presses('1', after("confirm-phone"))).await;
    assert_eq!((ended, kept), (Ok("accepted with 1".to_owned()), true));
    insta::assert_snapshot!(said.join("\n"), @r"
    nightbell calls +4915100000001
    CallReceived: nobody calls: anna is asked to confirm the phone +4915100000001
    DialTarget: ringing anna at +4915100000001, to have it confirmed
    DialTargetResult: answered
    ConfirmTarget: asked to press 1 to confirm the phone
    ConfirmTargetResult: accepted with 1
    Hangup: the phone is confirmed: accepted with 1
    accepted: the phone is confirmed: accepted with 1
    ");
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_during_the_thanks_has_confirmed_it_all_the_same() {
    let anna = answers_after(secs(2)).presses('1', after("confirm-phone"));
    let (ended, _, kept) = verified(anna.hangs_up(upon(Sign::Hears("phone-confirmed")))).await;
    assert!(ended.is_ok() && kept);
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_and_a_key_from_before_the_question_confirm_nothing() {
    for anna in [
        answers_after(secs(2)),
        answers_after(secs(2)).presses('1', upon(Sign::Answered)),
        answers_after(secs(2)).presses('2', after("confirm-phone")),
    ] {
        let (ended, said, kept) = verified(anna).await;
        let why = "answered, pressed nothing within 10 s of the prompt, 2 times";
        assert_eq!((ended, kept), (Err(why.to_owned()), false));
        assert_eq!(said.last().unwrap(), &format!("missed: the phone is not confirmed: {why}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_phone_that_nobody_picks_up_is_not_confirmed_and_the_reason_is_told() {
    for (anna, why) in [
        (is_busy(), "busy"),
        (rings_out(), "no answer within 30 s"),
        (turns_it_down(), "declined at the phone"),
    ] {
        let (ended, _, kept) = verified(anna).await;
        assert_eq!((ended, kept), (Err(why.to_owned()), false));
    }
}
