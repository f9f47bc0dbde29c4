//! The end of a recording: cut, trimmed, its header true, under its own name.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use super::file::is_of_a_call;
use crate::audio::LINE_RATE;
use crate::audio::level::dbm0;
use crate::audio::silence::{FRAME, Loudness};
use crate::audio::wav::{self, HEADER_LEN, Repair};

/// Silence that stays at the end of a message, in samples: 300 ms.
const SILENCE_KEPT: u64 = 300 * LINE_RATE as u64 / 1000;
/// What is quieter over [`WINDOW`] is silence at the end of a message, in dBm0.
const QUIET: f64 = -50.0;
/// 10 ms, in samples.
const WINDOW: usize = LINE_RATE as usize / 100;
/// Samples that are read at once: 1 s.
const CHUNK: usize = 50 * FRAME;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prepared {
    /// So many frames of it are kept.
    Kept(u64),
    /// It is gone: there was so much sound in it, too little or none.
    Dropped(Duration),
}

/// Ends a file at `end`, a number of frames, if it is given, and makes its header true. A message (one
/// channel) loses the silence at its end; it is dropped if it is empty, or has less sound than `least`.
/// Nothing of it is safe on the disk yet, and the name is still that of a part.
pub(super) fn prepare(file: &File, part: &Path, end: Option<u64>, least: Duration) -> io::Result<Prepared> {
    let len = file.metadata()?.len();
    if len < HEADER_LEN {
        // A full disk, or a crash before the first sound was written: there is nothing to keep.
        fs::remove_file(part)?;
        return Ok(Prepared::Dropped(Duration::ZERO));
    }
    let header = header(file, part)?;
    let whole = wav::repair(len, &header).ok_or_else(not_ours)?;
    let kept = match worth_keeping(file, &whole, end.unwrap_or(u64::MAX), least)? {
        Prepared::Kept(kept) => kept,
        dropped => {
            fs::remove_file(part)?;
            return Ok(dropped);
        }
    };
    let cut = wav::repair(whole.len_of(kept), &header).ok_or_else(not_ours)?;
    file.set_len(cut.file_len)?;
    file.write_all_at(&cut.header, 0)?;
    Ok(Prepared::Kept(kept))
}

/// The header of a file; a new one where a power cut came before the first sync, which may take the begin of a file
/// and leave what follows.
fn header(file: &File, part: &Path) -> io::Result<Vec<u8>> {
    let mut header = vec![0; HEADER_LEN as usize];
    file.read_exact_at(&mut header, 0)?;
    if !wav::is_without_header(&header) {
        return Ok(header);
    }
    let channels = if is_of_a_call(part) { 2 } else { 1 };
    wav::header(LINE_RATE, channels)
}

/// Gives a prepared file its name, which is not safe on the disk until its folder is synced.
pub(super) fn give_name(part: &Path, path: &Path) -> io::Result<()> {
    if path.exists() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a recording of this name"));
    }
    fs::rename(part, path)
}

fn not_ours() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it does not begin as our recordings do")
}

/// How many of the frames up to `end` are kept. A call is what it is; of a message, the part that sounds.
fn worth_keeping(file: &File, whole: &Repair, end: u64, least: Duration) -> io::Result<Prepared> {
    let end = whole.frames.min(end);
    if whole.channels > 1 {
        return Ok(if end == 0 { Prepared::Dropped(Duration::ZERO) } else { Prepared::Kept(end) });
    }
    let loudness = loudness(file, end)?;
    match loudness.sound() {
        _ if loudness.is_empty() => Ok(Prepared::Dropped(Duration::ZERO)),
        sound if sound < least => Ok(Prepared::Dropped(sound)),
        _ => sounding(file, end).map(Prepared::Kept),
    }
}

/// How loud the first `len` samples are.
fn loudness(file: &File, len: u64) -> io::Result<Loudness> {
    let mut loudness = Loudness::default();
    let mut at = 0;
    while at < len {
        let samples = read(file, at, (len - at).min(CHUNK as u64) as usize)?;
        samples.chunks(FRAME).for_each(|frame| loudness.push(frame));
        at += samples.len() as u64;
    }
    Ok(loudness)
}

/// How many of the first `len` samples are kept: up to [`SILENCE_KEPT`] after the last that is not
/// quiet; all of them if all is quiet.
fn sounding(file: &File, len: u64) -> io::Result<u64> {
    let mut end = len;
    while end > 0 {
        let start = end.saturating_sub(CHUNK as u64);
        let samples = read(file, start, (end - start) as usize)?;
        for window in samples.rchunks(WINDOW) {
            if dbm0(window) > QUIET {
                return Ok((end + SILENCE_KEPT).min(len));
            }
            end -= window.len() as u64;
        }
    }
    Ok(len)
}

fn read(file: &File, at: u64, len: usize) -> io::Result<Vec<i16>> {
    let mut octets = vec![0; 2 * len];
    file.read_exact_at(&mut octets, HEADER_LEN + 2 * at)?;
    Ok(octets.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect())
}
