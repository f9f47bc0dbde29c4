//! What calls need to know of the calls before them: who called lately, who spoke with them, who does not
//! answer, and how long callers had to wait.
//!
//! Kept in memory, within bounds, for all calls together. What the database knows is recalled at the start;
//! who missed how many calls in a row, and how long callers waited, begins anew with the daemon.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::call::CallId;
use crate::call::journal::Outcome;
use crate::oncall::{E164, PersonId};

/// How long a call is remembered.
pub const REMEMBERED: Duration = Duration::from_secs(24 * 3600);
/// How many calls are remembered, the newest.
pub const MOST_CALLS: usize = 10_000;
/// From how many callers it is told how long one waits.
const WAITS: usize = 10;
/// How old these may be.
const WAITS_COUNT: SignedDuration = SignedDuration::from_hours(1);

/// A call that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastCall {
    /// Who called: a number in E.164, or `anonymous`.
    pub caller: String,
    /// The hotline's name.
    pub hotline: String,
    /// The route that was chosen.
    pub route: Option<String>,
    /// Who accepted.
    pub responder: Option<PersonId>,
    /// How it went.
    pub outcome: Outcome,
    /// When it came in.
    pub began: Timestamp,
    /// When it was over.
    pub ended: Timestamp,
}

/// Calls that somebody has missed in a row: rung without an answer, or without the accept key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misses {
    /// How many.
    pub count: u32,
    /// When the last of them was.
    pub last: Timestamp,
}

/// The calls of the last day. Cheap to clone: all clones are one.
#[derive(Debug, Clone, Default)]
pub struct History(Arc<Mutex<Past>>);

#[derive(Debug, Default)]
struct Past {
    /// In the order of their ends.
    calls: VecDeque<PastCall>,
    misses: HashMap<PersonId, (Misses, CallId)>,
    /// By hotline and route: when a caller was put through, and after how long a wait.
    waits: HashMap<(String, String), VecDeque<(Timestamp, Duration)>>,
}

impl History {
    /// Remembers calls of an earlier run.
    pub fn recall(&self, calls: impl IntoIterator<Item = PastCall>) {
        let mut calls: Vec<_> = calls.into_iter().collect();
        calls.sort_by_key(|call| call.ended);
        calls.into_iter().for_each(|call| self.ended(call));
    }

    /// A call is over.
    pub fn ended(&self, call: PastCall) {
        let mut past = self.past();
        let forgotten =
            before(call.ended, SignedDuration::try_from(REMEMBERED).unwrap_or(SignedDuration::MAX));
        past.calls.push_back(call);
        let too_many = past.calls.len().saturating_sub(MOST_CALLS);
        past.calls.drain(..too_many);
        while past.calls.front().is_some_and(|oldest| oldest.ended < forgotten) {
            past.calls.pop_front();
        }
    }

    /// The calls of a number that came in at a time or later and are over, the newest first.
    pub fn calls_of(&self, number: &E164, since: Timestamp) -> Vec<PastCall> {
        let past = self.past();
        let recent = past.calls.iter().rev().take_while(|call| call.ended >= since);
        recent.filter(|call| call.began >= since && call.caller == number.as_str()).cloned().collect()
    }

    /// Who spoke last with a number on a hotline, and when that ended, if it was at a time or later.
    pub fn last_responder(
        &self,
        number: &E164,
        hotline: &str,
        since: Timestamp,
    ) -> Option<(PersonId, Timestamp)> {
        let past = self.past();
        let mut recent = past.calls.iter().rev().take_while(|call| call.ended >= since);
        recent.find_map(|call| {
            let of_it = call.caller == number.as_str() && call.hotline == hotline;
            of_it.then(|| call.responder.clone().map(|responder| (responder, call.ended)))?
        })
    }

    /// Somebody was rung and did not answer, or pressed no key. Several phones and passes of one call count once.
    pub fn missed(&self, person: &PersonId, call: CallId, at: Timestamp) {
        let mut past = self.past();
        let known = past.misses.get(person);
        let count = match known {
            Some((misses, last)) if *last == call => misses.count,
            Some((misses, _)) => misses.count.saturating_add(1),
            None => 1,
        };
        past.misses.insert(person.clone(), (Misses { count, last: at }, call));
    }

    /// Somebody is there: accepted a call, or declined one.
    pub fn is_there(&self, person: &PersonId) {
        self.past().misses.remove(person);
    }

    /// The calls that somebody missed in a row, if any.
    pub fn misses(&self, person: &PersonId) -> Option<Misses> {
        self.past().misses.get(person).map(|(misses, _)| *misses)
    }

    /// A caller was put through after so long a wait.
    pub fn put_through(&self, hotline: &str, route: &str, at: Timestamp, after: Duration) {
        let mut past = self.past();
        let waits = past.waits.entry((hotline.to_owned(), route.to_owned())).or_default();
        waits.push_back((at, after));
        let too_many = waits.len().saturating_sub(WAITS);
        waits.drain(..too_many);
    }

    /// How long callers of a route who were put through in the last hour had to wait, on average.
    pub fn usual_wait(&self, hotline: &str, route: &str, now: Timestamp) -> Option<Duration> {
        let past = self.past();
        let waits = past.waits.get(&(hotline.to_owned(), route.to_owned()))?;
        let since = before(now, WAITS_COUNT);
        let recent: Vec<_> = waits.iter().filter(|(at, _)| *at >= since).map(|(_, after)| *after).collect();
        let count = u32::try_from(recent.len()).ok().filter(|count| *count > 0)?;
        Some(recent.iter().sum::<Duration>() / count)
    }

    /// Forgets who a number's calls came from: what they tell of waiting and of people stays.
    pub fn forget(&self, caller: &str) {
        let mut past = self.past();
        past.calls.iter_mut().filter(|call| call.caller == caller).for_each(|call| call.caller.clear());
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        // Each change is whole before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An instant so much earlier.
pub(crate) fn before(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + minute * 60).unwrap()
    }

    fn call(caller: &str, began: i64, responder: Option<&str>) -> PastCall {
        PastCall {
            caller: caller.to_owned(),
            hotline: "Support".to_owned(),
            route: Some("Production".to_owned()),
            responder: responder.map(PersonId::from),
            outcome: if responder.is_some() { Outcome::Accepted } else { Outcome::Missed },
            began: at(began),
            ended: at(began + 1),
        }
    }

    fn number(text: &str) -> E164 {
        E164::parse(text).unwrap()
    }

    #[test]
    fn the_calls_of_a_number_are_its_own_and_not_older_than_asked_for() {
        let history = History::default();
        history.recall([call("+491", 0, None), call("+492", 1, None), call("+491", 5, None)]);
        let began = |since| -> Vec<Timestamp> {
            history.calls_of(&number("+491"), at(since)).iter().map(|call| call.began).collect()
        };
        assert_eq!(began(0), [at(5), at(0)]);
        assert_eq!(began(1), [at(5)]);
        assert_eq!(began(6), []);
        assert_eq!(history.calls_of(&number("+493"), at(0)), []);
    }

    #[test]
    fn the_last_responder_is_the_last_who_accepted() {
        let history = History::default();
        history.recall([call("+491", 0, Some("anna")), call("+491", 2, Some("bob")), call("+491", 4, None)]);
        let last = |hotline, since| history.last_responder(&number("+491"), hotline, at(since));
        assert_eq!(last("Support", 0), Some(("bob".into(), at(3))));
        assert_eq!(last("Support", 4), None);
        assert_eq!(last("Sales", 0), None);
    }

    #[test]
    fn misses_are_counted_in_a_row_and_once_a_call() {
        let history = History::default();
        let anna = PersonId::from("anna");
        for (call, minute) in [(1, 0), (1, 1), (2, 2)] {
            history.missed(&anna, CallId(call), at(minute));
        }
        assert_eq!(history.misses(&anna), Some(Misses { count: 2, last: at(2) }));
        history.is_there(&anna);
        assert_eq!(history.misses(&anna), None);
    }

    #[test]
    fn the_usual_wait_is_that_of_the_last_hour() {
        let history = History::default();
        assert_eq!(history.usual_wait("Support", "Production", at(0)), None);
        history.put_through("Support", "Production", at(0), Duration::from_secs(600));
        history.put_through("Support", "Production", at(50), Duration::from_secs(60));
        history.put_through("Support", "Production", at(55), Duration::from_secs(20));
        assert_eq!(history.usual_wait("Support", "Production", at(61)), Some(Duration::from_secs(40)));
        assert_eq!(history.usual_wait("Support", "Billing", at(61)), None);
    }

    #[test]
    fn only_so_many_calls_of_one_day_are_remembered() {
        let history = History::default();
        history.recall((0..12_000).map(|_| call("+491", 0, None)));
        assert_eq!(history.calls_of(&number("+491"), at(0)).len(), MOST_CALLS);
        history.ended(call("+491", 24 * 60 + 2, None));
        assert_eq!(history.calls_of(&number("+491"), at(0)).len(), 1);
    }
}
