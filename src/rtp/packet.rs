//! The RTP packet (RFC 3550 5.1).

use std::ops::Range;

use rtp_rs::RtpReader;

/// Octets of a header without contributing sources and extension.
pub const HEADER: usize = 12;

/// The fixed header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// M: in audio the begin of a talkspurt (RFC 3551 4.1).
    pub marker: bool,
    /// PT, 7 bits.
    pub payload_type: u8,
    /// Counts packets; wraps.
    pub sequence: u16,
    /// In units of 125 us; wraps.
    pub timestamp: u32,
    /// The synchronization source.
    pub ssrc: u32,
}

impl Header {
    /// As it goes on the wire: version 2, no padding, no extension, no contributing sources.
    pub fn to_octets(&self) -> [u8; HEADER] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [c0, c1, c2, c3] = self.ssrc.to_be_bytes();
        let second = (u8::from(self.marker) << 7) | (self.payload_type & 0x7f);
        [0x80, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3]
    }
}

/// A packet as it came: what its header says, and where in the datagram its payload lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The fixed header.
    pub header: Header,
    /// The payload, without header extension and padding. Starts at 12 or later.
    pub payload: Range<usize>,
}

impl Packet {
    /// Reads a datagram; nothing if it is no RTP packet of version 2 (RFC 3550 A.1).
    pub fn read(datagram: &[u8]) -> Option<Self> {
        let reader = RtpReader::new(datagram).ok()?;
        let header = Header {
            marker: reader.mark(),
            payload_type: reader.payload_type(),
            sequence: reader.sequence_number().into(),
            timestamp: reader.timestamp(),
            ssrc: reader.ssrc(),
        };
        let start = reader.payload_offset();
        Some(Self { header, payload: start..start + reader.payload().len() })
    }

    /// The payload in the datagram this was read from.
    pub fn payload<'a>(&self, datagram: &'a [u8]) -> &'a [u8] {
        datagram.get(self.payload.clone()).unwrap_or_default()
    }

    /// Puts a new header right before the payload, in place. Returns what is to be sent: extension,
    /// contributing sources and padding are left out.
    pub fn rewrite<'a>(&self, datagram: &'a mut [u8], header: &Header) -> Option<&'a [u8]> {
        let start = self.payload.start.checked_sub(HEADER)?;
        let whole = datagram.get_mut(start..self.payload.end)?;
        whole.get_mut(..HEADER)?.copy_from_slice(&header.to_octets());
        Some(whole)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn contributing_sources_extension_and_padding_are_left_out_when_a_packet_goes_on() {
        // V=2 P=1 X=1 CC=1, M=1 PT=8.
        let mut datagram = vec![0xb1, 0x88, 0, 7, 0, 0, 0, 9, 1, 2, 3, 4, 9, 9, 9, 9, 0xbe, 0xde, 0, 1];
        datagram.extend([0xee, 0xee, 0xee, 0xee, 10, 20, 30, 0, 2]);
        let packet = Packet::read(&datagram).expect("a valid packet");
        assert_eq!(packet.payload(&datagram), [10, 20, 30]);
        let header = Header { marker: false, payload_type: 0, sequence: 1, timestamp: 2, ssrc: 3 };
        let sent = packet.rewrite(&mut datagram, &header).expect("room for the header");
        assert_eq!(sent, [0x80, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 10, 20, 30]);
    }

    #[test]
    fn other_versions_and_truncated_headers_are_no_packets() {
        for datagram in [&[0x40; 12][..], &[0x80; 11], &[0x8f; 20], &[0x90; 14], &[0xa0, 0, 0, 0], &[]] {
            assert_eq!(Packet::read(datagram), None, "{datagram:?}");
        }
        assert_eq!(
            Packet::read(&[0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]),
            None,
            "padding beyond the payload"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            marker: bool, payload_type in 0u8..128, sequence: u16, timestamp: u32, ssrc: u32, payload: Vec<u8>,
        ) {
            let header = Header { marker, payload_type, sequence, timestamp, ssrc };
            let datagram = [&header.to_octets()[..], &payload].concat();
            let packet = Packet::read(&datagram).expect("a valid packet");
            prop_assert_eq!(packet.header, header);
            prop_assert_eq!(packet.payload(&datagram), &payload[..]);
        }

        #[test]
        fn any_octets_are_read_or_refused(datagram in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(packet) = Packet::read(&datagram) {
                prop_assert!(packet.payload.start >= HEADER && packet.payload.end <= datagram.len());
            }
        }
    }
}
