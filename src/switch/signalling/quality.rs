//! What a leg's audio came to, for the call's record.

use super::Signalling;
use super::legs::LiveLeg;
use crate::call::CallId;
use crate::call::journal::{LegQuality, Record};
use crate::call::leg::LegId;
use crate::rtp::quality::{self, Coding, Path};
use crate::sip::Codec;
use crate::switch::media::Statistics;

/// Packets from which on there is something to judge: a second of audio.
const ENOUGH: u64 = 50;
/// The time in a packet, in ms, where nothing else is known.
const PACKET_MS: f64 = 20.0;
/// A receiver that follows the jitter holds so many times its mean.
const BUFFERED: f64 = 2.0;

impl Signalling {
    /// Writes down how an answered leg sounded.
    pub(super) fn judge(&self, leg: &LiveLeg) {
        let Some(codec) = leg.codec.filter(|_| leg.up) else { return };
        let table = &self.standing.borrow().table;
        let trunk = table.trunks.get(leg.trunk).map(|known| known.trunk.name.clone()).unwrap_or_default();
        let whose = Whose { call: leg.call, leg: leg.name, who: leg.who.clone(), trunk };
        self.journal(Record::LegQuality(Box::new(figures(whose, &leg.stream.statistics(), codec))));
    }
}

/// Which leg it is about.
struct Whose {
    call: CallId,
    leg: LegId,
    who: String,
    trunk: String,
}

/// What the figures of a stream come to.
fn figures(whose: Whose, statistics: &Statistics, codec: Codec) -> LegQuality {
    let (received, lost) = (statistics.packets_received.get(), statistics.lost.get());
    let unique = received.saturating_sub(statistics.repeated.get());
    let far = Far::of(statistics);
    let round_trip_ms = Some(statistics.round_trip_us.get()).filter(|trip| *trip > 0).map(ms);
    let inward = Stretch {
        coding: coding(codec),
        expected: unique + lost,
        lost,
        gaps: statistics.gaps.get(),
        jitter_ms: ms(statistics.mean_jitter_us.get()),
        round_trip_ms,
    };
    let outward = far.as_ref().map(|far| Stretch {
        expected: far.expected,
        lost: far.lost,
        // A report tells how many were lost, not in how many gaps: taken as if each for itself.
        gaps: far.lost,
        jitter_ms: far.jitter_ms,
        ..inward
    });
    LegQuality {
        call: whose.call,
        leg: whose.leg,
        who: whose.who,
        trunk: whose.trunk,
        codec: codec.name().to_owned(),
        packets_received: received,
        packets_sent: statistics.packets_sent.get(),
        packets_lost: lost,
        lost_percent: rounded(inward.lost_percent(), 2),
        packets_late: statistics.late.get(),
        packets_repeated: statistics.repeated.get(),
        jitter_ms: rounded(inward.jitter_ms, 1),
        jitter_max_ms: rounded(ms(statistics.highest_jitter_us.get()), 1),
        round_trip_ms: round_trip_ms.map(|trip| rounded(trip, 1)),
        mos_in: inward.score(),
        mos_out: outward.as_ref().and_then(Stretch::score),
        far_lost_percent: outward.as_ref().map(|outward| rounded(outward.lost_percent(), 2)),
        far_jitter_ms: far.map(|far| rounded(far.jitter_ms, 1)),
        packets_foreign: statistics.foreign.get(),
        packets_forged: statistics.unauthentic.get() + statistics.replayed.get(),
        packets_unusable: statistics.unusable.get(),
        longest_silence_ms: statistics.longest_silence_ms.get(),
        no_rtp_in: received == 0,
        one_way_in: statistics.one_way_in.get() > 0,
        one_way_out: statistics.one_way_out.get() > 0,
    }
}

/// One direction of a leg.
struct Stretch {
    coding: Coding,
    expected: u64,
    lost: u64,
    gaps: u64,
    jitter_ms: f64,
    round_trip_ms: Option<f64>,
}

impl Stretch {
    fn lost_percent(&self) -> f64 {
        if self.expected == 0 {
            0.0
        } else {
            self.lost.min(self.expected) as f64 * 100.0 / self.expected as f64
        }
    }

    /// The estimated mean opinion score, where there was enough to judge. The network's part of the delay is
    /// half the round trip; where that is unknown it is left out.
    fn score(&self) -> Option<f64> {
        let path = Path {
            one_way_ms: self.round_trip_ms.unwrap_or(0.0) / 2.0 + PACKET_MS + BUFFERED * self.jitter_ms,
            loss_percent: self.lost_percent(),
            burst_ratio: quality::burst_ratio(self.lost, self.gaps, self.expected),
        };
        let score = rounded(quality::mos(quality::rating(self.coding, &path)), 2);
        (self.expected >= ENOUGH).then_some(score)
    }
}

/// What the far side has reported.
struct Far {
    expected: u64,
    lost: u64,
    jitter_ms: f64,
}

impl Far {
    fn of(statistics: &Statistics) -> Option<Self> {
        (statistics.far_reports.get() > 0).then(|| Self {
            expected: statistics.far_expected.get(),
            lost: statistics.far_lost.get(),
            jitter_ms: ms(statistics.far_jitter_us.get()),
        })
    }
}

fn coding(codec: Codec) -> Coding {
    match codec {
        Codec::Pcma | Codec::Pcmu => quality::G711,
        Codec::G722 => quality::G722,
    }
}

fn ms(us: u64) -> f64 {
    us as f64 / 1000.0
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::media::Figure;

    fn figures(statistics: &Statistics, codec: Codec) -> LegQuality {
        let whose =
            Whose { call: CallId(1), leg: LegId(2), who: "anna".to_owned(), trunk: "carrier".to_owned() };
        super::figures(whose, statistics, codec)
    }

    type Which = fn(&Statistics) -> &Figure;

    fn statistics(figures: &[(Which, u64)]) -> Statistics {
        let statistics = Statistics::default();
        figures.iter().for_each(|(figure, value)| figure(&statistics).preset(*value));
        statistics
    }

    #[test]
    fn a_clean_leg_scores_as_well_as_g711_can() {
        let clean = statistics(&[(|s| &s.packets_received, 3000), (|s| &s.packets_sent, 3001)]);
        let judged = figures(&clean, Codec::Pcma);
        assert_eq!((judged.mos_in, judged.mos_out, judged.round_trip_ms), (Some(4.4), None, None));
        assert_eq!((judged.codec.as_str(), judged.lost_percent, judged.no_rtp_in), ("PCMA", 0.0, false));
    }

    #[test]
    fn loss_jitter_and_delay_are_told_in_both_directions() {
        let bad = statistics(&[
            (|s| &s.packets_received, 950),
            (|s| &s.lost, 50),
            (|s| &s.gaps, 50),
            (|s| &s.mean_jitter_us, 12_345),
            (|s| &s.highest_jitter_us, 40_000),
            (|s| &s.round_trip_us, 100_000),
            (|s| &s.far_reports, 3),
            (|s| &s.far_expected, 900),
            (|s| &s.far_lost, 90),
            (|s| &s.far_jitter_us, 5_000),
        ]);
        let judged = figures(&bad, Codec::Pcmu);
        assert_eq!((judged.lost_percent, judged.far_lost_percent), (5.0, Some(10.0)));
        assert_eq!((judged.jitter_ms, judged.jitter_max_ms, judged.far_jitter_ms), (12.3, 40.0, Some(5.0)));
        assert_eq!(judged.round_trip_ms, Some(100.0));
        // 94.7 ms and 5 %; 80 ms and 10 %.
        assert_eq!((judged.mos_in, judged.mos_out), (Some(3.83), Some(3.32)));
        let g722 = figures(&bad, Codec::G722);
        assert!(g722.mos_in < judged.mos_in, "without concealment the same loss is worse");
    }

    #[test]
    fn a_leg_of_which_nothing_came_has_no_score_and_is_marked() {
        let judged = figures(&statistics(&[(|s| &s.packets_sent, 500), (|s| &s.foreign, 9)]), Codec::Pcma);
        assert!(judged.no_rtp_in && judged.mos_in.is_none() && judged.packets_foreign == 9);
    }

    #[test]
    fn what_comes_twice_is_not_taken_for_what_was_lost() {
        let doubled =
            statistics(&[(|s| &s.packets_received, 1900), (|s| &s.repeated, 950), (|s| &s.lost, 50)]);
        assert!((figures(&doubled, Codec::Pcma).lost_percent - 5.0).abs() < 1e-9);
    }
}
