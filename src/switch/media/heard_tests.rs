//! Legs that are not heard or do not hear, and what is told of them; reports on a port of their own and
//! beside the RTP. On virtual time but for the wire.

use std::time::{Duration, Instant};

use super::leg::Leg;
use super::ports::Ports;
use super::tests::{Bench, Phone, bare_leg, parameters};
use super::*;
use crate::call::leg as script;
use crate::rtp::packet::{HEADER, Header, Packet};
use crate::rtp::rtcp::{self, Block, Part, SenderInfo};
use crate::rtp::sequence::Reception;
use crate::switch::clip::FRAME;

const PHONE: &str = "127.0.0.5:4000";
const REPORTS: &str = "127.0.0.5:4001";
const SSRC: u32 = 77;

/// A leg on no thread.
struct Scene {
    leg: Leg,
    now: Instant,
    next: u16,
    events: mpsc::UnboundedReceiver<MediaEvent>,
    _script: script::Leg,
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

impl Scene {
    fn new(change: impl FnOnce(&mut Parameters)) -> Self {
        let ports = Arc::new(Ports::new([127, 0, 0, 1].into(), 25_400..=25_499));
        let now = Instant::now();
        let (mut leg, script, events) = bare_leg(&ports, now);
        let mut agreed = Parameters { remote_rtcp: address(REPORTS), ..parameters(address(PHONE)) };
        change(&mut agreed);
        leg.configure(now, agreed);
        Self { leg, now, next: 1, events, _script: script }
    }

    fn bridged() -> Self {
        let mut scene = Self::new(|_| {});
        scene.leg.bridge(scene.now, 1);
        scene
    }

    fn packet(&mut self, payload_type: u8, from: &str) {
        let sequence = self.next;
        self.next += 1;
        let timestamp = u32::from(sequence) * 160;
        let header = Header { marker: false, payload_type, sequence, timestamp, ssrc: SSRC };
        let mut datagram = [0_u8; HEADER + FRAME];
        datagram[..HEADER].copy_from_slice(&header.to_octets());
        self.leg.receive(self.now, &mut datagram, address(from));
    }

    /// So many seconds, in each of whose 20 ms something is done. Returns what was told, and when.
    fn pass(&mut self, seconds: u64, mut each: impl FnMut(&mut Self)) -> Vec<(u64, MediaEvent)> {
        let begin = self.now;
        let mut told = Vec::new();
        while self.now < begin + Duration::from_secs(seconds) {
            each(self);
            self.leg.tick(self.now);
            while let Ok(event) = self.events.try_recv() {
                told.push((self.now.duration_since(begin).as_secs(), event));
            }
            self.now += Duration::from_millis(20);
        }
        told
    }

    /// A report about what arrived of ours: up to the packet after so many.
    fn report(&mut self, highest: u32, sent: u32) -> Vec<u8> {
        let reception =
            Reception { ssrc: self.leg.own_ssrc(), fraction_lost: 0, lost: 0, highest, jitter: 0 };
        let block = Block { reception, last_report: 0, delay: 0 };
        let info = SenderInfo { ntp: 1 << 40, timestamp: 0, packets: sent, octets: 0 };
        let mut out = Vec::new();
        rtcp::write(&mut out, SSRC, Some(&info), Some(&block), "phone");
        out
    }

    fn figures(&self) -> &Statistics {
        &self.leg.wire.statistics
    }
}

fn refused(event: &MediaEvent) -> Option<Refused> {
    match event {
        MediaEvent::NeverAnyMedia { clue, .. }
        | MediaEvent::OneWay { clue, .. }
        | MediaEvent::Silent { clue, .. } => clue.refused,
        _ => None,
    }
}

#[test]
fn a_phone_without_audio_is_told_of_in_time_with_where_its_packets_come_from() {
    for (payload_type, from, why) in [
        (8, "127.0.0.9:5000", Refusal::Stranger),
        (18, PHONE, Refusal::PayloadType(18)),
        // It could be learnt for five seconds, but not from what was not agreed on.
        (18, "127.0.0.5:9999", Refusal::Stranger),
    ] {
        let mut scene = Scene::new(|_| {});
        let told = scene.pass(31, |scene| scene.packet(payload_type, from));
        let expected = Refused { from: address(from), why };
        let [(10, never @ MediaEvent::NeverAnyMedia { .. }), (30, MediaEvent::Unheard { .. })] = &told[..]
        else {
            panic!("{told:?}")
        };
        assert_eq!(refused(never), Some(expected));
        assert_eq!(scene.leg.remote(), Some(address(PHONE)));
    }
}

#[test]
fn one_way_audio_in_a_bridge_is_told_once_and_marked() {
    let mut scene = Scene::bridged();
    assert_eq!(scene.pass(3, |scene| scene.packet(8, PHONE)), []);
    let told = scene.pass(30, |scene| scene.leg.partner_is_heard(scene.now));
    assert!(matches!(told[..], [(7 | 8, MediaEvent::OneWay { .. })]), "{told:?}");
    assert_eq!((scene.figures().one_way_in.get(), scene.figures().one_way_out.get()), (1, 0));
    assert!((29_000..=30_100).contains(&scene.figures().longest_silence_ms.get()));
    assert_eq!(scene.figures().foreign.get(), 0);
}

#[test]
fn a_muted_phone_that_reports_so_is_not_one_way() {
    let mut scene = Scene::bridged();
    scene.pass(3, |scene| scene.packet(8, PHONE));
    let mut left = 0;
    let told = scene.pass(40, |scene| {
        scene.leg.partner_is_heard(scene.now);
        if left == 0 {
            left = 200;
            let sent = scene.figures().packets_sent.get() as u32;
            let mut report = scene.report(u32::from(scene.leg.first_sequence()) + sent, 150);
            scene.leg.receive_report(scene.now, &mut report, address(REPORTS));
        }
        left -= 1;
    });
    assert_eq!(told, []);
}

#[test]
fn a_phone_that_reports_to_hear_nothing_is_told_of_once() {
    let mut scene = Scene::new(|_| {});
    let first = u32::from(scene.leg.first_sequence());
    let mut reports = Vec::new();
    for _ in 0..4 {
        scene.pass(5, |scene| scene.packet(8, PHONE));
        let mut report = scene.report(first + 10, 0);
        scene.leg.receive_report(scene.now, &mut report, address(REPORTS));
        reports.extend(scene.pass(1, |scene| scene.packet(8, PHONE)));
    }
    assert!(matches!(reports[..], [(0, MediaEvent::NothingArrives { .. })]), "{reports:?}");
    assert_eq!((scene.figures().one_way_in.get(), scene.figures().one_way_out.get()), (0, 1));
}

#[test]
fn reports_count_from_the_rtp_peer_alone_and_with_one_port_for_both_from_its_port_alone() {
    for rtcp_mux in [false, true] {
        let mut scene = Scene::new(|p| p.rtcp_mux = rtcp_mux);
        scene.pass(1, |scene| scene.packet(8, PHONE));
        let report = scene.report(u32::from(scene.leg.first_sequence()) + 9, 50);
        let mut beside = report.clone();
        scene.leg.receive_report(scene.now, &mut beside, address("127.0.0.9:4001"));
        scene.leg.receive(scene.now, &mut report.clone(), address("127.0.0.9:4000"));
        assert_eq!(scene.figures().far_reports.get(), 0, "a stranger's");
        scene.leg.receive_report(scene.now, &mut report.clone(), address(REPORTS));
        assert_eq!(scene.figures().far_reports.get(), u64::from(!rtcp_mux));
        let received = scene.figures().packets_received.get();
        scene.leg.receive(scene.now, &mut report.clone(), address(PHONE));
        assert_eq!(scene.figures().far_reports.get(), 1);
        let beside_rtp = scene.figures().packets_received.get() - received;
        assert_eq!(beside_rtp, u64::from(!rtcp_mux), "without an agreement it is RTP of no known type");
        let goes_to = if rtcp_mux { PHONE } else { REPORTS };
        assert_eq!(scene.leg.report_address(), Some(address(goes_to)));
    }
}

#[test]
fn on_the_wire_reports_leave_from_the_port_that_was_agreed_on() {
    let bench = Bench::new(25_500..=25_509);
    let mut phone = bench.configured(|p| {
        p.rtcp_mux = true;
        p.remote_rtcp = p.remote_rtp;
    });
    phone.say(8, 0, &[1; FRAME]);
    phone.hear();
    let port = phone.stream.rtp_port();
    let Phone { rtp, stream, .. } = phone;
    drop(stream);
    let goodbye = std::iter::repeat_with(|| {
        let mut buffer = [0; 2048];
        let (len, from) = rtp.recv_from(&mut buffer).expect("a packet in time");
        (buffer[..len].to_vec(), from.port())
    });
    let (goodbye, from) = goodbye.take(200).find(|(datagram, _)| rtcp::is_rtcp(datagram)).expect("a report");
    assert_eq!(from, port);
    assert!(rtcp::read(&goodbye).expect("valid").any(|part| matches!(part, Part::Goodbye { .. })));
    assert!(Packet::read(&goodbye).is_none_or(|packet| packet.header.payload_type >= 64));
}
