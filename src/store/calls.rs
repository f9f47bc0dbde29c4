//! Questions to the call log.

use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params};
use serde::{Serialize, Serializer};

use super::text::{call_id, column, instant, optional_column, parse};
use super::{Reader, StoreError, leg_quality};
use crate::call::CallId;
use crate::call::journal::{Action, Attestation, Event, LegQuality, Outcome, Step, StepResult, Verstat};
use crate::incident::Status;

/// One call in the log. Serialises as a row of `calls --json`; the names are a promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallRow {
    /// The call.
    #[serde(serialize_with = "as_text")]
    pub id: CallId,
    /// The hotline's name.
    pub hotline: String,
    /// The number that was dialled.
    pub number: String,
    /// Who called, as the trunk stated it.
    pub caller: String,
    /// When the INVITE came.
    pub started_at: Timestamp,
    /// When we answered.
    pub answered_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// From the INVITE to the end, in whole seconds; none while it goes on.
    pub duration_s: Option<i64>,
    /// How it went.
    pub outcome: Outcome,
    /// Who or what ended it.
    pub end_reason: Option<String>,
    /// The route that was chosen.
    pub route: Option<String>,
    /// The id of the person who accepted.
    pub responder: Option<String>,
    /// The file of the message, inside the recordings folder.
    pub voicemail: Option<String>,
    /// The number of the incident that came of it.
    pub incident: Option<i64>,
    /// The Call-ID of the caller's leg.
    pub sip_call_id: String,
    /// The caller's name, as the trunk stated it.
    pub display_name: Option<String>,
    /// Who had passed the call on to us.
    pub diverted_by: Option<String>,
    /// What the trunk's carrier found out about the caller's number.
    pub verstat: Option<Verstat>,
    /// The level at which the first carrier vouches for the caller.
    pub attestation: Option<Attestation>,
    /// The file of the recorded call, inside the recordings folder.
    pub recording: Option<String>,
    /// How far its incident has come.
    pub incident_status: Option<Status>,
    /// When there would have been an incident, but for maintenance.
    pub suppressed_at: Option<Timestamp>,
}

/// Which calls are asked for. The default asks for all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Only those that went like this.
    pub outcome: Option<Outcome>,
    /// Only callers whose number begins like this.
    pub caller_prefix: Option<String>,
    /// Only those that started at this time or later.
    pub since: Option<Timestamp>,
    /// At most so many, the newest.
    pub limit: Option<u32>,
}

pub(super) fn as_text<S: Serializer>(id: &CallId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

impl Reader {
    /// The calls that match, newest first.
    pub fn calls(&self, filter: &CallFilter) -> Result<Vec<CallRow>, StoreError> {
        self.read(|connection| calls(connection, filter))
    }

    /// One call with its whole timeline, by its id or as much of it as no other call begins with.
    pub fn call(&self, id: &str) -> Result<Option<(CallRow, Vec<Event>)>, StoreError> {
        let found = self.read(|connection| {
            let mut found = calls_beginning_with(connection, id)?;
            if found.len() > 1 {
                return Ok(Err(()));
            }
            let Some(row) = found.pop() else { return Ok(Ok(None)) };
            let events = timeline(connection, row.id)?;
            Ok(Ok(Some((row, events))))
        })?;
        found.map_err(|()| StoreError::Ambiguous(id.to_owned()))
    }

    /// How the legs of a call sounded, in the order in which they were begun. Those that are still up, and those
    /// that a crash ended, are missing.
    pub fn legs(&self, call: CallId) -> Result<Vec<LegQuality>, StoreError> {
        self.read(|connection| leg_quality::read(connection, call))
    }
}

fn calls(connection: &Connection, filter: &CallFilter) -> rusqlite::Result<Vec<CallRow>> {
    connection
        .prepare_cached(
            "SELECT * FROM call_log
             WHERE started_at >= coalesce(:since, '')
               AND (:outcome IS NULL OR outcome = :outcome)
               AND (:prefix IS NULL OR substr(caller, 1, length(:prefix)) = :prefix)
             ORDER BY started_at DESC, id DESC LIMIT :limit",
        )?
        .query_map(
            named_params! {
                ":outcome": filter.outcome.map(Outcome::as_str),
                ":since": filter.since.map(instant),
                ":prefix": filter.caller_prefix,
                ":limit": filter.limit.map_or(-1, i64::from),
            },
            call_row,
        )?
        .collect()
}

/// Two at most: enough to see that an id is not unique.
fn calls_beginning_with(connection: &Connection, id: &str) -> rusqlite::Result<Vec<CallRow>> {
    if id.is_empty() || !id.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Ok(Vec::new());
    }
    // `g` follows the last hexadecimal digit.
    connection
        .prepare_cached("SELECT * FROM call_log WHERE id >= ?1 AND id < ?1 || 'g' ORDER BY id LIMIT 2")?
        .query_map([id.to_ascii_lowercase()], call_row)?
        .collect()
}

/// The timeline of a call, in order.
pub(super) fn timeline(connection: &Connection, call: CallId) -> rusqlite::Result<Vec<Event>> {
    connection
        .prepare_cached("SELECT * FROM call_events WHERE call_id = ?1 ORDER BY seq")?
        .query_map([call.to_string()], |row| event(call, row))?
        .collect()
}

fn call_row(row: &Row<'_>) -> rusqlite::Result<CallRow> {
    Ok(CallRow {
        id: column(row, "id", call_id)?,
        hotline: row.get("hotline")?,
        number: row.get("number")?,
        caller: row.get("caller")?,
        display_name: row.get("display_name")?,
        diverted_by: row.get("diverted_by")?,
        verstat: optional_column(row, "verstat", Verstat::from_word)?,
        attestation: optional_column(row, "attestation", Attestation::from_word)?,
        started_at: column(row, "started_at", parse)?,
        answered_at: optional_column(row, "answered_at", parse)?,
        ended_at: optional_column(row, "ended_at", parse)?,
        duration_s: row.get("duration_s")?,
        outcome: column(row, "outcome", Outcome::from_word)?,
        end_reason: row.get("end_reason")?,
        route: row.get("route")?,
        responder: row.get("responder")?,
        voicemail: row.get("voicemail")?,
        recording: row.get("recording")?,
        incident: row.get("incident")?,
        incident_status: optional_column(row, "incident_status", Status::from_word)?,
        suppressed_at: optional_column(row, "suppressed_at", parse)?,
        sip_call_id: row.get("sip_call_id")?,
    })
}

fn event(call: CallId, row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        call,
        seq: row.get("seq")?,
        at: column(row, "at", parse)?,
        step: column(row, "step", Step::from_word)?,
        action: column(row, "action", Action::from_word)?,
        result: column(row, "result", StepResult::from_word)?,
        target: row.get("target")?,
        detail: row.get("detail")?,
    })
}
