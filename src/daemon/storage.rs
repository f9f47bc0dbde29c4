//! Where entries go while the database does not take them.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::problem::Problem;

/// The name of the spool in the data directory.
const SPOOL: &str = "spool.ring";

/// `[storage]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageSettings {
    /// The file in which entries are kept while the database does not take them: best on another disk.
    pub spool: Option<Spanned<PathBuf>>,
}

impl StorageSettings {
    /// The spool, of settings in `folder`.
    pub fn spool(&self, folder: &Path, data_dir: &Path) -> PathBuf {
        match &self.spool {
            Some(written) => folder.join(written.get_ref()),
            None => data_dir.join(SPOOL),
        }
    }

    /// What is wrong with it.
    pub fn problem(&self, folder: &Path) -> Option<Problem> {
        let written = self.spool.as_ref()?;
        let path = folder.join(written.get_ref());
        if path.is_dir() {
            let message = format!("{} is a folder", path.display());
            return Some(
                Problem::error(written.span(), message)
                    .help("name a file in it, as in \"/other/disk/spool.ring\""),
            );
        }
        let parent = path.parent().filter(|parent| !parent.is_dir())?;
        let message = format!("{} is not there", parent.display());
        let help = "make the folder, or mount its disk: without it entries go to the log while the database takes none";
        Some(Problem::warning(written.span(), message).help(help))
    }
}
