//! A look at the trunks with the very switch of the daemon, while no daemon is running.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use crate::call::clock::Clock;
use crate::call::history::History;
use crate::call::journal::Journal;
use crate::call::lockout::Lockout;
use crate::call::occupancy::Occupancy;
use crate::call::plan::Snapshot;
use crate::call::run::House;
use crate::daemon::config::Config;
use crate::switch::prompts::Library;
use crate::switch::report::TrunkReport;
use crate::switch::spend::Ledger;
use crate::switch::trunks::Trunk;
use crate::switch::{Parts, StartError, Switch};

/// Listens where the settings say, asks each server whether it is there, and lets go of everything. Calls
/// that come meanwhile are refused with 503, and nothing is registered: the carrier must not send calls
/// here that nobody takes.
pub async fn probe(config: &Config) -> Result<(Vec<String>, Vec<TrunkReport>), StartError> {
    let (journal, _records) = Journal::new();
    let (requests_to, requests) = mpsc::unbounded_channel();
    let (_shutdown, shutdown) = watch::channel(false);
    let house = House {
        journal,
        occupancy: Occupancy::default(),
        history: History::default(),
        lockout: Lockout::default(),
        requests: requests_to,
        clock: Clock::starting_at(Timestamp::now()),
        shutdown,
    };
    let switch = Switch::start(Parts {
        addresses: config.addresses.clone(),
        trunks: config.trunks.iter().map(silent).collect(),
        snapshot: Arc::new(Snapshot::default()),
        library: Arc::new(Library::default()),
        // Nothing is recorded; the daemon's own folder may not be there yet.
        recordings: std::env::temp_dir(),
        house,
        requests,
        ledger: Ledger::default(),
        stored: Vec::new(),
    })
    .await?;
    switch.drain();
    let listening = switch.listening().iter().map(ToString::to_string).collect();
    let mut trunks = switch.report(true).await.unwrap_or_default();
    switch.stop().await;
    for report in &mut trunks {
        let trunk = config.trunks.iter().find(|trunk| trunk.name == report.trunk);
        report.ping_s = trunk.and_then(|trunk| trunk.ping).map(|every| every.as_secs());
    }
    Ok((listening, trunks))
}

/// A trunk that is asked for nothing by itself.
fn silent(trunk: &Trunk) -> Trunk {
    let mut trunk = Trunk { ping: None, ..trunk.clone() };
    trunk.account.registration = None;
    trunk
}
