//! The writer: gathers what comes, has it committed as one transaction, and only then answers those who
//! asked whether it is durable. While one COMMIT waits for the disk the next batch queues up, so a hundred
//! calls share one wait. What nobody waits for is not worth a sync of its own: it waits a moment for more,
//! and goes along with the first that somebody does wait for.
//!
//! This thread never waits for the disk; the committer's does. A COMMIT that fails, or takes longer than
//! anybody waits, begins a degraded time: what is not durable goes to the spool, and so does all that comes;
//! nobody is kept waiting; the database is tried again every second. It ends with a COMMIT that is quick.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};
use tracing::{error, info};

use super::backlog::Backlog;
use super::committer::{self, Batch, Desk};
use super::health::{Fault, Gauge};
use super::place::Place;
use super::shelf::Shelf;
use super::{Bell, StoreError};
use crate::call::journal::Record;

/// How long a failing disk is left alone between two attempts.
const RETRY: Duration = Duration::from_secs(1);

/// A COMMIT that takes longer is no longer waited for: as long as calls wait.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often the log says that it still fails: a line a second would hide what happens to the calls.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// How long a failing disk is tried once nothing more can come.
const LAST_CHANCE: Duration = Duration::from_secs(8);

/// How long entries that nobody waits for are gathered. So much of the end of a timeline a crash may cost.
const GATHERED_FOR: Duration = Duration::from_millis(20);

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
    place: Arc<Place>,
    gauge: Arc<Gauge>,
    bell: Bell,
    shelf: Shelf,
    records: UnboundedReceiver<Record>,
    live: Option<broadcast::Sender<Arc<Record>>>,
) -> Result<WriterHandle, StoreError> {
    let database = place.path();
    let spawned = committer::start(place, bell).and_then(|desk| {
        let writer = Writer::new(desk, gauge, shelf, live);
        let clock = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        Builder::new().name("store".to_owned()).spawn(move || clock.block_on(writer.run(records)))
    });
    let thread = spawned.map_err(|source| StoreError::folder(&database, source))?;
    Ok(WriterHandle { thread })
}

#[derive(Debug)]
struct Writer {
    backlog: Backlog,
    shelf: Shelf,
    live: Option<broadcast::Sender<Arc<Record>>>,
    desk: Desk,
    gauge: Arc<Gauge>,
    /// What is being committed.
    under_way: Option<UnderWay>,
    /// When what came first goes to the disk, if nobody waits for it before.
    gathered_until: Option<Instant>,
    /// While the database does not take entries as it should.
    trouble: Option<Trouble>,
}

#[derive(Debug, Clone, Copy)]
struct UnderWay {
    /// The number of the last entry.
    through: u64,
    since: Instant,
}

#[derive(Debug)]
struct Trouble {
    fault: Fault,
    detail: String,
    next_attempt: Instant,
    /// When the log was last told so.
    complained: Instant,
}

impl Writer {
    fn new(
        desk: Desk,
        gauge: Arc<Gauge>,
        mut shelf: Shelf,
        live: Option<broadcast::Sender<Arc<Record>>>,
    ) -> Self {
        let mut backlog = Backlog::behind(shelf.last());
        for record in shelf.take_left() {
            backlog.take(record);
        }
        let gathered_until = (!backlog.is_empty()).then(Instant::now);
        Self { backlog, shelf, live, desk, gauge, under_way: None, gathered_until, trouble: None }
    }

    async fn run(mut self, mut records: UnboundedReceiver<Record>) {
        let mut end = None;
        loop {
            self.hand_over(end.is_some());
            if end.is_some_and(|end| Instant::now() >= end) {
                return self.give_up();
            }
            if end.is_some() && self.backlog.is_empty() && self.under_way.is_none() {
                return self.desk.close();
            }
            let due = [self.due(), end].into_iter().flatten().min();
            tokio::select! {
                biased;
                Some(outcome) = self.desk.outcomes.recv() => self.conclude(outcome),
                record = records.recv(), if end.is_none() => match record {
                    Some(record) => self.take_all(record, &mut records),
                    None => end = Some(Instant::now() + LAST_CHANCE),
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.look_at_the_clock(),
            }
        }
    }

    /// When there is something to do though nothing comes.
    fn due(&self) -> Option<Instant> {
        match (&self.under_way, &self.trouble) {
            (Some(_), Some(_)) => None,
            (Some(under_way), None) => Some(under_way.since + PATIENCE),
            (None, Some(trouble)) => Some(trouble.next_attempt),
            (None, None) => self.gathered_until,
        }
    }

    fn take_all(&mut self, first: Record, records: &mut UnboundedReceiver<Record>) {
        self.take(first);
        while let Ok(record) = records.try_recv() {
            self.take(record);
        }
        if self.trouble.is_some() || self.gauge.is_volatile() {
            self.shelf.put(&self.backlog);
        }
        if self.trouble.is_some() {
            self.backlog.disappoint();
        }
    }

    fn take(&mut self, record: Record) {
        if let (Some(record), Some(live)) = (self.backlog.take(record), &self.live) {
            // Nobody may be watching.
            let _ = live.send(record);
        }
        if !self.backlog.is_empty() && self.gathered_until.is_none() {
            self.gathered_until = Some(Instant::now() + GATHERED_FOR);
        }
    }

    /// Gives the committer what is there, if it is free and it is time.
    fn hand_over(&mut self, last: bool) {
        let now = Instant::now();
        let is_time = match &self.trouble {
            Some(trouble) => now >= trouble.next_attempt,
            None => {
                let gathered =
                    last || self.backlog.is_awaited() || self.gathered_until.is_some_and(|end| now >= end);
                gathered && !self.backlog.is_empty()
            }
        };
        if !is_time || self.under_way.is_some() {
            return;
        }
        let batch = Batch { entries: self.backlog.entries(), position: self.shelf.position() };
        self.gathered_until = None;
        self.under_way = Some(UnderWay { through: self.backlog.last(), since: now });
        if !self.desk.give(batch) {
            self.fail(Fault::Other, "the thread that writes has broken");
        }
    }

    /// What became of a batch.
    fn conclude(&mut self, outcome: rusqlite::Result<()>) {
        let Some(under_way) = self.under_way.take() else { return };
        match outcome {
            Ok(()) => {
                self.backlog.settle(under_way.through);
                self.gathered_until = self.gathered_until.filter(|_| !self.backlog.is_empty());
                if under_way.since.elapsed() < PATIENCE {
                    self.recover();
                }
                if !self.gauge.is_volatile() {
                    self.shelf.clear_if(self.backlog.durable());
                }
            }
            Err(why) => self.fail(Fault::of(&why), &why.to_string()),
        }
        if let Some(trouble) = &mut self.trouble {
            trouble.next_attempt = Instant::now() + RETRY;
        }
    }

    /// A COMMIT that takes longer than anybody waits.
    fn look_at_the_clock(&mut self) {
        if self.trouble.is_none()
            && let Some(under_way) = self.under_way
            && under_way.since.elapsed() >= PATIENCE
        {
            self.fail(Fault::Slow, &format!("no entry was on the disk after {} ms", PATIENCE.as_millis()));
        }
    }

    /// What is here goes to the spool, and nobody waits for it.
    fn fail(&mut self, fault: Fault, detail: &str) {
        self.shelf.put(&self.backlog);
        self.backlog.disappoint();
        let (waiting, now) = (self.backlog.len(), Instant::now());
        self.gauge.degraded(fault, detail, waiting);
        let before = self.trouble.take().filter(|trouble| trouble.fault == fault);
        let complained = before.map_or(now, |trouble| trouble.complained);
        let again = now >= complained + COMPLAIN_EVERY;
        if again {
            error!(why = detail, waiting, "ALARM: {fault} still: the database does not take entries");
        }
        let complained = if again { now } else { complained };
        self.trouble =
            Some(Trouble { fault, detail: detail.to_owned(), next_attempt: now + RETRY, complained });
    }

    fn recover(&mut self) {
        if self.trouble.take().is_some() {
            self.gauge.good(self.backlog.take_given_up());
        }
    }

    /// The end has come before the disk has: the next start goes on where this one has left off.
    fn give_up(&mut self) {
        self.shelf.put(&self.backlog);
        let (lost, waiting) = (self.backlog.take_given_up(), self.backlog.len());
        let why = self.trouble.as_ref().map_or("", |trouble| trouble.detail.as_str());
        error!(why, lost, waiting, "the database takes no entries at the end of this run: {}", self.shelf);
        info!("the next start writes what the spool holds");
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::mpsc::Receiver;

    use rusqlite::ffi::{SQLITE_BUSY, SQLITE_FULL};
    use tokio::sync::{mpsc, oneshot, watch};
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::call::journal::Journal;
    use crate::store::health::Health;
    use crate::store::samples::{ended, started, step};
    use crate::store::scratch::Scratch;
    use crate::store::spool::Spool;

    /// A writer whose disk is played by the test.
    struct Bench {
        journal: Journal,
        batches: Receiver<Batch>,
        outcomes: mpsc::UnboundedSender<rusqlite::Result<()>>,
        health: watch::Receiver<Health>,
        scratch: Scratch,
    }

    impl Bench {
        fn new() -> Self {
            let scratch = Scratch::new();
            std::fs::create_dir_all(scratch.path()).unwrap();
            let (desk, batches, outcomes) = Desk::played();
            let gauge = Arc::<Gauge>::default();
            let health = gauge.watch();
            let shelf = Shelf::on(Spool::open(&spool(&scratch)).unwrap().0);
            let (journal, records) = Journal::new();
            tokio::spawn(Writer::new(desk, gauge, shelf, None).run(records));
            Self { journal, batches, outcomes, health, scratch }
        }

        /// The next batch, as soon as there is one.
        async fn batch(&self) -> Batch {
            loop {
                match self.batches.try_recv() {
                    Ok(batch) => return batch,
                    Err(_) => sleep(Duration::from_millis(1)).await,
                }
            }
        }

        fn succeed(&self) {
            self.outcomes.send(Ok(())).unwrap();
        }

        fn fail(&self, code: i32) {
            let why = rusqlite::ffi::Error::new(code);
            self.outcomes.send(Err(rusqlite::Error::SqliteFailure(why, None))).unwrap();
        }

        fn flush(&self) -> oneshot::Receiver<()> {
            let (done, waiting) = oneshot::channel();
            self.journal.write(Record::Flush(done));
            waiting
        }

        fn fault(&self) -> Option<Fault> {
            match &*self.health.borrow() {
                Health::Good => None,
                Health::Degraded { fault, .. } => Some(*fault),
            }
        }

        /// What a start after a kill would find.
        fn spooled(&self) -> usize {
            Spool::open(&spool(&self.scratch)).unwrap().1.len()
        }
    }

    fn spool(scratch: &Scratch) -> PathBuf {
        scratch.path().join("spool.ring")
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_is_told_after_the_commit_and_not_before() {
        let bench = Bench::new();
        bench.journal.write(started(1));
        let mut waiting = bench.flush();
        assert_eq!(bench.batch().await.entries.len(), 1);
        waiting.try_recv().unwrap_err();
        bench.succeed();
        assert_eq!(waiting.await, Ok(()));
        assert_eq!(bench.fault(), None);
        assert_eq!(bench.spooled(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_waits_for_is_gathered_for_a_moment_and_whoever_waits_ends_it() {
        let bench = Bench::new();
        let begun = Instant::now();
        bench.journal.write(started(1));
        bench.batch().await;
        assert!(begun.elapsed() >= GATHERED_FOR, "{:?}", begun.elapsed());
        bench.succeed();

        let begun = Instant::now();
        bench.journal.write(started(2));
        sleep(GATHERED_FOR / 4).await;
        bench.journal.write(step(1, 1));
        let _waiting = bench.flush();
        assert_eq!(bench.batch().await.entries.len(), 2);
        assert!(begun.elapsed() < GATHERED_FOR, "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_while_the_disk_works_goes_together_with_the_next_commit() {
        let bench = Bench::new();
        bench.journal.write(started(1));
        let _first = bench.flush();
        bench.batch().await;
        for seq in 1..=5 {
            bench.journal.write(step(1, seq));
        }
        let second = bench.flush();
        sleep(Duration::from_millis(100)).await;
        assert!(bench.batches.try_recv().is_err(), "one at a time");
        bench.succeed();
        let batch = bench.batch().await;
        assert!(matches!(*batch.entries[0], Record::Step(_)));
        assert_eq!(batch.entries.len(), 5);
        bench.succeed();
        assert_eq!(second.await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_disk_costs_nothing_but_time_and_a_kill_meanwhile_nothing_either() {
        let mut bench = Bench::new();
        bench.journal.write(started(1));
        let waiting = bench.flush();
        bench.batch().await;
        bench.fail(SQLITE_FULL);
        waiting.await.expect_err("it is not durable, and nobody is kept waiting");
        assert_eq!(bench.fault(), Some(Fault::Full));
        assert_eq!(bench.spooled(), 1);

        // Calls that come meanwhile are not held up.
        bench.journal.write(started(2));
        let waiting = bench.flush();
        timeout(Duration::from_millis(10), waiting).await.unwrap().expect_err("it is not durable");
        assert_eq!(bench.spooled(), 2);

        // It is tried again, with everything, until there is room.
        for _ in 0..3 {
            assert_eq!(bench.batch().await.entries.len(), 2);
            bench.fail(SQLITE_FULL);
        }
        let batch = bench.batch().await;
        assert_eq!(
            batch.position.map(|(_, number)| number),
            Some(2),
            "what was spooled is not written twice"
        );
        bench.succeed();
        bench.health.wait_for(|health| *health == Health::Good).await.unwrap();
        let waiting = bench.flush();
        assert_eq!(waiting.await, Ok(()));
        assert_eq!(bench.spooled(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_takes_five_seconds_is_waited_for_no_longer_than_calls_wait() {
        let mut bench = Bench::new();
        bench.journal.write(started(1));
        let (begun, waiting) = (Instant::now(), bench.flush());
        bench.batch().await;
        waiting.await.expect_err("it is not durable");
        assert!(begun.elapsed() <= PATIENCE + Duration::from_millis(5), "{:?}", begun.elapsed());
        assert_eq!(bench.fault(), Some(Fault::Slow));
        assert_eq!(bench.spooled(), 1);
        bench.journal.write(ended(1));
        assert!(bench.flush().await.is_err());
        assert_eq!(bench.spooled(), 2);

        // It comes to an end, but is no quicker: the alarm stays.
        sleep(Duration::from_millis(4500)).await;
        bench.succeed();
        bench.batch().await;
        sleep(Duration::from_secs(5)).await;
        bench.succeed();
        // Nothing is left to be written: it is tried with nothing.
        let batch = bench.batch().await;
        assert!(batch.entries.is_empty());
        assert_eq!(bench.fault(), Some(Fault::Slow));
        bench.succeed();
        bench.health.wait_for(|health| *health == Health::Good).await.unwrap();
        assert_eq!(bench.flush().await, Ok(()));
        assert_eq!(bench.spooled(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_alarm_names_what_is_found_out_later() {
        let bench = Bench::new();
        bench.journal.write(started(1));
        bench.batch().await;
        sleep(Duration::from_secs(5)).await;
        assert_eq!(bench.fault(), Some(Fault::Slow));
        bench.fail(SQLITE_BUSY);
        bench.batch().await;
        assert_eq!(bench.fault(), Some(Fault::Locked));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_disk_has_not_taken_at_the_end_is_in_the_spool() {
        let Bench { journal, batches, outcomes, scratch, .. } = Bench::new();
        journal.write(started(1));
        journal.write(step(1, 1));
        drop(journal);
        tokio::spawn(async move {
            loop {
                if batches.try_recv().is_ok() {
                    let full = rusqlite::ffi::Error::new(SQLITE_FULL);
                    let _ = outcomes.send(Err(rusqlite::Error::SqliteFailure(full, None)));
                }
                sleep(Duration::from_millis(5)).await;
            }
        });
        sleep(LAST_CHANCE * 2).await;
        assert_eq!(Spool::open(&spool(&scratch)).unwrap().1.len(), 2);
    }
}
