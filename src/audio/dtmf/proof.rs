//! The last 32 ms: are they certainly a key?
//!
//! Over five steps the tones are measured with their phase. What wavers in frequency or comes in bands of
//! noise, as voices and music do, loses energy by that; a key's tones do not.

use super::bank::{Correlation, WATCHMEN, Waves, turned};
use super::block::{Limits, Measure, Signal, WEAKEST};

/// Steps that are looked at. A tone of 40 ms fills as many wherever it begins.
pub(super) const STEPS: usize = 5;

/// Q.24 asks for 8 dB and 4 dB of twist. With noise 9 dB below them the tones have a share of 0.89. Both
/// frequencies may be off at once as far as they must be accepted, which is 2, and hardly more: the third and the
/// fourth harmonic of a voice at 308 Hz are a `*` with 2.2.
const LIMITS: Limits =
    Limits { share: 0.86, most: 1.2, low_louder: 7.6, high_louder: 3.1, margin: 1.2, together: 2.1 };
/// The most by which the frequency of a tone may seem to change, in Hz, where the other tone is not louder.
const WAVER: f32 = 13.0;
/// The most by which the energy of a tone may seem to change, as a ratio: a part for noise, and one for the other
/// tone where that is not louder.
const SWELL: [f32; 2] = [1.7, 0.6];
/// The most energy that may be where the watchmen stand, as a part of the tones'.
const BELOW: f32 = 0.025;

/// A step, and whether it follows the one before it without a loss.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub heard: Correlation,
    pub follows: bool,
    /// Energy in it that is known to be a dial tone's.
    pub dial_tone: f32,
}

impl Step {
    pub const NOTHING: Self = Self { heard: Correlation::NOTHING, follows: false, dial_tone: 0.0 };
}

/// Blocks of two steps that follow each other; nothing where a loss is between them.
type Blocks = [Option<Correlation>; STEPS - 1];

/// Whether the steps hold the tones of a key from end to end.
pub(super) fn certain(waves: &Waves, steps: &[Step; STEPS], signal: Signal) -> bool {
    let blocks: Blocks = std::array::from_fn(|n| {
        let (first, second) = (steps.get(n)?, steps.get(n + 1)?);
        second.follows.then(|| waves.join(&first.heard, &second.heard))
    });
    let dial_tone = steps.iter().map(|step| step.dial_tone).sum::<f32>();
    let Some(deviation) = deviations(waves, &blocks, signal, dial_tone / STEPS as f32) else { return false };
    let (measure, samples) = measure(waves, steps, signal, deviation);
    let loud = measure.tones.iter().all(|energy| *energy >= WEAKEST * samples);
    loud && measure.within(&LIMITS, signal)
        && (dial_tone > 0.0 || !is_voiced(waves, &blocks, signal, &measure, samples))
}

/// How far each tone is off its frequency, in Hz; nothing if it is no steady tone, or if no stretch without a loss is
/// long enough to tell. `dial_tone` is the energy of a known one in a step.
fn deviations(waves: &Waves, blocks: &Blocks, signal: Signal, dial_tone: f32) -> Option<[f32; 2]> {
    let number = blocks.iter().flatten().count() as f32;
    let power = |k: usize| blocks.iter().flatten().map(|block| block.power(k)).sum::<f32>() / number;
    let (low, high) = (power(signal.low), power(signal.high));
    // The power of a block's tone is its energy, which is that of two steps, times half the block's samples.
    let dial_tone = 2.0 * dial_tone * waves.step_len() as f32;
    // In a block tones are not quite apart. Louder ones disturb a tone by so much more.
    let disturbed = |own: f32, others: f32| (others / own).sqrt().clamp(1.0, 4.0);
    let low_deviation = deviation(waves, blocks, signal.low, disturbed(low, high + dial_tone))?;
    let high_deviation = deviation(waves, blocks, signal.high, disturbed(high, low + dial_tone))?;
    Some([low_deviation, high_deviation])
}

fn deviation(waves: &Waves, blocks: &Blocks, k: usize, disturbed: f32) -> Option<f32> {
    let (faintest, loudest) = extremes(blocks.iter().flatten().map(|block| block.power(k)));
    if loudest > faintest * (SWELL[0] + SWELL[1] * disturbed) {
        return None;
    }
    let pairs = blocks.iter().zip(blocks.iter().skip(1));
    let seen = pairs.filter_map(|(before, now)| Some(waves.deviation(k, before.as_ref()?, now.as_ref()?)));
    let (least, most) = extremes(seen);
    if most - least > WAVER * disturbed {
        return None;
    }
    let (mut sum, mut weight) = (0.0, 0.0);
    for stretch in blocks.split(Option::is_none) {
        if let [Some(first), .., Some(last)] = stretch {
            let steps = stretch.len() as u8 - 1;
            sum += f32::from(steps) * waves.finer_deviation(k, first, last, steps, (least + most) / 2.0);
            weight += f32::from(steps);
        }
    }
    (weight > 0.0).then(|| sum / weight)
}

/// The least and the greatest.
fn extremes(values: impl Iterator<Item = f32>) -> (f32, f32) {
    values
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)))
}

/// The energies of both tones and of all, and in how many samples. A step by itself, between two losses, is left
/// out: it is too short to tell the tones from each other.
fn measure(waves: &Waves, steps: &[Step; STEPS], signal: Signal, deviation: [f32; 2]) -> (Measure, f32) {
    let (mut tones, mut energy, mut samples) = ([0.0; 2], 0.0, 0);
    for stretch in steps.chunk_by(|_, next| next.follows).filter(|stretch| stretch.len() > 1) {
        for (tone, (k, deviation)) in
            tones.iter_mut().zip([signal.low, signal.high].into_iter().zip(deviation))
        {
            *tone += waves.tone_energy(k, deviation, stretch.iter().map(|step| &step.heard));
        }
        energy += stretch.iter().map(|step| step.heard.energy - step.dial_tone).sum::<f32>();
        samples += stretch.len() * waves.step_len();
    }
    (Measure { tones, energy, deviation }, samples as f32)
}

/// Whether there is more at the watchmen's than noise brings: the lower harmonics of a voice.
fn is_voiced(waves: &Waves, blocks: &Blocks, signal: Signal, measure: &Measure, samples: f32) -> bool {
    let len = 2.0 * waves.step_len() as f32;
    let leaks: [[(f32, f32); 2]; 4] = std::array::from_fn(|n| {
        let leak = |(k, deviation)| waves.leak(k, deviation, WATCHMEN.start + n);
        [leak((signal.low, measure.deviation[0])), leak((signal.high, measure.deviation[1]))]
    });
    let (mut sum, mut number) = (0.0, 0.0);
    for block in blocks.iter().flatten() {
        for (watchman, leaks) in WATCHMEN.zip(leaks) {
            let [low, high] =
                [(signal.low, leaks[0]), (signal.high, leaks[1])].map(|(k, leak)| turned(block.at(k), leak));
            let (re, im) = block.at(watchman);
            sum += (re - low.0 - high.0).powi(2) + (im - low.1 - high.1).powi(2);
        }
        number += 1.0;
    }
    // Mean squares, both.
    let (below, tones) = (sum / number * 2.0 / (len * len), measure.tones.iter().sum::<f32>() / samples);
    below > BELOW * tones
}
