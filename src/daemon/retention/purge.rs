//! One run of the purge: in small steps, files first. A run that is cut off is gone on with by the next.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::files::{self, Strays};
use super::settings::{Keep, Retention};
use crate::store::{KeptFile, Purgeable, Removed, Run, Store, StoreError};

/// So many calls or recordings are removed in one transaction.
const STEP: u32 = 100;
/// The rest between two steps: the writer of the journal comes first.
const REST: Duration = Duration::from_millis(50);

/// Purges what is older than it may be; answers what was removed of each kind. Blocks.
pub fn purge(
    store: &Store,
    recordings: &Path,
    retention: &Retention,
    now: Timestamp,
) -> Result<Vec<(Purgeable, Removed)>, StoreError> {
    let purge = Purge { store, recordings, now };
    let (name, keep) = retention.of_recordings();
    let mut removed = vec![(Purgeable::Recordings, purge.recordings(name, keep)?)];
    let steps = purge
        .steps("timelines", retention.timelines, |run, before| store.purge_timelines(run, before, STEP))?;
    removed.push((Purgeable::Timelines, steps));
    let steps = purge.steps("calls", retention.calls, |run, before| store.purge_calls(run, before, STEP))?;
    removed.push((Purgeable::Calls, steps));
    removed.push((Purgeable::Statistics, purge.statistics(retention.statistics)?));
    removed.retain(|(_, removed)| *removed != Removed::default());
    for (what, removed) in &removed {
        let Removed { rows, files, oldest, newest } = removed;
        let told = |at: &Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        let (oldest, newest) = (told(oldest), told(newest));
        tracing::info!(what = what.as_str(), rows, files, oldest, newest, "purged: its time was over");
    }
    if !removed.is_empty() && !store.forget_the_log()? {
        tracing::warn!(
            "what was purged may stand in the write-ahead log until the next purge: somebody reads the database"
        );
    }
    Ok(removed)
}

/// What the folder and the database say of each other.
pub fn strays(store: &Store, recordings: &Path) -> Result<Strays, StoreError> {
    let known: BTreeSet<String> = store.reader().names_of_recordings()?.into_iter().collect();
    files::strays(recordings, &known).map_err(|source| StoreError::folder(recordings, source))
}

struct Purge<'a> {
    store: &'a Store,
    recordings: &'a Path,
    now: Timestamp,
}

impl Purge<'_> {
    fn run(&self, name: &str, keep: Keep) -> Run {
        Run { at: self.now, rule: format!("{name} = {keep}") }
    }

    /// Step by step, until nothing is left to be removed.
    fn steps(
        &self,
        name: &str,
        keep: Keep,
        step: impl Fn(&Run, Timestamp) -> Result<Removed, StoreError>,
    ) -> Result<Removed, StoreError> {
        let (run, mut all) = (self.run(name, keep), Removed::default());
        let Some(before) = keep.since(self.now) else { return Ok(all) };
        loop {
            let removed = step(&run, before)?;
            all = all.and(removed);
            if removed.rows < STEP {
                return Ok(all);
            }
            thread::sleep(REST);
        }
    }

    /// The file goes first: a name without a file is put right by the next run, a file without a name by nobody.
    fn recordings(&self, name: &str, keep: Keep) -> Result<Removed, StoreError> {
        self.steps(name, keep, |run, before| {
            let old = self.store.reader().recordings_before(before, STEP)?;
            let gone: Vec<KeptFile> = old.into_iter().filter(|recording| self.removes(recording)).collect();
            if gone.is_empty() {
                return Ok(Removed::default());
            }
            files::settle(self.recordings).map_err(|source| StoreError::folder(self.recordings, source))?;
            self.store.recordings_purged(run, &gone)
        })
    }

    fn removes(&self, recording: &KeptFile) -> bool {
        let removed = files::remove(self.recordings, &recording.file);
        if let Err(error) = &removed {
            let file = &recording.file;
            tracing::error!(file, %error, "ALARM: a recording whose time is over cannot be removed");
        }
        removed.is_ok()
    }

    fn statistics(&self, keep: Keep) -> Result<Removed, StoreError> {
        let Some(before) = keep.since(self.now) else { return Ok(Removed::default()) };
        let day = before.to_zoned(TimeZone::UTC).date();
        self.store.purge_statistics(&self.run("statistics", keep), day)
    }
}
