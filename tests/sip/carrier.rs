//! Messages as carriers and their equipment send them: twenty-five cases, each of which some SIP library fails.

use nightbell::sip::digest::{Algorithm, Attempts, Challenge, Credentials, Secret, Sessions};
use nightbell::sip::{HeaderName, Host, Message, Method, Request, Response, Uri, objection};

/// An INVITE with these lines between its start line and an SDP body.
fn invite(lines: &str) -> Vec<u8> {
    format!("INVITE sip:+4930123@203.0.113.9 SIP/2.0\r\n{lines}\r\nv=0\r\n").into_bytes()
}

const ORDINARY: &str = "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport\r\nFrom: <sip:+4940@192.0.2.1>;tag=f1\r\nTo: <sip:+4930123@203.0.113.9>\r\nCall-ID: a@192.0.2.1\r\nCSeq: 1 INVITE\r\nContact: <sip:c@192.0.2.1>\r\nMax-Forwards: 70\r\n";

fn request(datagram: &[u8]) -> Request {
    match Message::parse_datagram(datagram) {
        Ok(Message::Request(request)) => request,
        other => panic!("no request: {other:?}"),
    }
}

#[test]
fn compact_header_names_are_the_full_ones() {
    let request = request(&invite(
        "v: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\nf: <sip:a@h>;tag=f1\r\nt: <sip:b@h>\r\ni: x@h\r\nCSeq: 1 INVITE\r\nm: <sip:c@h>\r\nc: application/sdp\r\nl: 5\r\n",
    ));
    assert_eq!(objection(&request), None);
    assert_eq!(request.headers.call_id().unwrap().as_deref(), Some("x@h"));
    assert_eq!(request.body, b"v=0\r\n");
}

#[test]
fn two_vias_in_one_line_are_two_vias() {
    let lines = ORDINARY.replace(";rport", ";rport, SIP/2.0/TCP 192.0.2.77;branch=z9hG4bKb");
    let mut request = request(&invite(&lines));
    assert_eq!(request.headers.vias().unwrap().len(), 2);
    request.headers.stamp_top_via("198.51.100.4:5099".parse().unwrap());
    let vias = request.headers.vias().unwrap();
    assert_eq!(vias[0].rport, Some(Some(5099)));
    assert_eq!(vias[0].received, Some("198.51.100.4".parse().unwrap()));
    assert_eq!((vias[1].rport, vias[1].branch.as_deref()), (None, Some("z9hG4bKb")));
}

#[test]
fn a_latin_1_octet_in_one_header_field_harms_no_other() {
    let mut lines = b"Subject: M\xfcller\r\n".to_vec();
    lines.extend_from_slice(ORDINARY.as_bytes());
    let mut datagram = b"INVITE sip:+4930123@203.0.113.9 SIP/2.0\r\n".to_vec();
    datagram.extend_from_slice(&lines);
    datagram.extend_from_slice(b"\r\n");
    let request = request(&datagram);
    assert_eq!(request.headers.get(&HeaderName::Subject), Some(&b"M\xfcller"[..]));
    assert_eq!(objection(&request), None);
    assert!(request.to_bytes().windows(6).any(|window| window == b"M\xfcller"), "the octet is kept");
}

#[test]
fn a_folded_header_field_is_one_value() {
    let request = request(&invite(&ORDINARY.replace("CSeq: 1 INVITE", "CSeq: 1\r\n\tINVITE")));
    assert_eq!(request.headers.cseq().unwrap().unwrap().number, 1);
}

#[test]
fn white_space_around_parameters_loses_no_tag() {
    let request = request(&invite(
        &ORDINARY.replace("From: <sip:+4940@192.0.2.1>;tag=f1", "From : <sip:a@h> ; tag = f1"),
    ));
    assert_eq!(request.headers.from().unwrap().unwrap().tag(), Some("f1"));
}

#[test]
fn a_quoted_display_name_may_hold_every_separator() {
    let from = r#"From: "a > b; <x@y>, \"c\" \\" <sip:a@h;x=y>;tag=f1"#;
    let request = request(&invite(&ORDINARY.replace("From: <sip:+4940@192.0.2.1>;tag=f1", from)));
    let from = request.headers.from().unwrap().unwrap();
    assert_eq!(from.display_text().as_deref(), Some(r#"a > b; <x@y>, "c" \"#));
    assert_eq!((from.uri.user().as_deref(), from.tag()), (Some("a"), Some("f1")));
}

#[test]
fn a_contact_may_carry_an_instance_urn_in_quotation_marks() {
    let contact = "Contact: <sip:c@192.0.2.1;transport=udp>;+sip.instance=\"<urn:uuid:f81d4fae>\"\r\nContent-Type: application/sdp";
    let request = request(&invite(&ORDINARY.replace("Contact: <sip:c@192.0.2.1>", contact)));
    let contact = request.headers.contact().unwrap().unwrap();
    assert_eq!(contact.uri.as_bytes(), b"sip:c@192.0.2.1;transport=udp");
    assert_eq!(contact.params.get("+sip.instance"), Some("\"<urn:uuid:f81d4fae>\""));
    assert_eq!(objection(&request), None);
}

#[test]
fn ipv6_stands_in_via_contact_and_request_uri() {
    let lines = ORDINARY
        .replace("192.0.2.1:5060", "[2001:db8::1]:5062")
        .replace("c@192.0.2.1", "c@[2001:db8::2]:5070");
    let request = request(&invite(&lines));
    let via = request.headers.via().unwrap().unwrap();
    assert_eq!((via.host.to_string().as_str(), via.port), ("[2001:db8::1]", Some(5062)));
    assert_eq!(request.headers.contact().unwrap().unwrap().uri.port(), Some(5070));
    let uri = Uri::parse(b"sip:[2001:db8::10]:5070;lr");
    let address = Host::Address("2001:db8::10".parse().unwrap());
    assert_eq!((uri.host(), uri.port()), (Some(&address), Some(5070)));
}

#[test]
fn a_tel_uri_is_a_number_and_no_host() {
    let uri = Uri::parse(b"tel:+49-30-12(34);phone-context=example.com");
    assert_eq!((uri.user().as_deref(), uri.host(), uri.scheme()), (Some("+49301234"), None, Some("tel")));
    assert_eq!(uri.as_bytes(), b"tel:+49-30-12(34);phone-context=example.com");
}

#[test]
fn a_method_that_only_begins_like_one_is_another() {
    let datagram = b"INVITEX sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: x\r\nCSeq: 1 INVITEX\r\n\r\n";
    let request = request(datagram);
    assert_eq!(request.method, Method::Other("INVITEX".to_owned()));
    let objection = objection(&request).unwrap();
    assert_eq!((objection.status, objection.headers.len()), (501, 1));
}

/// The status that answers an INVITE with this Content-Length.
fn length_fault(value: &str) -> u16 {
    let malformed =
        Message::parse_datagram(&invite(&format!("{ORDINARY}Content-Length: {value}\r\n"))).unwrap_err();
    assert!(malformed.request.unwrap().headers.via().unwrap().is_some(), "it can be answered");
    malformed.fault.status()
}

#[test]
fn a_content_length_beyond_the_datagram_is_a_fault() {
    assert_eq!(length_fault("9999"), 400);
}

#[test]
fn a_content_length_that_is_no_number_is_a_fault() {
    for value in ["-1", "5, 5", "", "+5", "5a"] {
        assert_eq!(length_fault(value), 400, "{value}");
    }
}

#[test]
fn without_content_length_the_rest_of_a_datagram_is_body() {
    assert_eq!(
        request(&invite(&format!("{ORDINARY}Content-Length: 3\r\n"))).body,
        b"v=0",
        "octets behind are dropped"
    );
    assert_eq!(request(&invite(ORDINARY)).body, b"v=0\r\n", "without one, all is body");
}

#[test]
fn lines_may_end_with_lf_alone() {
    let text = String::from_utf8(invite(ORDINARY)).unwrap();
    assert_eq!(request(text.replace("\r\n", "\n").as_bytes()).body, b"v=0\n");
}

#[test]
fn empty_lines_may_stand_in_front_of_a_message() {
    let text = String::from_utf8(invite(ORDINARY)).unwrap();
    assert_eq!(request(format!("\r\n\r\n{text}").as_bytes()).method, Method::Invite);
}

#[test]
fn a_second_from_or_to_is_a_fault() {
    for line in ["From: <sip:z@h>;tag=z\r\n", "To: <sip:z@h>\r\n", "f: <sip:+4940@192.0.2.1>;tag=f1\r\n"] {
        let request = request(&invite(&format!("{ORDINARY}{line}Content-Type: application/sdp\r\n")));
        assert_eq!(objection(&request).map(|objection| objection.status), Some(400), "{line}");
    }
}

#[test]
fn a_second_cseq_or_call_id_is_a_fault() {
    for line in ["CSeq: 1 INVITE\r\n", "CSeq: 2 INVITE\r\n", "Call-ID: z\r\n", "i: a@192.0.2.1\r\n"] {
        let request = request(&invite(&format!("{ORDINARY}{line}Content-Type: application/sdp\r\n")));
        assert_eq!(objection(&request).map(|objection| objection.status), Some(400), "{line}");
    }
}

#[test]
fn escapes_in_a_user_part_are_kept_on_the_wire_and_undone_for_people() {
    let uri = Uri::parse(b"sip:u%20ser%23@h");
    assert_eq!((uri.as_bytes(), uri.user().as_deref()), (&b"sip:u%20ser%23@h"[..], Some("u ser#")));
    assert_eq!(Uri::parse(b"sip:a%0d%0ab@h").user(), None, "control characters do not surface");
}

#[test]
fn a_reason_phrase_is_kept_as_it_came() {
    let datagram =
        b"SIP/2.0 486 Besetzt [x]\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nContent-Length: 0\r\n\r\n";
    let message = Message::parse_datagram(datagram).unwrap();
    assert_eq!(message.to_bytes(), datagram);
}

#[test]
fn a_trunk_invite_with_a_long_contact_and_the_number_in_to_is_taken() {
    let lines = "Via: SIP/2.0/UDP 217.0.0.1:5060;branch=z9hG4bKg3Zqkv7i;rport\r\nRecord-Route: <sip:reg.sip-trunk.telekom.de;transport=tcp;lr>\r\nFrom: <sip:+4915112345@sip-trunk.telekom.de;user=phone>;tag=h7g4\r\nTo: <sip:+493012345@sip-trunk.telekom.de;user=phone>\r\nCall-ID: p65550t@10.0.0.1\r\nCSeq: 1 INVITE\r\nContact: <sip:sgc_c@217.0.0.1/ab+/cd:5060;transport=tcp>\r\nMax-Forwards: 59\r\nSupported: histinfo,timer\r\nSession-Expires: 3600;refresher=uac\r\nMin-SE: 900\r\nP-Called-Party-ID: <sip:+493012345@h>\r\nPrivacy: none\r\nContent-Length: 0\r\n";
    let lines = lines.replace("sgc_c@217.0.0.1/ab+/cd:5060", "sgc/c+AbCd/0123456789+/@217.0.0.1:5060");
    let request = request(&invite(&lines));
    assert_eq!(objection(&request), None);
    assert_eq!(
        request.headers.contact().unwrap().unwrap().uri.user().as_deref(),
        Some("sgc/c+AbCd/0123456789+/")
    );
    assert_eq!(request.headers.to().unwrap().unwrap().uri.user().as_deref(), Some("+493012345"));
    assert_eq!(
        request.headers.record_routes().unwrap()[0].uri.as_bytes(),
        b"sip:reg.sip-trunk.telekom.de;transport=tcp;lr"
    );
}

#[test]
fn a_contact_keeps_the_transport_that_it_names() {
    let request = request(&invite(&ORDINARY.replace("c@192.0.2.1", "c@192.0.2.1;transport=udp;ob")));
    assert_eq!(
        request.headers.contact().unwrap().unwrap().uri.as_bytes(),
        b"sip:c@192.0.2.1;transport=udp;ob"
    );
    let bytes = request.to_bytes();
    assert!(bytes.windows(16).any(|window| window == b";transport=udp;o"), "as it came");
}

/// What is answered to a challenge: the value of Authorization.
fn authorization(challenge: &str, uses: u32) -> String {
    let mut response = Response::new(401);
    response.headers.push(HeaderName::WwwAuthenticate, challenge);
    let credentials = Credentials::new("user", Secret::new(b"secret".to_vec()));
    let (mut sessions, mut value) = (Sessions::default(), None);
    for _ in 0..uses {
        let mut attempts = Attempts::default();
        sessions.challenged(&credentials, &Challenge::all(&response), &mut attempts).unwrap();
        let mut request = Request::new(Method::Invite, Uri::parse(b"sip:+4930123@carrier.test"));
        sessions.authorize(&credentials, &mut request, &attempts, "0a4f113b");
        value = request.headers.get(&HeaderName::Authorization).map(<[u8]>::to_vec);
    }
    String::from_utf8(value.unwrap()).unwrap()
}

#[test]
fn a_challenge_may_offer_several_kinds_of_protection() {
    let value = authorization("Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\"", 1);
    assert!(value.contains("qop=auth,") || value.ends_with("qop=auth"), "{value}");
}

#[test]
fn a_challenge_may_name_sha_256_as_rfc_8760_spells_it() {
    let value = authorization("Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"", 1);
    assert!(value.contains("algorithm=SHA-256"), "{value}");
    let mut response = Response::new(401);
    response
        .headers
        .push(HeaderName::WwwAuthenticate, "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256");
    assert_eq!(Challenge::all(&response)[0].algorithm, Algorithm::Sha512_256);
}

#[test]
fn a_realm_may_hold_quotation_marks_and_goes_back_as_it_came() {
    let value = authorization(r#"Digest realm="the \"big\" one, \\ x", nonce="n""#, 1);
    assert!(value.contains(r#"realm="the \"big\" one, \\ x""#), "{value}");
}

/// `qop` and `nc` are no quoted strings, and `nc` has eight hexadecimal digits (RFC 7616 3.4).
#[test]
fn what_we_answer_is_written_as_its_grammar_has_it() {
    let value = authorization("Digest realm=\"r\", nonce=\"n\", qop=\"auth\", opaque=\"o\"", 17);
    for part in
        ["qop=auth", "nc=00000011", "username=\"user\"", "uri=\"sip:+4930123@carrier.test\"", "opaque=\"o\""]
    {
        assert!(value.contains(part), "{part} in {value}");
    }
}

#[test]
fn no_value_can_begin_a_line_of_its_own() {
    let mut request = Request::new(Method::Options, Uri::parse(b"sip:a@h\r\nX-Uri: 1"));
    request.headers.push(HeaderName::Subject, b"x\r\nX-Evil: 1\0".to_vec());
    request.headers.push(HeaderName::Via, b"SIP/2.0/UDP h;branch=z9hG4bKa".to_vec());
    let bytes = request.to_bytes();
    let lines = bytes.split(|octet| *octet == b'\n').filter(|line| line.len() > 1).count();
    assert_eq!(lines, 4, "start line, Subject, Via, Content-Length");
    assert!(!bytes.contains(&0));
}

#[test]
fn the_limits_answer_400_and_cost_no_more_than_their_size() {
    let long_line = invite(&format!("{ORDINARY}Subject: {}\r\n", "x".repeat(9000)));
    let many_folds = invite(&format!("{ORDINARY}Subject: x{}\r\n", "\r\n y".repeat(9000)));
    let many_fields = invite(&format!("{ORDINARY}{}", "X: 1\r\n".repeat(201)));
    for datagram in [long_line, many_folds, many_fields] {
        let malformed = Message::parse_datagram(&datagram).unwrap_err();
        assert_eq!(malformed.fault.status(), 400, "{}", malformed.fault);
        assert!(malformed.request.is_some());
    }
    let large = Message::parse_datagram(&vec![b'a'; 70_000]).unwrap_err();
    assert!(large.request.is_none());
}
