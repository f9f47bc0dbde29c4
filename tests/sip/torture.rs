//! RFC 4475, all 49 messages, and RFC 5118, all 12, each with the answer its text prescribes to an element in
//! our place: a user agent server that is no registrar (REGISTER is 405, MESSAGE too).

use nightbell::sip::validate::is_usable;
use nightbell::sip::{Message, objection};
use std::path::Path;

/// What is to become of a message.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It goes on to the transactions.
    Taken,
    /// The request is answered with this status.
    Answered(u16),
    /// Nothing is answered, nothing happens.
    Dropped,
}
use Fate::{Answered, Dropped, Taken};

fn fate(datagram: &[u8]) -> Fate {
    match Message::parse_datagram(datagram) {
        Ok(Message::Request(request)) => match objection(&request) {
            Some(objection) => Answered(objection.status),
            None => Taken,
        },
        Ok(Message::Response(response)) if is_usable(&response) => Taken,
        Ok(Message::Response(_)) => Dropped,
        Err(malformed) if malformed.request.is_some() => Answered(malformed.fault.status()),
        Err(_) => Dropped,
    }
}

/// Clause, file, fate, and why where it is not plain.
const RFC4475: [(&str, &str, Fate); 49] = [
    ("3.1.1.1", "wsinv", Taken),
    ("3.1.1.2 a method nobody knows", "intmeth", Answered(501)),
    ("3.1.1.3", "esc01", Taken),
    ("3.1.1.4 valid, but we are no registrar", "escnull", Answered(405)),
    ("3.1.1.5 RE%47IST%45R is not REGISTER", "esc02", Answered(501)),
    ("3.1.1.6", "lwsdisp", Taken),
    ("3.1.1.7", "longreq", Taken),
    ("3.1.1.8 the first message is a REGISTER; what follows is dropped", "dblreq", Answered(405)),
    ("3.1.1.9", "semiuri", Taken),
    ("3.1.1.10", "transports", Taken),
    ("3.1.1.11 valid, but we take no MESSAGE", "mpart01", Answered(405)),
    ("3.1.1.12", "unreason", Taken),
    ("3.1.1.13", "noreason", Taken),
    ("3.1.2.1", "badinv01", Answered(400)),
    ("3.1.2.2", "clerr", Answered(400)),
    ("3.1.2.3", "ncl", Answered(400)),
    ("3.1.2.4", "scalar02", Answered(400)),
    ("3.1.2.5 a response is discarded", "scalarlg", Dropped),
    ("3.1.2.6", "quotbal", Answered(400)),
    ("3.1.2.7", "ltgtruri", Answered(400)),
    ("3.1.2.8", "lwsruri", Answered(400)),
    ("3.1.2.9", "lwsstart", Answered(400)),
    ("3.1.2.10 may be taken leniently", "trws", Taken),
    ("3.1.2.11", "escruri", Answered(400)),
    ("3.1.2.12 Date means nothing to us", "baddate", Taken),
    ("3.1.2.13 400 in a registrar", "regbadct", Answered(405)),
    ("3.1.2.14 may be taken leniently", "badaspec", Taken),
    ("3.1.2.15 may be taken leniently", "baddn", Taken),
    ("3.1.2.16", "badvers", Answered(505)),
    ("3.1.2.17", "mismatch01", Answered(400)),
    ("3.1.2.18 400 or 501", "mismatch02", Answered(400)),
    ("3.1.2.19 a response is discarded", "bigcode", Dropped),
    ("3.2.1 the transactions take it by the rules of RFC 2543", "badbranch", Taken),
    ("3.3.1", "insuf", Answered(400)),
    ("3.3.2", "unkscm", Answered(416)),
    ("3.3.3", "novelsc", Answered(416)),
    ("3.3.4 400 in a registrar", "unksm2", Answered(405)),
    ("3.3.5", "bext01", Answered(420)),
    ("3.3.6", "invut", Answered(415)),
    ("3.3.7 we are no registrar", "regaut01", Answered(405)),
    ("3.3.8", "multi01", Answered(400)),
    ("3.3.9", "mcl01", Answered(400)),
    ("3.3.10 no client transaction of ours has its branch", "bcast", Taken),
    ("3.3.11 the target answers as if the hops were not spent", "zeromf", Taken),
    ("3.3.12 we are no registrar", "cparam01", Answered(405)),
    ("3.3.13 we are no registrar", "cparam02", Answered(405)),
    ("3.3.14 we are no registrar", "regescrt", Answered(405)),
    ("3.3.15 Accept speaks of the answer's body; it may be passed over", "sdp01", Taken),
    ("3.4.1 RFC 2543 is not kept up: without Contact there is no target", "inv2543", Answered(400)),
];

const RFC5118: [(&str, &str, Fate); 12] = [
    ("4.1 REGISTER, but the URI is read", "ipv6-good", Answered(405)),
    ("4.2", "ipv6-bad", Answered(400)),
    ("4.3 the port is part of the address; we are no registrar", "port-ambiguous", Answered(405)),
    ("4.4 we are no registrar", "port-unambiguous", Answered(405)),
    ("4.5", "via-received-param-with-delim", Taken),
    ("4.5", "via-received-param-no-delim", Taken),
    ("4.6", "ipv6-in-sdp", Taken),
    ("4.7", "mult-ip-in-header", Taken),
    ("4.8", "mult-ip-in-sdp", Taken),
    ("4.9", "ipv4-mapped-ipv6", Taken),
    ("4.10 three colons are no address", "ipv6-bug-abnf-3-colons", Answered(400)),
    ("4.10", "ipv6-correct-abnf-2-colons", Taken),
];

fn check(folder: &str, suffix: &str, rows: &[(&str, &str, Fate)]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder);
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(clause, name, wanted)| {
            let datagram =
                std::fs::read(folder.join(format!("{name}{suffix}"))).expect("the message is there");
            let got = fate(&datagram);
            (got != *wanted).then(|| format!("{name} ({clause}): wanted {wanted:?}, got {got:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let files = std::fs::read_dir(&folder).expect("the folder is there").count();
    assert_eq!(files, rows.len(), "every message of {} has a row", folder.display());
}

#[test]
fn every_message_of_rfc_4475_meets_the_fate_its_text_prescribes() {
    check("rfc4475", ".dat", &RFC4475);
}

#[test]
fn every_message_of_rfc_5118_meets_the_fate_its_text_prescribes() {
    check("rfc5118", "", &RFC5118);
}
