//! The switch from outside: the script's requests on one side, a phone on a real socket on the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests say what broke")]

mod bench;
mod carrier;
mod connections;
#[allow(dead_code, reason = "what is not needed here is needed beside the code")]
#[path = "../../src/switch/location/server.rs"]
mod dns;
mod failover;
mod floods;
mod phone;

use std::time::Duration;

use bench::Bench;
use nightbell::call::journal::Record;
use nightbell::call::leg::{Farewell, Gone, Heard, KeySet, Limits, NotAnswered, Recorded, Request, Ring};
use nightbell::call::prompt::{Prompt, Tone};
use nightbell::sip::{EndCause, Event};
use nightbell::switch::prompts::Library;
use phone::Phone;
use tokio::sync::oneshot;

fn beep() -> Prompt {
    Prompt::tone(Tone::Beep)
}

#[tokio::test]
async fn a_phone_that_hears_its_last_words_when_the_daemon_stops_gets_its_bye() {
    let bench = Bench::start(&[beep()]).await;
    let mut phone = Phone::start().await;
    let mut leg = bench.reach(&mut phone, None).await;
    leg.on_release(Farewell::Done, Some(beep()));
    drop(leg);
    let (bye, ()) = tokio::join!(phone.end(), bench.switch.stop());
    assert!(matches!(bye, Event::Ended { cause: EndCause::Bye, .. }), "{bye:?}");
}

#[tokio::test]
async fn a_reload_takes_no_prompt_away_from_a_running_call() {
    let mut bench = Bench::start(&[beep()]).await;
    let (mut caller, mut responder) = (Phone::start().await, Phone::start().await);
    let leg = bench.reach(&mut caller, None).await;
    bench.reload(Library::default()).await;
    let beside = bench.reach(&mut responder, Some(leg.id())).await;
    for leg in [leg.id(), beside.id()] {
        let (done, played) = oneshot::channel();
        bench.ask(Request::Play { leg, prompt: beep(), looped: false, until: KeySet::NONE, done });
        assert_eq!(played.await, Ok(()), "heard to its end");
    }
}

#[tokio::test]
async fn a_recording_of_a_leg_that_has_just_ended_is_empty_and_nothing_is_broken() {
    let bench = Bench::start(&[]).await;
    let mut phone = Phone::start().await;
    let leg = bench.reach(&mut phone, None).await.id();
    assert!(matches!(phone.end().await, Event::Ended { .. }), "the leg was let go of");
    let (done, recorded) = oneshot::channel();
    bench.ask(Request::Record {
        leg,
        name: "x.wav".to_owned(),
        limits: Limits::longest(Duration::from_secs(60)),
        done,
    });
    assert_eq!(recorded.await, Ok(Recorded::NOTHING));
}

#[tokio::test]
async fn an_answered_leg_leaves_its_figures_in_the_record_and_one_that_was_not_leaves_none() {
    let mut bench = Bench::start(&[]).await;
    let (mut phone, mut busy) = (Phone::start().await, Phone::start().await);
    let mut leg = bench.reach(&mut phone, None).await;
    phone.press_in_media(5).await;
    assert_eq!(leg.key(Duration::from_secs(5)).await, Heard::Key('5'));
    let mut other = bench.dial(&busy, Some(leg.id()));
    let patience = Duration::from_secs(5);
    let (rung, ()) = tokio::join!(other.rung(patience, patience), busy.refuse(486));
    assert_eq!(rung, Ring::Gone(Gone::NotAnswered(NotAnswered::Busy)));
    let id = leg.id();
    drop(leg);
    phone.end().await;
    bench.switch.stop().await;
    let mut judged = Vec::new();
    while let Ok(record) = bench.records.try_recv() {
        if let Record::LegQuality(quality) = record {
            judged.push(*quality);
        }
    }
    let [quality] = &judged[..] else { panic!("{judged:?}") };
    assert_eq!((quality.leg, quality.who.as_str(), quality.trunk.as_str()), (id, "anna", "phones"));
    assert_eq!((quality.codec.as_str(), quality.packets_received, quality.no_rtp_in), ("PCMA", 1, false));
    assert!(quality.mos_in.is_none() && !quality.one_way_in, "too little to judge: {quality:?}");
}

#[tokio::test]
async fn a_key_told_in_the_media_and_in_an_info_is_pressed_once() {
    let bench = Bench::start(&[]).await;
    let mut phone = Phone::start().await;
    let mut leg = bench.reach(&mut phone, None).await;
    phone.press_in_media(5).await;
    assert_eq!(leg.key(Duration::from_secs(5)).await, Heard::Key('5'));
    phone.press_in_info(5).await;
    phone.press_in_info(6).await;
    assert_eq!(leg.key(Duration::from_secs(5)).await, Heard::Key('6'));
}

#[tokio::test]
async fn a_trunk_that_was_taken_out_of_the_settings_gets_answers_for_its_running_call_alone() {
    let mut bench = Bench::start(&[]).await;
    let mut phone = Phone::start().await;
    let _leg = bench.reach(&mut phone, None).await;
    phone.ask_outside_the_call().await;
    assert!(phone.answered().await.contains("OPTIONS"), "as long as it is there");
    bench.forget_the_trunk().await;
    phone.ask_outside_the_call().await;
    phone.press_in_info(1).await;
    assert!(phone.answered().await.contains("INFO"));
}

#[tokio::test]
async fn no_more_is_rung_over_a_trunk_than_it_carries() {
    let bench = Bench::start(&[]).await;
    let (mut anna, mut bob) = (Phone::start().await, Phone::start().await);
    let first = bench.reach(&mut anna, None).await;
    let _second = bench.reach(&mut bob, Some(first.id())).await;
    let mut third = bench.dial(&anna, Some(first.id()));
    let why = "max_calls of the trunk `phones` is reached".to_owned();
    let refused = Ring::Gone(Gone::NotAnswered(NotAnswered::NoLine(why)));
    assert_eq!(third.rung(Duration::from_secs(5), Duration::from_secs(5)).await, refused);
}
