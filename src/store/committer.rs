//! The thread that waits for the disk: writes a batch as one transaction and says what became of it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing::error;

use super::checkpoint::Checkpointer;
use super::place::Place;
use super::{Bell, connection, entries, position};
use crate::call::journal::Record;

/// Entries between two checkpoints: a WAL of some MiB.
const CHECKPOINT_AFTER: usize = 4096;

/// Entries to be written together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The entries. None: only whether the disk takes anything is to be found out.
    pub entries: Vec<Arc<Record>>,
    /// The spool, and the number of the last of the entries in it: they are not to be written from there again.
    pub position: Option<(u64, u64)>,
}

/// The running thread, as the writer has it.
#[derive(Debug)]
pub(super) struct Desk {
    batches: Sender<Batch>,
    /// Tells what became of each batch.
    pub outcomes: UnboundedReceiver<rusqlite::Result<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts the thread.
pub(super) fn start(place: Arc<Place>, bell: Bell) -> io::Result<Desk> {
    let committer = Committer::new(place, bell)?;
    let (batches, asked) = channel();
    let (told, outcomes) = unbounded_channel();
    let thread =
        Builder::new().name("store-commit".to_owned()).spawn(move || committer.run(&asked, &told))?;
    Ok(Desk { batches, outcomes, thread: Some(thread) })
}

impl Desk {
    /// One whose thread is played by a test.
    #[cfg(test)]
    pub fn played() -> (Self, Receiver<Batch>, UnboundedSender<rusqlite::Result<()>>) {
        let (batches, asked) = channel();
        let (told, outcomes) = unbounded_channel();
        (Self { batches, outcomes, thread: None }, asked, told)
    }

    /// Gives it a batch; one at a time. False: the thread has broken.
    pub fn give(&self, batch: Batch) -> bool {
        self.batches.send(batch).is_ok()
    }

    /// Ends the thread, and waits for that.
    pub fn close(self) {
        drop(self.batches);
        if self.thread.is_some_and(|thread| thread.join().is_err()) {
            error!("the thread that writes the database had panicked");
        }
    }
}

#[derive(Debug)]
struct Committer {
    place: Arc<Place>,
    /// Rung when something may have been put into the outbox.
    bell: Bell,
    /// None after a failure, until the next attempt.
    open: Option<(PathBuf, Connection)>,
    checkpointer: Checkpointer,
    since_checkpoint: usize,
    /// The system reported an I/O error: what it has taken since may not be on the disk.
    suspect: bool,
}

impl Committer {
    fn new(place: Arc<Place>, bell: Bell) -> io::Result<Self> {
        let checkpointer = Checkpointer::start(Arc::clone(&place))?;
        Ok(Self { place, bell, open: None, checkpointer, since_checkpoint: 0, suspect: false })
    }

    fn run(mut self, asked: &Receiver<Batch>, told: &UnboundedSender<rusqlite::Result<()>>) {
        while let Ok(batch) = asked.recv() {
            // A writer that has given up has put its entries elsewhere.
            let _ = told.send(self.commit(&batch));
        }
        self.checkpointer.finish();
    }

    fn commit(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        match self.write(batch) {
            Ok(()) => {
                self.suspect = false;
                self.count(batch.entries.len());
                Ok(())
            }
            Err(why) => {
                self.suspect |= why.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
                self.open = None;
                Err(why)
            }
        }
    }

    fn write(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        let database = self.place.hold();
        let connection = match &mut self.open {
            Some((path, connection)) if path == &*database => connection,
            other => &mut other.insert((database.clone(), open(&database)?)).1,
        };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let tells = entries::write_all(&transaction, batch.entries.iter().map(Arc::as_ref))?;
        match batch.position {
            Some((spool, number)) => position::write(&transaction, spool, number)?,
            // A transaction that changes nothing does not ask the disk.
            None if batch.entries.is_empty() => position::touch(&transaction)?,
            None => {}
        }
        transaction.commit()?;
        if tells {
            self.bell.ring();
        }
        if self.suspect {
            move_everything_out_of_the_wal(connection)?;
        }
        Ok(())
    }

    fn count(&mut self, entries: usize) {
        self.since_checkpoint = self.since_checkpoint.saturating_add(entries);
        if self.since_checkpoint >= CHECKPOINT_AFTER {
            self.since_checkpoint = 0;
            self.checkpointer.wake();
        }
    }
}

fn open(database: &std::path::Path) -> rusqlite::Result<Connection> {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::call::CallId;
    use crate::store::samples::{started, step};
    use crate::store::scratch::Scratch;
    use crate::store::{CallFilter, Store};

    struct Bench {
        committer: Committer,
        store: Store,
        _scratch: Scratch,
    }

    impl Bench {
        fn new() -> Self {
            let scratch = Scratch::new();
            let store = Store::open(scratch.path()).unwrap();
            let committer = Committer::new(Arc::clone(&store.reader.place), Bell::default()).unwrap();
            Self { committer, store, _scratch: scratch }
        }

        fn commit(&mut self, records: impl IntoIterator<Item = Record>) -> rusqlite::Result<()> {
            let entries = records.into_iter().map(Arc::new).collect();
            self.committer.commit(&Batch { entries, position: None })
        }

        /// Another program's connection.
        fn stranger(&self) -> Connection {
            connection::open(&self.store.reader.place.path()).unwrap()
        }

        fn calls(&self) -> usize {
            self.store.reader().calls(&CallFilter::default()).unwrap().len()
        }

        /// The connection of the next commit.
        fn connected(&mut self) -> &Connection {
            let path = self.store.reader.place.path();
            let connection = open(&path).unwrap();
            &self.committer.open.insert((path, connection)).1
        }

        /// Makes the connection fail at once on a lock, not after seconds.
        fn hurry(&mut self) {
            self.connected().busy_timeout(Duration::ZERO).unwrap();
        }
    }

    #[test]
    fn a_locked_database_takes_nothing_and_afterwards_all_of_it() {
        let mut bench = Bench::new();
        let stranger = bench.stranger();
        stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
        bench.hurry();
        bench.commit([started(1)]).unwrap_err();
        stranger.execute_batch("ROLLBACK").unwrap();
        bench.commit([started(1), started(2)]).unwrap();
        assert_eq!(bench.calls(), 2);
    }

    #[test]
    fn of_a_batch_that_finds_no_room_nothing_is_there() {
        let mut bench = Bench::new();
        bench.connected().pragma_update(None, "max_page_count", 1).unwrap();
        bench.commit((1..=500).map(started)).unwrap_err();
        assert_eq!(bench.calls(), 0, "half a batch is none");

        // The next attempt is on a new connection, without the limit.
        bench.commit((1..=500).map(started)).unwrap();
        assert_eq!(bench.calls(), 500);
    }

    #[test]
    fn after_an_io_error_nothing_is_called_durable_before_the_wal_has_been_written_again() {
        let mut bench = Bench::new();
        bench.commit([started(1)]).unwrap();
        let stranger = bench.stranger();
        stranger.execute_batch("BEGIN; SELECT * FROM calls").unwrap();
        bench.committer.suspect = true;
        bench.hurry();
        bench.commit([]).expect_err("a reader still needs the old WAL");

        stranger.execute_batch("ROLLBACK").unwrap();
        bench.commit([]).unwrap();
        let wal = bench.store.reader.place.path().with_extension("db-wal");
        assert_eq!(std::fs::metadata(wal).unwrap().len(), 0);
    }

    #[test]
    fn a_batch_of_nothing_asks_the_disk_all_the_same() {
        let mut bench = Bench::new();
        let wal = bench.store.reader.place.path().with_extension("db-wal");
        let size = || std::fs::metadata(&wal).unwrap().len();
        bench.commit([]).unwrap();
        let before = size();
        bench.commit([]).unwrap();
        assert!(size() > before, "nothing was written");
    }

    #[test]
    fn an_entry_that_the_database_refuses_holds_up_no_other() {
        let mut bench = Bench::new();
        bench.commit([step(7, 1), started(1), step(1, 1)]).unwrap();
        let (_, timeline) = bench.store.reader().call(&CallId(1).to_string()).unwrap().unwrap();
        assert_eq!(timeline.len(), 1);
        assert_eq!(bench.store.reader().call(&CallId(7).to_string()).unwrap(), None);
    }

    #[test]
    fn a_batch_that_is_written_twice_is_there_once() {
        let mut bench = Bench::new();
        for _ in 0..2 {
            bench.commit([started(1), step(1, 1), step(1, 2)]).unwrap();
        }
        let (_, timeline) = bench.store.reader().call(&CallId(1).to_string()).unwrap().unwrap();
        assert_eq!(timeline.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(bench.calls(), 1);
    }

    #[test]
    fn the_wal_is_moved_into_the_database_when_it_has_grown() {
        let mut bench = Bench::new();
        let size = |store: &Store| std::fs::metadata(store.reader.place.path()).unwrap().len();
        let before = size(&bench.store);
        let steps = (0..=u32::try_from(CHECKPOINT_AFTER).unwrap()).map(|seq| step(1, seq));
        bench.commit(std::iter::once(started(1)).chain(steps)).unwrap();
        bench.committer.checkpointer.finish();
        let grown = size(&bench.store).saturating_sub(before);
        assert!(grown > 100_000, "the entries are still in the WAL alone: {grown} bytes moved");
    }
}
