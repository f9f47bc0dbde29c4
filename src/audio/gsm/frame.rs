//! The parameters of a frame, out of the two ways in which files pack them.

/// What each raw frame of 33 octets begins with, in the upper half of its first octet.
const SIGNATURE: u8 = 0xd;
/// Bits of the reflection coefficients (table 1.1).
const REFLECTION_BITS: [u32; 8] = [6, 6, 5, 5, 4, 4, 3, 3];

/// How frames lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// One after the other, 33 octets each, the first bit of a value in the highest place: `.gsm` files,
    /// and RTP (RFC 3551 4.5.8).
    Raw,
    /// Two in 65 octets, the first bit of a value in the lowest place: WAV with the format tag 49.
    Wave,
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// The filter of the vocal tract, as coded logarithmic area ratios [LARc].
    pub(super) reflections: [i32; 8],
    /// Four parts of 5 ms.
    pub(super) parts: [Part; 4],
}

/// A quarter of a frame: what the vocal tract is driven with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Part {
    /// How many samples ago it sounded alike [Nc].
    pub lag: i32,
    /// How much alike, coded [bc].
    pub gain: usize,
    /// Where the first pulse is [Mc].
    pub grid: usize,
    /// The largest pulse, coded [xmaxc].
    pub largest: i32,
    /// Every third sample is a pulse [xMc].
    pub pulses: [i32; 13],
}

impl Packing {
    /// How many frames a file's sound holds at most.
    pub fn frames_in(self, sound: &[u8]) -> usize {
        sound.len() / self.block() * if self == Self::Wave { 2 } else { 1 }
    }

    /// Octets that are read at a time.
    fn block(self) -> usize {
        match self {
            Self::Raw => 33,
            Self::Wave => 65,
        }
    }
}

/// The frames in a file's sound. What is left at its end is no whole frame and is left out. The error is the
/// number of the first frame that is none, counted from 0.
pub fn frames(sound: &[u8], packing: Packing) -> impl Iterator<Item = Result<Frame, usize>> {
    sound.chunks_exact(packing.block()).enumerate().flat_map(move |(block, octets)| {
        let frames: [Option<Result<Frame, usize>>; 2] = match packing {
            Packing::Raw if octets.first().is_some_and(|first| first >> 4 == SIGNATURE) => {
                [Some(Ok(Frame::read(&mut Bits::high_first(octets, 4)))), None]
            }
            Packing::Raw => [Some(Err(block)), None],
            Packing::Wave => {
                let mut bits = Bits::low_first(octets);
                [Some(Ok(Frame::read(&mut bits))), Some(Ok(Frame::read(&mut bits)))]
            }
        };
        frames.into_iter().flatten()
    })
}

impl Frame {
    fn read(bits: &mut Bits<'_>) -> Self {
        let reflections = REFLECTION_BITS.map(|width| bits.take(width));
        let mut parts = [Part::default(), Part::default(), Part::default(), Part::default()];
        for part in &mut parts {
            part.lag = bits.take(7);
            part.gain = bits.take(2) as usize;
            part.grid = bits.take(2) as usize;
            part.largest = bits.take(6);
            part.pulses.iter_mut().for_each(|pulse| *pulse = bits.take(3));
        }
        Self { reflections, parts }
    }
}

/// Values of a few bits each, one after the other.
struct Bits<'a> {
    octets: &'a [u8],
    next: usize,
    high_first: bool,
}

impl<'a> Bits<'a> {
    fn high_first(octets: &'a [u8], skipped: usize) -> Self {
        Self { octets, next: skipped, high_first: true }
    }

    fn low_first(octets: &'a [u8]) -> Self {
        Self { octets, next: 0, high_first: false }
    }

    fn take(&mut self, width: u32) -> i32 {
        (0..width).fold(0, |value, place| match self.high_first {
            true => value << 1 | self.bit(),
            false => value | self.bit() << place,
        })
    }

    fn bit(&mut self) -> i32 {
        let octet = self.octets.get(self.next / 8).copied().unwrap_or(0);
        let place = if self.high_first { 7 - self.next % 8 } else { self.next % 8 };
        self.next += 1;
        i32::from(octet >> place & 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_packings_are_read_to_their_last_bit() {
        let mut raw = [0_u8; 33];
        raw[0] = 0xd0;
        raw[32] = 0b0000_0101;
        let frame = frames(&raw, Packing::Raw).next().unwrap().unwrap();
        assert_eq!(frame.parts[3].pulses[12], 5);
        let mut wave = [0_u8; 65];
        wave[0] = 0b0100_0001;
        wave[64] = 0b1010_0000;
        let both: Vec<_> = frames(&wave, Packing::Wave).collect::<Result<_, _>>().unwrap();
        assert_eq!((both.len(), both[0].reflections[0], both[0].reflections[1]), (2, 1, 1));
        assert_eq!(both[1].parts[3].pulses[12], 5);
    }

    #[test]
    fn a_frame_without_its_signature_is_named_and_a_begun_one_left_out() {
        let raw = [[0xd0; 33], [0x40; 33]].concat();
        assert_eq!(frames(&raw, Packing::Raw).filter_map(Result::err).next(), Some(1));
        assert_eq!(frames(&raw[..32], Packing::Raw).count(), 0);
    }
}
