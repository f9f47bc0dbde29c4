//! What is dropped unanswered: counted, and told once a minute.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How often the counts are told.
const EACH: Duration = Duration::from_secs(60);

/// The counts of what was dropped.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<Counts>);

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    datagrams: u64,
    connections: u64,
    beyond_limit: u64,
    told: Option<Instant>,
}

impl Strangers {
    /// A datagram of an address that belongs to no trunk.
    pub(super) fn datagram(&self, from: SocketAddr) {
        self.count(from, |counts| counts.datagrams = counts.datagrams.saturating_add(1));
    }

    /// A connection of an address that belongs to no trunk.
    pub(super) fn connection(&self, from: SocketAddr) {
        self.count(from, |counts| counts.connections = counts.connections.saturating_add(1));
    }

    /// A message or connection of a trunk's address that has had more than its share.
    pub(super) fn beyond_limit(&self, from: SocketAddr) {
        self.count(from, |counts| counts.beyond_limit = counts.beyond_limit.saturating_add(1));
    }

    fn count(&self, from: SocketAddr, one_more: impl FnOnce(&mut Counts)) {
        // A poisoned count is not worth a call.
        let Ok(mut counts) = self.0.lock() else { return };
        one_more(&mut counts);
        let now = Instant::now();
        if counts.told.is_some_and(|told| now.saturating_duration_since(told) < EACH) {
            return;
        }
        let Counts { datagrams, connections, beyond_limit, .. } = *counts;
        *counts = Counts { told: Some(now), ..Counts::default() };
        drop(counts);
        if datagrams > 0 || connections > 0 {
            tracing::info!(datagrams, connections, last = %from, "dropped: from addresses of no trunk");
        }
        if beyond_limit > 0 {
            tracing::warn!(count = beyond_limit, last = %from, "dropped: a trunk's address sends too much");
        }
    }
}
