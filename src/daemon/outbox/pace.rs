//! When a target is tried, and with what: values.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::store::Head;

/// The longest time between two tries of an entry.
const LONGEST: Duration = Duration::from_secs(600);

/// What a target may ask for at most with `Retry-After`.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// The longest time for which a target that takes nothing is left alone.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// After so many tries how long an entry waits: 1 s, doubled with each, 10 minutes at most, and up to a fifth less, so
/// that entries that failed together are not tried together. `chance`: from 0 to 1. A target that asks for
/// longer gets it.
pub fn back_off(attempts: u32, asked: Option<Duration>, chance: f64) -> Duration {
    let doubled = Duration::from_secs(1 << attempts.saturating_sub(1).min(10)).min(LONGEST);
    let own = doubled.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 5.0).max(Duration::from_secs(1));
    own.max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

/// How a target has fared lately.
#[derive(Debug, Default)]
pub struct Pace {
    /// Tries that failed, since one last did not.
    failed: u32,
    /// Until when nothing is sent, because the target asked for that.
    asked_until: Option<Timestamp>,
    /// Until when nothing is sent that has failed before.
    rests_until: Option<Timestamp>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Send this entry.
    Send(i64),
    /// Nothing before then.
    Wait(Timestamp),
    /// Nothing at all.
    Nothing,
}

impl Pace {
    /// Whether the last try failed.
    pub fn is_failing(&self) -> bool {
        self.failed > 0
    }

    /// An entry was taken, or refused: the target is there.
    pub fn worked(&mut self) {
        *self = Self::default();
    }

    /// A try failed. One entry that cannot be taken does not keep others waiting; with several in a row it is the
    /// target.
    pub fn failed(&mut self, asked: Option<Duration>, now: Timestamp) {
        self.failed = self.failed.saturating_add(1);
        let rest = Duration::from_secs(1 << self.failed.saturating_sub(2).min(6)).min(LONGEST_REST);
        self.rests_until = (self.failed > 1).then(|| later(now, rest));
        self.asked_until = asked.map(|asked| later(now, asked.min(LONGEST_ASKED)));
    }

    /// What is to be done with the entries that wait, those that are due first before the others.
    pub fn next(&self, heads: impl IntoIterator<Item = Head>, now: Timestamp) -> Next {
        let mut first: Option<Timestamp> = None;
        for head in heads {
            let due = self.due(head);
            if due <= now {
                return Next::Send(head.id);
            }
            first = Some(first.map_or(due, |first| first.min(due)));
        }
        first.map_or(Next::Nothing, Next::Wait)
    }

    /// What was never tried goes at once, unless the target has asked to be left alone.
    fn due(&self, head: Head) -> Timestamp {
        let rests_until = self.rests_until.filter(|_| head.attempts > 0);
        head.due.max(rests_until.unwrap_or(head.due)).max(self.asked_until.unwrap_or(head.due))
    }
}

/// So long after a moment.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn head(id: i64, due: i64, attempts: u32) -> Head {
        Head { id, due: at(due), attempts }
    }

    #[test]
    fn tries_follow_each_other_after_a_second_at_first_and_ten_minutes_at_last() {
        let seconds = |attempts, chance| back_off(attempts, None, chance).as_secs_f64();
        assert_eq!(
            [1, 2, 3, 4, 10, 11, 100].map(|n| seconds(n, 0.0)),
            [1.0, 2.0, 4.0, 8.0, 512.0, 600.0, 600.0]
        );
        assert_eq!([1, 2, 11].map(|n| seconds(n, 1.0)), [1.0, 1.6, 480.0]);
    }

    #[test]
    fn a_target_that_asks_for_longer_gets_it_up_to_an_hour() {
        let asked = |seconds| back_off(1, Some(Duration::from_secs(seconds)), 0.5).as_secs();
        assert_eq!([0, 30, 3600, 86_400].map(asked), [1, 30, 3600, 3600]);
    }

    #[test]
    fn what_is_due_first_is_sent_and_the_rest_waits_for_its_time() {
        let pace = Pace::default();
        assert_eq!(pace.next([], at(10)), Next::Nothing);
        assert_eq!(pace.next([head(1, 11, 0), head(2, 12, 0)], at(10)), Next::Wait(at(11)));
        assert_eq!(pace.next([head(2, 9, 0), head(1, 10, 0)], at(10)), Next::Send(2));
    }

    #[test]
    fn a_target_that_takes_nothing_rests_yet_a_new_incident_is_tried_at_once() {
        let mut pace = Pace::default();
        pace.failed(None, at(10));
        assert_eq!(pace.next([head(2, 10, 3)], at(10)), Next::Send(2), "one entry alone may be at fault");
        for _ in 0..20 {
            pace.failed(None, at(10));
        }
        assert_eq!(pace.next([head(1, 9, 3)], at(10)), Next::Wait(at(70)));
        assert_eq!(pace.next([head(1, 9, 3), head(3, 10, 0)], at(10)), Next::Send(3));
        pace.worked();
        assert_eq!(pace.next([head(1, 9, 3)], at(10)), Next::Send(1));
    }

    #[test]
    fn a_target_that_asks_to_be_left_alone_is() {
        let mut pace = Pace::default();
        pace.failed(Some(Duration::from_secs(30)), at(10));
        assert_eq!(pace.next([head(1, 5, 1), head(2, 5, 0)], at(39)), Next::Wait(at(40)));
        assert_eq!(pace.next([head(1, 5, 1)], at(40)), Next::Send(1));
    }
}
