//! How good a stream sounds, estimated from what the network did to it: the E-model (ITU-T G.107) with
//! its defaults for everything but delay and loss.
//!
//! `R = 93.2 - Id - Ie,eff` (G.107 7.1), and from R the mean opinion score (G.107 Annex B). It is a figure
//! to compare calls with: the true path has microphones, rooms and transcoders that nobody can measure here.

/// R of a connection without delay and loss (G.107 7.7, as it is commonly rounded).
const BEST: f64 = 93.2;
/// One-way delay in ms from which on people begin to talk over each other (Cole and Rosenbluth 2001).
const TALK_OVER_MS: f64 = 177.3;

/// What a codec does to speech (ITU-T G.113 Appendix I).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coding {
    /// Ie: without loss.
    pub impairment: f64,
    /// Bpl: the share of loss in percent at which half of what can be lost is lost.
    pub loss_robustness: f64,
}

/// G.711 with the concealment of its Appendix I at the receiver.
pub const G711: Coding = Coding { impairment: 0.0, loss_robustness: 25.1 };
/// G.722: G.113 has no figures for it on the narrow-band scale. Without loss it is as good as G.711 there;
/// for loss the figure of G.711 without concealment is taken, so that it is never valued too high.
pub const G722: Coding = Coding { impairment: 0.0, loss_robustness: 4.3 };

/// What the network does to a stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Path {
    /// From mouth to ear, one way, in ms: the network, the packets and the jitter buffer.
    pub one_way_ms: f64,
    /// Ppl: packets lost, in percent.
    pub loss_percent: f64,
    /// BurstR: 1 where losses are independent, more where they come together.
    pub burst_ratio: f64,
}

/// R, from 0 (useless) to 93.2.
pub fn rating(coding: Coding, path: &Path) -> f64 {
    let rating = BEST - delay_impairment(path.one_way_ms) - loss_impairment(coding, path);
    rating.clamp(0.0, BEST)
}

/// The mean opinion score of an R, from 1 (bad) to 4.5 (G.107 Annex B, B-4).
pub fn mos(rating: f64) -> f64 {
    let r = rating.clamp(0.0, 100.0);
    // Below 6.5 the polynomial dips under 1.
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0)
}

/// How much the losses come together (G.107 7.5): the mean length of those there were, over the mean length
/// that the same share of independent ones has. `bursts` counts the gaps, `lost` the packets missing in them.
pub fn burst_ratio(lost: u64, bursts: u64, expected: u64) -> f64 {
    if lost == 0 || bursts == 0 || expected <= lost {
        return 1.0;
    }
    let (lost, bursts, expected) = (lost as f64, bursts as f64, expected as f64);
    (lost / bursts * (1.0 - lost / expected)).max(1.0)
}

/// Id: the curve of G.107 7.4 at its defaults, in the two straight lines of Cole and Rosenbluth.
fn delay_impairment(one_way_ms: f64) -> f64 {
    let delay = one_way_ms.max(0.0);
    0.024 * delay + 0.11 * (delay - TALK_OVER_MS).max(0.0)
}

/// Ie,eff (G.107 7.5).
fn loss_impairment(coding: Coding, path: &Path) -> f64 {
    let loss = path.loss_percent.clamp(0.0, 100.0);
    let Coding { impairment, loss_robustness } = coding;
    impairment + (95.0 - impairment) * loss / (loss / path.burst_ratio.max(1.0) + loss_robustness)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(value: f64, expected: f64) -> bool {
        (value - expected).abs() < 0.01
    }

    #[test]
    fn the_scores_of_the_recommendations_table_are_met() {
        // G.107 Table B.1: the borders of "best", "high", "medium", "low" and "poor".
        for (rating, score) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            assert!((mos(rating) - score).abs() < 0.0065, "{rating}: {}", mos(rating));
        }
        assert!(near(mos(BEST), 4.41) && near(mos(0.0), 1.0) && near(mos(100.0), 4.5));
        assert!(near(mos(-3.0), 1.0) && near(mos(300.0), 4.5) && near(mos(3.0), 1.0));
    }

    #[test]
    fn known_points_of_delay_and_loss_are_met() {
        for (coding, one_way_ms, loss_percent, burst_ratio, expected) in [
            (G711, 0.0, 0.0, 1.0, 93.2),
            (G711, 100.0, 0.0, 1.0, 90.8),
            (G711, 177.3, 0.0, 1.0, 88.94),
            (G711, 400.0, 0.0, 1.0, 59.10),
            (G711, 0.0, 1.0, 1.0, 89.56),
            (G711, 0.0, 5.0, 1.0, 77.42),
            (G711, 0.0, 10.0, 1.0, 66.13),
            // At Ppl = Bpl half of the 95 is gone.
            (G711, 0.0, 25.1, 1.0, 45.7),
            (G711, 0.0, 5.0, 2.0, 76.0),
            (G722, 0.0, 0.0, 1.0, 93.2),
            (G722, 0.0, 1.0, 1.0, 75.28),
        ] {
            let path = Path { one_way_ms, loss_percent, burst_ratio };
            let rating = rating(coding, &path);
            assert!((rating - expected).abs() < 0.011, "{coding:?} {path:?}: {rating}");
        }
    }

    #[test]
    fn losses_that_come_together_are_told_from_scattered_ones() {
        assert!(near(burst_ratio(0, 0, 1000), 1.0));
        assert!(near(burst_ratio(10, 10, 1000), 1.0), "one at a time");
        assert!(near(burst_ratio(100, 10, 1000), 9.0));
        assert!(near(burst_ratio(1000, 1, 1000), 1.0), "nothing came: there is nothing to compare");
    }

    proptest! {
        #[test]
        fn more_delay_more_loss_and_longer_bursts_never_sound_better(
            delay in 0.0..2000.0_f64, loss in 0.0..100.0_f64, burst in 1.0..20.0_f64, more in 0.0..50.0_f64,
        ) {
            let score = |one_way_ms, loss_percent, burst_ratio| {
                mos(rating(G711, &Path { one_way_ms, loss_percent, burst_ratio }))
            };
            let now = score(delay, loss, burst);
            prop_assert!((1.0..=4.5).contains(&now));
            prop_assert!(score(delay + more, loss, burst) <= now + 1e-9);
            prop_assert!(score(delay, loss + more, burst) <= now + 1e-9);
            prop_assert!(score(delay, loss, burst + more) <= now + 1e-9);
        }
    }
}
