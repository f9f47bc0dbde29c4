//! Keys as telephone-events, in any order, with any timestamps, from any source, with audio between them.

use std::time::{Duration, Instant};

use nightbell::rtp::telephone_event::Receiver;

/// The first octet tells what was agreed. Then each eight octets are a packet: the time that passes in ms, what
/// it is (source, marker, audio, how its timestamp is meant), two of its timestamp, and its payload.
pub fn events(data: &[u8]) {
    let Some((agreed, packets)) = data.split_first() else { return };
    let mut line = Line::new(*agreed);
    packets.as_chunks().0.iter().for_each(|packet| line.takes(packet));
}

struct Line {
    now: Instant,
    receiver: Receiver,
    timestamp: u32,
    /// The source, timestamp and event of the newest press.
    begun: Option<(u32, u32, u8)>,
}

impl Line {
    fn new(agreed: u8) -> Self {
        let mut receiver = Receiver::default();
        let clock = [8_000, 16_000, 32_000, 48_000].get(usize::from(agreed % 4)).copied().unwrap_or(8_000);
        receiver.agree(clock, agreed < 0x80);
        Self { now: Instant::now(), receiver, timestamp: u32::MAX - 4000, begun: None }
    }

    fn takes(&mut self, packet: &[u8; 8]) {
        let [ms, what, high, low, payload @ ..] = packet;
        self.now += Duration::from_millis(u64::from(*ms));
        let step = u16::from_be_bytes([*high, *low]);
        self.timestamp = match what >> 6 {
            0 => self.timestamp,
            1 => self.timestamp.wrapping_add(u32::from(step)),
            2 => self.timestamp.wrapping_sub(u32::from(step)),
            _ => u32::from(step) << 16,
        };
        let (ssrc, marker) = (u32::from(what & 1), what & 2 != 0);
        if what & 4 != 0 {
            let from = self.receiver.audio(self.now, ssrc, self.timestamp, usize::from(*low));
            assert!(from.is_none_or(|from| from < usize::from(*low)), "a place in the packet");
        } else {
            self.hears(ssrc, marker, payload);
        }
    }

    fn hears(&mut self, ssrc: u32, marker: bool, payload: &[u8]) {
        let before = self.receiver.presses();
        let heard = self.receiver.receive(self.now, ssrc, self.timestamp, marker, payload);
        let identity = (ssrc, self.timestamp, payload.first().copied().unwrap_or_default());
        let Some(heard) = heard else { return assert_eq!(self.receiver.presses(), before) };
        assert_eq!(heard.press, self.receiver.presses());
        assert_eq!(heard.press, before + u64::from(heard.begins), "a press is told at its begin");
        if heard.begins {
            assert_ne!(self.begun, Some(identity), "a press is told once");
            self.begun = Some(identity);
        }
    }
}
