//! The writer thread: takes whatever has queued up, commits it as one transaction, and only then
//! answers those who asked whether it is durable. While one COMMIT waits for the disk the next
//! batch queues up, so a hundred calls share one wait. What nobody waits for is not worth a sync of
//! its own: it waits a moment for more, and goes along with the first that somebody does wait for.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, Builder, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tokio::runtime::Runtime;
use tokio::sync::broadcast;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::{Instant, timeout_at};
use tracing::{error, info};

use super::backlog::Backlog;
use super::checkpoint::Checkpointer;
use super::{Bell, StoreError, connection, entries};
use crate::call::journal::Record;

/// How long a failing disk is left alone between two attempts.
const RETRY: Duration = Duration::from_secs(1);

/// How often the log says that it still fails: a line a second would hide what happens to the calls.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// How often a failing disk is tried once nothing more can come, before the rest goes to the log.
const LAST_ATTEMPTS: u32 = 5;

/// How long entries that nobody waits for are gathered. So much of the end of a timeline a crash may cost.
const GATHERED_FOR: Duration = Duration::from_millis(20);

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
    bell: Bell,
) -> Result<WriterHandle, StoreError> {
    let writer = Writer { bell, ..Writer::new(database, live)? };
    let spawned = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .and_then(|clock| Builder::new().name("store".to_owned()).spawn(move || writer.run(&clock, records)));
    let thread = spawned.map_err(|source| StoreError::folder(database, source))?;
    Ok(WriterHandle { thread })
}

#[derive(Debug)]
struct Writer {
    database: PathBuf,
    /// None after a failure, until the next attempt.
    connection: Option<Connection>,
    backlog: Backlog,
    live: Option<broadcast::Sender<Arc<Record>>>,
    /// Rung when something may have been put into the outbox.
    bell: Bell,
    checkpointer: Checkpointer,
    since_checkpoint: usize,
    /// The last attempt failed.
    failing: bool,
    /// When the log was last told so.
    complained: Option<Instant>,
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
            bell: Bell::default(),
            checkpointer,
            since_checkpoint: 0,
            failing: false,
            complained: None,
            suspect: false,
        })
    }

    fn run(mut self, clock: &Runtime, mut records: UnboundedReceiver<Record>) {
        let mut last_attempts = LAST_ATTEMPTS;
        while self.wait(clock, &mut records) {
            let more_can_come = clock.block_on(self.gather(&mut records));
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
    fn wait(&mut self, clock: &Runtime, records: &mut UnboundedReceiver<Record>) -> bool {
        if !self.backlog.is_empty() {
            thread::sleep(RETRY);
            return true;
        }
        match clock.block_on(records.recv()) {
            Some(record) => {
                self.take(record);
                true
            }
            None => false,
        }
    }

    /// Takes all that is there now, and while nobody waits for any of it, what comes in a moment; false when
    /// nothing more can come.
    async fn gather(&mut self, records: &mut UnboundedReceiver<Record>) -> bool {
        let end = Instant::now() + GATHERED_FOR;
        while self.take_queued(records) {
            if self.failing || self.backlog.is_awaited() {
                return true;
            }
            match timeout_at(end, records.recv()).await {
                Ok(Some(record)) => self.take(record),
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
        false
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
        let tells = entries::write_all(&transaction, self.backlog.entries().iter().map(Arc::as_ref))?;
        transaction.commit()?;
        if tells {
            self.bell.ring();
        }
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
            self.complained = None;
            info!(lost, "the database takes entries again");
        }
        if self.since_checkpoint >= CHECKPOINT_AFTER {
            self.since_checkpoint = 0;
            self.checkpointer.wake();
        }
    }

    fn note_failure(&mut self, why: &rusqlite::Error) {
        if self.complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
            let waiting = self.backlog.entries().len();
            error!(%why, waiting, "the database does not take entries: calls go on, kept in memory and tried again");
            self.complained = Some(Instant::now());
        }
        self.failing = true;
        self.suspect |= why.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
        self.connection = None;
    }

    /// The end has come before the disk has: the log is the last place where the entries can go.
    fn give_up(&mut self) {
        let lost = self.backlog.take_given_up();
        error!(lost, "the database takes no entries at the end of this run; those kept follow");
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tokio::sync::oneshot;
    use tokio::sync::oneshot::error::TryRecvError::Empty;

    use super::*;
    use crate::call::CallId;
    use crate::call::journal::{Action, Event, Started, Stated, Step, StepResult};
    use crate::store::scratch::Scratch;
    use crate::store::{CallFilter, Store};

    struct Bench {
        writer: Writer,
        store: Store,
        _scratch: Scratch,
    }

    impl Bench {
        fn new() -> Self {
            let scratch = Scratch::new();
            let store = Store::open(scratch.path()).unwrap();
            let writer = Writer::new(&store.reader.database, None).unwrap();
            Self { writer, store, _scratch: scratch }
        }

        /// Another program's connection.
        fn stranger(&self) -> Connection {
            connection::open(&self.store.reader.database).unwrap()
        }

        fn flush(&mut self) -> oneshot::Receiver<()> {
            let (done, waiting) = oneshot::channel();
            self.writer.take(Record::Flush(done));
            waiting
        }

        fn calls(&self) -> usize {
            self.store.reader().calls(&CallFilter::default()).unwrap().len()
        }

        /// Makes the writer's connection fail at once on a lock, not after seconds.
        fn hurry(&self) {
            self.writer.connection.as_ref().unwrap().busy_timeout(Duration::ZERO).unwrap();
        }
    }

    fn started(call: u64) -> Record {
        Record::Started(Started {
            call: CallId(call),
            hotline: "Emergency".to_owned(),
            number: "+4930123456".to_owned(),
            caller: "+4915112345678".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            trunk: "carrier".to_owned(),
            sip_call_id: format!("{call}@carrier"),
            stated: Stated::default(),
        })
    }

    fn step(call: u64, seq: u32) -> Record {
        Record::Step(Event {
            call: CallId(call),
            seq,
            at: Timestamp::UNIX_EPOCH,
            step: Step::Welcome,
            action: Action::Sent,
            result: StepResult::Processed,
            target: None,
            detail: "greeted".to_owned(),
        })
    }

    #[test]
    fn whoever_waits_is_told_after_the_commit_and_not_before() {
        let mut bench = Bench::new();
        bench.writer.take(started(1));
        let mut waiting = bench.flush();
        assert_eq!(waiting.try_recv(), Err(Empty));
        assert_eq!(bench.calls(), 0);
        assert!(bench.writer.commit());
        assert_eq!(waiting.try_recv(), Ok(()));
        assert_eq!(bench.calls(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_waits_for_is_gathered_for_a_moment_and_whoever_waits_ends_it() {
        let mut bench = Bench::new();
        let (journal, mut records) = tokio::sync::mpsc::unbounded_channel();
        let moment = async |bench: &mut Bench, records: &mut UnboundedReceiver<Record>| {
            let begun = Instant::now();
            assert!(bench.writer.gather(records).await);
            begun.elapsed()
        };
        let _ = journal.send(started(1));
        assert!(moment(&mut bench, &mut records).await >= GATHERED_FOR);

        let later = journal.clone();
        tokio::spawn(async move {
            tokio::time::sleep(GATHERED_FOR / 4).await;
            let _ = later.send(step(1, 1));
            tokio::time::sleep(GATHERED_FOR / 4).await;
            let _ = later.send(Record::Flush(oneshot::channel().0));
        });
        let _ = journal.send(started(2));
        let waited = moment(&mut bench, &mut records).await;
        assert!(waited < GATHERED_FOR, "{waited:?}");
        assert_eq!(bench.writer.backlog.entries().len(), 3);

        drop(journal);
        assert!(!bench.writer.gather(&mut records).await, "nothing more can come");
    }

    #[test]
    fn a_locked_database_delays_entries_and_loses_none() {
        let mut bench = Bench::new();
        let stranger = bench.stranger();
        stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
        bench.hurry();
        bench.writer.take(started(1));
        let mut waiting = bench.flush();
        assert!(!bench.writer.commit());
        assert_eq!(waiting.try_recv(), Err(Empty), "it is not durable");

        bench.writer.take(started(2));
        stranger.execute_batch("ROLLBACK").unwrap();
        assert!(bench.writer.commit());
        assert_eq!(waiting.try_recv(), Ok(()));
        assert_eq!(bench.calls(), 2);
        assert!(bench.writer.backlog.is_empty());
    }

    #[test]
    fn a_full_disk_delays_entries_and_loses_none() {
        let mut bench = Bench::new();
        let connection = bench.writer.connection.as_ref().unwrap();
        connection.pragma_update(None, "max_page_count", 1).unwrap();
        for call in 1..=500 {
            bench.writer.take(started(call));
        }
        let mut waiting = bench.flush();
        assert!(!bench.writer.commit());
        assert_eq!(waiting.try_recv(), Err(Empty));
        assert_eq!(bench.calls(), 0, "half a batch is none");

        // The next attempt is on a new connection, without the limit.
        assert!(bench.writer.commit());
        assert_eq!(waiting.try_recv(), Ok(()));
        assert_eq!(bench.calls(), 500);
    }

    #[test]
    fn after_an_io_error_nothing_is_called_durable_before_the_wal_has_been_written_again() {
        let mut bench = Bench::new();
        bench.writer.take(started(1));
        assert!(bench.writer.commit());
        let stranger = bench.stranger();
        stranger.execute_batch("BEGIN; SELECT * FROM calls").unwrap();

        let io_error = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
        bench.writer.note_failure(&rusqlite::Error::SqliteFailure(io_error, None));
        bench.writer.connection = Some(open(&bench.store.reader.database).unwrap());
        bench.hurry();
        let mut waiting = bench.flush();
        assert!(!bench.writer.commit(), "a reader still needs the old WAL");
        assert_eq!(waiting.try_recv(), Err(Empty));

        stranger.execute_batch("ROLLBACK").unwrap();
        assert!(bench.writer.commit());
        assert_eq!(waiting.try_recv(), Ok(()));
        let wal = bench.store.reader.database.with_extension("db-wal");
        assert_eq!(std::fs::metadata(wal).unwrap().len(), 0);
    }

    #[test]
    fn an_entry_that_the_database_refuses_holds_up_no_other() {
        let mut bench = Bench::new();
        bench.writer.take(step(7, 1));
        bench.writer.take(started(1));
        bench.writer.take(step(1, 1));
        assert!(bench.writer.commit());
        assert!(bench.writer.backlog.is_empty());
        let (_, timeline) = bench.store.reader().call(&CallId(1).to_string()).unwrap().unwrap();
        assert_eq!(timeline.len(), 1);
        assert_eq!(bench.store.reader().call(&CallId(7).to_string()).unwrap(), None);
    }

    #[test]
    fn a_batch_that_is_written_twice_is_there_once() {
        let mut bench = Bench::new();
        for _ in 0..2 {
            bench.writer.take(started(1));
            bench.writer.take(step(1, 1));
            bench.writer.take(step(1, 2));
            assert!(bench.writer.commit());
        }
        let (_, timeline) = bench.store.reader().call(&CallId(1).to_string()).unwrap().unwrap();
        assert_eq!(timeline.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(bench.calls(), 1);
    }

    #[test]
    fn the_wal_is_moved_into_the_database_when_it_has_grown() {
        let mut bench = Bench::new();
        let size = |bench: &Store| std::fs::metadata(&bench.reader.database).unwrap().len();
        let before = size(&bench.store);
        bench.writer.take(started(1));
        for seq in 0..=u32::try_from(CHECKPOINT_AFTER).unwrap() {
            bench.writer.take(step(1, seq));
        }
        assert!(bench.writer.commit());
        bench.writer.checkpointer.finish();
        let grown = size(&bench.store).saturating_sub(before);
        assert!(grown > 100_000, "the entries are still in the WAL alone: {grown} bytes moved");
    }
}
