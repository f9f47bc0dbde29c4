//! One block of 12.75 ms: does it hold the two tones of a key, and hardly anything else?

use super::bank::{Bank, Correlation, FREQUENCIES};

/// The frequencies of a key: places in [`FREQUENCIES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signal {
    pub low: usize,
    pub high: usize,
}

/// What a block tells of the two tones it holds. Blocks of one key are added up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Measure {
    /// Energy of the low tone and of the high tone.
    pub tones: [f32; 2],
    /// Energy of everything.
    pub energy: f32,
    /// Deviation of the low and the high tone in Hz, and in how many blocks it could be measured.
    pub deviation: [f32; 2],
    pub measured: f32,
}

/// Limits for a block, or for the sum of several.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The two tones' least share of the energy.
    pub share: f32,
    /// The most by which the low tone may be louder, as a ratio of energies.
    pub low_louder: f32,
    /// The most by which the high tone may be louder.
    pub high_louder: f32,
    /// The greatest deviation of a frequency.
    pub deviation: f32,
}

/// A single block is short, and its tones disturb each other's measurement.
pub(super) const BLOCK: Limits =
    Limits { share: 0.70, low_louder: 25.0, high_louder: 10.0, deviation: 0.045 };
/// A run of blocks. Q.24 asks for 8 dB and 4 dB of twist, and 1.5 % to 1.8 % of frequency; 3 % is refused.
pub(super) const RUN: Limits = Limits { share: 0.78, low_louder: 10.0, high_louder: 4.0, deviation: 0.024 };

/// The weakest tone that is heard: -40 dBm0, as mean square of full scale 1.0.
const WEAKEST: f32 = 0.5 * 4.85e-5;

/// The least ratio of energies between the loudest frequency of a group and any other.
const PEAK: f32 = 5.0;

impl Measure {
    /// This and another block.
    pub fn add(&mut self, other: &Self) {
        for group in 0..2 {
            self.tones[group] += other.tones[group];
            self.deviation[group] += other.deviation[group];
        }
        self.energy += other.energy;
        self.measured += other.measured;
    }

    /// Whether this is within limits for a key.
    pub fn within(&self, limits: &Limits, signal: Signal) -> bool {
        let [low, high] = self.tones;
        low + high >= limits.share * self.energy
            && low <= limits.low_louder * high
            && high <= limits.high_louder * low
            && [signal.low, signal.high]
                .iter()
                .zip(self.deviation)
                .all(|(k, deviation)| deviation.abs() <= limits.deviation * FREQUENCIES[*k] * self.measured)
    }
}

/// The key a block may hold, and its measure. `before` is the block that began a step earlier.
pub(super) fn look(
    bank: &Bank,
    before: Option<&Correlation>,
    now: &Correlation,
) -> Option<(Signal, Measure)> {
    let len = 2.0 * bank.step_len() as f32;
    // Nearly every block of speech or silence ends here.
    if now.energy < 2.0 * WEAKEST * len {
        return None;
    }
    let power: [f32; 8] = std::array::from_fn(|k| now.re[k] * now.re[k] + now.im[k] * now.im[k]);
    let signal = Signal { low: peak(&power, 0)?, high: peak(&power, 4)? };
    let mut measure = Measure { energy: now.energy, ..Measure::default() };
    for (group, k) in [signal.low, signal.high].into_iter().enumerate() {
        let deviation = before.map_or(0.0, |before| bank.deviation(k, before, now));
        measure.tones[group] = power[k] * 2.0 / len / attenuation(deviation * 2.0 * bank.step_seconds());
        measure.deviation[group] = deviation;
    }
    measure.measured = if before.is_some() { 1.0 } else { 0.0 };
    let loud = measure.tones.iter().all(|energy| *energy >= WEAKEST * len);
    (loud && measure.within(&BLOCK, signal)).then_some((signal, measure))
}

/// The loudest of four frequencies, if it stands out.
fn peak(power: &[f32; 8], group: usize) -> Option<usize> {
    let of_group = group..group + 4;
    let loudest = of_group.clone().max_by(|a, b| power[*a].total_cmp(&power[*b]))?;
    of_group.into_iter().all(|k| k == loudest || power[k] * PEAK <= power[loudest]).then_some(loudest)
}

/// What is left of a tone's energy when it is `cycles` off the frequency it is measured at, over
/// the length of a block: the square of sin(pi x) / (pi x), by the first terms of its series.
fn attenuation(cycles: f32) -> f32 {
    let x = std::f32::consts::PI * cycles.clamp(-0.6, 0.6);
    let x2 = x * x;
    let sinc = 1.0 - x2 / 6.0 * (1.0 - x2 / 20.0 * (1.0 - x2 / 42.0));
    sinc * sinc
}
