//! Which layer covers which. Answers of the interface list what covers first, files written by hand
//! often the other way round, and neither says so: where shifts that PagerDuty worked out are in the
//! export, they decide.

use jiff::Timestamp;

use super::Converter;
use super::export::Account;
use super::shapes::{Entry, Schedule, name};
use crate::import::directory::Known;
use crate::import::{Draft, ScheduleDraft};
use crate::oncall::{OncallFile, PersonId, Roster, ScheduleId, Target, Zone};

impl Converter {
    pub(super) fn order_layers(&mut self, account: &Account) {
        for (path, schedule) in &account.schedules {
            let said = name(&schedule.name, &schedule.summary, &schedule.id);
            let known = self.directory.find("schedule", &[&schedule.id, said]);
            let Some(Known::As(Target::Schedule(id))) = known.cloned() else { continue };
            let Some(draft) = self.draft.schedules.iter().find(|draft| draft.id == id).cloned() else {
                continue;
            };
            if draft.rotations.len() < 2 {
                continue;
            }
            let mut turned = draft.clone();
            turned.rotations.reverse();
            let entries = self.expected(schedule, &draft);
            let (as_it_is, as_turned) = (self.agreeing(&draft, &entries), self.agreeing(&turned, &entries));
            if as_it_is == as_turned {
                let text =
                    format!("schedule {said}: the layer that is listed first is taken to cover the others");
                self.report.guessed(path, text);
            } else if as_turned > as_it_is {
                self.turn_layers(&id);
            }
        }
    }

    fn turn_layers(&mut self, id: &ScheduleId) {
        for schedule in self.draft.schedules.iter_mut().filter(|schedule| schedule.id == *id) {
            schedule.rotations.reverse();
        }
    }

    /// The middle of each shift that PagerDuty worked out, and whose it is.
    fn expected(&self, schedule: &Schedule, draft: &ScheduleDraft) -> Vec<(Timestamp, PersonId)> {
        let Ok(zone) = draft.timezone.parse::<Zone>() else { return Vec::new() };
        let middle = |entry: &Entry| {
            let (start, end) = (entry.start?.instant(&zone), entry.end?.instant(&zone));
            let at = start.checked_add(end.duration_since(start) / 2).ok().filter(|at| *at >= self.now)?;
            match self.directory.find("user", &[&entry.user.id, entry.user.said()]) {
                Some(Known::As(Target::Person(person))) => Some((at, person.clone())),
                _ => None,
            }
        };
        schedule.final_schedule.rendered_schedule_entries.iter().filter_map(middle).collect()
    }

    /// How many of these shifts the schedule gives to the same person.
    fn agreeing(&self, schedule: &ScheduleDraft, entries: &[(Timestamp, PersonId)]) -> usize {
        let draft = Draft {
            people: self.draft.people.clone(),
            schedules: vec![schedule.clone()],
            ..Draft::default()
        };
        let Some(roster) = roster(&draft) else { return 0 };
        let agrees = |(at, person): &&(Timestamp, PersonId)| {
            roster.on_call(&schedule.id, *at).iter().any(|shift| shift.person == *person)
        };
        entries.iter().filter(agrees).count()
    }
}

/// The draft as calls would meet it.
fn roster(draft: &Draft) -> Option<Roster> {
    OncallFile::parse(&draft.to_toml("")).ok().map(|file| file.compile().0)
}
