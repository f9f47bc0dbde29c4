//! Where a stream's packets may come from: learnt for a moment, then locked.
//!
//! The address in the SDP is often wrong behind a NAT, so the true one has to be learnt from the
//! packets; but whoever learns from any packet sends the call to any stranger. So: for 5 s only,
//! from allowed networks only, after four packets in a row, and the signalled address goes first. Reports
//! (RTCP) belong to the same peer, or are nobody's.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use ipnet::IpNet;

/// How long after the offer or answer a source may be learnt.
pub const WINDOW: Duration = Duration::from_secs(5);
/// Packets in a row that a source must have sent to be learnt.
const PACKETS: u8 = 4;
/// The time these packets must span at least: a burst of forged ones does not.
const SPAN: Duration = Duration::from_millis(22);
/// Sources that are looked at together.
const MAX_CANDIDATES: usize = 8;

/// What is to become of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the stream's.
    Accepted,
    /// Its source may become the stream's; the packet is dropped.
    Unproven,
    /// It is none of ours: dropped and counted.
    Foreign,
}

/// The source of one stream.
#[derive(Debug, Clone)]
pub struct Latch {
    signalled: SocketAddr,
    allowed: Vec<IpNet>,
    /// The source, once it is known.
    locked: Option<SocketAddr>,
    closes: Instant,
    candidates: Vec<Candidate>,
}

#[derive(Debug, Clone)]
struct Candidate {
    source: SocketAddr,
    ssrc: u32,
    next: u16,
    packets: u8,
    since: Instant,
}

impl Latch {
    /// A stream whose SDP named `signalled`. Sources within `allowed`, and other ports of the
    /// signalled address, may take its place.
    pub fn new(signalled: SocketAddr, allowed: Vec<IpNet>, now: Instant) -> Self {
        let candidates = Vec::with_capacity(MAX_CANDIDATES);
        Self { signalled, allowed, locked: None, closes: now + WINDOW, candidates }
    }

    /// Where packets are to be sent.
    pub fn remote(&self) -> SocketAddr {
        self.locked.unwrap_or(self.signalled)
    }

    /// Whether packets are sent to where the SDP said.
    pub fn is_as_signalled(&self) -> bool {
        self.remote() == self.signalled
    }

    /// Whether packets from there are the stream's as it stands. Nothing is to be learnt from another source's
    /// unless they are good in every respect.
    pub fn is_peer(&self, source: SocketAddr) -> bool {
        source == self.locked.unwrap_or(self.signalled)
    }

    /// Whether a packet from there could count at all; nothing is learnt from it.
    pub fn may_receive(&self, now: Instant, source: SocketAddr) -> bool {
        let learns = now < self.closes && self.locked.is_none();
        source == self.signalled || source == self.remote() || (learns && self.is_allowed(source.ip()))
    }

    /// A packet has come from `source`.
    pub fn receive(&mut self, now: Instant, source: SocketAddr, ssrc: u32, sequence: u16) -> Verdict {
        if self.locked == Some(source) {
            return Verdict::Accepted;
        }
        if source == self.signalled {
            return self.take_signalled(now, ssrc, sequence);
        }
        if !self.may_receive(now, source) {
            return Verdict::Foreign;
        }
        self.consider(now, source, ssrc, sequence)
    }

    /// The SDP's own word: it counts at once. Only where the call has been going elsewhere for a while must
    /// it prove that it is more than a stray packet.
    fn take_signalled(&mut self, now: Instant, ssrc: u32, sequence: u16) -> Verdict {
        if self.locked.is_some() && now >= self.closes {
            return self.consider(now, self.signalled, ssrc, sequence);
        }
        self.locked = Some(self.signalled);
        Verdict::Accepted
    }

    fn is_allowed(&self, ip: IpAddr) -> bool {
        ip == self.signalled.ip() || self.allowed.iter().any(|net| net.contains(&ip))
    }

    fn consider(&mut self, now: Instant, source: SocketAddr, ssrc: u32, sequence: u16) -> Verdict {
        let fresh = Candidate { source, ssrc, next: sequence.wrapping_add(1), packets: 1, since: now };
        let Some(known) = self.candidates.iter_mut().find(|known| known.source == source) else {
            self.add(fresh);
            return Verdict::Unproven;
        };
        if (known.ssrc, known.next) != (ssrc, sequence) {
            *known = fresh;
            return Verdict::Unproven;
        }
        known.next = sequence.wrapping_add(1);
        known.packets = known.packets.saturating_add(1);
        if known.packets < PACKETS || now.saturating_duration_since(known.since) < SPAN {
            return Verdict::Unproven;
        }
        self.locked = Some(source);
        Verdict::Accepted
    }

    /// Where there is no room, the one that has shown least makes it: forged sources that came first must not
    /// keep the true one out.
    fn add(&mut self, fresh: Candidate) {
        if self.candidates.len() >= MAX_CANDIDATES {
            let known = self.candidates.iter().enumerate();
            let Some((least, _)) = known.min_by_key(|(_, known)| (known.packets, known.since)) else {
                return;
            };
            self.candidates.swap_remove(least);
        }
        self.candidates.push(fresh);
    }
}

/// Where a stream's reports (RTCP) come from and go to: the port that was signalled, or beside the one that
/// the RTP was learnt to come from. A NAT may give them any port; then a report of the very source whose RTP
/// is received tells it (its SSRC is random and nobody else has seen it).
#[derive(Debug, Clone, Copy, Default)]
pub struct ReportLatch {
    learnt: Option<SocketAddr>,
}

impl ReportLatch {
    /// Whether a report from there is the peer's. `own`: it is of the source whose RTP is received.
    pub fn receive(&mut self, latch: &Latch, signalled: SocketAddr, from: SocketAddr, own: bool) -> bool {
        if Some(from) == self.remote(latch, signalled) {
            return true;
        }
        let learns = self.learnt.is_none() && own && from.ip() == latch.remote().ip();
        // What comes from the RTP's own port (RFC 5761) is told by the RTP's latch.
        if learns && !latch.is_as_signalled() {
            self.learnt = Some(from);
        }
        learns
    }

    /// Where reports go.
    pub fn remote(&self, latch: &Latch, signalled: SocketAddr) -> Option<SocketAddr> {
        let beside = |rtp: SocketAddr| Some(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?));
        match self.learnt.filter(|learnt| learnt.ip() == latch.remote().ip()) {
            Some(learnt) => Some(learnt),
            None if latch.is_as_signalled() => Some(signalled),
            None => beside(latch.remote()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIGNALLED: &str = "192.0.2.1:4000";
    const NAT: &str = "198.51.100.9:61000";

    struct Scene {
        latch: Latch,
        now: Instant,
    }

    impl Scene {
        fn new() -> Self {
            let now = Instant::now();
            let allowed = vec!["198.51.100.0/24".parse().expect("a network")];
            Self { latch: Latch::new(address(SIGNALLED), allowed, now), now }
        }

        fn packet(&mut self, after_ms: u64, source: &str, sequence: u16) -> Verdict {
            self.now += Duration::from_millis(after_ms);
            self.latch.receive(self.now, address(source), 1, sequence)
        }
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn the_signalled_address_is_taken_at_once_and_for_good() {
        let mut scene = Scene::new();
        assert_eq!(scene.packet(0, SIGNALLED, 1), Verdict::Accepted);
        for n in 0..20 {
            assert_eq!(scene.packet(20, NAT, n), Verdict::Foreign);
        }
        assert_eq!(scene.latch.remote(), address(SIGNALLED));
    }

    #[test]
    fn another_source_needs_four_packets_in_a_row() {
        let mut scene = Scene::new();
        for n in [1, 2, 3] {
            assert_eq!(scene.packet(20, NAT, n), Verdict::Unproven);
        }
        assert!(scene.latch.is_as_signalled(), "nothing is sent to a source that is not proven");
        assert_eq!(scene.packet(20, NAT, 4), Verdict::Accepted);
        assert_eq!(scene.latch.remote(), address(NAT));
    }

    #[test]
    fn a_burst_or_a_gap_proves_nothing() {
        let mut scene = Scene::new();
        for n in 1..10 {
            assert_eq!(scene.packet(1, NAT, n), Verdict::Unproven);
        }
        let mut scene = Scene::new();
        for n in [1, 2, 4, 5, 7, 8] {
            assert_eq!(scene.packet(20, NAT, n), Verdict::Unproven);
        }
    }

    #[test]
    fn a_stranger_is_never_learnt() {
        let mut scene = Scene::new();
        for n in 0..300 {
            assert_eq!(scene.packet(20, "203.0.113.5:4000", n), Verdict::Foreign);
        }
    }

    #[test]
    fn nothing_is_learnt_after_five_seconds_but_the_signalled_address_still_holds() {
        let mut scene = Scene::new();
        assert_eq!(scene.packet(5000, NAT, 0), Verdict::Foreign);
        for n in 1..9 {
            assert_eq!(scene.packet(20, NAT, n), Verdict::Foreign);
        }
        assert_eq!(scene.packet(20, SIGNALLED, 1), Verdict::Accepted);
    }

    #[test]
    fn within_the_window_the_signalled_address_displaces_a_learnt_one() {
        let mut scene = Scene::new();
        for n in 1..=4 {
            scene.packet(20, NAT, n);
        }
        assert_eq!(scene.packet(20, SIGNALLED, 1), Verdict::Accepted);
        assert_eq!(scene.packet(20, NAT, 5), Verdict::Foreign);
    }

    #[test]
    fn later_the_signalled_address_takes_the_stream_back_once_it_has_proved_itself() {
        let mut scene = Scene::new();
        for n in 1..=4 {
            scene.packet(20, NAT, n);
        }
        assert_eq!(scene.packet(6000, SIGNALLED, 1), Verdict::Unproven, "one stray packet moves nothing");
        assert_eq!(scene.packet(1, NAT, 5), Verdict::Accepted);
        for n in [2, 3] {
            assert_eq!(scene.packet(20, SIGNALLED, n), Verdict::Unproven);
        }
        assert_eq!(scene.packet(20, SIGNALLED, 4), Verdict::Accepted);
        assert_eq!((scene.packet(1, NAT, 6), scene.latch.remote()), (Verdict::Foreign, address(SIGNALLED)));
    }

    #[test]
    fn forged_sources_that_came_first_do_not_keep_the_true_one_out() {
        let mut scene = Scene::new();
        for n in 0..60 {
            assert_eq!(scene.packet(1, &format!("198.51.100.{n}:4000"), n), Verdict::Unproven);
        }
        let verdicts = [1, 2, 3, 4].map(|n| scene.packet(20, NAT, n));
        assert_eq!(verdicts[3], Verdict::Accepted);
    }

    const REPORTS: &str = "192.0.2.1:4001";

    /// What is thought of a report, and where ours go after it.
    fn report(latch: &Latch, known: &mut ReportLatch, from: &str, own: bool) -> (bool, String) {
        let accepted = known.receive(latch, address(REPORTS), address(from), own);
        (accepted, known.remote(latch, address(REPORTS)).expect("a port").to_string())
    }

    #[test]
    fn reports_are_the_rtp_peers_alone() {
        let scene = Scene::new();
        let mut known = ReportLatch::default();
        let mut from = |source, own| report(&scene.latch, &mut known, source, own);
        assert_eq!(from(REPORTS, false), (true, REPORTS.to_owned()));
        assert_eq!(
            from("192.0.2.1:9", false),
            (false, REPORTS.to_owned()),
            "the right host alone is nothing"
        );
        assert_eq!(from("192.0.2.1:9", true), (true, REPORTS.to_owned()), "ours still go where the SDP said");
        assert_eq!(from("203.0.113.5:4001", true), (false, REPORTS.to_owned()));
    }

    #[test]
    fn behind_a_nat_reports_go_to_the_port_that_reports_of_that_source_come_from() {
        let mut scene = Scene::new();
        for n in 1..=4 {
            scene.packet(20, NAT, n);
        }
        let mut known = ReportLatch::default();
        let mut from = |source, own| report(&scene.latch, &mut known, source, own);
        assert_eq!(
            from(REPORTS, true),
            (false, "198.51.100.9:61001".to_owned()),
            "not the address it has left"
        );
        assert!(!from("198.51.100.9:7", false).0);
        assert_eq!(from("198.51.100.9:52222", true), (true, "198.51.100.9:52222".to_owned()));
        assert_eq!(from("198.51.100.9:7", true), (false, "198.51.100.9:52222".to_owned()), "learnt once");
    }

    proptest! {
        #[test]
        fn packets_only_ever_go_to_the_signalled_address_or_an_allowed_one(
            packets: Vec<(u8, u8, u16, u8)>
        ) {
            let mut scene = Scene::new();
            for (net, host, sequence, ms) in packets {
                let net = if net % 2 == 0 { "198.51.100" } else { "203.0.113" };
                scene.packet(u64::from(ms), &format!("{net}.{}:5000", host % 3), sequence % 8);
                let remote = scene.latch.remote().to_string();
                prop_assert!(remote == SIGNALLED || remote.starts_with("198.51.100."));
            }
        }
    }
}
