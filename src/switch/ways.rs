//! In which ways a phone can be dialled: over which trunk, at which of its servers, and in which order.

use std::time::Instant;

use rand::Rng;

use crate::oncall::Phone;
use crate::sip::Hop;
use crate::switch::health::Health;
use crate::switch::table::{Resolved, Table, transport};
use crate::switch::trunks::host_address;

/// The most ways tried for one phone: somebody waits on the line.
const MOST: usize = 6;
/// The most of them that are known not to answer.
const MOST_DEAD: usize = 2;

/// One way to dial a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// The trunk's place in the table.
    pub trunk: usize,
    /// The server.
    pub hop: Hop,
}

/// The ways to dial a phone over the named trunks, the best first. Trunks come in the order in which they are
/// named, a trunk's servers in the order of their records. Those that are known not to answer come last:
/// where nothing else is left they are tried all the same, and so is a trunk that has left the settings: the
/// call began with it, and somebody waits. None: why not.
pub fn ways(
    table: &Table,
    names: &[String],
    phone: &Phone,
    now: Instant,
    health: &Health,
    unregistered: impl Fn(usize) -> bool,
    random: &mut impl Rng,
) -> Result<Vec<Way>, String> {
    let mut why = "no trunk of the hotline may dial it: see `destinations`".to_owned();
    let (mut live, mut dead) = (Vec::new(), Vec::new());
    for name in names {
        let Some((trunk, known)) = table.by_name(name) else { continue };
        if !known.trunk.may_dial(phone) {
            continue;
        }
        let hops = hops(known, phone, random);
        if hops.is_empty() {
            why = format!("the server of the trunk `{name}` is not known");
        }
        let down = known.retired || health.is_down(trunk) || unregistered(trunk);
        for hop in hops {
            let way = Way { trunk, hop };
            if down || health.rests(now, trunk, hop) { dead.push(way) } else { live.push(way) }
        }
    }
    // Of those, first what rests on a trunk that is up otherwise.
    let retired = |trunk: usize| table.trunks.get(trunk).is_none_or(|known| known.retired);
    dead.sort_by_key(|way: &Way| (retired(way.trunk), health.is_down(way.trunk) || unregistered(way.trunk)));
    dead.truncate(MOST_DEAD);
    live.truncate(MOST.saturating_sub(dead.len()));
    live.append(&mut dead);
    if live.is_empty() { Err(why) } else { Ok(live) }
}

/// A number goes to the trunk's server; a SIP address too, or straight to its host where the trunk
/// has none.
fn hops(known: &Resolved, phone: &Phone, random: &mut impl Rng) -> Vec<Hop> {
    let transport = transport(&known.trunk);
    match (&known.location, phone) {
        (Some(location), _) => {
            let registers = known.trunk.account.registration.is_some();
            // Calls go where we are registered: to the first of those that live, as the registration does.
            let addresses = if registers { location.all() } else { location.draw(random) };
            addresses.into_iter().map(|addr| Hop { transport, addr }).collect()
        }
        (None, Phone::Sip(address)) if known.trunk.server.is_none() => {
            let to = host_address(address.host()).map(|host| (host, address.port().unwrap_or(5060)));
            to.map(|to| Hop::udp(to.into())).into_iter().collect()
        }
        (None, _) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::switch::addresses::Addresses;
    use crate::switch::location::{Location, Names, Resolvers, Target, Way as FoundBy};
    use crate::switch::trunks::{Destination, Server, Trunk};

    /// Two trunks with servers in 10.0.1.0/24 and 10.0.2.0/24, so many each.
    fn table(servers: [u8; 2]) -> Table {
        let trunk = |(number, count): (u8, u8)| {
            let host = format!("{number}.example");
            let server = Server { transport: crate::sip::Transport::Udp, host: host.clone(), port: None };
            let destinations = vec![Destination::Prefix("+49".to_owned())];
            let trunk = Trunk { server: Some(server), destinations, ..Trunk::named(number.to_string()) };
            let target = |rank: u8| Target {
                rank: u32::from(rank),
                weight: 1,
                host: host.clone(),
                port: 5060,
                addresses: vec![[10, 0, number, rank].into()],
            };
            (trunk, Location { targets: (1..=count).map(target).collect(), way: FoundBy::Srv })
        };
        let found: Vec<_> = [(1, servers[0]), (2, servers[1])].into_iter().map(trunk).collect();
        let addresses = Addresses {
            listen: Vec::new(),
            public_address: None,
            media_ports: 20000..=20003,
            media_threads: 1,
            tls: None,
            resolvers: Resolvers::System,
        };
        let trunks: Vec<_> = found.iter().map(|(trunk, _)| trunk.clone()).collect();
        let mut table = Table::resolve(&trunks, &addresses, &[], &Table::default(), &Names::default());
        for (known, (_, location)) in table.trunks.iter_mut().zip(found) {
            known.location = Some(location);
        }
        table
    }

    /// The last two parts of each address, in the order in which they are tried.
    fn order(table: &Table, health: &Health, unregistered: &[usize]) -> Vec<String> {
        let names = ["1".to_owned(), "2".to_owned()];
        let phone = Phone::parse("+4915112345").unwrap();
        let lost = |trunk| unregistered.contains(&trunk);
        let mut random = StdRng::seed_from_u64(1);
        let ways = ways(table, &names, &phone, Instant::now(), health, lost, &mut random).unwrap();
        ways.iter().map(|way| way.hop.addr.ip().to_string().trim_start_matches("10.0.").to_owned()).collect()
    }

    fn hop(trunk: u8, rank: u8) -> Hop {
        Hop::udp(std::net::SocketAddr::from(([10, 0, trunk, rank], 5060)))
    }

    #[test]
    fn a_trunks_servers_come_by_rank_and_trunks_as_they_are_named() {
        assert_eq!(order(&table([2, 2]), &Health::default(), &[]), ["1.1", "1.2", "2.1", "2.2"]);
    }

    #[test]
    fn what_does_not_answer_comes_last_and_is_still_tried() {
        let mut health = Health::default();
        health.failed(Instant::now(), 0, hop(1, 1), false);
        assert_eq!(order(&table([2, 1]), &health, &[]), ["1.2", "2.1", "1.1"]);
        assert_eq!(order(&table([1, 1]), &health, &[1]), ["1.1", "2.1"], "nothing else is left");
    }

    #[test]
    fn a_trunk_that_does_not_register_us_gives_way() {
        assert_eq!(order(&table([1, 1]), &Health::default(), &[0]), ["2.1", "1.1"]);
    }

    #[test]
    fn a_call_that_began_with_a_trunk_may_dial_over_it_when_it_has_left_the_settings() {
        let mut table = table([1, 1]);
        table.trunks[0].retired = true;
        assert_eq!(order(&table, &Health::default(), &[]), ["2.1", "1.1"]);
        table.trunks[1].retired = true;
        assert_eq!(order(&table, &Health::default(), &[]), ["1.1", "2.1"]);
    }

    #[test]
    fn nobody_waits_for_ever() {
        let mut health = Health::default();
        assert_eq!(order(&table([8, 8]), &health, &[]).len(), MOST);
        (1..=8).for_each(|rank| health.failed(Instant::now(), 0, hop(1, rank), false));
        assert_eq!(order(&table([8, 0]), &health, &[]).len(), MOST_DEAD);
    }

    #[test]
    fn a_rest_is_over_some_day() {
        let mut health = Health::default();
        let long_ago = Instant::now().checked_sub(Duration::from_secs(61)).unwrap();
        health.failed(long_ago, 0, hop(1, 1), false);
        assert_eq!(order(&table([1, 1]), &health, &[]), ["1.1", "2.1"]);
    }

    #[test]
    fn a_phone_that_no_trunk_may_dial_has_no_way_and_it_is_said_why() {
        let phone = Phone::parse("+4315112345").unwrap();
        let names = ["1".to_owned()];
        let (table, health) = (table([1, 1]), Health::default());
        let found =
            ways(&table, &names, &phone, Instant::now(), &health, |_| false, &mut StdRng::seed_from_u64(1));
        assert!(found.unwrap_err().contains("destinations"));
    }
}
