//! A clip: sound made ready for the line, so that playing it is only sending.

use std::sync::Arc;

use crate::audio::LINE_RATE;
use crate::audio::g711::{linear_to_alaw, linear_to_ulaw};

/// Samples, and octets of G.711, in a frame of 20 ms.
pub const FRAME: usize = 160;
/// The length of a frame in ms.
pub const FRAME_MS: u64 = FRAME as u64 * 1000 / LINE_RATE as u64;

/// A frame at 16 000 Hz, in pairs: an octet of G.722 each.
pub type WideFrame = [[i16; 2]; FRAME];

/// A sound in both laws of G.711, cut into frames of 20 ms. All forms have the same number of frames.
#[derive(Debug, Clone)]
pub struct Clip {
    /// In A-law.
    pub pcma: Arc<[[u8; FRAME]]>,
    /// In u-law.
    pub pcmu: Arc<[[u8; FRAME]]>,
    /// For G.722, if anybody speaks it. Its octets depend on what was sent before, so each leg encodes
    /// for itself.
    pub wide: Option<Arc<[WideFrame]>>,
}

impl Clip {
    /// Encodes a sound of 8000 samples per second. The last frame is filled up with silence.
    pub fn from_samples(samples: &[i16]) -> Self {
        Self { pcma: encode(samples, linear_to_alaw), pcmu: encode(samples, linear_to_ulaw), wide: None }
    }

    /// Adds the same sound at 16 000 samples per second.
    #[must_use]
    pub fn with_wide(mut self, samples: &[i16]) -> Self {
        let (pairs, _) = samples.as_chunks::<2>();
        let mut wide = vec![[[0; 2]; FRAME]; self.pcma.len()];
        for (place, pair) in wide.as_flattened_mut().iter_mut().zip(pairs) {
            *place = *pair;
        }
        self.wide = Some(wide.into());
        self
    }

    /// How long it plays, in ms.
    pub fn duration_ms(&self) -> u64 {
        self.pcma.len() as u64 * FRAME_MS
    }
}

fn encode(samples: &[i16], law: fn(i16) -> u8) -> Arc<[[u8; FRAME]]> {
    let frame = |samples: &[i16]| {
        let mut frame = [law(0); FRAME];
        for (octet, sample) in frame.iter_mut().zip(samples) {
            *octet = law(*sample);
        }
        frame
    };
    samples.chunks(FRAME).map(frame).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::g711::{ALAW_SILENCE, ULAW_SILENCE, alaw_to_linear, ulaw_to_linear};

    #[test]
    fn a_clip_holds_the_sound_in_both_laws_and_ends_in_silence() {
        let sound: Vec<i16> = (0..400).map(|n| n * 50 - 10_000).collect();
        let clip = Clip::from_samples(&sound);
        assert_eq!((clip.pcma.len(), clip.pcmu.len(), clip.duration_ms()), (3, 3, 60));
        for (n, sample) in sound.iter().enumerate() {
            for heard in
                [alaw_to_linear(clip.pcma[n / 160][n % 160]), ulaw_to_linear(clip.pcmu[n / 160][n % 160])]
            {
                assert!((i32::from(heard) - i32::from(*sample)).abs() <= 16 + i32::from(sample.abs()) / 32);
            }
        }
        assert_eq!(clip.pcma[2][80..], [ALAW_SILENCE; 80]);
        assert_eq!(clip.pcmu[2][80..], [ULAW_SILENCE; 80]);
    }

    #[test]
    fn nothing_to_hear_takes_no_time() {
        assert_eq!(Clip::from_samples(&[]).duration_ms(), 0);
    }
}
