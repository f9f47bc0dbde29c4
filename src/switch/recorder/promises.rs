//! Whether there is room on the disk for one more recording.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::samples;

/// What stays free whatever is recorded, in octets: the database has to go on, too.
const RESERVE: u64 = 2 << 20;
/// Files that can still be made, at least.
const FILES: u64 = 4;

/// Octets that the recordings under way may still need, all together.
#[derive(Debug, Clone, Default)]
pub(super) struct Promises(Arc<AtomicU64>);

/// What one of them may need.
#[derive(Debug)]
pub(super) struct Promise {
    promises: Promises,
    octets: u64,
}

impl Promises {
    /// Promises a recording its room.
    pub fn make(&self, octets: u64) -> Promise {
        self.0.fetch_add(octets, Ordering::Relaxed);
        Promise { promises: self.clone(), octets }
    }

    /// Whether so many octets fit beside what is promised. Asks the disk, which may take its time. The error
    /// says in words why not.
    pub fn check(&self, folder: &Path, octets: u64) -> Result<(), String> {
        let room = room(folder).map_err(|error| format!("the disk cannot be asked for its room: {error}"))?;
        let needed = octets.saturating_add(self.0.load(Ordering::Relaxed)).saturating_add(RESERVE);
        if room.octets < needed {
            let (has, needs) = (room.octets >> 20, needed.div_ceil(1 << 20));
            return Err(format!("{has} MiB are free on the disk, and {needs} are needed"));
        }
        if room.files.is_some_and(|files| files < FILES) {
            return Err("the disk has no room for another file".to_owned());
        }
        Ok(())
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.promises.0.fetch_sub(self.octets, Ordering::Relaxed);
    }
}

/// The octets of a recording of so many channels.
pub(super) fn octets(length: Duration, channels: usize) -> u64 {
    samples(length).saturating_mul(2 * channels as u64)
}

/// What is free for us.
struct Room {
    octets: u64,
    /// Nothing: the file system has no limit of its own.
    files: Option<u64>,
}

fn room(folder: &Path) -> io::Result<Room> {
    // A folder that is missing has no room, though the disk below it may.
    fs::metadata(folder)?;
    let found = rustix::fs::statvfs(folder)?;
    let files = (found.f_files > 0).then_some(found.f_favail);
    Ok(Room { octets: found.f_bavail.saturating_mul(found.f_frsize), files })
}
