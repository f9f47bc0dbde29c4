//! What trunks were used for in the last day, by the minute.

use jiff::{Span, Timestamp, ToSpan};
use rusqlite::{Connection, Row, params};

use super::text::{column, instant, parse};
use super::{Reader, StoreError};

/// How far back anybody looks.
fn kept() -> Span {
    24.hours()
}

/// What a trunk was used for in one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkUse {
    /// The trunk's name.
    pub trunk: String,
    /// The minute, counted since 1970.
    pub minute: i64,
    /// Legs that were dialled.
    pub legs: u32,
    /// Seconds that answered legs lasted.
    pub seconds: u32,
}

impl Reader {
    /// What the trunks were used for in the 24 hours before `now`.
    pub fn trunk_use(&self, now: Timestamp) -> Result<Vec<TrunkUse>, StoreError> {
        let since = now.checked_sub(kept()).unwrap_or(Timestamp::MIN);
        self.read(|connection| {
            connection
                .prepare_cached("SELECT * FROM trunk_use WHERE at > ?1 ORDER BY trunk, at")?
                .query_map([instant(since)], one)?
                .collect()
        })
    }
}

fn one(row: &Row<'_>) -> rusqlite::Result<TrunkUse> {
    let at: Timestamp = column(row, "at", parse)?;
    Ok(TrunkUse {
        trunk: row.get("trunk")?,
        minute: at.as_second().div_euclid(60),
        legs: row.get("legs")?,
        seconds: row.get("seconds")?,
    })
}

/// Writes the use of one minute, and lets go of what nobody looks at any more.
pub(super) fn write(
    connection: &Connection,
    trunk: &str,
    minute: i64,
    legs: u32,
    seconds: u32,
) -> rusqlite::Result<usize> {
    let at = Timestamp::from_second(minute.saturating_mul(60)).unwrap_or(Timestamp::UNIX_EPOCH);
    let since = at.checked_sub(kept()).unwrap_or(Timestamp::MIN);
    connection
        .prepare_cached("DELETE FROM trunk_use WHERE trunk = ?1 AND at <= ?2")?
        .execute(params![trunk, instant(since)])?;
    connection
        .prepare_cached(
            "INSERT INTO trunk_use (trunk, at, legs, seconds) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (trunk, at) DO UPDATE SET legs = excluded.legs, seconds = excluded.seconds",
        )?
        .execute(params![trunk, instant(at), legs, seconds])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::scratch::Scratch;

    #[test]
    fn the_use_of_a_day_is_read_back_and_what_is_older_goes() {
        let folder = Scratch::new();
        let store = Store::open(folder.path()).unwrap();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let minute = 1_800_000_000 / 60;
        store
            .write(|connection| {
                write(connection, "carrier", minute - 24 * 60, 7, 0)?;
                write(connection, "carrier", minute - 5, 1, 0)?;
                write(connection, "carrier", minute - 5, 2, 30)?;
                write(connection, "other", minute, 1, 0)
            })
            .unwrap();
        let used =
            |trunk: &str, minute, legs, seconds| TrunkUse { trunk: trunk.into(), minute, legs, seconds };
        assert_eq!(
            store.reader().trunk_use(now).unwrap(),
            [used("carrier", minute - 5, 2, 30), used("other", minute, 1, 0)]
        );
        store.write(|connection| write(connection, "carrier", minute + 1, 1, 0)).unwrap();
        let earlier = now.checked_sub(kept()).unwrap();
        assert_eq!(store.reader().trunk_use(earlier).unwrap().len(), 3, "the oldest has gone");
    }
}
