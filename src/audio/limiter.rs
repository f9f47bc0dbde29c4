//! A limiter that looks ahead: no peak above a ceiling, and nothing cut off.
//!
//! The gain goes down before a peak comes and up again after it, slowly enough not to be heard as
//! distortion. It is for sounds that are there as a whole, when prompts are loaded.

use std::collections::VecDeque;

/// The highest peak that is let through: 1 dB below full scale, within reach of both laws of G.711.
pub const CEILING: f32 = 0.89;
/// How long before a peak the gain begins to fall, in ms.
const AHEAD_MS: u32 = 5;
/// How long it takes to recover two thirds of the way, in ms.
const RELEASE_MS: u32 = 60;

/// Brings every peak below [`CEILING`]. A sound that has none above it stays as it is.
pub fn limit(samples: &mut [f32], rate: u32) {
    if samples.iter().all(|sample| sample.abs() <= CEILING) {
        return;
    }
    let ahead = (rate * AHEAD_MS / 1000).max(1) as usize;
    let gains = smoothed(&recovering(&lowest_ahead(samples, ahead), rate), ahead);
    for (sample, gain) in samples.iter_mut().zip(gains) {
        *sample *= gain;
    }
}

/// For each sample the lowest gain that one of the next `ahead` wants, or it itself.
fn lowest_ahead(samples: &[f32], ahead: usize) -> Vec<f32> {
    let wanted = |sample: &f32| (CEILING / sample.abs()).min(1.0);
    // Places whose gains rise: the first is the lowest of the window.
    let mut window: VecDeque<(usize, f32)> = VecDeque::new();
    let mut lowest = vec![1.0; samples.len()];
    for (place, gain) in samples.iter().map(wanted).enumerate().rev() {
        while window.back().is_some_and(|(_, other)| *other >= gain) {
            window.pop_back();
        }
        window.push_back((place, gain));
        while window.front().is_some_and(|(other, _)| *other > place + ahead) {
            window.pop_front();
        }
        if let (Some(slot), Some((_, gain))) = (lowest.get_mut(place), window.front()) {
            *slot = *gain;
        }
    }
    lowest
}

/// Falls at once, rises slowly.
fn recovering(gains: &[f32], rate: u32) -> Vec<f32> {
    let step = 1.0 - (-1000.0 / (f64::from(rate) * f64::from(RELEASE_MS))).exp() as f32;
    let mut now = 1.0_f32;
    let follow = |gain: &f32| {
        now = gain.min(now + (1.0 - now) * step);
        now
    };
    gains.iter().map(follow).collect()
}

/// The mean over the last `ahead` and this one (before the first there is more of it): an even slope in place
/// of a step. What it takes in had this sample in view, so it is never above what this sample wants.
fn smoothed(gains: &[f32], ahead: usize) -> Vec<f32> {
    let length = ahead as f64 + 1.0;
    let first = gains.first().unwrap_or(&1.0);
    let before = std::iter::repeat_n(first, ahead + 1);
    let mut sum = length * f64::from(*first);
    let slide = |(new, old): (&f32, &f32)| {
        sum += f64::from(*new) - f64::from(*old);
        (sum / length) as f32
    };
    gains.iter().zip(before.chain(gains)).map(slide).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_fits_stays_as_it_is() {
        let quiet: Vec<f32> = (0..8_000).map(|n| CEILING * (n as f32 * 0.3).sin()).collect();
        let mut limited = quiet.clone();
        limit(&mut limited, 8_000);
        assert_eq!(limited, quiet);
    }

    #[test]
    fn a_peak_is_lowered_and_a_while_before_and_after_it_nothing_is_changed() {
        let quiet: Vec<f32> = (0..16_000).map(|n| 0.1 * (n as f32 * 0.3).sin()).collect();
        let mut limited = quiet.clone();
        limited[8_000] = 3.0;
        limit(&mut limited, 8_000);
        assert!((0.85..=CEILING * 1.0001).contains(&limited[8_000]), "{}", limited[8_000]);
        assert_eq!(limited[..7_950], quiet[..7_950]);
        let after = limited[12_000..].iter().zip(&quiet[12_000..]);
        assert!(after.into_iter().all(|(a, b)| (a - b).abs() < 0.001));
    }

    proptest! {
        #[test]
        fn no_peak_is_left_and_the_shape_is_kept(
            sound in prop::collection::vec(-8.0_f32..8.0, 1..2_000),
            rate in prop::sample::select(vec![8_000_u32, 16_000]),
        ) {
            let mut limited = sound.clone();
            limit(&mut limited, rate);
            for (before, after) in sound.iter().zip(&limited) {
                prop_assert!(after.abs() <= CEILING * 1.0001);
                prop_assert!(before * after >= 0.0, "no wave is turned round");
                prop_assert!(after.abs() <= before.abs() * 1.0001, "nothing gets louder");
            }
        }
    }
}
