//! What is not kept any more, and the proof of it. Everything happens in small transactions, so that the writer of
//! the journal never waits long, and each writes its proof with it.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, named_params, params};
use serde::Serialize;

use super::entries::recordings;
use super::text::{call_id, column, instant, optional_column, parse};
use super::{Reader, Store, StoreError, cases, outbox};
use crate::call::CallId;
use crate::call::journal::RecordingKind;

/// What can be purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purgeable {
    /// Steps of calls, who was dialled, how legs sounded, what was said and written of incidents.
    Timelines,
    /// Files of messages and of recorded calls.
    Recordings,
    /// Calls with everything that hangs on them; their counts stay.
    Calls,
    /// Counts of calls that are gone.
    Statistics,
    /// One message, by a command.
    Message,
    /// Whatever tells of a caller, by a command.
    Caller,
}

impl Purgeable {
    /// The word used in output and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timelines => "timelines",
            Self::Recordings => "recordings",
            Self::Calls => "calls",
            Self::Statistics => "statistics",
            Self::Message => "message",
            Self::Caller => "caller",
        }
    }
}

/// What a purge goes by: it names the run and its rule in the proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// When it began.
    pub at: Timestamp,
    /// The rule, as it stands in the settings or was given as a command.
    pub rule: String,
}

/// How much was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Calls, recordings, or days of statistics.
    pub rows: u32,
    /// Files.
    pub files: u32,
    /// When the oldest of them began.
    pub oldest: Option<Timestamp>,
    /// When the newest of them began.
    pub newest: Option<Timestamp>,
}

impl Removed {
    /// This, and more.
    #[must_use]
    pub fn and(self, more: Self) -> Self {
        Self {
            rows: self.rows + more.rows,
            files: self.files + more.files,
            oldest: self.oldest.into_iter().chain(more.oldest).min(),
            newest: self.newest.into_iter().chain(more.newest).max(),
        }
    }

    pub(super) fn one(at: Timestamp) -> Self {
        Self { rows: 1, files: 0, oldest: Some(at), newest: Some(at) }
    }
}

/// A proof. Serialises with names that are a promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: String,
    /// By which rule.
    pub rule: String,
    /// How many rows it concerned.
    pub rows: i64,
    /// How many files.
    pub files: i64,
    /// When the oldest of them began.
    pub oldest: Option<Timestamp>,
    /// When the newest of them began.
    pub newest: Option<Timestamp>,
}

/// A recording whose file is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFile {
    /// Its call.
    pub call: CallId,
    /// What was recorded.
    pub kind: RecordingKind,
    /// The file's name inside the recordings folder.
    pub file: String,
    /// When it began.
    pub at: Timestamp,
}

/// How long others may keep the write-ahead log from being emptied.
const PATIENCE_WITH_READERS: Duration = Duration::from_millis(100);

/// Of calls that are over, and of which nothing waits to be told to anybody.
const SETTLED: &str = "calls.ended_at IS NOT NULL AND NOT EXISTS
    (SELECT 1 FROM outbox WHERE outbox.call_id = calls.id AND outbox.state = 'waiting')";

impl Reader {
    /// Recordings that began before a time, the oldest first. Those of which somebody is still to be told are not
    /// among them.
    pub fn recordings_before(&self, before: Timestamp, most: u32) -> Result<Vec<KeptFile>, StoreError> {
        self.read(|connection| {
            let mut found = Vec::new();
            for kind in RecordingKind::ALL {
                let sql = format!(
                    "SELECT call_id, file, recording.started_at AS at FROM {} AS recording
                     JOIN calls ON calls.id = call_id
                     WHERE recording.state = 'kept' AND recording.started_at < ?1 AND {SETTLED}
                     ORDER BY recording.started_at LIMIT ?2",
                    recordings(kind)
                );
                found.extend(kept_files(connection, kind, &sql, params![instant(before), most])?);
            }
            Ok(found)
        })
    }

    /// The names of all recordings that are kept, or are being made.
    pub fn names_of_recordings(&self) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT file FROM recordings WHERE state IN ('kept', 'recording')
                     UNION ALL SELECT file FROM call_recordings WHERE state IN ('kept', 'recording')",
                )?
                .query_map([], |row| row.get(0))?
                .collect()
        })
    }

    /// The file of the message of a call, if it is kept.
    pub fn message_of(&self, call: CallId) -> Result<Option<String>, StoreError> {
        let sql = "SELECT file FROM recordings WHERE call_id = ?1 AND state = 'kept'";
        self.read(|connection| connection.query_row(sql, [call.to_string()], |row| row.get(0)).optional())
    }

    /// What was removed for good, newest first.
    pub fn purges(&self) -> Result<Vec<Proof>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT * FROM purges ORDER BY at DESC, what")?
                .query_map([], |row| {
                    Ok(Proof {
                        at: column(row, "at", parse)?,
                        what: row.get("what")?,
                        rule: row.get("rule")?,
                        rows: row.get("rows")?,
                        files: row.get("files")?,
                        oldest: optional_column(row, "oldest", parse)?,
                        newest: optional_column(row, "newest", parse)?,
                    })
                })?
                .collect()
        })
    }
}

impl Store {
    /// The files of these recordings have been removed.
    pub fn recordings_purged(&self, run: &Run, gone: &[KeptFile]) -> Result<Removed, StoreError> {
        self.write(|connection| {
            let mut removed = Removed::default();
            for KeptFile { call, kind, at, .. } in gone {
                let sql = format!(
                    "UPDATE {} SET state = 'purged', gone_at = ?2 WHERE call_id = ?1 AND state = 'kept'",
                    recordings(*kind)
                );
                if connection.execute(&sql, params![call.to_string(), instant(run.at)])? > 0 {
                    removed = removed.and(Removed { files: 1, ..Removed::one(*at) });
                }
            }
            prove(connection, run, Purgeable::Recordings, removed)
        })
    }

    /// Purges timelines of calls that began before a time, so many at most.
    pub fn purge_timelines(&self, run: &Run, before: Timestamp, most: u32) -> Result<Removed, StoreError> {
        self.write(|connection| {
            let sql = format!(
                "SELECT id, started_at FROM calls WHERE timeline_purged = 0 AND started_at < ?1 AND {SETTLED}
                 ORDER BY started_at LIMIT ?2"
            );
            let mut removed = Removed::default();
            for (call, at) in old_calls(connection, &sql, before, most)? {
                remove_timeline(connection, call)?;
                removed = removed.and(Removed::one(at));
            }
            prove(connection, run, Purgeable::Timelines, removed)
        })
    }

    /// Purges calls that began before a time, so many at most, with everything that hangs on them; their counts are
    /// added to the statistics. Their files must have been removed.
    pub fn purge_calls(&self, run: &Run, before: Timestamp, most: u32) -> Result<Removed, StoreError> {
        self.write(|connection| {
            let sql = format!(
                "SELECT id, started_at FROM calls WHERE started_at < ?1 AND {SETTLED}
                   AND NOT EXISTS (SELECT 1 FROM recordings WHERE call_id = calls.id AND state = 'kept')
                   AND NOT EXISTS (SELECT 1 FROM call_recordings WHERE call_id = calls.id AND state = 'kept')
                 ORDER BY started_at LIMIT ?2"
            );
            let mut removed = Removed::default();
            for (call, at) in old_calls(connection, &sql, before, most)? {
                count(connection, call)?;
                connection.prepare_cached("DELETE FROM calls WHERE id = ?1")?.execute([call.to_string()])?;
                removed = removed.and(Removed::one(at));
            }
            prove(connection, run, Purgeable::Calls, removed)
        })
    }

    /// Purges counts of days before this one.
    pub fn purge_statistics(&self, run: &Run, before: Date) -> Result<Removed, StoreError> {
        self.write(|connection| {
            let (rows, oldest, newest): (u32, Option<String>, Option<String>) = connection.query_row(
                "SELECT count(DISTINCT day), min(day), max(day) FROM statistics WHERE day < ?1",
                [before.to_string()],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )?;
            connection.execute("DELETE FROM statistics WHERE day < ?1", [before.to_string()])?;
            let begin = |day: Option<String>| format!("{}T00:00:00Z", day?).parse::<Timestamp>().ok();
            let removed = Removed { rows, files: 0, oldest: begin(oldest), newest: begin(newest) };
            prove(connection, run, Purgeable::Statistics, removed)
        })
    }

    /// Empties the write-ahead log, in which what was removed may still stand. Tells whether that was done: another
    /// reader may be in the way.
    pub fn forget_the_log(&self) -> Result<bool, StoreError> {
        let connection = self.reader.lock();
        let empty = || {
            // While it waits for readers nobody can write: calls come first.
            connection.busy_timeout(PATIENCE_WITH_READERS)?;
            let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
            connection.busy_timeout(super::connection::BUSY_TIMEOUT)?;
            busy
        };
        let busy: bool =
            empty().map_err(|source| StoreError::from_sqlite(&self.reader.place.path(), source))?;
        Ok(!busy)
    }
}

pub(super) fn kept_files(
    connection: &Connection,
    kind: RecordingKind,
    sql: &str,
    values: impl rusqlite::Params,
) -> rusqlite::Result<Vec<KeptFile>> {
    connection
        .prepare(sql)?
        .query_map(values, |row| {
            Ok(KeptFile {
                call: column(row, "call_id", call_id)?,
                kind,
                file: row.get("file")?,
                at: column(row, "at", parse)?,
            })
        })?
        .collect()
}

fn old_calls(
    connection: &Connection,
    sql: &str,
    before: Timestamp,
    most: u32,
) -> rusqlite::Result<Vec<(CallId, Timestamp)>> {
    connection
        .prepare_cached(sql)?
        .query_map(params![instant(before), most], |row| {
            Ok((column(row, "id", call_id)?, column(row, "started_at", parse)?))
        })?
        .collect()
}

/// Removes what a timeline is made of. The call's row and its incident stay.
fn remove_timeline(connection: &Connection, call: CallId) -> rusqlite::Result<()> {
    for table in ["call_events", "dial_intents", "leg_quality", "transcripts"] {
        let sql = format!("DELETE FROM {table} WHERE call_id = ?1");
        connection.prepare_cached(&sql)?.execute([call.to_string()])?;
    }
    for sql in [
        "DELETE FROM incident_log WHERE incident_id IN (SELECT id FROM incidents WHERE call_id = ?1)",
        "UPDATE calls SET timeline_purged = 1 WHERE id = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([call.to_string()])?;
    }
    outbox::forget_told(connection, call)?;
    cases::change(connection, call, |case| case.forget_words())
}

/// Adds a call to the statistics.
fn count(connection: &Connection, call: CallId) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "INSERT INTO statistics (day, hotline, route, outcome, person, calls, duration_s, answered_s)
             SELECT day, hotline, route, outcome, person, calls, duration_s, answered_s
             FROM statistics_of_calls WHERE id = ?1
             ON CONFLICT DO UPDATE SET calls = calls + 1, duration_s = duration_s + excluded.duration_s,
                                       answered_s = answered_s + excluded.answered_s",
        )?
        .execute([call.to_string()])
}

/// Writes what was removed down, together with what the same run has removed before. Nothing is written of nothing.
pub(super) fn prove(
    connection: &Connection,
    run: &Run,
    what: Purgeable,
    removed: Removed,
) -> rusqlite::Result<Removed> {
    if removed.rows > 0 || removed.files > 0 {
        connection.execute(
            "INSERT INTO purges (at, what, rule, rows, files, oldest, newest)
             VALUES (:at, :what, :rule, :rows, :files, :oldest, :newest)
             ON CONFLICT DO UPDATE SET rows = rows + excluded.rows, files = files + excluded.files,
                 oldest = coalesce(min(oldest, excluded.oldest), oldest, excluded.oldest),
                 newest = coalesce(max(newest, excluded.newest), newest, excluded.newest)",
            named_params! {
                ":at": instant(run.at),
                ":what": what.as_str(),
                ":rule": run.rule,
                ":rows": removed.rows,
                ":files": removed.files,
                ":oldest": removed.oldest.map(instant),
                ":newest": removed.newest.map(instant),
            },
        )?;
    }
    Ok(removed)
}
