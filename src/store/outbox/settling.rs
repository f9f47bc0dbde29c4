//! What becomes of entries: tried, sent, put off, given up, sent again.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::super::incidents::log;
use super::super::text::instant;
use super::super::{Store, StoreError};
use super::{About, OutboxEntry, RECIPIENT, TRIED_FOR, one, put};
use crate::incident::Notice;

/// How long entries that belong to no call are kept once they are settled. The others go with their calls.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The target has taken it.
    Sent,
    /// The target has no use for it.
    Needless,
    /// Not now.
    Later {
        /// Why.
        why: String,
        /// When it is tried again.
        due: Timestamp,
    },
    /// Never: the operator has to look.
    Dead {
        /// Why.
        why: String,
    },
}

/// What is sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// This entry.
    Entry(i64),
    /// All dead entries of this target.
    Target(String),
}

impl Store {
    /// Rung when something was put into the outbox.
    pub fn bell(&self) -> &super::Bell {
        &self.bell
    }

    /// Puts a notice that belongs to no incident into the outbox of these targets; answers how many of them did not
    /// have it yet.
    pub fn tell(&self, targets: &[String], notice: &Notice, now: Timestamp) -> Result<usize, StoreError> {
        let written = self.write(|connection| {
            targets.iter().try_fold(0, |sum, target| {
                Ok(sum + usize::from(put(connection, target, notice, About::default(), now, now)?))
            })
        })?;
        self.bell.ring();
        Ok(written)
    }

    /// An entry is about to be sent. False: it is not to be sent any more.
    pub fn outbox_try(&self, id: i64) -> Result<bool, StoreError> {
        self.write(|connection| {
            let sql = "UPDATE outbox SET attempts = attempts + 1 WHERE id = ?1 AND state = 'waiting'";
            Ok(connection.prepare_cached(sql)?.execute([id])? > 0)
        })
    }

    /// Writes down what came of a try. What was withdrawn meanwhile, and yet arrived, was sent.
    pub fn outbox_settle(&self, id: i64, settled: &Settled, now: Timestamp) -> Result<(), StoreError> {
        self.write(|connection| {
            let Some(entry) = find(connection, id)? else { return Ok(()) };
            settle(connection, &entry, settled, now)
        })
    }

    /// A target that did not take entries takes them again: what was put off for that is due now.
    pub fn outbox_back(&self, target: &str, now: Timestamp) -> Result<usize, StoreError> {
        self.write(|connection| {
            connection
                .prepare_cached(
                    "UPDATE outbox SET due_at = ?2
                     WHERE target = ?1 AND state = 'waiting' AND attempts > 0 AND due_at > ?2",
                )?
                .execute(params![target, instant(now)])
        })
    }

    /// Gives up what was to be sent 7 days ago, and lets go of what is settled and belongs to no call. Answers how
    /// many entries were given up.
    pub fn outbox_sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.write(|connection| {
            let since = |ago| instant(now.checked_sub(ago).unwrap_or(Timestamp::MIN));
            connection
                .prepare_cached("DELETE FROM outbox WHERE call_id IS NULL AND settled_at < ?1")?
                .execute([since(KEPT_FOR)])?;
            let old: Vec<OutboxEntry> = connection
                .prepare_cached("SELECT * FROM outbox WHERE state = 'waiting' AND wanted_at < ?1")?
                .query_map([since(TRIED_FOR)], one)?
                .collect::<rusqlite::Result<_>>()?;
            for entry in &old {
                let last = entry.last_error.as_deref().unwrap_or("there was no such target");
                let why = format!("given up after 7 days: {last}");
                settle(connection, entry, &Settled::Dead { why }, now)?;
            }
            Ok(old.len())
        })
    }

    /// Has entries sent again, now. What followed an entry in its incident is sent again behind it, under its old
    /// name, so that the target ends up where the incident is. Answers how many entries wait by that.
    pub fn outbox_replay(&self, what: &Replay, now: Timestamp) -> Result<usize, StoreError> {
        let waiting = self.write(|connection| {
            let firsts: Vec<i64> = match what {
                Replay::Entry(id) => vec![*id],
                Replay::Target(target) => connection
                    .prepare("SELECT id FROM outbox WHERE target = ?1 AND state = 'dead' ORDER BY id")?
                    .query_map([target], |row| row.get(0))?
                    .collect::<rusqlite::Result<_>>()?,
            };
            firsts.into_iter().try_fold(0, |sum, id| Ok(sum + replay(connection, id, now)?))
        })?;
        self.bell.ring();
        Ok(waiting)
    }

    /// An entry that waits or is dead is not sent any more; answers whether there was one.
    pub fn outbox_drop(&self, id: i64, now: Timestamp) -> Result<bool, StoreError> {
        let dropped = self.write(|connection| {
            let sql = "UPDATE outbox SET state = 'withdrawn', settled_at = ?2
                       WHERE id = ?1 AND state IN ('waiting', 'dead')";
            Ok(connection.execute(sql, params![id, instant(now)])? > 0)
        })?;
        // It may have held up others.
        self.bell.ring();
        Ok(dropped)
    }
}

fn find(connection: &Connection, id: i64) -> rusqlite::Result<Option<OutboxEntry>> {
    connection.prepare_cached("SELECT * FROM outbox WHERE id = ?1")?.query_row([id], one).optional()
}

fn settle(
    connection: &Connection,
    entry: &OutboxEntry,
    settled: &Settled,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let (event, target) = (entry.event(), &entry.target);
    let detail = match settled {
        Settled::Sent => {
            connection
                .prepare_cached(
                    "UPDATE outbox SET state = 'sent', settled_at = ?2, last_error = NULL WHERE id = ?1",
                )?
                .execute(params![entry.id, instant(now)])?;
            Some(format!("{target} was told: {event}"))
        }
        Settled::Needless => {
            connection
                .prepare_cached(
                    "UPDATE outbox SET state = 'withdrawn', settled_at = ?2, last_error = NULL
                     WHERE id = ?1 AND state = 'waiting'",
                )?
                .execute(params![entry.id, instant(now)])?;
            None
        }
        Settled::Later { why, due } => {
            connection
                .prepare_cached(
                    "UPDATE outbox SET due_at = ?2, last_error = ?3 WHERE id = ?1 AND state = 'waiting'",
                )?
                .execute(params![entry.id, instant(*due), why])?;
            // The first failure is news; that it goes on stands in the outbox.
            let first = entry.last_error.is_none() && entry.is_waiting();
            first.then(|| format!("{target} could not be told yet: {event}: {why}"))
        }
        Settled::Dead { why } => {
            connection
                .prepare_cached(
                    "UPDATE outbox SET state = 'dead', settled_at = ?2, last_error = ?3
                     WHERE id = ?1 AND state = 'waiting'",
                )?
                .execute(params![entry.id, instant(now), why])?;
            entry.is_waiting().then(|| format!("{target} was not told: {event}: {why}"))
        }
    };
    match (entry.incident, detail) {
        (Some(incident), Some(detail)) => log(connection, incident, now, None, "delivery", &detail),
        _ => Ok(()),
    }
}

/// Sends an entry that is dead or was sent again, with all that was sent of its incident after it. What was tried stays
/// tried: it may have arrived, and is not to be withdrawn as if it never had.
fn replay(connection: &Connection, id: i64, now: Timestamp) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(&format!(
            "UPDATE outbox SET state = 'waiting', settled_at = NULL, attempts = min(attempts, 1), due_at = ?2, wanted_at = ?2
             WHERE id >= ?1 AND state IN ('dead', 'sent')
               AND (target, dedup_key, {RECIPIENT}) = (
                   SELECT target, dedup_key, {RECIPIENT} FROM outbox WHERE id = ?1 AND state IN ('dead', 'sent'))"
        ))?
        .execute(params![id, instant(now)])
}
