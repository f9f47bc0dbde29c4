//! What a new on-call file changes, as a person would write it down.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde::Serialize;

use crate::oncall::{
    Escalation, EscalationLevel, Hours, HoursException, Member, Origin, Override, OverrideKind, Person,
    PersonPhone, Roster, Rotation, Schedule, Target, Team, calendar_label,
};

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

/// Overrides made by commands that lead nowhere in `new`: their schedule, rotation or person is gone.
pub(super) fn overrides_that_go(current: &Roster, new: &Roster) -> Vec<(i64, Change)> {
    let all = current.schedules.values().flat_map(|schedule| {
        schedule.overrides.iter().filter_map(move |entry| match entry.origin {
            Origin::Command(id) if !stays(schedule, entry, new) => Some((id, schedule, entry)),
            _ => None,
        })
    });
    let told = |(id, schedule, entry): (i64, &Schedule, &Override)| {
        let subject = override_subject(schedule, entry);
        (id, change(ChangeKind::Removed, &subject, "made by command".to_owned()))
    };
    all.map(told).collect()
}

fn stays(schedule: &Schedule, entry: &Override, new: &Roster) -> bool {
    let Some(schedule) = new.schedules.get(&schedule.id) else { return false };
    let has_rotation = |name: &String| schedule.rotations.iter().any(|rotation| rotation.name == *name);
    let targets = entry.member.target().into_iter().chain(&entry.instead_of);
    let is_known = |target: &Target| new.check_target(target).is_ok();
    (entry.rotations.is_empty() || entry.rotations.iter().any(has_rotation))
        && targets.into_iter().all(is_known)
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
    let escalations = roster.escalations.values().map(escalation);
    let schedules = roster.schedules.values().flat_map(schedule);
    let hours = roster.hours.values().map(hours);
    people.chain(teams).chain(escalations).chain(schedules).chain(hours).collect()
}

fn person(person: &Person) -> Item {
    let phone = |own: &PersonPhone| match own.confirmed {
        true => own.phone.to_string(),
        false => format!("{} (not confirmed)", own.phone),
    };
    let phones: Vec<String> = person.phones.iter().map(phone).collect();
    Item {
        within: None,
        subject: format!("person {}", person.id),
        summary: person.name.clone(),
        fields: vec![
            ("name", person.name.clone()),
            ("phones", list(&phones, ", ")),
            ("email", or_none(person.email.as_ref())),
            ("language", or_none(person.language.as_ref())),
            ("notify", list(&person.notify, ", ")),
            ("available", yes_or_no(person.available)),
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

fn escalation(escalation: &Escalation) -> Item {
    let level = |level: &EscalationLevel| match level.after {
        Duration::ZERO => list::<Target>(&level.targets, " + "),
        after => format!("{} after {}", list::<Target>(&level.targets, " + "), length(after)),
    };
    let levels: Vec<String> = escalation.levels.iter().map(level).collect();
    Item {
        within: None,
        subject: format!("escalation {}", escalation.id),
        summary: list(&levels, ", then "),
        fields: vec![("repeat", escalation.repeat.to_string()), ("levels", list(&levels, ", then "))],
    }
}

fn hours(hours: &Hours) -> Item {
    let days = |open: bool| {
        let those: Vec<String> =
            hours.exceptions.iter().filter(|days| days.open == open).map(days_of).collect();
        list(&those, ", ")
    };
    let week = if hours.week.is_empty() { "always".to_owned() } else { list(&hours.week, ", ") };
    Item {
        within: None,
        subject: format!("opening hours {}", hours.id),
        summary: format!("{}: {week}", hours.timezone),
        fields: vec![
            ("time zone", hours.timezone.to_string()),
            ("week", week),
            ("closed", days(false)),
            ("open", days(true)),
            ("calendar", or_none(hours.calendar.as_deref().map(place_of_calendar).as_ref())),
        ],
    }
}

/// Where a calendar comes from. Of an address only the host is told, and a number by which one is told from another.
fn place_of_calendar(source: &str) -> String {
    if !source.contains("://") {
        return source.to_owned();
    }
    // FNV-1a: far too short to find the address by.
    let mixed = |mixed: u32, octet: u8| (mixed ^ u32::from(octet)).wrapping_mul(0x0100_0193);
    let number = source.bytes().fold(0x811c_9dc5, mixed);
    format!("{} ({number:08x})", calendar_label(source))
}

fn days_of(days: &HoursException) -> String {
    let HoursException { first, last, name, .. } = days;
    let days = if first == last { first.to_string() } else { format!("{first}..{last}") };
    name.as_ref().map_or_else(|| days.clone(), |name| format!("{days} ({name})"))
}

fn schedule(schedule: &Schedule) -> Vec<Item> {
    let calendar = schedule.calendar.as_ref();
    let names: Vec<String> = calendar
        .iter()
        .flat_map(|calendar| &calendar.names)
        .map(|(name, person)| format!("{name} = {person}"))
        .collect();
    let itself = Item {
        within: None,
        subject: schedule_subject(schedule),
        summary: schedule.timezone.to_string(),
        fields: vec![
            ("time zone", schedule.timezone.to_string()),
            ("stacking", schedule.stacking.as_str().to_owned()),
            ("enabled", yes_or_no(schedule.enabled)),
            ("calendar", or_none(calendar.map(|calendar| place_of_calendar(&calendar.source)).as_ref())),
            ("names", list(&names, ", ")),
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
        summary: format!("{} from {}: {people}", rotation.turns, wall(rotation.start)),
        fields: vec![
            ("people", people),
            ("turns", rotation.turns.to_string()),
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
    let what = match (entry.kind, &entry.instead_of) {
        (OverrideKind::Replace, None) => entry.member.to_string(),
        (OverrideKind::Replace, Some(who)) => {
            format!("{} instead of {}", entry.member, Member::Target(who.clone()))
        }
        (kind, _) => format!("{} {}", kind.as_str(), entry.member),
    };
    let rotations = match &entry.rotations[..] {
        [] => String::new(),
        names => format!(" in {}", list(names, ", ")),
    };
    format!("{}: override {what}{rotations} from {from} until {until}", schedule_subject(schedule))
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

fn yes_or_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

/// A length of time as it is written in settings: `1h 30m`.
fn length(time: Duration) -> String {
    SignedDuration::try_from(time).map_or_else(|_| format!("{time:?}"), |time| format!("{time:#}"))
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
