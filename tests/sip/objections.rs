//! Each objection that RFC 3261 8.2 has against a request, with the header fields that belong to it.

use nightbell::sip::{HeaderName, Message, objection};

/// A request with these lines behind what every request has, and this body.
fn objected(method: &str, uri: &str, lines: &str, body: &str) -> Option<(u16, Vec<(HeaderName, String)>)> {
    let text = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=1\r\n\
         To: <sip:b@h>\r\nCall-ID: x\r\nCSeq: 1 {method}\r\n{lines}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    match Message::parse_datagram(text.as_bytes()).unwrap() {
        Message::Request(request) => {
            objection(&request).map(|objection| (objection.status, objection.headers))
        }
        Message::Response(_) => panic!("a request"),
    }
}

const CONTACT: &str = "Contact: <sip:a@192.0.2.1>\r\n";
const URI: &str = "sip:b@h";

fn with(status: u16, name: HeaderName, value: &str) -> Option<(u16, Vec<(HeaderName, String)>)> {
    Some((status, vec![(name, value.to_owned())]))
}

#[test]
fn a_method_we_do_not_serve_gets_405_and_one_nobody_knows_501_both_with_allow() {
    let allow = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, PRACK";
    for method in ["REGISTER", "SUBSCRIBE", "NOTIFY", "REFER", "MESSAGE", "PUBLISH"] {
        assert_eq!(objected(method, URI, "", ""), with(405, HeaderName::Allow, allow), "{method}");
    }
    assert_eq!(objected("invite", URI, "", ""), with(501, HeaderName::Allow, allow), "methods heed case");
}

#[test]
fn a_scheme_we_do_not_serve_gets_416() {
    for uri in ["sips:b@h", "http://h/", "mailto:b@h"] {
        assert_eq!(objected("OPTIONS", uri, "", ""), Some((416, Vec::new())), "{uri}");
    }
    assert_eq!(objected("OPTIONS", "tel:+4930123", "", ""), None);
    assert_eq!(objected("OPTIONS", "sip:b@h?Subject=x", "", ""), Some((400, Vec::new())));
}

#[test]
fn a_required_extension_gets_420_with_its_name_but_never_in_ack_and_cancel() {
    assert_eq!(objected("INVITE", URI, &format!("{CONTACT}Require: 100rel, Timer\r\n"), ""), None);
    let lines = format!("{CONTACT}Require: 100rel, path, timer, x\r\n");
    assert_eq!(objected("INVITE", URI, &lines, ""), with(420, HeaderName::Unsupported, "path, x"));
    assert_eq!(objected("ACK", URI, &lines, ""), None);
    assert_eq!(objected("CANCEL", URI, &lines, ""), None);
}

#[test]
fn spent_hops_refuse_a_call_and_nothing_else() {
    let lines = format!("{CONTACT}Max-Forwards: 0\r\n");
    assert_eq!(objected("INVITE", URI, &lines, ""), Some((483, Vec::new())));
    assert_eq!(objected("OPTIONS", URI, &lines, ""), None);
    assert_eq!(objected("BYE", URI, "Max-Forwards: 256\r\n", ""), Some((400, Vec::new())));
}

#[test]
fn an_invite_needs_exactly_one_contact_with_a_sip_uri() {
    for lines in ["", "Contact: *\r\n", "Contact: <tel:+4930>\r\n", "Contact: <sip:a@h>, <sip:b@h>\r\n"] {
        assert_eq!(objected("INVITE", URI, lines, ""), Some((400, Vec::new())), "{lines}");
    }
    assert_eq!(objected("INVITE", URI, CONTACT, ""), None);
}

#[test]
fn a_body_we_cannot_read_gets_415_with_what_we_can() {
    let invite = |lines: &str| objected("INVITE", URI, &format!("{CONTACT}{lines}"), "x");
    assert_eq!(invite("Content-Type: application/SDP;x=y\r\n"), None);
    assert_eq!(invite("Content-Type: text/plain\r\n"), with(415, HeaderName::Accept, "application/sdp"));
    assert_eq!(invite(""), Some((400, Vec::new())), "a body has a type");
    let coded = "Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n";
    assert_eq!(invite(coded), with(415, HeaderName::AcceptEncoding, "identity"));
    let optional = "Content-Type: text/plain\r\nContent-Disposition: icon; handling = OPTIONAL\r\n";
    assert_eq!(invite(optional), None, "it may be passed over");
}

#[test]
fn an_info_is_a_digit_or_is_refused() {
    let info = |lines: &str, body: &str| objected("INFO", URI, lines, body);
    assert_eq!(info("Content-Type: application/dtmf-relay\r\n", "Signal=1"), None);
    assert_eq!(info("Content-Type: application/dtmf\r\n", "1"), None);
    assert_eq!(info("", ""), None, "an empty one is a sign of life");
    let accepted = "application/dtmf-relay, application/dtmf";
    assert_eq!(info("Content-Type: text/plain\r\n", "1"), with(415, HeaderName::Accept, accepted));
    let package = "Info-Package: foo\r\nContent-Type: application/foo\r\n";
    assert_eq!(info(package, "1"), with(469, HeaderName::RecvInfo, ""));
}
