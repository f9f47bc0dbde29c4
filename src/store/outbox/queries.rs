//! Questions to the outbox.

use jiff::Timestamp;
use rusqlite::named_params;
use serde::Serialize;

use super::super::text::{column, instant, optional_column, parse};
use super::super::{Reader, StoreError};
use super::{OutboxEntry, OutboxState, RECIPIENT, one};

/// Which entries are asked for. The default asks for what waits and what is dead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutboxFilter {
    /// Only those of this target.
    pub target: Option<String>,
    /// Only those of this incident.
    pub incident: Option<i64>,
    /// Also what was sent or withdrawn.
    pub all: bool,
    /// At most so many, the newest.
    pub limit: Option<u32>,
}

/// What a target's part of the outbox comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutboxCount {
    /// The name of the target.
    pub target: String,
    /// How many entries wait.
    pub waiting: u32,
    /// How many are dead.
    pub dead: u32,
    /// Since when the oldest of those that are due has been waiting to be sent.
    pub oldest_due: Option<Timestamp>,
}

/// The first entry of an incident that waits for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The entry.
    pub id: i64,
    /// When it is due.
    pub due: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
}

impl Reader {
    /// The entries that match, in the order in which they were written.
    pub fn outbox(&self, filter: &OutboxFilter) -> Result<Vec<OutboxEntry>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT * FROM (
                         SELECT * FROM outbox
                         WHERE (:target IS NULL OR target = :target)
                           AND (:incident IS NULL OR incident_id = :incident)
                           AND (:all OR state IN ('waiting', 'dead'))
                         ORDER BY id DESC LIMIT :limit)
                     ORDER BY id",
                )?
                .query_map(
                    named_params! {
                        ":target": filter.target,
                        ":incident": filter.incident,
                        ":all": filter.all,
                        ":limit": filter.limit.map_or(-1, i64::from),
                    },
                    one,
                )?
                .collect()
        })
    }

    /// One entry.
    pub fn outbox_entry(&self, id: i64) -> Result<Option<OutboxEntry>, StoreError> {
        self.read(|connection| {
            let mut found = connection.prepare_cached("SELECT * FROM outbox WHERE id = ?1")?;
            found.query_map([id], one)?.next().transpose()
        })
    }

    /// What may be sent to a target next: of each incident (and each recipient of it) the first entry that waits, those that are due first before
    /// the others.
    pub fn outbox_heads(&self, target: &str) -> Result<Vec<Head>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT id, due_at, attempts FROM outbox WHERE id IN (
                         SELECT min(id) FROM outbox WHERE target = ?1 AND state = 'waiting'
                         GROUP BY dedup_key, {RECIPIENT})
                     ORDER BY due_at, id"
                ))?
                .query_map([target], |row| {
                    Ok(Head {
                        id: row.get("id")?,
                        due: column(row, "due_at", parse)?,
                        attempts: row.get("attempts")?,
                    })
                })?
                .collect()
        })
    }

    /// What the outbox comes to, target by target; those of which nothing waits or is dead are left out.
    pub fn outbox_counts(&self, now: Timestamp) -> Result<Vec<OutboxCount>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT target, count(*) FILTER (WHERE state = 'waiting') AS waiting,
                            count(*) FILTER (WHERE state = 'dead') AS dead,
                            min(wanted_at) FILTER (WHERE state = 'waiting' AND wanted_at <= ?1) AS oldest_due
                     FROM outbox WHERE state IN ('waiting', 'dead') GROUP BY target ORDER BY target",
                )?
                .query_map([instant(now)], |row| {
                    Ok(OutboxCount {
                        target: row.get("target")?,
                        waiting: row.get("waiting")?,
                        dead: row.get("dead")?,
                        oldest_due: optional_column(row, "oldest_due", parse)?,
                    })
                })?
                .collect()
        })
    }
}

impl OutboxEntry {
    /// What is told, in a word.
    pub fn event(&self) -> &'static str {
        self.notice.as_ref().map_or("unreadable", |notice| notice.event.as_str())
    }

    /// Whether it waits.
    pub fn is_waiting(&self) -> bool {
        self.state == OutboxState::Waiting
    }
}
