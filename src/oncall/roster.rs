//! Everybody and everything that can be on call: what the file says and the database keeps.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::oncall::escalation::Escalation;
use crate::oncall::hours::Hours;
use crate::oncall::language::Language;
use crate::oncall::name::{EscalationId, HoursId, PersonId, ScheduleId, Target, TeamId};
use crate::oncall::phone::Phone;
use crate::oncall::schedule::Schedule;
use crate::oncall::way::Way;
use crate::problem::nearest;

/// People, teams, escalations, schedules and opening hours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roster {
    /// Who can be rung.
    pub people: BTreeMap<PersonId, Person>,
    /// Groups of targets in levels.
    pub teams: BTreeMap<TeamId, Team>,
    /// Targets in levels with delays between them.
    pub escalations: BTreeMap<EscalationId, Escalation>,
    /// Who is on call when.
    pub schedules: BTreeMap<ScheduleId, Schedule>,
    /// When somebody is there.
    pub hours: BTreeMap<HoursId, Hours>,
}

/// Somebody who can be rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// How others refer to this person.
    pub id: PersonId,
    /// The name as people say it.
    pub name: String,
    /// This person's phones, in the order in which they are rung.
    pub phones: Vec<PersonPhone>,
    /// Where messages go.
    pub email: Option<String>,
    /// The language this person is spoken to in; left out: the hotline's.
    pub language: Option<Language>,
    /// How incidents reach this person; never empty.
    pub notify: Vec<Way>,
    /// Whether this person wants to be rung at all, as the file says.
    pub available: bool,
    /// What a command has said of that since; it wins over the file.
    pub by_command: Option<Availability>,
}

/// A phone of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonPhone {
    /// The number or the SIP address.
    pub phone: Phone,
    /// Whether its owner has confirmed it: no other is rung.
    pub confirmed: bool,
}

/// Whether somebody may be rung, as a command has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Availability {
    /// Whether this person may be rung.
    pub available: bool,
    /// The first instant at which what the file says holds again; `None`: until it is told otherwise.
    pub until: Option<Timestamp>,
}

impl Person {
    /// The phones that may be rung, in order.
    pub fn confirmed_phones(&self) -> impl Iterator<Item = &Phone> {
        self.phones.iter().filter(|own| own.confirmed).map(|own| &own.phone)
    }

    /// Whether this person may be rung at an instant.
    pub fn is_available(&self, at: Timestamp) -> bool {
        self.command_in_force(at).map_or(self.available, |told| told.available)
    }

    /// Whether this person is phoned about incidents, beside the other ways.
    pub fn is_phoned(&self) -> bool {
        !self.notify.contains(&Way::NoPhone)
    }

    /// Where text messages go: the first number that may be rung.
    pub fn mobile(&self) -> Option<&Phone> {
        self.confirmed_phones().find(|phone| matches!(phone, Phone::Number(_)))
    }

    /// Why this person cannot be rung at an instant, as a person would say it.
    pub(super) fn unreachable(&self, at: Timestamp) -> Option<String> {
        if !self.is_available(at) {
            let until = match self.command_in_force(at) {
                None => String::new(),
                Some(Availability { until: None, .. }) => " by command".to_owned(),
                Some(Availability { until: Some(until), .. }) => {
                    format!(" by command until {}", until.strftime("%Y-%m-%d %H:%M UTC"))
                }
            };
            return Some(format!("is marked as unavailable{until}"));
        }
        match (self.confirmed_phones().next(), self.unconfirmed()) {
            (Some(_), _) => None,
            (None, Some(phones)) => Some(format!("has no confirmed phone: {phones}")),
            (None, None) => Some("has no confirmed phone".to_owned()),
        }
    }

    /// The phones that are not rung before their owner has confirmed them: `+49151 is not confirmed`.
    pub(super) fn unconfirmed(&self) -> Option<String> {
        let phones: Vec<String> =
            self.phones.iter().filter(|own| !own.confirmed).map(|own| own.phone.to_string()).collect();
        let verb = if phones.len() == 1 { "is" } else { "are" };
        (!phones.is_empty()).then(|| format!("{} {verb} not confirmed", phones.join(", ")))
    }

    /// What a command has said, while that holds.
    pub fn command_in_force(&self, at: Timestamp) -> Option<Availability> {
        self.by_command.filter(|told| told.until.is_none_or(|until| at < until))
    }
}

/// Targets in levels: the next level is for when nobody of the one before can take the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// How others refer to this team.
    pub id: TeamId,
    /// The levels, first to last.
    pub levels: Vec<Vec<Target>>,
}

/// A target that names nobody we know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {kind} `{name}`{}", meant(.nearest))]
pub struct UnknownTarget {
    /// `person`, `team`, `escalation` or `schedule`.
    pub kind: &'static str,
    /// The name that leads nowhere.
    pub name: String,
    /// The known name that may have been meant.
    pub nearest: Option<String>,
}

fn meant(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

impl Roster {
    /// Whether a target names somebody or something of this roster.
    pub(super) fn knows(&self, target: &Target) -> bool {
        match target {
            Target::Person(id) => self.people.contains_key(id),
            Target::Team(id) => self.teams.contains_key(id),
            Target::Escalation(id) => self.escalations.contains_key(id),
            Target::Schedule(id) | Target::Everyone(id) => self.schedules.contains_key(id),
        }
    }

    /// An error for a target that names nobody and nothing of this roster.
    pub fn check_target(&self, target: &Target) -> Result<(), UnknownTarget> {
        if self.knows(target) {
            return Ok(());
        }
        let (kind, name, known): (_, _, Vec<&str>) = match target {
            Target::Person(id) => ("person", id.as_str(), self.people.keys().map(PersonId::as_str).collect()),
            Target::Team(id) => ("team", id.as_str(), self.teams.keys().map(TeamId::as_str).collect()),
            Target::Escalation(id) => {
                let known = self.escalations.keys().map(EscalationId::as_str).collect();
                ("escalation", id.as_str(), known)
            }
            Target::Schedule(id) | Target::Everyone(id) => {
                ("schedule", id.as_str(), self.schedules.keys().map(ScheduleId::as_str).collect())
            }
        };
        let nearest = nearest(name, known).map(str::to_owned);
        Err(UnknownTarget { kind, name: name.to_owned(), nearest })
    }
}
