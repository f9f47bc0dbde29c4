//! What waits in the outbox is told to its targets: one worker for each `[[notify]]`, so that a slow one delays neither
//! another nor a call. A worker sleeps until the store has put something into the outbox, or something is due.

mod pace;
#[cfg(test)]
mod tests;
mod worker;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::incident::Notice;
use crate::notify::exchange::Verdict;
use crate::notify::{Delivering, Target};
use crate::store::Store;
use worker::Worker;

/// Tells one target. Blocks, for half a minute or so at most.
pub type Tell = Arc<dyn Fn(&Notice) -> Verdict + Send + Sync>;

/// The time of day.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How long the end waits for what is being sent, and for what is due at once.
const AT_THE_END: Duration = Duration::from_secs(3);

/// How often what is too old is looked for.
const SWEPT_EVERY: Duration = Duration::from_secs(3600);

/// A target, as the outbox knows it.
#[derive(Clone)]
pub struct Way {
    /// Its name.
    pub name: String,
    /// Tells it.
    pub tell: Tell,
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Way").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Empties the outbox while it lives.
pub struct Pump {
    store: Arc<Store>,
    now: Now,
    /// What each worker is told: how to tell its target; nothing: the target is gone.
    ways: BTreeMap<String, watch::Sender<Option<Tell>>>,
    ending: watch::Sender<bool>,
    running: JoinSet<()>,
}

impl fmt::Debug for Pump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pump").field("ways", &self.ways.keys()).finish_non_exhaustive()
    }
}

/// The targets of the settings, as the outbox knows them.
pub fn ways(targets: &[Arc<Target>], with: &Delivering) -> Vec<Way> {
    let with = Arc::new(with.clone());
    let way = |target: &Arc<Target>| {
        let (target, with) = (target.clone(), with.clone());
        Way { name: target.name.clone(), tell: Arc::new(move |notice| target.deliver(notice, &with)) }
    };
    targets.iter().map(way).collect()
}

impl Pump {
    /// Begins to tell these targets.
    pub fn start(store: Arc<Store>, now: Now, ways: Vec<Way>) -> Self {
        let mut running = JoinSet::new();
        running.spawn(sweep(store.clone(), now.clone()));
        let mut pump = Self { store, now, ways: BTreeMap::new(), ending: watch::Sender::new(false), running };
        pump.settings_changed(ways);
        pump
    }

    /// Takes other targets into use. Those that go leave their entries where they are; those that stay are tried at
    /// once, because what was wrong may have been mended.
    pub fn settings_changed(&mut self, ways: Vec<Way>) {
        self.ways.retain(|name, tell| {
            let stays = ways.iter().any(|way| way.name == *name);
            if !stays {
                tell.send_replace(None);
            }
            stays
        });
        for way in ways {
            if let Some(known) = self.ways.get(&way.name) {
                known.send_replace(Some(way.tell));
                continue;
            }
            let (told, tell) = watch::channel(Some(way.tell));
            let worker = Worker::new(
                way.name.clone(),
                self.store.clone(),
                self.now.clone(),
                tell,
                self.ending.subscribe(),
            );
            self.running.spawn(worker.run());
            self.ways.insert(way.name, told);
        }
    }

    /// Sends what is due at once, for a moment, and ends. What is not done is done after the next start.
    pub async fn stop(mut self) {
        self.ending.send_replace(true);
        // The sweep never ends by itself; it does nothing that could not be cut off.
        let workers = async { while self.running.len() > 1 && self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(AT_THE_END, workers).await.is_err() {
            tracing::warn!("a target was still being told at the end: it is told again after the next start");
        }
    }
}

/// Gives up what is too old, now and then.
async fn sweep(store: Arc<Store>, now: Now) {
    loop {
        let (store, at) = (store.clone(), now());
        match tokio::task::spawn_blocking(move || store.outbox_sweep(at)).await {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(given_up)) => {
                tracing::error!(given_up, "notices were given up after 7 days: see `nightbell outbox`")
            }
            Ok(Err(error)) => tracing::warn!(%error, "the outbox could not be looked through"),
        }
        tokio::time::sleep(SWEPT_EVERY).await;
    }
}
