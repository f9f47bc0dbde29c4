//! The real wire: the daemon as it is run, with foreign SIP stacks as caller and responder.
//!
//! Where `sipp` is not installed the tests say that they were left out; with
//! `NIGHTBELL_REQUIRE_WIRE=1` (as in CI) that is a failure.

mod daemon;
mod sipp;

use daemon::Daemon;
use serde_json::Value;
use sipp::Sipp;

fn steps(call: &Value) -> Vec<(String, String)> {
    let word = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let events = call["timeline"].as_array().cloned().unwrap_or_default();
    events.iter().map(|event| (word(event, "step"), word(event, "detail"))).collect()
}

#[test]
fn a_caller_reaches_the_responder_who_accepts() {
    let Some(sipp) = Sipp::find("a_caller_reaches_the_responder_who_accepts") else { return };
    let responder = sipp.start("accepting.xml", &[]);
    let daemon = Daemon::start(responder.port);
    let caller = sipp.start("caller.xml", &["-s", "+4930123456", &daemon.address()]);
    assert_eq!(caller.finish(), Some(0), "the caller's scenario went as written");
    assert_eq!(responder.finish(), Some(0), "the responder's scenario went as written");
    let calls = daemon.calls();
    assert_eq!(calls.len(), 1, "one call, one record: {calls:?}");
    assert_eq!(calls[0]["outcome"], "accepted");
    assert_eq!(calls[0]["responder"], "anna");
    let whole = daemon.call(calls[0]["id"].as_str().unwrap());
    let steps = steps(&whole);
    let said =
        |step: &str, part: &str| steps.iter().any(|(name, detail)| name == step && detail.contains(part));
    assert!(said("GatherDtmf", "pressed 1"), "the digit was heard: {steps:?}");
    assert!(said("ConfirmTargetResult", "accepted with 1"), "{steps:?}");
    assert!(said("Bridge", "hear each other"), "{steps:?}");
    assert!(said("Hangup", "Anna Schmidt hung up"), "{steps:?}");
}
