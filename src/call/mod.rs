//! The call: the script of a hotline from the welcome to the last goodbye.
//!
//! It reads like the product's flow chart (`hotline::script`), and these rules keep it safe:
//!
//! 1. Letting go of a leg is hanging it up: dropping the handle sends a release to the switch,
//!    which outlives the script and decides whether that is a CANCEL, a BYE or a final response.
//!    A release may carry a short clip that an answered leg hears first.
//! 2. A dialled leg's handle exists from the dial on. What the script does not keep is released.
//! 3. One `select!` at the top (`run::run`): script, caller gone, shutdown. Scripts never test for
//!    the caller's hang-up.
//! 4. The epilogue always runs after it: the recording is closed, the outcome and the end are
//!    written. For a voicemail, hanging up is the normal end.
//! 5. Every `select!` is `biased`, and only `tokio::time` tells the time, so that a paused clock
//!    drives a scenario.
//! 6. Schedules and settings are a snapshot taken at the start of the call. Writing the journal
//!    never waits, but the call's row is durable before the 200 OK and the intent before an
//!    outbound INVITE; either wait ends after 500 ms.

pub mod bridge;
pub mod callers;
pub mod chase;
pub mod choice;
pub mod clock;
pub mod compile;
pub mod consent;
pub mod dial;
pub mod facts;
pub mod filter;
pub mod history;
pub mod hotline;
pub mod incall;
pub mod invite;
pub mod journal;
pub mod leg;
pub mod lockout;
pub mod menu;
pub mod naming;
pub mod occupancy;
pub mod opening;
mod outline;
pub mod pin;
pub mod plan;
pub mod preset;
pub mod prompt;
pub mod race;
pub mod receive;
pub mod reception;
pub mod run;
pub mod screening;
pub mod settings;
pub mod spoken;
pub mod timeline;
pub mod verify;
pub mod voicemail;
pub mod waiting;
pub mod wording;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

use crate::call::consent::Consent;
use crate::call::facts::Facts;
use crate::call::journal::{Record, Started};
use crate::call::leg::LegId;
use crate::call::plan::{Hotline, Route, Snapshot};
use crate::call::prompt::Piece;
use crate::call::reception::Arrived;
use crate::call::run::House;
use crate::call::spoken::Spoken;
use crate::call::timeline::Timeline;
use crate::call::waiting::Ticket;
use crate::incident::{Fact, Routed};
use crate::oncall::{E164, Roster, first_level};

/// Names a call for ever: in logs, in the database, in file names. Later calls have higher ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CallId(pub u64);

impl CallId {
    /// A new id: 44 bits of ms since 1970, 20 bits of chance.
    pub fn new(now: Timestamp, chance: u32) -> Self {
        let ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
        Self(ms << 20 | u64::from(chance & 0xF_FFFF))
    }

    /// Reads the form in which it is displayed.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok()).flatten().map(Self)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Everything the script of one call works with, but for the caller's leg.
#[derive(Debug)]
pub struct Desk {
    /// The call.
    pub id: CallId,
    /// The row it began with: who calls, whom, since when.
    pub row: Arc<Started>,
    /// The name of the caller's leg.
    pub caller: LegId,
    /// Who calls, if the number is not withheld.
    pub caller_number: Option<E164>,
    /// The name of the hotline that was dialled: calls are remembered by it, wherever they go on.
    pub called: String,
    /// The hotline the caller is at.
    pub hotline: Arc<Hotline>,
    /// All hotlines and people, as they stood when the call came in.
    pub snapshot: Arc<Snapshot>,
    /// Who may be rung.
    pub roster: Arc<Roster>,
    /// Whether the caller comes before all others who wait.
    pub front: bool,
    /// What the caller said when asked for a name.
    pub caller_name: Option<Piece>,
    /// The caller's place among those on hold, while people are rung.
    pub ticket: Option<Arc<Ticket>>,
    /// What calls share.
    pub house: House,
    /// The call's own timeline.
    pub timeline: Timeline,
    /// What the epilogue will read.
    pub facts: Facts,
    /// Whether the caller has heard that the call may be recorded.
    pub consent: Consent,
    /// Shuffles people within a level.
    pub rng: StdRng,
}

impl Desk {
    /// The same call, for something that goes on beside the script; with what those it rings are to be told
    /// about a recording.
    pub fn another(&mut self, consent: Consent) -> Self {
        Self {
            id: self.id,
            row: self.row.clone(),
            caller: self.caller,
            caller_number: self.caller_number.clone(),
            called: self.called.clone(),
            hotline: self.hotline.clone(),
            snapshot: self.snapshot.clone(),
            roster: self.roster.clone(),
            front: self.front,
            ticket: self.ticket.clone(),
            caller_name: self.caller_name.clone(),
            house: self.house.clone(),
            timeline: self.timeline.clone(),
            facts: self.facts.clone(),
            consent,
            rng: StdRng::from_rng(&mut self.rng),
        }
    }

    /// Writes down what matters to the call's incident.
    pub fn fact(&self, fact: Fact) {
        let (call, at, fact) = (self.id, self.house.clock.now(), Box::new(fact));
        self.house.journal.write(Record::Fact { call, at, fact });
    }

    /// The caller has got to a route.
    pub fn routed(&self, to: &Arrived) {
        let Arrived { hotline, route, .. } = to;
        self.facts.learn(|known| known.route = Some(route.name.clone()));
        let now = self.house.clock.now();
        self.fact(Fact::Routed(Box::new(routed(&self.row, hotline, route, &self.roster, now))));
    }

    /// The last person has been tried, or nobody is left whom the caller could speak with.
    pub fn nobody_answered(&self) {
        self.facts.learn(|known| known.nobody_answered = true);
        self.fact(Fact::NobodyAnswered);
    }

    /// What may be said of the caller now.
    pub fn spoken(&self) -> Spoken<'_> {
        let waiting = self.ticket.as_ref().map_or(Duration::ZERO, |ticket| ticket.waited());
        let (caller, name) = (self.caller_number.as_ref(), self.caller_name.as_ref());
        Spoken { caller, waiting, name, ..Spoken::default() }
    }
}

/// Where a caller has got to, as far as incidents are concerned.
pub fn routed(row: &Started, hotline: &Hotline, route: &Route, roster: &Roster, at: Timestamp) -> Routed {
    let level = first_level(roster, &route.policy, at);
    Routed {
        hotline: hotline.name.clone(),
        number: row.number.clone(),
        route: route.name.clone(),
        started_at: row.at,
        caller: row.caller.clone(),
        caller_name: row.stated.display_name.clone(),
        first_level: level.iter().map(ToString::to_string).collect(),
        policy: route.incident.clone(),
    }
}

/// A length of time in words, as [`describe_ms`] has it.
pub fn describe(length: Duration) -> String {
    describe_ms(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
}

/// A length of time in words: `850 ms`, `12 s`, `2 min 5 s`.
pub fn describe_ms(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..59_500 => format!("{} s", (ms + 500) / 1000),
        _ => match (ms + 500) / 1000 {
            seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
            seconds => format!("{} min {} s", seconds / 60, seconds % 60),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_told_to_the_nearest_second() {
        let told = [850, 2_980, 59_499, 59_500, 60_000, 125_400].map(describe_ms);
        assert_eq!(told, ["850 ms", "3 s", "59 s", "1 min", "1 min", "2 min 5 s"]);
    }
}
