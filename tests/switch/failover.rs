//! Other ways for a phone that could not be reached, over real sockets.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use nightbell::call::journal::Record;
use nightbell::call::leg::{Gone, Leg, NotAnswered, Ring};
use nightbell::sip::Transport;
use nightbell::switch::health::State;
use nightbell::switch::location::Resolvers;
use nightbell::switch::spend::Limits;
use nightbell::switch::trunks::{Server, Trunk};
use tokio::net::UdpSocket;

use crate::bench::{Bench, carrier};
use crate::dns::{Reply, Server as NameServer, address, service};
use crate::phone::Phone;

const PATIENCE: Duration = Duration::from_secs(8);
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

fn udp(name: &str, phone: &Phone) -> Trunk {
    carrier(name, Transport::Udp, phone.address())
}

async fn rung(leg: &mut Leg) -> Ring {
    leg.rung(PATIENCE, PATIENCE).await
}

fn unreachable(ring: Ring) -> String {
    match ring {
        Ring::Gone(Gone::NotAnswered(NotAnswered::Unreachable(why))) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_trunk_that_is_overloaded_gives_way_to_the_next_and_the_record_tells() {
    let (mut first, mut second) = (Phone::start_at(FIRST).await, Phone::start_at(SECOND).await);
    let bench = Bench::over(vec![udp("first", &first), udp("second", &second)], &[]).await;
    let mut leg = bench.dial_number(&["first", "second"]);
    let (ring, (), ()) = tokio::join!(rung(&mut leg), first.refuse(503), second.answer());
    assert_eq!(ring, Ring::Answered);
    let [detour] = &leg.detours()[..] else { panic!("one detour") };
    assert!(detour.contains("`first`: 503"), "{detour}");
}

#[tokio::test]
async fn a_server_that_has_just_failed_rests_and_the_next_call_goes_elsewhere_at_once() {
    let (mut first, mut second) = (Phone::start_at(FIRST).await, Phone::start_at(SECOND).await);
    let trunks = vec![udp("first", &first), udp("second", &second)];
    let bench = Bench::over(trunks, &[]).await;
    let mut leg = bench.dial_number(&["first", "second"]);
    tokio::join!(rung(&mut leg), first.refuse(503), second.refuse(486));
    let mut leg = bench.dial_number(&["first", "second"]);
    // Its phone is busy and has the last word: the one that rests is not asked.
    let (ring, ()) = tokio::join!(rung(&mut leg), second.refuse(486));
    assert_eq!(ring, Ring::Gone(Gone::NotAnswered(NotAnswered::Busy)));
    assert_eq!(leg.detours(), Vec::<String>::new());
}

#[tokio::test]
async fn what_a_phone_says_is_the_last_word() {
    let (mut first, second) = (Phone::start_at(FIRST).await, Phone::start_at(SECOND).await);
    let bench = Bench::over(vec![udp("first", &first), udp("second", &second)], &[]).await;
    for (status, expected) in [
        (486, NotAnswered::Busy),
        (603, NotAnswered::Declined),
        (480, NotAnswered::NoAnswer),
        (404, NotAnswered::Rejected { status: 404, reason: "Not Found".to_owned() }),
    ] {
        let mut leg = bench.dial_number(&["first", "second"]);
        let (ring, ()) = tokio::join!(rung(&mut leg), first.refuse(status));
        assert_eq!(ring, Ring::Gone(Gone::NotAnswered(expected)));
    }
    assert!(!second.was_called());
}

#[tokio::test]
async fn a_connection_that_is_refused_gives_way_to_the_next_trunk() {
    let nobody = TcpListener::bind((FIRST, 0)).unwrap().local_addr().unwrap();
    let mut second = Phone::start_at(SECOND).await;
    let bench =
        Bench::over(vec![carrier("first", Transport::Tcp, nobody), udp("second", &second)], &[]).await;
    let mut leg = bench.dial_number(&["first", "second"]);
    let (ring, ()) = tokio::join!(rung(&mut leg), second.answer());
    assert_eq!(ring, Ring::Answered);
}

#[tokio::test]
async fn a_trunk_that_is_silent_gives_way_to_the_next() {
    let silent = UdpSocket::bind((FIRST, 0)).await.unwrap();
    let mut second = Phone::start_at(SECOND).await;
    let trunks = vec![carrier("first", Transport::Udp, silent.local_addr().unwrap()), udp("second", &second)];
    let bench = Bench::over(trunks, &[]).await;
    let mut leg = bench.dial_number(&["first", "second"]);
    let (ring, ()) = tokio::join!(rung(&mut leg), second.answer());
    assert_eq!(ring, Ring::Answered);
    assert!(leg.detours()[0].contains("no answer"), "{:?}", leg.detours());
}

#[tokio::test]
async fn where_no_way_is_left_the_record_tells_what_came_of_each() {
    let nobody = |address: Ipv4Addr| TcpListener::bind((address, 0)).unwrap().local_addr().unwrap();
    let (first, second): (SocketAddr, SocketAddr) = (nobody(FIRST), nobody(SECOND));
    let trunks = vec![carrier("first", Transport::Tcp, first), carrier("second", Transport::Tcp, second)];
    let bench = Bench::over(trunks, &[]).await;
    let mut leg = bench.dial_number(&["first", "second"]);
    let why = unreachable(rung(&mut leg).await);
    assert!(why.contains("`first`") && why.ends_with("the trunk could not be reached"), "{why}");
}

#[tokio::test]
async fn a_limit_that_is_reached_sends_calls_over_the_next_trunk_and_is_written_down() {
    let (mut first, mut second) = (Phone::start_at(FIRST).await, Phone::start_at(SECOND).await);
    let limits = Limits { legs_per_hour: Some(1), ..Limits::default() };
    let trunks = vec![Trunk { limits, ..udp("first", &first) }, Trunk { limits, ..udp("second", &second) }];
    let mut bench = Bench::over(trunks, &[]).await;
    for phone in [&mut first, &mut second] {
        let mut leg = bench.dial_number(&["first", "second"]);
        let (ring, ()) = tokio::join!(rung(&mut leg), phone.answer());
        assert_eq!(ring, Ring::Answered);
    }
    let mut leg = bench.dial_number(&["first", "second"]);
    let why = unreachable(rung(&mut leg).await);
    assert_eq!(
        why,
        "legs_per_hour of the trunk `first` is reached; legs_per_hour of the trunk `second` is reached"
    );
    let used: Vec<_> = std::iter::from_fn(|| bench.records.try_recv().ok())
        .filter_map(|record| match record {
            Record::TrunkUse { trunk, legs, .. } => Some((trunk, legs)),
            _ => None,
        })
        .collect();
    assert_eq!(used, [("first".to_owned(), 1), ("second".to_owned(), 1)]);
}

/// The next message to a phone that is played by hand.
async fn heard(phone: &UdpSocket) -> String {
    let mut datagram = vec![0; 65_535];
    let received = tokio::time::timeout(Duration::from_secs(5), phone.recv(&mut datagram)).await;
    let length = received.expect("something comes in time").unwrap();
    String::from_utf8_lossy(&datagram[..length]).into_owned()
}

#[tokio::test]
async fn a_call_that_the_ringing_phone_passes_on_to_us_is_refused_and_the_record_tells() {
    let phone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let server = phone.local_addr().unwrap();
    let bench = Bench::over(vec![carrier("one", Transport::Udp, server)], &[]).await;
    let leg = bench.dial_number_for(&["one"], Some("+4930123456"));
    assert!(heard(&phone).await.starts_with("INVITE sip:+4915112345@"));
    let switch = bench.listens(Transport::Udp);
    let comes_in = |name: &str, diversion: &str| {
        format!(
            "INVITE sip:+4930123456@{switch} SIP/2.0\r\nVia: SIP/2.0/UDP {server};branch=z9hG4bK{name}\r\n\
             Max-Forwards: 60\r\nFrom: <sip:+4930123456@{server}>;tag={name}\r\nTo: <sip:+4930123456@{switch}>\r\n\
             Call-ID: {name}\r\nCSeq: 1 INVITE\r\nContact: <sip:{server}>\r\n{diversion}Content-Length: 0\r\n\r\n"
        )
    };
    // The hotline's number alone may be a colleague's: the bench has no hotline, hence 404.
    for (name, diversion, expected) in [
        ("colleague", "", "SIP/2.0 404 "),
        ("back", "Diversion: <sip:+4915112345@carrier.test>;reason=unconditional\r\n", "SIP/2.0 482 "),
    ] {
        phone.send_to(comes_in(name, diversion).as_bytes(), switch).await.unwrap();
        let answer = loop {
            let message = heard(&phone).await;
            if message.contains(&format!("Call-ID: {name}\r\n")) && !message.starts_with("SIP/2.0 100 ") {
                break message;
            }
        };
        assert!(answer.starts_with(expected), "{name}: {answer}");
    }
    let [told] = &leg.detours()[..] else { panic!("one line: {:?}", leg.detours()) };
    assert!(told.contains("passes its calls on"), "{told}");
}

/// A carrier with two servers behind SRV, the first of them this one.
async fn two_servers(first: SocketAddr, second: SocketAddr) -> NameServer {
    NameServer::start(move |name, kind| {
        let host = |host: &str, of: SocketAddr| address(host, 60, &of.ip().to_string());
        match (name, kind.to_string().as_str()) {
            ("_sip._udp.carrier.example", "SRV") => Reply::Records(vec![
                service(name, 60, 20, second.port(), "b.carrier.example"),
                service(name, 60, 10, first.port(), "a.carrier.example"),
            ]),
            ("a.carrier.example", "A") => Reply::Records(vec![host(name, first)]),
            ("b.carrier.example", "A") => Reply::Records(vec![host(name, second)]),
            _ => Reply::Records(Vec::new()),
        }
    })
    .await
}

fn by_name(host: &str) -> Trunk {
    let server = Server { transport: Transport::Udp, host: host.to_owned(), port: None };
    Trunk { server: Some(server), ..carrier("carrier", Transport::Udp, SocketAddr::from((FIRST, 1))) }
}

#[tokio::test]
async fn a_dead_first_server_of_a_carrier_gives_way_to_the_next_by_priority() {
    let silent = UdpSocket::bind((FIRST, 0)).await.unwrap();
    let mut second = Phone::start_at(SECOND).await;
    let names = two_servers(silent.local_addr().unwrap(), second.address()).await;
    let resolvers = Resolvers::Named(vec![names.address]);
    let bench = Bench::asking(resolvers, vec![by_name("carrier.example")], &[]).await;
    let mut leg = bench.dial_number(&["carrier"]);
    let (ring, ()) = tokio::join!(rung(&mut leg), second.answer());
    assert_eq!(ring, Ring::Answered);
    let mut buffer = [0; 16];
    assert!(silent.try_recv(&mut buffer).is_ok(), "it was the first to be tried");
}

#[tokio::test]
async fn what_is_known_of_a_trunk_can_be_asked_for() {
    let (first, second) = (Phone::start_at(FIRST).await, Phone::start_at(SECOND).await);
    let names = two_servers(first.address(), second.address()).await;
    let resolvers = Resolvers::Named(vec![names.address]);
    let bench = Bench::asking(resolvers, vec![by_name("carrier.example")], &[]).await;
    let [report] = &bench.switch.report(false).await.unwrap()[..] else { panic!("one trunk") };
    assert_eq!((report.trunk.as_str(), report.server.as_deref()), ("carrier", Some("udp:carrier.example")));
    assert_eq!((report.state, report.found_by.as_deref()), (State::Unknown, Some("SRV")));
    let hosts: Vec<_> = report.targets.iter().map(|target| target.host.as_str()).collect();
    assert_eq!(hosts, ["a.carrier.example", "b.carrier.example"]);
}

#[tokio::test]
async fn a_call_that_goes_through_shows_that_its_trunk_is_up() {
    let mut first = Phone::start_at(FIRST).await;
    let bench = Bench::over(vec![udp("first", &first)], &[]).await;
    let mut leg = bench.dial_number(&["first"]);
    tokio::join!(rung(&mut leg), first.answer());
    let [report] = &bench.switch.report(false).await.unwrap()[..] else { panic!("one trunk") };
    assert_eq!(report.state, State::Up);
}

#[tokio::test]
async fn a_call_that_has_lasted_as_long_as_its_trunk_lets_it_is_ended_and_the_record_says_why() {
    let mut first = Phone::start_at(FIRST).await;
    let trunk = Trunk { max_call_length: Duration::from_millis(100), ..udp("first", &first) };
    let bench = Bench::over(vec![trunk], &[]).await;
    let mut leg = bench.dial_number(&["first"]);
    tokio::join!(rung(&mut leg), first.answer());
    assert_eq!(leg.gone().ended().await, Gone::TooLong);
}
