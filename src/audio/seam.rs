//! Where a sound that is played over and over begins again.
//!
//! A file whose end meets its beginning goes round as it is, to the sample. Any other would click:
//! there the end fades into the beginning, both at full power, and goes on behind it.

use std::f32::consts::FRAC_PI_2;
use std::ops::Range;

use super::resample::convert;

/// How long the end and the beginning are heard together, in ms, and so how much of the beginning is
/// wanted behind the end.
pub const OVERLAP_MS: u32 = 40;
/// What is looked at on either side of the seam, in ms.
const AROUND_MS: u32 = 20;
/// A step that nobody hears, whatever is around it: four times the grain of 16 bits.
const INAUDIBLE: f32 = 4.0 / 32_768.0;

/// A sound that goes round: at its end it goes on at `from`.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    /// From its first beginning to the end.
    pub samples: Vec<f32>,
    /// The sample that follows the last one.
    pub from: usize,
}

impl Round {
    /// Closes a sound whose last `repeated` samples are its beginning again. Both the length and the
    /// place where it goes on are even, so that they fall on a sample at half the rate too.
    pub fn close(mut samples: Vec<f32>, repeated: usize, rate: u32) -> Self {
        let end = samples.len().saturating_sub(repeated) & !1;
        let repeated = samples.len() - end;
        if meets(&samples, end, (rate * AROUND_MS / 1000) as usize) {
            begin_as_after(&mut samples, end, repeated / 2);
            samples.truncate(end);
            return Self { samples, from: 0 };
        }
        let from = repeated.min(end / 2) & !1;
        fade_over(&mut samples, end, from);
        samples.truncate(end);
        Self { samples, from }
    }

    /// The same at half the rate, or any other that divides the rate.
    pub fn at_rate(&self, rate: u32, wanted: u32) -> Self {
        let ratio = (rate / wanted.max(1)).max(1) as usize;
        let again = self.samples.iter().skip(self.from).cycle().take((rate * OVERLAP_MS / 1000) as usize);
        let longer: Vec<f32> = self.samples.iter().chain(again).copied().collect();
        let mut samples = convert(&longer, rate, wanted);
        let end = self.samples.len() / ratio;
        if self.from == 0 {
            let known = samples.len().saturating_sub(end) / 2;
            begin_as_after(&mut samples, end, known);
        }
        samples.truncate(end);
        Self { samples, from: self.from / ratio }
    }
}

/// Whether a sound steps and bends at `end` no more than it does anyway close to it.
fn meets(samples: &[f32], end: usize, around: usize) -> bool {
    let near = end.saturating_sub(around)..(end + around).min(samples.len());
    // The file's own end may lie one behind, and a bend shows two behind that.
    let seam = end.saturating_sub(1)..(end + 4).min(samples.len());
    [step, bend].into_iter().all(|measure| {
        let most =
            |places: Range<usize>| places.filter_map(|place| measure(samples, place)).fold(0.0_f32, f32::max);
        let usual = most(near.start..seam.start).max(most(seam.end..near.end));
        most(seam.clone()) <= 1.05 * usual + INAUDIBLE
    })
}

fn step(samples: &[f32], place: usize) -> Option<f32> {
    Some((samples.get(place)? - samples.get(place.checked_sub(1)?)?).abs())
}

fn bend(samples: &[f32], place: usize) -> Option<f32> {
    let [a, b, c] = [place.checked_sub(2)?, place.checked_sub(1)?, place];
    Some((samples.get(c)? - 2.0 * samples.get(b)? + samples.get(a)?).abs())
}

/// The first samples become those behind the end, which know what was before them: a filter began
/// the first ones with silence.
fn begin_as_after(samples: &mut [f32], end: usize, count: usize) {
    let (sound, again) = samples.split_at_mut(end.min(samples.len()));
    for (n, (first, after)) in sound.iter_mut().zip(again).take(count).enumerate() {
        let part = n as f32 / count as f32;
        *first = *after * (1.0 - part) + *first * part;
    }
}

/// The last `count` samples before the end fade into the first ones (equal power).
fn fade_over(samples: &mut [f32], end: usize, count: usize) {
    let (beginning, rest) = samples.split_at_mut(count);
    let last = rest.iter_mut().skip(end.saturating_sub(2 * count));
    for (n, (sample, first)) in last.zip(beginning).enumerate() {
        let angle = FRAC_PI_2 * (n as f32 + 0.5) / count as f32;
        *sample = *sample * angle.cos() + *first * angle.sin();
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    const RATE: u32 = 16_000;

    /// Music stands for itself: some sines of frequencies in Hz.
    fn music(samples: usize, frequencies: &[f32]) -> Vec<f32> {
        let at = |n: usize| frequencies.iter().map(|f| 0.2 * (TAU * f * n as f32 / RATE as f32).sin()).sum();
        (0..samples).map(at).collect()
    }

    fn closed(sound: &[f32]) -> Round {
        let repeated = sound.len().min(640);
        Round::close([sound, &sound[..repeated]].concat(), repeated, RATE)
    }

    /// What is heard of it in so many samples.
    fn heard(round: &Round, samples: usize) -> Vec<f32> {
        round
            .samples
            .iter()
            .chain(round.samples[round.from..].iter().cycle())
            .take(samples)
            .copied()
            .collect()
    }

    fn largest(measure: fn(&[f32], usize) -> Option<f32>, samples: &[f32]) -> f32 {
        (0..samples.len()).filter_map(|place| measure(samples, place)).fold(0.0, f32::max)
    }

    #[test]
    fn a_sound_whose_end_meets_its_beginning_goes_round_to_the_sample() {
        // 33 periods of 440 Hz: no whole number of frames.
        for (samples, frequency) in [(1_200, 440.0), (16_000, 1_000.0), (800, 20.0)] {
            let sound = music(samples, &[frequency]);
            let round = closed(&sound);
            assert_eq!((round.samples.len(), round.from), (samples, 0), "{frequency} Hz");
            let endless = music(samples * 3, &[frequency]);
            let off = heard(&round, samples * 3)
                .iter()
                .zip(&endless)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            assert!(off < 0.001, "{frequency} Hz: {off}");
        }
    }

    #[test]
    fn silence_at_both_ends_is_kept_as_it_is() {
        let sound = [vec![0.0; 2_000], music(3_000, &[500.0]), vec![0.0; 1_000]].concat();
        assert_eq!(closed(&sound), Round { samples: sound, from: 0 });
    }

    #[test]
    fn any_other_sound_fades_into_its_beginning_at_full_power() {
        let sound = music(16_111, &[313.0, 777.0, 1_234.5]);
        let round = closed(&sound);
        assert_eq!((round.samples.len(), round.from), (16_110, 640));
        assert_eq!(round.samples[..15_470], sound[..15_470]);
        let power = |part: &[f32]| part.iter().map(|sample| sample * sample).sum::<f32>() / part.len() as f32;
        let ratio = power(&round.samples[15_470..]) / power(&sound);
        assert!((0.5..2.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn half_the_rate_goes_round_as_well() {
        for sound in [music(16_000, &[1_000.0]), music(16_111, &[313.0, 777.0])] {
            let round = closed(&sound);
            let half = round.at_rate(RATE, 8_000);
            assert_eq!((half.samples.len(), half.from), (round.samples.len() / 2, round.from / 2));
            let heard = heard(&half, 20_000);
            let quiet = largest(bend, &heard[4_000..7_000]);
            assert!(largest(bend, &heard[100..]) < 1.3 * quiet, "from {}", half.from);
        }
    }

    #[test]
    fn the_shortest_sounds_go_round_too() {
        for samples in 0..200 {
            let round = closed(&music(samples, &[440.0]));
            assert!(round.samples.len() == samples & !1 && round.from <= round.samples.len() / 2);
            let half = round.at_rate(RATE, 8_000);
            assert_eq!(half.samples.len(), samples / 2);
        }
    }

    proptest! {
        #[test]
        fn at_the_seam_a_sound_steps_no_more_than_elsewhere(
            samples in 1_600_usize..20_000,
            frequencies in prop::collection::vec(60.0_f32..3_400.0, 1..4),
        ) {
            let sound = music(samples, &frequencies);
            let round = closed(&sound);
            let heard = heard(&round, 2 * samples);
            for measure in [step, bend] {
                let (usual, there) = (largest(measure, &sound), largest(measure, &heard));
                // Two sounds at full power beside each other may add up, and the fade itself sets in with a
                // bend, which is nothing beside any sound but a very low one.
                let fade = FRAC_PI_2 / (RATE * OVERLAP_MS / 1000) as f32;
                let fade = fade * sound.iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
                prop_assert!(there <= 1.5 * usual + INAUDIBLE + fade, "{there} where {usual} is usual");
            }
        }
    }
}
