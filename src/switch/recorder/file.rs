//! One recording's file while it grows, as `x.wav.part`.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::inbox::{Inlet, Piece};
use crate::audio::LINE_RATE;
use crate::audio::wav;

/// How the name ends while the file grows.
pub const PART: &str = ".part";

/// Whether a recording that grows is that of a call, which has two channels: `x.call.wav.part`.
pub(super) fn is_of_a_call(part: &Path) -> bool {
    part.file_name().is_some_and(|name| name.to_string_lossy().ends_with(".call.wav.part"))
}

/// What is held back from the file, in samples, so that a tone can still be muted that turns out to be a
/// key's.
const HELD: u64 = super::HELD_MS * LINE_RATE as u64 / 1000;
/// A place for which nothing has come for so long, in samples, becomes silence: 1 s, far more than audio is
/// ever late.
const LAG: u64 = LINE_RATE as u64;
/// How far samples may be ahead of the clock, in samples: a minute. A caller's timestamps may jump, and must
/// not fill the disk with silence, nor the places of what is said next.
const AHEAD: u64 = 60 * LINE_RATE as u64;
/// Samples of silence that are filled in at a time.
const FILL: usize = 800;

/// The name of a recording while it grows.
pub(super) fn part_of(path: &Path) -> PathBuf {
    let mut part = OsString::from(path);
    part.push(PART);
    PathBuf::from(part)
}

/// A file that grows: one channel; or two, of which the second is the sum of all that come after the first.
#[derive(Debug)]
pub(super) struct Growing {
    writer: wav::Writer<File>,
    file: File,
    /// What has come of each who speaks.
    channels: Vec<Vec<i16>>,
    longest: u64,
    dirty: bool,
}

impl Growing {
    /// Begins a file of so many channels that holds `longest` samples of each at most.
    pub fn create(part: &Path, channels: usize, longest: u64) -> io::Result<Self> {
        // Nobody but us listens to what callers say.
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(part)?;
        let writer = wav::Writer::new(file.try_clone()?, LINE_RATE, channels as u16)?;
        Ok(Self { writer, file, channels: vec![Vec::new(); channels], longest, dirty: true })
    }

    /// Takes what has come on a channel; `clock` is how long the recording lasts, in samples. What cannot
    /// be held back any more is written, and given to `heard`.
    pub fn take(
        &mut self,
        channel: usize,
        inlet: &Inlet,
        clock: u64,
        heard: &mut impl FnMut(&[i16]),
    ) -> io::Result<()> {
        if channel >= self.channels.len() && self.channels.len() > 1 && !inlet.pieces.is_empty() {
            // Somebody has joined those on the right.
            self.channels.resize(channel + 1, Vec::new());
        }
        let mut samples = inlet.samples.as_slice();
        for piece in &inlet.pieces {
            match *piece {
                Piece::Mute { from } => self.mute(channel, from),
                Piece::Sound { at, len } => {
                    let (sound, rest) = samples.split_at(len.min(samples.len()));
                    samples = rest;
                    if at <= clock.saturating_add(AHEAD) {
                        self.put(channel, at, sound, heard)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes what is due: all that has come, but for what may still be muted, and silence where nothing
    /// has come for too long.
    pub fn advance(&mut self, clock: u64, heard: &mut impl FnMut(&[i16])) -> io::Result<()> {
        let all_have = (0..self.channels.len()).map(|channel| self.end(channel)).min().unwrap_or(0);
        self.write_up_to(all_have.saturating_sub(HELD).max(clock.saturating_sub(LAG)), heard)
    }

    /// Writes all that has come.
    pub fn complete(&mut self, heard: &mut impl FnMut(&[i16])) -> io::Result<()> {
        let end = (0..self.channels.len()).map(|channel| self.end(channel)).max().unwrap_or(0);
        self.write_up_to(end, heard)
    }

    /// Makes the header true. Returns whether there was anything new.
    pub fn flush(&mut self) -> io::Result<bool> {
        if !std::mem::take(&mut self.dirty) {
            return Ok(false);
        }
        self.writer.flush().map(|()| true)
    }

    /// The file, for whoever ends it.
    pub fn into_file(self) -> File {
        self.file
    }

    /// Puts a writer that fails in the place of the one that works.
    #[cfg(test)]
    pub fn break_with(&mut self, writer: wav::Writer<File>) {
        self.writer = writer;
    }

    /// Where what has come on a channel ends.
    fn end(&self, channel: usize) -> u64 {
        let pending = self.channels.get(channel).map_or(0, Vec::len);
        self.writer.frames().saturating_add(pending as u64)
    }

    fn put(
        &mut self,
        channel: usize,
        at: u64,
        sound: &[i16],
        heard: &mut impl FnMut(&[i16]),
    ) -> io::Result<()> {
        const SILENCE: [i16; FILL] = [0; FILL];
        while self.end(channel) < at.min(self.longest) {
            let missing = (at - self.end(channel)).min(FILL as u64) as usize;
            self.append(channel, SILENCE.get(..missing).unwrap_or_default(), heard)?;
        }
        // What is there already stays: the later of two copies is dropped.
        let known = usize::try_from(self.end(channel).saturating_sub(at)).unwrap_or(usize::MAX);
        self.append(channel, sound.get(known..).unwrap_or_default(), heard)
    }

    fn append(&mut self, channel: usize, sound: &[i16], heard: &mut impl FnMut(&[i16])) -> io::Result<()> {
        let room = usize::try_from(self.longest.saturating_sub(self.end(channel))).unwrap_or(usize::MAX);
        let sound = sound.get(..room.min(sound.len())).unwrap_or_default();
        if let Some(pending) = self.channels.get_mut(channel) {
            pending.extend_from_slice(sound);
        }
        let due = self.end(channel).saturating_sub(LAG);
        if due > self.writer.frames().saturating_add(LAG) { self.write_up_to(due, heard) } else { Ok(()) }
    }

    fn mute(&mut self, channel: usize, from: u64) {
        let first = usize::try_from(from.saturating_sub(self.writer.frames())).unwrap_or(usize::MAX);
        let pending = self.channels.get_mut(channel).map(Vec::as_mut_slice).unwrap_or_default();
        pending.get_mut(first..).unwrap_or_default().fill(0);
    }

    fn write_up_to(&mut self, end: u64, heard: &mut impl FnMut(&[i16])) -> io::Result<()> {
        let due = end.min(self.longest).saturating_sub(self.writer.frames());
        let mut due = usize::try_from(due).unwrap_or(usize::MAX);
        while due > 0 {
            let frames = due.min(LAG as usize);
            self.write(frames, heard)?;
            due -= frames;
        }
        Ok(())
    }

    /// Writes so many frames, with silence where nothing has come.
    fn write(&mut self, frames: usize, heard: &mut impl FnMut(&[i16])) -> io::Result<()> {
        for pending in &mut self.channels {
            pending.resize(pending.len().max(frames), 0);
        }
        self.dirty = true;
        match self.channels.as_mut_slice() {
            [one] => {
                let due = one.get(..frames).unwrap_or_default();
                heard(due);
                self.writer.write(due)?;
            }
            channels => self.writer.write(&interleaved(channels, frames))?,
        }
        for pending in &mut self.channels {
            pending.drain(..frames.min(pending.len()));
        }
        Ok(())
    }
}

/// The first frames of the first channel and of all others together, side by side.
fn interleaved(channels: &[Vec<i16>], frames: usize) -> Vec<i16> {
    let (left, right) = channels.split_at(1.min(channels.len()));
    let sum = |voices: &[Vec<i16>], n: usize| {
        let samples = voices.iter().map(|voice| voice.get(n).copied().unwrap_or(0));
        samples.fold(0_i16, i16::saturating_add)
    };
    (0..frames).flat_map(|n| [sum(left, n), sum(right, n)]).collect()
}
