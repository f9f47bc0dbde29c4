//! What commands change of incidents, of quiet times and of the outbox: carried out by the running daemon, or by the
//! command itself on the database of a stopped one.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::call::CallId;
use crate::call::journal::{Journal, Record};
use crate::incident::{Fact, Status};
use crate::oncall::{PersonId, Target, UnknownTarget};
use crate::store::{IncidentRow, NewQuietTime, OutboxState, QuietKind, Reader, Replay, Store, StoreError};

/// How long a fact may take to reach the disk before the command is told that it has not.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest note, in characters.
const LONGEST_NOTE: usize = 4000;

/// One change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentChange {
    /// An incident is opened for a call; this person is on it, and nobody is told.
    Open {
        /// The id of the call, or its beginning.
        call: String,
        /// The id of the person.
        assign: String,
    },
    /// Something becomes of an incident.
    Of {
        /// The incident.
        id: i64,
        /// Who says so: the id of a person; else who typed it.
        by: By,
        /// What.
        act: Act,
    },
    /// A quiet time is added.
    AddQuiet(NewQuietTime),
    /// A quiet time is taken away.
    RemoveQuiet {
        /// Of this kind.
        kind: QuietKind,
        /// Its number.
        id: i64,
    },
    /// The quiet times of a kind that are for just this place are over.
    EndQuiet {
        /// Of this kind.
        kind: QuietKind,
        /// The hotline; nothing: those for all hotlines.
        hotline: Option<String>,
        /// The route; nothing: those for all routes.
        route: Option<String>,
    },
    /// An entry of the outbox is sent again.
    ReplayEntry(i64),
    /// All that is dead of a target is sent again.
    ReplayTarget(String),
    /// An entry of the outbox is not sent any more.
    DropEntry(i64),
}

/// Who says so.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The person with this id.
    Person(String),
    /// The user of the system that typed the command.
    User(String),
}

/// What becomes of an incident.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Somebody has taken it on.
    Acknowledge,
    /// It is over.
    Resolve,
    /// Somebody has something to say of it.
    Note(String),
    /// Nobody is told of it any more, or people are again.
    Mute(bool),
    /// Nobody is told of it before; nothing: it is not put off any more.
    Snooze(Option<Timestamp>),
}

/// What became of a change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The incident it was about.
    pub incident: Option<i64>,
    /// The numbers of the quiet times that were added or taken away.
    pub quiet: Vec<i64>,
    /// How many entries of the outbox wait by it, or do not any more.
    pub entries: usize,
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

/// What is to be done for a change that makes sense.
enum Step {
    /// A call's case takes a fact.
    Fact(CallId, Fact),
    /// Something that is no call's.
    Other,
}

/// Makes a change through the journal of the running daemon, where all facts go.
pub async fn carry_out_running(
    store: std::sync::Arc<Store>,
    journal: Journal,
    change: IncidentChange,
    now: Timestamp,
) -> Result<Done, ChangeError> {
    let (reader, asked) = (store.clone(), change.clone());
    match blocking(move || read(reader.reader(), &asked, now)).await? {
        Step::Fact(call, fact) => {
            journal.write(Record::Fact { call, at: now, fact: Box::new(fact) });
            if !journal.durable(PATIENCE).await {
                let why = "the database does not take it yet; it is written as soon as it does";
                return Err(ChangeError::Refused(why.to_owned()));
            }
            blocking(move || about(store.reader(), call)).await
        }
        Step::Other => blocking(move || other(&store, &change, now)).await,
    }
}

/// Makes a change in the database of a stopped daemon.
pub fn carry_out_stopped(
    store: &Store,
    change: &IncidentChange,
    now: Timestamp,
) -> Result<Done, ChangeError> {
    match read(store.reader(), change, now)? {
        Step::Fact(call, fact) => {
            store.incident_fact(call, now, &fact)?;
            about(store.reader(), call)
        }
        Step::Other => other(store, change, now),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(broken) => std::panic::resume_unwind(broken.into_panic()),
    }
}

fn about(reader: &Reader, call: CallId) -> Result<Done, ChangeError> {
    Ok(Done { incident: reader.incident_of(call)?, ..Done::default() })
}

/// What a change comes to, once it is found to make sense.
fn read(reader: &Reader, change: &IncidentChange, now: Timestamp) -> Result<Step, ChangeError> {
    match change {
        IncidentChange::Open { call, assign } => open(reader, call, assign),
        IncidentChange::Of { id, by, act } => {
            let row = incident(reader, *id)?;
            let by = said_by(reader, by)?;
            Ok(Step::Fact(row.call, fact(&row, by, act, now)?))
        }
        _ => Ok(Step::Other),
    }
}

fn open(reader: &Reader, call: &str, assign: &str) -> Result<Step, ChangeError> {
    let Some((row, _)) = reader.call(call)? else {
        return Err(refused(format!("there is no call {call}; `nightbell calls` lists them")));
    };
    if let Some(id) = reader.incident_of(row.id)? {
        return Err(refused(format!("incident {id} is of this call already")));
    }
    Ok(Step::Fact(row.id, Fact::OpenedByHand { person: person(reader, assign)? }))
}

fn incident(reader: &Reader, id: i64) -> Result<IncidentRow, ChangeError> {
    match reader.incident(id)? {
        Some((row, _)) => Ok(row),
        None => Err(refused(format!("there is no incident {id}; `nightbell incidents --all` lists them"))),
    }
}

/// The id of a person who is there.
fn person(reader: &Reader, id: &str) -> Result<String, ChangeError> {
    let id = PersonId::new(id.strip_prefix("person:").unwrap_or(id));
    reader.load_roster()?.check_target(&Target::Person(id.clone()))?;
    Ok(id.to_string())
}

fn said_by(reader: &Reader, by: &By) -> Result<String, ChangeError> {
    match by {
        By::Person(id) => person(reader, id),
        By::User(name) => Ok(name.clone()),
    }
}

fn fact(row: &IncidentRow, by: String, act: &Act, now: Timestamp) -> Result<Fact, ChangeError> {
    let over = || row.status == Status::Resolved && !matches!(act, Act::Note(_));
    if over() {
        let who = row.resolved_by.as_deref().unwrap_or("somebody");
        return Err(refused(format!("incident {} is over: {who} has resolved it", row.id)));
    }
    Ok(match act {
        Act::Acknowledge if row.status == Status::Acknowledged => {
            let who = row.acknowledged_by.as_deref().unwrap_or("somebody");
            return Err(refused(format!("{who} has taken incident {} on already", row.id)));
        }
        Act::Acknowledge => Fact::Acknowledged { by },
        Act::Resolve => Fact::Resolved { by },
        Act::Note(text) => Fact::Noted { by, text: note(text)? },
        Act::Mute(on) => Fact::Muted { by, on: *on },
        Act::Snooze(Some(until)) if *until <= now => return Err(past()),
        Act::Snooze(until) => Fact::Snoozed { by, until: *until },
    })
}

/// A note without what would drive a terminal.
fn note(text: &str) -> Result<String, ChangeError> {
    let plain: String = text.trim().chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    match plain.chars().count() {
        0 => Err(refused("the note says nothing".to_owned())),
        1..=LONGEST_NOTE => Ok(plain),
        _ => Err(refused(format!("a note has {LONGEST_NOTE} letters at most"))),
    }
}

/// Changes what is no call's.
fn other(store: &Store, change: &IncidentChange, now: Timestamp) -> Result<Done, ChangeError> {
    match change {
        IncidentChange::AddQuiet(new) => add_quiet(store, new, now),
        IncidentChange::RemoveQuiet { kind, id } => match store.remove_quiet_time(*kind, *id)? {
            true => Ok(Done { quiet: vec![*id], ..Done::default() }),
            false => Err(refused(format!(
                "there is no {} {id}; `nightbell maintenance list` shows all that is quiet",
                kind.as_str()
            ))),
        },
        IncidentChange::EndQuiet { kind, hotline, route } => {
            let quiet = store.end_quiet_times(*kind, hotline.as_deref(), route.as_deref(), now)?;
            match quiet.is_empty() {
                true => Err(refused(format!(
                    "there is no {} for that alone; `nightbell maintenance list` shows all that is quiet",
                    kind.as_str()
                ))),
                false => Ok(Done { quiet, ..Done::default() }),
            }
        }
        IncidentChange::ReplayEntry(id) => {
            let entries = store.outbox_replay(&Replay::Entry(*id), now)?;
            if entries == 0 {
                return Err(not_replayed(store.reader(), *id)?);
            }
            Ok(Done { entries, ..Done::default() })
        }
        IncidentChange::ReplayTarget(target) => {
            let entries = store.outbox_replay(&Replay::Target(target.clone()), now)?;
            Ok(Done { entries, ..Done::default() })
        }
        IncidentChange::DropEntry(id) => match store.outbox_drop(*id, now)? {
            true => Ok(Done { entries: 1, ..Done::default() }),
            false => Err(refused(format!("no entry {id} of the outbox waits or is dead"))),
        },
        IncidentChange::Open { .. } | IncidentChange::Of { .. } => Ok(Done::default()),
    }
}

fn add_quiet(store: &Store, new: &NewQuietTime, now: Timestamp) -> Result<Done, ChangeError> {
    if new.until.is_some_and(|until| until <= now) {
        return Err(past());
    }
    if new.until.is_some_and(|until| until <= new.from) {
        return Err(refused("this ends before it has begun".to_owned()));
    }
    if new.kind == QuietKind::Snooze && new.until.is_none() {
        return Err(refused("a snooze needs an end: `--until`".to_owned()));
    }
    Ok(Done { quiet: vec![store.add_quiet_time(new)?], ..Done::default() })
}

fn not_replayed(reader: &Reader, id: i64) -> Result<ChangeError, ChangeError> {
    Ok(refused(match reader.outbox_entry(id)?.map(|entry| entry.state) {
        None => format!("there is no entry {id} in the outbox"),
        Some(OutboxState::Waiting) => format!("entry {id} waits to be sent anyway"),
        Some(_) => format!("entry {id} was withdrawn: it is not needed any more"),
    }))
}

fn past() -> ChangeError {
    refused("this is over already: `--until` is in the past".to_owned())
}

fn refused(why: String) -> ChangeError {
    ChangeError::Refused(why)
}
