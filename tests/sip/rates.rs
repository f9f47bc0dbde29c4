//! How many calls a trunk may begin, and connections that are lost.

use nightbell::sip::{Event, FailureCause, Hop, Outgoing, Transport, TrunkProfile};

use crate::wire_desk::{Desk, header, hop, media, profile, start_line};

const SERVER: &str = "198.51.100.1:5060";

fn invite(number: u32) -> String {
    format!(
        "INVITE sip:+4930123456@desk SIP/2.0\r\nVia: SIP/2.0/UDP {SERVER};branch=z9hG4bK{number}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:a@b>;tag={number}\r\nTo: <sip:desk>\r\nCall-ID: {number}\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:a@{SERVER}>\r\nContent-Length: 0\r\n\r\n"
    )
}

#[test]
fn beyond_its_rate_a_trunk_begins_no_call_and_is_told_when_to_come_back() {
    let mut desk = Desk::with(vec![TrunkProfile { calls_per_second: Some(2), ..profile() }]);
    for number in 0..4 {
        desk.hear(&invite(number));
        assert_eq!(desk.lines(), ["SIP/2.0 100 Trying"], "the burst is twice the rate");
    }
    let running = desk.endpoint.active();
    desk.hear(&invite(4));
    let refused = desk.said();
    assert_eq!(start_line(&refused), "SIP/2.0 503 Service Unavailable");
    assert_eq!(header(&refused, "Retry-After"), "2");
    assert_eq!(desk.endpoint.active(), running, "nothing is kept of it");
    let told = |desk: &mut Desk| {
        let events = desk.events().into_iter();
        events
            .filter_map(|event| match event {
                Event::TooFast { trunk: 0, refused } => Some(refused),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&mut desk), [1]);
    desk.hear(&invite(5));
    assert_eq!(told(&mut desk), [] as [u64; 0], "once a minute is enough");
    desk.sent();
    desk.hear(&invite(0));
    assert_eq!(desk.lines(), ["SIP/2.0 100 Trying"], "a repeated INVITE is no new call");
}

#[test]
fn a_trunk_that_floods_calls_still_ends_those_it_has() {
    let mut desk = Desk::with(vec![TrunkProfile { calls_per_second: Some(1), ..profile() }]);
    desk.hear(&invite(0));
    for number in 1..1000 {
        desk.hear(&invite(number));
    }
    desk.sent();
    desk.hear(&invite(0).replace("INVITE", "CANCEL"));
    assert_eq!(desk.lines(), ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"]);
}

fn calls_by_tcp(desk: &mut Desk) -> (Hop, String) {
    let to = hop(Transport::Tcp, SERVER);
    desk.endpoint.invite(desk.now, Outgoing::new(0, to, "sip:+4930123456@carrier.test", media()));
    desk.said_to()
}

#[test]
fn an_invite_whose_connection_closes_before_any_answer_is_sent_once_more_and_then_has_failed() {
    let mut desk = Desk::with(vec![profile()]);
    let (to, first) = calls_by_tcp(&mut desk);
    desk.endpoint.connection_lost(desk.now, 0, to);
    assert_eq!(desk.said_to(), (to, first), "the same, so that nobody is rung twice");
    desk.endpoint.connection_lost(desk.now, 0, to);
    assert!(desk.sent().is_empty());
    assert!(matches!(desk.event(), Event::Failed { cause: FailureCause::Transport, .. }));
}

#[test]
fn a_call_that_rings_does_not_mind_a_lost_connection() {
    let mut desk = Desk::with(vec![profile()]);
    let (to, invite) = calls_by_tcp(&mut desk);
    desk.respond(&invite, "180 Ringing", "");
    desk.events();
    desk.endpoint.connection_lost(desk.now, 0, to);
    assert!(desk.sent().is_empty());
    assert!(desk.events().is_empty());
}
