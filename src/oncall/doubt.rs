//! Hand-overs and edges of overrides and restrictions at times that the wall clock skips or shows twice:
//! they are well defined, but seldom what was meant.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};

use crate::oncall::schedule::{Rotation, Schedule, Turns};
use crate::oncall::zone::{ClockChange, Zone};

/// How far around a change of the clocks turns and hours are looked at.
const AROUND: SignedDuration = SignedDuration::from_hours(48);

/// A time of a schedule that is doubtful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// What happens then: `a hand-over of rotation nights`.
    pub what: String,
    /// The time, by the wall clock of the schedule.
    pub wall: DateTime,
    /// Whether the wall clock shows it twice; else it never does.
    pub twice: bool,
    /// What it is taken for: the first of two, or the end of the gap; by the wall clock.
    pub meant: DateTime,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, wall, twice, meant } = self;
        let wall = wall.strftime("%Y-%m-%d %H:%M");
        match twice {
            true => write!(f, "{what} is at {wall}, a time that comes twice: it is the first time"),
            false => {
                write!(f, "{what} is at {wall}, a time that is skipped: it is at {}", meant.strftime("%H:%M"))
            }
        }
    }
}

impl Schedule {
    /// What falls on a doubtful time between two instants, each thing once, with the first time.
    pub fn doubts(&self, from: Timestamp, until: Timestamp) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        let mut told = BTreeSet::new();
        for change in self.timezone.clock_changes(from, until) {
            for (what, wall) in self.walls_near(&change) {
                if change.is_doubtful(wall) && told.insert(what.clone()) {
                    let meant = self.timezone.local(self.timezone.instant(wall));
                    doubts.push(Doubt { what, wall, twice: change.sets_back(), meant });
                }
            }
        }
        doubts
    }

    /// The wall-clock times near a change of the clocks at which something happens.
    fn walls_near(&self, change: &ClockChange) -> Vec<(String, DateTime)> {
        let rotations =
            self.rotations.iter().flat_map(|rotation| rotation.walls_near(&self.timezone, change));
        let overrides = self.overrides.iter().flat_map(|over| {
            let who = &over.member;
            [
                (format!("the beginning of the override of {who}"), over.from),
                (format!("the end of the override of {who}"), over.until),
            ]
        });
        rotations.chain(overrides).collect()
    }
}

impl Rotation {
    fn walls_near(&self, zone: &Zone, change: &ClockChange) -> Vec<(String, DateTime)> {
        let Self { name, .. } = self;
        let ends = self.until.is_some_and(|until| zone.instant(until) <= change.at);
        if ends || change.at < zone.instant(self.start) {
            return Vec::new();
        }
        let mut walls = Vec::new();
        if let Turns::Every(every) = self.turns {
            let hand_overs = self.hand_overs(every, zone, change.at - AROUND, change.at + AROUND);
            walls.extend(hand_overs.map(|wall| (format!("a hand-over of rotation {name}"), wall)));
        }
        for hours in &self.hours {
            for (from, until) in hours.walls(change.wall().date()) {
                walls.push((format!("the beginning of `{hours}` of rotation {name}"), from));
                walls.push((format!("the end of `{hours}` of rotation {name}"), until));
            }
        }
        walls
    }
}
