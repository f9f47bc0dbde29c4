//! Overrides in the tables.

use rusqlite::{Connection, params};

use super::save::{execute, target};
use crate::oncall::{Override, ScheduleId, Target};

/// Writes one that is not there, of the file or of a command, whatever its own origin is; answers its number.
pub(super) fn insert(
    connection: &Connection,
    schedule: &ScheduleId,
    entry: &Override,
    from_file: bool,
) -> rusqlite::Result<i64> {
    execute(
        connection,
        "INSERT INTO overrides (schedule_id, target, kind, instead_of, starts_at, ends_at, from_file)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            schedule.as_str(),
            target(&entry.member),
            entry.kind.as_str(),
            entry.instead_of.as_ref().map(Target::to_string),
            entry.from.to_string(),
            entry.until.to_string(),
            from_file,
        ],
    )?;
    let id = connection.last_insert_rowid();
    for (position, rotation) in (0_i64..).zip(&entry.rotations) {
        let sql = "INSERT INTO override_rotations (override_id, position, rotation) VALUES (?1, ?2, ?3)";
        execute(connection, sql, params![id, position, rotation])?;
    }
    Ok(id)
}

/// Takes one away that a command has made; whether there was one.
pub(super) fn remove(connection: &Connection, id: i64) -> rusqlite::Result<bool> {
    Ok(connection.execute("DELETE FROM overrides WHERE id = ?1 AND NOT from_file", [id])? > 0)
}
