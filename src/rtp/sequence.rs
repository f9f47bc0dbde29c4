//! What becomes of a source's packets on the way: order, loss and jitter (RFC 3550 A.1, A.3, A.8).

/// Packets a sequence number may leap ahead and still be loss (RFC 3550 A.1 MAX_DROPOUT).
const MAX_DROPOUT: u16 = 3_000;
/// Packets a sequence number may lie behind and still be disorder (RFC 3550 A.1 MAX_MISORDER).
const MAX_MISORDER: u16 = 100;

/// How a packet stands to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The first of a source, or the second in a row after a leap or of a new source: the receiver
    /// has (again) found its place.
    Synchronized,
    /// Ahead of all before it, perhaps after a gap.
    Ahead,
    /// Behind one that came before it.
    Late,
    /// The same number as the newest one.
    Repeated,
    /// A leap or another source: not to be believed before a second one follows it.
    Doubtful,
}

/// What a report block tells about a source (RFC 3550 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reception {
    /// The source.
    pub ssrc: u32,
    /// Share lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the source was first heard; duplicates count against it.
    pub lost: i32,
    /// The highest sequence number, with the count of wraps in the upper half.
    pub highest: u32,
    /// Interarrival jitter in units of the timestamp.
    pub jitter: u32,
}

/// Follows one source of packets.
#[derive(Debug, Clone, Default)]
pub struct Receiver {
    source: Option<Source>,
    doubtful: Option<(u32, u16)>,
    /// What was counted of sources before this one.
    before: Tally,
    jitter: Jitter,
}

/// What became of the packets of a stream, over all its sources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Packets that never came. One that comes twice does not make up for one that never came.
    pub lost: u64,
    /// Gaps in which they are missing.
    pub gaps: u64,
    /// Packets that came behind a later one.
    pub late: u64,
    /// Packets that came twice in a row.
    pub repeated: u64,
}

/// Interarrival jitter over time, in units of the timestamp.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Jitter {
    highest: u32,
    sum: u64,
    measured: u64,
}

#[derive(Debug, Clone)]
struct Source {
    ssrc: u32,
    first: u16,
    newest: u16,
    wraps: u16,
    received: u32,
    gaps: u64,
    late: u64,
    repeated: u64,
    reported_expected: u32,
    reported_received: u32,
    transit: Option<u32>,
    /// Jitter in 1/16 units (RFC 3550 A.8).
    jitter: u32,
}

impl Receiver {
    /// A packet has come; `arrival` is the time it came at, in units of the timestamp. Nothing: its timestamp
    /// does not tell when it was sent, as in a telephone-event (RFC 4733 2.2.1), and it says nothing of jitter.
    pub fn receive(&mut self, ssrc: u32, sequence: u16, timestamp: u32, arrival: Option<u32>) -> Arrival {
        let transit = arrival.map(|arrival| arrival.wrapping_sub(timestamp));
        let Some(source) = &mut self.source else {
            self.source = Some(Source::new(ssrc, sequence, transit));
            return Arrival::Synchronized;
        };
        let seen = if source.ssrc == ssrc { source.place(sequence) } else { Arrival::Doubtful };
        if seen == Arrival::Doubtful {
            return self.doubt(ssrc, sequence, transit);
        }
        self.doubtful = None;
        source.received = source.received.wrapping_add(1);
        if let Some(transit) = transit {
            source.measure(transit);
            self.jitter.take(source.jitter >> 4);
        }
        seen
    }

    /// What has become of the packets so far.
    pub fn tally(&self) -> Tally {
        let Some(source) = &self.source else { return self.before };
        let missing = source.lost().saturating_add_unsigned(source.repeated);
        Tally {
            lost: self.before.lost + u64::try_from(missing).unwrap_or(0),
            gaps: self.before.gaps + source.gaps,
            late: self.before.late + source.late,
            repeated: self.before.repeated + source.repeated,
        }
    }

    /// The source that is followed.
    pub fn ssrc(&self) -> Option<u32> {
        self.source.as_ref().map(|source| source.ssrc)
    }

    /// The mean of the interarrival jitter over all packets, in units of the timestamp.
    pub fn mean_jitter(&self) -> u32 {
        let mean = self.jitter.sum.checked_div(self.jitter.measured).unwrap_or(0);
        u32::try_from(mean).unwrap_or(u32::MAX)
    }

    /// The highest interarrival jitter there was, in units of the timestamp.
    pub fn highest_jitter(&self) -> u32 {
        self.jitter.highest
    }

    /// Interarrival jitter in units of the timestamp.
    pub fn jitter(&self) -> u32 {
        self.source.as_ref().map_or(0, |source| source.jitter >> 4)
    }

    /// The source's report block; begins the next interval (RFC 3550 A.3).
    pub fn report(&mut self) -> Option<Reception> {
        self.source.as_mut().map(Source::report)
    }

    /// Two packets in a row make a leap or a new source credible.
    fn doubt(&mut self, ssrc: u32, sequence: u16, transit: Option<u32>) -> Arrival {
        if self.doubtful != Some((ssrc, sequence)) {
            self.doubtful = Some((ssrc, sequence.wrapping_add(1)));
            return Arrival::Doubtful;
        }
        self.doubtful = None;
        self.before = self.tally();
        self.source = Some(Source::new(ssrc, sequence, transit));
        Arrival::Synchronized
    }
}

impl Jitter {
    fn take(&mut self, now: u32) {
        self.highest = self.highest.max(now);
        self.sum = self.sum.saturating_add(u64::from(now));
        self.measured = self.measured.saturating_add(1);
    }
}

impl Source {
    fn new(ssrc: u32, sequence: u16, transit: Option<u32>) -> Self {
        Self {
            ssrc,
            first: sequence,
            newest: sequence,
            wraps: 0,
            received: 1,
            gaps: 0,
            late: 0,
            repeated: 0,
            reported_expected: 0,
            reported_received: 0,
            transit,
            jitter: 0,
        }
    }

    /// RFC 3550 A.1.
    fn place(&mut self, sequence: u16) -> Arrival {
        let ahead = sequence.wrapping_sub(self.newest);
        let behind = self.newest.wrapping_sub(sequence);
        if ahead == 0 {
            self.repeated += 1;
            Arrival::Repeated
        } else if ahead < MAX_DROPOUT {
            self.gaps += u64::from(ahead > 1);
            if sequence < self.newest {
                self.wraps = self.wraps.wrapping_add(1);
            }
            self.newest = sequence;
            Arrival::Ahead
        } else if behind <= MAX_MISORDER {
            self.late += 1;
            Arrival::Late
        } else {
            Arrival::Doubtful
        }
    }

    /// RFC 3550 A.8, in integers.
    fn measure(&mut self, transit: u32) {
        let Some(before) = self.transit.replace(transit) else { return };
        let change = (transit.wrapping_sub(before) as i32).unsigned_abs();
        // A leap of the timestamp is none of the network's jitter.
        if change < crate::rtp::CLOCK_RATE * 10 {
            self.jitter = self.jitter + change - ((self.jitter + 8) >> 4);
        }
    }

    fn highest(&self) -> u32 {
        (u32::from(self.wraps) << 16) | u32::from(self.newest)
    }

    fn expected(&self) -> u32 {
        self.highest().wrapping_sub(u32::from(self.first)).wrapping_add(1)
    }

    fn lost(&self) -> i64 {
        i64::from(self.expected()) - i64::from(self.received)
    }

    /// RFC 3550 A.3.
    fn report(&mut self) -> Reception {
        let expected = self.expected().wrapping_sub(self.reported_expected);
        let received = self.received.wrapping_sub(self.reported_received);
        self.reported_expected = self.expected();
        self.reported_received = self.received;
        let lost = u64::from(expected.saturating_sub(received));
        let fraction = (lost << 8).checked_div(u64::from(expected)).unwrap_or(0);
        Reception {
            ssrc: self.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            lost: self.lost().clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest: self.highest(),
            jitter: self.jitter >> 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn feed(receiver: &mut Receiver, sequences: impl IntoIterator<Item = u16>) -> Vec<Arrival> {
        sequences
            .into_iter()
            .map(|n| receiver.receive(7, n, u32::from(n) * 160, Some(u32::from(n) * 160)))
            .collect()
    }

    #[test]
    fn loss_is_counted_over_the_wrap_of_the_sequence_number() {
        let mut receiver = Receiver::default();
        feed(&mut receiver, (65_000..=65_535).chain(0..100).filter(|n| n % 4 != 3));
        assert_eq!(receiver.tally().lost, 158, "the newest, 99, is lost as well and not yet missed");
        let report = receiver.report().expect("a source");
        assert_eq!((report.lost, report.highest), (158, 0x1_0000 + 98));
        assert_eq!(report.fraction_lost, 63);
        feed(&mut receiver, 99..199);
        assert_eq!(receiver.report().map(|next| next.fraction_lost), Some(0));
    }

    #[test]
    fn a_leap_is_believed_once_two_packets_in_a_row_made_it() {
        let mut receiver = Receiver::default();
        feed(&mut receiver, 0..10);
        assert_eq!(feed(&mut receiver, [30_000]), [Arrival::Doubtful]);
        assert_eq!(feed(&mut receiver, [10, 30_001]), [Arrival::Ahead, Arrival::Doubtful]);
        assert_eq!(feed(&mut receiver, [30_002, 30_003]), [Arrival::Synchronized, Arrival::Ahead]);
        assert_eq!(receiver.tally().lost, 0);
    }

    #[test]
    fn a_new_source_is_believed_once_two_packets_in_a_row_came_of_it() {
        let mut receiver = Receiver::default();
        feed(&mut receiver, 0..10);
        assert_eq!(receiver.receive(8, 500, 0, None), Arrival::Doubtful);
        assert_eq!(receiver.receive(9, 501, 0, None), Arrival::Doubtful);
        assert_eq!(receiver.receive(9, 502, 0, None), Arrival::Synchronized);
    }

    #[test]
    fn late_and_repeated_packets_are_told_apart() {
        let mut receiver = Receiver::default();
        assert_eq!(
            feed(&mut receiver, [1, 3, 2, 3, 4]),
            [Arrival::Synchronized, Arrival::Ahead, Arrival::Late, Arrival::Repeated, Arrival::Ahead]
        );
    }

    #[test]
    fn what_came_late_or_twice_does_not_hide_what_never_came() {
        let mut receiver = Receiver::default();
        // 3 never comes, 6 comes late, 8 comes twice, and 10 to 12 are a gap of three.
        feed(&mut receiver, [1, 2, 4, 5, 7, 6, 8, 8, 9, 13]);
        assert_eq!(receiver.tally(), Tally { lost: 4, gaps: 3, late: 1, repeated: 1 });
        assert_eq!(receiver.report().map(|report| report.lost), Some(3), "RFC 3550 6.4.1 counts otherwise");
        // Another source: what was counted stays.
        for n in [500, 501, 503] {
            receiver.receive(8, n, 0, None);
        }
        assert_eq!(receiver.tally(), Tally { lost: 5, gaps: 4, late: 1, repeated: 1 });
        assert_eq!(receiver.ssrc(), Some(8));
    }

    #[test]
    fn jitter_nears_the_mean_change_of_the_transit_time() {
        let mut receiver = Receiver::default();
        for n in 0..2000_u16 {
            let delay = if n % 2 == 0 { 0 } else { 80 };
            receiver.receive(7, n, u32::from(n) * 160, Some(u32::from(n) * 160 + delay));
        }
        assert!((78..=80).contains(&receiver.jitter()), "{}", receiver.jitter());
        assert!((76..=80).contains(&receiver.mean_jitter()), "it begins at 0: {}", receiver.mean_jitter());
        assert!((78..=80).contains(&receiver.highest_jitter()));
    }

    #[test]
    fn a_key_is_no_jitter() {
        let mut receiver = Receiver::default();
        for n in 0..200_u16 {
            let now = u32::from(n) * 160;
            match n / 50 % 2 {
                0 => receiver.receive(7, n, now, Some(now)),
                // A key that sounds for a second: all its packets bear the time of its beginning.
                _ => receiver.receive(7, n, u32::from(n / 50) * 8000, None),
            };
        }
        assert_eq!((receiver.jitter(), receiver.highest_jitter(), receiver.tally().lost), (0, 0, 0));
    }

    proptest! {
        #[test]
        fn no_order_of_packets_breaks_it(packets: Vec<(bool, u16, u32, Option<u32>)>) {
            let mut receiver = Receiver::default();
            for (other, sequence, timestamp, arrival) in packets {
                receiver.receive(u32::from(other), sequence, timestamp, arrival);
                receiver.report();
            }
        }

        #[test]
        fn without_loss_none_is_reported(first: u16, count in 2_u32..70_000) {
            let mut receiver = Receiver::default();
            for n in 0..count {
                let time = n.wrapping_mul(160);
                receiver.receive(7, first.wrapping_add(n as u16), time, Some(time));
            }
            prop_assert_eq!(receiver.tally().lost, 0);
            prop_assert_eq!(receiver.jitter(), 0);
        }
    }
}
