//! A source's audio in order and in its time, for those who record it or listen to it.
//!
//! They are no loudspeakers: what is in order is given at once, and no delay is added while nothing is
//! missing. A packet that is missing is waited for by time, as long as packets of this stream have been
//! seen to take ([`delay`]), from 20 to 200 ms; then it is lost, and what comes of it later is late.
//!
//! The timestamp says where a packet belongs, so lost and suppressed audio leave gaps of their true
//! length; with the sequence number it says which of the two it was. The clock watches over it: a
//! timestamp that no delay can explain has leapt, and the audio goes on where sequence or clock say.
//! Places are counted on the sender's clock, however it drifts from ours.

mod delay;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{US_PER_UNIT, units};
use delay::{Delay, LEAST, MOST, MS};

/// How far ahead of the one that is missing a packet may be and still be held: what is farther has
/// nothing to do with it. No more packets than these are ever held.
const FARTHEST: u16 = 64;
/// The longest payload that is taken, in octets; in each of our codecs an octet is a sample.
const MAX_PAYLOAD: usize = 1_500;
/// How much earlier than the quickest before it a packet may come, in samples, once those are known.
const EARLY: i64 = 20 * MS as i64;
const EARLY_AT_FIRST: i64 = 200 * MS as i64;
/// The same, where sequence number and timestamp agree on what was lost.
const EARLY_AGREED: i64 = 500 * MS as i64;
/// How much later than the quickest a packet may come whose timestamp leaves a gap.
const LATE: i64 = 500 * MS as i64;
/// The same, where no gap is left: networks stall for so long, and then give all they have.
const LATE_AGREED: i64 = 2_000 * MS as i64;
/// How long after a leap it is looked at how much too late it was placed.
const SETTLING: u64 = 5_000 * MS;
/// Packets behind all others for so long, and so many, with their numbers in order: the source has
/// stepped back.
const STEPPED_BACK: (u16, Duration) = (4, Duration::from_millis(100));
/// While comfort noise lasts, so much of it is given at a time.
const NOISE_STEP: u64 = 500 * MS;
/// A timestamp farther from the newest audio tells nothing about where it belongs: 2 s.
const NEAR: u32 = 2_000 * MS as u32;
/// Packets before the newest of which it is remembered whether they came.
const REMEMBERED: u16 = u64::BITS as u16;

/// What a packet brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound<'a> {
    /// Audio; one octet a sample.
    Audio(&'a [u8]),
    /// Comfort noise (RFC 3389) from here on.
    Noise(&'a [u8]),
    /// Neither, a key perhaps: it only bears a number of the sequence.
    Other,
}

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
    /// Audio that was sent and did not come.
    Lost {
        /// Where the gap begins, in samples since the begin.
        at: u64,
        /// Its length.
        samples: u64,
    },
    /// Audio that was never sent: silence was suppressed, or a key was.
    Pause {
        /// Where it begins, in samples since the begin.
        at: u64,
        /// Its length.
        samples: u64,
    },
    /// Pauses from here on are filled with this comfort noise (RFC 3389), until audio comes. It has no
    /// length of its own.
    Noise {
        /// Where it begins, in samples since the begin.
        at: u64,
        /// Its level and spectrum.
        payload: &'a [u8],
    },
}

/// What became of a stream's audio.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Packets that came after they were given up.
    pub late: u64,
    /// Samples that were given up.
    pub lost: u64,
    /// Samples that were never sent.
    pub paused: u64,
}

impl Figures {
    /// What has become of the audio after `before`.
    pub fn since(&self, before: &Self) -> Self {
        Self {
            late: self.late - before.late,
            lost: self.lost - before.lost,
            paused: self.paused - before.paused,
        }
    }
}

/// Puts audio in order.
#[derive(Debug, Clone)]
pub struct JitterBuffer {
    begin: Instant,
    /// Where the next sample belongs.
    at: u64,
    next: Option<Next>,
    /// Packets ahead of the one that is missing, in order; spent ones lend their memory.
    held: VecDeque<Held>,
    spare: Vec<Vec<u8>>,
    due: Option<Instant>,
    delay: Delay,
    settling: Option<Settling>,
    /// The last packet was comfort noise.
    noise: bool,
    /// Samples in the newest packet of audio.
    packet: u64,
    /// Packets that were given up since the last sound.
    missing: u64,
    /// Which of the packets before the next one came; the newest is bit 0.
    came: u64,
    behind: Option<Behind>,
    figures: Figures,
}

/// What the packet after the newest is numbered and stamped with.
#[derive(Debug, Clone, Copy)]
struct Next {
    sequence: u16,
    timestamp: u32,
}

/// A packet, and when it came.
#[derive(Debug, Clone, Copy)]
struct Arrived<'a> {
    at: Instant,
    sequence: u16,
    timestamp: u32,
    sound: Sound<'a>,
}

#[derive(Debug, Clone)]
struct Held {
    at: Instant,
    sequence: u16,
    timestamp: u32,
    kind: Kind,
    payload: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Audio,
    Noise,
    Other,
}

/// After a leap: the packet that made it was placed as if it had been quick, and so too late by what it
/// was slower. The packets after it show how much that was, and gaps after it take it in.
#[derive(Debug, Clone, Copy)]
struct Settling {
    /// The transit that the quickest should have.
    wanted: i64,
    quickest: i64,
    ends: u64,
}

impl Settling {
    /// How much too late the leap was placed, as far as it is known and not taken in.
    fn surplus(&self) -> i64 {
        self.wanted.saturating_sub(self.quickest).max(0)
    }
}

/// Packets behind all that were given, one after another.
#[derive(Debug, Clone, Copy)]
struct Behind {
    since: Instant,
    next: u16,
    count: u16,
}

impl JitterBuffer {
    /// Audio that begins now.
    pub fn new(now: Instant) -> Self {
        Self {
            begin: now,
            at: 0,
            next: None,
            held: VecDeque::new(),
            spare: Vec::new(),
            due: None,
            delay: Delay::new(),
            settling: None,
            noise: false,
            packet: 20 * MS,
            missing: 0,
            came: 0,
            behind: None,
            figures: Figures::default(),
        }
    }

    /// A time as a position: samples since the begin.
    pub fn position(&self, time: Instant) -> u64 {
        units(time.saturating_duration_since(self.begin))
    }

    /// Where a timestamp of the source belongs, if that is within 2 s of the newest audio.
    pub fn position_of(&self, timestamp: u32) -> Option<u64> {
        let ahead = timestamp.wrapping_sub(self.next?.timestamp) as i32;
        (ahead.unsigned_abs() <= NEAR).then(|| self.at.saturating_add_signed(i64::from(ahead)))
    }

    /// The timestamp that the source has for a position, reckoned from the newest audio that was given.
    pub fn timestamp(&self, position: u64) -> Option<u32> {
        self.next.map(|next| next.timestamp.wrapping_sub(self.at.wrapping_sub(position) as u32))
    }

    /// What became of the audio so far.
    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// When [`release`](Self::release) may have something to give.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// A packet has come; `give` gets what is in order now. Returns where its sound was placed, unless
    /// it is held back, has come too late or has none.
    pub fn receive(
        &mut self,
        now: Instant,
        (sequence, timestamp): (u16, u32),
        sound: Sound<'_>,
        mut give: impl FnMut(Piece<'_>),
    ) -> Option<u64> {
        let sound = match sound {
            Sound::Audio(payload) if payload.is_empty() || payload.len() > MAX_PAYLOAD => Sound::Other,
            sound => sound,
        };
        self.release(now, &mut give);
        let packet = Arrived { at: now, sequence, timestamp, sound };
        let Some(next) = self.next else {
            return self.deliver(&packet, &mut give);
        };
        let ahead = sequence.wrapping_sub(next.sequence);
        let placed = match ahead {
            0 => self.deliver(&packet, &mut give),
            1..FARTHEST => self.hold(&packet),
            FARTHEST..=0x7fff => {
                self.flush(&mut give);
                self.deliver(&packet, &mut give)
            }
            _ => self.come_behind(&packet, next, &mut give),
        };
        self.go_on(&mut give);
        self.release(now, give);
        placed
    }

    /// Gives up what has been waited for long enough by now.
    pub fn release(&mut self, now: Instant, mut give: impl FnMut(Piece<'_>)) {
        while self.due.is_some_and(|due| due <= now) {
            if self.held.is_empty() {
                self.let_noise_pass(NOISE_STEP, &mut give);
            }
            self.deliver_first_held(&mut give);
            self.go_on(&mut give);
        }
    }

    /// The source begins anew: its numbers and timestamps have nothing to do with those before.
    pub fn resynchronize(&mut self, mut give: impl FnMut(Piece<'_>)) {
        self.flush(&mut give);
        self.next = None;
        self.due = None;
        self.came = 0;
        self.behind = None;
    }

    /// Gives what is held back, as far as it came.
    pub fn flush(&mut self, mut give: impl FnMut(Piece<'_>)) {
        while !self.held.is_empty() {
            self.deliver_first_held(&mut give);
        }
        self.plan();
    }

    fn hold(&mut self, packet: &Arrived<'_>) -> Option<u64> {
        let next = self.next?;
        let rank = |number: u16| number.wrapping_sub(next.sequence);
        let place = self.held.partition_point(|held| rank(held.sequence) < rank(packet.sequence));
        if self.held.get(place).is_some_and(|held| held.sequence == packet.sequence) {
            return None;
        }
        let stamped = self.stamped(packet.timestamp, next);
        if stamped >= self.at as i64 {
            self.observe(packet, stamped, place == self.held.len());
        }
        let (kind, octets) = match packet.sound {
            Sound::Audio(octets) => (Kind::Audio, octets),
            Sound::Noise(octets) => (Kind::Noise, octets),
            Sound::Other => (Kind::Other, &[][..]),
        };
        let mut payload = self.spare.pop().unwrap_or_default();
        payload.clear();
        payload.extend_from_slice(octets);
        let Arrived { at, sequence, timestamp, .. } = *packet;
        self.held.insert(place, Held { at, sequence, timestamp, kind, payload });
        None
    }

    /// A packet whose number was passed: it was given up, or came before, or the source has stepped back.
    fn come_behind(
        &mut self,
        packet: &Arrived<'_>,
        next: Next,
        give: &mut impl FnMut(Piece<'_>),
    ) -> Option<u64> {
        let back = next.sequence.wrapping_sub(packet.sequence).wrapping_sub(1);
        let bit = if back < REMEMBERED { 1_u64 << back } else { 0 };
        if self.came & bit != 0 {
            return None;
        }
        self.came |= bit;
        self.figures.late += u64::from(matches!(packet.sound, Sound::Audio(_)));
        let stamped = self.stamped(packet.timestamp, next);
        if stamped < self.at as i64 {
            self.observe(packet, stamped, false);
        }
        let run = self.behind.filter(|behind| behind.next == packet.sequence);
        let mut run = run.unwrap_or(Behind { since: packet.at, next: 0, count: 0 });
        run.next = packet.sequence.wrapping_add(1);
        run.count = run.count.saturating_add(1);
        self.behind = Some(run);
        let lasted = packet.at.saturating_duration_since(run.since);
        if run.count < STEPPED_BACK.0 || lasted < STEPPED_BACK.1 {
            return None;
        }
        self.resynchronize(&mut *give);
        self.deliver(packet, give)
    }

    /// Gives held packets as far as they follow on, and plans ahead.
    fn go_on(&mut self, give: &mut impl FnMut(Piece<'_>)) {
        while self.held.front().zip(self.next).is_some_and(|(held, next)| held.sequence == next.sequence) {
            self.deliver_first_held(give);
        }
        self.plan();
    }

    fn deliver_first_held(&mut self, give: &mut impl FnMut(Piece<'_>)) {
        let Some(held) = self.held.pop_front() else { return };
        let Held { at, sequence, timestamp, kind, payload } = held;
        let sound = match kind {
            Kind::Audio => Sound::Audio(&payload),
            Kind::Noise => Sound::Noise(&payload),
            Kind::Other => Sound::Other,
        };
        self.deliver(&Arrived { at, sequence, timestamp, sound }, give);
        self.spare.push(payload);
    }

    /// Decides how long the packet that is missing is waited for, or comfort noise goes on by itself.
    fn plan(&mut self) {
        let quickest = self.delay.quickest();
        self.due = match (self.held.front(), self.next) {
            (Some(first), Some(next)) => {
                let since = self.held.iter().map(|held| held.at).min().unwrap_or(first.at);
                let since = self.position(since);
                let last = self.stamped(first.timestamp, next).saturating_add(quickest);
                let last = u64::try_from(last).unwrap_or(0).saturating_add(self.delay.worth_waiting());
                Some(self.time(last.clamp(since + LEAST, since + MOST)))
            }
            (None, Some(_)) if self.noise => {
                let passed = self.at.saturating_add(NOISE_STEP + MOST);
                Some(self.time(passed.saturating_add_signed(quickest)))
            }
            _ => None,
        };
    }

    /// A position as a time.
    fn time(&self, position: u64) -> Instant {
        let since = Duration::from_micros(position.saturating_mul(US_PER_UNIT));
        self.begin.checked_add(since).unwrap_or(self.begin)
    }

    fn deliver(&mut self, packet: &Arrived<'_>, give: &mut impl FnMut(Piece<'_>)) -> Option<u64> {
        self.behind = None;
        self.number(packet);
        let length = match packet.sound {
            Sound::Audio(payload) => payload.len() as u64,
            Sound::Noise(_) => 0,
            Sound::Other => return None,
        };
        let at = self.place(packet);
        self.give_gap(at, give);
        match packet.sound {
            Sound::Audio(payload) => give(Piece::Audio { at, payload }),
            Sound::Noise(payload) => give(Piece::Noise { at, payload }),
            Sound::Other => {}
        }
        self.noise = length == 0;
        self.packet = if length > 0 { length } else { self.packet };
        self.missing = 0;
        self.at = at.saturating_add(length);
        let timestamp = packet.timestamp.wrapping_add(length as u32);
        self.next = Some(Next { sequence: packet.sequence.wrapping_add(1), timestamp });
        Some(at)
    }

    /// Notes that a number has come, and which before it have not.
    fn number(&mut self, packet: &Arrived<'_>) {
        let Some(next) = &mut self.next else {
            // What comes of the time before is of no interest.
            self.came = u64::MAX;
            return;
        };
        let missing = packet.sequence.wrapping_sub(next.sequence);
        next.sequence = packet.sequence.wrapping_add(1);
        self.missing = self.missing.saturating_add(u64::from(missing));
        self.came = self.came.checked_shl(u32::from(missing) + 1).unwrap_or(0) | 1;
    }

    /// The gap up to `at`: what the missing packets bore is lost, the rest was never sent.
    fn give_gap(&mut self, at: u64, give: &mut impl FnMut(Piece<'_>)) {
        let gap = at - self.at;
        // Before the first packet nothing was lost, and in comfort noise nothing that matters.
        let lost = match self.next {
            Some(_) if !self.noise => gap.min(self.missing.saturating_mul(self.packet)),
            _ => 0,
        };
        self.figures.lost += lost;
        if lost > 0 {
            give(Piece::Lost { at: self.at, samples: lost });
            self.at += lost;
        }
        self.pause(gap - lost, give);
    }

    fn pause(&mut self, samples: u64, give: &mut impl FnMut(Piece<'_>)) {
        if samples > 0 {
            self.figures.paused += samples;
            give(Piece::Pause { at: self.at, samples });
            self.at += samples;
        }
    }

    /// Comfort noise goes on for as long as nothing comes: what is not here by now would come too late.
    fn let_noise_pass(&mut self, samples: u64, give: &mut impl FnMut(Piece<'_>)) {
        self.pause(samples, give);
        if let Some(next) = &mut self.next {
            next.timestamp = next.timestamp.wrapping_add(samples as u32);
        }
    }

    /// Where a timestamp belongs by what was stamped before.
    fn stamped(&self, timestamp: u32, next: Next) -> i64 {
        let ahead = timestamp.wrapping_sub(next.timestamp) as i32;
        (self.at as i64).saturating_add(i64::from(ahead))
    }

    /// Where a packet belongs: never before what was given.
    fn place(&mut self, packet: &Arrived<'_>) -> u64 {
        let clock = self.position(packet.at) as i64;
        let quickest = self.delay.quickest();
        let at = self.next.and_then(|next| self.placed_by_numbers(packet, next, clock - quickest));
        let at = match at {
            Some(at) => at,
            None => self.placed_by_clock(clock),
        };
        let at = self.settled((at.max(0) as u64).max(self.at));
        self.follow(packet, at);
        at
    }

    fn placed_by_clock(&mut self, clock: i64) -> i64 {
        self.delay.shift(self.settling.map_or(0, |settling| settling.surplus()));
        let quickest = self.delay.quickest();
        let ends = (clock as u64).saturating_add(SETTLING);
        let leapt = self.delay.is_begun();
        self.settling = leapt.then_some(Settling { wanted: quickest, quickest, ends });
        clock - quickest
    }

    /// Where timestamp and sequence number say, if a delay can explain when it came. `latest` is where it
    /// belongs if it was quick.
    fn placed_by_numbers(&self, packet: &Arrived<'_>, next: Next, latest: i64) -> Option<i64> {
        let stamped = self.stamped(packet.timestamp, next);
        let counted = (self.at as i64).saturating_add((self.missing.saturating_mul(self.packet)) as i64);
        let slower = |at: i64| latest.saturating_sub(at);
        let early = if self.delay.is_known() { EARLY } else { EARLY_AT_FIRST };
        if stamped == counted {
            let none_missing = self.missing == 0 && slower(stamped) <= LATE_AGREED;
            let agreed = (-EARLY_AGREED..=LATE_AGREED).contains(&slower(stamped));
            return (none_missing || agreed).then_some(stamped);
        }
        let explained = |at: &i64| *at >= self.at as i64 && (-early..=LATE).contains(&slower(*at));
        [stamped, counted].into_iter().find(explained)
    }

    /// Takes what a leap was placed too late into the gap before `at`.
    fn settled(&mut self, at: u64) -> u64 {
        let Some(settling) = &mut self.settling else { return at };
        let taken = settling.surplus().min((at - self.at) as i64);
        settling.quickest += taken;
        self.delay.shift(taken);
        at - taken as u64
    }

    /// Learns from when a packet came that belongs to `at`.
    fn observe(&mut self, packet: &Arrived<'_>, at: i64, in_order: bool) {
        let transit = (self.position(packet.at) as i64).saturating_sub(at);
        if !matches!(packet.sound, Sound::Other) {
            self.delay.observe(transit, in_order);
        }
    }

    /// Learns from when a packet came that is given, and has its place `at`.
    fn follow(&mut self, packet: &Arrived<'_>, at: u64) {
        let clock = self.position(packet.at);
        let transit = (clock as i64).saturating_sub(at as i64);
        // A gap is taken on trust. How quick packets are is learnt from those that leave none, so that
        // no timestamp can talk the buffer into running ahead of the clock.
        if at == self.at {
            self.delay.follow(clock, transit);
        }
        self.delay.observe(transit, true);
        if let Some(settling) = self.settling.as_mut().filter(|settling| clock < settling.ends) {
            settling.quickest = settling.quickest.min(transit);
        }
    }
}
