//! Who has the duty in one schedule at one instant, and by which rule.
//!
//! The order of precedence:
//! 1. Each rotation in force has a turn. The overrides of that rotation change it, one after another,
//!    while it is in force; outside its hours they do nothing.
//! 2. Layers: the last rotation in force, even when its turn is nobody's; where none is in force, the shifts of the
//!    calendar. Parallel: the shifts of the calendar and every rotation in force.
//! 3. The overrides of the whole schedule change what has come out, one after another, whether or not
//!    any rotation is in force.
//!
//! In a schedule that is not enabled nobody is on call.
//! "One after another" is: as they are listed in the file, then those made by command in the order in
//! which they were made. So of two that replace everybody the later one counts, a command wins over the
//! file, and somebody who is added after a replacement is on call beside the replacement.

use jiff::Timestamp;

use crate::oncall::feed::FeedShift;
use crate::oncall::name::Target;
use crate::oncall::schedule::{Member, Origin, Override, OverrideKind, Rotation, Schedule, Stacking, Turns};
use crate::oncall::turn::{Edges, Turn};

/// A duty and the rule it follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Duty {
    /// Whose duty it is; `None`: nobody's, on purpose.
    pub target: Option<Target>,
    /// The rule: `rotation weekly, turn 47, since Mon 09:00`.
    pub rule: String,
    /// Who is not meant, though the target stands for them, each after the ones before it.
    pub exceptions: Vec<Exception>,
}

/// Somebody whose place another one takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exception {
    /// Who is not on call.
    pub who: Target,
    /// Who is instead; `None`: nobody.
    pub instead: Option<Target>,
    /// The rule: `override until Fri 09:00`.
    pub rule: String,
}

impl Duty {
    fn of(target: Option<Target>, rule: String) -> Self {
        Self { target, rule, exceptions: Vec::new() }
    }

    /// Puts somebody in the place of another one, wherever this duty has that one on call.
    fn except(&mut self, exception: Exception) {
        if self.target.as_ref() == Some(&exception.who) {
            *self = Self::of(exception.instead, exception.rule);
        } else if self.target.is_some() {
            self.exceptions.push(exception);
        }
    }
}

impl Schedule {
    /// All duties at an instant, in a stable order.
    pub(super) fn duties(&self, at: Timestamp) -> Vec<Duty> {
        let overrides = self.overrides.in_force(&self.timezone, at);
        let (whole, of_rotations): (Vec<_>, Vec<_>) =
            overrides.into_iter().partition(|over| over.rotations.is_empty());
        let of_rotation = |rotation: &Rotation| {
            let turn = rotation.turn(&self.timezone, at)?;
            let mut duties = vec![self.turn_duty(rotation, &turn, at)];
            let about_it = |over: &&&Override| over.rotations.contains(&rotation.name);
            of_rotations.iter().filter(about_it).for_each(|over| self.amend(&mut duties, over, at));
            Some(duties)
        };
        let fed = || self.fed_duties(at);
        let mut duties = match self.stacking {
            Stacking::Layers => self.rotations.iter().rev().find_map(of_rotation).unwrap_or_else(fed),
            Stacking::Parallel => {
                fed().into_iter().chain(self.rotations.iter().filter_map(of_rotation).flatten()).collect()
            }
        };
        whole.iter().for_each(|over| self.amend(&mut duties, over, at));
        duties
    }

    /// The duties of the shifts of a calendar.
    fn fed_duties(&self, at: Timestamp) -> Vec<Duty> {
        let Some(feed) = self.calendar.as_ref().and_then(|calendar| calendar.feed.as_ref()) else {
            return Vec::new();
        };
        let of_shift = |shift: &FeedShift| {
            let rule = feed.rule(&shift.title, &self.timezone, at);
            let on_purpose = shift.people.is_empty().then(|| Duty::of(None, rule.clone()));
            let people = shift.people.iter().map(|person| Some(Target::Person(person.clone())));
            people.map(|target| Duty::of(target, rule.clone())).chain(on_purpose).collect::<Vec<_>>()
        };
        feed.at(at).flat_map(of_shift).collect()
    }

    /// What an override makes of duties.
    fn amend(&self, duties: &mut Vec<Duty>, over: &Override, at: Timestamp) {
        let member = over.member.target().cloned();
        let rule = self.rule_of(over, at);
        match (over.kind, &over.instead_of, member) {
            (OverrideKind::Add, _, member) => duties.push(Duty::of(member, rule)),
            (OverrideKind::Replace, None, member) => *duties = vec![Duty::of(member, rule)],
            (OverrideKind::Replace, Some(who), instead) => {
                except(duties, &Exception { who: who.clone(), instead, rule });
            }
            (OverrideKind::Remove, _, Some(who)) => except(duties, &Exception { who, instead: None, rule }),
            (OverrideKind::Remove, _, None) => {}
        }
    }

    /// `override by command until Fri 09:00, instead of bob`
    fn rule_of(&self, over: &Override, at: Timestamp) -> String {
        let until = self.timezone.say(self.timezone.instant(over.until), at);
        let by_command = match over.origin {
            Origin::File => "",
            Origin::Command(_) => " by command",
        };
        let what = match (over.kind, &over.instead_of) {
            (OverrideKind::Replace, None) => String::new(),
            (OverrideKind::Replace, Some(who)) => format!(", instead of {}", Member::Target(who.clone())),
            (OverrideKind::Add, _) => ", in addition".to_owned(),
            (OverrideKind::Remove, _) => format!(", without {}", over.member),
        };
        format!("override{by_command} until {until}{what}")
    }

    fn turn_duty(&self, rotation: &Rotation, turn: &Turn<'_>, at: Timestamp) -> Duty {
        let since = self.timezone.say(turn.since, at);
        let turn_of = match rotation.turns {
            Turns::Every(_) => format!("rotation {}, turn", rotation.name),
            Turns::Recurrence(_) => format!("rotation {} (RRULE), occurrence", rotation.name),
        };
        Duty::of(turn.member.target().cloned(), format!("{turn_of} {}, since {since}", turn.number))
    }

    /// Notes the instants around `at` at which the duties may change.
    pub(super) fn note_edges(&self, edges: &mut Edges, at: Timestamp) {
        self.overrides.note_edges(&self.timezone, edges, at);
        if let Some(feed) = self.calendar.as_ref().and_then(|calendar| calendar.feed.as_ref()) {
            feed.note_edges(edges, at);
        }
        for rotation in &self.rotations {
            rotation.note_edges(&self.timezone, edges, at);
        }
    }
}

fn except(duties: &mut [Duty], exception: &Exception) {
    duties.iter_mut().for_each(|duty| duty.except(exception.clone()));
}
