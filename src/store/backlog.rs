//! What has come and is not yet on the disk: bounded, with the least important given up first.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::call::journal::Record;

/// Steps of timelines are given up beyond this many waiting entries: some hours of busy hotlines,
/// and less than 50 MiB.
const STEPS_UP_TO: usize = 100_000;

/// Calls, their ends, dial intents, legs, recordings and facts are given up only beyond this many.
const ENTRIES_UP_TO: usize = 200_000;

/// Entries in the order they came, counted without a gap, and those who wait for them to be durable.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    entries: VecDeque<Arc<Record>>,
    /// The number of the last entry that is durable: those that wait follow it.
    durable: u64,
    /// Up to which entry each wants to be durable.
    waiting: Vec<(u64, oneshot::Sender<()>)>,
    given_up: u64,
}

/// Whether an entry is the first to go: a call is whole without it.
pub(super) fn can_be_missed(record: &Record) -> bool {
    matches!(record, Record::Step(_) | Record::LegQuality(_))
}

impl Backlog {
    /// An empty one, whose entries are counted from behind `last` on.
    pub(super) fn behind(last: u64) -> Self {
        Self { durable: last, ..Self::default() }
    }

    /// Takes an entry in. A `Flush` is set aside until everything before it is durable; any other
    /// entry is handed back for the live view.
    pub(super) fn take(&mut self, record: Record) -> Option<Arc<Record>> {
        let record = match record {
            Record::Flush(done) => {
                self.wait(done);
                return None;
            }
            record => Arc::new(record),
        };
        if self.has_room(&record) {
            self.entries.push_back(Arc::clone(&record));
        } else {
            self.given_up = self.given_up.saturating_add(1);
        }
        Some(record)
    }

    fn wait(&mut self, done: oneshot::Sender<()>) {
        if self.entries.is_empty() {
            // Whoever has stopped waiting does not need to know.
            let _ = done.send(());
            return;
        }
        // Those who no longer wait must not pile up.
        self.waiting.retain(|(_, done)| !done.is_closed());
        self.waiting.push((self.last(), done));
    }

    fn has_room(&self, record: &Record) -> bool {
        let limit = if can_be_missed(record) { STEPS_UP_TO } else { ENTRIES_UP_TO };
        self.entries.len() < limit
    }

    /// How many entries are not durable.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether all is durable.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether somebody waits for what is here to be durable.
    pub(super) fn is_awaited(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The number of the last entry that is durable.
    pub(super) fn durable(&self) -> u64 {
        self.durable
    }

    /// The number of the last entry.
    pub(super) fn last(&self) -> u64 {
        self.durable.saturating_add(self.entries.len() as u64)
    }

    /// The entries that are not durable.
    pub(super) fn entries(&self) -> Vec<Arc<Record>> {
        self.entries.iter().map(Arc::clone).collect()
    }

    /// Those of them behind an entry, with their numbers.
    pub(super) fn behind_entry(&self, number: u64) -> impl Iterator<Item = (u64, &Arc<Record>)> {
        let known = usize::try_from(number.saturating_sub(self.durable)).unwrap_or(usize::MAX);
        let first = self.durable.saturating_add(1);
        (first..).zip(&self.entries).skip(known)
    }

    /// How many entries did not fit since the last time this was asked.
    pub(super) fn take_given_up(&mut self) -> u64 {
        std::mem::take(&mut self.given_up)
    }

    /// The entries up to this one are on the disk: whoever waited for them is told.
    pub(super) fn settle(&mut self, through: u64) {
        let settled = usize::try_from(through.saturating_sub(self.durable)).unwrap_or(usize::MAX);
        self.entries.drain(..settled.min(self.entries.len()));
        self.durable = self.durable.max(through);
        for (_, done) in self.waiting.extract_if(.., |(wanted, _)| *wanted <= through) {
            let _ = done.send(());
        }
        // One long failure must not keep its memory for ever.
        self.entries.shrink_to(1024);
    }

    /// Nobody is to wait any longer: what they wait for may take its time.
    pub(super) fn disappoint(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::call::CallId;
    use crate::call::journal::{Action, Event, Step, StepResult};
    use crate::call::leg::LegId;

    fn step(seq: u32) -> Record {
        Record::Step(Event {
            call: CallId(1),
            seq,
            at: Timestamp::UNIX_EPOCH,
            step: Step::Welcome,
            action: Action::Sent,
            result: StepResult::Processed,
            target: None,
            detail: String::new(),
        })
    }

    #[test]
    fn a_full_backlog_gives_up_new_steps_first_and_stays_bounded() {
        let mut backlog = Backlog::default();
        for seq in 0..100_001 {
            backlog.take(step(seq));
        }
        assert_eq!(backlog.len(), STEPS_UP_TO);
        assert_eq!(backlog.take_given_up(), 1);

        backlog.take(Record::LegDown { leg: LegId(1) });
        assert_eq!(backlog.len(), STEPS_UP_TO + 1, "what is more than a step still fits");
        for _ in 0..ENTRIES_UP_TO {
            backlog.take(Record::LegDown { leg: LegId(1) });
        }
        assert_eq!(backlog.len(), ENTRIES_UP_TO);
        assert_eq!(backlog.take_given_up(), 100_001);
    }

    #[test]
    fn those_who_no_longer_wait_do_not_pile_up() {
        let mut backlog = Backlog::default();
        backlog.take(step(1));
        for _ in 0..1000 {
            let (done, waiting) = oneshot::channel();
            backlog.take(Record::Flush(done));
            drop(waiting);
        }
        assert_eq!(backlog.waiting.len(), 1);
    }

    #[test]
    fn the_live_view_sees_an_entry_even_when_there_is_no_room_for_it() {
        let mut backlog = Backlog::default();
        for seq in 0..=100_000 {
            assert!(backlog.take(step(seq)).is_some());
        }
    }

    #[test]
    fn whoever_waits_is_told_once_all_before_it_is_durable_and_no_earlier() {
        let mut backlog = Backlog::behind(40);
        let wait = |backlog: &mut Backlog| {
            let (done, waiting) = oneshot::channel();
            backlog.take(Record::Flush(done));
            waiting
        };
        assert_eq!(wait(&mut backlog).try_recv(), Ok(()), "there is nothing to wait for");
        backlog.take(step(1));
        let mut first = wait(&mut backlog);
        backlog.take(step(2));
        let mut second = wait(&mut backlog);
        backlog.settle(41);
        assert_eq!(first.try_recv(), Ok(()));
        assert_eq!(second.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        assert_eq!(backlog.behind_entry(41).map(|(number, _)| number).collect::<Vec<_>>(), [42]);
        backlog.disappoint();
        assert_eq!(second.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }
}
