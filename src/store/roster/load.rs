//! Reads who is on call out of the tables.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{Connection, Params, Row};

use super::hours;
use crate::oncall::{
    Availability, Escalation, EscalationId, EscalationLevel, Language, Member, Origin, Override,
    OverrideKind, Overrides, Person, PersonId, PersonPhone, Phone, Recurrence, Roster, Rotation, Schedule,
    ScheduleId, ShiftCalendar, Stacking, Target, Team, TeamId, Turns, Way, WeekInterval, Zone,
};
use crate::store::text::{column, optional_column, parse};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// What holds: commands win over the file.
    Effective,
    /// What the file said, as it was last applied.
    File,
}

pub(super) fn roster(connection: &Connection, view: View) -> rusqlite::Result<Roster> {
    Ok(Roster {
        people: people(connection, view)?,
        teams: teams(connection)?,
        escalations: escalations(connection)?,
        schedules: schedules(connection, view)?,
        hours: hours::all(connection)?,
    })
}

fn people(connection: &Connection, view: View) -> rusqlite::Result<BTreeMap<PersonId, Person>> {
    let people = rows(connection, "SELECT * FROM people", [], |row| {
        let by_command: Option<bool> = row.get("available_by_command")?;
        let until = optional_column(row, "available_by_command_until", parse)?;
        let told = by_command.map(|available| Availability { available, until });
        Ok(Person {
            id: column(row, "id", some(PersonId::new))?,
            name: row.get("name")?,
            phones: Vec::new(),
            email: row.get("email")?,
            language: optional_column(row, "language", Language::from_code)?,
            notify: Vec::new(),
            available: row.get("available")?,
            by_command: told.filter(|_| view == View::Effective),
        })
    })?;
    let with_phones = |mut person: Person| {
        person.phones = phones(connection, &person.id, view)?;
        person.notify = ways(connection, &person.id)?;
        Ok((person.id.clone(), person))
    };
    people.into_iter().map(with_phones).collect()
}

fn phones(connection: &Connection, person: &PersonId, view: View) -> rusqlite::Result<Vec<PersonPhone>> {
    let sql = "SELECT phone, confirmed OR (?2 AND EXISTS (
                   SELECT * FROM phone_confirmations AS known
                   WHERE known.person_id = phones.person_id AND known.phone = phones.phone)) AS confirmed
               FROM phones WHERE person_id = ?1 ORDER BY position";
    rows(connection, sql, (person.as_str(), view == View::Effective), |row| {
        let phone = column(row, "phone", |text| Phone::parse(text).ok())?;
        Ok(PersonPhone { phone, confirmed: row.get("confirmed")? })
    })
}

/// Whoever has none written is phoned.
fn ways(connection: &Connection, person: &PersonId) -> rusqlite::Result<Vec<Way>> {
    let sql = "SELECT way FROM person_ways WHERE person_id = ?1 ORDER BY position";
    let ways = rows(connection, sql, [person.as_str()], |row| Ok(Way::of(&row.get::<_, String>("way")?)))?;
    Ok(if ways.is_empty() { vec![Way::Phone] } else { ways })
}

/// Phones that were confirmed since the file was written.
pub(super) fn confirmations(connection: &Connection) -> rusqlite::Result<Vec<(PersonId, Phone)>> {
    rows(connection, "SELECT person_id, phone FROM phone_confirmations", [], |row| {
        let person = column(row, "person_id", some(PersonId::new))?;
        Ok((person, column(row, "phone", |text| Phone::parse(text).ok())?))
    })
}

fn teams(connection: &Connection) -> rusqlite::Result<BTreeMap<TeamId, Team>> {
    let ids = rows(connection, "SELECT id FROM teams", [], |row| column(row, "id", some(TeamId::new)))?;
    let team = |id: TeamId| Ok((id.clone(), Team { levels: levels(connection, &id)?, id }));
    ids.into_iter().map(team).collect()
}

fn levels(connection: &Connection, team: &TeamId) -> rusqlite::Result<Vec<Vec<Target>>> {
    let sql = "SELECT level FROM team_levels WHERE team_id = ?1 ORDER BY level";
    let levels = rows(connection, sql, [team.as_str()], |row| row.get::<_, i64>("level"))?;
    let targets = |level| {
        let sql = "SELECT target FROM team_targets WHERE team_id = ?1 AND level = ?2 ORDER BY position";
        rows(connection, sql, (team.as_str(), level), |row| column(row, "target", parse))
    };
    levels.into_iter().map(targets).collect()
}

fn escalations(connection: &Connection) -> rusqlite::Result<BTreeMap<EscalationId, Escalation>> {
    let escalations = rows(connection, "SELECT * FROM escalations", [], |row| {
        let id = column(row, "id", some(EscalationId::new))?;
        Ok(Escalation { id, repeat: row.get("repeat")?, levels: Vec::new() })
    })?;
    let whole = |mut escalation: Escalation| {
        escalation.levels = escalation_levels(connection, &escalation.id)?;
        Ok((escalation.id.clone(), escalation))
    };
    escalations.into_iter().map(whole).collect()
}

fn escalation_levels(connection: &Connection, id: &EscalationId) -> rusqlite::Result<Vec<EscalationLevel>> {
    let sql = "SELECT level, after_ms FROM escalation_levels WHERE escalation_id = ?1 ORDER BY level";
    let levels = rows(connection, sql, [id.as_str()], |row| {
        let after: i64 = row.get("after_ms")?;
        let after = Duration::from_millis(u64::try_from(after).unwrap_or_default());
        Ok((row.get::<_, i64>("level")?, after))
    })?;
    let whole = |(level, after)| {
        let sql = "SELECT target FROM escalation_targets WHERE escalation_id = ?1 AND level = ?2
                   ORDER BY position";
        let targets = rows(connection, sql, (id.as_str(), level), |row| column(row, "target", parse))?;
        Ok(EscalationLevel { targets, after })
    };
    levels.into_iter().map(whole).collect()
}

fn schedules(connection: &Connection, view: View) -> rusqlite::Result<BTreeMap<ScheduleId, Schedule>> {
    let schedules = rows(connection, "SELECT * FROM schedules", [], |row| {
        Ok(Schedule {
            id: column(row, "id", some(ScheduleId::new))?,
            timezone: column(row, "timezone", parse)?,
            stacking: column(row, "stacking", Stacking::from_word)?,
            enabled: row.get("enabled")?,
            calendar: shift_calendar(row)?,
            rotations: Vec::new(),
            overrides: Overrides::default(),
        })
    })?;
    let whole = |mut schedule: Schedule| {
        schedule.rotations = rotations(connection, &schedule.id, &schedule.timezone)?;
        schedule.overrides = overrides(connection, &schedule.id, view)?;
        if let Some(calendar) = &mut schedule.calendar {
            calendar.names = calendar_names(connection, &schedule.id)?;
        }
        Ok((schedule.id.clone(), schedule))
    };
    schedules.into_iter().map(whole).collect()
}

fn shift_calendar(row: &Row<'_>) -> rusqlite::Result<Option<ShiftCalendar>> {
    let source: Option<String> = row.get("calendar")?;
    Ok(source.map(|source| ShiftCalendar { source, names: BTreeMap::new(), feed: None }))
}

fn calendar_names(
    connection: &Connection,
    schedule: &ScheduleId,
) -> rusqlite::Result<BTreeMap<String, PersonId>> {
    let sql = "SELECT name, person FROM schedule_names WHERE schedule_id = ?1";
    let names = rows(connection, sql, [schedule.as_str()], |row| {
        Ok((row.get("name")?, column(row, "person", some(PersonId::new))?))
    })?;
    Ok(names.into_iter().collect())
}

fn rotations(connection: &Connection, schedule: &ScheduleId, zone: &Zone) -> rusqlite::Result<Vec<Rotation>> {
    let sql = "SELECT * FROM rotations WHERE schedule_id = ?1 ORDER BY position";
    rows(connection, sql, [schedule.as_str()], |row| {
        let position = row.get("position")?;
        Ok(Rotation {
            name: row.get("name")?,
            people: members(connection, schedule, position)?,
            turns: turns(row, zone)?,
            start: column(row, "starts_at", parse)?,
            until: optional_column(row, "ends_at", parse)?,
            hours: rotation_hours(connection, schedule, position)?,
        })
    })
}

fn turns(row: &Row<'_>, zone: &Zone) -> rusqlite::Result<Turns> {
    let (length, start) = (column(row, "every", parse)?, column(row, "starts_at", parse)?);
    let recurrence = |rule: &str| Recurrence::new(rule, length, start, zone).ok();
    let by_rule = optional_column(row, "rrule", recurrence)?;
    Ok(by_rule.map_or(Turns::Every(length), Turns::Recurrence))
}

fn members(connection: &Connection, schedule: &ScheduleId, rotation: i64) -> rusqlite::Result<Vec<Member>> {
    let sql =
        "SELECT target FROM rotation_members WHERE schedule_id = ?1 AND rotation = ?2 ORDER BY position";
    rows(connection, sql, (schedule.as_str(), rotation), |row| {
        Ok(optional_column(row, "target", parse)?.map_or(Member::Nobody, Member::Target))
    })
}

fn rotation_hours(
    connection: &Connection,
    schedule: &ScheduleId,
    rotation: i64,
) -> rusqlite::Result<Vec<WeekInterval>> {
    let sql = "SELECT hours FROM rotation_hours WHERE schedule_id = ?1 AND rotation = ?2 ORDER BY position";
    rows(connection, sql, (schedule.as_str(), rotation), |row| column(row, "hours", parse))
}

/// The file's come first, so that a command, listed later, wins over it.
fn overrides(connection: &Connection, schedule: &ScheduleId, view: View) -> rusqlite::Result<Overrides> {
    let sql = "SELECT * FROM overrides WHERE schedule_id = ?1 AND (from_file OR ?2)
               ORDER BY from_file DESC, id";
    let overrides = rows(connection, sql, (schedule.as_str(), view == View::Effective), |row| {
        let id = row.get("id")?;
        let from_file: bool = row.get("from_file")?;
        Ok(Override {
            member: optional_column(row, "target", parse)?.map_or(Member::Nobody, Member::Target),
            kind: column(row, "kind", OverrideKind::from_word)?,
            instead_of: optional_column(row, "instead_of", parse)?,
            rotations: override_rotations(connection, id)?,
            from: column(row, "starts_at", parse)?,
            until: column(row, "ends_at", parse)?,
            origin: if from_file { Origin::File } else { Origin::Command(id) },
        })
    })?;
    Ok(overrides.into())
}

fn override_rotations(connection: &Connection, id: i64) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT rotation FROM override_rotations WHERE override_id = ?1 ORDER BY position";
    rows(connection, sql, [id], |row| row.get("rotation"))
}

pub(super) fn rows<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare_cached(sql)?.query_map(values, read)?.collect()
}

/// For columns in which every text has a meaning.
pub(super) fn some<T>(meaning: impl Fn(&str) -> T) -> impl Fn(&str) -> Option<T> {
    move |text| Some(meaning(text))
}
