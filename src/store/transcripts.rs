//! Messages that are to be written out: queued in the transaction in which the message is kept, settled in that in which
//! the text gets to the incident.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::text::{call_id, column, instant};
use super::{Reader, Store, StoreError};
use crate::call::CallId;
use crate::incident::{Case, FORGOTTEN, Fact};

/// A message that is to be written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingTranscript {
    /// The call.
    pub call: CallId,
    /// The message's file, inside the recordings folder.
    pub file: String,
    /// The name of the hotline that was called.
    pub hotline: String,
    /// How often the command was begun for it.
    pub attempts: u32,
}

/// How a message that was not written out came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoTranscript {
    /// The command heard no words.
    Nothing,
    /// The command failed too often: why, the last time.
    Failed(String),
    /// No command is set.
    Skipped,
}

impl NoTranscript {
    fn state(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Failed(_) => "failed",
            Self::Skipped => "skipped",
        }
    }

    fn why(&self) -> Option<&str> {
        match self {
            Self::Failed(why) => Some(why),
            Self::Nothing | Self::Skipped => None,
        }
    }
}

/// What a fact means for the queue.
pub(super) fn follow(
    connection: &Connection,
    call: CallId,
    at: Timestamp,
    fact: &Fact,
    case: &Case,
) -> rusqlite::Result<()> {
    match fact {
        Fact::MessageKept(message) if case.policy().is_some_and(|policy| policy.transcript) => {
            connection
                .prepare_cached(
                    "INSERT INTO transcripts (call_id, file, queued_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                )?
                .execute(params![call.to_string(), message.file, instant(at)])?;
        }
        Fact::Transcribed { .. } => {
            connection
                .prepare_cached(
                    "UPDATE transcripts SET state = 'made', settled_at = ?2 WHERE call_id = ?1 AND state = 'waiting'",
                )?
                .execute(params![call.to_string(), instant(at)])?;
        }
        _ => {}
    }
    Ok(())
}

/// Forgets what was to be written out of a message that is gone, and what was.
pub(super) fn forget(connection: &Connection, call: CallId) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM transcripts WHERE call_id = ?1", [call.to_string()])?;
    connection.execute(
        "UPDATE incident_log SET detail = ?2 WHERE kind = 'transcript'
           AND incident_id IN (SELECT id FROM incidents WHERE call_id = ?1)",
        params![call.to_string(), FORGOTTEN],
    )?;
    Ok(())
}

impl Store {
    /// Counts one try more, before it is made.
    pub fn transcript_begun(&self, call: CallId) -> Result<(), StoreError> {
        self.write(|connection| {
            connection.execute(
                "UPDATE transcripts SET attempts = attempts + 1 WHERE call_id = ?1",
                [call.to_string()],
            )
        })?;
        Ok(())
    }

    /// A try failed; another one follows.
    pub fn transcript_failed(&self, call: CallId, why: &str) -> Result<(), StoreError> {
        self.write(|connection| {
            connection.execute(
                "UPDATE transcripts SET error = ?2 WHERE call_id = ?1",
                params![call.to_string(), why],
            )
        })?;
        Ok(())
    }

    /// There will be no text.
    pub fn transcript_settled(
        &self,
        call: CallId,
        came_to: &NoTranscript,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(|connection| {
            connection.execute(
                "UPDATE transcripts SET state = ?2, error = coalesce(?3, error), settled_at = ?4
                 WHERE call_id = ?1 AND state = 'waiting'",
                params![call.to_string(), came_to.state(), came_to.why(), instant(at)],
            )
        })?;
        Ok(())
    }
}

impl Reader {
    /// The oldest message that waits, of a call that is over.
    pub fn next_transcript(&self) -> Result<Option<WaitingTranscript>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT t.call_id, t.file, t.attempts, c.hotline
                     FROM transcripts t JOIN calls c ON c.id = t.call_id
                     WHERE t.state = 'waiting' AND c.ended_at IS NOT NULL ORDER BY t.queued_at, t.call_id LIMIT 1",
                )?
                .query_row([], waiting)
                .optional()
        })
    }
}

fn waiting(row: &Row<'_>) -> rusqlite::Result<WaitingTranscript> {
    Ok(WaitingTranscript {
        call: column(row, "call_id", call_id)?,
        file: row.get("file")?,
        hotline: row.get("hotline")?,
        attempts: row.get("attempts")?,
    })
}
