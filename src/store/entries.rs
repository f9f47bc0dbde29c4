//! Entries of the journal as rows. Writing an entry a second time changes nothing, so that a batch
//! whose COMMIT failed half-way can be written again.

use rusqlite::{Connection, ErrorCode, params};
use tracing::{error, warn};

use super::text::instant;
use super::{incidents, leg_quality, spend};
use crate::call::journal::{Attestation, DialIntent, Ended, Event, Record, RecordingKind, Started, Verstat};
use crate::call::leg::LegId;

/// Writes a batch. An entry the schema refuses is reported and left out, because it would be refused
/// for ever; any other error is the disk's and fails the batch. Answers whether the outbox may have changed.
pub(super) fn write_all<'a>(
    connection: &Connection,
    records: impl IntoIterator<Item = &'a Record>,
) -> rusqlite::Result<bool> {
    let mut tells = false;
    for record in records {
        match write(connection, record) {
            Err(why) if is_refusal(&why) => error!(%why, ?record, "entry refused by the database"),
            Ok(0) => warn!(?record, "entry changed nothing: it is there already, or its call is not"),
            written => _ = written?,
        }
        if let Some((call, at, fact)) = record.fact() {
            tells |= incidents::feed(connection, call, at, &fact)?;
        }
    }
    Ok(tells)
}

/// Whether the entry is at fault and not the disk.
fn is_refusal(why: &rusqlite::Error) -> bool {
    let code = why.sqlite_error_code();
    matches!(code, Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig))
}

/// Writes one entry; answers how many rows it made or changed.
fn write(connection: &Connection, record: &Record) -> rusqlite::Result<usize> {
    match record {
        Record::Started(started) => start(connection, started),
        Record::Step(event) => step(connection, event),
        Record::DialIntent(intent) => dial_intent(connection, intent),
        Record::LegUp { call, leg, dialog } => execute(
            connection,
            "INSERT INTO legs (call_id, leg, dialog) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            params![call.to_string(), number(*leg), dialog],
        ),
        Record::LegDown { leg } => {
            execute(connection, "DELETE FROM legs WHERE leg = ?1 AND orphaned = 0", [number(*leg)])
        }
        Record::LegQuality(quality) => leg_quality::write(connection, quality),
        Record::RecordingStarted { call, kind, file, at } => execute(
            connection,
            &format!(
                "INSERT INTO {} (call_id, file, started_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                recordings(*kind)
            ),
            params![call.to_string(), file, instant(*at)],
        ),
        Record::RecordingEnded { call, kind, kept, duration_ms, truncated, .. } => execute(
            connection,
            &format!(
                "UPDATE {} SET state = ?2, duration_ms = ?3, truncated = ?4 WHERE call_id = ?1",
                recordings(*kind)
            ),
            params![call.to_string(), recording_state(*kept), milliseconds(*duration_ms), truncated],
        ),
        Record::TrunkUse { trunk, minute, legs, seconds } => {
            spend::write(connection, trunk, *minute, *legs, *seconds)
        }
        Record::Ended(ended) => end(connection, ended),
        // No row of the call's own: its incident is fed with what each record means.
        Record::Fact { .. } => Ok(1),
        // Not a row: the writer answers it after the COMMIT.
        Record::Flush(_) => Ok(1),
    }
}

fn start(connection: &Connection, started: &Started) -> rusqlite::Result<usize> {
    let stated = &started.stated;
    execute(
        connection,
        "INSERT INTO calls (id, hotline, number, caller, trunk, sip_call_id, started_at,
                            display_name, diverted_by, verstat, attestation)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (id) DO NOTHING",
        params![
            started.call.to_string(),
            started.hotline,
            started.number,
            started.caller,
            started.trunk,
            started.sip_call_id,
            instant(started.at),
            stated.display_name,
            stated.diverted_by.first().map(|diverter| diverter.number.as_str()),
            stated.verstat.map(Verstat::as_str),
            stated.attestation.map(Attestation::as_str),
        ],
    )
}

/// Appends a step to the timeline of its call.
pub(super) fn step(connection: &Connection, event: &Event) -> rusqlite::Result<usize> {
    execute(
        connection,
        "INSERT INTO call_events (call_id, seq, at, step, action, result, target, detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
        params![
            event.call.to_string(),
            event.seq,
            instant(event.at),
            event.step.as_str(),
            event.action.as_str(),
            event.result.as_str(),
            event.target,
            event.detail,
        ],
    )
}

fn dial_intent(connection: &Connection, intent: &DialIntent) -> rusqlite::Result<usize> {
    execute(
        connection,
        "INSERT INTO dial_intents (call_id, leg, person, phone, at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO NOTHING",
        params![intent.call.to_string(), number(intent.leg), intent.person, intent.phone, instant(intent.at),],
    )
}

/// The first end of a call counts.
fn end(connection: &Connection, ended: &Ended) -> rusqlite::Result<usize> {
    execute(
        connection,
        "UPDATE calls SET ended_at = ?2, outcome = ?3, end_reason = ?4, answered_at = ?5, route = ?6,
                responder = ?7, ended_by = 'call'
         WHERE id = ?1 AND ended_at IS NULL",
        params![
            ended.call.to_string(),
            instant(ended.at),
            ended.outcome.as_str(),
            ended.reason,
            ended.answered_at.map(instant),
            ended.route,
            ended.responder,
        ],
    )
}

/// The table of a kind of recordings.
pub(super) fn recordings(kind: RecordingKind) -> &'static str {
    match kind {
        RecordingKind::Message => "recordings",
        RecordingKind::Call => "call_recordings",
    }
}

/// What became of a recording, in the database's word.
pub(super) fn recording_state(kept: bool) -> &'static str {
    if kept { "kept" } else { "dropped" }
}

/// A length as SQLite can hold it; no recording comes near the limit.
pub(super) fn milliseconds(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// A leg's number as SQLite can hold it.
pub(super) fn number(leg: LegId) -> i64 {
    i64::try_from(leg.0).unwrap_or(i64::MAX)
}

/// Runs one statement; answers how many rows it made or changed.
pub(super) fn execute(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(values)
}
