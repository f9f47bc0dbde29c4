//! What comes to a media port: RTP, RTCP, telephone-events, from anybody.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nightbell::rtp::jitter::{JitterBuffer, Piece, Sound};
use nightbell::rtp::latch::{Latch, Verdict};
use nightbell::rtp::packet::{HEADER, Header, Packet};
use nightbell::rtp::sequence::Receiver;
use nightbell::rtp::srtp::{self, Keying, Suite};
use nightbell::rtp::{rtcp, telephone_event};

/// One octet tells the time that passes in ms, one the sender, one the length; then comes a datagram.
pub fn rtp(data: &[u8]) {
    let mut port = Port::new();
    let mut rest = data;
    while let [ms, sender, len, after @ ..] = rest {
        let (datagram, next) = after.split_at(usize::from(*len).min(after.len()));
        port.receive(u64::from(*ms), *sender, datagram);
        rest = next;
    }
    port.whole(data);
}

/// Nobody without the key is let in, and what we protect is what was to be said.
fn protection(data: &[u8]) {
    let mki = data.first().copied().unwrap_or_default() % 8;
    let keying = Keying { suite: Suite::AesCm128HmacSha1_80, master: [0x5a; srtp::MASTER], mki };
    let mut receiver = srtp::Receiver::new(keying.clone(), 0);
    let mut copy = data.to_vec();
    assert!(receiver.rtp(&mut copy).is_err() && receiver.rtcp(&mut copy).is_err());
    assert_eq!(copy, data);
    let keying = Keying { mki: 0, ..keying };
    let (mut sender, mut receiver) = (srtp::Sender::new(keying.clone()), srtp::Receiver::new(keying, 0));
    if let Some(protected) = sender.rtp(data) {
        let mut protected = protected.to_vec();
        assert_eq!(receiver.rtp(&mut protected), Ok(data.len()));
        assert_eq!(protected.get(..data.len()), Some(data));
    }
    if let Some(protected) = sender.rtcp(data) {
        let mut protected = protected.to_vec();
        assert_eq!(receiver.rtcp(&mut protected), Ok(data.len()));
        assert_eq!(protected.get(..data.len()), Some(data));
    }
}

struct Port {
    now: Instant,
    latch: Latch,
    receiver: Receiver,
    presses: telephone_event::Receiver,
    jitter: JitterBuffer,
    /// Where the audio given so far ends.
    at: u64,
    packets: u64,
}

impl Port {
    fn new() -> Self {
        let now = Instant::now();
        let signalled = SocketAddr::from(([192, 0, 2, 1], 4000));
        let allowed = "198.51.100.0/24".parse().into_iter().collect();
        Self {
            now,
            latch: Latch::new(signalled, allowed, now),
            receiver: Receiver::default(),
            presses: telephone_event::Receiver::default(),
            jitter: JitterBuffer::new(now),
            at: 0,
            packets: 0,
        }
    }

    /// The whole input as one datagram of each kind.
    fn whole(&self, data: &[u8]) {
        protection(data);
        if let Some(packet) = Packet::read(data) {
            let mut copy = data.to_vec();
            let sent = packet.rewrite(&mut copy, &packet.header).expect("the header has room");
            let again = Packet::read(sent).expect("what we send can be read");
            assert_eq!(again.header, packet.header);
            assert_eq!(again.payload(sent), packet.payload(data));
            assert_eq!(again.payload.start, HEADER);
        }
        if let Some(parts) = rtcp::read(data) {
            assert!(parts.count() <= data.len());
        }
    }

    fn receive(&mut self, ms: u64, sender: u8, datagram: &[u8]) {
        self.now += Duration::from_millis(ms);
        self.whole(datagram);
        let Some(packet) = Packet::read(datagram) else { return };
        let net =
            if sender.is_multiple_of(2) { [198, 51, 100, sender % 8] } else { [203, 0, 113, sender % 8] };
        let source = SocketAddr::from((net, 5000));
        let header = packet.header;
        let verdict = self.latch.receive(self.now, source, header.ssrc, header.sequence);
        assert!(sender.is_multiple_of(2) || verdict == Verdict::Foreign, "a stranger is never heard");
        assert!(verdict != Verdict::Accepted || self.latch.remote() == source);
        self.receiver.receive(header.ssrc, header.sequence, header.timestamp, Some(ms as u32));
        self.packets += 1;
        let payload = packet.payload(datagram);
        let heard = self.presses.receive(self.now, header.ssrc, header.timestamp, header.marker, payload);
        assert!(heard.is_none_or(|heard| heard.press <= self.packets), "no packet is two presses");
        self.reassemble(&header, payload);
    }

    fn reassemble(&mut self, header: &Header, payload: &[u8]) {
        let at = &mut self.at;
        let mut follows = |piece: Piece<'_>| {
            let (begin, samples) = match piece {
                Piece::Audio { at, payload } => (at, payload.len() as u64),
                Piece::Lost { at, samples } | Piece::Pause { at, samples } => (at, samples),
                Piece::Noise { at, .. } => (at, 0),
            };
            assert_eq!(begin, *at, "pieces follow each other");
            *at += samples;
        };
        self.jitter.release(self.now, &mut follows);
        let sound = if header.payload_type == 13 { Sound::Noise(payload) } else { Sound::Audio(payload) };
        self.jitter.receive(self.now, (header.sequence, header.timestamp), sound, &mut follows);
    }
}
