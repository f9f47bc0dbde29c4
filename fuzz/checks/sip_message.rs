//! What holds for every datagram: reading it does not fail badly, and what was read and written again is the same.

use nightbell::sip::validate::is_usable;
use nightbell::sip::{HeaderName, Headers, Identity, Message, objection};

/// Fails by panic.
pub fn check(datagram: &[u8]) {
    match Message::parse_datagram(datagram) {
        Ok(message) => {
            ask(&message);
            stable(&message);
        }
        Err(malformed) => {
            assert!((400..=699).contains(&malformed.fault.status()));
            if let Some(request) = malformed.request {
                typed(&request.headers);
                let _ = objection(&request);
            }
        }
    }
}

fn ask(message: &Message) {
    typed(message.headers());
    match message {
        Message::Request(request) => {
            if let Some(objection) = objection(request) {
                assert!((400..=699).contains(&objection.status));
            } else {
                assert!(request.headers.via().unwrap().is_some(), "what is taken can be answered");
                assert!(request.headers.cseq().unwrap().unwrap().method == request.method);
            }
        }
        Message::Response(response) => drop(is_usable(response)),
    }
}

/// Every typed reader, for its own sake; what a From or a Via was read as must be read again from what is written.
fn typed(headers: &Headers) {
    for address in [headers.from(), headers.to(), headers.contact()].into_iter().flatten().flatten() {
        let again = nightbell::sip::NameAddr::parse(&address.to_bytes()).unwrap();
        assert_eq!(again, address);
        assert!(address.display_text().is_none_or(|text| !text.chars().any(char::is_control)));
        assert!(address.uri.user().is_none_or(|user| !user.chars().any(char::is_control)));
    }
    for via in headers.vias().unwrap_or_default() {
        assert_eq!(nightbell::sip::Via::parse(&via.to_bytes()), Some(via));
    }
    let mut stamped = headers.clone();
    stamped.stamp_top_via(([192, 0, 2, 1], 5060).into());
    assert_eq!(stamped.vias().map(|vias| vias.len()).ok(), headers.vias().map(|vias| vias.len()).ok());
    let _ = (
        headers.call_id(),
        headers.cseq(),
        headers.max_forwards(),
        headers.routes(),
        headers.record_routes(),
    );
    let _ = (headers.require(), headers.privacy(), headers.content_type());
    identity(headers);
}

/// Written and read again it is the same message (Content-Length aside, which is written anew), octet for octet.
fn stable(message: &Message) {
    let written = message.to_bytes();
    let again = Message::parse_datagram(&written);
    let Ok(again) = again else {
        // Compact names grow to full ones, and Content-Length is added: a message at the limits may pass them.
        assert!(written.len() > 8_000 || message.headers().iter().count() >= 200, "{again:?}");
        return;
    };
    assert_eq!(again.to_bytes(), written);
    let lines = |message: &Message| {
        let fields = message.headers().iter().filter(|(name, _)| **name != HeaderName::ContentLength);
        fields.map(|(name, value)| (name.clone(), value.to_vec())).collect::<Vec<_>>()
    };
    assert_eq!(lines(&again), lines(message));
}

/// Whatever is said of the caller is short and harms no terminal.
fn identity(headers: &Headers) {
    let identity = Identity::read(headers);
    let diverters = identity.diversions.iter().filter_map(|diversion| diversion.by.as_ref());
    for text in identity.callers.iter().chain(&identity.display_name).chain(diverters) {
        assert!((1..=64).contains(&text.chars().count()), "{text:?}");
        assert!(!text.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{text:?}");
    }
    assert!(!identity.withheld || identity.callers.is_empty());
}
