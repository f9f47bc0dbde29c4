//! In the steady state a packet costs no allocation: counted over the whole process, phones included, so
//! there is nothing to be subtracted and nothing to be explained away.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::alloc::System;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use nightbell::call::leg::{Leg, Request};
use nightbell::rtp::packet::{HEADER, Header, Packet};
use nightbell::rtp::srtp::{Keying, MASTER, Receiver, Sender, Suite};
use nightbell::rtp::telephone_event::Payload;
use nightbell::sip::Codec;
use nightbell::switch::clip::{Clip, FRAME};
use nightbell::switch::media::{Config, InBand, KeyRules, Media, Parameters, SrtpKeys, Stream};
use nightbell::switch::recorder::Recorder;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::sync::{mpsc, oneshot};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(5);
const AUDIO: u8 = 8;
const EVENT: u8 = 101;
/// Packets before the count begins, and counted ones.
const WARM_UP: u16 = 60;
const COUNTED: u16 = 1_000;

/// One test, so that nothing else runs while is counted.
#[test]
fn no_packet_costs_an_allocation_once_a_call_is_under_way() {
    let media = Media::start(Config {
        ports: 22_000..=22_399,
        threads: 1,
        media_timeout: Duration::from_secs(60),
        bind: LOOPBACK,
    })
    .expect("threads");
    for (one, other) in [
        (Codec::Pcma, Codec::Pcma),
        (Codec::Pcma, Codec::Pcmu),
        (Codec::G722, Codec::G722),
        (Codec::G722, Codec::Pcma),
    ] {
        let pair = Pair::new(&media, |p| p.codec = one, |p| p.codec = other);
        assert_quiet(&format!("{one:?} relayed to {other:?}"), |n| pair.relay(n, AUDIO, [0x2a; FRAME]));
    }
    let pair = Pair::new(&media, |p| p.packet_time_ms = Some(20), |p| p.packet_time_ms = Some(10));
    assert_quiet("packets cut in two", |n| {
        pair.relay(n, AUDIO, [0x2a; FRAME]);
        pair.listens.hear(&mut [0; 2048]);
    });
    let pair = Pair::new(&media, |_| {}, |_| {});
    assert_quiet("a long press relayed", |n| pair.relay(n, EVENT, held_key(n)));
    protected_legs(&media);
    own_audio(&media);
    heard_and_recorded(&media);
    conference(&media);
}

/// Runs packets until nothing new is to be expected, and then counts.
fn assert_quiet(what: &str, mut packet: impl FnMut(u16)) {
    assert_quiet_over(what, 0..=WARM_UP, WARM_UP + 1..=WARM_UP + COUNTED, &mut packet);
}

fn assert_quiet_over(
    what: &str,
    warm_up: RangeInclusive<u16>,
    counted: RangeInclusive<u16>,
    packet: &mut impl FnMut(u16),
) {
    warm_up.for_each(&mut *packet);
    let region = Region::new(GLOBAL);
    counted.for_each(packet);
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations), (0, 0), "{what}: {change:?}");
}

/// A phone, and the leg that it talks to.
struct Phone {
    rtp: UdpSocket,
    stream: Stream,
    _leg: Leg,
    _requests: mpsc::UnboundedReceiver<Request>,
}

impl Phone {
    fn new(media: &Media, change: impl FnOnce(&mut Parameters)) -> Self {
        let rtp = UdpSocket::bind((LOOPBACK, 0)).expect("a port");
        rtp.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let (to, requests) = mpsc::unbounded_channel();
        let (leg, keys) = Leg::new(to);
        let stream = media.open(0, leg.id(), mpsc::unbounded_channel().0, keys).expect("a stream");
        let mut parameters = Parameters {
            remote_rtp: rtp.local_addr().expect("bound"),
            remote_rtcp: SocketAddr::new(LOOPBACK, 9),
            rtcp_mux: false,
            codec: Codec::Pcma,
            packet_time_ms: None,
            send_payload_type: AUDIO,
            receive_payload_type: AUDIO,
            telephone_event: Some((EVENT, EVENT)),
            comfort_noise: None,
            may_send: true,
            may_receive: true,
            allowed_sources: Vec::new(),
            in_band: InBand::Never,
            key_rules: KeyRules::default(),
            srtp: None,
        };
        change(&mut parameters);
        stream.configure(parameters);
        Self { rtp, stream, _leg: leg, _requests: requests }
    }

    fn say(&self, packet: &[u8]) {
        self.rtp.send_to(packet, (LOOPBACK, self.stream.rtp_port())).expect("sent");
    }

    fn hear<'a>(&self, buffer: &'a mut [u8]) -> &'a mut [u8] {
        let len = self.rtp.recv(buffer).expect("a packet in time");
        &mut buffer[..len]
    }
}

fn datagram<const N: usize>(n: u16, payload_type: u8, payload: [u8; N]) -> ([u8; HEADER + FRAME], usize) {
    let timestamp = if payload_type == EVENT { 7 } else { u32::from(n) * FRAME as u32 };
    let header = Header { marker: false, payload_type, sequence: n, timestamp, ssrc: 7 };
    let mut packet = [0; HEADER + FRAME];
    packet[..HEADER].copy_from_slice(&header.to_octets());
    packet[HEADER..HEADER + N].copy_from_slice(&payload);
    (packet, HEADER + N)
}

/// Two bridged phones of which one talks.
struct Pair {
    talks: Phone,
    listens: Phone,
}

impl Pair {
    fn new(media: &Media, one: impl FnOnce(&mut Parameters), other: impl FnOnce(&mut Parameters)) -> Self {
        let (talks, listens) = (Phone::new(media, one), Phone::new(media, other));
        talks.stream.bridge(&listens.stream);
        Self { talks, listens }
    }

    /// Says a packet, and waits for one: that of before, where silence of before the bridge came first.
    fn relay<const N: usize>(&self, n: u16, payload_type: u8, payload: [u8; N]) {
        let (packet, len) = datagram(n, payload_type, payload);
        self.talks.say(&packet[..len]);
        self.listens.hear(&mut [0; 2048]);
    }
}

/// The nth packet of a key that is held.
fn held_key(n: u16) -> [u8; 4] {
    let payload = Payload { event: 1, end: false, volume: 10, duration: (n + 1).wrapping_mul(160) };
    payload.to_octets()
}

fn protected_legs(media: &Media) {
    let keying = |octet| Keying { suite: Suite::AesCm128HmacSha1_80, master: [octet; MASTER], mki: 0 };
    let keys = |octet| Some(SrtpKeys { send: keying(octet), receive: keying(octet + 1) });
    let pair = Pair::new(media, |p| p.srtp = keys(1), |p| p.srtp = keys(3));
    let (mut sender, mut receiver) = (Sender::new(keying(2)), Receiver::new(keying(3), 0));
    assert_quiet("protected legs", |n| {
        let (packet, _) = datagram(n, AUDIO, [0x2a; FRAME]);
        pair.talks.say(sender.rtp(&packet).expect("protected"));
        let mut buffer = [0; 2048];
        let heard = pair.listens.hear(&mut buffer);
        receiver.rtp(heard).expect("authentic");
    });
}

/// Silence and a looped clip, in two codecs: 20 legs at once, so that the count is soon reached.
fn own_audio(media: &Media) {
    let clip = Arc::new(Clip::from_samples(&[1000; 5 * FRAME]));
    let codec = |n| if n % 2 == 0 { Codec::Pcma } else { Codec::G722 };
    let phones: Vec<_> = (0..20).map(|n| Phone::new(media, |p| p.codec = codec(n))).collect();
    let mut hear_all = |_| {
        let mut buffer = [0; 2048];
        for phone in &phones {
            let heard = phone.hear(&mut buffer);
            assert!(Packet::read(heard).is_some());
        }
    };
    assert_quiet_over("silence", 0..=10, 11..=60, &mut hear_all);
    for phone in &phones {
        phone.stream.play(Arc::clone(&clip), true, oneshot::channel().0);
    }
    assert_quiet_over("a clip", 0..=10, 11..=60, &mut hear_all);
}

/// Four rooms of three phones, in all codecs, at the pace of the packets that they hear.
fn conference(media: &Media) {
    let codecs = [Codec::Pcma, Codec::Pcmu, Codec::G722];
    let rooms: Vec<_> = (0..4).map(|_| codecs.map(|codec| Phone::new(media, |p| p.codec = codec))).collect();
    for [one, other, third] in &rooms {
        one.stream.confer([&other.stream, &third.stream].into_iter());
    }
    let mut talk_all = |n| {
        let mut buffer = [0; 2048];
        let (packet, len) = datagram(n, AUDIO, [0x2a; FRAME]);
        for phone in rooms.iter().flatten() {
            phone.hear(&mut buffer);
            phone.say(&packet[..len]);
        }
    };
    assert_quiet_over("a conference", 0..=60, 61..=160, &mut talk_all);
}

/// Twenty phones whose audio is listened to for keys, and then recorded too, at the pace of the packets that
/// they hear. The threads of the recorder are counted with the others.
fn heard_and_recorded(media: &Media) {
    let listen = |p: &mut Parameters| {
        (p.telephone_event, p.in_band) = (None, InBand::WhenNoEventsAgreed);
    };
    let phones: Vec<_> = (0..20).map(|_| Phone::new(media, listen)).collect();
    let mut talk_all = |n| {
        let mut buffer = [0; 2048];
        let (packet, len) = datagram(n, AUDIO, [0x2a; FRAME]);
        for phone in &phones {
            phone.hear(&mut buffer);
            phone.say(&packet[..len]);
        }
    };
    assert_quiet_over("keys listened for", 0..=10, 11..=60, &mut talk_all);
    let folder = std::env::temp_dir().join(format!("nightbell-allocation-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let recorder = Recorder::start(folder.clone()).expect("threads");
    let mut done = Vec::new();
    for (n, phone) in phones.iter().enumerate() {
        let (tell, told) = oneshot::channel();
        let tap = recorder.message(
            &format!("{n}.wav"),
            nightbell::call::leg::Limits::longest(Duration::from_secs(60)),
            tell,
        );
        phone.stream.record(tap);
        done.push(told);
    }
    // Two seconds: until a file has been synced, and every buffer has been as full as it gets.
    assert_quiet_over("recordings", 61..=160, 161..=210, &mut talk_all);
    drop(phones);
    for told in done {
        assert!(told.blocking_recv().expect("told").kept);
    }
    std::fs::remove_dir_all(folder).expect("removed");
}
