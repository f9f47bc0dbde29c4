//! Writes the content of an on-call file into the tables. Rows that commands refer to (people,
//! schedules) are changed in place; everything else is written anew.

use rusqlite::{Connection, Params, params};

use super::{hours, overrides};
use crate::oncall::{
    Escalation, Member, Origin, Person, Roster, Rotation, Schedule, ScheduleId, Target, Team, Turns,
};

/// Brings the tables from `old` to `new`. To be called in a transaction.
pub(super) fn roster(connection: &Connection, old: &Roster, new: &Roster) -> rusqlite::Result<()> {
    remove(connection, old, new)?;
    new.people.values().try_for_each(|entry| person(connection, entry))?;
    new.teams.values().try_for_each(|entry| team(connection, entry))?;
    new.escalations.values().try_for_each(|entry| escalation(connection, entry))?;
    new.hours.values().try_for_each(|entry| hours::save(connection, entry))?;
    new.schedules.values().try_for_each(|entry| schedule(connection, entry))
}

/// Removes who is gone, and all that is written anew.
fn remove(connection: &Connection, old: &Roster, new: &Roster) -> rusqlite::Result<()> {
    let anew = [
        "DELETE FROM phones",
        "DELETE FROM person_ways",
        "DELETE FROM teams",
        "DELETE FROM escalations",
        "DELETE FROM hours",
        "DELETE FROM schedule_names",
        "DELETE FROM rotations",
        "DELETE FROM overrides WHERE from_file",
    ];
    anew.into_iter().try_for_each(|sql| execute(connection, sql, []))?;
    for gone in old.people.keys().filter(|id| !new.people.contains_key(id)) {
        execute(connection, "DELETE FROM people WHERE id = ?1", [gone.as_str()])?;
    }
    for gone in old.schedules.keys().filter(|id| !new.schedules.contains_key(id)) {
        execute(connection, "DELETE FROM schedules WHERE id = ?1", [gone.as_str()])?;
    }
    Ok(())
}

fn person(connection: &Connection, person: &Person) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT INTO people (id, name, email, language, available) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email,
             language = excluded.language, available = excluded.available",
        params![
            person.id.as_str(),
            person.name,
            person.email,
            person.language.map(|language| language.code()),
            person.available,
        ],
    )?;
    for (position, own) in (0_i64..).zip(&person.phones) {
        let sql = "INSERT INTO phones (person_id, position, phone, confirmed) VALUES (?1, ?2, ?3, ?4)";
        execute(
            connection,
            sql,
            params![person.id.as_str(), position, own.phone.to_string(), own.confirmed],
        )?;
    }
    for (position, way) in (0_i64..).zip(&person.notify) {
        let sql = "INSERT INTO person_ways (person_id, position, way) VALUES (?1, ?2, ?3)";
        execute(connection, sql, params![person.id.as_str(), position, way.as_str()])?;
    }
    Ok(())
}

fn team(connection: &Connection, team: &Team) -> rusqlite::Result<()> {
    execute(connection, "INSERT INTO teams (id) VALUES (?1)", [team.id.as_str()])?;
    for (level, targets) in (0_i64..).zip(&team.levels) {
        let sql = "INSERT INTO team_levels (team_id, level) VALUES (?1, ?2)";
        execute(connection, sql, params![team.id.as_str(), level])?;
        for (position, target) in (0_i64..).zip(targets) {
            let sql = "INSERT INTO team_targets (team_id, level, position, target) VALUES (?1, ?2, ?3, ?4)";
            execute(connection, sql, params![team.id.as_str(), level, position, target.to_string()])?;
        }
    }
    Ok(())
}

fn escalation(connection: &Connection, escalation: &Escalation) -> rusqlite::Result<()> {
    let id = escalation.id.as_str();
    let sql = "INSERT INTO escalations (id, repeat) VALUES (?1, ?2)";
    execute(connection, sql, params![id, escalation.repeat])?;
    for (number, level) in (0_i64..).zip(&escalation.levels) {
        let after = i64::try_from(level.after.as_millis()).unwrap_or(i64::MAX);
        let sql = "INSERT INTO escalation_levels (escalation_id, level, after_ms) VALUES (?1, ?2, ?3)";
        execute(connection, sql, params![id, number, after])?;
        for (position, target) in (0_i64..).zip(&level.targets) {
            let sql = "INSERT INTO escalation_targets (escalation_id, level, position, target)
                       VALUES (?1, ?2, ?3, ?4)";
            execute(connection, sql, params![id, number, position, target.to_string()])?;
        }
    }
    Ok(())
}

fn schedule(connection: &Connection, schedule: &Schedule) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT INTO schedules (id, timezone, stacking, enabled, calendar) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET timezone = excluded.timezone, stacking = excluded.stacking,
             enabled = excluded.enabled, calendar = excluded.calendar",
        params![
            schedule.id.as_str(),
            schedule.timezone.name(),
            schedule.stacking.as_str(),
            schedule.enabled,
            schedule.calendar.as_ref().map(|calendar| calendar.source.as_str()),
        ],
    )?;
    for (name, person) in schedule.calendar.iter().flat_map(|calendar| &calendar.names) {
        let sql = "INSERT INTO schedule_names (schedule_id, name, person) VALUES (?1, ?2, ?3)";
        execute(connection, sql, params![schedule.id.as_str(), name, person.as_str()])?;
    }
    for (position, entry) in (0_i64..).zip(&schedule.rotations) {
        rotation(connection, &schedule.id, position, entry)?;
    }
    schedule.overrides.iter().try_for_each(|entry| {
        overrides::insert(connection, &schedule.id, entry, entry.origin == Origin::File).map(drop)
    })
}

fn rotation(
    connection: &Connection,
    schedule: &ScheduleId,
    position: i64,
    rotation: &Rotation,
) -> rusqlite::Result<()> {
    let (length, rule) = match &rotation.turns {
        Turns::Every(every) => (*every, None),
        Turns::Recurrence(recurrence) => (recurrence.lasts(), Some(recurrence.rule())),
    };
    execute(
        connection,
        "INSERT INTO rotations (schedule_id, position, name, every, rrule, starts_at, ends_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            schedule.as_str(),
            position,
            rotation.name,
            length.to_string(),
            rule,
            rotation.start.to_string(),
            rotation.until.map(|until| until.to_string()),
        ],
    )?;
    for (order, member) in (0_i64..).zip(&rotation.people) {
        let sql = "INSERT INTO rotation_members (schedule_id, rotation, position, target)
                   VALUES (?1, ?2, ?3, ?4)";
        execute(connection, sql, params![schedule.as_str(), position, order, target(member)])?;
    }
    for (order, hours) in (0_i64..).zip(&rotation.hours) {
        let sql =
            "INSERT INTO rotation_hours (schedule_id, rotation, position, hours) VALUES (?1, ?2, ?3, ?4)";
        execute(connection, sql, params![schedule.as_str(), position, order, hours.to_string()])?;
    }
    Ok(())
}

/// In full (`person:anna`), so that no name can be taken for something else.
pub(super) fn target(member: &Member) -> Option<String> {
    member.target().map(Target::to_string)
}

pub(super) fn execute(connection: &Connection, sql: &str, values: impl Params) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute(values).map(drop)
}
