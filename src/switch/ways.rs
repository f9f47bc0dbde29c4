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
/// where nothing else is left they are tried all the same. None: why not.
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
        if known.retired || !known.trunk.may_dial(phone) {
            continue;
        }
        let hops = hops(known, phone, random);
        if hops.is_empty() {
            why = format!("the server of the trunk `{name}` is not known");
        }
        let down = health.is_down(trunk) || unregistered(trunk);
        for hop in hops {
            let way = Way { trunk, hop };
            if down || health.rests(now, trunk, hop) { dead.push(way) } else { live.push(way) }
        }
    }
    // Of those, first what rests on a trunk that is up otherwise.
    dead.sort_by_key(|way: &Way| health.is_down(way.trunk) || unregistered(way.trunk));
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
