//! Calls over TCP and TLS, and who is let in.

use std::path::Path;
use std::time::Duration;

use nightbell::call::leg::{Gone, Heard, NotAnswered, Ring};
use nightbell::sip::{Framed, Transport};
use tokio::io::AsyncReadExt;

use crate::bench::Bench;
use crate::carrier::{Authority, Caller, Carrier, PATIENCE, Segments};
use crate::phone::Phone;

const LOOPBACK: [u8; 4] = [127, 0, 0, 1];
/// An address of nobody's.
const STRANGER: [u8; 4] = [127, 0, 0, 9];

fn nowhere() -> &'static Path {
    Path::new("")
}

/// Settings with one trunk: `[sip]` lines, and those of the trunk.
fn settings(sip: &str, trunk: &str) -> String {
    format!(
        "[sip]\n{sip}\n[[trunks]]\nname = 'phones'\nsources = ['127.0.0.1/32']\nmax_calls = 20\n\
         destinations = ['sip:*@127.0.0.1']\n{trunk}\n"
    )
}

async fn places_and_takes_a_call(bench: &Bench, mut carrier: Carrier) {
    let mut leg = bench.dial_at(carrier.address());
    let (rung, (call, _)) = tokio::join!(leg.rung(PATIENCE, PATIENCE), carrier.answer());
    assert_eq!(rung, Ring::Answered);
    carrier.hang_up(call).await;
    assert_eq!(leg.key(PATIENCE).await, Heard::Gone(Gone::HungUp));
    assert_eq!(carrier.connections, 1, "INVITE, ACK, BYE and its answer: all by one connection");
}

#[tokio::test]
async fn a_call_over_tcp_whose_far_end_sends_single_octets() {
    let carrier = Carrier::start(None, Segments::Octets).await;
    let server = format!("server = 'tcp:{}'", carrier.address());
    let bench = Bench::of(&settings("listen = ['udp:127.0.0.1:0']", &server), nowhere()).await;
    places_and_takes_a_call(&bench, carrier).await;
}

#[tokio::test]
async fn a_call_over_tcp_whose_far_end_sends_all_at_once() {
    let carrier = Carrier::start(None, Segments::Merged).await;
    let server = format!("server = 'tcp:{}'", carrier.address());
    let bench = Bench::of(&settings("listen = ['tcp:127.0.0.1:0']", &server), nowhere()).await;
    places_and_takes_a_call(&bench, carrier).await;
}

#[tokio::test]
async fn beside_ipv4_a_call_over_ipv6_has_its_audio_there_too() {
    let mut carrier = Carrier::start_at("[::1]:0", None, Segments::Merged).await;
    let settings = format!(
        "[sip]\nlisten = ['udp:127.0.0.1:0', 'tcp:[::1]:0']\n[[trunks]]\nname = 'phones'\n\
         server = 'tcp:{}'\ndestinations = ['sip:*@::1']\n",
        carrier.address()
    );
    let bench = Bench::of(&settings, nowhere()).await;
    let mut leg = bench.dial_at(carrier.address());
    let (rung, (_, agreed)) = tokio::join!(leg.rung(PATIENCE, PATIENCE), carrier.answer());
    assert_eq!(rung, Ring::Answered);
    assert!(agreed.remote_rtp.is_ipv6(), "{}", agreed.remote_rtp);
    let audio = std::net::UdpSocket::bind("[::1]:0").unwrap();
    audio.connect(agreed.remote_rtp).unwrap();
    audio.send(b"is anybody there?").unwrap();
    // Where no socket is open the first datagram comes back as an error of the second.
    audio.send(b"hello?").unwrap();
}

/// A lone listener of IPv6 serves IPv4 as well, as the system's own do.
#[tokio::test]
async fn a_listener_of_ipv6_alone_rings_a_phone_with_an_address_of_ipv4() {
    let bench = Bench::of(&settings("listen = ['udp:[::]:0']", ""), nowhere()).await;
    let mut phone = Phone::start().await;
    bench.reach(&mut phone, None).await;
}

/// `[trunks.tls]` for a carrier that calls itself so.
fn tls_trunk(carrier: &Carrier, name: &str) -> String {
    let server = carrier.address();
    format!("server = 'tls:{server}'\n[trunks.tls]\nca_file = 'ca.pem'\nserver_name = '{name}'")
}

#[tokio::test]
async fn a_call_over_tls_with_an_authority_of_ones_own() {
    for segments in [Segments::Octets, Segments::Merged] {
        let authority = Authority::new("call");
        authority.signs("carrier.example", 2060);
        let carrier = Carrier::start(Some(authority.acceptor("carrier.example")), segments).await;
        let trunk = tls_trunk(&carrier, "carrier.example");
        let bench = Bench::of(&settings("listen = ['udp:127.0.0.1:0']", &trunk), authority.folder()).await;
        places_and_takes_a_call(&bench, carrier).await;
    }
}

/// Dials over TLS, which the carrier's certificate is not good enough for.
async fn is_refused(authority: &Authority, shown: &Authority, until: i32, expected: &str) {
    shown.signs("carrier.example", until);
    let mut carrier = Carrier::start(Some(shown.acceptor("carrier.example")), Segments::Merged).await;
    let trunk = tls_trunk(&carrier, expected);
    let bench = Bench::of(&settings("listen = ['udp:127.0.0.1:0']", &trunk), authority.folder()).await;
    let mut leg = bench.dial_at(carrier.address());
    let (rung, agreed) = tokio::join!(leg.rung(PATIENCE, PATIENCE), carrier.is_connected());
    assert!(!agreed, "it gets no octet of SIP");
    let why = "the trunk could not be reached".to_owned();
    assert_eq!(rung, Ring::Gone(Gone::NotAnswered(NotAnswered::Unreachable(why))));
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    is_refused(&Authority::new("ours"), &Authority::new("theirs"), 2060, "carrier.example").await;
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new("name");
    is_refused(&authority, &authority, 2060, "other.example").await;
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let authority = Authority::new("expired");
    is_refused(&authority, &authority, 2021, "carrier.example").await;
}

#[tokio::test]
async fn requests_that_come_merged_or_cut_are_answered_over_the_same_connection() {
    let bench = Bench::of(&settings("listen = ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0']", ""), nowhere()).await;
    let mut caller = Caller::connect(LOOPBACK, bench.listens(Transport::Tcp), None).await.unwrap();
    let all = [1, 2, 3].map(|number| caller.options(number)).concat();
    let (first, second) = all.split_at(all.len() / 2);
    caller.says(first).await;
    caller.says(second).await;
    for number in 1..=3 {
        assert_eq!(caller.is_answered().await, ("SIP/2.0 200 OK".to_owned(), format!("{number} OPTIONS")));
    }
}

#[tokio::test]
async fn a_ping_is_answered() {
    let bench = Bench::of(&settings("listen = ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0']", ""), nowhere()).await;
    let mut caller = Caller::connect(LOOPBACK, bench.listens(Transport::Tcp), None).await.unwrap();
    caller.says("\r\n\r\n").await;
    assert_eq!(caller.hears().await, Some(Framed::LineEnd));
}

#[tokio::test]
async fn a_message_of_no_length_is_refused_and_ends_the_connection() {
    let bench = Bench::of(&settings("listen = ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0']", ""), nowhere()).await;
    let mut caller = Caller::connect(LOOPBACK, bench.listens(Transport::Tcp), None).await.unwrap();
    let message = caller.options(1).replace("Content-Length: 0\r\n", "");
    caller.says(&message).await;
    assert_eq!(caller.is_answered().await.0, "SIP/2.0 400 Bad Request");
    assert_eq!(caller.hears().await, None, "then it is closed");
}

#[tokio::test]
async fn a_stranger_gets_no_octet() {
    let authority = Authority::new("stranger");
    authority.signs("switch.example", 2060);
    let sip = "listen = ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0', 'tls:127.0.0.1:0']\n[sip.tls]\n\
               certificate = 'switch.example.pem'\nkey = 'switch.example.key'";
    let bench = Bench::of(&settings(sip, ""), authority.folder()).await;
    let mut plain = Caller::connect(STRANGER, bench.listens(Transport::Tcp), None).await.unwrap();
    let options = plain.options(1);
    // It may find the connection closed already.
    let _ = tokio::io::AsyncWriteExt::write_all(&mut plain.wire, options.as_bytes()).await;
    let mut octets = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, plain.wire.read_to_end(&mut octets)).await.expect("it is closed");
    assert!(octets.is_empty());
    let tls = Some(authority.connector(None));
    assert!(Caller::connect(STRANGER, bench.listens(Transport::Tls), tls).await.is_err(), "no handshake");
}

#[tokio::test]
async fn over_tls_a_carrier_with_the_wanted_certificate_is_let_in_and_one_without_is_not() {
    let authority = Authority::new("mutual");
    authority.signs("switch.example", 2060);
    authority.signs("carrier.example", 2060);
    let sip = "listen = ['udp:127.0.0.1:0', 'tls:127.0.0.1:0']\n[sip.tls]\ncertificate = 'switch.example.pem'\n\
               key = 'switch.example.key'\nclient_ca = 'ca.pem'";
    let bench = Bench::of(&settings(sip, ""), authority.folder()).await;
    let at = bench.listens(Transport::Tls);
    let with = Some(authority.connector(Some("carrier.example")));
    let mut carrier = Caller::connect(LOOPBACK, at, with).await.unwrap();
    let options = carrier.options(1);
    carrier.says(&options).await;
    assert_eq!(carrier.is_answered().await.0, "SIP/2.0 200 OK");
    // In TLS 1.3 the refusal comes after the client's side of the handshake.
    if let Ok(mut without) = Caller::connect(LOOPBACK, at, Some(authority.connector(None))).await {
        let options = without.options(1);
        let _ = tokio::io::AsyncWriteExt::write_all(&mut without.wire, options.as_bytes()).await;
        assert_eq!(without.hears().await, None);
    }
}

#[tokio::test]
async fn a_call_whose_connection_breaks_before_any_answer_tries_once_more_and_has_then_failed() {
    let mut carrier = Carrier::start(None, Segments::Merged).await;
    let server = format!("server = 'tcp:{}'", carrier.address());
    let bench = Bench::of(&settings("listen = ['udp:127.0.0.1:0']", &server), nowhere()).await;
    let mut leg = bench.dial_at(carrier.address());
    let breaks = async {
        for _ in 0..2 {
            carrier.is_connected().await;
            carrier.closes().await;
        }
    };
    let patience = Duration::from_secs(5);
    let (rung, ()) = tokio::join!(leg.rung(patience, patience), breaks);
    let why = "the trunk could not be reached".to_owned();
    assert_eq!(rung, Ring::Gone(Gone::NotAnswered(NotAnswered::Unreachable(why))));
}

#[tokio::test]
async fn after_the_connection_of_a_call_has_closed_its_bye_goes_by_a_new_one() {
    let mut carrier = Carrier::start(None, Segments::Merged).await;
    let server = format!("server = 'tcp:{}'", carrier.address());
    let bench = Bench::of(&settings("listen = ['udp:127.0.0.1:0']", &server), nowhere()).await;
    let mut leg = bench.dial_at(carrier.address());
    let (rung, _) = tokio::join!(leg.rung(PATIENCE, PATIENCE), carrier.answer());
    assert_eq!(rung, Ring::Answered);
    carrier.closes().await;
    drop(leg);
    assert!(matches!(carrier.event().await, nightbell::sip::Event::Ended { .. }));
    assert_eq!(carrier.connections, 2);
}
