//! Calendars that are read from elsewhere: the last good copy of each, and how the last try went.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rusqlite::params;

use crate::store::text::{instant, optional_column, parse};
use crate::store::{Reader, Store, StoreError};

/// What is kept of a calendar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CalendarCopy {
    /// The last good copy, as it came.
    pub copy: Option<Vec<u8>>,
    /// When it was read, or found to be still the newest.
    pub read_at: Option<Timestamp>,
    /// What its server calls it.
    pub etag: Option<String>,
    /// When its server changed it last, as it says.
    pub last_modified: Option<String>,
    /// Why the last try failed, where it did.
    pub failure: Option<String>,
}

impl Reader {
    /// All calendars that were ever tried, by their address or file as it is written.
    pub fn calendars(&self) -> Result<BTreeMap<String, CalendarCopy>, StoreError> {
        self.read(|connection| {
            let mut query = connection.prepare_cached("SELECT * FROM calendars")?;
            let rows = query.query_map([], |row| {
                let copy = CalendarCopy {
                    copy: row.get("copy")?,
                    read_at: optional_column(row, "read_at", parse)?,
                    etag: row.get("etag")?,
                    last_modified: row.get("last_modified")?,
                    failure: row.get("failure")?,
                };
                Ok((row.get("source")?, copy))
            })?;
            rows.collect()
        })
    }
}

impl Store {
    /// A calendar was read: this is its newest copy.
    pub fn calendar_read(
        &self,
        source: &str,
        copy: &[u8],
        etag: Option<&str>,
        last_modified: Option<&str>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(|connection| {
            let sql = "INSERT INTO calendars (source, copy, read_at, etag, last_modified, tried_at)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?3)
                       ON CONFLICT (source) DO UPDATE SET copy = excluded.copy, read_at = excluded.read_at,
                           etag = excluded.etag, last_modified = excluded.last_modified,
                           tried_at = excluded.tried_at, failure = NULL";
            let values = params![source, copy, instant(at), etag, last_modified];
            connection.prepare_cached(sql)?.execute(values).map(drop)
        })
    }

    /// The kept copy of a calendar is still the newest.
    pub fn calendar_unchanged(&self, source: &str, at: Timestamp) -> Result<(), StoreError> {
        self.write(|connection| {
            let sql = "UPDATE calendars SET read_at = ?2, tried_at = ?2, failure = NULL
                       WHERE source = ?1 AND copy IS NOT NULL";
            connection.prepare_cached(sql)?.execute(params![source, instant(at)]).map(drop)
        })
    }

    /// A calendar could not be read; what is kept of it stays.
    pub fn calendar_failed(&self, source: &str, why: &str, at: Timestamp) -> Result<(), StoreError> {
        self.write(|connection| {
            let sql = "INSERT INTO calendars (source, tried_at, failure) VALUES (?1, ?2, ?3)
                       ON CONFLICT (source) DO UPDATE SET tried_at = excluded.tried_at, failure = excluded.failure";
            connection.prepare_cached(sql)?.execute(params![source, instant(at), why]).map(drop)
        })
    }

    /// Forgets the calendars that nothing names any more.
    pub fn keep_calendars(&self, named: &BTreeSet<String>) -> Result<(), StoreError> {
        self.write(|connection| {
            let mut query = connection.prepare_cached("SELECT source FROM calendars")?;
            let known: Vec<String> = query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            let mut gone = known.iter().filter(|source| !named.contains(*source));
            gone.try_for_each(|source| {
                connection.execute("DELETE FROM calendars WHERE source = ?1", [source]).map(drop)
            })
        })
    }
}
