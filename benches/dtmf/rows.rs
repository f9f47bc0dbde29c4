//! The rows of the table: each makes its own lines, has them heard and says whether the target is met.

use nightbell::audio::g711::{alaw_to_linear, linear_to_alaw, linear_to_ulaw, ulaw_to_linear};

use crate::ears::{Ear, Tape};
use crate::exam::{Exam, Score};
use crate::line::{HIGH, LOW, Line, Press, Random};
use crate::{onset, talkoff};

/// A row's figures, and whether they are what is asked for.
pub struct Outcome {
    pub text: String,
    pub met: bool,
}

pub struct Row {
    pub name: &'static str,
    pub target: &'static str,
    /// Takes the ear and how thorough to be: 1.0 is the whole table.
    pub measure: fn(&Ear, f64) -> Outcome,
}

pub const ROWS: [Row; 26] = [
    Row { name: "16 keys, 40 ms", target: "100 %", measure: keys_of_40_ms },
    Row { name: "one tone off: always up to, worst tone", target: ">= 1.8 %", measure: one_off_accepted },
    Row { name: "one tone off: never from, worst tone", target: "<= 3.5 %", measure: one_off_refused },
    Row { name: "both tones off +1.5 / -1.5 %", target: "100 / 100 %", measure: both_off },
    Row { name: "both tones off 1.5 % + 2 Hz, all signs", target: ">= 99 %", measure: both_off_etsi },
    Row { name: "both tones off +3.5 / -3.5 %", target: "0 / 0 %", measure: both_refused },
    Row { name: "low tone louder: always / any up to", target: ">= 8 / <= 12 dB", measure: low_louder },
    Row { name: "high tone louder: always / any up to", target: ">= 4 / <= 8 dB", measure: high_louder },
    Row { name: "level a tone: always down to / any down to", target: "-36 / -45 dBm0", measure: levels },
    Row { name: "length: never up to / always from", target: ">= 20 / <= 40 ms", measure: lengths },
    Row { name: "found of 23 / 25 / 30 ms", target: "<= 5 % of 23", measure: short_tones },
    Row { name: "gap in a key: bridged up to / two keys from", target: ">= 10 / <= 40 ms", measure: gaps },
    Row {
        name: "white noise, 50 ms: SNR 15 / 12 / 9 / 6 dB",
        target: "100 / 100 / 98 / - %",
        measure: noise_50,
    },
    Row { name: "white noise, 40 ms: SNR 12 / 9 / 6 dB", target: "100 / 97 / - %", measure: noise_40 },
    Row { name: "keys in 40 min of noise, -20 dBm0", target: "0", measure: noise_alone },
    Row { name: "A-law / mu-law, -3 to -35 dBm0", target: "100 / 100 %", measure: laws },
    Row { name: "A-law / mu-law with an SNR of 15 dB", target: "100 / 100 %", measure: laws_in_noise },
    Row { name: "dial tone 350 + 440 Hz, -22 / -19 / -16 / -10", target: "100 % each", measure: dial_tone },
    Row { name: "93 ms a key (45 + 48), in quick succession", target: "100 %", measure: quick_succession },
    Row { name: "keys of 3 s: once", target: "100 %", measure: held },
    Row { name: "lost packets 1 / 3 / 5 %: doubled of 2,000", target: "0 / 0 / 0", measure: doubled_by_loss },
    Row {
        name: "lost packets 1 / 3 / 5 %: missed of 2,000",
        target: "0 / 0 / <= 4",
        measure: missed_by_loss,
    },
    Row { name: "tones of telephony, of ours, 1 min each", target: "0", measure: telephony },
    Row {
        name: "early mute, ms heard before it: median / p99 / most",
        target: "p99 < 20",
        measure: onset::clean,
    },
    Row { name: "the same with an SNR of 20 dB", target: "p99 < 20", measure: onset::noisy },
    Row { name: "early mute: packets of speech muted", target: "< 0.1 %", measure: talkoff::muted_speech },
];

fn many(full: usize, effort: f64) -> usize {
    ((full as f64 * effort) as usize).max(1)
}

/// Presses of all keys, `tries` of each, as `make` has them.
fn presses(ear: &Ear, seed: u64, tries: usize, make: impl Fn(&mut Random, Press) -> Press) -> Exam {
    let mut exam = Exam::new(ear.rate, seed);
    for n in 0..16 * tries {
        let press = make(&mut exam.line.random, Press::new(n % 16));
        exam.press(0, press);
    }
    exam
}

fn percents(scores: &[Score]) -> String {
    let percent = |score: &Score| {
        let faults = if score.faulty() { " (doubled or wrong!)" } else { "" };
        format!("{:.4}", score.percent()).trim_end_matches('0').trim_end_matches('.').to_owned() + faults
    };
    scores.iter().map(percent).collect::<Vec<_>>().join(" / ")
}

fn at_least(scores: &[Score], least: &[f64]) -> Outcome {
    let met = scores.iter().zip(least).all(|(score, least)| score.percent() >= *least && !score.faulty());
    Outcome { text: percents(scores), met }
}

fn keys_of_40_ms(ear: &Ear, effort: f64) -> Outcome {
    let scores = presses(ear, 1, many(200, effort), |_, press| Press { ms: 40.0, ..press }).sit(ear);
    at_least(&scores, &[100.0])
}

/// One tone after the other is moved in steps of 0.1 %: case 121 * tone + step, 60 being no move.
fn one_off(ear: &Ear, effort: f64) -> Vec<Score> {
    let mut exam = Exam::new(ear.rate, 2);
    for tone in 0..8 {
        for step in 0..121 {
            let off = 1.0 + (step as f64 - 60.0) / 1000.0;
            for n in 0..many(12, effort) {
                let mut press =
                    if tone < 4 { Press::new(tone * 4 + n % 4) } else { Press::new(tone - 4 + n % 4 * 4) };
                press.frequencies[tone / 4] *= off;
                exam.press(tone * 121 + step, Press { ms: 100.0, ..press });
            }
        }
    }
    exam.sit(ear)
}

/// In percent; the tone it happens to; which way.
fn worst(limits: impl Iterator<Item = (f64, usize)>, most: bool) -> (f64, usize) {
    let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0);
    (if most { limits.max_by(order) } else { limits.min_by(order) }).unwrap_or_default()
}

fn named((limit, tone): (f64, usize)) -> String {
    let frequency = LOW.into_iter().chain(HIGH).nth(tone).unwrap_or_default();
    format!("{limit:.1} % ({frequency:.0} Hz)")
}

/// The steps of one tone in one direction, from no move outwards.
fn ways(scores: &[Score]) -> impl Iterator<Item = (Vec<Score>, usize)> {
    scores.chunks(121).enumerate().flat_map(|(tone, steps)| {
        let (down, up) = (steps[..61].iter().rev().copied().collect(), steps[60..].to_vec());
        [(down, tone), (up, tone)]
    })
}

fn one_off_accepted(ear: &Ear, effort: f64) -> Outcome {
    let scores = one_off(ear, effort);
    let limit = |steps: &[Score]| (steps.iter().take_while(|score| score.all()).count() as f64 - 1.0) / 10.0;
    let limit = worst(ways(&scores).map(|(steps, tone)| (limit(&steps), tone)), false);
    Outcome { text: named(limit), met: limit.0 >= 1.8 }
}

fn one_off_refused(ear: &Ear, effort: f64) -> Outcome {
    let scores = one_off(ear, effort);
    let limit = |steps: &[Score]| {
        steps.iter().rposition(|score| !score.none()).map_or(0, |last| last + 1) as f64 / 10.0
    };
    let limit = worst(ways(&scores).map(|(steps, tone)| (limit(&steps), tone)), true);
    Outcome { text: named(limit), met: limit.0 <= 3.5 }
}

/// Both tones moved the same way, up in case 0 and down in case 1.
fn both_moved(ear: &Ear, seed: u64, tries: usize, part: f64) -> Vec<Score> {
    let mut exam = Exam::new(ear.rate, seed);
    for n in 0..32 * tries {
        let off = 1.0 + if n % 2 == 0 { part } else { -part };
        let press = Press::new(n / 2 % 16);
        exam.press(n % 2, Press { frequencies: press.frequencies.map(|frequency| frequency * off), ..press });
    }
    exam.sit(ear)
}

fn both_off(ear: &Ear, effort: f64) -> Outcome {
    at_least(&both_moved(ear, 3, many(100, effort), 0.015), &[100.0, 100.0])
}

fn both_off_etsi(ear: &Ear, effort: f64) -> Outcome {
    let off = |random: &mut Random, press: Press| {
        let frequencies =
            press.frequencies.map(|frequency| frequency + random.sign() * (frequency * 0.015 + 2.0));
        Press { frequencies, ..press }
    };
    at_least(&presses(ear, 4, many(200, effort), off).sit(ear), &[99.0])
}

fn both_refused(ear: &Ear, effort: f64) -> Outcome {
    let scores = both_moved(ear, 5, many(100, effort), 0.035);
    Outcome { text: percents(&scores), met: scores.iter().all(Score::none) }
}

/// Twist in steps of 0.5 dB up to 20: always up to, any up to.
fn twist(ear: &Ear, effort: f64, louder: usize) -> (f64, f64) {
    let mut exam = Exam::new(ear.rate, 6 + louder as u64);
    for step in 0..=40 {
        for n in 0..16 * many(10, effort) {
            let mut press = Press::new(n % 16);
            // The louder one stays at -8 dBm0.
            press.levels = [-8.0 - 0.5 * step as f64; 2];
            press.levels[louder] = -8.0;
            exam.press(step, press);
        }
    }
    let scores = exam.sit(ear);
    let always = scores.iter().take_while(|score| score.all()).count() as f64 - 1.0;
    let any = scores.iter().rposition(|score| !score.none()).unwrap_or(0);
    (always * 0.5, any as f64 * 0.5)
}

fn low_louder(ear: &Ear, effort: f64) -> Outcome {
    let (always, any) = twist(ear, effort, 0);
    Outcome { text: format!("{always} / {any}"), met: always >= 8.0 && any <= 12.0 }
}

fn high_louder(ear: &Ear, effort: f64) -> Outcome {
    let (always, any) = twist(ear, effort, 1);
    Outcome { text: format!("{always} / {any}"), met: always >= 4.0 && any <= 8.0 }
}

/// From 0 dBm0 a tone down to -60 in steps of 1 dB.
fn levels(ear: &Ear, effort: f64) -> Outcome {
    let mut exam = Exam::new(ear.rate, 8);
    for step in 0..=60 {
        for n in 0..16 * many(10, effort) {
            exam.press(step, Press { levels: [-(step as f64); 2], ..Press::new(n % 16) });
        }
    }
    let scores = exam.sit(ear);
    let always = scores.iter().take_while(|score| score.all()).count() as f64 - 1.0;
    let any = scores.iter().rposition(|score| !score.none()).unwrap_or(0);
    Outcome { text: format!("-{always} / -{any}"), met: always >= 36.0 && any <= 45 }
}

/// From 10 ms to 60 in steps of 1 ms.
fn lengths(ear: &Ear, effort: f64) -> Outcome {
    let mut exam = Exam::new(ear.rate, 9);
    for ms in 10..=60 {
        for n in 0..16 * many(20, effort) {
            exam.press(ms - 10, Press { ms: ms as f64, ..Press::new(n % 16) });
        }
    }
    let scores = exam.sit(ear);
    let never = 9 + scores.iter().take_while(|score| score.none()).count();
    let always = 10 + scores.iter().rposition(|score| !score.all()).map_or(0, |last| last + 1);
    Outcome { text: format!("{never} / {always}"), met: never >= 20 && always <= 40 }
}

fn short_tones(ear: &Ear, effort: f64) -> Outcome {
    let mut exam = Exam::new(ear.rate, 10);
    for (case, ms) in [23.0, 25.0, 30.0].into_iter().enumerate() {
        for n in 0..16 * many(200, effort) {
            exam.press(case, Press { ms, ..Press::new(n % 16) });
        }
    }
    let scores = exam.sit(ear);
    Outcome { text: percents(&scores), met: scores[0].percent() <= 5.0 && !scores[0].faulty() }
}

/// Gaps of 1 to 60 ms between two presses of 60 ms.
fn gaps(ear: &Ear, effort: f64) -> Outcome {
    let mut exam = Exam::new(ear.rate, 11);
    for gap in 1..=60 {
        for n in 0..16 * many(20, effort) {
            exam.press_twice(gap - 1, Press { ms: 60.0, ..Press::new(n % 16) }, gap as f64);
        }
    }
    let scores = exam.sit(ear);
    let bridged = scores.iter().take_while(|score| score.all()).count();
    let two = 1 + scores.iter().rposition(|score| score.doubled < score.tries).map_or(0, |last| last + 1);
    Outcome { text: format!("{bridged} / {two}"), met: bridged >= 10 && two <= 40 }
}

/// Presses whose two tones have -10 dBm0 together, in white noise.
fn in_noise(ear: &Ear, seed: u64, tries: usize, ms: f64, snrs: &[f64]) -> Vec<Score> {
    let score = |snr: &f64| {
        let mut exam = presses(ear, seed, tries, |_, press| Press { ms, levels: [-13.0103; 2], ..press });
        exam.line.noise(-10.0 - snr);
        exam.sit(ear)[0]
    };
    snrs.iter().map(score).collect()
}

fn noise_50(ear: &Ear, effort: f64) -> Outcome {
    let scores = in_noise(ear, 12, many(150, effort), 50.0, &[15.0, 12.0, 9.0, 6.0]);
    at_least(&scores, &[100.0, 100.0, 98.0])
}

fn noise_40(ear: &Ear, effort: f64) -> Outcome {
    let scores = in_noise(ear, 13, many(150, effort), 40.0, &[12.0, 9.0, 6.0]);
    at_least(&scores, &[100.0, 97.0])
}

fn noise_alone(ear: &Ear, effort: f64) -> Outcome {
    let mut line = Line::new(f64::from(ear.rate), 14);
    line.gap(40.0 * 60_000.0 * effort).noise(-20.0);
    hits(ear, &line)
}

/// How many keys are heard where there are none.
fn hits(ear: &Ear, line: &Line) -> Outcome {
    let hits = ear.hear(&Tape { rate: ear.rate, samples: line.samples(), lost: Vec::new() }).len();
    Outcome { text: hits.to_string(), met: hits == 0 }
}

/// Through A-law and back.
pub fn through_alaw(samples: &[i16]) -> Vec<i16> {
    samples.iter().map(|sample| alaw_to_linear(linear_to_alaw(*sample))).collect()
}

/// Through mu-law and back.
pub fn through_ulaw(samples: &[i16]) -> Vec<i16> {
    samples.iter().map(|sample| ulaw_to_linear(linear_to_ulaw(*sample))).collect()
}

/// An exam through A-law, then through mu-law.
fn sit_through_laws(ear: &Ear, exam: &mut Exam) -> Outcome {
    let tape = exam.tape();
    let score = |law: fn(&[i16]) -> Vec<i16>| {
        exam.mark(ear, &Tape { rate: tape.rate, samples: law(&tape.samples), lost: Vec::new() })[0]
    };
    at_least(&[score(through_alaw), score(through_ulaw)], &[100.0, 100.0])
}

fn laws(ear: &Ear, effort: f64) -> Outcome {
    let level = |random: &mut Random, press: Press| {
        let level = -3.0 - (random.next() % 33) as f64;
        Press { levels: [level; 2], ..press }
    };
    sit_through_laws(ear, &mut presses(ear, 15, many(330, effort), level))
}

fn laws_in_noise(ear: &Ear, effort: f64) -> Outcome {
    let mut exam = presses(ear, 16, many(100, effort), |_, press| Press { levels: [-13.0103; 2], ..press });
    exam.line.noise(-25.0);
    sit_through_laws(ear, &mut exam)
}

fn dial_tone(ear: &Ear, effort: f64) -> Outcome {
    let outcome = under_dial_tone(ear, effort);
    let Some(filtering) = ear.with_dial_tone_filter() else { return outcome };
    let filtered = under_dial_tone(&filtering, effort);
    Outcome { text: format!("{}; with its filter {}", outcome.text, filtered.text), ..outcome }
}

fn under_dial_tone(ear: &Ear, effort: f64) -> Outcome {
    let score = |level: f64| {
        let mut exam = presses(ear, 17, many(50, effort), |_, press| press);
        exam.line.tones(&[350.0, 440.0], level);
        exam.sit(ear)[0]
    };
    at_least(&[-22.0, -19.0, -16.0, -10.0].map(score), &[100.0; 4])
}

/// 93 ms is Q.24's shortest cycle.
fn quick_succession(ear: &Ear, effort: f64) -> Outcome {
    let mut line = Line::new(f64::from(ear.rate), 18);
    let mut wanted = String::new();
    line.pause(20.0);
    for _ in 0..16 * many(100, effort) {
        let press = Press { ms: 45.0, ..Press::new((line.random.next() % 16) as usize) };
        line.press(press).gap(48.0);
        wanted.push(press.letter());
    }
    line.gap(40.0);
    let tape = Tape { rate: ear.rate, samples: line.samples(), lost: Vec::new() };
    let heard: String = ear.hear(&tape).iter().map(|report| report.key).collect();
    let right = heard == wanted;
    let text = if right { "100".to_owned() } else { format!("{} of {}", heard.len(), wanted.len()) };
    Outcome { text, met: right }
}

fn held(ear: &Ear, effort: f64) -> Outcome {
    at_least(&presses(ear, 19, many(5, effort), |_, press| Press { ms: 3000.0, ..press }).sit(ear), &[100.0])
}

/// 2,000 presses of 100 ms, and packets lost at random.
fn under_loss(ear: &Ear, effort: f64) -> Vec<Score> {
    let score = |percent: f64| {
        let mut exam = Exam::new(ear.rate, 20);
        for n in 0..many(2000, effort) {
            exam.press(0, Press { ms: 100.0, ..Press::new(n % 16) });
        }
        let mut tape = exam.tape();
        let mut random = Random::new(21);
        let packets = tape.samples.len() / tape.packet_len();
        tape.lost = (0..packets).filter(|_| random.unit() * 100.0 < percent).collect();
        exam.mark(ear, &tape)[0]
    };
    [1.0, 3.0, 5.0].map(score).to_vec()
}

fn counts(scores: &[Score], count: impl Fn(&Score) -> usize) -> String {
    scores.iter().map(|score| count(score).to_string()).collect::<Vec<_>>().join(" / ")
}

/// Said of one who can also be given zeros in place of marks for lost packets.
fn beside_zeros(ear: &Ear, effort: f64, text: String, count: impl Fn(&Score) -> usize) -> String {
    let Some(deaf) = ear.with_lost_as_zeros() else { return text };
    format!("{text}; given zeros {}", counts(&under_loss(&deaf, effort), count))
}

fn doubled_by_loss(ear: &Ear, effort: f64) -> Outcome {
    let scores = under_loss(ear, effort);
    let text = beside_zeros(ear, effort, counts(&scores, |score| score.doubled), |score| score.doubled);
    Outcome { text, met: !scores.iter().any(Score::faulty) }
}

fn missed_by_loss(ear: &Ear, effort: f64) -> Outcome {
    let scores = under_loss(ear, effort);
    let text = beside_zeros(ear, effort, counts(&scores, Score::missed), Score::missed);
    let met = scores.iter().zip([0, 0, 4]).all(|(score, most)| score.missed() <= most);
    Outcome { text, met }
}

/// Steady and broken tones, a minute of each: dial, ringback, busy, special information, fax, ours.
fn telephony(ear: &Ear, effort: f64) -> Outcome {
    const TONES: [&[f64]; 22] = [
        &[350.0, 440.0],
        &[425.0],
        &[400.0],
        &[400.0, 450.0],
        &[440.0, 480.0],
        &[480.0, 620.0],
        &[950.0],
        &[1400.0],
        &[1800.0],
        &[913.8],
        &[1370.6],
        &[1776.7],
        &[1100.0],
        &[2100.0],
        &[1000.0],
        &[440.0],
        &[659.26, 523.25],
        &[1380.0, 2000.0],
        &[2130.0, 2750.0],
        &[853.0, 960.0],
        &[1004.0],
        &[2600.0],
    ];
    let mut line = Line::new(f64::from(ear.rate), 22);
    for (n, tones) in TONES.iter().enumerate() {
        for burst in 0..many(60, effort) {
            let begin = line.sound.len();
            // Bursts of 50 to 450 ms with as much between them, from -3 to -30 dBm0 each.
            let ms = 50.0 + 100.0 * ((burst + n) % 5) as f64;
            line.gap(ms);
            let level = line.random.between(-30.0, -6.0);
            let rate = line.rate;
            for (n, sample) in line.sound.iter_mut().skip(begin).enumerate() {
                let angle = std::f64::consts::TAU * n as f64 / rate;
                let peak = crate::line::sine_peak(level);
                *sample += tones.iter().map(|hz| peak * (hz * angle).sin()).sum::<f64>();
            }
            line.gap(1000.0 - ms);
        }
    }
    hits(ear, &line)
}
