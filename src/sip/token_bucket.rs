//! How much of something may happen in a time: a bucket that fills by itself, and from which each event
//! takes a token.

use std::time::{Duration, Instant};

/// A bucket of tokens.
#[derive(Debug, Clone, Copy)]
pub struct TokenBucket {
    tokens: f64,
    filled: Instant,
}

impl TokenBucket {
    /// A bucket with this many tokens in it.
    #[must_use]
    pub fn new(now: Instant, tokens: u32) -> Self {
        Self { tokens: f64::from(tokens), filled: now }
    }

    /// Takes a token of a bucket that gains `rate` tokens a second and holds `size` of them. False: it is empty.
    pub fn take(&mut self, now: Instant, rate: u32, size: u32) -> bool {
        let gained = now.saturating_duration_since(self.filled).as_secs_f64() * f64::from(rate);
        self.tokens = (self.tokens + gained).min(f64::from(size));
        self.filled = self.filled.max(now);
        let there = self.tokens >= 1.0;
        if there {
            self.tokens -= 1.0;
        }
        there
    }

    /// How long it takes until there is a token at this rate, after [`Self::take`] has found none.
    #[must_use]
    pub fn wait(&self, rate: u32) -> Duration {
        let missing = (1.0 - self.tokens).max(0.0);
        Duration::from_secs_f64(missing / f64::from(rate.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_burst_comes_the_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(start, 20);
        let taken = (0..100).filter(|_| bucket.take(start, 10, 20)).count();
        assert_eq!(taken, 20, "what it holds");
        assert_eq!(bucket.wait(10), Duration::from_millis(100));
        let later = start + Duration::from_secs(1);
        let taken = (0..100).filter(|_| bucket.take(later, 10, 20)).count();
        assert_eq!(taken, 10, "what it gained in a second");
        let much_later = later + Duration::from_secs(3600);
        let taken = (0..100).filter(|_| bucket.take(much_later, 10, 20)).count();
        assert_eq!(taken, 20, "never more than it holds");
    }
}
