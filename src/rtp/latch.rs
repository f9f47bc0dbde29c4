//! Where a stream's packets may come from: learnt for a moment, then locked.
//!
//! The address in the SDP is often wrong behind a NAT, so the true one has to be learnt from the
//! packets; but whoever learns from any packet sends the call to any stranger. So: for 5 s only,
//! from allowed networks only, after four packets in a row, and the signalled address goes first.

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

    /// Whether a packet from there could count at all; nothing is learnt from it.
    pub fn may_receive(&self, now: Instant, source: SocketAddr) -> bool {
        if now >= self.closes || self.locked.is_some() {
            return source == self.remote() || (now < self.closes && source == self.signalled);
        }
        source == self.signalled || self.is_allowed(source.ip())
    }

    /// A packet has come from `source`.
    pub fn receive(&mut self, now: Instant, source: SocketAddr, ssrc: u32, sequence: u16) -> Verdict {
        if now >= self.closes {
            return self.judge_locked(source);
        }
        if source == self.signalled {
            self.locked = Some(source);
            self.closes = now;
            return Verdict::Accepted;
        }
        if self.locked == Some(source) {
            return Verdict::Accepted;
        }
        if self.locked.is_some() || !self.is_allowed(source.ip()) {
            return Verdict::Foreign;
        }
        self.consider(now, source, ssrc, sequence)
    }

    fn judge_locked(&self, source: SocketAddr) -> Verdict {
        if source == self.remote() { Verdict::Accepted } else { Verdict::Foreign }
    }

    fn is_allowed(&self, ip: IpAddr) -> bool {
        ip == self.signalled.ip() || self.allowed.iter().any(|net| net.contains(&ip))
    }

    fn consider(&mut self, now: Instant, source: SocketAddr, ssrc: u32, sequence: u16) -> Verdict {
        let fresh = Candidate { source, ssrc, next: sequence.wrapping_add(1), packets: 1, since: now };
        let Some(known) = self.candidates.iter_mut().find(|known| known.source == source) else {
            if self.candidates.len() < MAX_CANDIDATES {
                self.candidates.push(fresh);
            }
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
