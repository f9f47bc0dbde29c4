//! Where entries go while the database does not take them, and the way back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Notify;
use toml::Spanned;

use crate::problem::Problem;
use crate::store::Store;

/// How often a database that could not be used at the start is tried again.
const TRIED_EVERY: Duration = Duration::from_secs(10);

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

/// While a spare database is in use: goes back to the right one as soon as that can be used, and tells so.
pub fn go_home(store: Arc<Store>) -> Arc<Notify> {
    let told = Arc::new(Notify::new());
    let back = told.clone();
    if store.is_away() {
        tokio::spawn(async move {
            while store.is_away() {
                tokio::time::sleep(TRIED_EVERY).await;
                let store = store.clone();
                match tokio::task::spawn_blocking(move || store.go_home()).await {
                    Ok(Ok(true)) => back.notify_one(),
                    Ok(Ok(false)) => {}
                    Ok(Err(error)) => tracing::warn!(%error, "the database cannot be used yet"),
                    Err(broken) => tracing::error!(%broken, "the way back to the database broke"),
                }
            }
        });
    }
    told
}

/// What is said once a damaged database was set aside.
pub fn set_aside_lines(aside: &Path) -> Vec<String> {
    vec![
        format!("the damaged database is now {}", aside.display()),
        format!("`sqlite3 {} .recover` often saves most of what is in it", aside.display()),
    ]
}
