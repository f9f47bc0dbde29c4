//! What commands change of who is on call: carried out by the running daemon, or by the command itself on
//! the database of a stopped one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::oncall::{
    Availability, Names, Override, OverrideEntry, PersonId, Phone, Roster, Schedule, ScheduleId,
    UnknownTarget,
};
use crate::problem::Problem;
use crate::store::{Store, StoreError};

/// One change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A new override.
    AddOverride(NewOverride),
    /// Overrides made by command are taken away.
    RemoveOverrides(Vec<i64>),
    /// A phone's owner has confirmed it in a call. Nobody can ask for that over the control socket.
    #[serde(skip)]
    ConfirmPhone {
        /// Whose.
        person: PersonId,
        /// Which.
        phone: Phone,
    },
    /// Somebody may be rung, or may not.
    Availability {
        /// Who.
        person: String,
        /// Whether; `None`: as the file says.
        available: Option<bool>,
        /// The first instant at which what the file says holds again; `None`: until it is told otherwise.
        until: Option<Timestamp>,
    },
}

/// An override as it is written in a command; the words are those of the on-call file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewOverride {
    /// Of which schedule.
    pub schedule: String,
    /// Who stands in, comes along or is left out.
    pub person: String,
    /// From when; left out: from now on.
    pub from: Option<String>,
    /// Until when.
    pub until: String,
    /// `replace`, `add` or `remove`.
    pub kind: Option<String>,
    /// The rotations it is about; empty: the whole schedule.
    pub rotations: Vec<String>,
    /// Whom alone it replaces.
    pub instead_of: Option<String>,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// The numbers of the overrides that were made or taken away.
    pub overrides: Vec<i64>,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No such person.
    #[error(transparent)]
    Unknown(#[from] UnknownTarget),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Refused(String),
}

/// Makes a change in the database. The caller takes it into use.
pub fn carry_out(store: &Store, change: &Change, now: Timestamp) -> Result<Changed, ChangeError> {
    match change {
        Change::AddOverride(new) => {
            let roster = store.reader().load_roster()?;
            let schedule = ScheduleId::new(&new.schedule);
            let entry = read_override(&roster, &schedule, new, now)?;
            Ok(Changed { overrides: vec![store.add_override(&schedule, &entry)?] })
        }
        Change::RemoveOverrides(ids) => remove_overrides(store, ids),
        Change::ConfirmPhone { person, phone } => {
            if !store.confirm_phone(person, phone, now)? {
                let gone = format!("{person} does not have the phone {phone} any more");
                return Err(ChangeError::Refused(gone));
            }
            Ok(Changed { overrides: Vec::new() })
        }
        Change::Availability { person, available, until } => {
            if until.is_some_and(|until| until <= now) {
                return Err(ChangeError::Refused(
                    "this is over already: `--until` is in the past".to_owned(),
                ));
            }
            let id = PersonId::new(person);
            let told = available.map(|available| Availability { available, until: *until });
            if !store.set_availability(&id, told)? {
                let roster = store.reader().load_roster()?;
                roster.check_target(&crate::oncall::Target::Person(id))?;
            }
            Ok(Changed { overrides: Vec::new() })
        }
    }
}

fn read_override(
    roster: &Roster,
    schedule: &ScheduleId,
    new: &NewOverride,
    now: Timestamp,
) -> Result<Override, ChangeError> {
    let Some(known) = roster.schedules.get(schedule) else {
        roster.check_target(&crate::oncall::Target::Schedule(schedule.clone()))?;
        return Err(ChangeError::Refused(format!("there is no schedule `{schedule}`")));
    };
    let entry = entry(known, new, now).map_err(|error| ChangeError::Refused(error.to_string()))?;
    let over = roster.read_override(schedule, &entry).map_err(|problems| refused(&problems))?;
    if known.timezone.instant(over.until) <= now {
        return Err(ChangeError::Refused("this is over already: `--until` is in the past".to_owned()));
    }
    Ok(over)
}

/// The override as it would stand in the on-call file.
fn entry(
    schedule: &Schedule,
    new: &NewOverride,
    now: Timestamp,
) -> Result<OverrideEntry, crate::oncall::TimeError> {
    let zone = &schedule.timezone;
    let wall = |text: &str| zone.read(text).map(|wall| written(wall.to_string()));
    let from = match &new.from {
        Some(text) => wall(text)?,
        None => written(zone.local(now).strftime("%Y-%m-%d %H:%M:%S").to_string()),
    };
    Ok(OverrideEntry {
        person: written(new.person.clone()),
        from,
        until: wall(&new.until)?,
        kind: new.kind.clone().map(written),
        rotation: (!new.rotations.is_empty()).then(|| written(Names::Several(new.rotations.clone()))),
        instead_of: new.instead_of.clone().map(written),
    })
}

/// A value that stands nowhere.
fn written<T>(value: T) -> Spanned<T> {
    Spanned::new(0..0, value)
}

fn refused(problems: &[Problem]) -> ChangeError {
    let told = |problem: &Problem| match &problem.help {
        Some(help) => format!("{}: {help}", problem.message),
        None => problem.message.clone(),
    };
    ChangeError::Refused(problems.iter().map(told).collect::<Vec<_>>().join("; "))
}

/// All of them, or none.
fn remove_overrides(store: &Store, ids: &[i64]) -> Result<Changed, ChangeError> {
    let roster = store.reader().load_roster()?;
    for id in ids {
        let mut all = roster.schedules.values().flat_map(|schedule| schedule.overrides.iter());
        if !all.any(|over| over.origin == crate::oncall::Origin::Command(*id)) {
            return Err(ChangeError::Refused(format!(
                "no command has made an override {id}; `nightbell override list` shows all of them, and those \
                 of the on-call file are taken out there"
            )));
        }
    }
    for id in ids {
        store.remove_override(*id)?;
    }
    Ok(Changed { overrides: ids.to_vec() })
}
