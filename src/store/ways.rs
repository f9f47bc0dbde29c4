//! People's own ways: who is told of an incident beside the route's targets, and where.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::outbox::{self, About};
use super::text::instant;
use super::{Store, StoreError};
use crate::call::CallId;
use crate::incident::{Event, Notice, Party, Recipient};

/// Where one of the ways leads that people name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayTarget {
    /// `email`, `sms`, `chat`, or the name of a target.
    pub way: String,
    /// The name of the target.
    pub target: String,
    /// Where in it a person is found.
    pub finds: Finds,
}

/// Where in a target a person is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finds {
    /// At the person's mail address.
    Email,
    /// At the person's first number.
    Number,
    /// Where everybody is told.
    Everybody,
}

impl Finds {
    fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Email => Some("email"),
            Self::Number => Some("number"),
            Self::Everybody => None,
        }
    }
}

impl Store {
    /// Where the ways lead, by the settings in use.
    pub fn set_ways(&self, ways: &[WayTarget]) -> Result<(), StoreError> {
        self.write(|connection| {
            connection.execute("DELETE FROM way_targets", [])?;
            let sql = "INSERT INTO way_targets (way, target, finds) VALUES (?1, ?2, ?3) ON CONFLICT (way) DO NOTHING";
            let mut insert = connection.prepare_cached(sql)?;
            ways.iter().try_for_each(|way| {
                insert.execute(params![way.way, way.target, way.finds.as_str()]).map(drop)
            })
        })
    }
}

/// Puts a notice into the outbox for people, each by their own ways: a trigger for all who are on the incident;
/// all else for those who were told of it. Whoever was not, and need not be any more, is told nothing.
pub(super) fn tell(
    connection: &Connection,
    incident: i64,
    call: CallId,
    notice: &Notice,
    now: Timestamp,
    due: Timestamp,
) -> rusqlite::Result<()> {
    if notice.event == Event::Trigger {
        return notice.assigned.iter().try_for_each(|party| {
            tell_one(connection, incident, call, notice, &party.id, now, due).map(drop)
        });
    }
    if matches!(notice.event, Event::Acknowledge | Event::Resolve) {
        withdraw(connection, incident, now)?;
    }
    let about = About { incident: Some(incident), call: Some(call) };
    told(connection, incident)?.into_iter().try_for_each(|(target, to)| {
        outbox::put(connection, &target, &to_person(notice, to), about, now, due).map(drop)
    })
}

/// Puts a notice into the outbox for one person, by all of this person's ways but the phone.
pub(super) fn tell_one(
    connection: &Connection,
    incident: i64,
    call: CallId,
    notice: &Notice,
    person: &str,
    now: Timestamp,
    due: Timestamp,
) -> rusqlite::Result<()> {
    let about = About { incident: Some(incident), call: Some(call) };
    recipients(connection, person, due)?.into_iter().try_for_each(|(target, to)| {
        outbox::put(connection, &target, &to_person(notice, to), about, now, due).map(drop)
    })
}

/// Whether a person was told of an incident by a way of their own, or is to be.
pub(super) fn is_told(connection: &Connection, incident: i64, person: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM outbox WHERE incident_id = ?1 AND state <> 'withdrawn'
                              AND iif(json_valid(notice), notice ->> '$.to.party.id', NULL) = ?2)";
    connection.prepare_cached(sql)?.query_row(params![incident, person], |row| row.get(0))
}

fn to_person(notice: &Notice, to: Recipient) -> Notice {
    Notice { id: format!("{}-{}", notice.id, to.party.id), to: Some(to), ..notice.clone() }
}

/// The targets, and where in them a person is found who may be turned to. An address that is missing is no way.
fn recipients(
    connection: &Connection,
    person: &str,
    at: Timestamp,
) -> rusqlite::Result<Vec<(String, Recipient)>> {
    let sql = "SELECT name, email FROM people
               WHERE id = ?1 AND coalesce(iif(coalesce(available_by_command_until > ?2, 1), available_by_command, NULL),
                                          available)";
    let party = connection
        .prepare_cached(sql)?
        .query_row(params![person, instant(at)], |row| {
            Ok(Party { id: person.to_owned(), name: row.get("name")?, email: row.get("email")? })
        })
        .optional()?;
    let Some(party) = party else { return Ok(Vec::new()) };
    let sql = "SELECT target, finds FROM person_ways JOIN way_targets USING (way)
               WHERE person_id = ?1 GROUP BY target, finds ORDER BY min(position)";
    let mut ways = connection.prepare_cached(sql)?;
    let ways =
        ways.query_map([person], |row| Ok((row.get("target")?, row.get::<_, Option<String>>("finds")?)))?;
    let mut found = Vec::new();
    for way in ways {
        let (target, finds) = way?;
        let address = match finds.as_deref() {
            Some("email") => party.email.clone(),
            Some(_) => number(connection, person)?,
            None => None,
        };
        if finds.is_none() || address.is_some() {
            found.push((target, Recipient { party: party.clone(), address }));
        }
    }
    Ok(found)
}

/// The first number that may be rung.
fn number(connection: &Connection, person: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT phone FROM phones
               WHERE person_id = ?1 AND phone LIKE '+%' AND (confirmed OR EXISTS (
                   SELECT 1 FROM phone_confirmations AS known
                   WHERE known.person_id = phones.person_id AND known.phone = phones.phone))
               ORDER BY position LIMIT 1";
    connection.prepare_cached(sql)?.query_row([person], |row| row.get(0)).optional()
}

/// Who was told of an incident in person, and where; or may have been.
fn told(connection: &Connection, incident: i64) -> rusqlite::Result<Vec<(String, Recipient)>> {
    let sql = "SELECT DISTINCT target, notice -> '$.to' AS recipient FROM outbox
               WHERE incident_id = ?1 AND state <> 'withdrawn'
                 AND CASE WHEN json_valid(notice)
                     THEN notice ->> '$.event' = 'trigger' AND notice ->> '$.to' IS NOT NULL END";
    let mut query = connection.prepare_cached(sql)?;
    let rows =
        query.query_map([incident], |row| Ok((row.get("target")?, row.get::<_, String>("recipient")?)))?;
    let mut told = Vec::new();
    for row in rows {
        let (target, recipient) = row?;
        told.extend(serde_json::from_str(&recipient).ok().map(|to| (target, to)));
    }
    Ok(told)
}

/// Whoever was to be told in person, and was not tried yet, need not come.
fn withdraw(connection: &Connection, incident: i64, now: Timestamp) -> rusqlite::Result<()> {
    let sql = "UPDATE outbox SET state = 'withdrawn', settled_at = ?2
               WHERE incident_id = ?1 AND state = 'waiting' AND attempts = 0
                 AND CASE WHEN json_valid(notice) THEN notice ->> '$.to' IS NOT NULL END";
    connection.prepare_cached(sql)?.execute(params![incident, instant(now)]).map(drop)
}
