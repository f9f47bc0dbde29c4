//! Registrations and pings of one endpoint, with a registrar that is played by hand.

use std::time::{Duration, Instant};

use nightbell::sip::digest::{Credentials, Secret};
use nightbell::sip::registration::Registration;
use nightbell::sip::{Event, Hop, Transport, TrunkProfile};

use super::wire_desk::{
    Desk, SERVER, address, header, headers, hop, is_keep_alive, param, profile, start_line, udp,
};

const SECOND: &str = "198.51.100.10:5060";

fn registering(servers: &[Hop]) -> TrunkProfile {
    let mut profile = profile();
    profile.registration = Some(Registration {
        username: "hotline".into(),
        expires: Duration::from_secs(600),
        servers: servers.to_vec(),
    });
    profile.credentials = Some(Credentials::new("hotline", Secret::from("zanzibar")));
    profile
}

fn desk() -> Desk {
    Desk::with(vec![registering(&[udp(SERVER)])])
}

/// Two servers, both of which may answer.
fn pair() -> Desk {
    Desk::with(vec![registering(&[udp(SERVER), udp(SECOND)])])
}

fn grant(desk: &mut Desk, register: &str, expires: u64) {
    let more = format!("Contact: {};expires={expires}\r\n", header(register, "Contact"));
    desk.respond(register, "200 OK", &more);
}

/// A desk with a binding of 600 s.
fn registered() -> (Desk, String) {
    let mut desk = desk();
    let register = desk.said();
    grant(&mut desk, &register, 600);
    assert!(matches!(desk.event(), Event::Registered { trunk: 0, .. }));
    (desk, register)
}

/// Lets time pass until something is sent; how long that took.
fn until_sent(desk: &mut Desk) -> (Duration, Hop, String) {
    let before = desk.now;
    while let Some(at) = desk.endpoint.poll_timeout() {
        desk.now = desk.now.max(at);
        desk.endpoint.handle_timeout(desk.now);
        if let Some(transmit) = desk.endpoint.poll_transmit().filter(|sent| !is_keep_alive(sent)) {
            return (desk.now - before, transmit.hop, String::from_utf8(transmit.payload).unwrap());
        }
    }
    panic!("nothing is ever sent");
}

fn failed(desk: &mut Desk) -> (Option<u16>, Duration) {
    match desk.event() {
        Event::Unregistered { trunk: 0, status, retry_in, .. } => (status, retry_in),
        other => panic!("{other:?}"),
    }
}

fn between(least: u64, most: u64, found: Duration) {
    let range = Duration::from_secs(least)..=Duration::from_secs(most);
    assert!(range.contains(&found), "{found:?} is not between {least} and {most} s");
}

#[test]
fn a_register_names_the_registrar_the_account_and_our_contact() {
    let register = desk().said();
    assert_eq!(start_line(&register), "REGISTER sip:carrier.test SIP/2.0");
    assert_eq!(header(&register, "To"), "<sip:hotline@carrier.test>");
    assert!(header(&register, "From").starts_with("<sip:hotline@carrier.test>;tag="));
    assert_eq!(header(&register, "Contact"), "<sip:hotline@192.0.2.1:5060>");
    assert_eq!(header(&register, "Expires"), "600");
    assert_eq!(header(&register, "CSeq"), "1 REGISTER");
}

#[test]
fn a_challenge_is_met_and_the_refresh_goes_out_with_the_same_call_id_and_nonce() {
    let mut desk = desk();
    let first = desk.said();
    let challenge = "WWW-Authenticate: Digest realm=\"c\", nonce=\"1\", qop=\"auth\", algorithm=SHA-256, \
                     Digest realm=\"c\", nonce=\"1\", qop=\"auth\", algorithm=MD5\r\n";
    desk.respond(&first, "401 Unauthorized", challenge);
    let second = desk.said();
    assert_eq!(header(&second, "CSeq"), "2 REGISTER");
    assert_eq!(param(header(&second, "Authorization"), "algorithm"), "SHA-256");
    assert_eq!(param(header(&second, "Authorization"), "uri"), "sip:carrier.test");
    grant(&mut desk, &second, 600);
    assert!(matches!(desk.event(), Event::Registered { .. }));
    let (_, _, refresh) = until_sent(&mut desk);
    assert_eq!(header(&refresh, "CSeq"), "3 REGISTER");
    assert_eq!(header(&refresh, "Call-ID"), header(&first, "Call-ID"));
    assert_eq!(header(&refresh, "From"), header(&first, "From"));
    assert_eq!(param(header(&refresh, "Authorization"), "nc"), "00000002");
}

/// How often line ends have gone out in so many seconds, and where to.
fn kept_alive(desk: &mut Desk, seconds: u64) -> Vec<Hop> {
    desk.seconds(seconds);
    let sent = std::iter::from_fn(|| desk.endpoint.poll_transmit());
    sent.filter(is_keep_alive).map(|sent| sent.hop).collect()
}

#[test]
fn the_way_back_of_a_binding_over_udp_is_kept_open_every_25_seconds() {
    let (mut desk, _) = registered();
    assert_eq!(kept_alive(&mut desk, 24), []);
    assert_eq!(kept_alive(&mut desk, 1), [udp(SERVER)]);
    assert_eq!(kept_alive(&mut desk, 100), [udp(SERVER); 4]);
    desk.endpoint.set_trunks(desk.now, vec![profile()]);
    assert_eq!(kept_alive(&mut desk, 100), [], "there is no binding any more");
}

#[test]
fn a_binding_over_a_connection_is_kept_alive_by_the_connection() {
    let mut desk = Desk::with(vec![registering(&[hop(Transport::Tcp, SERVER)])]);
    let register = desk.said();
    grant(&mut desk, &register, 600);
    assert_eq!(kept_alive(&mut desk, 100), []);
}

#[test]
fn a_nonce_that_has_grown_stale_at_the_refresh_is_replaced_without_a_word() {
    let mut desk = desk();
    let first = desk.said();
    desk.respond(&first, "401 Unauthorized", "WWW-Authenticate: Digest realm=\"c\", nonce=\"1\"\r\n");
    let second = desk.said();
    grant(&mut desk, &second, 600);
    desk.events();
    let (_, _, refresh) = until_sent(&mut desk);
    let stale = "WWW-Authenticate: Digest realm=\"c\", nonce=\"2\", stale=true\r\n";
    desk.respond(&refresh, "401 Unauthorized", stale);
    let again = desk.said();
    assert_eq!(param(header(&again, "Authorization"), "nonce"), "2");
    grant(&mut desk, &again, 600);
    assert!(matches!(desk.event(), Event::Registered { .. }));
}

#[test]
fn a_wrong_password_is_told_at_once_and_tried_once_more_after_a_minute_at_the_earliest() {
    let mut desk = desk();
    let mut register = desk.said();
    for nonce in 1..=2 {
        let challenge = format!("WWW-Authenticate: Digest realm=\"c\", nonce=\"{nonce}\"\r\n");
        desk.respond(&register, "401 Unauthorized", &challenge);
        register = desk.sent().pop().unwrap_or_default();
    }
    let (status, retry_in) = failed(&mut desk);
    assert_eq!((status, register.as_str()), (Some(401), ""));
    between(60, 75, retry_in);
}

#[test]
fn the_refresh_comes_between_one_half_and_nine_tenths_of_what_was_granted() {
    for granted in [60_u64, 120, 3600] {
        let mut desk = desk();
        let register = desk.said();
        // Other bindings of the account, and what was asked for, do not matter.
        let more = format!(
            "Contact: <sip:hotline@203.0.113.1>;expires=7, {};expires={granted}\r\nExpires: 11\r\n",
            header(&register, "Contact")
        );
        desk.respond(&register, "200 OK", &more);
        let (waited, _, refresh) = until_sent(&mut desk);
        assert!(refresh.starts_with("REGISTER "));
        between(granted / 2, granted * 9 / 10, waited);
    }
}

#[test]
fn without_a_contact_of_ours_the_expires_header_says_how_long() {
    let mut desk = desk();
    let register = desk.said();
    desk.respond(&register, "200 OK", "Expires: 100\r\n");
    assert!(matches!(desk.event(), Event::Registered { expires, .. } if expires == Duration::from_secs(100)));
}

#[test]
fn a_longer_interval_is_asked_for_when_the_registrar_wants_it_but_not_for_ever() {
    let mut desk = desk();
    let mut register = desk.said();
    desk.respond(&register, "423 Interval Too Brief", "Min-Expires: 1800\r\n");
    desk.wait(Duration::ZERO);
    register = desk.said();
    assert_eq!((header(&register, "Expires"), header(&register, "CSeq")), ("1800", "2 REGISTER"));
    for least in [2000, 3000, 4000] {
        desk.respond(&register, "423 Interval Too Brief", &format!("Min-Expires: {least}\r\n"));
        desk.wait(Duration::ZERO);
        let Some(next) = desk.sent().pop() else { break };
        register = next;
    }
    assert_eq!(header(&register, "Expires"), "2000");
    assert_eq!(failed(&mut desk).0, Some(423));
}

#[test]
fn an_absurd_interval_is_not_asked_for() {
    let mut desk = desk();
    let register = desk.said();
    desk.respond(&register, "423 Interval Too Brief", "Min-Expires: 99999999999\r\n");
    desk.wait(Duration::ZERO);
    assert_eq!(desk.lines(), Vec::<String>::new());
    assert_eq!(failed(&mut desk).0, Some(423));
}

#[test]
fn after_403_the_pauses_grow_from_one_minute_to_half_an_hour() {
    let mut desk = desk();
    let mut register = desk.said();
    let mut pauses = Vec::new();
    for _ in 0..8 {
        desk.respond(&register, "403 Forbidden", "");
        let (status, retry_in) = failed(&mut desk);
        assert_eq!(status, Some(403));
        let (waited, _, next) = until_sent(&mut desk);
        assert_eq!(waited, retry_in);
        pauses.push(retry_in);
        register = next;
    }
    between(60, 75, pauses[0]);
    between(120, 150, pauses[1]);
    between(1800, 2250, pauses[7]);
}

#[test]
fn a_503_with_retry_after_is_honoured() {
    let mut desk = desk();
    let register = desk.said();
    desk.respond(&register, "503 Service Unavailable", "Retry-After: 120 (maintenance)\r\n");
    let (status, retry_in) = failed(&mut desk);
    assert_eq!(status, Some(503));
    between(120, 144, retry_in);
    let (waited, _, _) = until_sent(&mut desk);
    assert_eq!(waited, retry_in);
}

#[test]
fn a_silent_registrar_is_tried_again_soon_and_then_less_often() {
    let mut desk = desk();
    desk.sent();
    let mut pauses = Vec::new();
    for _ in 0..10 {
        desk.seconds(10);
        desk.sent();
        let (status, retry_in) = failed(&mut desk);
        assert_eq!(status, None);
        pauses.push(retry_in);
        until_sent(&mut desk);
    }
    between(2, 3, pauses[0]);
    between(4, 5, pauses[1]);
    between(300, 375, pauses[9]);
}

#[test]
fn the_second_server_is_asked_at_once_when_the_first_is_silent_in_trouble_or_away() {
    let silent = |desk: &mut Desk, _: &str| desk.seconds(10);
    let trouble = |desk: &mut Desk, register: &str| desk.respond(register, "503 Service Unavailable", "");
    let away = |desk: &mut Desk, _: &str| desk.endpoint.transport_failed(desk.now, 0, udp(SERVER));
    let what: [fn(&mut Desk, &str); 3] = [silent, trouble, away];
    for happens in what {
        let mut desk = pair();
        let (first, register) = desk.said_to();
        assert_eq!(first, udp(SERVER));
        happens(&mut desk, &register);
        desk.wait(Duration::ZERO);
        let (second, register) =
            desk.transmits().pop().map(|sent| (sent.hop, String::from_utf8(sent.payload).unwrap())).unwrap();
        assert_eq!(second, udp(SECOND));
        desk.events();
        grant(&mut desk, &register, 600);
        assert!(matches!(desk.event(), Event::Registered { .. }));
        let (_, refresh, _) = until_sent(&mut desk);
        assert_eq!(refresh, udp(SECOND), "the server that granted the binding refreshes it");
    }
}

#[test]
fn a_refusal_is_not_carried_to_the_next_server() {
    let mut desk = pair();
    let register = desk.said();
    desk.respond(&register, "403 Forbidden", "");
    desk.wait(Duration::ZERO);
    assert_eq!(desk.lines(), Vec::<String>::new());
}

#[test]
fn a_server_that_is_not_known_yet_is_waited_for() {
    let mut desk = Desk::with(vec![registering(&[])]);
    assert_eq!(desk.lines(), Vec::<String>::new());
    desk.endpoint.set_trunks(desk.now, vec![registering(&[udp(SERVER)])]);
    desk.wait(Duration::ZERO);
    assert!(desk.said().starts_with("REGISTER "));
}

#[test]
fn the_same_settings_and_addresses_again_change_nothing() {
    let (mut desk, _) = registered();
    desk.endpoint.set_trunks(desk.now, vec![registering(&[udp(SERVER)])]);
    desk.seconds(1);
    assert_eq!(desk.lines(), Vec::<String>::new());
}

#[test]
fn another_address_of_ours_is_registered_at_once() {
    let (mut desk, first) = registered();
    let mut moved = registering(&[udp(SERVER)]);
    moved.contact = address("192.0.2.77:5060");
    desk.endpoint.set_trunks(desk.now, vec![moved]);
    desk.wait(Duration::ZERO);
    let register = desk.said();
    assert_eq!(header(&register, "Contact"), "<sip:hotline@192.0.2.77:5060>");
    assert_eq!(header(&register, "Call-ID"), header(&first, "Call-ID"));
}

#[test]
fn a_new_password_is_tried_at_once() {
    let mut desk = desk();
    let register = desk.said();
    desk.respond(&register, "403 Forbidden", "");
    let mut mended = registering(&[udp(SERVER)]);
    mended.credentials = Some(Credentials::new("hotline", Secret::from("mended")));
    desk.endpoint.set_trunks(desk.now, vec![mended]);
    desk.wait(Duration::ZERO);
    assert!(desk.said().starts_with("REGISTER "));
}

#[test]
fn a_binding_made_over_a_connection_that_is_lost_is_made_anew_within_a_second() {
    let tcp = hop(Transport::Tcp, SERVER);
    let mut desk = Desk::with(vec![registering(&[tcp])]);
    desk.peer.transport = Transport::Tcp;
    let register = desk.said();
    assert_eq!(header(&register, "Contact"), "<sip:hotline@192.0.2.1:5060;transport=tcp>");
    grant(&mut desk, &register, 600);
    desk.endpoint.connection_lost(desk.now, 0, hop(Transport::Tcp, SECOND));
    desk.seconds(1);
    assert_eq!(desk.lines(), Vec::<String>::new(), "that was another connection");
    desk.endpoint.connection_lost(desk.now, 0, tcp);
    desk.seconds(1);
    assert!(desk.said().starts_with("REGISTER "));
}

#[test]
fn a_server_that_closes_each_connection_behind_the_registration_is_not_stormed() {
    let tcp = hop(Transport::Tcp, SERVER);
    let mut desk = Desk::with(vec![registering(&[tcp])]);
    desk.peer.transport = Transport::Tcp;
    let mut registers = 0;
    for _ in 0..600 {
        for register in desk.sent() {
            registers += 1;
            grant(&mut desk, &register, 3600);
            desk.endpoint.connection_lost(desk.now, 0, tcp);
        }
        desk.seconds(1);
    }
    assert!((5..15).contains(&registers), "{registers} in ten minutes");
}

#[test]
fn after_the_machine_has_slept_the_binding_is_made_anew() {
    let (mut desk, _) = registered();
    desk.endpoint.renew_registrations(desk.now);
    desk.wait(Duration::ZERO);
    assert!(desk.said().starts_with("REGISTER "));
}

#[test]
fn at_the_end_the_binding_is_taken_back() {
    let (mut desk, first) = registered();
    desk.endpoint.unregister(desk.now);
    let register = desk.said();
    assert_eq!(header(&register, "Expires"), "0");
    assert_eq!(header(&register, "CSeq"), "2 REGISTER");
    assert_eq!(header(&register, "Call-ID"), header(&first, "Call-ID"));
    assert!(desk.endpoint.active() > 0);
    desk.respond(&register, "200 OK", "");
    desk.seconds(6);
    assert_eq!((desk.endpoint.active(), desk.events().len()), (0, 0));
    assert_eq!(desk.endpoint.poll_timeout(), None);
}

#[test]
fn a_trunk_that_no_longer_registers_takes_its_binding_back() {
    let (mut desk, _) = registered();
    desk.endpoint.set_trunks(desk.now, vec![profile()]);
    let register = desk.said();
    assert_eq!(header(&register, "Expires"), "0");
}

#[test]
fn what_was_never_registered_is_not_taken_back() {
    let mut desk = desk();
    let register = desk.said();
    desk.respond(&register, "403 Forbidden", "");
    desk.events();
    desk.endpoint.unregister(desk.now);
    assert_eq!(desk.lines(), Vec::<String>::new());
}

#[test]
fn calls_take_the_route_that_the_registrar_gave_behind_the_outbound_proxy() {
    let mut profile = registering(&[udp(SERVER)]);
    profile.routes = vec!["<sip:proxy.carrier.test;lr>".into()];
    let mut desk = Desk::with(vec![profile]);
    let register = desk.said();
    assert_eq!(headers(&register, "Route"), ["<sip:proxy.carrier.test;lr>"]);
    let more = format!(
        "Contact: {};expires=600\r\nService-Route: <sip:PROXY.carrier.test;lr>, <sip:inner.test;lr>\r\n\
         P-Associated-URI: <sip:+4930123@carrier.test>, <tel:+4930123>\r\n",
        header(&register, "Contact")
    );
    desk.respond(&register, "200 OK", &more);
    let Event::Registered { associated, .. } = desk.event() else { panic!("not registered") };
    assert_eq!(associated, ["<sip:+4930123@carrier.test>", "<tel:+4930123>"]);
    desk.call();
    let invite = desk.said();
    assert_eq!(headers(&invite, "Route"), ["<sip:proxy.carrier.test;lr>", "<sip:inner.test;lr>"]);
    desk.respond(&invite, "401 Unauthorized", "WWW-Authenticate: Digest realm=\"c\", nonce=\"1\"\r\n");
    for message in desk.sent() {
        assert_eq!(headers(&message, "Route"), headers(&invite, "Route"), "{}", start_line(&message));
    }
}

#[test]
fn a_ping_is_answered_by_whatever_answer_comes_and_spends_no_credentials() {
    for (status, told) in
        [("200 OK", 200), ("401 Unauthorized", 401), ("404 Not Found", 404), ("503 Busy", 503)]
    {
        let (mut desk, _) = registered();
        desk.endpoint.ping(desk.now, 0, udp(SERVER));
        let options = desk.said();
        assert_eq!(start_line(&options), "OPTIONS sip:carrier.test SIP/2.0");
        desk.respond(&options, status, "WWW-Authenticate: Digest realm=\"c\", nonce=\"1\"\r\n");
        assert_eq!(desk.lines(), Vec::<String>::new());
        match desk.event() {
            Event::Pinged { trunk: 0, hop, status } => assert_eq!((hop, status), (udp(SERVER), Some(told))),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_ping_without_an_answer_is_given_up_after_five_seconds() {
    let mut desk = Desk::with(vec![profile()]);
    let sent: Instant = desk.now;
    desk.endpoint.ping(desk.now, 0, udp(SERVER));
    desk.wait(Duration::from_millis(4900));
    assert!(desk.events().is_empty());
    desk.wait(Duration::from_millis(100));
    assert!(matches!(desk.event(), Event::Pinged { status: None, .. }));
    assert_eq!(desk.now - sent, Duration::from_secs(5));
    assert_eq!(desk.endpoint.active(), 0);
}

#[test]
fn a_trunk_that_gets_another_name_does_not_take_its_own_binding_back() {
    let (mut desk, _) = registered();
    // Its place stays for running calls; the new name has a place of its own.
    desk.endpoint.set_trunks(desk.now, vec![profile(), registering(&[udp(SERVER)])]);
    desk.seconds(0);
    let register = desk.said();
    assert_eq!(header(&register, "Expires"), "600");
    assert_eq!(header(&register, "Contact"), "<sip:hotline@192.0.2.1:5060>");
}
