//! Many presses on one tape, and what an ear made of each of them.

use crate::ears::{Ear, Tape};
use crate::line::{Line, Press};

/// A tape in the making. Each press belongs to a case; a row of the table has one case or several.
pub struct Exam {
    pub line: Line,
    windows: Vec<Window>,
    cases: usize,
}

/// From the begin of what is asked for to the begin of the next.
struct Window {
    begin: u64,
    key: char,
    case: usize,
}

/// What was heard of the presses of a case.
#[derive(Clone, Copy, Default)]
pub struct Score {
    pub tries: usize,
    /// Heard once, as the right key.
    pub once: usize,
    /// Heard more often than once.
    pub doubled: usize,
    /// Another key was heard, by itself or besides.
    pub wrong: usize,
}

impl Score {
    /// Presses heard once, in percent.
    pub fn percent(&self) -> f64 {
        100.0 * self.once as f64 / self.tries.max(1) as f64
    }

    /// Each of them, and nothing else.
    pub fn all(&self) -> bool {
        self.once == self.tries && !self.faulty()
    }

    /// Not one of them.
    pub fn none(&self) -> bool {
        self.once == 0 && !self.faulty()
    }

    pub fn missed(&self) -> usize {
        self.tries - self.once - self.doubled
    }

    pub fn faulty(&self) -> bool {
        self.doubled + self.wrong > 0
    }
}

impl Exam {
    pub fn new(rate: u32, seed: u64) -> Self {
        Self { line: Line::new(f64::from(rate), seed), windows: Vec::new(), cases: 0 }
    }

    /// A press of a case, after silence of some 60 ms.
    pub fn press(&mut self, case: usize, press: Press) {
        self.ask(case, press.letter());
        self.line.press(press);
    }

    /// The same key twice with so many ms between.
    pub fn press_twice(&mut self, case: usize, press: Press, gap: f64) {
        self.ask(case, press.letter());
        self.line.press(press).gap(gap).press(press);
    }

    fn ask(&mut self, case: usize, key: char) {
        self.line.pause(60.0);
        self.windows.push(Window { begin: self.line.sound.len() as u64, key, case });
        self.cases = self.cases.max(case + 1);
    }

    /// The tape as a 16-bit line carries it.
    pub fn tape(&mut self) -> Tape {
        self.line.gap(80.0);
        Tape { rate: self.line.rate as u32, samples: self.line.samples(), lost: Vec::new() }
    }

    /// Has a tape of this exam heard; the score of each case.
    pub fn mark(&self, ear: &Ear, tape: &Tape) -> Vec<Score> {
        let mut heard: Vec<Vec<char>> = vec![Vec::new(); self.windows.len()];
        let mut scores = vec![Score::default(); self.cases];
        for report in ear.hear(tape) {
            // What was heard before the first press is held against that one.
            let window = self.windows.partition_point(|window| window.begin < report.at).saturating_sub(1);
            heard[window].push(report.key);
        }
        for (window, keys) in self.windows.iter().zip(heard) {
            let score = &mut scores[window.case];
            let right = keys.iter().filter(|key| **key == window.key).count();
            score.tries += 1;
            score.once += usize::from(right == 1);
            score.doubled += usize::from(right > 1);
            score.wrong += usize::from(right < keys.len());
        }
        scores
    }

    /// Plays it as it is.
    pub fn sit(&mut self, ear: &Ear) -> Vec<Score> {
        let tape = self.tape();
        self.mark(ear, &tape)
    }
}
