//! Moves what the WAL holds into the database file, on a thread and a connection of its own: the
//! writer never waits for it, and it sleeps until the writer has written enough.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use rusqlite::Connection;
use tracing::warn;

use super::connection;
use super::place::Place;

/// The thread, as the committer holds it.
#[derive(Debug)]
pub(super) struct Checkpointer {
    wake: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Checkpointer {
    /// Starts the thread.
    pub(super) fn start(place: Arc<Place>) -> io::Result<Self> {
        // One place: while a checkpoint runs, a single further one can be asked for.
        let (wake, asked) = sync_channel(1);
        let thread = Builder::new().name("checkpoint".to_owned()).spawn(move || run(&place, &asked))?;
        Ok(Self { wake, thread })
    }

    /// Asks for a checkpoint, without waiting.
    pub(super) fn wake(&self) {
        // Full: one is asked for already. Gone: the WAL grows until the next start, nothing is lost.
        let _ = self.wake.try_send(());
    }

    /// Ends the thread.
    pub(super) fn finish(self) {
        drop(self.wake);
        if self.thread.join().is_err() {
            warn!("the checkpoint thread had panicked");
        }
    }
}

fn run(place: &Place, asked: &Receiver<()>) {
    let mut open = None;
    while asked.recv().is_ok() {
        if let Err(why) = checkpoint(&mut open, place) {
            // The WAL keeps everything; the next round tries again on a new connection.
            warn!(%why, "the WAL could not be moved into the database");
            open = None;
        }
    }
}

fn checkpoint(open: &mut Option<(PathBuf, Connection)>, place: &Place) -> rusqlite::Result<()> {
    let database = place.path();
    let connection = match open {
        Some((path, connection)) if *path == database => connection,
        other => &mut other.insert((database.clone(), connection::open(&database)?)).1,
    };
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}
