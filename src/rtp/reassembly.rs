//! A source's audio in order, with its gaps: for recording and for listening to in-band keys.
//!
//! The timestamp says where a packet belongs, so silence suppression and loss leave true gaps. The
//! arrival time watches over it: a timestamp that strays from it by more than half a second has
//! leapt, and the audio goes on where the clock stands. A packet that is missing is waited for while
//! no more than four others came; then it is lost.

use std::collections::VecDeque;
use std::time::Instant;

use super::units;

/// Packets held back for one that is missing.
const WINDOW: usize = 4;
/// How far timestamp and clock may stray from each other, in samples: 0.5 s.
const STRAY: u64 = 4_000;
/// A timestamp further from the newest audio tells nothing about where it belongs: 2 s.
const NEAR: u32 = 16_000;
/// The longest payload that is taken, in octets; G.711 has one sample in each.
const MAX_PAYLOAD: usize = 1_500;

/// A piece of the audio; pieces follow each other without overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Audio.
    Audio {
        /// Where it begins, in samples since the begin.
        at: u64,
        /// One octet a sample.
        payload: &'a [u8],
    },
    /// Audio that was lost or never sent.
    Lost {
        /// Where the gap begins, in samples since the begin.
        at: u64,
        /// Its length.
        samples: u64,
    },
}

/// Puts audio in order.
#[derive(Debug, Clone)]
pub struct Reassembly {
    begin: Instant,
    /// Where the next sample belongs.
    at: u64,
    /// What the next packet is numbered and stamped with, once one has come.
    next: Option<(u16, u32)>,
    /// Packets ahead of the one that is missing, in order; spent ones lend their memory.
    held: VecDeque<Held>,
    spare: Vec<Vec<u8>>,
}

#[derive(Debug, Clone)]
struct Held {
    sequence: u16,
    timestamp: u32,
    arrived: Instant,
    payload: Vec<u8>,
}

impl Reassembly {
    /// Audio that begins now.
    pub fn new(now: Instant) -> Self {
        Self { begin: now, at: 0, next: None, held: VecDeque::with_capacity(WINDOW + 1), spare: Vec::new() }
    }

    /// A time as a position: samples since the begin.
    pub fn position(&self, time: Instant) -> u64 {
        units(time.saturating_duration_since(self.begin))
    }

    /// Where what was given ends.
    pub fn end(&self) -> u64 {
        self.at
    }

    /// Where a timestamp of the source belongs, if that is within 2 s of the newest audio.
    pub fn position_of(&self, timestamp: u32) -> Option<u64> {
        let (_, next) = self.next?;
        let ahead = timestamp.wrapping_sub(next) as i32;
        (ahead.unsigned_abs() <= NEAR).then(|| self.at.saturating_add_signed(i64::from(ahead)))
    }

    /// The timestamp that the source has for a position, reckoned from the newest audio that was given.
    pub fn timestamp(&self, position: u64) -> Option<u32> {
        self.next.map(|(_, next)| next.wrapping_sub(self.at.wrapping_sub(position) as u32))
    }

    /// A packet has come; `give` gets what is in order now. Returns where it was placed, unless it is
    /// held back or has come too late.
    pub fn receive(
        &mut self,
        now: Instant,
        sequence: u16,
        timestamp: u32,
        payload: &[u8],
        mut give: impl FnMut(Piece<'_>),
    ) -> Option<u64> {
        if payload.is_empty() || payload.len() > MAX_PAYLOAD {
            return None;
        }
        let Some((next, _)) = self.next else {
            return Some(self.deliver(now, sequence, timestamp, payload, &mut give));
        };
        let ahead = sequence.wrapping_sub(next);
        if ahead == 0 {
            let at = self.deliver(now, sequence, timestamp, payload, &mut give);
            self.release(&mut give);
            return Some(at);
        } else if usize::from(ahead) <= WINDOW * 2 {
            self.hold(now, sequence, timestamp, payload);
            if self.held.len() > WINDOW {
                self.give_up_waiting(&mut give);
            }
        } else if ahead < u16::MAX / 2 {
            self.flush(&mut give);
            return Some(self.deliver(now, sequence, timestamp, payload, &mut give));
        }
        None
    }

    /// The source begins anew: its numbers and timestamps have nothing to do with those before.
    pub fn resynchronize(&mut self, mut give: impl FnMut(Piece<'_>)) {
        self.flush(&mut give);
        self.next = None;
    }

    /// Gives what is held back, as far as it came.
    pub fn flush(&mut self, give: &mut impl FnMut(Piece<'_>)) {
        while !self.held.is_empty() {
            self.give_up_waiting(give);
        }
    }

    fn hold(&mut self, now: Instant, sequence: u16, timestamp: u32, payload: &[u8]) {
        let Some((next, _)) = self.next else { return };
        let rank = |number: u16| number.wrapping_sub(next);
        let place = self.held.partition_point(|held| rank(held.sequence) < rank(sequence));
        if self.held.get(place).is_some_and(|held| held.sequence == sequence) {
            return;
        }
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(payload);
        self.held.insert(place, Held { sequence, timestamp, arrived: now, payload: copy });
    }

    fn give_up_waiting(&mut self, give: &mut impl FnMut(Piece<'_>)) {
        self.deliver_first_held(give);
        self.release(give);
    }

    /// Gives held packets as far as they follow on.
    fn release(&mut self, give: &mut impl FnMut(Piece<'_>)) {
        while self.held.front().zip(self.next).is_some_and(|(held, (next, _))| held.sequence == next) {
            self.deliver_first_held(give);
        }
    }

    fn deliver_first_held(&mut self, give: &mut impl FnMut(Piece<'_>)) {
        if let Some(held) = self.held.pop_front() {
            self.deliver(held.arrived, held.sequence, held.timestamp, &held.payload, give);
            self.spare.push(held.payload);
        }
    }

    fn deliver(
        &mut self,
        arrived: Instant,
        sequence: u16,
        timestamp: u32,
        payload: &[u8],
        give: &mut impl FnMut(Piece<'_>),
    ) -> u64 {
        let len = payload.len() as u64;
        let at = self.place(arrived, timestamp);
        self.next = Some((sequence.wrapping_add(1), timestamp.wrapping_add(payload.len() as u32)));
        if at > self.at {
            give(Piece::Lost { at: self.at, samples: at - self.at });
        }
        give(Piece::Audio { at, payload });
        self.at = at.saturating_add(len);
        at
    }

    /// Where a packet belongs: never before what was given.
    fn place(&self, arrived: Instant, timestamp: u32) -> u64 {
        let clock = self.position(arrived);
        let stamped = self.next.map(|(_, expected)| {
            let ahead = timestamp.wrapping_sub(expected) as i32;
            self.at.saturating_add_signed(i64::from(ahead))
        });
        match stamped {
            Some(stamped) if stamped.abs_diff(clock) <= STRAY => stamped.max(self.at),
            _ => clock.max(self.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Eq, Clone)]
    enum Given {
        Audio(u64, u8),
        Lost(u64, u64),
    }

    struct Scene {
        reassembly: Reassembly,
        begin: Instant,
        given: Vec<Given>,
    }

    impl Scene {
        fn new() -> Self {
            let begin = Instant::now();
            Self { reassembly: Reassembly::new(begin), begin, given: Vec::new() }
        }

        fn packet(&mut self, at_ms: u64, sequence: u16, timestamp: u32, mark: u8) {
            let now = self.begin + Duration::from_millis(at_ms);
            let given = &mut self.given;
            self.reassembly.receive(now, sequence, timestamp, &[mark; 160], |piece| given.push(seen(piece)));
        }
    }

    fn seen(piece: Piece<'_>) -> Given {
        match piece {
            Piece::Audio { at, payload } => Given::Audio(at, payload[0]),
            Piece::Lost { at, samples } => Given::Lost(at, samples),
        }
    }

    #[test]
    fn order_is_restored_over_the_wraps() {
        let mut scene = Scene::new();
        for (ms, n) in [(0, 0_u16), (20, 2), (40, 1), (60, 3)] {
            scene.packet(ms, n.wrapping_sub(2), u32::from(n).wrapping_sub(2).wrapping_mul(160), n as u8);
        }
        let expected: Vec<_> = (0..4).map(|n| Given::Audio(n * 160, n as u8)).collect();
        assert_eq!(scene.given, expected);
    }

    #[test]
    fn a_lost_packet_leaves_its_gap_once_four_others_came() {
        let mut scene = Scene::new();
        for n in [0_u16, 2, 3, 4, 5, 6] {
            scene.packet(u64::from(n) * 20, n, u32::from(n) * 160, n as u8);
        }
        let mut expected = vec![Given::Audio(0, 0), Given::Lost(160, 160)];
        expected.extend((2..7).map(|n| Given::Audio(n * 160, n as u8)));
        assert_eq!(scene.given, expected);
    }

    #[test]
    fn suppressed_silence_is_a_gap_of_its_true_length() {
        let mut scene = Scene::new();
        scene.packet(0, 1, 1000, 1);
        scene.packet(2020, 2, 1000 + 160 + 16_000, 2);
        assert_eq!(scene.given, [Given::Audio(0, 1), Given::Lost(160, 16_000), Given::Audio(16_160, 2)]);
    }

    #[test]
    fn a_leap_of_the_timestamp_shifts_nothing() {
        for leap in [1_000_000_000_u32, u32::MAX - 100_000] {
            let mut scene = Scene::new();
            scene.packet(0, 1, 5000, 1);
            scene.packet(20, 2, 5160_u32.wrapping_add(leap), 2);
            scene.packet(40, 3, 5320_u32.wrapping_add(leap), 3);
            assert_eq!(scene.given, [Given::Audio(0, 1), Given::Audio(160, 2), Given::Audio(320, 3)]);
        }
    }

    #[test]
    fn a_new_source_goes_on_where_the_clock_stands() {
        let mut scene = Scene::new();
        scene.packet(0, 1, 0, 1);
        let given = &mut scene.given;
        scene.reassembly.resynchronize(|piece| given.push(seen(piece)));
        scene.packet(100, 40_000, 77, 2);
        assert_eq!(scene.given, [Given::Audio(0, 1), Given::Lost(160, 640), Given::Audio(800, 2)]);
    }

    proptest! {
        #[test]
        fn pieces_follow_each_other_whatever_comes(
            packets in proptest::collection::vec((0u64..60, 0u16..12, any::<u32>(), any::<bool>(), 0usize..400), 0..60)
        ) {
            let begin = Instant::now();
            let mut reassembly = Reassembly::new(begin);
            let (mut ms, mut at, mut base) = (0, 0_u64, 0_u16);
            for (after, ahead, timestamp, sane, len) in packets {
                ms += after;
                base = base.wrapping_add(1);
                let sequence = base.wrapping_add(ahead);
                let timestamp = if sane { u32::from(sequence) * 160 } else { timestamp };
                let now = begin + Duration::from_millis(ms);
                reassembly.receive(now, sequence, timestamp, &vec![0; len], |piece| {
                    let (begin, samples) = match piece {
                        Piece::Audio { at, payload } => (at, payload.len() as u64),
                        Piece::Lost { at, samples } => (at, samples),
                    };
                    assert_eq!(begin, at);
                    at += samples;
                });
                // Never further ahead than the clock, half a second and what was taken in.
                prop_assert!(at <= ms * 8 + 4_000 + 400 * 60);
                prop_assert!(reassembly.held.len() <= WINDOW);
            }
        }
    }
}
