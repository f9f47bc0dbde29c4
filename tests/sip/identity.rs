//! Who calls, as carriers say it, and who we say that we are, as carriers want it.

use std::net::SocketAddr;
use std::time::Instant;

use nightbell::sip::{
    Attestation, Codec, Config, Diversion, DiversionReason, Endpoint, Event, Forwarded, HeaderName, Hop,
    Identity, IdentityHeader, IdentityPolicy, IncomingCall, LocalMedia, Message, Outgoing, Peer, Request,
    Timers, TrunkProfile, Uri, Verstat,
};
use proptest::prelude::*;

const OURS: &str = "192.0.2.1:5060";
const THEIRS: &str = "198.51.100.9:5060";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn endpoint(policy: IdentityPolicy, domain: &str) -> Endpoint {
    let mut profile = TrunkProfile::new(address(OURS), domain, vec![Codec::Pcma, Codec::Pcmu]);
    profile.identity = policy;
    let config =
        Config { trunks: vec![profile], timers: Timers::default(), software: "desk".into(), max_dialogs: 4 };
    Endpoint::new(config, [3; 32])
}

/// An INVITE of a carrier: its Request-URI, and the header fields that matter here.
fn invite(uri: &str, lines: &[&str]) -> Vec<u8> {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!(
        "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {THEIRS};branch=z9hG4bKa;rport\r\nMax-Forwards: 59\r\n\
         Call-ID: 1\r\nCSeq: 1 INVITE\r\nContact: <sip:c@{THEIRS}>\r\n{lines}Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// What the owner of an endpoint is told of an INVITE.
fn told(uri: &str, lines: &[&str]) -> IncomingCall {
    let mut endpoint = endpoint(IdentityPolicy::default(), "carrier.test");
    endpoint.receive(Instant::now(), Peer::udp(0, address(THEIRS)), &invite(uri, lines));
    match endpoint.poll_event() {
        Some(Event::Invite { call, .. }) => *call,
        other => panic!("no call but {other:?}"),
    }
}

const FROM: &str = "From: <sip:+4930999@carrier.test>;tag=f";
const TO: &str = "To: <sip:+4930123456@192.0.2.1>";

/// The caller of an INVITE with these lines, beside an ordinary From and To.
fn caller(lines: &[&str]) -> Identity {
    told("sip:+4930123456@192.0.2.1", &[&[FROM, TO], lines].concat()).identity
}

fn caller_from(from: &str, lines: &[&str]) -> Identity {
    let from = format!("From: {from};tag=f");
    told("sip:+4930123456@192.0.2.1", &[&[from.as_str(), TO], lines].concat()).identity
}

// -- in: shapes of carriers --

#[test]
fn a_registered_telekom_trunk_has_the_dialled_number_in_to_and_p_called_party_id() {
    let call = told(
        "sip:+493012345680@192.0.2.1:5060;transport=tcp",
        &[
            "Record-Route: <sip:reg.sip-trunk.telekom.de;transport=tcp;lr>",
            "From: <sip:+4915112345678@sip-trunk.telekom.de;user=phone>;tag=h7g4Esbg",
            "To: <sip:+493012345671@sip-trunk.telekom.de;user=phone>",
            "P-Called-Party-ID: <sip:+493012345671@sip-trunk.telekom.de;user=phone>",
            "P-Asserted-Identity: <sip:+4915112345678@sip-trunk.telekom.de;user=phone>",
            "Privacy: none",
            "Supported: histinfo,timer",
            "Session-Expires: 3600;refresher=uac",
            "Min-SE: 900",
        ],
    );
    assert_eq!(call.request_user, "+493012345680", "the pilot number");
    assert_eq!(call.to_user, "+493012345671");
    assert_eq!(call.called_party.as_deref(), Some("+493012345671"));
    assert_eq!(call.identity.callers, ["+4915112345678"]);
    assert!(!call.identity.withheld);
}

#[test]
fn a_withheld_number_is_not_handed_on_although_the_carrier_asserts_it() {
    let telekom = caller_from(
        "\"Anonymous\" <sip:anonymous@anonymous.invalid>",
        &["P-Asserted-Identity: <sip:+4915112345678@h;user=phone>", "Privacy: id"],
    );
    assert_eq!(telekom, Identity { withheld: true, ..Identity::default() });
}

#[test]
fn twilio_names_a_forwarder_and_an_attestation() {
    let call = told(
        "sip:+12125550100@192.0.2.1;transport=udp",
        &[
            "From: \"+12125550123\" <sip:+12125550123@pstn.twilio.com;verstat=TN-Validation-Passed-A>;tag=1",
            "To: <sip:+12125550100@192.0.2.1;transport=udp>",
            "Diversion: <sip:+12125550199@twilio.com>;reason=unconditional",
            "X-Twilio-CallSid: CA1",
        ],
    );
    assert_eq!(call.identity.callers, ["+12125550123"]);
    assert_eq!(call.identity.display_name, None, "a name that is the number says nothing");
    assert_eq!(call.identity.verstat, Some(Verstat::Passed));
    assert_eq!(call.identity.attestation, Some(Attestation::Full));
    let by = Some("+12125550199".to_owned());
    assert_eq!(call.identity.diversions, [Diversion { by, reason: DiversionReason::Unconditional }]);
}

#[test]
fn telnyx_has_the_name_and_the_asserted_number_without_a_plus() {
    let call = told(
        "sip:12125550100@192.0.2.1:5060",
        &[
            "From: \"WIRELESS CALLER\" <sip:2125550123@sip.telnyx.com>;tag=1",
            "To: <sip:12125550100@sip.telnyx.com>",
            "P-Asserted-Identity: \"WIRELESS CALLER\" <sip:+12125550123@sip.telnyx.com>",
            "P-Attestation-Indicator: B",
        ],
    );
    assert_eq!(call.request_user, "12125550100");
    assert_eq!(call.identity.callers, ["+12125550123", "2125550123"]);
    assert_eq!(call.identity.display_name.as_deref(), Some("WIRELESS CALLER"));
    assert_eq!(call.identity.attestation, Some(Attestation::Partial));
}

#[test]
fn sipgate_sends_national_numbers_and_names_the_account_in_the_request_uri() {
    let call = told(
        "sip:1234567e0@192.0.2.1:5060",
        &[
            "From: \"015112345678\" <sip:015112345678@sipgate.de>;tag=1",
            "To: <sip:493012345@sipgate.de>",
            "P-Asserted-Identity: <sip:015112345678@sipgate.de>",
        ],
    );
    assert_eq!((call.request_user.as_str(), call.to_user.as_str()), ("1234567e0", "493012345"));
    assert_eq!(call.identity.callers, ["015112345678"]);
}

#[test]
fn an_indian_trunk_has_tel_uris_with_a_context_and_a_verdict() {
    let call = told(
        "tel:1141234567;phone-context=+91",
        &[
            "From: <tel:09876543210;phone-context=+91>;tag=1",
            "To: <sip:1141234567;phone-context=+91@ims.airtel.in;user=phone>",
            "P-Asserted-Identity: <tel:+919876543210;verstat=No-TN-Validation>, <sip:+919876543210@ims.airtel.in;user=phone>",
        ],
    );
    assert_eq!(call.request_user, "+911141234567");
    assert_eq!(call.to_user, "+911141234567");
    assert_eq!(call.identity.callers, ["+919876543210"]);
    assert_eq!(call.identity.verstat, Some(Verstat::NotValidated));
}

// -- in: one rule each --

#[test]
fn a_local_number_is_completed_from_a_global_context_alone() {
    for (uri, number) in [
        ("tel:0301234;phone-context=+49", "+49301234"),
        ("tel:301234;phone-context=+49", "+49301234"),
        ("tel:1234;phone-context=+49-30", "+49301234"),
        ("sip:0301234;phone-context=+49@h;user=phone", "+49301234"),
        ("sip:0301234@h;phone-context=+49;user=phone", "+49301234"),
        ("tel:0612345;phone-context=+39", "+390612345"),
        ("tel:0301234;phone-context=+4930", "0301234"),
        ("tel:0043123;phone-context=+49", "0043123"),
        ("tel:+43123;phone-context=+49", "+43123"),
        ("tel:0301234;phone-context=example.com", "0301234"),
        ("tel:0301234;phone-context=+49x", "0301234"),
        ("sip:+49301234;npdi;rn=+49301@h;user=phone", "+49301234"),
        ("tel:+49-(30)-1234;npdi", "+49301234"),
        ("sip:hot-line;phone-context=+49@h", "hot-line;phone-context=+49"),
    ] {
        assert_eq!(Uri::parse(uri.as_bytes()).subscriber().as_deref(), Some(number), "{uri}");
    }
}

#[test]
fn the_number_of_the_network_comes_before_that_of_the_phone() {
    let all = [
        "P-Preferred-Identity: <sip:+3@h>",
        "Remote-Party-ID: <sip:+2@h>;party=calling;screen=yes;privacy=off",
        "P-Asserted-Identity: <sip:+1@h>",
    ];
    assert_eq!(caller(&all).callers, ["+1", "+2", "+3", "+4930999"]);
    assert_eq!(caller(&all[..2]).callers, ["+2", "+3", "+4930999"]);
    let called = ["Remote-Party-ID: <sip:+2@h>;party=called"];
    assert_eq!(caller(&called).callers, ["+4930999"], "the one who is called is not the caller");
}

#[test]
fn one_malformed_identity_costs_no_other() {
    let lines = [
        "P-Asserted-Identity: <not a uri>, <sip:+1@h>",
        "P-Asserted-Identity: \"never closed <sip:+2@h>",
        "P-Asserted-Identity: tel:+49-30-3",
    ];
    assert_eq!(caller(&lines).callers, ["+1", "+49303", "+4930999"]);
}

#[test]
fn a_caller_hides_in_many_ways() {
    for from in [
        "<sip:anonymous@anonymous.invalid>",
        "\"Anonymous\" <sip:anonymous@anonymous.invalid>",
        "Anonymous <sip:c8oqz84zk7z@privacy.org>",
        "<sip:Anonymous@carrier.test>",
        "<sip:restricted@carrier.test;user=phone>",
        "\"Restricted\" <sip:+4930999@carrier.test>",
        "<sip:whoever@anonymous.invalid>",
    ] {
        let identity = caller_from(from, &[]);
        assert_eq!(identity, Identity { withheld: true, ..Identity::default() }, "{from}");
    }
    for line in [
        "Privacy: id",
        "Privacy: user;id;critical",
        "Privacy: header",
        "Remote-Party-ID: <sip:+2@h>;party=calling;privacy=full",
        "Remote-Party-ID: <sip:+2@h>;privacy=uri-network",
    ] {
        assert!(caller(&[line]).withheld, "{line}");
    }
    for line in ["Privacy: none", "Privacy: session", "Remote-Party-ID: <sip:+4930999@h>;privacy=off"] {
        assert_eq!(caller(&[line]).callers, ["+4930999"], "{line}");
    }
}

#[test]
fn privacy_none_lets_an_asserted_number_be_shown() {
    let asserted = "P-Asserted-Identity: <sip:+491@h>";
    let from = "<sip:anonymous@anonymous.invalid>";
    assert_eq!(caller_from(from, &[asserted, "Privacy: none"]).callers, ["+491"]);
    assert!(caller_from(from, &[asserted]).withheld, "without that word the caller's wish counts");
    assert!(caller_from(from, &["Privacy: none"]).withheld);
}

#[test]
fn a_number_that_nobody_knows_is_none_but_not_withheld() {
    for from in ["<sip:unavailable@carrier.test>", "<sip:unknown@h>", "<sip:carrier.test>"] {
        let identity = caller_from(from, &[]);
        assert_eq!((identity.callers.len(), identity.withheld), (0, false), "{from}");
    }
}

#[test]
fn a_name_is_shown_without_what_could_drive_a_terminal_or_deceive_its_reader() {
    let name = |display: &str| caller_from(&format!("{display} <sip:+4930999@h>"), &[]).display_name;
    assert_eq!(name("\"J\u{f6}rg \\\"JS\\\" Schmidt\"").as_deref(), Some("J\u{f6}rg \"JS\" Schmidt"));
    assert_eq!(name("\"a\u{1b}[2Jb\\\0c\u{7}\"").as_deref(), Some("a[2Jbc"));
    assert_eq!(name("\"\u{202e}live\u{202c} \u{200b}\u{feff}x\"").as_deref(), Some("live x"));
    assert_eq!(name("\"  a \t  b  \"").as_deref(), Some("a b"));
    assert_eq!(name("\"\"").as_deref(), None);
    assert_eq!(name("\"\u{1b}\"").as_deref(), None);
    assert_eq!(name(&format!("\"{}\"", "\u{20ac}".repeat(500))).unwrap().chars().count(), 64);
    let mut latin_1 = invite("sip:+4930123456@192.0.2.1", &["From: \"M?ller\" <sip:+4930999@h>;tag=f", TO]);
    let at = latin_1.iter().position(|octet| *octet == b'?').unwrap();
    latin_1[at] = 0xfc;
    let Ok(Message::Request(request)) = Message::parse_datagram(&latin_1) else { panic!("it is read") };
    assert_eq!(Identity::read(&request.headers).display_name.as_deref(), Some("M\u{fc}ller"));
}

#[test]
fn a_user_part_with_control_characters_is_nobody() {
    for user in ["a%0d%0aX-Evil:1", "%1b%5b2J", "a%00", "%E2%80%AEx", &"9".repeat(65)] {
        let identity = caller_from(&format!("<sip:{user}@h>"), &[]);
        assert_eq!(identity.callers, [""; 0], "{user}");
    }
    assert_eq!(told("sip:a%0d%0ab@h", &[FROM, TO]).request_user, "");
    assert_eq!(told(&format!("sip:{}@h", "a".repeat(257)), &[FROM, TO]).request_user, "");
}

#[test]
fn diversions_are_told_from_the_last_to_the_first() {
    let diversions = caller(&[
        "Diversion: <sip:+493@h>;reason=user-busy;counter=1, <tel:+49-2>;reason=\"no-answer\"",
        "Diversion: <sip:+491@h>;reason=time-of-day;privacy=full",
    ])
    .diversions;
    let told: Vec<_> = diversions.iter().map(|one| (one.by.as_deref(), one.reason)).collect();
    assert_eq!(
        told,
        [
            (Some("+493"), DiversionReason::Busy),
            (Some("+492"), DiversionReason::NoAnswer),
            (None, DiversionReason::Unknown)
        ]
    );
}

#[test]
fn a_history_tells_who_passed_the_call_on_in_its_new_and_in_its_old_form() {
    let told = |lines: &[&str]| -> Vec<(Option<String>, DiversionReason)> {
        caller(lines).diversions.into_iter().map(|one| (one.by, one.reason)).collect()
    };
    let by = |number: &str| Some(number.to_owned());
    let rfc7044 = "History-Info: <sip:+491@h>;index=1, <sip:+492@h;cause=408>;index=1.1;mp=1, \
                   <sip:+4930123456@h;cause=302>;index=1.2;mp=1.1";
    assert_eq!(
        told(&[rfc7044]),
        [(by("+492"), DiversionReason::Unconditional), (by("+491"), DiversionReason::NoAnswer)]
    );
    let without_mp = "History-Info: <sip:+491@h>;index=1,<sip:+4930123456@h;cause=486>;index=1.1";
    assert_eq!(told(&[without_mp]), [(by("+491"), DiversionReason::Busy)]);
    let rfc4244 = "History-Info: <sip:+491@h?Reason=SIP%3Bcause%3D302%3Btext%3D%22Moved%22>;index=1, \
                   <sip:+4930123456@h>;index=1.1";
    assert_eq!(told(&[rfc4244]), [(by("+491"), DiversionReason::Unconditional)]);
    let both = "History-Info: <sip:+491@h?Reason=SIP%3Bcause%3D486>;index=1, \
                <sip:+4930123456@h;cause=486>;index=1.1";
    assert_eq!(told(&[both]), [(by("+491"), DiversionReason::Busy)], "told twice, but once");
    let hidden = "History-Info: <sip:+491@h?Privacy=history>;index=1,<sip:+4930123456@h;cause=302>;index=1.1";
    assert_eq!(told(&[hidden]), [(None, DiversionReason::Unconditional)]);
    assert_eq!(told(&[without_mp, "Privacy: history"]), [(None, DiversionReason::Busy)]);
    let plain = "History-Info: <sip:+4930123456@h>;index=1, <sip:pilot@h>;index=1.1;rc=1";
    assert_eq!(told(&[plain]), [], "a change of address inside the carrier is no diversion");
    let diversion = "Diversion: <sip:+497@h>;reason=deflection";
    assert_eq!(told(&[without_mp, diversion]), [(by("+497"), DiversionReason::Deflected)]);
}

#[test]
fn the_verdict_on_a_number_stands_in_many_places() {
    let verdict = |identity: Identity| identity.verstat;
    for line in [
        "P-Asserted-Identity: <tel:+4930999;verstat=TN-Validation-Failed>",
        "P-Asserted-Identity: <sip:+4930999;verstat=TN-Validation-Failed@h;user=phone>",
        "P-Asserted-Identity: <sip:+4930999@h;user=phone;verstat=tn-validation-failed>",
        "P-Asserted-Identity: \"X\" <sip:+4930999@h>;verstat=\"TN-Validation-Failed\"",
    ] {
        assert_eq!(verdict(caller(&[line])), Some(Verstat::Failed), "{line}");
    }
    let from = "<sip:+4930999;verstat=TN-Validation-Passed@h;user=phone>";
    assert_eq!(verdict(caller_from(from, &[])), Some(Verstat::Passed));
    let withheld = caller_from(from, &["Privacy: id"]);
    assert_eq!((withheld.callers.len(), withheld.verstat), (0, Some(Verstat::Passed)));
    for unknown in ["TN-Validation-Passed2", "passed", ""] {
        let line = format!("P-Asserted-Identity: <sip:+4930999@h;verstat={unknown}x>");
        assert_eq!(verdict(caller(&[&line])), None, "{unknown}");
    }
}

/// Base64url of `{"alg":"ES256","ppt":"shaken","typ":"passport"}` and of a payload.
fn passport(payload: &str) -> String {
    format!(
        "Identity: eyJhbGciOiJFUzI1NiIsInBwdCI6InNoYWtlbiIsInR5cCI6InBhc3Nwb3J0In0.{payload}.c2ln;\
         info=<https://cert.example/sp.pem>;alg=ES256;ppt=\"shaken\""
    )
}

#[test]
fn the_level_of_attestation_is_read_out_of_the_passport() {
    let level = |lines: &[&str]| caller(lines).attestation;
    // {"attest":"A","dest":{"tn":["12125550100"]},"iat":1,"orig":{"tn":"12125550123"},"origid":"x"}
    let full = passport(
        "eyJhdHRlc3QiOiJBIiwiZGVzdCI6eyJ0biI6WyIxMjEyNTU1MDEwMCJdfSwiaWF0IjoxLCJvcmlnIjp7InRuIjoiMTIxMjU1NTAxMjMifSwib3JpZ2lkIjoieCJ9",
    );
    // {"attest":"C"}
    let gateway = passport("eyJhdHRlc3QiOiJDIn0");
    // {"attest":"Z"}
    let unknown = passport("eyJhdHRlc3QiOiJaIn0");
    // {"div":{"tn":"12125550199"}}
    let diverted = passport("eyJkaXYiOnsidG4iOiIxMjEyNTU1MDE5OSJ9fQ");
    assert_eq!(level(&[&full]), Some(Attestation::Full));
    assert_eq!(level(&[&full.replace("Identity:", "y:")]), Some(Attestation::Full), "the compact name");
    assert_eq!(level(&[&gateway]), Some(Attestation::Gateway));
    assert_eq!(level(&[&diverted, &gateway]), Some(Attestation::Gateway));
    assert_eq!(
        level(&[&gateway, "P-Attestation-Indicator: A"]),
        Some(Attestation::Gateway),
        "the signed one"
    );
    assert_eq!(level(&["P-Attestation-Indicator: A"]), Some(Attestation::Full));
    let nothing = [
        unknown,
        diverted,
        passport(""),
        passport("!!!!"),
        passport("e30"),
        passport(&"W1tb".repeat(1024)),
        passport(&"eyJh".repeat(1500)),
        "Identity: ..c2ln;info=<https://cert.example/sp.pem>".to_owned(),
        "Identity: \"CyI4+nAkHrH3ntmaxgr01TMxTmtjP7MASwliNRdupRI1vpkXRvZXx1ja9k==\"".to_owned(),
        "P-Attestation-Indicator: AA".to_owned(),
    ];
    for line in nothing {
        assert_eq!(level(&[&line]), None, "{line:.90}");
    }
}

// -- out --

fn media() -> LocalMedia {
    LocalMedia {
        address: address(OURS).ip(),
        rtp_port: 20_000,
        codecs: vec![Codec::Pcma, Codec::Pcmu],
        session_id: 7,
    }
}

/// The INVITE that a trunk of this policy is sent.
fn sent(policy: IdentityPolicy, domain: &str, uri: &str, shown: Option<&str>, own: Option<&str>) -> Vec<u8> {
    let mut endpoint = endpoint(policy, domain);
    let mut outgoing = Outgoing::new(0, Hop::udp(address(THEIRS)), uri, media());
    outgoing.from_user = shown.map(str::to_owned);
    outgoing.own_user = own.map(str::to_owned);
    endpoint.invite(Instant::now(), outgoing);
    endpoint.poll_transmit().unwrap().payload
}

fn read(datagram: &[u8]) -> Request {
    match Message::parse_datagram(datagram) {
        Ok(Message::Request(request)) => request,
        other => panic!("no request: {other:?}"),
    }
}

const RESPONDER: &str = "sip:+4915155500@carrier.test";
const HOTLINE: &str = "+4930123456";
const CALLER: &str = "+4915112345678";

/// The header fields that say who calls, each on a line; From without its tag.
fn said(policy: &IdentityPolicy, shown: Option<&str>, own: Option<&str>) -> Vec<String> {
    let request = read(&sent(policy.clone(), "carrier.test", RESPONDER, shown, own));
    let of_interest = [
        HeaderName::From,
        HeaderName::PAssertedIdentity,
        HeaderName::PPreferredIdentity,
        HeaderName::RemotePartyId,
        HeaderName::Privacy,
        HeaderName::Diversion,
        HeaderName::HistoryInfo,
    ];
    let lines = request.headers.iter().filter(|(name, _)| of_interest.contains(name));
    lines
        .map(|(name, value)| {
            let value = String::from_utf8(value.to_vec()).unwrap();
            let value = value.split(";tag=").next().unwrap_or_default();
            format!("{name}: {value}")
        })
        .collect()
}

fn policy(header: IdentityHeader) -> IdentityPolicy {
    IdentityPolicy { header, ..IdentityPolicy::default() }
}

#[test]
fn our_number_is_stated_where_the_trunk_wants_it() {
    let stated = |header| said(&policy(header), Some(HOTLINE), None);
    let from = "From: <sip:+4930123456@carrier.test>";
    let with = |line: &str| vec![from.to_owned(), line.to_owned()];
    assert_eq!(stated(IdentityHeader::Asserted), with("P-Asserted-Identity: <sip:+4930123456@carrier.test>"));
    assert_eq!(
        stated(IdentityHeader::Preferred),
        with("P-Preferred-Identity: <sip:+4930123456@carrier.test>")
    );
    assert_eq!(stated(IdentityHeader::From), [from]);
    assert_eq!(
        stated(IdentityHeader::RemoteParty),
        with("Remote-Party-ID: <sip:+4930123456@carrier.test>;party=calling;privacy=off")
    );
}

#[test]
fn a_withheld_number_is_told_to_the_carrier_alone() {
    let stated = |header| said(&policy(header), None, Some(HOTLINE));
    let from = "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>";
    assert_eq!(
        stated(IdentityHeader::Asserted),
        [from, "P-Asserted-Identity: <sip:+4930123456@carrier.test>", "Privacy: id"]
    );
    assert_eq!(
        stated(IdentityHeader::Preferred),
        [from, "P-Preferred-Identity: <sip:+4930123456@carrier.test>", "Privacy: id"]
    );
    assert_eq!(stated(IdentityHeader::From), [from, "Privacy: id"]);
    assert_eq!(
        stated(IdentityHeader::RemoteParty),
        [from, "Remote-Party-ID: <sip:+4930123456@carrier.test>;party=calling;privacy=full", "Privacy: id"]
    );
    for header in [IdentityHeader::Asserted, IdentityHeader::Preferred, IdentityHeader::RemoteParty] {
        assert_eq!(said(&policy(header), None, None), [from, "Privacy: id"], "nothing is known of us");
    }
}

#[test]
fn a_callers_number_is_shown_and_ours_is_asserted() {
    let stated = |header, forwarded| {
        said(&IdentityPolicy { forwarded, ..policy(header) }, Some(CALLER), Some(HOTLINE))
    };
    let from = "From: <sip:+4915112345678@carrier.test>";
    let ours = "P-Asserted-Identity: <sip:+4930123456@carrier.test>";
    assert_eq!(stated(IdentityHeader::Asserted, Forwarded::None), [from, ours]);
    assert_eq!(
        stated(IdentityHeader::Asserted, Forwarded::Diversion),
        [from, ours, "Diversion: <sip:+4930123456@carrier.test>;reason=unconditional;privacy=off"]
    );
    assert_eq!(
        stated(IdentityHeader::Asserted, Forwarded::HistoryInfo),
        [
            from,
            ours,
            "History-Info: <sip:+4930123456@carrier.test>;index=1, <sip:+4915155500@carrier.test;cause=302>;index=1.1;mp=1"
        ]
    );
    assert_eq!(
        stated(IdentityHeader::RemoteParty, Forwarded::None),
        [from, "Remote-Party-ID: <sip:+4915112345678@carrier.test>;party=calling;privacy=off"]
    );
}

#[test]
fn a_call_that_shows_our_own_number_is_not_marked_as_passed_on() {
    let marked = IdentityPolicy { forwarded: Forwarded::Diversion, ..IdentityPolicy::default() };
    assert_eq!(said(&marked, Some(HOTLINE), None).len(), 2, "From and P-Asserted-Identity");
}

#[test]
fn from_names_the_account_where_the_carrier_wants_it() {
    let account = Some("1234567e0".to_owned());
    let policy = IdentityPolicy { account, ..policy(IdentityHeader::Preferred) };
    let from = "From: <sip:1234567e0@carrier.test>";
    let ours = "P-Preferred-Identity: <sip:+4930123456@carrier.test>";
    assert_eq!(said(&policy, Some(HOTLINE), None), [from, ours]);
    assert_eq!(
        said(&policy, None, Some(HOTLINE)),
        ["From: \"Anonymous\" <sip:1234567e0@carrier.test>", ours, "Privacy: user;id"]
    );
}

#[test]
fn user_phone_marks_every_number_and_nothing_else() {
    let account = Some("our account".to_owned());
    let marked = IdentityPolicy {
        user_phone: true,
        forwarded: Forwarded::HistoryInfo,
        account,
        ..IdentityPolicy::default()
    };
    let request = read(&sent(marked.clone(), "carrier.test", RESPONDER, Some(CALLER), Some(HOTLINE)));
    let value = |name| String::from_utf8(request.headers.get(&name).unwrap().to_vec()).unwrap();
    assert_eq!(request.uri.as_bytes(), b"sip:+4915155500@carrier.test;user=phone");
    assert_eq!(value(HeaderName::To), "<sip:+4915155500@carrier.test;user=phone>");
    assert!(value(HeaderName::From).starts_with("<sip:our%20account@carrier.test>;tag="), "no number");
    assert_eq!(value(HeaderName::PAssertedIdentity), "<sip:+4930123456@carrier.test;user=phone>");
    assert_eq!(
        value(HeaderName::HistoryInfo),
        "<sip:+4930123456@carrier.test;user=phone>;index=1, \
         <sip:+4915155500@carrier.test;user=phone;cause=302>;index=1.1;mp=1"
    );
    let desk_phone = read(&sent(marked, "10.1.2.3", "sip:anna@10.1.2.3:5062", Some(CALLER), None));
    assert_eq!(desk_phone.uri.as_bytes(), b"sip:anna@10.1.2.3:5062");
}

/// The policies there are.
fn policies() -> impl Strategy<Value = IdentityPolicy> {
    let headers = prop::sample::select(vec![
        IdentityHeader::Asserted,
        IdentityHeader::Preferred,
        IdentityHeader::From,
        IdentityHeader::RemoteParty,
    ]);
    let forwarded = prop::sample::select(vec![Forwarded::None, Forwarded::Diversion, Forwarded::HistoryInfo]);
    let account = prop::option::of("[ -~\u{e4}\u{202e}\r\n\0]{1,40}");
    (headers, forwarded, account, any::<bool>()).prop_map(|(header, forwarded, account, user_phone)| {
        IdentityPolicy { header, account, user_phone, forwarded }
    })
}

proptest! {
    #[test]
    fn our_invite_fits_into_one_packet_with_everything_on(
        policy in policies(), domain in "[a-z]{40}\\.[a-z]{7}", shown in prop::option::of(Just("+123456789012345"))
    ) {
        let policy = IdentityPolicy { account: policy.account.map(|_| "a".repeat(32)), ..policy };
        let uri = format!("sip:+123456789012345@{domain}");
        let invite = sent(policy, &domain, &uri, shown, Some("+543210987654321"));
        prop_assert!(invite.len() < 1300, "{} octets: {}", invite.len(), String::from_utf8_lossy(&invite));
    }

    #[test]
    fn no_name_of_ours_begins_a_header_field_of_its_own(
        policy in policies(), shown in prop::option::of(".{1,40}"), own in prop::option::of("\\PC{1,40}|[\r\n\0]{1,3}X: 1")
    ) {
        let ordinary = read(&sent(policy.clone(), "carrier.test", RESPONDER, shown.as_ref().map(|_| CALLER), own.as_ref().map(|_| HOTLINE)));
        let request = read(&sent(policy, "carrier.test", RESPONDER, shown.as_deref(), own.as_deref()));
        let names = |request: &Request| request.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        prop_assert_eq!(names(&request), names(&ordinary));
        prop_assert!(request.headers.from().unwrap().is_some());
    }

    #[test]
    fn whatever_the_header_fields_say_reading_the_caller_harms_nothing(
        values in prop::collection::vec((0_usize..8, "[ -~\u{e4}\u{202e}\u{1b}]{0,80}|<sip:[ -~]{0,30}>;[a-z=;]{0,20}"), 0..6)
    ) {
        let names = ["P-Asserted-Identity", "Remote-Party-ID", "Privacy", "Diversion", "History-Info", "Identity", "P-Called-Party-ID", "P-Preferred-Identity"];
        let lines: Vec<String> = values.iter().map(|(name, value)| format!("{}: {value}", names[*name])).collect();
        let lines: Vec<&str> = [FROM, TO].into_iter().chain(lines.iter().map(String::as_str)).collect();
        crate::sip_message::check(&invite("sip:+4930123456@192.0.2.1", &lines));
    }
}
