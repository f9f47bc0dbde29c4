//! A message that is left is told of on a real phone, which takes the incident on.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::daemon::Daemon;
use crate::phone::Phone;
use crate::says;

/// The caller's voice.
const VOICE: f64 = 700.0;

/// After it the message is recorded.
const BEEP: f64 = 1000.0;

/// A route that takes messages alone, and phones people about them.
const ROUTE: &str = "direct = \"voicemail\"\n[hotlines.routes.chase]\nwait = \"10s\"\nrepeat = 1\n";

/// The only incident, once `holds` is true of it.
fn incident(daemon: &Daemon, holds: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let all: Value = serde_json::from_slice(&daemon.prints(&["incidents", "--all", "--json"])).unwrap();
        match all.as_array().unwrap().first() {
            Some(first) if holds(first) => return first.clone(),
            other => assert!(began.elapsed().as_secs() < 30, "{other:?}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Leaves a message of this voice.
fn a_message_is_left(daemon: &Daemon) {
    let mut caller = Phone::ordinary();
    caller.calls(&daemon.address(), VOICE);
    // The menu, before it is over.
    caller.presses('1');
    assert!((0..100).any(|_| caller.share_of(BEEP) > 0.5), "there was no beep");
    // Two seconds of voice.
    caller.listens(100);
    caller.asks("BYE", "");
    caller.expects("SIP/2.0 200");
}

/// Listens until the caller's voice is heard, and presses a key.
fn hears_the_message_and_presses(phone: &Phone, key: char) {
    let heard = (0..60).any(|_| phone.share_of(VOICE) > 0.5);
    assert!(heard, "the message was never played");
    phone.presses(key);
}

#[test]
fn whoever_hears_the_message_on_the_phone_and_presses_1_has_taken_it_on() {
    let (mut anna, mut bob) = (Phone::ordinary(), Phone::ordinary());
    let daemon = Daemon::start(&[("anna", anna.port()), ("bob", bob.port())], ROUTE);
    a_message_is_left(&daemon);

    anna.picks_up(0.0);
    assert!(anna.listens(50).len() == 50, "keys from before the question do not count");
    anna.presses('3');
    let bye = anna.expects("BYE");
    anna.replies(&bye, "200 OK", "");

    bob.picks_up(0.0);
    hears_the_message_and_presses(&bob, '1');
    let bye = bob.expects("BYE");
    bob.replies(&bye, "200 OK", "");

    let taken = incident(&daemon, |incident| incident["status"] == "acknowledged");
    assert_eq!(taken["acknowledged_by"], "bob", "{taken:#}");
    let calls = daemon.calls();
    let told: Vec<_> = calls.iter().filter(|call| call["caller"] == "nightbell").collect();
    assert_eq!(told.len(), 2, "{calls:#?}");
    let last: Value =
        serde_json::from_slice(&daemon.prints(&["calls", told[0]["id"].as_str().unwrap(), "--json"]))
            .unwrap();
    assert!(says(&last, "ConfirmTargetResult", Some("bob"), "taken on with 1"), "{last:#}");
    assert!(anna.within("INVITE", Duration::from_secs(1)).is_none(), "nobody is phoned any more");
}

#[test]
fn a_chase_that_a_crash_cut_off_goes_on_with_the_next_person() {
    let (mut anna, mut bob) = (Phone::ordinary(), Phone::ordinary());
    let mut daemon = Daemon::start(&[("anna", anna.port()), ("bob", bob.port())], ROUTE);
    a_message_is_left(&daemon);
    anna.is_rung();
    daemon.kill_and_restart();

    // Anna's phone may still ring; the next level is due after the time to wait, and not from the start.
    bob.picks_up(0.0);
    hears_the_message_and_presses(&bob, '1');
    let taken = incident(&daemon, |incident| incident["status"] == "acknowledged");
    assert_eq!(taken["acknowledged_by"], "bob", "{taken:#}");
    assert!(anna.within("INVITE", Duration::from_secs(1)).is_none(), "she was not rung a second time");
}

#[test]
fn a_caller_gets_the_line_on_which_somebody_is_being_told_of_an_incident() {
    let mut anna = Phone::ordinary();
    // One line for the caller and one for a responder: there is no third.
    let daemon = Daemon::start_with(&[("anna", anna.port())], "max_calls = 2", "", ROUTE);
    a_message_is_left(&daemon);
    let invite = anna.is_rung();
    anna.replies(&invite, "180 Ringing", "");
    let mut caller = Phone::ordinary();
    caller.calls(&daemon.address(), VOICE);
    anna.expects("CANCEL");
    caller.asks("BYE", "");
    caller.expects("SIP/2.0 200");
}
