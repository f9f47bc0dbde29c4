//! Opsgenie's configuration backup: a folder with one JSON object a file.
//!
//! What its words mean for a call:
//! - all rotations of a schedule are on call at once;
//! - the delays of an escalation's rules order them; rules of equal delay are one level;
//! - a team stands for what its default routing rule names, at the times of that rule;
//! - who is blocked is never notified; `none` is a turn of nobody's;
//! - a disabled schedule has nobody on call.

mod backup;
mod escalations;
mod overrides;
mod people;
mod restrictions;
mod schedules;
mod shapes;
mod teams;

use std::collections::BTreeMap;

use jiff::Timestamp;

use self::backup::Backup;
use self::shapes::Reference;
use crate::import::directory::Known;
use crate::import::names::Namer;
use crate::import::{Directory, Draft, Export, Imported, Report, prune};
use crate::oncall::{EscalationId, Member, PersonId, ScheduleId, Target, TeamId};

/// Reads a backup. What is over at `now` is left out.
pub fn convert(files: &[Export], now: Timestamp) -> Imported {
    let mut report = Report::default();
    let backup = Backup::read(files, &mut report);
    let mut converter = Converter {
        now,
        draft: Draft::default(),
        report,
        directory: Directory::default(),
        schedule_names: Namer::default(),
        rotations: BTreeMap::new(),
    };
    converter.enter_names(&backup);
    converter.people(&backup);
    for (path, schedule, overrides) in &backup.schedules {
        converter.schedule(path, schedule, overrides);
    }
    for (path, escalation) in &backup.escalations {
        converter.escalation(path, escalation, &backup.teams);
    }
    for (path, team) in &backup.teams {
        converter.team(path, team);
    }
    for (path, forwarding) in &backup.forwardings {
        converter.forwarding(path, forwarding);
    }
    let Converter { mut draft, mut report, directory, .. } = converter;
    prune::all(&mut draft, &mut report);
    Imported { draft, report, directory }
}

struct Converter {
    now: Timestamp,
    draft: Draft,
    report: Report,
    directory: Directory,
    schedule_names: Namer,
    /// The names we gave to rotations, by schedule and by the id and the name they had.
    rotations: BTreeMap<(ScheduleId, String), String>,
}

impl Converter {
    /// Everything gets its name first: it may be referred to before it is read.
    fn enter_names(&mut self, backup: &Backup) {
        let (mut teams, mut escalations) = (Namer::default(), Namer::default());
        for (_, schedule, _) in &backup.schedules {
            let id = ScheduleId::new(&self.schedule_names.id(&schedule.name));
            let known = Known::As(Target::Schedule(id));
            self.directory.enter("schedule", &[&schedule.id, &schedule.name], &known);
        }
        for (_, escalation) in &backup.escalations {
            let known = Known::As(Target::Escalation(EscalationId::new(&escalations.id(&escalation.name))));
            self.directory.enter("escalation", &[&escalation.id, &escalation.name], &known);
        }
        for (_, team) in &backup.teams {
            let known = Known::As(Target::Team(TeamId::new(&teams.id(&team.team.name))));
            self.directory.enter("team", &[&team.team.id, &team.team.name], &known);
        }
    }

    /// Whom a reference means. `None`: nobody, on purpose or with a note in the report.
    fn target(&mut self, reference: &Reference, place: &str, path: &str) -> Option<Target> {
        if reference.is_nobody() {
            return None;
        }
        let kind = match reference.kind.to_lowercase() {
            empty if empty.is_empty() => "user".to_owned(),
            kind => kind,
        };
        let names = [reference.id.as_str(), &reference.username, &reference.name];
        let why = match self.directory.find(&kind, &names) {
            Some(Known::As(target)) => return Some(target.clone()),
            Some(Known::LeftOut(why)) => why.clone(),
            None => "is not in the backup".to_owned(),
        };
        self.report.dropped(path, format!("{place}: the {kind} {} {why}, and is left out", reference.said()));
        None
    }

    fn person(&mut self, reference: &Reference, place: &str, path: &str) -> Option<PersonId> {
        match self.target(&Reference { kind: "user".to_owned(), ..reference.clone() }, place, path)? {
            Target::Person(person) => Some(person),
            _ => None,
        }
    }

    fn member(&mut self, reference: &Reference, place: &str, path: &str) -> Member {
        self.target(reference, place, path).map_or(Member::Nobody, Member::Target)
    }
}
