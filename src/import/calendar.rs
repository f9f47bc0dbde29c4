//! A calendar: it holds shifts, not rules. So the schedule is fed by it for good, and what is
//! imported is whom its names mean.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::import::directory::Known;
use crate::import::names::{Namer, one_line};
use crate::import::{CalendarDraft, Directory, Draft, Imported, PersonDraft, Report, ScheduleDraft};
use crate::oncall::ical::Calendar;
use crate::oncall::{Feed, FeedError, Person, PersonId, ScheduleId, Target, UnknownName, Zone};

/// What a calendar is imported with.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// Where the calendar will be looked for: an address or a file.
    pub source: &'a str,
    /// What may be shown of that.
    pub label: &'a str,
    /// The name of the schedule.
    pub name: &'a str,
    /// The zone of all-day events and of times without one.
    pub zone: &'a Zone,
    /// Who is known; nobody: everybody in the calendar is written down as a new person.
    pub people: &'a BTreeMap<PersonId, Person>,
}

/// Reads a calendar.
pub fn convert(octets: &[u8], setting: Setting<'_>, now: Timestamp) -> Result<Imported, FeedError> {
    let calendar = Calendar::read(octets)?;
    let id = ScheduleId::new(&Namer::default().id(setting.name));
    let read = |names| Feed::read(&calendar, setting.people, names, setting.zone, setting.label, now);
    let unknown = match read(&BTreeMap::new()) {
        Ok(_) => Vec::new(),
        Err(FeedError::Names(unknown)) => unknown,
        Err(error) => return Err(error),
    };
    let mut reading = Reading {
        draft: Draft::default(),
        report: Report::default(),
        schedule: ScheduleDraft::new(id.clone(), setting.zone.name()),
        calendar: CalendarDraft { source: setting.source.to_owned(), names: Vec::new() },
        label: setting.label,
        ids: Namer::without(&["nobody"]),
    };
    for name in &unknown {
        reading.name(name, setting.people.is_empty());
    }
    let target = Target::Schedule(id);
    let text = format!("{target} is fed by it, for good; events: {}", calendar.events.len());
    reading.report.became(target.clone(), setting.label, text);
    let Reading { mut draft, report, mut schedule, calendar, .. } = reading;
    schedule.calendar = Some(calendar);
    draft.schedules.push(schedule);
    let mut directory = Directory::default();
    directory.enter("schedule", &[setting.name], &Known::As(target));
    Ok(Imported { draft, report, directory })
}

struct Reading<'a> {
    draft: Draft,
    report: Report,
    schedule: ScheduleDraft,
    calendar: CalendarDraft,
    label: &'a str,
    ids: Namer,
}

impl Reading<'_> {
    /// A name in the calendar that is nobody's yet.
    fn name(&mut self, unknown: &UnknownName, all_are_new: bool) {
        let said = &unknown.said;
        match unknown.meant.as_slice() {
            _ if all_are_new => self.new_person(said),
            [one] => {
                self.report.guessed(self.label, format!("`{said}` is taken to be {one}"));
                self.calendar.names.push((said.clone(), PersonId::new(one)));
            }
            several => {
                let meant = match several {
                    [] => String::new(),
                    several => format!("; is it {}?", several.join(" or ")),
                };
                let text = format!("`{said}` (line {}) is nobody of the people{meant}", unknown.line);
                self.report.dropped(self.label, text);
                self.schedule.comments.push(format!("names needs: \"{said}\" = \"...\""));
            }
        }
    }

    /// Nobody is known yet: who stands in the calendar is written down, without a phone.
    fn new_person(&mut self, said: &str) {
        let name = one_line(bracketed(said));
        let id = PersonId::new(&self.ids.id(&name));
        let target = Target::Person(id.clone());
        self.report.became(target.clone(), self.label, format!("`{said}` is {target}"));
        self.report.guessed(self.label, format!("{target} has no phone: add one"));
        self.calendar.names.push((said.to_owned(), id.clone()));
        self.draft.people.push(PersonDraft {
            id,
            name,
            phones: Vec::new(),
            email: None,
            language: None,
            comments: vec!["calendars hold no phones: put one here instead".to_owned()],
        });
    }
}

/// The name in GoAlert's `[Anna Schmidt] On-Call (GoAlert: production)`.
fn bracketed(said: &str) -> &str {
    said.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(said, |(name, _)| name)
}
