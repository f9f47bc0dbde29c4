//! What goes on beside the calls: calendars are read, targets told, people phoned, messages written out and encrypted,
//! what is old removed, and Nightbell itself watched.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::broadcast;

use crate::call::journal::Record;
use crate::call::plan::Snapshot;
use crate::call::run::House;
use crate::daemon::alarms::Alarms;
use crate::daemon::blocking;
use crate::daemon::chase::Chaser;
use crate::daemon::config::Config;
use crate::daemon::feeds::Poller;
use crate::daemon::messages::Sealer;
use crate::daemon::outbox::{self, Pump};
use crate::daemon::retention::Purger;
use crate::daemon::transcript::{self, Transcriber};
use crate::notify::http::Client;
use crate::store::{Store, StoreError};
use crate::switch::Switch;

/// The tasks. Each ends when it is let go of; some have something to do before.
#[derive(Debug)]
pub(super) struct Background {
    /// Reads calendars.
    pub feeds: Poller,
    /// Phones people about open incidents.
    pub chaser: Chaser,
    /// Writes messages out.
    pub transcriber: Transcriber,
    /// Tells targets.
    pub outbox: Pump,
    /// Watches Nightbell itself.
    pub alarms: Alarms,
    /// Removes what is old.
    pub purger: Purger,
    /// Encrypts recordings.
    pub sealer: Sealer,
    /// Sends what targets are told.
    client: Client,
}

/// What the tasks work with.
#[derive(Debug)]
pub(super) struct Around<'a> {
    /// The database.
    pub store: &'a Arc<Store>,
    /// What calls share.
    pub house: &'a House,
    /// What is written down, as it happens.
    pub live: &'a broadcast::Sender<Arc<Record>>,
    /// The folder of the recordings.
    pub recordings: &'a Path,
    /// The switch.
    pub switch: &'a Switch,
    /// What calls are decided by.
    pub snapshot: Arc<Snapshot>,
}

impl Background {
    /// Starts all of them. Blocks for a moment while the ways of people are written down.
    pub fn start(config: &Config, around: Around<'_>) -> Self {
        let Around { store, house, live, recordings, switch, snapshot } = around;
        let (store, recordings) = (|| store.clone(), || recordings.to_owned());
        tell_failed(store().set_ways(&config.ways()));
        let client = Client::new();
        let ways = outbox::ways(&config.targets, &config.delivering(&client));
        let (now, data_dir) = (Arc::new(Timestamp::now), config.data_dir.clone());
        let writing_out = transcript::Parts {
            store: store(),
            journal: house.journal.clone(),
            recordings: recordings(),
            scratch: data_dir.join("transcript"),
        };
        Self {
            feeds: Poller::start(store(), config.wanted_calendars()),
            chaser: Chaser::start(store(), house.clone(), recordings(), snapshot),
            transcriber: Transcriber::start(writing_out, config.wanted_transcripts(), live.subscribe()),
            outbox: Pump::start(store(), now.clone(), ways.clone()),
            alarms: Alarms::start(store(), switch.reporter(), data_dir, now, config.watched(), ways),
            purger: Purger::start(store(), recordings(), config.retention),
            sealer: Sealer::start(store(), recordings(), config.voicemail.clone(), live.subscribe()),
            client,
        }
    }

    /// The settings were read again.
    pub async fn settings_changed(&mut self, config: &Config, store: &Arc<Store>) {
        let (keeping, people) = (store.clone(), config.ways());
        tell_failed(blocking(move || keeping.set_ways(&people)).await);
        let ways = outbox::ways(&config.targets, &config.delivering(&self.client));
        self.feeds.settings_changed(config.wanted_calendars());
        self.transcriber.settings_changed(config.wanted_transcripts());
        self.outbox.settings_changed(ways.clone());
        self.alarms.settings_changed(config.watched(), ways);
        self.purger.settings_changed(config.retention);
        self.sealer.settings_changed(config.voicemail.clone());
    }
}

fn tell_failed(kept: Result<(), StoreError>) {
    if let Err(error) = kept {
        tracing::error!(%error, "where people's own ways lead could not be kept: what was known before counts");
    }
}
