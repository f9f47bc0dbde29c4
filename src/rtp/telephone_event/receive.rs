//! Receiving keys (RFC 4733 2.5.2): each press is told once, at the first packet that comes of it.
//!
//! A press is known by its source, timestamp and event. Which packets of it are lost, repeated or
//! out of order does not matter, nor whether the M bit is set: many senders do not set it.

use std::time::{Duration, Instant};

use super::Payload;
use crate::rtp::CLOCK_RATE;

/// A press of which nothing came for so long is over, though its end was not seen; the next packet of it
/// still is no new press.
const SILENCE: Duration = Duration::from_millis(150);
/// A timestamp behind the newest press by less than this is of an old press, out of order; one
/// further behind is of a sender that began to count anew. In ms.
const OLD: u32 = 2_000;
/// An end that comes alone, under a new timestamp, so soon after the end of the same key is that
/// end again: some relays give its repetitions new timestamps. In ms.
const REPEATED_END: u32 = 40;
/// The next segment of a long press may begin so much after the last duration seen, which then is
/// near its limit of 0xffff (RFC 4733 2.5.1.3). In ms.
const SEGMENT_SLACK: u32 = 200;

/// Audio this far behind the end of a press, as far as that was seen, tells that it is over. Some phones go
/// on to send audio beside their events. In ms.
const GRACE: u32 = 60;

/// No more than one hook flash is told in so long.
const FLASHES_APART: Duration = Duration::from_secs(1);

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
    /// Units of the events' timestamps in a ms.
    units: u32,
    repeated_ends: bool,
    /// The newest hook flash, and when it was told.
    flash: Option<Flash>,
}

impl Default for Receiver {
    fn default() -> Self {
        Self { presses: 0, newest: None, units: CLOCK_RATE / 1000, repeated_ends: true, flash: None }
    }
}

/// A hook flash.
#[derive(Debug, Clone, Copy)]
struct Flash {
    ssrc: u32,
    timestamp: u32,
    told: Instant,
}

/// A packet of an event.
struct Packet {
    now: Instant,
    ssrc: u32,
    timestamp: u32,
    marker: bool,
    payload: Payload,
    /// Of its timestamp, in a ms.
    units: u32,
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
    /// What was agreed: the rate of the timestamps in Hz (8000 unless it is said), and whether an end that
    /// comes alone under a new timestamp, within 40 ms of the end of the same key, is that end again (it is,
    /// unless it is said).
    pub fn agree(&mut self, clock_rate: u32, repeated_ends: bool) {
        (self.units, self.repeated_ends) = (clock_rate / 1000, repeated_ends);
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
        let packet = Packet { now, ssrc, timestamp, marker, payload, units: self.units };
        let heard = |press, begins, timestamp| Some(Heard { key, press, begins, timestamp });
        if let Some(press) = &mut self.newest {
            if press.is_older(&packet) {
                return None;
            }
            if press.goes_on(&packet) {
                press.follow(&packet);
                return heard(self.presses, false, press.timestamp);
            }
            if self.repeated_ends && press.ends_again(&packet) {
                (press.end_timestamp, press.ended) = (timestamp, true);
                return heard(self.presses, false, press.timestamp);
            }
        }
        self.newest = Some(Press::new(&packet));
        self.presses = self.presses.saturating_add(1);
        heard(self.presses, true, timestamp)
    }

    /// A packet of audio has come. Returns from which octet on (8000 octets a second) a key is pressed that
    /// is told in events: what is heard there is its tone, if anything.
    pub fn audio(&mut self, now: Instant, ssrc: u32, timestamp: u32, octets: usize) -> Option<usize> {
        let press = self.newest.as_mut().filter(|press| press.is_held(now) && press.ssrc == ssrc)?;
        if self.units * 1000 != CLOCK_RATE {
            // Another clock: the two cannot be compared.
            return (octets > 0).then_some(0);
        }
        let ahead = timestamp.wrapping_sub(press.timestamp) as i32;
        if ahead > 0 && ahead.unsigned_abs() > u32::from(press.duration) + GRACE * self.units {
            press.left = true;
            return None;
        }
        let from = usize::try_from(ahead.min(0).unsigned_abs()).ok()?;
        (from < octets).then_some(from)
    }

    /// Whether this is the first packet of a hook flash that is to be told: one a second, for a phone may send
    /// as many as it likes.
    pub fn flash(&mut self, now: Instant, ssrc: u32, timestamp: u32, payload: &[u8]) -> bool {
        let known = |flash: Flash| {
            (flash.ssrc, flash.timestamp) == (ssrc, timestamp)
                || now.saturating_duration_since(flash.told) < FLASHES_APART
        };
        let is_flash = Payload::read(payload).is_some_and(|payload| payload.is_flash());
        let tells = is_flash && !self.flash.is_some_and(known);
        if tells {
            self.flash = Some(Flash { ssrc, timestamp, told: now });
        }
        tells
    }

    /// How many presses have begun.
    pub fn presses(&self) -> u64 {
        self.presses
    }
}

impl Press {
    fn new(packet: &Packet) -> Self {
        let Payload { event, end, duration, .. } = packet.payload;
        Self {
            ssrc: packet.ssrc,
            event,
            timestamp: packet.timestamp,
            end_timestamp: packet.timestamp,
            duration,
            ended: end,
            left: false,
            seen: packet.now,
        }
    }

    /// Whether a packet is of a press before this one, out of order.
    fn is_older(&self, packet: &Packet) -> bool {
        let behind = self.end_timestamp.wrapping_sub(packet.timestamp);
        let own = packet.timestamp == self.timestamp || packet.timestamp == self.end_timestamp;
        self.ssrc == packet.ssrc && !own && behind < OLD * packet.units
    }

    fn goes_on(&self, packet: &Packet) -> bool {
        if !self.is_of(packet) {
            return false;
        }
        let ahead = packet.timestamp.wrapping_sub(self.timestamp);
        ahead == 0 || (!packet.marker && self.is_segment(packet, ahead))
    }

    fn is_of(&self, packet: &Packet) -> bool {
        (self.ssrc, self.event) == (packet.ssrc, packet.payload.event)
    }

    /// Whether it is held, as far as is known: neither its end nor its absence was noticed.
    fn is_held(&self, now: Instant) -> bool {
        !self.ended && !self.left && now.saturating_duration_since(self.seen) < SILENCE
    }

    /// Whether a timestamp so far ahead is the next segment of this press.
    fn is_segment(&self, packet: &Packet, ahead: u32) -> bool {
        let (duration, slack) = (u32::from(self.duration), SEGMENT_SLACK * packet.units);
        let slack = if duration + slack > u32::from(u16::MAX) { slack } else { 0 };
        let contiguous = duration > 0 && (duration..=duration + slack).contains(&ahead);
        contiguous && !self.ended && packet.now.saturating_duration_since(self.seen) < SILENCE
    }

    /// Whether it is the end of this press once more, under a new timestamp.
    fn ends_again(&self, packet: &Packet) -> bool {
        let ahead = packet.timestamp.wrapping_sub(self.end_timestamp);
        let duration = u32::from(self.duration);
        // Its own end may be lost; but two presses of one key do not overlap.
        let soon = if self.ended { duration + REPEATED_END * packet.units } else { duration };
        self.is_of(packet) && packet.payload.end && !packet.marker && ahead <= soon
    }

    fn follow(&mut self, packet: &Packet) {
        let Payload { duration, end, .. } = packet.payload;
        let same_segment = packet.timestamp == self.timestamp;
        self.duration = if same_segment { self.duration.max(duration) } else { duration };
        self.timestamp = packet.timestamp;
        self.end_timestamp = packet.timestamp;
        self.ended |= end;
        self.left = false;
        self.seen = packet.now;
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
    fn ends_repeated_under_new_timestamps_are_one_press_in_any_order_and_though_its_own_end_was_lost() {
        let mut scene = Scene::new();
        scene.packet(9, 1000, 800, false);
        for timestamp in [1320, 1160, 1480] {
            scene.packet(9, timestamp, 800, true);
        }
        assert_eq!(scene.keys, "9");
    }

    #[test]
    fn where_ends_are_not_repeated_under_new_timestamps_each_is_a_press() {
        let mut scene = Scene::new();
        scene.receiver.agree(8000, false);
        scene.packet(9, 1000, 160, true);
        scene.packet(9, 1320, 160, true);
        assert_eq!(scene.keys, "99");
    }

    #[test]
    fn a_quick_second_press_of_the_same_key_counts() {
        let mut scene = Scene::new();
        scene.packet(9, 1000, 640, true);
        scene.packet(9, 1000 + 640 + 400, 160, false);
        assert_eq!(scene.keys, "99");
    }

    /// From which octet on a key is pressed in a packet of 20 ms of audio, with a timestamp.
    fn pressed(scene: &mut Scene, timestamp: u32) -> Option<usize> {
        scene.receiver.audio(scene.now, 1, timestamp, 160)
    }

    #[test]
    fn a_press_without_an_end_is_over_after_150_ms_and_what_comes_of_it_then_is_no_new_one() {
        let mut scene = Scene::new();
        scene.packet(2, 1000, 160, false);
        scene.now += Duration::from_millis(149);
        assert_eq!(pressed(&mut scene, 1160), Some(0));
        scene.now += Duration::from_millis(1);
        assert_eq!(pressed(&mut scene, 1160), None);
        scene.packet(2, 1000, 1800, true);
        assert_eq!(scene.keys, "2");
    }

    #[test]
    fn a_press_is_over_when_audio_goes_on_after_it_or_another_one_begins() {
        let mut scene = Scene::new();
        scene.packet(2, 1000, 160, false);
        assert_eq!(pressed(&mut scene, 1160), Some(0), "audio beside the event");
        assert_eq!(pressed(&mut scene, 900), Some(100), "it begins in this packet");
        assert_eq!(pressed(&mut scene, 840), None, "before it");
        assert_eq!(pressed(&mut scene, 1000 + 160 + 481), None);
        assert_eq!(pressed(&mut scene, 1160), None, "and stays so");
        scene.packet(2, 1000, 320, false);
        assert_eq!(pressed(&mut scene, 1160), Some(0), "unless more of it comes");
        scene.packet(3, 2000, 160, true);
        assert_eq!((pressed(&mut scene, 1160), scene.keys.as_str()), (None, "23"));
    }

    #[test]
    fn the_rules_are_of_the_same_length_on_a_faster_clock() {
        let mut scene = Scene::new();
        scene.receiver.agree(48_000, true);
        scene.packet(9, 1000, 4800, true);
        scene.packet(9, 1000 + 4800 + 1900, 4800, true);
        assert_eq!(scene.keys, "9", "an end again");
        scene.packet(9, 1000 + 4800 + 4800 + 2400, 960, false);
        assert_eq!(pressed(&mut scene, 7), Some(0), "whatever the audio's clock says");
        assert_eq!(scene.keys, "99");
    }

    #[test]
    fn a_flash_of_the_hook_is_told_once() {
        let mut scene = Scene::new();
        let payload = Payload { event: 16, end: false, volume: 0, duration: 160 }.to_octets();
        let begin = scene.now;
        let mut flashed =
            |ms, timestamp| scene.receiver.flash(begin + Duration::from_millis(ms), 1, timestamp, &payload);
        assert_eq!([flashed(0, 5), flashed(20, 5), flashed(1500, 5)], [true, false, false]);
        assert_eq!([flashed(1500, 12_000), flashed(1520, 12_160)], [true, false], "one a second");
        assert!(!scene.receiver.flash(begin + Duration::from_secs(9), 1, 2000, &[5, 0, 0, 0]));
    }

    #[test]
    fn of_a_payload_with_several_events_padding_or_the_reserved_bit_the_first_event_counts() {
        let mut scene = Scene::new();
        for (n, payload) in
            [&[5, 0xca, 0, 160, 6, 0x0a, 0, 160][..], &[5, 0x0a, 0, 160, 0, 0, 0]].iter().enumerate()
        {
            let heard = scene.receiver.receive(scene.now, 1, 9000 * (n as u32 + 1), false, payload);
            assert_eq!(heard.map(|heard| heard.key), Some('5'));
        }
    }

    #[test]
    fn of_keys_with_30_percent_of_their_packets_lost_others_repeated_and_late_99_percent_are_heard_and_none_twice()
     {
        for seed in 1..=20_u64 {
            let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut chance = |percent: u64| {
                dice ^= dice >> 12;
                dice ^= dice << 25;
                dice ^= dice >> 27;
                (dice.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % 100 < percent
            };
            let (mut scene, mut pressed) = (Scene::new(), String::new());
            // What is late comes after the packet that follows it.
            let mut late = None;
            for n in 0..1000_u32 {
                let event = (n * 7 % 16) as u8;
                pressed.push(super::super::KEYS[usize::from(event)]);
                for packet in 1..=8_u16 {
                    let sent = (event, n * 1600, 160 * packet.min(5), packet > 5);
                    if chance(30) {
                        continue;
                    }
                    if late.is_none() && chance(10) {
                        late = Some(sent);
                        continue;
                    }
                    for (event, timestamp, duration, end) in std::iter::once(sent).chain(late.take()) {
                        for _ in 0..if chance(10) { 2 } else { 1 } {
                            scene.packet(event, timestamp, duration, end);
                        }
                    }
                }
            }
            let mut rest = pressed.chars();
            assert!(scene.keys.chars().all(|key| rest.any(|next| next == key)), "seed {seed}: a key twice");
            assert!(scene.keys.len() >= 990, "seed {seed}: {}", scene.keys.len());
        }
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
