//! Sending a key (RFC 4733 2.5.1): a packet every 20 ms, and the end three times.

use super::{Payload, event_of};

/// Packets in a second.
const PACKETS: u32 = 50;
/// How many of them a key is held: 100 ms.
const HELD: u16 = 5;
/// How often the end is told (RFC 4733 2.5.1.4).
const ENDS: u8 = 3;
/// The tone's power: -10 dBm0.
const VOLUME: u8 = 10;

/// A packet to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing {
    /// M: set in the first packet of an event.
    pub marker: bool,
    /// The event's begin, the same in all its packets.
    pub timestamp: u32,
    /// The payload.
    pub payload: [u8; 4],
}

/// A key being sent.
#[derive(Debug, Clone)]
pub struct Sender {
    event: u8,
    timestamp: u32,
    /// Units of the timestamp between two packets.
    step: u16,
    duration: u16,
    until: u16,
    ends_left: u8,
}

impl Sender {
    /// Begins to send a key, with timestamps of so many units a second (at most 65,535 Hz); nothing if it is
    /// no key.
    pub fn new(key: char, timestamp: u32, clock_rate: u32) -> Option<Self> {
        let step = u16::try_from(clock_rate / PACKETS).ok()?;
        let until = step.checked_mul(HELD)?;
        Some(Self { event: event_of(key)?, timestamp, step, duration: 0, until, ends_left: ENDS })
    }

    /// Ends the key with the next packet: the stream is to be closed.
    pub fn cut_short(&mut self) {
        self.until = self.duration.max(self.step);
    }
}

/// The packets: one every 20 ms until there is none. The audio rests meanwhile.
impl Iterator for Sender {
    type Item = Outgoing;

    fn next(&mut self) -> Option<Outgoing> {
        let marker = self.duration == 0;
        self.duration = self.duration.saturating_add(self.step).min(self.until);
        let end = self.duration == self.until;
        if end {
            self.ends_left = self.ends_left.checked_sub(1)?;
        }
        let payload = Payload { event: self.event, end, volume: VOLUME, duration: self.duration };
        Some(Outgoing { marker, timestamp: self.timestamp, payload: payload.to_octets() })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::Receiver;
    use super::*;

    fn payloads(sender: Sender) -> Vec<(bool, Payload)> {
        sender.map(|sent| (sent.marker, Payload::read(&sent.payload).expect("whole"))).collect()
    }

    #[test]
    fn a_key_begins_with_the_marker_grows_and_ends_three_times() {
        let sent = payloads(Sender::new('#', 77, 8000).expect("a key"));
        let seen: Vec<_> = sent.iter().map(|(marker, p)| (*marker, p.duration, p.end)).collect();
        let end = (false, 800, true);
        assert_eq!(
            seen,
            [
                (true, 160, false),
                (false, 320, false),
                (false, 480, false),
                (false, 640, false),
                end,
                end,
                end
            ]
        );
        assert!(sent.iter().all(|(_, payload)| payload.event == 11));
    }

    #[test]
    fn durations_are_in_units_of_the_clock_that_was_agreed() {
        let durations = |rate| {
            let sent = payloads(Sender::new('1', 0, rate).expect("a key"));
            sent.iter().map(|(_, payload)| payload.duration).collect::<Vec<_>>()
        };
        assert_eq!(durations(16_000), [320, 640, 960, 1280, 1600, 1600, 1600]);
        assert_eq!(durations(48_000), [960, 1920, 2880, 3840, 4800, 4800, 4800]);
    }

    #[test]
    fn a_key_cut_short_still_ends_three_times() {
        let mut sender = Sender::new('5', 0, 8000).expect("a key");
        sender.next();
        sender.next();
        sender.cut_short();
        let rest = payloads(sender);
        assert_eq!(rest.len(), 3);
        assert!(rest.iter().all(|(_, payload)| payload.end && payload.duration == 320));
    }

    #[test]
    fn what_is_sent_is_received_as_one_press() {
        for key in super::super::KEYS {
            let mut receiver = Receiver::default();
            let sent = Sender::new(key, u32::MAX, 8000).expect("a key");
            let heard: Vec<_> = sent
                .filter_map(|out| {
                    receiver.receive(Instant::now(), 1, out.timestamp, out.marker, &out.payload)
                })
                .filter(|heard| heard.begins)
                .map(|heard| heard.key)
                .collect();
            assert_eq!(heard, [key]);
        }
        assert!(Sender::new('x', 0, 8000).is_none());
    }
}
