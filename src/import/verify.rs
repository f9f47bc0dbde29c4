//! Our answer to "who is on call" against another service's, moment by moment.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use crate::import::TheirShift;
use crate::oncall::{PersonId, Roster, ScheduleId, Target};

/// What came of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The schedule.
    pub schedule: ScheduleId,
    /// The first moment that was compared.
    pub from: Timestamp,
    /// The first moment that was not.
    pub until: Timestamp,
    /// Where they and we do not agree, in order.
    pub differences: Vec<Difference>,
    /// Names of theirs that are nobody's here.
    pub unknown: Vec<String>,
}

/// A stretch in which they and we do not agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// From when.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
    /// Who is on call as they say; names where they are nobody's here.
    pub theirs: Vec<String>,
    /// Who is on call as we say.
    pub ours: Vec<PersonId>,
    /// Why we say so.
    pub because: Vec<String>,
}

/// Compares who is on call in a schedule with shifts of others, from one moment to another. Where
/// their shifts end before, the comparison ends with them.
pub fn compare(
    roster: &Roster,
    schedule: &ScheduleId,
    theirs: &[TheirShift],
    names: &BTreeMap<String, PersonId>,
    (from, until): (Timestamp, Timestamp),
) -> Comparison {
    let mut unknown = BTreeSet::new();
    let theirs: Vec<(String, &TheirShift)> =
        theirs.iter().map(|shift| (who(roster, names, shift, &mut unknown), shift)).collect();
    let known_until = if theirs.iter().any(|(_, shift)| shift.until.is_none()) {
        Some(until)
    } else {
        theirs.iter().filter_map(|(_, shift)| shift.until).max()
    };
    let until = known_until.map_or(from, |end| end.min(until)).max(from);
    let mut comparison = Comparison {
        schedule: schedule.clone(),
        from,
        until,
        differences: Vec::new(),
        unknown: unknown.into_iter().collect(),
    };
    let changes = changes(roster, schedule, &theirs, from, until);
    for (at, next) in changes.iter().zip(changes.iter().skip(1)) {
        comparison.moment(roster, &theirs, *at, *next);
    }
    comparison
}

/// Every moment at which their answer or ours may change, with both ends.
fn changes(
    roster: &Roster,
    schedule: &ScheduleId,
    theirs: &[(String, &TheirShift)],
    from: Timestamp,
    until: Timestamp,
) -> Vec<Timestamp> {
    let target = Target::Schedule(schedule.clone());
    let ours = roster.stretches(&target, from, until).map(|stretch| stretch.from);
    let edges = theirs.iter().flat_map(|(_, shift)| [Some(shift.from), shift.until]).flatten();
    let inside = edges.filter(|edge| from < *edge && *edge < until);
    let all: BTreeSet<Timestamp> = ours.chain(inside).chain([from, until]).collect();
    all.into_iter().collect()
}

impl Comparison {
    /// Compares one stretch in which neither answer changes.
    fn moment(&mut self, roster: &Roster, theirs: &[(String, &TheirShift)], at: Timestamp, next: Timestamp) {
        let shifts = roster.on_call(&self.schedule, at);
        let ours: BTreeSet<PersonId> = shifts.iter().map(|shift| shift.person.clone()).collect();
        let on_call = |shift: &TheirShift| shift.from <= at && shift.until.is_none_or(|until| at < until);
        let theirs: BTreeSet<&str> =
            theirs.iter().filter(|(_, shift)| on_call(shift)).map(|(who, _)| who.as_str()).collect();
        if theirs == ours.iter().map(PersonId::as_str).collect() {
            return;
        }
        let because = if shifts.is_empty() {
            roster.nobody_on_call(&self.schedule, at).into_iter().collect()
        } else {
            shifts.into_iter().map(|shift| shift.because).collect()
        };
        let difference = Difference {
            from: at,
            until: next,
            theirs: theirs.into_iter().map(str::to_owned).collect(),
            ours: ours.into_iter().collect(),
            because,
        };
        match self.differences.last_mut() {
            Some(last)
                if last.until == at && last.theirs == difference.theirs && last.ours == difference.ours =>
            {
                last.until = next;
            }
            _ => self.differences.push(difference),
        }
    }
}

/// Whom a shift of theirs is: by the map of names, the id, the e-mail address or the name.
fn who(
    roster: &Roster,
    names: &BTreeMap<String, PersonId>,
    shift: &TheirShift,
    unknown: &mut BTreeSet<String>,
) -> String {
    let same = |one: &str, other: &str| one.trim().to_lowercase() == other.trim().to_lowercase();
    let by_map = shift.names.iter().find_map(|name| names.get(name));
    let found = by_map.map(ToString::to_string).or_else(|| {
        shift.names.iter().find_map(|name| {
            let person = roster.people.values().find(|person| {
                same(person.id.as_str(), name)
                    || same(&person.name, name)
                    || person.email.as_deref().is_some_and(|email| same(email, name))
            });
            person.map(|person| person.id.to_string())
        })
    });
    found.unwrap_or_else(|| {
        let name = shift.names.first().cloned().unwrap_or_default();
        unknown.insert(name.clone());
        name
    })
}
