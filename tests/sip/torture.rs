//! RFC 4475, all 49 messages, and RFC 5118, all 12, each with what its text prescribes and what an element in
//! our place does about it: a user agent server that is no registrar. Each goes through the whole endpoint,
//! as it would from the wire.

use nightbell::sip::{
    Codec, Config, Endpoint, Event, HeaderName, Hop, LocalMedia, Message, Outgoing, Peer, Request, Response,
    Timers, TrunkProfile,
};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What is to become of a message.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// A call comes in; it gets a 100.
    Call,
    /// The request is answered with this status, and nothing else happens.
    Answered(u16),
    /// Nothing is answered, nothing happens.
    Dropped,
}
use Fate::{Answered, Call, Dropped};

/// Clause, what it is about and what its text prescribes, file, fate.
type Row = (&'static str, &'static str, &'static str, Fate);

const RFC4475: [Row; 49] = [
    (
        "3.1.1.1",
        "valid: folds, compact names, white space; its To has a tag, and we have no such dialog",
        "wsinv",
        Answered(481),
    ),
    ("3.1.1.2", "valid: a method nobody knows, 405 or 501", "intmeth", Answered(501)),
    ("3.1.1.3", "valid: the escaped user does not change the scheme", "esc01", Call),
    ("3.1.1.4", "valid: an escaped NUL ends nothing; no registrar: 405", "escnull", Answered(405)),
    ("3.1.1.5", "valid: escapes in the method make it another one than REGISTER", "esc02", Answered(501)),
    ("3.1.1.6", "valid: no space between display name and bracket", "lwsdisp", Answered(200)),
    ("3.1.1.7", "valid: long values of every kind, 34 Vias", "longreq", Call),
    (
        "3.1.1.8",
        "valid: octets behind Content-Length are dropped; no registrar: 405",
        "dblreq",
        Answered(405),
    ),
    ("3.1.1.9", "valid: the semicolon belongs to the user part", "semiuri", Answered(200)),
    ("3.1.1.10", "valid: any transport in a Via, also an unknown one", "transports", Answered(200)),
    ("3.1.1.11", "valid: a body of several parts; we take no MESSAGE: 405", "mpart01", Answered(405)),
    (
        "3.1.1.12",
        "valid: a reason phrase in UTF-8; the response is to no request of ours",
        "unreason",
        Dropped,
    ),
    ("3.1.1.13", "valid: no reason phrase; the response is to no request of ours", "noreason", Dropped),
    ("3.1.2.1", "400: Via and Contact with empty parameters", "badinv01", Answered(400)),
    ("3.1.2.2", "400 in a datagram: Content-Length beyond its end", "clerr", Answered(400)),
    ("3.1.2.3", "an error: Content-Length below zero", "ncl", Answered(400)),
    ("3.1.2.4", "400 for the CSeq alone: numbers too large", "scalar02", Answered(400)),
    ("3.1.2.5", "a response with numbers too large is discarded", "scalarlg", Dropped),
    ("3.1.2.6", "400: a quotation without end", "quotbal", Answered(400)),
    ("3.1.2.7", "400: angle brackets around the Request-URI", "ltgtruri", Answered(400)),
    ("3.1.2.8", "400: white space in the Request-URI", "lwsruri", Answered(400)),
    ("3.1.2.9", "400: two spaces in the start line", "lwsstart", Answered(400)),
    ("3.1.2.10", "400, or the spaces at the end of the start line are passed over", "trws", Answered(200)),
    ("3.1.2.11", "400: header fields in the Request-URI", "escruri", Answered(400)),
    ("3.1.2.12", "who has no use for Date passes it over, whatever its zone", "baddate", Call),
    ("3.1.2.13", "400 in a registrar, which we are not", "regbadct", Answered(405)),
    ("3.1.2.14", "400, or the spaces in the brackets are passed over", "badaspec", Answered(200)),
    ("3.1.2.15", "400, or the comma in a bare display name is passed over", "baddn", Answered(200)),
    ("3.1.2.16", "505: a version we do not speak", "badvers", Answered(505)),
    ("3.1.2.17", "400: CSeq names another method", "mismatch01", Answered(400)),
    ("3.1.2.18", "400 or 501: CSeq names another method than the unknown one", "mismatch02", Answered(400)),
    ("3.1.2.19", "a response whose status is no status is discarded", "bigcode", Dropped),
    ("3.2.1", "the branch says nothing; the rules of RFC 2543 tell it apart", "badbranch", Answered(200)),
    ("3.3.1", "400: Call-ID, From and To are missing", "insuf", Answered(400)),
    ("3.3.2", "416: a scheme nobody knows", "unkscm", Answered(416)),
    ("3.3.3", "416: a scheme of others", "novelsc", Answered(416)),
    ("3.3.4", "schemes in To and Contact: 400 in a registrar, which we are not", "unksm2", Answered(405)),
    ("3.3.5", "420: Require we do not know; Proxy-Require is for proxies", "bext01", Answered(420)),
    ("3.3.6", "415: a body of a kind we do not know", "invut", Answered(415)),
    ("3.3.7", "credentials of an unknown scheme count as none; no registrar: 405", "regaut01", Answered(405)),
    ("3.3.8", "400: header fields twice that may stand once", "multi01", Answered(400)),
    ("3.3.9", "400 in a datagram: two Content-Lengths that differ", "mcl01", Answered(400)),
    ("3.3.10", "dropped, never passed on: a response with a second Via", "bcast", Dropped),
    ("3.3.11", "whom it is for answers as if hops were left", "zeromf", Answered(200)),
    ("3.3.12", "a parameter beside the Contact URI; no registrar: 405", "cparam01", Answered(405)),
    ("3.3.13", "a parameter in the Contact URI; no registrar: 405", "cparam02", Answered(405)),
    ("3.3.14", "an escaped Route in the Contact URI; no registrar: 405", "regescrt", Answered(405)),
    ("3.3.15", "406 (or 400): the answer may not be a session description", "sdp01", Answered(406)),
    (
        "3.4.1",
        "RFC 2543: no branch, no tag, no Contact, no Max-Forwards; a call for all that",
        "inv2543",
        Call,
    ),
];

const RFC5118: [Row; 12] = [
    ("4.1", "valid; no registrar: 405", "ipv6-good", Answered(405)),
    ("4.2", "400: an IPv6 address without brackets", "ipv6-bad", Answered(400)),
    ("4.3", "valid: what looks like a port is part of the address", "port-ambiguous", Answered(405)),
    ("4.4", "valid: a port behind the bracket", "port-unambiguous", Answered(405)),
    (
        "4.5",
        "received in brackets must be borne; a BYE without a dialog",
        "via-received-param-with-delim",
        Answered(481),
    ),
    (
        "4.5",
        "received without brackets must be borne; an OPTIONS",
        "via-received-param-no-delim",
        Answered(200),
    ),
    ("4.6", "valid: IPv6 without brackets in SDP; its G.726 is not ours", "ipv6-in-sdp", Answered(488)),
    (
        "4.7",
        "valid: both families among the Vias; a BYE without a dialog",
        "mult-ip-in-header",
        Answered(481),
    ),
    ("4.8", "valid: a stream of each family; the one of ours is audio", "mult-ip-in-sdp", Call),
    (
        "4.9",
        "valid: IPv4 addresses written as IPv6; its G.726 is not ours",
        "ipv4-mapped-ipv6",
        Answered(488),
    ),
    ("4.10", "must be borne: a third colon, as the grammar had it", "ipv6-bug-abnf-3-colons", Answered(200)),
    ("4.10", "valid: two colons", "ipv6-correct-abnf-2-colons", Answered(200)),
];

fn endpoint(contact: &str) -> Endpoint {
    let trunk = TrunkProfile::new(contact.parse().unwrap(), "carrier.test", vec![Codec::Pcma, Codec::Pcmu]);
    let config = Config {
        trunks: vec![trunk],
        timers: Timers::default(),
        software: "torture".to_owned(),
        max_dialogs: 4,
    };
    Endpoint::new(config, [5; 32])
}

/// What the endpoint sends and tells, given that message.
fn fate(contact: &str, datagram: &[u8]) -> Fate {
    let mut endpoint = endpoint(contact);
    let peer = Peer::udp(0, "198.51.100.9:5070".parse().unwrap());
    endpoint.receive(Instant::now(), peer, datagram);
    let calls =
        std::iter::from_fn(|| endpoint.poll_event()).filter(|event| matches!(event, Event::Invite { .. }));
    let calls = calls.count();
    let statuses: Vec<u16> = std::iter::from_fn(|| endpoint.poll_transmit())
        .map(|transmit| match Message::parse_datagram(&transmit.payload) {
            Ok(Message::Response(response)) => response.status,
            other => panic!("nothing but answers is sent: {other:?}"),
        })
        .collect();
    match (calls, statuses.as_slice()) {
        (1, [100]) => Call,
        (0, [status]) => Answered(*status),
        (0, []) => Dropped,
        other => panic!("one fate for a message: {other:?}"),
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn check(name: &str, suffix: &str, contact: &str, rows: &[Row]) {
    let folder = folder(name);
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(clause, prescribed, name, wanted)| {
            let datagram =
                std::fs::read(folder.join(format!("{name}{suffix}"))).expect("the message is there");
            let got = fate(contact, &datagram);
            (got != *wanted)
                .then(|| format!("{name} ({clause}, {prescribed}): wanted {wanted:?}, got {got:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let files = std::fs::read_dir(&folder).expect("the folder is there").count();
    assert_eq!(files, rows.len(), "every message of {} has a row", folder.display());
}

#[test]
fn every_message_of_rfc_4475_meets_the_fate_its_text_prescribes() {
    check("rfc4475", ".dat", "192.0.2.1:5060", &RFC4475);
}

#[test]
fn every_message_of_rfc_5118_meets_the_fate_its_text_prescribes() {
    check("rfc5118", "", "192.0.2.1:5060", &RFC5118);
}

fn request(folder_name: &str, file: &str) -> Request {
    let datagram = std::fs::read(folder(folder_name).join(file)).expect("the message is there");
    match Message::parse_datagram(&datagram) {
        Ok(Message::Request(request)) => request,
        other => panic!("{file} is a request: {other:?}"),
    }
}

/// What the texts say is to be found in their valid messages.
#[test]
fn the_valid_messages_of_rfc_4475_are_read_as_what_they_say() {
    let wsinv = request("rfc4475", "wsinv.dat");
    assert_eq!(wsinv.headers.from().unwrap().unwrap().display_text().as_deref(), Some("J Rosenberg \\\""));
    assert_eq!(wsinv.headers.from().unwrap().unwrap().tag(), Some("98asjd8"));
    assert_eq!(wsinv.headers.to().unwrap().unwrap().tag(), Some("1918181833n"));
    assert_eq!((wsinv.headers.vias().unwrap().len(), wsinv.body.len()), (3, 150));
    assert_eq!(wsinv.headers.cseq().unwrap().unwrap().number, 9);
    assert_eq!(wsinv.headers.max_forwards().unwrap(), Some(68));
    let esc01 = request("rfc4475", "esc01.dat");
    assert_eq!(
        (esc01.uri.scheme(), esc01.uri.user().as_deref()),
        (Some("sip"), Some("sips:user@example.com"))
    );
    let escnull = request("rfc4475", "escnull.dat");
    assert!(escnull.headers.to().unwrap().unwrap().uri.as_bytes().starts_with(b"sip:null-%00-null@"));
    let esc02 = request("rfc4475", "esc02.dat");
    assert_eq!(esc02.method.as_str(), "RE%47IST%45R");
    let dblreq = request("rfc4475", "dblreq.dat");
    assert!(dblreq.body.is_empty(), "what follows is no body");
    let semiuri = request("rfc4475", "semiuri.dat");
    assert_eq!(semiuri.uri.user().as_deref(), Some("user;par=u@example.net"));
    let transports = request("rfc4475", "transports.dat");
    let spoken: Vec<_> = transports.headers.vias().unwrap().iter().map(|via| via.transport.clone()).collect();
    assert_eq!(spoken, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
    assert_eq!(request("rfc4475", "longreq.dat").headers.vias().unwrap().len(), 34);
    let contact = |file| request("rfc4475", file).headers.contact().unwrap().unwrap();
    assert!(contact("cparam01.dat").to_bytes().ends_with(b">;unknownparam"), "the header field's");
    assert!(contact("cparam02.dat").uri.as_bytes().ends_with(b";unknownparam"), "the URI's");
}

#[test]
fn the_addresses_of_rfc_5118_are_read_as_what_they_say() {
    let host = |file: &str| {
        let uri = request("rfc5118", file).uri;
        (uri.host().map(ToString::to_string).unwrap_or_default(), uri.port())
    };
    assert_eq!(host("port-ambiguous"), ("[2001:db8::10:5070]".to_owned(), None));
    assert_eq!(host("port-unambiguous"), ("[2001:db8::10]".to_owned(), Some(5070)));
    assert_eq!(host("ipv6-bug-abnf-3-colons"), host("ipv6-correct-abnf-2-colons"));
    for file in ["via-received-param-with-delim", "via-received-param-no-delim"] {
        let via = request("rfc5118", file).headers.via().unwrap().unwrap();
        assert_eq!(via.received, Some("2001:db8::9:255".parse().unwrap()), "{file}");
    }
}

/// A response to our INVITE with this start line; then its lines are changed.
fn response_to(invite: &[u8], start: &str, change: impl Fn(&mut Response)) -> Vec<u8> {
    let Ok(Message::Request(invite)) = Message::parse_datagram(invite) else { panic!("an INVITE") };
    let mut text = format!("{start}\r\n").into_bytes();
    for (name, value) in invite.headers.iter() {
        if [HeaderName::Via, HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq]
            .contains(name)
        {
            text.extend_from_slice(format!("{}: ", name.as_str()).as_bytes());
            text.extend_from_slice(value);
            text.extend_from_slice(b"\r\n");
        }
    }
    text.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    match Message::parse_datagram(&text) {
        Ok(Message::Response(mut response)) => {
            change(&mut response);
            response.to_bytes()
        }
        _ => text,
    }
}

/// The status our INVITE failed with, given a response to it.
fn outcome(start: &str, change: impl Fn(&mut Response)) -> Option<u16> {
    let (now, mut endpoint) = (Instant::now(), endpoint("192.0.2.1:5060"));
    let carrier: SocketAddr = "198.51.100.9:5070".parse().unwrap();
    let media = LocalMedia {
        address: [192, 0, 2, 1].into(),
        rtp_port: 4000,
        codecs: vec![Codec::Pcma],
        session_id: 1,
    };
    endpoint.invite(now, Outgoing::new(0, Hop::udp(carrier), "sip:+4930123456@carrier.test", media));
    let invite = endpoint.poll_transmit().expect("an INVITE").payload;
    endpoint.receive(now, Peer::udp(0, carrier), &response_to(&invite, start, change));
    endpoint.poll_event().map(|event| match event {
        Event::Failed { status, .. } => status,
        other => panic!("it fails or goes on: {other:?}"),
    })
}

fn start_line(file: &str) -> String {
    let datagram = std::fs::read(folder("rfc4475").join(file)).expect("the message is there");
    String::from_utf8(datagram).unwrap().lines().next().unwrap().to_owned()
}

#[test]
fn the_responses_of_rfc_4475_do_to_a_call_of_ours_what_their_texts_prescribe() {
    let unreason = start_line("unreason.dat").replace("200", "486");
    assert_eq!(outcome(&unreason, |_| {}), Some(486), "any reason phrase");
    let noreason = start_line("noreason.dat").replace("100", "486");
    assert_eq!(outcome(&noreason, |_| {}), Some(486), "no reason phrase");
    assert_eq!(outcome(&start_line("bigcode.dat"), |_| {}), None, "no status at all");
    let other_cseq = |response: &mut Response| {
        response.headers.set(HeaderName::CSeq, b"9292394834772304023312 INVITE".to_vec());
    };
    assert_eq!(outcome(&start_line("scalarlg.dat"), other_cseq), None, "a number too large");
    let second_via = |response: &mut Response| {
        response
            .headers
            .push(HeaderName::Via, b"SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23".to_vec());
    };
    assert_eq!(outcome("SIP/2.0 486 Busy Here", second_via), None, "somebody else's Via");
    assert_eq!(outcome("SIP/2.0 486 Busy Here", |_| {}), Some(486), "the same without it");
}
