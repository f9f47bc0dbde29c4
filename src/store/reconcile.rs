//! After a crash: calls left open get their end, by what their timelines say is true.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::entries::{self, milliseconds, recording_state, recordings};
use super::text::{call_id, column, instant, parse};
use super::{Store, StoreError, calls, incidents};
use crate::call::CallId;
use crate::call::journal::{Action, Event, Outcome, RecordingKind, Step, StepResult};
use crate::call::leg::LegId;
use crate::incident::{Ending, Fact, Message};

/// The end reason of a call that was cut off.
const CUT_OFF: &str = "the daemon stopped";

/// What an earlier run of the daemon has left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Calls that were open and now have an end.
    pub calls_closed: Vec<CallId>,
    /// Answered legs that were up: each is to be sent a BYE. They are told again at each start until
    /// [`Store::legs_released`].
    pub legs_up: Vec<StoredLeg>,
    /// Recordings that were not finished: their files are to be repaired, then
    /// [`Store::recording_recovered`]. They are told again until then.
    pub recordings: Vec<Unfinished>,
}

/// A recording that an earlier run of the daemon has not finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The call.
    pub call: CallId,
    /// What was recorded.
    pub kind: RecordingKind,
    /// The file's name inside the recordings folder.
    pub file: String,
}

/// An answered leg of an earlier run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLeg {
    /// Its number in that run.
    pub leg: LegId,
    /// The call.
    pub call: CallId,
    /// Its dialog, as the switch wrote it (JSON).
    pub dialog: String,
}

impl Store {
    /// Closes what an earlier run has left open. To be called once, before the journal is written;
    /// calling it again changes nothing.
    pub fn reconcile(&self, now: Timestamp) -> Result<Reconciled, StoreError> {
        self.write(|connection| {
            Ok(Reconciled {
                calls_closed: close_open_calls(connection, now)?,
                legs_up: take_over_legs(connection)?,
                recordings: unfinished_recordings(connection)?,
            })
        })
    }

    /// Files of recordings: those that a call has no row of become unfinished ones. On a slow disk a file may be safe
    /// before its row is, and a power cut leaves it alone. Told are the files of which not even the call is known.
    pub fn adopt_recordings(&self, files: &[String]) -> Result<Vec<String>, StoreError> {
        let named = || files.iter().filter_map(|file| Some((file, RecordingKind::of_file(file)?)));
        self.write(|connection| {
            let mut strangers = Vec::new();
            for (file, (kind, call)) in named() {
                let (table, call) = (recordings(kind), call.to_string());
                let known = "SELECT count(*) FROM calls WHERE id = ?1";
                if connection.query_row(known, [&call], |row| row.get::<_, i64>(0))? == 0 {
                    strangers.push(file.clone());
                    continue;
                }
                let sql = format!(
                    "INSERT INTO {table} (call_id, file, started_at) SELECT id, ?2, started_at FROM calls
                     WHERE id = ?1 ON CONFLICT DO NOTHING"
                );
                connection.execute(&sql, [&call, file])?;
            }
            Ok(strangers)
        })
    }

    /// The legs that [`Store::reconcile`] told of have been sent their BYE.
    pub fn legs_released(&self) -> Result<(), StoreError> {
        self.write(|connection| connection.execute("DELETE FROM legs WHERE orphaned = 1", []))?;
        Ok(())
    }

    /// The file of an unfinished recording has been repaired (`kept`), or held nothing worth keeping.
    /// A message that is kept makes its call a voicemail, unless it went better; and a call lasted at
    /// least as long as its recording.
    pub fn recording_recovered(
        &self,
        recording: &Unfinished,
        duration_ms: u64,
        kept: bool,
    ) -> Result<(), StoreError> {
        let Unfinished { call, kind, file } = recording;
        self.write(|connection| {
            connection.execute(
                &format!(
                    "UPDATE {} SET file = ?2, state = ?3, duration_ms = ?4, truncated = 1
                     WHERE call_id = ?1 AND state = 'recording'",
                    recordings(*kind)
                ),
                params![call.to_string(), file, recording_state(kept), milliseconds(duration_ms)],
            )?;
            connection.execute(
                "UPDATE calls SET outcome = 'voicemail'
                 WHERE id = ?1 AND ended_by = 'crash' AND outcome IN ('failed', 'missed')
                   AND EXISTS (SELECT 1 FROM recordings WHERE call_id = ?1 AND state = 'kept')",
                [call.to_string()],
            )?;
            last_until_the_end_of(connection, recording)?;
            match (kind, kept) {
                (RecordingKind::Message, true) => tell_of_message(connection, recording, duration_ms),
                _ => Ok(false),
            }
        })?;
        Ok(())
    }
}

/// A message that the crash had cut off is as good as one that was not.
fn tell_of_message(
    connection: &Connection,
    recording: &Unfinished,
    duration_ms: u64,
) -> rusqlite::Result<bool> {
    let call = recording.call;
    let at = connection
        .prepare("SELECT coalesce(ended_at, started_at) AS at FROM calls WHERE id = ?1")?
        .query_row([call.to_string()], |row| column(row, "at", parse))
        .optional()?;
    let Some(at) = at else { return Ok(false) };
    let message = Message { file: recording.file.clone(), duration_ms, truncated: true };
    incidents::feed(connection, call, at, &Fact::MessageKept(message))
}

/// The timeline of a call is quiet while something is recorded: how long it went on, the recording knows.
fn last_until_the_end_of(connection: &Connection, recording: &Unfinished) -> rusqlite::Result<usize> {
    let call = recording.call.to_string();
    let sql = format!(
        "UPDATE calls SET ended_at = max(ended_at,
                (SELECT strftime('%Y-%m-%dT%H:%M:%fZ', started_at, (duration_ms / 1000.0) || ' seconds')
                 FROM {} WHERE call_id = ?1))
         WHERE id = ?1 AND ended_by = 'crash'",
        recordings(recording.kind)
    );
    connection.execute(&sql, [&call])?;
    connection.execute(
        "UPDATE call_events SET at = (SELECT ended_at FROM calls WHERE id = ?1)
         WHERE call_id = ?1 AND step = 'Hangup' AND detail LIKE ?2 || '%'
           AND EXISTS (SELECT 1 FROM calls WHERE id = ?1 AND ended_by = 'crash')",
        [&call, CUT_OFF],
    )
}

/// Closes the calls of an earlier run, and takes over its legs, in a database that comes into use later.
pub(super) fn close_earlier(connection: &mut Connection, now: Timestamp) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    close_open_calls(&transaction, now)?;
    take_over_legs(&transaction)?;
    transaction.commit()
}

fn close_open_calls(connection: &Connection, now: Timestamp) -> rusqlite::Result<Vec<CallId>> {
    let open = connection
        .prepare("SELECT id, started_at FROM calls WHERE ended_at IS NULL ORDER BY id")?
        .query_map([], |row| Ok((column(row, "id", call_id)?, column(row, "started_at", parse)?)))?
        .collect::<rusqlite::Result<Vec<(CallId, Timestamp)>>>()?;
    for (call, started_at) in &open {
        close(connection, *call, *started_at, now)?;
    }
    Ok(open.into_iter().map(|(call, _)| call).collect())
}

fn close(
    connection: &Connection,
    call: CallId,
    started_at: Timestamp,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let timeline = calls::timeline(connection, call)?;
    let story = Story { timeline: &timeline, recording_kept: recording_kept(connection, call)? };
    let ended_at = timeline.last().map_or(started_at, |event| event.at);
    if story.hangup().is_none() {
        entries::step(connection, &cut_off(call, &timeline, ended_at, now))?;
    }
    connection.execute(
        "UPDATE calls SET ended_at = ?2, outcome = ?3, end_reason = ?4, answered_at = ?5, route = ?6,
                responder = ?7, ended_by = 'crash'
         WHERE id = ?1",
        params![
            call.to_string(),
            instant(ended_at),
            story.outcome().as_str(),
            story.reason(),
            story.answered_at().map(instant),
            story.route(),
            story.responder(),
        ],
    )?;
    incidents::feed(connection, call, ended_at, &Fact::Ended(story.ending()))?;
    Ok(())
}

/// The last line of a timeline that had none.
fn cut_off(call: CallId, timeline: &[Event], at: Timestamp, now: Timestamp) -> Event {
    Event {
        call,
        seq: timeline.last().map_or(0, |event| event.seq).saturating_add(1),
        at,
        step: Step::Hangup,
        action: Action::Internal,
        result: StepResult::Failed,
        target: None,
        detail: format!("{CUT_OFF} during the call; noticed at its next start, {now:.0}"),
    }
}

fn recording_kept(connection: &Connection, call: CallId) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM recordings WHERE call_id = ?1 AND state = 'kept')";
    connection.query_row(sql, [call.to_string()], |row| row.get(0))
}

/// What a timeline without an end tells.
struct Story<'a> {
    timeline: &'a [Event],
    recording_kept: bool,
}

impl<'a> Story<'a> {
    fn outcome(&self) -> Outcome {
        if self.bridge().is_some() {
            Outcome::Accepted
        } else if self.recording_kept {
            Outcome::Voicemail
        } else if self.first(|event| event.step == Step::CallerBlocked).is_some() {
            Outcome::Blocked
        } else if self.hangup().is_some() {
            // It was over before the crash; only its end had not been written.
            Outcome::Missed
        } else {
            Outcome::Failed
        }
    }

    fn reason(&self) -> &'a str {
        self.hangup().map_or(CUT_OFF, |event| &event.detail)
    }

    /// What it means to the incident. A caller who may have given up is taken for one whom we have lost.
    fn ending(&self) -> Ending {
        let outcome = self.outcome().as_str().to_owned();
        Ending { outcome, reason: self.reason().to_owned(), abandoned: false }
    }

    fn bridge(&self) -> Option<&'a Event> {
        self.first(|event| event.step == Step::Bridge && event.result == StepResult::Processed)
    }

    fn hangup(&self) -> Option<&'a Event> {
        self.first(|event| event.step == Step::Hangup)
    }

    /// The answer comes before everything that a caller can hear.
    fn answered_at(&self) -> Option<Timestamp> {
        let unanswered = [Step::CallReceived, Step::CallerBlocked, Step::Hangup];
        self.first(|event| !unanswered.contains(&event.step)).map(|event| event.at)
    }

    fn route(&self) -> Option<&'a str> {
        let chose = |event: &&Event| {
            matches!(event.step, Step::GatherDtmf | Step::DialChainResolved)
                && event.result == StepResult::Processed
        };
        self.timeline.iter().filter(chose).rev().find_map(|event| event.target.as_deref())
    }

    fn responder(&self) -> Option<&'a str> {
        self.bridge().and_then(|event| event.target.as_deref())
    }

    fn first(&self, is_it: impl Fn(&Event) -> bool) -> Option<&'a Event> {
        self.timeline.iter().find(|event| is_it(event))
    }
}

/// Marks all legs as an earlier run's, so that this run's numbers cannot be mistaken for theirs.
fn take_over_legs(connection: &Connection) -> rusqlite::Result<Vec<StoredLeg>> {
    connection.execute("UPDATE legs SET orphaned = 1", [])?;
    connection
        .prepare("SELECT call_id, leg, dialog FROM legs ORDER BY call_id, leg")?
        .query_map([], |row| {
            Ok(StoredLeg {
                leg: LegId(row.get::<_, i64>("leg")?.unsigned_abs()),
                call: column(row, "call_id", call_id)?,
                dialog: row.get("dialog")?,
            })
        })?
        .collect()
}

fn unfinished_recordings(connection: &Connection) -> rusqlite::Result<Vec<Unfinished>> {
    let mut all = Vec::new();
    for kind in RecordingKind::ALL {
        let table = recordings(kind);
        let mut left = connection
            .prepare(&format!("SELECT * FROM {table} WHERE state = 'recording' ORDER BY call_id"))?;
        let rows = left.query_map([], |row| {
            Ok(Unfinished { call: column(row, "call_id", call_id)?, kind, file: row.get("file")? })
        })?;
        for row in rows {
            all.push(row?);
        }
    }
    Ok(all)
}
