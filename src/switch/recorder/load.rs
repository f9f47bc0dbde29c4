//! A recording as sound, to be played again.

use std::io;
use std::path::Path;

/// The longest that is read, in samples of each side: a message is at most 10 minutes.
const LONGEST: u32 = 3600 * crate::audio::LINE_RATE;

/// Reads a recording of ours, both sides together.
pub(super) fn load(path: &Path) -> io::Result<Vec<i16>> {
    let mut wav = hound::WavReader::open(path).map_err(unreadable)?;
    let spec = wav.spec();
    if spec.sample_rate != crate::audio::LINE_RATE || spec.bits_per_sample != 16 || wav.duration() > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no recording of ours"));
    }
    let sides = usize::from(spec.channels.max(1));
    let samples: Vec<i16> = wav.samples().collect::<Result<_, _>>().map_err(unreadable)?;
    let together = |frame: &[i16]| frame.iter().fold(0_i16, |sum, side| sum.saturating_add(*side));
    Ok(samples.chunks(sides).map(together).collect())
}

fn unreadable(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    }
}
