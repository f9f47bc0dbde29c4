//! Packet-loss concealment by ITU-T G.711 Appendix I: what is missing is made up of the last pitch periods
//! that were heard, fading, and joined without a step at either end. At 8000 samples per second.
//!
//! The Appendix keeps the output 3.75 ms behind the input, so that the end of what was heard can be blended
//! into what is made up. So do we: a recording does not mind.

/// Samples the output is behind the input: a quarter of the longest pitch period.
pub const BEHIND: usize = LONGEST_PERIOD / 4;
/// What is made up has faded to silence after so many samples: 60 ms (clause I.2.7).
pub const FADED: u64 = 480;

/// The pitch periods that are looked for: 66 to 200 Hz (clause I.2.3).
const SHORTEST_PERIOD: usize = 40;
const LONGEST_PERIOD: usize = 120;
/// Periods that are repeated at most, one more after each [`STEP`] (clause I.2.5).
const MOST_PERIODS: usize = 3;
/// What is remembered: the periods, and a quarter before them to blend from.
const HISTORY: usize = LONGEST_PERIOD * MOST_PERIODS + BEHIND;
/// What two periods are compared over: 20 ms.
const COMPARED: usize = 160;
/// 10 ms.
const STEP: u64 = 80;
/// How much is faded in each step after the first, as a share of the whole (clause I.2.7).
const FADE: f32 = 0.2;
/// How much longer the blend at the end of a gap gets with each step of it, and how long it gets (I.2.6).
const BLEND_MORE: u64 = 32;
const LONGEST_BLEND: u64 = STEP;
/// Energy below which no period is better than another.
const QUIET: f32 = 250.0;

/// Makes up what is missing. What is given is what was heard, changed by the blends alone.
#[derive(Debug, Clone)]
pub struct Concealer {
    /// The newest samples, heard or made up. The last of them are not given yet.
    history: [i16; HISTORY],
    /// How many are not given yet.
    waiting: usize,
    gap: Option<Gap>,
    blend: Option<Blend>,
}

/// A gap that is being filled.
#[derive(Debug, Clone)]
struct Gap {
    /// What was heard before it.
    source: [i16; HISTORY],
    period: usize,
    /// Samples made up so far.
    made: u64,
    /// How many periods are repeated, and where in them the next sample is.
    periods: usize,
    phase: usize,
    /// While it goes over to one period more: where it is in those before, and how many samples are left.
    leaving: Option<(usize, usize)>,
}

/// The end of a gap: what is heard again is blended in.
#[derive(Debug, Clone, Copy)]
struct Blend {
    done: u64,
    length: u64,
}

impl Default for Concealer {
    fn default() -> Self {
        Self { history: [0; HISTORY], waiting: 0, gap: None, blend: None }
    }
}

impl Concealer {
    /// Hears what has come. `give` gets as much as went in, [`BEHIND`] samples later.
    pub fn hear(&mut self, samples: &[i16], mut give: impl FnMut(&[i16])) {
        if let Some(gap) = self.gap.as_ref().filter(|_| self.blend.is_none()) {
            self.blend = Some(Blend { done: 0, length: gap.blend() });
        }
        let mut blended = [0; STEP as usize];
        for samples in samples.chunks(blended.len()) {
            if self.blend.is_none() {
                self.push(samples, &mut give);
                continue;
            }
            let blended = blended.get_mut(..samples.len()).unwrap_or_default();
            for (to, from) in blended.iter_mut().zip(samples) {
                *to = self.blended(*from);
            }
            self.push(blended, &mut give);
        }
    }

    /// Makes up so many samples that were lost; what follows [`FADED`] of them is silence.
    pub fn conceal(&mut self, samples: u64, mut give: impl FnMut(&[i16])) {
        self.blend = None;
        let mut gap = self.gap.take().unwrap_or_else(|| self.begin());
        let mut made = [0; STEP as usize];
        let mut left = samples;
        while left > 0 {
            let count = left.min(STEP);
            let made = made.get_mut(..count as usize).unwrap_or_default();
            made.fill_with(|| gap.next());
            self.push(made, &mut give);
            left -= count;
        }
        self.gap = Some(gap);
    }

    /// Gives what is not given yet, and forgets all there was: what comes next has nothing to do with it.
    pub fn end(&mut self, give: impl FnOnce(&[i16])) {
        give(self.history.get(HISTORY - self.waiting..).unwrap_or_default());
        *self = Self::default();
    }

    /// Adds up to [`STEP`] samples to the history; gives those that need not wait any more.
    fn push(&mut self, samples: &[i16], give: &mut impl FnMut(&[i16])) {
        let ready = (self.waiting + samples.len()).saturating_sub(BEHIND);
        let waiting = HISTORY - self.waiting;
        let old = ready.min(self.waiting);
        if old > 0 {
            give(self.history.get(waiting..waiting + old).unwrap_or_default());
        }
        if ready > old {
            give(samples.get(..ready - old).unwrap_or_default());
        }
        self.history.copy_within(samples.len().., 0);
        if let Some(end) = self.history.get_mut(HISTORY - samples.len()..) {
            end.copy_from_slice(samples);
        }
        self.waiting = self.waiting + samples.len() - ready;
    }

    /// The begin of a gap: finds the pitch, and blends the end of what was heard into the period before
    /// it, so that the first made up sample follows on (clause I.2.4).
    fn begin(&mut self) -> Gap {
        let period = pitch(&self.history);
        let gap = Gap { source: self.history, period, made: 0, periods: 1, phase: 0, leaving: None };
        let quarter = (period / 4).min(self.waiting);
        for n in 1..=quarter {
            if let Some(sample) = self.history.get_mut(HISTORY - n) {
                *sample = rounded(gap.looped(1, period - n));
            }
        }
        gap
    }

    fn blended(&mut self, heard: i16) -> i16 {
        let Some((blend, gap)) = self.blend.as_mut().zip(self.gap.as_mut()) else { return heard };
        blend.done += 1;
        let share = blend.done as f32 / (blend.length + 1) as f32;
        let made = f32::from(gap.next());
        if blend.done >= blend.length {
            (self.blend, self.gap) = (None, None);
        }
        rounded(made + (f32::from(heard) - made) * share)
    }
}

impl Gap {
    /// The next sample.
    fn next(&mut self) -> i16 {
        if self.made >= FADED {
            return 0;
        }
        if self.made.is_multiple_of(STEP) && self.made > 0 && self.periods < MOST_PERIODS {
            self.leaving = Some((self.phase, self.period / 4));
            self.periods += 1;
            // The same place of the oldest period.
            self.phase %= self.period;
        }
        let sample = self.leave(self.looped(self.periods, self.phase));
        self.phase = (self.phase + 1) % (self.periods * self.period);
        let faded = self.made.saturating_sub(STEP) as f32 / STEP as f32 * FADE;
        self.made += 1;
        rounded(sample * (1.0 - faded).max(0.0))
    }

    /// Goes over from the periods before to one more.
    fn leave(&mut self, sample: f32) -> f32 {
        let Some((phase, left)) = self.leaving else { return sample };
        let before = self.looped(self.periods - 1, phase);
        let share = left as f32 / (self.period / 4 + 1) as f32;
        let next = (phase + 1) % ((self.periods - 1) * self.period);
        self.leaving = (left > 1).then_some((next, left - 1));
        sample + (before - sample) * share
    }

    /// A sample of the last `periods`, whose last quarter period goes over into what is before them: so
    /// they can be repeated without a step.
    fn looped(&self, periods: usize, phase: usize) -> f32 {
        let length = periods * self.period;
        let quarter = self.period / 4;
        let heard = self.heard(length - phase);
        let into = (phase + quarter + 1).saturating_sub(length);
        if into == 0 {
            return heard;
        }
        let share = into as f32 / (quarter + 1) as f32;
        let before = self.heard(2 * length - phase);
        heard + (before - heard) * share
    }

    /// The sample that was heard so many before the gap; 1 is the last.
    fn heard(&self, before: usize) -> f32 {
        HISTORY.checked_sub(before).and_then(|at| self.source.get(at)).copied().map_or(0.0, f32::from)
    }

    /// How long what is heard after it is blended in.
    fn blend(&self) -> u64 {
        let steps = self.made.saturating_sub(1) / STEP;
        (self.period as u64 / 4)
            .saturating_add(BLEND_MORE * steps.min(MOST_PERIODS as u64))
            .min(LONGEST_BLEND)
    }
}

/// The pitch period: where the last 20 ms are most like what was before them, by the normalized
/// cross-correlation (clause I.2.3). At first every other period is tried with every other sample.
fn pitch(history: &[i16; HISTORY]) -> usize {
    let periods = (SHORTEST_PERIOD..=LONGEST_PERIOD).step_by(2);
    let coarse = best(periods.map(|period| (period, likeness(history, period, 2))));
    let near = coarse.saturating_sub(1).max(SHORTEST_PERIOD)..=(coarse + 1).min(LONGEST_PERIOD);
    best(near.map(|period| (period, likeness(history, period, 1))))
}

fn best(periods: impl Iterator<Item = (usize, f32)>) -> usize {
    let first = (SHORTEST_PERIOD, f32::MIN);
    periods.fold(first, |best, next| if next.1 > best.1 { next } else { best }).0
}

fn likeness(history: &[i16; HISTORY], period: usize, step: usize) -> f32 {
    let last = history.get(HISTORY - COMPARED..).unwrap_or_default();
    let before = history.get(HISTORY - COMPARED - period..).unwrap_or_default();
    let (mut product, mut energy) = (0.0, 0.0);
    for (last, before) in last.iter().zip(before).step_by(step) {
        let before = f32::from(*before);
        product += f32::from(*last) * before;
        energy += before * before;
    }
    product / energy.max(QUIET).sqrt()
}

/// Saturates.
fn rounded(sample: f32) -> i16 {
    sample.round() as i16
}

#[cfg(test)]
mod tests;
