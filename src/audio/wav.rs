//! RIFF WAVE files of 16-bit mono PCM: written by `hound`, and the repair of one whose writer died.

use std::io::{self, Seek, Write};

use hound::{SampleFormat, WavSpec, WavWriter};

/// Octets before the samples, as [`Writer`] writes them.
pub const HEADER_LEN: u64 = 44;

/// The most samples a file can hold: RIFF's lengths are 32 bits of octets.
pub const MAX_SAMPLES: u64 = (u32::MAX as u64 - HEADER_LEN) / 2;

/// Writes a WAV file. The header is true after each [`Writer::flush`].
pub struct Writer<W: Write + Seek> {
    inner: WavWriter<W>,
    samples: u64,
}

impl<W: Write + Seek> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("samples", &self.samples).finish_non_exhaustive()
    }
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a file of `rate` samples per second. Give it a buffered writer.
    pub fn new(to: W, rate: u32) -> io::Result<Self> {
        let spec =
            WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
        Ok(Self { inner: WavWriter::new(to, spec).map_err(io_error)?, samples: 0 })
    }

    /// Samples written so far.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Appends samples.
    pub fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        if self.samples + samples.len() as u64 > MAX_SAMPLES {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a WAV file holds 4 GiB at most"));
        }
        for sample in samples {
            self.inner.write_sample(*sample).map_err(io_error)?;
        }
        self.samples += samples.len() as u64;
        Ok(())
    }

    /// Hands everything on to the underlying writer, with a header that tells the length so far.
    pub fn flush(&mut self) -> io::Result<()> {
        self.inner.flush().map_err(io_error)
    }

    /// Ends the file.
    pub fn finish(self) -> io::Result<()> {
        self.inner.finalize().map_err(io_error)
    }
}

fn io_error(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other),
    }
}

/// What makes a WAV file's header true to the length of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// What the file's first octets have to be.
    pub header: [u8; HEADER_LEN as usize],
    /// The length the file must be cut to: half a sample at the end is dropped.
    pub file_len: u64,
    /// Samples in the file.
    pub samples: u64,
    /// Samples per second.
    pub rate: u32,
}

impl Repair {
    /// The length of the sound in ms.
    pub fn duration_ms(&self) -> u64 {
        self.samples.saturating_mul(1000) / u64::from(self.rate.max(1))
    }
}

/// The repair of a file of [`Writer`] that is `file_len` octets long and begins with `first`;
/// nothing if the beginning is not a header of such a file.
pub fn repair(file_len: u64, first: &[u8]) -> Option<Repair> {
    let mut header: [u8; HEADER_LEN as usize] = first.get(..HEADER_LEN as usize)?.try_into().ok()?;
    let is = |at: usize, what: &[u8]| first.get(at..at + what.len()) == Some(what);
    // PCM, one channel; 16 bits per sample; the lengths at 4 and 40 are what the crash left wrong.
    let ours = is(0, b"RIFF")
        && is(8, b"WAVEfmt \x10\0\0\0\x01\0\x01\0")
        && is(32, b"\x02\0\x10\0data")
        && file_len >= HEADER_LEN;
    if !ours {
        return None;
    }
    let rate = u32::from_le_bytes(first.get(24..28)?.try_into().ok()?);
    let samples = ((file_len - HEADER_LEN) / 2).min(MAX_SAMPLES);
    let octets = u32::try_from(samples * 2).ok()?;
    header[4..8].copy_from_slice(&(octets + HEADER_LEN as u32 - 8).to_le_bytes());
    header[40..44].copy_from_slice(&octets.to_le_bytes());
    Some(Repair { header, file_len: HEADER_LEN + samples * 2, samples, rate })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn read(file: &[u8]) -> Vec<i16> {
        let mut reader = hound::WavReader::new(file).unwrap();
        assert_eq!(reader.spec().sample_rate, 8000);
        reader.samples().map(Result::unwrap).collect()
    }

    fn written(samples: &[i16]) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        let mut writer = Writer::new(&mut file, 8000).unwrap();
        writer.write(samples).unwrap();
        assert_eq!(writer.samples(), samples.len() as u64);
        writer.finish().unwrap();
        file.into_inner()
    }

    fn repaired(mut file: Vec<u8>) -> Vec<u8> {
        let repair = repair(file.len() as u64, &file).unwrap();
        file.truncate(repair.file_len as usize);
        file[..HEADER_LEN as usize].copy_from_slice(&repair.header);
        file
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let samples = [0, 1, -1, i16::MAX, i16::MIN, 1234];
        assert_eq!(read(&written(&samples)), samples);
    }

    #[test]
    fn a_flushed_file_can_be_read_while_it_grows() {
        let mut file = Cursor::new(Vec::new());
        let mut writer = Writer::new(&mut file, 8000).unwrap();
        writer.write(&[7; 160]).unwrap();
        writer.flush().unwrap();
        writer.write(&[8; 160]).unwrap();
        // A crash: no finish, and no drop that would finish.
        std::mem::forget(writer);
        assert_eq!(read(&file.into_inner()), [7; 160]);
    }

    proptest! {
        #[test]
        fn a_file_cut_anywhere_is_repaired_up_to_its_last_whole_sample(
            samples in prop::collection::vec(any::<i16>(), 0..300),
            cut in 0_usize..600,
            header_says in any::<[u8; 4]>(),
        ) {
            let mut file = written(&samples);
            let keep = file.len().saturating_sub(cut).max(HEADER_LEN as usize);
            file.truncate(keep);
            file[4..8].copy_from_slice(&header_says);
            file[40..44].copy_from_slice(&header_says);
            let whole = (keep - HEADER_LEN as usize) / 2;
            prop_assert_eq!(read(&repaired(file)), &samples[..whole]);
        }

        #[test]
        fn what_is_no_header_of_ours_is_left_alone(first in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(repair(1 << 20, &first), None);
        }
    }

    #[test]
    fn a_repair_tells_the_duration() {
        let file = written(&[1; 12_000]);
        assert_eq!(repair(file.len() as u64, &file).map(|repair| repair.duration_ms()), Some(1500));
        assert_eq!(repair(20, &file), None, "shorter than its own header");
    }
}
