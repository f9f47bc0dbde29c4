//! RTCP: reports about what was sent and what came (RFC 3550 6).

use std::time::Duration;

use super::sequence::Reception;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
/// The SDES item CNAME (RFC 3550 6.5.1).
const CNAME: u8 = 1;
/// Octets of a report block.
const BLOCK: usize = 24;
/// Octets of a sender report before its blocks, without the common header.
const SENDER_INFO: usize = 24;
/// A round trip longer than this is a clock that was set, or nonsense.
const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(10);
/// RTCP's packet types, on a port that carries RTP too (RFC 5761 4): as payload types they would be 64 to 95.
const PACKET_TYPES: std::ops::RangeInclusive<u8> = 192..=223;

/// What a sender report says about its sender (RFC 3550 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// Wallclock time as an NTP timestamp: seconds since 1900 in the upper half.
    pub ntp: u64,
    /// The same moment as an RTP timestamp.
    pub timestamp: u32,
    /// Packets sent; wraps.
    pub packets: u32,
    /// Octets of payload sent; wraps.
    pub octets: u32,
}

/// A report block: what came of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Loss and jitter.
    pub reception: Reception,
    /// The middle of the NTP timestamp of the last sender report that came; 0: none.
    pub last_report: u32,
    /// The time since then in 1/65536 s.
    pub delay: u32,
}

/// A part of what came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A sender report.
    Sender {
        /// Whose.
        ssrc: u32,
        /// What it says.
        info: SenderInfo,
    },
    /// A report block.
    Report(Block),
    /// The source takes its leave.
    Goodbye {
        /// Which.
        ssrc: u32,
    },
}

/// Writes a compound packet: a sender report (a receiver report if nothing was sent), with the block
/// about the source if there is one, and the description (RFC 3550 6.1).
pub fn write(out: &mut Vec<u8>, ssrc: u32, info: Option<&SenderInfo>, block: Option<&Block>, cname: &str) {
    let kind = if info.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
    let octets = info.map_or(0, |_| 20) + block.map_or(0, |_| BLOCK) + 4;
    write_header(out, u8::from(block.is_some()), kind, octets);
    out.extend(ssrc.to_be_bytes());
    if let Some(info) = info {
        out.extend(info.ntp.to_be_bytes());
        out.extend([info.timestamp, info.packets, info.octets].map(u32::to_be_bytes).as_flattened());
    }
    if let Some(block) = block {
        write_block(out, block);
    }
    write_description(out, ssrc, cname);
}

/// Adds a goodbye to a compound packet (RFC 3550 6.6).
pub fn write_goodbye(out: &mut Vec<u8>, ssrc: u32) {
    write_header(out, 1, GOODBYE, 4);
    out.extend(ssrc.to_be_bytes());
}

fn write_header(out: &mut Vec<u8>, count: u8, kind: u8, octets: usize) {
    let words = u16::try_from(octets / 4).unwrap_or(u16::MAX);
    out.extend([0x80 | count, kind]);
    out.extend(words.to_be_bytes());
}

fn write_block(out: &mut Vec<u8>, block: &Block) {
    let Reception { ssrc, fraction_lost, lost, highest, jitter } = block.reception;
    // 24 bits, signed.
    let lost = (lost as u32) & 0x00ff_ffff;
    let loss = (u32::from(fraction_lost) << 24) | lost;
    let words = [ssrc, loss, highest, jitter, block.last_report, block.delay];
    out.extend(words.map(u32::to_be_bytes).as_flattened());
}

fn write_description(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let len = u8::try_from(cname.len()).unwrap_or(0);
    let cname = cname.as_bytes().get(..usize::from(len)).unwrap_or_default();
    // The chunk ends with at least one zero octet, on a word's border.
    let octets = (4 + 2 + cname.len()) / 4 * 4 + 4;
    write_header(out, 1, SOURCE_DESCRIPTION, octets);
    let end = out.len() + octets;
    out.extend(ssrc.to_be_bytes());
    out.extend([CNAME, len]);
    out.extend(cname);
    out.resize(end, 0);
}

/// Whether a datagram on a port that carries both is RTCP and not RTP (RFC 5761 4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [first, kind, ..] if first >> 6 == 2 && PACKET_TYPES.contains(kind))
}

/// Whose report it is: the source of the first packet, which SRTP leaves in the clear.
pub fn source(datagram: &[u8]) -> Option<u32> {
    word(datagram, 4)
}

/// The round trip that a block about us tells (RFC 3550 6.4.1): `now` is the middle of our NTP timestamp at
/// its arrival. Nothing: the far side has had no report of ours, or the clocks contradict each other.
pub fn round_trip(now: u32, block: &Block) -> Option<Duration> {
    if block.last_report == 0 {
        return None;
    }
    let units = now.wrapping_sub(block.last_report).wrapping_sub(block.delay);
    // A delay that was rounded up may take a hair too much off.
    let units = if (-66..0).contains(&(units as i32)) { 0 } else { units };
    let trip = Duration::from_nanos(u64::from(units) * 1_000_000_000 / 65_536);
    (trip <= LONGEST_ROUND_TRIP).then_some(trip)
}

/// Reads a compound packet; nothing if it is none (RFC 3550 A.2).
pub fn read(datagram: &[u8]) -> Option<impl Iterator<Item = Part> + '_> {
    let first = Packet::split(datagram)?.0;
    let begins_rightly = matches!(first.kind, SENDER_REPORT | RECEIVER_REPORT) && !first.padding;
    if !begins_rightly
        || packets(datagram).map(|packet| packet.body.len() + 4).sum::<usize>() != datagram.len()
    {
        return None;
    }
    Some(packets(datagram).flat_map(Packet::parts))
}

fn packets(datagram: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let (packet, after) = Packet::split(rest)?;
        rest = after;
        Some(packet)
    })
}

/// One packet of a compound packet.
struct Packet<'a> {
    padding: bool,
    count: usize,
    kind: u8,
    /// What follows the common header.
    body: &'a [u8],
}

impl<'a> Packet<'a> {
    fn split(octets: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (header, rest) = octets.split_first_chunk::<4>()?;
        let [first, kind, high, low] = *header;
        if first >> 6 != 2 {
            return None;
        }
        let (body, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])) * 4)?;
        Some((Self { padding: first & 0x20 != 0, count: usize::from(first & 0x1f), kind, body }, rest))
    }

    fn parts(self) -> impl Iterator<Item = Part> + use<'a> {
        let sender = if self.kind == SENDER_REPORT { self.sender() } else { None };
        let goodbyes = if self.kind == GOODBYE { self.count } else { 0 };
        let goodbyes = self.body.chunks_exact(4).take(goodbyes).filter_map(|chunk| word(chunk, 0));
        let goodbyes = goodbyes.map(|ssrc| Part::Goodbye { ssrc });
        sender.into_iter().chain(self.blocks().map(Part::Report)).chain(goodbyes)
    }

    fn sender(&self) -> Option<Part> {
        let ntp = (u64::from(word(self.body, 4)?) << 32) | u64::from(word(self.body, 8)?);
        let (timestamp, packets) = (word(self.body, 12)?, word(self.body, 16)?);
        let info = SenderInfo { ntp, timestamp, packets, octets: word(self.body, 20)? };
        Some(Part::Sender { ssrc: word(self.body, 0)?, info })
    }

    fn blocks(&self) -> impl Iterator<Item = Block> + use<'a> {
        let (skip, count) = match self.kind {
            SENDER_REPORT => (SENDER_INFO, self.count),
            RECEIVER_REPORT => (4, self.count),
            _ => (0, 0),
        };
        let blocks = self.body.get(skip..).unwrap_or_default();
        blocks.chunks_exact(BLOCK).take(count).filter_map(read_block)
    }
}

fn read_block(octets: &[u8]) -> Option<Block> {
    let loss = word(octets, 4)?;
    let reception = Reception {
        ssrc: word(octets, 0)?,
        fraction_lost: (loss >> 24) as u8,
        // Carries the sign of 24 bits on to 32.
        lost: (loss << 8) as i32 >> 8,
        highest: word(octets, 8)?,
        jitter: word(octets, 12)?,
    };
    Some(Block { reception, last_report: word(octets, 16)?, delay: word(octets, 20)? })
}

fn word(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk::<4>().map(|word| u32::from_be_bytes(*word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn info() -> SenderInfo {
        SenderInfo { ntp: 0xe000_0001_8000_0000, timestamp: 5, packets: 6, octets: 7 }
    }

    #[test]
    fn a_goodbye_is_the_last_part_of_a_whole_report() {
        let mut out = Vec::new();
        write(&mut out, 9, Some(&info()), None, "abc");
        write_goodbye(&mut out, 9);
        let parts: Vec<_> = read(&out).expect("valid").collect();
        assert_eq!(parts, [Part::Sender { ssrc: 9, info: info() }, Part::Goodbye { ssrc: 9 }]);
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        let mut out = Vec::new();
        write(&mut out, 9, None, None, "abc");
        assert!(read(&out).is_some());
        assert!(read(&out[..out.len() - 1]).is_none());
        assert!(read(&[&out[..], &[0]].concat()).is_none());
        assert!(read(&out[8..]).is_none(), "a description cannot stand first");
        assert!(read(&[]).is_none());
    }

    fn block(last_report: u32, delay: u32) -> Block {
        let reception = Reception { ssrc: 1, fraction_lost: 0, lost: 0, highest: 0, jitter: 0 };
        Block { reception, last_report, delay }
    }

    #[test]
    fn the_round_trip_is_what_is_left_of_the_time_since_our_report() {
        // The example of RFC 3550 6.4.1, figure 2: 6.125 s.
        let example = block(0xb705_2000, 0x0005_4000);
        assert_eq!(round_trip(0xb710_8000, &example), Some(Duration::from_millis(6125)));
        let over_the_wrap = block(0xffff_8000, 0x8000);
        assert_eq!(round_trip(0x0000_4000, &over_the_wrap), Some(Duration::from_millis(250)));
        assert_eq!(round_trip(0xb705_2000 + 0x0005_3ff0, &example), Some(Duration::ZERO), "rounded up there");
        assert_eq!(round_trip(0xb710_8000, &block(0, 0)), None, "it has had no report of ours");
        assert_eq!(round_trip(0xb705_2000, &example), None, "it answered before it was asked");
        assert_eq!(round_trip(0xb715_8000, &block(0xb705_2000, 0)), None, "16 s are nonsense");
    }

    #[test]
    fn on_a_shared_port_rtcp_is_told_by_its_second_octet() {
        let mut report = Vec::new();
        write(&mut report, 9, Some(&info()), None, "abc");
        assert!(is_rtcp(&report));
        assert_eq!(source(&report), Some(9));
        // PCMA, PCMA with M, telephone-event with M, and payload types on both sides of 64 to 95.
        for second in [8, 0x88, 0x80 | 101, 0x80 | 63, 0x80 | 96, 72] {
            assert!(!is_rtcp(&[0x80, second, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), "{second}");
        }
        assert!(!is_rtcp(&[0x40, 200]) && !is_rtcp(&[0x80]) && source(&[0x80, 200]).is_none());
    }

    proptest! {
        #[test]
        fn any_round_trip_is_found_to_a_millisecond(
            sent: u32, there_us in 0..3_000_000_u64, kept_us in 0..60_000_000_u64, back_us in 0..3_000_000_u64,
        ) {
            let units = |us: u64| u32::try_from(us * 65_536 / 1_000_000).expect("an hour is the limit");
            let sent = sent.max(1);
            let now = sent.wrapping_add(units(there_us + kept_us + back_us));
            let trip = round_trip(now, &block(sent, units(kept_us))).expect("known").as_micros();
            prop_assert!(trip.abs_diff(u128::from(there_us + back_us)) < 1000, "{}", trip);
        }

        #[test]
        fn what_is_written_is_read_back(
            ssrc: u32, source: u32, fraction_lost: u8, lost in -0x80_0000..0x80_0000_i32,
            highest: u32, jitter: u32, last_report: u32, delay: u32, sends: bool, cname in "[a-z0-9]{0,40}",
        ) {
            let reception = Reception { ssrc: source, fraction_lost, lost, highest, jitter };
            let block = Block { reception, last_report, delay };
            let info = sends.then(info);
            let mut out = Vec::new();
            write(&mut out, ssrc, info.as_ref(), Some(&block), &cname);
            let parts: Vec<_> = read(&out).expect("valid").collect();
            let mut expected: Vec<_> = info.map(|info| Part::Sender { ssrc, info }).into_iter().collect();
            expected.push(Part::Report(block));
            prop_assert_eq!(parts, expected);
        }

        #[test]
        fn any_octets_are_read_or_refused(first in 200u8..205, octets in proptest::collection::vec(any::<u8>(), 0..120)) {
            let datagram = [&[0x81, first][..], &octets].concat();
            if let Some(parts) = read(&datagram) {
                prop_assert!(parts.count() <= datagram.len());
            }
        }
    }
}
