//! RIFF WAVE files of 16-bit PCM, one channel or two: written by `hound`, and the repair of one whose
//! writer died.

use std::io::{self, Seek, Write};

use hound::{SampleFormat, WavSpec, WavWriter};

/// Samples that are given to hound at once.
const AT_ONCE: usize = 800;

/// Octets before the samples, as [`Writer`] writes them.
pub const HEADER_LEN: u64 = 44;

/// The most octets of sound a file can hold: RIFF's lengths are 32 bits.
const MAX_OCTETS: u64 = u32::MAX as u64 - HEADER_LEN;

/// Writes a WAV file. The header is true after each [`Writer::flush`].
pub struct Writer<W: Write + Seek> {
    inner: WavWriter<W>,
    channels: u16,
    frames: u64,
}

impl<W: Write + Seek> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("frames", &self.frames).finish_non_exhaustive()
    }
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a file of `rate` samples per second in each of its `channels`. What is written goes to
    /// `to` at once, a call of [`Writer::write`] in one piece.
    pub fn new(to: W, rate: u32, channels: u16) -> io::Result<Self> {
        let spec =
            WavSpec { channels, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
        Ok(Self { inner: WavWriter::new(to, spec).map_err(io_error)?, channels, frames: 0 })
    }

    /// Frames written so far: samples of one channel.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Appends whole frames: a sample of each channel, the first channel (the left one) first.
    pub fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        let channels = u64::from(self.channels);
        let frames = samples.len() as u64 / channels;
        if (self.frames + frames) * channels * 2 > MAX_OCTETS {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a WAV file holds 4 GiB at most"));
        }
        let whole = samples.get(..(frames * channels) as usize).unwrap_or_default();
        // The length fits: it was checked against RIFF's 32 bits.
        // In pieces of one size: hound makes itself a new buffer for each that is longer than all before.
        for piece in whole.chunks(AT_ONCE) {
            let mut writer = self.inner.get_i16_writer(piece.len() as u32);
            piece.iter().for_each(|sample| writer.write_sample(*sample));
            writer.flush().map_err(io_error)?;
        }
        self.frames += frames;
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
    /// The length the file must be cut to: half a frame at the end is dropped.
    pub file_len: u64,
    /// One channel or two.
    pub channels: u16,
    /// Frames in the file: samples of one channel.
    pub frames: u64,
    /// Samples per second and channel.
    pub rate: u32,
}

impl Repair {
    /// The length of the sound in ms.
    pub fn duration_ms(&self) -> u64 {
        self.frames.saturating_mul(1000) / u64::from(self.rate.max(1))
    }

    /// The length of such a file with so many frames, in octets.
    pub fn len_of(&self, frames: u64) -> u64 {
        frames.saturating_mul(2 * u64::from(self.channels)).saturating_add(HEADER_LEN)
    }
}

/// Whether the first octets of a file never reached the disk: nothing of a header is there but, at most, its lengths.
pub fn is_without_header(first: &[u8]) -> bool {
    let lengths = |at: usize| (4..8).contains(&at) || (40..44).contains(&at);
    let header = first.iter().take(HEADER_LEN as usize).enumerate();
    header.filter(|(at, _)| !lengths(*at)).all(|(_, octet)| *octet == 0)
}

/// The header that [`Writer`] begins a file with.
pub fn header(rate: u32, channels: u16) -> io::Result<Vec<u8>> {
    let mut file = io::Cursor::new(Vec::new());
    Writer::new(&mut file, rate, channels)?.finish()?;
    Ok(file.into_inner())
}

/// The repair of a file of [`Writer`] that is `file_len` octets long and begins with `first`;
/// nothing if the beginning is not a header of such a file.
pub fn repair(file_len: u64, first: &[u8]) -> Option<Repair> {
    let mut header: [u8; HEADER_LEN as usize] = first.get(..HEADER_LEN as usize)?.try_into().ok()?;
    let is = |at: usize, what: &[u8]| first.get(at..at + what.len()) == Some(what);
    // PCM of 16 bits; the lengths at 4 and 40 are what the crash left wrong.
    let pcm = is(0, b"RIFF") && is(8, b"WAVEfmt \x10\0\0\0\x01\0") && is(34, b"\x10\0data");
    let channels = u16::from_le_bytes(first.get(22..24)?.try_into().ok()?);
    let aligned = is(32, &(2 * channels.min(2)).to_le_bytes());
    if !pcm || !matches!(channels, 1 | 2) || !aligned || file_len < HEADER_LEN {
        return None;
    }
    let rate = u32::from_le_bytes(first.get(24..28)?.try_into().ok()?);
    let frame = 2 * u64::from(channels);
    let frames = (file_len - HEADER_LEN).min(MAX_OCTETS) / frame;
    let octets = u32::try_from(frames * frame).ok()?;
    header[4..8].copy_from_slice(&(octets + HEADER_LEN as u32 - 8).to_le_bytes());
    header[40..44].copy_from_slice(&octets.to_le_bytes());
    Some(Repair { header, file_len: HEADER_LEN + frames * frame, channels, frames, rate })
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
        let mut writer = Writer::new(&mut file, 8000, 1).unwrap();
        writer.write(samples).unwrap();
        assert_eq!(writer.frames(), samples.len() as u64);
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
        let mut writer = Writer::new(&mut file, 8000, 1).unwrap();
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
    fn two_channels_are_written_side_by_side_and_repaired_up_to_the_last_whole_frame() {
        let mut file = Cursor::new(Vec::new());
        let mut writer = Writer::new(&mut file, 8000, 2).unwrap();
        writer.write(&[1, -1, 2, -2]).unwrap();
        writer.write(&[3, -3, 4]).unwrap();
        assert_eq!(writer.frames(), 3, "half a frame is none");
        writer.finish().unwrap();
        let mut file = file.into_inner();
        assert_eq!(hound::WavReader::new(&file[..]).unwrap().spec().channels, 2);
        assert_eq!(read(&file), [1, -1, 2, -2, 3, -3]);
        file.truncate(file.len() - 1);
        let repair = repair(file.len() as u64, &file).unwrap();
        assert_eq!((repair.channels, repair.frames, repair.file_len), (2, 2, repair.len_of(2)));
        assert_eq!(read(&repaired(file)), [1, -1, 2, -2]);
    }

    #[test]
    fn a_header_that_is_missing_can_be_made_anew() {
        let file = written(&[1; 100]);
        let mut lost = file.clone();
        lost[..HEADER_LEN as usize].fill(0);
        assert!(is_without_header(&lost) && !is_without_header(&file));
        lost[40..44].fill(7);
        assert!(is_without_header(&lost), "a length alone is no header");
        lost[..HEADER_LEN as usize].copy_from_slice(&header(8000, 1).unwrap());
        assert_eq!(repaired(lost), file);
        assert_eq!(repair(44, &header(8000, 2).unwrap()).map(|repair| repair.channels), Some(2));
    }

    #[test]
    fn a_repair_tells_the_duration() {
        let file = written(&[1; 12_000]);
        assert_eq!(repair(file.len() as u64, &file).map(|repair| repair.duration_ms()), Some(1500));
        assert_eq!(repair(20, &file), None, "shorter than its own header");
    }
}
