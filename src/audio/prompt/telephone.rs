//! Sound as telephone systems keep it, which no general decoder knows: raw G.711 and GSM 06.10, and GSM
//! 06.10 in WAV. All of it is mono at 8000 Hz.

use super::{MAX_SECONDS, Unplayable};
use crate::audio::LINE_RATE;
use crate::audio::g711::{alaw_to_linear, ulaw_to_linear};
use crate::audio::gsm::{self, Packing};

/// What GSM 06.10 is called in the header of a WAV.
const WAVE_FORMAT_GSM610: u16 = 49;
/// How files begin that say themselves what they are.
const SELF_TOLD: [&[u8]; 6] = [b"RIFF", b"FORM", b"fLaC", b"OggS", b"ID3", b".snd"];

/// A kind of file that says nothing of itself: its name has to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Headerless {
    /// G.711 µ-law, an octet a sample.
    Ulaw,
    /// G.711 A-law, an octet a sample.
    Alaw,
    /// GSM 06.10, 33 octets a frame.
    Gsm,
}

impl Headerless {
    /// The kind that a file's ending stands for, whether large or small.
    pub fn of_ending(ending: &str) -> Option<Self> {
        match ending.to_ascii_lowercase().as_str() {
            "ulaw" | "ul" | "mulaw" | "pcmu" => Some(Self::Ulaw),
            "alaw" | "al" | "pcma" => Some(Self::Alaw),
            "gsm" => Some(Self::Gsm),
            _ => None,
        }
    }
}

/// The samples of a file that is one of these; nothing: it is something else. What a file says of itself
/// counts more than its name.
pub(super) fn decode(file: &[u8], named: Option<Headerless>) -> Option<Result<Vec<f32>, Unplayable>> {
    if let Some(sound) = gsm_in_wave(file) {
        return Some(decode_gsm(sound, Packing::Wave));
    }
    if SELF_TOLD.iter().any(|begin| file.starts_with(begin)) {
        return None;
    }
    Some(match named? {
        Headerless::Ulaw => decode_law(file, ulaw_to_linear),
        Headerless::Alaw => decode_law(file, alaw_to_linear),
        Headerless::Gsm => decode_gsm(file, Packing::Raw),
    })
}

fn decode_law(sound: &[u8], law: fn(u8) -> i16) -> Result<Vec<f32>, Unplayable> {
    in_bounds(sound.len())?;
    Ok(sound.iter().map(|octet| scaled(law(*octet))).collect())
}

/// So many samples are not held in memory if they are too many.
fn in_bounds(samples: usize) -> Result<usize, Unplayable> {
    let most = (MAX_SECONDS * LINE_RATE) as usize;
    if samples > most { Err(Unplayable::TooLong) } else { Ok(samples) }
}

fn decode_gsm(sound: &[u8], packing: Packing) -> Result<Vec<f32>, Unplayable> {
    let mut decoder = gsm::Decoder::default();
    let mut samples = Vec::with_capacity(in_bounds(packing.frames_in(sound) * gsm::FRAME)?);
    for frame in gsm::frames(sound, packing) {
        let frame =
            frame.map_err(|n| Unplayable::Damaged(format!("frame {n} is none of GSM 06.10 full rate")))?;
        samples.extend(decoder.decode(&frame).map(scaled));
    }
    Ok(samples)
}

fn scaled(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

/// The sound in a WAV of GSM 06.10; nothing: it is no such file.
fn gsm_in_wave(file: &[u8]) -> Option<&[u8]> {
    let mut rest = file.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    let mut is_gsm = false;
    loop {
        let (name, after) = rest.split_at_checked(4)?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        // A file whose end is missing is played as far as it goes.
        let content = after.get(..length).unwrap_or(after);
        match name {
            b"fmt " => {
                let tag = content.first_chunk::<2>().map(|tag| u16::from_le_bytes(*tag));
                is_gsm = tag == Some(WAVE_FORMAT_GSM610);
            }
            b"data" => return is_gsm.then_some(content),
            _ => {}
        }
        // Chunks begin at even places.
        rest = after.get(length.checked_next_multiple_of(2)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_says_of_itself_counts_more_than_its_name() {
        assert!(decode(b"RIFF\0\0\0\0WAVE", Some(Headerless::Ulaw)).is_none());
        assert!(decode(b"ID3\x04", Some(Headerless::Alaw)).is_none());
        assert_eq!(decode(&[0xff, 0xff], Some(Headerless::Ulaw)), Some(Ok(vec![0.0, 0.0])));
        assert!(decode(&[0xff, 0xff], None).is_none());
    }

    #[test]
    fn the_endings_of_raw_files_are_known_in_any_case() {
        let known = ["ULAW", "ul", "alaw", "AL", "gsm", "wav", ""].map(Headerless::of_ending);
        use Headerless::{Alaw, Gsm, Ulaw};
        assert_eq!(known, [Some(Ulaw), Some(Ulaw), Some(Alaw), Some(Alaw), Some(Gsm), None, None]);
    }

    #[test]
    fn a_text_by_the_name_of_a_gsm_file_is_said_to_be_none() {
        let error = decode(&[b'a'; 100], Some(Headerless::Gsm)).unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the file is damaged: frame 0 is none of GSM 06.10 full rate");
    }
}
