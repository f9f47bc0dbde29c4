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

use crate::oncall::feed::{Feed, FeedShift};
use crate::oncall::name::{PersonId, Target};
use crate::oncall::schedule::{Member, Origin, Override, OverrideKind, Rotation, Schedule, Stacking, Turns};
use crate::oncall::turn::{Edges, Turn};

/// A duty and the rule it follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Duty<'a> {
    /// Whose duty it is; `None`: nobody's, on purpose.
    pub target: Option<Target>,
    /// The rule.
    pub rule: Rule<'a>,
    /// Who is not meant, though the target stands for them, each after the ones before it.
    pub exceptions: Vec<Exception<'a>>,
}

/// Somebody whose place another one takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exception<'a> {
    /// Who is not on call.
    pub who: Target,
    /// Who is instead; `None`: nobody.
    pub instead: Option<Target>,
    /// The rule.
    pub rule: Rule<'a>,
}

/// What a duty follows from. It is put into words only where somebody reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule<'a> {
    /// A turn of a rotation.
    Turn { rotation: &'a Rotation, number: i64, since: Timestamp },
    /// A shift of a calendar.
    Shift { feed: &'a Feed, title: &'a str },
    /// An override.
    Override(&'a Override),
}

impl<'a> Duty<'a> {
    fn of(target: Option<Target>, rule: Rule<'a>) -> Self {
        Self { target, rule, exceptions: Vec::new() }
    }

    /// Puts somebody in the place of another one, wherever this duty has that one on call.
    fn except(&mut self, exception: Exception<'a>) {
        if self.target.as_ref() == Some(&exception.who) {
            *self = Self::of(exception.instead, exception.rule);
        } else if self.target.is_some() {
            self.exceptions.push(exception);
        }
    }
}

impl Schedule {
    /// All duties at an instant, in a stable order.
    pub(super) fn duties(&self, at: Timestamp) -> Vec<Duty<'_>> {
        let overrides = self.overrides.in_force(&self.timezone, at);
        let (whole, of_rotations): (Vec<_>, Vec<_>) =
            overrides.into_iter().partition(|over| over.rotations.is_empty());
        let of_rotation = |rotation| self.rotation_duties(rotation, &of_rotations, at);
        let fed = || self.fed_duties(at);
        let mut duties = match self.stacking {
            Stacking::Layers => self.rotations.iter().rev().find_map(of_rotation).unwrap_or_else(fed),
            Stacking::Parallel => {
                fed().into_iter().chain(self.rotations.iter().filter_map(of_rotation).flatten()).collect()
            }
        };
        whole.iter().for_each(|over| amend(&mut duties, over));
        duties
    }

    /// The duties of a rotation that is in force.
    fn rotation_duties<'a>(
        &'a self,
        rotation: &'a Rotation,
        overrides: &[&'a Override],
        at: Timestamp,
    ) -> Option<Vec<Duty<'a>>> {
        let turn = rotation.turn(&self.timezone, at)?;
        let mut duties = vec![turn_duty(rotation, &turn)];
        let about_it = overrides.iter().filter(|over| over.rotations.contains(&rotation.name));
        about_it.for_each(|over| amend(&mut duties, over));
        Some(duties)
    }

    /// The duties of the shifts of a calendar.
    fn fed_duties(&self, at: Timestamp) -> Vec<Duty<'_>> {
        let Some(feed) = self.calendar.as_ref().and_then(|calendar| calendar.feed.as_ref()) else {
            return Vec::new();
        };
        feed.at(at).flat_map(|shift| shift_duties(feed, shift)).collect()
    }

    /// The people on call at an instant, where the duties are people's own; `None`: they are not.
    pub(super) fn outright(&self, at: Timestamp) -> Option<Vec<PersonId>> {
        let mut people = Vec::new();
        for duty in self.duties(at) {
            match duty.target {
                None => {}
                Some(Target::Person(person)) if duty.exceptions.is_empty() => people.push(person),
                Some(_) => return None,
            }
        }
        Some(people)
    }

    /// A rule in words: `rotation weekly, turn 47, since Mon 09:00`, `override by command until Fri 09:00,
    /// instead of bob`.
    pub(super) fn say_rule(&self, rule: &Rule<'_>, at: Timestamp) -> String {
        match rule {
            Rule::Turn { rotation, number, since } => {
                let turn = match rotation.turns {
                    Turns::Every(_) => ", turn",
                    Turns::Recurrence(_) => " (RRULE), occurrence",
                };
                let since = self.timezone.say(*since, at);
                format!("rotation {}{turn} {number}, since {since}", rotation.name)
            }
            Rule::Shift { feed, title } => feed.rule(title, &self.timezone, at),
            Rule::Override(over) => self.say_override(over, at),
        }
    }

    fn say_override(&self, over: &Override, at: Timestamp) -> String {
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

/// What an override makes of duties.
fn amend<'a>(duties: &mut Vec<Duty<'a>>, over: &'a Override) {
    let member = over.member.target().cloned();
    let rule = Rule::Override(over);
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

fn except<'a>(duties: &mut [Duty<'a>], exception: &Exception<'a>) {
    duties.iter_mut().for_each(|duty| duty.except(exception.clone()));
}

/// The duties of a shift of a calendar: each of its people, or nobody.
fn shift_duties<'a>(feed: &'a Feed, shift: &'a FeedShift) -> impl Iterator<Item = Duty<'a>> {
    let rule = Rule::Shift { feed, title: &shift.title };
    let on_purpose = shift.people.is_empty().then(|| Duty::of(None, rule));
    let people = shift.people.iter().map(|person| Some(Target::Person(person.clone())));
    people.map(move |target| Duty::of(target, rule)).chain(on_purpose)
}

fn turn_duty<'a>(rotation: &'a Rotation, turn: &Turn<'a>) -> Duty<'a> {
    let rule = Rule::Turn { rotation, number: turn.number, since: turn.since };
    Duty::of(turn.member.target().cloned(), rule)
}
