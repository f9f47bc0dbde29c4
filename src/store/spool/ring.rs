//! A part of a file that is written round and round: frames with a number and a checksum, the oldest overwritten
//! first. What a frame holds is text, so that its mark cannot come up in it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

/// Begins a frame. The first two octets never come up in UTF-8.
const MARK: [u8; 4] = [0xFF, 0xFE, b'N', b'B'];
/// Mark, length, number, checksum.
const HEAD: usize = 24;
/// Frames begin at multiples of this.
const STEP: usize = 64;
/// What is looked at, and emptied, at once.
const BLOCK: usize = 1 << 16;
static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// A frame as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub number: u64,
    pub text: Vec<u8>,
}

/// A stretch of the file, and where in it the next frame goes.
#[derive(Debug)]
pub(super) struct Ring {
    begin: u64,
    size: usize,
    at: usize,
    /// Nothing was ever written behind this.
    used: usize,
}

impl Ring {
    /// An empty ring of `size` octets, from `begin` on.
    pub fn new(begin: u64, size: usize) -> Self {
        Self { begin, size, at: 0, used: 0 }
    }

    /// Reads the frames that are there, in the order of their numbers, and goes on behind the last one.
    pub fn read(&mut self, file: &File) -> io::Result<Vec<Frame>> {
        let mut octets = vec![0; self.size];
        file.read_exact_at(&mut octets, self.begin)?;
        // Beyond that there was never anything: most often everywhere.
        let blank = |block: &[u8]| ZEROS.get(..block.len()) == Some(block);
        let blocks =
            octets.chunks(BLOCK).rposition(|block| !blank(block)).map_or(0, |last| last.saturating_add(1));
        self.used = self.size.min(blocks.saturating_mul(BLOCK));
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(rest) = octets.get(at..self.used).filter(|rest| rest.len() >= HEAD) {
            match unwrap(rest) {
                Some(frame) => {
                    let end = at.saturating_add(length(frame.text.len()));
                    found.push((end, frame));
                    at = end;
                }
                None => at = at.saturating_add(STEP),
            }
        }
        self.at = found.iter().max_by_key(|(_, frame)| frame.number).map_or(0, |(end, _)| *end);
        found.sort_by_key(|(_, frame)| frame.number);
        Ok(found.into_iter().map(|(_, frame)| frame).collect())
    }

    /// Writes a frame over whatever is oldest. An error: the file does not take it, or it is longer than the ring.
    pub fn write(&mut self, file: &File, number: u64, text: &[u8]) -> io::Result<()> {
        let frame = wrap(number, text)?;
        if frame.len() > self.size {
            return Err(io::Error::other("the entry is longer than the spool"));
        }
        let at = if self.at.saturating_add(frame.len()) > self.size { 0 } else { self.at };
        file.write_all_at(&frame, self.begin.saturating_add(at as u64))?;
        self.at = at.saturating_add(frame.len());
        self.used = self.used.max(self.at);
        Ok(())
    }

    /// Overwrites everything with zeros: names and numbers do not stay in the file.
    pub fn clear(&mut self, file: &File) -> io::Result<()> {
        let mut at = 0;
        while let Some(part) =
            ZEROS.get(..ZEROS.len().min(self.used.saturating_sub(at))).filter(|part| !part.is_empty())
        {
            file.write_all_at(part, self.begin.saturating_add(at as u64))?;
            at = at.saturating_add(part.len());
        }
        (self.at, self.used) = (0, 0);
        Ok(())
    }
}

/// How long the frame of a text is.
fn length(text: usize) -> usize {
    text.saturating_add(HEAD).next_multiple_of(STEP)
}

fn wrap(number: u64, text: &[u8]) -> io::Result<Vec<u8>> {
    let octets = u32::try_from(text.len()).map_err(io::Error::other)?;
    let mut frame = Vec::with_capacity(length(text.len()));
    frame.extend_from_slice(&MARK);
    frame.extend_from_slice(&octets.to_be_bytes());
    frame.extend_from_slice(&number.to_be_bytes());
    frame.extend_from_slice(&checksum(number, text));
    frame.extend_from_slice(text);
    frame.resize(length(text.len()), 0);
    Ok(frame)
}

/// The frame at the begin of `octets`; nothing, if there is none or it is not whole.
fn unwrap(octets: &[u8]) -> Option<Frame> {
    let (mark, rest) = octets.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let (sum, rest) = rest.split_first_chunk::<8>()?;
    let text = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?).filter(|_| *mark == MARK)?;
    let number = u64::from_be_bytes(*number);
    (checksum(number, text) == *sum).then(|| Frame { number, text: text.to_vec() })
}

fn checksum(number: u64, text: &[u8]) -> [u8; 8] {
    let digest = Sha256::new().chain_update(number.to_be_bytes()).chain_update(text).finalize();
    digest.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(size: u64) -> File {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("nightbell-ring-{}-{number}", std::process::id()));
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        file.set_len(size).unwrap();
        file
    }

    fn numbers(frames: &[Frame]) -> Vec<u64> {
        frames.iter().map(|frame| frame.number).collect()
    }

    proptest! {
        #[test]
        fn of_all_that_was_written_the_newest_that_fit_are_there_in_order(
            lengths in prop::collection::vec(0_usize..700, 1..60),
            stop in 0_usize..60,
        ) {
            const SIZE: usize = 4096;
            let file = file(100 + SIZE as u64 + 100);
            let mut ring = Ring::new(100, SIZE);
            for (number, length) in (1..).zip(&lengths) {
                if number as usize == stop {
                    // A restart in the middle changes nothing.
                    ring = Ring::new(100, SIZE);
                    ring.read(&file).unwrap();
                }
                ring.write(&file, number, &vec![b'x'; *length]).unwrap();
            }
            let found = Ring::new(100, SIZE).read(&file).unwrap();
            let last = lengths.len() as u64;
            let first = found.first().unwrap().number;
            // Frames that a shorter last round did not reach are older, and whole.
            prop_assert_eq!(found.last().unwrap().number, last);
            prop_assert!(numbers(&found).is_sorted());
            for frame in &found {
                prop_assert_eq!(frame.text.len(), lengths[frame.number as usize - 1]);
            }
            // The longest frame is 768 octets: so much may be lost at the seam and under the newest one.
            let held: usize = found.iter().map(|frame| length(frame.text.len())).sum();
            prop_assert!(first == 1 || held > SIZE - 2 * 768, "only {} octets are held", held);
        }

        #[test]
        fn whatever_is_damaged_the_other_frames_are_read(at in 0_u64..2048, octet: u8) {
            let file = file(4096);
            let mut ring = Ring::new(0, 4096);
            for number in 1..=10 {
                ring.write(&file, number, format!("entry {number}").repeat(10).as_bytes()).unwrap();
            }
            let whole = Ring::new(0, 4096).read(&file).unwrap();
            file.write_all_at(&[octet], at).unwrap();
            let found = Ring::new(0, 4096).read(&file).unwrap();
            prop_assert!(found.len() + 1 >= whole.len());
            prop_assert!(found.iter().all(|frame| whole.contains(frame)));
        }
    }

    #[test]
    fn what_was_cleared_cannot_be_found_in_the_file_again() {
        let file = file(4096);
        let mut ring = Ring::new(0, 4096);
        for number in 1..=100 {
            ring.write(&file, number, b"+4915112345678").unwrap();
        }
        ring.clear(&file).unwrap();
        let mut octets = vec![1; 4096];
        file.read_exact_at(&mut octets, 0).unwrap();
        assert!(octets.iter().all(|octet| *octet == 0));
        assert_eq!(ring.read(&file).unwrap(), []);
    }

    #[test]
    fn what_is_longer_than_the_ring_is_refused() {
        let file = file(128);
        let mut ring = Ring::new(0, 128);
        ring.write(&file, 1, &[b'x'; 104]).unwrap();
        ring.write(&file, 2, &[b'x'; 105]).unwrap_err();
        assert_eq!(numbers(&ring.read(&file).unwrap()), [1]);
    }
}
