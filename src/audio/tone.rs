//! Tones: sines with a level and soft edges.

use std::f64::consts::{PI, TAU};

use super::LINE_RATE;
use super::level::sine_peak;

/// A sine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sine {
    /// In Hz.
    pub frequency: f64,
    /// In dBm0.
    pub level: f64,
}

/// Sines sounding together for a time in ms, at the line's rate. They come and go within `edge_ms`
/// (raised cosine), so that nothing clicks.
pub fn tone(sines: &[Sine], ms: u32, edge_ms: u32) -> Vec<i16> {
    let len = samples(ms);
    let edge = samples(edge_ms).min(len / 2);
    (0..len).map(|n| clip(sum_at(sines, n) * edge_gain(n, len, edge))).collect()
}

/// A struck note: as [`tone`], fading away by 60 dB in the time given, like a bell.
pub fn note(sine: Sine, ms: u32) -> Vec<i16> {
    let struck = tone(&[sine], ms, 5);
    let len = struck.len().max(1) as f64;
    let decay = |n: usize| 10.0_f64.powf(-3.0 * n as f64 / len);
    struck.into_iter().enumerate().map(|(n, sample)| clip(f64::from(sample) * decay(n))).collect()
}

/// Silence for a time in ms, at the line's rate.
pub fn silence(ms: u32) -> Vec<i16> {
    vec![0; samples(ms)]
}

/// A time in ms as samples at the line's rate.
pub fn samples(ms: u32) -> usize {
    (u64::from(ms) * u64::from(LINE_RATE) / 1000) as usize
}

fn sum_at(sines: &[Sine], n: usize) -> f64 {
    let seconds = n as f64 / f64::from(LINE_RATE);
    sines.iter().map(|sine| sine_peak(sine.level) * (TAU * sine.frequency * seconds).sin()).sum()
}

fn edge_gain(n: usize, len: usize, edge: usize) -> f64 {
    let from_end = n.min(len - 1 - n);
    if from_end >= edge { 1.0 } else { 0.5 - 0.5 * (PI * from_end as f64 / edge as f64).cos() }
}

fn clip(value: f64) -> i16 {
    // A cast from float saturates.
    value.round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::level::dbm0;

    #[test]
    fn a_tone_has_its_length_and_level() {
        let tone = tone(&[Sine { frequency: 1000.0, level: -10.0 }], 400, 5);
        assert_eq!(tone.len(), 3200);
        let level = dbm0(&tone[100..3100]);
        assert!((level + 10.0).abs() < 0.1, "{level}");
    }

    #[test]
    fn two_sines_add_their_powers() {
        let sine = |frequency| Sine { frequency, level: -20.0 };
        let level = dbm0(&tone(&[sine(440.0), sine(480.0)], 1000, 0));
        assert!((level + 17.0).abs() < 0.1, "{level}");
    }

    #[test]
    fn nothing_clicks_at_the_edges() {
        let loud = Sine { frequency: 700.0, level: 0.0 };
        for sound in [tone(&[loud], 100, 5), note(loud, 500)] {
            let step = |pair: &[i16]| (i32::from(pair[0]) - i32::from(pair[1])).abs();
            assert!(sound[0] == 0 && sound[sound.len() - 1] == 0);
            assert!(sound[..8].windows(2).map(step).max() < Some(4000));
            assert!(sound[sound.len() - 8..].windows(2).map(step).max() < Some(4000));
        }
    }

    #[test]
    fn a_note_fades_away() {
        let note = note(Sine { frequency: 660.0, level: -10.0 }, 600);
        assert!(dbm0(&note[..800]) > -20.0);
        assert!(dbm0(&note[4000..]) < -55.0);
    }
}
