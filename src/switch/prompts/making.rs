//! What is made of a decoded sound before it becomes a clip: its level, its ends, its seam.
//!
//! Whoever speaks, pieces come out equally loud, and with the same short pause at their ends, so that
//! "press", "1", "for" and a name make a sentence. See docs/decisions/0021.

use std::ops::Range;

use crate::audio::active_level::active_level;
use crate::audio::prompt::{Sound, to_i16};
use crate::audio::resample::{convert, convert_i16};
use crate::audio::seam::Round;
use crate::audio::{LINE_RATE, edges, limiter};
use crate::switch::clip::Clip;

/// The active level of a voice, in dBm0: the 26 dB below overload at which ITU-T measures speech (P.56, P.800).
pub(super) const VOICE_LEVEL: f64 = -20.0;
/// That of music while people wait, in dBm0: it has no pauses, and so is heard as louder.
pub(super) const HOLD_LEVEL: f64 = -26.0;
/// How much louder a sound is made at most, in dB: what is further down is mostly noise.
const MOST_GAIN: f64 = 20.0;
/// How much quieter, in dB.
const MOST_LOSS: f64 = 30.0;
/// A sound that is louder by more is said to be too quiet, in dB.
const WORTH_A_WORD: f64 = 12.0;
/// Below this active level there is nothing to be made louder, in dBm0.
const NEARLY_SILENT: f64 = -50.0;
/// The silence a voice begins and ends with, in ms.
const PAUSE_MS: u32 = 50;

/// How a sound is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// A voice of ours: between pauses of one length.
    Voice,
    /// A file of the operator's, with the silence that is in it.
    File,
    /// One that goes round.
    Hold,
}

/// The samples of a piece.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Made {
    /// At the line's rate.
    pub narrow: Vec<i16>,
    /// At twice the line's rate, if wanted: twice as many.
    pub wide: Option<Vec<i16>>,
    /// Where it goes on after its end, if it goes round, in samples at the line's rate.
    pub from: usize,
}

/// What the operator should know of a sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Remark {
    /// The tops of its waves are cut off.
    Clipped,
    /// Its active level, in dBm0, if it has any.
    NearlySilent(Option<f64>),
    /// It had to be made louder by so many dB.
    Quiet(f64),
}

/// Makes a sound, decoded at `rate`: the line's or twice that, and then for both.
pub(super) fn make(mut sound: Sound, rate: u32, manner: Manner, keep_level: bool) -> (Made, Vec<Remark>) {
    let mut remarks = if sound.clipped { vec![Remark::Clipped] } else { Vec::new() };
    let wanted = if manner == Manner::Hold { HOLD_LEVEL } else { VOICE_LEVEL };
    remarks.extend(level(&mut sound, rate, if keep_level { None } else { Some(wanted) }));
    let made = match manner {
        Manner::Hold => over_and_over(sound, rate, keep_level),
        Manner::File => {
            edges::soften(&mut sound.samples, rate);
            once(sound.samples, rate, keep_level)
        }
        Manner::Voice => once(between_pauses(sound.samples, rate), rate, keep_level),
    };
    (made, remarks)
}

/// Brings a sound to an active level in dBm0, if one is wanted.
fn level(sound: &mut Sound, rate: u32, wanted: Option<f64>) -> Option<Remark> {
    let whole = sound.samples.len().saturating_sub(sound.repeated);
    if wanted.is_some() {
        centre(&mut sound.samples, whole);
    }
    let level = spoken(sound.samples.get(..whole)?, rate).map(|(level, _)| level);
    let Some(known) = level.filter(|level| *level > NEARLY_SILENT) else {
        return Some(Remark::NearlySilent(level));
    };
    let gain = wanted? - known;
    amplify(&mut sound.samples, gain.clamp(-MOST_LOSS, MOST_GAIN));
    limiter::limit(&mut sound.samples, rate);
    (gain > WORTH_A_WORD).then_some(Remark::Quiet(gain))
}

/// Takes out what is constant in a sound.
fn centre(samples: &mut [f32], whole: usize) {
    let sum: f64 = samples.iter().take(whole).map(|sample| f64::from(*sample)).sum();
    let mean = (sum / whole.max(1) as f64) as f32;
    samples.iter_mut().for_each(|sample| *sample -= mean);
}

fn amplify(samples: &mut [f32], gain_db: f64) {
    let gain = 10.0_f64.powf(gain_db / 20.0) as f32;
    samples.iter_mut().for_each(|sample| *sample *= gain);
}

/// A voice with the same silence at both ends, whatever was recorded there.
fn between_pauses(samples: Vec<f32>, rate: u32) -> Vec<f32> {
    let Some((_, voice)) = spoken(&samples, rate) else { return samples };
    edges::framed(&samples, voice, (rate / 1000 * PAUSE_MS) as usize, rate)
}

/// How loud a sound is, in dBm0, from its first to its last word, and where that is: in a word of its
/// own, the silence after it would count.
fn spoken(samples: &[f32], rate: u32) -> Option<(f64, Range<usize>)> {
    let roughly = active_level(samples, rate)?;
    let range = edges::spoken(samples, rate, roughly)?;
    let level = active_level(samples.get(range.clone())?, rate)?;
    Some((level, range))
}

/// A sound that is heard once.
fn once(mut samples: Vec<f32>, rate: u32, keep_level: bool) -> Made {
    // A pair of samples at twice the line's rate is one of the line's.
    samples.resize(samples.len().next_multiple_of((rate / LINE_RATE).max(1) as usize), 0.0);
    let narrow = (rate != LINE_RATE).then(|| convert(&samples, rate, LINE_RATE));
    Made::new(samples, narrow, 0, keep_level)
}

/// A sound that is heard over and over.
fn over_and_over(sound: Sound, rate: u32, keep_level: bool) -> Made {
    let round = Round::close(sound.samples, sound.repeated, rate);
    let narrow = (rate != LINE_RATE).then(|| round.at_rate(rate, LINE_RATE));
    let from = narrow.as_ref().map_or(round.from, |narrow| narrow.from);
    Made::new(round.samples, narrow.map(|narrow| narrow.samples), from, keep_level)
}

impl Made {
    /// Of a sound at the line's rate, or at twice that and then `narrow` at the line's.
    fn new(samples: Vec<f32>, narrow: Option<Vec<f32>>, from: usize, keep_level: bool) -> Self {
        let Some(mut narrow) = narrow else {
            return Self { narrow: to_i16(&samples), wide: None, from };
        };
        if !keep_level {
            // What the filter took away may have held a peak down.
            limiter::limit(&mut narrow, LINE_RATE);
        }
        Self { narrow: to_i16(&narrow), wide: Some(to_i16(&samples)), from }
    }

    /// What is computed at the line's rate.
    pub fn computed(narrow: Vec<i16>, rate: u32) -> Self {
        let wide = (rate != LINE_RATE).then(|| convert_i16(&narrow, LINE_RATE, rate));
        Self { narrow, wide, from: 0 }
    }

    /// The same, made ready for the line.
    pub fn clip(&self) -> Clip {
        let clip = Clip::from_samples(&self.narrow).going_on_at(self.from);
        self.wide.iter().fold(clip, |clip, wide| clip.with_wide(wide))
    }

    /// Adds a piece behind it, to the sample. Where it goes round is that of the last piece.
    pub fn add(&mut self, next: &Self) {
        self.narrow.extend_from_slice(&next.narrow);
        if let (Some(wide), Some(next)) = (&mut self.wide, &next.wide) {
            wide.extend_from_slice(next);
        }
    }
}
