//! Whether the database takes entries, for whoever raises the alarm.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rusqlite::ErrorCode;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracing::{error, info};

/// Why the database takes no entries, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// There is no room on the disk.
    Full,
    /// The disk, or the file, may not be written to.
    ReadOnly,
    /// Another program holds its lock.
    Locked,
    /// It takes more than half a second.
    Slow,
    /// The file is damaged.
    Damaged,
    /// The disk reported an error.
    Disk,
    /// Anything else.
    Other,
}

impl Fault {
    /// What an error of the system's comes to.
    pub(super) fn of_system(why: &io::Error) -> Self {
        match why.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ if why.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => Self::Disk,
            _ => Self::Other,
        }
    }

    /// What an error of SQLite's comes to.
    pub(super) fn of(why: &rusqlite::Error) -> Self {
        match why.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged,
            Some(ErrorCode::SystemIoFailure) => Self::Disk,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the disk is full",
            Self::ReadOnly => "the disk is read-only",
            Self::Locked => "another program has locked the database",
            Self::Slow => "the disk is slow",
            Self::Damaged => "the database is damaged",
            Self::Disk => "the disk has failed",
            Self::Other => "the database cannot be written to",
        })
    }
}

/// Whether the database takes entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Health {
    /// It does.
    Good,
    /// It does not, or not the one it should be: calls go on, their entries wait.
    Degraded {
        /// Since when.
        since: Timestamp,
        /// Why, in a word.
        fault: Fault,
        /// Why, as the system says it.
        detail: String,
        /// Entries that wait.
        waiting: usize,
    },
}

impl Health {
    /// Since when it has not, and why.
    pub fn fault(&self) -> Option<(Timestamp, Fault)> {
        match self {
            Self::Good => None,
            Self::Degraded { since, fault, .. } => Some((*since, *fault)),
        }
    }
}

/// Where the health is shown.
#[derive(Debug)]
pub(super) struct Gauge {
    shown: watch::Sender<Health>,
    /// How it stands where the database in use takes entries: it may be the spare one.
    ground: Mutex<Health>,
    /// The database in use is lost with the machine.
    volatile: AtomicBool,
}

impl Default for Gauge {
    fn default() -> Self {
        Self {
            shown: watch::Sender::new(Health::Good),
            ground: Mutex::new(Health::Good),
            volatile: AtomicBool::new(false),
        }
    }
}

impl Gauge {
    /// Follows it.
    pub fn watch(&self) -> watch::Receiver<Health> {
        self.shown.subscribe()
    }

    /// Whether entries are to be laid down elsewhere though the database takes them.
    pub fn is_volatile(&self) -> bool {
        self.volatile.load(Ordering::Relaxed)
    }

    /// A spare database is in use.
    pub fn on_spare(&self, fault: Fault, detail: &str, volatile: bool) {
        self.volatile.store(volatile, Ordering::Relaxed);
        self.stand_on(Health::Degraded {
            since: Timestamp::now(),
            fault,
            detail: detail.to_owned(),
            waiting: 0,
        });
    }

    /// The right database is in use again.
    pub fn at_home(&self) {
        self.volatile.store(false, Ordering::Relaxed);
        self.stand_on(Health::Good);
    }

    fn stand_on(&self, health: Health) {
        self.ground().clone_from(&health);
        self.shown.send_replace(health);
    }

    fn ground(&self) -> MutexGuard<'_, Health> {
        self.ground.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The database does not take entries; so many wait.
    pub fn degraded(&self, fault: Fault, detail: &str, waiting: usize) {
        let now = Timestamp::now();
        self.shown.send_if_modified(|shown| {
            let before = shown.fault();
            if before.is_none_or(|(_, known)| known != fault) {
                error!(
                    why = detail,
                    waiting, "ALARM: {fault}: calls go on, and what belongs in the database waits"
                );
            }
            let since = before.map_or(now, |(since, _)| since);
            let next = Health::Degraded { since, fault, detail: detail.to_owned(), waiting };
            let changed = *shown != next;
            *shown = next;
            changed
        });
    }

    /// It takes entries again; so many were lost.
    pub fn good(&self, lost: u64) {
        let ground = self.ground().clone();
        self.shown.send_if_modified(|shown| {
            let Some((since, _)) = shown.fault().filter(|_| *shown != ground) else { return false };
            info!(%since, lost, "the alarm is over: the database takes entries again");
            *shown = ground;
            true
        });
    }
}
