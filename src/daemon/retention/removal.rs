//! What is removed by command, through the running daemon or in the database of a stopped one.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::files;
use crate::call::CallId;
use crate::daemon::messages::ENDING;
use crate::store::{Run, Store, StoreError, Traces};

/// What a command wants removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// The message of a call, by its id in full.
    Message {
        /// The id.
        call: String,
    },
    /// Everything that tells of a caller.
    Caller {
        /// The number, in E.164.
        number: String,
        /// Only tell what would be removed.
        dry_run: bool,
    },
}

/// What became of it. Serialises as what `calls erase --json` prints; the names are a promise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// What was found, and is erased now unless nothing was to be done.
    #[serde(flatten)]
    pub traces: Traces,
    /// How many files were removed.
    pub files: u64,
    /// Nothing was done.
    pub dry_run: bool,
    /// Whether the write-ahead log was emptied, in which it may have stood.
    pub log_emptied: bool,
}

/// Why something was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be removed.
    #[error("the recordings of call {call} cannot be removed: {source}")]
    File {
        /// The call.
        call: CallId,
        /// Why.
        source: std::io::Error,
    },
    /// There is nothing of that kind.
    #[error("there is no message of call {0}")]
    NoMessage(String),
}

/// Removes what a command wants removed. Blocks. The daemon has memories of its own to clear.
pub fn carry_out(
    store: &Store,
    recordings: &Path,
    removal: &Removal,
    now: Timestamp,
) -> Result<Erased, RemovalError> {
    match removal {
        Removal::Message { call } => delete_message(store, recordings, call, now),
        Removal::Caller { number, dry_run: true } => {
            let traces = store.reader().traces_of(number)?;
            Ok(Erased { traces, dry_run: true, ..Erased::default() })
        }
        Removal::Caller { number, dry_run: false } => erase(store, recordings, number, now),
    }
}

fn delete_message(
    store: &Store,
    recordings: &Path,
    call: &str,
    now: Timestamp,
) -> Result<Erased, RemovalError> {
    let unknown = || RemovalError::NoMessage(call.to_owned());
    let id = CallId::parse(call).ok_or_else(unknown)?;
    let names = store.reader().message_of(id)?.ok_or_else(unknown)?;
    let removed = files::remove(recordings, &names).and_then(|()| files::settle(recordings));
    removed.map_err(|source| RemovalError::File { call: id, source })?;
    let run = Run { at: now, rule: format!("voicemail delete {id}") };
    if !store.delete_message(&run, id)? {
        return Err(unknown());
    }
    // It may have been encrypted between the two; what is encrypted from now on is not kept.
    let sealed = format!("{}{}", names.trim_end_matches(ENDING), ENDING);
    let removed = files::remove(recordings, &sealed).and_then(|()| files::settle(recordings));
    removed.map_err(|source| RemovalError::File { call: id, source })?;
    let log_emptied = store.forget_the_log()?;
    tracing::info!(call = %id, "the message was deleted by a command");
    Ok(Erased { files: 1, log_emptied, ..Erased::default() })
}

fn erase(store: &Store, recordings: &Path, number: &str, now: Timestamp) -> Result<Erased, RemovalError> {
    let calls = store.reader().calls_of(number)?;
    let mut files = remove_files(recordings, &calls)?;
    // The number itself stands in no proof.
    let run = Run { at: now, rule: "calls erase".to_owned() };
    let traces = store.erase_caller(&run, number)?;
    // One may have been encrypted between the two; what is encrypted from now on is not kept.
    files += remove_files(recordings, &calls)?;
    let log_emptied = store.forget_the_log()?;
    tracing::info!(calls = traces.calls, files, "a caller was erased by a command");
    Ok(Erased { traces, files, dry_run: false, log_emptied })
}

/// Removes all files of these calls, for good; answers how many there were.
fn remove_files(recordings: &Path, calls: &[CallId]) -> Result<u64, RemovalError> {
    let mut files = 0;
    for call in calls {
        let removed = files::remove_all_of(recordings, *call);
        files += removed.map_err(|source| RemovalError::File { call: *call, source })?;
    }
    if files > 0 {
        files::settle(recordings).map_err(|source| StoreError::folder(recordings, source))?;
    }
    Ok(files)
}
