//! The detector against a generator of its own, row by row of the requirements (Q.24, ES 201 235-3).

use std::f64::consts::{PI, TAU};

use super::*;
use crate::audio::g711::{alaw_to_linear, linear_to_alaw, linear_to_ulaw, ulaw_to_linear};
use crate::audio::level::sine_peak;

const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];

/// Tries of each row; a row of 100 % allows no miss at all.
const TRIES: usize = 320;

/// Xorshift: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From 0 to 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn sign(&mut self) -> f64 {
        if self.next() & 1 == 0 { 1.0 } else { -1.0 }
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().max(1e-300).ln()).sqrt() * (TAU * self.unit()).cos()
    }
}

/// A key press as a bad phone makes it.
#[derive(Clone, Copy)]
struct Press {
    key: usize,
    frequencies: [f64; 2],
    levels: [f64; 2],
    ms: f64,
}

impl Press {
    fn new(key: usize) -> Self {
        Self { key, frequencies: [LOW[key / 4], HIGH[key % 4]], levels: [-10.0; 2], ms: 50.0 }
    }

    fn letter(&self) -> char {
        KEYS[self.key / 4][self.key % 4]
    }
}

/// A line of some rate, with what was heard on it so far.
struct Line {
    rate: f64,
    sound: Vec<f64>,
    random: Random,
}

impl Line {
    fn new(seed: u64) -> Self {
        Self { rate: 8000.0, sound: Vec::new(), random: Random(seed * 2 + 1) }
    }

    /// Silence, and up to a step more, so that presses do not keep in time with the detector.
    fn pause(&mut self, ms: f64) -> &mut Self {
        let jitter = self.random.unit() * 6.375;
        self.gap(ms + jitter)
    }

    fn gap(&mut self, ms: f64) -> &mut Self {
        let len = self.sound.len() + (ms * self.rate / 1000.0) as usize;
        self.sound.resize(len, 0.0);
        self
    }

    fn press(&mut self, press: Press) -> &mut Self {
        let phases = [self.random.unit() * TAU, self.random.unit() * TAU];
        for n in 0..(press.ms * self.rate / 1000.0) as usize {
            let tone = |k: usize| {
                let angle = TAU * press.frequencies[k] * n as f64 / self.rate + phases[k];
                sine_peak(press.levels[k]) * angle.sin()
            };
            self.sound.push(tone(0) + tone(1));
        }
        self
    }

    /// White noise of a level in dBm0 over all.
    fn noise(&mut self, level: f64) {
        let deviation = sine_peak(level) / 2.0_f64.sqrt();
        for sample in &mut self.sound {
            *sample += deviation * self.random.normal();
        }
    }

    fn samples(&self) -> Vec<i16> {
        self.sound.iter().map(|sample| sample.round() as i16).collect()
    }

    fn keys(&self) -> String {
        keys(self.rate as u32, &self.samples())
    }
}

fn keys(rate: u32, samples: &[i16]) -> String {
    let mut detector = Detector::new(rate);
    samples.chunks(160).flat_map(|frame| detector.process(frame)).map(|digit| digit.key).collect()
}

/// In how many of [`TRIES`] a press was heard: once and as the right key. Hearing another key, or
/// one twice, fails at once.
fn heard(make: impl Fn(&mut Random, Press) -> Press, spoil: impl Fn(&mut Line)) -> usize {
    let hear = |n: usize| {
        let mut line = Line::new(n as u64 + 1);
        let press = make(&mut line.random, Press::new(n % 16));
        line.pause(20.0).press(press).pause(60.0);
        spoil(&mut line);
        let keys = line.keys();
        assert!(
            keys.is_empty() || keys == press.letter().to_string(),
            "{} was heard as {keys}",
            press.letter()
        );
        usize::from(!keys.is_empty())
    };
    (0..TRIES).map(hear).sum()
}

fn clean(_: &mut Line) {}

#[test]
fn every_key_of_40_ms_is_heard_once() {
    assert_eq!(heard(|_, press| Press { ms: 40.0, ..press }, clean), TRIES);
}

#[test]
fn a_tone_of_20_ms_is_never_a_key_and_one_of_23_ms_hardly_ever() {
    assert_eq!(heard(|_, press| Press { ms: 20.0, ..press }, clean), 0);
    assert!(heard(|_, press| Press { ms: 23.0, ..press }, clean) <= TRIES / 20);
}

#[test]
fn a_key_held_for_seconds_is_one_key() {
    let mut line = Line::new(1);
    line.pause(20.0).press(Press { ms: 3000.0, ..Press::new(5) }).pause(60.0);
    assert_eq!(line.keys(), "5");
}

#[test]
fn both_tones_may_be_off_by_one_and_a_half_percent_and_2_hz() {
    let off = |random: &mut Random, press: Press| {
        let frequencies =
            press.frequencies.map(|frequency| frequency + random.sign() * (frequency * 0.015 + 2.0));
        Press { frequencies, ..press }
    };
    assert!(heard(off, clean) >= TRIES * 99 / 100);
    assert!(heard(|random, press| Press { ms: 40.0, ..off(random, press) }, clean) >= TRIES * 99 / 100);
}

#[test]
fn one_tone_may_be_off_by_1_8_percent_and_never_by_3_5() {
    for (percent, wanted) in [(1.8, TRIES), (3.5, 0)] {
        for which in 0..2 {
            let off = |random: &mut Random, mut press: Press| {
                press.frequencies[which] *= 1.0 + random.sign() * percent / 100.0;
                Press { ms: 100.0, ..press }
            };
            assert_eq!(heard(off, clean), wanted, "{percent} %, tone {which}");
        }
    }
}

#[test]
fn the_low_tone_may_be_8_db_louder_and_the_high_tone_4_db() {
    for (levels, wanted) in
        [([-12.0, -20.0], TRIES), ([-16.0, -12.0], TRIES), ([-12.0, -25.0], 0), ([-20.5, -12.0], 0)]
    {
        assert_eq!(heard(|_, press| Press { levels, ms: 40.0, ..press }, clean), wanted, "{levels:?}");
    }
}

#[test]
fn keys_are_heard_from_0_to_minus_36_dbm0_and_not_below_minus_45() {
    for (level, wanted) in [(0.0, TRIES), (-25.0, TRIES), (-36.0, TRIES), (-45.5, 0)] {
        assert_eq!(heard(|_, press| Press { levels: [level; 2], ..press }, clean), wanted, "{level} dBm0");
    }
}

#[test]
fn noise_12_db_below_the_key_hides_none_and_9_db_hardly_any() {
    // Two tones of -13 dBm0 have -10 dBm0 together.
    let make = |_: &mut Random, press: Press| Press { levels: [-13.0; 2], ms: 40.0, ..press };
    assert_eq!(heard(make, |line| line.noise(-22.0)), TRIES);
    assert!(heard(make, |line| line.noise(-19.0)) >= TRIES * 97 / 100);
}

#[test]
fn both_laws_of_g711_carry_keys_at_any_level() {
    let laws: [fn(i16) -> i16; 2] =
        [|sample| alaw_to_linear(linear_to_alaw(sample)), |sample| ulaw_to_linear(linear_to_ulaw(sample))];
    for law in laws {
        for level in [-3.0, -20.0, -35.0] {
            let spoil = |line: &mut Line| {
                line.sound = line.samples().into_iter().map(|sample| f64::from(law(sample))).collect();
            };
            assert_eq!(heard(|_, press| Press { levels: [level; 2], ..press }, spoil), TRIES, "{level} dBm0");
        }
    }
}

#[test]
fn a_dial_tone_under_the_key_does_not_hide_it() {
    let spoil = |line: &mut Line| {
        for (n, sample) in line.sound.iter_mut().enumerate() {
            let angle = TAU * n as f64 / 8000.0;
            *sample += sine_peak(-19.0) * ((350.0 * angle).sin() + (440.0 * angle).sin());
        }
    };
    assert_eq!(heard(|_, press| press, spoil), TRIES);
}

#[test]
fn a_pause_of_40_ms_makes_two_keys_and_one_of_20_ms_does_not() {
    for (ms, wanted) in [(5.0, 1), (10.0, 1), (20.0, 1), (40.0, 2), (60.0, 2)] {
        for n in 0..TRIES {
            let mut line = Line::new(n as u64 + 1);
            let press = Press { ms: 60.0, ..Press::new(n % 16) };
            line.pause(20.0).press(press).gap(ms).press(press).pause(60.0);
            assert_eq!(line.keys(), press.letter().to_string().repeat(wanted), "a pause of {ms} ms");
        }
    }
}

#[test]
fn keys_in_quick_succession_are_all_heard_in_their_order() {
    // 93 ms is Q.24's shortest cycle.
    let mut line = Line::new(3);
    for key in 0..16 {
        line.press(Press { ms: 45.0, ..Press::new(key) }).gap(48.0);
    }
    assert_eq!(line.keys(), "123A456B789C*0#D");
}

/// Hears 100 ms presses in packets of 20 ms of which some are lost: how many presses were missed.
/// A press heard twice fails at once.
fn missed_at_loss(percent: f64) -> usize {
    let hear = |n: usize| {
        let mut line = Line::new(n as u64 + 1);
        line.pause(60.0).press(Press { ms: 100.0, ..Press::new(n % 16) }).pause(80.0);
        let mut detector = Detector::new(8000);
        let mut heard = 0;
        for packet in line.samples().chunks(160) {
            if line.random.unit() * 100.0 < percent {
                detector.lost(packet.len() as u64);
            } else {
                heard += detector.process(packet).len();
            }
        }
        assert!(heard <= 1, "one press of {n} became {heard} at {percent} % loss");
        1 - heard
    };
    (0..4 * TRIES).map(hear).sum()
}

#[test]
fn lost_packets_never_make_two_keys_of_one_and_hardly_ever_none() {
    assert_eq!(missed_at_loss(1.0), 0);
    assert!(missed_at_loss(5.0) <= 4 * TRIES / 300);
}

#[test]
fn a_long_loss_ends_the_key_so_that_the_next_press_counts() {
    for (ms, wanted) in [(100, "5"), (400, "55")] {
        let mut line = Line::new(1);
        line.press(Press { ms: 100.0, ..Press::new(5) });
        let mut detector = Detector::new(8000);
        let mut found = detector.process(&line.samples());
        detector.lost(ms * 8);
        found.extend(detector.process(&line.samples()));
        assert_eq!(found.into_iter().map(|digit| digit.key).collect::<String>(), wanted, "{ms} ms lost");
    }
}

#[test]
fn the_begin_of_a_key_is_told_within_7_ms_lost_packets_included() {
    for n in 0..64 {
        let mut line = Line::new(n as u64 + 1);
        line.pause(100.0);
        let begin = 1600 + line.sound.len() as u64;
        line.press(Press::new(n % 16)).pause(50.0);
        let mut detector = Detector::new(8000);
        detector.lost(1600);
        let found = detector.process(&line.samples());
        assert!(found[0].at.abs_diff(begin) <= 56, "{} instead of {begin}", found[0].at);
    }
}

#[test]
fn any_rate_will_do() {
    for rate in [8000.0, 11_025.0, 16_000.0, 48_000.0] {
        for key in 0..16 {
            let mut line = Line { rate, ..Line::new(key as u64 + 1) };
            let press = Press { ms: 40.0, ..Press::new(key) };
            line.pause(20.0).press(press).pause(60.0);
            assert_eq!(line.keys(), press.letter().to_string(), "at {rate}");
        }
    }
}

#[test]
fn noise_is_no_key() {
    let mut line = Line::new(7);
    line.gap(60_000.0).noise(-20.0);
    assert_eq!(line.keys(), "");
}

/// First three formants of vowels in Hz: a, e, i, o, u, schwa, and two that lie on keys.
const VOWELS: [[f64; 3]; 8] = [
    [730.0, 1090.0, 2440.0],
    [530.0, 1840.0, 2480.0],
    [270.0, 2290.0, 3010.0],
    [570.0, 840.0, 2410.0],
    [300.0, 870.0, 2240.0],
    [500.0, 1500.0, 2500.0],
    [697.0, 1336.0, 2500.0],
    [852.0, 1209.0, 2600.0],
];

#[test]
fn a_sung_vowel_is_hardly_ever_a_key() {
    let mut line = Line::new(8);
    for syllable in 0..400 {
        let pitch = 80.0 + 170.0 * line.random.unit();
        let glide = 0.2 * line.random.unit();
        let formants = VOWELS[syllable % 8].map(|formant| formant * (0.9 + 0.2 * line.random.unit()));
        // The source falls by 6 dB an octave, each formant lifts what is near it.
        let weight = |harmonic: f64| {
            let lift = |formant: &f64| 1.0 / (1.0 + ((harmonic * pitch - formant) / 50.0).powi(2));
            (0.02 + formants.iter().map(lift).sum::<f64>()) / harmonic
        };
        let weights: Vec<_> = (1..24).map(|k| (f64::from(k), weight(f64::from(k)))).collect();
        for n in 0..1600 {
            let at = f64::from(n) / 8000.0;
            let angle = TAU * pitch * at * (1.0 + glide * at);
            let sound: f64 = weights.iter().map(|(k, weight)| weight * (k * angle).sin()).sum();
            line.sound.push(20_000.0 * (PI * f64::from(n) / 1600.0).sin() * sound);
        }
    }
    // Nothing but harmonics held still for 200 ms, some of them right on a key's frequencies: speech
    // is nothing like it, but how much of it passes must not grow unnoticed.
    assert!(line.keys().len() <= 20, "{}", line.keys());
}

#[test]
fn a_single_tone_is_no_key() {
    for frequency in LOW.into_iter().chain(HIGH).chain([425.0, 1000.0, 1400.0, 2100.0]) {
        let mut line = Line::new(9);
        line.press(Press { frequencies: [frequency; 2], ms: 500.0, ..Press::new(0) });
        assert_eq!(line.keys(), "", "{frequency} Hz");
    }
}

proptest::proptest! {
    /// Whatever comes in whatever pieces, nothing breaks, and where the pieces begin does not matter.
    #[test]
    fn the_cut_into_packets_does_not_matter(
        samples in proptest::collection::vec(proptest::num::i16::ANY, 0..3000),
        key in 0_usize..16,
        cut in 1_usize..700,
    ) {
        let mut line = Line::new(1);
        line.press(Press::new(key));
        let sound = [samples.clone(), line.samples(), samples].concat();
        let mut detector = Detector::new(8000);
        let whole = Detector::new(8000).process(&sound);
        let pieces: Vec<_> = sound.chunks(cut).flat_map(|piece| detector.process(piece)).collect();
        proptest::prop_assert_eq!(whole, pieces);
    }
}
