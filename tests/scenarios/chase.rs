//! Somebody is phoned about an open incident.

use std::time::Duration;

use nightbell::call::chase::{Answer, Story as Incident, What};
use nightbell::call::journal::Outcome;
use nightbell::call::leg::{Gone, NotAnswered};
use nightbell::call::prompt::{Memo, Piece};
use nightbell::oncall::E164;

use crate::house::{Chased, House, one_route};
use crate::story::{
    Cue, Deed, Sign, Story, accepts_after, after, answers_after, caller, during, is_busy, ms, refused,
    rings_out, secs, turns_it_down, upon,
};
use crate::told::Told;

const ANNA: &str = r#"
[[people]]
id = "anna"
language = "de"
phones = ["+4915100000001"]
"#;
const TWO_PHONES: &str = r#"
[[people]]
id = "anna"
phones = ["+4915100000001", "+4915100000002"]
"#;

/// What is asked at the end.
const KEYS: &str = "take-it-on";

fn of_a_message(sound: Option<Piece>) -> Incident {
    let what = What::Message { length: Duration::from_secs(42), sound };
    Incident { what, caller: E164::parse("+4915155500").ok(), time: (3, 12) }
}

/// Three seconds of sound.
fn sound() -> Piece {
    Piece::Memo(Memo { narrow: vec![0; 24_000].into(), wide: Vec::new().into() })
}

fn told_of(story: Incident) -> Chased {
    Chased { story, at: Duration::ZERO, over: None, is_first: true }
}

async fn chased(anna: Story, chased: Chased) -> (Answer, Vec<String>) {
    let mut house = House::with(&one_route(r#"[["person:anna"]]"#, ""), ANNA);
    house.phone("anna", anna);
    let (answer, lines, _) = house.chases("anna", chased, Vec::new()).await;
    (answer, lines)
}

fn asks() -> Cue {
    after(KEYS)
}

#[tokio::test(start_paused = true)]
async fn whoever_presses_1_has_heard_what_happened_and_the_message_and_has_taken_it_on() {
    let (answer, lines) =
        chased(answers_after(secs(2)).presses('1', asks()), told_of(of_a_message(Some(sound())))).await;
    assert_eq!(answer, Answer::TakenOn);
    insta::assert_snapshot!(lines.join("\n"), @r"
    CallReceived: nobody calls: anna is told of incident 7
    DialTarget: ringing anna at +4915100000001, about incident 7
    DialTargetResult: answered
    ConfirmTarget: told of a message of 42 s; asked to press 1 to take it on
    ConfirmTargetResult: taken on with 1
    Hangup: the incident is taken on
    accepted: the incident is taken on
    hears [de/hotline-calls] [de/message-left] [de/caller-is] [de/plus] [de/4] [de/9] [150 ms] [de/1] [de/5] [de/1] [150 ms] [de/5] [de/5] [de/5] [150 ms] [de/0] [de/0] [250 ms] [de/time-is] [de/0] [de/3] [150 ms] [de/1] [de/2] [250 ms] [de/length-is] [de/40] [de/seconds] [250 ms] [what was said] [250 ms] [de/take-it-on]
    hears [de/taken-on]
    let go of: Done
    ");
}

#[tokio::test(start_paused = true)]
async fn a_missed_call_is_told_of_without_a_message() {
    let missed = Incident { what: What::Missed, caller: None, time: (23, 5) };
    let (answer, lines) = chased(answers_after(secs(2)).presses('1', asks()), told_of(missed)).await;
    assert_eq!(answer, Answer::TakenOn);
    let heard = lines.iter().find(|line| line.contains("call-missed")).unwrap();
    assert!(heard.contains("[de/withheld-number]") && !heard.contains("length-is"), "{heard}");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_gone_or_encrypted_is_said_to_be_so() {
    let (_, lines) = chased(answers_after(secs(2)), told_of(of_a_message(None))).await;
    assert!(lines.iter().any(|line| line.contains("hears") && line.contains("no-sound")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("which cannot be played")), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn with_2_the_message_is_played_again_without_the_words_before_it() {
    let anna = answers_after(secs(2)).presses('2', asks()).presses('1', asks().nth(2));
    let (answer, lines) = chased(anna, told_of(of_a_message(Some(sound())))).await;
    assert_eq!(answer, Answer::TakenOn);
    let heard: Vec<_> = lines.iter().filter(|line| line.starts_with("hears")).collect();
    assert_eq!(heard.len(), 3, "{heard:?}");
    assert!(heard[0].contains("message-left") && !heard[1].contains("message-left"));
    assert!(heard[1].contains("[what was said]") && heard[2].contains("taken-on"));
}

#[tokio::test(start_paused = true)]
async fn with_3_the_next_person_is_asked_for_also_in_the_middle_of_the_message() {
    let anna = answers_after(secs(2)).presses('3', during("message-left"));
    let (answer, lines) = chased(anna, told_of(of_a_message(Some(sound())))).await;
    assert_eq!(answer, Answer::Next);
    assert_eq!(lines.last().unwrap(), "let go of: Done with [de/next-person]");
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_a_hang_up_and_a_key_from_before_the_question_take_nothing_on() {
    for anna in [
        answers_after(secs(2)),
        answers_after(secs(2)).presses('1', upon(Sign::Answered)),
        answers_after(secs(2)).presses('7', asks()),
        answers_after(secs(2)).hangs_up(during("message-left")),
        rings_out(),
        is_busy(),
        turns_it_down(),
    ] {
        let (answer, lines) = chased(anna, told_of(of_a_message(Some(sound())))).await;
        assert!(matches!(answer, Answer::Nothing(_)), "{lines:?}");
        assert!(lines.iter().any(|line| line.starts_with("missed: not taken on")), "{lines:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_phone_that_is_silent_is_followed_by_the_persons_next_one_and_a_decline_is_not() {
    for (first, rung) in [(rings_out(), 2), (answers_after(secs(2)), 2), (turns_it_down(), 1)] {
        let mut house = House::with(&one_route(r#"[["person:anna"]]"#, ""), TWO_PHONES);
        house.phone("anna", first);
        house.phone("anna 2", answers_after(secs(2)).presses('1', asks()));
        let (answer, lines, _) = house.chases("anna", told_of(of_a_message(Some(sound()))), Vec::new()).await;
        assert_eq!(answer == Answer::TakenOn, rung == 2, "{lines:?}");
        assert_eq!(lines.iter().filter(|line| line.starts_with("DialTarget:")).count(), rung, "{lines:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_phone_stops_ringing_at_once_when_somebody_else_has_taken_it_on() {
    let chase = Chased { over: Some(secs(5)), ..told_of(of_a_message(None)) };
    let (answer, lines) = chased(rings_out(), chase).await;
    assert_eq!(answer, Answer::Settled("bob has taken it on".to_owned()));
    assert_eq!(lines.last().unwrap(), "let go of: AnsweredElsewhere with [de/settled]");
    assert!(!lines.iter().any(|line| line.starts_with("hears")), "it was never picked up: {lines:?}");
    assert!(
        lines
            .iter()
            .any(|line| line
                == "DialTargetResult: interrupted: nobody is needed any more: bob has taken it on")
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_presses_1_a_moment_after_somebody_else_hears_that_it_is_settled() {
    let chase = Chased { is_first: false, ..told_of(of_a_message(None)) };
    let (answer, lines) = chased(answers_after(secs(2)).presses('1', asks()), chase).await;
    assert_eq!(answer, Answer::Settled("somebody else was first".to_owned()));
    assert!(lines.iter().any(|line| line == "hears [de/settled]"), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("taken-on]")), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn when_no_line_is_free_it_is_put_off() {
    let full = NotAnswered::NoLine("max_calls of the trunk `carrier` is reached".to_owned());
    let (answer, _) = chased(refused(full), told_of(of_a_message(None))).await;
    assert!(matches!(answer, Answer::Busy(_)), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_line_that_a_caller_needs_is_given_up_in_the_middle_of_a_word() {
    let lost = Deed::End(Gone::NotAnswered(NotAnswered::NoLine("a caller needed the line".to_owned())));
    let (answer, _) =
        chased(answers_after(secs(2)).does(lost, during("message-left")), told_of(of_a_message(None))).await;
    assert_eq!(answer, Answer::Busy("a caller needed the line".to_owned()));
}

/// Anna is told of an incident while somebody calls and needs her.
async fn and_a_caller(anna: Vec<Story>, at: Duration, calls_at: Duration) -> (Answer, Vec<String>, Told) {
    let mut house = House::with(&one_route(r#"[["person:anna"]]"#, ""), ANNA);
    house.nobody_is_rung_twice_at_once();
    house.phone_each_time("anna", anna);
    let chase = Chased { at, ..told_of(of_a_message(Some(sound()))) };
    let caller = caller().calls_at(calls_at).hangs_up(upon(Sign::Bridged).plus(secs(60)));
    let (answer, lines, mut calls) = house.chases("anna", chase, vec![caller]).await;
    (answer, lines, calls.remove(0))
}

#[tokio::test(start_paused = true)]
async fn a_caller_gets_whoever_is_being_told_of_an_incident_at_once() {
    for told in [rings_out(), answers_after(secs(1))] {
        let (answer, lines, call) = and_a_caller(vec![told, accepts_after(secs(2))], ms(0), secs(4)).await;
        assert_eq!(answer, Answer::Busy("a caller needs them".to_owned()));
        assert_eq!(lines.last().unwrap(), "let go of: Done", "not a word more");
        assert_eq!(call.outcome, Outcome::Accepted);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_on_a_call_is_not_phoned() {
    let (answer, lines, call) = and_a_caller(vec![accepts_after(secs(2))], secs(20), ms(0)).await;
    assert_eq!(answer, Answer::Busy("is in a call, or being rung for one".to_owned()));
    assert!(lines.is_empty(), "there is no record of a call that was not made: {lines:?}");
    assert_eq!(call.outcome, Outcome::Accepted);
}
