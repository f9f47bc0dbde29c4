//! The disk below the database: how long a sync takes, and what the database says in the end.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::figures::Times;

/// Between two syncs.
const PAUSE: Duration = Duration::from_millis(20);
const PAGE: usize = 4096;
/// Pages that are written over and over, as those of a write-ahead log are.
const PAGES: u64 = 256;

/// Writes a page and syncs it, again and again, beside the daemon's database.
pub struct Syncs {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<Times>>,
}

impl Syncs {
    pub fn start(folder: &Path) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (told, path) = (stop.clone(), folder.join("syncs"));
        Self { stop, thread: std::thread::spawn(move || sync(&path, &told)) }
    }

    pub fn stop(self) -> io::Result<Times> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| io::Error::other("the thread that syncs broke"))?
    }
}

fn sync(path: &PathBuf, stop: &AtomicBool) -> io::Result<Times> {
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(path)?;
    file.write_all_at(&vec![0; PAGE * PAGES as usize], 0)?;
    file.sync_all()?;
    let mut times = Times::default();
    for turn in 0_u64.. {
        let begun = Instant::now();
        file.write_all_at(&[turn as u8; PAGE], turn % PAGES * PAGE as u64)?;
        file.sync_data()?;
        times.add(begun.elapsed());
        if stop.load(Ordering::Relaxed) {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    Ok(times)
}

/// What the database says of the calls.
pub struct Records {
    /// Calls that are over.
    pub ended: u32,
    /// Calls by their outcome, and recordings that were kept.
    pub outcomes: Vec<(String, u32)>,
    /// The shortest and the longest recording that was kept, in ms.
    pub recordings: Option<(u32, i64, i64)>,
}

/// Reads the database until so many calls are over in it, for some seconds at most.
pub fn records(database: &Path, wanted: u32) -> rusqlite::Result<Records> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    loop {
        let ended =
            connection
                .query_row("SELECT count(*) FROM calls WHERE ended_at IS NOT NULL", [], |row| row.get(0))?;
        if ended >= wanted || Instant::now() > deadline {
            return Ok(Records { ended, outcomes: outcomes(&connection)?, recordings: kept(&connection)? });
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn outcomes(connection: &Connection) -> rusqlite::Result<Vec<(String, u32)>> {
    let mut counted = connection.prepare("SELECT outcome, count(*) FROM calls GROUP BY outcome")?;
    counted.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn kept(connection: &Connection) -> rusqlite::Result<Option<(u32, i64, i64)>> {
    let kept = "SELECT count(*), min(duration_ms), max(duration_ms) FROM recordings WHERE state = 'kept'";
    connection.query_row(kept, [], |row| match row.get(0)? {
        0 => Ok(None),
        count => Ok(Some((count, row.get(1)?, row.get(2)?))),
    })
}
