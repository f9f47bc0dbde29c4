//! A softphone's ear: which of the demo's tones is heard, and for how long.

use crate::audio::g711::alaw_to_linear;

/// The tones that the demo's phones speak with, in Hz: each phone has one of its own.
pub const VOICES: [u32; 3] = [440, 620, 900];
/// How much of a frame's energy must be at one frequency for it to be that voice.
const SHARE: f64 = 0.6;
/// Below this mean square a frame is silence.
const FLOOR: f64 = 10_000.0;

/// Counts 20 ms frames by what was heard in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ear {
    /// Frames in which each of [`VOICES`] was heard.
    pub voices: [u32; VOICES.len()],
    /// Frames with any other sound: prompts, hold tone, beep.
    pub other: u32,
    /// Silent frames.
    pub silent: u32,
}

impl Ear {
    /// Listens to one A-law frame.
    pub fn hear(&mut self, frame: &[u8]) {
        let samples: Vec<f64> = frame.iter().map(|byte| f64::from(alaw_to_linear(*byte))).collect();
        if samples.is_empty() {
            return;
        }
        let mean_square = samples.iter().map(|sample| sample * sample).sum::<f64>() / samples.len() as f64;
        if mean_square < FLOOR {
            self.silent += 1;
            return;
        }
        let is_voice = |hz: &u32| share(&samples, f64::from(*hz), mean_square) > SHARE;
        match VOICES.iter().position(is_voice).and_then(|index| self.voices.get_mut(index)) {
            Some(heard) => *heard += 1,
            None => self.other += 1,
        }
    }

    /// For how long a voice was heard, in ms.
    pub fn heard_ms(&self, hz: u32) -> u32 {
        let index = VOICES.iter().position(|voice| *voice == hz);
        20 * index.and_then(|index| self.voices.get(index)).copied().unwrap_or(0)
    }
}

/// The share of the energy that lies at one frequency (Goertzel), 0 to 1.
fn share(samples: &[f64], hz: f64, mean_square: f64) -> f64 {
    let coefficient = 2.0 * (std::f64::consts::TAU * hz / 8000.0).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in samples {
        let next = sample + coefficient * last - before;
        (before, last) = (last, next);
    }
    let power = last * last + before * before - coefficient * last * before;
    let count = samples.len() as f64;
    2.0 * power / (count * count * mean_square)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::g711::linear_to_alaw;

    fn tone(hz: f64) -> Vec<u8> {
        let sample = |n: u32| 8000.0 * (std::f64::consts::TAU * hz * f64::from(n) / 8000.0).sin();
        (0..160).map(|n| linear_to_alaw(sample(n) as i16)).collect()
    }

    #[test]
    fn it_tells_the_voices_apart_from_each_other_and_from_silence() {
        let mut ear = Ear::default();
        ear.hear(&tone(440.0));
        ear.hear(&tone(620.0));
        ear.hear(&tone(1000.0));
        ear.hear(&[0xD5; 160]);
        assert_eq!(ear, Ear { voices: [1, 1, 0], other: 1, silent: 1 });
        assert_eq!(ear.heard_ms(620), 20);
    }
}
