//! The real wire: the daemon as it is run, with foreign SIP stacks as callers and responders.
//!
//! Where a foreign stack is not installed the test says that it was left out; with
//! `NIGHTBELL_REQUIRE_WIRE=1` (as in CI) that is a failure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod accounts;
mod baresip;
mod carriers;
mod certificate;
mod chase;
mod daemon;
mod faults;
mod foreign;
mod identity;
mod kamailio;
mod lines;
mod linphone;
mod phone;
mod scanners;
mod secure;
mod sipp;
mod strangers;
mod together;
mod told;
mod tones;
mod verify;

use daemon::Daemon;
use serde_json::Value;
use sipp::Sipp;

const NUMBER: &str = "+4930123456";

/// Whether the timeline has a step of this name, concerning this person, that says this.
fn says(call: &Value, step: &str, target: Option<&str>, part: &str) -> bool {
    let events = call["timeline"].as_array().unwrap();
    events.iter().any(|event| {
        event["step"] == step
            && target.is_none_or(|target| event["target"] == target)
            && event["detail"].as_str().unwrap().contains(part)
    })
}

#[test]
fn a_caller_reaches_the_responder_who_accepts() {
    let Some(sipp) = Sipp::find("a_caller_reaches_the_responder_who_accepts") else { return };
    let anna = sipp.start("accepting.xml", &[]);
    let daemon = Daemon::start(&[("anna", anna.port)], "");
    let caller = sipp.start("caller.xml", &["-s", NUMBER, &daemon.address()]);
    assert_eq!(caller.finish(), Some(0), "the caller's scenario went as written");
    assert_eq!(anna.finish(), Some(0), "the responder's scenario went as written");
    let call = daemon.only_call();
    assert_eq!(call["outcome"], "accepted", "{call:#}");
    assert_eq!(call["responder"], "anna");
    assert!(says(&call, "GatherDtmf", None, "pressed 1"), "{call:#}");
    assert!(says(&call, "ConfirmTargetResult", Some("anna"), "accepted with 1"), "{call:#}");
    assert!(says(&call, "Bridge", Some("anna"), "hear each other"), "{call:#}");
    assert!(says(&call, "Hangup", None, "anna hung up"), "{call:#}");
}

#[test]
fn past_one_silent_one_busy_and_one_declining_the_fourth_is_reached() {
    let Some(sipp) = Sipp::find("past_one_silent_one_busy_and_one_declining_the_fourth_is_reached") else {
        return;
    };
    let silent = sipp.start("silent.xml", &[]);
    let busy = sipp.start("busy.xml", &[]);
    let declining = sipp.start("declining.xml", &[]);
    let accepting = sipp.start("accepting.xml", &[]);
    let people =
        [("sam", silent.port), ("bea", busy.port), ("dan", declining.port), ("anna", accepting.port)];
    let daemon = Daemon::start(&people, "");
    let caller = sipp.start("caller.xml", &["-s", NUMBER, &daemon.address()]);
    assert_eq!(caller.finish(), Some(0), "the caller's scenario went as written");
    for (who, phone) in [("sam", silent), ("bea", busy), ("dan", declining), ("anna", accepting)] {
        assert_eq!(phone.finish(), Some(0), "{who}'s scenario went as written");
    }
    let call = daemon.only_call();
    assert_eq!(call["outcome"], "accepted", "{call:#}");
    assert_eq!(call["responder"], "anna");
    assert!(says(&call, "DialTargetResult", Some("sam"), "no answer within 5 s"), "{call:#}");
    assert!(says(&call, "DialTargetResult", Some("bea"), "busy"), "{call:#}");
    assert!(says(&call, "ConfirmTargetResult", Some("dan"), "declined with 2"), "{call:#}");
    assert!(says(&call, "ConfirmTargetResult", Some("anna"), "accepted with 1"), "{call:#}");
}

#[test]
fn after_a_kill_in_the_bridge_both_legs_get_a_bye_and_the_call_one_record() {
    let Some(sipp) = Sipp::find("after_a_kill_in_the_bridge_both_legs_get_a_bye_and_the_call_one_record")
    else {
        return;
    };
    let anna = sipp.start("staying.xml", &[]);
    let mut daemon = Daemon::start(&[("anna", anna.port)], "");
    let caller = sipp.start("caller.xml", &["-s", NUMBER, &daemon.address()]);
    daemon.wait_for_step("Bridge");
    daemon.kill_and_restart();
    assert_eq!(caller.finish(), Some(0), "the caller got a BYE");
    assert_eq!(anna.finish(), Some(0), "the responder got a BYE");
    let call = daemon.only_call();
    assert_eq!(call["outcome"], "accepted", "{call:#}");
    assert_eq!(call["end_reason"], "the daemon stopped");
}
