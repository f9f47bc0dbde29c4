//! The one RTP stream a leg hears, spliced together from prompts, silence and the other leg.
//!
//! Its SSRC never changes. Sequence numbers go on without a gap over a splice, and the timestamp
//! follows the clock. What is relayed is shifted by constants, so loss, gaps and disorder of the
//! other leg stay what they are, and all packets of an event keep one timestamp.

use std::time::Instant;

use crate::rtp::packet::Header;
use crate::rtp::units;

/// The numbers of the stream.
#[derive(Debug)]
pub(super) struct Outbound {
    ssrc: u32,
    first_sequence: u16,
    /// The next packet's.
    sequence: u16,
    /// The timestamp at `begin`.
    base: u32,
    begin: Instant,
    /// Where the newest audio ends.
    end: u32,
    splice: Option<Splice>,
    /// How many splices there were.
    splices: u64,
    /// M is due.
    marker: bool,
    packets: u32,
    octets: u32,
}

/// How packets of the other leg are renumbered.
#[derive(Debug)]
struct Splice {
    sequence_shift: u16,
    timestamp_shift: u32,
    newest: u16,
    /// How far the newest is from the first.
    reach: i64,
    /// A packet was cut into several: what comes late has no numbers left.
    cut: bool,
}

impl Outbound {
    /// A stream with numbers that cannot be guessed (RFC 3550 5.1).
    pub fn new(now: Instant) -> Self {
        let base = rand::random();
        let first_sequence = rand::random();
        Self {
            ssrc: rand::random(),
            first_sequence,
            sequence: first_sequence,
            base,
            begin: now,
            end: base,
            splice: None,
            splices: 0,
            marker: true,
            packets: 0,
            octets: 0,
        }
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The sequence number of its first packet.
    pub fn first_sequence(&self) -> u16 {
        self.first_sequence
    }

    /// Packets and octets of payload sent; both wrap.
    pub fn sent(&self) -> (u32, u32) {
        (self.packets, self.octets)
    }

    /// What is relayed next has nothing to do with what was relayed before.
    pub fn part(&mut self) {
        self.marker |= self.splice.take().is_some();
    }

    /// Which splice what is relayed belongs to, counted from 1: while it lasts all of it is shifted alike.
    pub fn splice(&self) -> Option<u64> {
        self.splice.as_ref().map(|_| self.splices)
    }

    /// The timestamp of a moment.
    pub fn timestamp(&self, at: Instant) -> u32 {
        self.base.wrapping_add(units(at.saturating_duration_since(self.begin)) as u32)
    }

    /// The header of our own audio, `samples` long, that is due at `at`.
    pub fn own_audio(&mut self, at: Instant, payload_type: u8, samples: u32) -> Header {
        let timestamp = self.own_timestamp(at);
        let marker = std::mem::take(&mut self.marker);
        self.end = timestamp.wrapping_add(samples);
        self.next_header(marker, payload_type, timestamp)
    }

    /// The timestamp of our own audio or event that begins at `at`. It never lies before the end of
    /// what was sent: packets relayed before may have run ahead of the clock by their jitter.
    pub fn own_timestamp(&mut self, at: Instant) -> u32 {
        self.part();
        let ahead = self.end.wrapping_sub(self.timestamp(at)) as i32;
        self.base = self.base.wrapping_add(ahead.max(0) as u32);
        self.timestamp(at)
    }

    /// The header of an event packet. The audio after it begins a talkspurt.
    pub fn own_event(&mut self, marker: bool, payload_type: u8, timestamp: u32) -> Header {
        self.marker = true;
        self.next_header(marker, payload_type, timestamp)
    }

    /// Packets that were due and will not be sent: to the far side they are lost.
    pub fn skip(&mut self, packets: u64) {
        self.sequence = self.sequence.wrapping_add(packets as u16);
    }

    /// The header of a packet of the other leg, whose numbers go on from those before it unless the two were
    /// [parted](Self::part). Nothing: it belongs before the splice, where its number is already used.
    pub fn relay(&mut self, now: Instant, header: &Header, payload_type: u8, samples: u32) -> Option<Header> {
        let begins = self.splice.is_none();
        let (sequence, timestamp) = self.shift(now, header)?;
        self.marker = false;
        let next = sequence.wrapping_add(1);
        if (next.wrapping_sub(self.sequence) as i16) > 0 {
            self.sequence = next;
        }
        let end = timestamp.wrapping_add(samples);
        if (end.wrapping_sub(self.end) as i32) > 0 {
            self.end = end;
        }
        let marker = header.marker || begins;
        Some(Header { marker, payload_type, sequence, timestamp, ssrc: self.ssrc })
    }

    /// Whether nothing was sent after the packet with this header.
    pub fn is_newest(&self, header: &Header) -> bool {
        header.sequence.wrapping_add(1) == self.sequence
    }

    /// The header of the next piece of a packet that is relayed in pieces; the one `before` it has so
    /// many samples. What is relayed after it moves on by a number.
    pub fn next_piece(&mut self, before: &Header, samples: u32) -> Header {
        if let Some(splice) = &mut self.splice {
            splice.sequence_shift = splice.sequence_shift.wrapping_add(1);
            splice.cut = true;
        }
        let sequence = before.sequence.wrapping_add(1);
        self.sequence = sequence.wrapping_add(1);
        let timestamp = before.timestamp.wrapping_add(samples);
        Header { marker: false, sequence, timestamp, ..*before }
    }

    /// Counts a packet that was sent.
    pub fn count(&mut self, octets: usize) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(octets as u32);
    }

    fn shift(&mut self, now: Instant, header: &Header) -> Option<(u16, u32)> {
        if self.splice.is_none() {
            let timestamp = self.own_timestamp(now);
            self.splices = self.splices.saturating_add(1);
            self.splice = Some(Splice {
                sequence_shift: self.sequence.wrapping_sub(header.sequence),
                timestamp_shift: timestamp.wrapping_sub(header.timestamp),
                newest: header.sequence,
                reach: 0,
                cut: false,
            });
        }
        let splice = self.splice.as_mut()?;
        let ahead = header.sequence.wrapping_sub(splice.newest) as i16;
        let reach = splice.reach.saturating_add(i64::from(ahead));
        if ahead > 0 {
            splice.newest = header.sequence;
            splice.reach = reach;
        }
        let has_place = reach >= 0 && (ahead >= 0 || !splice.cut);
        let sequence = header.sequence.wrapping_add(splice.sequence_shift);
        has_place.then(|| (sequence, header.timestamp.wrapping_add(splice.timestamp_shift)))
    }

    fn next_header(&mut self, marker: bool, payload_type: u8, timestamp: u32) -> Header {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        Header { marker, payload_type, sequence, timestamp, ssrc: self.ssrc }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn foreign(sequence: u16, timestamp: u32) -> Header {
        Header { marker: false, payload_type: 8, sequence, timestamp, ssrc: 99 }
    }

    fn step(before: &Header, after: &Header) -> (u16, u32, bool) {
        let sequence = after.sequence.wrapping_sub(before.sequence);
        (sequence, after.timestamp.wrapping_sub(before.timestamp), after.marker)
    }

    #[test]
    fn a_prompt_a_bridge_and_a_prompt_are_one_stream() {
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let mut out = Outbound::new(begin);
        let first = out.own_audio(at(0), 8, 160);
        let second = out.own_audio(at(20), 8, 160);
        assert!(first.marker);
        assert_eq!(step(&first, &second), (1, 160, false));
        let third = out.relay(at(45), &foreign(65_535, 7), 8, 160).expect("sent");
        assert_eq!(step(&second, &third), (1, 200, true));
        let fourth = out.relay(at(60), &foreign(1, 7 + 320), 8, 160).expect("sent");
        assert_eq!(step(&third, &fourth), (2, 320, false), "the gap stays");
        let late = out.relay(at(61), &foreign(0, 7 + 160), 8, 160).expect("sent");
        assert_eq!(step(&third, &late), (1, 160, false));
        let fifth = out.own_audio(at(80), 8, 160);
        assert_eq!(step(&fourth, &fifth), (1, 160, true), "not before the end of what was sent");
        assert_eq!(step(&fifth, &out.own_audio(at(100), 8, 160)), (1, 160, false));
    }

    #[test]
    fn what_belongs_before_the_splice_is_left_out() {
        let now = Instant::now();
        let mut out = Outbound::new(now);
        out.own_audio(now, 8, 160);
        out.relay(now, &foreign(10, 1600), 8, 160).expect("sent");
        assert_eq!(out.relay(now, &foreign(9, 1440), 8, 160), None);
        assert!(out.relay(now, &foreign(11, 1760), 8, 160).is_some());
    }

    proptest! {
        #[test]
        fn no_sequence_number_is_used_twice_and_the_ssrc_stays(
            parts in proptest::collection::vec((any::<u16>(), any::<u32>(), 1u16..30, any::<bool>()), 1..12)
        ) {
            let begin = Instant::now();
            let mut out = Outbound::new(begin);
            let mut used = std::collections::HashSet::new();
            let mut ms = 0;
            for (sequence, timestamp, count, own) in parts {
                for n in 0..count {
                    ms += 20;
                    let at = begin + Duration::from_millis(ms);
                    let header = if own {
                        out.own_audio(at, 0, 160)
                    } else {
                        let header = foreign(sequence.wrapping_add(n), timestamp.wrapping_add(u32::from(n) * 160));
                        if n == 0 {
                            out.part();
                        }
                        out.relay(at, &header, 0, 160).expect("in order")
                    };
                    prop_assert_eq!(header.ssrc, out.ssrc());
                    prop_assert!(used.insert(header.sequence));
                }
            }
        }
    }
}
