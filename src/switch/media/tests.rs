//! The media threads on loopback, with real sockets and phones made of a socket.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::PathBuf;

use super::*;
use crate::audio::g711::{ALAW_TO_ULAW, alaw_to_linear, linear_to_alaw};
use crate::call::leg::{Cut, Leg, Request};
use crate::rtp::packet::{Header, Packet};
use crate::rtp::rtcp::{self, Part};
use crate::rtp::telephone_event::Payload;
use crate::switch::clip::FRAME;
use crate::switch::recorder::Recorder;
use crate::switch::scratch::Scratch;

pub(super) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Longer than anything here takes; a wait for it is a failure.
const PATIENCE: Duration = Duration::from_secs(5);
pub(super) const EVENT: u8 = 101;

pub(super) struct Bench {
    pub(super) media: Media,
    requests: mpsc::UnboundedSender<Request>,
}

/// A phone and the stream that it talks to.
pub(super) struct Phone {
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    pub(super) stream: Stream,
    pub(super) events: mpsc::UnboundedReceiver<MediaEvent>,
    _leg: Leg,
    sequence: u16,
}

impl Bench {
    pub(super) fn new(ports: RangeInclusive<u16>) -> Self {
        let config = Config { ports, threads: 2, media_timeout: Duration::from_millis(200), bind: LOOPBACK };
        Self { media: Media::start(config).expect("threads"), requests: mpsc::unbounded_channel().0 }
    }

    /// A leg that is opened, agreed on, and let go of with the result. Waits until there is a port.
    pub(super) fn short_call(&self) -> Stream {
        let (leg, keys) = Leg::new(self.requests.clone());
        let opened = std::iter::repeat_with(|| {
            let events = mpsc::unbounded_channel().0;
            self.media.open(leg.id().0, leg.id(), events, keys.clone())
        });
        let stream = opened.inspect(|_| std::thread::yield_now()).find_map(Result::ok).expect("endless");
        stream.configure(parameters((LOOPBACK, 9).into()));
        stream
    }

    fn phone(&self) -> Phone {
        let (leg, keys) = Leg::new(self.requests.clone());
        let (tell, events) = mpsc::unbounded_channel();
        let stream = self.media.open(5, leg.id(), tell, keys).expect("a stream");
        let [rtp, rtcp] = [socket(), socket()];
        Phone { rtp, rtcp, stream, events, _leg: leg, sequence: 100 }
    }

    pub(super) fn configured(&self, change: impl FnOnce(&mut Parameters)) -> Phone {
        let phone = self.phone();
        let mut parameters = phone.parameters();
        change(&mut parameters);
        phone.stream.configure(parameters);
        phone
    }
}

pub(super) fn socket() -> UdpSocket {
    let socket = UdpSocket::bind((LOOPBACK, 0)).expect("a port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    socket
}

pub(super) fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 2048];
    let (len, _) = socket.recv_from(&mut buffer).expect("a packet in time");
    buffer[..len].to_vec()
}

pub(super) fn clip(octet: u8, frames: usize) -> Arc<Clip> {
    Arc::new(Clip::from_samples(&vec![alaw_to_linear(octet); frames * FRAME]))
}

/// A leg on no thread, the script's end of it, and what it tells.
pub(super) fn bare_leg(
    ports: &Arc<Ports>,
    now: std::time::Instant,
) -> (leg::Leg, Leg, mpsc::UnboundedReceiver<MediaEvent>) {
    let (script, keys) = Leg::new(mpsc::unbounded_channel().0);
    let (events, told) = mpsc::unbounded_channel();
    let pair = ports.open().expect("a pair");
    let wire = Wire { pair, statistics: Arc::default(), security: None, ipv6: false, rtcp_mux: false };
    let opening = Opening { id: script.id(), wire, events, keys };
    (leg::Leg::new(now, opening, Duration::from_secs(60), now), script, told)
}

/// A phone there with A-law; its reports at the same port.
pub(super) fn parameters(remote_rtp: SocketAddr) -> Parameters {
    Parameters {
        remote_rtp,
        remote_rtcp: remote_rtp,
        rtcp_mux: false,
        codec: Codec::Pcma,
        packet_time_ms: None,
        send_payload_type: 8,
        receive_payload_type: 8,
        telephone_event: Some((EVENT, EVENT)),
        may_send: true,
        may_receive: true,
        allowed_sources: Vec::new(),
        key_rules: KeyRules::default(),
        comfort_noise: None,
        in_band: InBand::Never,
        srtp: None,
    }
}

impl Phone {
    /// Where its leg listens.
    pub(super) fn far_end(&self) -> (IpAddr, u16) {
        (LOOPBACK, self.stream.rtp_port())
    }

    pub(super) fn parameters(&self) -> Parameters {
        let remote_rtcp = self.rtcp.local_addr().expect("bound");
        Parameters { remote_rtcp, ..parameters(self.rtp.local_addr().expect("bound")) }
    }

    fn say_from(&mut self, socket: &UdpSocket, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let header = Header { marker: false, payload_type, sequence: self.sequence, timestamp, ssrc: 7 };
        self.sequence = self.sequence.wrapping_add(1);
        let packet = [&header.to_octets()[..], payload].concat();
        socket.send_to(&packet, (LOOPBACK, self.stream.rtp_port())).expect("sent");
    }

    pub(super) fn say(&mut self, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let socket = self.rtp.try_clone().expect("a second handle");
        self.say_from(&socket, payload_type, timestamp, payload);
    }

    /// Packets that are lost on the way: their numbers are used up.
    pub(super) fn leave_out(&mut self, packets: u16) {
        self.sequence = self.sequence.wrapping_add(packets);
    }

    pub(super) fn hear(&self) -> (Header, Vec<u8>) {
        let datagram = receive(&self.rtp);
        let packet = Packet::read(&datagram).expect("RTP");
        (packet.header, packet.payload(&datagram).to_vec())
    }

    /// The next packet that is wanted.
    pub(super) fn hear_until(&self, wanted: impl Fn(&Header, &[u8]) -> bool) -> (Header, Vec<u8>) {
        (0..500)
            .map(|_| self.hear())
            .find(|(header, payload)| wanted(header, payload))
            .expect("heard in time")
    }
}

#[test]
fn a_clip_for_a_leg_on_hold_takes_its_time_and_does_not_count_as_played_to_its_end() {
    let bench = Bench::new(25_362..=25_379);
    let phone = bench.configured(|parameters| parameters.may_send = false);
    let (done, over) = oneshot::channel();
    phone.stream.play(clip(0x11, 3), false, done);
    assert!(over.blocking_recv().is_err(), "nothing of it was sent");
}

#[test]
fn an_answered_leg_hears_silence_then_a_clip_in_one_stream_and_its_end_is_told() {
    let bench = Bench::new(24_000..=24_019);
    let phone = bench.configured(|_| {});
    let (first, payload) = phone.hear();
    assert!(first.marker && payload == [0xd5; FRAME]);
    let (done, over) = oneshot::channel();
    phone.stream.play(clip(0x11, 3), false, done);
    let (mut last, _) = phone.hear_until(|_, payload| payload == [0x11; FRAME]);
    for _ in 0..2 {
        let (next, payload) = phone.hear();
        assert_eq!((next.ssrc, next.sequence), (first.ssrc, last.sequence.wrapping_add(1)));
        assert_eq!((next.timestamp.wrapping_sub(last.timestamp), payload), (160, vec![0x11; FRAME]));
        last = next;
    }
    over.blocking_recv().expect("the end is told");
    assert_eq!(phone.hear().1, [0xd5; FRAME]);
}

#[test]
fn bridged_legs_hear_each_other_in_their_own_law_and_numbers() {
    let bench = Bench::new(24_020..=24_039);
    let mut caller = bench.configured(|_| {});
    let responder = bench.configured(|p| {
        (p.codec, p.send_payload_type, p.receive_payload_type) = (Codec::Pcmu, 0, 0);
    });
    let (before, _) = responder.hear();
    caller.stream.bridge(&responder.stream);
    caller.say(8, 5000, &[0x2a; FRAME]);
    caller.say(8, 5160, &[0x2b; FRAME]);
    let converted = [0x2a, 0x2b].map(|octet: u8| ALAW_TO_ULAW[usize::from(octet)]);
    let (first, _) = responder.hear_until(|_, payload| payload == [converted[0]; FRAME]);
    let (second, payload) = responder.hear();
    assert_eq!((first.payload_type, first.ssrc, first.marker), (0, before.ssrc, true));
    assert_eq!(payload, [converted[1]; FRAME]);
    assert_eq!(second.sequence.wrapping_sub(first.sequence), 1);
    assert_eq!(second.timestamp.wrapping_sub(first.timestamp), 160);
}

#[test]
fn a_clip_goes_before_the_bridge_and_the_bridge_is_heard_again_after_it() {
    let bench = Bench::new(24_040..=24_059);
    let (mut caller, responder) = (bench.configured(|_| {}), bench.configured(|_| {}));
    caller.stream.bridge(&responder.stream);
    let (done, over) = oneshot::channel();
    responder.stream.play(clip(0x33, 5), false, done);
    let (played, _) = responder.hear_until(|_, payload| payload == [0x33; FRAME]);
    over.blocking_recv().expect("the end is told");
    caller.say(8, 0, &[0x44; FRAME]);
    let (relayed, _) = responder.hear_until(|_, payload| payload == [0x44; FRAME]);
    assert_eq!(relayed.sequence.wrapping_sub(played.sequence), 5);
    assert!(relayed.marker);
}

#[test]
fn when_one_leg_ends_the_other_hears_silence() {
    let bench = Bench::new(24_060..=24_079);
    let (caller, responder) = (bench.configured(|_| {}), bench.configured(|_| {}));
    caller.stream.bridge(&responder.stream);
    drop(caller);
    responder.hear_until(|_, payload| payload == [0xd5; FRAME]);
}

#[test]
fn strangers_are_neither_heard_nor_answered() {
    let bench = Bench::new(24_080..=24_099);
    let (mut caller, responder) = (bench.configured(|_| {}), bench.configured(|_| {}));
    caller.stream.bridge(&responder.stream);
    caller.say(8, 0, &[1; FRAME]);
    let stranger = socket();
    for n in 1..20 {
        caller.say_from(&stranger, 8, n * 160, &[0x66; FRAME]);
    }
    let first = caller.sequence;
    caller.say(8, 20 * 160, &[2; FRAME]);
    let (header, payload) = responder.hear_until(|_, payload| payload[0] != 0xd5 && payload[0] != 1);
    assert_eq!(payload, [2; FRAME], "after packet {first}: {header:?}");
    assert_eq!(caller.stream.statistics().foreign.get(), 19);
    stranger.set_nonblocking(true).expect("set");
    assert!(stranger.recv_from(&mut [0; 64]).is_err());
}

#[test]
fn a_key_reaches_the_partner_as_one_event_with_its_own_payload_type() {
    let bench = Bench::new(24_100..=24_119);
    let mut caller = bench.configured(|_| {});
    let responder = bench.configured(|p| p.telephone_event = Some((96, 96)));
    caller.stream.bridge(&responder.stream);
    let key = |n: u16| Payload { event: 5, end: n >= 3, volume: 10, duration: n.min(3) * 160 }.to_octets();
    for n in 1..=5 {
        caller.say(EVENT, 800, &key(n));
    }
    let (first, _) = responder.hear_until(|header, _| header.payload_type == 96);
    for n in 2..=5 {
        let (next, payload) = responder.hear();
        assert_eq!((next.payload_type, next.timestamp, payload), (96, first.timestamp, key(n).to_vec()));
    }
}

#[test]
fn a_key_in_the_signalling_reaches_the_partner_once_whatever_else_tells_of_it() {
    let bench = Bench::new(24_300..=24_319);
    let (mut caller, responder) = (bench.configured(|_| {}), bench.configured(|_| {}));
    let event = |end| Payload { event: 7, end, volume: 10, duration: 160 }.to_octets();
    caller.stream.bridge(&responder.stream);
    caller.stream.press('7');
    caller.say(EVENT, 800, &event(false));
    let (told, _) = responder.hear_until(|header, _| header.payload_type == EVENT);
    let told_again = std::iter::from_fn(|| {
        caller.say(EVENT, 800, &event(true));
        caller.say(8, 2000, &[0x55; FRAME]);
        let (header, payload) = responder.hear();
        (payload != [0x55; FRAME]).then_some((header.payload_type, header.timestamp))
    });
    let told_again: Vec<_> =
        told_again.filter(|heard| heard.0 == EVENT && heard.1 != told.timestamp).collect();
    assert_eq!(told_again, []);
}

#[test]
fn a_leg_whose_partner_falls_still_goes_on_hearing_silence_in_the_same_stream() {
    let bench = Bench::new(24_320..=24_339);
    let (mut caller, responder) = (bench.configured(|_| {}), bench.configured(|_| {}));
    caller.stream.bridge(&responder.stream);
    caller.say(8, 5000, &[0x2a; FRAME]);
    let (spoken, _) = responder.hear_until(|_, payload| payload == [0x2a; FRAME]);
    let (silence, _) = responder.hear_until(|_, payload| payload == [0xd5; FRAME]);
    assert_eq!((silence.ssrc, silence.sequence), (spoken.ssrc, spoken.sequence.wrapping_add(1)));
    let elapsed = silence.timestamp.wrapping_sub(spoken.timestamp) / 8;
    assert!((500..2000).contains(&elapsed), "after {elapsed} ms");
    caller.say(8, 5160, &[0x2b; FRAME]);
    let heard = std::iter::from_fn(|| Some(responder.hear()));
    let mut last = silence;
    for (header, payload) in heard {
        assert_eq!(header.sequence, last.sequence.wrapping_add(1));
        last = header;
        if payload == [0x2b; FRAME] {
            return assert!(header.marker, "the partner's words begin anew");
        }
    }
}

#[test]
fn a_key_that_began_before_the_bridge_is_not_passed_on() {
    let bench = Bench::new(24_120..=24_139);
    let (caller, mut responder) = (bench.configured(|_| {}), bench.configured(|_| {}));
    let accept = |end| Payload { event: 1, end, volume: 10, duration: 160 }.to_octets();
    responder.say(EVENT, 800, &accept(false));
    // A frame answers later than the thread took the packet that came before.
    let seen = responder.stream.statistics();
    while seen.packets_received.get() == 0 {
        responder.hear();
    }
    caller.stream.bridge(&responder.stream);
    responder.say(EVENT, 800, &accept(true));
    responder.say(8, 2000, &[0x55; FRAME]);
    let heard: Vec<_> = std::iter::from_fn(|| {
        let (header, payload) = caller.hear();
        (payload != [0x55; FRAME]).then_some(header.payload_type)
    })
    .collect();
    assert!(!heard.contains(&EVENT));
}

#[test]
fn a_key_sounds_for_a_phone_that_knows_no_events() {
    let bench = Bench::new(24_140..=24_159);
    let mut caller = bench.configured(|_| {});
    let responder = bench.configured(|p| p.telephone_event = None);
    caller.stream.bridge(&responder.stream);
    caller.say(EVENT, 800, &Payload { event: 9, end: true, volume: 10, duration: 800 }.to_octets());
    let mut detector = crate::audio::dtmf::Detector::new(8000);
    let heard = (0..100).find_map(|_| {
        let samples: Vec<_> = responder.hear().1.iter().map(|octet| alaw_to_linear(*octet)).collect();
        detector.process(&samples).first().map(|digit| digit.key)
    });
    assert_eq!(heard, Some('9'));
}

#[test]
fn a_key_heard_as_tones_goes_on_as_an_event() {
    let bench = Bench::new(24_160..=24_179);
    let mut caller = bench.configured(|p| {
        p.telephone_event = None;
        p.in_band = InBand::WhenNoEventsAgreed;
    });
    let responder = bench.configured(|_| {});
    caller.stream.bridge(&responder.stream);
    let sines = [852.0, 1336.0].map(|frequency| crate::audio::tone::Sine { frequency, level: -9.0 });
    let tone = crate::audio::tone::tone(&sines, 100, 2);
    for (n, frame) in tone.chunks(FRAME).enumerate() {
        let octets: Vec<_> = frame.iter().map(|sample| linear_to_alaw(*sample)).collect();
        caller.say(8, n as u32 * 160, &octets);
    }
    let (_, payload) = responder.hear_until(|header, _| header.payload_type == EVENT);
    assert_eq!(Payload::read(&payload).and_then(|payload| payload.key()), Some('8'));
}

#[test]
fn the_stream_goes_where_the_packets_come_from_only_if_its_network_is_allowed() {
    let bench = Bench::new(24_180..=24_199);
    let mut phone = bench.configured(|p| {
        p.remote_rtp = "192.0.2.1:4000".parse().expect("an address");
        p.allowed_sources = vec!["127.0.0.0/8".parse().expect("a network")];
    });
    // Paced by another leg, which hears a frame every 20 ms.
    let pace = bench.configured(|_| {});
    let statistics = phone.stream.statistics();
    for n in (0..200).take_while(|_| statistics.packets_received.get() == 0) {
        phone.say(8, n * 160, &[1; FRAME]);
        pace.hear();
    }
    assert!(statistics.unproven.get() >= 3);
    phone.hear();
    let mut refused = bench.configured(|p| p.remote_rtp = "192.0.2.1:4000".parse().expect("an address"));
    for n in 0..6 {
        refused.say(8, n * 160, &[1; FRAME]);
        pace.hear();
    }
    refused.rtp.set_nonblocking(true).expect("set");
    assert!(refused.rtp.recv_from(&mut [0; 64]).is_err());
}

#[test]
fn a_leg_says_goodbye_and_the_next_one_gets_another_port() {
    let bench = Bench::new(24_200..=24_203);
    let phone = bench.configured(|_| {});
    phone.hear();
    let Phone { rtcp, stream, .. } = phone;
    let port = stream.rtp_port();
    drop(stream);
    let goodbye = receive(&rtcp);
    assert!(rtcp::read(&goodbye).expect("valid").any(|part| matches!(part, Part::Goodbye { .. })));
    let (leg, keys) = Leg::new(bench.requests.clone());
    let next = bench.media.open(1, leg.id(), mpsc::unbounded_channel().0, keys).expect("a stream");
    assert_ne!(next.rtp_port(), port);
}

#[test]
fn a_leg_that_falls_silent_is_told_of_and_then_given_up() {
    let bench = Bench::new(24_220..=24_239);
    let mut phone = bench.configured(|_| {});
    phone.say(8, 0, &[1; FRAME]);
    let told = phone.events.blocking_recv();
    assert!(matches!(told, Some(MediaEvent::Silent { .. })), "{told:?}");
    let told = phone.events.blocking_recv();
    assert!(matches!(told, Some(MediaEvent::Timeout { .. })), "{told:?}");
}

/// Says so many frames, each of an octet of its own and the second one late, then what `ends` it, and gives
/// the samples that were recorded, from the first that is not silent.
fn recorded(bench: &Bench, frames: u16, cut: Cut, ends: impl FnOnce(&mut Phone, u32)) -> Vec<i16> {
    let folder = Scratch::new();
    let path: PathBuf = folder.path().join("a.wav");
    let (done, recorded) = oneshot::channel();
    let recorder = Recorder::start(folder.path().to_owned()).expect("a recorder");
    let mut phone = bench.configured(|p| p.in_band = InBand::AlsoWhenEventsNeverSeen);
    phone.stream.record(recorder.message("a.wav", crate::call::leg::Limits::longest(PATIENCE), done));
    for n in [0, 2, 1].into_iter().chain(3..frames) {
        phone.sequence = 500 + n;
        phone.say(8, 9000 + u32::from(n) * 160, &[0x20 + n as u8; FRAME]);
    }
    ends(&mut phone, 9000 + u32::from(frames) * 160);
    let said = u64::from(phone.sequence - 500);
    let keeper = phone.stream.statistics();
    while keeper.packets_received.get() < said {
        phone.hear();
    }
    phone.stream.stop_recording(cut);
    let recorded = recorded.blocking_recv().expect("told");
    assert!(recorded.kept && !recorded.truncated, "{recorded:?}");
    let samples: Vec<i16> =
        hound::WavReader::open(path).expect("a WAV").samples().map(|sample| sample.expect("whole")).collect();
    samples.into_iter().skip_while(|sample| *sample == 0).collect()
}

/// What is said in so many frames.
fn said(frames: u16) -> Vec<i16> {
    (0..frames).flat_map(|n| [alaw_to_linear(0x20 + n as u8); FRAME]).collect()
}

#[test]
fn what_a_leg_says_is_recorded_in_order() {
    let bench = Bench::new(24_240..=24_259);
    let recorded = recorded(&bench, 25, Cut::Nothing, |_, _| {});
    assert_eq!(recorded[..said(25).len()], said(25));
}

#[test]
fn a_recording_ends_where_the_event_of_the_finishing_key_began() {
    let bench = Bench::new(24_640..=24_659);
    let recorded = recorded(&bench, 25, Cut::NewestKey, |phone, end| {
        // The phone goes on to send audio beside it.
        for n in 1..=4 {
            let payload = Payload { event: 11, end: false, volume: 10, duration: n * 160 };
            phone.say(EVENT, end - 160, &payload.to_octets());
            phone.say(8, end + u32::from(n - 1) * 160, &[0x77; FRAME]);
        }
    });
    assert_eq!(recorded, said(24));
}

#[test]
fn a_recording_ends_40_ms_before_the_tone_of_the_finishing_key() {
    let bench = Bench::new(24_660..=24_679);
    let recorded = recorded(&bench, 25, Cut::NewestKey, |phone, end| {
        for (n, octets) in tone_of('#', 100).chunks(FRAME).enumerate() {
            phone.say(8, end + n as u32 * 160, octets);
        }
    });
    let (length, wanted) = (recorded.len(), 23 * FRAME);
    assert!(length.abs_diff(wanted) <= 60, "{length} samples for {wanted}");
    assert_eq!(recorded[..length.min(wanted)], said(25)[..length.min(wanted)]);
}

#[test]
fn without_a_key_nothing_is_cut_off_a_recording() {
    let bench = Bench::new(24_680..=24_699);
    assert_eq!(recorded(&bench, 25, Cut::NewestKey, |_, _| {})[..said(25).len()], said(25));
}

/// A key's tone of so many ms, in A-law.
fn tone_of(key: char, ms: u32) -> Vec<u8> {
    let frequencies = crate::audio::dtmf::frequencies(key).expect("a key");
    let sines = frequencies.map(|frequency| crate::audio::tone::Sine { frequency, level: -9.0 });
    crate::audio::tone::tone(&sines, ms, 2).into_iter().map(linear_to_alaw).collect()
}

#[test]
fn garbage_changes_nothing() {
    let bench = Bench::new(24_260..=24_279);
    let phone = bench.configured(|_| {});
    let (before, _) = phone.hear();
    for len in 0..60 {
        let to = phone.stream.rtp_port() + (len % 2) as u16;
        phone.rtp.send_to(&vec![0x80 | len as u8; len], (LOOPBACK, to)).expect("sent");
    }
    let (after, _) = phone.hear_until(|header, _| header.sequence.wrapping_sub(before.sequence) >= 5);
    assert_eq!(after.ssrc, before.ssrc);
    assert_eq!(phone.stream.statistics().packets_received.get(), 0);
}

#[test]
fn shutting_down_ends_every_stream() {
    let bench = Bench::new(24_280..=24_299);
    let phone = bench.configured(|_| {});
    phone.hear();
    bench.media.shutdown();
    let goodbye = receive(&phone.rtcp);
    assert!(rtcp::read(&goodbye).is_some());
    phone.stream.silence();
}

fn g722(parameters: &mut Parameters) {
    (parameters.codec, parameters.send_payload_type, parameters.receive_payload_type) = (Codec::G722, 9, 9);
}

/// So many ms of a tone of 1 kHz in G.722, a frame of 20 ms each.
fn tone_in_g722(ms: u32) -> Vec<[u8; FRAME]> {
    let sound =
        crate::audio::tone::tone(&[crate::audio::tone::Sine { frequency: 1000.0, level: -10.0 }], ms, 2);
    let mut encoder = crate::audio::g722::Encoder::default();
    let octets: Vec<u8> = sound.iter().map(|sample| encoder.encode_narrow(*sample)).collect();
    octets.as_chunks().0.to_vec()
}

/// How much of the sound is a tone of 1 kHz.
fn share_of_1000_hz(samples: &[i16]) -> f64 {
    let angle = |n: usize| std::f64::consts::TAU * n as f64 / 8.0;
    let part = |wave: fn(f64) -> f64| -> f64 {
        samples.iter().enumerate().map(|(n, sample)| f64::from(*sample) * wave(angle(n))).sum()
    };
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (part(f64::cos).powi(2) + part(f64::sin).powi(2)) * 2.0 / samples.len() as f64 / energy
}

#[test]
fn legs_that_both_speak_g722_hear_each_others_octets_untouched() {
    let bench = Bench::new(24_340..=24_359);
    let (mut caller, responder) = (bench.configured(g722), bench.configured(g722));
    caller.stream.bridge(&responder.stream);
    let said = tone_in_g722(100);
    for (n, octets) in said.iter().enumerate() {
        caller.say(9, n as u32 * 160, octets);
    }
    let (first, _) = responder.hear_until(|_, payload| payload == said[0]);
    for octets in &said[1..] {
        assert_eq!(responder.hear().1, octets);
    }
    assert_eq!(first.payload_type, 9);
}

#[test]
fn a_phone_in_g722_and_one_in_g711_hear_each_other_whatever_the_length_of_their_packets() {
    for (n, packet) in [80, 160, 240, 320, 480].into_iter().enumerate() {
        let first = 24_360 + n as u16 * 20;
        let bench = Bench::new(first..=first + 19);
        let (mut caller, mut responder) = (bench.configured(g722), bench.configured(|_| {}));
        // The begin of silence, so that the next talkspurt is that of the bridge.
        assert!(caller.hear().0.marker && responder.hear().0.marker);
        caller.stream.bridge(&responder.stream);
        let wide = tone_in_g722(480).concat();
        let narrow: Vec<u8> = (0..wide.len())
            .map(|n| (8000.0 * (std::f64::consts::TAU * n as f64 / 8.0).sin()) as i16)
            .map(linear_to_alaw)
            .collect();
        for (n, (wide, narrow)) in wide.chunks(packet).zip(narrow.chunks(packet)).enumerate() {
            caller.say(9, (n * packet) as u32, wide);
            responder.say(8, (n * packet) as u32, narrow);
        }
        let packets = wide.len() / packet;
        let heard = |phone: &Phone| {
            let (first, payload) = phone.hear_until(|header, _| header.marker);
            let more = (1..packets).map(|n| {
                let (header, payload) = phone.hear();
                assert_eq!(header.sequence.wrapping_sub(first.sequence), n as u16);
                assert_eq!(header.timestamp.wrapping_sub(first.timestamp), (n * packet) as u32);
                assert_eq!(payload.len(), packet);
                payload
            });
            [vec![payload], more.collect()].concat().concat()
        };
        let mut decoder = crate::audio::g722::Decoder::default();
        let at_responder: Vec<i16> = heard(&responder).iter().map(|octet| alaw_to_linear(*octet)).collect();
        let at_caller: Vec<i16> = heard(&caller).iter().map(|octet| decoder.decode_narrow(*octet)).collect();
        for (who, sound) in [("responder", at_responder), ("caller", at_caller)] {
            let share = share_of_1000_hz(&sound[800..]);
            assert!(share > 0.99, "{packet} octets a packet, the {who}: {share}");
        }
    }
}

#[test]
fn a_prompt_is_heard_in_g722_in_all_its_width() {
    let bench = Bench::new(24_460..=24_479);
    let phone = bench.configured(g722);
    // 6 kHz: beyond what G.711 can carry.
    let wide: Vec<i16> = (0..16_000)
        .map(|n| (8000.0 * (std::f64::consts::TAU * 6000.0 * f64::from(n) / 16_000.0).sin()) as i16)
        .collect();
    let clip = Clip::from_samples(&[0; 8000]).with_wide(&wide);
    let (done, _over) = oneshot::channel();
    phone.stream.play(Arc::new(clip), false, done);
    let mut decoder = crate::audio::g722::Decoder::default();
    let heard: Vec<i16> = (0..30)
        .flat_map(|_| phone.hear().1)
        .flat_map(|octet| decoder.decode_wide(octet))
        .skip_while(|sample| sample.abs() < 1000)
        .collect();
    let changes = heard.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
    let frequency = changes as f64 / 2.0 / (heard.len() as f64 / 16_000.0);
    assert!(
        heard.len() > 4000 && (frequency - 6000.0).abs() < 60.0,
        "{frequency} Hz, {} samples",
        heard.len()
    );
}

#[test]
fn we_speak_in_packets_of_the_length_the_phone_asks_for() {
    for (n, ms) in [10_u16, 20, 30, 40, 60].into_iter().enumerate() {
        let first = 24_480 + n as u16 * 20;
        let bench = Bench::new(first..=first + 19);
        let phone = bench.configured(|p| p.packet_time_ms = Some(ms));
        // On a machine that is too busy packets are left out; then it is said again.
        let heard = (0..20).find_map(|_| whole_clip(&phone, usize::from(ms) * 8));
        let sound: Vec<u8> = (1..=12).flat_map(|octet| [octet; FRAME]).collect();
        assert_eq!(heard.as_ref(), Some(&sound), "{ms} ms");
    }
}

/// Plays a clip of twelve frames and gives what was heard of it, unless a packet was left out.
fn whole_clip(phone: &Phone, octets: usize) -> Option<Vec<u8>> {
    let (mut last, payload) = phone.hear();
    assert_eq!(payload.len(), octets);
    let sound: Vec<i16> = (1..=12).flat_map(|octet| [alaw_to_linear(octet); FRAME]).collect();
    let clip = Clip::from_samples(&sound);
    let (done, mut over) = oneshot::channel();
    phone.stream.play(Arc::new(clip), false, done);
    let (mut heard, mut whole, mut ended) = (Vec::new(), true, false);
    while !(ended && heard.last() == Some(&0xd5)) {
        ended = ended || over.try_recv().is_ok();
        let (header, payload) = phone.hear();
        let step = header.sequence.wrapping_sub(last.sequence);
        whole &= step == 1;
        assert_eq!(payload.len(), octets);
        assert_eq!(header.timestamp.wrapping_sub(last.timestamp), u32::from(step) * octets as u32);
        last = header;
        heard.extend(payload);
    }
    heard.retain(|octet| *octet != 0xd5);
    whole.then_some(heard)
}

#[test]
fn a_key_is_told_in_its_own_time_whatever_the_length_of_the_packets() {
    let bench = Bench::new(24_580..=24_599);
    let (caller, responder) = (bench.configured(|_| {}), bench.configured(|p| p.packet_time_ms = Some(60)));
    caller.stream.bridge(&responder.stream);
    caller.stream.press('5');
    let (_, begin) = responder.hear_until(|header, _| header.payload_type == EVENT);
    let durations = std::iter::once(begin).chain((0..4).map(|_| responder.hear().1));
    let durations: Vec<u16> = durations.map(|payload| u16::from_be_bytes([payload[2], payload[3]])).collect();
    assert_eq!(durations, [160, 320, 480, 640, 800]);
}

#[test]
fn longer_packets_are_cut_for_a_phone_that_wants_shorter_ones_and_shorter_ones_pass() {
    let bench = Bench::new(24_600..=24_619);
    let (mut caller, responder) =
        (bench.configured(|_| {}), bench.configured(|p| p.packet_time_ms = Some(20)));
    caller.stream.bridge(&responder.stream);
    let said: Vec<u8> = (0..=239).collect();
    let long = [&said[..], &said, &said[..]].concat();
    caller.say(8, 0, &said);
    // The one of the number before never comes.
    caller.sequence += 1;
    caller.say(8, 480, &long[..480]);
    caller.say(8, 960, &long[..80]);
    let (first, payload) = responder.hear_until(|_, payload| payload == &said[..160]);
    assert_eq!(payload.len(), 160);
    let next: Vec<_> = (0..5).map(|_| responder.hear()).collect();
    let seen: Vec<_> = next
        .iter()
        .map(|(header, payload)| {
            let step = header.sequence.wrapping_sub(first.sequence);
            (step, header.timestamp.wrapping_sub(first.timestamp), payload.len())
        })
        .collect();
    // A number is left out for the packet that was lost.
    assert_eq!(seen, [(1, 160, 80), (3, 480, 160), (4, 640, 160), (5, 800, 160), (6, 960, 80)]);
    let octets: Vec<u8> = next[1..4].iter().flat_map(|(_, payload)| payload.clone()).collect();
    assert_eq!(octets, long[..480]);
}

#[test]
fn keys_are_heard_in_the_audio_of_a_phone_in_g722_and_what_it_says_is_recorded() {
    let bench = Bench::new(24_620..=24_639);
    let folder = Scratch::new();
    let path: PathBuf = folder.path().join("a.wav");
    let (done, recorded) = oneshot::channel();
    let recorder = Recorder::start(folder.path().to_owned()).expect("a recorder");
    let mut caller = bench.configured(|p| {
        g722(p);
        p.telephone_event = None;
        p.in_band = InBand::WhenNoEventsAgreed;
    });
    let responder = bench.configured(|_| {});
    caller.stream.bridge(&responder.stream);
    caller.stream.record(recorder.message("a.wav", crate::call::leg::Limits::longest(PATIENCE), done));
    let sines = [852.0, 1336.0].map(|frequency| crate::audio::tone::Sine { frequency, level: -9.0 });
    let mut encoder = crate::audio::g722::Encoder::default();
    let key: Vec<u8> =
        crate::audio::tone::tone(&sines, 120, 2).iter().map(|s| encoder.encode_narrow(*s)).collect();
    // In packets of 30 ms.
    for (n, octets) in key.chunks(240).enumerate() {
        caller.say(9, n as u32 * 240, octets);
    }
    let (_, payload) = responder.hear_until(|header, _| header.payload_type == EVENT);
    assert_eq!(Payload::read(&payload).and_then(|payload| payload.key()), Some('8'));
    for (n, octets) in tone_in_g722(1000).iter().enumerate() {
        caller.say(9, 960 + n as u32 * 160, octets);
    }
    let keeper = caller.stream.statistics();
    while keeper.packets_received.get() < 54 {
        responder.hear();
    }
    caller.stream.stop_recording(Cut::Nothing);
    assert!(recorded.blocking_recv().expect("told").kept);
    let samples: Vec<i16> =
        hound::WavReader::open(path).expect("a WAV").samples().map(|sample| sample.expect("whole")).collect();
    let end = &samples[samples.len() - 6400..];
    assert!(share_of_1000_hz(end) > 0.99, "{}", share_of_1000_hz(end));
}

#[test]
fn comfort_noise_goes_on_to_a_phone_that_knows_it_under_its_number_and_with_the_same_offset() {
    let bench = Bench::new(24_920..=24_939);
    let mut caller = bench.configured(|p| p.comfort_noise = Some((13, 13)));
    let responder = bench.configured(|p| p.comfort_noise = Some((107, 107)));
    caller.stream.bridge(&responder.stream);
    caller.say(8, 5000, &[0x2a; FRAME]);
    caller.say(13, 5160, &[60]);
    caller.say(8, 5160 + 4000, &[0x2b; FRAME]);
    let (spoken, _) = responder.hear_until(|_, payload| payload == [0x2a; FRAME]);
    let (noise, description) = responder.hear();
    let (again, payload) = responder.hear();
    assert_eq!((noise.payload_type, description, payload), (107, vec![60], vec![0x2b; FRAME]));
    let steps = [&noise, &again].map(|header| {
        let sequence = header.sequence.wrapping_sub(spoken.sequence);
        (sequence, header.timestamp.wrapping_sub(spoken.timestamp))
    });
    assert_eq!(steps, [(1, 160), (2, 4160)]);
}

#[test]
fn a_phone_that_knows_no_comfort_noise_hears_silence_of_ours_while_its_partner_sends_it() {
    let bench = Bench::new(24_940..=24_959);
    let (mut caller, responder) = (bench.configured(|_| {}), bench.configured(|_| {}));
    caller.stream.bridge(&responder.stream);
    caller.say(8, 5000, &[0x2a; FRAME]);
    responder.hear_until(|_, payload| payload == [0x2a; FRAME]);
    // Paced by another leg, which hears a frame every 20 ms.
    let pace = bench.configured(|_| {});
    responder.rtp.set_nonblocking(true).expect("set");
    let mut heard = None;
    for n in 1..100 {
        caller.say(13, 5000 + n * 160, &[60]);
        pace.hear();
        let mut buffer = [0; 2048];
        if let Ok(len) = responder.rtp.recv(&mut buffer) {
            heard = Packet::read(&buffer[..len]).map(|packet| packet.payload(&buffer[..len]).to_vec());
            break;
        }
    }
    assert_eq!(heard, Some(vec![0xd5; FRAME]));
    assert_eq!(caller.stream.statistics().unusable.get(), 0);
}

#[test]
fn a_new_source_is_heard_at_once_though_its_first_packets_are_none_that_go_on() {
    let bench = Bench::new(24_960..=24_979);
    let (mut caller, responder) = (bench.configured(|_| {}), bench.configured(|_| {}));
    caller.stream.bridge(&responder.stream);
    caller.say(8, 5000, &[0x2a; FRAME]);
    let (before, _) = responder.hear_until(|_, payload| payload == [0x2a; FRAME]);
    // Comfort noise, which the responder does not know, then audio; numbered far behind those before.
    for (sequence, payload_type, payload) in
        [(60_000, 13, &[60][..]), (60_001, 13, &[60]), (60_002, 8, &[0x2b; FRAME])]
    {
        let header = Header { marker: false, payload_type, sequence, timestamp: 7_000_000, ssrc: 8 };
        let packet = [&header.to_octets()[..], payload].concat();
        caller.rtp.send_to(&packet, caller.far_end()).expect("sent");
    }
    let (after, payload) = responder.hear();
    assert_eq!(payload, [0x2b; FRAME]);
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
    assert!(after.marker);
}
