//! What legs cost and how long they may last.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Signalling;
use super::legs::LiveLeg;
use crate::call::journal::Record;
use crate::call::leg::Gone;
use crate::sip;
use crate::switch::spend::{Alarm, Running, Use, minute};
use crate::switch::trunks::Trunk;

/// How often running legs are written down, so that a crash forgets little.
const TALLY: Duration = Duration::from_secs(60);

/// What a responder's leg costs.
#[derive(Debug)]
pub(in crate::switch) struct Cost {
    running: Running,
    /// Since when its time has not been counted; nothing before its answer.
    uncounted: Option<Instant>,
}

impl Signalling {
    /// A leg is about to be dialled over a trunk.
    pub(super) fn spend(&mut self, trunk: &Trunk) -> Result<Cost, String> {
        let now = Timestamp::now();
        let dialled = self.ledger.dial(&trunk.name, now, &trunk.limits);
        self.warn_of_limits(trunk, now);
        match dialled {
            Ok((running, used)) => {
                self.write_use(&trunk.name, now, used);
                Ok(Cost { running, uncounted: None })
            }
            Err(limit) => Err(format!("{} of the trunk `{}` is reached", limit.as_str(), trunk.name)),
        }
    }

    /// A leg was answered: from now on it costs, and may last so long.
    pub(super) fn clock_in(&mut self, dialog: sip::LegId) {
        let now = Instant::now();
        let table = self.standing.borrow().table.clone();
        let Some(leg) = self.legs.get(dialog) else { return };
        if let Some(cost) = &mut leg.cost {
            cost.uncounted = Some(now);
            self.next_tally.get_or_insert(now + TALLY);
        }
        let longest = table.trunks.get(leg.trunk).map(|known| known.trunk.max_call_length);
        if let Some(longest) = longest {
            self.legs.ends_at(dialog, now + longest);
        }
    }

    /// A leg is over: its last seconds are counted.
    pub(super) fn clock_out(&mut self, leg: &mut LiveLeg) {
        let Some(cost) = leg.cost.take() else { return };
        self.count(cost);
    }

    /// When something here is due.
    pub(super) fn next_upkeep(&self) -> Option<Instant> {
        let due = [self.next_tally, self.legs.next_end(), self.health.next(), self.asked_until()];
        due.into_iter().flatten().min()
    }

    /// Ends the legs that have lasted too long, writes down what running ones cost, and sends pings.
    pub(super) fn upkeep(&mut self, now: Instant) {
        self.ping(now);
        self.answer_asked(now);
        while let Some(dialog) = self.legs.take_ended(now) {
            self.legs.with(dialog, |leg| {
                tracing::warn!(call = %leg.call, leg = %leg.name, "max_call_length is reached: the leg is ended");
                leg.events.gone(Gone::TooLong);
            });
        }
        if self.next_tally.is_some_and(|at| at <= now) {
            self.next_tally = None;
            self.tally(now);
        }
    }

    fn tally(&mut self, now: Instant) {
        let mut counted = Vec::new();
        for cost in self.legs.all().filter_map(|leg| leg.cost.as_mut()) {
            self.next_tally = Some(now + TALLY);
            if let Some(lasted) = cost.since(now) {
                counted.push((cost.running.trunk().to_owned(), lasted));
            }
        }
        counted.into_iter().for_each(|(trunk, lasted)| self.count_time(&trunk, lasted));
    }

    fn count(&mut self, mut cost: Cost) {
        if let Some(lasted) = cost.since(Instant::now()) {
            self.count_time(cost.running.trunk(), lasted);
        }
    }

    fn count_time(&mut self, trunk: &str, lasted: Duration) {
        let now = Timestamp::now();
        let used = self.ledger.with(trunk, |spend| spend.lasted(now, lasted));
        self.write_use(trunk, now, used);
        let table = self.standing.borrow().table.clone();
        if let Some((_, known)) = table.by_name(trunk) {
            self.warn_of_limits(&known.trunk, now);
        }
    }

    fn write_use(&self, trunk: &str, now: Timestamp, used: Use) {
        let minute = minute(now);
        let (trunk, Use { legs, seconds }) = (trunk.to_owned(), used);
        self.journal(Record::TrunkUse { trunk, minute, legs, seconds });
    }

    fn warn_of_limits(&self, trunk: &Trunk, now: Timestamp) {
        let name = trunk.name.as_str();
        for alarm in self.ledger.with(name, |spend| spend.alarms(now, &trunk.limits)) {
            match alarm {
                Alarm::Near(limit, used, of) => {
                    tracing::warn!(trunk = name, used, of, "80 % of {} is used", limit.as_str());
                }
                Alarm::Reached(limit, of) => tracing::error!(
                    trunk = name,
                    of,
                    "ALARM: {} is reached: nothing more is dialled over this trunk",
                    limit.as_str()
                ),
            }
        }
    }
}

impl Cost {
    /// How long it has lasted since this was asked the last time, in whole seconds, if any.
    fn since(&mut self, now: Instant) -> Option<Duration> {
        let uncounted = self.uncounted?;
        let lasted = Duration::from_secs(now.saturating_duration_since(uncounted).as_secs());
        self.uncounted = Some(uncounted + lasted);
        (!lasted.is_zero()).then_some(lasted)
    }
}
