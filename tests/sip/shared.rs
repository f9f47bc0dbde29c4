//! Several trunks behind one address: which of them a message belongs to.

use std::time::Duration;

use nightbell::sip::registration::Registration;
use nightbell::sip::{Event, TrunkProfile};

use super::wire_desk::{Desk, OFFER, SERVER, profile, response, udp};

fn account(username: &str) -> TrunkProfile {
    let mut profile = profile();
    profile.registration = Some(Registration {
        username: username.into(),
        expires: Duration::from_secs(600),
        servers: vec![udp(SERVER)],
    });
    profile
}

fn request(method: &str, uri: &str, to_tag: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.9:5060;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:x@y>{to_tag}\r\nCall-ID: c1\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n\
         Contact: <sip:a@198.51.100.9>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{OFFER}",
        OFFER.len()
    )
}

fn two_accounts() -> (Desk, Vec<String>) {
    let mut desk = Desk::with(vec![account("e0"), account("e1")]);
    let registers = desk.sent();
    (desk, registers)
}

#[test]
fn a_call_is_of_the_account_that_its_request_uri_names() {
    let (desk, _) = two_accounts();
    let owner = |uri: &str| desk.endpoint.owner(&[0, 1], request("INVITE", uri, "").as_bytes());
    assert_eq!(owner("sip:e0@192.0.2.1:5060"), Some(0));
    assert_eq!(owner("sip:e1@192.0.2.1:5060"), Some(1));
    assert_eq!(owner("sip:E1@192.0.2.1:5060"), None, "the user part of a URI is compared octet by octet");
    assert_eq!(owner("sip:+4930123456@192.0.2.1"), None, "it names neither");
    let only_first = desk.endpoint.owner(&[0], request("INVITE", "sip:e1@192.0.2.1", "").as_bytes());
    assert_eq!(only_first, None, "a trunk that does not have the address gets nothing from it");
}

#[test]
fn an_answer_is_of_the_trunk_that_has_asked() {
    let (desk, registers) = two_accounts();
    let [first, second] = registers.as_slice() else { panic!("{registers:?}") };
    let owner = |register: &str, sharing: &[usize]| {
        desk.endpoint.owner(sharing, response(register, "200 OK", "t", "", "").as_bytes())
    };
    assert_eq!(owner(first, &[0, 1]), Some(0));
    assert_eq!(owner(second, &[0, 1]), Some(1));
    assert_eq!(owner(second, &[0]), None, "never from an address that is not its own");
}

#[test]
fn what_belongs_to_a_call_stays_with_its_trunk_when_that_has_left_the_settings() {
    let (mut desk, _) = two_accounts();
    let invite = request("INVITE", "sip:e0@192.0.2.1:5060", "");
    desk.hear(&invite);
    let Event::Invite { leg, .. } = desk.event() else { panic!("a call") };
    desk.sent();
    desk.endpoint.set_trunks(desk.now, vec![profile(), account("e1"), account("e0")]);
    desk.sent();
    let owner = |desk: &Desk, text: &str| desk.endpoint.owner(&[0, 1, 2], text.as_bytes());
    assert_eq!(owner(&desk, &invite), Some(0), "the INVITE once more");
    assert_eq!(owner(&desk, &request("CANCEL", "sip:e0@192.0.2.1:5060", "")), Some(0));
    desk.endpoint.answer(desk.now, leg, super::wire_desk::media()).unwrap();
    let answer = desk.said();
    let tag = super::wire_desk::header(&answer, "To").split(";tag=").nth(1).unwrap().to_owned();
    let bye =
        request("BYE", "sip:whatever@192.0.2.1:5060", &format!(";tag={tag}")).replace("z9hG4bK1", "z9hG4bK2");
    assert_eq!(owner(&desk, &bye), Some(0));
    let stranger = request("BYE", "sip:e1@192.0.2.1:5060", ";tag=unknown").replace("z9hG4bK1", "z9hG4bK3");
    assert_eq!(owner(&desk, &stranger), None, "of no call: nobody's");
}
