//! What follows from a fact, as rows.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::super::outbox::{self, About};
use super::super::text::instant;
use super::super::{chase, ways};
use super::{moment, number};
use crate::call::CallId;
use crate::incident::{Case, Effect, Event, Incident, Known, Notice, Party, Tell};

/// Writes what follows; answers whether the outbox may have changed.
pub fn carry_out(
    connection: &Connection,
    call: CallId,
    at: Timestamp,
    case: &Case,
    effects: &[Effect],
) -> rusqlite::Result<bool> {
    let mut tells = false;
    for effect in effects {
        match effect {
            Effect::Changed => save(connection, call, case)?,
            Effect::Logged { by, kind, detail } => {
                if let Some(incident) = number(connection, call)? {
                    log(connection, incident, at, by.as_deref(), kind, detail)?;
                }
            }
            Effect::Tell(tell) => {
                notify(connection, call, at, case, tell)?;
                tells = true;
            }
            Effect::Withdraw => {
                outbox::withdraw(connection, &case.dedup_key(), at)?;
                tells = true;
            }
            Effect::Chase { from } => {
                if let Some(incident) = number(connection, call)? {
                    chase::start(connection, incident, at, *from)?;
                    tells = true;
                }
            }
            Effect::StopChase => {
                if let Some(incident) = number(connection, call)? {
                    chase::stop(connection, incident)?;
                    tells = true;
                }
            }
            // The case says so: there is no row to write.
            Effect::Suppressed => {}
        }
    }
    Ok(tells)
}

/// Writes the incident's own row and who is on it. Not as an INSERT that may turn into an UPDATE: each would use up a
/// number.
fn save(connection: &Connection, call: CallId, case: &Case) -> rusqlite::Result<()> {
    let Some(incident) = case.incident() else { return Ok(()) };
    let sql = match number(connection, call)? {
        Some(_) => {
            "UPDATE incidents SET title = :title, severity = :severity, status = :status, opened_at = :opened_at,
                    acknowledged_at = :acknowledged_at, acknowledged_by = :acknowledged_by,
                    resolved_at = :resolved_at, resolved_by = :resolved_by, muted = :muted,
                    snoozed_until = :snoozed_until
             WHERE call_id = :call"
        }
        None => {
            "INSERT INTO incidents (call_id, title, severity, status, opened_at, acknowledged_at, acknowledged_by,
                                    resolved_at, resolved_by, muted, snoozed_until)
             VALUES (:call, :title, :severity, :status, :opened_at, :acknowledged_at, :acknowledged_by,
                     :resolved_at, :resolved_by, :muted, :snoozed_until)"
        }
    };
    connection.prepare_cached(sql)?.execute(named_params! {
        ":call": call.to_string(),
        ":title": incident.title,
        ":severity": incident.severity.as_str(),
        ":status": incident.status.as_str(),
        ":opened_at": instant(incident.opened_at),
        ":acknowledged_at": moment(incident.acknowledged.as_ref().map(|act| act.at)),
        ":acknowledged_by": incident.acknowledged.as_ref().map(|act| &act.by),
        ":resolved_at": moment(incident.resolved.as_ref().map(|act| act.at)),
        ":resolved_by": incident.resolved.as_ref().map(|act| &act.by),
        ":muted": incident.muted,
        ":snoozed_until": moment(incident.snoozed_until),
    })?;
    match number(connection, call)? {
        Some(number) => save_people(connection, number, incident),
        None => Ok(()),
    }
}

fn save_people(connection: &Connection, number: i64, incident: &Incident) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM incident_people WHERE incident_id = ?1")?.execute([number])?;
    let mut insert =
        connection.prepare_cached("INSERT INTO incident_people (incident_id, person) VALUES (?1, ?2)")?;
    incident.people.iter().try_for_each(|person| insert.execute(params![number, person]).map(drop))
}

/// Adds a line to the log of an incident.
pub fn log(
    connection: &Connection,
    incident: i64,
    at: Timestamp,
    by: Option<&str>,
    kind: &str,
    detail: &str,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO incident_log (incident_id, at, by, kind, detail) VALUES (?1, ?2, ?3, ?4, ?5)";
    connection.prepare_cached(sql)?.execute(params![incident, instant(at), by, kind, detail])?;
    Ok(())
}

/// Puts a notice into the outbox of every target of the route. One that does not know of the incident is told of
/// nothing but its beginning.
fn notify(
    connection: &Connection,
    call: CallId,
    at: Timestamp,
    case: &Case,
    tell: &Tell,
) -> rusqlite::Result<()> {
    let (Some(number), Some(policy)) = (number(connection, call)?, case.policy()) else { return Ok(()) };
    let Some(notice) = notice(connection, number, at, case, tell)? else { return Ok(()) };
    let about = About { incident: Some(number), call: Some(call) };
    for target in &policy.notify {
        if tell.event == Event::Trigger || outbox::knows_of(connection, target, &notice.dedup_key)? {
            outbox::put(connection, target, &notice, about, at, tell.due)?;
        }
    }
    ways::tell(connection, number, call, &notice, at, tell.due)
}

/// What is to be told of an incident, with the names of people. Nothing where there is none.
pub fn notice(
    connection: &Connection,
    number: i64,
    at: Timestamp,
    case: &Case,
    tell: &Tell,
) -> rusqlite::Result<Option<Notice>> {
    let Some(incident) = case.incident() else { return Ok(None) };
    let people = parties(connection, incident.people.iter().chain(&tell.by))?;
    Ok(case.notice(tell, at, &Known { incident: number, people: &people, link: None }))
}

/// What others need to know of people, those who are still there.
fn parties<'a>(
    connection: &Connection,
    ids: impl Iterator<Item = &'a String>,
) -> rusqlite::Result<Vec<Party>> {
    let mut find = connection.prepare_cached("SELECT name, email FROM people WHERE id = ?1")?;
    let mut known = Vec::new();
    for id in ids {
        let party = find.query_row([id], |row| {
            Ok(Party { id: id.clone(), name: row.get("name")?, email: row.get("email")? })
        });
        known.extend(party.optional()?);
    }
    Ok(known)
}
