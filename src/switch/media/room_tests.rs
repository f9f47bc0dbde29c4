//! Three phones and more in a room: what each of them hears of the others. A thread on virtual time; only the
//! sockets are real, and loopback is at once.

use std::f64::consts::TAU;
use std::net::UdpSocket;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::super::codec::{Decoder, Encoder};
use super::super::command::Order;
use super::super::mailbox::mailbox;
use super::super::ports::Ports;
use super::super::tests::{EVENT, clip, parameters, socket};
use super::super::{Opening, wire::Wire};
use super::*;
use crate::call::leg as call;
use crate::call::leg::{KeySet, KeyUse, Said};
use crate::rtp::packet::{Header, Packet};
use crate::rtp::telephone_event::Payload;
use crate::sip::Codec;

/// What each phone hums, in Hz: whole periods in 100 ms.
const HUMS: [f64; 4] = [310.0, 570.0, 1130.0, 1810.0];
/// How loud, as a peak.
const PEAK: f64 = 6_000.0;

/// A thread that does not run by itself, and the phones of its legs.
struct Scene {
    thread: MediaThread,
    ports: Arc<Ports>,
    begin: Instant,
    ms: u64,
    phones: Vec<Hummer>,
}

/// A phone that hums.
struct Hummer {
    token: Token,
    place: usize,
    rtp: UdpSocket,
    script: call::Leg,
    hz: f64,
    encoder: Encoder,
    decoder: Decoder,
    payload_type: u8,
    /// When in each 20 ms it speaks, in ms.
    phase: u64,
    sequence: u16,
    said: u32,
    /// The headers of the audio that it heard, and its sound; and the keys.
    headers: Vec<Header>,
    heard: Vec<i16>,
    keys: String,
}

impl Scene {
    fn new(ports: u16) -> Self {
        let (_, orders) = mailbox().expect("an eventfd");
        let thread = MediaThread::new(orders, Duration::from_secs(60)).expect("a thread");
        let ports = Arc::new(Ports::new("127.0.0.1".parse().expect("an address"), ports..=ports + 19));
        Self { begin: thread.deadlines.begin(), thread, ports, ms: 0, phones: Vec::new() }
    }

    /// Phones with these hums, in A-law.
    fn with(ports: u16, hums: &[f64]) -> Self {
        let mut scene = Self::new(ports);
        hums.iter().for_each(|hz| scene.phone(*hz, Codec::Pcma, None));
        scene
    }

    fn now(&self) -> Instant {
        self.begin + Duration::from_millis(self.ms)
    }

    fn phone(&mut self, hz: f64, codec: Codec, packet_time_ms: Option<u16>) {
        let payload_type = match codec {
            Codec::Pcma => 8,
            Codec::Pcmu => 0,
            Codec::G722 => 9,
        };
        let (script, keys) = call::Leg::new(mpsc::unbounded_channel().0);
        let wire = Wire {
            pair: self.ports.open().expect("ports"),
            statistics: Arc::default(),
            security: None,
            ipv6: false,
            rtcp_mux: false,
        };
        let (token, rtp) = (Token(self.phones.len() as u64), socket());
        rtp.set_nonblocking(true).expect("set");
        let mut agreed = parameters(rtp.local_addr().expect("bound"));
        agreed.remote_rtcp = "127.0.0.1:9".parse().expect("an address");
        (agreed.codec, agreed.packet_time_ms) = (codec, packet_time_ms);
        (agreed.send_payload_type, agreed.receive_payload_type) = (payload_type, payload_type);
        let opening = Opening { id: script.id(), wire, events: mpsc::unbounded_channel().0, keys };
        let now = self.now();
        self.thread.obey_one(now, Command::Open(token, Box::new(opening)));
        self.thread.obey_one(now, Command::Leg(token, Order::Configure(Box::new(agreed))));
        let place = self.thread.places[&token];
        self.phones.push(Hummer {
            token,
            place,
            rtp,
            script,
            hz,
            encoder: Encoder::new(codec),
            decoder: Decoder::new(codec),
            payload_type,
            phase: self.phones.len() as u64 * 6,
            sequence: 65_500,
            said: 0,
            headers: Vec::new(),
            heard: Vec::new(),
            keys: String::new(),
        });
    }

    fn order(&mut self, who: usize, order: Order) {
        self.thread.obey_one(self.now(), Command::Leg(self.phones[who].token, order));
    }

    fn confer(&mut self) {
        let all = self.phones.iter().map(|phone| phone.token).collect();
        self.thread.obey_one(self.now(), Command::Confer(all));
    }

    /// All hum for so many times 20 ms; `lost` says which packets never come: whose, and the how manieth.
    fn hum(&mut self, frames: u64, lost: impl Fn(usize, u64) -> bool) {
        for n in 0..frames * 20 {
            for who in 0..self.phones.len() {
                if n % 20 == self.phones[who].phase {
                    self.says(who, lost(who, n / 20));
                }
            }
            self.ms += 1;
            self.thread.tick(self.now());
            self.phones.iter_mut().for_each(Hummer::hears);
        }
    }

    fn says(&mut self, who: usize, lost: bool) {
        let phone = &mut self.phones[who];
        let begin = phone.said * FRAME as u32;
        phone.said += 1;
        let sample = |n: u32| (PEAK * (TAU * phone.hz * f64::from(n) / 8000.0).sin()).round() as i16;
        let samples: Vec<i16> = (begin..begin + FRAME as u32).map(sample).collect();
        let octets: Vec<u8> = samples.into_iter().map(|sample| phone.encoder.encode(sample)).collect();
        let number = phone.payload_type;
        self.sends(who, number, begin, &octets, lost);
    }

    fn sends(&mut self, who: usize, payload_type: u8, timestamp: u32, payload: &[u8], lost: bool) {
        let phone = &mut self.phones[who];
        let header = Header { marker: false, payload_type, sequence: phone.sequence, timestamp, ssrc: 7 };
        phone.sequence = phone.sequence.wrapping_add(1);
        if lost {
            return;
        }
        let leg = self.thread.legs[phone.place].as_ref().expect("a leg");
        let to = ("127.0.0.1", leg.wire.pair.port());
        phone.rtp.send_to(&[&header.to_octets()[..], payload].concat(), to).expect("sent");
        let socket = phone.place as u64 * 2;
        self.thread.receive(self.now(), socket);
    }

    fn presses(&mut self, who: usize, keys: &str) {
        for key in keys.chars() {
            let event = "0123456789*#".find(key).expect("a key") as u8;
            let payload = Payload { event, end: true, volume: 10, duration: 800 }.to_octets();
            let timestamp = self.phones[who].said * FRAME as u32;
            self.sends(who, EVENT, timestamp, &payload, false);
            self.hum(15, |_, _| false);
        }
    }

    /// Each hears all others as loud as they are, and never itself.
    fn assert_all_hear_each_other(&self, least: f64) {
        for (who, phone) in self.phones.iter().enumerate() {
            for (other, hz) in self.phones.iter().map(|phone| phone.hz).enumerate() {
                let peak = phone.hears_hum(hz);
                let wanted = if who == other { 0.0..=80.0 } else { least * PEAK..=1.1 * PEAK };
                assert!(wanted.contains(&peak), "{who} hears {other} at {peak:.0}");
            }
            phone.assert_one_stream();
        }
    }
}

impl Hummer {
    fn hears(&mut self) {
        let mut buffer = [0; 2048];
        while let Ok(length) = self.rtp.recv(&mut buffer) {
            let packet = Packet::read(&buffer[..length]).expect("RTP");
            let payload = packet.payload(&buffer[..length]);
            if packet.header.payload_type == EVENT {
                let begins = packet.header.marker.then(|| Payload::read(payload)).flatten();
                self.keys.extend(begins.and_then(|payload| payload.key()));
                continue;
            }
            assert_eq!(packet.header.payload_type, self.payload_type);
            let decoder = &mut self.decoder;
            self.heard.extend(payload.iter().map(|octet| decoder.decode(*octet)));
            self.headers.push(packet.header);
        }
    }

    /// How loud a hum is in the last half second that it heard, as a peak.
    fn hears_hum(&self, hz: f64) -> f64 {
        let heard = &self.heard[self.heard.len() - 4_000..];
        let at = |shift: f64| -> f64 {
            let wave = |n: usize| (TAU * hz * n as f64 / 8000.0 + shift).sin();
            heard.iter().enumerate().map(|(n, sample)| f64::from(*sample) * wave(n)).sum()
        };
        at(0.0).hypot(at(TAU / 4.0)) * 2.0 / heard.len() as f64
    }

    fn assert_one_stream(&self) {
        for pair in self.headers.windows(2) {
            assert_eq!(pair[1].ssrc, pair[0].ssrc);
            assert!((pair[1].sequence.wrapping_sub(pair[0].sequence) as i16) > 0);
            assert!((pair[1].timestamp.wrapping_sub(pair[0].timestamp) as i32) > 0);
        }
    }
}

const NONE: fn(usize, u64) -> bool = |_, _| false;

#[test]
fn three_phones_and_four_hear_the_sum_of_the_others_and_never_themselves() {
    let mut scene = Scene::with(28_000, &HUMS[..3]);
    scene.confer();
    scene.hum(75, NONE);
    scene.assert_all_hear_each_other(0.98);
    scene.phone(HUMS[3], Codec::Pcma, None);
    scene.confer();
    scene.hum(75, NONE);
    scene.assert_all_hear_each_other(0.98);
}

#[test]
fn each_hears_the_others_in_its_own_codec_and_packet_time() {
    let mut scene = Scene::new(28_020);
    let kinds =
        [(Codec::Pcma, Some(10)), (Codec::Pcmu, Some(30)), (Codec::G722, None), (Codec::Pcma, Some(60))];
    for (hz, (codec, packet_time)) in HUMS.iter().zip(kinds) {
        scene.phone(*hz, codec, packet_time);
    }
    scene.confer();
    scene.hum(75, NONE);
    scene.assert_all_hear_each_other(0.9);
    for (phone, samples) in scene.phones.iter().zip([80, 240, 160, 480]) {
        let last = &phone.headers[phone.headers.len() - 2..];
        assert_eq!(last[1].timestamp.wrapping_sub(last[0].timestamp), samples);
    }
}

#[test]
fn packets_that_are_lost_leave_no_hole_and_touch_nobody_else() {
    let mut scene = Scene::with(28_040, &HUMS[..3]);
    scene.confer();
    // One in ten of the first phone's.
    scene.hum(90, |who, n| who == 0 && n > 20 && n % 10 == 0);
    assert!(scene.phones[1].hears_hum(HUMS[0]) > 0.8 * PEAK, "{:.0}", scene.phones[1].hears_hum(HUMS[0]));
    assert!(scene.phones[0].hears_hum(HUMS[1]) > 0.98 * PEAK);
    assert!(scene.phones[1].hears_hum(HUMS[2]) > 0.98 * PEAK);
}

#[test]
fn when_two_are_left_they_are_relayed_again_untouched_and_nothing_clicks() {
    let mut scene = Scene::with(28_060, &[HUMS[0], HUMS[0], HUMS[1]]);
    scene.confer();
    scene.hum(60, NONE);
    let [one, other, third] = [0, 1, 2].map(|who| scene.phones[who].token);
    scene.phones.pop();
    scene.thread.obey_one(scene.now(), Command::Close(third));
    scene.hum(60, NONE);
    assert!(scene.phones[1].hears_hum(HUMS[0]) > 0.98 * PEAK, "in the room, until the script says more");
    assert!(scene.phones[1].hears_hum(HUMS[1]) < 80.0, "and not who is gone");
    let before = scene.phones[1].heard.len();
    scene.thread.obey_one(scene.now(), Command::Bridge(one, other));
    scene.hum(60, NONE);
    // A hum of 310 Hz rises by 1460 at most from one sample to the next; A-law is that coarse.
    let around = &scene.phones[1].heard[before - 3 * FRAME..];
    let steepest = around.windows(2).map(|pair| pair[1].abs_diff(pair[0])).max().expect("heard");
    assert!(steepest < 1_800, "{steepest}");
    assert!(scene.phones[1].hears_hum(HUMS[0]) > 0.98 * PEAK);
    scene.phones[1].assert_one_stream();
    assert!(scene.thread.rooms.is_empty(), "there is no room any more");
}

#[test]
fn what_is_played_to_one_in_a_room_is_for_that_one_alone() {
    let mut scene = Scene::with(28_080, &HUMS[..3]);
    scene.confer();
    scene.hum(20, NONE);
    let (done, mut over) = oneshot::channel();
    let until = KeySet::NONE;
    scene.order(1, Order::Play { clip: clip(0x11, 40), looped: false, until, done });
    scene.hum(38, NONE);
    assert!(scene.phones[0].hears_hum(HUMS[1]) > 0.98 * PEAK, "it is heard all the while");
    assert!(scene.phones[1].hears_hum(HUMS[0]) < 0.1 * PEAK);
    scene.hum(40, NONE);
    assert_eq!(over.try_recv(), Ok(()), "played to its end");
    assert!(scene.phones[1].hears_hum(HUMS[0]) > 0.98 * PEAK, "and the others again after it");
    scene.phones[1].assert_one_stream();
}

#[test]
fn a_key_pressed_in_a_room_reaches_the_others_and_a_command_nobody() {
    let mut scene = Scene::with(28_100, &HUMS[..3]);
    scene.order(1, Order::Keys(KeyUse::Commands(KeySet::of(|key| key == '1'))));
    scene.confer();
    scene.hum(20, NONE);
    scene.presses(1, "*1");
    scene.presses(0, "5");
    scene.presses(1, "*7");
    let keys: Vec<_> = scene.phones.iter().map(|phone| phone.keys.as_str()).collect();
    assert_eq!(keys, ["*7", "5", "5*7"]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    assert_eq!(runtime.block_on(scene.phones[1].script.listen(false)), Said::Command('1'));
}

#[test]
fn a_thread_that_was_held_up_leaves_out_what_is_too_late_and_goes_on() {
    let mut scene = Scene::with(28_120, &HUMS[..3]);
    scene.confer();
    scene.hum(30, NONE);
    scene.ms += 300;
    scene.hum(75, NONE);
    scene.assert_all_hear_each_other(0.98);
}
