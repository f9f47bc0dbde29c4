//! Counting how long things took.

use std::time::Duration;

/// Classes of 10 us up to 200 ms; what is longer is in the last.
const CLASS_US: u64 = 10;
const CLASSES: usize = 20_000;

/// How often which length of time was seen.
#[derive(Clone)]
pub struct Times {
    classes: Vec<u32>,
    count: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self { classes: vec![0; CLASSES], count: 0 }
    }
}

impl Times {
    pub fn add(&mut self, time: Duration) {
        let class = (time.as_micros() as u64 / CLASS_US).min(CLASSES as u64 - 1);
        self.classes[class as usize] += 1;
        self.count += 1;
    }

    /// The time that a share of them did not exceed, in ms.
    pub fn at(&self, share: f64) -> f64 {
        let rank = (self.count as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (class, count) in self.classes.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank.max(1) {
                return (class as u64 + 1) as f64 * CLASS_US as f64 / 1000.0;
            }
        }
        0.0
    }

    /// Median and the 99th of a hundred, for a person.
    pub fn shown(&self) -> String {
        format!("p50 {:.2} ms, p99 {:.2} ms ({} of them)", self.at(0.5), self.at(0.99), self.count)
    }
}

/// Says what it measures, once it is over.
pub fn line(what: &str, figure: impl std::fmt::Display) {
    println!("{what:<44} {figure}");
}
