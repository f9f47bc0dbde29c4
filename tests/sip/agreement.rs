//! `rsip` as an independent reader: it must agree with our codec on ordinary messages, and read what we write.

use nightbell::sip::{CSeq, HeaderName, Message, Method, NameAddr, Request, Response, Transport, Uri, Via};
use rsip::message::HeadersExt as _;
use rsip::prelude::{ToTypedHeader as _, UntypedHeader as _};

const ORDINARY: [&str; 4] = [
    "INVITE sip:+4930123@203.0.113.9:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5061;branch=z9hG4bKabc\r\nMax-Forwards: 70\r\nFrom: \"Alice\" <sip:+4940555@192.0.2.1>;tag=f1\r\nTo: <sip:+4930123@203.0.113.9>\r\nCall-ID: abc@192.0.2.1\r\nCSeq: 17 INVITE\r\nContact: <sip:alice@192.0.2.1:5061>\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n",
    "BYE sip:nb7@203.0.113.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5061;branch=z9hG4bKbye\r\nMax-Forwards: 69\r\nFrom: <sip:+4940555@192.0.2.1>;tag=f1\r\nTo: <sip:+4930123@203.0.113.9>;tag=t1\r\nCall-ID: abc@192.0.2.1\r\nCSeq: 18 BYE\r\nContent-Length: 0\r\n\r\n",
    "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKout\r\nFrom: <sip:+4930123@203.0.113.9>;tag=o1\r\nTo: <sip:+4915112345@192.0.2.1>;tag=r1\r\nCall-ID: out@203.0.113.9\r\nCSeq: 1 INVITE\r\nContact: <sip:bob@192.0.2.7:5080>\r\nContent-Length: 0\r\n\r\n",
    "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKout\r\nFrom: <sip:+4930123@203.0.113.9>;tag=o1\r\nTo: <sip:+4915112345@192.0.2.1>;tag=r1\r\nCall-ID: out@203.0.113.9\r\nCSeq: 1 INVITE\r\nContact: <sip:bob@192.0.2.7:5080>\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n",
];

/// What both readers are asked.
#[derive(Debug, PartialEq, Eq)]
struct Facts {
    start: String,
    branch: String,
    sent_by: String,
    from_tag: String,
    to_tag: Option<String>,
    to_user: Option<String>,
    call_id: String,
    cseq: (u32, String),
    body: Vec<u8>,
}

fn ours(datagram: &[u8]) -> Facts {
    let message = Message::parse_datagram(datagram).unwrap();
    let (start, body) = match &message {
        Message::Request(request) => (format!("{} {}", request.method, request.uri), request.body.clone()),
        Message::Response(response) => (response.status.to_string(), response.body.clone()),
    };
    let headers = message.headers();
    let via = headers.via().unwrap().unwrap();
    let (from, to, cseq) =
        (headers.from().unwrap().unwrap(), headers.to().unwrap().unwrap(), headers.cseq().unwrap().unwrap());
    Facts {
        start,
        branch: via.branch.unwrap(),
        sent_by: format!("{}:{}", via.host, via.port.unwrap()),
        from_tag: from.tag().unwrap().to_owned(),
        to_tag: to.tag().map(str::to_owned),
        to_user: to.uri.user(),
        call_id: headers.call_id().unwrap().unwrap(),
        cseq: (cseq.number, cseq.method.to_string()),
        body,
    }
}

fn theirs(datagram: &[u8]) -> Facts {
    let message = rsip::SipMessage::try_from(datagram).unwrap();
    let (start, body) = match &message {
        rsip::SipMessage::Request(request) => {
            (format!("{} {}", request.method, request.uri), request.body.clone())
        }
        rsip::SipMessage::Response(response) => {
            (response.status_code.code().to_string(), response.body.clone())
        }
    };
    let via = message.via_header().unwrap().typed().unwrap();
    let to = message.to_header().unwrap().typed().unwrap();
    let cseq = message.cseq_header().unwrap().typed().unwrap();
    Facts {
        start,
        branch: via.branch().unwrap().to_string(),
        sent_by: via.uri.host_with_port.to_string(),
        from_tag: message.from_header().unwrap().typed().unwrap().tag().unwrap().to_string(),
        to_tag: to.tag().map(ToString::to_string),
        to_user: to.uri.user().map(str::to_owned),
        call_id: message.call_id_header().unwrap().value().to_owned(),
        cseq: (cseq.seq, cseq.method.to_string()),
        body,
    }
}

#[test]
fn both_readers_agree_on_ordinary_messages() {
    for datagram in ORDINARY {
        assert_eq!(ours(datagram.as_bytes()), theirs(datagram.as_bytes()));
    }
}

#[test]
fn the_foreign_reader_reads_what_we_write() {
    for datagram in ORDINARY {
        let written = Message::parse_datagram(datagram.as_bytes()).unwrap().to_bytes();
        assert_eq!(ours(datagram.as_bytes()), theirs(&written));
    }
}

#[test]
fn the_foreign_reader_reads_a_request_and_a_response_made_here() {
    let mut request = Request::new(Method::Invite, Uri::parse(b"sip:+4915112345@192.0.2.1"));
    let us = "203.0.113.9:5060".parse().unwrap();
    request.headers.push(HeaderName::Via, Via::new(Transport::Udp, us, "z9hG4bKq1").to_bytes());
    let from = NameAddr::new(Uri::parse(b"sip:+4930123@203.0.113.9")).with_tag("o1");
    request.headers.push(HeaderName::From, from.to_bytes());
    request.headers.push(HeaderName::To, NameAddr::new(request.uri.clone()).to_bytes());
    request.headers.push(HeaderName::CallId, "q1");
    request.headers.push(HeaderName::CSeq, CSeq { number: 1, method: Method::Invite }.to_bytes());
    request.body = b"v=0\r\n".to_vec();
    assert_eq!(ours(&request.to_bytes()), theirs(&request.to_bytes()));

    let mut response = Response::to(&request, 486);
    response.headers.set_to_tag("r1");
    let facts = theirs(&response.to_bytes());
    assert_eq!((facts.start.as_str(), facts.to_tag.as_deref()), ("486", Some("r1")));
    assert_eq!(ours(&response.to_bytes()), facts);
}
