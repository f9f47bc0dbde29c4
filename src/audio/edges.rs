//! The ends of a piece of sound: how much silence it begins and ends with, and that it begins and
//! ends softly.

use std::f32::consts::PI;
use std::ops::Range;

use super::active_level::power;

/// What is so far below the active level of a voice is a pause, in dB: below the softest consonant,
/// above the noise of a recording.
const PAUSE_BELOW: f64 = 40.0;
/// The grain in which pauses are looked for, in ms.
const GRAIN_MS: u32 = 5;
/// How long an edge takes to fade, in ms.
const EDGE_MS: u32 = 5;

/// Where a voice speaks, from its first sound to its last, if `level` is its active level in dBm0.
/// Nothing: it does not.
pub fn spoken(samples: &[f32], rate: u32, level: f64) -> Option<Range<usize>> {
    let grain = (rate * GRAIN_MS / 1000).max(1) as usize;
    let speaks = |part: &[f32]| power(part) > level - PAUSE_BELOW;
    let first = samples.chunks(grain).position(speaks)?;
    let last = samples.chunks(grain).rposition(speaks)?;
    Some(first * grain..((last + 1) * grain).min(samples.len()))
}

/// Lets a sound come and go within 5 ms (raised cosine), so that it clicks nowhere.
pub fn soften(samples: &mut [f32], rate: u32) {
    let edge = ((rate * EDGE_MS / 1000) as usize).min(samples.len() / 2);
    let gain = |n: usize| 0.5 - 0.5 * (PI * n as f32 / edge.max(1) as f32).cos();
    for (n, sample) in samples.iter_mut().take(edge).enumerate() {
        *sample *= gain(n);
    }
    for (n, sample) in samples.iter_mut().rev().take(edge).enumerate() {
        *sample *= gain(n);
    }
}

/// A voice with exactly so much silence before and after it, in samples, whatever it had: what was
/// recorded there, cut or filled up. Soft at its edges.
pub fn framed(samples: &[f32], voice: Range<usize>, pause: usize, rate: u32) -> Vec<f32> {
    let begin = voice.start.saturating_sub(pause);
    let end = voice.end.saturating_add(pause).min(samples.len());
    let mut kept = samples.get(begin..end).unwrap_or_default().to_vec();
    soften(&mut kept, rate);
    let missing = |there: usize| vec![0.0; pause.saturating_sub(there)];
    [missing(voice.start - begin), kept, missing(end.saturating_sub(voice.end))].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::audio::active_level::active_level;

    const RATE: u32 = 8_000;

    /// A voice stands for itself: a tone in noise that a recording may have.
    fn recorded(before_ms: usize, voice_ms: usize, after_ms: usize, noise: f32) -> Vec<f32> {
        let total = (before_ms + voice_ms + after_ms) * 8;
        (0..total)
            .map(|n| {
                let speaks = (before_ms * 8..(before_ms + voice_ms) * 8).contains(&n);
                let voice = if speaks { 0.2 * (n as f32 * 0.7).sin() } else { 0.0 };
                voice + noise * ((n * 7919 % 201) as f32 / 100.0 - 1.0)
            })
            .collect()
    }

    #[test]
    fn a_sound_begins_and_ends_at_nothing() {
        let mut loud = vec![0.5; 400];
        soften(&mut loud, RATE);
        let steps = loud.windows(2).map(|pair| (pair[0] - pair[1]).abs()).fold(0.0, f32::max);
        assert!(loud[0] == 0.0 && loud[399] == 0.0 && loud[200] == 0.5 && steps < 0.03);
        soften(&mut [], RATE);
        soften(&mut [0.5], RATE);
    }

    #[test]
    fn silence_speaks_nowhere() {
        assert_eq!(spoken(&[0.0; 4_000], RATE, -20.0), None);
        assert_eq!(spoken(&[], RATE, -20.0), None);
    }

    proptest! {
        #[test]
        fn a_voice_has_the_pause_it_is_given_whatever_was_recorded_around_it(
            before in 0_usize..700,
            voice in 60_usize..600,
            after in 0_usize..700,
            noise in 0.0_f32..0.0008,
        ) {
            let sound = recorded(before, voice, after, noise);
            let level = active_level(&sound, RATE).expect("not silent");
            let found = spoken(&sound, RATE, level).expect("it speaks");
            prop_assert!(found.start.abs_diff(before * 8) <= 40, "{found:?}");
            prop_assert!(found.end.abs_diff((before + voice) * 8) <= 40, "{found:?}");
            let length = found.len();
            let framed = framed(&sound, found, 400, RATE);
            prop_assert_eq!(framed.len(), length + 800);
        }
    }
}
