//! Overrides, and forwardings: one person's notifications going to another, wherever they are on call.

use super::Converter;
use super::shapes::{Forwarding, Override};
use crate::import::moment::Moment;
use crate::import::{OverrideDraft, ScheduleDraft};
use crate::oncall::{Member, PersonId, Target, Zone};

impl Converter {
    pub(super) fn overrides(
        &mut self,
        path: &str,
        overrides: &[Override],
        draft: &mut ScheduleDraft,
        zone: &Zone,
    ) {
        let mut over = 0;
        for entry in overrides {
            let place = format!("schedule {}, override {}", draft.id, entry.alias);
            let Some((from, until)) = self.period(path, &place, entry.start_date, entry.end_date, zone)
            else {
                continue;
            };
            if until.instant(zone) <= self.now {
                over += 1;
                continue;
            }
            let Some(rotations) = self.limited_to(path, &place, entry, draft) else { continue };
            let person = self.member(&entry.user, &place, path);
            if person == Member::Nobody && !entry.user.is_nobody() {
                continue;
            }
            draft.overrides.push(OverrideDraft {
                person,
                from: from.wall(zone),
                until: until.wall(zone),
                rotations,
                instead_of: None,
            });
        }
        if over > 0 {
            self.report.dropped(path, format!("schedule {}: overrides that are over: {over}", draft.id));
        }
    }

    /// The names of the rotations an override is for; empty: all. `None`: none that there still is.
    fn limited_to(
        &mut self,
        path: &str,
        place: &str,
        entry: &Override,
        draft: &ScheduleDraft,
    ) -> Option<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        for reference in &entry.rotations {
            let known = [&reference.id, &reference.name]
                .into_iter()
                .find_map(|key| self.rotations.get(&(draft.id.clone(), key.clone())).cloned());
            match known {
                Some(name) if !names.contains(&name) => names.push(name),
                Some(_) => {}
                None => {
                    let text =
                        format!("{place}: the rotation {} is not there, and is left out", reference.said());
                    self.report.dropped(path, text);
                }
            }
        }
        if names.is_empty() && !entry.rotations.is_empty() {
            return None;
        }
        if names.len() == draft.rotations.len() {
            names.clear();
        }
        Some(names)
    }

    /// Beginning and end, where both are there and in order.
    fn period(
        &mut self,
        path: &str,
        place: &str,
        from: Option<Moment>,
        until: Option<Moment>,
        zone: &Zone,
    ) -> Option<(Moment, Moment)> {
        let (Some(from), Some(until)) = (from, until) else {
            self.report.dropped(path, format!("{place}: its beginning or its end is missing"));
            return None;
        };
        if zone.instant(until.wall(zone)) <= zone.instant(from.wall(zone)) {
            self.report.dropped(path, format!("{place}: it ends before it has begun"));
            return None;
        }
        if from.comes_again(zone) || until.comes_again(zone) {
            let text = format!("{place}: it begins or ends in the hour that comes twice; the first is taken");
            self.report.approximated(path, text);
        }
        Some((from, until))
    }

    pub(super) fn forwarding(&mut self, path: &str, forwarding: &Forwarding) {
        let place = format!("forwarding {}", forwarding.alias);
        let Some(from_person) = self.person(&forwarding.from_user, &place, path) else { return };
        let Some(to_person) = self.person(&forwarding.to_user, &place, path) else { return };
        let utc = Zone::utc();
        let period = self.period(path, &place, forwarding.start_date, forwarding.end_date, &utc);
        let Some((from, until)) = period else { return };
        if until.instant(&utc) <= self.now {
            self.report.dropped(path, format!("{place}: it is over"));
            return;
        }
        let mut schedules = Vec::new();
        for schedule in self.draft.schedules.iter_mut().filter(|schedule| schedule.mentions(&from_person)) {
            let Ok(zone) = schedule.timezone.parse::<Zone>() else { continue };
            schedule.overrides.push(OverrideDraft {
                person: Member::Target(Target::Person(to_person.clone())),
                from: from.wall(&zone),
                until: until.wall(&zone),
                rotations: Vec::new(),
                instead_of: Some(from_person.clone()),
            });
            schedules.push(schedule.id.to_string());
        }
        self.tell_forwarding(path, &place, &from_person, &to_person, &schedules);
    }

    fn tell_forwarding(
        &mut self,
        path: &str,
        place: &str,
        from: &PersonId,
        to: &PersonId,
        schedules: &[String],
    ) {
        if schedules.is_empty() {
            self.report.dropped(path, format!("{place}: {from} takes turns in no schedule"));
        } else {
            let text = format!("{place}: {to} stands in for {from} in {}", schedules.join(", "));
            self.report.converted(path, text);
        }
        let named = self.draft.names_outright(from);
        if !named.is_empty() {
            let text = format!(
                "{place}: {from} is named outright in {}, where nobody stands in: `people unavailable {from}` \
                 keeps the phone silent",
                named.join(", ")
            );
            self.report.approximated(path, text);
        }
    }
}
