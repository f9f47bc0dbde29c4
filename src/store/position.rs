//! How far the entries of a spool are in the database: what is, is not written from there again.

use rusqlite::{Connection, OptionalExtension, params};

/// Notes that the entries up to this number are in the database.
pub(super) fn write(connection: &Connection, spool: u64, number: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO spool_positions (spool, number) VALUES (?1, ?2)
             ON CONFLICT (spool) DO UPDATE SET number = max(number, excluded.number)",
        )?
        .execute(params![name(spool), i64::try_from(number).unwrap_or(i64::MAX)])?;
    Ok(())
}

/// Up to which number they are.
pub(super) fn read(connection: &Connection, spool: u64) -> rusqlite::Result<u64> {
    let number: Option<i64> = connection
        .query_row("SELECT number FROM spool_positions WHERE spool = ?1", [name(spool)], |row| row.get(0))
        .optional()?;
    Ok(number.unwrap_or(0).unsigned_abs())
}

/// Writes something that means nothing, and is new each time: else SQLite would write nothing.
pub(super) fn touch(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO spool_positions (spool, number) VALUES (?1, 1)
             ON CONFLICT (spool) DO UPDATE SET number = number + 1",
        )?
        .execute([name(0)])?;
    Ok(())
}

fn name(spool: u64) -> String {
    format!("{spool:016x}")
}
