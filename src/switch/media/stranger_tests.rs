//! Strangers who send into a call (RTP bleed, spray, injection): nothing goes to them, and nothing of theirs
//! is heard, passed on or recorded. Most of it on virtual time, where a call with and one without them can
//! be compared octet by octet.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::leg::Leg;
use super::ports::Ports;
use super::tests::{Bench, LOOPBACK, bare_leg, receive};
use super::*;
use crate::call::leg::{self as script, Cut};
use crate::rtp::packet::{HEADER, Header, Packet};
use crate::rtp::rtcp::{self, SenderInfo};
use crate::switch::clip::FRAME;
use crate::switch::recorder::Recorder;
use crate::switch::scratch::Scratch;

/// Packets of the phone in a run, one every 20 ms.
const SPOKEN: u16 = 40;
const SSRC: u32 = 0x5eed;

/// Where the phone is in a run.
#[derive(Debug, Clone, Copy)]
struct Places {
    /// What its SDP says.
    signalled: SocketAddr,
    /// Where its packets come from.
    speaks_from: SocketAddr,
    /// The one that cannot be told from it by its network alone.
    neighbour: SocketAddr,
}

impl Places {
    fn new(seed: u64) -> Self {
        let address = |text: &str| text.parse().expect("an address");
        let signalled = address("127.0.0.5:4000");
        match seed % 3 {
            0 => Self { signalled, speaks_from: signalled, neighbour: address("127.0.0.5:4444") },
            // Behind a NAT that changes the port, or the address too, within what the trunk allows.
            1 => Self {
                signalled,
                speaks_from: address("127.0.0.5:5000"),
                neighbour: address("127.0.0.5:4444"),
            },
            _ => Self {
                signalled,
                speaks_from: address("127.0.0.6:5000"),
                neighbour: address("127.0.0.6:4444"),
            },
        }
    }
}

/// What came of a run.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// What was to go to the partner.
    passed_on: Vec<(String, Vec<u8>)>,
    received: u64,
    lost: u64,
    /// What the far side's reports have told.
    far: [u64; 3],
    remote: Option<SocketAddr>,
    reports_go_to: Option<SocketAddr>,
}

/// A leg on no thread, and the phone that speaks to it.
struct Run {
    leg: Leg,
    places: Places,
    now: Instant,
    first: u16,
    spoken: u16,
    passed_on: Vec<(String, Vec<u8>)>,
    _script: script::Leg,
}

impl Run {
    fn new(seed: u64, ports: &Arc<Ports>) -> Self {
        let now = Instant::now();
        let (mut leg, script, _) = bare_leg(ports, now);
        let places = Places::new(seed);
        leg.configure(now, parameters(places, seed % 5 == 4));
        let first = (seed as u16).wrapping_mul(977);
        Self { leg, places, now, first, spoken: 0, passed_on: Vec::new(), _script: script }
    }

    fn hears(&mut self, datagram: &[u8], from: SocketAddr) {
        let mut datagram = datagram.to_vec();
        if let Some(onward) = self.leg.receive(self.now, &mut datagram, from) {
            self.passed_on.push((format!("{onward:?}"), datagram));
        }
    }

    fn hears_report(&mut self, datagram: &[u8], from: SocketAddr) {
        self.leg.receive_report(self.now, &mut datagram.to_vec(), from);
    }

    /// The next 20 ms of the phone, which begins to speak a little after the agreement.
    fn speak(&mut self, frame: u16) {
        if frame < 5 || self.spoken == SPOKEN {
            return;
        }
        let n = self.spoken;
        self.spoken += 1;
        let packet = rtp(8, SSRC, self.first.wrapping_add(n), u32::from(n) * 160, &[n as u8 + 1; FRAME]);
        self.hears(&packet, self.places.speaks_from);
    }

    fn outcome(&self) -> Outcome {
        let figures = &self.leg.wire.statistics;
        Outcome {
            passed_on: self.passed_on.clone(),
            received: figures.packets_received.get(),
            lost: figures.lost.get(),
            far: [figures.far_reports.get(), figures.far_lost.get(), figures.round_trip_us.get()],
            remote: self.leg.remote(),
            reports_go_to: self.leg.report_address(),
        }
    }
}

fn parameters(places: Places, rtcp_mux: bool) -> Parameters {
    let signalled = places.signalled;
    let beside = SocketAddr::new(signalled.ip(), signalled.port() + 1);
    Parameters {
        remote_rtp: signalled,
        remote_rtcp: if rtcp_mux { signalled } else { beside },
        rtcp_mux,
        allowed_sources: vec!["127.0.0.6/32".parse().expect("a network")],
        ..tests::parameters(signalled)
    }
}

fn rtp(payload_type: u8, ssrc: u32, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let header = Header { marker: false, payload_type, sequence, timestamp, ssrc };
    [&header.to_octets()[..], payload].concat()
}

/// What strangers send: guesses of every kind, some of them right.
struct Spray {
    dice: StdRng,
    neighbour_next: u16,
}

impl Spray {
    fn new(seed: u64) -> Self {
        Self { dice: StdRng::seed_from_u64(seed), neighbour_next: 0 }
    }

    /// Some packets from anywhere but the phone, to both ports.
    fn at(&mut self, run: &mut Run) {
        for _ in 0..self.dice.random_range(0..4) {
            let source = self.source(run);
            let datagram = self.datagram(run, source == run.places.neighbour);
            run.hears(&datagram, source);
            if self.dice.random_bool(0.5) {
                let report = self.report(run);
                run.hears_report(&report, source);
                run.hears(&report, source);
            }
        }
    }

    /// Other hosts, and another port of the phone's own host.
    fn source(&mut self, run: &Run) -> SocketAddr {
        match self.dice.random_range(0..4) {
            0 => run.places.neighbour,
            n => SocketAddr::from(([127, 0, 1, n], self.dice.random_range(1024..60_000))),
        }
    }

    /// A neighbour within the allowed networks never gets four packets in a row right; others may.
    fn datagram(&mut self, run: &Run, neighbour: bool) -> Vec<u8> {
        let dice = &mut self.dice;
        let ssrc = if dice.random_bool(0.7) { SSRC } else { dice.random() };
        let ahead = run.first.wrapping_add(run.spoken);
        self.neighbour_next = self.neighbour_next.wrapping_add(dice.random_range(2..9));
        let sequence = if neighbour { self.neighbour_next } else { ahead };
        let payload_type = if dice.random_bool(0.8) { 8 } else { dice.random_range(0..128) };
        let mut datagram = rtp(payload_type, ssrc, sequence, u32::from(run.spoken) * 160, &[0xee; FRAME]);
        if dice.random_bool(0.1) {
            datagram.truncate(dice.random_range(0..=HEADER));
        }
        datagram
    }

    /// A report as the phone would make it, but for the source, or a goodbye.
    fn report(&mut self, run: &Run) -> Vec<u8> {
        let mut out = Vec::new();
        let reception = crate::rtp::sequence::Reception {
            ssrc: self.dice.random(),
            fraction_lost: 255,
            lost: 7_000,
            highest: u32::from(run.first),
            jitter: 9_999,
        };
        let block = rtcp::Block { reception, last_report: self.dice.random(), delay: 0 };
        let info = SenderInfo { ntp: self.dice.random(), timestamp: 0, packets: 9, octets: 9 };
        // Who does not hear the phone cannot know its source.
        let ssrc = self.dice.random();
        rtcp::write(&mut out, ssrc, Some(&info), Some(&block), "stranger");
        rtcp::write_goodbye(&mut out, ssrc);
        out
    }
}

/// A run with or without strangers, recorded or not.
fn run(seed: u64, ports: &Arc<Ports>, strangers: bool, record: Option<(&Recorder, &str)>) -> Outcome {
    let mut run = Run::new(seed, ports);
    let mut spray = Spray::new(seed);
    let mut recorded = None;
    if let Some((recorder, name)) = record {
        let (done, told) = oneshot::channel();
        run.leg.record(
            run.now,
            recorder.message(name, crate::call::leg::Limits::longest(Duration::from_secs(9)), done),
        );
        recorded = Some(told);
    }
    for frame in 0..SPOKEN + 20 {
        if strangers {
            spray.at(&mut run);
        }
        run.speak(frame);
        run.leg.tick(run.now);
        let remote = run.leg.remote().expect("configured");
        assert!([run.places.signalled, run.places.speaks_from].contains(&remote), "{seed}: sent to {remote}");
        run.now += Duration::from_millis(20);
    }
    run.leg.stop_recording(Cut::Nothing);
    if let Some(recorded) = recorded {
        assert!(recorded.blocking_recv().expect("told").kept);
    }
    run.outcome()
}

#[test]
fn in_a_thousand_calls_strangers_change_nothing_of_what_is_heard_and_where_it_goes() {
    let ports = Arc::new(Ports::new([127, 0, 0, 1].into(), 25_100..=25_199));
    for seed in 0..1_000 {
        let (quiet, sprayed) = (run(seed, &ports, false, None), run(seed, &ports, true, None));
        assert!(quiet.passed_on.len() >= usize::from(SPOKEN) - 4, "{seed}: {}", quiet.passed_on.len());
        assert!(quiet == sprayed, "{seed}:\n{quiet:?}\n{sprayed:?}");
    }
}

#[test]
fn a_recording_is_the_same_to_the_octet_whoever_sends_into_the_call() {
    let ports = Arc::new(Ports::new([127, 0, 0, 1].into(), 25_200..=25_299));
    let folder = Scratch::new();
    let recorder = Recorder::start(folder.path().to_owned()).expect("a recorder");
    for seed in 0..12 {
        let [quiet, sprayed] = [false, true].map(|strangers| {
            let name = format!("{seed}-{strangers}.wav");
            run(seed, &ports, strangers, Some((&recorder, &name)));
            std::fs::read(folder.path().join(name)).expect("the recording")
        });
        assert!(quiet.len() > usize::from(SPOKEN - 4) * FRAME * 2, "{seed}: {}", quiet.len());
        assert!(quiet == sprayed, "{seed}: {} and {} octets", quiet.len(), sprayed.len());
    }
}

#[test]
fn on_the_wire_no_stranger_gets_a_packet_and_the_partner_hears_the_caller_alone() {
    let bench = Bench::new(25_300..=25_319);
    let (mut caller, responder) = (bench.configured(|_| {}), bench.configured(|_| {}));
    caller.stream.bridge(&responder.stream);
    caller.say(8, 0, &[1; FRAME]);
    let hosts = [[127, 0, 0, 2], [127, 0, 0, 3], [127, 0, 0, 1]];
    let strangers = hosts.map(|host| UdpSocket::bind((IpAddr::from(host), 0)).expect("a port"));
    let (_, port) = caller.far_end();
    let mut report = Vec::new();
    rtcp::write(&mut report, 7, None, None, "stranger");
    rtcp::write_goodbye(&mut report, 7);
    for n in 1..30_u16 {
        for stranger in &strangers {
            // The very source and numbers of the caller.
            let forged = rtp(8, 7, 100 + n, u32::from(n) * 160, &[0x66; FRAME]);
            stranger.send_to(&forged, caller.far_end()).expect("sent");
            stranger.send_to(&report, (LOOPBACK, port + 1)).expect("sent");
        }
        caller.say(8, u32::from(n) * 160, &[n as u8 + 1; FRAME]);
    }
    let mut heard = Vec::new();
    while heard.last() != Some(&30) {
        let datagram = receive(&responder.rtp);
        let packet = Packet::read(&datagram).expect("RTP");
        heard.extend(packet.payload(&datagram).first().filter(|octet| **octet != 0xd5));
    }
    assert_eq!(heard, (1..=30).collect::<Vec<u8>>());
    assert_eq!(
        caller.stream.statistics().foreign.get(),
        29 * 3 + 29 * 2,
        "a report of the right source may count"
    );
    for stranger in &strangers {
        stranger.set_nonblocking(true).expect("set");
        assert!(stranger.recv_from(&mut [0; 64]).is_err(), "a stranger got an answer");
    }
}

#[test]
fn ten_thousand_short_calls_leave_no_port_and_no_socket_behind() {
    let bench = Bench::new(25_320..=25_359);
    for _ in 0..10_000 {
        bench.short_call();
    }
    // All twenty pairs are there again, at once.
    let all: Vec<_> = (0..20).map(|_| bench.short_call()).collect();
    let mut ports: Vec<_> = all.iter().map(Stream::rtp_port).collect();
    ports.sort_unstable();
    assert_eq!(ports, (25_320..25_360).step_by(2).collect::<Vec<_>>());
}
