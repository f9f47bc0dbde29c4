//! From a frame's parameters to its samples [4.3, with the parts of 4.2 that coder and decoder share].

use super::frame::{Frame, Part};
use super::{FRAME, product, saturated};

/// Samples of a quarter of a frame.
const PART: usize = 40;
/// How far the decoder looks back for what sounded alike.
const HISTORY: usize = 120;

/// The coding of the logarithmic area ratios (table 4.1): offset [B], smallest code [MIC], and the reciprocal
/// of the slope [INVA, table 4.2].
const RATIOS: [(i32, i32, i32); 8] = [
    (0, -32, 13_107),
    (0, -32, 13_107),
    (2_048, -16, 13_107),
    (-2_560, -16, 13_107),
    (94, -8, 19_223),
    (-1_792, -8, 17_476),
    (-341, -4, 31_454),
    (-1_144, -4, 29_708),
];
/// How much of what sounded alike sounds again [QLB, table 4.3b].
const GAINS: [i32; 4] = [3_277, 11_469, 21_299, 32_767];
/// Mantissas of the largest pulse [FAC, table 4.6].
const MANTISSAS: [i32; 8] = [18_431, 20_479, 22_527, 24_575, 26_623, 28_671, 30_719, 32_767];
/// How strongly low sounds are brought back that the coder took away [4.3.5].
const DEEMPHASIS: i32 = 28_180;
/// In which samples of a frame its filter is mixed with that of the one before, and how [4.2.9.1].
const MIXES: [(std::ops::Range<usize>, Mix); 4] = [
    (0..13, |old, new| saturated(saturated((old >> 2) + (new >> 2)) + (old >> 1))),
    (13..27, |old, new| saturated((old >> 1) + (new >> 1))),
    (27..40, |old, new| saturated(saturated((old >> 2) + (new >> 2)) + (new >> 1))),
    (40..FRAME, |_, new| new),
];

type Mix = fn(i32, i32) -> i32;

/// Decodes one stream of frames.
#[derive(Debug, Clone)]
pub struct Decoder {
    /// The latest lag that was one [nrp].
    lag: i32,
    /// What the vocal tract was driven with lately [drp].
    driven: [i32; HISTORY],
    /// The logarithmic area ratios of the frame before [LARpp].
    ratios: [i32; 8],
    /// The lattice filter's memory [v].
    lattice: [i32; 9],
    /// The latest sample with its low sounds [msr].
    low: i32,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { lag: PART as i32, driven: [0; HISTORY], ratios: [0; 8], lattice: [0; 9], low: 0 }
    }
}

impl Decoder {
    /// The samples of the next frame, at 8000 Hz.
    pub fn decode(&mut self, frame: &Frame) -> [i16; FRAME] {
        let mut sound = [0; FRAME];
        for (part, place) in frame.parts.iter().zip(sound.chunks_exact_mut(PART)) {
            place.copy_from_slice(&self.drive(part));
        }
        self.speak(&frame.reflections, &mut sound);
        sound.map(|sample| self.emphasize(sample))
    }

    /// What drives the vocal tract: new pulses, and what sounded alike [4.3.2].
    fn drive(&mut self, part: &Part) -> [i32; PART] {
        if (PART as i32..=HISTORY as i32).contains(&part.lag) {
            self.lag = part.lag;
        }
        let gain = GAINS.get(part.gain).copied().unwrap_or_default();
        let back = HISTORY - self.lag as usize;
        let mut drive = pulses(part);
        // The lag is 40 at least, so that none of it is looked for in itself.
        for (new, past) in drive.iter_mut().zip(self.driven.iter().skip(back)) {
            *new = saturated(*new + product(gain, *past));
        }
        self.driven.copy_within(PART.., 0);
        self.driven.iter_mut().skip(HISTORY - PART).zip(drive).for_each(|(place, sample)| *place = sample);
        drive
    }

    /// Puts what drives it through the vocal tract, whose filter glides from the last frame's to this one's.
    fn speak(&mut self, reflections: &[i32; 8], sound: &mut [i32; FRAME]) {
        let before = std::mem::replace(&mut self.ratios, ratios(reflections));
        for (range, mix) in MIXES {
            let mut filter = [0; 8];
            for ((coefficient, old), new) in filter.iter_mut().zip(before).zip(self.ratios) {
                *coefficient = reflection(mix(old, new));
            }
            for sample in sound.iter_mut().take(range.end).skip(range.start) {
                *sample = self.resonate(&filter, *sample);
            }
        }
    }

    /// One sample through the lattice of eight reflections [4.3.4].
    fn resonate(&mut self, filter: &[i32; 8], sample: i32) -> i32 {
        let mut sample = sample;
        for (place, coefficient) in filter.iter().enumerate().rev() {
            let past = self.lattice[place];
            sample = saturated(sample - product(*coefficient, past));
            self.lattice[place + 1] = saturated(past + product(*coefficient, sample));
        }
        self.lattice[0] = sample;
        sample
    }

    /// Brings low sounds back, and scales to 16 bits, of which 13 count [4.3.5 to 4.3.7].
    fn emphasize(&mut self, sample: i32) -> i16 {
        self.low = saturated(sample + product(self.low, DEEMPHASIS));
        (saturated(self.low * 2) & !7) as i16
    }
}

/// The pulses of a part, at their places [4.2.15 to 4.2.17].
fn pulses(part: &Part) -> [i32; PART] {
    let (exponent, mantissa) = scale(part.largest);
    let factor = MANTISSAS.get(mantissa).copied().unwrap_or_default();
    let shift = 6 - exponent;
    let half = if shift > 0 { 1 << (shift - 1) } else { 0 };
    let mut sound = [0; PART];
    for (place, code) in sound.iter_mut().skip(part.grid).step_by(3).zip(part.pulses) {
        let pulse = product(factor, (code * 2 - 7) << 12);
        *place = saturated(pulse + half) >> shift;
    }
    sound
}

/// Exponent (-4 to 6) and mantissa (0 to 7) of the largest pulse [4.2.15].
fn scale(largest: i32) -> (i32, usize) {
    let exponent = if largest > 15 { (largest >> 3) - 1 } else { 0 };
    let mantissa = largest - (exponent << 3);
    if mantissa == 0 {
        return (-4, 7);
    }
    let (mut exponent, mut mantissa) = (exponent, mantissa);
    while mantissa <= 7 {
        mantissa = mantissa << 1 | 1;
        exponent -= 1;
    }
    (exponent, (mantissa - 8) as usize)
}

/// Logarithmic area ratios out of their codes [4.2.8].
fn ratios(codes: &[i32; 8]) -> [i32; 8] {
    let mut ratios = [0; 8];
    for ((ratio, code), (offset, least, slope)) in ratios.iter_mut().zip(codes).zip(RATIOS) {
        let scaled = saturated(((code + least) << 10) - offset * 2);
        *ratio = saturated(product(slope, scaled) * 2);
    }
    ratios
}

/// The reflection of a logarithmic area ratio [4.2.9.2].
fn reflection(ratio: i32) -> i32 {
    let size = saturated(ratio.abs());
    let reflection = match size {
        ..11_059 => size << 1,
        11_059..20_070 => size + 11_059,
        _ => saturated((size >> 2) + 26_112),
    };
    if ratio < 0 { -reflection } else { reflection }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_of_the_pulses_is_that_of_the_standard() {
        let scales = [0, 1, 7, 8, 15, 16, 23, 24, 63].map(scale);
        let wanted = [(-4, 7), (-3, 7), (-1, 7), (0, 0), (0, 7), (1, 0), (1, 7), (2, 0), (6, 7)];
        assert_eq!(scales, wanted);
    }

    #[test]
    fn a_loud_frame_over_and_over_saturates_and_is_bounded() {
        let mut decoder = Decoder::default();
        let part = Part { lag: 40, gain: 3, grid: 3, largest: 63, pulses: [7; 13] };
        let parts = [part.clone(), part.clone(), part.clone(), part];
        let frame = Frame { reflections: [63, 0, 31, 0, 15, 0, 7, 0], parts };
        let loudest = (0..50).flat_map(|_| decoder.decode(&frame)).map(i16::unsigned_abs).max();
        assert!(loudest > Some(20_000), "{loudest:?}");
    }
}
