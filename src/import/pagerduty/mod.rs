//! PagerDuty's REST JSON: what `/users`, `/schedules/ID`, `/escalation_policies` and `/services` answer,
//! in one file or in many.
//!
//! What its words mean for a call:
//! - the layers of a schedule cover each other;
//! - a turn of so many seconds that are whole days is a turn of days: it keeps the clock;
//! - the delays of a policy's rules follow each other;
//! - a service stands for its policy: it becomes a team.

mod export;
mod layers;
mod order;
mod people;
mod policies;
mod shapes;

use jiff::Timestamp;

use self::export::Account;
use self::shapes::{Reference, name};
use crate::import::directory::Known;
use crate::import::names::Namer;
use crate::import::{Directory, Draft, Export, Imported, Report, prune};
use crate::oncall::{EscalationId, Member, ScheduleId, Target, TeamId};

/// Reads an export. What is over at `now` is left out.
pub fn convert(files: &[Export], now: Timestamp) -> Imported {
    let mut report = Report::default();
    let account = Account::read(files, &mut report);
    let mut converter = Converter {
        now,
        draft: Draft::default(),
        report,
        directory: Directory::default(),
        people_names: Namer::without(&["nobody"]),
    };
    converter.people(&account);
    converter.enter_names(&account);
    for (path, schedule) in &account.schedules {
        converter.schedule(path, schedule, account.overrides_of(schedule));
    }
    for (path, policy) in &account.policies {
        converter.policy(path, policy);
    }
    for (path, service) in &account.services {
        converter.service(path, service);
    }
    converter.order_layers(&account);
    let Converter { mut draft, mut report, directory, .. } = converter;
    prune::all(&mut draft, &mut report);
    Imported { draft, report, directory }
}

struct Converter {
    now: Timestamp,
    draft: Draft,
    report: Report,
    directory: Directory,
    people_names: Namer,
}

impl Converter {
    fn enter_names(&mut self, account: &Account) {
        let (mut schedules, mut policies, mut services) =
            (Namer::default(), Namer::default(), Namer::default());
        for (_, schedule) in &account.schedules {
            let name = name(&schedule.name, &schedule.summary, &schedule.id);
            let known = Known::As(Target::Schedule(ScheduleId::new(&schedules.id(name))));
            self.directory.enter("schedule", &[&schedule.id, name], &known);
        }
        for (_, policy) in &account.policies {
            let name = name(&policy.name, &policy.summary, &policy.id);
            let known = Known::As(Target::Escalation(EscalationId::new(&policies.id(name))));
            self.directory.enter("escalation", &[&policy.id, name], &known);
        }
        for (_, service) in &account.services {
            let name = name(&service.name, &service.summary, &service.id);
            let known = Known::As(Target::Team(TeamId::new(&services.id(name))));
            self.directory.enter("service", &[&service.id, name], &known);
            self.directory.enter("team", &[&service.id, name], &known);
        }
    }

    /// Whom a reference means. `None`: it is not in the export, with a note in the report.
    fn target(&mut self, reference: &Reference, place: &str, path: &str) -> Option<Target> {
        let kind = match reference.kind.trim_end_matches("_reference") {
            "escalation_policy" => "escalation",
            "" => "user",
            kind => kind,
        };
        if kind == "user" {
            return self.user(reference, place, path);
        }
        match self.directory.find(kind, &[&reference.id, reference.said()]) {
            Some(Known::As(target)) => Some(target.clone()),
            _ => {
                let text =
                    format!("{place}: the {kind} {} is not in the export, and is left out", reference.said());
                self.report.dropped(path, text);
                None
            }
        }
    }

    fn member(&mut self, reference: &Reference, place: &str, path: &str) -> Member {
        self.user(reference, place, path).map_or(Member::Nobody, Member::Target)
    }
}
