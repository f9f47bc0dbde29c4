//! The writer thread: takes whatever has queued up, commits it as one transaction, and only then
//! answers those who asked whether it is durable. While one COMMIT waits for the disk the next
//! batch queues up, so a hundred calls share one wait.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, Builder, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tokio::sync::broadcast;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::mpsc::error::TryRecvError;
use tracing::{error, info};

use super::backlog::Backlog;
use super::checkpoint::Checkpointer;
use super::{StoreError, connection, entries};
use crate::call::journal::Record;

/// How long a failing disk is left alone between two attempts.
const RETRY: Duration = Duration::from_secs(1);

/// How often a failing disk is tried once nothing more can come, before the rest goes to the log.
const LAST_ATTEMPTS: u32 = 5;

/// Entries between two checkpoints: a WAL of some MiB.
const CHECKPOINT_AFTER: usize = 4096;

/// The running writer.
#[derive(Debug)]
pub struct WriterHandle {
    thread: JoinHandle<()>,
}

impl WriterHandle {
    /// Waits until the writer has ended, which it does once everything is written and all senders of
    /// the journal are gone. Blocks the thread.
    pub fn join(self) {
        if self.thread.join().is_err() {
            error!("the writer of the database had panicked");
        }
    }
}

/// Starts the writer thread.
pub(super) fn start(
    database: &Path,
    records: UnboundedReceiver<Record>,
    live: Option<broadcast::Sender<Arc<Record>>>,
) -> Result<WriterHandle, StoreError> {
    let writer = Writer::new(database, live)?;
    let thread = Builder::new()
        .name("store".to_owned())
        .spawn(move || writer.run(records))
        .map_err(|source| StoreError::folder(database, source))?;
    Ok(WriterHandle { thread })
}

#[derive(Debug)]
struct Writer {
    database: PathBuf,
    /// None after a failure, until the next attempt.
    connection: Option<Connection>,
    backlog: Backlog,
    live: Option<broadcast::Sender<Arc<Record>>>,
    checkpointer: Checkpointer,
    since_checkpoint: usize,
    /// The last attempt failed.
    failing: bool,
    /// The system reported an I/O error: what it has taken since may not be on the disk.
    suspect: bool,
}

impl Writer {
    fn new(database: &Path, live: Option<broadcast::Sender<Arc<Record>>>) -> Result<Self, StoreError> {
        let connection = open(database).map_err(|source| StoreError::from_sqlite(database, source))?;
        let checkpointer =
            Checkpointer::start(database).map_err(|source| StoreError::folder(database, source))?;
        Ok(Self {
            database: database.to_owned(),
            connection: Some(connection),
            backlog: Backlog::default(),
            live,
            checkpointer,
            since_checkpoint: 0,
            failing: false,
            suspect: false,
        })
    }

    fn run(mut self, mut records: UnboundedReceiver<Record>) {
        let mut last_attempts = LAST_ATTEMPTS;
        while self.wait(&mut records) {
            let more_can_come = self.take_queued(&mut records);
            if !self.commit() && !more_can_come {
                last_attempts = last_attempts.saturating_sub(1);
                if last_attempts == 0 {
                    self.give_up();
                    break;
                }
            }
        }
        self.checkpointer.finish();
    }

    /// Sleeps until there is something to do; false when there never will be.
    fn wait(&mut self, records: &mut UnboundedReceiver<Record>) -> bool {
        if !self.backlog.is_empty() {
            thread::sleep(RETRY);
            return true;
        }
        match records.blocking_recv() {
            Some(record) => {
                self.take(record);
                true
            }
            None => false,
        }
    }

    /// Takes all that is there now; false when nothing more can come.
    fn take_queued(&mut self, records: &mut UnboundedReceiver<Record>) -> bool {
        loop {
            match records.try_recv() {
                Ok(record) => self.take(record),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn take(&mut self, record: Record) {
        if let (Some(record), Some(live)) = (self.backlog.take(record), &self.live) {
            // Nobody may be watching.
            let _ = live.send(record);
        }
    }

    /// Makes the backlog durable and tells those who wait; false when it has to be tried again.
    fn commit(&mut self) -> bool {
        match self.write() {
            Ok(()) => {
                self.note_success();
                true
            }
            Err(why) => {
                self.note_failure(&why);
                false
            }
        }
    }

    fn write(&mut self) -> rusqlite::Result<()> {
        if self.backlog.entries().is_empty() && !self.suspect {
            return Ok(());
        }
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(open(&self.database)?),
        };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        entries::write_all(&transaction, self.backlog.entries().iter().map(Arc::as_ref))?;
        transaction.commit()?;
        if self.suspect {
            move_everything_out_of_the_wal(connection)?;
        }
        Ok(())
    }

    fn note_success(&mut self) {
        self.since_checkpoint = self.since_checkpoint.saturating_add(self.backlog.entries().len());
        self.backlog.settle();
        self.suspect = false;
        if std::mem::take(&mut self.failing) {
            let lost = self.backlog.take_given_up();
            info!(lost, "the database takes entries again");
        }
        if self.since_checkpoint >= CHECKPOINT_AFTER {
            self.since_checkpoint = 0;
            self.checkpointer.wake();
        }
    }

    fn note_failure(&mut self, why: &rusqlite::Error) {
        let waiting = self.backlog.entries().len();
        error!(%why, waiting, "the database does not take entries: calls go on, kept in memory and tried again");
        self.failing = true;
        self.suspect |= why.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
        self.connection = None;
    }

    /// The end has come before the disk has: the log is the last place where the entries can go.
    fn give_up(&mut self) {
        for record in self.backlog.entries() {
            error!(?record, "entry not written to the database");
        }
    }
}

fn open(database: &Path) -> rusqlite::Result<Connection> {
    let connection = connection::open(database)?;
    // Checkpoints cost two syncs more: another thread's work.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

/// After a failed sync the system may report the next one as done although the pages it failed to
/// write are lost. What is in the WAL is therefore written again, into the database file, and that
/// is synced, before anything is called durable.
fn move_everything_out_of_the_wal(connection: &Connection) -> rusqlite::Result<()> {
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0))?;
    if busy {
        let locked = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        return Err(rusqlite::Error::SqliteFailure(locked, None));
    }
    Ok(())
}
