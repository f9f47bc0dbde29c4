//! The spare database: what calls are written into while the right one cannot be used. It lies beside it, or,
//! where the disk takes nothing at all, in memory that outlives the process (`/run`, `/dev/shm`).

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use super::{StoreError, connection, folder, position};

/// The file's name, in the data directory or in a folder of its own elsewhere.
const NAME: &str = "nightbell.spare.db";

/// Who is on call, and what holds until it is changed: taken over from the right database as far as that can be
/// read, and not brought back, because it is there.
pub(super) const TAKEN_OVER: [&str; 20] = [
    "people",
    "phones",
    "phone_confirmations",
    "person_ways",
    "teams",
    "team_levels",
    "team_targets",
    "escalations",
    "escalation_levels",
    "escalation_targets",
    "schedules",
    "schedule_names",
    "rotations",
    "rotation_members",
    "rotation_hours",
    "overrides",
    "override_rotations",
    "hours",
    "hours_week",
    "hours_days",
];

/// The same, for what is no part of who is on call.
pub(super) const TAKEN_OVER_TOO: [&str; 3] = ["calendars", "quiet_times", "way_targets"];

/// A spare database that can be written to.
#[derive(Debug)]
pub(super) struct Spare {
    pub database: PathBuf,
    pub connection: Connection,
    /// It is lost with the machine.
    pub volatile: bool,
}

/// Opens the spare of a data directory, made where it is missing.
pub(super) fn open(data_dir: &Path) -> Result<Spare, StoreError> {
    let beside = data_dir.join(NAME);
    match attempt(&beside, data_dir) {
        Ok(connection) => Ok(Spare { database: beside, connection, volatile: false }),
        Err(why) => elsewhere(data_dir).find_map(|folder| in_memory(&folder, data_dir)).ok_or(why),
    }
}

/// The spare that lies beside the right database, if there is one: it is in use then.
pub(super) fn beside(data_dir: &Path) -> Option<PathBuf> {
    Some(data_dir.join(NAME)).filter(|database| database.exists())
}

/// The spares of a data directory that there are: an earlier run has left them.
pub(super) fn left(data_dir: &Path) -> Vec<PathBuf> {
    let folders =
        std::iter::once(data_dir.to_owned()).chain(elsewhere(data_dir).filter(|folder| is_ours(folder)));
    folders.map(|folder| folder.join(NAME)).filter(|database| database.exists()).collect()
}

/// Removes a spare, with the folder that was made for it.
pub(super) fn remove(database: &Path, data_dir: &Path) -> io::Result<()> {
    for file in folder::files(database) {
        folder::remove_if_there(&file)?;
    }
    match database.parent().filter(|folder| *folder != data_dir) {
        Some(folder) => fs::remove_dir(folder),
        None => Ok(()),
    }
}

fn in_memory(folder: &Path, data_dir: &Path) -> Option<Spare> {
    let made = DirBuilder::new().mode(0o700).create(folder);
    if made.is_err() && !is_ours(folder) {
        return None;
    }
    let database = folder.join(NAME);
    let connection =
        attempt(&database, data_dir).inspect_err(|why| warn!(%why, "no spare database there either")).ok()?;
    Some(Spare { database, connection, volatile: true })
}

/// Opens it and writes something.
fn attempt(database: &Path, data_dir: &Path) -> Result<Connection, StoreError> {
    let is_new = !database.exists();
    let connection = connection::open_and_migrate(database)?;
    position::touch(&connection).map_err(|source| StoreError::from_sqlite(database, source))?;
    if is_new {
        take_over(&connection, &folder::database(data_dir));
    }
    Ok(connection)
}

/// Folders in memory, or at least on another file system, that nobody else can have made.
fn elsewhere(data_dir: &Path) -> impl Iterator<Item = PathBuf> {
    let data_dir = fs::canonicalize(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let digest = Sha256::digest(data_dir.as_os_str().as_encoded_bytes());
    let name: String = digest.iter().take(8).map(|octet| format!("{octet:02x}")).collect();
    let runtime = std::env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from).filter(|path| path.is_dir());
    let places = runtime.into_iter().chain([PathBuf::from("/dev/shm"), std::env::temp_dir()]);
    places.map(move |place| place.join(format!("nightbell-{name}")))
}

/// Whether a folder is ours and nobody else's: names in `/dev/shm` can be guessed.
fn is_ours(folder: &Path) -> bool {
    let ours = |found: fs::Metadata| {
        found.is_dir() && found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o077 == 0
    };
    fs::symlink_metadata(folder).is_ok_and(ours)
}

/// Takes over who is on call, as far as it can be read.
pub(super) fn take_over(to: &Connection, database: &Path) {
    let Some(from) = open_damaged(database) else { return };
    for table in TAKEN_OVER.iter().chain(&TAKEN_OVER_TOO) {
        match copy(to, &from, table) {
            Ok(rows) => info!(table, rows, "taken over into the spare database"),
            Err(why) => warn!(table, %why, "not to be read, or not to be taken over into the spare database"),
        }
    }
}

/// Opens what may be damaged, or lies where nothing can be written, and changes nothing.
fn open_damaged(database: &Path) -> Option<Connection> {
    let readable = |connection: &Connection| {
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, u32>(0)).is_ok()
    };
    let plain = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).ok().filter(readable);
    plain.or_else(|| {
        // Without the side files, which cannot be made on such a disk.
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        Connection::open_with_flags(address(database), flags).ok().filter(readable)
    })
}

/// A path as SQLite's kind of address, which says that nobody writes there.
fn address(database: &Path) -> String {
    let path = database.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{path}?immutable=1")
}

/// Copies a table whole, or not at all.
fn copy(to: &Connection, from: &Connection, table: &str) -> rusqlite::Result<usize> {
    let mut query = from.prepare(&format!("SELECT * FROM {table}"))?;
    let columns = query.column_count();
    let names = query.column_names().join(", ");
    let places = vec!["?"; columns].join(", ");
    let transaction = to.unchecked_transaction()?;
    let mut rows = query.query([])?;
    let mut copied = 0;
    while let Some(row) = rows.next()? {
        let values: Vec<Value> = (0..columns).map(|n| row.get(n)).collect::<rusqlite::Result<_>>()?;
        let sql = format!("INSERT OR IGNORE INTO {table} ({names}) VALUES ({places})");
        copied += transaction.prepare_cached(&sql)?.execute(params_from_iter(values))?;
    }
    transaction.commit()?;
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;

    #[test]
    fn whatever_belongs_to_who_is_on_call_is_taken_over_with_it() {
        let scratch = Scratch::new();
        folder::create(scratch.path()).unwrap();
        let connection = connection::open_and_migrate(&folder::database(scratch.path())).unwrap();
        let exists = |table: &str| {
            let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)";
            connection.query_row(sql, [table], |row| row.get::<_, bool>(0)).unwrap()
        };
        for table in TAKEN_OVER.iter().chain(&TAKEN_OVER_TOO) {
            assert!(exists(table), "there is no {table}");
        }
        let mut referring = connection
            .prepare(
                "SELECT schema.name, reference.\"table\"
                 FROM sqlite_schema AS schema, pragma_foreign_key_list(schema.name) AS reference
                 WHERE schema.type = 'table'",
            )
            .unwrap();
        let pairs = referring.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        for (table, to) in pairs.map(Result::<(String, String), _>::unwrap) {
            let taken = |name: &str| TAKEN_OVER.contains(&name);
            assert!(!taken(&to) || taken(&table), "{table} belongs to {to} and is not taken over");
        }
    }
}
