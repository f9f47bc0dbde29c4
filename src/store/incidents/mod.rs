//! Incidents: each fact of a call is taken into its case, and what follows is written, in one transaction with the
//! fact's own row.

mod effects;
mod queries;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use tracing::error;

pub(super) use effects::{log, notice};
pub use queries::{IncidentFilter, IncidentRow, LogRow};

use super::text::{column, instant, parse};
use super::{Store, StoreError, outbox, quiet, transcripts};
use crate::call::CallId;
use crate::incident::{Case, Fact, Quiet, Routed};

impl Store {
    /// Takes a fact into the case of a call, without the journal: for whoever changes the database of a stopped
    /// daemon.
    pub fn incident_fact(&self, call: CallId, at: Timestamp, fact: &Fact) -> Result<(), StoreError> {
        if self.write(|connection| apply(connection, call, at, fact))? {
            self.bell.ring();
        }
        Ok(())
    }
}

/// Takes a fact of the journal. A fault of the case or of the fact is reported and costs nothing else: the call's own
/// rows stand. Any other error is the disk's. Answers whether the outbox may have changed.
pub(super) fn feed(
    connection: &Connection,
    call: CallId,
    at: Timestamp,
    fact: &Fact,
) -> rusqlite::Result<bool> {
    connection.execute_batch("SAVEPOINT incident")?;
    let applied = apply(connection, call, at, fact);
    match applied {
        Ok(tells) => {
            connection.execute_batch("RELEASE incident")?;
            Ok(tells)
        }
        Err(why) => {
            connection.execute_batch("ROLLBACK TO incident; RELEASE incident")?;
            if !is_at_fault(&why) {
                return Err(why);
            }
            error!(%call, %why, ?fact, "what follows for the incident of this call was not written");
            Ok(false)
        }
    }
}

/// Whether what was to be written, or what was read, is at fault, and not the disk.
fn is_at_fault(why: &rusqlite::Error) -> bool {
    match why.sqlite_error_code() {
        Some(code) => {
            matches!(code, ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig)
        }
        None => true,
    }
}

/// Takes a fact; answers whether the outbox may have changed.
fn apply(connection: &Connection, call: CallId, at: Timestamp, fact: &Fact) -> rusqlite::Result<bool> {
    let Some(known) = load(connection, call, fact)? else { return Ok(false) };
    // The message was deleted while it was written out.
    if matches!(fact, Fact::Transcribed { .. }) && known.message().is_none() {
        return Ok(false);
    }
    let quiet = quiet_for(connection, &known, fact, at)?;
    let mut case = known.clone();
    if case.is_told_after(at) && outbox::was_tried(connection, call)? {
        case.was_told_by(at);
    }
    let following = case.take(at, fact, &quiet);
    transcripts::follow(connection, call, at, fact, &case)?;
    if case == known && following.is_empty() {
        return Ok(false);
    }
    save(connection, call, &case)?;
    effects::carry_out(connection, call, at, &case, &following)
}

/// What is known of a call. Nothing: it has got to no route, and nothing is asked of it that would matter.
fn load(connection: &Connection, call: CallId, fact: &Fact) -> rusqlite::Result<Option<Case>> {
    let kept: Option<String> = connection
        .prepare_cached("SELECT state FROM incident_cases WHERE call_id = ?1")?
        .query_row([call.to_string()], |row| row.get(0))
        .optional()?;
    match (kept, fact) {
        (Some(text), _) => Ok(Some(read(&text)?)),
        (None, Fact::Routed(_)) => Ok(Some(Case::of(call.to_string()))),
        (None, Fact::OpenedByHand { .. }) => nowhere(connection, call),
        (None, _) => Ok(None),
    }
}

fn read(text: &str) -> rusqlite::Result<Case> {
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// The case of a call that got to no route.
fn nowhere(connection: &Connection, call: CallId) -> rusqlite::Result<Option<Case>> {
    let routed = connection
        .query_row("SELECT * FROM calls WHERE id = ?1", [call.to_string()], |row| {
            let started_at = column(row, "started_at", parse)?;
            Ok(Routed::nowhere(row.get("hotline")?, row.get("number")?, row.get("caller")?, started_at))
        })
        .optional()?;
    Ok(routed.map(|routed| {
        let (mut case, at) = (Case::of(call.to_string()), routed.started_at);
        case.take(at, &Fact::Routed(Box::new(routed)), &Quiet::default());
        case
    }))
}

/// What is quiet where the call has got to.
fn quiet_for(connection: &Connection, case: &Case, fact: &Fact, at: Timestamp) -> rusqlite::Result<Quiet> {
    let routed = match fact {
        Fact::Routed(routed) => Some(routed.as_ref()),
        _ => case.routed(),
    };
    match routed {
        Some(routed) => quiet::at(connection, &routed.hotline, &routed.route, at),
        None => Ok(Quiet::default()),
    }
}

fn save(connection: &Connection, call: CallId, case: &Case) -> rusqlite::Result<()> {
    let state = serde_json::to_string(case)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    connection
        .prepare_cached(
            "INSERT INTO incident_cases (call_id, state) VALUES (?1, ?2)
             ON CONFLICT (call_id) DO UPDATE SET state = excluded.state",
        )?
        .execute(params![call.to_string(), state])?;
    Ok(())
}

/// The number of the incident of a call.
fn number(connection: &Connection, call: CallId) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM incidents WHERE call_id = ?1")?
        .query_row([call.to_string()], |row| row.get(0))
        .optional()
}

/// An instant that may be missing.
fn moment(at: Option<Timestamp>) -> Option<String> {
    at.map(instant)
}
