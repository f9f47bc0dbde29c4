//! What a crash left: recordings without an end.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Duration;

use super::conclude::{Prepared, give_name, prepare};
use super::file::PART;
use crate::audio::LINE_RATE;

/// A recording that was cut off by a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// Its name, without the folder: `x.wav`.
    pub name: String,
    /// Its length in ms.
    pub duration_ms: u64,
    /// Whether there is a file: one that holds nothing is dropped, one that cannot be repaired is
    /// left as it is, under the name it has.
    pub kept: bool,
}

/// Finishes all recordings in a folder that were not finished. For the start of the daemon, before
/// anything is recorded.
pub fn repair_all(dir: &Path) -> io::Result<Vec<Repaired>> {
    let mut repaired = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        if let Some(name) = name.to_str().and_then(|name| name.strip_suffix(PART))
            && name.ends_with(".wav")
        {
            repaired.push(repair(dir, name));
        }
    }
    repaired.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(repaired)
}

fn repair(dir: &Path, name: &str) -> Repaired {
    let part = dir.join(format!("{name}{PART}"));
    let frames = finish(&part, &dir.join(name)).unwrap_or_else(|error| {
        tracing::warn!(recording = %part.display(), %error, "the recording cannot be repaired");
        0
    });
    Repaired { name: name.to_owned(), duration_ms: frames * 1000 / u64::from(LINE_RATE), kept: frames > 0 }
}

fn finish(part: &Path, path: &Path) -> io::Result<u64> {
    let file = OpenOptions::new().read(true).write(true).open(part)?;
    // After a crash everything that can be heard is kept.
    let frames = match prepare(&file, part, None, Duration::ZERO)? {
        Prepared::Kept(frames) => {
            file.sync_all()?;
            give_name(part, path)?;
            frames
        }
        Prepared::Dropped(_) => 0,
    };
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())?;
    Ok(frames)
}
