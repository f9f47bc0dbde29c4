//! The races of a call, each in plain words: one endpoint, and a peer that is played by hand.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use nightbell::sip::{
    AnswerError, Cause, Direction, EndCause, Event, FailureCause, LegId, Outgoing, Peer, StoredDialog,
};

use crate::desk::{Ask, Desk, INVITE, OFFER, address, end, header, headers, media, start_line, tag};

// -- a call to us --

#[test]
fn an_invite_is_answered_with_100_at_once_and_its_retransmission_begins_nothing() {
    let mut desk = Desk::new();
    let leg = desk.called(INVITE);
    desk.ask(INVITE);
    assert!(desk.said().starts_with("SIP/2.0 100 "));
    assert!(desk.events().is_empty());
    desk.endpoint.ring(desk.now, leg);
    let ringing = desk.said();
    desk.ask(INVITE);
    assert_eq!(desk.said(), ringing, "the last response again");
}

#[test]
fn responses_go_to_the_source_with_rport_filled_in() {
    let mut desk = Desk::new();
    desk.ask(INVITE);
    let transmit = desk.endpoint.poll_transmit().unwrap();
    assert_eq!(transmit.hop.addr, desk.peer.addr);
    let via = String::from_utf8(transmit.payload).unwrap();
    let via = header(&via, "Via");
    assert!(via.contains("received=198.51.100.9") && via.contains("rport=5070"), "{via}");
}

#[test]
fn an_answer_is_repeated_until_its_ack() {
    let mut desk = Desk::new();
    let (_, ours) = desk.answered(INVITE);
    desk.ask(INVITE);
    assert!(desk.sent().is_empty(), "the INVITE no longer brings the answer out");
    desk.wait(Duration::from_millis(1500));
    assert_eq!(desk.lines(), ["SIP/2.0 200 OK", "SIP/2.0 200 OK"]);
    desk.ask(Ask { method: "ACK", branch: "ack", to_tag: &ours, body: "", ..INVITE });
    assert!(matches!(desk.event(), Event::Established { .. }));
    desk.seconds(20);
    assert!(desk.sent().is_empty());
}

#[test]
fn an_answer_without_ack_ends_with_bye_after_64_times_t1() {
    let mut desk = Desk::new();
    desk.answered(INVITE);
    desk.wait(Duration::from_millis(31_999));
    assert!(desk.lines().iter().all(|line| line == "SIP/2.0 200 OK"));
    assert!(desk.events().is_empty());
    desk.wait(Duration::from_millis(1));
    assert!(desk.said().starts_with("BYE sip:caller@10.0.0.9:5060 "));
    assert_eq!(end(&mut desk), EndCause::NoAck);
    desk.seconds(40);
    assert_eq!(desk.endpoint.active(), 0);
}

#[test]
fn our_bye_waits_for_the_ack_of_our_answer() {
    let mut desk = Desk::new();
    let (leg, ours) = desk.answered(INVITE);
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    assert!(desk.sent().is_empty());
    desk.ask(Ask { method: "ACK", branch: "ack", to_tag: &ours, body: "", ..INVITE });
    assert!(desk.said().starts_with("BYE "));
    assert!(desk.events().is_empty());
}

#[test]
fn a_bye_before_the_ack_is_taken() {
    let mut desk = Desk::new();
    let (_, ours) = desk.answered(INVITE);
    desk.ask(Ask { method: "BYE", branch: "bye", to_tag: &ours, sequence: 2, body: "", ..INVITE });
    assert_eq!(desk.lines(), ["SIP/2.0 200 OK"]);
    assert_eq!(end(&mut desk), EndCause::Bye);
    desk.ask(Ask { method: "ACK", branch: "ack", to_tag: &ours, body: "", ..INVITE });
    desk.seconds(40);
    assert!(desk.sent().is_empty(), "the answer is not repeated for somebody who has gone");
    assert_eq!(desk.endpoint.active(), 0);
}

#[test]
fn both_sides_hang_up_at_once() {
    let mut desk = Desk::new();
    let (leg, ours) = desk.talking();
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    let bye = desk.said();
    desk.ask(Ask { method: "BYE", branch: "bye", to_tag: &ours, sequence: 2, body: "", ..INVITE });
    assert_eq!(desk.lines(), ["SIP/2.0 200 OK"]);
    desk.respond(&bye, "481 Gone", "", "", "");
    assert!(desk.events().is_empty());
    desk.seconds(40);
    assert_eq!(desk.endpoint.active(), 0);
}

#[test]
fn a_cancel_before_our_answer_ends_the_invite_with_487() {
    let mut desk = Desk::new();
    let leg = desk.called(INVITE);
    desk.ask(Ask { method: "CANCEL", body: "", ..INVITE });
    assert_eq!(desk.lines(), ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"]);
    assert_eq!(end(&mut desk), EndCause::Cancelled);
    assert_eq!(desk.endpoint.answer(desk.now, leg, media()), Err(AnswerError::Gone));
    desk.ask(Ask { method: "ACK", to_tag: "any", body: "", ..INVITE });
    desk.seconds(6);
    assert!(desk.sent().is_empty(), "the ACK ends the retransmissions of the 487");
}

#[test]
fn a_cancel_that_crosses_our_answer_changes_nothing() {
    let mut desk = Desk::new();
    let (_, ours) = desk.answered(INVITE);
    desk.ask(Ask { method: "CANCEL", body: "", ..INVITE });
    let answer = desk.said();
    assert!(answer.starts_with("SIP/2.0 200 ") && header(&answer, "CSeq").contains("CANCEL"));
    assert!(desk.events().is_empty());
    desk.ask(Ask { method: "ACK", branch: "ack", to_tag: &ours, body: "", ..INVITE });
    assert!(matches!(desk.event(), Event::Established { .. }));
    desk.ask(Ask { method: "BYE", branch: "bye", to_tag: &ours, sequence: 2, body: "", ..INVITE });
    assert_eq!(end(&mut desk), EndCause::Bye);
}

#[test]
fn a_cancel_for_nothing_gets_481() {
    let mut desk = Desk::new();
    desk.ask(Ask { method: "CANCEL", body: "", ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 481 "));
}

#[test]
fn the_same_call_over_another_way_gets_482() {
    let mut desk = Desk::new();
    desk.called(INVITE);
    desk.ask(Ask { branch: "two", ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 482 "));
    assert!(desk.events().is_empty());
}

/// An INVITE to us with the Call-ID of one of ours, as somebody sends it who passes calls on.
fn sent_back(desk: &mut Desk, call_id: &str, branch: &str) {
    desk.hear(&Ask { branch, ..INVITE }.text().replace("call-1", call_id));
}

#[test]
fn a_call_of_ours_that_comes_back_gets_482_and_begins_nothing_however_far_it_got() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calling();
    let call_id = header(&invite, "Call-ID").to_owned();
    sent_back(&mut desk, &call_id, "back-1");
    assert!(desk.said().starts_with("SIP/2.0 482 "));
    assert!(matches!(desk.event(), Event::Loop { leg: ours, .. } if ours == leg));
    desk.accept(&invite, "theirs");
    assert!(matches!(desk.event(), Event::Answered { .. }), "our call goes on");
    desk.sent();
    let before = desk.endpoint.active();
    sent_back(&mut desk, &call_id, "back-2");
    assert!(desk.said().starts_with("SIP/2.0 482 "));
    assert!(matches!(desk.event(), Event::Loop { leg: ours, .. } if ours == leg));
    assert_eq!(desk.endpoint.active(), before, "nothing is kept of it");
}

#[test]
fn a_call_id_that_only_begins_or_ends_as_ours_is_somebody_elses_call() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    let ours = header(&invite, "Call-ID").to_owned();
    for (n, other) in [format!("{ours}0"), ours[..ours.len() - 1].to_owned()].iter().enumerate() {
        sent_back(&mut desk, other, &format!("other-{n}"));
        assert!(desk.said().starts_with("SIP/2.0 100 "), "{other}");
        assert!(matches!(desk.event(), Event::Invite { .. }));
    }
}

#[test]
fn the_call_id_of_a_call_that_is_over_may_be_used_again() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    desk.respond(&invite, "486 Busy Here", "theirs", "", "");
    assert!(matches!(desk.event(), Event::Failed { .. }));
    desk.sent();
    let call_id = header(&invite, "Call-ID").to_owned();
    sent_back(&mut desk, &call_id, "later");
    assert!(desk.said().starts_with("SIP/2.0 100 "));
}

#[test]
fn an_invite_while_the_first_one_waits_gets_500_with_retry_after() {
    let mut desk = Desk::new();
    let leg = desk.called(INVITE);
    desk.endpoint.ring(desk.now, leg);
    let ours = tag(header(&desk.said(), "To")).to_owned();
    desk.ask(Ask { branch: "two", to_tag: &ours, sequence: 2, ..INVITE });
    let answer = desk.said();
    assert!(answer.starts_with("SIP/2.0 500 "));
    assert!(header(&answer, "Retry-After").parse::<u64>().unwrap() <= 10);
}

#[test]
fn without_a_codec_in_common_a_call_gets_488_and_never_surfaces() {
    let mut desk = Desk::new();
    desk.ask(Ask { body: &OFFER.replace("8 0 96", "18"), ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 488 "));
    assert!(desk.events().is_empty());
    assert_eq!(desk.endpoint.active(), 0);
}

#[test]
fn beyond_max_dialogs_a_call_gets_503_with_retry_after() {
    let mut desk = Desk::with_room(1);
    desk.called(INVITE);
    let other = Ask { branch: "two", ..INVITE }.text().replace("call-1", "call-2");
    desk.hear(&other);
    let answer = desk.said();
    assert!(answer.starts_with("SIP/2.0 503 "));
    assert_eq!(header(&answer, "Retry-After"), "5");
    assert!(desk.events().is_empty());
}

#[test]
fn an_invite_without_offer_gets_ours_and_the_ack_brings_the_answer() {
    let mut desk = Desk::new();
    let leg = desk.called(Ask { body: "", ..INVITE });
    assert_eq!(desk.endpoint.answer(desk.now, leg, media()), Ok(None));
    assert!(matches!(desk.event(), Event::Answering { .. }));
    let answer = desk.said();
    assert!(answer.contains("m=audio 20000 RTP/AVP 8"));
    let ours = tag(header(&answer, "To"));
    desk.ask(Ask { method: "ACK", branch: "ack", to_tag: ours, ..INVITE });
    let Event::Established { media: Some(agreed), .. } = desk.event() else { panic!("no agreement") };
    assert_eq!(agreed.remote_rtp, address("198.51.100.9:4000"));
}

#[test]
fn a_late_offer_that_is_never_answered_is_hung_up() {
    let mut desk = Desk::new();
    let (_, ours) = desk.answered(Ask { body: "", ..INVITE });
    desk.ask(Ask { method: "ACK", branch: "ack", to_tag: &ours, body: "", ..INVITE });
    assert!(desk.said().starts_with("BYE "));
    assert_eq!(end(&mut desk), EndCause::NoMedia);
}

#[test]
fn a_refusal_can_say_when_to_try_again_and_is_repeated_until_its_ack() {
    let mut desk = Desk::new();
    let leg = desk.called(INVITE);
    desk.endpoint.refuse(desk.now, leg, 503, Some(Duration::from_millis(1200)));
    let answer = desk.said();
    assert_eq!(header(&answer, "Retry-After"), "2");
    desk.wait(Duration::from_millis(500));
    assert_eq!(desk.said(), answer);
    desk.seconds(40);
    assert_eq!(desk.endpoint.active(), 0);
    assert!(desk.events().is_empty());
}

// -- inside a call --

#[test]
fn record_routes_are_kept_in_their_order_and_requests_go_to_the_trunk() {
    let mut desk = Desk::new();
    let routes = "Record-Route: <sip:p1.test;lr>, <sip:p2.test;lr>\r\nRecord-Route: <sip:p3.test;lr=on>\r\n";
    let leg = desk.called(Ask { more: routes, ..INVITE });
    desk.endpoint.answer(desk.now, leg, media()).unwrap();
    let answer = desk.said();
    assert_eq!(
        headers(&answer, "Record-Route"),
        ["<sip:p1.test;lr>, <sip:p2.test;lr>", "<sip:p3.test;lr=on>"]
    );
    let ours = tag(header(&answer, "To"));
    desk.ask(Ask { method: "ACK", branch: "ack", to_tag: ours, body: "", ..INVITE });
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    let transmit = desk.endpoint.poll_transmit().unwrap();
    assert_eq!(transmit.hop.addr, desk.peer.addr);
    let bye = String::from_utf8(transmit.payload).unwrap();
    assert_eq!(start_line(&bye), "BYE sip:caller@10.0.0.9:5060 SIP/2.0");
    assert_eq!(headers(&bye, "Route"), ["<sip:p1.test;lr>", "<sip:p2.test;lr>", "<sip:p3.test;lr=on>"]);
}

#[test]
fn hold_and_resume_are_told_and_a_mere_repetition_is_not() {
    let mut desk = Desk::new();
    let (_, ours) = desk.talking();
    let hold = OFFER.replace("o=- 1 1", "o=- 1 2") + "a=sendonly\r\n";
    let resume = OFFER.replace("o=- 1 1", "o=- 1 3");
    let mut directions = Vec::new();
    for (sequence, body) in [(2, hold.as_str()), (3, &resume), (4, &resume)] {
        let branch = format!("re{sequence}");
        desk.ask(Ask { branch: &branch, to_tag: &ours, sequence, body, ..INVITE });
        assert!(desk.said().starts_with("SIP/2.0 200 "));
        desk.ask(Ask { method: "ACK", branch: "ack2", to_tag: &ours, sequence, body: "", ..INVITE });
        for event in desk.events() {
            let Event::MediaChanged { media, .. } = event else { panic!("{event:?}") };
            directions.push(media.direction);
        }
    }
    assert_eq!(directions, [Direction::RecvOnly, Direction::SendRecv]);
}

#[test]
fn a_reinvite_without_sdp_gets_our_offer() {
    let mut desk = Desk::new();
    let (_, ours) = desk.talking();
    desk.ask(Ask { branch: "re", to_tag: &ours, sequence: 2, body: "", ..INVITE });
    assert!(desk.said().contains("m=audio 20000 "));
    let moved = OFFER.replace("audio 4000", "audio 4010");
    desk.ask(Ask { method: "ACK", branch: "ack2", to_tag: &ours, sequence: 2, body: &moved, ..INVITE });
    let Event::MediaChanged { media, .. } = desk.event() else { panic!("no change") };
    assert_eq!(media.remote_rtp.port(), 4010);
}

#[test]
fn a_reinvite_that_cannot_be_met_gets_488_and_the_call_goes_on() {
    let mut desk = Desk::new();
    let (_, ours) = desk.talking();
    let body = OFFER.replace("o=- 1 1", "o=- 1 2").replace("8 0 96", "18");
    desk.ask(Ask { branch: "re", to_tag: &ours, sequence: 2, body: &body, ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 488 "));
    desk.ask(Ask { method: "BYE", branch: "bye", to_tag: &ours, sequence: 3, body: "", ..INVITE });
    assert_eq!(end(&mut desk), EndCause::Bye);
}

#[test]
fn a_reinvite_before_the_ack_of_our_late_offer_gets_491() {
    let mut desk = Desk::new();
    let (_, ours) = desk.answered(Ask { body: "", ..INVITE });
    desk.ask(Ask { branch: "re", to_tag: &ours, sequence: 2, ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 491 "));
}

#[test]
fn a_reinvite_whose_answer_is_not_acknowledged_ends_the_call() {
    let mut desk = Desk::new();
    let (_, ours) = desk.talking();
    desk.ask(Ask { branch: "re", to_tag: &ours, sequence: 2, ..INVITE });
    desk.seconds(33);
    assert!(desk.lines().iter().any(|line| line.starts_with("BYE ")));
    assert_eq!(end(&mut desk), EndCause::NoAck);
}

#[test]
fn a_key_in_an_info_is_told_once() {
    let mut desk = Desk::new();
    let (_, ours) = desk.talking();
    let info = Ask {
        method: "INFO",
        branch: "info",
        to_tag: &ours,
        sequence: 2,
        more: "Content-Type: application/dtmf-relay\r\n",
        body: "Signal=5\r\nDuration=160\r\n",
    };
    let text = info.text();
    desk.hear(&text);
    desk.hear(&text);
    assert_eq!(desk.lines(), ["SIP/2.0 200 OK", "SIP/2.0 200 OK"]);
    assert!(matches!(desk.event(), Event::Digit { key: '5', duration_ms: Some(160), .. }));
}

#[test]
fn options_is_answered_inside_and_outside_a_call() {
    let mut desk = Desk::new();
    desk.ask(Ask { method: "OPTIONS", body: "", ..INVITE });
    let outside = desk.said();
    assert!(outside.starts_with("SIP/2.0 200 ") && header(&outside, "Allow").contains("INVITE"));
    assert_eq!(desk.endpoint.active(), 0, "nothing is kept of it");
    let (_, ours) = desk.talking();
    desk.ask(Ask { method: "OPTIONS", branch: "opt", to_tag: &ours, sequence: 2, body: "", ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 200 "));
}

#[test]
fn what_we_do_not_do_gets_405_with_allow() {
    let mut desk = Desk::new();
    for method in ["REFER", "SUBSCRIBE", "MESSAGE", "REGISTER", "PUBLISH"] {
        desk.ask(Ask { method, body: "", ..INVITE });
        let answer = desk.said();
        assert!(answer.starts_with("SIP/2.0 405 "), "{method}");
        assert!(header(&answer, "Allow").contains("INVITE"));
    }
}

#[test]
fn requests_with_foreign_tags_get_481_and_touch_nothing() {
    let mut desk = Desk::new();
    let (_, ours) = desk.talking();
    for method in ["BYE", "INVITE", "INFO", "OPTIONS"] {
        let body = if method == "INVITE" { OFFER } else { "" };
        desk.ask(Ask { method, branch: "x", to_tag: "guessed", sequence: 2, body, ..INVITE });
        assert!(desk.said().starts_with("SIP/2.0 481 "), "{method}: our tag");
        let ask = Ask { method, branch: "y", to_tag: &ours, sequence: 2, body, ..INVITE };
        desk.hear(&ask.text().replace("tag=theirs", "tag=other"));
        assert!(desk.said().starts_with("SIP/2.0 481 "), "{method}: their tag");
    }
    assert!(desk.events().is_empty());
    desk.ask(Ask { method: "ACK", branch: "z", to_tag: "guessed", body: "", ..INVITE });
    assert!(desk.sent().is_empty(), "an ACK is never answered");
}

#[test]
fn a_request_of_another_trunk_does_not_reach_the_call() {
    let mut desk = Desk::new();
    let (_, ours) = desk.talking();
    desk.peer = Peer::udp(1, address("203.0.113.5:5060"));
    desk.ask(Ask { method: "BYE", branch: "bye", to_tag: &ours, sequence: 2, body: "", ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 481 "));
    assert!(desk.events().is_empty());
}

#[test]
fn a_request_with_an_old_cseq_gets_500() {
    let mut desk = Desk::new();
    let (_, ours) = desk.talking();
    desk.ask(Ask { method: "BYE", branch: "bye", to_tag: &ours, sequence: 1, body: "", ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 500 "));
    assert!(desk.events().is_empty());
}

// -- a call of ours --

#[test]
fn our_invite_shows_the_number_or_nobody() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    assert!(header(&invite, "From").starts_with("<sip:+49301@carrier.test>;tag="));
    assert_eq!(header(&invite, "P-Asserted-Identity"), "<sip:+49301@carrier.test>");
    assert!(invite.len() < 1300, "{}", invite.len());
    let request_uri = "sip:+4930123@carrier.test;user=phone";
    let outgoing = Outgoing::new(0, desk.peer.hop(), request_uri, media());
    desk.endpoint.invite(desk.now, outgoing);
    let hidden = desk.said();
    assert!(header(&hidden, "From").contains("<sip:anonymous@anonymous.invalid>"));
    assert_eq!(header(&hidden, "Privacy"), "id");
    assert!(headers(&hidden, "P-Asserted-Identity").is_empty());
}

#[test]
fn every_retransmitted_answer_gets_the_same_ack() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calling();
    desk.respond(&invite, "180 Ringing", "early", "", "");
    assert!(matches!(desk.event(), Event::Ringing { status: 180, .. }));
    desk.accept(&invite, "other");
    let ack = desk.said();
    assert!(ack.starts_with("ACK sip:phone@10.0.0.9 "));
    assert_eq!(tag(header(&ack, "To")), "other", "another tag than that of the 180 is fine");
    assert!(matches!(desk.event(), Event::Answered { .. }));
    desk.accept(&invite, "other");
    assert_eq!(desk.said(), ack);
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    let bye = desk.said();
    desk.respond(&bye, "200 OK", "", "", "");
    desk.accept(&invite, "other");
    assert_eq!(desk.said(), ack, "also when the call is over");
}

#[test]
fn a_second_phone_that_answers_is_acknowledged_and_hung_up() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    desk.accept(&invite, "first");
    desk.sent();
    assert!(matches!(desk.event(), Event::Answered { .. }));
    desk.accept(&invite, "second");
    let sent = desk.sent();
    assert_eq!(sent.len(), 2);
    assert!(sent[0].starts_with("ACK ") && sent[1].starts_with("BYE "));
    assert!(sent.iter().all(|message| tag(header(message, "To")) == "second"));
    assert!(desk.events().is_empty());
}

#[test]
fn a_cancel_waits_for_the_first_provisional_response() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calling();
    desk.endpoint.hang_up(desk.now, leg, Cause::AnsweredElsewhere);
    assert!(desk.sent().is_empty());
    desk.respond(&invite, "100 Trying", "", "", "");
    let cancel = desk.said();
    assert!(cancel.starts_with("CANCEL sip:+4930123@carrier.test "));
    assert_eq!(header(&cancel, "Via"), header(&invite, "Via"));
    assert_eq!(header(&cancel, "Reason"), "SIP;cause=200;text=\"Call completed elsewhere\"");
    desk.respond(&cancel, "200 OK", "t", "", "");
    desk.respond(&invite, "487 Request Terminated", "t", "", "");
    assert!(desk.said().starts_with("ACK sip:+4930123@carrier.test "));
    assert!(desk.events().is_empty());
    desk.seconds(40);
    assert_eq!(desk.endpoint.active(), 0);
}

#[test]
fn a_cancel_that_crosses_the_answer_becomes_ack_and_bye_at_once() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calling();
    desk.respond(&invite, "180 Ringing", "t", "", "");
    desk.events();
    desk.endpoint.hang_up(desk.now, leg, Cause::NoAnswer);
    assert!(desk.said().starts_with("CANCEL "));
    desk.accept(&invite, "t");
    let sent = desk.sent();
    assert!(sent.len() == 2 && sent[0].starts_with("ACK ") && sent[1].starts_with("BYE "), "{sent:#?}");
    assert!(desk.events().is_empty());
}

#[test]
fn an_answer_that_outruns_every_provisional_response_is_hung_up_when_unwanted() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calling();
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    desk.accept(&invite, "t");
    let sent = desk.sent();
    assert!(sent.len() == 2 && sent[0].starts_with("ACK ") && sent[1].starts_with("BYE "), "{sent:#?}");
}

#[test]
fn a_cancelled_invite_that_is_never_finished_is_let_go_of() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calling();
    desk.respond(&invite, "180 Ringing", "t", "", "");
    desk.events();
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    desk.seconds(33);
    assert_eq!(desk.endpoint.active(), 0);
    assert!(desk.events().is_empty());
}

/// A call that gives way to another target after three seconds of silence.
fn impatient(desk: &mut Desk) -> (LegId, String) {
    let mut outgoing = Outgoing::new(0, desk.peer.hop(), "sip:+4930123@carrier.test", media());
    outgoing.no_response = Some(Duration::from_secs(3));
    let leg = desk.endpoint.invite(desk.now, outgoing);
    (leg, desk.said())
}

/// It has failed by now, without a word on the wire.
fn given_up(desk: &mut Desk) {
    desk.seconds(4);
    let Event::Failed { status: 408, cause: FailureCause::Timeout, .. } = desk.event() else {
        panic!("given up")
    };
    desk.sent();
}

#[test]
fn where_another_target_waits_a_silent_one_is_given_up_early_and_forgotten_in_the_end() {
    let mut desk = Desk::new();
    impatient(&mut desk);
    desk.wait(Duration::from_millis(2999));
    assert_eq!(desk.lines().len(), 2, "timer A: after 0.5 s and 1.5 s");
    given_up(&mut desk);
    desk.seconds(40);
    assert!(desk.lines().iter().all(|line| line.starts_with("INVITE ")), "it asks for a response");
    assert_eq!(desk.endpoint.active(), 0);
    assert_eq!(desk.events().len(), 0);
}

#[test]
fn a_target_that_rings_after_it_was_given_up_is_cancelled() {
    let mut desk = Desk::new();
    let (_, invite) = impatient(&mut desk);
    given_up(&mut desk);
    desk.respond(&invite, "180 Ringing", "late", "", "");
    let cancel = desk.said();
    assert!(cancel.starts_with("CANCEL "), "{cancel}");
    desk.respond(&invite, "487 Request Terminated", "late", "", "");
    assert!(desk.said().starts_with("ACK "));
    desk.respond(&cancel, "200 OK", "late", "", "");
    desk.seconds(40);
    assert_eq!((desk.events().len(), desk.endpoint.active()), (0, 0));
}

#[test]
fn a_target_that_answers_after_it_was_given_up_gets_ack_and_bye() {
    let mut desk = Desk::new();
    let (_, invite) = impatient(&mut desk);
    given_up(&mut desk);
    desk.accept(&invite, "late");
    let lines = desk.lines();
    assert!(lines[0].starts_with("ACK ") && lines[1].starts_with("BYE "), "{lines:?}");
    assert_eq!(desk.events().len(), 0);
}

#[test]
fn a_target_that_has_said_anything_is_not_given_up_for_its_silence() {
    let mut desk = Desk::new();
    let (_, invite) = impatient(&mut desk);
    desk.respond(&invite, "100 Trying", "", "", "");
    desk.seconds(30);
    assert_eq!(desk.events().len(), 0);
}

#[test]
fn a_dead_trunk_is_passed_over_after_timer_b() {
    let mut desk = Desk::new();
    desk.calling();
    desk.wait(Duration::from_millis(5_999));
    assert!(desk.events().is_empty());
    desk.wait(Duration::from_millis(1));
    assert!(matches!(desk.event(), Event::Failed { status: 408, cause: FailureCause::Timeout, .. }));
    assert_eq!(desk.now - desk.start, Duration::from_secs(6));
    desk.seconds(33);
    assert_eq!(desk.lines(), vec!["INVITE sip:+4930123@carrier.test SIP/2.0"; 3]);
    assert_eq!((desk.endpoint.active(), desk.events().len()), (0, 0));
}

#[test]
fn a_phone_that_begins_to_ring_after_timer_b_is_cancelled() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calling();
    desk.seconds(7);
    assert!(matches!(desk.event(), Event::Failed { leg: failed, .. } if failed == leg));
    desk.lines();
    desk.respond(&invite, "180 Ringing", "late", "", "");
    assert!(desk.said().starts_with("CANCEL "), "the next person is being rung by now");
    desk.respond(&invite, "487 Request Terminated", "late", "", "");
    assert!(desk.said().starts_with("ACK "));
    assert!(desk.events().is_empty());
}

#[test]
fn a_call_given_up_before_any_response_is_cancelled_also_when_one_comes_after_timer_b() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calling();
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    desk.seconds(7);
    desk.lines();
    desk.respond(&invite, "180 Ringing", "late", "", "");
    assert!(desk.said().starts_with("CANCEL "));
    assert!(desk.events().is_empty());
}

#[test]
fn somebody_who_answers_a_call_given_up_long_ago_is_acknowledged_and_hung_up_on() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    desk.seconds(40);
    desk.events();
    desk.lines();
    desk.accept(&invite, "late");
    let [ack, bye] = &desk.sent()[..] else { panic!("an ACK and a BYE") };
    for (request, method) in [(ack, "ACK"), (bye, "BYE")] {
        assert!(request.starts_with(&format!("{method} sip:phone@10.0.0.9 ")), "{request}");
        assert_eq!(header(request, "Call-ID"), header(&invite, "Call-ID"));
        assert_eq!((tag(header(request, "To")), header(request, "From")), ("late", header(&invite, "From")));
    }
    assert_eq!((header(ack, "CSeq"), header(bye, "CSeq")), ("1 ACK", "2 BYE"));
    assert!(desk.events().is_empty(), "nobody waits for it any more");
}

#[test]
fn an_answer_that_never_was_to_a_call_of_ours_is_dropped() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    desk.seconds(40);
    desk.events();
    desk.lines();
    let via = header(&invite, "Via").to_owned();
    for foreign in [via.replace("192.0.2.1", "192.0.2.77"), via.replace("z9hG4bK", "old")] {
        assert_ne!(foreign, via);
        desk.accept(&invite.replace(&via, &foreign), "late");
    }
    desk.respond(&invite, "180 Ringing", "late", "", "");
    desk.respond(&invite, "486 Busy Here", "late", "", "");
    assert!(desk.sent().is_empty());
}

#[test]
fn a_late_copy_of_the_answer_does_not_end_a_call_that_is_up() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    desk.accept(&invite, "phone");
    desk.lines();
    desk.events();
    desk.seconds(40);
    desk.accept(&invite, "phone");
    assert!(desk.lines().is_empty(), "the INVITE is long forgotten, the call is not");
}

#[test]
fn an_unreachable_network_fails_the_call_at_once_but_not_a_ringing_one() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    desk.respond(&invite, "180 Ringing", "t", "", "");
    desk.events();
    let (failing, _) = desk.calling();
    desk.endpoint.transport_failed(desk.now, 0, desk.peer.hop());
    let Event::Failed { leg, status: 503, cause: FailureCause::Transport, .. } = desk.event() else {
        panic!()
    };
    assert_eq!(leg, failing);
}

#[test]
fn a_phone_that_rings_without_end_is_cancelled() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    desk.respond(&invite, "180 Ringing", "t", "", "");
    desk.events();
    desk.seconds(240);
    assert!(desk.said().starts_with("CANCEL "));
    assert!(matches!(desk.event(), Event::Failed { status: 408, cause: FailureCause::Timeout, .. }));
}

#[test]
fn a_refusal_is_told_once_and_acknowledged_each_time() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    for _ in 0..2 {
        desk.respond(&invite, "486 Besetzt", "t", "", "");
        let ack = desk.said();
        assert!(ack.starts_with("ACK "));
        assert_eq!(header(&ack, "Via"), header(&invite, "Via"));
    }
    let Event::Failed { status: 486, reason, cause: FailureCause::Response, .. } = desk.event() else {
        panic!()
    };
    assert_eq!(reason, "Besetzt");
}

#[test]
fn a_redirection_is_not_followed() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    desk.respond(&invite, "302 Moved", "t", "Contact: <sip:+88299@premium.test>\r\n", "");
    assert_eq!(desk.lines(), ["ACK sip:+4930123@carrier.test SIP/2.0"]);
    assert!(matches!(desk.event(), Event::Failed { status: 302, .. }));
}

#[test]
fn an_answer_without_usable_media_is_acknowledged_and_hung_up() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    let body = OFFER.replace("8 0 96", "18");
    desk.respond(&invite, "200 OK", "t", "Contact: <sip:phone@10.0.0.9>\r\n", &body);
    let lines = desk.lines();
    assert!(lines.len() == 2 && lines[0].starts_with("ACK ") && lines[1].starts_with("BYE "), "{lines:?}");
    assert!(matches!(desk.event(), Event::Failed { status: 488, cause: FailureCause::NoMedia, .. }));
}

#[test]
fn sdp_of_a_provisional_response_serves_when_the_answer_has_none() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    desk.respond(&invite, "183 Session Progress", "t", "", OFFER);
    desk.events();
    desk.respond(&invite, "200 OK", "t", "Contact: <sip:phone@10.0.0.9>\r\n", "");
    let Event::Answered { media, .. } = desk.event() else { panic!("not answered") };
    assert_eq!(media.remote_rtp.port(), 4000);
}

#[test]
fn routes_of_an_answer_are_turned_round() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    let more = "Contact: <sip:phone@10.0.0.9>\r\nRecord-Route: <sip:p1.test;lr>, <sip:p2.test;lr>\r\n";
    desk.respond(&invite, "200 OK", "t", more, OFFER);
    assert_eq!(headers(&desk.said(), "Route"), ["<sip:p2.test;lr>", "<sip:p1.test;lr>"]);
}

#[test]
fn a_response_with_a_foreign_branch_is_dropped() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    let forged = invite.replace("z9hG4bK", "z9hG4bKf");
    desk.accept(&forged, "t");
    assert!(desk.sent().is_empty() && desk.events().is_empty());
}

#[test]
fn after_a_restart_a_stored_dialog_gets_its_bye() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    desk.accept(&invite, "t");
    let Event::Answered { dialog, .. } = desk.event() else { panic!("not answered") };
    let stored = serde_json::to_string(&dialog).unwrap();
    let mut later = Desk::new();
    let dialog: StoredDialog = serde_json::from_str(&stored).unwrap();
    later.endpoint.bye_stored(later.now, &dialog);
    let bye = later.said();
    assert_eq!(start_line(&bye), "BYE sip:phone@10.0.0.9 SIP/2.0");
    assert_eq!(header(&bye, "Call-ID"), header(&invite, "Call-ID"));
    assert_eq!(header(&bye, "From"), header(&invite, "From"));
    // Requests may have been sent in the dialog since it was stored: the number leaps over them.
    assert_eq!(header(&bye, "CSeq"), "65538 BYE");
    later.respond(&bye, "200 OK", "", "", "");
    later.seconds(6);
    assert_eq!(later.endpoint.active(), 0);
}

#[test]
fn garbage_brings_nothing_out_and_an_unreadable_request_gets_400() {
    let mut desk = Desk::new();
    desk.hear("\r\n\r\n");
    desk.hear("hello");
    desk.hear("SIP/2.0 200 OK\r\n\r\n");
    assert!(desk.sent().is_empty());
    desk.hear(&INVITE.text().replace("Content-Length: ", "Content-Length: 9"));
    assert!(desk.said().starts_with("SIP/2.0 400 "));
    assert_eq!(desk.endpoint.active(), 0);
    assert_eq!(desk.endpoint.poll_timeout(), None, "an idle endpoint never wakes");
}

#[test]
fn bent_messages_break_nothing_and_leave_nothing_behind() {
    let mut random = StdRng::seed_from_u64(11);
    for _ in 0..40 {
        let mut desk = Desk::new();
        let (leg, ours) = desk.talking();
        let (_, invite) = desk.calling();
        let asks = ["INVITE", "ACK", "BYE", "CANCEL", "INFO", "OPTIONS"]
            .map(|method| Ask { method, branch: "x", to_tag: &ours, sequence: 2, ..INVITE }.text());
        for _ in 0..200 {
            let pick = random.next_u64() as usize % (asks.len() + 1);
            let mut bytes = asks.get(pick).unwrap_or(&invite).clone().into_bytes();
            for _ in 0..1 + random.next_u64() % 3 {
                let at = random.next_u64() as usize % bytes.len();
                match random.next_u64() % 3 {
                    0 => bytes[at] = random.next_u64() as u8,
                    1 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, b"\r\n;,:<>@\"=\0"[random.next_u64() as usize % 11]),
                }
            }
            desk.endpoint.receive(desk.now, desk.peer, &bytes);
            desk.wait(Duration::from_millis(10));
        }
        let begun: Vec<_> = desk.events().iter().filter_map(Event::leg).collect();
        for leg in begun.into_iter().chain([leg]) {
            desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
        }
        desk.seconds(300);
        assert_eq!(desk.endpoint.active(), 0);
        assert_eq!(desk.endpoint.poll_timeout(), None);
    }
}
