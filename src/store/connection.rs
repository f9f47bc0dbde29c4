//! Connections to the database: settings that make COMMIT mean "on the disk", and the schema.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::{StoreError, folder};

/// How long a connection waits for another one's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The WAL file is cut back to this size once its content has been moved into the database, in bytes.
const WAL_SIZE_KEPT: u32 = 16 << 20;

/// Tells our database from those of other programs (`Ngtb`); set by the first migration.
const APPLICATION_ID: u32 = 0x4E67_7462;

/// All changes of the schema, in order. A file of `sql/` is never edited once released.
const MIGRATIONS: &[M<'static>] = &[M::up(include_str!("../../sql/0001_initial.sql"))];

/// Opens a database whose schema is known to be current.
pub(super) fn open(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // Anything less loses acknowledged rows in a power cut: a WAL is then synced at checkpoints only.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Deleted numbers and names are overwritten, not left in free pages.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "journal_size_limit", WAL_SIZE_KEPT)?;
    Ok(connection)
}

/// Opens a database and brings its schema up to date.
pub(super) fn open_and_migrate(database: &Path) -> Result<Connection, StoreError> {
    let mut connection = open(database).map_err(|source| StoreError::from_sqlite(database, source))?;
    migrate(&mut connection, database, MIGRATIONS)?;
    Ok(connection)
}

/// Opens a database only to look.
pub(super) fn open_read_only(database: &Path) -> Result<Connection, StoreError> {
    if !database.exists() {
        return Err(StoreError::Missing { path: database.to_owned() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connect = || {
        let connection = Connection::open_with_flags(database, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(connection)
    };
    let connection = connect().map_err(|source| StoreError::from_sqlite(database, source))?;
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
fn migrate(connection: &mut Connection, database: &Path, migrations: &[M<'_>]) -> Result<(), StoreError> {
    match check(connection, database, count(migrations))? {
        Schema::Current => return Ok(()),
        Schema::Empty => {}
        Schema::Older(found) => back_up(connection, database, found)?,
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
    folder::make_private(&copy)?;
    connection
        .execute("VACUUM INTO ?1", [copy.to_string_lossy()])
        .map_err(|source| StoreError::from_sqlite(&copy, source))?;
    folder::make_durable(&copy).map_err(at_fault)
}

fn backup_path(database: &Path, schema: u32) -> PathBuf {
    database.with_extension(format!("db.schema-{schema}"))
}
