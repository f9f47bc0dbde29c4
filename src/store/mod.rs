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

mod alarms;
mod backlog;
mod calendars;
mod calls;
mod cases;
mod chase;
mod checkpoint;
mod committer;
mod connection;
mod encrypted;
mod entries;
mod erase;
mod error;
mod folder;
mod health;
mod home;
mod incidents;
mod leg_quality;
mod merge;
mod outbox;
mod place;
mod position;
mod purge;
mod quiet;
mod reconcile;
mod roster;
#[cfg(test)]
mod samples;
#[cfg(test)]
pub(crate) mod scratch;
mod shelf;
mod spare;
mod spend;
mod spool;
mod text;
mod transcripts;
mod voicemails;
mod ways;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{broadcast, mpsc, watch};
use tracing::{error, warn};

pub use alarms::Alarm;
pub use calendars::CalendarCopy;
pub use calls::{CallFilter, CallRow};
pub use chase::Chase;
pub use erase::Traces;
pub use error::StoreError;
pub use health::{Fault, Health};
pub use incidents::{IncidentFilter, IncidentRow, LogRow};
pub use outbox::{
    Bell, Head, OutboxCount, OutboxEntry, OutboxFilter, OutboxState, Replay, Settled, TRIED_FOR,
};
pub use purge::{KeptFile, Proof, Purgeable, Removed, Run};
pub use quiet::{NewQuietTime, QuietKind, QuietTime};
pub use reconcile::{Reconciled, StoredLeg, Unfinished};
pub use roster::{Change, ChangeKind};
pub use spend::TrunkUse;
pub use transcripts::{NoTranscript, WaitingTranscript};
pub use voicemails::{VoicemailFilter, VoicemailRow};
pub use ways::{Finds, WayTarget};
pub use writer::WriterHandle;

use self::health::Gauge;
use self::place::Place;
use self::shelf::Shelf;
use self::spool::{Left, Spool};
use crate::call::journal::Record;

/// The database, open for reading and writing. Holds the lock of the data directory while it lives.
#[derive(Debug)]
pub struct Store {
    reader: Reader,
    data_dir: PathBuf,
    /// Where it is if it is not where it should be.
    away: Mutex<Option<home::Away>>,
    gauge: Arc<Gauge>,
    /// Until the writer has it.
    shelf: Mutex<Shelf>,
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
        Ok(Self::on(data_dir, Reader::on(&database, connection), lock))
    }

    fn on(data_dir: &Path, reader: Reader, lock: File) -> Self {
        Self {
            reader,
            data_dir: data_dir.to_owned(),
            away: Mutex::default(),
            gauge: Arc::default(),
            shelf: Mutex::default(),
            bell: Bell::default(),
            _lock: lock,
        }
    }

    /// Opens the database only to look, beside a running daemon or without one; the spare one, while it is in use
    /// in its place.
    pub fn open_read_only(data_dir: &Path) -> Result<Reader, StoreError> {
        let database = spare::beside(data_dir).unwrap_or_else(|| folder::database(data_dir));
        let connection = connection::open_read_only(&database)?;
        Ok(Reader::on(&database, connection))
    }

    /// Whether the right database can be read at all.
    pub fn look(data_dir: &Path) -> Result<(), StoreError> {
        connection::open_read_only(&folder::database(data_dir)).map(drop)
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
        let shelf = std::mem::take(&mut *self.shelf());
        let (place, gauge) = (Arc::clone(&self.reader.place), Arc::clone(&self.gauge));
        writer::start(place, gauge, self.bell.clone(), shelf, records, live)
    }

    /// Whether the database takes entries, for whoever raises the alarm.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.gauge.watch()
    }

    /// Has entries go to this file while the database does not take them; to be called before
    /// [`Store::reconcile`]. What an earlier run has left in it is written into the database now. Without a place
    /// for it entries go to the log.
    pub fn use_spool(&self, path: &Path) {
        let shelf = match Spool::open(path) {
            Ok((spool, left)) => self.replay(spool, left),
            Err(why) => {
                let path = path.display();
                error!(%why, "ALARM: no spool at {path}: while the database takes no entries, a crash loses them");
                Shelf::default()
            }
        };
        *self.shelf() = shelf;
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what an earlier run has left into the database; what it does not take is left to the writer.
    fn replay(&self, mut spool: Spool, left: Vec<Left>) -> Shelf {
        if spool.is_empty() {
            return Shelf::on(spool);
        }
        let entries = left.len();
        let written = self.write(|connection| {
            let known = position::read(connection, spool.id())?;
            let new = left.iter().filter(|left| left.number > known);
            entries::write_all(connection, new.map(|left| &left.record))?;
            position::write(connection, spool.id(), spool.last())
        });
        if let Err(why) = written {
            error!(%why, entries, "ALARM: the spool of an earlier run cannot be written into the database yet");
            return Shelf::on(spool).with_left(left.into_iter().map(|left| left.record).collect());
        }
        warn!(entries, "an earlier run could not write everything into the database: its spool was");
        // What is lost with the machine is not the place to rely on.
        if !self.gauge.is_volatile()
            && let Err(why) = spool.clear()
        {
            warn!(%why, "the spool could not be emptied");
        }
        Shelf::on(spool)
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
        transact().map_err(|source| StoreError::from_sqlite(&self.reader.place.path(), source))
    }
}

/// The database, for queries alone.
#[derive(Debug)]
pub struct Reader {
    place: Arc<Place>,
    connection: Mutex<Connection>,
}

impl Reader {
    fn on(database: &Path, connection: Connection) -> Self {
        Self { place: Arc::new(Place::at(database)), connection: Mutex::new(connection) }
    }

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
            .map_err(|source| StoreError::from_sqlite(&self.place.path(), source))
    }
}
