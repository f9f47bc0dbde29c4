//! Protected audio (SRTP) in whole calls: what a trunk's policy makes of them, over TLS and without.

use nightbell::sip::{Event, FailureCause, Outgoing, Peer, SrtpPolicy, Transport, TrunkProfile};

use crate::wire_desk::{Desk, OFFER, SERVER, address, hop, media, profile, response, start_line};

const LINE: &str = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n";

fn desk(srtp: SrtpPolicy, transport: Transport) -> Desk {
    let mut desk = Desk::with(vec![TrunkProfile { srtp, ..profile() }]);
    desk.peer = Peer { trunk: 0, transport, addr: address(SERVER) };
    desk
}

fn protected_offer() -> String {
    format!("{}{LINE}", OFFER.replace("RTP/AVP", "RTP/SAVP"))
}

fn invite(transport: Transport, body: &str) -> String {
    format!(
        "INVITE sip:hotline@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/{} 198.51.100.9;branch=z9hG4bKone\r\n\
         Max-Forwards: 70\r\nFrom: <sip:+4930999@carrier.test>;tag=theirs\r\nTo: <sip:hotline@192.0.2.1>\r\n\
         Call-ID: call-1\r\nCSeq: 1 INVITE\r\nContact: <sip:caller@198.51.100.9>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        transport.via_name(),
        body.len()
    )
}

#[test]
fn a_caller_over_tls_who_protects_his_audio_is_answered_with_a_key_of_ours() {
    let mut desk = desk(SrtpPolicy::Required, Transport::Tls);
    desk.hear(&invite(Transport::Tls, &protected_offer()));
    desk.sent();
    let leg = desk.event().leg().unwrap();
    let agreed = desk.endpoint.answer(desk.now, leg, media()).unwrap().unwrap();
    let answer = desk.said();
    assert!(answer.contains("m=audio 20000 RTP/SAVP 8"), "{answer}");
    assert!(answer.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:") && !answer.contains(LINE));
    assert!(agreed.srtp.is_some());
}

#[test]
fn nobody_is_bothered_with_a_call_whose_audio_the_trunk_does_not_allow() {
    for (srtp, transport, body) in [
        (SrtpPolicy::Required, Transport::Tls, OFFER.to_owned()),
        (SrtpPolicy::Required, Transport::Udp, protected_offer()),
        (SrtpPolicy::Required, Transport::Tcp, OFFER.to_owned()),
        (SrtpPolicy::Optional, Transport::Udp, protected_offer()),
        (SrtpPolicy::Off, Transport::Tls, protected_offer()),
    ] {
        let mut desk = desk(srtp, transport);
        desk.hear(&invite(transport, &body));
        assert_eq!(start_line(&desk.said()), "SIP/2.0 488 Not Acceptable Here", "{srtp:?} {transport:?}");
        assert!(desk.events().is_empty());
    }
}

#[test]
fn a_phone_that_answers_in_the_clear_is_hung_up_on_where_audio_must_be_protected() {
    for (srtp, fails) in [(SrtpPolicy::Required, true), (SrtpPolicy::Optional, false)] {
        let mut desk = desk(srtp, Transport::Tls);
        let to = hop(Transport::Tls, SERVER);
        desk.endpoint.invite(desk.now, Outgoing::new(0, to, "sip:+4930123456@carrier.test", media()));
        let invite = desk.said();
        assert_eq!(invite.matches("a=crypto:").count(), 2);
        let contact = "Contact: <sip:phone@198.51.100.9>\r\n";
        desk.hear(&response(&invite, "200 OK", "t", contact, OFFER));
        match desk.event() {
            Event::Failed { status, cause, .. } => {
                assert_eq!((fails, status, cause), (true, 488, FailureCause::NoMedia));
                assert!(desk.lines().iter().any(|line| line.starts_with("BYE ")));
            }
            Event::Answered { media, .. } => assert_eq!((fails, media.srtp), (false, None)),
            other => panic!("{other:?}"),
        }
    }
}
