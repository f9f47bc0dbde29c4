//! From any rate to any other: a windowed sinc in as many phases as the two rates need.
//!
//! For prompts, when they are loaded; it is exact rather than fast. Up to 85 % of the lower rate's
//! half is kept flat (3400 Hz of 4000), and what would fold over is 80 dB down.

use std::f64::consts::PI;

/// Zero crossings of the sinc on each side, at the lower of the two rates.
const CROSSINGS: u64 = 32;
/// Middle of the filter's edge, as a part of the lower rate's half.
const CUTOFF: f64 = 0.925;
/// Kaiser's beta for 80 dB.
const BETA: f64 = 7.86;

/// Converts a stream of samples.
#[derive(Debug, Clone)]
pub struct Resampler {
    /// Output samples for each `down` input samples: the number of phases.
    up: usize,
    down: usize,
    /// The filter, phase after phase, `taps` values each.
    filter: Vec<f32>,
    taps: usize,
    /// Input not yet used up.
    waiting: Vec<f32>,
    phase: usize,
    samples_in: u64,
    samples_out: u64,
}

impl Resampler {
    /// A converter of `from` to `to` samples per second; neither may be 0.
    pub fn new(from: u32, to: u32) -> Self {
        let divisor = greatest_common_divisor(from, to).max(1);
        let (up, down) = ((to / divisor).max(1), (from / divisor).max(1));
        let lower = f64::from(from.min(to).max(1)) / f64::from(from.max(1));
        let half = (CROSSINGS as f64 / lower).ceil() as usize;
        let filter = (0..up).flat_map(|phase| phase_filter(f64::from(phase) / f64::from(up), half, lower));
        Self {
            up: up as usize,
            down: down as usize,
            filter: filter.collect(),
            taps: 2 * half,
            waiting: vec![0.0; half - 1],
            phase: 0,
            samples_in: 0,
            samples_out: 0,
        }
    }

    /// Converts more samples; appends what is certain to `out`.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.samples_in += samples.len() as u64;
        self.waiting.extend_from_slice(samples);
        self.run(out, u64::MAX);
    }

    /// Appends the rest. The output is as long as the input, rounded up to a sample.
    pub fn finish(mut self, out: &mut Vec<f32>) {
        let whole = (self.samples_in * self.up as u64).div_ceil(self.down as u64);
        self.waiting.resize(self.waiting.len() + self.taps + self.down, 0.0);
        self.run(out, whole);
    }

    fn run(&mut self, out: &mut Vec<f32>, until: u64) {
        let mut at = 0;
        while self.samples_out < until
            && let Some(input) = self.waiting.get(at..at + self.taps)
            && let Some(filter) = self.filter.get(self.phase * self.taps..(self.phase + 1) * self.taps)
        {
            out.push(input.iter().zip(filter).map(|(sample, weight)| sample * weight).sum());
            self.samples_out += 1;
            self.phase += self.down;
            at += self.phase / self.up;
            self.phase %= self.up;
        }
        self.waiting.drain(..at.min(self.waiting.len()));
    }
}

/// Converts a whole sound from one rate to another; neither may be 0.
pub fn convert(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    let (mut resampler, mut out) = (Resampler::new(from, to), Vec::new());
    resampler.push(samples, &mut out);
    resampler.finish(&mut out);
    out
}

/// The same in 16 bits.
pub fn convert_i16(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
    let samples: Vec<f32> = samples.iter().map(|sample| f32::from(*sample)).collect();
    // A cast from float saturates.
    convert(&samples, from, to).into_iter().map(|sample| sample.round() as i16).collect()
}

/// The weights for an output that lies `offset` behind the input sample at `half - 1`.
fn phase_filter(offset: f64, half: usize, lower: f64) -> Vec<f32> {
    let cutoff = CUTOFF * lower;
    let weight = |tap: usize| {
        let x = tap as f64 - (half as f64 - 1.0) - offset;
        cutoff * sinc(cutoff * x) * kaiser(x / half as f64)
    };
    let weights: Vec<f64> = (0..2 * half).map(weight).collect();
    // Each phase passes a constant unchanged, so that phases do not differ in gain.
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| (weight / sum) as f32).collect()
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// Kaiser's window, `x` from -1 to 1.
fn kaiser(x: f64) -> f64 {
    bessel_i0(BETA * (1.0 - x * x).max(0.0).sqrt()) / bessel_i0(BETA)
}

/// The modified Bessel function of order 0, by its series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let terms = (1..40).scan(1.0, |term, k| {
        *term *= quarter / f64::from(k * k);
        Some(*term)
    });
    1.0 + terms.take_while(|term| *term > 1e-9).sum::<f64>()
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn convert_in_chunks(samples: &[f32], from: u32, to: u32, chunk: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(from, to);
        let mut out = Vec::new();
        for part in samples.chunks(chunk) {
            resampler.push(part, &mut out);
        }
        resampler.finish(&mut out);
        out
    }

    fn sine(frequency: f64, rate: u32) -> Vec<f32> {
        (0..rate).map(|n| (TAU * frequency * f64::from(n) / f64::from(rate)).sin() as f32).collect()
    }

    /// Largest difference of two sounds away from their ends.
    fn difference(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).skip(400).take(7200).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_stays_the_same_tone_at_every_rate() {
        for from in [6_000, 8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 12_345] {
            for frequency in [300.0, 2300.0] {
                let out = convert_in_chunks(&sine(frequency, from), from, 8_000, 997);
                let error = difference(&out, &sine(frequency, 8_000));
                assert!(error < 2e-3, "{frequency} Hz from {from}: off by {error}");
            }
        }
    }

    #[test]
    fn the_band_of_telephony_passes_and_what_would_fold_over_does_not() {
        let kept = convert_in_chunks(&sine(3_400.0, 48_000), 48_000, 8_000, 4_800);
        assert!(difference(&kept, &sine(3_400.0, 8_000)) < 2e-3);
        let folded = convert_in_chunks(&sine(4_050.0, 48_000), 48_000, 8_000, 4_800);
        assert!(difference(&folded, &[0.0; 8_000]) < 2e-3);
    }

    #[test]
    fn the_length_is_the_inputs_rounded_up_however_it_is_cut() {
        for (len, from, wanted) in
            [(44_100, 44_100, 8_000), (1, 48_000, 1), (0, 48_000, 0), (441, 44_100, 80), (442, 44_100, 81)]
        {
            for chunk in [1, 7, 100_000] {
                assert_eq!(
                    convert_in_chunks(&vec![0.5; len], from, 8_000, chunk).len(),
                    wanted,
                    "{len} of {from}"
                );
            }
        }
    }
}
