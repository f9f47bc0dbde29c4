//! What outbound legs may cost: so many at a time, an hour, a day, so many minutes a day.
//!
//! Hours and days are the last 60 minutes and the last 24 hours, whatever the clock on the wall says: a
//! fraudster cannot wait for midnight, and no counter jumps. Use is kept by the minute, so that it can be
//! written down and read back after a restart.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The limits of one trunk. Left out: none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Outbound legs at a time.
    pub concurrent_legs: Option<u32>,
    /// Outbound legs in 60 minutes.
    pub legs_per_hour: Option<u32>,
    /// Outbound legs in 24 hours.
    pub legs_per_day: Option<u32>,
    /// Minutes of answered outbound legs in 24 hours.
    pub minutes_per_day: Option<u32>,
}

/// One of the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// `concurrent_legs`
    ConcurrentLegs,
    /// `legs_per_hour`
    LegsPerHour,
    /// `legs_per_day`
    LegsPerDay,
    /// `minutes_per_day`
    MinutesPerDay,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::ConcurrentLegs, Self::LegsPerHour, Self::LegsPerDay, Self::MinutesPerDay];

    /// Its key in the settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConcurrentLegs => "concurrent_legs",
            Self::LegsPerHour => "legs_per_hour",
            Self::LegsPerDay => "legs_per_day",
            Self::MinutesPerDay => "minutes_per_day",
        }
    }
}

/// What was used in one minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Use {
    /// Legs that were dialled.
    pub legs: u32,
    /// Seconds that answered legs lasted.
    pub seconds: u32,
}

/// How much of a limit is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Its key in the settings.
    pub limit: String,
    /// So much.
    pub used: u64,
    /// Of so much.
    pub of: u64,
}

/// A limit that an operator should hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// 80 % of it are used.
    Near(Limit, u64, u64),
    /// It is reached: nothing more is dialled over the trunk.
    Reached(Limit, u64),
}

/// The use of one trunk.
#[derive(Debug, Clone, Default)]
pub struct Spend {
    /// By the minute since 1970.
    minutes: BTreeMap<i64, Use>,
    concurrent: u32,
    /// What has been complained of, and until when that holds.
    told: BTreeMap<(Limit, bool), i64>,
}

/// The use of all trunks, by name, so that it survives a reload.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<HashMap<String, Spend>>>);

/// An outbound leg that is counted for as long as this lives.
#[derive(Debug)]
pub struct Running {
    ledger: Ledger,
    trunk: String,
}

impl Ledger {
    /// Works on the use of one trunk.
    pub fn with<R>(&self, trunk: &str, work: impl FnOnce(&mut Spend) -> R) -> R {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(all.entry(trunk.to_owned()).or_default())
    }

    /// Counts another leg, unless a limit is reached. Hands back the use of this minute.
    pub fn dial(&self, trunk: &str, now: Timestamp, limits: &Limits) -> Result<(Running, Use), Limit> {
        let used = self.with(trunk, |spend| {
            spend.may_dial(now, limits)?;
            Ok(spend.dialled(now))
        })?;
        Ok((Running { ledger: self.clone(), trunk: trunk.to_owned() }, used))
    }
}

impl Running {
    /// The trunk it goes over.
    pub fn trunk(&self) -> &str {
        &self.trunk
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ledger.with(&self.trunk, Spend::over);
    }
}

const HOUR: i64 = 60;
const DAY: i64 = 24 * 60;

/// The minute an instant belongs to.
pub fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

impl Spend {
    /// Takes up what an earlier run has written down.
    pub fn recall(&mut self, minute: i64, used: Use) {
        let kept = self.minutes.entry(minute).or_default();
        kept.legs = kept.legs.saturating_add(used.legs);
        kept.seconds = kept.seconds.saturating_add(used.seconds);
    }

    /// Whether another leg may be dialled; if not, which limit is reached.
    pub fn may_dial(&self, now: Timestamp, limits: &Limits) -> Result<(), Limit> {
        let reached = Limit::ALL
            .into_iter()
            .find(|limit| limits.of(*limit).is_some_and(|bound| self.used(now, *limit) >= u64::from(bound)));
        reached.map_or(Ok(()), Err)
    }

    /// A leg is dialled. Hands back the use of this minute, to be written down.
    pub fn dialled(&mut self, now: Timestamp) -> Use {
        self.concurrent = self.concurrent.saturating_add(1);
        self.add(now, Use { legs: 1, seconds: 0 })
    }

    /// A dialled leg is over.
    pub fn over(&mut self) {
        self.concurrent = self.concurrent.saturating_sub(1);
    }

    /// An answered leg has lasted so long since this was told the last time. Hands back the use of this minute.
    pub fn lasted(&mut self, now: Timestamp, duration: Duration) -> Use {
        let seconds = u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
        self.add(now, Use { legs: 0, seconds })
    }

    fn add(&mut self, now: Timestamp, used: Use) -> Use {
        let minute = minute(now);
        // A clock that was set back leaves minutes of the future, which count as long as they are there.
        self.minutes.retain(|known, _| *known > minute - DAY);
        self.recall(minute, used);
        self.minutes.get(&minute).copied().unwrap_or_default()
    }

    /// How much of a limit is used. Minutes that have begun are not counted before they are over.
    pub fn used(&self, now: Timestamp, limit: Limit) -> u64 {
        match limit {
            Limit::ConcurrentLegs => u64::from(self.concurrent),
            Limit::LegsPerHour => self.sum(now, HOUR, |used| used.legs),
            Limit::LegsPerDay => self.sum(now, DAY, |used| used.legs),
            Limit::MinutesPerDay => self.sum(now, DAY, |used| used.seconds) / 60,
        }
    }

    fn sum(&self, now: Timestamp, window: i64, of: impl Fn(&Use) -> u32) -> u64 {
        let since = minute(now) - window;
        let recent = self.minutes.iter().filter(|(minute, _)| **minute > since);
        recent.map(|(_, used)| u64::from(of(used))).sum()
    }

    /// The limits that are set, and how much of each is used.
    pub fn report(&self, now: Timestamp, limits: &Limits) -> Vec<Used> {
        let set = Limit::ALL.into_iter().filter_map(|limit| Some((limit, limits.of(limit)?)));
        set.map(|(limit, bound)| Used {
            limit: limit.as_str().to_owned(),
            used: self.used(now, limit),
            of: u64::from(bound),
        })
        .collect()
    }

    /// What an operator should hear now: each limit that is nearly or wholly used, once in its period (an
    /// hour for those without one).
    pub fn alarms(&mut self, now: Timestamp, limits: &Limits) -> Vec<Alarm> {
        let at = minute(now);
        self.told.retain(|_, until| at < *until);
        let mut alarms = Vec::new();
        for limit in Limit::ALL {
            let Some(bound) = limits.of(limit).map(u64::from) else { continue };
            let used = self.used(now, limit);
            let reached = used >= bound;
            if used * 10 < bound * 8 || self.told.contains_key(&(limit, reached)) {
                continue;
            }
            let period = if matches!(limit, Limit::LegsPerDay | Limit::MinutesPerDay) { DAY } else { HOUR };
            self.told.insert((limit, reached), at + period);
            alarms.push(if reached { Alarm::Reached(limit, bound) } else { Alarm::Near(limit, used, bound) });
        }
        alarms
    }
}

impl Limits {
    fn of(&self, limit: Limit) -> Option<u32> {
        match limit {
            Limit::ConcurrentLegs => self.concurrent_legs,
            Limit::LegsPerHour => self.legs_per_hour,
            Limit::LegsPerDay => self.legs_per_day,
            Limit::MinutesPerDay => self.minutes_per_day,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    #[test]
    fn an_hour_is_the_last_60_minutes_and_a_day_the_last_24_hours() {
        let limits = Limits { legs_per_hour: Some(3), legs_per_day: Some(5), ..Limits::default() };
        let mut spend = Spend::default();
        for minute in 0..3 {
            assert_eq!(spend.may_dial(at(minute), &limits), Ok(()));
            spend.dialled(at(minute));
        }
        assert_eq!(spend.may_dial(at(59), &limits), Err(Limit::LegsPerHour));
        assert_eq!(spend.may_dial(at(60), &limits), Ok(()), "the first is an hour old");
        spend.dialled(at(100));
        spend.dialled(at(100));
        assert_eq!(spend.may_dial(at(300), &limits), Err(Limit::LegsPerDay));
        assert_eq!(spend.may_dial(at(24 * 60), &limits), Ok(()));
    }

    #[test]
    fn legs_at_a_time_are_those_that_are_not_over() {
        let limits = Limits { concurrent_legs: Some(2), ..Limits::default() };
        let mut spend = Spend::default();
        spend.dialled(at(0));
        spend.dialled(at(0));
        assert_eq!(spend.may_dial(at(0), &limits), Err(Limit::ConcurrentLegs));
        spend.over();
        assert_eq!(spend.may_dial(at(0), &limits), Ok(()));
    }

    #[test]
    fn minutes_are_those_of_answered_legs() {
        let limits = Limits { minutes_per_day: Some(10), ..Limits::default() };
        let mut spend = Spend::default();
        spend.lasted(at(0), Duration::from_secs(599));
        assert_eq!(spend.may_dial(at(0), &limits), Ok(()));
        spend.lasted(at(5), Duration::from_secs(1));
        assert_eq!(spend.may_dial(at(5), &limits), Err(Limit::MinutesPerDay));
    }

    #[test]
    fn what_an_earlier_run_used_counts() {
        let limits = Limits { legs_per_day: Some(10), ..Limits::default() };
        let mut spend = Spend::default();
        spend.recall(minute(at(0)), Use { legs: 9, seconds: 0 });
        spend.dialled(at(1));
        assert_eq!(spend.may_dial(at(1), &limits), Err(Limit::LegsPerDay));
    }

    #[test]
    fn a_limit_is_complained_of_at_80_percent_and_at_its_end_once_a_period() {
        let limits = Limits { legs_per_hour: Some(10), ..Limits::default() };
        let mut spend = Spend::default();
        let mut heard = Vec::new();
        for _ in 0..12 {
            spend.dialled(at(0));
            heard.extend(spend.alarms(at(0), &limits));
        }
        assert_eq!(heard, [Alarm::Near(Limit::LegsPerHour, 8, 10), Alarm::Reached(Limit::LegsPerHour, 10)]);
        for _ in 0..10 {
            spend.dialled(at(70));
        }
        assert_eq!(spend.alarms(at(70), &limits), [Alarm::Reached(Limit::LegsPerHour, 10)], "a new hour");
    }

    #[test]
    fn without_limits_nothing_is_complained_of() {
        let mut spend = Spend::default();
        (0..10_000).for_each(|_| _ = spend.dialled(at(0)));
        assert_eq!(spend.may_dial(at(0), &Limits::default()), Ok(()));
        assert_eq!(spend.alarms(at(0), &Limits::default()), []);
        assert_eq!(spend.report(at(0), &Limits::default()), []);
    }
}
