//! What is not kept for ever: `[retention]`, the purge that goes by it, and what is removed by command.

mod files;
mod purge;
mod removal;
mod settings;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};

pub use files::Strays;
pub use purge::{purge, strays};
pub use removal::{Erased, Removal, RemovalError, carry_out};
pub use settings::{Keep, Retention, RetentionSettings};

use crate::store::Store;

/// How often it is looked whether something's time is over.
const EVERY: Duration = Duration::from_secs(3600);

/// The task that purges: at the start, each hour, and when the settings change. Dropped, it ends.
#[derive(Debug)]
pub struct Purger {
    retention: watch::Sender<Retention>,
    task: JoinHandle<()>,
}

impl Purger {
    /// Starts to purge.
    pub fn start(store: Arc<Store>, recordings: PathBuf, retention: Retention) -> Self {
        let (retention, wanted) = watch::channel(retention);
        Self { retention, task: tokio::spawn(run(store, recordings, wanted)) }
    }

    /// The settings were read again.
    pub fn settings_changed(&self, retention: Retention) {
        self.retention.send_if_modified(|known| std::mem::replace(known, retention) != retention);
    }
}

impl Drop for Purger {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(store: Arc<Store>, recordings: PathBuf, mut wanted: watch::Receiver<Retention>) {
    let mut told = Strays::default();
    loop {
        let retention = *wanted.borrow_and_update();
        let (store, folder) = (store.clone(), recordings.clone());
        let purged = spawn_blocking(move || {
            purge(&store, &folder, &retention, Timestamp::now())?;
            strays(&store, &folder)
        });
        match purged.await {
            Ok(Ok(found)) => tell(&mut told, found),
            Ok(Err(error)) => tracing::error!(%error, "ALARM: what is too old cannot be purged"),
            Err(error) => tracing::error!(%error, "the purge broke"),
        }
        tokio::select! {
            biased;
            changed = wanted.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Says what is new.
fn tell(told: &mut Strays, found: Strays) {
    for file in found.files.difference(&told.files) {
        tracing::warn!(file, "a file in the recordings folder belongs to no call: nothing purges it");
    }
    for file in found.missing.difference(&told.missing) {
        tracing::warn!(file, "a recording is not in its folder any more");
    }
    *told = found;
}
