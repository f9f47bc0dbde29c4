//! What is removed by command: one message, or everything that tells of a caller.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::entries::recordings;
use super::purge::{Purgeable, Removed, Run, prove};
use super::text::{call_id, column, instant, parse};
use super::{Reader, Store, StoreError, cases, outbox, transcripts};
use crate::call::CallId;
use crate::call::journal::RecordingKind;
use crate::incident::FORGOTTEN;

/// What tells of a caller. Serialises as the answer of `calls erase --json`; the names are a promise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traces {
    /// Calls of the number that are over. Their rows stay, without number, name and texts.
    pub calls: u32,
    /// Calls of the number that go on: they are left alone.
    pub running: u32,
    /// Calls of others that this number has passed on to us.
    pub passed_on: u32,
    /// Messages and recorded calls whose files are there.
    pub recordings: u32,
    /// Incidents that came of the calls.
    pub incidents: u32,
    /// Entries of the outbox that speak of the calls.
    pub notices: u32,
    /// Those among them that were still to be sent, and are not sent any more.
    pub unsent: u32,
}

impl Reader {
    /// Calls of a number that are over.
    pub fn calls_of(&self, number: &str) -> Result<Vec<CallId>, StoreError> {
        self.read(|connection| Ok(calls_of(connection, number)?.into_iter().map(|(call, _)| call).collect()))
    }

    /// What tells of a caller.
    pub fn traces_of(&self, number: &str) -> Result<Traces, StoreError> {
        self.read(|connection| traces(connection, number))
    }
}

impl Store {
    /// Erases a caller: the calls stay in the log, without number, name and texts; what hangs on them is removed. The
    /// files must have been removed.
    pub fn erase_caller(&self, run: &Run, number: &str) -> Result<Traces, StoreError> {
        self.write(|connection| {
            let traces = traces(connection, number)?;
            let mut removed = Removed::default();
            for (call, at) in calls_of(connection, number)? {
                erase_call(connection, run.at, call)?;
                removed = removed.and(Removed::one(at));
            }
            erase_passed_on(connection, number)?;
            removed.files = traces.recordings;
            removed.rows += traces.passed_on;
            prove(connection, run, Purgeable::Caller, removed)?;
            Ok(traces)
        })
    }

    /// Deletes the message of a call: what is told of it from now on names it no more. Its file must have been
    /// removed. Tells whether there was one.
    pub fn delete_message(&self, run: &Run, call: CallId) -> Result<bool, StoreError> {
        self.write(|connection| {
            let at = connection
                .prepare_cached("SELECT started_at FROM calls WHERE id = ?1")?
                .query_map([call.to_string()], |row| column(row, "started_at", parse))?
                .next();
            let Some(at) = at.transpose()? else { return Ok(false) };
            if remove_recordings(connection, run.at, call, RecordingKind::Message)? == 0 {
                return Ok(false);
            }
            cases::change(connection, call, |case| case.forget_message())?;
            connection.execute("DELETE FROM transcripts WHERE call_id = ?1", [call.to_string()])?;
            connection.execute(
                "UPDATE outbox SET notice = json_set(notice, '$.voicemail', NULL, '$.transcript', NULL, '$.text', ?2)
                 WHERE call_id = ?1 AND json_valid(notice)
                   AND (notice ->> '$.voicemail' IS NOT NULL OR notice ->> '$.transcript' IS NOT NULL)",
                params![call.to_string(), "The message was deleted."],
            )?;
            prove(connection, run, Purgeable::Message, Removed { files: 1, ..Removed::one(at) })?;
            Ok(true)
        })
    }
}

fn calls_of(connection: &Connection, number: &str) -> rusqlite::Result<Vec<(CallId, Timestamp)>> {
    connection
        .prepare_cached(
            "SELECT id, started_at FROM calls WHERE caller = ?1 AND ended_at IS NOT NULL ORDER BY id",
        )?
        .query_map([number], |row| Ok((column(row, "id", call_id)?, column(row, "started_at", parse)?)))?
        .collect()
}

fn traces(connection: &Connection, number: &str) -> rusqlite::Result<Traces> {
    let count = |sql: &str| connection.query_row(sql, [number], |row| row.get::<_, u32>(0));
    let of_calls = |table: &str, more: &str| {
        count(&format!(
            "SELECT count(*) FROM {table} JOIN calls ON calls.id = {table}.call_id
             WHERE caller = ?1 AND ended_at IS NOT NULL {more}"
        ))
    };
    let mut files = 0;
    for kind in RecordingKind::ALL {
        files += of_calls(recordings(kind), "AND state = 'kept'")?;
    }
    Ok(Traces {
        calls: count("SELECT count(*) FROM calls WHERE caller = ?1 AND ended_at IS NOT NULL")?,
        running: count("SELECT count(*) FROM calls WHERE caller = ?1 AND ended_at IS NULL")?,
        passed_on: count("SELECT count(*) FROM calls WHERE diverted_by = ?1 AND ended_at IS NOT NULL")?,
        recordings: files,
        incidents: of_calls("incidents", "")?,
        notices: of_calls("outbox", "")?,
        unsent: of_calls("outbox", "AND state = 'waiting'")?,
    })
}

fn erase_call(connection: &Connection, at: Timestamp, call: CallId) -> rusqlite::Result<()> {
    for kind in RecordingKind::ALL {
        remove_recordings(connection, at, call, kind)?;
    }
    cases::change(connection, call, |case| case.forget_caller())?;
    for sql in [
        "UPDATE calls SET caller = ?2, display_name = NULL, diverted_by = NULL, sip_call_id = ?2 WHERE id = ?1",
        "UPDATE call_events SET detail = ?2 WHERE call_id = ?1",
        "UPDATE incidents SET title = ?2 WHERE call_id = ?1",
        "UPDATE incident_log SET detail = ?2
         WHERE incident_id IN (SELECT id FROM incidents WHERE call_id = ?1)",
    ] {
        connection.prepare_cached(sql)?.execute(params![call.to_string(), FORGOTTEN])?;
    }
    for sql in [
        "DELETE FROM outbox WHERE call_id = ?1 AND state = 'waiting'",
        "DELETE FROM transcripts WHERE call_id = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([call.to_string()])?;
    }
    outbox::forget_told(connection, call)
}

/// Calls of others keep everything but who had passed them on.
fn erase_passed_on(connection: &Connection, number: &str) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE call_events SET detail = ?2 WHERE step = 'CallReceived' AND call_id IN
             (SELECT id FROM calls WHERE diverted_by = ?1 AND ended_at IS NOT NULL)",
        params![number, FORGOTTEN],
    )?;
    let sql = "UPDATE calls SET diverted_by = NULL WHERE diverted_by = ?1 AND ended_at IS NOT NULL";
    connection.execute(sql, [number])?;
    Ok(())
}

/// Tells how many there were.
fn remove_recordings(
    connection: &Connection,
    at: Timestamp,
    call: CallId,
    kind: RecordingKind,
) -> rusqlite::Result<usize> {
    if kind == RecordingKind::Message {
        transcripts::forget(connection, call)?;
    }
    let sql = format!(
        "UPDATE {} SET state = 'deleted', gone_at = ?2 WHERE call_id = ?1 AND state = 'kept'",
        recordings(kind)
    );
    connection.prepare_cached(&sql)?.execute(params![call.to_string(), instant(at)])
}
