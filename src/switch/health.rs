//! Which trunks are up, and which of their servers are given a rest: pings and calls in, an opinion out.
//!
//! A trunk goes down after several pings in a row to which no server of it answered, and up again after
//! several that were answered: one lost packet changes nothing. A call that goes through says more than
//! any ping: it brings the trunk up at once. A server that let an INVITE or a ping go unanswered rests for
//! a minute: calls try the others first.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::sip::Hop;

/// How long a server rests that did not answer.
const REST: Duration = Duration::from_secs(60);
/// How long one rests that said it was overloaded (503).
const SHORT_REST: Duration = Duration::from_secs(10);
/// How long one rests at most that has asked for it.
const LONGEST_REST: Duration = Duration::from_secs(600);
/// When a ping that failed is repeated.
const RETRY: Duration = Duration::from_secs(5);
/// When a ping is repeated that a trunk answered which is down.
const CONFIRM: Duration = Duration::from_secs(2);
/// So many rounds of pings without any answer: the trunk is down.
const FAILURES: u32 = 3;
/// So many rounds with an answer: it is up.
const SUCCESSES: u32 = 2;

/// What is thought of a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing has come back yet, and nothing has gone unanswered for long.
    Unknown,
    /// It answers.
    Up,
    /// It does not.
    Down,
}

/// A trunk whose state is another than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which trunk.
    pub trunk: usize,
    /// What it is now.
    pub state: State,
    /// Why.
    pub why: String,
}

/// One trunk.
#[derive(Debug, Clone)]
pub struct TrunkHealth {
    /// What is thought of it.
    pub state: State,
    /// Since when.
    pub since: Instant,
    /// Why.
    pub why: String,
    every: Option<Duration>,
    next: Option<Instant>,
    /// Pings of this round that wait for their end.
    round: Vec<Hop>,
    /// One of this round was answered.
    answered: bool,
    /// What the last one that was not answered came to.
    trouble: String,
    failures: u32,
    successes: u32,
}

/// All trunks, by their place in the table.
#[derive(Debug, Default)]
pub struct Health {
    trunks: BTreeMap<usize, TrunkHealth>,
    resting: HashMap<(usize, Hop), Instant>,
    /// Those that have said themselves until when (Retry-After): no ping ends that.
    asked_for: HashMap<(usize, Hop), Instant>,
}

impl Health {
    /// Watches a trunk from now on, with a ping each `every`; without one calls alone tell.
    pub fn watch(&mut self, now: Instant, trunk: usize, every: Option<Duration>) {
        let known = self.trunks.entry(trunk).or_insert_with(|| TrunkHealth::new(now));
        if known.every != every {
            known.every = every;
            known.next = every.map(|_| now);
            known.round.clear();
        }
    }

    /// Watches a trunk no more.
    pub fn forget(&mut self, trunk: usize) {
        self.trunks.remove(&trunk);
        self.resting.retain(|(place, _), _| *place != trunk);
        self.asked_for.retain(|(place, _), _| *place != trunk);
    }

    /// What is thought of a trunk.
    pub fn of(&self, trunk: usize) -> Option<&TrunkHealth> {
        self.trunks.get(&trunk)
    }

    /// Whether a trunk is known not to answer.
    pub fn is_down(&self, trunk: usize) -> bool {
        self.of(trunk).is_some_and(|known| known.state == State::Down)
    }

    /// Whether a server is left alone while others are there.
    pub fn rests(&self, now: Instant, trunk: usize, hop: Hop) -> bool {
        let until = [&self.resting, &self.asked_for].map(|known| known.get(&(trunk, hop)));
        until.into_iter().flatten().any(|until| now < *until)
    }

    /// When the next ping is due; nothing where none is asked for.
    pub fn next(&self) -> Option<Instant> {
        self.trunks.values().filter_map(|known| known.next).min()
    }

    /// The pings to be sent now: each trunk's first server that does not rest, and those that do, so that
    /// they are known to be back before a call needs them. `servers` gives a trunk's servers, the first
    /// choice first.
    pub fn due(&mut self, now: Instant, servers: impl Fn(usize) -> Vec<Hop>) -> Vec<(usize, Hop)> {
        self.resting.retain(|_, until| now < *until);
        self.asked_for.retain(|_, until| now < *until);
        let mut pings = Vec::new();
        for (trunk, known) in &mut self.trunks {
            if known.next.is_none_or(|next| now < next) {
                continue;
            }
            known.next = known.every.map(|every| now + every);
            let servers = servers(*trunk);
            let first = servers.iter().position(|hop| !self.resting.contains_key(&(*trunk, *hop)));
            let chosen = servers
                .iter()
                .enumerate()
                .filter(|(place, hop)| Some(*place) == first || self.resting.contains_key(&(*trunk, **hop)));
            known.round = chosen.map(|(_, hop)| *hop).collect();
            known.answered = false;
            pings.extend(known.round.iter().map(|hop| (*trunk, *hop)));
        }
        pings
    }

    /// A ping has come to its end: a status, or nothing. Any answer but 503 is a sign of life.
    pub fn pinged(&mut self, now: Instant, trunk: usize, hop: Hop, status: Option<u16>) -> Option<Change> {
        let alive = status.is_some_and(|status| status != 503);
        match alive {
            true => _ = self.resting.remove(&(trunk, hop)),
            false => _ = self.resting.insert((trunk, hop), now + REST),
        }
        let known = self.trunks.get_mut(&trunk)?;
        let before = known.round.len();
        known.round.retain(|waiting| *waiting != hop);
        if known.round.len() == before {
            // Of a round that was given up when the settings changed.
            return None;
        }
        known.answered |= alive;
        if !alive {
            known.trouble = match status {
                Some(status) => format!("{hop} answered a ping with {status}"),
                None => format!("{hop} does not answer"),
            };
        }
        if !known.round.is_empty() {
            return None;
        }
        if known.answered { known.round_answered(now, trunk) } else { known.round_failed(now, trunk) }
    }

    /// A call went through: whatever the pings say, the trunk works.
    pub fn worked(&mut self, now: Instant, trunk: usize, hop: Hop) -> Option<Change> {
        self.resting.remove(&(trunk, hop));
        self.asked_for.remove(&(trunk, hop));
        let known = self.trunks.get_mut(&trunk)?;
        known.failures = 0;
        known.becomes(now, trunk, State::Up, format!("{hop} takes calls"))
    }

    /// A server that is overloaded has said for how long it wants to be left alone (RFC 3261 20.33). It is
    /// still tried where nothing else is left.
    pub fn asks_for_rest(&mut self, now: Instant, trunk: usize, hop: Hop, wished: Duration) {
        self.asked_for.insert((trunk, hop), now + wished.min(LONGEST_REST));
    }

    /// An INVITE came to nothing: the server rests, and pings are sent at once to see what is the matter.
    pub fn failed(&mut self, now: Instant, trunk: usize, hop: Hop, overloaded: bool) {
        self.resting.insert((trunk, hop), now + if overloaded { SHORT_REST } else { REST });
        let Some(known) = self.trunks.get_mut(&trunk) else { return };
        if known.every.is_some() && known.round.is_empty() {
            known.next = Some(now);
        }
    }
}

impl TrunkHealth {
    fn new(now: Instant) -> Self {
        Self {
            state: State::Unknown,
            since: now,
            why: "nothing is known yet".to_owned(),
            every: None,
            next: None,
            round: Vec::new(),
            answered: false,
            trouble: String::new(),
            failures: 0,
            successes: 0,
        }
    }

    fn round_answered(&mut self, now: Instant, trunk: usize) -> Option<Change> {
        self.failures = 0;
        self.successes = self.successes.saturating_add(1);
        if self.state == State::Down && self.successes < SUCCESSES {
            self.sooner(now, CONFIRM);
            return None;
        }
        self.becomes(now, trunk, State::Up, "pings are answered".to_owned())
    }

    fn round_failed(&mut self, now: Instant, trunk: usize) -> Option<Change> {
        self.successes = 0;
        self.failures = self.failures.saturating_add(1);
        if self.failures < FAILURES {
            self.sooner(now, RETRY);
            return None;
        }
        let why = self.trouble.clone();
        self.becomes(now, trunk, State::Down, why)
    }

    fn sooner(&mut self, now: Instant, within: Duration) {
        self.next = self.next.map(|next| next.min(now + within));
    }

    fn becomes(&mut self, now: Instant, trunk: usize, state: State, why: String) -> Option<Change> {
        if self.state == state {
            return None;
        }
        (self.state, self.since, self.why) = (state, now, why.clone());
        Some(Change { trunk, state, why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(30);

    fn hop(last: u8) -> Hop {
        Hop::udp(std::net::SocketAddr::from(([192, 0, 2, last], 5060)))
    }

    /// A trunk with two servers, and whether each of them answers.
    struct Carrier {
        health: Health,
        now: Instant,
        alive: [Option<u16>; 2],
    }

    impl Carrier {
        fn new(alive: [Option<u16>; 2]) -> Self {
            let now = Instant::now();
            let mut health = Health::default();
            health.watch(now, 0, Some(EVERY));
            Self { health, now, alive }
        }

        /// The next round of pings: who was asked, and what it changed.
        fn round(&mut self) -> (Vec<Hop>, Option<State>) {
            self.now = self.health.next().unwrap().max(self.now);
            let pings = self.health.due(self.now, |_| vec![hop(1), hop(2)]);
            let mut change = None;
            for (trunk, hop) in &pings {
                let status = self.alive[usize::from(*hop != self::hop(1))];
                change = change.or(self.health.pinged(self.now, *trunk, *hop, status));
            }
            (pings.into_iter().map(|(_, hop)| hop).collect(), change.map(|change| change.state))
        }
    }

    #[test]
    fn a_trunk_that_answers_is_up_whatever_it_answers_but_503() {
        for status in [200, 404, 405, 401, 500] {
            assert_eq!(Carrier::new([Some(status), None]).round(), (vec![hop(1)], Some(State::Up)));
        }
        assert_eq!(Carrier::new([Some(503), None]).round().1, None, "one is not enough to be down either");
    }

    #[test]
    fn a_trunk_goes_down_after_three_rounds_without_an_answer_and_up_after_two_with_one() {
        let mut carrier = Carrier::new([Some(200), None]);
        assert_eq!(carrier.round().1, Some(State::Up));
        carrier.alive = [None, None];
        let start = carrier.now;
        assert_eq!(carrier.round(), (vec![hop(1)], None));
        assert_eq!(carrier.round(), (vec![hop(1), hop(2)], None), "the other is tried, the first goes on");
        assert_eq!(carrier.round(), (vec![hop(1), hop(2)], Some(State::Down)));
        assert_eq!(carrier.now - start, EVERY + 2 * RETRY);
        assert!(carrier.health.is_down(0));
        assert_eq!(carrier.round().1, None, "said once");
        carrier.alive = [None, Some(200)];
        assert_eq!(carrier.round().1, None);
        let start = carrier.now;
        assert_eq!(carrier.round().1, Some(State::Up));
        assert_eq!(carrier.now - start, CONFIRM);
    }

    #[test]
    fn one_lost_ping_changes_nothing() {
        let mut carrier = Carrier::new([Some(200), None]);
        carrier.round();
        for _ in 0..10 {
            carrier.alive = [None, Some(200)];
            assert_eq!(carrier.round().1, None);
            carrier.alive = [Some(200), Some(200)];
            assert_eq!(carrier.round().1, None);
        }
    }

    #[test]
    fn a_server_that_is_dead_rests_and_is_called_again_once_it_answers_pings() {
        let mut carrier = Carrier::new([None, Some(200)]);
        carrier.round();
        assert!(carrier.health.rests(carrier.now, 0, hop(1)));
        for _ in 0..5 {
            carrier.round();
            assert!(carrier.health.rests(carrier.now, 0, hop(1)), "it is asked, and still does not answer");
        }
        assert!(!carrier.health.is_down(0));
        carrier.alive = [Some(200), Some(200)];
        carrier.round();
        assert!(!carrier.health.rests(carrier.now, 0, hop(1)));
    }

    #[test]
    fn a_call_that_goes_through_brings_a_trunk_up_at_once() {
        let mut carrier = Carrier::new([None, None]);
        for _ in 0..3 {
            carrier.round();
        }
        assert!(carrier.health.is_down(0));
        let change = carrier.health.worked(carrier.now, 0, hop(1)).unwrap();
        assert_eq!(change.state, State::Up);
        assert!(!carrier.health.rests(carrier.now, 0, hop(1)));
    }

    #[test]
    fn an_invite_without_an_answer_gives_the_server_a_minutes_rest_and_asks_for_a_ping() {
        let mut health = Health::default();
        let now = Instant::now();
        health.watch(now, 0, None);
        health.failed(now, 0, hop(1), false);
        assert!(health.rests(now + Duration::from_secs(59), 0, hop(1)));
        assert!(!health.rests(now + Duration::from_secs(60), 0, hop(1)));
        assert_eq!(health.next(), None, "without pings nobody is woken");
        health.watch(now, 0, Some(EVERY));
        health.due(now, |_| vec![hop(2)]);
        health.pinged(now, 0, hop(2), Some(200));
        health.failed(now, 0, hop(2), false);
        assert_eq!(health.next(), Some(now));
    }

    #[test]
    fn who_asks_for_rest_gets_it_whatever_pings_say_and_for_ten_minutes_at_most() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut health = Health::default();
        health.asks_for_rest(now, 0, hop(1), Duration::from_secs(40));
        health.pinged(now, 0, hop(1), Some(200));
        assert!(health.rests(at(39), 0, hop(1)) && !health.rests(at(40), 0, hop(1)));
        health.asks_for_rest(now, 0, hop(1), Duration::MAX);
        assert!(health.rests(at(599), 0, hop(1)) && !health.rests(at(600), 0, hop(1)));
        health.worked(now, 0, hop(1));
        assert!(!health.rests(now, 0, hop(1)), "a call that goes through says more");
    }
}
