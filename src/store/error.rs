//! Why the database cannot be used, in words that say what to do.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::health::Fault;

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory or a file in it cannot be made or read.
    #[error("cannot use {}: {source}", path.display())]
    Folder {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process writes to this data directory.
    #[error(
        "{} is in use by another nightbell{}; stop it first, or use another data_dir",
        folder.display(),
        owner.map_or(String::new(), |pid| format!(" (process {pid})"))
    )]
    InUse {
        /// The data directory.
        folder: PathBuf,
        /// The other process, where it can be told.
        owner: Option<u32>,
    },
    /// There is no database yet.
    #[error("there is no database at {} yet; `nightbell run` or `nightbell apply` makes it", path.display())]
    Missing {
        /// Where it would be.
        path: PathBuf,
    },
    /// The file is not a database of ours.
    #[error("{} is a database of another program; move it away, or use another data_dir", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged. It is left as it is.
    #[error(
        "{} is damaged ({source}); it was left untouched: put a backup in its place, or have it moved out of \
         the way with `nightbell doctor --set-aside`",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite found.
        source: rusqlite::Error,
    },
    /// A newer Nightbell has changed the schema.
    #[error(
        "{} was written by a newer nightbell (schema {found}, this one knows {known}); use that \
         version, or put a backup made before the upgrade in its place",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The schema is older, and only looking was asked for.
    #[error(
        "{} has an older schema ({found}, this nightbell knows {known}); `nightbell run` brings it up to date",
        path.display()
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The schema could not be brought up to date. The file is as it was.
    #[error("cannot bring {} up to date: {source}", path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<rusqlite_migration::Error>,
    },
    /// The beginning of an id that several calls share.
    #[error("more than one call begins with `{0}`; write more of its id")]
    Ambiguous(String),
    /// It is to be set aside, and nothing is wrong with it.
    #[error("{} is not damaged: nothing was moved", path.display())]
    NotDamaged {
        /// The file.
        path: PathBuf,
    },
    /// Anything else: no space, locked for long, unreadable.
    #[error("{}: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

impl StoreError {
    /// What it comes to, in a word.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Damaged { .. } => Fault::Damaged,
            Self::Database { source, .. } => Fault::of(source),
            Self::Folder { source, .. } => Fault::of_system(source),
            Self::Migration { source, .. } => match source.as_ref() {
                rusqlite_migration::Error::RusqliteError { err, .. } => Fault::of(err),
                _ => Fault::Other,
            },
            _ => Fault::Other,
        }
    }

    /// Whether the fault lies with the disk or the file, so that calls can be taken on a spare database: not with
    /// the settings or the rights, which whoever starts the daemon should hear of at once.
    pub fn leaves_calls_possible(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::Database { .. } => true,
            Self::Folder { .. } | Self::Migration { .. } => self.fault() != Fault::Other,
            _ => false,
        }
    }

    pub(super) fn from_sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { path, source },
            _ => Self::Database { path, source },
        }
    }

    pub(crate) fn folder(path: &Path, source: io::Error) -> Self {
        Self::Folder { path: path.to_owned(), source }
    }
}
