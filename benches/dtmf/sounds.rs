//! Sounds made to look like keys without being keys: voices whose formants lie on key frequencies, sweeps,
//! music, chords, modems, whistling noise. None holds the two tones of a key, alone, for 40 ms.

use std::f64::consts::TAU;

use super::line::{HIGH, LOW, Random};

/// Everything is made at this rate and resampled to others.
pub const RATE: u32 = 16_000;

/// What is called again and again until there is enough: each call appends some hundred ms.
pub type Set = (&'static str, fn(&mut Random, &mut Vec<f64>));

pub const SETS: [Set; 6] = [
    ("vowels with formants on keys", vowel),
    ("sweeps", sweep),
    ("music", chord_of_notes),
    ("chords of pure tones", pure_chord),
    ("modems and other signalling", modem),
    ("whistling noise", whistle),
];

/// Samples between two looks at what a partial does.
const STRIDE: usize = 16;

/// Adds a partial to a sound from sample `begin` on; `at` gives its frequency in Hz and its amplitude at a
/// time in seconds.
fn partial(out: &mut [f64], begin: usize, phase: f64, mut at: impl FnMut(f64) -> (f64, f64)) {
    let (mut sin, mut cos) = phase.sin_cos();
    for (n, stride) in out.get_mut(begin..).unwrap_or_default().chunks_mut(STRIDE).enumerate() {
        let (frequency, amplitude) = at((n * STRIDE) as f64 / f64::from(RATE));
        if frequency >= 7500.0 {
            continue;
        }
        let (turn_sin, turn_cos) = (TAU * frequency / f64::from(RATE)).sin_cos();
        for sample in stride {
            *sample += amplitude * sin;
            (sin, cos) = (sin * turn_cos + cos * turn_sin, cos * turn_cos - sin * turn_sin);
        }
    }
}

fn lengthen(out: &mut Vec<f64>, seconds: f64) -> usize {
    let begin = out.len();
    out.resize(begin + (seconds * f64::from(RATE)) as usize, 0.0);
    begin
}

/// Scales what was added to a peak of `share` of full scale.
fn scale(out: &mut [f64], share: f64) {
    let peak = out.iter().fold(1e-9_f64, |peak, sample| peak.max(sample.abs()));
    out.iter_mut().for_each(|sample| *sample *= 32_767.0 * share / peak);
}

/// Up within 20 ms, down within 50 ms.
fn syllable(t: f64, seconds: f64) -> f64 {
    (t / 0.02).min((seconds - t) / 0.05).clamp(0.0, 1.0)
}

/// A sung or spoken vowel: harmonics of a living pitch, lifted by three formants, the first two within 4 % of
/// the frequencies of a key.
fn vowel(random: &mut Random, out: &mut Vec<f64>) {
    let seconds = random.between(0.15, 0.6);
    let pitch = random.between(80.0, 350.0);
    let glide = random.between(-0.4, 0.4);
    let (vibrato, depth) = (random.between(4.0, 7.0), random.between(0.005, 0.03));
    let near = |random: &mut Random, grid: &[f64; 4]| {
        grid[(random.next() % 4) as usize] * random.between(0.96, 1.04)
    };
    let formants = [near(random, &LOW), near(random, &HIGH), random.between(2200.0, 3000.0)];
    let widths: [f64; 3] = std::array::from_fn(|_| random.between(60.0, 130.0));
    let pitch_at = |t: f64| pitch * (1.0 + glide * t + depth * (TAU * vibrato * t).sin());
    let begin = lengthen(out, seconds);
    for harmonic in 1..=(3800.0 / pitch) as usize {
        let number = harmonic as f64;
        let phase = random.unit() * TAU;
        partial(out, begin, phase, |t| {
            let frequency = number * pitch_at(t);
            let lift = |(formant, width): (&f64, &f64)| {
                1.0 / (1.0 + (2.0 * (frequency - formant) / width).powi(2)).sqrt()
            };
            let lifted: f64 = formants
                .iter()
                .zip(&widths)
                .map(lift)
                .zip([1.0, 0.7, 0.3])
                .map(|(lift, part)| lift * part)
                .sum();
            // The source falls by 6 dB an octave.
            (frequency, (0.02 + lifted) / number.sqrt() * syllable(t, seconds))
        });
    }
    let share = random.between(0.1, 0.9);
    scale(&mut out[begin..], share);
}

/// Two sweeps through the keys' frequencies, too fast to stay within 3.5 % of one for 40 ms.
fn sweep(random: &mut Random, out: &mut Vec<f64>) {
    let seconds = random.between(0.1, 0.5);
    let begin = lengthen(out, seconds);
    for grid in [&LOW, &HIGH] {
        let octaves = random.between(2.7, 30.0) * random.sign();
        let passed = grid[(random.next() % 4) as usize];
        let middle = random.between(0.2, 0.8) * seconds;
        let (phase, level) = (random.unit() * TAU, random.between(0.6, 1.0));
        partial(out, begin, phase, |t| {
            (passed * 2.0_f64.powf((octaves * (t - middle)).clamp(-2.0, 2.0)), level * syllable(t, seconds))
        });
    }
    let share = random.between(0.1, 0.9);
    scale(&mut out[begin..], share);
}

/// One to four notes of the scale, each with harmonics, struck or blown; sometimes a drum.
fn chord_of_notes(random: &mut Random, out: &mut Vec<f64>) {
    let seconds = random.between(0.15, 0.8);
    let begin = lengthen(out, seconds);
    let (decay, fall) = (random.between(0.0, 8.0), random.between(0.7, 1.25));
    let tuning = random.between(0.99, 1.01);
    for _ in 0..1 + random.next() % 4 {
        // A2 to A6.
        let pitch = 110.0 * tuning * 2.0_f64.powf((random.next() % 49) as f64 / 12.0);
        let depth = random.between(0.0, 0.01);
        let level = random.between(0.5, 1.0);
        for harmonic in 1..=10 {
            let number = f64::from(harmonic);
            let phase = random.unit() * TAU;
            partial(out, begin, phase, |t| {
                let frequency = number * pitch * (1.0 + depth * (TAU * 5.5 * t).sin());
                (frequency, level * number.powf(-fall) * (-decay * t).exp() * syllable(t, seconds))
            });
        }
    }
    if random.unit() < 0.3 {
        for (n, sample) in out[begin..].iter_mut().enumerate() {
            *sample += random.normal() * (-(n as f64) / 500.0).exp();
        }
    }
    let share = random.between(0.1, 0.9);
    scale(&mut out[begin..], share);
}

/// Two pure tones of which one is off by 3.5 to 9 %, or a key's tones with one or two more beside them.
fn pure_chord(random: &mut Random, out: &mut Vec<f64>) {
    let seconds = random.between(0.05, 0.4);
    let begin = lengthen(out, seconds);
    let mut tones = vec![LOW[(random.next() % 4) as usize], HIGH[(random.next() % 4) as usize]];
    if random.unit() < 0.5 {
        let which = (random.next() % 2) as usize;
        tones[which] = off_the_grid(random, which);
    } else {
        for _ in 0..1 + random.next() % 2 {
            tones.push(aside(random, &tones));
        }
    }
    for (n, frequency) in tones.iter().enumerate() {
        // A third tone is at most 2 dB below the two.
        let (phase, level) =
            (random.unit() * TAU, if n < 2 { random.between(0.7, 0.9) } else { random.between(0.7, 1.2) });
        partial(out, begin, phase, |t| (*frequency, level * syllable(t, seconds)));
    }
    let share = random.between(0.1, 0.9);
    scale(&mut out[begin..], share);
}

/// A frequency that does not just beat with one of the tones.
fn aside(random: &mut Random, tones: &[f64]) -> f64 {
    loop {
        let frequency = random.between(300.0, 3000.0);
        if tones.iter().all(|tone| (frequency - tone).abs() >= 60.0) {
            return frequency;
        }
    }
}

/// A frequency in the neighbourhood of a group that is 3.5 % or more off each of its frequencies.
fn off_the_grid(random: &mut Random, group: usize) -> f64 {
    loop {
        let grid = if group == 0 { LOW } else { HIGH };
        let frequency = random.between(grid[0] * 0.91, grid[3] * 1.09);
        if grid.iter().all(|known| (frequency / known - 1.0).abs() >= 0.035) {
            return frequency;
        }
    }
}

/// Data by two frequencies (V.21, V.23, Bell 103 and 202), or pairs of registers' frequencies (R1, R2).
fn modem(random: &mut Random, out: &mut Vec<f64>) {
    const SHIFTS: [(f64, f64, f64); 7] = [
        (980.0, 1180.0, 300.0),
        (1650.0, 1850.0, 300.0),
        (1070.0, 1270.0, 300.0),
        (2025.0, 2225.0, 300.0),
        (1300.0, 2100.0, 1200.0),
        (390.0, 450.0, 75.0),
        (1200.0, 2200.0, 1200.0),
    ];
    // 700 Hz is left out: with 1500 or 1300 Hz it is a key, or nearly one.
    const R1: [f64; 5] = [900.0, 1100.0, 1300.0, 1500.0, 1700.0];
    const R2: [[f64; 6]; 2] =
        [[1380.0, 1500.0, 1620.0, 1740.0, 1860.0, 1980.0], [540.0, 660.0, 780.0, 900.0, 1020.0, 1140.0]];
    let begin = lengthen(out, 0.3);
    let pick = |random: &mut Random, of: &[f64]| of[(random.next() % of.len() as u64) as usize];
    match random.next() % 3 {
        0 => {
            // Both directions at once, as on a line of two wires.
            for _ in 0..2 {
                let (space, mark, baud) = SHIFTS[(random.next() % 7) as usize];
                let bits = random.next();
                let level = random.between(0.5, 1.0);
                partial(out, begin, 0.0, |t| {
                    let bit = bits >> ((t * baud) as u64 % 64) & 1;
                    (if bit == 1 { mark } else { space }, level)
                });
            }
        }
        kind => {
            let of: &[f64] = if kind == 1 { &R1 } else { &R2[(random.next() % 2) as usize] };
            for frequency in [pick(random, of), pick(random, of)] {
                partial(out, begin, random.unit() * TAU, |t| {
                    (frequency, if t % 0.12 < 0.065 { 1.0 } else { 0.0 })
                });
            }
        }
    }
    let share = random.between(0.1, 0.9);
    scale(&mut out[begin..], share);
}

/// Two narrow bands of noise, 80 to 300 Hz wide, in the places of a key's tones.
fn whistle(random: &mut Random, out: &mut Vec<f64>) {
    let seconds = random.between(0.2, 0.8);
    let begin = lengthen(out, seconds);
    for grid in [&LOW, &HIGH] {
        let middle = grid[(random.next() % 4) as usize] * random.between(0.96, 1.04);
        let width = random.between(80.0, 300.0);
        // Noise through two poles at half the width, on a carrier: in phase and in quadrature.
        let keep = (-TAU * width / 2.0 / f64::from(RATE)).exp();
        let mut band = [[0.0_f64; 2]; 2];
        for (n, sample) in out[begin..].iter_mut().enumerate() {
            for state in &mut band {
                state[0] = keep * state[0] + (1.0 - keep) * random.normal();
                state[1] = keep * state[1] + (1.0 - keep) * state[0];
            }
            let (sin, cos) = (TAU * middle * n as f64 / f64::from(RATE)).sin_cos();
            *sample += (band[0][1] * cos - band[1][1] * sin) * syllable(n as f64 / f64::from(RATE), seconds);
        }
    }
    let share = random.between(0.1, 0.9);
    scale(&mut out[begin..], share);
}
