//! How the trunks stand, for whoever asks: `doctor` and what shows states to people.

use std::sync::{Arc, Weak};

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use crate::call::plan::Snapshot;
use crate::sip::Hop;
use crate::switch::health::State;
use crate::switch::location::Names;
use crate::switch::signalling::{Ask, Standing};
use crate::switch::spend::Used;
use crate::switch::table;
use crate::switch::trunks::Trunk;

/// Tells how things stand, for as long as the switch is there, and keeps nothing of it alive.
#[derive(Debug, Clone)]
pub struct Reporter {
    pub(super) asks: mpsc::UnboundedSender<Ask>,
    pub(super) names: Names,
    pub(super) standing: Weak<watch::Sender<Standing>>,
    pub(super) listening: Vec<Hop>,
}

impl Reporter {
    /// How the trunks stand; with `ping`, what their servers answer just now, which takes six seconds at
    /// most. Nothing: the signalling has broken, or ended.
    pub fn report(self, ping: bool) -> impl Future<Output = Option<Vec<TrunkReport>>> + Send + 'static {
        let (reply, answer) = oneshot::channel();
        let asked = self.asks.send(Ask { ping, reply });
        async move {
            asked.ok()?;
            let mut reports = answer.await.ok()?;
            let (trunks, _) = self.standing()?;
            for report in &mut reports {
                let trunk = trunks.iter().find(|trunk| trunk.name == report.trunk);
                let wanted = trunk.map(|trunk| table::wanted(std::slice::from_ref(trunk), &self.listening));
                let entry = wanted.and_then(|wanted| self.names.get(wanted.first()?));
                report.lookup_error = entry.and_then(|entry| Some(entry.failing()?.to_string()));
            }
            Some(reports)
        }
    }

    /// The trunks in use, hotlines and people, as they are now. Nothing: the switch has ended.
    pub fn standing(&self) -> Option<(Vec<Trunk>, Arc<Snapshot>)> {
        let standing = self.standing.upgrade()?;
        let standing = standing.borrow();
        Some((standing.table.in_use(), standing.snapshot.clone()))
    }
}

/// How one trunk stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkReport {
    /// Its name.
    pub trunk: String,
    /// Its server as it is written, if it has one.
    pub server: Option<String>,
    /// What led to the server's addresses: `NAPTR`, `SRV`, `A/AAAA`, `hosts file`, `address`.
    pub found_by: Option<String>,
    /// The hosts that take its calls, with their addresses, the first choice first.
    pub targets: Vec<TargetReport>,
    /// Why name servers gave no answer the last time, if they did not.
    pub lookup_error: Option<String>,
    /// How often its servers are pinged, in seconds; nothing: never.
    pub ping_s: Option<u64>,
    /// What is thought of it.
    pub state: State,
    /// Since when, in seconds.
    pub state_for_s: u64,
    /// Why.
    pub why: String,
    /// How its registration stands, where the settings want one.
    pub registration: Option<RegistrationReport>,
    /// Legs in use, both directions.
    pub calls: usize,
    /// How many there may be.
    pub max_calls: usize,
    /// The limits that are set, and how much of each is used.
    pub limits: Vec<Used>,
    /// What has been wrong with the audio of its calls since the start.
    #[serde(default)]
    pub audio: AudioTroubles,
    /// What its servers answered to a ping just now, where that was asked for.
    pub pings: Vec<PingReport>,
}

/// Legs whose audio was not whole, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioTroubles {
    /// Nothing came in the first 10 s.
    pub never_any: u64,
    /// In a bridge one side was heard and the other was not.
    pub one_way: u64,
    /// The phone reported that nothing of ours arrives.
    pub nothing_arrives: u64,
    /// Audio came, and then no more for 20 s.
    pub silent: u64,
}

/// One host that takes calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetReport {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its rank: the lowest is tried first.
    pub rank: u32,
    /// Its share among equal ranks.
    pub weight: u16,
    /// Its addresses.
    pub addresses: Vec<String>,
}

/// A registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationReport {
    /// Whether there is one.
    pub registered: bool,
    /// For how long, or why not.
    pub detail: String,
}

/// A ping and its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingReport {
    /// Who was asked: `udp:192.0.2.1:5060`.
    pub server: String,
    /// The status that came back, if any did.
    pub status: Option<u16>,
    /// How long it took, in ms, if it came back.
    pub took_ms: Option<u64>,
    /// What is known of why not.
    pub trouble: Option<String>,
}
