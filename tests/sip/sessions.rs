//! Session timers, UPDATE and our own refreshes (RFC 4028, RFC 3311), on virtual time.

use std::time::Duration;

use nightbell::sip::{Cause, Direction, EndCause, Event, FailureCause, LegId};

use crate::desk::{Ask, Desk, INVITE, OFFER, end, header, headers, start_line, tag};

const UPDATES: &str = "Allow: INVITE, ACK, BYE, UPDATE\r\n";

/// A trunk with session timers of half an hour.
fn desk() -> Desk {
    let mut profile = Desk::profile();
    profile.session_timer = Some(Duration::from_secs(1800));
    Desk::with(profile, 4)
}

/// A call to us that is up, and what our 200 said.
fn called_with(desk: &mut Desk, more: &str) -> (LegId, String) {
    let leg = desk.called(Ask { more, ..INVITE });
    desk.endpoint.answer(desk.now, leg, crate::desk::media()).unwrap();
    let answer = desk.said();
    let ours = tag(header(&answer, "To")).to_owned();
    desk.ask(Ask { method: "ACK", branch: "ack", to_tag: &ours, body: "", ..INVITE });
    desk.events();
    (leg, answer)
}

/// A call of ours that is up, with these lines in the 200.
fn calling_with(desk: &mut Desk, more: &str) -> (LegId, String) {
    let (leg, invite) = desk.calling();
    let more = format!("Contact: <sip:phone@10.0.0.9>\r\n{more}");
    desk.respond(&invite, "200 OK", "t", &more, OFFER);
    desk.sent();
    desk.events();
    (leg, invite)
}

fn ours(answer: &str) -> String {
    tag(header(answer, "To")).to_owned()
}

// -- who refreshes --

#[test]
fn a_caller_who_refreshes_himself_is_let_and_his_silence_ends_the_call() {
    let mut desk = Desk::new();
    let more = "Supported: timer\r\nSession-Expires: 1800;refresher=uac\r\n";
    let (_, answer) = called_with(&mut desk, more);
    assert_eq!(header(&answer, "Session-Expires"), "1800;refresher=uac");
    assert_eq!(header(&answer, "Require"), "timer");
    desk.seconds(1767);
    assert!(desk.sent().is_empty());
    desk.seconds(1);
    let bye = desk.said();
    assert!(bye.starts_with("BYE ") && header(&bye, "Reason").contains("Session expired"), "{bye}");
    assert_eq!(end(&mut desk), EndCause::SessionExpired);
}

#[test]
fn a_refresh_by_update_or_reinvite_keeps_the_call_up_for_hours() {
    let mut desk = Desk::new();
    let more = "x: 1800;refresher=uac\r\nSupported: timer\r\n";
    let (_, answer) = called_with(&mut desk, more);
    let tag = ours(&answer);
    for round in 0..8 {
        desk.seconds(1000);
        let (branch, sequence) = (format!("refresh{round}"), 2 + round);
        let update = Ask { method: "UPDATE", branch: &branch, to_tag: &tag, sequence, body: "", more };
        let reinvite = Ask { branch: &branch, to_tag: &tag, sequence, more, ..INVITE };
        desk.ask(if round % 2 == 0 { update } else { reinvite });
        let answer = desk.said();
        assert_eq!(start_line(&answer), "SIP/2.0 200 OK");
        assert_eq!(header(&answer, "Session-Expires"), "1800;refresher=uac");
        desk.ask(Ask { method: "ACK", branch: "acks", to_tag: &tag, sequence, body: "", ..INVITE });
    }
    assert!(desk.events().is_empty(), "nothing has changed");
    desk.seconds(1767);
    assert!(desk.sent().is_empty());
    desk.seconds(1);
    assert!(desk.said().starts_with("BYE "));
}

#[test]
fn when_the_refreshing_is_ours_it_is_done_at_half_by_update_for_hours() {
    let mut desk = desk();
    let (_, answer) = called_with(&mut desk, &format!("{UPDATES}Supported: timer\r\n"));
    assert_eq!(header(&answer, "Session-Expires"), "1800;refresher=uas", "asked for by us");
    for round in 0..8 {
        desk.seconds(900);
        let update = desk.said();
        assert!(update.starts_with("UPDATE sip:caller@10.0.0.9:5060 "), "{update}");
        assert_eq!(header(&update, "Session-Expires"), "1800;refresher=uac");
        assert_eq!(header(&update, "CSeq"), format!("{} UPDATE", round + 1));
        let more = "Session-Expires: 1800;refresher=uac\r\nRequire: timer\r\n";
        desk.respond(&update, "200 OK", "", more, "");
    }
    assert!(desk.events().is_empty());
}

#[test]
fn whoever_does_not_take_update_is_refreshed_with_our_last_sdp() {
    let mut desk = desk();
    let (_, invite) = calling_with(&mut desk, "Session-Expires: 1800;refresher=uac\r\n");
    assert_eq!(header(&invite, "Session-Expires"), "1800");
    assert!(header(&invite, "Supported").contains("timer"));
    for _ in 0..3 {
        desk.seconds(900);
        let reinvite = desk.said();
        assert!(reinvite.starts_with("INVITE sip:phone@10.0.0.9 "), "{reinvite}");
        assert_eq!(tag(header(&reinvite, "To")), "t");
        assert_eq!(reinvite.split("\r\n\r\n").nth(1), invite.split("\r\n\r\n").nth(1), "the same SDP");
        let more = "Contact: <sip:phone@10.0.0.9>\r\nSession-Expires: 1800;refresher=uac\r\n";
        desk.respond(&reinvite, "200 OK", "", more, OFFER);
        let ack = desk.said();
        assert_eq!(header(&ack, "CSeq").split(' ').next(), header(&reinvite, "CSeq").split(' ').next());
        assert_ne!(header(&ack, "Via"), header(&reinvite, "Via"), "the ACK of a 2xx has its own branch");
        desk.respond(&reinvite, "200 OK", "", more, OFFER);
        assert_eq!(desk.said(), ack, "every 2xx gets its ACK");
    }
    assert!(desk.events().is_empty(), "nothing has changed");
}

#[test]
fn a_refresh_during_hold_leaves_the_hold_as_it_is() {
    let mut desk = desk();
    let (_, answer) = called_with(&mut desk, "Supported: timer\r\n");
    let hold = OFFER.replace("o=- 1 1", "o=- 1 2") + "a=sendonly\r\n";
    let more = "Supported: timer\r\n";
    desk.ask(Ask { branch: "h", to_tag: &ours(&answer), sequence: 2, body: &hold, more, ..INVITE });
    desk.sent();
    desk.ask(Ask { method: "ACK", branch: "h2", to_tag: &ours(&answer), sequence: 2, body: "", ..INVITE });
    assert!(
        matches!(desk.event(), Event::MediaChanged { media, .. } if media.direction == Direction::RecvOnly)
    );
    desk.seconds(900);
    let reinvite = desk.said();
    assert!(reinvite.contains("a=recvonly"), "{reinvite}");
    desk.respond(&reinvite, "200 OK", "", "Session-Expires: 1800;refresher=uac\r\n", &hold);
    assert!(desk.events().is_empty());
}

#[test]
fn a_peer_without_session_timers_is_left_in_peace() {
    let mut desk = desk();
    let (_, answer) = called_with(&mut desk, "");
    assert!(headers(&answer, "Session-Expires").is_empty());
    calling_with(&mut desk, "");
    desk.seconds(24 * 3600);
    assert!(desk.sent().is_empty() && desk.events().is_empty());
}

#[test]
fn each_leg_has_a_timer_of_its_own() {
    let mut desk = desk();
    called_with(&mut desk, "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\nAllow: UPDATE\r\n");
    calling_with(&mut desk, "Session-Expires: 1800;refresher=uac\r\nAllow: UPDATE\r\n");
    desk.seconds(45);
    let update = desk.said();
    assert!(update.starts_with("UPDATE sip:caller@"), "{update}");
    desk.respond(&update, "200 OK", "", "Session-Expires: 90;refresher=uac\r\n", "");
    desk.seconds(40);
    assert!(desk.sent().is_empty());
}

// -- 422 --

#[test]
fn an_interval_below_90_seconds_gets_422_with_what_is_taken() {
    let mut desk = Desk::new();
    desk.ask(Ask { more: "Supported: timer\r\nSession-Expires: 60\r\n", ..INVITE });
    let answer = desk.said();
    assert_eq!(start_line(&answer), "SIP/2.0 422 Session Interval Too Small");
    assert_eq!(header(&answer, "Min-SE"), "90");
    assert!(desk.events().is_empty());
}

#[test]
fn a_422_to_our_invite_is_met_once_with_the_longer_interval() {
    let mut desk = desk();
    let (leg, invite) = desk.calling();
    desk.respond(&invite, "422 Session Interval Too Small", "t", "Min-SE: 3600\r\n", "");
    let sent = desk.sent();
    assert!(sent[0].starts_with("ACK "));
    let again = &sent[1];
    assert_eq!((header(again, "Session-Expires"), header(again, "Min-SE")), ("3600", "3600"));
    assert_eq!(header(again, "CSeq"), "2 INVITE");
    assert_eq!(header(again, "Call-ID"), header(&invite, "Call-ID"));
    assert_eq!(header(again, "From"), header(&invite, "From"));
    assert!(desk.events().is_empty());
    desk.respond(again, "422 Session Interval Too Small", "t", "Min-SE: 3600\r\n", "");
    desk.sent();
    let Event::Failed { leg: failed, status: 422, cause: FailureCause::Response, .. } = desk.event() else {
        panic!("it would be refused for ever")
    };
    assert_eq!(failed, leg);
}

#[test]
fn a_422_to_a_call_we_no_longer_want_is_its_end() {
    let mut desk = desk();
    let (leg, invite) = desk.calling();
    desk.respond(&invite, "180 Ringing", "t", "", "");
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    desk.sent();
    desk.respond(&invite, "422 Session Interval Too Small", "t", "Min-SE: 3600\r\n", "");
    assert_eq!(desk.lines().len(), 1, "only the ACK");
}

#[test]
fn a_422_to_our_refresh_is_met_at_once() {
    let mut desk = desk();
    calling_with(&mut desk, &format!("{UPDATES}Session-Expires: 1800;refresher=uac\r\n"));
    desk.seconds(900);
    let update = desk.said();
    desk.respond(&update, "422 Session Interval Too Small", "", "Min-SE: 2000\r\n", "");
    let again = desk.said();
    assert_eq!(header(&again, "Session-Expires"), "2000;refresher=uac");
    assert_eq!(header(&again, "Min-SE"), "2000");
}

// -- a refresh that fails --

#[test]
fn a_refresh_that_shows_the_call_to_be_gone_ends_it() {
    for (more, status) in [(UPDATES, "481 Gone"), ("", "481 Gone"), ("", "408 Request Timeout")] {
        let mut desk = desk();
        calling_with(&mut desk, &format!("{more}Session-Expires: 1800;refresher=uac\r\n"));
        desk.seconds(900);
        let refresh = desk.said();
        desk.respond(&refresh, status, "", "", "");
        assert!(desk.lines().pop().unwrap().starts_with("BYE "), "{status}");
        assert_eq!(end(&mut desk), EndCause::SessionExpired);
    }
}

#[test]
fn a_refresh_that_nobody_answers_ends_the_call() {
    let mut desk = desk();
    calling_with(&mut desk, "Session-Expires: 1800;refresher=uac\r\n");
    desk.seconds(900 + 32);
    assert!(desk.lines().last().unwrap().starts_with("BYE "));
    assert_eq!(end(&mut desk), EndCause::SessionExpired);
    desk.seconds(33);
    assert_eq!(desk.endpoint.active(), 0);
}

#[test]
fn an_update_that_is_swallowed_on_the_way_costs_no_call_while_a_reinvite_gets_through() {
    let mut desk = desk();
    calling_with(&mut desk, &format!("{UPDATES}Session-Expires: 1800;refresher=uac\r\n"));
    desk.seconds(900);
    assert!(desk.said().starts_with("UPDATE "));
    desk.seconds(32);
    let reinvite = desk.sent().pop().unwrap();
    assert!(reinvite.starts_with("INVITE sip:phone@"), "{reinvite}");
    let more = "Contact: <sip:phone@10.0.0.9>\r\nSession-Expires: 1800;refresher=uac\r\n";
    desk.respond(&reinvite, "200 OK", "", more, OFFER);
    assert!(desk.said().starts_with("ACK "));
    desk.seconds(900);
    assert!(desk.said().starts_with("INVITE "), "UPDATE is not tried again");
    assert!(desk.events().is_empty(), "the call goes on");
}

#[test]
fn where_neither_update_nor_reinvite_is_answered_the_call_ends() {
    let mut desk = desk();
    calling_with(&mut desk, &format!("{UPDATES}Session-Expires: 1800;refresher=uac\r\n"));
    desk.seconds(900 + 32 + 32);
    assert!(desk.lines().last().unwrap().starts_with("BYE "));
    assert_eq!(end(&mut desk), EndCause::SessionExpired);
}

#[test]
fn a_refresh_that_is_refused_is_tried_again_while_there_is_time_and_then_the_call_ends() {
    let mut desk = desk();
    calling_with(&mut desk, &format!("{UPDATES}Session-Expires: 1800;refresher=uac\r\n"));
    desk.seconds(900);
    let mut attempts = 0;
    for _ in 0..900 {
        for message in desk.sent() {
            if message.starts_with("UPDATE ") {
                attempts += 1;
                desk.respond(&message, "503 Service Unavailable", "", "", "");
            } else {
                assert!(message.starts_with("BYE "), "{message}");
                assert_eq!(desk.now - desk.start, Duration::from_secs(1800));
            }
        }
        desk.seconds(1);
    }
    assert!((5..20).contains(&attempts), "{attempts}");
    assert_eq!(end(&mut desk), EndCause::SessionExpired);
}

#[test]
fn whoever_allows_update_and_then_refuses_it_is_refreshed_by_reinvite() {
    let mut desk = desk();
    calling_with(&mut desk, &format!("{UPDATES}Session-Expires: 1800;refresher=uac\r\n"));
    desk.seconds(900);
    let update = desk.said();
    desk.respond(&update, "501 Not Implemented", "", "", "");
    assert!(desk.said().starts_with("INVITE sip:phone@"));
}

#[test]
fn no_refresh_leaves_between_our_answer_and_its_ack() {
    let mut desk = Desk::new();
    let more = "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\nAllow: UPDATE\r\n";
    let leg = desk.called(Ask { more, ..INVITE });
    desk.endpoint.answer(desk.now, leg, crate::desk::media()).unwrap();
    desk.seconds(31);
    assert!(desk.lines().iter().all(|line| line == "SIP/2.0 200 OK"));
}

// -- UPDATE --

#[test]
fn an_update_with_an_offer_is_answered_and_one_that_cannot_be_met_changes_nothing() {
    let mut desk = Desk::new();
    let (_, tag) = desk.talking();
    let hold = OFFER.to_owned() + "a=inactive\r\n";
    let update = Ask { method: "UPDATE", branch: "u", to_tag: &tag, sequence: 2, body: &hold, more: "" };
    desk.ask(update);
    let answer = desk.said();
    assert!(answer.starts_with("SIP/2.0 200 ") && answer.contains("a=inactive"), "{answer}");
    assert!(
        matches!(desk.event(), Event::MediaChanged { media, .. } if media.direction == Direction::Inactive)
    );
    let video = OFFER.replace("8 0 96", "18");
    desk.ask(Ask { method: "UPDATE", branch: "v", to_tag: &tag, sequence: 3, body: &video, more: "" });
    assert!(desk.said().starts_with("SIP/2.0 488 "));
    assert!(desk.events().is_empty());
}

#[test]
fn an_update_before_our_answer_is_taken_without_an_offer_and_put_off_with_one() {
    let mut desk = Desk::new();
    let leg = desk.called(INVITE);
    desk.endpoint.ring(desk.now, leg);
    let tag = ours(&desk.said());
    desk.ask(Ask { method: "UPDATE", branch: "u1", to_tag: &tag, sequence: 2, body: "", more: "" });
    assert!(desk.said().starts_with("SIP/2.0 200 "));
    desk.ask(Ask { method: "UPDATE", branch: "u2", to_tag: &tag, sequence: 3, ..INVITE });
    let later = desk.said();
    assert!(later.starts_with("SIP/2.0 500 "));
    assert!(header(&later, "Retry-After").parse::<u8>().unwrap() <= 10);
    desk.endpoint.answer(desk.now, leg, crate::desk::media()).unwrap();
    desk.sent();
    desk.ask(Ask { method: "BYE", branch: "b", to_tag: &tag, sequence: 3, body: "", more: "" });
    assert!(desk.said().starts_with("SIP/2.0 500 "), "its number was the UPDATE's");
}

#[test]
fn an_update_of_a_ringing_phone_gets_491_while_our_offer_is_open() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    desk.respond(&invite, "180 Ringing", "t", "Contact: <sip:phone@10.0.0.9>\r\n", "");
    desk.events();
    let ask = |body: &str, sequence: u32| {
        format!(
            "UPDATE sip:x@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK{sequence}\r\nFrom: {};tag=t\r\n\
             To: {}\r\nCall-ID: {}\r\nCSeq: {sequence} UPDATE\r\nContact: <sip:phone@10.0.0.9>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            header(&invite, "To"),
            header(&invite, "From"),
            header(&invite, "Call-ID"),
            body.len()
        )
    };
    desk.hear(&ask("", 1));
    assert!(desk.said().starts_with("SIP/2.0 200 "));
    desk.hear(&ask(OFFER, 2));
    assert!(desk.said().starts_with("SIP/2.0 491 "));
    assert!(desk.events().is_empty());
}

#[test]
fn an_update_outside_of_any_call_gets_481() {
    let mut desk = Desk::new();
    desk.ask(Ask { method: "UPDATE", body: "", ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 481 "));
}

#[test]
fn a_session_timer_that_cannot_be_read_costs_no_call() {
    for more in ["Session-Expires: soon\r\n", "Session-Expires: \r\n", "Min-SE: -1\r\n"] {
        let mut desk = Desk::new();
        let (_, answer) = called_with(&mut desk, more);
        assert_eq!(headers(&answer, "Session-Expires"), Vec::<&str>::new(), "{more}");
        let tag = ours(&answer);
        desk.ask(Ask { branch: "re", to_tag: &tag, sequence: 2, more, ..INVITE });
        assert_eq!(start_line(&desk.said()), "SIP/2.0 200 OK", "{more}");
        desk.ask(Ask { method: "ACK", branch: "ack2", to_tag: &tag, sequence: 2, body: "", ..INVITE });
        desk.ask(Ask { method: "UPDATE", branch: "up", to_tag: &tag, sequence: 3, body: "", more });
        assert_eq!(start_line(&desk.said()), "SIP/2.0 200 OK", "{more}");
    }
}
