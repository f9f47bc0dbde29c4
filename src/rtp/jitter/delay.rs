//! How long packets are on their way, and how much longer than the quickest: what is worth waiting for.

use crate::rtp::CLOCK_RATE;

/// A millisecond in samples.
pub(super) const MS: u64 = CLOCK_RATE as u64 / 1000;
/// The least and the most that is waited for a packet.
pub(super) const LEAST: u64 = 20 * MS;
pub(super) const MOST: u64 = 200 * MS;
/// A step of the histogram, and how many there are; the last one holds all that is slower.
const STEP: u64 = 5 * MS;
const STEPS: usize = (MOST / STEP) as usize + 1;
/// What a stream is taken for before it is known, and how firmly.
const FIRST_GUESS: usize = (60 * MS / STEP) as usize;
const FIRST_WEIGHT: u16 = 8;
/// When so much was counted, all counts are halved: what is older than some 10 s is forgotten.
const FULL: u16 = 512;
/// One packet in so many may come later than what is waited for.
const SHARE_TOO_LATE: u16 = 100;
/// What a packet counts that came after one that was sent later: such ones are what is waited for.
const OUT_OF_ORDER: u16 = 16;
/// The quickest packet is looked for over one to two of these.
const WINDOW: u64 = 5_000 * MS;
/// After so many packets that may have been it, it is known how quick the quickest are.
const KNOWN_AFTER: u16 = 50;

/// The delays of a stream. Its times are in samples: a transit is the clock at the arrival less the place
/// of the first sample, so it has no zero of its own.
#[derive(Debug, Clone)]
pub(super) struct Delay {
    /// The quickest transit of this window and of the one before.
    quickest: Option<(i64, i64)>,
    window_ends: u64,
    seen: u16,
    /// Packets by how much slower they were than the quickest.
    counts: [u16; STEPS],
    total: u16,
}

impl Delay {
    pub fn new() -> Self {
        let mut counts = [0; STEPS];
        if let Some(count) = counts.get_mut(FIRST_GUESS) {
            *count = FIRST_WEIGHT;
        }
        Self { quickest: None, window_ends: 0, seen: 0, counts, total: FIRST_WEIGHT }
    }

    /// A packet has come.
    pub fn observe(&mut self, transit: i64, in_order: bool) {
        let slower = u64::try_from(transit.saturating_sub(self.quickest())).unwrap_or(0);
        let step = usize::try_from(slower / STEP).unwrap_or(STEPS).min(STEPS - 1);
        let weight = if in_order { 1 } else { OUT_OF_ORDER };
        if let Some(count) = self.counts.get_mut(step) {
            *count += weight;
        }
        self.total += weight;
        if self.total >= FULL {
            self.forget();
        }
    }

    /// A packet has come at `clock` that may be the quickest.
    pub fn follow(&mut self, clock: u64, transit: i64) {
        self.seen = self.seen.saturating_add(1);
        let (before, now) = self.quickest.unwrap_or((transit, transit));
        if clock >= self.window_ends {
            self.window_ends = clock + WINDOW;
            self.quickest = Some((now, transit));
        } else {
            self.quickest = Some((before, now.min(transit)));
        }
    }

    fn forget(&mut self) {
        for count in &mut self.counts {
            *count /= 2;
        }
        self.total = self.counts.iter().sum();
    }

    /// The transit of the quickest packets.
    pub fn quickest(&self) -> i64 {
        self.quickest.map_or(0, |(before, now)| before.min(now))
    }

    /// Whether any packet came.
    pub fn is_begun(&self) -> bool {
        self.quickest.is_some()
    }

    /// Whether enough packets came to rely on [`quickest`](Self::quickest).
    pub fn is_known(&self) -> bool {
        self.seen >= KNOWN_AFTER
    }

    /// All places move back by so many samples.
    pub fn shift(&mut self, samples: i64) {
        self.quickest = self.quickest.map(|(before, now)| (before + samples, now + samples));
    }

    /// How much slower than the quickest a packet may be and still be waited for: 99 in 100 are not.
    pub fn worth_waiting(&self) -> u64 {
        let too_late = self.total / SHARE_TOO_LATE;
        let mut slower = 0;
        for (step, count) in self.counts.iter().enumerate().rev() {
            slower += count;
            if slower > too_late {
                return ((step as u64 + 1) * STEP).clamp(LEAST, MOST);
            }
        }
        LEAST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of 20 ms, each so many ms slower than the quickest.
    fn after(slower: impl IntoIterator<Item = (u64, bool)>) -> u64 {
        let mut delay = Delay::new();
        for (n, (slower, in_order)) in slower.into_iter().enumerate() {
            let transit = 777 + (slower * MS) as i64;
            delay.follow(n as u64 * 20 * MS, transit);
            delay.observe(transit, in_order);
        }
        delay.worth_waiting() / MS
    }

    #[test]
    fn a_steady_stream_is_waited_for_shortly_and_a_shaken_one_as_long_as_it_needs() {
        assert_eq!(after([]), 65, "before anything is known");
        assert_eq!(after((0..2000).map(|_| (0, true))), 20);
        assert_eq!(after((0..2000).map(|n| (n * 37 % 100, true))), 100);
        assert_eq!(after((0..2000).map(|n| (n * 371 % 1000, true))), 200, "and no longer than that");
    }

    #[test]
    fn one_packet_that_comes_out_of_order_is_remembered_for_a_while() {
        let late_at = |late: u64| (0..2000).map(move |n| if n == late { (80, false) } else { (0, true) });
        assert_eq!(after(late_at(1999)), 85);
        assert_eq!(after(late_at(1900)), 85);
        assert_eq!(after(late_at(500)), 20);
    }

    #[test]
    fn the_quickest_is_followed_where_the_clocks_drift_apart() {
        for drift in [-1, 1] {
            let mut delay = Delay::new();
            for n in 0..50_000_i64 {
                // 250 ppm: a sample in every 25 packets.
                delay.follow(n as u64 * 160, drift * (n / 25) + n * 7 % 400);
            }
            assert!((delay.quickest() - drift * 2000).abs() <= 25, "{}", delay.quickest());
        }
    }
}
