//! Connections to the database: settings that make COMMIT mean "on the disk", and the schema.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::{StoreError, folder, position};

/// How long a connection waits for another one's lock.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The WAL file is cut back to this size once its content has been moved into the database, in bytes.
const WAL_SIZE_KEPT: u32 = 16 << 20;

/// Tells our database from those of other programs (`Ngtb`); set by the first migration.
const APPLICATION_ID: u32 = 0x4E67_7462;

/// All changes of the schema, in order. A file of `sql/` is never edited once released.
const MIGRATIONS: &[M<'static>] = &[
    M::up(include_str!("../../sql/0001_initial.sql")),
    M::up(include_str!("../../sql/0002_identity.sql")),
    M::up(include_str!("../../sql/0003_trunk_use.sql")),
    M::up(include_str!("../../sql/0004_leg_quality.sql")),
    M::up(include_str!("../../sql/0005_call_recordings.sql")),
    M::up(include_str!("../../sql/0006_oncall.sql")),
    M::up(include_str!("../../sql/0007_incidents.sql")),
    M::up(include_str!("../../sql/0008_retention.sql")),
    M::up(include_str!("../../sql/0009_chase.sql")),
    M::up(include_str!("../../sql/0010_transcripts.sql")),
    M::up(include_str!("../../sql/0011_alarms.sql")),
    M::up(include_str!("../../sql/0012_storage.sql")),
];

/// Opens a database whose schema is known to be current.
pub(super) fn open(database: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    configure(&connection)?;
    Ok(connection)
}

fn connect(database: &Path, mode: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(database, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    // Anything less loses acknowledged rows in a power cut: a WAL is then synced at checkpoints only.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Deleted numbers and names are overwritten, not left in free pages.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "journal_size_limit", WAL_SIZE_KEPT)
}

/// Opens a database, made where it is missing, and brings its schema up to date. What is not ours is
/// not touched.
pub(super) fn open_and_migrate(database: &Path) -> Result<Connection, StoreError> {
    open_with(database, MIGRATIONS)
}

/// The same, having made sure that it can be written to.
pub(super) fn open_to_write(database: &Path) -> Result<Connection, StoreError> {
    let connection = open_and_migrate(database)?;
    position::touch(&connection).map_err(|source| StoreError::from_sqlite(database, source))?;
    Ok(connection)
}

/// Whether nobody is on call, and no call was ever taken.
pub(super) fn is_blank(connection: &Connection) -> bool {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM people) AND NOT EXISTS (SELECT 1 FROM calls)";
    connection.query_row(sql, [], |row| row.get(0)).unwrap_or(false)
}

/// Reads the whole file to see whether it is sound.
pub(super) fn look_for_damage(database: &Path) -> Result<(), StoreError> {
    let at_fault = |source| StoreError::from_sqlite(database, source);
    let connection = open_read_only(database)?;
    let found: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(at_fault)?;
    if found == "ok" {
        return Ok(());
    }
    let corrupt = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(at_fault(rusqlite::Error::SqliteFailure(corrupt, Some(found))))
}

fn open_with(database: &Path, migrations: &[M<'_>]) -> Result<Connection, StoreError> {
    let at_fault = |source| StoreError::from_sqlite(database, source);
    folder::create_private(database)?;
    let mut connection = connect(database, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(at_fault)?;
    let schema = check(&connection, database, count(migrations))?;
    folder::make_private(database)?;
    configure(&connection).map_err(at_fault)?;
    migrate(&mut connection, database, &schema, migrations)?;
    Ok(connection)
}

/// Opens a database only to look.
pub(super) fn open_read_only(database: &Path) -> Result<Connection, StoreError> {
    // Not opened by us to find out: closing it would give SQLite's locks of this process back.
    match database.try_exists() {
        Ok(true) => {}
        Ok(false) => return Err(StoreError::Missing { path: database.to_owned() }),
        Err(source) => return Err(StoreError::folder(database, source)),
    }
    let connection = connect(database, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(|source| StoreError::from_sqlite(database, source))?;
    match check(&connection, database, count(MIGRATIONS))? {
        Schema::Current => Ok(connection),
        Schema::Empty => Err(StoreError::Missing { path: database.to_owned() }),
        Schema::Older(found) => {
            Err(StoreError::Older { path: database.to_owned(), found, known: count(MIGRATIONS) })
        }
    }
}

/// How the schema of a file relates to the one we know.
enum Schema {
    Empty,
    Older(u32),
    Current,
}

fn count(migrations: &[M<'_>]) -> u32 {
    u32::try_from(migrations.len()).unwrap_or(u32::MAX)
}

/// Refuses what is not ours or newer than we are.
fn check(connection: &Connection, database: &Path, known: u32) -> Result<Schema, StoreError> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, u32>(0));
    let look = || {
        let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((number("user_version")?, number("application_id")?, tables))
    };
    let (found, application, tables) = look().map_err(|source| StoreError::from_sqlite(database, source))?;
    let path = database.to_owned();
    match found {
        0 if tables == 0 => Ok(Schema::Empty),
        _ if application != APPLICATION_ID => Err(StoreError::Foreign { path }),
        _ if found > known => Err(StoreError::Newer { path, found, known }),
        _ if found < known => Ok(Schema::Older(found)),
        _ => Ok(Schema::Current),
    }
}

/// Applies what is missing, each migration in a transaction of its own. A database with content is
/// copied first, to `nightbell.db.schema-N`.
fn migrate(
    connection: &mut Connection,
    database: &Path,
    schema: &Schema,
    migrations: &[M<'_>],
) -> Result<(), StoreError> {
    match schema {
        Schema::Current => return Ok(()),
        Schema::Empty => {}
        Schema::Older(found) => back_up(connection, database, *found)?,
    }
    Migrations::from_slice(migrations)
        .to_latest(connection)
        .map_err(|source| StoreError::Migration { path: database.to_owned(), source: Box::new(source) })
}

/// A whole, consistent copy of the database beside it.
fn back_up(connection: &Connection, database: &Path, schema: u32) -> Result<(), StoreError> {
    let copy = backup_path(database, schema);
    let at_fault = |source| StoreError::folder(&copy, source);
    // What an interrupted earlier attempt has left is no backup.
    folder::remove_if_there(&copy).map_err(at_fault)?;
    folder::create_private(&copy)?;
    connection
        .execute("VACUUM INTO ?1", [copy.to_string_lossy()])
        .map_err(|source| StoreError::from_sqlite(&copy, source))?;
    folder::make_durable(&copy).map_err(at_fault)
}

fn backup_path(database: &Path, schema: u32) -> PathBuf {
    database.with_extension(format!("db.schema-{schema}"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::store::scratch::Scratch;

    const NEXT: &str = "ALTER TABLE calls ADD COLUMN note TEXT";
    const BROKEN: &str = "ALTER TABLE calls ADD COLUMN note TEXT; INSERT INTO nowhere VALUES (1)";
    const A_CALL: &str = "INSERT INTO calls (id, hotline, number, caller, trunk, sip_call_id, started_at)
         VALUES ('00000000002a', 'h', '+49301', '+49302', 't', 'id', '2026-01-05T08:00:00.000Z')";

    fn after_upgrade(next: &'static str) -> Vec<M<'static>> {
        [MIGRATIONS, &[M::up(next)]].concat()
    }

    /// A database of this version with one call in it.
    fn with_a_call(scratch: &Scratch) -> PathBuf {
        with_a_call_of(scratch, MIGRATIONS)
    }

    fn with_a_call_of(scratch: &Scratch, migrations: &[M<'_>]) -> PathBuf {
        folder::create(scratch.path()).unwrap();
        let database = folder::database(scratch.path());
        open_with(&database, migrations).unwrap().execute(A_CALL, []).unwrap();
        database
    }

    fn count_calls(connection: &Connection) -> u32 {
        connection.query_row("SELECT count(*) FROM calls", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn every_migration_is_sound() {
        Migrations::from_slice(MIGRATIONS).validate().unwrap();
    }

    #[test]
    fn commits_reach_the_disk_and_deleted_rows_are_overwritten() {
        let scratch = Scratch::new();
        let connection = open(&with_a_call(&scratch)).unwrap();
        let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(number("synchronous"), 2, "2 is FULL");
        assert_eq!(number("secure_delete"), 1);
        assert_eq!(number("foreign_keys"), 1);
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
    }

    #[test]
    fn the_calls_of_the_first_schema_are_still_in_the_log() {
        let scratch = Scratch::new();
        let database = with_a_call_of(&scratch, &MIGRATIONS[..1]);
        let connection = open_and_migrate(&database).unwrap();
        let (caller, verstat): (String, Option<String>) = connection
            .query_row("SELECT caller, verstat FROM call_log", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!((caller.as_str(), verstat), ("+49302", None));
    }

    #[test]
    fn an_older_database_is_copied_before_it_is_brought_up_to_date() {
        let scratch = Scratch::new();
        let database = with_a_call(&scratch);
        let connection = open_with(&database, &after_upgrade(NEXT)).unwrap();
        assert_eq!(count_calls(&connection), 1);
        connection.prepare("SELECT note FROM calls").unwrap();

        let copy = backup_path(&database, count(MIGRATIONS));
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        let copy = open_with(&copy, MIGRATIONS).unwrap();
        assert_eq!(count_calls(&copy), 1);
        copy.prepare("SELECT note FROM calls").unwrap_err();
    }

    #[test]
    fn an_upgrade_that_fails_leaves_the_database_as_it_was() {
        let scratch = Scratch::new();
        let database = with_a_call(&scratch);
        let why = open_with(&database, &after_upgrade(BROKEN)).unwrap_err();
        assert!(matches!(why, StoreError::Migration { .. }), "{why}");
        let connection = open_with(&database, MIGRATIONS).unwrap();
        assert_eq!(count_calls(&connection), 1);
        connection.prepare("SELECT note FROM calls").unwrap_err();
        // The second attempt replaces the copy that the first one left.
        open_with(&database, &after_upgrade(NEXT)).unwrap();
    }

    #[test]
    fn a_database_of_a_newer_nightbell_is_refused() {
        let scratch = Scratch::new();
        let database = with_a_call(&scratch);
        drop(open_with(&database, &after_upgrade(NEXT)).unwrap());
        let refusal = |result: Result<Connection, StoreError>| result.unwrap_err().to_string();
        assert!(refusal(open_with(&database, MIGRATIONS)).contains("written by a newer nightbell"));
        let known = count(MIGRATIONS);
        let versions = format!("schema {}, this one knows {known}", known + 1);
        assert!(refusal(open_read_only(&database)).contains(&versions));
    }
}
