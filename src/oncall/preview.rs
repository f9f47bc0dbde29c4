//! Everybody's shifts in a period, and the times at which nobody is on call.

use jiff::Timestamp;
use serde::Serialize;

use crate::oncall::ical::Entry;
use crate::oncall::name::{PersonId, ScheduleId};
use crate::oncall::roster::Roster;
use crate::oncall::shift::{Shift, Sight};

/// A shift, or a time at which nobody is on call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Previewed {
    /// The schedule.
    pub schedule: ScheduleId,
    /// Who is on call; nobody, where it is a gap.
    pub person: Option<PersonId>,
    /// Since when without a break. A gap begins with the period at the earliest.
    pub from: Timestamp,
    /// Until when; `None`: for more than a year. A gap ends with the period at the latest.
    pub until: Option<Timestamp>,
    /// The rule it begins by, or why nobody is on call.
    pub because: String,
}

impl Roster {
    /// The shifts of a schedule that overlap a period, whole and in order, with the gaps between them.
    pub fn preview(&self, schedule: &ScheduleId, from: Timestamp, until: Timestamp) -> Vec<Previewed> {
        let mut done: Vec<Previewed> = Vec::new();
        let mut open = self.running(schedule, from);
        let mut at = from;
        while at < until {
            let sight = self.sight(schedule, at);
            let next = sight.edges.next.map_or(until, |next| next.min(until));
            let is_there = |shift: &Previewed| match &shift.person {
                Some(person) => sight.people.iter().any(|found| found.person == *person),
                None => sight.people.is_empty(),
            };
            let (still, over): (Vec<_>, Vec<_>) = open.into_iter().partition(is_there);
            done.extend(over.into_iter().map(|shift| Previewed { until: Some(at), ..shift }));
            open = still;
            open.extend(self.begun(schedule, at, &sight, &open));
            at = next;
        }
        // What goes on beyond the period is told to its end.
        let just_before = until.saturating_sub(jiff::SignedDuration::from_nanos(1)).unwrap_or(until);
        let last = if open.is_empty() { Vec::new() } else { self.on_call(schedule, just_before) };
        done.extend(open.into_iter().map(|shift| {
            let end = match &shift.person {
                Some(person) => {
                    last.iter().find(|known| known.person == *person).and_then(|known| known.until)
                }
                None => Some(until),
            };
            Previewed { until: end, ..shift }
        }));
        done.sort_by_key(|shift| shift.from);
        done
    }

    /// The shifts that run at an instant, since they began.
    fn running(&self, schedule: &ScheduleId, at: Timestamp) -> Vec<Previewed> {
        let of = |shift: Shift| Previewed {
            schedule: schedule.clone(),
            person: Some(shift.person),
            from: shift.since,
            until: None,
            because: shift.because,
        };
        self.on_call(schedule, at).into_iter().map(of).collect()
    }

    /// Those who come on call at an instant, or that nobody is any more.
    fn begun(&self, schedule: &ScheduleId, at: Timestamp, now: &Sight, open: &[Previewed]) -> Vec<Previewed> {
        let of = |person, because| Previewed {
            schedule: schedule.clone(),
            person,
            from: at,
            until: None,
            because,
        };
        let is_open = |person: Option<&PersonId>| open.iter().any(|shift| shift.person.as_ref() == person);
        if now.people.is_empty() && !is_open(None) {
            return vec![of(None, self.nobody_on_call(schedule, at).unwrap_or_default())];
        }
        let new = now.people.iter().filter(|found| !is_open(Some(&found.person)));
        new.map(|found| of(Some(found.person.clone()), found.because.clone())).collect()
    }

    /// Shifts as the entries of a calendar, which shows them to people, and which a schedule can be fed from again.
    /// What has no end ends with the period.
    pub fn entries(&self, shifts: &[Previewed], until: Timestamp) -> Vec<Entry> {
        shifts.iter().filter_map(|shift| self.entry(shift, until)).collect()
    }

    fn entry(&self, shift: &Previewed, until: Timestamp) -> Option<Entry> {
        let id = shift.person.as_ref()?;
        let person = self.people.get(id)?;
        let begin = shift.from.strftime("%Y%m%dT%H%M%SZ");
        Some(Entry {
            uid: format!("{begin}-{id}@{}.nightbell", shift.schedule),
            from: shift.from,
            until: shift.until.unwrap_or(until),
            summary: self.title(id).to_owned(),
            description: shift.because.clone(),
            attendee: person.email.clone().map(|email| (person.name.clone(), email)),
        })
    }

    /// The name of a person where it can mean nobody else, else the id.
    fn title<'a>(&'a self, id: &'a PersonId) -> &'a str {
        let Some(person) = self.people.get(id) else { return id.as_str() };
        let name = person.name.to_lowercase();
        let is_other = |text: &str| text.to_lowercase() == name;
        let mut others = self.people.values().filter(|other| other.id != *id);
        let taken = others.any(|other| is_other(other.id.as_str()) || is_other(&other.name));
        let plain = !name.contains(['[', ']', ',', ';', '&', '+', '/', '*']) && name != "nobody";
        if taken || !plain { id.as_str() } else { &person.name }
    }
}
