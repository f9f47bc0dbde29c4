//! The races of RFC 5407, each by its section, and the pitfalls other stacks have fallen into: what crosses
//! what on the wire, and what has to come of it. (Those of a single call's beginning and end are also in
//! `scenarios.rs`.)

use std::time::Duration;

use nightbell::sip::{Cause, Direction, EndCause, Event, FailureCause, LegId, StoredDialog};

use crate::desk::{Ask, Desk, INVITE, OFFER, end, header, headers, media, start_line, tag};

/// A trunk that wants a sign of life from us every 90 s, and takes no UPDATE.
const TIMED: &str = "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\n";

fn ack(desk: &mut Desk, ours: &str, sequence: u32) {
    let branch = format!("ack{sequence}");
    desk.ask(Ask { method: "ACK", branch: &branch, to_tag: ours, sequence, body: "", ..INVITE });
}

fn bye<'a>(ours: &'a str, sequence: u32) -> Ask<'a> {
    Ask { method: "BYE", branch: "bye", to_tag: ours, sequence, more: "", body: "" }
}

/// A call to us at the moment when our re-INVITE has just left: our tag, and the re-INVITE.
fn refreshing(desk: &mut Desk) -> (LegId, String, String) {
    let leg = desk.called(Ask { more: TIMED, ..INVITE });
    desk.endpoint.answer(desk.now, leg, media()).unwrap();
    let ours = tag(header(&desk.said(), "To")).to_owned();
    ack(desk, &ours, 1);
    desk.events();
    desk.seconds(45);
    let reinvite = desk.said();
    assert!(reinvite.starts_with("INVITE sip:caller@"));
    (leg, ours, reinvite)
}

// -- RFC 5407 3.1: our 200 is out, its ACK is not here --

#[test]
fn rfc5407_3_1_1_an_invite_again_while_our_answer_waits_for_its_ack_changes_nothing() {
    let mut desk = Desk::new();
    let (_, ours) = desk.answered(INVITE);
    desk.ask(INVITE);
    assert!(desk.sent().is_empty() && desk.events().is_empty());
    ack(&mut desk, &ours, 1);
    assert!(matches!(desk.event(), Event::Established { .. }));
    desk.ask(INVITE);
    assert!(desk.sent().is_empty() && desk.events().is_empty(), "nor does one after the ACK");
}

#[test]
fn rfc5407_3_1_2_a_cancel_that_meets_our_answer_gets_200_and_a_bye_ends_the_call() {
    let mut desk = Desk::new();
    let (_, ours) = desk.answered(INVITE);
    desk.ask(Ask { method: "CANCEL", body: "", ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 200 "));
    ack(&mut desk, &ours, 1);
    assert!(matches!(desk.event(), Event::Established { .. }));
    desk.ask(bye(&ours, 2));
    assert_eq!(end(&mut desk), EndCause::Bye);
}

#[test]
fn rfc5407_3_1_3_and_3_1_6_a_bye_before_the_ack_ends_the_call_and_our_answer_is_no_longer_repeated() {
    let mut desk = Desk::new();
    let (_, ours) = desk.answered(INVITE);
    desk.ask(bye(&ours, 2));
    assert_eq!(desk.lines(), ["SIP/2.0 200 OK"]);
    assert_eq!(end(&mut desk), EndCause::Bye);
    ack(&mut desk, &ours, 1);
    desk.seconds(40);
    assert!(desk.sent().is_empty());
    assert_eq!(desk.endpoint.active(), 0);
}

#[test]
fn rfc5407_3_1_4_a_reinvite_that_overtakes_the_ack_is_answered_and_the_ack_no_longer_needed() {
    let mut desk = Desk::new();
    let (_, ours) = desk.answered(INVITE);
    let hold = OFFER.replace("o=- 1 1", "o=- 1 2") + "a=sendonly\r\n";
    desk.ask(Ask { branch: "re", to_tag: &ours, sequence: 2, body: &hold, ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 200 "));
    let events = desk.events();
    assert!(matches!(events[0], Event::Established { media: None, .. }), "{events:#?}");
    assert!(
        matches!(&events[1], Event::MediaChanged { media, .. } if media.direction == Direction::RecvOnly)
    );
    ack(&mut desk, &ours, 2);
    ack(&mut desk, &ours, 1);
    desk.seconds(40);
    assert!(desk.sent().is_empty() && desk.events().is_empty());
}

#[test]
fn rfc5407_3_1_5_a_reinvite_with_an_offer_while_ours_waits_for_its_answer_gets_491() {
    let mut desk = Desk::new();
    let (_, ours) = desk.answered(Ask { body: "", ..INVITE });
    desk.ask(Ask { branch: "re", to_tag: &ours, sequence: 2, ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 491 "));
    desk.ask(Ask { method: "ACK", branch: "ack", to_tag: &ours, ..INVITE });
    assert!(matches!(desk.event(), Event::Established { media: Some(_), .. }));
    desk.ask(Ask { branch: "re2", to_tag: &ours, sequence: 3, ..INVITE });
    let lines = desk.lines();
    assert_eq!(lines, ["SIP/2.0 200 OK"], "and then it is taken");
}

// -- RFC 5407 3.2: our BYE is under way --

#[test]
fn rfc5407_3_2_1_a_bye_that_crosses_ours_gets_200() {
    let mut desk = Desk::new();
    let (leg, ours) = desk.talking();
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    let own = desk.said();
    desk.ask(bye(&ours, 2));
    assert_eq!(desk.lines(), ["SIP/2.0 200 OK"]);
    desk.respond(&own, "200 OK", "", "", "");
    assert!(desk.events().is_empty(), "one end, which was ours");
    desk.seconds(40);
    assert_eq!(desk.endpoint.active(), 0);
}

#[test]
fn rfc5407_3_2_2_a_reinvite_that_crosses_our_bye_gets_481() {
    let mut desk = Desk::new();
    let (leg, ours) = desk.talking();
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    desk.sent();
    desk.ask(Ask { branch: "re", to_tag: &ours, sequence: 2, ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 481 "));
    desk.ask(Ask { method: "UPDATE", branch: "u", to_tag: &ours, sequence: 3, ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 481 "));
}

#[test]
fn rfc5407_3_2_3_the_200_of_our_reinvite_that_comes_behind_our_bye_is_acknowledged() {
    let mut desk = Desk::new();
    let (leg, _, reinvite) = refreshing(&mut desk);
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    let own = desk.said();
    assert!(own.starts_with("BYE "));
    desk.respond(&reinvite, "200 OK", "", "", OFFER);
    assert!(desk.said().starts_with("ACK "));
    desk.respond(&own, "200 OK", "", "", "");
    desk.respond(&reinvite, "200 OK", "", "", OFFER);
    assert!(desk.said().starts_with("ACK "), "also when the leg is gone");
    assert!(desk.events().is_empty());
    desk.seconds(40);
    assert_eq!(desk.endpoint.active(), 0);
}

#[test]
fn rfc5407_3_2_4_an_ack_that_comes_when_the_call_is_over_is_dropped() {
    let mut desk = Desk::new();
    let (leg, ours) = desk.talking();
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    desk.sent();
    ack(&mut desk, &ours, 1);
    assert!(desk.sent().is_empty() && desk.events().is_empty());
}

// -- RFC 5407 3.3: both sides change the session at once --

#[test]
fn rfc5407_3_3_1_of_two_reinvites_that_cross_both_get_491_and_ours_is_sent_again_a_little_later() {
    let mut delays = Vec::new();
    for round in 0..20 {
        let mut desk = Desk::new();
        desk.seconds(round);
        let (_, ours, reinvite) = refreshing(&mut desk);
        desk.ask(Ask { branch: "re", to_tag: &ours, sequence: 2, ..INVITE });
        assert!(desk.said().starts_with("SIP/2.0 491 "));
        desk.respond(&reinvite, "491 Request Pending", "", "", "");
        assert!(desk.said().starts_with("ACK "));
        let refused = desk.now;
        let again = loop {
            desk.now = desk.endpoint.poll_timeout().unwrap();
            desk.endpoint.handle_timeout(desk.now);
            if let Some(again) = desk.sent().into_iter().find(|message| message.starts_with("INVITE ")) {
                break again;
            }
        };
        assert!(desk.now - refused <= Duration::from_secs(2), "the call is theirs: 0 to 2 s");
        delays.push(desk.now - refused);
        assert_ne!(header(&again, "CSeq"), header(&reinvite, "CSeq"));
        // Theirs comes first, and ours when it comes is answered.
        desk.respond(&again, "200 OK", "", "Session-Expires: 90;refresher=uac\r\n", OFFER);
        assert!(desk.said().starts_with("ACK "));
        assert!(desk.events().is_empty());
    }
    delays.dedup();
    assert!(delays.iter().all(|delay| delay.subsec_millis() % 10 == 0), "in steps of 10 ms");
}

#[test]
fn after_glare_in_a_call_of_ours_we_wait_from_2_1_to_4_s() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    let more = "Contact: <sip:phone@10.0.0.9>\r\nSession-Expires: 90;refresher=uac\r\n";
    desk.respond(&invite, "200 OK", "t", more, OFFER);
    desk.sent();
    desk.events();
    desk.seconds(45);
    let reinvite = desk.said();
    desk.respond(&reinvite, "491 Request Pending", "", "", "");
    desk.sent();
    desk.wait(Duration::from_millis(2_099));
    assert!(desk.sent().is_empty());
    desk.wait(Duration::from_millis(1_901));
    assert!(desk.sent().first().is_some_and(|message| message.starts_with("INVITE ")));
}

#[test]
fn rfc5407_3_3_2_an_update_with_an_offer_that_crosses_our_reinvite_gets_491_one_without_200() {
    let mut desk = Desk::new();
    let (_, ours, reinvite) = refreshing(&mut desk);
    desk.ask(Ask { method: "UPDATE", branch: "u1", to_tag: &ours, sequence: 2, ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 491 "));
    desk.ask(Ask { method: "UPDATE", branch: "u2", to_tag: &ours, sequence: 3, body: "", ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 200 "));
    desk.respond(&reinvite, "200 OK", "", "", OFFER);
    assert!(desk.said().starts_with("ACK "));
}

#[test]
fn a_reinvite_is_not_refused_for_an_update_of_ours_without_an_offer() {
    let mut desk = Desk::new();
    let more = format!("{TIMED}Allow: UPDATE\r\n");
    let leg = desk.called(Ask { more: &more, ..INVITE });
    desk.endpoint.answer(desk.now, leg, media()).unwrap();
    let ours = tag(header(&desk.said(), "To")).to_owned();
    ack(&mut desk, &ours, 1);
    desk.seconds(45);
    assert!(desk.said().starts_with("UPDATE "));
    desk.ask(Ask { branch: "re", to_tag: &ours, sequence: 2, more: &more, ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 200 "));
}

#[test]
fn rfc5407_b_a_bye_that_overtakes_the_answer_to_their_reinvite_ends_the_call() {
    let mut desk = Desk::new();
    let (_, ours) = desk.talking();
    desk.ask(Ask { branch: "re", to_tag: &ours, sequence: 2, ..INVITE });
    desk.sent();
    desk.ask(bye(&ours, 3));
    assert_eq!(desk.lines(), ["SIP/2.0 200 OK"]);
    assert_eq!(end(&mut desk), EndCause::Bye);
    desk.seconds(40);
    assert!(desk.sent().is_empty(), "the 200 of the re-INVITE is not repeated");
    assert_eq!(desk.endpoint.active(), 0);
}

#[test]
fn a_bye_that_crosses_our_reinvite_ends_the_call_and_whatever_comes_of_the_reinvite_is_acknowledged() {
    for answer in ["200 OK", "487 Request Terminated", "481 Gone"] {
        let mut desk = Desk::new();
        let (_, ours, reinvite) = refreshing(&mut desk);
        desk.ask(bye(&ours, 2));
        assert_eq!(desk.lines(), ["SIP/2.0 200 OK"]);
        assert_eq!(end(&mut desk), EndCause::Bye);
        desk.respond(&reinvite, answer, "", "", "");
        assert!(desk.said().starts_with("ACK "), "{answer}");
        desk.seconds(40);
        assert!(desk.sent().is_empty() && desk.events().is_empty());
        assert_eq!(desk.endpoint.active(), 0);
    }
}

// -- the pitfalls --

#[test]
fn pitfall_1_every_200_gets_its_ack_also_while_our_reinvite_is_under_way() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    let more = "Contact: <sip:phone@10.0.0.9>\r\nSession-Expires: 90;refresher=uac\r\n";
    desk.respond(&invite, "200 OK", "t", more, OFFER);
    let first = desk.said();
    desk.events();
    desk.seconds(30);
    desk.respond(&invite, "200 OK", "t", more, OFFER);
    assert_eq!(desk.said(), first);
    desk.seconds(15);
    let reinvite = desk.said();
    desk.respond(&reinvite, "200 OK", "", more, OFFER);
    let second = desk.said();
    assert_eq!((header(&first, "CSeq"), header(&second, "CSeq")), ("1 ACK", "2 ACK"));
}

#[test]
fn pitfall_5_a_200_with_another_tag_than_the_180_has_its_own_route_and_contact() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calling();
    let early = "Contact: <sip:first@10.0.0.7>\r\nRecord-Route: <sip:a.test;lr>\r\n";
    desk.respond(&invite, "180 Ringing", "first", early, "");
    let more = "Contact: <sip:second@10.0.0.8>\r\nRecord-Route: <sip:b.test;lr>\r\n";
    desk.respond(&invite, "200 OK", "second", more, OFFER);
    let ack = desk.said();
    assert_eq!(start_line(&ack), "ACK sip:second@10.0.0.8 SIP/2.0");
    assert_eq!(headers(&ack, "Route"), ["<sip:b.test;lr>"]);
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    assert_eq!(tag(header(&desk.said(), "To")), "second");
}

#[test]
fn pitfall_6_an_overlapping_invite_gets_500_with_retry_after_and_a_lone_reinvite_is_taken() {
    let mut desk = Desk::new();
    let leg = desk.called(INVITE);
    desk.endpoint.ring(desk.now, leg);
    let ours = tag(header(&desk.said(), "To")).to_owned();
    desk.ask(Ask { branch: "re", to_tag: &ours, sequence: 2, ..INVITE });
    let later = desk.said();
    assert!(later.starts_with("SIP/2.0 500 ") && header(&later, "Retry-After").parse::<u8>().unwrap() <= 10);
    desk.endpoint.answer(desk.now, leg, media()).unwrap();
    desk.sent();
    ack(&mut desk, &ours, 1);
    // A call that hears a mailbox has one leg: there is nobody whose request could cross.
    desk.ask(Ask { branch: "re2", to_tag: &ours, sequence: 3, ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 200 "));
}

#[test]
fn pitfall_8_responses_after_early_media_change_nothing_until_the_200() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calling();
    desk.respond(&invite, "183 Session Progress", "t", "", OFFER);
    for status in ["183 Session Progress", "181 Call Is Being Forwarded", "182 Queued", "180 Ringing"] {
        desk.respond(&invite, status, "t", "", "");
    }
    assert!(desk.events().iter().all(|event| matches!(event, Event::Ringing { .. })));
    let changed = OFFER.replace("audio 4000", "audio 4040");
    desk.respond(&invite, "200 OK", "t", "Contact: <sip:phone@10.0.0.9>\r\n", &changed);
    let Event::Answered { media, .. } = desk.event() else { panic!("not answered") };
    assert_eq!(media.remote_rtp.port(), 4040, "what comes last is meant");
}

#[test]
fn pitfall_12_a_reinvite_without_sdp_whose_ack_has_none_leaves_the_call_as_it_was() {
    let mut desk = Desk::new();
    let (_, ours) = desk.talking();
    let hold = OFFER.replace("o=- 1 1", "o=- 1 2") + "a=sendonly\r\n";
    desk.ask(Ask { branch: "h", to_tag: &ours, sequence: 2, body: &hold, ..INVITE });
    desk.sent();
    ack(&mut desk, &ours, 2);
    desk.events();
    desk.ask(Ask { branch: "re", to_tag: &ours, sequence: 3, body: "", ..INVITE });
    assert!(desk.said().contains("m=audio 20000 "));
    ack(&mut desk, &ours, 3);
    assert!(desk.events().is_empty() && desk.sent().is_empty());
    desk.ask(bye(&ours, 4));
    assert_eq!(end(&mut desk), EndCause::Bye);
}

#[test]
fn t38_is_refused_and_the_voice_goes_on() {
    let fax = "v=0\r\no=- 1 2 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n\
        m=image 4002 udptl t38\r\n";
    let mut desk = Desk::new();
    let (_, ours) = desk.talking();
    desk.ask(Ask { branch: "fax", to_tag: &ours, sequence: 2, body: fax, ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 488 "));
    ack(&mut desk, &ours, 2);
    let both = format!("{OFFER}m=image 4002 udptl t38\r\n");
    desk.ask(Ask { branch: "both", to_tag: &ours, sequence: 3, body: &both, ..INVITE });
    let answer = desk.said();
    assert!(answer.contains("m=audio 20000 ") && answer.contains("m=image 0 udptl t38"), "{answer}");
    assert!(desk.events().is_empty());
    let mut desk = Desk::new();
    desk.ask(Ask { body: fax, ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 488 "), "a call that is nothing but a fax");
}

#[test]
fn sdp_beside_an_isup_message_is_found_and_a_body_without_any_gets_415() {
    let kind = "Content-Type: multipart/mixed;boundary=b\r\n";
    let part = format!(
        "--b\r\nContent-Type: application/isup\r\n\r\nx\r\n--b\r\nContent-Type: application/sdp\r\n\r\n{OFFER}\r\n--b--\r\n"
    );
    let mut desk = Desk::new();
    let leg = desk.called(Ask { more: kind, body: &part, ..INVITE });
    let agreed = desk.endpoint.answer(desk.now, leg, media()).unwrap().unwrap();
    assert_eq!(agreed.remote_rtp.port(), 4000);
    let mut desk = Desk::new();
    let none = part.replace("application/sdp", "text/plain");
    desk.ask(Ask { more: kind, body: &none, ..INVITE });
    assert!(desk.said().starts_with("SIP/2.0 415 "));
}

// -- what ends say --

#[test]
fn an_invite_that_says_how_long_it_waits_ends_then_with_487() {
    let mut desk = Desk::new();
    desk.called(Ask { more: "Expires: 20\r\n", ..INVITE });
    desk.wait(Duration::from_millis(19_999));
    assert!(desk.sent().is_empty());
    desk.wait(Duration::from_millis(1));
    assert!(desk.said().starts_with("SIP/2.0 487 "));
    assert_eq!(end(&mut desk), EndCause::InviteExpired);
    let mut desk = Desk::new();
    let (_, ours) = desk.answered(Ask { more: "Expires: 20\r\n", ..INVITE });
    ack(&mut desk, &ours, 1);
    desk.events();
    desk.seconds(60);
    assert!(
        desk.sent().is_empty() && desk.events().is_empty(),
        "a call that was answered is not ended by it"
    );
}

#[test]
fn a_refusal_keeps_what_it_says_of_time_cause_and_direction() {
    for (status, more, expected) in [
        ("503 No", "Retry-After: 30 (maintenance);duration=60\r\n", (Some(30), None, None)),
        (
            "480 No",
            "Reason: SIP;cause=480, Q.850;cause=20\r\n",
            (None, Some("Q.850 cause 20, subscriber absent"), None),
        ),
        ("302 No", "Contact: <sip:+88299@premium.test>\r\n", (None, None, Some("sip:+88299@premium.test"))),
    ] {
        let mut desk = Desk::new();
        let (_, invite) = desk.calling();
        desk.respond(&invite, status, "t", more, "");
        let sent = desk.lines();
        assert_eq!(sent, ["ACK sip:+4930123@carrier.test SIP/2.0"], "nothing else is dialled");
        let Event::Failed { cause: FailureCause::Response, more, .. } = desk.event() else { panic!() };
        let because = more.because.as_ref().map(ToString::to_string);
        let told =
            (more.retry_after.map(|wait| wait.as_secs()), because.as_deref(), more.redirected_to.as_deref());
        assert_eq!(told, expected, "{status}");
    }
}

#[test]
fn their_reason_is_told_and_ours_is_sent_in_both_numbers() {
    let mut desk = Desk::new();
    let (_, ours) = desk.talking();
    let more = "Reason: Q.850;cause=41;text=\"Temporary failure\"\r\n";
    desk.ask(Ask { more, ..bye(&ours, 2) });
    let Event::Ended { because: Some(because), .. } = desk.event() else { panic!("no reason") };
    assert_eq!(because.to_string(), "Q.850 cause 41, Temporary failure");
    for (cause, sip, q850) in [
        (Cause::Normal, None, "Q.850;cause=16"),
        (Cause::AnsweredElsewhere, Some("SIP;cause=200;text=\"Call completed elsewhere\""), "Q.850;cause=26"),
        (Cause::NoAnswer, Some("SIP;cause=480"), "Q.850;cause=19"),
        (Cause::Declined, Some("SIP;cause=603"), "Q.850;cause=21"),
        (Cause::Internal, Some("SIP;cause=500"), "Q.850;cause=41"),
    ] {
        let mut desk = Desk::new();
        let (leg, _) = desk.talking();
        desk.endpoint.hang_up(desk.now, leg, cause);
        let said = desk.said();
        let reasons = headers(&said, "Reason");
        assert!(reasons.last().unwrap().starts_with(q850), "{reasons:?}");
        assert_eq!(reasons.len() > 1, sip.is_some());
        assert!(sip.is_none_or(|sip| reasons[0].starts_with(sip)), "{reasons:?}");
        let mut desk = Desk::new();
        let leg = desk.called(INVITE);
        desk.endpoint.hang_up(desk.now, leg, cause);
        assert!(header(&desk.said(), "Reason").starts_with("Q.850;cause="));
    }
}

#[test]
fn what_a_restart_needs_is_told_before_our_answer_leaves() {
    let mut desk = Desk::new();
    let leg = desk.called(INVITE);
    desk.endpoint.answer(desk.now, leg, media()).unwrap();
    let Event::Answering { dialog, .. } = desk.event() else { panic!("not told") };
    let answer = desk.said();
    assert_eq!(dialog.local_tag, tag(header(&answer, "To")));
    // The daemon is killed before the ACK; the next run ends the leg.
    let stored = serde_json::to_string(&dialog).unwrap();
    let mut later = Desk::new();
    let dialog: StoredDialog = serde_json::from_str(&stored).unwrap();
    later.endpoint.bye_stored(later.now, &dialog);
    let bye = later.said();
    assert_eq!(start_line(&bye), "BYE sip:caller@10.0.0.9:5060 SIP/2.0");
    assert_eq!(tag(header(&bye, "From")), tag(header(&answer, "To")));
    assert_eq!(tag(header(&bye, "To")), "theirs");
}
