//! Schedules and their rotations.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::DateTime;
use toml::Spanned;

use super::Compiler;
use crate::oncall::name::{PersonId, ScheduleId, Target};
use crate::oncall::schedule::{
    Every, Member, Recurrence, Rotation, Schedule, ShiftCalendar, Stacking, Turns, Unit,
};
use crate::oncall::settings::{RotationEntry, ScheduleEntry};
use crate::oncall::zone::Zone;
use crate::problem::Problem;

impl Compiler {
    pub(super) fn schedule(&mut self, entry: &ScheduleEntry) {
        let id = ScheduleId::new(entry.id.get_ref());
        self.check_name("schedule", &entry.id, self.roster.schedules.contains_key(&id));
        if entry.rotations.is_empty() && entry.overrides.is_empty() && entry.calendar.is_none() {
            let message = format!("schedule `{id}` has no rotation: nobody is ever on call");
            self.problems.push(Problem::warning(entry.id.span(), message));
        }
        let timezone = self.zone(&entry.timezone);
        let stacking = entry.stacking.as_ref().map(|word| self.stacking(word)).unwrap_or_default();
        let inside = Target::Schedule(id.clone());
        self.check_rotation_names(&entry.rotations);
        let rotations =
            entry.rotations.iter().filter_map(|rotation| self.rotation(&inside, rotation, &timezone));
        let rotations = rotations.collect();
        let names: Vec<&str> = entry.rotations.iter().map(|entry| entry.name.get_ref().as_str()).collect();
        let overrides = entry.overrides.iter();
        let overrides =
            overrides.filter_map(|over| self.override_entry(&id, &names, over, &timezone)).collect();
        let schedule = Schedule {
            id: id.clone(),
            timezone,
            stacking,
            enabled: entry.enabled,
            calendar: self.shift_calendar(entry),
            rotations,
            overrides,
        };
        self.roster.schedules.entry(id).or_insert(schedule);
    }

    fn shift_calendar(&mut self, entry: &ScheduleEntry) -> Option<ShiftCalendar> {
        let mut names = BTreeMap::new();
        for (name, id) in &entry.names {
            let person = PersonId::new(id.get_ref());
            self.mention(None, &Target::Person(person.clone()), id.span());
            names.insert(name.clone(), person);
        }
        if let (None, Some(id)) = (&entry.calendar, entry.names.values().next()) {
            let message = "these names are those of a calendar, and there is none";
            self.error(id.span(), message, "add `calendar = \"...\"`, or take `names` out");
        }
        let source = self.source_of_calendar(entry.calendar.as_ref()?)?;
        Some(ShiftCalendar { source, names, feed: None })
    }

    fn stacking(&mut self, word: &Spanned<String>) -> Stacking {
        Stacking::from_word(word.get_ref()).unwrap_or_else(|| {
            let message = format!("`{}` is no way of stacking rotations", word.get_ref());
            let help = "`layers`: later rotations cover earlier ones; `parallel`: all are on call";
            self.error(word.span(), message, help);
            Stacking::default()
        })
    }

    fn check_rotation_names(&mut self, rotations: &[RotationEntry]) {
        let mut seen = BTreeSet::new();
        for rotation in rotations {
            self.check_line("the name of a rotation", &rotation.name);
            let name = rotation.name.get_ref();
            if !seen.insert(name) {
                let message = format!("there are two rotations `{name}` in this schedule");
                self.error(rotation.name.span(), message, "give one of them another name");
            }
        }
    }

    fn rotation(&mut self, inside: &Target, entry: &RotationEntry, zone: &Zone) -> Option<Rotation> {
        if entry.people.get_ref().is_empty() {
            let message = format!("rotation `{}` has no people", entry.name.get_ref());
            self.error(entry.people.span(), message, "name those who take turns, or `nobody`");
        }
        let people = entry.people.get_ref().iter().filter_map(|text| self.member(inside, text)).collect();
        let hours = entry.hours.iter().filter_map(|text| self.read(text)).collect();
        let start = self.wall(&entry.start);
        let turns = self.turns(entry, start, zone);
        let until = entry.until.as_ref().map(|until| self.end(start, until, zone));
        Some(Rotation {
            name: entry.name.get_ref().clone(),
            people,
            turns: turns?,
            start: start?,
            until: until.flatten(),
            hours,
        })
    }

    fn member(&mut self, inside: &Target, text: &Spanned<String>) -> Option<Member> {
        let member = self.read::<Member>(text)?;
        if let Member::Target(target) = &member {
            self.mention(Some(inside), target, text.span());
        }
        Some(member)
    }

    fn turns(&mut self, entry: &RotationEntry, start: Option<DateTime>, zone: &Zone) -> Option<Turns> {
        match (&entry.every, &entry.rrule, &entry.lasts) {
            (Some(every), None, None) => self.every(every).map(Turns::Every),
            (None, Some(rule), Some(lasts)) => {
                let lasts = self.read(lasts)?;
                self.recurrence(rule, lasts, start?, zone).map(Turns::Recurrence)
            }
            (None, Some(rule), None) => {
                let help = "add `lasts = \"12 hours\"`";
                self.refuse(rule.span(), "a rule does not say how long a turn lasts", help)
            }
            (Some(_), Some(rule), _) => {
                let help = "take `every` out, or `rrule` and `lasts`";
                self.refuse(rule.span(), "turns begin by `every` or by `rrule`, not by both", help)
            }
            (Some(_), None, Some(lasts)) => {
                let help = "take it out: `every` is the length of a turn";
                self.refuse(lasts.span(), "`lasts` belongs to `rrule`", help)
            }
            (None, None, _) => {
                let message = format!("rotation `{}` does not say how long a turn is", entry.name.get_ref());
                self.refuse(entry.name.span(), message, "add `every = \"1 week\"`")
            }
        }
    }

    fn recurrence(
        &mut self,
        rule: &Spanned<String>,
        lasts: Every,
        start: DateTime,
        zone: &Zone,
    ) -> Option<Recurrence> {
        match Recurrence::new(rule.get_ref(), lasts, start, zone) {
            Ok(recurrence) => {
                if !recurrence.times().ever_occurs() {
                    let message = "this rule names no time at all: nobody is ever on call by it";
                    self.problems.push(Problem::warning(rule.span(), message));
                }
                Some(recurrence)
            }
            Err(fault) => {
                let help = "rules are those of RFC 5545, as in \"FREQ=WEEKLY;BYDAY=MO,TH\"";
                self.refuse(rule.span(), fault.to_string(), help)
            }
        }
    }

    fn every(&mut self, text: &Spanned<String>) -> Option<Every> {
        let every = self.read::<Every>(text)?;
        let days = every.count / 24;
        if every.unit == Unit::Hours && days > 1 && every.count % 24 == 0 {
            let message = format!("turns of {every} move by an hour whenever the clocks are changed");
            let help = format!("write \"{days} days\" to hand over at the same time of the day always");
            self.problems.push(Problem::warning(text.span(), message).help(help));
        }
        Some(every)
    }
}
