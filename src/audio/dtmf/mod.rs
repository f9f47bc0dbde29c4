//! In-band keys: finds DTMF signals (ITU-T Q.23) in audio, by the rules of Q.24.
//!
//! Audio is taken in steps of 6.375 ms. A block is two steps, so blocks overlap by half; a tone of
//! 40 ms always fills five steps, one of 23 ms never does. A block is first looked at for itself
//! ([`block`]). A key counts once four blocks in a row may hold it and the last five steps together, measured
//! with their phase, pass the stricter limits of [`proof`]. A key ends after six blocks without it, so that an
//! interruption of 20 ms does not make two keys of one.

mod bank;
mod block;
mod dial_tone;
mod proof;
#[cfg(test)]
mod tests;

use bank::{Bank, Correlation, FREQUENCIES};
use block::Signal;
use dial_tone::DialTone;
use proof::{STEPS, Step};

/// The keys by their low and their high frequency (Q.23 clause 1).
const KEYS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// The two frequencies of a key in Hz, the low one first (Q.23 clause 1).
pub fn frequencies(key: char) -> Option<[f64; 2]> {
    let row = KEYS.iter().position(|row| row.contains(&key))?;
    let column = KEYS.get(row)?.iter().position(|known| *known == key)?;
    Some([f64::from(*FREQUENCIES.get(row)?), f64::from(*FREQUENCIES.get(column + 4)?)])
}

/// Blocks in a row that make a key: 31.9 ms from the first one's begin to the last one's end.
const BLOCKS_TO_BEGIN: u32 = STEPS as u32 - 1;
/// Blocks in a row after which a key that is not certain yet is none: no reason to mute it any longer.
const BLOCKS_IN_DOUBT: u32 = 6;
/// Blocks in a row without the key that end it.
const BLOCKS_TO_END: u32 = 6;
/// A longer loss, in ms, ends the key.
const LONGEST_BRIDGED_LOSS_MS: u64 = 150;

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digit {
    /// `0`-`9`, `*`, `#`, `A`-`D`.
    pub key: char,
    /// Where its tone began, within some 7 ms: in samples since the detector's first, lost ones
    /// included.
    pub at: u64,
}

/// Listens for keys.
#[derive(Debug, Clone)]
pub struct Detector {
    bank: Bank,
    longest_bridged_loss: u64,
    /// Samples taken or lost so far.
    at: u64,
    lost_in_a_row: u64,
    /// Whether samples were lost since the last step.
    lost_before: bool,
    /// The last ones, the latest at the end. In a box, for most legs of a call have nobody who listens.
    steps: Box<[Step; STEPS]>,
    last_block: Option<Correlation>,
    dial_tone: DialTone,
    run: Option<Run>,
    pressed: Option<Pressed>,
}

/// Blocks in a row that may hold the same key.
#[derive(Debug, Clone, Copy)]
struct Run {
    signal: Signal,
    at: u64,
    blocks: u32,
}

/// A key that was reported and has not ended.
#[derive(Debug, Clone, Copy)]
struct Pressed {
    signal: Signal,
    at: u64,
    blocks_without: u32,
}

impl Detector {
    /// A detector for audio of `rate` samples per second, 8000 or more.
    pub fn new(rate: u32) -> Self {
        Self {
            bank: Bank::new(rate),
            longest_bridged_loss: u64::from(rate) * LONGEST_BRIDGED_LOSS_MS / 1000,
            at: 0,
            lost_in_a_row: 0,
            lost_before: true,
            steps: Box::new([Step::NOTHING; STEPS]),
            last_block: None,
            dial_tone: DialTone::default(),
            run: None,
            pressed: None,
        }
    }

    /// Hears samples; returns the keys that are certain now. A key is reported once, some 35 ms
    /// after its tone began. Nothing is allocated while there is none.
    pub fn process(&mut self, mut samples: &[i16]) -> Vec<Digit> {
        let mut found = Vec::new();
        while !samples.is_empty() {
            let (taken, step) = self.bank.take(samples);
            samples = samples.get(taken..).unwrap_or_default();
            self.at += taken as u64;
            if let Some(step) = step {
                found.extend(self.step(step));
            }
        }
        found
    }

    /// Samples that never came. What was heard before and what comes next are held together as if
    /// nothing were between them: a lost packet neither ends a key nor makes a second one of it.
    pub fn lost(&mut self, samples: u64) {
        self.at += samples;
        self.lost_in_a_row += samples;
        self.bank.clear();
        self.last_block = None;
        self.lost_before = true;
        if self.lost_in_a_row > self.longest_bridged_loss {
            self.run = None;
            self.pressed = None;
        }
    }

    /// Where the tone of a key began that sounds now, or that may just be beginning: after one block of
    /// 12.75 ms that looks like a key, before it is certain. What hears it too can be spared it from here on.
    pub fn tone_since(&self) -> Option<u64> {
        let beginning = self.run.filter(|run| run.blocks <= BLOCKS_IN_DOUBT);
        self.pressed.map(|pressed| pressed.at).or(beginning.map(|run| run.at))
    }

    fn step(&mut self, heard: Correlation) -> Option<Digit> {
        let follows = !std::mem::replace(&mut self.lost_before, false);
        self.steps.rotate_left(1);
        let [.., before, last] = &mut *self.steps;
        *last = Step { heard, follows, dial_tone: self.dial_tone.energy() / 2.0 };
        if !follows {
            return None;
        }
        let block = self.bank.waves.join(&before.heard, &heard);
        self.lost_in_a_row = 0;
        let last_block = self.last_block.replace(block);
        self.dial_tone.hear(&self.bank.waves, &block);
        let seen = block::look(&self.bank.waves, last_block.as_ref(), &block, self.dial_tone.energy());
        self.end(seen);
        self.begin(seen)
    }

    /// Ends the key that is pressed, once enough blocks are without it.
    fn end(&mut self, seen: Option<Signal>) {
        let Some(pressed) = &mut self.pressed else { return };
        pressed.blocks_without = if seen == Some(pressed.signal) { 0 } else { pressed.blocks_without + 1 };
        if pressed.blocks_without >= BLOCKS_TO_END {
            self.pressed = None;
        }
    }

    /// Adds a block to the run; reports the key once it is certain.
    fn begin(&mut self, seen: Option<Signal>) -> Option<Digit> {
        let last = self.run.filter(|run| Some(run.signal) == seen);
        self.run = last
            .map(|run| Run { blocks: run.blocks.saturating_add(1), ..run })
            .or_else(|| self.new_run(seen?));
        let run = self.run?;
        if run.blocks < BLOCKS_TO_BEGIN
            || self.pressed.is_some_and(|pressed| pressed.signal == run.signal)
            || !proof::certain(&self.bank.waves, &self.steps, run.signal)
        {
            return None;
        }
        self.pressed = Some(Pressed { signal: run.signal, at: run.at, blocks_without: 0 });
        Some(Digit { key: run.signal.key()?, at: run.at })
    }

    /// A run whose first block ends here.
    fn new_run(&self, signal: Signal) -> Option<Run> {
        let len = 2 * self.bank.waves.step_len() as u64;
        Some(Run { signal, at: self.at.saturating_sub(len), blocks: 1 })
    }
}

impl Signal {
    fn key(self) -> Option<char> {
        KEYS.get(self.low)?.get(self.high.checked_sub(4)?).copied()
    }
}
