//! Early mute: how much of a key's tone is heard by who is spared it from `tone_since` on.

use nightbell::audio::dtmf::Detector;

use crate::ears::Ear;
use crate::line::{Line, Press, Random};
use crate::rows::{Outcome, through_alaw};

/// What is done to a line after a key was pressed on it, whose tones have this level.
type Spoil = fn(&mut Line, f64);

pub fn clean(ear: &Ear, effort: f64) -> Outcome {
    leaked(ear, effort, |_, _| ())
}

pub fn noisy(ear: &Ear, effort: f64) -> Outcome {
    leaked(ear, effort, |line, level| line.noise(level + 3.0 - 20.0))
}

/// How many ms of a tone pass before it is muted, over presses in every phase and of all levels: median, the
/// 99th percentile, the most. Packets of 20 ms are muted from where the tone began, once it is known.
fn leaked(ear: &Ear, effort: f64, spoil: Spoil) -> Outcome {
    if !ear.is_ours() {
        return Outcome { text: "-".to_owned(), met: true };
    }
    let mut random = Random::new(31);
    let mut leaks: Vec<f64> = (0..((4000.0 * effort) as usize).max(16))
        .map(|n| {
            let level = random.between(-25.0, -3.0);
            let frequencies = Press::new(n % 16).frequencies.map(|hz| hz * random.between(0.985, 1.015));
            leak(
                ear.rate,
                n as u64,
                Press { ms: 80.0, levels: [level; 2], frequencies, ..Press::new(n % 16) },
                spoil,
            )
        })
        .collect();
    leaks.sort_by(f64::total_cmp);
    let (median, high, most) =
        (leaks[leaks.len() / 2], leaks[leaks.len() * 99 / 100], leaks[leaks.len() - 1]);
    Outcome { text: format!("{median:.1} / {high:.1} / {most:.1}"), met: high < 20.0 }
}

fn leak(rate: u32, seed: u64, press: Press, spoil: Spoil) -> f64 {
    let mut line = Line::new(f64::from(rate), seed);
    line.pause(60.0);
    let begin = line.sound.len();
    line.press(press);
    let end = line.sound.len();
    line.gap(60.0);
    spoil(&mut line, press.levels[0]);
    let (mut detector, mut leaked, mut at) = (Detector::new(rate), 0, 0);
    for packet in through_alaw(&line.samples()).chunks(rate as usize / 50) {
        detector.process(packet);
        let heard_to = detector.tone_since().map_or(at + packet.len(), |since| (since as usize).max(at));
        leaked += heard_to.min(end).saturating_sub(at.max(begin));
        at += packet.len();
    }
    1000.0 * leaked as f64 / f64::from(rate)
}
