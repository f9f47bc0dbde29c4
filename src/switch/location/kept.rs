//! How long a finding holds, when to ask again, and what is kept while name servers fail.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::choice::{Found, Location};
use super::search::{NotFound, Way};

/// However short the records say: name servers are not asked more often.
const SHORTEST: Duration = Duration::from_secs(10);
/// However long the records say: a carrier that moves, or a hosts file that was edited, is noticed after so long.
const LONGEST: Duration = Duration::from_secs(3600);
/// How long the last good answer is used while there is no new one.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// How long an address that is no longer in the answers still counts as the server's: a call that began
/// there may end there.
const REMEMBERED: Duration = Duration::from_secs(4 * 3600);
/// More of them are forgotten.
const MOST_FORMER: usize = 256;
/// When to ask again after a failure: doubled each time, up to the second.
const AGAIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// What an operator should hear of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The addresses are others than before.
    Changed,
    /// Name servers answer again; the addresses are the same.
    Back,
    /// There was no answer: the last good one stays in use, where there is one.
    Failing {
        /// Why.
        why: NotFound,
        /// Whether there is one.
        kept: bool,
    },
    /// The last good answer has become too old.
    TooOld,
}

/// What is known of one server.
#[derive(Debug, Clone)]
pub struct Entry {
    location: Option<Location>,
    found_at: Option<Instant>,
    due: Instant,
    failures: u32,
    failing: Option<NotFound>,
    former: Vec<(IpAddr, Instant)>,
}

impl Entry {
    /// Nothing is known yet, and it is time to ask.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { location: None, found_at: None, due: now, failures: 0, failing: None, former: Vec::new() }
    }

    /// When to ask again.
    pub fn due(&self) -> Instant {
        self.due
    }

    /// Where the server is, as far as is known.
    pub fn location(&self) -> Option<&Location> {
        self.location.as_ref()
    }

    /// Why the last search found nothing, if it did not.
    pub fn failing(&self) -> Option<&NotFound> {
        self.failing.as_ref()
    }

    /// Whether the last good answer came by NAPTR or SRV.
    pub fn had_services(&self) -> bool {
        self.location.as_ref().is_some_and(|known| matches!(known.way, Way::Naptr | Way::Srv))
    }

    /// Addresses that were the server's not long ago.
    pub fn former(&self) -> Vec<IpAddr> {
        self.former.iter().map(|(address, _)| *address).collect()
    }

    /// Takes what a search has found. The news are told once for each change.
    pub fn take(&mut self, now: Instant, found: Result<Found, NotFound>) -> Option<News> {
        self.former.retain(|(_, since)| now.saturating_duration_since(*since) < REMEMBERED);
        match found {
            Ok(found) => self.found(now, found),
            Err(why) => self.failed(now, why),
        }
    }

    fn found(&mut self, now: Instant, Found { location, lives }: Found) -> Option<News> {
        self.due = now + lives.clamp(SHORTEST, LONGEST);
        self.found_at = Some(now);
        self.failures = 0;
        let was_failing = self.failing.take().is_some();
        let same = self.location.as_ref().is_some_and(|known| *known == location);
        let before = self.location.replace(location);
        if same {
            return was_failing.then_some(News::Back);
        }
        self.remember(now, before);
        Some(News::Changed)
    }

    fn remember(&mut self, now: Instant, before: Option<Location>) {
        let current: Vec<IpAddr> =
            self.location.iter().flat_map(Location::all).map(|addr| addr.ip()).collect();
        let gone = before.iter().flat_map(Location::all).map(|addr| addr.ip());
        for address in gone {
            self.former.retain(|(known, _)| *known != address);
            self.former.push((address, now));
        }
        self.former.retain(|(known, _)| !current.contains(known));
        // The oldest go first, where a name server has another answer each time.
        let surplus = self.former.len().saturating_sub(MOST_FORMER);
        self.former.drain(..surplus);
    }

    fn failed(&mut self, now: Instant, why: NotFound) -> Option<News> {
        let (first, last) = AGAIN;
        self.due = now + first.saturating_mul(1 << self.failures.min(8)).min(last);
        self.failures = self.failures.saturating_add(1);
        let too_old = self.found_at.is_some_and(|at| now.saturating_duration_since(at) >= KEPT);
        if too_old && self.location.is_some() {
            let before = self.location.take();
            self.remember(now, before);
            self.failing = Some(why);
            return Some(News::TooOld);
        }
        // Two name servers that fail in different words are one trouble.
        let kind = std::mem::discriminant(&why);
        let known = self.failing.as_ref().is_some_and(|known| std::mem::discriminant(known) == kind);
        self.failing = Some(why.clone());
        (!known).then_some(News::Failing { why, kept: self.location.is_some() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::location::Target;

    fn location(address: &str, lives: u64) -> Found {
        let target = Target {
            rank: 0,
            weight: 0,
            host: "example.net".to_owned(),
            port: 5060,
            addresses: vec![address.parse().unwrap()],
        };
        let location = Location { targets: vec![target], way: Way::Srv };
        Found { location, lives: Duration::from_secs(lives) }
    }

    fn failed() -> Result<Found, NotFound> {
        Err(NotFound::Failed("SERVFAIL".to_owned()))
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn an_answer_holds_as_long_as_it_says_within_bounds() {
        let start = Instant::now();
        for (said, held) in [(0, 10), (60, 60), (1_000_000, 3600)] {
            let mut entry = Entry::new(start);
            entry.take(start, Ok(location("10.0.0.1", said)));
            assert_eq!(entry.due() - start, Duration::from_secs(held));
        }
    }

    #[test]
    fn the_last_good_answer_is_kept_for_a_day_and_told_once() {
        let start = Instant::now();
        let mut entry = Entry::new(start);
        assert_eq!(entry.take(start, Ok(location("10.0.0.1", 60))), Some(News::Changed));
        let why = NotFound::Failed("SERVFAIL".to_owned());
        assert_eq!(entry.take(start + HOUR, failed()), Some(News::Failing { why, kept: true }));
        assert_eq!(entry.take(start + 2 * HOUR, failed()), None, "said once");
        assert!(entry.location().is_some());
        assert_eq!(entry.take(start + 24 * HOUR, failed()), Some(News::TooOld));
        assert!(entry.location().is_none());
        assert_eq!(entry.take(start + 25 * HOUR, failed()), None);
    }

    #[test]
    fn name_servers_that_answer_again_are_news() {
        let start = Instant::now();
        let mut entry = Entry::new(start);
        entry.take(start, Ok(location("10.0.0.1", 60)));
        entry.take(start, failed());
        assert_eq!(entry.take(start, Ok(location("10.0.0.1", 60))), Some(News::Back));
        assert_eq!(entry.take(start, Ok(location("10.0.0.1", 60))), None);
    }

    #[test]
    fn after_failures_it_is_asked_less_and_less_often_but_each_minute() {
        let start = Instant::now();
        let mut entry = Entry::new(start);
        let waits: Vec<u64> = (0..6)
            .map(|_| {
                entry.take(start, failed());
                (entry.due() - start).as_secs()
            })
            .collect();
        assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
    }

    #[test]
    fn a_name_server_with_another_answer_each_time_fills_no_memory() {
        let start = Instant::now();
        let mut entry = Entry::new(start);
        for number in 0..2000_u32 {
            entry.take(start, Ok(location(&std::net::Ipv4Addr::from(number).to_string(), 0)));
        }
        assert_eq!(entry.former().len(), MOST_FORMER);
        assert_eq!(
            entry.former().last(),
            Some(&std::net::Ipv4Addr::from(1998).into()),
            "the newest are kept"
        );
    }

    #[test]
    fn an_address_that_has_gone_still_counts_as_the_servers_for_as_long_as_calls_last() {
        let start = Instant::now();
        let mut entry = Entry::new(start);
        entry.take(start, Ok(location("10.0.0.1", 60)));
        entry.take(start + HOUR, Ok(location("10.0.0.2", 60)));
        assert_eq!(entry.former(), ["10.0.0.1".parse::<IpAddr>().unwrap()]);
        entry.take(start + 2 * HOUR, Ok(location("10.0.0.1", 60)));
        assert_eq!(entry.former(), ["10.0.0.2".parse::<IpAddr>().unwrap()], "it is back");
        entry.take(start + 7 * HOUR, Ok(location("10.0.0.1", 60)));
        assert_eq!(entry.former(), Vec::<IpAddr>::new());
    }
}
