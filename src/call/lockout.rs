//! Wrong PINs of late, so that nobody finds one by trying them all.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::oncall::E164;

/// How long a wrong PIN counts.
const MEMORY: Duration = Duration::from_secs(3600);
/// How many numbers are remembered: the oldest is forgotten first.
const MOST_NUMBERS: usize = 10_000;

/// Wrong PINs by hotline and caller's number, over all calls. Withheld numbers count as one.
#[derive(Debug, Clone, Default)]
pub struct Lockout(Arc<Mutex<HashMap<Guesser, VecDeque<Instant>>>>);

/// Who tries: a hotline, and a number, unless withheld.
type Guesser = (String, Option<E164>);

impl Lockout {
    /// A wrong PIN was entered. No more than `most` of them are counted.
    pub fn wrong(&self, hotline: &str, caller: Option<&E164>, most: u8) {
        let now = Instant::now();
        let mut known = self.known();
        if known.len() >= MOST_NUMBERS {
            make_room(&mut known, now);
        }
        let times = known.entry((hotline.to_owned(), caller.cloned())).or_default();
        times.push_back(now);
        while times.len() > usize::from(most) {
            times.pop_front();
        }
    }

    /// Whether so many wrong PINs have come from a number within an hour.
    pub fn is_closed(&self, hotline: &str, caller: Option<&E164>, most: u8) -> bool {
        let now = Instant::now();
        let known = self.known();
        let times = known.get(&(hotline.to_owned(), caller.cloned()));
        times.is_some_and(|times| times.iter().filter(|at| counts(**at, now)).count() >= usize::from(most))
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Guesser, VecDeque<Instant>>> {
        // No half-done state is left behind a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn counts(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) < MEMORY
}

/// Forgets what no longer counts, and if that is not enough, whoever tried longest ago.
fn make_room(known: &mut HashMap<Guesser, VecDeque<Instant>>, now: Instant) {
    known.retain(|_, times| times.back().is_some_and(|at| counts(*at, now)));
    if known.len() < MOST_NUMBERS {
        return;
    }
    let oldest = known.iter().min_by_key(|(_, times)| times.back().copied());
    if let Some(oldest) = oldest.map(|(guesser, _)| guesser.clone()) {
        known.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_number_is_closed_after_so_many_wrong_pins_within_an_hour_and_open_again_later() {
        let lockout = Lockout::default();
        let guesser = E164::parse("+4930123").unwrap();
        for _ in 0..2 {
            assert!(!lockout.is_closed("support", Some(&guesser), 2));
            lockout.wrong("support", Some(&guesser), 2);
            tokio::time::advance(Duration::from_secs(600)).await;
        }
        assert!(lockout.is_closed("support", Some(&guesser), 2));
        assert!(!lockout.is_closed("sales", Some(&guesser), 2), "another hotline has another gate");
        assert!(!lockout.is_closed("support", None, 2), "and so has another number");
        tokio::time::advance(Duration::from_secs(2401)).await;
        assert!(!lockout.is_closed("support", Some(&guesser), 2), "the first was an hour ago");
    }

    #[tokio::test(start_paused = true)]
    async fn numbers_do_not_pile_up_and_the_one_that_tried_longest_ago_is_forgotten() {
        let lockout = Lockout::default();
        let number = |n: usize| E164::parse(&format!("+4930{n:06}")).unwrap();
        for n in 0..=MOST_NUMBERS {
            lockout.wrong("support", Some(&number(n)), 1);
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(lockout.known().len(), MOST_NUMBERS);
        assert!(!lockout.is_closed("support", Some(&number(0)), 1));
        assert!(lockout.is_closed("support", Some(&number(MOST_NUMBERS)), 1));
    }
}
