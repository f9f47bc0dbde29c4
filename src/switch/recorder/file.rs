//! One recording's file, from `x.wav.part` to `x.wav`.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::audio::LINE_RATE;
use crate::audio::level::dbm0;
use crate::audio::wav::{self, HEADER_LEN};
use crate::call::leg::Recorded;

/// How the name ends while the file grows.
pub(super) const PART: &str = ".part";

/// The most a recording can hold, in samples: a quarter of an hour.
const MAX_SAMPLES: u64 = 15 * 60 * LINE_RATE as u64;
/// How far samples may be ahead of the clock: a minute. A caller's timestamps may jump, and must not
/// fill the disk with silence, nor the places of what is said next.
const AHEAD: Duration = Duration::from_secs(60);
/// Silence that stays at the end, in samples: 300 ms.
const SILENCE_KEPT: u64 = 300 * LINE_RATE as u64 / 1000;
/// What is quieter over [`WINDOW`] is silence at the end of a recording, in dBm0.
const QUIET: f64 = -50.0;
/// 10 ms, in samples.
const WINDOW: usize = LINE_RATE as usize / 100;
/// The sample values of silence in A-law and in u-law are no larger than this.
const DIGITAL_SILENCE: u16 = 8;

/// A recording that grows. The first error of the disk ends the growth; what is there is kept.
pub(super) struct Recording {
    path: PathBuf,
    part: PathBuf,
    began: Instant,
    growing: Option<Growing>,
    failed: bool,
}

pub(super) struct Growing {
    writer: wav::Writer<BufWriter<File>>,
    file: File,
    dirty: bool,
}

impl Recording {
    /// Begins a file that will be `path`.
    pub fn create(path: PathBuf) -> Self {
        let mut part = OsString::from(&path);
        part.push(PART);
        let part = PathBuf::from(part);
        let growing = Growing::create(&part).map_err(|error| warn(&part, &error)).ok();
        Self { path, part, began: Instant::now(), failed: growing.is_none(), growing }
    }

    /// Adds samples at their place.
    pub fn write(&mut self, at: u64, samples: &[i16]) {
        let latest = (self.began.elapsed() + AHEAD).as_millis() * u128::from(LINE_RATE) / 1000;
        if u128::from(at) <= latest {
            self.attempt(|growing| growing.write(at, samples));
        }
    }

    /// Makes what was written so far safe.
    pub fn sync(&mut self) {
        self.attempt(Growing::sync);
    }

    /// Ends the file: cuts the last `cut` samples, and gives it its name.
    pub fn finish(mut self, cut: u64, dropped: u64) -> Recorded {
        self.attempt(Growing::sync);
        let Some(growing) = self.growing.take() else {
            return self.recorded(false, 0, dropped);
        };
        let Growing { writer, file, .. } = growing;
        // All was written above, or cannot be: what counts from here on is what the file holds.
        drop(writer);
        match conclude(&file, &self.part, &self.path, cut) {
            Ok(samples) => self.recorded(samples > 0, samples, dropped),
            Err(error) => {
                warn(&self.part, &error);
                self.failed = true;
                self.recorded(true, 0, dropped)
            }
        }
    }

    fn recorded(&self, kept: bool, samples: u64, dropped: u64) -> Recorded {
        if dropped > 0 {
            tracing::warn!(recording = %self.path.display(), samples = dropped, "the disk was too slow");
        }
        let duration_ms = samples * 1000 / u64::from(LINE_RATE);
        Recorded { kept, duration_ms, truncated: self.failed || dropped > 0 }
    }

    /// Puts a writer that fails in the place of the one that works.
    #[cfg(test)]
    pub fn break_with(&mut self, writer: wav::Writer<BufWriter<File>>) {
        self.growing.as_mut().unwrap().writer = writer;
    }

    fn attempt(&mut self, what: impl FnOnce(&mut Growing) -> io::Result<()>) {
        if !self.failed
            && let Some(growing) = &mut self.growing
            && let Err(error) = what(growing)
        {
            warn(&self.part, &error);
            self.failed = true;
        }
    }
}

fn warn(path: &Path, error: &io::Error) {
    tracing::warn!(recording = %path.display(), %error, "the recording cannot go on");
}

impl Growing {
    pub fn create(part: &Path) -> io::Result<Self> {
        // Nobody but us listens to what callers say.
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(part)?;
        let writer = wav::Writer::new(BufWriter::new(file.try_clone()?), LINE_RATE)?;
        Ok(Self { writer, file, dirty: true })
    }

    pub fn write(&mut self, at: u64, samples: &[i16]) -> io::Result<()> {
        let end = at.saturating_add(samples.len() as u64).min(MAX_SAMPLES);
        self.fill_up_to(at.min(MAX_SAMPLES))?;
        // What is there already stays: the later of two copies is dropped.
        let known = self.writer.samples().saturating_sub(at) as usize;
        let new = samples.get(known..(end.saturating_sub(at) as usize)).unwrap_or_default();
        self.dirty |= !new.is_empty();
        self.writer.write(new)
    }

    fn fill_up_to(&mut self, at: u64) -> io::Result<()> {
        const SILENCE: [i16; 800] = [0; 800];
        while self.writer.samples() < at {
            let missing = (at - self.writer.samples()).min(SILENCE.len() as u64) as usize;
            self.writer.write(SILENCE.get(..missing).unwrap_or_default())?;
        }
        Ok(())
    }

    pub fn sync(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.dirty) {
            self.writer.flush()?;
            self.file.sync_data()?;
        }
        Ok(())
    }
}

/// Ends a file: cuts `cut` samples, then silence, off its end, makes the header true, and gives it
/// its name, all of it safe on the disk. Returns the samples kept: none, and no file, if there is
/// nothing but digital silence.
pub(super) fn conclude(file: &File, part: &Path, path: &Path, cut: u64) -> io::Result<u64> {
    if file.metadata()?.len() < HEADER_LEN {
        // A full disk, or a crash before the first sound was written: there is nothing to keep.
        fs::remove_file(part)?;
        return Ok(0);
    }
    let mut header = [0; HEADER_LEN as usize];
    file.read_exact_at(&mut header, 0)?;
    let whole = wav::repair(file.metadata()?.len(), &header).ok_or_else(not_ours)?;
    let kept = sounding(file, whole.samples.saturating_sub(cut))?;
    if kept == 0 {
        fs::remove_file(part)?;
        return Ok(0);
    }
    if path.exists() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a recording of this name"));
    }
    let cut = wav::repair(HEADER_LEN + 2 * kept, &header).ok_or_else(not_ours)?;
    file.set_len(cut.file_len)?;
    file.write_all_at(&cut.header, 0)?;
    file.sync_all()?;
    fs::rename(part, path)?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())?;
    Ok(kept)
}

fn not_ours() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it does not begin as our recordings do")
}

/// How many of the first `len` samples are kept: up to [`SILENCE_KEPT`] after the last that is not
/// quiet; all of them if all is quiet but not silent; none if there is only digital silence.
fn sounding(file: &File, len: u64) -> io::Result<u64> {
    let mut end = len;
    let mut silent = true;
    while end > 0 {
        let start = end.saturating_sub(WINDOW as u64);
        let samples = read(file, start, (end - start) as usize)?;
        if dbm0(&samples) > QUIET {
            return Ok((end + SILENCE_KEPT).min(len));
        }
        silent &= samples.iter().all(|sample| sample.unsigned_abs() <= DIGITAL_SILENCE);
        end = start;
    }
    Ok(if silent { 0 } else { len })
}

fn read(file: &File, at: u64, len: usize) -> io::Result<Vec<i16>> {
    let mut octets = vec![0; 2 * len];
    file.read_exact_at(&mut octets, HEADER_LEN + 2 * at)?;
    Ok(octets.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}
