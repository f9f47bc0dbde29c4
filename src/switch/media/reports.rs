//! RTCP of one leg: when a report is due, what it says, and what the far side's reports say.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::statistics::Statistics;
use crate::rtp::US_PER_UNIT;
use crate::rtp::rtcp::{self, Block, Part, SenderInfo};
use crate::rtp::sequence::Reception;

/// The mean time between reports (RFC 3550 6.2); each is drawn from half to one and a half of it.
const INTERVAL: Duration = Duration::from_secs(5);
/// A report with all its parts and a goodbye, in octets, and room to spare.
const LONGEST: usize = 160;
/// From 1900, where NTP begins, to 1970, in s.
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// Packets that must have been sent since the report before, before it can be said that none arrives.
const ENOUGH: u32 = 50;
/// A share lost, in 1/256, from which on nothing useful arrives: 95 %.
const NOTHING_ARRIVES: u8 = 243;
/// What may be on its way, or have been lost, while a phone is taken to have sent nothing.
const ON_ITS_WAY: u64 = 10;

/// The reports of one leg.
#[derive(Debug)]
pub(super) struct Reports {
    cname: String,
    due: Instant,
    /// NTP time at a moment of the steady clock: a wall clock that is set must not make a round trip of it.
    clock: (u64, Instant),
    /// Packets sent, at the last report.
    reported: u32,
    /// The middle of the NTP timestamp of the far side's last report, and when it came.
    heard: Option<(u32, Instant)>,
    far: Far,
    /// Made once: a report costs no allocation.
    buffer: Vec<u8>,
}

/// What the far side says, over its reports.
#[derive(Debug, Default)]
struct Far {
    /// The highest sequence number of ours that it has told of.
    highest: Option<u32>,
    expected: u64,
    /// Packets we had sent at its last report.
    sent: u32,
    /// Packets it says it has sent, and what had come of them by then.
    sends: Option<(u32, u64)>,
    /// When it reported that it has sent nothing that has not come.
    explained: Option<Instant>,
}

/// What a report is made of.
#[derive(Debug)]
pub(super) struct Facts {
    pub ssrc: u32,
    pub timestamp: u32,
    /// Packets and octets sent.
    pub sent: (u32, u32),
    pub reception: Option<Reception>,
}

/// The stream that the far side's reports are about.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    /// Our SSRC.
    pub own: u32,
    /// The SSRC of what comes, once something has.
    pub theirs: Option<u32>,
    /// The sequence number of our first packet.
    pub first_sequence: u16,
    /// Packets we have sent.
    pub sent: u32,
}

/// What a report has told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// It is none.
    Unreadable,
    /// Nothing alarming.
    Fine,
    /// Of what we have sent since the one before, nothing has arrived.
    NothingArrives,
}

impl Reports {
    /// Reports that begin now, which the wall clock calls `wall`.
    pub fn new(now: Instant, wall: SystemTime) -> Self {
        // RFC 7022: a name that tells nothing about the host.
        let cname = format!("{:024x}", rand::random::<u128>() >> 32);
        let clock = (ntp(wall), now);
        let (far, buffer) = (Far::default(), Vec::with_capacity(LONGEST));
        Self { cname, due: now + interval(), clock, reported: 0, heard: None, far, buffer }
    }

    pub fn due(&self) -> Instant {
        self.due
    }

    /// When the far side last said that it has sent nothing that has not come: it is muted.
    pub fn explained(&self) -> Option<Instant> {
        self.far.explained
    }

    /// The report that is due. A sender reports what it sent, others what they received.
    pub fn next(&mut self, now: Instant, facts: &Facts) -> &[u8] {
        self.due = now + interval();
        self.write(now, facts);
        &self.buffer
    }

    /// The last report.
    pub fn goodbye(&mut self, now: Instant, facts: &Facts) -> &[u8] {
        self.write(now, facts);
        rtcp::write_goodbye(&mut self.buffer, facts.ssrc);
        &self.buffer
    }

    /// Reads the far side's report.
    pub fn receive(&mut self, now: Instant, datagram: &[u8], about: &About, figures: &Statistics) -> Told {
        let Some(parts) = rtcp::read(datagram) else { return Told::Unreadable };
        let (mut block, mut info) = (None, None);
        for part in parts {
            match part {
                Part::Sender { ssrc, info: sent } if about.theirs.is_none_or(|theirs| theirs == ssrc) => {
                    info = Some(sent);
                }
                Part::Report(about_us) if about_us.reception.ssrc == about.own => block = Some(about_us),
                // The end of the call is SIP's to tell.
                Part::Sender { .. } | Part::Report(_) | Part::Goodbye { .. } => {}
            }
        }
        if let Some(info) = &info {
            self.heard = Some(((info.ntp >> 16) as u32, now));
        }
        self.far.sent_itself(now, info.as_ref(), figures);
        if let Some(trip) = block.and_then(|block| rtcp::round_trip(self.middle(now), &block)) {
            // A round trip of nothing is one, too: 0 stands for none.
            figures.round_trip_us.set(u64::try_from(trip.as_micros()).unwrap_or(u64::MAX).max(1));
        }
        match self.far.received_of_us(block.map(|block| block.reception), about, figures) {
            true => Told::Fine,
            false => Told::NothingArrives,
        }
    }

    fn write(&mut self, now: Instant, facts: &Facts) {
        let (packets, octets) = facts.sent;
        let info = SenderInfo { ntp: self.ntp(now), timestamp: facts.timestamp, packets, octets };
        let sends = packets != self.reported;
        self.reported = packets;
        let block = facts.reception.map(|reception| self.block(now, reception));
        self.buffer.clear();
        rtcp::write(&mut self.buffer, facts.ssrc, sends.then_some(&info), block.as_ref(), &self.cname);
    }

    fn block(&self, now: Instant, reception: Reception) -> Block {
        let (last_report, delay) = self.heard.map_or((0, 0), |(middle, at)| {
            let delay = now.saturating_duration_since(at).as_micros() * 65_536 / 1_000_000;
            (middle, u32::try_from(delay).unwrap_or(u32::MAX))
        });
        Block { reception, last_report, delay }
    }

    fn ntp(&self, now: Instant) -> u64 {
        let (begin, at) = self.clock;
        let elapsed = now.saturating_duration_since(at);
        let fraction = (u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
        begin.wrapping_add(elapsed.as_secs() << 32).wrapping_add(fraction)
    }

    /// The middle of our NTP timestamp.
    fn middle(&self, now: Instant) -> u32 {
        (self.ntp(now) >> 16) as u32
    }
}

impl Far {
    /// What it says of its own packets: whether they explain that nothing comes.
    fn sent_itself(&mut self, now: Instant, info: Option<&SenderInfo>, figures: &Statistics) {
        let came = figures.packets_received.get();
        let Some(info) = info else {
            // A receiver report: it has sent nothing since its last one (RFC 3550 6.4).
            self.explained = self.sends.map(|_| now).or(self.explained);
            return;
        };
        let before = self.sends.replace((info.packets, came));
        let Some((sent_before, came_before)) = before else { return };
        let sent = u64::from(info.packets.wrapping_sub(sent_before));
        if sent <= came.saturating_sub(came_before) + ON_ITS_WAY {
            self.explained = Some(now);
        }
    }

    /// What it says of our packets. Returns whether any arrive, as far as can be said.
    fn received_of_us(&mut self, block: Option<Reception>, about: &About, figures: &Statistics) -> bool {
        let sent = about.sent.wrapping_sub(self.sent);
        let Some(block) = block else {
            // Who has reported on us and no longer does has received nothing (RFC 3550 6.4).
            return self.highest.is_none() || sent < ENOUGH;
        };
        let advance = match self.highest {
            Some(highest) => block.highest.wrapping_sub(highest),
            None => u32::from((block.highest as u16).wrapping_sub(about.first_sequence)) + 1,
        };
        // A source that begins anew over there counts anew.
        let advance = if advance < 0x8000_0000 { advance } else { 0 };
        let told_before = self.highest.replace(block.highest).is_some();
        self.sent = about.sent;
        self.expected = self.expected.saturating_add(u64::from(advance));
        figures.far_reports.add(1);
        figures.far_expected.set(self.expected);
        figures.far_lost.set(u64::try_from(block.lost).unwrap_or(0));
        figures.far_jitter_us.set(u64::from(block.jitter) * US_PER_UNIT);
        let stands = told_before && advance == 0;
        sent < ENOUGH || !(stands || block.fraction_lost >= NOTHING_ARRIVES)
    }
}

fn interval() -> Duration {
    INTERVAL.mul_f64(rand::random_range(0.5..1.5))
}

/// An NTP timestamp (RFC 3550 4): seconds since 1900, and 1/2^32 s.
fn ntp(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs().wrapping_add(NTP_TO_UNIX) & 0xffff_ffff;
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    (seconds << 32) | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(packets: u32, reception: Option<Reception>) -> Facts {
        Facts { ssrc: 1, timestamp: 2, sent: (packets, packets * 160), reception }
    }

    fn about(sent: u32) -> About {
        About { own: 1, theirs: None, first_sequence: 65_500, sent }
    }

    fn reception(highest: u32, lost: i32, fraction_lost: u8) -> Reception {
        Reception { ssrc: 1, fraction_lost, lost, highest, jitter: 8 }
    }

    fn reports(now: Instant) -> Reports {
        Reports::new(now, UNIX_EPOCH + Duration::from_millis(1_777_000_000_123))
    }

    #[test]
    fn who_sent_since_the_last_report_makes_a_sender_report() {
        let now = Instant::now();
        let mut reports = reports(now);
        let is_sender = |octets: &[u8]| {
            rtcp::read(octets).expect("valid").any(|part| matches!(part, Part::Sender { .. }))
        };
        assert!(is_sender(reports.next(now, &facts(10, None))));
        assert!(!is_sender(reports.next(now, &facts(10, None))));
        assert!(is_sender(reports.goodbye(now, &facts(11, None))));
    }

    #[test]
    fn two_ends_hear_of_each_others_loss_and_delay() {
        let now = Instant::now();
        let (mut ours, mut theirs) = (reports(now), reports(now));
        let figures = Statistics::default();
        let other = About { own: 9, ..about(0) };
        assert_eq!(theirs.receive(now, ours.next(now, &facts(1, None)), &other, &figures), Told::Fine);
        let later = now + Duration::from_millis(500);
        let answer = theirs.next(later, &facts(1, Some(reception(65_509, 7, 0))));
        let block = rtcp::read(answer).expect("valid").find_map(|part| match part {
            Part::Report(block) => Some(block),
            _ => None,
        });
        assert_eq!(block.map(|block| block.delay), Some(32_768));
        assert_eq!(ours.receive(later, answer, &about(10), &figures), Told::Fine);
        assert_eq!((figures.far_lost.get(), figures.far_jitter_us.get()), (7, 1000));
        assert_eq!((figures.far_reports.get(), figures.far_expected.get()), (1, 10));
        assert_eq!(ours.receive(later, &[0x81, 77, 0, 0], &about(10), &figures), Told::Unreadable);
    }

    /// The far end of a path with a delay each way. Each side keeps a clock of its own.
    fn measured(there: Duration, kept: Duration, back: Duration) -> u64 {
        let now = Instant::now();
        let mut ours = reports(now);
        let mut theirs = Reports::new(now, UNIX_EPOCH + Duration::from_secs(99));
        let figures = Statistics::default();
        let sent = ours.next(now, &facts(1, None)).to_vec();
        theirs.receive(now + there, &sent, &About { own: 9, ..about(0) }, &Statistics::default());
        let answer = theirs.next(now + there + kept, &facts(1, Some(reception(65_500, 0, 0)))).to_vec();
        ours.receive(now + there + kept + back, &answer, &about(1), &figures);
        figures.round_trip_us.get()
    }

    #[test]
    fn the_round_trip_is_told_by_the_far_sides_answer_whatever_its_clock_says() {
        for (there, kept, back) in [(0, 0, 0), (20, 0, 30), (1, 4_000, 1), (150, 7_499, 350), (5, 60_000, 5)]
        {
            let [there_ms, kept_ms, back_ms] = [there, kept, back].map(Duration::from_millis);
            let trip = measured(there_ms, kept_ms, back_ms);
            assert!(trip.abs_diff((there + back) * 1000) < 100, "{there} {kept} {back}: {trip} us");
        }
    }

    #[test]
    fn what_the_far_side_should_have_received_is_counted_over_the_wrap_of_our_numbers() {
        let now = Instant::now();
        let (mut ours, mut theirs) = (reports(now), reports(now));
        let figures = Statistics::default();
        // Our first packet had 65500, and the far side counts on beyond 65535.
        for (highest, expected) in [(65_510, 11), (0x1_0000 + 100, 137), (0x1_0000 + 400, 437)] {
            let report = theirs.next(now, &facts(1, Some(reception(highest, 3, 0)))).to_vec();
            assert_eq!(ours.receive(now, &report, &about(0), &figures), Told::Fine);
            assert_eq!(figures.far_expected.get(), expected);
        }
    }

    #[test]
    fn that_nothing_of_ours_arrives_is_told_by_what_the_far_side_reports_or_no_longer_does() {
        let now = Instant::now();
        let told = |reports: &[(Option<Reception>, u32)]| {
            let (mut ours, mut theirs) = (self::reports(now), self::reports(now));
            let figures = Statistics::default();
            let told = reports.iter().map(|(reception, sent)| {
                let report = theirs.next(now, &facts(1, *reception)).to_vec();
                ours.receive(now, &report, &about(*sent), &figures)
            });
            told.last().expect("one at least")
        };
        let first = (Some(reception(65_600, 0, 0)), 100);
        assert_eq!(told(&[first, (Some(reception(65_600, 0, 0)), 300)]), Told::NothingArrives);
        assert_eq!(told(&[first, (None, 300)]), Told::NothingArrives);
        assert_eq!(told(&[first, (Some(reception(65_900, 250, 250)), 300)]), Told::NothingArrives);
        assert_eq!(told(&[first, (Some(reception(65_600, 0, 0)), 120)]), Told::Fine, "too few to say");
        assert_eq!(told(&[first, (Some(reception(65_900, 90, 128)), 300)]), Told::Fine, "half of it does");
        assert_eq!(told(&[(None, 300), (None, 600)]), Told::Fine, "it may never report on anybody");
    }

    #[test]
    fn a_phone_that_has_sent_nothing_more_says_so() {
        let now = Instant::now();
        let at = |s| now + Duration::from_secs(s);
        let (mut ours, mut theirs) = (reports(now), reports(now));
        let figures = Statistics::default();
        let mut report = |s, sent, came| {
            figures.packets_received.set(came);
            let report = theirs.next(at(s), &facts(sent, None)).to_vec();
            ours.receive(at(s), &report, &about(0), &figures);
            ours.explained()
        };
        assert_eq!(report(5, 250, 240), None, "there is nothing to compare it with");
        assert_eq!(report(10, 500, 240), None, "250 packets were sent that never came");
        assert_eq!(report(15, 750, 490), Some(at(15)), "all of them came");
        assert_eq!(report(20, 750, 490), Some(at(20)), "a receiver report");
        assert_eq!(report(25, 1000, 490), Some(at(20)));
    }

    #[test]
    fn reports_are_spread_around_five_seconds() {
        for _ in 0..200 {
            assert!((Duration::from_millis(2500)..Duration::from_millis(7500)).contains(&interval()));
        }
    }

    #[test]
    fn ntp_counts_from_1900_and_on_the_steady_clock() {
        assert_eq!(ntp(UNIX_EPOCH + Duration::from_millis(500)), (NTP_TO_UNIX << 32) | 0x8000_0000);
        let now = Instant::now();
        let reports = Reports::new(now, UNIX_EPOCH);
        let later = now + Duration::from_millis(2250);
        assert_eq!(reports.ntp(later), ((NTP_TO_UNIX + 2) << 32) | 0x4000_0000);
    }
}
