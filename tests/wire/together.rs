//! Several phones that ring together for one caller.

use crate::daemon::Daemon;
use crate::phone::Phone;
use crate::says;

const LOW: f64 = 440.0;
const HIGH: f64 = 1000.0;
const MIDDLE: f64 = 700.0;

/// A caller at the menu of a daemon that rings these people together.
fn call<const N: usize>(names: [&str; N], trunk: &str) -> (Phone, [Phone; N], Daemon) {
    let phones = names.map(|_| Phone::ordinary());
    let people: Vec<_> = names.into_iter().zip(phones.iter().map(Phone::port)).collect();
    let daemon = Daemon::start_together(&people, trunk);
    let mut caller = Phone::ordinary();
    caller.calls(&daemon.address(), LOW);
    caller.presses('1');
    (caller, phones, daemon)
}

#[test]
fn of_three_phones_two_press_at_once_one_has_the_call_and_all_others_are_let_go_of_with_the_reason() {
    let (mut caller, [mut anna, mut bob, mut carla], daemon) = call(["anna", "bob", "carla"], "");
    let invite = anna.is_rung();
    anna.replies(&invite, "180 Ringing", "");
    bob.picks_up(HIGH);
    carla.picks_up(MIDDLE);
    bob.accepts();
    carla.accepts();

    let cancel = anna.expects("CANCEL");
    let elsewhere = "SIP;cause=200;text=\"Call completed elsewhere\"";
    assert!(cancel.headers("Reason").contains(&elsewhere), "{cancel:?}");
    anna.replies(&cancel, "200 OK", "");
    anna.replies(&invite, "487 Request Terminated", "");
    anna.expects("ACK");

    daemon.wait_for_step("Bridge");
    let (share_of_bob, share_of_carla) = (caller.share_of(HIGH), caller.share_of(MIDDLE));
    let bob_has_it = share_of_bob > share_of_carla;
    assert!(share_of_bob.max(share_of_carla) > 0.5, "{share_of_bob} {share_of_carla}");
    let (loser, with, without) =
        if bob_has_it { (&mut carla, "bob", "carla") } else { (&mut bob, "carla", "bob") };
    let bye = loser.expects("BYE");
    assert!(bye.headers("Reason").contains(&elsewhere), "{bye:?}");
    loser.replies(&bye, "200 OK", "");
    caller.asks("BYE", "");
    caller.expects("SIP/2.0 200");

    let call = daemon.only_call();
    assert_eq!((call["outcome"].as_str(), call["responder"].as_str()), (Some("accepted"), Some(with)));
    assert!(says(&call, "ConfirmTargetResult", Some(with), "accepted with 1"), "{call:#}");
    let told = format!("{with} accepted first; told that the call is taken");
    assert!(says(&call, "ConfirmTargetResult", Some(without), &told), "{call:#}");
    assert!(says(&call, "DialTargetResult", Some("anna"), "accepted first: it rings no more"), "{call:#}");
}

#[test]
fn a_phone_for_which_the_trunk_has_no_line_rings_when_another_one_stops() {
    // The caller's leg, the line reserved with it, and one more.
    let (mut caller, [mut anna, mut bob, mut carla], daemon) =
        call(["anna", "bob", "carla"], "max_calls = 3");
    let invite = anna.is_rung();
    anna.replies(&invite, "180 Ringing", "");
    let ringing = bob.is_rung();
    bob.replies(&ringing, "180 Ringing", "");
    daemon.wait_for_log("no line was free");
    anna.replies(&invite, "603 Decline", "");
    anna.expects("ACK");
    carla.picks_up(HIGH);
    carla.accepts();
    let cancel = bob.expects("CANCEL");
    bob.replies(&cancel, "200 OK", "");
    bob.replies(&ringing, "487 Request Terminated", "");
    daemon.wait_for_step("Bridge");
    caller.asks("BYE", "");
    caller.expects("SIP/2.0 200");
    let call = daemon.only_call();
    assert_eq!(call["responder"], "carla", "{call:#}");
    let why = "no line was free: max_calls of the trunk `carrier` is reached";
    assert!(says(&call, "DialTargetResult", Some("carla"), why), "{call:#}");
}
