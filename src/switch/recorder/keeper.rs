//! The thread that makes recordings safe: it alone waits for the disk.
//!
//! One sync of the file system serves all recordings together, while they grow and when many of them end at
//! once. A sync that fails is never taken back: whatever grew while it did is told as cut short, whether or
//! not a later sync succeeds, for the system forgets what it could not write.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tokio::sync::oneshot;

use super::conclude::{self, Prepared};
use super::promises::Promise;
use super::samples;
use crate::audio::LINE_RATE;
use crate::call::leg::Recorded;

/// So many endings at once are synced together, by the file system; fewer, each by itself.
const TOGETHER: usize = 4;

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Task {
    /// Make safe what was written.
    Sync,
    /// Finish a file.
    Conclude(Conclusion),
}

/// A recording that has ended.
#[derive(Debug)]
pub(super) struct Conclusion {
    pub file: File,
    pub part: PathBuf,
    pub path: PathBuf,
    /// Where it ends, if not where its file does: frames.
    pub end: Option<u64>,
    /// The disk did not take all of it.
    pub failed: bool,
    /// It ended by itself, because nothing was said.
    pub silence: bool,
    /// With less sound than this nothing is kept.
    pub least: Duration,
    /// How many syncs had failed when it began.
    pub failures_before: u64,
    pub promise: Promise,
    pub done: oneshot::Sender<Recorded>,
}

/// How the syncs go, as the writing thread sees them.
#[derive(Debug, Default)]
pub(super) struct Syncs {
    under_way: AtomicBool,
    failures: std::sync::atomic::AtomicU64,
}

impl Syncs {
    /// Takes the turn to ask for a sync; nobody has it while one is under way. A disk that needs longer
    /// than a second must not be asked without pause.
    pub fn begin(&self) -> bool {
        !self.under_way.swap(true, Ordering::Relaxed)
    }

    /// How many have failed so far.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

/// Syncs the file system of the recordings' folder.
pub(super) type SyncAll = Box<dyn FnMut(&File) -> io::Result<()> + Send>;

pub(super) struct Keeper {
    pub tasks: Receiver<Task>,
    /// Open as long as we run: a failure between two syncs is told to whoever had the folder open then.
    pub folder: File,
    pub syncs: Arc<Syncs>,
    pub sync_all: SyncAll,
}

impl Keeper {
    /// Runs until nobody can give tasks any more.
    pub fn run(mut self) {
        while let Ok(first) = self.tasks.recv() {
            let mut conclusions = Vec::new();
            let mut sync = false;
            for task in std::iter::once(first).chain(self.tasks.try_iter()) {
                match task {
                    Task::Sync => sync = true,
                    Task::Conclude(conclusion) => conclusions.push(conclusion),
                }
            }
            self.conclude(conclusions, sync);
        }
    }

    /// Ends recordings, all those at hand together, and makes safe what else was written if asked to.
    pub fn conclude(&mut self, conclusions: Vec<Conclusion>, sync: bool) {
        let mut kept: Vec<_> = conclusions.into_iter().filter_map(Conclusion::prepare).collect();
        let together = kept.len() >= TOGETHER;
        if sync || together {
            self.sync_all();
        }
        if !together {
            for ending in &mut kept {
                ending.check(|conclusion| conclusion.file.sync_all());
            }
        }
        for ending in &mut kept {
            ending.check(|conclusion| fs::rename(&conclusion.part, &conclusion.path));
        }
        // A name that is lost in a power cut is put right at the next start.
        if !kept.is_empty()
            && let Err(error) = self.folder.sync_all()
        {
            self.failed(&error);
        }
        let failures = self.syncs.failures();
        kept.into_iter().for_each(|ending| ending.tell(failures));
    }

    fn sync_all(&mut self) {
        if let Err(error) = (self.sync_all)(&self.folder) {
            self.failed(&error);
        }
        self.syncs.under_way.store(false, Ordering::Relaxed);
    }

    fn failed(&self, error: &io::Error) {
        tracing::error!(%error, "ALARM: the disk has lost something: what is being recorded may be incomplete");
        self.syncs.failures.fetch_add(1, Ordering::Relaxed);
    }
}

/// A recording on its way to its name.
struct Ending {
    conclusion: Conclusion,
    frames: u64,
}

impl Conclusion {
    /// Cuts the file; nothing, and its end told, if there is nothing to keep.
    fn prepare(mut self) -> Option<Ending> {
        match conclude::prepare(&self.file, &self.part, self.end, self.least) {
            Ok(Prepared::Dropped(sound)) => {
                let frames = samples(sound);
                self.tell(false, frames);
                None
            }
            Ok(Prepared::Kept(frames)) => Some(Ending { conclusion: self, frames }),
            Err(error) => {
                self.warn(&error);
                self.failed = true;
                self.tell(true, 0);
                None
            }
        }
    }

    fn warn(&self, error: &io::Error) {
        tracing::warn!(recording = %self.part.display(), %error, "the recording cannot be finished");
    }

    fn tell(self, kept: bool, frames: u64) {
        let duration_ms = frames * 1000 / u64::from(LINE_RATE);
        drop(self.promise);
        // The script may have ended before its recording.
        let _ = self.done.send(Recorded { kept, duration_ms, truncated: self.failed, silence: self.silence });
    }
}

impl Ending {
    fn check(&mut self, what: impl FnOnce(&Conclusion) -> io::Result<()>) {
        if let Err(error) = what(&self.conclusion) {
            self.conclusion.warn(&error);
            self.conclusion.failed = true;
        }
    }

    fn tell(mut self, failures: u64) {
        self.conclusion.failed |= failures > self.conclusion.failures_before;
        let frames = self.frames;
        self.conclusion.tell(true, frames);
    }
}
