//! The eight frequencies of Q.23, measured step by step.
//!
//! A step's correlation with each frequency is kept as a complex number, so that steps can be
//! joined to blocks by a turn of the phase instead of being computed twice.

use std::f64::consts::TAU;

/// The frequencies in Hz: four low ones, four high ones (Q.23 clause 1).
pub(super) const FREQUENCIES: [f32; 8] = [697.0, 770.0, 852.0, 941.0, 1209.0, 1336.0, 1477.0, 1633.0];

/// A step's length in seconds: 51 samples at 8 kHz. Two of them separate neighbouring low
/// frequencies, which are 73 Hz apart, by a zero of the spectrum at 78 Hz.
const STEP_SECONDS: f64 = 0.006_375;

/// One value for each frequency.
pub(super) type Lanes = [f32; 8];

/// What a stretch of audio has of each frequency: the correlation, and the energy of all it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Correlation {
    pub re: Lanes,
    pub im: Lanes,
    pub energy: f32,
}

impl Correlation {
    const NOTHING: Self = Self { re: [0.0; 8], im: [0.0; 8], energy: 0.0 };
}

/// Collects samples into steps.
#[derive(Debug, Clone)]
pub(super) struct Bank {
    /// Cosine and sine of each frequency at each sample of a step.
    waves: Vec<(Lanes, Lanes)>,
    /// The turn of each frequency over a step.
    turn: (Lanes, Lanes),
    seconds: f32,
    sum: Correlation,
    filled: usize,
}

impl Bank {
    /// A bank for `rate` samples per second.
    pub fn new(rate: u32) -> Self {
        let len = ((f64::from(rate) * STEP_SECONDS).round() as usize).max(1);
        let wave = |at: usize| {
            let angle = |k: usize| TAU * f64::from(FREQUENCIES[k]) * at as f64 / f64::from(rate.max(1));
            let cos = std::array::from_fn(|k| angle(k).cos() as f32);
            let sin = std::array::from_fn(|k| angle(k).sin() as f32);
            (cos, sin)
        };
        Self {
            waves: (0..len).map(wave).collect(),
            turn: wave(len),
            seconds: (len as f64 / f64::from(rate.max(1))) as f32,
            sum: Correlation::NOTHING,
            filled: 0,
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

    /// Takes samples up to the end of the step: the number taken, and the step if it is complete.
    pub fn take(&mut self, samples: &[i16]) -> (usize, Option<Correlation>) {
        let waves = self.waves.get(self.filled..).unwrap_or_default();
        let Correlation { mut re, mut im, mut energy } = self.sum;
        for (sample, (cos, sin)) in samples.iter().zip(waves) {
            let sample = f32::from(*sample) * (1.0 / 32_768.0);
            energy += sample * sample;
            for k in 0..8 {
                re[k] += sample * cos[k];
                im[k] -= sample * sin[k];
            }
        }
        self.sum = Correlation { re, im, energy };
        let taken = samples.len().min(waves.len());
        self.filled += taken;
        if self.filled < self.waves.len() {
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
        // The phase has turned by the frequency's own turn and by the deviation's.
        let (cos, sin) = (self.turn.0[k], self.turn.1[k]);
        let (re, im) = (before.re[k] * cos - before.im[k] * sin, before.im[k] * cos + before.re[k] * sin);
        let across = now.im[k] * re - now.re[k] * im;
        let along = now.re[k] * re + now.im[k] * im;
        across.atan2(along) / (std::f32::consts::TAU * self.seconds)
    }
}
