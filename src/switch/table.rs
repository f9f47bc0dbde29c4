//! The trunks as the network sees them: whose datagram this is, and which slots are free.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::sip::{Hop, Transport, TrunkProfile};
use crate::switch::addresses::Addresses;
use crate::switch::location::{Kind, Location, Names, Wanted};
use crate::switch::trunks::{Trunk, host_address};

/// A trunk whose server's name has been looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The trunk.
    pub trunk: Trunk,
    /// Where its server is, as far as is known.
    pub location: Option<Location>,
    /// The addresses of its server, at which our calls arrive.
    pub servers: Vec<SocketAddr>,
    /// Addresses that were its server's not long ago: calls that began there may end there.
    pub former: Vec<IpAddr>,
    /// Our own addresses as this trunk sees them.
    pub own: Own,
    /// No longer in the settings: kept for the calls that still run over it.
    pub retired: bool,
}

/// Our own addresses as a trunk sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// By the trunk's own transport.
    pub contact: SocketAddr,
    /// By the others.
    pub others: Vec<(Transport, SocketAddr)>,
    /// The place among the listeners of the one whose socket sends datagrams to it.
    pub socket: Option<usize>,
    /// Where connections to it begin, if not anywhere.
    pub bind: Option<IpAddr>,
}

impl Resolved {
    /// How sure it is that an address is this trunk's: the more the higher. Nothing: it is not.
    fn width(&self, source: IpAddr) -> Option<u8> {
        if self.servers.iter().any(|server| server.ip() == source) {
            return Some(u8::MAX);
        }
        if self.former.contains(&source) {
            return Some(u8::MAX - 1);
        }
        let networks = self.trunk.sources.iter().filter(|network| network.contains(&source));
        networks.map(|network| network.prefix_len()).max()
    }

    /// The host part of URIs with numbers.
    pub(super) fn domain(&self) -> String {
        if let Some(domain) = &self.trunk.account.domain {
            return domain.clone();
        }
        match &self.trunk.server {
            Some(server) if server.host.contains(':') => format!("[{}]", server.host),
            Some(server) => server.host.clone(),
            None => match self.own.contact.ip() {
                IpAddr::V6(address) => format!("[{address}]"),
                IpAddr::V4(address) => address.to_string(),
            },
        }
    }
}

/// All trunks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// In the order of the settings.
    pub trunks: Vec<Resolved>,
}

impl Table {
    /// The trunks with what is known of their servers' names. Asks nobody.
    pub fn resolve(
        trunks: &[Trunk],
        addresses: &Addresses,
        bound: &[Hop],
        last: &Table,
        names: &Names,
    ) -> Self {
        let mut resolved: Vec<_> = trunks
            .iter()
            .map(|trunk| {
                let (location, former) = located(trunk, bound, names);
                let servers = location.as_ref().map(Location::all).unwrap_or_default();
                let own = own(trunk, &servers, addresses, bound);
                Resolved { trunk: trunk.clone(), location, servers, former, own, retired: false }
            })
            .collect();
        // Running calls know their trunk by its place: places stay.
        let mut trunks: Vec<_> = last
            .trunks
            .iter()
            .map(|old| match resolved.iter().position(|new| new.trunk.name == old.trunk.name) {
                Some(at) => resolved.remove(at),
                None => Resolved { retired: true, ..old.clone() },
            })
            .collect();
        trunks.append(&mut resolved);
        Self { trunks }
    }

    /// The trunks of the settings.
    pub fn in_use(&self) -> Vec<Trunk> {
        let in_use = self.trunks.iter().filter(|known| !known.retired);
        in_use.map(|known| known.trunk.clone()).collect()
    }

    /// The trunk a datagram belongs to: the one with the narrowest source that holds its address.
    /// Nobody's datagrams get no answer at all.
    pub fn of_source(&self, source: IpAddr) -> Option<usize> {
        let source = source.to_canonical();
        let widths = self.trunks.iter().enumerate().filter_map(|(index, known)| {
            let width = known.width(source)?;
            Some((!known.retired, width, std::cmp::Reverse(index)))
        });
        widths.max().map(|(_, _, std::cmp::Reverse(index))| index)
    }

    /// All trunks that an address may be of.
    pub fn sharing(&self, source: IpAddr) -> Vec<usize> {
        let source = source.to_canonical();
        let known = self.trunks.iter().enumerate();
        known.filter(|(_, known)| known.width(source).is_some()).map(|(index, _)| index).collect()
    }

    /// A trunk and its place.
    pub fn by_name(&self, name: &str) -> Option<(usize, &Resolved)> {
        self.trunks.iter().enumerate().find(|(_, known)| known.trunk.name == name)
    }

    /// How many dialogs a trunk carries: none, where it is not known.
    pub fn max_calls(&self, name: &str) -> usize {
        self.by_name(name).map_or(0, |(_, known)| known.trunk.max_calls)
    }

    /// What the SIP endpoint needs to know of each trunk.
    pub fn profiles(&self) -> Vec<TrunkProfile> {
        let profile = |known: &Resolved| {
            let codecs = known.trunk.codecs.clone();
            let mut profile = TrunkProfile::new(known.own.contact, known.domain(), codecs);
            profile.srtp = known.trunk.srtp;
            profile.identity = known.trunk.identity.clone();
            profile.session_timer = known.trunk.session_timer;
            profile.reliable_provisional = known.trunk.reliable_provisional;
            profile.other_contacts = known.own.others.clone();
            profile.calls_per_second = Some(known.trunk.calls_per_second);
            known.trunk.account.dress(&mut profile, hops(known));
            profile
        };
        self.trunks.iter().map(profile).collect()
    }
}

/// Where our requests go, the best first; nowhere, once the trunk is no longer in the settings.
fn hops(known: &Resolved) -> Option<Vec<Hop>> {
    let transport = transport(&known.trunk);
    (!known.retired).then(|| known.servers.iter().map(|addr| Hop { transport, addr: *addr }).collect())
}

/// The names that have to be looked up.
pub fn wanted(trunks: &[Trunk], bound: &[Hop]) -> Vec<Wanted> {
    trunks.iter().filter_map(|trunk| name_of(trunk, bound)).collect()
}

/// What to look up for a trunk; nothing where its address is written.
fn name_of(trunk: &Trunk, bound: &[Hop]) -> Option<Wanted> {
    let server = trunk.server.as_ref().filter(|server| server.is_name())?;
    let families = families(server.transport, bound);
    Some(Wanted { transport: server.transport, host: server.host.clone(), port: server.port, families })
}

/// The families of addresses that we can speak to: those we listen with, in that order. A connection
/// needs no listener.
fn families(transport: Transport, bound: &[Hop]) -> Vec<Kind> {
    let mut families: Vec<Kind> = Vec::new();
    let listeners = bound.iter().filter(|own| transport.is_reliable() || own.transport == transport);
    let kinds = listeners.map(|own| if own.addr.is_ipv4() { Kind::A } else { Kind::Aaaa });
    let others = [Kind::A, Kind::Aaaa].into_iter().filter(|_| transport.is_reliable());
    for kind in kinds.chain(others) {
        if !families.contains(&kind) {
            families.push(kind);
        }
    }
    if families.is_empty() { vec![Kind::A] } else { families }
}

fn located(trunk: &Trunk, bound: &[Hop], names: &Names) -> (Option<Location>, Vec<IpAddr>) {
    let Some(server) = &trunk.server else { return (None, Vec::new()) };
    if let Some(address) = host_address(&server.host) {
        return (Some(Location::literal(SocketAddr::new(address, server.port()))), Vec::new());
    }
    let entry = name_of(trunk, bound).and_then(|wanted| names.get(&wanted));
    match entry {
        Some(entry) => (entry.location().cloned(), entry.former()),
        None => (None, Vec::new()),
    }
}

/// How a trunk's server is spoken to.
pub fn transport(trunk: &Trunk) -> Transport {
    trunk.server.as_ref().map_or(Transport::Udp, |server| server.transport)
}

/// Our own addresses towards a trunk, for each transport: the public one if it is set, else the local
/// address from which the system would reach it; and the port of the listener. A transport that is not
/// listened for goes by the connections we open: it is given the port of the first listener, for there is
/// none to be reached at.
fn own(trunk: &Trunk, servers: &[SocketAddr], addresses: &Addresses, bound: &[Hop]) -> Own {
    let towards = servers
        .first()
        .copied()
        .or_else(|| trunk.sources.first().map(|network| SocketAddr::new(network.addr(), 5060)));
    let same_family = |own: &Hop| towards.is_none_or(|towards| towards.is_ipv4() == own.addr.is_ipv4());
    let listener = |transport: Transport| {
        let by_it = |own: &Hop| own.transport == transport;
        let place = bound.iter().position(|own| by_it(own) && same_family(own));
        place.or_else(|| bound.iter().position(by_it))
    };
    let any = bound.iter().find(|own| same_family(own)).or(bound.first());
    let address = |own: IpAddr| match addresses.public_address {
        Some(public) => public,
        None if own.is_unspecified() => towards.and_then(local_towards).unwrap_or(own),
        None => own,
    };
    let contact = |transport: Transport| {
        let own = listener(transport).and_then(|place| bound.get(place)).or(any);
        own.map(|own| SocketAddr::new(address(own.addr.ip()), own.addr.port()))
    };
    let main = transport(trunk);
    let others = [Transport::Udp, Transport::Tcp, Transport::Tls].into_iter().filter(|other| *other != main);
    Own {
        contact: contact(main).unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 5060))),
        others: others.filter_map(|other| Some((other, contact(other)?))).collect(),
        socket: listener(Transport::Udp),
        bind: any.map(|own| own.addr.ip()).filter(|own| !own.is_unspecified()),
    }
}

/// The local address the system uses towards another. Sends nothing.
fn local_towards(to: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr =
        if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { (IpAddr::from([0_u16; 8]), 0).into() };
    let probe = UdpSocket::bind(any).ok()?;
    probe.connect(to).ok()?;
    Some(probe.local_addr().ok()?.ip())
}

/// Dialogs in use on each trunk, by name, so that they survive a reload.
#[derive(Debug, Clone, Default)]
pub struct Slots(Arc<Mutex<HashMap<String, usize>>>);

/// Slots held by a call.
#[derive(Debug)]
pub struct HeldSlots {
    slots: Slots,
    trunks: Vec<String>,
}

impl Slots {
    /// Takes a slot for the caller and one for a responder, or neither.
    pub fn take(&self, wanted: &[(&str, usize)]) -> Option<HeldSlots> {
        let mut counts = self.counts();
        let needed = |name: &str| wanted.iter().filter(|(other, _)| *other == name).count();
        let fits = wanted
            .iter()
            .all(|(name, limit)| counts.get(*name).copied().unwrap_or(0) + needed(name) <= *limit);
        if !fits {
            return None;
        }
        for (name, _) in wanted {
            *counts.entry((*name).to_owned()).or_default() += 1;
        }
        let trunks = wanted.iter().map(|(name, _)| (*name).to_owned()).collect();
        Some(HeldSlots { slots: self.clone(), trunks })
    }

    /// Takes one slot if another one is left beside it.
    pub fn take_spare(&self, name: &str, limit: usize) -> Option<HeldSlots> {
        self.take(&[(name, limit.saturating_sub(1))])
    }

    /// How many of a trunk are taken.
    pub fn used(&self, trunk: &str) -> usize {
        self.counts().get(trunk).copied().unwrap_or(0)
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeldSlots {
    /// The trunk on which a responder's slot is held.
    pub fn outbound(&self) -> Option<&str> {
        self.trunks.last().map(String::as_str)
    }
}

impl Drop for HeldSlots {
    fn drop(&mut self) {
        let mut counts = self.slots.counts();
        for name in &self.trunks {
            if let Some(count) = counts.get_mut(name) {
                *count = count.saturating_sub(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::location::Resolvers;

    fn table(trunks: Vec<(&str, Vec<&str>, Vec<&str>)>) -> Table {
        let trunks = trunks
            .into_iter()
            .map(|(name, sources, servers)| Resolved {
                trunk: Trunk {
                    sources: sources.into_iter().map(|source| source.parse().unwrap()).collect(),
                    ..Trunk::named(name)
                },
                location: None,
                servers: servers.into_iter().map(|server| server.parse().unwrap()).collect(),
                former: Vec::new(),
                own: Own {
                    contact: "127.0.0.1:5060".parse().unwrap(),
                    others: Vec::new(),
                    socket: Some(0),
                    bind: None,
                },
                retired: false,
            })
            .collect();
        Table { trunks }
    }

    #[test]
    fn a_datagram_belongs_to_the_narrowest_source_and_a_strangers_to_nobody() {
        let table = table(vec![
            ("wide", vec!["10.0.0.0/8"], vec![]),
            ("narrow", vec!["10.1.0.0/16"], vec![]),
            ("server", vec![], vec!["10.1.2.3:5060"]),
        ]);
        let of = |address: &str| table.of_source(address.parse().unwrap());
        assert_eq!(of("10.9.9.9"), Some(0));
        assert_eq!(of("10.1.9.9"), Some(1));
        assert_eq!(of("10.1.2.3"), Some(2));
        assert_eq!(of("::ffff:10.1.2.3"), Some(2), "an IPv4 source on a dual-stack socket");
        assert_eq!(of("192.0.2.1"), None);
        assert_eq!(table.sharing("::ffff:10.1.2.3".parse().unwrap()), [0, 1, 2]);
        assert_eq!(table.sharing("192.0.2.1".parse().unwrap()), [] as [usize; 0]);
    }

    #[test]
    fn an_address_that_was_a_servers_still_counts_unless_it_is_now_anothers() {
        let mut table =
            table(vec![("a", vec![], vec!["10.0.0.1:5060"]), ("b", vec![], vec!["10.0.0.2:5060"])]);
        table.trunks[0].former = vec!["10.0.0.2".parse().unwrap(), "10.0.0.3".parse().unwrap()];
        assert_eq!(table.of_source("10.0.0.3".parse().unwrap()), Some(0));
        assert_eq!(table.of_source("10.0.0.2".parse().unwrap()), Some(1));
    }

    #[test]
    fn datagrams_go_to_the_families_we_listen_with_and_connections_to_both() {
        let bound = [Hop::udp("[::]:5060".parse().unwrap()), Hop::udp("0.0.0.0:5060".parse().unwrap())];
        assert_eq!(families(Transport::Udp, &bound), [Kind::Aaaa, Kind::A]);
        assert_eq!(families(Transport::Udp, &bound[1..]), [Kind::A]);
        assert_eq!(families(Transport::Tls, &bound[..1]), [Kind::Aaaa, Kind::A]);
        assert_eq!(families(Transport::Udp, &[]), [Kind::A]);
    }

    #[test]
    fn a_reload_leaves_running_calls_their_trunk() {
        let before = table(vec![("a", vec!["10.0.0.1/32"], vec![]), ("b", vec!["10.0.0.2/32"], vec![])]);
        let after = table(vec![("c", vec!["10.0.0.1/32"], vec![]), ("b", vec!["10.0.0.2/32"], vec![])]);
        let settings: Vec<Trunk> = after.trunks.into_iter().map(|known| known.trunk).collect();
        let addresses = Addresses {
            listen: vec![Hop::udp("127.0.0.1:5060".parse().unwrap())],
            public_address: None,
            media_ports: 20000..=20003,
            media_threads: 1,
            tls: None,
            resolvers: Resolvers::System,
        };
        let names = Names::default();
        let after = Table::resolve(&settings, &addresses, &addresses.listen, &before, &names);
        let names: Vec<_> = after.trunks.iter().map(|known| known.trunk.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(after.of_source("10.0.0.1".parse().unwrap()), Some(2), "the new owner of the address");
    }

    #[test]
    fn what_gives_way_to_callers_leaves_a_slot_for_one_to_come_in() {
        let slots = Slots::default();
        let spare = slots.take_spare("carrier", 2);
        assert!(spare.is_some());
        assert!(slots.take_spare("carrier", 2).is_none());
        assert!(slots.take(&[("carrier", 2)]).is_some());
    }

    #[test]
    fn a_caller_is_let_in_only_with_a_slot_for_a_responder() {
        let slots = Slots::default();
        let first = slots.take(&[("carrier", 3), ("carrier", 3)]);
        assert!(first.is_some());
        assert!(slots.take(&[("carrier", 3), ("carrier", 3)]).is_none());
        drop(first);
        assert!(slots.take(&[("carrier", 3), ("carrier", 3)]).is_some());
    }
}
