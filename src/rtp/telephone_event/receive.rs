//! Receiving keys (RFC 4733 2.5.2): each press is told once, at the first packet that comes of it.
//!
//! A press is known by its source, timestamp and event. Which packets of it are lost, repeated or
//! out of order does not matter, nor whether the M bit is set: many senders do not set it.

use std::time::{Duration, Instant};

use super::Payload;

/// A press of which nothing came for so long is over, though its end was not seen; the next packet of it
/// still is no new press.
const SILENCE: Duration = Duration::from_millis(150);
/// A timestamp behind the newest press by less than this is of an old press, out of order; one
/// further behind is of a sender that began to count anew. Units of the timestamp: 2 s.
const OLD: u32 = 16_000;
/// An end that comes alone, under a new timestamp, so soon after the end of the same key is that
/// end again: some relays give its repetitions new timestamps. Units of the timestamp: 40 ms.
const REPEATED_END: u32 = 320;
/// The next segment of a long press may begin so much after the last duration seen, which then is
/// near its limit of 0xffff (RFC 4733 2.5.1.3). Units of the timestamp: 200 ms.
const SEGMENT_SLACK: u32 = 1_600;

/// Audio this far behind the end of a press, as far as that was seen, tells that it is over. Some phones go
/// on to send audio beside their events. Units of the timestamp: 60 ms.
const GRACE: u32 = 480;

/// What a packet tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// `0`-`9`, `*`, `#`, `A`-`D`.
    pub key: char,
    /// Counts the presses of this stream from 1.
    pub press: u64,
    /// Whether this is the first packet of the press: the key is to be reported.
    pub begins: bool,
    /// The timestamp that the packet should have: another one than it has where an end is repeated under
    /// new timestamps.
    pub timestamp: u32,
}

/// Follows the presses of one stream.
#[derive(Debug, Clone)]
pub struct Receiver {
    presses: u64,
    newest: Option<Press>,
    repeated_ends: bool,
    /// The source and the timestamp of the newest hook flash.
    flash: Option<(u32, u32)>,
}

impl Default for Receiver {
    fn default() -> Self {
        Self { presses: 0, newest: None, repeated_ends: true, flash: None }
    }
}

#[derive(Debug, Clone, Copy)]
struct Press {
    ssrc: u32,
    event: u8,
    /// Of the newest segment.
    timestamp: u32,
    /// Of the newest end, which may have been given another one.
    end_timestamp: u32,
    duration: u16,
    ended: bool,
    /// It is over without an end, unless more of it comes.
    left: bool,
    seen: Instant,
}

impl Receiver {
    /// Whether an end that comes alone under a new timestamp, within 40 ms of the end of the same key, is that
    /// end again; it is, unless said otherwise.
    pub fn expect_repeated_ends(&mut self, expected: bool) {
        self.repeated_ends = expected;
    }

    /// A packet of events has come. Nothing: it is no key, or of an older press, out of order.
    pub fn receive(
        &mut self,
        now: Instant,
        ssrc: u32,
        timestamp: u32,
        marker: bool,
        payload: &[u8],
    ) -> Option<Heard> {
        let payload = Payload::read(payload)?;
        let key = payload.key()?;
        let heard = |press, begins, timestamp| Some(Heard { key, press, begins, timestamp });
        if let Some(press) = &mut self.newest {
            if press.is_old(ssrc, timestamp) {
                return None;
            }
            if press.goes_on(now, ssrc, timestamp, marker, payload) {
                press.follow(now, timestamp, payload);
                return heard(self.presses, false, press.timestamp);
            }
            if self.repeated_ends && press.ends_again(ssrc, timestamp, marker, payload) {
                (press.end_timestamp, press.ended) = (timestamp, true);
                return heard(self.presses, false, press.timestamp);
            }
        }
        self.newest = Some(Press::new(now, ssrc, timestamp, payload));
        self.presses = self.presses.saturating_add(1);
        heard(self.presses, true, timestamp)
    }

    /// A packet of audio has come. Returns from which octet on (8000 octets a second) a key is pressed that
    /// is told in events: what is heard there is its tone, if anything.
    pub fn audio(&mut self, now: Instant, ssrc: u32, timestamp: u32, octets: usize) -> Option<usize> {
        let press = self.newest.as_mut().filter(|press| press.is_held(now) && press.ssrc == ssrc)?;
        let ahead = timestamp.wrapping_sub(press.timestamp) as i32;
        if ahead > 0 && ahead.unsigned_abs() > u32::from(press.duration) + GRACE {
            press.left = true;
            return None;
        }
        let from = usize::try_from(ahead.min(0).unsigned_abs()).ok()?;
        (from < octets).then_some(from)
    }

    /// Whether this is the first packet of a hook flash.
    pub fn flash(&mut self, ssrc: u32, timestamp: u32, payload: &[u8]) -> bool {
        let is_flash = Payload::read(payload).is_some_and(|payload| payload.is_flash());
        is_flash && self.flash.replace((ssrc, timestamp)) != Some((ssrc, timestamp))
    }

    /// How many presses have begun.
    pub fn presses(&self) -> u64 {
        self.presses
    }
}

impl Press {
    fn new(now: Instant, ssrc: u32, timestamp: u32, payload: Payload) -> Self {
        let Payload { event, end, duration, .. } = payload;
        Self {
            ssrc,
            event,
            timestamp,
            end_timestamp: timestamp,
            duration,
            ended: end,
            left: false,
            seen: now,
        }
    }

    fn is_old(&self, ssrc: u32, timestamp: u32) -> bool {
        let behind = self.end_timestamp.wrapping_sub(timestamp);
        let own = timestamp == self.timestamp || timestamp == self.end_timestamp;
        self.ssrc == ssrc && !own && behind < OLD
    }

    fn goes_on(&self, now: Instant, ssrc: u32, timestamp: u32, marker: bool, payload: Payload) -> bool {
        if (self.ssrc, self.event) != (ssrc, payload.event) {
            return false;
        }
        let ahead = timestamp.wrapping_sub(self.timestamp);
        ahead == 0 || (!marker && self.is_segment(now, ahead))
    }

    /// Whether it is held, as far as is known: neither its end nor its absence was noticed.
    fn is_held(&self, now: Instant) -> bool {
        !self.ended && !self.left && now.saturating_duration_since(self.seen) < SILENCE
    }

    /// Whether a timestamp so far ahead is the next segment of this press.
    fn is_segment(&self, now: Instant, ahead: u32) -> bool {
        let duration = u32::from(self.duration);
        let slack = if duration + SEGMENT_SLACK > u32::from(u16::MAX) { SEGMENT_SLACK } else { 0 };
        let contiguous = duration > 0 && (duration..=duration + slack).contains(&ahead);
        contiguous && !self.ended && now.saturating_duration_since(self.seen) < SILENCE
    }

    fn ends_again(&self, ssrc: u32, timestamp: u32, marker: bool, payload: Payload) -> bool {
        let ahead = timestamp.wrapping_sub(self.end_timestamp);
        let (same, duration) = ((self.ssrc, self.event) == (ssrc, payload.event), u32::from(self.duration));
        // Its own end may be lost; but two presses of one key do not overlap.
        let soon = if self.ended { duration + REPEATED_END } else { duration };
        same && payload.end && !marker && ahead <= soon
    }

    fn follow(&mut self, now: Instant, timestamp: u32, payload: Payload) {
        let same_segment = timestamp == self.timestamp;
        self.duration = if same_segment { self.duration.max(payload.duration) } else { payload.duration };
        self.timestamp = timestamp;
        self.end_timestamp = timestamp;
        self.ended |= payload.end;
        self.left = false;
        self.seen = now;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Scene {
        receiver: Receiver,
        now: Instant,
        keys: String,
    }

    impl Scene {
        fn new() -> Self {
            Self { receiver: Receiver::default(), now: Instant::now(), keys: String::new() }
        }

        /// 20 ms later: event, timestamp, duration, E.
        fn packet(&mut self, event: u8, timestamp: u32, duration: u16, end: bool) {
            self.now += Duration::from_millis(20);
            let payload = Payload { event, end, volume: 10, duration }.to_octets();
            let heard = self.receiver.receive(self.now, 1, timestamp, false, &payload);
            self.keys.extend(heard.filter(|heard| heard.begins).map(|heard| heard.key));
        }

        /// A press as senders make it, without those of its packets `lost` says.
        fn press(&mut self, event: u8, timestamp: u32, lost: impl Fn(u16) -> bool) {
            for n in 1..=8 {
                if !lost(n) {
                    self.packet(event, timestamp, 160 * n.min(6), n >= 6);
                }
            }
        }
    }

    #[test]
    fn a_press_is_told_once_whichever_one_of_its_packets_comes() {
        for only in 1..=8 {
            let mut scene = Scene::new();
            scene.press(5, 1000, |n| n != only);
            scene.press(5, 4000, |n| n != only);
            assert_eq!(scene.keys, "55", "packet {only}");
        }
    }

    #[test]
    fn presses_are_told_apart_over_the_wrap_of_the_timestamp() {
        let mut scene = Scene::new();
        for n in 0..4_u32 {
            scene.press(1, (u32::MAX - 3000).wrapping_add(n * 2000), |_| false);
        }
        assert_eq!(scene.keys, "1111");
    }

    #[test]
    fn a_packet_of_an_older_press_out_of_order_is_no_new_press() {
        let mut scene = Scene::new();
        scene.press(1, 1000, |_| false);
        scene.press(2, 3000, |_| false);
        scene.packet(1, 1000, 960, true);
        assert_eq!(scene.keys, "12");
    }

    #[test]
    fn a_sender_that_counts_anew_is_heard() {
        let mut scene = Scene::new();
        scene.press(1, 1_000_000, |_| false);
        scene.press(2, 1000, |_| false);
        assert_eq!(scene.keys, "12");
    }

    #[test]
    fn a_long_press_in_segments_is_one_press() {
        let mut scene = Scene::new();
        scene.packet(7, 0, 160, false);
        scene.packet(7, 0, 65_440, false);
        scene.packet(7, 65_535, 160, false);
        scene.packet(7, 65_535, 960, true);
        assert_eq!(scene.keys, "7");
    }

    #[test]
    fn a_duration_of_zero_or_one_that_shrinks_does_not_hide_or_double_a_press() {
        let mut scene = Scene::new();
        scene.packet(3, 500, 0, false);
        scene.packet(3, 500, 4000, false);
        scene.packet(3, 500, 800, true);
        scene.packet(3, 9000, 0, false);
        assert_eq!(scene.keys, "33");
    }

    #[test]
    fn ends_repeated_under_new_timestamps_are_one_press() {
        let mut scene = Scene::new();
        scene.packet(9, 1000, 160, false);
        scene.packet(9, 1000, 800, true);
        scene.packet(9, 1160, 800, true);
        scene.packet(9, 1320, 800, true);
        assert_eq!(scene.keys, "9");
    }

    #[test]
    fn a_quick_second_press_of_the_same_key_counts() {
        let mut scene = Scene::new();
        scene.packet(9, 1000, 640, true);
        scene.packet(9, 1000 + 640 + 400, 160, false);
        assert_eq!(scene.keys, "99");
    }

    #[test]
    fn flash_and_other_events_are_no_keys() {
        let mut scene = Scene::new();
        scene.packet(16, 1000, 160, true);
        assert_eq!(scene.keys, "");
        assert_eq!(scene.receiver.receive(scene.now, 1, 0, true, &[1, 0, 0]), None);
    }

    proptest! {
        #[test]
        fn keys_get_through_exactly_once_with_loss_repetition_and_disorder(
            keys in proptest::collection::vec(0u8..16, 1..12),
            start: u32,
            lost in proptest::collection::vec(0u8..10, 200),
            swaps in proptest::collection::vec(0usize..8, 12),
        ) {
            let mut scene = Scene::new();
            let mut expected = String::new();
            for (n, event) in keys.iter().enumerate() {
                let timestamp = start.wrapping_add(n as u32 * 2400);
                let mut packets: Vec<u16> = (1..=8).collect();
                packets.swap(swaps[n % swaps.len()], 3);
                packets.retain(|packet| lost[(n * 8 + usize::from(*packet)) % lost.len()] > 2);
                for packet in &packets {
                    scene.packet(*event, timestamp, 160 * packet.min(&6), *packet >= 6);
                    scene.packet(*event, timestamp, 160 * packet.min(&6), *packet >= 6);
                }
                if !packets.is_empty() {
                    expected.push(super::super::KEYS[usize::from(*event)]);
                }
            }
            prop_assert_eq!(scene.keys, expected);
        }
    }
}
