//! The search, asked of a table of records instead of name servers.

use std::time::Duration;

use super::records::{Answer, Kind, Naptr, Question, Record, Srv};
use super::search::{NotFound, Search, Wanted, Way};
use super::{Found, Location};
use crate::sip::Transport;

const HOUR: Duration = Duration::from_secs(3600);

/// Zones by hand: what is not in it does not exist.
#[derive(Default)]
struct Zone(Vec<(Question, Answer)>);

impl Zone {
    fn with(mut self, name: &str, kind: Kind, answer: Answer) -> Self {
        self.0.push((Question::new(name, kind), answer));
        self
    }

    fn address(self, name: &str, addresses: &[&str]) -> Self {
        let records = addresses.iter().map(|address| Record::Address(address.parse().unwrap())).collect();
        self.with(name, Kind::A, Answer::Found(records, HOUR))
    }

    fn srv(self, name: &str, records: &[(u16, u16, u16, &str)]) -> Self {
        let record = |(priority, weight, port, target): &(u16, u16, u16, &str)| {
            let target = (*target).to_owned();
            Record::Srv(Srv { priority: *priority, weight: *weight, port: *port, target })
        };
        let records = records.iter().map(record).collect();
        self.with(name, Kind::Srv, Answer::Found(records, HOUR))
    }

    fn naptr(self, name: &str, records: &[(u16, &str, &str, &str)]) -> Self {
        let record = |(order, flags, service, replacement): &(u16, &str, &str, &str)| {
            Record::Naptr(Naptr {
                order: *order,
                preference: 0,
                flags: (*flags).to_owned(),
                service: (*service).to_owned(),
                replacement: (*replacement).to_owned(),
            })
        };
        let records = records.iter().map(record).collect();
        self.with(name, Kind::Naptr, Answer::Found(records, HOUR))
    }

    fn fails(self, name: &str, kind: Kind) -> Self {
        self.with(name, kind, Answer::Failed("SERVFAIL".to_owned()))
    }

    fn answer(&self, question: &Question) -> Answer {
        let known = self.0.iter().find(|(known, _)| known == question);
        known.map_or(Answer::Nothing(None), |(_, answer)| answer.clone())
    }

    /// Where a search ends, and everything it asked.
    fn search(&self, wanted: Wanted, had_services: bool) -> (Result<Found, NotFound>, Vec<String>) {
        let mut search = Search::new(wanted, had_services);
        let mut asked = Vec::new();
        loop {
            let questions = search.questions();
            asked.extend(questions.iter().map(ToString::to_string));
            let answers: Vec<_> = questions.iter().map(|question| self.answer(question)).collect();
            if let Some(found) = search.answered(&answers) {
                return (found, asked);
            }
            assert!(asked.len() < 100, "it comes to an end");
        }
    }

    fn found(&self, wanted: Wanted) -> Location {
        self.search(wanted, false).0.unwrap().location
    }
}

fn wanted(transport: Transport, port: Option<u16>) -> Wanted {
    Wanted { transport, host: "example.net".to_owned(), port, families: vec![Kind::A] }
}

fn addresses(location: &Location) -> Vec<String> {
    location.all().iter().map(ToString::to_string).collect()
}

#[test]
fn a_server_with_a_port_is_asked_for_its_addresses_alone() {
    let zone = Zone::default().address("example.net", &["10.0.0.2", "10.0.0.1"]);
    let (found, asked) = zone.search(wanted(Transport::Udp, Some(5080)), false);
    assert_eq!(asked, ["A example.net"]);
    assert_eq!(addresses(&found.unwrap().location), ["10.0.0.1:5080", "10.0.0.2:5080"]);
}

#[test]
fn without_naptr_and_srv_the_usual_port_of_the_transport_is_taken() {
    let zone = Zone::default().address("example.net", &["10.0.0.1"]);
    for (transport, port) in [(Transport::Udp, 5060), (Transport::Tcp, 5060), (Transport::Tls, 5061)] {
        let found = zone.found(wanted(transport, None));
        assert_eq!(addresses(&found), [format!("10.0.0.1:{port}")]);
        assert_eq!(found.way, Way::Address);
    }
}

#[test]
fn srv_is_asked_for_the_transport_of_the_settings_alone() {
    let zone = Zone::default()
        .srv("_sip._udp.example.net", &[(0, 1, 5070, "udp.example.net")])
        .srv("_sip._tcp.example.net", &[(0, 1, 5071, "tcp.example.net")])
        .srv("_sips._tcp.example.net", &[(0, 1, 5072, "tls.example.net")])
        .address("udp.example.net", &["10.0.0.1"])
        .address("tcp.example.net", &["10.0.0.2"])
        .address("tls.example.net", &["10.0.0.3"]);
    for (transport, address) in [
        (Transport::Udp, "10.0.0.1:5070"),
        (Transport::Tcp, "10.0.0.2:5071"),
        (Transport::Tls, "10.0.0.3:5072"),
    ] {
        let found = zone.found(wanted(transport, None));
        assert_eq!(addresses(&found), [address]);
        assert_eq!(found.way, Way::Srv);
    }
}

#[test]
fn naptr_leads_to_services_of_other_names_in_its_own_order() {
    let zone = Zone::default()
        .naptr(
            "example.net",
            &[
                (20, "S", "sip+d2t", "_sip._tcp.second.example"),
                (10, "s", "SIP+D2T", "_sip._tcp.first.example"),
                (1, "s", "SIP+D2U", "_sip._udp.first.example"),
                (1, "u", "SIP+D2T", "ignored.example"),
            ],
        )
        .srv("_sip._tcp.first.example", &[(50, 1, 5060, "a.example"), (10, 1, 5060, "b.example")])
        .srv("_sip._tcp.second.example", &[(0, 1, 5060, "c.example")])
        .srv("_sip._tcp.example.net", &[(0, 1, 5060, "d.example")])
        .address("a.example", &["10.0.0.1"])
        .address("b.example", &["10.0.0.2"])
        .address("c.example", &["10.0.0.3"])
        .address("d.example", &["10.0.0.4"]);
    let found = zone.found(wanted(Transport::Tcp, None));
    assert_eq!(addresses(&found), ["10.0.0.2:5060", "10.0.0.1:5060", "10.0.0.3:5060"]);
    assert_eq!(found.way, Way::Naptr);
}

#[test]
fn naptr_may_lead_straight_to_a_host() {
    let zone = Zone::default()
        .naptr("example.net", &[(10, "a", "SIP+D2U", "a.example")])
        .address("a.example", &["10.0.0.1"]);
    assert_eq!(addresses(&zone.found(wanted(Transport::Udp, None))), ["10.0.0.1:5060"]);
}

#[test]
fn a_name_server_that_fails_at_naptr_or_srv_keeps_nobody_from_the_address() {
    let zone = Zone::default()
        .fails("example.net", Kind::Naptr)
        .fails("_sip._udp.example.net", Kind::Srv)
        .address("example.net", &["10.0.0.1"]);
    assert_eq!(addresses(&zone.found(wanted(Transport::Udp, None))), ["10.0.0.1:5060"]);
}

#[test]
fn srv_that_was_there_and_cannot_be_asked_for_is_not_taken_for_its_absence() {
    let zone =
        Zone::default().fails("_sip._udp.example.net", Kind::Srv).address("example.net", &["10.0.0.1"]);
    let (found, _) = zone.search(wanted(Transport::Udp, None), true);
    assert_eq!(found, Err(NotFound::Failed("SRV of example.net: SERVFAIL".to_owned())));
}

#[test]
fn a_server_that_says_it_has_no_such_service_is_not_called_all_the_same() {
    let zone =
        Zone::default().srv("_sip._udp.example.net", &[(0, 0, 0, "")]).address("example.net", &["10.0.0.1"]);
    let (found, _) = zone.search(wanted(Transport::Udp, None), false);
    assert_eq!(found, Err(NotFound::Absent("example.net says that it takes no SIP over UDP".to_owned())));
}

#[test]
fn a_target_without_an_address_is_left_out_and_none_at_all_is_an_error() {
    let zone = Zone::default()
        .srv("_sip._udp.example.net", &[(0, 1, 5060, "gone.example"), (1, 1, 5060, "there.example")])
        .address("there.example", &["10.0.0.1"]);
    assert_eq!(addresses(&zone.found(wanted(Transport::Udp, None))), ["10.0.0.1:5060"]);
    let (nothing, _) = Zone::default().search(wanted(Transport::Udp, None), false);
    assert_eq!(nothing, Err(NotFound::Absent("example.net has no address".to_owned())));
}

#[test]
fn the_shortest_life_of_all_records_counts() {
    let short = Answer::Found(vec![Record::Address("10.0.0.1".parse().unwrap())], Duration::from_secs(30));
    let zone = Zone::default().srv("_sip._udp.example.net", &[(0, 1, 5060, "a.example")]).with(
        "a.example",
        Kind::A,
        short,
    );
    let (found, _) = zone.search(wanted(Transport::Udp, None), false);
    assert_eq!(found.unwrap().lives, Duration::from_secs(30));
}

#[test]
fn an_answer_without_end_is_cut() {
    let many: Vec<String> = (0..100).map(|number| format!("host{number}.example")).collect();
    let records: Vec<_> = many.iter().map(|host| (0, 1, 5060, host.as_str())).collect();
    let addresses: Vec<String> = (0..100).map(|number| format!("10.0.0.{number}")).collect();
    let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
    let mut zone = Zone::default().srv("_sip._udp.example.net", &records);
    for host in &many {
        zone = zone.address(host, &addresses);
    }
    let found = zone.found(wanted(Transport::Udp, None));
    assert_eq!(found.targets.len(), 16);
    assert!(found.targets.iter().all(|target| target.addresses.len() == 8));
}

#[test]
fn both_families_are_asked_for_where_both_can_be_reached_the_preferred_one_first() {
    let v6 = Answer::Found(vec![Record::Address("2001:db8::1".parse().unwrap())], HOUR);
    let zone = Zone::default().address("example.net", &["10.0.0.1"]).with("example.net", Kind::Aaaa, v6);
    let mut dual = wanted(Transport::Udp, Some(5060));
    dual.families = vec![Kind::Aaaa, Kind::A];
    assert_eq!(addresses(&zone.found(dual)), ["[2001:db8::1]:5060", "10.0.0.1:5060"]);
}

#[test]
fn a_name_server_that_shuffles_changes_nothing() {
    let found = |records: &[(u16, u16, u16, &str)]| {
        let mut zone = Zone::default().srv("_sip._udp.example.net", records);
        for (number, (.., host)) in (1..).zip([(0, 0, 0, "a"), (0, 0, 0, "b"), (0, 0, 0, "c")]) {
            zone = zone.address(host, &[&format!("10.0.0.{number}")]);
        }
        zone.found(wanted(Transport::Udp, None))
    };
    let one = [(0, 5, 5060, "a"), (0, 5, 5060, "b"), (0, 9, 5060, "c")];
    let other = [one[2], one[1], one[0]];
    assert_eq!(found(&one), found(&other));
    assert_eq!(addresses(&found(&one))[0], "10.0.0.3:5060", "the heaviest first");
}
