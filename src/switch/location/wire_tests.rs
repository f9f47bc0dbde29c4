//! Searches against a name server on a real socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;

use super::records::Kind;
use super::server::{Reply, Server, address, service};
use super::{Found, Names, NotFound, Resolvers, Wanted, Way, find};
use crate::sip::Transport;

fn wanted() -> Wanted {
    Wanted {
        transport: Transport::Udp,
        host: "sip.carrier.example".to_owned(),
        port: None,
        families: vec![Kind::A],
    }
}

async fn ask(server: &Server) -> Result<Found, NotFound> {
    find(&Resolvers::Named(vec![server.address]), wanted(), false).await
}

fn addresses(found: &Found) -> Vec<String> {
    found.location.all().iter().map(ToString::to_string).collect()
}

/// Two targets, the first of them also with a record that belongs to somebody else.
fn carrier(name: &str, kind: RecordType) -> Reply {
    match (name, kind) {
        ("_sip._udp.sip.carrier.example", RecordType::SRV) => Reply::Records(vec![
            service("_sip._udp.sip.carrier.example", 300, 20, 5060, "b.carrier.example"),
            service("_sip._udp.sip.carrier.example", 300, 10, 5070, "a.carrier.example"),
        ]),
        ("a.carrier.example", RecordType::A) => {
            Reply::Records(vec![address("a.carrier.example", 60, "192.0.2.1")])
        }
        ("b.carrier.example", RecordType::A) => {
            Reply::Records(vec![address("b.carrier.example", 0, "192.0.2.2")])
        }
        _ => Reply::Code(ResponseCode::NXDomain),
    }
}

#[tokio::test]
async fn a_carrier_is_found_by_its_services() {
    let server = Server::start(carrier).await;
    let found = ask(&server).await.unwrap();
    assert_eq!(addresses(&found), ["192.0.2.1:5070", "192.0.2.2:5060"]);
    assert_eq!(found.location.way, Way::Srv);
    assert_eq!(found.lives, Duration::ZERO, "the shortest life of all");
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_absent_and_a_server_that_fails_says_nothing() {
    let server = Server::start(|_, _| Reply::Code(ResponseCode::NXDomain)).await;
    assert!(matches!(ask(&server).await, Err(NotFound::Absent(_))));
    for code in [ResponseCode::ServFail, ResponseCode::Refused] {
        let server = Server::start(move |_, _| Reply::Code(code)).await;
        assert!(matches!(ask(&server).await, Err(NotFound::Failed(_))), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_server_that_never_answers_does_not_hold_the_search_up_for_ever() {
    let server = Server::start(|_, _| Reply::Silence).await;
    assert!(matches!(ask(&server).await, Err(NotFound::Failed(_))));
}

#[tokio::test]
async fn a_truncated_answer_is_fetched_whole_by_tcp() {
    let server = Server::start(|name, kind| match (name, kind) {
        ("sip.carrier.example", RecordType::A) => {
            Reply::Truncated(vec![address("sip.carrier.example", 60, "192.0.2.1")])
        }
        _ => Reply::Code(ResponseCode::NXDomain),
    })
    .await;
    assert_eq!(addresses(&ask(&server).await.unwrap()), ["192.0.2.1:5060"]);
}

#[tokio::test]
async fn an_answer_about_another_name_is_ignored() {
    let server = Server::start(|name, kind| match (name, kind) {
        ("sip.carrier.example", RecordType::A) => {
            Reply::Records(vec![address("evil.example", 60, "203.0.113.66")])
        }
        ("_sip._udp.sip.carrier.example", RecordType::SRV) => {
            Reply::Records(vec![service("_sip._udp.evil.example", 60, 0, 5060, "evil.example")])
        }
        ("evil.example", RecordType::A) => Reply::Records(vec![address("evil.example", 60, "203.0.113.66")]),
        _ => Reply::Code(ResponseCode::NXDomain),
    })
    .await;
    assert!(ask(&server).await.is_err());
}

#[tokio::test]
async fn what_was_found_stays_in_use_when_the_name_server_fails() {
    let broken = Arc::new(AtomicBool::new(false));
    let fails = broken.clone();
    let server = Server::start(move |name, kind| match fails.load(Ordering::Relaxed) {
        true => Reply::Code(ResponseCode::ServFail),
        false => carrier(name, kind),
    })
    .await;
    let names = Names::new(Resolvers::Named(vec![server.address]));
    let now = Instant::now();
    names.want(now, &[wanted()]);
    names.refresh(now).await;
    let location = names.get(&wanted()).unwrap().location().cloned();
    assert!(location.is_some());

    broken.store(true, Ordering::Relaxed);
    names.refresh(now + Duration::from_secs(60)).await;
    let entry = names.get(&wanted()).unwrap();
    assert_eq!(entry.location().cloned(), location);
    assert!(entry.failing().is_some());
    assert!(names.next_due().is_some_and(|due| due > Instant::now()), "and it is asked again");
}

#[tokio::test]
async fn a_server_that_is_no_longer_wanted_is_asked_for_no_more() {
    let names = Names::new(Resolvers::System);
    names.want(Instant::now(), &[wanted()]);
    assert!(names.next_due().is_some());
    names.want(Instant::now(), &[]);
    assert_eq!(names.next_due(), None);
}
