//! How the work of reading what comes from outside grows with its size, and what an ordinary INVITE costs.
//!
//! `cargo bench --bench parser` reads texts made of what has made one reader or another quadratic,
//! and prints the time for each size: linear work takes twice as long for twice the size. Then it does the
//! same work with our codec and with `rsip`: an INVITE is read, what a call needs of it is taken out, and its
//! 180 is made and written. `cargo bench --bench parser -- ours` or `-- rsip` does that a hundred thousand times and
//! nothing else, for a profiler that counts instructions.
#![allow(clippy::print_stdout, reason = "a bench tells its figures")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "the checks are those of the fuzz targets")]

#[path = "../fuzz/checks/sdp.rs"]
mod sdp;
#[path = "../fuzz/checks/sip_message.rs"]
mod sip_message;
#[path = "../fuzz/checks/uri.rs"]
mod uri;

use std::hint::black_box;
use std::time::{Duration, Instant};

use nightbell::sip::{HeaderName, Message, Response};
use rsip::headers::{ToTypedHeader, UntypedHeader};
use rsip::message::HeadersExt;

const RUNS: usize = 7;
/// INVITEs in one measurement.
const INVITES: u32 = 20_000;

fn main() {
    let invite = INVITE.replace('\n', "\r\n").into_bytes();
    let invite = invite.as_slice();
    match std::env::args().find(|argument| argument == "ours" || argument == "rsip").as_deref() {
        Some("ours") => (0..100_000).for_each(|_| drop(black_box(ours(black_box(invite))))),
        Some(_) => (0..100_000).for_each(|_| drop(black_box(theirs(black_box(invite))))),
        None => {
            growth();
            ordinary(invite);
        }
    }
}

/// As carriers send them, with nothing in it that `rsip` cannot read.
const INVITE: &str = r#"INVITE sip:+493012345678@203.0.113.9:5060;transport=udp SIP/2.0
Via: SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bK7d1e.0c8a3f61.0;rport
Record-Route: <sip:198.51.100.10;lr>
From: "Anna Muster" <sip:+4915112345678@carrier.example;user=phone>;tag=gK0c1d2e3f
To: <sip:+493012345678@203.0.113.9;user=phone>
Call-ID: 1342177281_78215346@198.51.100.20
CSeq: 813703 INVITE
Contact: <sip:+4915112345678@198.51.100.20:5060>
Max-Forwards: 67
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE
Supported: timer, 100rel
Session-Expires: 1800
Min-SE: 90
P-Asserted-Identity: <sip:+4915112345678@carrier.example>
Content-Type: application/sdp
Content-Length: 225

v=0
o=- 8153 1 IN IP4 198.51.100.30
s=-
c=IN IP4 198.51.100.30
t=0 0
m=audio 16434 RTP/AVP 8 0 101
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=sendrecv
"#;

/// The time for an ordinary INVITE and its answer.
fn ordinary(invite: &[u8]) {
    let time = |work: fn(&[u8]) -> Vec<u8>| {
        let run = || {
            let begin = Instant::now();
            (0..INVITES).for_each(|_| drop(black_box(work(black_box(invite)))));
            begin.elapsed() / INVITES
        };
        (0..RUNS).map(|_| run()).min().unwrap()
    };
    println!("\nan INVITE of {} octets read, and its 180 written", invite.len());
    println!("  ours  {:>10.2?}", time(ours));
    println!("  rsip  {:>10.2?}", time(theirs));
}

/// Reads an INVITE, takes out what a call needs, and writes its 180.
fn ours(invite: &[u8]) -> Vec<u8> {
    let Ok(Message::Request(request)) = Message::parse_datagram(invite) else { panic!("an INVITE") };
    let headers = &request.headers;
    let facts =
        (headers.via().unwrap(), headers.from().unwrap(), headers.to().unwrap(), headers.cseq().unwrap());
    black_box((facts, headers.call_id().unwrap(), headers.contact().unwrap(), request.uri.user()));
    let mut response = Response::to(&request, 180);
    response.headers.set_to_tag("0123456789abcdef");
    response.headers.push(HeaderName::Contact, "<sip:0123456789abcdef@192.0.2.1:5060>");
    response.to_bytes()
}

/// The same with `rsip`.
fn theirs(invite: &[u8]) -> Vec<u8> {
    let Ok(rsip::SipMessage::Request(request)) = rsip::SipMessage::try_from(invite) else {
        panic!("an INVITE")
    };
    let facts = (
        request.via_header().unwrap().typed().unwrap(),
        request.from_header().unwrap().typed().unwrap(),
        request.to_header().unwrap().typed().unwrap(),
        request.cseq_header().unwrap().typed().unwrap(),
    );
    let more = (
        request.call_id_header().unwrap().value().to_owned(),
        request.contact_header().unwrap().typed().unwrap(),
    );
    black_box((facts, more, request.uri.user().map(str::to_owned)));
    let mut headers = rsip::Headers::default();
    for header in request.headers.iter() {
        use rsip::Header;
        match header {
            Header::To(to) => {
                let to = to.typed().unwrap().with_tag("0123456789abcdef".into());
                headers.push(to.into());
            }
            Header::Via(_) | Header::From(_) | Header::CallId(_) | Header::CSeq(_) => {
                headers.push(header.clone())
            }
            _ => {}
        }
    }
    headers.push(rsip::headers::Contact::new("<sip:0123456789abcdef@192.0.2.1:5060>").into());
    headers.push(rsip::headers::ContentLength::new("0").into());
    let response = rsip::Response {
        status_code: rsip::StatusCode::Ringing,
        version: rsip::Version::V2,
        headers,
        body: Vec::new(),
    };
    rsip::SipMessage::Response(response).into()
}

/// The time for texts of twice the size.
fn growth() {
    println!("octets  time of the quickest of {RUNS} runs  beside half the size");
    let mut last: Option<Duration> = None;
    // Below the limit of a line, so that all of it is read.
    for size in [500, 1_000, 2_000, 4_000, 8_000] {
        let time = quickest(&laborious(size));
        let ratio =
            last.map_or(String::new(), |last| format!("{:.2}", time.as_secs_f64() / last.as_secs_f64()));
        println!("{size:>6}  {time:>12.1?}  {ratio}");
        last = Some(time);
    }
}

/// What has made one reader or another quadratic, as often as fits into `size` octets, behind every header
/// name whose value is taken apart.
fn laborious(size: usize) -> Vec<Vec<u8>> {
    let units = [
        "SIP/2.0/UDP h;branch=z9hG4bKa,",
        "\"\\",
        "<",
        ";a=b",
        "a\r\n ",
        "a=",
        "%41",
        ",",
        "sip:a@h,",
        "h\r\nTo: <sip:a@h>",
    ];
    let names = ["", "Via: ", "To: ", "Contact: ", "Record-Route: "];
    let texts = units.iter().flat_map(|unit| names.map(|name| (name, unit.repeat(size / unit.len()))));
    texts
        .map(|(name, value)| format!("INVITE sip:a@h SIP/2.0\r\n{name}{value}\r\n\r\n").into_bytes())
        .collect()
}

/// The time of the quickest of some runs, which is the one that was disturbed least.
fn quickest(inputs: &[Vec<u8>]) -> Duration {
    let run = || {
        let begin = Instant::now();
        inputs.iter().for_each(|input| {
            sip_message::check(input);
            uri::check(input);
            sdp::check(input);
        });
        begin.elapsed()
    };
    (0..RUNS).map(|_| run()).min().unwrap()
}
