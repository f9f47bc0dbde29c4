//! Questions about messages.

use jiff::Timestamp;
use rusqlite::{Row, named_params};
use serde::Serialize;

use super::calls::as_text;
use super::text::{call_id, column, instant, optional_column, parse};
use super::{Reader, StoreError};
use crate::call::CallId;

/// A message that a caller left. Serialises as a row of `voicemail list --json`; the names are a promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VoicemailRow {
    /// The call.
    #[serde(serialize_with = "as_text")]
    pub call: CallId,
    /// The hotline's name.
    pub hotline: String,
    /// The route's.
    pub route: Option<String>,
    /// Who called.
    pub caller: String,
    /// When the recording began.
    pub at: Timestamp,
    /// Its length in ms.
    pub duration_ms: i64,
    /// `kept`, or how it went: `purged`, `deleted`.
    pub state: String,
    /// Whether the disk or a crash cut it short.
    pub truncated: bool,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// The incident that came of the call.
    pub incident: Option<i64>,
    /// The file's name inside the recordings folder.
    pub file: String,
    /// When the file was purged or deleted.
    pub gone_at: Option<Timestamp>,
}

/// Which messages are asked for. The default asks for all that are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VoicemailFilter {
    /// Only of this hotline.
    pub hotline: Option<String>,
    /// Only of this route.
    pub route: Option<String>,
    /// Only callers whose number begins like this.
    pub caller_prefix: Option<String>,
    /// Only those that began at this time or later.
    pub since: Option<Timestamp>,
    /// Also those that are gone.
    pub gone: bool,
    /// Only of the call whose id begins like this.
    pub call_prefix: Option<String>,
    /// At most so many, the newest.
    pub limit: Option<u32>,
}

impl Reader {
    /// The messages that match, newest first.
    pub fn voicemails(&self, filter: &VoicemailFilter) -> Result<Vec<VoicemailRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT recordings.call_id, hotline, route, caller, recordings.started_at AS at, duration_ms,
                            recordings.state, truncated, encrypted, incidents.id AS incident, file, gone_at
                     FROM recordings
                     JOIN calls ON calls.id = recordings.call_id
                     LEFT JOIN incidents ON incidents.call_id = calls.id
                     WHERE (recordings.state = 'kept' OR (:gone AND recordings.state IN ('purged', 'deleted')))
                       AND recordings.started_at >= coalesce(:since, '')
                       AND (:hotline IS NULL OR hotline = :hotline)
                       AND (:route IS NULL OR route = :route)
                       AND (:caller IS NULL OR substr(caller, 1, length(:caller)) = :caller)
                       AND (:call IS NULL OR substr(recordings.call_id, 1, length(:call)) = :call)
                     ORDER BY at DESC, recordings.call_id LIMIT :limit",
                )?
                .query_map(
                    named_params! {
                        ":gone": filter.gone,
                        ":since": filter.since.map(instant),
                        ":hotline": filter.hotline,
                        ":route": filter.route,
                        ":caller": filter.caller_prefix,
                        ":call": filter.call_prefix.as_ref().map(|begin| begin.to_ascii_lowercase()),
                        ":limit": filter.limit.map_or(-1, i64::from),
                    },
                    voicemail_row,
                )?
                .collect()
        })
    }
}

fn voicemail_row(row: &Row<'_>) -> rusqlite::Result<VoicemailRow> {
    Ok(VoicemailRow {
        call: column(row, "call_id", call_id)?,
        hotline: row.get("hotline")?,
        route: row.get("route")?,
        caller: row.get("caller")?,
        at: column(row, "at", parse)?,
        duration_ms: row.get("duration_ms")?,
        state: row.get("state")?,
        truncated: row.get("truncated")?,
        encrypted: row.get("encrypted")?,
        incident: row.get("incident")?,
        file: row.get("file")?,
        gone_at: optional_column(row, "gone_at", parse)?,
    })
}
