//! What a new on-call file changes, as a person would write it down.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::civil::DateTime;
use serde::Serialize;

use crate::oncall::{Member, Override, Person, Roster, Rotation, Schedule, Target, Team};

/// One difference between two on-call files. Printed as `+ person anna (Anna Schmidt)`,
/// `~ person bob: email none -> bob@acme.example` or `- schedule old`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What happens to it.
    pub kind: ChangeKind,
    /// Who or what (`schedule production: rotation weekly`).
    pub subject: String,
    /// What it is, or what becomes of what; may be empty.
    pub detail: String,
}

/// What happens to somebody or something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is different.
    Changed,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, subject, detail } = self;
        match kind {
            ChangeKind::Added => write!(f, "+ {subject}")?,
            ChangeKind::Removed => write!(f, "- {subject}")?,
            ChangeKind::Changed => return write!(f, "~ {subject}: {detail}"),
        }
        if detail.is_empty() { Ok(()) } else { write!(f, " ({detail})") }
    }
}

/// Something that is there, is not, or is different.
struct Item {
    /// What it belongs to, which takes it along when it is removed.
    within: Option<String>,
    /// Tells it from all others.
    subject: String,
    /// What to say of it when it is new or gone.
    summary: String,
    /// What can be different in it.
    fields: Vec<(&'static str, String)>,
}

/// Everything that is different between two rosters.
pub(super) fn between(old: &Roster, new: &Roster) -> Vec<Change> {
    let (before, after) = (items(old), items(new));
    let known = by_subject(&before);
    let kept = by_subject(&after);
    let is_gone = |subject: &str| !kept.contains_key(subject);

    let gone = before
        .iter()
        .filter(|item| is_gone(&item.subject) && !item.within.as_deref().is_some_and(is_gone))
        .map(|item| change(ChangeKind::Removed, &item.subject, item.summary.clone()));
    let there = after.iter().flat_map(|item| match known.get(item.subject.as_str()) {
        None => vec![change(ChangeKind::Added, &item.subject, item.summary.clone())],
        Some(before) => differences(before, item),
    });
    there.chain(gone).chain(reorderings(old, new)).collect()
}

/// Overrides made by commands whose person or schedule `new` does not have any more.
pub(super) fn overrides_that_go<'a>(
    current: &'a Roster,
    new: &'a Roster,
) -> impl Iterator<Item = Change> + 'a {
    current.schedules.values().flat_map(|schedule| {
        let goes = |entry: &&Override| {
            let stays = new.schedules.contains_key(&schedule.id) && new.people.contains_key(&entry.person);
            !entry.from_file && !stays
        };
        schedule.overrides.iter().filter(goes).map(|entry| {
            let subject = override_subject(schedule, entry);
            change(ChangeKind::Removed, &subject, "made by command".to_owned())
        })
    })
}

fn change(kind: ChangeKind, subject: &str, detail: String) -> Change {
    Change { kind, subject: subject.to_owned(), detail }
}

fn by_subject(items: &[Item]) -> BTreeMap<&str, &Item> {
    items.iter().map(|item| (item.subject.as_str(), item)).collect()
}

fn differences(before: &Item, after: &Item) -> Vec<Change> {
    before
        .fields
        .iter()
        .zip(&after.fields)
        .filter(|((_, old), (_, new))| old != new)
        .map(|((name, old), (_, new))| {
            change(ChangeKind::Changed, &after.subject, format!("{name} {old} -> {new}"))
        })
        .collect()
}

fn items(roster: &Roster) -> Vec<Item> {
    let people = roster.people.values().map(person);
    let teams = roster.teams.values().map(team);
    people.chain(teams).chain(roster.schedules.values().flat_map(schedule)).collect()
}

fn person(person: &Person) -> Item {
    Item {
        within: None,
        subject: format!("person {}", person.id),
        summary: person.name.clone(),
        fields: vec![
            ("name", person.name.clone()),
            ("phones", list(&person.phones, ", ")),
            ("email", or_none(person.email.as_ref())),
            ("language", or_none(person.language.as_ref())),
            ("available", if person.available { "yes" } else { "no" }.to_owned()),
        ],
    }
}

fn team(team: &Team) -> Item {
    let levels: Vec<String> = team.levels.iter().map(|level| list::<Target>(level, " + ")).collect();
    Item {
        within: None,
        subject: format!("team {}", team.id),
        summary: list(&levels, ", then "),
        fields: vec![("levels", list(&levels, ", then "))],
    }
}

fn schedule(schedule: &Schedule) -> Vec<Item> {
    let itself = Item {
        within: None,
        subject: schedule_subject(schedule),
        summary: schedule.timezone.to_string(),
        fields: vec![
            ("time zone", schedule.timezone.to_string()),
            ("stacking", schedule.stacking.as_str().to_owned()),
        ],
    };
    let rotations = schedule.rotations.iter().map(|entry| rotation(schedule, entry));
    let overrides = schedule.overrides.iter().map(|entry| Item {
        within: Some(schedule_subject(schedule)),
        subject: override_subject(schedule, entry),
        summary: String::new(),
        fields: Vec::new(),
    });
    std::iter::once(itself).chain(rotations).chain(overrides).collect()
}

fn schedule_subject(schedule: &Schedule) -> String {
    format!("schedule {}", schedule.id)
}

fn rotation(schedule: &Schedule, rotation: &Rotation) -> Item {
    let people = list::<Member>(&rotation.people, ", ");
    Item {
        within: Some(schedule_subject(schedule)),
        subject: format!("{}: rotation {}", schedule_subject(schedule), rotation.name),
        summary: format!("every {} from {}: {people}", rotation.every, wall(rotation.start)),
        fields: vec![
            ("people", people),
            ("every", rotation.every.to_string()),
            ("start", wall(rotation.start)),
            ("until", or_none(rotation.until.map(wall).as_ref())),
            (
                "hours",
                if rotation.hours.is_empty() { "always".to_owned() } else { list(&rotation.hours, ", ") },
            ),
        ],
    }
}

fn override_subject(schedule: &Schedule, entry: &Override) -> String {
    let (from, until) = (wall(entry.from), wall(entry.until));
    format!("{}: override {} from {from} until {until}", schedule_subject(schedule), entry.person)
}

/// Order decides who covers whom; what both have in common may stand in another one.
fn reorderings(old: &Roster, new: &Roster) -> Vec<Change> {
    let both = new.schedules.values().filter_map(|after| Some((old.schedules.get(&after.id)?, after)));
    both.flat_map(|(before, after)| {
        let rotations = |schedule: &Schedule| -> Vec<String> {
            schedule.rotations.iter().map(|rotation| rotation.name.clone()).collect()
        };
        let overrides = |schedule: &Schedule| -> Vec<String> {
            schedule.overrides.iter().map(|entry| override_subject(schedule, entry)).collect()
        };
        let rotations_moved = reordered(&rotations(before), &rotations(after))
            .map(|(old, new)| format!("order of rotations {old} -> {new}"));
        let overrides_moved = reordered(&overrides(before), &overrides(after))
            .map(|_| "order of overrides; where two overlap, the later one counts".to_owned());
        let subject = schedule_subject(after);
        let moved = rotations_moved.into_iter().chain(overrides_moved);
        moved.map(|detail| change(ChangeKind::Changed, &subject, detail)).collect::<Vec<_>>()
    })
    .collect()
}

/// The old and the new order of what is in both lists, where they differ.
fn reordered(old: &[String], new: &[String]) -> Option<(String, String)> {
    let common: BTreeSet<&String> = old.iter().filter(|name| new.contains(name)).collect();
    let order = |all: &[String]| -> Vec<String> {
        all.iter().filter(|name| common.contains(name)).cloned().collect()
    };
    let (old, new) = (order(old), order(new));
    (old != new).then(|| (list(&old, ", "), list(&new, ", ")))
}

fn list<T: fmt::Display>(all: &[T], between: &str) -> String {
    if all.is_empty() {
        return "none".to_owned();
    }
    all.iter().map(T::to_string).collect::<Vec<_>>().join(between)
}

fn or_none<T: fmt::Display>(value: Option<&T>) -> String {
    value.map_or_else(|| "none".to_owned(), T::to_string)
}

/// A wall-clock time as people write it: without seconds that are none.
fn wall(time: DateTime) -> String {
    let form = if time.second() == 0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" };
    time.strftime(form).to_string()
}
