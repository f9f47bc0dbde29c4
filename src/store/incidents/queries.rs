//! Questions to the list of incidents.

use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params};
use serde::{Serialize, Serializer};

use super::super::text::{call_id, column, instant, optional_column, parse};
use super::super::{Reader, StoreError};
use crate::call::CallId;
use crate::incident::{Severity, Status};

/// An incident in the list. Serialises as a row of `incidents --json`; the names are a promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncidentRow {
    /// What people call it.
    pub id: i64,
    /// The call it came of.
    #[serde(serialize_with = "as_text")]
    pub call: CallId,
    /// One line of what happened.
    pub title: String,
    /// How grave it is.
    pub severity: Severity,
    /// Whether somebody has taken it on, and whether it is over.
    pub status: Status,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When somebody took it on.
    pub acknowledged_at: Option<Timestamp>,
    /// Who: the id of a person, or a word.
    pub acknowledged_by: Option<String>,
    /// When it was over.
    pub resolved_at: Option<Timestamp>,
    /// Who or what ended it.
    pub resolved_by: Option<String>,
    /// Who is on it: ids of people.
    pub assigned: Vec<String>,
    /// Nobody is told of it.
    pub muted: bool,
    /// Nobody is told of it before.
    pub snoozed_until: Option<Timestamp>,
    /// The hotline's name.
    pub hotline: String,
    /// The route's name.
    pub route: Option<String>,
    /// Who called.
    pub caller: String,
    /// The file of the message, inside the recordings folder.
    pub voicemail: Option<String>,
    /// What was said in it.
    pub transcript: Option<String>,
}

/// A line of an incident's log. Serialises as an element of `log` of `incidents ID --json`; the names are a promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogRow {
    /// When.
    pub at: Timestamp,
    /// Who did it, where somebody did.
    pub by: Option<String>,
    /// What, in a word.
    pub kind: String,
    /// In a sentence.
    pub detail: String,
}

/// Which incidents are asked for. The default asks for those that are not over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    /// Only those that have come this far.
    pub status: Option<Status>,
    /// Also those that are over.
    pub all: bool,
    /// Only those of this hotline.
    pub hotline: Option<String>,
    /// Only those of this route.
    pub route: Option<String>,
    /// Only those that were opened at this time or later.
    pub since: Option<Timestamp>,
    /// At most so many, the newest.
    pub limit: Option<u32>,
}

/// Everything of an incident's row. The case knows the route while the call goes on.
const ROWS: &str = "SELECT incidents.*, calls.hotline, calls.caller, recordings.file AS voicemail,
           coalesce(calls.route, nullif(incident_cases.state ->> '$.routed.route', '')) AS on_route,
           incident_cases.state ->> '$.transcript' AS transcript,
           (SELECT json_group_array(person ORDER BY person) FROM incident_people
            WHERE incident_id = incidents.id) AS assigned
    FROM incidents JOIN calls ON calls.id = incidents.call_id
    LEFT JOIN incident_cases ON incident_cases.call_id = incidents.call_id AND json_valid(incident_cases.state)
    LEFT JOIN recordings ON recordings.call_id = incidents.call_id AND recordings.state = 'kept'";

fn as_text<S: Serializer>(id: &CallId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

impl Reader {
    /// The incidents that match, newest first.
    pub fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<IncidentRow>, StoreError> {
        self.read(|connection| incidents(connection, filter))
    }

    /// One incident with its log.
    pub fn incident(&self, id: i64) -> Result<Option<(IncidentRow, Vec<LogRow>)>, StoreError> {
        self.read(|connection| {
            let found = connection
                .prepare_cached(&format!("{ROWS} WHERE incidents.id = ?1"))?
                .query_map([id], incident_row)?
                .next()
                .transpose()?;
            found.map(|row| Ok((row, log_of(connection, id)?))).transpose()
        })
    }

    /// The number of the incident of a call.
    pub fn incident_of(&self, call: CallId) -> Result<Option<i64>, StoreError> {
        self.read(|connection| super::number(connection, call))
    }
}

fn incidents(connection: &Connection, filter: &IncidentFilter) -> rusqlite::Result<Vec<IncidentRow>> {
    connection
        .prepare_cached(&format!(
            "{ROWS}
             WHERE (:all OR incidents.status <> 'resolved')
               AND (:status IS NULL OR incidents.status = :status)
               AND (:hotline IS NULL OR calls.hotline = :hotline)
               AND (:route IS NULL OR on_route = :route)
               AND opened_at >= coalesce(:since, '')
             ORDER BY incidents.id DESC LIMIT :limit"
        ))?
        .query_map(
            named_params! {
                ":all": filter.all || filter.status == Some(Status::Resolved),
                ":status": filter.status.map(Status::as_str),
                ":hotline": filter.hotline,
                ":route": filter.route,
                ":since": filter.since.map(instant),
                ":limit": filter.limit.map_or(-1, i64::from),
            },
            incident_row,
        )?
        .collect()
}

fn incident_row(row: &Row<'_>) -> rusqlite::Result<IncidentRow> {
    Ok(IncidentRow {
        id: row.get("id")?,
        call: column(row, "call_id", call_id)?,
        title: row.get("title")?,
        severity: column(row, "severity", Severity::from_word)?,
        status: column(row, "status", Status::from_word)?,
        opened_at: column(row, "opened_at", parse)?,
        acknowledged_at: optional_column(row, "acknowledged_at", parse)?,
        acknowledged_by: row.get("acknowledged_by")?,
        resolved_at: optional_column(row, "resolved_at", parse)?,
        resolved_by: row.get("resolved_by")?,
        assigned: column(row, "assigned", |text| serde_json::from_str(text).ok())?,
        muted: row.get("muted")?,
        snoozed_until: optional_column(row, "snoozed_until", parse)?,
        hotline: row.get("hotline")?,
        route: row.get("on_route")?,
        caller: row.get("caller")?,
        voicemail: row.get("voicemail")?,
        transcript: row.get("transcript")?,
    })
}

fn log_of(connection: &Connection, id: i64) -> rusqlite::Result<Vec<LogRow>> {
    connection
        .prepare_cached("SELECT * FROM incident_log WHERE incident_id = ?1 ORDER BY id")?
        .query_map([id], |row| {
            Ok(LogRow {
                at: column(row, "at", parse)?,
                by: row.get("by")?,
                kind: row.get("kind")?,
                detail: row.get("detail")?,
            })
        })?
        .collect()
}
