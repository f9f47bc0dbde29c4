//! What holds for every challenge and all credentials that come: what we answer is one header field that says
//! what was asked, and nobody gets in who does not know the password.

use std::time::Instant;

use nightbell::sip::digest::{Algorithm, Attempts, Challenge, Credentials, Guard, Secret, Sessions, Verdict};
use nightbell::sip::{HeaderName, Message, Method, Request, Response, Uri};

/// Each line is a header field value of its own. Fails by panic.
pub fn check(text: &[u8]) {
    let credentials = Credentials::new("trunk \"7\"", Secret::new(b"secret".to_vec()));
    challenged(&credentials, text);
    let_in(&credentials, text);
}

fn request() -> Request {
    let mut request = Request::new(Method::Invite, Uri::parse(b"sip:+4930123@192.0.2.1"));
    request.headers.push(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa");
    request
}

fn challenged(credentials: &Credentials, text: &[u8]) {
    let mut response = Response::new(407);
    for (number, line) in text.split(|octet| *octet == b'\n').enumerate() {
        let name = if number.is_multiple_of(2) {
            HeaderName::ProxyAuthenticate
        } else {
            HeaderName::WwwAuthenticate
        };
        response.headers.push(name, line);
    }
    let challenges = Challenge::all(&response);
    let (mut sessions, mut attempts) = (Sessions::default(), Attempts::default());
    // The third time there is an end, whatever is asked.
    for _ in 0..3 {
        if sessions.challenged(credentials, &challenges, &mut attempts).is_ok() {
            answered(credentials, &mut sessions, &attempts, &challenges);
        }
    }
    assert!(sessions.challenged(credentials, &challenges, &mut attempts).is_err());
    sessions.accepted(&attempts, &response);
}

fn answered(credentials: &Credentials, sessions: &mut Sessions, attempts: &Attempts, asked: &[Challenge]) {
    let mut request = request();
    sessions.authorize(credentials, &mut request, attempts, "0a4f113b");
    let before = request.headers.iter().count();
    let written = request.to_bytes();
    assert!(!written.windows(6).any(|window| window == b"secret") || asked.is_empty());
    let Ok(Message::Request(read)) = Message::parse_datagram(&written) else {
        assert!(written.len() > 8_000, "only a line at the limit cannot be read again");
        return;
    };
    // Content-Length is added.
    assert_eq!(read.headers.iter().count(), before + 1, "a challenge brings no header field of its own in");
    for name in [HeaderName::Authorization, HeaderName::ProxyAuthorization] {
        for value in read.headers.get_all(&name) {
            assert!(value.starts_with(b"Digest username=\"trunk \\\"7\\\"\", realm=\""), "{value:?}");
        }
    }
}

fn let_in(credentials: &Credentials, text: &[u8]) {
    let (now, mut guard) = (Instant::now(), Guard::new([9; 32]));
    guard.challenge(now, "pbx", &Algorithm::ALL, false, 1);
    let mut request = request();
    for line in text.split(|octet| *octet == b'\n') {
        request.headers.push(HeaderName::Authorization, line);
    }
    assert!(matches!(guard.check(now, credentials, "pbx", &request), Verdict::Challenge { .. }));
}
