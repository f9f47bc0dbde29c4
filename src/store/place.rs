//! Where the database in use is. It changes while the daemon runs when the right one can be used again: nothing is
//! written meanwhile.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The path of the database.
#[derive(Debug)]
pub(super) struct Place(RwLock<PathBuf>);

impl Place {
    /// The database is there.
    pub fn at(database: &Path) -> Self {
        Self(RwLock::new(database.to_owned()))
    }

    /// Where it is now.
    pub fn path(&self) -> PathBuf {
        self.hold().clone()
    }

    /// Where it is, and stays while this is held.
    pub fn hold(&self) -> RwLockReadGuard<'_, PathBuf> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the journal from being written while it moves.
    pub fn change(&self) -> RwLockWriteGuard<'_, PathBuf> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
