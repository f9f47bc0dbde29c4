//! A trunk that has to authenticate to us.

use std::time::Duration;

use nightbell::sip::digest::{Algorithm, Attempts, Challenge, Credentials, Secret, Sessions};
use nightbell::sip::{Event, Message, Method, Request, Response, TrunkProfile, Uri};

use super::wire_desk::{Desk, OFFER, headers, profile, start_line};

fn guarded() -> TrunkProfile {
    let mut profile = profile();
    profile.inbound_auth = Some(Credentials::new("carrier", Secret::from("knock")));
    profile
}

fn ask(method: &str, sequence: u32, to_tag: &str, more: &str, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:+4930123@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.9:5060;branch=z9hG4bK{method}{sequence}\r\n\
         From: <sip:+4930999@carrier.test>;tag=theirs\r\nTo: <sip:+4930123@192.0.2.1>{to_tag}\r\nCall-ID: in\r\n\
         CSeq: {sequence} {method}\r\nContact: <sip:caller@198.51.100.9>\r\n{more}{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// What the carrier's own digest client makes of a challenge.
fn credentials(challenge: &str, method: Method, password: &str) -> String {
    let Ok(Message::Response(response)) = Message::parse_datagram(challenge.as_bytes()) else { panic!() };
    let response: Response = response;
    let own = Credentials::new("carrier", Secret::from(password));
    let (mut sessions, mut attempts) = (Sessions::default(), Attempts::default());
    sessions.challenged(&own, &Challenge::all(&response), &mut attempts).unwrap();
    let mut request = Request::new(method, Uri::parse(b"sip:+4930123@192.0.2.1"));
    sessions.authorize(&own, &mut request, &attempts, "theirs");
    let value = request.headers.get_all(&nightbell::sip::HeaderName::Authorization).next().unwrap();
    format!("Authorization: {}\r\n", String::from_utf8_lossy(value))
}

#[test]
fn a_call_without_a_password_is_challenged_with_every_algorithm_and_leaves_no_trace() {
    let mut desk = Desk::with(vec![guarded()]);
    desk.hear(&ask("INVITE", 1, "", "", OFFER));
    let refusal = desk.said();
    assert_eq!(start_line(&refusal), "SIP/2.0 401 Unauthorized");
    let challenges = headers(&refusal, "WWW-Authenticate");
    for (algorithm, challenge) in Algorithm::ALL.iter().zip(&challenges) {
        assert!(challenge.contains(&format!("algorithm={algorithm}")), "{challenge}");
    }
    assert_eq!(challenges.len(), 3);
    desk.hear(&ask("ACK", 1, ";tag=x", "", ""));
    assert_eq!((desk.lines().len(), desk.events().len(), desk.endpoint.active()), (0, 0, 0));
}

#[test]
fn a_call_with_the_right_password_comes_in_and_its_repetition_too() {
    let mut desk = Desk::with(vec![guarded()]);
    desk.hear(&ask("INVITE", 1, "", "", OFFER));
    let answer = credentials(&desk.said(), Method::Invite, "knock");
    let invite = ask("INVITE", 2, "", &answer, OFFER);
    desk.hear(&invite);
    assert!(matches!(desk.event(), Event::Invite { .. }));
    assert_eq!(desk.lines(), ["SIP/2.0 100 Trying"]);
    desk.hear(&invite);
    assert_eq!(desk.lines(), ["SIP/2.0 100 Trying"], "a repetition is no second use of the nonce");
}

#[test]
fn a_wrong_password_is_challenged_again() {
    let mut desk = Desk::with(vec![guarded()]);
    desk.hear(&ask("INVITE", 1, "", "", OFFER));
    let answer = credentials(&desk.said(), Method::Invite, "guess");
    desk.hear(&ask("INVITE", 2, "", &answer, OFFER));
    let refusal = desk.said();
    assert_eq!(start_line(&refusal), "SIP/2.0 401 Unauthorized");
    assert!(!refusal.contains("stale"));
    assert!(desk.events().is_empty());
}

#[test]
fn credentials_that_were_overheard_open_no_second_call() {
    let mut desk = Desk::with(vec![guarded()]);
    desk.hear(&ask("INVITE", 1, "", "", OFFER));
    let answer = credentials(&desk.said(), Method::Invite, "knock");
    desk.hear(&ask("INVITE", 2, "", &answer, OFFER));
    desk.sent();
    desk.events();
    let stolen = ask("INVITE", 3, "", &answer, OFFER).replace("Call-ID: in", "Call-ID: another");
    desk.hear(&stolen);
    let refusal = desk.said();
    assert_eq!(start_line(&refusal), "SIP/2.0 401 Unauthorized");
    assert!(refusal.contains("stale=true"));
}

#[test]
fn an_old_nonce_is_told_to_be_stale() {
    let mut desk = Desk::with(vec![guarded()]);
    desk.hear(&ask("INVITE", 1, "", "", OFFER));
    let answer = credentials(&desk.said(), Method::Invite, "knock");
    desk.wait(Duration::from_secs(400));
    desk.hear(&ask("INVITE", 2, "", &answer, OFFER));
    assert!(desk.said().contains("stale=true"));
}

#[test]
fn options_are_challenged_but_what_belongs_to_a_call_is_not() {
    let mut desk = Desk::with(vec![guarded()]);
    desk.hear(&ask("OPTIONS", 1, "", "", ""));
    let refusal = desk.said();
    assert_eq!(start_line(&refusal), "SIP/2.0 401 Unauthorized");
    let answer = credentials(&refusal, Method::Options, "knock");
    desk.hear(&ask("OPTIONS", 2, "", &answer, ""));
    assert_eq!(desk.lines(), ["SIP/2.0 200 OK"]);

    desk.hear(&ask("INVITE", 3, "", "", OFFER));
    let answer = credentials(&desk.said(), Method::Invite, "knock");
    desk.hear(&ask("INVITE", 4, "", &answer, OFFER));
    desk.events();
    desk.sent();
    let cancel = ask("CANCEL", 4, "", "", "").replace("z9hG4bKCANCEL4", "z9hG4bKINVITE4");
    desk.hear(&cancel);
    assert_eq!(desk.lines(), ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"]);
}
