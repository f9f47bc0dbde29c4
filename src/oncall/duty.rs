//! Who has the duty in one schedule at one instant, and by which rule.
//!
//! The order of precedence:
//! 1. an override in force, the one listed last;
//! 2. layers: the last rotation in force, even when its turn is nobody's;
//!    parallel: every rotation in force.

use jiff::Timestamp;

use crate::oncall::name::Target;
use crate::oncall::schedule::{Member, Override, Rotation, Schedule, Stacking};
use crate::oncall::turn::{Edges, Turn};

/// A duty and the rule it follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Duty {
    /// Whose duty it is; `None`: nobody's, on purpose.
    pub target: Option<Target>,
    /// The rule: `rotation weekly, turn 47, since Mon 09:00`.
    pub rule: String,
}

impl Schedule {
    /// All duties at an instant, in a stable order.
    pub(super) fn duties(&self, at: Timestamp) -> Vec<Duty> {
        if let Some(over) = self.overrides.iter().rev().find(|over| self.is_in_force(over, at)) {
            return vec![self.override_duty(over, at)];
        }
        let mut in_force: Vec<Duty> = self
            .rotations
            .iter()
            .filter_map(|rotation| Some((rotation, rotation.turn(&self.timezone, at)?)))
            .map(|(rotation, turn)| self.turn_duty(rotation, &turn, at))
            .collect();
        match self.stacking {
            Stacking::Layers => in_force.pop().into_iter().collect(),
            Stacking::Parallel => in_force,
        }
    }

    fn is_in_force(&self, over: &Override, at: Timestamp) -> bool {
        self.timezone.instant(over.from) <= at && at < self.timezone.instant(over.until)
    }

    fn override_duty(&self, over: &Override, at: Timestamp) -> Duty {
        let until = self.timezone.say(self.timezone.instant(over.until), at);
        Duty { target: Some(Target::Person(over.person.clone())), rule: format!("override until {until}") }
    }

    fn turn_duty(&self, rotation: &Rotation, turn: &Turn<'_>, at: Timestamp) -> Duty {
        let target = match turn.member {
            Member::Target(target) => Some(target.clone()),
            Member::Nobody => None,
        };
        let since = self.timezone.say(turn.since, at);
        let rule = format!("rotation {}, turn {}, since {since}", rotation.name, turn.number);
        Duty { target, rule }
    }

    /// Notes the instants around `at` at which the duties may change.
    pub(super) fn note_edges(&self, edges: &mut Edges, at: Timestamp) {
        for over in &self.overrides {
            edges.note(self.timezone.instant(over.from));
            edges.note(self.timezone.instant(over.until));
        }
        for rotation in &self.rotations {
            rotation.note_edges(&self.timezone, edges, at);
        }
    }
}
