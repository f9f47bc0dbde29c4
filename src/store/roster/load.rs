//! Reads who is on call out of the tables.

use std::collections::BTreeMap;

use rusqlite::{Connection, Params, Row};

use crate::oncall::{
    Language, Member, Override, Person, PersonId, Phone, Roster, Rotation, Schedule, ScheduleId, Stacking,
    Target, Team, TeamId, WeekInterval,
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
        schedules: schedules(connection, view)?,
        ..Roster::default()
    })
}

fn people(connection: &Connection, view: View) -> rusqlite::Result<BTreeMap<PersonId, Person>> {
    let people = rows(connection, "SELECT * FROM people", [], |row| {
        let by_command: Option<bool> = row.get("available_by_command")?;
        let by_file: bool = row.get("available")?;
        Ok(Person {
            id: column(row, "id", some(PersonId::new))?,
            name: row.get("name")?,
            phones: Vec::new(),
            email: row.get("email")?,
            language: optional_column(row, "language", Language::from_code)?,
            available: by_command.filter(|_| view == View::Effective).unwrap_or(by_file),
        })
    })?;
    let with_phones = |mut person: Person| {
        person.phones = phones(connection, &person.id)?;
        Ok((person.id.clone(), person))
    };
    people.into_iter().map(with_phones).collect()
}

fn phones(connection: &Connection, person: &PersonId) -> rusqlite::Result<Vec<Phone>> {
    let sql = "SELECT phone FROM phones WHERE person_id = ?1 ORDER BY position";
    rows(connection, sql, [person.as_str()], |row| column(row, "phone", |text| Phone::parse(text).ok()))
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

fn schedules(connection: &Connection, view: View) -> rusqlite::Result<BTreeMap<ScheduleId, Schedule>> {
    let schedules = rows(connection, "SELECT * FROM schedules", [], |row| {
        Ok(Schedule {
            id: column(row, "id", some(ScheduleId::new))?,
            timezone: column(row, "timezone", parse)?,
            stacking: column(row, "stacking", Stacking::from_word)?,
            rotations: Vec::new(),
            overrides: Vec::new(),
        })
    })?;
    let whole = |mut schedule: Schedule| {
        schedule.rotations = rotations(connection, &schedule.id)?;
        schedule.overrides = overrides(connection, &schedule.id, view)?;
        Ok((schedule.id.clone(), schedule))
    };
    schedules.into_iter().map(whole).collect()
}

fn rotations(connection: &Connection, schedule: &ScheduleId) -> rusqlite::Result<Vec<Rotation>> {
    let sql = "SELECT * FROM rotations WHERE schedule_id = ?1 ORDER BY position";
    rows(connection, sql, [schedule.as_str()], |row| {
        let position = row.get("position")?;
        Ok(Rotation {
            name: row.get("name")?,
            people: members(connection, schedule, position)?,
            every: column(row, "every", parse)?,
            start: column(row, "starts_at", parse)?,
            until: optional_column(row, "ends_at", parse)?,
            hours: hours(connection, schedule, position)?,
        })
    })
}

fn members(connection: &Connection, schedule: &ScheduleId, rotation: i64) -> rusqlite::Result<Vec<Member>> {
    let sql =
        "SELECT target FROM rotation_members WHERE schedule_id = ?1 AND rotation = ?2 ORDER BY position";
    rows(connection, sql, (schedule.as_str(), rotation), |row| {
        Ok(optional_column(row, "target", parse)?.map_or(Member::Nobody, Member::Target))
    })
}

fn hours(
    connection: &Connection,
    schedule: &ScheduleId,
    rotation: i64,
) -> rusqlite::Result<Vec<WeekInterval>> {
    let sql = "SELECT hours FROM rotation_hours WHERE schedule_id = ?1 AND rotation = ?2 ORDER BY position";
    rows(connection, sql, (schedule.as_str(), rotation), |row| column(row, "hours", parse))
}

/// The file's come first, so that a command, listed later, wins over it.
fn overrides(connection: &Connection, schedule: &ScheduleId, view: View) -> rusqlite::Result<Vec<Override>> {
    let sql = "SELECT * FROM overrides WHERE schedule_id = ?1 AND (from_file OR ?2)
               ORDER BY from_file DESC, id";
    rows(connection, sql, (schedule.as_str(), view == View::Effective), |row| {
        Ok(Override {
            person: column(row, "person_id", some(PersonId::new))?,
            from: column(row, "starts_at", parse)?,
            until: column(row, "ends_at", parse)?,
            from_file: row.get("from_file")?,
        })
    })
}

fn rows<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare_cached(sql)?.query_map(values, read)?.collect()
}

/// For columns in which every text has a meaning.
fn some<T>(meaning: impl Fn(&str) -> T) -> impl Fn(&str) -> Option<T> {
    move |text| Some(meaning(text))
}
