//! How values that SQLite has no type for are written as text, and read back.

use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::Type;

use crate::call::CallId;

/// An instant, to the millisecond: RFC 3339 in UTC, always of the same length, so that it sorts.
pub(super) fn instant(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// The id of a call from its text.
pub(super) fn call_id(text: &str) -> Option<CallId> {
    u64::from_str_radix(text, 16).ok().map(CallId)
}

/// A column whose text stands for something. Text that stands for nothing is an error that quotes it.
pub(super) fn column<T>(
    row: &Row<'_>,
    name: &str,
    meaning: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text: String = row.get(name)?;
    meaning(&text).ok_or_else(|| unreadable(row, name, text))
}

/// As [`column`], for one that may be NULL.
pub(super) fn optional_column<T>(
    row: &Row<'_>,
    name: &str,
    meaning: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<Option<T>> {
    match row.get::<_, Option<String>>(name)? {
        Some(text) => meaning(&text).map(Some).ok_or_else(|| unreadable(row, name, text)),
        None => Ok(None),
    }
}

/// Whatever has a text form of its own, from that.
pub(super) fn parse<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn unreadable(row: &Row<'_>, name: &str, text: String) -> rusqlite::Error {
    let index = row.as_ref().column_index(name).unwrap_or_default();
    let why = format!("`{text}` in column {name} is not understood");
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, why.into())
}
