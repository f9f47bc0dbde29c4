//! Quiet times: maintenance, snooze and mute. None of them keeps a phone from ringing.

use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params, params};
use serde::{Deserialize, Serialize};

use super::text::{column, instant, optional_column, parse};
use super::{Reader, Store, StoreError};
use crate::incident::Quiet;

/// What is quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuietKind {
    /// No incident is opened.
    Maintenance,
    /// Incidents are opened; people are told at its end.
    Snooze,
    /// Incidents are opened; nobody is told.
    Mute,
}

impl QuietKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Maintenance, Self::Snooze, Self::Mute];

    /// The word used in output and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Maintenance => "maintenance",
            Self::Snooze => "snooze",
            Self::Mute => "mute",
        }
    }

    /// The kind a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A quiet time that is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewQuietTime {
    /// What is quiet.
    pub kind: QuietKind,
    /// The hotline's name; nothing: all of them.
    pub hotline: Option<String>,
    /// The route's name; nothing: all of them.
    pub route: Option<String>,
    /// From when.
    pub from: Timestamp,
    /// Until when; nothing: until it is taken away.
    pub until: Option<Timestamp>,
    /// Why, in the operator's words.
    pub reason: Option<String>,
}

/// A quiet time. Serialises as a row of `maintenance list --json`; the names are a promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietTime {
    /// Names it for good.
    pub id: i64,
    /// What it says.
    #[serde(flatten)]
    pub time: NewQuietTime,
}

impl Reader {
    /// The quiet times that are not over, and with `all` also those that are, in order of their beginning.
    pub fn quiet_times(&self, now: Timestamp, all: bool) -> Result<Vec<QuietTime>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT * FROM quiet_times WHERE ?2 OR ends_at IS NULL OR ends_at > ?1 ORDER BY starts_at, id",
                )?
                .query_map(params![instant(now), all], one)?
                .collect()
        })
    }
}

impl Store {
    /// Adds a quiet time; answers its id.
    pub fn add_quiet_time(&self, new: &NewQuietTime) -> Result<i64, StoreError> {
        self.write(|connection| {
            connection.execute(
                "INSERT INTO quiet_times (kind, hotline, route, starts_at, ends_at, reason)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    new.kind.as_str(),
                    new.hotline,
                    new.route,
                    instant(new.from),
                    new.until.map(instant),
                    new.reason,
                ],
            )?;
            Ok(connection.last_insert_rowid())
        })
    }

    /// Takes a quiet time away; answers whether there was one.
    pub fn remove_quiet_time(&self, kind: QuietKind, id: i64) -> Result<bool, StoreError> {
        self.write(|connection| {
            let sql = "DELETE FROM quiet_times WHERE kind = ?1 AND id = ?2";
            Ok(connection.execute(sql, params![kind.as_str(), id])? > 0)
        })
    }

    /// Ends all quiet times of a kind that are for just this hotline and route and not over; answers their ids.
    pub fn end_quiet_times(
        &self,
        kind: QuietKind,
        hotline: Option<&str>,
        route: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<i64>, StoreError> {
        self.write(|connection| {
            connection
                .prepare_cached(
                    "DELETE FROM quiet_times
                     WHERE kind = ?1 AND hotline IS ?2 AND route IS ?3 AND (ends_at IS NULL OR ends_at > ?4)
                     RETURNING id",
                )?
                .query_map(params![kind.as_str(), hotline, route, instant(now)], |row| row.get(0))?
                .collect()
        })
    }
}

fn one(row: &Row<'_>) -> rusqlite::Result<QuietTime> {
    Ok(QuietTime {
        id: row.get("id")?,
        time: NewQuietTime {
            kind: column(row, "kind", QuietKind::from_word)?,
            hotline: row.get("hotline")?,
            route: row.get("route")?,
            from: column(row, "starts_at", parse)?,
            until: optional_column(row, "ends_at", parse)?,
            reason: row.get("reason")?,
        },
    })
}

/// What is quiet for a route at a moment. A snooze that another follows without a pause ends with that.
pub(super) fn at(
    connection: &Connection,
    hotline: &str,
    route: &str,
    at: Timestamp,
) -> rusqlite::Result<Quiet> {
    let mut quiet = Quiet { maintenance: false, muted: false, snoozed_until: None };
    for time in in_force(connection, hotline, route, at)? {
        match time.kind {
            QuietKind::Maintenance => quiet.maintenance = true,
            QuietKind::Mute => quiet.muted = true,
            QuietKind::Snooze => quiet.snoozed_until = quiet.snoozed_until.max(time.until),
        }
    }
    while let Some(until) = quiet.snoozed_until {
        let next = in_force(connection, hotline, route, until)?;
        let next = next
            .into_iter()
            .filter(|time| time.kind == QuietKind::Snooze)
            .filter_map(|time| time.until)
            .max();
        match next {
            Some(later) if later > until => quiet.snoozed_until = Some(later),
            _ => break,
        }
    }
    Ok(quiet)
}

fn in_force(
    connection: &Connection,
    hotline: &str,
    route: &str,
    at: Timestamp,
) -> rusqlite::Result<Vec<NewQuietTime>> {
    connection
        .prepare_cached(
            "SELECT * FROM quiet_times
             WHERE starts_at <= :at AND (ends_at IS NULL OR ends_at > :at)
               AND (hotline IS NULL OR hotline = :hotline) AND (route IS NULL OR route = :route)",
        )?
        .query_map(named_params! { ":at": instant(at), ":hotline": hotline, ":route": route }, |row| {
            Ok(one(row)?.time)
        })?
        .collect()
}
