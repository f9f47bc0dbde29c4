//! What a carrier says of its caller: how far it comes, and how far it does not.

use crate::daemon::Daemon;
use crate::phone::Phone;
use crate::says;

/// Header fields of a caller who has been passed on, and who chose a name to harm its readers.
const STATED: &str = "P-Asserted-Identity: \"Eve \x1b[2J\\\0\u{202e}\\\"x\\\" \x1b]0;owned\x07\" <tel:+49-151-1234;verstat=TN-Validation-Failed>\r\n\
    Diversion: <sip:030111@carrier.example>;reason=no-answer, \"\x1b[2J\" <sip:anonymous@anonymous.invalid>\r\n\
    P-Attestation-Indicator: C\r\n";

#[test]
fn what_a_carrier_says_of_its_caller_is_in_the_record_and_none_of_it_in_our_own_messages() {
    let mut anna = Phone::ordinary();
    let trunk = "called_number = \"to\"\nforwarded = \"diversion\"";
    let people = [("anna", anna.port())];
    let daemon = Daemon::start_with(&people, trunk, "caller_id = \"caller\"", "");
    let mut caller = Phone::ordinary();
    caller.more = STATED.to_owned();
    let sdp = caller.sdp("sendrecv");
    caller.dials_through("+4930999", &daemon.address(), &sdp);
    let answer = caller.expects("SIP/2.0 200");
    caller.took(&answer);
    caller.acknowledges("");
    caller.speaks(440.0);
    caller.presses('1');

    let invite = anna.is_rung();
    anna.replies(&invite, "180 Ringing", "");
    let from = invite.headers("From").concat();
    assert!(from.starts_with("<sip:+491511234@127.0.0.1>;tag="), "{from}");
    assert_eq!(invite.headers("P-Asserted-Identity"), ["<sip:+4930123456@127.0.0.1>"]);
    let diversion = "<sip:+4930123456@127.0.0.1>;reason=unconditional;privacy=off";
    assert_eq!(invite.headers("Diversion"), [diversion]);
    assert!(invite.headers("P-Attestation-Indicator").is_empty());
    caller.asks("BYE", "");
    anna.expects("CANCEL");
    anna.replies(&invite, "487 Request Terminated", "");

    let call = daemon.only_call();
    assert_eq!(call["number"], "+4930123456", "the number in To");
    assert_eq!(call["caller"], "+491511234");
    assert_eq!(call["display_name"], "Eve [2J\"x\" ]0;owned");
    assert_eq!(call["diverted_by"], "+4930111");
    assert_eq!((call["verstat"].as_str(), call["attestation"].as_str()), (Some("failed"), Some("C")));
    let told = "passed on by +4930111 (no answer), before that by anonymous, the carrier takes the number for forged, attestation C";
    assert!(says(&call, "CallReceived", None, told), "{call:#}");
    for arguments in [&["calls"][..], &["calls", call["id"].as_str().unwrap()]] {
        let printed = String::from_utf8(daemon.prints(arguments)).unwrap();
        let bad = printed.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(bad, None, "{printed:?}");
    }
    let printed = String::from_utf8(daemon.prints(&["calls", call["id"].as_str().unwrap()])).unwrap();
    assert!(printed.contains("  passed on by +4930111\n"), "{printed}");
    let proof = "  caller's number: the carrier takes the number for forged, attestation C\n";
    assert!(printed.contains(proof), "{printed}");
}

#[test]
fn a_number_that_stands_in_another_header_field_than_is_looked_at_is_nobodys() {
    let anna = Phone::ordinary();
    let daemon = Daemon::start(&[("anna", anna.port())], "");
    let mut caller = Phone::ordinary();
    let sdp = caller.sdp("sendrecv");
    caller.dials_through("+4930999", &daemon.address(), &sdp);
    caller.expects("SIP/2.0 404");
    caller.acknowledges_refusal();
    assert!(daemon.calls().is_empty());
}

#[test]
fn a_withheld_number_stays_withheld_from_the_record_and_from_the_responder() {
    let mut anna = Phone::ordinary();
    let people = [("anna", anna.port())];
    let daemon =
        Daemon::start_with(&people, "identity = \"p-preferred-identity\"", "caller_id = \"caller\"", "");
    let mut caller = Phone::ordinary();
    caller.more = "P-Asserted-Identity: \"Eve\" <sip:+491511234@h>\r\nPrivacy: id\r\n".to_owned();
    caller.calls(&daemon.address(), 440.0);
    caller.presses('1');
    let invite = anna.is_rung();
    anna.replies(&invite, "180 Ringing", "");
    let from = invite.headers("From").concat();
    assert!(from.starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag="), "{from}");
    assert_eq!(invite.headers("P-Preferred-Identity"), ["<sip:+4930123456@127.0.0.1>"]);
    assert_eq!(invite.headers("Privacy"), ["id"]);
    caller.asks("BYE", "");
    anna.expects("CANCEL");
    anna.replies(&invite, "487 Request Terminated", "");
    let call = daemon.only_call();
    assert_eq!(call["caller"], "anonymous");
    assert!(call["display_name"].is_null());
    assert!(!call.to_string().contains("1511234"), "{call:#}");
}
