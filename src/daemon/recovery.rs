//! What an earlier run has left behind: what it broke off is put right, and what calls need to know of it is read.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use jiff::Timestamp;

use crate::call::history::{self, History, PastCall};
use crate::daemon::start::StartError;
use crate::oncall::PersonId;
use crate::store::{CallFilter, Store, StoreError, Unfinished};
use crate::switch::recorder::{PART, repair_all};
use crate::switch::signalling::StoredLeg;
use crate::switch::spend::{Ledger, Use};

/// After a crash: closes open calls, repairs messages, and finds the legs that were left up. Afterwards nothing is left
/// to be put right.
pub fn put_right(store: &Store, recordings: &Path) -> Result<Vec<StoredLeg>, StartError> {
    let failed = |source| StartError::Io { path: recordings.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(recordings).map_err(failed)?;
    let found = files(recordings).map_err(failed)?;
    let strangers = store.adopt_recordings(&found)?;
    let repaired = repair_all(recordings).map_err(failed)?;
    // Only once: while a spare database is in use, it knows none of the others.
    for file in repaired.iter().filter(|file| file.kept && strangers.contains(&file.name)) {
        tracing::error!(
            file = file.name,
            "the database does not know the call of this recording: listen to the file"
        );
    }
    let left = store.reconcile(Timestamp::now())?;
    for call in left.calls_closed {
        tracing::warn!(%call, "the daemon had stopped during this call: its record is closed");
    }
    for recording in left.recordings {
        let Unfinished { call, kind, file } = &recording;
        let found = repaired.iter().find(|repaired| repaired.name == *file);
        let (duration_ms, kept) = match found {
            Some(repaired) if repaired.kept => (repaired.duration_ms, true),
            // Whole already: the crash came between its last byte and its row, or while it was recorded again.
            _ => whole_recording(&recordings.join(file)),
        };
        store.recording_recovered(&recording, duration_ms, kept)?;
        tracing::warn!(%call, file, kept, "the recording of a {} was put right", kind.as_str());
    }
    let dialogs = left.legs_up.into_iter().filter_map(|leg| match serde_json::from_str(&leg.dialog) {
        Ok(dialog) => Some(dialog),
        Err(error) => {
            tracing::error!(%error, "a stored leg could not be read");
            None
        }
    });
    Ok(dialogs.collect())
}

/// The recordings in a folder, by the names they have when they are finished.
fn files(recordings: &Path) -> std::io::Result<Vec<String>> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(recordings)? {
        if let Ok(name) = entry?.file_name().into_string() {
            files.insert(name.strip_suffix(PART).map(str::to_owned).unwrap_or(name));
        }
    }
    Ok(files.into_iter().collect())
}

/// The length of a finished recording in ms, and whether it is there at all.
fn whole_recording(path: &Path) -> (u64, bool) {
    match hound::WavReader::open(path) {
        Ok(wav) => (u64::from(wav.duration()) * 1000 / u64::from(wav.spec().sample_rate.max(1)), true),
        Err(_) => (0, false),
    }
}

/// The calls of the last day.
pub(super) fn past_calls(store: &Store) -> Result<History, StoreError> {
    let since = Timestamp::now().checked_sub(history::REMEMBERED).ok();
    let limit = u32::try_from(history::MOST_CALLS).ok();
    let calls = store.reader().calls(&CallFilter { since, limit, ..CallFilter::default() })?;
    let history = History::default();
    history.recall(calls.into_iter().filter_map(|call| {
        Some(PastCall {
            responder: call.responder.as_deref().map(PersonId::from),
            ended: call.ended_at?,
            caller: call.caller,
            hotline: call.hotline,
            route: call.route,
            outcome: call.outcome,
            began: call.started_at,
        })
    }));
    Ok(history)
}

/// What the trunks were used for in the last 24 hours.
pub(super) fn ledger(store: &Store) -> Result<Ledger, StoreError> {
    let ledger = Ledger::default();
    for used in store.reader().trunk_use(Timestamp::now())? {
        let spent = Use { legs: used.legs, seconds: used.seconds };
        ledger.with(&used.trunk, |spend| spend.recall(used.minute, spent));
    }
    Ok(ledger)
}
