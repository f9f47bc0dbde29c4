//! One target's worker.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::pace::{Next, Pace, back_off, later};
use super::{Now, Tell};
use crate::notify::exchange::Verdict;
use crate::store::{Head, OutboxEntry, Settled, Store, StoreError};

/// How long telling may take at the very most: a target's own deadlines are shorter.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long a database that cannot be read or written is left alone.
const AFTER_A_FAULT: Duration = Duration::from_secs(5);

/// The longest sleep while something waits: the system's clock may be set meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(300);

/// How often the log says that a target still takes nothing.
const COMPLAIN_EVERY: Duration = Duration::from_secs(600);

#[derive(Debug)]
enum Woken {
    /// There may be something to do.
    Up,
    /// The target is gone, or the daemon ends.
    Over,
}

/// Tells one target what waits for it.
pub struct Worker {
    target: String,
    store: Arc<Store>,
    now: Now,
    /// Nothing: the target is gone.
    tell: watch::Receiver<Option<Tell>>,
    ending: watch::Receiver<bool>,
    bell: watch::Receiver<u64>,
    pace: Pace,
    /// What came of tries, where the database has not taken it yet: what was sent must not be sent again for that.
    unsettled: BTreeMap<i64, Settled>,
    complained: Option<Instant>,
}

impl Worker {
    /// A worker for a target.
    pub fn new(
        target: String,
        store: Arc<Store>,
        now: Now,
        tell: watch::Receiver<Option<Tell>>,
        ending: watch::Receiver<bool>,
    ) -> Self {
        let bell = store.bell().listen();
        let (pace, unsettled) = (Pace::default(), BTreeMap::new());
        Self { target, store, now, tell, ending, bell, pace, unsettled, complained: None }
    }

    /// Tells the target until it is gone, or until the daemon ends and nothing is due any more.
    pub async fn run(mut self) {
        self.begin_anew().await;
        loop {
            self.bell.mark_unchanged();
            if self.tell.borrow().is_none() {
                return;
            }
            if self.tell.has_changed().unwrap_or(false) {
                self.tell.mark_unchanged();
                self.begin_anew().await;
            }
            let woken = match self.next().await {
                Ok(Next::Send(id)) => self.send(id).await,
                Ok(Next::Wait(at)) => self.sleep(Some(until(at, (self.now)()))).await,
                Ok(Next::Nothing) => self.sleep(None).await,
                Err(error) => {
                    self.complain(&format!("the outbox cannot be read: {error}"));
                    self.sleep(Some(AFTER_A_FAULT)).await
                }
            };
            if let Woken::Over = woken {
                return;
            }
        }
    }

    /// At the start, and when the settings were read again: what was put off is tried now.
    async fn begin_anew(&mut self) {
        self.pace = Pace::default();
        let (target, now) = (self.target.clone(), (self.now)());
        if let Err(error) = self.ask(move |store| store.outbox_back(&target, now)).await {
            self.complain(&format!("the outbox cannot be written: {error}"));
        }
    }

    /// What is to be done.
    async fn next(&mut self) -> Result<Next, StoreError> {
        self.settle_what_is_left().await;
        let target = self.target.clone();
        let mut heads = self.ask(move |store| store.reader().outbox_heads(&target)).await?;
        let now = (self.now)();
        heads.retain_mut(|head| self.is_open(head));
        let next = self.pace.next(heads, now);
        Ok(match next {
            // What could not be settled is to be settled soon.
            Next::Nothing if !self.unsettled.is_empty() => Next::Wait(later(now, AFTER_A_FAULT)),
            Next::Wait(at) if !self.unsettled.is_empty() => Next::Wait(at.min(later(now, AFTER_A_FAULT))),
            next => next,
        })
    }

    /// Whether an entry may be sent, as far as is known here and not in the database.
    fn is_open(&self, head: &mut Head) -> bool {
        match self.unsettled.get(&head.id) {
            None => true,
            Some(Settled::Later { due, .. }) => {
                head.due = *due;
                true
            }
            Some(Settled::Sent | Settled::Needless | Settled::Dead { .. }) => false,
        }
    }

    /// Sends an entry and writes down what came of it.
    async fn send(&mut self, id: i64) -> Woken {
        let entry = match self.take(id).await {
            Ok(Some(entry)) => entry,
            Ok(None) => return Woken::Up,
            Err(error) => {
                self.complain(&format!("the outbox cannot be read: {error}"));
                return self.sleep(Some(AFTER_A_FAULT)).await;
            }
        };
        let Some(tell) = self.tell.borrow().clone() else { return Woken::Over };
        let Some(notice) = entry.notice.clone() else {
            let why = "the notice in the database cannot be read".to_owned();
            self.settle(id, Settled::Dead { why }).await;
            return Woken::Up;
        };
        let told = tokio::task::spawn_blocking(move || tell(&notice));
        let verdict = match tokio::time::timeout(PATIENCE, told).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(_)) => {
                Verdict::Later { why: "telling it failed inside Nightbell".to_owned(), after: None }
            }
            Err(_) => {
                Verdict::Later { why: format!("no answer within {} s", PATIENCE.as_secs()), after: None }
            }
        };
        self.take_verdict(&entry, verdict).await;
        Woken::Up
    }

    /// An entry, with the try counted; nothing where it is not to be sent any more.
    async fn take(&mut self, id: i64) -> Result<Option<OutboxEntry>, StoreError> {
        match self.ask(move |store| store.outbox_try(id)).await {
            Ok(true) => {}
            Ok(false) => {
                self.unsettled.remove(&id);
                return Ok(None);
            }
            // People are to be told all the same: that the try is not counted costs less.
            Err(error) => self.complain(&format!("the outbox cannot be written: {error}")),
        }
        self.ask(move |store| store.reader().outbox_entry(id)).await
    }

    async fn take_verdict(&mut self, entry: &OutboxEntry, verdict: Verdict) {
        let now = (self.now)();
        let (id, event, target) = (entry.id, entry.event(), self.target.clone());
        let settled = match verdict {
            Verdict::Delivered => {
                self.note_success().await;
                Settled::Sent
            }
            Verdict::Needless => Settled::Needless,
            Verdict::Refused { why } => {
                tracing::error!(id, target, event, why, "a notice was refused: see `nightbell outbox`");
                self.note_success().await;
                Settled::Dead { why }
            }
            Verdict::Later { why, after } => {
                self.pace.failed(after, now);
                self.complain(&format!("{event} was not taken: {why}"));
                let due = later(now, back_off(entry.attempts.max(1), after, rand::random()));
                Settled::Later { why, due }
            }
        };
        self.settle(id, settled).await;
    }

    /// The target answers: what was put off because it did not is due again.
    async fn note_success(&mut self) {
        if self.pace.is_failing() {
            tracing::info!(target = self.target, "the target answers again");
            self.complained = None;
            self.begin_anew().await;
        }
        self.pace.worked();
    }

    /// Writes down what came of a try, or keeps it in mind where the database does not take it.
    async fn settle(&mut self, id: i64, settled: Settled) {
        self.unsettled.insert(id, settled);
        self.settle_what_is_left().await;
    }

    async fn settle_what_is_left(&mut self) {
        let now = (self.now)();
        for (id, settled) in std::mem::take(&mut self.unsettled) {
            let written = settled.clone();
            if let Err(error) = self.ask(move |store| store.outbox_settle(id, &written, now)).await {
                self.complain(&format!("the outbox cannot be written: {error}"));
                self.unsettled.insert(id, settled);
            }
        }
    }

    /// Sleeps until there may be something to do.
    async fn sleep(&mut self, at_most: Option<Duration>) -> Woken {
        let nap = async {
            match at_most {
                Some(length) => tokio::time::sleep(length).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = self.ending.wait_for(|ending| *ending) => return Woken::Over,
            changed = self.tell.changed() => if changed.is_err() { return Woken::Over },
            _ = self.bell.changed() => return Woken::Up,
            () = nap => return Woken::Up,
        }
        // The settings were read again.
        self.begin_anew().await;
        Woken::Up
    }

    /// Asks the store, away from the calls.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || question(&store)).await {
            Ok(answer) => answer,
            Err(broken) => std::panic::resume_unwind(broken.into_panic()),
        }
    }

    fn complain(&mut self, what: &str) {
        if self.complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
            self.complained = Some(Instant::now());
            tracing::warn!(target = self.target, "{what}; it is tried again");
        }
    }
}

/// How long it is until then.
fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or_default().min(LONGEST_SLEEP)
}
