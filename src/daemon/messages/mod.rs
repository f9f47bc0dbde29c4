//! What is done with recordings that are whole: encryption, and other formats.

pub mod age;
mod convert;
mod seal;
mod settings;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::task::{JoinHandle, spawn_blocking};

pub use convert::convert;
pub use seal::{ENDING, seal_all};
pub use settings::{Handling, VoicemailSettings};

use crate::call::journal::Record;
use crate::store::Store;

/// How long after the end of a call its recordings are looked for: the writer of the journal comes first.
const SETTLING: Duration = Duration::from_secs(1);
/// How soon what could not be encrypted is tried again.
const RETRY: Duration = Duration::from_secs(60);

/// The task that encrypts recordings: at the start, after each call, and when the settings change. Dropped, it ends.
#[derive(Debug)]
pub struct Sealer {
    handling: watch::Sender<Handling>,
    task: JoinHandle<()>,
}

impl Sealer {
    /// Starts to encrypt what `handling` wants encrypted. `live` tells of ends of calls.
    pub fn start(
        store: Arc<Store>,
        recordings: PathBuf,
        handling: Handling,
        live: broadcast::Receiver<Arc<Record>>,
    ) -> Self {
        let (handling, wanted) = watch::channel(handling);
        Self { handling, task: tokio::spawn(run(store, recordings, wanted, live)) }
    }

    /// The settings were read again.
    pub fn settings_changed(&self, handling: Handling) {
        self.handling.send_if_modified(|known| {
            let differs = *known != handling;
            *known = handling;
            differs
        });
    }
}

impl Drop for Sealer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(
    store: Arc<Store>,
    recordings: PathBuf,
    mut wanted: watch::Receiver<Handling>,
    mut live: broadcast::Receiver<Arc<Record>>,
) {
    loop {
        let to = wanted.borrow_and_update().encrypt_to.clone();
        let is_on = !to.is_empty();
        let (store, recordings) = (store.clone(), recordings.clone());
        let failed = match spawn_blocking(move || seal_all(&store, &recordings, &to)).await {
            Ok(Ok((sealed, failed))) => {
                if sealed > 0 {
                    tracing::info!(sealed, "recordings were encrypted");
                }
                failed > 0
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "ALARM: recordings are not encrypted yet");
                true
            }
            Err(error) => {
                tracing::error!(%error, "the encryption of recordings broke");
                true
            }
        };
        tokio::select! {
            biased;
            changed = wanted.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(RETRY), if failed => {}
            () = a_call_ended(&mut live), if is_on => tokio::time::sleep(SETTLING).await,
        }
    }
}

/// Resolves when a call has ended; also when so many did that not all were told.
async fn a_call_ended(live: &mut broadcast::Receiver<Arc<Record>>) {
    loop {
        match live.recv().await {
            Ok(record) if matches!(*record, Record::Ended(_)) => return,
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(_)) => return,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
