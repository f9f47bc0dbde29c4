//! RTCP of one leg: when a report is due, what it says, and what the far side's reports say.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::statistics::Statistics;
use crate::rtp::rtcp::{self, Block, Part, SenderInfo};
use crate::rtp::sequence::Reception;

/// The mean time between reports (RFC 3550 6.2); each is drawn from half to one and a half of it.
const INTERVAL: Duration = Duration::from_secs(5);
/// A report with all its parts and a goodbye, in octets, and room to spare.
const LONGEST: usize = 160;
/// From 1900, where NTP begins, to 1970, in s.
const NTP_TO_UNIX: u64 = 2_208_988_800;
/// Microseconds in a unit of the RTP timestamp.
const US_PER_UNIT: u64 = 125;

/// The reports of one leg.
#[derive(Debug)]
pub(super) struct Reports {
    cname: String,
    due: Instant,
    /// Packets sent, at the last report.
    reported: u32,
    /// The middle of the NTP timestamp of the far side's last report, and when it came.
    heard: Option<(u32, Instant)>,
    /// Made once: a report costs no allocation.
    buffer: Vec<u8>,
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

impl Reports {
    pub fn new(now: Instant) -> Self {
        // RFC 7022: a name that tells nothing about the host.
        let cname = format!("{:024x}", rand::random::<u128>() >> 32);
        Self { cname, due: now + interval(), reported: 0, heard: None, buffer: Vec::with_capacity(LONGEST) }
    }

    pub fn due(&self) -> Instant {
        self.due
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

    /// Reads the far side's report about `ssrc`. Returns whether it was one.
    pub fn receive(&mut self, now: Instant, datagram: &[u8], ssrc: u32, statistics: &Statistics) -> bool {
        let Some(parts) = rtcp::read(datagram) else { return false };
        for part in parts {
            match part {
                Part::Sender { info, .. } => self.heard = Some(((info.ntp >> 16) as u32, now)),
                Part::Report(block) if block.reception.ssrc == ssrc => {
                    statistics.far_lost.set(u64::try_from(block.reception.lost).unwrap_or(0));
                    statistics.far_jitter_us.set(u64::from(block.reception.jitter) * US_PER_UNIT);
                }
                // The end of the call is SIP's to tell.
                Part::Report(_) | Part::Goodbye { .. } => {}
            }
        }
        true
    }

    fn write(&mut self, now: Instant, facts: &Facts) {
        let (packets, octets) = facts.sent;
        let info = SenderInfo { ntp: ntp(SystemTime::now()), timestamp: facts.timestamp, packets, octets };
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

    #[test]
    fn who_sent_since_the_last_report_makes_a_sender_report() {
        let now = Instant::now();
        let mut reports = Reports::new(now);
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
        let (mut ours, mut theirs) = (Reports::new(now), Reports::new(now));
        let statistics = Statistics::default();
        assert!(theirs.receive(now, ours.next(now, &facts(1, None)), 9, &statistics));
        let reception = Reception { ssrc: 1, fraction_lost: 0, lost: 7, highest: 0, jitter: 8 };
        let later = now + Duration::from_millis(500);
        let answer = theirs.next(later, &facts(1, Some(reception)));
        let block = rtcp::read(answer).expect("valid").find_map(|part| match part {
            Part::Report(block) => Some(block),
            _ => None,
        });
        assert_eq!(block.map(|block| block.delay), Some(32_768));
        assert!(ours.receive(later, answer, 1, &statistics));
        assert_eq!((statistics.far_lost.get(), statistics.far_jitter_us.get()), (7, 1000));
        assert!(!ours.receive(later, &[0x81, 77, 0, 0], 1, &statistics));
    }

    #[test]
    fn reports_are_spread_around_five_seconds() {
        for _ in 0..200 {
            assert!((Duration::from_millis(2500)..Duration::from_millis(7500)).contains(&interval()));
        }
    }

    #[test]
    fn ntp_counts_from_1900() {
        assert_eq!(ntp(UNIX_EPOCH + Duration::from_millis(500)), (NTP_TO_UNIX << 32) | 0x8000_0000);
    }
}
