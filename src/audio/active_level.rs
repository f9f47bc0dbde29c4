//! How loud speech is while it speaks: the active level of ITU-T P.56, method B.
//!
//! Pauses do not count, so a word and a sentence of the same voice have the same level. Music has no
//! pauses; its active level is its power.

use super::level::{FULL_SCALE_SINE, SQUARE_OVER_SINE};

/// Time constant of the envelope, in seconds (P.56 clause 6, T).
const TIME_CONSTANT: f64 = 0.03;
/// How long speech goes on after its envelope fell below a threshold, in seconds (H).
const HANGOVER: f64 = 0.2;
/// How far the threshold lies below the active level, in dB (M).
const MARGIN: f64 = 15.9;
/// How often the envelope is held against the thresholds, in ms. P.56 asks for 694 times a second.
const GRAIN_MS: u32 = 1;
/// Thresholds, a factor of two apart, up to full scale (c).
const THRESHOLDS: usize = 15;

/// The active level in dBm0 of samples whose full scale is 1.0, at so many samples per second.
/// Nothing: they are silent.
pub fn active_level(samples: &[f32], rate: u32) -> Option<f64> {
    let mut counters = Counters::new(rate);
    for part in samples.chunks((rate * GRAIN_MS / 1000).max(1) as usize) {
        part.iter().for_each(|sample| counters.follow(f64::from(*sample)));
        counters.count(part.len() as u64);
    }
    let overload = counters.level()?;
    Some(overload + SQUARE_OVER_SINE + FULL_SCALE_SINE)
}

/// The power of samples whose full scale is 1.0, in dBm0; silence is minus infinity.
pub fn power(samples: &[f32]) -> f64 {
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    10.0 * (energy / samples.len().max(1) as f64).log10() + SQUARE_OVER_SINE + FULL_SCALE_SINE
}

/// The state of the measurement.
struct Counters {
    /// How much of the envelope a sample leaves (g).
    keep: f64,
    /// In samples.
    hangover: u64,
    /// Both stages of the envelope (p, q).
    envelope: [f64; 2],
    /// Sum of the squares (sq).
    energy: f64,
    /// Threshold, samples above it (a), samples since they were (h).
    levels: [(f64, u64, u64); THRESHOLDS],
}

impl Counters {
    fn new(rate: u32) -> Self {
        let hangover = (HANGOVER * f64::from(rate)).ceil() as u64;
        let threshold = |n: usize| 2.0_f64.powi(n as i32 - THRESHOLDS as i32);
        Self {
            keep: (-1.0 / (f64::from(rate.max(1)) * TIME_CONSTANT)).exp(),
            hangover,
            envelope: [0.0; 2],
            energy: 0.0,
            levels: std::array::from_fn(|n| (threshold(n), 0, hangover)),
        }
    }

    fn follow(&mut self, sample: f64) {
        self.energy += sample * sample;
        let [first, second] = &mut self.envelope;
        *first = self.keep * *first + (1.0 - self.keep) * sample.abs();
        *second = self.keep * *second + (1.0 - self.keep) * *first;
    }

    /// Holds the envelope against the thresholds, after so many samples.
    fn count(&mut self, samples: u64) {
        let [_, envelope] = self.envelope;
        for (threshold, active, since) in &mut self.levels {
            if envelope >= *threshold {
                *since = 0;
            } else if *since < self.hangover {
                *since += samples;
            } else {
                // Nor are the thresholds above it reached.
                break;
            }
            *active += samples;
        }
    }

    /// The active level in dB below full scale, where it lies [`MARGIN`] above its threshold (clause 6.3).
    fn level(&self) -> Option<f64> {
        let mut before = None;
        for (threshold, active, _) in self.levels {
            if active == 0 {
                break;
            }
            let level = 10.0 * (self.energy / active as f64).log10();
            let above = level - 20.0 * threshold.log10();
            if above <= MARGIN {
                return Some(between(before, (level, above)));
            }
            before = Some((level, above));
        }
        before.map(|(level, _)| level)
    }
}

/// Between two thresholds, both the level and the threshold move evenly.
fn between(before: Option<(f64, f64)>, (level, above): (f64, f64)) -> f64 {
    let Some((level_before, above_before)) = before else { return level };
    let part = (above_before - MARGIN) / (above_before - above);
    level_before + part * (level - level_before)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    /// A sine of 1 kHz of a level in dBm0 for some ms.
    fn sine(dbm0: f64, ms: u32, rate: u32) -> Vec<f32> {
        let peak = 10.0_f64.powf((dbm0 - FULL_SCALE_SINE) / 20.0);
        let samples = rate / 1000 * ms;
        (0..samples).map(|n| (peak * (TAU * 1000.0 * f64::from(n) / f64::from(rate)).sin()) as f32).collect()
    }

    fn level(samples: &[f32]) -> f64 {
        active_level(samples, 8_000).expect("not silent")
    }

    #[test]
    fn a_steady_tone_has_the_level_of_its_power_at_any_rate() {
        for rate in [8_000, 16_000] {
            for wanted in [0.0, -20.0, -45.0] {
                let measured = active_level(&sine(wanted, 5_000, rate), rate).expect("not silent");
                assert!((measured - wanted).abs() < 0.1, "{wanted} dBm0 was measured as {measured}");
            }
        }
    }

    #[test]
    fn pauses_do_not_count() {
        let talk = |pause_ms: u32| {
            let turn = [sine(-20.0, 2_000, 8_000), vec![0.0; pause_ms as usize * 8]].concat();
            level(&turn.repeat(5))
        };
        let (without, with) = (talk(0), talk(2_000));
        // All that is left of a pause is its hangover: 0.2 s of 2.2.
        assert!((without - with).abs() < 0.6, "{without} without pauses, {with} with them");
        assert!((talk(20_000) - with).abs() < 0.1, "however long they are");
    }

    #[test]
    fn silence_has_no_level() {
        assert_eq!(active_level(&[], 8_000), None);
        assert_eq!(active_level(&[0.0; 16_000], 8_000), None);
    }

    proptest! {
        #[test]
        fn what_is_made_louder_is_louder_by_as_much(
            talk in prop::collection::vec((0.2_f32..1.0, 1_600_usize..4_000), 4..12),
            gain_db in -20.0_f64..0.0,
        ) {
            // Noise that comes and goes.
            let sound: Vec<f32> = talk.iter().flat_map(|(loudness, samples)| {
                (0..*samples).map(move |n| loudness * ((n * 7919 % 201) as f32 / 100.0 - 1.0))
            }).collect();
            let gain = 10.0_f64.powf(gain_db / 20.0) as f32;
            let quieter: Vec<f32> = sound.iter().map(|sample| sample * gain).collect();
            let difference = level(&quieter) - level(&sound);
            // Thresholds are 6 dB apart, and the level between them an estimate.
            prop_assert!((difference - gain_db).abs() < 1.0, "{difference} for {gain_db}");
        }
    }
}
