//! The outbox: what is to be told to targets, and what was. Written in the transaction of the fact it tells of;
//! emptied by the daemon, one worker a target.
//!
//! What holds here:
//! 1. An entry waits until its target has answered. A crash in between sends it again, under the same name.
//! 2. What belongs to one incident goes to a target in the order in which it was written. Other incidents do not
//!    wait for it.
//! 3. A try is counted before it is made. What was never tried can be withdrawn; what was may have arrived.

mod bell;
mod queries;
mod settling;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, Row, params};
use serde::{Serialize, Serializer};

pub use bell::Bell;
pub use queries::{Head, OutboxCount, OutboxFilter};
pub use settling::{Replay, Settled};

use super::text::{call_id, column, instant, optional_column, parse};
use crate::call::CallId;
use crate::incident::Notice;

/// To whom alone an entry goes, as SQL: entries of one incident are told in order to the target as a whole, and to each
/// person on their own. One whose mailbox does not take it holds up nobody else.
const RECIPIENT: &str =
    "CASE WHEN json_valid(notice) THEN coalesce(notice ->> '$.to.party.id', '') ELSE '' END";

/// How long an entry is tried.
pub const TRIED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutboxState {
    /// It is to be sent.
    Waiting,
    /// The target has taken it.
    Sent,
    /// The target refused it, or was not there for 7 days.
    Dead,
    /// It was not needed any more before it was sent.
    Withdrawn,
}

impl OutboxState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Sent, Self::Dead, Self::Withdrawn];

    /// The word used in output and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Dead => "dead",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The state a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// One entry of the outbox. Serialises as a row of `outbox --json`; the names are a promise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutboxEntry {
    /// Its number: entries are written in this order.
    pub id: i64,
    /// The name of the target.
    pub target: String,
    /// What became of it.
    pub state: OutboxState,
    /// What it belongs to.
    pub dedup_key: String,
    /// The number of the incident.
    pub incident: Option<i64>,
    /// The call.
    #[serde(serialize_with = "optional_text")]
    pub call: Option<CallId>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was to be sent at first.
    pub wanted_at: Timestamp,
    /// Not to be sent before.
    pub due_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong the last time.
    pub last_error: Option<String>,
    /// When it was sent, given up or withdrawn.
    pub settled_at: Option<Timestamp>,
    /// What is told; nothing where it cannot be read any more.
    pub notice: Option<Notice>,
}

fn optional_text<S: Serializer>(id: &Option<CallId>, serializer: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_none(),
    }
}

fn one(row: &Row<'_>) -> rusqlite::Result<OutboxEntry> {
    Ok(OutboxEntry {
        id: row.get("id")?,
        target: row.get("target")?,
        state: column(row, "state", OutboxState::from_word)?,
        dedup_key: row.get("dedup_key")?,
        incident: row.get("incident_id")?,
        call: optional_column(row, "call_id", call_id)?,
        created_at: column(row, "created_at", parse)?,
        wanted_at: column(row, "wanted_at", parse)?,
        due_at: column(row, "due_at", parse)?,
        attempts: row.get("attempts")?,
        last_error: row.get("last_error")?,
        settled_at: optional_column(row, "settled_at", parse)?,
        notice: serde_json::from_str(&row.get::<_, String>("notice")?).ok(),
    })
}

/// What a notice is about, beside its own words.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct About {
    /// The incident's number.
    pub incident: Option<i64>,
    /// The call.
    pub call: Option<CallId>,
}

/// Puts a notice into the outbox of a target; answers whether it was not there yet.
pub(super) fn put(
    connection: &Connection,
    target: &str,
    notice: &Notice,
    about: About,
    now: Timestamp,
    due: Timestamp,
) -> rusqlite::Result<bool> {
    let text = serde_json::to_string(notice)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let written = connection
        .prepare_cached(
            "INSERT INTO outbox (target, notice_id, dedup_key, incident_id, call_id, notice, created_at, wanted_at, due_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (target, notice_id) DO NOTHING",
        )?
        .execute(params![
            target,
            notice.id,
            notice.dedup_key,
            about.incident,
            about.call.map(|call| call.to_string()),
            text,
            instant(now),
            // What is told only now, after a crash or a failure of the disk, is not old.
            instant(due.max(Timestamp::now())),
            instant(due),
        ])?;
    Ok(written > 0)
}

/// Whether a target has been told that there is an incident, or may have been, or is still to be.
pub(super) fn knows_of(connection: &Connection, target: &str, dedup_key: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM outbox WHERE target = ?1 AND dedup_key = ?2
                              AND state <> 'withdrawn' AND json_valid(notice)
                              AND notice ->> 'event' = 'trigger')";
    connection.prepare_cached(sql)?.query_row(params![target, dedup_key], |row| row.get(0))
}

/// Whether anybody was told that there is an incident of this call, or may have been.
pub(super) fn was_tried(connection: &Connection, call: CallId) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM outbox WHERE call_id = ?1 AND attempts > 0
                              AND state <> 'withdrawn' AND json_valid(notice)
                              AND notice ->> 'event' = 'trigger')";
    connection.prepare_cached(sql)?.query_row([call.to_string()], |row| row.get(0))
}

/// Forgets what was told of a call. Of an incident that is not over it stays known who was told of it, without a
/// word of what: they are to be told of its end.
pub(super) fn forget_told(connection: &Connection, call: CallId) -> rusqlite::Result<()> {
    let owed = "state = 'sent' AND CASE WHEN json_valid(notice) THEN notice ->> 'event' = 'trigger' END
                AND incident_id IN (SELECT id FROM incidents WHERE status <> 'resolved')";
    for sql in [
        format!("DELETE FROM outbox WHERE call_id = ?1 AND state <> 'waiting' AND ({owed}) IS NOT TRUE"),
        format!(
            "UPDATE outbox SET notice = json_object('event', 'trigger', 'to', json(notice -> '$.to'))
             WHERE call_id = ?1 AND {owed}"
        ),
    ] {
        connection.prepare_cached(&sql)?.execute([call.to_string()])?;
    }
    Ok(())
}

/// Withdraws what was never tried of an incident.
pub(super) fn withdraw(connection: &Connection, dedup_key: &str, now: Timestamp) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "UPDATE outbox SET state = 'withdrawn', settled_at = ?2
             WHERE dedup_key = ?1 AND state = 'waiting' AND attempts = 0",
        )?
        .execute(params![dedup_key, instant(now)])
}
