//! Other ways for a phone that could not be reached, over real sockets.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use nightbell::call::journal::Record;
use nightbell::call::leg::{Gone, Leg, NotAnswered, Ring};
use nightbell::sip::Transport;
use nightbell::switch::spend::Limits;
use nightbell::switch::trunks::Trunk;
use tokio::net::UdpSocket;

use crate::bench::{Bench, carrier};
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
    let unknown = "Not Found";
    for (status, expected) in [
        (486, NotAnswered::Busy),
        (603, NotAnswered::Declined),
        (480, NotAnswered::NoAnswer),
        (404, NotAnswered::Rejected { status: 404, reason: unknown.to_owned() }),
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
