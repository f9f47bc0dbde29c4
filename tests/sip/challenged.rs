//! Requests of ours that are challenged: who gets our credentials, how often, and what the races do.

use std::time::Duration;

use nightbell::sip::digest::{Algorithm, Credentials, Secret};
use nightbell::sip::{Cause, Codec, Event, FailureCause, LegId, Outgoing, Peer, Transport, TrunkProfile};

use super::wire_desk::{
    Desk, OFFER, SERVER, address, header, headers, hop, media, param, profile, response, start_line, udp,
};

const CHALLENGE: &str =
    "Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\", algorithm=MD5\r\n";

fn fresh(nonce: u32, more: &str) -> String {
    format!("Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"n{nonce}\", qop=\"auth\"{more}\r\n")
}

fn with_password() -> TrunkProfile {
    let mut profile = profile();
    profile.credentials = Some(Credentials::new("hotline", Secret::from("zanzibar")));
    profile
}

fn desk() -> Desk {
    Desk::with(vec![with_password()])
}

/// A call whose INVITE is challenged once and answered: the leg, and the INVITE that was answered.
fn answered_call(desk: &mut Desk) -> (LegId, String) {
    let leg = desk.call();
    let invite = desk.said();
    desk.respond(&invite, "407 Proxy Authentication Required", CHALLENGE);
    let again = desk.sent().pop().unwrap();
    desk.accept(&again, "t");
    desk.sent();
    assert!(matches!(desk.event(), Event::Answered { .. }));
    (leg, again)
}

/// Challenges each INVITE with another nonce; hands back how many came.
fn challenged_without_end(desk: &mut Desk, more: &str) -> u32 {
    let mut invites = 0;
    for nonce in 1..20 {
        let Some(invite) = desk.sent().into_iter().find(|message| message.starts_with("INVITE ")) else {
            break;
        };
        invites += 1;
        desk.respond(&invite, "407 Proxy Authentication Required", &fresh(nonce, more));
    }
    invites
}

fn failure(desk: &mut Desk) -> (u16, FailureCause) {
    match desk.event() {
        Event::Failed { status, cause, .. } => (status, cause),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_challenged_invite_is_acknowledged_and_asked_again_with_the_next_cseq() {
    let mut desk = desk();
    desk.call();
    let first = desk.said();
    assert_eq!(headers(&first, "Proxy-Authorization"), Vec::<&str>::new());
    desk.respond(&first, "407 Proxy Authentication Required", CHALLENGE);
    let sent = desk.sent();
    assert!(sent[0].starts_with("ACK ") && sent[1].starts_with("INVITE "), "{sent:#?}");
    let again = &sent[1];
    for name in ["Call-ID", "From", "To", "Contact"] {
        assert_eq!(header(again, name), header(&first, name));
    }
    assert_eq!(header(&sent[0], "CSeq"), "1 ACK");
    assert_eq!(header(again, "CSeq"), "2 INVITE");
    assert_ne!(header(again, "Via"), header(&first, "Via"));
    let credentials = header(again, "Proxy-Authorization");
    assert_eq!(param(credentials, "uri"), "sip:+4930123456@carrier.test");
    assert_eq!(param(credentials, "nc"), "00000001");
    assert!(!credentials.contains("zanzibar"));
    assert!(desk.events().is_empty(), "nobody hears of a challenge that is met");
}

#[test]
fn a_401_of_the_far_end_is_met_as_a_407_is() {
    let mut desk = desk();
    desk.call();
    let first = desk.said();
    desk.respond(&first, "401 Unauthorized", "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"1\"\r\n");
    let again = desk.sent().pop().unwrap();
    assert_eq!(param(header(&again, "Authorization"), "realm"), "pbx");
}

#[test]
fn of_several_challenges_the_strongest_is_met_once() {
    let mut desk = desk();
    desk.call();
    let first = desk.said();
    let both = "WWW-Authenticate: Digest realm=\"c\", nonce=\"1\", algorithm=MD5, qop=\"auth,auth-int\", \
                Digest realm=\"c\", nonce=\"2\", algorithm=SHA-256, qop=\"auth\"\r\n\
                WWW-Authenticate: Digest realm=\"c\", nonce=\"3\", algorithm=SHA3-512\r\n";
    desk.respond(&first, "401 Unauthorized", both);
    let again = desk.sent().pop().unwrap();
    let given = headers(&again, "Authorization");
    assert_eq!(given.len(), 1);
    assert_eq!((param(given[0], "algorithm"), param(given[0], "nonce")), ("SHA-256", "2"));
}

#[test]
fn a_trunk_set_to_sha_256_gives_nothing_to_md5() {
    let mut profile = with_password();
    profile.credentials.as_mut().unwrap().algorithms = vec![Algorithm::Sha256];
    let mut desk = Desk::with(vec![profile]);
    desk.call();
    let first = desk.said();
    desk.respond(&first, "407 Proxy Authentication Required", CHALLENGE);
    assert_eq!(desk.lines(), ["ACK sip:+4930123456@carrier.test SIP/2.0"]);
    assert_eq!(failure(&mut desk), (407, FailureCause::Authentication));
}

#[test]
fn without_a_password_a_challenge_ends_the_leg() {
    let mut desk = Desk::with(vec![profile()]);
    desk.call();
    let first = desk.said();
    desk.respond(&first, "407 Proxy Authentication Required", CHALLENGE);
    assert_eq!(desk.lines().len(), 1);
    assert_eq!(failure(&mut desk), (407, FailureCause::Authentication));
}

#[test]
fn a_server_that_always_sends_another_nonce_is_answered_once() {
    let mut desk = desk();
    desk.call();
    let invites = challenged_without_end(&mut desk, "");
    assert_eq!(invites, 2);
    assert_eq!(failure(&mut desk), (407, FailureCause::Authentication));
    desk.seconds(40);
    assert_eq!(desk.endpoint.active(), 0);
}

#[test]
fn a_server_that_calls_every_nonce_stale_is_answered_twice() {
    let mut desk = desk();
    desk.call();
    let invites = challenged_without_end(&mut desk, ", stale=true");
    assert_eq!(invites, 3, "the first without credentials, and two with");
    assert_eq!(failure(&mut desk), (407, FailureCause::Authentication));
}

#[test]
fn a_proxy_and_the_far_end_behind_it_both_get_their_answer() {
    let mut desk = desk();
    desk.call();
    let first = desk.said();
    desk.respond(&first, "407 Proxy Authentication Required", CHALLENGE);
    let second = desk.sent().pop().unwrap();
    desk.respond(&second, "401 Unauthorized", "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"9\"\r\n");
    let third = desk.sent().pop().unwrap();
    assert_eq!(header(&third, "CSeq"), "3 INVITE");
    assert_eq!(param(header(&third, "Proxy-Authorization"), "nc"), "00000002");
    assert_eq!(param(header(&third, "Authorization"), "realm"), "pbx");
}

#[test]
fn the_bye_of_an_authenticated_call_counts_on_and_uses_the_nonce_again() {
    let mut desk = desk();
    let (leg, _) = answered_call(&mut desk);
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    let bye = desk.said();
    assert_eq!(header(&bye, "CSeq"), "3 BYE");
    assert_eq!(param(header(&bye, "Proxy-Authorization"), "nc"), "00000002");
}

#[test]
fn a_bye_whose_nonce_has_expired_is_asked_again() {
    let mut desk = desk();
    let (leg, _) = answered_call(&mut desk);
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    let bye = desk.said();
    desk.respond(&bye, "407 Proxy Authentication Required", &fresh(2, ", stale=true"));
    let again = desk.said();
    assert_eq!(header(&again, "CSeq"), "4 BYE");
    assert_eq!(param(header(&again, "Proxy-Authorization"), "nonce"), "n2");
    desk.respond(&again, "200 OK", "");
    desk.seconds(40);
    assert_eq!(desk.endpoint.active(), 0);
}

#[test]
fn a_bye_that_is_not_accepted_ends_the_leg_all_the_same() {
    let mut desk = desk();
    let (leg, _) = answered_call(&mut desk);
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    for nonce in 2..10 {
        let Some(bye) = desk.sent().pop() else { break };
        desk.respond(&bye, "407 Proxy Authentication Required", &fresh(nonce, ""));
    }
    desk.seconds(40);
    assert_eq!(desk.endpoint.active(), 0);
}

#[test]
fn the_next_call_begins_with_the_nonce_that_was_accepted() {
    let mut desk = desk();
    answered_call(&mut desk);
    desk.call();
    let next = desk.said();
    assert_eq!(header(&next, "CSeq"), "1 INVITE");
    assert_eq!(param(header(&next, "Proxy-Authorization"), "nc"), "00000002");
}

#[test]
fn a_server_that_forbids_an_old_nonce_is_asked_without_it() {
    let mut desk = desk();
    answered_call(&mut desk);
    desk.call();
    let next = desk.said();
    desk.respond(&next, "403 Forbidden", "");
    let bare = desk.sent().pop().unwrap();
    assert_eq!(headers(&bare, "Proxy-Authorization"), Vec::<&str>::new());
    desk.respond(&bare, "403 Forbidden", "");
    assert_eq!(failure(&mut desk), (403, FailureCause::Response));
}

#[test]
fn a_password_that_was_replaced_is_not_used_again() {
    let mut desk = desk();
    answered_call(&mut desk);
    let mut other = with_password();
    other.credentials = Some(Credentials::new("hotline", Secret::from("other")));
    desk.endpoint.set_trunks(desk.now, vec![other]);
    desk.call();
    assert_eq!(headers(&desk.said(), "Proxy-Authorization"), Vec::<&str>::new());
}

#[test]
fn nonce_counts_rise_over_all_requests_that_share_a_nonce() {
    let mut desk = desk();
    answered_call(&mut desk);
    let mut counts: Vec<String> = Vec::new();
    for _ in 0..3 {
        desk.call();
        counts.push(param(header(&desk.said(), "Proxy-Authorization"), "nc").to_owned());
    }
    assert_eq!(counts, ["00000002", "00000003", "00000004"]);
}

// Who gets the credentials.

/// A call to us that is answered and acknowledged.
fn incoming_call(desk: &mut Desk) -> LegId {
    let ask = |method: &str, to_tag: &str, body: &str| {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:hotline@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.9:5060;branch=z9hG4bKin{method}\r\n\
             From: <sip:+4930999@carrier.test>;tag=theirs\r\nTo: <sip:hotline@192.0.2.1>{to_tag}\r\nCall-ID: in\r\n\
             CSeq: 1 {method}\r\nContact: <sip:caller@198.51.100.9>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    desk.hear(&ask("INVITE", "", OFFER));
    let Event::Invite { leg, .. } = desk.event() else { panic!("no call") };
    desk.endpoint.answer(desk.now, leg, media()).unwrap();
    let ok = desk.sent().pop().unwrap();
    let tag = header(&ok, "To").split(";tag=").nth(1).unwrap().to_owned();
    desk.hear(&ask("ACK", &format!(";tag={tag}"), ""));
    desk.events();
    leg
}

#[test]
fn a_407_to_our_bye_from_a_caller_gets_no_credentials() {
    let mut desk = desk();
    let leg = incoming_call(&mut desk);
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    let bye = desk.said();
    desk.respond(&bye, "407 Proxy Authentication Required", CHALLENGE);
    assert_eq!(desk.lines(), Vec::<String>::new());
}

#[test]
fn a_caller_with_a_realm_of_his_own_gets_no_credentials_even_from_the_servers_address() {
    let mut desk = desk();
    answered_call(&mut desk);
    let leg = incoming_call(&mut desk);
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    let bye = desk.said();
    let other = "WWW-Authenticate: Digest realm=\"elsewhere\", nonce=\"x\"\r\n";
    desk.respond(&bye, "401 Unauthorized", other);
    assert_eq!(desk.lines(), Vec::<String>::new());
}

#[test]
fn the_carrier_itself_may_challenge_the_bye_of_its_own_call() {
    let mut desk = desk();
    answered_call(&mut desk);
    let leg = incoming_call(&mut desk);
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    let bye = desk.said();
    desk.respond(&bye, "407 Proxy Authentication Required", &fresh(5, ""));
    assert!(desk.said().contains("Proxy-Authorization: Digest "));
}

#[test]
fn the_credentials_of_a_server_behind_tls_go_to_that_server_alone() {
    let tls = hop(Transport::Tls, SERVER);
    // In the clear from the same address, and by a TLS connection that somebody there has opened to us: neither
    // has shown the server's certificate.
    let others = [
        Peer::udp(0, address(SERVER)),
        Peer { trunk: 0, transport: Transport::Tls, addr: address("198.51.100.9:40001") },
    ];
    for other in others {
        let mut desk = desk();
        desk.peer.transport = Transport::Tls;
        let number = "sip:+4930123456@carrier.test";
        desk.endpoint.invite(desk.now, Outgoing::new(0, tls, number, media()));
        let invite = desk.said();
        desk.respond(&invite, "407 Proxy Authentication Required", CHALLENGE);
        let again = desk.sent().pop().unwrap();
        desk.accept(&again, "t");
        assert!(desk.said().contains("Proxy-Authorization"));
        desk.events();
        desk.peer = other;
        let leg = incoming_call(&mut desk);
        desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
        let bye = desk.said();
        assert_eq!(headers(&bye, "Proxy-Authorization"), Vec::<&str>::new(), "unasked");
        desk.respond(&bye, "407 Proxy Authentication Required", &fresh(5, ""));
        assert_eq!(desk.lines(), Vec::<String>::new());
    }
}

#[test]
fn a_407_to_our_bye_from_a_stranger_gets_no_credentials() {
    let mut desk = Desk::with(vec![with_password(), with_password()]);
    let (leg, _) = answered_call(&mut desk);
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    let bye = desk.said();
    // It knows our branch, but it is another trunk.
    desk.peer = Peer::udp(1, address("203.0.113.66:5060"));
    desk.respond(&bye, "407 Proxy Authentication Required", CHALLENGE);
    assert_eq!(desk.lines(), Vec::<String>::new());
    desk.respond(&bye.replace("z9hG4bK", "z9hG4bKguess"), "407 Proxy Authentication Required", CHALLENGE);
    assert_eq!(desk.lines(), Vec::<String>::new());
}

#[test]
fn a_phone_that_is_called_directly_gets_no_credentials() {
    let mut desk = desk();
    answered_call(&mut desk);
    let phone = udp("10.1.2.3:5060");
    desk.endpoint.invite(desk.now, Outgoing::new(0, phone, "sip:anna@10.1.2.3", media()));
    let invite = desk.said();
    assert_eq!(headers(&invite, "Proxy-Authorization"), Vec::<&str>::new());
    desk.respond(&invite, "407 Proxy Authentication Required", CHALLENGE);
    assert_eq!(desk.lines(), ["ACK sip:anna@10.1.2.3 SIP/2.0"]);
    assert_eq!(failure(&mut desk), (407, FailureCause::Authentication));
}

#[test]
fn the_credentials_of_one_trunk_are_not_those_of_another() {
    let other = TrunkProfile::new(address("192.0.2.1:5060"), "other.test", vec![Codec::Pcma]);
    let mut desk = Desk::with(vec![with_password(), other]);
    answered_call(&mut desk);
    desk.peer = Peer::udp(1, address(SERVER));
    desk.endpoint.invite(desk.now, Outgoing::new(1, udp(SERVER), "sip:+49301@other.test", media()));
    let invite = desk.said();
    assert_eq!(headers(&invite, "Proxy-Authorization"), Vec::<&str>::new());
    desk.respond(&invite, "407 Proxy Authentication Required", CHALLENGE);
    assert_eq!(desk.lines().len(), 1, "the ACK alone");
}

// Races.

#[test]
fn a_call_given_up_before_its_challenge_is_not_asked_again() {
    let mut desk = desk();
    let leg = desk.call();
    let first = desk.said();
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    assert_eq!(desk.lines(), Vec::<String>::new(), "no CANCEL before a provisional response");
    desk.respond(&first, "407 Proxy Authentication Required", CHALLENGE);
    assert_eq!(desk.lines(), ["ACK sip:+4930123456@carrier.test SIP/2.0"]);
    desk.seconds(40);
    assert_eq!((desk.endpoint.active(), desk.events().len()), (0, 0));
}

#[test]
fn a_cancel_that_crosses_the_challenge_ends_the_call() {
    let mut desk = desk();
    let leg = desk.call();
    let first = desk.said();
    desk.respond(&first, "100 Trying", "");
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    let cancel = desk.said();
    desk.respond(&first, "407 Proxy Authentication Required", CHALLENGE);
    assert_eq!(desk.lines(), ["ACK sip:+4930123456@carrier.test SIP/2.0"]);
    desk.respond(&cancel, "481 Call/Transaction Does Not Exist", "");
    desk.seconds(40);
    assert_eq!(desk.endpoint.active(), 0);
}

#[test]
fn a_call_given_up_after_its_challenge_cancels_the_invite_that_was_asked_again() {
    let mut desk = desk();
    let leg = desk.call();
    let first = desk.said();
    desk.respond(&first, "407 Proxy Authentication Required", CHALLENGE);
    let again = desk.sent().pop().unwrap();
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    assert_eq!(desk.lines(), Vec::<String>::new());
    desk.respond(&again, "180 Ringing", "");
    let cancel = desk.said();
    assert_eq!(header(&cancel, "CSeq"), "2 CANCEL");
    assert_eq!(header(&cancel, "Via"), header(&again, "Via"));
}

#[test]
fn a_challenge_that_comes_twice_is_acknowledged_twice_and_met_once() {
    let mut desk = desk();
    desk.call();
    let first = desk.said();
    desk.respond(&first, "407 Proxy Authentication Required", CHALLENGE);
    assert_eq!(desk.lines().len(), 2);
    desk.respond(&first, "407 Proxy Authentication Required", CHALLENGE);
    assert_eq!(desk.lines(), ["ACK sip:+4930123456@carrier.test SIP/2.0"]);
}

#[test]
fn a_late_answer_to_the_first_invite_is_hung_up_on_while_the_second_rings() {
    let mut desk = desk();
    desk.call();
    let first = desk.said();
    desk.respond(&first, "407 Proxy Authentication Required", CHALLENGE);
    let again = desk.sent().pop().unwrap();
    desk.accept(&first, "late");
    let lines = desk.lines();
    assert!(lines[0].starts_with("ACK ") && lines[1].starts_with("BYE "), "{lines:?}");
    assert!(desk.events().is_empty());
    desk.accept(&again, "t");
    assert!(matches!(desk.event(), Event::Answered { .. }));
}

#[test]
fn an_invite_whose_answer_with_credentials_gets_lost_is_repeated_with_them() {
    let mut desk = desk();
    desk.call();
    let first = desk.said();
    desk.respond(&first, "407 Proxy Authentication Required", CHALLENGE);
    let again = desk.sent().pop().unwrap();
    desk.wait(Duration::from_millis(500));
    assert_eq!(desk.said(), again);
}

#[test]
fn early_media_of_a_challenged_invite_is_forgotten() {
    let mut desk = desk();
    desk.call();
    let first = desk.said();
    desk.hear(&response(&first, "183 Session Progress", "t", "", OFFER));
    desk.events();
    desk.respond(&first, "407 Proxy Authentication Required", CHALLENGE);
    let again = desk.sent().pop().unwrap();
    desk.hear(&response(&again, "200 OK", "t", "Contact: <sip:phone@198.51.100.9>\r\n", ""));
    let (status, cause) = failure(&mut desk);
    assert_eq!((status, cause), (488, FailureCause::NoMedia));
    assert!(start_line(&desk.sent()[0]).starts_with("ACK "));
}

#[test]
fn an_invite_sent_once_more_for_a_422_has_its_credentials_once() {
    let mut profile = with_password();
    profile.session_timer = Some(Duration::from_secs(1800));
    let mut desk = Desk::with(vec![profile]);
    desk.call();
    let first = desk.said();
    desk.respond(&first, "407 Proxy Authentication Required", CHALLENGE);
    let second = desk.sent().pop().unwrap();
    desk.respond(&second, "422 Session Interval Too Small", "Min-SE: 3600\r\n");
    let third = desk.sent().pop().unwrap();
    assert_eq!((header(&third, "CSeq"), header(&third, "Session-Expires")), ("3 INVITE", "3600"));
    let given = headers(&third, "Proxy-Authorization");
    assert_eq!(given.len(), 1, "{given:#?}");
    assert_eq!(param(given[0], "nc"), "00000002");
}

#[test]
fn the_ack_of_an_answer_has_the_credentials_of_its_invite() {
    let mut desk = desk();
    desk.call();
    let first = desk.said();
    desk.respond(&first, "407 Proxy Authentication Required", CHALLENGE);
    let again = desk.sent().pop().unwrap();
    desk.accept(&again, "t");
    let ack = desk.said();
    assert!(ack.starts_with("ACK "), "{ack}");
    assert_eq!(headers(&ack, "Proxy-Authorization"), headers(&again, "Proxy-Authorization"));
}
