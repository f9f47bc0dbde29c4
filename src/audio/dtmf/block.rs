//! One block of 12.75 ms: may it hold the two tones of a key, and hardly anything else?

use super::bank::{Correlation, FREQUENCIES, Waves, attenuation};

/// The frequencies of a key: places in [`FREQUENCIES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signal {
    pub low: usize,
    pub high: usize,
}

/// What a stretch tells of the two tones it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure {
    /// Energy of the low tone and of the high tone.
    pub tones: [f32; 2],
    /// Energy of everything but a known dial tone.
    pub energy: f32,
    /// Deviation of the low and the high tone in Hz.
    pub deviation: [f32; 2],
}

/// Limits for a stretch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The two tones' least share of the energy.
    pub share: f32,
    /// The most it may be. More than all can only be where more was taken for a dial tone than there is.
    pub most: f32,
    /// The most by which the low tone may be louder, as a ratio of energies.
    pub low_louder: f32,
    /// The most by which the high tone may be louder.
    pub high_louder: f32,
    /// By how much a frequency may be farther off than what must be accepted, in Hz.
    pub margin: f32,
    /// How far both together may be off, each as a part of [`both_accepted`].
    pub together: f32,
}

/// A single block is short, and its tones disturb each other's measurement.
const BLOCK: Limits =
    Limits { share: 0.70, most: 1.5, low_louder: 25.0, high_louder: 10.0, margin: 18.0, together: 5.0 };

/// The weakest tone that is heard: -40 dBm0, as mean square of full scale 1.0.
pub(super) const WEAKEST: f32 = 0.5 * 4.85e-5;

/// The least ratio of energies between the loudest frequency of a group and any other.
const PEAK: f32 = 5.0;

/// How far both frequencies of a key may be off at once, in Hz (ES 201 235-3).
fn both_accepted(frequency: f32) -> f32 {
    0.015 * frequency + 2.0
}

/// How far one may be off, in Hz: no less than by 1.8 % (Q.24, NTT).
fn accepted(frequency: f32) -> f32 {
    both_accepted(frequency).max(0.018 * frequency)
}

impl Measure {
    /// Whether this is within limits for a key.
    pub fn within(&self, limits: &Limits, signal: Signal) -> bool {
        let [low, high] = self.tones;
        low + high >= limits.share * self.energy
            && low + high <= limits.most * self.energy
            && low <= limits.low_louder * high
            && high <= limits.high_louder * low
            && self.is_in_tune(limits, signal)
    }

    fn is_in_tune(&self, limits: &Limits, signal: Signal) -> bool {
        let off = || [signal.low, signal.high].map(|k| FREQUENCIES[k]).into_iter().zip(self.deviation);
        off().all(|(frequency, deviation)| deviation.abs() <= accepted(frequency) + limits.margin)
            && off().map(|(frequency, deviation)| deviation.abs() / both_accepted(frequency)).sum::<f32>()
                <= limits.together
    }
}

/// The key a block may hold. `before` is the block that began a step earlier; `dial_tone` is the energy in it
/// that is known to be another's.
pub(super) fn look(
    waves: &Waves,
    before: Option<&Correlation>,
    now: &Correlation,
    dial_tone: f32,
) -> Option<Signal> {
    let len = 2.0 * waves.step_len() as f32;
    // Nearly every block of silence ends here.
    if now.energy < 2.0 * WEAKEST * len {
        return None;
    }
    let power: [f32; 8] = std::array::from_fn(|k| now.power(k));
    let signal = Signal { low: peak(&power, 0)?, high: peak(&power, 4)? };
    let deviation =
        [signal.low, signal.high].map(|k| before.map_or(0.0, |before| waves.deviation(k, before, now)));
    let tone =
        |k: usize, deviation: f32| power[k] * 2.0 / len / attenuation(deviation * 2.0 * waves.step_seconds());
    let tones = [tone(signal.low, deviation[0]), tone(signal.high, deviation[1])];
    let measure = Measure { tones, energy: now.energy - dial_tone, deviation };
    let loud = tones.iter().all(|energy| *energy >= WEAKEST * len);
    (loud && measure.within(&BLOCK, signal)).then_some(signal)
}

/// The loudest of four frequencies, if it stands out.
fn peak(power: &[f32; 8], group: usize) -> Option<usize> {
    let of_group = group..group + 4;
    let loudest = of_group.clone().max_by(|a, b| power[*a].total_cmp(&power[*b]))?;
    of_group.into_iter().all(|k| k == loudest || power[k] * PEAK <= power[loudest]).then_some(loudest)
}
