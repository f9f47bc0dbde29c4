//! Messages are written out by a command of the operator's, after the call: one at a time, within bounds, from a queue
//! in the database. What it says is added to the incident.

mod confine;
mod settings;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use crate::call::journal::{Journal, Record};
use crate::daemon::blocking;
use crate::incident::Fact;
use crate::oncall::Language;
use crate::store::{NoTranscript, Store, StoreError, WaitingTranscript};
pub use confine::{Confinement, probe};
pub use settings::{TranscriptSettings, Transcription};

/// How often the command may be begun for a message.
const TRIES: u32 = 2;
/// How long a text may take to reach the disk before it is tried again.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the queue is looked at when no call ends: the disk may have taken something late.
const AT_THE_LATEST: Duration = Duration::from_secs(3600);
/// How long the queue is left alone after the database could not be read or written.
const AFTER_A_FAULT: Duration = Duration::from_secs(60);

/// What is to be done with messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The command; nothing: they are not written out.
    pub transcription: Option<Transcription>,
    /// The language of each hotline.
    pub languages: BTreeMap<String, Language>,
}

/// What the transcriber works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The queue.
    pub store: Arc<Store>,
    /// Where the text goes.
    pub journal: Journal,
    /// The folder with the messages.
    pub recordings: PathBuf,
    /// A folder that is the command's own while it runs.
    pub scratch: PathBuf,
}

/// Writes messages out while it lives.
#[derive(Debug)]
pub struct Transcriber {
    wanted: watch::Sender<Wanted>,
    running: JoinHandle<()>,
}

impl Transcriber {
    /// Begins with what waits, and is woken by `live` when a call is over.
    pub fn start(parts: Parts, wanted: Wanted, live: broadcast::Receiver<Arc<Record>>) -> Self {
        let (wanted, read) = watch::channel(wanted);
        Self { wanted, running: tokio::spawn(work(parts, read, live)) }
    }

    /// Takes other settings into use; what runs goes on as it began.
    pub fn settings_changed(&self, wanted: Wanted) {
        self.wanted.send_if_modified(|known| {
            let changed = *known != wanted;
            *known = wanted;
            changed
        });
    }

    /// Ends. A command that runs is killed, and begun again at the next start.
    pub async fn stop(self) {
        self.running.abort();
        let _ = self.running.await;
    }
}

async fn work(parts: Parts, mut wanted: watch::Receiver<Wanted>, mut live: broadcast::Receiver<Arc<Record>>) {
    loop {
        let now = wanted.borrow_and_update().clone();
        let confinement = confinement(now.transcription.as_ref()).await;
        while !wanted.has_changed().unwrap_or(false) {
            match next(&parts, &now, confinement).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(why) => {
                    warn!(%why, "the queue of transcripts cannot be worked off now");
                    tokio::time::sleep(AFTER_A_FAULT).await;
                    continue;
                }
            }
            tokio::select! {
                biased;
                Ok(()) = wanted.changed() => wanted.mark_changed(),
                () = call_over(&mut live) => {
                    // It is told as it happens; what follows from it is on the disk a moment later.
                    parts.journal.durable(PATIENCE).await;
                }
                () = tokio::time::sleep(AT_THE_LATEST) => {}
            }
        }
    }
}

/// How the command can be kept to itself; nothing: there is none, or it cannot be as it is to be.
async fn confinement(wanted: Option<&Transcription>) -> Option<Confinement> {
    let network = wanted?.network;
    match tokio::task::spawn_blocking(move || probe(network)).await.ok()? {
        Ok(Confinement::Namespaces) => Some(Confinement::Namespaces),
        Ok(Confinement::Group) => {
            warn!(
                "the transcript command cannot have namespaces of its own: what it leaves behind may go on"
            );
            Some(Confinement::Group)
        }
        Err(why) => {
            error!("ALARM: messages are not written out: {why}");
            None
        }
    }
}

/// Until a call is over. Where news were missed, one may have been.
async fn call_over(live: &mut broadcast::Receiver<Arc<Record>>) {
    loop {
        match live.recv().await {
            Ok(record) if matches!(*record, Record::Ended(_)) => return,
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(_)) => return,
            // The journal has ended: so does the daemon.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Takes one message from the queue, if there is one that can be done.
async fn next(parts: &Parts, wanted: &Wanted, confinement: Option<Confinement>) -> Result<bool, StoreError> {
    let Some(waiting) = ask(parts, |store| store.reader().next_transcript()).await? else { return Ok(false) };
    let call = waiting.call;
    let settle = async |came_to: NoTranscript| {
        ask(parts, move |store| store.transcript_settled(call, &came_to, Timestamp::now())).await
    };
    let Some(transcription) = &wanted.transcription else {
        settle(NoTranscript::Skipped).await?;
        return Ok(true);
    };
    let Some(confinement) = confinement else {
        // Nothing waits for better times: an encryption of messages waits for it.
        let why = "the command cannot be kept to itself on this machine".to_owned();
        give_up(&waiting, &why);
        settle(NoTranscript::Failed(why)).await?;
        return Ok(true);
    };
    if waiting.attempts >= TRIES {
        let why = "the daemon ended while the command ran".to_owned();
        give_up(&waiting, &why);
        settle(NoTranscript::Failed(why)).await?;
        return Ok(true);
    }
    ask(parts, move |store| store.transcript_begun(call)).await?;
    let language = wanted.languages.get(&waiting.hotline).copied().unwrap_or_default();
    match heard(parts, transcription, language, confinement, &waiting).await {
        Ok(text) if text.is_empty() => settle(NoTranscript::Nothing).await?,
        Ok(text) => keep(parts, &waiting, text).await,
        Err(why) if waiting.attempts + 1 < TRIES => {
            warn!(call = %waiting.call, %why, "the transcript command failed: it is tried once more");
            ask(parts, move |store| store.transcript_failed(call, &why)).await?;
        }
        Err(why) => {
            give_up(&waiting, &why);
            settle(NoTranscript::Failed(why)).await?;
        }
    }
    Ok(true)
}

/// Asks the store, away from the calls: the disk may take its time.
async fn ask<T: Send + 'static>(
    parts: &Parts,
    question: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let store = parts.store.clone();
    blocking(move || question(&store)).await
}

fn give_up(waiting: &WaitingTranscript, why: &str) {
    error!(call = %waiting.call, why, "the message of this call is not written out");
}

/// What the command heard. A command that is not waited for any more is killed.
async fn heard(
    parts: &Parts,
    wanted: &Transcription,
    language: Language,
    confinement: Confinement,
    waiting: &WaitingTranscript,
) -> Result<String, String> {
    let input = parts.recordings.join(&waiting.file);
    let (leash, _held) = io::pipe().map_err(|why| why.to_string())?;
    let run = confine::Run {
        command: wanted.filled(language, &input),
        input,
        scratch: parts.scratch.clone(),
        timeout: wanted.timeout,
        memory: wanted.memory,
        network: wanted.network,
        confinement,
        leash,
    };
    let ended = tokio::task::spawn_blocking(move || run.go()).await;
    ended.unwrap_or_else(|_| Err("it could not be run".to_owned())).map(|said| words::clean(&said))
}

/// Gives a text to the incident. Where it cannot be made durable now, the message is written out anew.
async fn keep(parts: &Parts, waiting: &WaitingTranscript, text: String) {
    let fact = Box::new(Fact::Transcribed { text });
    parts.journal.write(Record::Fact { call: waiting.call, at: Timestamp::now(), fact });
    if parts.journal.durable(PATIENCE).await {
        info!(call = %waiting.call, "the message was written out");
    } else {
        warn!(call = %waiting.call, "the transcript is not on the disk yet");
        tokio::time::sleep(AFTER_A_FAULT).await;
    }
}
