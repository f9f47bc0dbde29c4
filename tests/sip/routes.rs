//! Where requests of ours go: by which transport, and by which proxy.

use std::time::Duration;

use nightbell::sip::{Cause, Event, FailureCause, Outgoing, Transport, TrunkProfile};

use super::wire_desk::{Desk, SERVER, header, headers, hop, media, profile, response, start_line, udp};

/// A trunk whose calls are too large for one datagram.
fn large() -> TrunkProfile {
    let mut profile = profile();
    profile.other_contacts = vec![(Transport::Tcp, "192.0.2.1:5070".parse().unwrap())];
    profile.routes = vec![format!("<sip:proxy.test;lr;x={}>", "x".repeat(700))];
    profile
}

#[test]
fn a_request_of_more_than_1300_octets_goes_by_tcp_and_says_so() {
    let mut desk = Desk::with(vec![large()]);
    desk.call();
    let (to, invite) = desk.said_to();
    assert!(invite.len() > 1300, "{}", invite.len());
    assert_eq!(to, hop(Transport::Tcp, SERVER));
    assert!(header(&invite, "Via").starts_with("SIP/2.0/TCP 192.0.2.1:5070;"));
    assert!(header(&invite, "Contact").ends_with("@192.0.2.1:5070;transport=tcp>"));
}

#[test]
fn what_fits_stays_with_udp() {
    let mut desk = Desk::with(vec![profile()]);
    desk.call();
    let (to, invite) = desk.said_to();
    assert!(invite.len() <= 1300);
    assert_eq!(to, udp(SERVER));
}

#[test]
fn a_carrier_without_tcp_is_sent_large_datagrams() {
    let mut profile = large();
    profile.large_by_tcp = false;
    let mut desk = Desk::with(vec![profile]);
    desk.call();
    assert_eq!(desk.said_to().0, udp(SERVER));
}

#[test]
fn where_tcp_fails_the_request_goes_by_udp_after_all_and_the_next_one_at_once() {
    let mut desk = Desk::with(vec![large()]);
    let leg = desk.call();
    let (tcp, first) = desk.said_to();
    desk.endpoint.transport_failed(desk.now, 0, tcp);
    let (to, again) = desk.said_to();
    assert_eq!(to, udp(SERVER));
    assert!(header(&again, "Via").starts_with("SIP/2.0/UDP 192.0.2.1:5060;"));
    assert!(header(&again, "Contact").ends_with("@192.0.2.1:5060>"));
    for name in ["Call-ID", "From", "CSeq"] {
        assert_eq!(header(&again, name), header(&first, name));
    }
    desk.respond(&again, "180 Ringing", "");
    assert!(matches!(desk.event(), Event::Ringing { leg: rings, .. } if rings == leg));
    desk.call();
    assert_eq!(desk.said_to().0, udp(SERVER));
    desk.seconds(700);
    desk.sent();
    desk.call();
    assert_eq!(desk.said_to().0.transport, Transport::Tcp, "after ten minutes it is tried again");
}

#[test]
fn where_udp_fails_too_the_call_has_failed() {
    let mut desk = Desk::with(vec![large()]);
    desk.call();
    let tcp = desk.said_to().0;
    desk.endpoint.transport_failed(desk.now, 0, tcp);
    desk.sent();
    desk.endpoint.transport_failed(desk.now, 0, udp(SERVER));
    assert!(matches!(desk.event(), Event::Failed { status: 503, cause: FailureCause::Transport, .. }));
    assert_eq!(desk.lines(), Vec::<String>::new());
}

#[test]
fn a_call_given_up_while_tcp_is_tried_does_not_ring_by_udp() {
    let mut desk = Desk::with(vec![large()]);
    let leg = desk.call();
    let tcp = desk.said_to().0;
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    desk.endpoint.transport_failed(desk.now, 0, tcp);
    assert_eq!(desk.lines(), Vec::<String>::new());
    assert_eq!(desk.endpoint.active(), 0);
}

#[test]
fn the_route_to_the_proxy_stands_in_every_request_of_the_call_attempt() {
    let mut profile = profile();
    profile.routes = vec!["<sip:proxy.test;lr>".into()];
    let mut desk = Desk::with(vec![profile]);
    let leg = desk.call();
    let invite = desk.said();
    assert_eq!(start_line(&invite), "INVITE sip:+4930123456@carrier.test SIP/2.0");
    assert_eq!(headers(&invite, "Route"), ["<sip:proxy.test;lr>"]);
    desk.respond(&invite, "180 Ringing", "");
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    assert_eq!(headers(&desk.said(), "Route"), ["<sip:proxy.test;lr>"], "CANCEL");
    desk.respond(&invite, "487 Request Terminated", "");
    assert_eq!(headers(&desk.said(), "Route"), ["<sip:proxy.test;lr>"], "ACK");
}

#[test]
fn inside_the_dialog_the_recorded_route_takes_the_place_of_the_preloaded_one() {
    let mut profile = profile();
    profile.routes = vec!["<sip:proxy.test;lr>".into()];
    let mut desk = Desk::with(vec![profile]);
    let leg = desk.call();
    let invite = desk.said();
    let more = "Record-Route: <sip:edge.test;lr>\r\nContact: <sip:phone@198.51.100.9>\r\n";
    desk.hear(&response(&invite, "200 OK", "t", more, super::wire_desk::OFFER));
    assert_eq!(headers(&desk.said(), "Route"), ["<sip:edge.test;lr>"], "ACK");
    desk.endpoint.hang_up(desk.now, leg, Cause::Normal);
    assert_eq!(headers(&desk.said(), "Route"), ["<sip:edge.test;lr>"], "BYE");
}

#[test]
fn a_large_call_that_nobody_answers_by_tcp_is_tried_by_udp() {
    let mut desk = Desk::with(vec![large()]);
    desk.endpoint.invite(desk.now, Outgoing::new(0, udp(SERVER), "sip:+49301@carrier.test", media()));
    assert_eq!(desk.said_to().0.transport, Transport::Tcp);
    desk.wait(Duration::from_secs(6));
    assert_eq!(desk.said_to().0.transport, Transport::Udp);
}

#[test]
fn while_another_server_waits_a_connection_that_cannot_be_opened_still_leads_to_udp() {
    let mut desk = Desk::with(vec![large()]);
    let mut outgoing = Outgoing::new(0, udp(SERVER), "sip:+4930123456@carrier.test", media());
    outgoing.no_response = Some(Duration::from_secs(3));
    desk.endpoint.invite(desk.now, outgoing);
    let (tcp, _) = desk.said_to();
    desk.seconds(3);
    desk.endpoint.transport_failed(desk.now, 0, tcp);
    assert!(desk.events().is_empty(), "the server has not been asked yet");
    assert_eq!(desk.said_to().0, udp(SERVER));
    desk.seconds(6);
    assert!(matches!(desk.event(), Event::Failed { cause: FailureCause::Timeout, .. }));
}

#[test]
fn a_call_lives_whose_server_has_an_address_that_counts_as_another_trunks() {
    // Names of two trunks have come to lead to one address: its datagrams are told to be the first one's.
    let mut desk = Desk::with(vec![profile(), profile()]);
    let outgoing = Outgoing::new(1, udp(SERVER), "sip:+4930123456@carrier.test", media());
    let leg = desk.endpoint.invite(desk.now, outgoing);
    let invite = desk.said();
    desk.respond(&invite, "180 Ringing", "");
    assert!(matches!(desk.event(), Event::Ringing { leg: rings, .. } if rings == leg));
    desk.accept(&invite, "t");
    assert!(desk.said().starts_with("ACK "));
    assert!(matches!(desk.event(), Event::Answered { leg: answered, .. } if answered == leg));
    let bye = format!(
        "BYE sip:x@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {SERVER};branch=z9hG4bKbye\r\nFrom: {};tag=t\r\nTo: {}\r\n\
         Call-ID: {}\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
        header(&invite, "To"),
        header(&invite, "From"),
        header(&invite, "Call-ID")
    );
    // Knowing the tags is not enough: it has to come from there.
    let server =
        std::mem::replace(&mut desk.peer, nightbell::sip::Peer::udp(0, "203.0.113.5:5060".parse().unwrap()));
    desk.hear(&bye);
    assert_eq!(desk.lines(), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
    desk.peer = server;
    desk.hear(&bye);
    assert_eq!(desk.lines(), ["SIP/2.0 200 OK"]);
    assert!(matches!(desk.event(), Event::Ended { leg: ended, .. } if ended == leg));
}
