//! `people verify`: the daemon calls a phone to have it confirmed.

use serde_json::Value;

use crate::daemon::Daemon;
use crate::phone::Phone;
use crate::says;

/// What `people` says of the only phone.
fn is_confirmed(daemon: &Daemon) -> bool {
    let people: Value = serde_json::from_slice(&daemon.prints(&["people", "--json"])).unwrap();
    people[0]["phones"][0]["confirmed"].as_bool().unwrap()
}

#[test]
fn a_phone_that_is_called_and_presses_1_is_confirmed_and_one_that_is_busy_is_not() {
    let mut anna = Phone::ordinary();
    let phone = format!("sip:anna@127.0.0.1:{}", anna.port());
    let mut daemon = Daemon::start_unconfirmed("anna", &phone);
    let verify = ["people", "verify", "anna", "--json"];

    let asked = daemon.begins(&verify);
    let invite = anna.is_rung();
    anna.replies(&invite, "486 Busy Here", "");
    anna.expects("ACK");
    let output = asked.wait_with_output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), &told["confirmed"], &told["reason"]),
        (Some(1), &false.into(), &"busy".into())
    );
    assert!(!is_confirmed(&daemon));

    let asked = daemon.begins(&verify);
    anna.picks_up(0.0);
    // Once the question has begun: keys from before it do not count.
    assert!(anna.listens(50).len() == 50);
    anna.presses('1');
    let bye = anna.expects("BYE");
    anna.replies(&bye, "200 OK", "");
    let output = asked.wait_with_output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &told["confirmed"]), (Some(0), &true.into()), "{told:#}");

    let id = told["call"].as_str().unwrap();
    let call: Value = serde_json::from_slice(&daemon.prints(&["calls", id, "--json"])).unwrap();
    assert_eq!(call["caller"], "nightbell");
    assert!(says(&call, "ConfirmTargetResult", Some("anna"), "accepted with 1"), "{call:#}");

    assert!(is_confirmed(&daemon));
    daemon.kill_and_restart();
    assert!(is_confirmed(&daemon), "it outlives the file's next reading");

    let refused = daemon.begins(&["people", "verify", "ana"]).wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && error.contains("did you mean `anna`?"), "{error}");
}
