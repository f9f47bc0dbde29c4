//! Where entries are laid down while the database does not take them: in the spool, and in the log.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, info, warn};

use super::backlog::Backlog;
use super::spool::Spool;
use crate::call::journal::Record;

/// How often the log says that the spool cannot be written to.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// The spool, as the writer has it.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// None: there is no place for one, and the log is all there is.
    spool: Option<Spool>,
    /// The number of the last entry that was laid down.
    laid_down: u64,
    complained: Option<Instant>,
    /// What an earlier run has left in the spool, and the database has not taken yet.
    left: Vec<Record>,
}

impl Shelf {
    /// Entries go to this spool.
    pub fn on(spool: Spool) -> Self {
        Self { laid_down: spool.last(), spool: Some(spool), ..Self::default() }
    }

    /// The same, while it holds what an earlier run has left and the database has not taken yet.
    pub fn with_left(self, left: Vec<Record>) -> Self {
        Self { left, ..self }
    }

    /// What an earlier run has left.
    pub fn take_left(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.left)
    }

    /// The number of the last entry of earlier runs.
    pub fn last(&self) -> u64 {
        self.spool.as_ref().map_or(0, Spool::last)
    }

    /// What the database is to note with all entries there are: none of them is to be written from the spool again.
    pub fn position(&self) -> Option<(u64, u64)> {
        let spool = self.spool.as_ref().filter(|spool| !spool.is_empty())?;
        Some((spool.id(), spool.last()))
    }

    /// Lays down what is not yet there.
    pub fn put(&mut self, backlog: &Backlog) {
        let mut failed = None;
        for (number, record) in backlog.behind_entry(self.laid_down) {
            self.laid_down = number;
            match self.spool.as_mut().map(|spool| spool.write(number, record)) {
                Some(Ok(())) => info!(number, ?record, "entry kept in the spool"),
                Some(Err(why)) => {
                    failed = Some(why);
                    error!(number, ?record, "entry kept in memory and here alone");
                }
                None => error!(number, ?record, "entry kept in memory and here alone"),
            }
        }
        if let Some(spool) = &self.spool {
            spool.sync();
        }
        if let Some(why) = failed
            && self.complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY)
        {
            error!(%why, "ALARM: the spool does not take entries either: a crash would lose them");
            self.complained = Some(Instant::now());
        }
    }

    /// Empties the spool once everything in it is durable elsewhere.
    pub fn clear_if(&mut self, durable: u64) {
        if let Some(spool) = self.spool.as_mut().filter(|spool| !spool.is_empty() && spool.last() <= durable)
            && let Err(why) = spool.clear()
        {
            warn!(%why, "the spool could not be emptied: it is tried again with the next entries");
        }
    }
}

impl fmt::Display for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.spool {
            Some(spool) => write!(f, "they are in {}", spool.path().display()),
            None => f.write_str("they are in this log"),
        }
    }
}
