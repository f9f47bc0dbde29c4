//! When which leg is due: a wheel of milliseconds, so that a deadline is set and met in constant time
//! and without memory of its own, however many legs there are.
//!
//! Deadlines are whole milliseconds, so legs that are due together share a wake-up. Those that may come
//! late (reports, looks after a partner) are rounded up further, so that more of them do.

use std::time::{Duration, Instant};

/// Milliseconds on the wheel. What is due later waits at its end and is looked at again there.
const SLOTS: usize = 1024;
const WORDS: usize = SLOTS / 64;
/// The grain of deadlines that may come late, in ms.
const COARSE_MS: u64 = 50;
/// The end of a list.
const NONE: usize = usize::MAX;

/// When a leg has something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Then: it can be heard whether it is late.
    At(Instant),
    /// Not before, and soon after.
    Soon(Instant),
}

/// The deadlines of all legs of a thread, in ms since the thread began.
#[derive(Debug)]
pub(super) struct Deadlines {
    begin: Instant,
    /// Everything on the wheel lies within [`SLOTS`] from here on.
    cursor: u64,
    /// The first leg of each slot; each leg is in one list at most.
    slots: Box<[usize; SLOTS]>,
    /// Which slots are not empty, a bit each.
    occupied: [u64; WORDS],
    legs: Vec<Entry>,
}

/// The place of a leg on the wheel.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Its deadline; nothing: it is not on the wheel.
    due: Option<u64>,
    slot: usize,
    before: usize,
    after: usize,
}

impl Entry {
    const IDLE: Self = Self { due: None, slot: NONE, before: NONE, after: NONE };
}

impl Deadlines {
    pub fn new(begin: Instant) -> Self {
        let (slots, occupied) = (Box::new([NONE; SLOTS]), [0; WORDS]);
        Self { begin, cursor: 0, slots, occupied, legs: Vec::new() }
    }

    #[cfg(test)]
    pub fn begin(&self) -> Instant {
        self.begin
    }

    /// A point of the grid of 20 ms from now on, shifted by a phase in ms: legs of different phases do not
    /// send at once.
    pub fn grid(&self, now: Instant, phase: u64) -> Instant {
        let elapsed = whole_ms(now.saturating_duration_since(self.begin));
        self.begin + Duration::from_millis((elapsed / 20 + 1) * 20 + phase % 20)
    }

    /// Sets the deadline of a leg, in place of the one it had.
    pub fn set(&mut self, leg: usize, due: Option<Due>) {
        let due = due.map(|due| match due {
            Due::At(at) => self.ms(at),
            Due::Soon(at) => self.ms(at).next_multiple_of(COARSE_MS),
        });
        if self.legs.len() <= leg {
            self.legs.resize(leg + 1, Entry::IDLE);
        }
        let entry = self.legs.get(leg).copied().unwrap_or(Entry::IDLE);
        if entry.due == due {
            return;
        }
        self.unlink(leg, entry);
        if let Some(due) = due {
            self.link(leg, due);
        }
    }

    /// The next leg that is due; its deadline is spent.
    pub fn next_due(&mut self, now: Instant) -> Option<usize> {
        let elapsed = whole_ms(now.saturating_duration_since(self.begin));
        loop {
            let nearest = self.nearest().filter(|ms| *ms <= elapsed);
            // Nothing lies before the nearest, so the wheel may turn as far as that.
            self.cursor = self.cursor.max(nearest.unwrap_or(elapsed));
            let leg = *self.slots.get(slot_of(nearest?))?;
            let entry = *self.legs.get(leg)?;
            self.unlink(leg, entry);
            match entry.due.filter(|due| *due > elapsed) {
                Some(later) => self.link(leg, later),
                None => return Some(leg),
            }
        }
    }

    /// When to look at the wheel next, in ms since the beginning.
    pub fn nearest(&self) -> Option<u64> {
        let first = slot_of(self.cursor);
        let word = |n: usize| self.occupied.get((first / 64 + n) % WORDS).copied().unwrap_or(0);
        let from = u64::MAX << (first % 64);
        // The word of the cursor is looked at twice: from the cursor on, and at last before it.
        let found = (0..=WORDS).find_map(|n| {
            let bits = match n {
                0 => word(0) & from,
                WORDS => word(0) & !from,
                _ => word(n),
            };
            (bits != 0).then(|| (first / 64 + n) * 64 + bits.trailing_zeros() as usize - first)
        })?;
        Some(self.cursor + found as u64)
    }

    /// The time to which a leg is linked may be earlier than it is due, where that is beyond the wheel.
    fn link(&mut self, leg: usize, due: u64) {
        let slot = slot_of(due.clamp(self.cursor, self.cursor + SLOTS as u64 - 1));
        let Some(head) = self.slots.get_mut(slot) else { return };
        let after = std::mem::replace(head, leg);
        if let Some(next) = self.legs.get_mut(after) {
            next.before = leg;
        }
        if let Some(entry) = self.legs.get_mut(leg) {
            *entry = Entry { due: Some(due), slot, before: NONE, after };
        }
        self.mark(slot);
    }

    fn unlink(&mut self, leg: usize, entry: Entry) {
        if entry.due.is_none() {
            return;
        }
        match self.legs.get_mut(entry.before) {
            Some(before) => before.after = entry.after,
            None => {
                if let Some(head) = self.slots.get_mut(entry.slot) {
                    *head = entry.after;
                }
            }
        }
        if let Some(after) = self.legs.get_mut(entry.after) {
            after.before = entry.before;
        }
        if let Some(idle) = self.legs.get_mut(leg) {
            *idle = Entry::IDLE;
        }
        self.mark(entry.slot);
    }

    /// Notes whether a slot is empty.
    fn mark(&mut self, slot: usize) {
        let empty = self.slots.get(slot).is_none_or(|head| *head == NONE);
        let Some(word) = self.occupied.get_mut(slot / 64) else { return };
        let bit = 1 << (slot % 64);
        if empty { *word &= !bit } else { *word |= bit }
    }

    /// The first whole millisecond that is not before a moment.
    fn ms(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.begin);
        since
            .as_secs()
            .saturating_mul(1000)
            .saturating_add(u64::from(since.subsec_nanos().div_ceil(1_000_000)))
    }
}

fn whole_ms(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1000).saturating_add(u64::from(time.subsec_millis()))
}

fn slot_of(ms: u64) -> usize {
    (ms % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn all_due(deadlines: &mut Deadlines, now: Instant) -> Vec<usize> {
        let mut due: Vec<_> = std::iter::from_fn(|| deadlines.next_due(now)).collect();
        due.sort_unstable();
        due
    }

    #[test]
    fn a_leg_is_due_in_its_millisecond_and_not_before() {
        let begin = Instant::now();
        let at = |us| begin + Duration::from_micros(us);
        let mut deadlines = Deadlines::new(begin);
        deadlines.set(3, Some(Due::At(at(20_001))));
        assert_eq!(deadlines.nearest(), Some(21));
        assert!(all_due(&mut deadlines, at(20_999)).is_empty());
        assert_eq!(all_due(&mut deadlines, at(21_000)), [3]);
        assert_eq!((all_due(&mut deadlines, at(99_000)), deadlines.nearest()), (vec![], None), "once");
    }

    #[test]
    fn what_may_come_late_shares_a_wake_up() {
        let begin = Instant::now();
        let mut deadlines = Deadlines::new(begin);
        for leg in 0..40 {
            deadlines.set(leg, Some(Due::Soon(begin + Duration::from_millis(501 + leg as u64))));
        }
        assert_eq!(deadlines.nearest(), Some(550));
        assert_eq!(all_due(&mut deadlines, begin + Duration::from_millis(550)).len(), 40);
    }

    #[test]
    fn what_is_due_after_hours_of_rest_is_due_then() {
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let mut deadlines = Deadlines::new(begin);
        deadlines.set(0, Some(Due::At(at(10_000_000))));
        deadlines.set(1, Some(Due::At(at(10_000_020))));
        assert_eq!(all_due(&mut deadlines, at(10_000_000)), [0]);
        assert_eq!(deadlines.nearest(), Some(10_000_020));
    }

    #[test]
    fn what_is_due_in_an_hour_wakes_a_thread_some_once_a_second() {
        let begin = Instant::now();
        let mut deadlines = Deadlines::new(begin);
        deadlines.set(0, Some(Due::At(begin + Duration::from_secs(3600))));
        let mut wakes = 0;
        while let Some(ms) = deadlines.nearest() {
            wakes += 1;
            if deadlines.next_due(begin + Duration::from_millis(ms)).is_some() {
                assert_eq!(ms, 3_600_000);
            }
        }
        assert!(wakes < 3700, "{wakes}");
    }

    #[derive(Debug, Clone)]
    enum Act {
        Set(usize, Option<u64>),
        Pass(u64),
    }

    fn act() -> impl Strategy<Value = Act> {
        let ahead = prop_oneof![0_u64..40, 900_u64..1100, 0_u64..9000];
        prop_oneof![
            3 => (0_usize..12, proptest::option::of(ahead)).prop_map(|(leg, ahead)| Act::Set(leg, ahead)),
            2 => prop_oneof![0_u64..30, 0_u64..3000].prop_map(Act::Pass),
        ]
    }

    proptest! {
        #[test]
        fn every_deadline_is_met_and_none_before_its_time(acts in proptest::collection::vec(act(), 1..120)) {
            let begin = Instant::now();
            let mut deadlines = Deadlines::new(begin);
            let (mut wanted, mut now_ms) = (BTreeMap::new(), 0);
            for act in acts {
                match act {
                    Act::Set(leg, ahead) => {
                        let due = ahead.map(|ahead| now_ms + ahead);
                        deadlines.set(leg, due.map(|ms| Due::At(begin + Duration::from_millis(ms))));
                        wanted.remove(&leg);
                        wanted.extend(due.map(|due| (leg, due)));
                    }
                    Act::Pass(ms) => {
                        now_ms += ms;
                        let due = all_due(&mut deadlines, begin + Duration::from_millis(now_ms));
                        let expected: Vec<_> = wanted.extract_if(.., |_, due| *due <= now_ms).map(|(leg, _)| leg).collect();
                        prop_assert_eq!(due, expected);
                    }
                }
                // The thread is woken in time, at the end of the wheel perhaps before.
                let earliest = wanted.values().min().map(|due| deadlines.cursor.max(*due));
                prop_assert_eq!(deadlines.nearest().is_some(), earliest.is_some());
                prop_assert!(deadlines.nearest() <= earliest);
            }
        }
    }
}
