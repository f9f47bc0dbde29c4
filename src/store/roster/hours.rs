//! Opening hours in the tables.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::load::{rows, some};
use super::save::execute;
use crate::oncall::{Hours, HoursException, HoursId, WeekInterval};
use crate::store::text::{column, parse};

/// Reads all of them.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<BTreeMap<HoursId, Hours>> {
    let hours = rows(connection, "SELECT * FROM hours", [], |row| {
        Ok(Hours {
            id: column(row, "id", some(HoursId::new))?,
            timezone: column(row, "timezone", parse)?,
            week: Vec::new(),
            exceptions: Vec::new(),
            holidays: Vec::new(),
            calendar: row.get("calendar")?,
        })
    })?;
    let whole = |mut hours: Hours| {
        hours.week = week(connection, &hours.id)?;
        hours.exceptions = exceptions(connection, &hours.id)?;
        Ok((hours.id.clone(), hours))
    };
    hours.into_iter().map(whole).collect()
}

fn week(connection: &Connection, id: &HoursId) -> rusqlite::Result<Vec<WeekInterval>> {
    let sql = "SELECT open FROM hours_week WHERE hours_id = ?1 ORDER BY position";
    rows(connection, sql, [id.as_str()], |row| column(row, "open", parse))
}

fn exceptions(connection: &Connection, id: &HoursId) -> rusqlite::Result<Vec<HoursException>> {
    let sql = "SELECT * FROM hours_days WHERE hours_id = ?1 ORDER BY position";
    rows(connection, sql, [id.as_str()], |row| {
        Ok(HoursException {
            first: column(row, "first", parse)?,
            last: column(row, "last", parse)?,
            open: row.get("open")?,
            name: row.get("name")?,
        })
    })
}

/// Writes opening hours that are not there.
pub(super) fn save(connection: &Connection, hours: &Hours) -> rusqlite::Result<()> {
    let sql = "INSERT INTO hours (id, timezone, calendar) VALUES (?1, ?2, ?3)";
    execute(connection, sql, params![hours.id.as_str(), hours.timezone.name(), hours.calendar])?;
    for (position, open) in (0_i64..).zip(&hours.week) {
        let sql = "INSERT INTO hours_week (hours_id, position, open) VALUES (?1, ?2, ?3)";
        execute(connection, sql, params![hours.id.as_str(), position, open.to_string()])?;
    }
    for (position, days) in (0_i64..).zip(&hours.exceptions) {
        let sql = "INSERT INTO hours_days (hours_id, position, first, last, open, name)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let (first, last) = (days.first.to_string(), days.last.to_string());
        execute(connection, sql, params![hours.id.as_str(), position, first, last, days.open, days.name])?;
    }
    Ok(())
}
