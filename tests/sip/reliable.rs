//! Reliable provisional responses (RFC 3262) in both directions, and dialogs before the answer.

use std::time::Duration;

use nightbell::sip::{Cause, Codec, EndCause, Event, ReliableProvisional};

use crate::desk::{Ask, Desk, INVITE, OFFER, end, header, headers, media, start_line, tag};

const RELIABLE: &str = "Require: 100rel\r\n";
const CONTACT: &str = "Contact: <sip:phone@10.0.0.9>\r\n";

fn desk(said: ReliableProvisional) -> Desk {
    let mut profile = Desk::profile();
    profile.reliable_provisional = said;
    Desk::with(profile, 4)
}

fn reliable(number: u32) -> String {
    format!("{CONTACT}{RELIABLE}RSeq: {number}\r\n")
}

fn prack<'a>(tag: &'a str, rack: &'a str) -> Ask<'a> {
    Ask { method: "PRACK", branch: "prack", to_tag: tag, sequence: 2, more: rack, body: "" }
}

// -- ours --

#[test]
fn who_requires_it_gets_our_180_until_his_prack() {
    let mut desk = Desk::new();
    let leg = desk.called(Ask { more: RELIABLE, ..INVITE });
    desk.endpoint.ring(desk.now, leg);
    let ringing = desk.said();
    assert_eq!((start_line(&ringing), header(&ringing, "Require")), ("SIP/2.0 180 Ringing", "100rel"));
    desk.wait(Duration::from_millis(3_500));
    assert_eq!(desk.sent(), vec![ringing.clone(); 3], "after 0.5, 1.5 and 3.5 s");
    let ours = tag(header(&ringing, "To"));
    let rack = format!("RAck: {} 1 INVITE\r\n", header(&ringing, "RSeq"));
    desk.ask(prack(ours, &rack));
    assert!(desk.said().starts_with("SIP/2.0 200 "));
    desk.seconds(60);
    assert!(desk.sent().is_empty());
    desk.endpoint.ring(desk.now, leg);
    assert!(desk.sent().is_empty(), "said once");
    desk.endpoint.answer(desk.now, leg, media()).unwrap();
    assert!(desk.said().starts_with("SIP/2.0 200 "));
}

#[test]
fn a_prack_for_something_else_gets_481() {
    let mut desk = Desk::new();
    let leg = desk.called(Ask { more: RELIABLE, ..INVITE });
    desk.endpoint.ring(desk.now, leg);
    let ringing = desk.said();
    let number: u32 = header(&ringing, "RSeq").parse().unwrap();
    let wrong = [
        format!("{} 1 INVITE", number + 1),
        format!("{number} 2 INVITE"),
        format!("{number} 1 BYE"),
        "1".to_owned(),
    ];
    for (at, rack) in wrong.iter().enumerate() {
        let (branch, more) = (format!("p{at}"), format!("RAck: {rack}\r\n"));
        let sequence = 2 + u32::try_from(at).unwrap();
        let ours = tag(header(&ringing, "To"));
        desk.ask(Ask { branch: &branch, sequence, ..prack(ours, &more) });
        assert!(desk.said().starts_with("SIP/2.0 481 "), "{rack}");
    }
    desk.wait(Duration::from_millis(500));
    assert_eq!(desk.said(), ringing, "it still waits");
}

#[test]
fn a_180_that_is_never_acknowledged_ends_the_call_with_504() {
    let mut desk = Desk::new();
    let leg = desk.called(Ask { more: RELIABLE, ..INVITE });
    desk.endpoint.ring(desk.now, leg);
    desk.wait(Duration::from_millis(31_999));
    assert!(desk.lines().iter().all(|line| line == "SIP/2.0 180 Ringing"));
    desk.wait(Duration::from_millis(1));
    assert!(desk.said().starts_with("SIP/2.0 504 "));
    assert_eq!(end(&mut desk), EndCause::NoPrack);
    desk.seconds(40);
    assert_eq!(desk.endpoint.active(), 0);
}

#[test]
fn our_answer_does_not_wait_for_the_prack_and_a_late_one_is_answered() {
    let mut desk = Desk::new();
    let leg = desk.called(Ask { more: RELIABLE, ..INVITE });
    desk.endpoint.ring(desk.now, leg);
    let ringing = desk.said();
    desk.endpoint.answer(desk.now, leg, media()).unwrap();
    desk.sent();
    let rack = format!("RAck: {} 1 INVITE\r\n", header(&ringing, "RSeq"));
    desk.ask(prack(tag(header(&ringing, "To")), &rack));
    assert!(desk.said().starts_with("SIP/2.0 200 "));
    desk.wait(Duration::from_millis(1500));
    assert!(desk.lines().iter().all(|line| line == "SIP/2.0 200 OK"), "the 180 is no longer repeated");
}

#[test]
fn who_can_but_need_not_and_who_leaves_the_offer_to_us_hear_nothing_reliable() {
    let mut desk = Desk::new();
    let leg = desk.called(Ask { more: "Supported: 100rel\r\n", ..INVITE });
    desk.endpoint.ring(desk.now, leg);
    assert!(headers(&desk.said(), "RSeq").is_empty());
    let mut desk = Desk::new();
    let leg = desk.called(Ask { more: RELIABLE, body: "", ..INVITE });
    desk.endpoint.ring(desk.now, leg);
    assert!(desk.sent().is_empty());
    assert_eq!(desk.endpoint.answer(desk.now, leg, media()), Ok(None));
    assert!(desk.said().contains("m=audio 20000"), "our offer is in the 200");
}

// -- theirs --

#[test]
fn our_invite_says_what_is_set() {
    for (said, supported, required) in [
        (ReliableProvisional::Off, "timer", None),
        (ReliableProvisional::Supported, "timer, 100rel", None),
        (ReliableProvisional::Required, "timer, 100rel", Some("100rel")),
    ] {
        let (_, invite) = desk(said).calling();
        assert_eq!(header(&invite, "Supported"), supported);
        assert_eq!(headers(&invite, "Require").first().copied(), required);
        assert!(invite.len() < 1300, "{}", invite.len());
    }
}

#[test]
fn each_reliable_response_is_acknowledged_once_and_in_its_turn() {
    let mut desk = desk(ReliableProvisional::Supported);
    let (_, invite) = desk.calling();
    desk.respond(&invite, "180 Ringing", "t", &reliable(40), "");
    let prack = desk.said();
    assert!(prack.starts_with("PRACK sip:phone@10.0.0.9 "));
    assert_eq!((header(&prack, "RAck"), header(&prack, "CSeq")), ("40 1 INVITE", "2 PRACK"));
    assert_eq!(tag(header(&prack, "To")), "t");
    assert!(matches!(desk.event(), Event::Ringing { status: 180, .. }));
    for out_of_turn in [40, 42, 39] {
        desk.respond(&invite, "183 Session Progress", "t", &reliable(out_of_turn), "");
        assert!(desk.sent().is_empty() && desk.events().is_empty(), "{out_of_turn}");
    }
    desk.respond(&invite, "183 Session Progress", "t", &reliable(41), "");
    assert_eq!(header(&desk.said(), "CSeq"), "3 PRACK");
    desk.event();
    desk.respond(&invite, "180 Ringing", "other", &reliable(7), "");
    let other = desk.said();
    assert_eq!((header(&other, "RAck"), tag(header(&other, "To"))), ("7 1 INVITE", "other"));
}

#[test]
fn the_ack_has_the_number_of_the_invite_and_the_bye_one_behind_the_pracks() {
    let mut desk = desk(ReliableProvisional::Supported);
    let (leg, invite) = desk.calling();
    for number in 1..=3 {
        desk.respond(&invite, "180 Ringing", "t", &reliable(number), "");
        let prack = desk.said();
        desk.respond(&prack, "200 OK", "", "", "");
    }
    desk.events();
    desk.accept(&invite, "t");
    assert_eq!(header(&desk.said(), "CSeq"), "1 ACK");
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    assert_eq!(header(&desk.said(), "CSeq"), "5 BYE");
}

#[test]
fn sdp_of_a_reliable_response_is_the_answer_and_media_waits_for_the_200() {
    let mut desk = desk(ReliableProvisional::Supported);
    let (_, invite) = desk.calling();
    desk.respond(&invite, "183 Session Progress", "t", &reliable(1), OFFER);
    desk.sent();
    assert!(matches!(desk.event(), Event::Ringing { status: 183, .. }), "nobody is bridged to a ringback");
    desk.respond(&invite, "200 OK", "t", CONTACT, "");
    let Event::Answered { media, .. } = desk.event() else { panic!("not answered") };
    assert_eq!((media.remote_rtp.port(), media.codec), (4000, Codec::Pcma));
}

#[test]
fn an_answered_call_of_another_phone_has_its_own_sdp() {
    let mut desk = desk(ReliableProvisional::Supported);
    let (_, invite) = desk.calling();
    desk.respond(&invite, "183 Session Progress", "first", &reliable(1), OFFER);
    desk.sent();
    desk.events();
    let elsewhere = OFFER.replace("audio 4000", "audio 4444");
    desk.respond(&invite, "200 OK", "second", CONTACT, &elsewhere);
    let Event::Answered { media, dialog, .. } = desk.event() else { panic!("not answered") };
    assert_eq!((media.remote_rtp.port(), dialog.remote_tag.as_str()), (4444, "second"));
}

#[test]
fn a_prack_that_is_lost_is_repeated_and_its_failure_does_not_end_the_call() {
    let mut desk = desk(ReliableProvisional::Supported);
    let (_, invite) = desk.calling();
    desk.respond(&invite, "180 Ringing", "t", &reliable(1), "");
    let prack = desk.said();
    desk.event();
    desk.wait(Duration::from_millis(500));
    assert_eq!(desk.said(), prack);
    desk.respond(&prack, "481 Gone", "", "", "");
    assert!(desk.events().is_empty());
    desk.accept(&invite, "t");
    assert!(matches!(desk.event(), Event::Answered { .. }));
}

#[test]
fn after_a_reliable_answer_an_update_of_the_ringing_phone_is_answered() {
    let mut desk = desk(ReliableProvisional::Supported);
    let (_, invite) = desk.calling();
    desk.respond(&invite, "183 Session Progress", "t", &reliable(1), OFFER);
    desk.sent();
    desk.events();
    let moved = OFFER.replace("audio 4000", "audio 4010");
    desk.hear(&format!(
        "UPDATE sip:x@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKu\r\nFrom: {};tag=t\r\nTo: {}\r\n\
         Call-ID: {}\r\nCSeq: 9 UPDATE\r\nContact: <sip:phone@10.0.0.9>\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{moved}",
        header(&invite, "To"),
        header(&invite, "From"),
        header(&invite, "Call-ID"),
        moved.len()
    ));
    assert!(desk.said().contains("m=audio 20000"));
    desk.respond(&invite, "200 OK", "t", CONTACT, "");
    let Event::Answered { media, .. } = desk.event() else { panic!("not answered") };
    assert_eq!(media.remote_rtp.port(), 4010);
}

#[test]
fn a_phone_that_no_longer_rings_is_forgotten_without_a_word() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    desk.respond(&invite, "183 Session Progress", "t", CONTACT, OFFER);
    desk.events();
    desk.respond(&invite, "199 Early Dialog Terminated", "t", CONTACT, "");
    assert!(desk.events().is_empty() && desk.sent().is_empty());
    desk.accept(&invite, "u");
    assert!(matches!(desk.event(), Event::Answered { .. }));
}
