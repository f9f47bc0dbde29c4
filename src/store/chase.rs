//! Chases: which open incidents people are turned to for, and how far each has come. Begun and stopped in the
//! transaction of the fact that says so.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::text::{call_id, column, instant, parse};
use super::{Reader, Store, StoreError, incidents, ways};
use crate::call::CallId;
use crate::incident::chase::Progress;
use crate::incident::{Case, Event, Tell};

/// An incident that people are being turned to for.
#[derive(Debug, Clone)]
pub struct Chase {
    /// The incident.
    pub incident: i64,
    /// The call it came of.
    pub call: CallId,
    /// When it was begun: tells it from an earlier one about the same incident.
    pub begun_at: Timestamp,
    /// Nothing is to be done before.
    pub due_at: Timestamp,
    /// How far it has come.
    pub progress: Progress,
    /// What is known of the call.
    pub case: Case,
}

/// People are turned to from a moment on. One that runs begins anew.
pub(super) fn start(
    connection: &Connection,
    incident: i64,
    at: Timestamp,
    from: Timestamp,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO chases (incident_id, state, begun_at, due_at, progress) VALUES (?1, 'running', ?2, ?3, '{}')
               ON CONFLICT (incident_id) DO UPDATE SET state = excluded.state, begun_at = excluded.begun_at,
                   due_at = excluded.due_at, progress = excluded.progress";
    connection.prepare_cached(sql)?.execute(params![incident, instant(at), instant(from)]).map(drop)
}

/// Nobody is needed any more.
pub(super) fn stop(connection: &Connection, incident: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE chases SET state = 'stopped' WHERE incident_id = ?1 AND state = 'running'";
    connection.prepare_cached(sql)?.execute([incident]).map(drop)
}

impl Reader {
    /// The chases that run, those due first in front. What cannot be read is left out and reported.
    pub fn chases(&self) -> Result<Vec<Chase>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT chases.*, call_id, incident_cases.state AS known
                       FROM chases JOIN incidents ON incidents.id = incident_id JOIN incident_cases USING (call_id)
                       WHERE chases.state = 'running' ORDER BY due_at, incident_id";
            let mut query = connection.prepare_cached(sql)?;
            let rows = query.query_map([], one)?;
            Ok(rows.filter_map(|row| row.inspect_err(|error| tracing::error!(%error, "a chase cannot be read")).ok()).collect())
        })
    }

    /// Whether a chase still runs.
    pub fn chase_runs(&self, chase: &Chase) -> Result<bool, StoreError> {
        self.read(|connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM chases
                                      WHERE incident_id = ?1 AND begun_at = ?2 AND state = 'running')";
            connection
                .prepare_cached(sql)?
                .query_row(params![chase.incident, instant(chase.begun_at)], |row| row.get(0))
        })
    }
}

fn one(row: &Row<'_>) -> rusqlite::Result<Chase> {
    Ok(Chase {
        incident: row.get("incident_id")?,
        call: column(row, "call_id", call_id)?,
        begun_at: column(row, "begun_at", parse)?,
        due_at: column(row, "due_at", parse)?,
        progress: column(row, "progress", |text| serde_json::from_str(text).ok())?,
        case: column(row, "known", |text| serde_json::from_str(text).ok())?,
    })
}

impl Store {
    /// Keeps how far a chase has come. False: it does not run any more, and nothing was kept.
    pub fn chase_came_to(&self, chase: &Chase) -> Result<bool, StoreError> {
        self.write(|connection| keep(connection, chase))
    }

    /// The same, as somebody's turn begins: with what is told by this person's own ways, unless the person was told
    /// in this round. `text` says why.
    pub fn chase_turn(
        &self,
        chase: &Chase,
        person: &str,
        text: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let runs = self.write(|connection| {
            let runs = keep(connection, chase)?;
            if runs {
                tell(connection, chase, person, text, now)?;
            }
            Ok(runs)
        })?;
        self.bell().ring();
        Ok(runs)
    }

    /// Writes what came of a person's turn into the incident's log, and keeps how far the chase has come.
    pub fn chase_came(&self, chase: &Chase, detail: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.write(|connection| {
            incidents::log(connection, chase.incident, now, None, "phoned", detail)?;
            keep(connection, chase)
        })
    }

    /// All rounds are over.
    pub fn chase_over(&self, chase: &Chase) -> Result<(), StoreError> {
        self.write(|connection| {
            let sql = "UPDATE chases SET state = 'over' WHERE incident_id = ?1 AND begun_at = ?2 AND state = 'running'";
            connection.prepare_cached(sql)?.execute(params![chase.incident, instant(chase.begun_at)]).map(drop)
        })
    }
}

fn keep(connection: &Connection, chase: &Chase) -> rusqlite::Result<bool> {
    let progress = serde_json::to_string(&chase.progress)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let sql = "UPDATE chases SET progress = ?3, due_at = ?4
               WHERE incident_id = ?1 AND begun_at = ?2 AND state = 'running'";
    let values = params![chase.incident, instant(chase.begun_at), progress, instant(chase.due_at)];
    Ok(connection.prepare_cached(sql)?.execute(values)? > 0)
}

fn tell(
    connection: &Connection,
    chase: &Chase,
    person: &str,
    text: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let round = chase.progress.round();
    if round == 1 && ways::is_told(connection, chase.incident, person)? {
        return Ok(());
    }
    let tell = Tell { event: Event::Trigger, due: now, text: text.to_owned(), by: None, number: 0 };
    let Some(mut notice) = incidents::notice(connection, chase.incident, now, &chase.case, &tell)? else {
        return Ok(());
    };
    notice.id = format!("{}-{}-{round}", notice.dedup_key, chase.begun_at.as_millisecond());
    ways::tell_one(connection, chase.incident, chase.call, &notice, person, now, now).map(drop)
}
