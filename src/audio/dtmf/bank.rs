//! The eight frequencies of Q.23 and four below them, measured step by step.
//!
//! A step's correlation with each frequency is kept as a complex number, so that steps can be
//! joined to longer stretches by a turn of the phase instead of being computed twice.

use std::f32::consts::{PI, TAU};
use std::sync::{Arc, LazyLock};

use crate::audio::LINE_RATE;

/// The frequencies in Hz: four low ones, four high ones (Q.23 clause 1), and four watchmen below them, where
/// dial tones lie and where voices have their strongest harmonics.
pub(super) const FREQUENCIES: [f32; 12] =
    [697.0, 770.0, 852.0, 941.0, 1209.0, 1336.0, 1477.0, 1633.0, 260.0, 350.0, 440.0, 530.0];

/// Where the watchmen stand in [`FREQUENCIES`].
pub(super) const WATCHMEN: std::ops::Range<usize> = 8..12;

/// A step's length in seconds: 51 samples at 8 kHz. Two of them separate neighbouring low
/// frequencies, which are 73 Hz apart, by a zero of the spectrum at 78 Hz.
const STEP_SECONDS: f64 = 0.006_375;

/// One value for each frequency.
pub(super) type Lanes = [f32; 12];

/// What a stretch of audio has of each frequency: the correlation, and the energy of all it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Correlation {
    pub re: Lanes,
    pub im: Lanes,
    pub energy: f32,
}

impl Correlation {
    pub const NOTHING: Self = Self { re: [0.0; 12], im: [0.0; 12], energy: 0.0 };

    /// The correlation with frequency `k`, as a complex number.
    pub fn at(&self, k: usize) -> (f32, f32) {
        (self.re[k], self.im[k])
    }

    /// The squared magnitude at frequency `k`.
    pub fn power(&self, k: usize) -> f32 {
        self.re[k] * self.re[k] + self.im[k] * self.im[k]
    }
}

/// What depends on the rate alone; detectors share it.
#[derive(Debug)]
pub(super) struct Waves {
    /// Cosine and sine of each frequency at each sample of a step.
    waves: Vec<(Lanes, Lanes)>,
    /// The turn of each frequency over a step.
    turn: (Lanes, Lanes),
    /// Seconds in a step.
    seconds: f32,
}

/// Nearly all audio has the line's rate.
static OF_THE_LINE: LazyLock<Arc<Waves>> = LazyLock::new(|| Arc::new(Waves::new(LINE_RATE)));

impl Waves {
    /// Those for `rate` samples per second.
    pub fn of(rate: u32) -> Arc<Self> {
        if rate == LINE_RATE { OF_THE_LINE.clone() } else { Arc::new(Self::new(rate)) }
    }

    fn new(rate: u32) -> Self {
        let len = ((f64::from(rate) * STEP_SECONDS).round() as usize).max(1);
        let wave = |at: usize| {
            let angle = |k: usize| {
                std::f64::consts::TAU * f64::from(FREQUENCIES[k]) * at as f64 / f64::from(rate.max(1))
            };
            let cos = std::array::from_fn(|k| angle(k).cos() as f32);
            let sin = std::array::from_fn(|k| angle(k).sin() as f32);
            (cos, sin)
        };
        Self {
            waves: (0..len).map(wave).collect(),
            turn: wave(len),
            seconds: (len as f64 / f64::from(rate.max(1))) as f32,
        }
    }

    /// Samples in a step.
    pub fn step_len(&self) -> usize {
        self.waves.len()
    }

    /// Seconds in a step.
    pub fn step_seconds(&self) -> f32 {
        self.seconds
    }

    /// Two steps, one after the other, as one stretch.
    pub fn join(&self, first: &Correlation, second: &Correlation) -> Correlation {
        let (cos, sin) = &self.turn;
        Correlation {
            re: std::array::from_fn(|k| first.re[k] + second.re[k] * cos[k] + second.im[k] * sin[k]),
            im: std::array::from_fn(|k| first.im[k] + second.im[k] * cos[k] - second.re[k] * sin[k]),
            energy: first.energy + second.energy,
        }
    }

    /// How far a tone near the frequency `k` is off it, in Hz, by its phase in a block and in the
    /// block that began one step earlier. Unambiguous within 78 Hz.
    pub fn deviation(&self, k: usize, before: &Correlation, now: &Correlation) -> f32 {
        self.finer_deviation(k, before, now, 1, 0.0)
    }

    /// The same by a block that began some steps earlier: so much finer, and unambiguous within so much less of
    /// `about`, what is known already.
    pub fn finer_deviation(
        &self,
        k: usize,
        before: &Correlation,
        now: &Correlation,
        steps: u8,
        about: f32,
    ) -> f32 {
        // Between the blocks the phase has turned by the frequency's own turn and by the deviation's.
        let (cos, sin) =
            (0..steps).fold((1.0, 0.0), |turn, _| turned(turn, (self.turn.0[k], self.turn.1[k])));
        let seconds = self.seconds * f32::from(steps);
        let (about_sin, about_cos) = (TAU * about * seconds).sin_cos();
        let (cos, sin) = turned((cos, sin), (about_cos, about_sin));
        let (re, im) = turned((before.re[k], before.im[k]), (cos, sin));
        let (along, across) = turned((now.re[k], now.im[k]), (re, -im));
        about + across.atan2(along) / (TAU * seconds)
    }

    /// What a tone that is `deviation` Hz off the frequency `k` brings to the frequency `to` in a block, as a part of
    /// what it brings to `k`.
    pub fn leak(&self, k: usize, deviation: f32, to: usize) -> (f32, f32) {
        let half_turns = |hz: f32| PI * hz * 2.0 * self.seconds;
        let (own, other) = (half_turns(deviation), half_turns(FREQUENCIES[k] + deviation - FREQUENCIES[to]));
        let (sin, cos) = (other - own).sin_cos();
        let part = sinc(other) / sinc(own.clamp(-2.0, 2.0));
        (part * cos, part * sin)
    }

    /// The energy of a tone that is `deviation` Hz off the frequency `k`, in steps that follow each other.
    pub fn tone_energy<'a>(
        &self,
        k: usize,
        deviation: f32,
        steps: impl DoubleEndedIterator<Item = &'a Correlation> + ExactSizeIterator,
    ) -> f32 {
        let samples = (steps.len() * self.step_len()).max(1) as f32;
        // From one step to the next the phase has turned by the frequency's own turn and by the deviation's.
        let (sin, cos) = (TAU * deviation * self.seconds).sin_cos();
        let (cos, sin) = turned((self.turn.0[k], self.turn.1[k]), (cos, sin));
        let (re, im) = steps.rev().fold((0.0, 0.0), |sum, step| {
            let (re, im) = turned(sum, (cos, -sin));
            (step.re[k] + re, step.im[k] + im)
        });
        (re * re + im * im) * 2.0 / samples / attenuation(deviation * self.seconds)
    }
}

/// The product of two complex numbers: one turned by the other.
pub(super) fn turned((re, im): (f32, f32), (by_re, by_im): (f32, f32)) -> (f32, f32) {
    (re * by_re - im * by_im, im * by_re + re * by_im)
}

/// What is left of a tone's energy when it is `cycles` off the frequency it is measured at, over
/// the length of the measurement.
pub(super) fn attenuation(cycles: f32) -> f32 {
    sinc(PI * cycles.clamp(-0.6, 0.6)).powi(2)
}

/// sin(x) / x.
fn sinc(x: f32) -> f32 {
    if x.abs() < 1e-3 { 1.0 } else { x.sin() / x }
}

/// Collects samples into steps.
#[derive(Debug, Clone)]
pub(super) struct Bank {
    pub waves: Arc<Waves>,
    sum: Correlation,
    filled: usize,
}

impl Bank {
    /// A bank for `rate` samples per second.
    pub fn new(rate: u32) -> Self {
        Self { waves: Waves::of(rate), sum: Correlation::NOTHING, filled: 0 }
    }

    /// Takes samples up to the end of the step: the number taken, and the step if it is complete.
    pub fn take(&mut self, samples: &[i16]) -> (usize, Option<Correlation>) {
        let waves = self.waves.waves.get(self.filled..).unwrap_or_default();
        let Correlation { mut re, mut im, mut energy } = self.sum;
        for (sample, (cos, sin)) in samples.iter().zip(waves) {
            let sample = f32::from(*sample) * (1.0 / 32_768.0);
            energy += sample * sample;
            for k in 0..12 {
                re[k] += sample * cos[k];
                im[k] -= sample * sin[k];
            }
        }
        self.sum = Correlation { re, im, energy };
        let taken = samples.len().min(waves.len());
        self.filled += taken;
        if self.filled < self.waves.step_len() {
            return (taken, None);
        }
        self.filled = 0;
        (taken, Some(std::mem::replace(&mut self.sum, Correlation::NOTHING)))
    }

    /// Forgets the step begun.
    pub fn clear(&mut self) {
        self.sum = Correlation::NOTHING;
        self.filled = 0;
    }
}
