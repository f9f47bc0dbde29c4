//! What has come and is not yet on the disk: bounded, with the least important given up first.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::call::journal::Record;

/// Steps of timelines are given up beyond this many waiting entries: some hours of busy hotlines,
/// and less than 50 MiB.
const STEPS_UP_TO: usize = 100_000;

/// Calls, their ends, dial intents, legs and recordings are given up only beyond this many.
const ENTRIES_UP_TO: usize = 200_000;

/// Entries in the order they came, and those who wait for them to be durable.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    entries: Vec<Arc<Record>>,
    waiting: Vec<oneshot::Sender<()>>,
    given_up: u64,
}

impl Backlog {
    /// Takes an entry in. A `Flush` is set aside until everything before it is durable; any other
    /// entry is handed back for the live view.
    pub(super) fn take(&mut self, record: Record) -> Option<Arc<Record>> {
        let record = match record {
            Record::Flush(done) => {
                // During a long failure those who no longer wait must not pile up.
                self.waiting.retain(|done| !done.is_closed());
                self.waiting.push(done);
                return None;
            }
            record => Arc::new(record),
        };
        if self.has_room(&record) {
            self.entries.push(Arc::clone(&record));
        } else {
            self.given_up = self.given_up.saturating_add(1);
        }
        Some(record)
    }

    fn has_room(&self, record: &Record) -> bool {
        let can_be_missed = matches!(record, Record::Step(_) | Record::LegQuality(_));
        let limit = if can_be_missed { STEPS_UP_TO } else { ENTRIES_UP_TO };
        self.entries.len() < limit
    }

    /// Whether there is nothing to write and nobody to answer.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.waiting.is_empty()
    }

    /// Whether somebody waits for what is here to be durable.
    pub(super) fn is_awaited(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The entries to be written.
    pub(super) fn entries(&self) -> &[Arc<Record>] {
        &self.entries
    }

    /// How many entries did not fit since the last time this was asked.
    pub(super) fn take_given_up(&mut self) -> u64 {
        std::mem::take(&mut self.given_up)
    }

    /// All entries are on the disk: whoever waited is told.
    pub(super) fn settle(&mut self) {
        self.entries.clear();
        for done in self.waiting.drain(..) {
            // Whoever has stopped waiting does not need to know.
            let _ = done.send(());
        }
        // One long failure must not keep its memory for ever.
        self.entries.shrink_to(1024);
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
        assert_eq!(backlog.entries().len(), STEPS_UP_TO);
        assert_eq!(backlog.take_given_up(), 1);

        backlog.take(Record::LegDown { leg: LegId(1) });
        assert_eq!(backlog.entries().len(), STEPS_UP_TO + 1, "what is more than a step still fits");
        for _ in 0..ENTRIES_UP_TO {
            backlog.take(Record::LegDown { leg: LegId(1) });
        }
        assert_eq!(backlog.entries().len(), ENTRIES_UP_TO);
        assert_eq!(backlog.take_given_up(), 100_001);
    }

    #[test]
    fn those_who_no_longer_wait_do_not_pile_up() {
        let mut backlog = Backlog::default();
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
}
