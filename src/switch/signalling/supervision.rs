//! Which trunks answer: pings that are due, what comes of them, and who hears of it.

use std::time::Instant;

use super::Signalling;
use super::registrations::Registered;
use crate::sip::Hop;
use crate::switch::health::{Change, State};
use crate::switch::table::transport;
use crate::switch::ways::Way;

impl Signalling {
    /// Whether a trunk is tried only where nothing else is left.
    pub(super) fn is_passed_over(&self, trunk: usize) -> bool {
        self.health.is_down(trunk) || self.is_unregistered(trunk)
    }

    /// Whether a trunk has refused our registration, or it could not be refreshed.
    pub(super) fn is_unregistered(&self, trunk: usize) -> bool {
        let table = &self.standing.borrow().table;
        let registers =
            table.trunks.get(trunk).is_some_and(|known| known.trunk.account.registration.is_some());
        registers && matches!(self.registrations.get(trunk), Some(Registered::Not { .. }))
    }

    /// The settings name these trunks from now on.
    pub(super) fn watch_trunks(&mut self, now: Instant) {
        let table = self.standing.borrow().table.clone();
        for (trunk, known) in table.trunks.iter().enumerate() {
            match known.retired {
                true => self.health.forget(trunk),
                false => self.health.watch(now, trunk, known.trunk.ping),
            }
        }
    }

    /// Sends the pings that are due.
    pub(super) fn ping(&mut self, now: Instant) {
        let table = self.standing.borrow().table.clone();
        let servers = |trunk: usize| {
            let Some(known) = table.trunks.get(trunk) else { return Vec::new() };
            let transport = transport(&known.trunk);
            known.servers.iter().map(|addr| Hop { transport, addr: *addr }).collect()
        };
        for (trunk, hop) in self.health.due(now, servers) {
            self.endpoint.ping(now, trunk, hop);
        }
    }

    /// A ping has come to its end.
    pub(super) fn pinged(&mut self, trunk: usize, hop: Hop, status: Option<u16>) {
        let change = self.health.pinged(Instant::now(), trunk, hop, status);
        self.tell_change(change);
        self.asked_ping_done(trunk, hop, status);
    }

    /// Something has come back from where a call went.
    pub(super) fn way_is_alive(&mut self, way: Way) {
        let change = self.health.worked(Instant::now(), way.trunk, way.hop);
        self.tell_change(change);
    }

    fn tell_change(&self, change: Option<Change>) {
        let Some(Change { trunk, state, why }) = change else { return };
        let trunk = self.trunk_name(trunk);
        match state {
            State::Down => tracing::error!(
                trunk,
                "ALARM: the trunk is down: {why}. Calls go out over the hotline's other trunks, if it has any"
            ),
            State::Up | State::Unknown => tracing::info!(trunk, "the trunk is up: {why}"),
        }
    }
}
