//! Brings what was written into a spare database into the right one: every table, whatever is in it, but for what
//! was taken over from there in the first place.
//!
//! Rows keep their names. Where the database counts them itself, those of the spare go on behind the highest number
//! there is, and whatever refers to them follows.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;

use super::spare::{TAKEN_OVER, TAKEN_OVER_TOO};

/// A column that refers to another table's.
struct Reference {
    column: String,
    table: String,
    to: String,
}

/// Copies all rows that are not there yet; answers how many calls came. In a transaction of its own.
pub(super) fn merge(connection: &mut Connection, spare: &Path) -> rusqlite::Result<usize> {
    connection.execute("ATTACH ?1 AS spare", [spare.to_string_lossy()])?;
    let merged = merge_attached(connection);
    connection.execute("DETACH spare", [])?;
    merged
}

fn merge_attached(connection: &mut Connection) -> rusqlite::Result<usize> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let tables = tables(&transaction)?;
    let offsets = tables
        .iter()
        .filter_map(|table| offset(&transaction, table).transpose().map(|found| Ok((table.as_str(), found?))))
        .collect::<rusqlite::Result<BTreeMap<&str, i64>>>()?;
    let mut calls = 0;
    for table in &tables {
        let rows = transaction.execute(&statement(&transaction, table, &offsets)?, [])?;
        if table == "calls" {
            calls = rows;
        }
    }
    transaction.commit()?;
    Ok(calls)
}

/// The tables to be merged; what is referred to comes first, as it was made first.
fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let all = connection
        .prepare(
            "SELECT name FROM main.sqlite_schema
             WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'spool_positions' ORDER BY rowid",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    let stays = |table: &String| TAKEN_OVER.iter().chain(&TAKEN_OVER_TOO).any(|name| name == table);
    Ok(all.into_iter().filter(|table| !stays(table)).collect())
}

/// By how much the numbers of a table's rows are to be raised; nothing: it does not count them itself.
fn offset(connection: &Connection, table: &str) -> rusqlite::Result<Option<i64>> {
    let counts: bool = connection.query_row(
        "SELECT count(*) = 1 AND max(name = 'id' AND upper(type) = 'INTEGER')
         FROM pragma_table_info(?1) WHERE pk > 0",
        [table],
        |row| row.get::<_, Option<bool>>(0).map(|counts| counts == Some(true)),
    )?;
    if !counts {
        return Ok(None);
    }
    let sql = format!("SELECT coalesce(max(id), 0) FROM main.{table}");
    connection.query_row(&sql, [], |row| row.get(0)).map(Some)
}

fn statement(
    connection: &Connection,
    table: &str,
    offsets: &BTreeMap<&str, i64>,
) -> rusqlite::Result<String> {
    let columns = connection
        .prepare("SELECT name FROM pragma_table_info(?1)")?
        .query_map([table], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    let references = references(connection, table)?;
    let raised = |column: &String| {
        let reference =
            references.iter().find(|reference| reference.column == *column && reference.to == "id");
        let counted = if column == "id" { Some(table) } else { reference.map(|found| found.table.as_str()) };
        match counted.and_then(|table| offsets.get(table)) {
            Some(offset) => format!("s.{column} + {offset}"),
            None => format!("s.{column}"),
        }
    };
    let values: Vec<String> = columns.iter().map(raised).collect();
    // What refers to a row that did not come is left out with it.
    let exists = references.iter().map(|Reference { column, table, to }| {
        let value = raised(column);
        format!("(s.{column} IS NULL OR EXISTS (SELECT 1 FROM main.{table} AS m WHERE m.{to} = {value}))")
    });
    let condition = exists.collect::<Vec<_>>().join(" AND ");
    let condition = if condition.is_empty() { "true".to_owned() } else { condition };
    let (columns, values) = (columns.join(", "), values.join(", "));
    Ok(format!(
        "INSERT OR IGNORE INTO main.{table} ({columns}) SELECT {values} FROM spare.{table} AS s WHERE {condition}"
    ))
}

/// What a table refers to, by one column each.
fn references(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Reference>> {
    connection
        .prepare(
            "SELECT \"from\", \"table\", coalesce(\"to\", 'id') FROM pragma_foreign_key_list(?1)
             GROUP BY id HAVING count(*) = 1",
        )?
        .query_map([table], |row| Ok(Reference { column: row.get(0)?, table: row.get(1)?, to: row.get(2)? }))?
        .collect()
}
