//! What callers and responders meet on the wire, right and wrong: ends in each state, odd answers,
//! keys of every kind, hold, strangers.

use std::net::UdpSocket;
use std::time::Duration;

use serde_json::Value;

use crate::daemon::Daemon;
use crate::phone::Phone;
use crate::says;
use crate::tones::{self, Law};

/// How soon a phone must be let go of.
const AT_ONCE: Duration = Duration::from_millis(200);
const LOW: f64 = 440.0;
const HIGH: f64 = 1000.0;

fn house(anna: &Phone, more: &str) -> Daemon {
    Daemon::start(&[("anna", anna.port())], more)
}

/// Until the two hear each other.
fn bridged(caller: &mut Phone, anna: &mut Phone, daemon: &Daemon) {
    caller.calls(&daemon.address(), LOW);
    caller.presses('1');
    anna.picks_up(HIGH);
    anna.accepts();
    daemon.wait_for_step("Bridge");
}

/// The caller hangs up; how long it took until this came to the phone.
fn hangs_up(caller: &mut Phone, phone: &mut Phone, what: &str) -> Duration {
    let before = std::time::Instant::now();
    caller.asks("BYE", "");
    phone.expects(what).at.duration_since(before)
}

/// A tone that each of three phones says, and whole periods in 20 ms.
const TONES: [f64; 3] = [400.0, 1000.0, 1700.0];

/// Each hears the other two, equally loud, and not itself.
fn assert_all_hear_each_other(phones: [&Phone; 3]) {
    for (who, phone) in phones.iter().enumerate() {
        let shares = TONES.map(|hz| phone.share_of(hz));
        for (other, share) in shares.into_iter().enumerate() {
            let wanted = if who == other { 0.0..=0.02 } else { 0.4..=0.6 };
            assert!(wanted.contains(&share), "phone {who} hears {shares:?}");
        }
    }
}

/// A caller, anna who has accepted, and bob, who is asked for with these keys and has accepted too.
fn bob_is_asked_for(keys: &str) -> ([Phone; 3], Daemon) {
    let [mut caller, mut anna, mut bob] = std::array::from_fn(|_| Phone::ordinary());
    let daemon = Daemon::start(&[("anna", anna.port()), ("bob", bob.port())], "");
    caller.calls(&daemon.address(), TONES[0]);
    caller.presses('1');
    anna.picks_up(TONES[1]);
    anna.accepts();
    daemon.wait_for_step("Bridge");
    keys.chars().for_each(|key| anna.presses(key));
    bob.picks_up(TONES[2]);
    bob.accepts();
    ([caller, anna, bob], daemon)
}

#[test]
fn a_third_joins_and_each_of_the_three_hears_the_other_two_until_two_are_left() {
    let ([caller, anna, mut bob], daemon) = bob_is_asked_for("*1");
    daemon.wait_for_log("the caller, anna and bob hear each other");
    assert_all_hear_each_other([&caller, &anna, &bob]);
    bob.asks("BYE", "");
    bob.expects("SIP/2.0 200");
    daemon.wait_for_log("bob hung up: the caller and anna hear each other");
    assert!(caller.share_of(TONES[1]) > 0.95 && anna.share_of(TONES[0]) > 0.95);
    drop([caller, anna]);
}

#[test]
fn before_a_transfer_two_speak_alone_and_then_the_caller_has_the_other_one() {
    let ([mut caller, mut anna, bob], daemon) = bob_is_asked_for("*2");
    daemon.wait_for_log("anna and bob speak alone, the caller is on hold");
    assert!(anna.share_of(TONES[2]) > 0.95 && bob.share_of(TONES[1]) > 0.95);
    assert!(caller.share_of(TONES[1]) < 0.1 && caller.share_of(TONES[2]) < 0.1);
    "*2".chars().for_each(|key| anna.presses(key));
    anna.expects("BYE");
    daemon.wait_for_log("anna has handed the call over: the caller and bob hear each other");
    assert!(caller.share_of(TONES[2]) > 0.95 && bob.share_of(TONES[0]) > 0.95);
    caller.asks("BYE", "");
    caller.expects("SIP/2.0 200");
    let call = daemon.only_call();
    assert_eq!(
        (outcome(&call), call["responder"].as_str()),
        (("accepted", "the caller hung up"), Some("bob"))
    );
    assert!(says(&call, "GatherDtmf", Some("anna"), "pressed *2 during the call: transfer"), "{call:#}");
}

fn outcome(call: &Value) -> (&str, &str) {
    (call["outcome"].as_str().unwrap(), call["end_reason"].as_str().unwrap())
}

#[test]
fn a_caller_who_gives_up_before_the_answer_leaves_one_missed_call() {
    let anna = Phone::ordinary();
    let daemon = house(&anna, "");
    let mut caller = Phone::ordinary();
    let sdp = caller.sdp("sendrecv");
    caller.dials(&daemon.address(), &sdp);
    caller.cancels();
    caller.expects("SIP/2.0 487");
    caller.acknowledges_refusal();
    assert_eq!(outcome(&daemon.only_call()), ("missed", "the caller hung up"));
}

#[test]
fn a_cancel_that_crosses_the_answer_changes_nothing_and_the_bye_after_it_ends_the_call() {
    let anna = Phone::ordinary();
    let daemon = house(&anna, "");
    let mut caller = Phone::ordinary();
    let sdp = caller.sdp("sendrecv");
    caller.dials(&daemon.address(), &sdp);
    let answer = caller.expects("SIP/2.0 200");
    caller.cancels();
    caller.expects("SIP/2.0 200");
    caller.took(&answer);
    caller.acknowledges("");
    caller.asks("BYE", "");
    caller.expects("SIP/2.0 200");
    assert_eq!(outcome(&daemon.only_call()), ("missed", "the caller hung up"));
}

#[test]
fn a_ringing_phone_is_cancelled_at_once_when_the_caller_hangs_up() {
    let (mut caller, mut anna) = (Phone::ordinary(), Phone::ordinary());
    let daemon = house(&anna, "");
    caller.calls(&daemon.address(), LOW);
    caller.presses('1');
    let invite = anna.is_rung();
    anna.replies(&invite, "180 Ringing", "");
    let late = hangs_up(&mut caller, &mut anna, "CANCEL");
    assert!(late < AT_ONCE, "{late:?}");
    anna.replies(&invite, "487 Request Terminated", "");
    anna.expects("ACK");
    let call = daemon.only_call();
    assert_eq!(outcome(&call), ("missed", "the caller hung up"));
    assert!(says(&call, "DialTargetResult", Some("anna"), "interrupted: the caller hung up"), "{call:#}");
}

#[test]
fn a_phone_that_has_said_nothing_yet_is_cancelled_with_its_first_word() {
    let (mut caller, mut anna) = (Phone::ordinary(), Phone::ordinary());
    let daemon = house(&anna, "");
    caller.calls(&daemon.address(), LOW);
    caller.presses('1');
    let invite = anna.is_rung();
    caller.asks("BYE", "");
    caller.expects("SIP/2.0 200");
    assert!(anna.within("CANCEL", AT_ONCE).is_none(), "a CANCEL must wait for a response (RFC 3261 9.1)");
    anna.replies(&invite, "100 Trying", "");
    assert!(anna.within("CANCEL", AT_ONCE).is_some());
    daemon.only_call();
}

#[test]
fn somebody_who_answers_as_we_cancel_is_acknowledged_and_hung_up_on() {
    let (mut caller, mut anna) = (Phone::ordinary(), Phone::ordinary());
    let daemon = house(&anna, "");
    caller.calls(&daemon.address(), LOW);
    caller.presses('1');
    let invite = anna.is_rung();
    anna.replies(&invite, "180 Ringing", "");
    hangs_up(&mut caller, &mut anna, "CANCEL");
    let sdp = anna.sdp("sendrecv");
    anna.replies(&invite, "200 OK", &sdp);
    anna.expects("ACK");
    anna.expects("BYE");
    assert_eq!(outcome(&daemon.only_call()), ("missed", "the caller hung up"));
}

#[test]
fn of_two_phones_that_answer_one_invite_the_second_is_hung_up_on() {
    let (mut caller, mut anna) = (Phone::ordinary(), Phone::ordinary());
    let daemon = house(&anna, "");
    caller.calls(&daemon.address(), LOW);
    caller.presses('1');
    let invite = anna.is_rung();
    let sdp = anna.sdp("sendrecv");
    anna.replies(&invite, "200 OK", &sdp);
    anna.expects("ACK");
    anna.replies_as(&invite, "200 OK", &sdp, "another");
    anna.expects("ACK");
    let bye = anna.expects("BYE");
    assert!(bye.headers("To")[0].ends_with(";tag=another"), "{bye:?}");
    anna.speaks(HIGH);
    anna.accepts();
    daemon.wait_for_step("Bridge");
}

#[test]
fn both_hear_each_other_and_each_others_keys_whatever_their_laws_and_payload_types() {
    let (mut caller, mut anna) = (Phone::new(Law::Pcmu, Some(96)), Phone::new(Law::Pcma, Some(110)));
    let daemon = house(&anna, "");
    bridged(&mut caller, &mut anna, &daemon);
    assert!(anna.share_of(LOW) > 0.99, "anna hears the caller");
    assert!(caller.share_of(HIGH) > 0.99, "the caller hears anna");
    caller.presses('5');
    let key = anna.listens(50).into_iter().find(|packet| packet.payload_type == 110).expect("the key");
    assert_eq!(key.payload[0], 5);
    anna.presses('#');
    let heard = caller.listens(50);
    assert!(heard.iter().any(|packet| packet.payload_type == 96 && packet.payload[0] == 11));
    for pair in heard.windows(2) {
        assert_eq!((pair[1].ssrc, pair[1].sequence), (pair[0].ssrc, pair[0].sequence.wrapping_add(1)));
    }
    let late = hangs_up(&mut caller, &mut anna, "BYE");
    assert!(late < AT_ONCE, "{late:?}");
    assert_eq!(outcome(&daemon.only_call()), ("accepted", "the caller hung up"));
}

#[test]
fn a_caller_behind_nat_is_heard_and_hears_where_its_audio_comes_from() {
    let (mut caller, mut anna) = (Phone::ordinary(), Phone::ordinary());
    let daemon = house(&anna, "");
    let private = caller.sdp("sendrecv").replace("c=IN IP4 127.0.0.1", "c=IN IP4 10.9.8.7");
    caller.dials(&daemon.address(), &private);
    let answer = caller.expects("SIP/2.0 200");
    caller.took(&answer);
    caller.acknowledges("");
    // As a NAT does, it sends from another port than its SDP says.
    caller.moves_its_media();
    caller.speaks(LOW);
    caller.hears_a_packet();
    caller.presses('1');
    anna.picks_up(HIGH);
    anna.accepts();
    daemon.wait_for_step("Bridge");
    assert!(anna.share_of(LOW) > 0.99, "anna hears the caller");
    assert!(caller.share_of(HIGH) > 0.99, "the caller hears anna");
}

#[test]
fn whoever_is_asked_to_accept_as_the_caller_hangs_up_is_told_and_then_hung_up_on() {
    let (mut caller, mut anna) = (Phone::ordinary(), Phone::ordinary());
    let daemon = house(&anna, "");
    caller.calls(&daemon.address(), LOW);
    caller.presses('1');
    anna.picks_up(HIGH);
    daemon.wait_for_step("ConfirmTarget");
    let late = hangs_up(&mut caller, &mut anna, "BYE");
    assert!(late > AT_ONCE, "something is said first: {late:?}");
    assert!(late < Duration::from_secs(10), "{late:?}");
    let call = daemon.only_call();
    assert_eq!(outcome(&call), ("missed", "the caller hung up"));
    assert!(says(&call, "ConfirmTargetResult", Some("anna"), "interrupted: the caller hung up"), "{call:#}");
}

#[test]
fn phones_that_know_no_events_choose_and_accept_with_tones() {
    let (mut caller, mut anna) = (Phone::new(Law::Pcma, None), Phone::new(Law::Pcmu, None));
    let daemon = house(&anna, "");
    caller.calls(&daemon.address(), 0.0);
    caller.listens(10);
    caller.presses('1');
    anna.picks_up(0.0);
    anna.listens(10);
    anna.accepts();
    daemon.wait_for_step("Bridge");
    caller.asks("BYE", "");
    let call = daemon.only_call();
    assert!(says(&call, "GatherDtmf", None, "pressed 1"), "{call:#}");
    assert!(says(&call, "ConfirmTargetResult", Some("anna"), "accepted with 1"), "{call:#}");
}

#[test]
fn a_mailbox_whose_greeting_sounds_like_the_accept_key_does_not_accept() {
    let (mut caller, mut anna) = (Phone::ordinary(), Phone::ordinary());
    let daemon = house(&anna, "");
    caller.calls(&daemon.address(), LOW);
    caller.presses('1');
    anna.picks_up(0.0);
    // The tone is heard out before the key that the phone tells of in the way it has agreed to.
    for _ in 0..3 {
        anna.sounds('1');
        anna.listens(10);
    }
    anna.presses('2');
    caller.listens(50);
    caller.asks("BYE", "");
    let call = daemon.only_call();
    assert!(says(&call, "ConfirmTargetResult", Some("anna"), "declined with 2"), "{call:#}");
    assert!(!says(&call, "ConfirmTargetResult", Some("anna"), "accepted"), "{call:#}");
}

#[test]
fn a_call_is_held_and_taken_back_at_another_address() {
    let (mut caller, mut anna) = (Phone::ordinary(), Phone::ordinary());
    let daemon = house(&anna, "");
    bridged(&mut caller, &mut anna, &daemon);
    let held = caller.sdp("inactive");
    caller.asks("INVITE", &held);
    let answer = caller.expects("SIP/2.0 200");
    caller.took(&answer);
    caller.acknowledges("");
    // What was on its way when the caller held the call is heard out.
    anna.listens(10);
    let heard = anna.listens(25);
    assert!(heard.iter().all(|packet| packet.payload == [0xd5; 160]), "anna hears silence, not nothing");
    caller.moves_its_media();
    let resumed = caller.sdp("sendrecv");
    caller.asks("INVITE", &resumed);
    let answer = caller.expects("SIP/2.0 200");
    caller.took(&answer);
    caller.acknowledges("");
    caller.speaks(LOW);
    assert!(caller.share_of(HIGH) > 0.99, "the caller hears anna again");
    assert!(anna.share_of(LOW) > 0.99, "anna hears the caller again");
}

#[test]
fn a_caller_who_leaves_the_offer_to_us_and_comes_through_proxies_is_reached_by_them() {
    let (mut caller, mut anna) = (Phone::ordinary(), Phone::ordinary());
    let daemon = house(&anna, "");
    let proxy = format!("sip:127.0.0.1:{};lr", caller.port());
    caller.more = format!("Record-Route: <{proxy};hop=2>\r\nRecord-Route: <{proxy};hop=1>\r\n");
    caller.dials(&daemon.address(), "");
    caller.more.clear();
    let offer = caller.expects("SIP/2.0 200");
    caller.took(&offer);
    let answer = caller.sdp("sendrecv");
    caller.acknowledges(&answer);
    caller.speaks(LOW);
    caller.presses('1');
    anna.more = format!("Record-Route: <{proxy};hop=1>\r\nRecord-Route: <{proxy};hop=2>\r\n");
    let ack = anna.picks_up(HIGH);
    assert_eq!(ack.headers("Route"), [format!("<{proxy};hop=2>"), format!("<{proxy};hop=1>")]);
    anna.accepts();
    daemon.wait_for_step("Bridge");
    assert!(anna.share_of(LOW) > 0.99, "anna hears the caller");
    anna.asks("BYE", "");
    let bye = caller.expects("BYE");
    assert_eq!(bye.headers("Route"), [format!("<{proxy};hop=2>"), format!("<{proxy};hop=1>")]);
    assert_eq!(outcome(&daemon.only_call()), ("accepted", "anna hung up"));
}

#[test]
fn an_answer_without_audio_that_we_know_is_hung_up_on_and_the_next_person_rung() {
    let (mut caller, mut mute, mut anna) = (Phone::ordinary(), Phone::ordinary(), Phone::ordinary());
    let daemon = Daemon::start(&[("mute", mute.port()), ("anna", anna.port())], "");
    caller.calls(&daemon.address(), LOW);
    caller.presses('1');
    let invite = mute.is_rung();
    mute.replies(&invite, "200 OK", "");
    mute.expects("ACK");
    mute.expects("BYE");
    anna.picks_up(HIGH);
    anna.accepts();
    daemon.wait_for_step("Bridge");
}

#[test]
fn a_stranger_on_the_media_ports_presses_no_key_is_not_heard_and_hears_nothing() {
    let (mut caller, mut anna) = (Phone::ordinary(), Phone::ordinary());
    let daemon = house(&anna, "");
    let stranger = UdpSocket::bind(("127.0.0.9", 0)).unwrap();
    stranger.set_nonblocking(true).unwrap();
    caller.calls(&daemon.address(), LOW);
    caller.presses('1');
    anna.picks_up(HIGH);
    // The accept key and a loud noise, in a stream without a fault, from elsewhere.
    let packet = |n: u16, payload_type: u8, payload: &[u8]| {
        let sequence = n.to_be_bytes();
        let mut packet = vec![0x80, payload_type, sequence[0], sequence[1]];
        packet.extend((u32::from(n) * 160).to_be_bytes());
        packet.extend(9_u32.to_be_bytes());
        packet.extend(payload);
        packet
    };
    for n in 0..40 {
        stranger.send_to(&packet(n, 101, &[1, 0x8a, 0, 160]), anna.media()).unwrap();
        stranger.send_to(&packet(n, 8, &[0x2a; 160]), caller.media()).unwrap();
        stranger.send_to(&[0x2a; 7], caller.media()).unwrap();
        anna.hears_a_packet();
    }
    let bridged = anna.share_of(LOW) > 0.5;
    assert!(!bridged, "the stranger's key accepted the call");
    anna.accepts();
    daemon.wait_for_step("Bridge");
    for n in 40..80 {
        stranger.send_to(&packet(n, 8, &[0x2a; 160]), caller.media()).unwrap();
        anna.hears_a_packet();
    }
    assert!(anna.share_of(LOW) > 0.99, "anna hears the caller alone");
    assert!(stranger.recv(&mut [0; 64]).is_err(), "nothing was ever sent to the stranger");
}

#[test]
fn after_a_kill_while_it_rings_the_caller_is_hung_up_on_and_so_is_whoever_answers_now() {
    let (mut caller, mut anna) = (Phone::ordinary(), Phone::ordinary());
    let mut daemon = house(&anna, "");
    caller.calls(&daemon.address(), LOW);
    caller.presses('1');
    let invite = anna.is_rung();
    anna.replies(&invite, "180 Ringing", "");
    daemon.kill_and_restart();
    caller.expects("BYE");
    let sdp = anna.sdp("sendrecv");
    anna.replies(&invite, "200 OK", &sdp);
    anna.expects("ACK");
    anna.expects("BYE");
    assert_eq!(outcome(&daemon.only_call()), ("failed", "the daemon stopped"));
}

#[test]
fn after_a_kill_in_the_middle_of_a_message_what_was_said_is_kept_and_can_be_played() {
    let anna = Phone::ordinary();
    let mut daemon = house(&anna, "direct = \"voicemail\"\n[hotlines.routes.fallback]\n");
    let mut caller = Phone::ordinary();
    caller.calls(&daemon.address(), LOW);
    caller.presses('1');
    daemon.wait_for_step("Voicemail");
    // A key ends the greeting; then come the beep and two seconds of the message.
    caller.presses('3');
    caller.listens(150);
    daemon.kill_and_restart();
    caller.expects("BYE");
    let call = daemon.only_call();
    assert_eq!(outcome(&call), ("voicemail", "the daemon stopped"));
    let message = tones::read(&daemon.message());
    assert!(message.len() > 8000, "{} samples were kept", message.len());
    assert!(tones::share(&message, LOW) > 0.95);
}
