//! The data directory: for its owner's eyes alone, and one writer at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::StoreError;

/// Only the owner reads and writes.
const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;

/// The database file of a data directory.
pub(super) fn database(data_dir: &Path) -> PathBuf {
    data_dir.join("nightbell.db")
}

/// A database with its side files, which may be missing.
pub(super) fn files(database: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|end| {
        let mut name = database.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    })
}

/// Makes the data directory where it is missing. One that exists keeps its permissions, because it
/// may be shared on purpose; the files in it are private in any case.
pub(super) fn create(data_dir: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_FOLDER)
        .create(data_dir)
        .map_err(|source| StoreError::folder(data_dir, source))
}

/// Makes an empty private file where there is none. SQLite gives its side files (WAL and shared
/// memory) the permissions of the database.
pub(super) fn create_private(path: &Path) -> Result<(), StoreError> {
    private_file().open(path).map(drop).map_err(|source| StoreError::folder(path, source))
}

/// Takes a file away from the eyes of others.
pub(super) fn make_private(path: &Path) -> Result<(), StoreError> {
    fs::set_permissions(path, Permissions::from_mode(PRIVATE_FILE))
        .map_err(|source| StoreError::folder(path, source))
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(PRIVATE_FILE);
    options
}

/// Takes the lock of a data directory, which the system gives back however the process ends.
pub(super) fn lock(data_dir: &Path) -> Result<File, StoreError> {
    let path = data_dir.join("nightbell.lock");
    let mut file = open_lock(&path).map_err(|source| StoreError::folder(&path, source))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::InUse { folder: data_dir.to_owned(), owner: owner(&mut file) });
        }
        Err(TryLockError::Error(source)) => return Err(StoreError::folder(&path, source)),
    }
    // Only for a message: a full disk must not keep the daemon from starting.
    let _ = sign(&mut file);
    Ok(file)
}

/// Opens the lock file. On a disk that takes nothing one that is there will do, or the directory itself.
fn open_lock(path: &Path) -> io::Result<File> {
    let folder = path.parent().unwrap_or(path);
    match private_file().open(path) {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::StorageFull) =>
        {
            File::open(path).or_else(|_| File::open(folder)).map_err(|_| error)
        }
        opened => opened,
    }
}

/// Leaves our process id in the lock file, for the message of whoever finds it taken.
fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}

fn owner(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Makes a finished file and its name survive a power cut.
pub(super) fn make_durable(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Removes a file that may be missing.
pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
