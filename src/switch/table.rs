//! The trunks as the network sees them: whose datagram this is, and which slots are free.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::oncall::Phone;
use crate::sip::{Hop, Transport, TrunkProfile};
use crate::switch::addresses::Addresses;
use crate::switch::trunks::{Server, Trunk, host_address};

/// A trunk whose server's name has been looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The trunk.
    pub trunk: Trunk,
    /// The addresses of its server, at which our calls arrive. The first is used.
    pub servers: Vec<SocketAddr>,
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

/// All trunks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// In the order of the settings.
    pub trunks: Vec<Resolved>,
}

/// A trunk whose server cannot be found at the moment.
#[derive(Debug, thiserror::Error)]
#[error("trunk `{trunk}`: the server `{host}` was not found: {source}")]
pub struct NotFound {
    trunk: String,
    host: String,
    source: std::io::Error,
}

impl Table {
    /// Looks the trunks' servers up. Where that fails, the last known addresses stay in use. Blocks on DNS.
    pub fn resolve(
        trunks: &[Trunk],
        addresses: &Addresses,
        bound: &[Hop],
        last: &Table,
    ) -> (Self, Vec<NotFound>) {
        let mut failures = Vec::new();
        let mut resolved: Vec<_> = trunks
            .iter()
            .map(|trunk| {
                let servers = match trunk.server.as_ref().map(look_up).transpose() {
                    Ok(servers) => servers.unwrap_or_default(),
                    Err((host, source)) => {
                        failures.push(NotFound { trunk: trunk.name.clone(), host, source });
                        last.servers_of(&trunk.name)
                    }
                };
                let own = own(trunk, &servers, addresses, bound);
                Resolved { trunk: trunk.clone(), servers, own, retired: false }
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
        (Self { trunks }, failures)
    }

    /// The trunks of the settings.
    pub fn in_use(&self) -> Vec<Trunk> {
        let in_use = self.trunks.iter().filter(|known| !known.retired);
        in_use.map(|known| known.trunk.clone()).collect()
    }

    fn servers_of(&self, name: &str) -> Vec<SocketAddr> {
        let same = self.trunks.iter().find(|known| known.trunk.name == name);
        same.map(|known| known.servers.clone()).unwrap_or_default()
    }

    /// The trunk a datagram belongs to: the one with the narrowest source that holds its address.
    /// Nobody's datagrams get no answer at all.
    pub fn of_source(&self, source: IpAddr) -> Option<usize> {
        let source = source.to_canonical();
        let widths = self.trunks.iter().enumerate().filter_map(|(index, known)| {
            let is_server = known.servers.iter().any(|server| server.ip() == source);
            let networks = known.trunk.sources.iter().filter(|network| network.contains(&source));
            let narrowest = networks.map(|network| network.prefix_len()).max();
            let width = if is_server { Some(u8::MAX) } else { narrowest };
            width.map(|width| (!known.retired, width, std::cmp::Reverse(index)))
        });
        widths.max().map(|(_, _, std::cmp::Reverse(index))| index)
    }

    /// The first of the named trunks that may dial a phone, and the address it goes to.
    pub fn route(&self, names: &[String], phone: &Phone) -> Result<(usize, Hop), String> {
        let mut why = "no trunk of the hotline may dial it: see `destinations`".to_owned();
        for name in names {
            let Some((index, known)) = self.by_name(name) else { continue };
            if !known.trunk.may_dial(phone) {
                continue;
            }
            match next_hop(known, phone) {
                Some(hop) => return Ok((index, hop)),
                None => why = format!("the server of the trunk `{name}` is not known"),
            }
        }
        Err(why)
    }

    fn by_name(&self, name: &str) -> Option<(usize, &Resolved)> {
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
            let mut profile = TrunkProfile::new(known.own.contact, domain(known), codecs);
            profile.identity = known.trunk.identity.clone();
            profile.session_timer = known.trunk.session_timer;
            profile.reliable_provisional = known.trunk.reliable_provisional;
            profile.other_contacts = known.own.others.clone();
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

fn domain(known: &Resolved) -> String {
    if let Some(domain) = &known.trunk.account.domain {
        return domain.clone();
    }
    match &known.trunk.server {
        Some(server) if server.host.contains(':') => format!("[{}]", server.host),
        Some(server) => server.host.clone(),
        None => match known.own.contact.ip() {
            IpAddr::V6(address) => format!("[{address}]"),
            IpAddr::V4(address) => address.to_string(),
        },
    }
}

fn look_up(server: &Server) -> Result<Vec<SocketAddr>, (String, std::io::Error)> {
    match host_address(&server.host) {
        Some(address) => Ok(vec![SocketAddr::new(address, server.port())]),
        None => (server.host.as_str(), server.port())
            .to_socket_addrs()
            .map(|found| {
                // In a steady order, so that a name server that shuffles changes nothing.
                let mut found: Vec<_> = found.collect();
                found.sort_unstable();
                found
            })
            .map_err(|error| (server.host.clone(), error)),
    }
}

/// A number goes to the trunk's server; a SIP address too, or straight to its host where the trunk
/// has none.
fn next_hop(known: &Resolved, phone: &Phone) -> Option<Hop> {
    match (known.servers.first(), phone) {
        (Some(server), _) => Some(Hop { transport: transport(&known.trunk), addr: *server }),
        (None, Phone::Sip(address)) if known.trunk.server.is_none() => {
            let addr = SocketAddr::new(host_address(address.host())?, address.port().unwrap_or(5060));
            Some(Hop::udp(addr))
        }
        (None, _) => None,
    }
}

fn transport(trunk: &Trunk) -> Transport {
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

    fn table(trunks: Vec<(&str, Vec<&str>, Vec<&str>)>) -> Table {
        let trunks = trunks
            .into_iter()
            .map(|(name, sources, servers)| Resolved {
                trunk: Trunk {
                    sources: sources.into_iter().map(|source| source.parse().unwrap()).collect(),
                    ..Trunk::named(name)
                },
                servers: servers.into_iter().map(|server| server.parse().unwrap()).collect(),
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
            tls: None,
        };
        let (after, failures) = Table::resolve(&settings, &addresses, &addresses.listen, &before);
        assert!(failures.is_empty());
        let names: Vec<_> = after.trunks.iter().map(|known| known.trunk.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(after.of_source("10.0.0.1".parse().unwrap()), Some(2), "the new owner of the address");
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
