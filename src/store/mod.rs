//! The database: the call log and who is on call, in one SQLite file that only its owner can read.
//!
//! What holds here:
//! 1. An entry of the journal counts as written only after a COMMIT that has reached the disk
//!    (`synchronous=FULL`); one writer thread commits whatever has queued up as one transaction.
//! 2. No call ever waits inside this room: entries come over a channel, and whoever wants to know
//!    that they are durable sends a `Flush` and decides how long to wait for the answer.
//! 3. A disk that fails loses nothing it has acknowledged; what it has not is kept in memory and
//!    written once it is back.
//! 4. One process at a time may write: [`Store`] holds the lock of the data directory. Commands
//!    that only look use a [`Reader`].

mod backlog;
mod calendars;
mod calls;
mod checkpoint;
mod connection;
mod entries;
mod error;
mod folder;
mod incidents;
mod leg_quality;
mod outbox;
mod quiet;
mod reconcile;
mod roster;
#[cfg(test)]
mod scratch;
mod spend;
mod text;
mod transcripts;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{broadcast, mpsc};

pub use calendars::CalendarCopy;
pub use calls::{CallFilter, CallRow, VoicemailRow};
pub use error::StoreError;
pub use incidents::{IncidentFilter, IncidentRow, LogRow};

pub use outbox::{
    Bell, Head, OutboxCount, OutboxEntry, OutboxFilter, OutboxState, Replay, Settled, TRIED_FOR,
};
pub use quiet::{NewQuietTime, QuietKind, QuietTime};
pub use reconcile::{Reconciled, StoredLeg, Unfinished};
pub use roster::{Change, ChangeKind};
pub use spend::TrunkUse;
pub use transcripts::{NoTranscript, WaitingTranscript};
pub use writer::WriterHandle;

use crate::call::journal::Record;

/// The database, open for reading and writing. Holds the lock of the data directory while it lives.
#[derive(Debug)]
pub struct Store {
    reader: Reader,
    bell: Bell,
    _lock: File,
}

impl Store {
    /// Opens the database of a data directory, creating both where they are missing, and brings its
    /// schema up to date.
    ///
    /// Fails when another process has it, when it is damaged, and when a newer version of Nightbell
    /// has changed its schema; in each of these cases nothing is written.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        folder::create(data_dir)?;
        let lock = folder::lock(data_dir)?;
        let database = folder::database(data_dir);
        let connection = connection::open_and_migrate(&database)?;
        Ok(Self {
            reader: Reader { database, connection: Mutex::new(connection) },
            bell: Bell::default(),
            _lock: lock,
        })
    }

    /// Opens the database only to look, beside a running daemon or without one.
    pub fn open_read_only(data_dir: &Path) -> Result<Reader, StoreError> {
        let database = folder::database(data_dir);
        let connection = connection::open_read_only(&database)?;
        Ok(Reader { database, connection: Mutex::new(connection) })
    }

    /// The queries.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Starts the thread that writes the journal. It ends, with everything written, when all senders
    /// of `records` are gone.
    ///
    /// Each entry is passed to `live` as it comes, whether or not the disk takes it; a live view
    /// that is too slow misses entries and never delays the writer.
    pub fn start_writer(
        &self,
        records: mpsc::UnboundedReceiver<Record>,
        live: Option<broadcast::Sender<Arc<Record>>>,
    ) -> Result<WriterHandle, StoreError> {
        writer::start(&self.reader.database, records, live, self.bell.clone())
    }

    /// Runs `change` in one transaction: all of it is durable, or nothing was done.
    fn write<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut connection = self.reader.lock();
        let transact = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = change(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        transact().map_err(|source| StoreError::from_sqlite(&self.reader.database, source))
    }
}

/// The database, for queries alone.
#[derive(Debug)]
pub struct Reader {
    database: PathBuf,
    connection: Mutex<Connection>,
}

impl Reader {
    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A reader that panicked has left no transaction behind: dropping one rolls it back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `query` against one consistent state of the database.
    fn read<T>(&self, query: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let mut connection = self.lock();
        connection
            .transaction()
            .and_then(|transaction| query(&transaction))
            .map_err(|source| StoreError::from_sqlite(&self.database, source))
    }
}
