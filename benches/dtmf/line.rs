//! A line with keys pressed on it, as bad phones and bad carriers make them: in double precision, and the
//! same on every machine. The bench and the detector's own tests hear the same lines.

use std::f64::consts::TAU;

/// The low and the high frequencies of Q.23 in Hz.
pub const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
pub const HIGH: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];

/// The keys, row by row.
pub const KEYS: [char; 16] = ['1', '2', '3', 'A', '4', '5', '6', 'B', '7', '8', '9', 'C', '*', '0', '#', 'D'];

/// Xorshift: the same numbers on every machine.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds must not begin alike.
        Self(seed.wrapping_mul(2).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From 0 to 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.unit()
    }

    pub fn sign(&mut self) -> f64 {
        if self.next() & 1 == 0 { 1.0 } else { -1.0 }
    }

    /// Mean 0, variance 1.
    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().max(1e-300).ln()).sqrt() * (TAU * self.unit()).cos()
    }
}

/// A key press as a phone makes it.
#[derive(Clone, Copy)]
pub struct Press {
    /// Its place in [`KEYS`].
    pub key: usize,
    /// The low tone and the high tone, in Hz.
    pub frequencies: [f64; 2],
    /// In dBm0.
    pub levels: [f64; 2],
    pub ms: f64,
}

impl Press {
    /// 50 ms, -10 dBm0 a tone.
    pub fn new(key: usize) -> Self {
        Self { key, frequencies: [LOW[key / 4], HIGH[key % 4]], levels: [-10.0; 2], ms: 50.0 }
    }

    pub fn letter(&self) -> char {
        KEYS[self.key]
    }
}

/// A line of some rate, with what was heard on it so far.
pub struct Line {
    pub rate: f64,
    pub sound: Vec<f64>,
    pub random: Random,
}

impl Line {
    pub fn new(rate: f64, seed: u64) -> Self {
        Self { rate, sound: Vec::new(), random: Random::new(seed) }
    }

    /// Silence, and up to a packet more, so that presses do not keep in time with the detector.
    pub fn pause(&mut self, ms: f64) -> &mut Self {
        let jitter = self.random.unit() * 20.0;
        self.gap(ms + jitter)
    }

    /// Silence of this very length.
    pub fn gap(&mut self, ms: f64) -> &mut Self {
        let len = self.sound.len() + self.samples_in(ms);
        self.sound.resize(len, 0.0);
        self
    }

    /// A key with its tones in random phases.
    pub fn press(&mut self, press: Press) -> &mut Self {
        let phases = [self.random.unit() * TAU, self.random.unit() * TAU];
        let tone = |k: usize, n: usize| {
            let angle = TAU * press.frequencies[k] * n as f64 / self.rate + phases[k];
            sine_peak(press.levels[k]) * angle.sin()
        };
        let sound: Vec<f64> = (0..self.samples_in(press.ms)).map(|n| tone(0, n) + tone(1, n)).collect();
        self.sound.extend(sound);
        self
    }

    /// White noise of a level in dBm0 under all there is so far.
    pub fn noise(&mut self, level: f64) {
        let deviation = sine_peak(level) / 2.0_f64.sqrt();
        for sample in &mut self.sound {
            *sample += deviation * self.random.normal();
        }
    }

    /// Steady tones of a level in dBm0 each under all there is so far.
    pub fn tones(&mut self, frequencies: &[f64], level: f64) {
        for (n, sample) in self.sound.iter_mut().enumerate() {
            let angle = TAU * n as f64 / self.rate;
            *sample += frequencies.iter().map(|hz| sine_peak(level) * (hz * angle).sin()).sum::<f64>();
        }
    }

    /// What a 16-bit line has of it.
    pub fn samples(&self) -> Vec<i16> {
        // A cast from float saturates.
        self.sound.iter().map(|sample| sample.round() as i16).collect()
    }

    pub fn samples_in(&self, ms: f64) -> usize {
        (ms * self.rate / 1000.0).round() as usize
    }
}

/// The peak of a sine of a level in dBm0, in units of `i16`: full scale has +3.14 dBm0 (G.711 clause 5).
pub fn sine_peak(dbm0: f64) -> f64 {
    32_768.0 * 10.0_f64.powf((dbm0 - 3.14) / 20.0)
}
