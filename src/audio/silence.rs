//! Whether anybody speaks: a gate for sound as it comes, and a verdict on a whole recording.
//!
//! Both go by the level of frames of 20 ms against the noise that the line has anyway. Nothing here
//! tells speech from other sounds: what stands out of the noise counts, and in doubt it does.

use std::time::Duration;

use super::level::dbm0;

/// Samples in a frame: 20 ms at 8000 Hz.
pub const FRAME: usize = 160;
/// The same in ms.
const FRAME_MS: u64 = 20;

/// Below this level nothing is ever said, in dBm0: a step above the least that G.711 can tell.
const FLOOR: f64 = -65.0;
/// How far above the noise speech begins, in dB.
const BEGINS: f64 = 9.0;
/// Speech that has begun goes on while it is so far above the noise, in dB.
const GOES_ON: f64 = 6.0;
/// The noise is the least level of this many frames, and of as many before them: 1.5 s each. Nobody
/// speaks so long without a pause of 20 ms.
const NOISE_FRAMES: u32 = 75;

/// Follows a line's sound and tells when something was last heard on it.
///
/// Sound that stays at one level, such as the noise of a line or a tone without an end, is silence
/// after 3 s at the latest: it is the noise then.
#[derive(Debug, Clone)]
pub struct SilenceGate {
    /// Samples taken so far.
    at: u64,
    frame: Vec<i16>,
    open: bool,
    /// Where the last frame ended in which something was heard.
    heard_until: u64,
    /// The least level of the frames before, and of those now, in dBm0.
    least: (f64, f64),
    frames: u32,
}

impl Default for SilenceGate {
    fn default() -> Self {
        let least = (FLOOR, f64::INFINITY);
        Self { at: 0, frame: Vec::with_capacity(FRAME), open: false, heard_until: 0, least, frames: 0 }
    }
}

impl SilenceGate {
    /// Takes what comes next.
    pub fn push(&mut self, mut samples: &[i16]) {
        while !samples.is_empty() {
            let wanted = FRAME - self.frame.len().min(FRAME);
            let (taken, rest) = samples.split_at(wanted.min(samples.len()));
            self.frame.extend_from_slice(taken);
            self.at = self.at.saturating_add(taken.len() as u64);
            samples = rest;
            if self.frame.len() >= FRAME {
                let level = dbm0(&self.frame);
                self.frame.clear();
                self.judge(level);
            }
        }
    }

    /// Where something was last heard: samples since the begin.
    pub fn heard_until(&self) -> u64 {
        self.heard_until
    }

    fn judge(&mut self, level: f64) {
        let level = level.max(FLOOR);
        let noise = self.least.0.min(self.least.1);
        let above = if self.open { GOES_ON } else { BEGINS };
        self.open = level >= noise + above;
        if self.open {
            self.heard_until = self.at;
        }
        self.least.1 = self.least.1.min(level);
        self.frames += 1;
        if self.frames == NOISE_FRAMES {
            self.least = (self.least.1, f64::INFINITY);
            self.frames = 0;
        }
    }
}

/// The sample values of silence in A-law and in u-law are no larger than this.
const DIGITAL_SILENCE: u16 = 8;
/// Levels are counted in steps of 1 dB from [`LOWEST`] up.
const STEPS: usize = 100;
const LOWEST: f64 = -95.0;
/// Noise of a line is quieter than this, in dBm0.
const LOUDEST_NOISE: f64 = -45.0;
/// The loudest frame of noise is not so far above its quiet ones, in dB.
const NOISE_SPREAD: usize = 6;
/// A breath into a telephone is quieter than this, in dBm0; most words are louder.
const BREATH: f64 = -40.0;
/// So many frames show what is noise and what is not: 1 s.
const PROOF: u32 = 50;

/// How loud a recording was, frame by frame: tells whether it is empty.
#[derive(Debug, Clone)]
pub struct Loudness {
    counts: [u32; STEPS],
    frames: u32,
    loudest: f64,
}

impl Default for Loudness {
    fn default() -> Self {
        Self { counts: [0; STEPS], frames: 0, loudest: f64::NEG_INFINITY }
    }
}

impl Loudness {
    /// Takes a frame of [`FRAME`] samples, or what is left at the end.
    pub fn push(&mut self, frame: &[i16]) {
        if frame.iter().all(|sample| sample.unsigned_abs() <= DIGITAL_SILENCE) {
            return;
        }
        let level = dbm0(frame);
        let step = (level - LOWEST).clamp(0.0, STEPS as f64 - 1.0) as usize;
        if let Some(count) = self.counts.get_mut(step) {
            *count += 1;
        }
        self.frames += 1;
        self.loudest = self.loudest.max(level);
    }

    /// Whether nothing was said: there is digital silence alone, or noise that stays at one low level
    /// for a second or more. In doubt something was said.
    pub fn is_empty(&self) -> bool {
        let steady = || {
            self.frames >= PROOF
                && self.loudest < LOUDEST_NOISE
                && self.loudest_step() < self.quiet() + NOISE_SPREAD
        };
        self.frames == 0 || steady()
    }

    /// How much was said: frames that stand out of the noise of the line. What is as quiet as a breath counts a
    /// quarter, so that a whisper has to last; a click is over too soon.
    pub fn sound(&self) -> Duration {
        let noise = match self.frames {
            // Too short to tell noise from anything else.
            0..PROOF => 0,
            _ => self.quiet().min((LOUDEST_NOISE - LOWEST) as usize) + NOISE_SPREAD,
        };
        let voice = (BREATH - LOWEST) as usize;
        let quarters = |(step, count): (usize, &u32)| if step < voice { *count } else { 4 * count };
        let quarters: u32 = self.counts.iter().enumerate().skip(noise).map(quarters).sum();
        Duration::from_millis(u64::from(quarters) * FRAME_MS / 4)
    }

    fn loudest_step(&self) -> usize {
        self.counts.iter().rposition(|count| *count > 0).unwrap_or(0)
    }

    /// The level below which a tenth of the frames are, in steps.
    fn quiet(&self) -> usize {
        let mut below = 0;
        let reached = |count: &u32| {
            below += count;
            below * 10 >= self.frames
        };
        self.counts.iter().position(reached).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::audio::level::sine_peak;

    const SECOND: usize = 8000;

    /// White noise of a level in dBm0.
    fn noise(level: f64, seconds: usize) -> Vec<i16> {
        let mut rng = StdRng::seed_from_u64(level.to_bits());
        // A uniform value has a third of its square as power, a sine half.
        let peak = sine_peak(level) * (1.5_f64).sqrt();
        (0..seconds * SECOND).map(|_| (peak * rng.random_range(-1.0..1.0)).round() as i16).collect()
    }

    /// Syllables: 180 ms of a level, 70 ms of the pauses' level.
    fn speech(level: f64, pauses: f64, seconds: usize) -> Vec<i16> {
        let (loud, quiet) = (noise(level, seconds), noise(pauses, seconds));
        let sounds = |n: usize| n % 2000 < 1440;
        (0..seconds * SECOND).map(|n| if sounds(n) { loud[n] } else { quiet[n] }).collect()
    }

    fn silent_for(parts: &[Vec<i16>]) -> f64 {
        let mut gate = SilenceGate::default();
        let mut len = 0;
        for part in parts {
            part.chunks(333).for_each(|chunk| gate.push(chunk));
            len += part.len();
        }
        (len as u64 - gate.heard_until()) as f64 / SECOND as f64
    }

    #[test]
    fn silence_is_counted_from_the_last_word_on_whatever_the_line_makes_of_it() {
        for pause in [f64::NEG_INFINITY, -62.0, -50.0, -40.0] {
            let silent = silent_for(&[speech(-22.0, pause, 20), noise(pause, 10)]);
            assert!((9.9..10.4).contains(&silent), "{pause} dBm0: {silent} s");
        }
    }

    #[test]
    fn who_speaks_without_an_end_is_never_taken_for_silent() {
        for (level, noise) in [(-15.0, -60.0), (-30.0, -45.0), (-50.0, f64::NEG_INFINITY)] {
            let silent = silent_for(&[speech(level, noise, 120)]);
            assert!(silent < 0.3, "{level} dBm0 over {noise}: {silent} s");
        }
    }

    #[test]
    fn noise_that_begins_in_the_midst_is_silence_after_three_seconds() {
        let silent = silent_for(&[noise(-60.0, 10), noise(-35.0, 30)]);
        assert!((27.0..30.1).contains(&silent), "{silent} s");
    }

    #[test]
    fn nothing_at_all_is_silence_from_the_begin() {
        assert_eq!(silent_for(&[vec![0; 30 * SECOND]]), 30.0);
        assert_eq!(silent_for(&[]), 0.0);
    }

    fn is_empty(samples: &[i16]) -> bool {
        let mut loudness = Loudness::default();
        samples.chunks(FRAME).for_each(|frame| loudness.push(frame));
        loudness.is_empty()
    }

    #[test]
    fn a_line_on_which_nobody_speaks_is_empty_with_its_noise() {
        assert!(is_empty(&[]));
        assert!(is_empty(&[8, -8, 0].repeat(SECOND)));
        for level in [-65.0, -55.0, -48.0] {
            assert!(is_empty(&noise(level, 10)), "{level} dBm0");
            assert!(is_empty(&[vec![0; SECOND], noise(level, 5), vec![0; SECOND]].concat()), "{level} dBm0");
        }
    }

    #[test]
    fn a_word_a_whisper_and_whatever_else_may_be_one_is_not_empty() {
        let word = |level| [noise(-60.0, 3), noise(level, 1)[..960].to_vec(), noise(-60.0, 3)].concat();
        assert!(!is_empty(&word(-50.0)));
        assert!(!is_empty(&speech(-56.0, -65.0, 2)), "a whisper");
        assert!(!is_empty(&noise(-40.0, 10)), "too loud for the noise of a line");
        assert!(!is_empty(&noise(-55.0, 1)[..4800]), "too short to tell");
    }

    fn sound(samples: &[i16]) -> u64 {
        let mut loudness = Loudness::default();
        samples.chunks(FRAME).for_each(|frame| loudness.push(frame));
        loudness.sound().as_millis() as u64
    }

    #[test]
    fn a_click_and_a_breath_are_little_sound_and_a_word_and_a_whispered_sentence_are_enough() {
        let on_the_line = |said: Vec<i16>| [noise(-60.0, 2), said, noise(-60.0, 2)].concat();
        let part = |level, ms: usize| noise(level, 2)[..8 * ms].to_vec();
        for (said, least, most) in [
            (part(-12.0, 60), 40, 80),
            (part(-48.0, 600), 100, 190),
            (part(-25.0, 300), 280, 320),
            (speech(-52.0, -60.0, 2), 300, 500),
        ] {
            assert!(
                (least..=most).contains(&sound(&on_the_line(said.clone()))),
                "{}",
                sound(&on_the_line(said.clone()))
            );
            assert!((least..=most).contains(&sound(&said)), "alone: {}", sound(&said));
        }
        assert!(sound(&noise(-20.0, 10)) > 9_000, "a loud sound without a pause");
        assert_eq!(sound(&[]), 0);
    }

    proptest! {
        #[test]
        fn the_gate_hears_nothing_that_has_not_come_yet(
            parts in prop::collection::vec(prop::collection::vec(any::<i16>(), 0..500), 0..20)
        ) {
            let mut gate = SilenceGate::default();
            let mut len = 0;
            for part in parts {
                gate.push(&part);
                len += part.len() as u64;
                prop_assert!(gate.heard_until() <= len);
            }
        }
    }
}
