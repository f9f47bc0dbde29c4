//! What is wrong with Nightbell itself and was told: kept over a restart.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde::Serialize;

use super::outbox::{About, put};
use super::text::{column, instant, parse};
use super::{Reader, Store, StoreError};
use crate::call::verify::OURSELVES;
use crate::incident::{Notice, Severity};

/// An alarm that is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// What is wrong, in a word: `disk`, `trunk-carrier`.
    pub name: String,
    /// Since when.
    pub since: Timestamp,
    /// How grave it is.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// What was found, and what to do.
    pub detail: String,
}

impl Store {
    /// An alarm is on, and these targets are told of it by the outbox: both or neither.
    pub fn alarm_raised(&self, alarm: &Alarm, notice: &Notice, targets: &[String]) -> Result<(), StoreError> {
        self.write(|connection| {
            connection
                .prepare_cached(
                    "INSERT INTO alarms (name, since, severity, title, detail) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (name) DO UPDATE SET since = ?2, severity = ?3, title = ?4, detail = ?5",
                )?
                .execute(params![
                    alarm.name,
                    instant(alarm.since),
                    alarm.severity.as_str(),
                    alarm.title,
                    alarm.detail
                ])?;
            tell(connection, notice, targets)
        })?;
        self.bell().ring();
        Ok(())
    }

    /// An alarm is over, and these targets are told so: both or neither.
    pub fn alarm_over(&self, name: &str, notice: &Notice, targets: &[String]) -> Result<(), StoreError> {
        self.write(|connection| {
            connection.prepare_cached("DELETE FROM alarms WHERE name = ?1")?.execute([name])?;
            tell(connection, notice, targets)
        })?;
        self.bell().ring();
        Ok(())
    }
}

fn tell(connection: &Connection, notice: &Notice, targets: &[String]) -> rusqlite::Result<()> {
    let at = notice.at;
    targets
        .iter()
        .try_for_each(|target| put(connection, target, notice, About::default(), at, at).map(|_| ()))
}

impl Reader {
    /// The alarms that are on.
    pub fn alarms(&self) -> Result<Vec<Alarm>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT * FROM alarms ORDER BY since, name")?
                .query_map([], |row| {
                    Ok(Alarm {
                        name: row.get("name")?,
                        since: column(row, "since", parse)?,
                        severity: column(row, "severity", Severity::from_word)?,
                        title: row.get("title")?,
                        detail: row.get("detail")?,
                    })
                })?
                .collect()
        })
    }

    /// When the newest call was answered that came from one of these numbers; of none: from anywhere. Calls of our own
    /// to phones do not count.
    pub fn last_answered(&self, callers: &[String]) -> Result<Option<Timestamp>, StoreError> {
        self.read(|connection| {
            let wanted = serde_json::to_string(callers)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
            connection
                .prepare_cached(
                    "SELECT answered_at FROM calls
                     WHERE answered_at IS NOT NULL AND caller <> ?2
                       AND (?1 = '[]' OR caller IN (SELECT value FROM json_each(?1)))
                     ORDER BY started_at DESC, id DESC LIMIT 1",
                )?
                .query_map(params![wanted, OURSELVES], |row| column(row, "answered_at", parse))?
                .next()
                .transpose()
        })
    }
}
