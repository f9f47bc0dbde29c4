//! What a phone's keys become at the script and at the partner's phone: two legs on virtual time. Only the
//! sockets are real, and loopback is at once.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::codec::{Decoder, Encoder};
use super::leg::Leg;
use super::ports::Ports;
use super::statistics::Statistics;
use super::tests::{EVENT, clip, socket};
use super::wire::Wire;
use super::{InBand, KeyRules, Opening, Parameters};
use crate::audio::dtmf::{Detector, frequencies};
use crate::audio::tone::{Sine, tone};
use crate::call::leg::{self as call, Heard, KeySet, KeyUse, Said};
use crate::rtp::packet::{Header, Packet};
use crate::rtp::telephone_event::{Payload, Receiver};
use crate::sip::Codec;
use crate::switch::clip::FRAME;

const KEYS: &[u8] = b"0123456789*#ABCD";

/// xorshift64*: the same sequence on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }

    fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    fn key(&mut self) -> char {
        char::from(KEYS[self.below(16) as usize])
    }
}

/// A leg and its phone.
struct Side {
    leg: Leg,
    phone: UdpSocket,
    script: call::Leg,
    codec: Codec,
    sequence: u16,
}

/// A caller and a responder who hear each other.
struct Line {
    now: Instant,
    sides: [Side; 2],
}

/// Everything that came to a phone.
#[derive(Default)]
struct Far {
    packets: Vec<(Header, Vec<u8>)>,
}

impl Side {
    fn new(now: Instant, ports: &Arc<Ports>, change: impl FnOnce(&mut Parameters)) -> Self {
        let (script, keys) = call::Leg::new(mpsc::unbounded_channel().0);
        let wire = Wire {
            pair: ports.open().expect("ports"),
            statistics: Arc::new(Statistics::default()),
            security: None,
            ipv6: false,
            rtcp_mux: false,
        };
        let opening = Opening { id: script.id(), wire, events: mpsc::unbounded_channel().0, keys };
        let mut leg = Leg::new(now, opening, Duration::from_secs(60), now);
        let phone = socket();
        phone.set_nonblocking(true).expect("set");
        let address = phone.local_addr().expect("bound");
        let mut parameters = Parameters {
            remote_rtp: address,
            remote_rtcp: "127.0.0.1:9".parse().expect("an address"),
            codec: Codec::Pcma,
            packet_time_ms: None,
            send_payload_type: 8,
            receive_payload_type: 8,
            telephone_event: Some((EVENT, EVENT)),
            comfort_noise: None,
            may_send: true,
            may_receive: true,
            allowed_sources: Vec::new(),
            in_band: InBand::Never,
            key_rules: KeyRules::default(),
            srtp: None,
            rtcp_mux: false,
        };
        change(&mut parameters);
        let codec = parameters.codec;
        leg.configure(now, parameters);
        Self { leg, phone, script, codec, sequence: 65_500 }
    }

    /// The commands that its script was told of.
    fn commands(&mut self) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let mut commands = String::new();
        while let Ok(Said::Command(key)) =
            runtime.block_on(async { tokio::time::timeout(Duration::ZERO, self.script.listen(false)).await })
        {
            commands.push(key);
        }
        commands
    }

    /// The keys that its script has heard.
    fn script_heard(&mut self) -> String {
        let mut keys = String::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        while let Heard::Key(key) = runtime.block_on(self.script.key(Duration::ZERO)) {
            keys.push(key);
        }
        keys
    }
}

fn in_band(parameters: &mut Parameters) {
    parameters.telephone_event = None;
    parameters.in_band = InBand::WhenNoEventsAgreed;
}

fn no_events(parameters: &mut Parameters) {
    parameters.telephone_event = None;
}

fn in_codec(codec: Codec) -> impl Fn(&mut Parameters) {
    move |parameters| {
        let number = match codec {
            Codec::Pcma => 8,
            Codec::Pcmu => 0,
            Codec::G722 => 9,
        };
        parameters.codec = codec;
        (parameters.send_payload_type, parameters.receive_payload_type) = (number, number);
    }
}

impl Line {
    fn new(
        ports: u16,
        caller: impl FnOnce(&mut Parameters),
        responder: impl FnOnce(&mut Parameters),
    ) -> Self {
        let mut line = Self::apart(ports, caller, responder);
        line.bridge();
        line
    }

    fn apart(
        ports: u16,
        caller: impl FnOnce(&mut Parameters),
        responder: impl FnOnce(&mut Parameters),
    ) -> Self {
        let now = Instant::now();
        let ports = Arc::new(Ports::new("127.0.0.1".parse().expect("an address"), ports..=ports + 9));
        Self { now, sides: [Side::new(now, &ports, caller), Side::new(now, &ports, responder)] }
    }

    fn bridge(&mut self) {
        let now = self.now;
        self.sides.iter_mut().enumerate().for_each(|(n, side)| side.leg.bridge(now, 1 - n));
    }

    /// A packet of one phone's.
    fn says(&mut self, who: usize, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) {
        let side = &mut self.sides[who];
        let header = Header { marker, payload_type, sequence: side.sequence, timestamp, ssrc: 7 };
        side.sequence = side.sequence.wrapping_add(1);
        let mut datagram = [&header.to_octets()[..], payload].concat();
        let from = side.phone.local_addr().expect("bound");
        let onward = side.leg.receive(self.now, &mut datagram, from);
        self.tell_owed(who);
        if let Some(onward) = onward.filter(|_| self.sides[who].leg.partner.is_some()) {
            self.sides[1 - who].leg.forward(self.now, &onward, &mut datagram);
        }
    }

    /// What a thread does with the keys that a leg has held back.
    fn tell_owed(&mut self, who: usize) {
        for key in self.sides[who].leg.take_owed().into_iter().flatten() {
            self.sides[1 - who].leg.pass_key(self.now, key);
        }
    }

    fn says_event(&mut self, who: usize, key: char, timestamp: u32, duration: u16, end: bool) {
        let event = KEYS.iter().position(|known| char::from(*known) == key).expect("a key") as u8;
        let payload = Payload { event, end, volume: 10, duration }.to_octets();
        self.says(who, EVENT, false, timestamp, &payload);
    }

    /// 20 ms pass. A leg's frames are due on a grid of whole ms, so some are late by up to 5.
    fn frame(&mut self, far: &mut Far) {
        for _ in 0..4 {
            self.now += Duration::from_millis(5);
            self.sides.iter_mut().for_each(|side| side.leg.tick(self.now));
            (0..2).for_each(|who| self.tell_owed(who));
        }
        far.take(&self.sides[1].phone);
    }

    /// The caller says it, packet by packet; `lost` says which never come.
    fn caller_says(&mut self, sound: &[i16], mut lost: impl FnMut(usize) -> bool) -> Far {
        let mut far = Far::default();
        let mut encoder = Encoder::new(self.sides[0].codec);
        let octets: Vec<u8> = sound.iter().map(|sample| encoder.encode(*sample)).collect();
        let number = match self.sides[0].codec {
            Codec::Pcma => 8,
            Codec::Pcmu => 0,
            Codec::G722 => 9,
        };
        for (n, packet) in octets.chunks(FRAME).enumerate() {
            if lost(n) {
                self.sides[0].sequence = self.sides[0].sequence.wrapping_add(1);
            } else {
                self.says(0, number, false, (n * FRAME) as u32, packet);
            }
            self.frame(&mut far);
        }
        far
    }
}

impl Far {
    fn take(&mut self, phone: &UdpSocket) {
        let mut buffer = [0; 2048];
        while let Ok(length) = phone.recv(&mut buffer) {
            let packet = Packet::read(&buffer[..length]).expect("RTP");
            self.packets.push((packet.header, packet.payload(&buffer[..length]).to_vec()));
        }
    }

    /// The keys that the phone is told of as events, each once, by a receiver of its own.
    fn events(&self) -> String {
        let mut receiver = Receiver::default();
        // Another one's may not know of upstreams that repeat their ends.
        receiver.agree(8000, false);
        let mut keys = String::new();
        for (header, payload) in self.packets.iter().filter(|(header, _)| header.payload_type == EVENT) {
            let now = Instant::now();
            let heard = receiver.receive(now, header.ssrc, header.timestamp, header.marker, payload);
            keys.extend(heard.filter(|heard| heard.begins).map(|heard| heard.key));
        }
        keys
    }

    /// What it hears, each packet in its place by its timestamp; silence where there is none.
    fn sound(&self, codec: Codec) -> Vec<i16> {
        let audio = || self.packets.iter().filter(|(header, _)| header.payload_type != EVENT);
        let Some((first, _)) = audio().next() else { return Vec::new() };
        let mut decoder = Decoder::new(codec);
        let mut sound = Vec::new();
        for (header, payload) in audio() {
            let at = header.timestamp.wrapping_sub(first.timestamp) as usize;
            sound.resize(sound.len().max(at), 0);
            sound.truncate(at);
            sound.extend(payload.iter().map(|octet| decoder.decode(*octet)));
        }
        sound
    }

    /// The keys that the phone hears as tones.
    fn tones(&self, codec: Codec) -> String {
        Detector::new(8000).process(&self.sound(codec)).iter().map(|digit| digit.key).collect()
    }

    fn assert_one_stream(&self) {
        for pair in self.packets.windows(2) {
            assert_eq!(pair[1].0.ssrc, pair[0].0.ssrc);
            assert!((pair[1].0.sequence.wrapping_sub(pair[0].0.sequence) as i16) > 0);
        }
    }
}

/// So many keys at random places: their tones, and which they are.
fn pressed(dice: &mut Dice, count: usize) -> (Vec<i16>, String) {
    let (mut sound, mut keys) = (vec![0; 800], String::new());
    for _ in 0..count {
        let key = dice.key();
        keys.push(key);
        let level = -(dice.between(4, 22) as f64);
        let sines = frequencies(key).expect("a key").map(|frequency| Sine { frequency, level });
        sound.extend(tone(&sines, dice.between(50, 300) as u32, 1));
        // Pauses of whole samples, so that every phase against the packets comes.
        sound.resize(sound.len() + dice.between(480, 1600) as usize, 0);
    }
    sound.resize(sound.len() + 4000, 0);
    (sound, keys)
}

#[test]
fn of_a_thousand_keys_heard_as_tones_each_reaches_a_phone_that_knows_events_once_and_never_as_a_tone() {
    let mut dice = Dice(11);
    let codecs = [(Codec::Pcma, Codec::Pcma), (Codec::Pcmu, Codec::Pcma), (Codec::G722, Codec::Pcmu)];
    let codecs = codecs.into_iter().chain([(Codec::G722, Codec::G722)]).enumerate();
    for (n, (from, to)) in codecs {
        let caller = |parameters: &mut Parameters| (in_band(parameters), in_codec(from)(parameters)).0;
        let mut line = Line::new(27_000 + n as u16 * 10, caller, in_codec(to));
        let (sound, keys) = pressed(&mut dice, 250);
        let far = line.caller_says(&sound, |_| false);
        assert_eq!(far.events(), keys, "{from:?} to {to:?}");
        assert_eq!(far.tones(to), "", "{from:?} to {to:?}");
        assert_eq!(line.sides[0].script_heard().len(), 32, "the script reads none and keeps the first ones");
        far.assert_one_stream();
    }
}

#[test]
fn keys_heard_as_tones_are_not_doubled_by_lost_packets() {
    let mut dice = Dice(12);
    for (n, percent) in [1, 5, 10].into_iter().enumerate() {
        let mut line = Line::new(27_040 + n as u16 * 10, in_band, |_| {});
        let (sound, keys) = pressed(&mut dice, 150);
        let far = line.caller_says(&sound, |_| dice.below(100) < percent);
        assert_eq!(far.tones(Codec::Pcma), "", "{percent} % lost");
        // A key of which too much is lost may be missed; none is told twice.
        let told = far.events();
        let mut rest = keys.chars();
        assert!(told.chars().all(|key| rest.any(|pressed| pressed == key)), "{percent} % lost");
        assert!(told.len() * 100 >= keys.len() * 95, "{percent} % lost: {} of {}", told.len(), keys.len());
    }
}

#[test]
fn a_phone_that_knows_no_events_hears_the_tones_themselves_untouched() {
    let mut dice = Dice(13);
    let mut line = Line::new(27_070, in_band, in_band);
    let (sound, keys) = pressed(&mut dice, 30);
    let far = line.caller_says(&sound, |_| false);
    let mut encoder = Encoder::new(Codec::Pcma);
    let said: Vec<u8> = sound.iter().map(|sample| encoder.encode(*sample)).collect();
    let heard: Vec<u8> = far.packets.iter().flat_map(|(_, payload)| payload.clone()).collect();
    assert!(heard == said);
    assert_eq!((far.events(), far.tones(Codec::Pcma)), (String::new(), keys));
}

/// A caller presses keys as events, with the tones in the audio beside them, as many adapters send them: for
/// so long, with such pauses, each in ms.
fn presses_with_leaks(line: &mut Line, keys: &str, held: u32, pause: u32) -> Far {
    let (mut far, mut timestamp) = (Far::default(), 8000_u32);
    for key in keys.chars() {
        let sines = frequencies(key).expect("a key").map(|frequency| Sine { frequency, level: -9.0 });
        let mut encoder = Encoder::new(Codec::Pcma);
        let octets: Vec<u8> = tone(&sines, held, 1).iter().map(|sample| encoder.encode(*sample)).collect();
        let (begin, packets) = (timestamp, octets.len() / FRAME);
        for (n, packet) in octets.chunks(FRAME).enumerate() {
            let end = n + 1 == packets;
            for _ in 0..if end { 3 } else { 1 } {
                line.says_event(0, key, begin, (n as u16 + 1) * 160, end);
            }
            line.says(0, 8, false, timestamp, packet);
            timestamp = timestamp.wrapping_add(160);
            line.frame(&mut far);
        }
        for _ in 0..pause / 20 {
            line.says(0, 8, false, timestamp, &[0xd5; FRAME]);
            timestamp = timestamp.wrapping_add(160);
            line.frame(&mut far);
        }
    }
    (0..60).for_each(|_| line.frame(&mut far));
    far
}

#[test]
fn a_tone_beside_its_event_goes_on_to_nobody() {
    for held in [60, 100, 500] {
        let mut line = Line::new(27_080, |_| {}, |_| {});
        let far = presses_with_leaks(&mut line, "1559#", held, 200);
        assert_eq!((far.events(), far.tones(Codec::Pcma)), ("1559#".to_owned(), String::new()));
        assert_eq!(line.sides[0].script_heard(), "1559#");
        let mut line = Line::new(27_090, |_| {}, no_events);
        let far = presses_with_leaks(&mut line, "1559#", held, 200);
        assert_eq!((far.events(), far.tones(Codec::Pcma)), (String::new(), "1559#".to_owned()), "{held} ms");
    }
}

#[test]
fn keys_that_come_faster_than_they_can_be_told_are_all_told() {
    let keys = "00112233445566778899";
    let mut line = Line::new(27_100, |_| {}, no_events);
    let far = presses_with_leaks(&mut line, keys, 60, 60);
    assert_eq!(far.tones(Codec::Pcma), keys);
    let mut line = Line::new(27_110, |_| {}, |_| {});
    let (now, mut far) = (line.now, Far::default());
    // By the signalling, all at once.
    for key in keys.chars() {
        assert!(line.sides[0].leg.press(now, key));
        line.sides[1].leg.pass_key(now, key);
    }
    (0..250).for_each(|_| line.frame(&mut far));
    assert_eq!(far.events(), keys);
    far.assert_one_stream();
}

#[test]
fn a_key_in_the_signalling_and_in_the_audio_is_told_once_whatever_the_partner_knows() {
    for (n, knows_events) in [true, false].into_iter().enumerate() {
        let partner = |parameters: &mut Parameters| {
            if !knows_events {
                parameters.telephone_event = None;
            }
        };
        let mut line = Line::new(27_120 + n as u16 * 10, in_band, partner);
        let (now, mut far) = (line.now, Far::default());
        assert!(line.sides[0].leg.press(now, '4'));
        line.sides[1].leg.pass_key(now, '4');
        line.frame(&mut far);
        let sines = frequencies('4').expect("a key").map(|frequency| Sine { frequency, level: -9.0 });
        let mut sound = tone(&sines, 400, 1);
        sound.resize(8000, 0);
        far.packets.extend(line.caller_says(&sound, |_| false).packets);
        let wanted = if knows_events { ("4", "") } else { ("", "4") };
        assert_eq!((far.events().as_str(), far.tones(Codec::Pcma).as_str()), wanted);
        assert_eq!(line.sides[0].script_heard(), "4");
    }
}

#[test]
fn an_event_goes_on_with_one_offset_for_all_its_packets_and_a_marker_whatever_it_came_with() {
    let mut line = Line::new(27_140, |_| {}, |_| {});
    let mut far = Far::default();
    line.says(0, 8, false, 100, &[0x11; FRAME]);
    for n in 1..=6_u16 {
        line.says_event(0, '7', 260, n.min(4) * 160, n >= 4);
        line.frame(&mut far);
    }
    line.says(0, 8, false, 100 + 7 * 160, &[0x12; FRAME]);
    line.frame(&mut far);
    let (audio, event) = (&far.packets[0].0, &far.packets[1..7]);
    assert!(event.iter().all(|(header, _)| header.timestamp == audio.timestamp.wrapping_add(160)));
    assert!(event.iter().enumerate().all(|(n, (header, _))| header.marker == (n == 0)));
    assert_eq!(far.packets[7].0.timestamp, audio.timestamp.wrapping_add(7 * 160), "the clock goes on");
}

#[test]
fn ends_that_a_relay_before_us_gave_new_timestamps_go_on_with_that_of_their_event() {
    let mut line = Line::new(27_150, |_| {}, |_| {});
    let mut far = Far::default();
    line.says_event(0, '9', 1000, 160, false);
    for n in 0..3 {
        line.says_event(0, '9', 1000 + n * 160, 800, true);
        line.frame(&mut far);
    }
    assert_eq!(far.events(), "9");
    assert_eq!(far.packets.len(), 4);
}

#[test]
fn an_event_that_something_else_broke_into_is_not_begun_again() {
    let mut line = Line::new(27_160, |_| {}, |_| {});
    let mut far = Far::default();
    line.says_event(0, '3', 1000, 160, false);
    line.frame(&mut far);
    // A key of the signalling is told in between.
    let now = line.now;
    line.sides[1].leg.pass_key(now, '8');
    for n in 2..30_u16 {
        line.says_event(0, '3', 1000, n * 160, n > 26);
        line.frame(&mut far);
    }
    assert_eq!(far.events(), "38");
    far.assert_one_stream();
}

#[test]
fn an_event_whose_sender_goes_is_ended_three_times_for_the_partner() {
    let mut line = Line::new(27_170, |_| {}, |_| {});
    let mut far = Far::default();
    line.says_event(0, '*', 1000, 160, false);
    line.says_event(0, '*', 1000, 320, false);
    let now = line.now;
    line.sides[1].leg.unbridge(now);
    far.take(&line.sides[1].phone);
    let payloads: Vec<_> = far.packets.iter().filter_map(|(_, payload)| Payload::read(payload)).collect();
    let ends: Vec<_> = payloads.iter().map(|payload| (payload.duration, payload.end)).collect();
    assert_eq!(ends, [(160, false), (320, false), (320, true), (320, true), (320, true)]);
    line.frame(&mut far);
    far.assert_one_stream();
    assert_eq!(far.events(), "*");
}

#[test]
fn a_tone_that_began_before_the_bridge_is_not_heard_by_the_partner() {
    for (n, partner) in [in_band, |_: &mut Parameters| {}].into_iter().enumerate() {
        let mut line = Line::apart(27_180 + n as u16 * 10, in_band, partner);
        let sines = frequencies('1').expect("a key").map(|frequency| Sine { frequency, level: -9.0 });
        let mut sound = tone(&sines, 500, 1);
        sound.resize(8000, 0);
        let mut encoder = Encoder::new(Codec::Pcma);
        let octets: Vec<u8> = sound.iter().map(|sample| encoder.encode(*sample)).collect();
        let mut far = Far::default();
        for (n, packet) in octets.chunks(FRAME).enumerate() {
            if n == 10 {
                line.bridge();
            }
            line.says(0, 8, false, (n * FRAME) as u32, packet);
            line.frame(&mut far);
        }
        assert_eq!(line.sides[0].script_heard(), "1");
        assert_eq!((far.events(), far.tones(Codec::Pcma)), (String::new(), String::new()));
    }
}

/// Something like speech: voices of gliding pitch through moving formants, in syllables.
fn babble(dice: &mut Dice, ms: usize) -> Vec<i16> {
    let mut sound = Vec::new();
    while sound.len() < ms * 8 {
        let pitch = dice.between(85, 280) as f64;
        let (glide, first, second) = (
            dice.between(20, 80) as f64 - 100.0 * dice.below(2) as f64,
            dice.between(250, 900) as f64,
            dice.between(480, 1600) as f64,
        );
        let (length, level) = (dice.between(60, 350) * 8, dice.between(1000, 9000) as f64);
        let resonance = |hz: f64, at: f64| 1.0 / (1.0 + ((hz - at) / 180.0).powi(2));
        for n in 0..length {
            let t = n as f64 / 8000.0;
            let at = pitch + glide * n as f64 / length as f64;
            let envelope = (std::f64::consts::PI * n as f64 / length as f64).sin();
            let voice: f64 = (1..10)
                .map(|harmonic| {
                    let hz = at * f64::from(harmonic);
                    let strength = resonance(hz, first) + 0.5 * resonance(hz, second);
                    strength * (std::f64::consts::TAU * hz * t).sin()
                })
                .sum();
            let breath = dice.between(0, 2000) as f64 / 10_000.0 - 0.1;
            sound.push(((voice + breath) * envelope * level).clamp(-32_000.0, 32_000.0) as i16);
        }
        sound.resize(sound.len() + dice.between(0, 120) as usize * 8, 0);
    }
    sound
}

#[test]
fn of_speech_99_percent_go_on_untouched_to_a_phone_that_is_told_of_keys() {
    let mut dice = Dice(14);
    let mut line = Line::new(27_200, in_band, |_| {});
    let sound = babble(&mut dice, 20_000);
    let far = line.caller_says(&sound, |_| false);
    let mut encoder = Encoder::new(Codec::Pcma);
    let said: Vec<u8> = sound.iter().map(|sample| encoder.encode(*sample)).collect();
    let heard: Vec<u8> = far.packets.iter().flat_map(|(_, payload)| payload.clone()).collect();
    let changed = said.iter().zip(&heard).filter(|(said, heard)| said != heard).count();
    assert_eq!(heard.len(), said.len());
    assert!(changed * 100 <= said.len(), "{changed} of {} octets", said.len());
    assert_eq!(far.events(), "");
}

#[test]
fn a_prompt_is_silent_40_ms_after_a_key_that_ends_it_without_anybody_else_and_goes_on_after_another_key() {
    for (n, ms) in [20_u16, 30, 60].into_iter().enumerate() {
        let phone = |parameters: &mut Parameters| {
            parameters.in_band = InBand::AlsoWhenEventsNeverSeen;
            parameters.packet_time_ms = Some(ms);
        };
        // The phone that hears the prompt is the one that is listened to.
        let mut line = Line::apart(27_220 + n as u16 * 10, no_events, phone);
        let (done, mut over) = tokio::sync::oneshot::channel();
        let until = KeySet::of(|key| key == '1');
        let now = line.now;
        line.sides[1].leg.play(now, clip(0x11, 500), false, until, done);
        let mut far = Far::default();
        (0..20).for_each(|_| line.frame(&mut far));
        line.says_event(1, '9', 1000, 160, true);
        (0..20).for_each(|_| line.frame(&mut far));
        assert_eq!(far.packets.last().map(|(_, payload)| payload[0]), Some(0x11), "9 means nothing here");
        assert!(over.try_recv().is_err());
        line.says_event(1, '1', 5000, 160, false);
        far.packets.clear();
        (0..20).for_each(|_| line.frame(&mut far));
        let sound: Vec<u8> = far.packets.iter().flat_map(|(_, payload)| payload.clone()).collect();
        let left = sound.iter().position(|octet| *octet == 0xd5).expect("silence");
        assert!(left <= 320 && sound[left..].iter().all(|octet| *octet == 0xd5), "{ms} ms: {left} octets");
        assert_eq!(line.sides[1].script_heard(), "91");
    }
}

/// So many ms of a key, and as much silence.
fn sounding(key: char, ms: u32) -> Vec<i16> {
    let sines = frequencies(key).expect("a key").map(|frequency| Sine { frequency, level: -9.0 });
    let mut sound = tone(&sines, ms, 1);
    sound.resize(sound.len() * 2, 0);
    sound
}

#[test]
fn a_responder_who_agreed_to_events_presses_nothing_by_a_tone_and_a_caller_does_until_an_event_is_seen() {
    let responder = |parameters: &mut Parameters| parameters.in_band = InBand::WhenNoEventsAgreed;
    let mut line = Line::apart(27_250, responder, |_| {});
    line.caller_says(&sounding('1', 200), |_| false);
    assert_eq!(line.sides[0].script_heard(), "");
    let caller = |parameters: &mut Parameters| parameters.in_band = InBand::AlsoWhenEventsNeverSeen;
    let mut line = Line::apart(27_260, caller, |_| {});
    line.caller_says(&sounding('1', 200), |_| false);
    assert_eq!(line.sides[0].script_heard(), "1");
    line.says_event(0, '2', 90_000, 160, true);
    line.caller_says(&sounding('3', 200), |_| false);
    assert_eq!(line.sides[0].script_heard(), "2");
}

#[test]
fn events_of_another_clock_are_understood_and_told_on_in_the_clock_of_the_partner() {
    let wide = |parameters: &mut Parameters| parameters.key_rules.event_rate = 48_000;
    for (n, (caller, responder, step)) in
        [(Some(wide), None, 160), (None, Some(wide), 960)].into_iter().enumerate()
    {
        let change = |wide: Option<fn(&mut Parameters)>| {
            move |parameters: &mut Parameters| wide.into_iter().for_each(|wide| wide(parameters))
        };
        let caller = change(caller.map(|wide| wide as fn(&mut Parameters)));
        let responder = change(responder.map(|wide| wide as fn(&mut Parameters)));
        let mut line = Line::new(27_270 + n as u16 * 10, caller, responder);
        let mut far = Far::default();
        for packet in 1..=8_u16 {
            line.says_event(0, '6', 77_000, packet.min(5) * 960, packet > 5);
            line.frame(&mut far);
        }
        (0..10).for_each(|_| line.frame(&mut far));
        assert_eq!((line.sides[0].script_heard().as_str(), far.events().as_str()), ("6", "6"));
        let events = far.packets.iter().filter(|(header, _)| header.payload_type == EVENT);
        let durations = events.filter_map(|(_, payload)| Some(Payload::read(payload)?.duration));
        assert_eq!(durations.collect::<Vec<_>>(), [1, 2, 3, 4, 5, 5, 5].map(|n| n * step));
    }
}

/// Keys of which some are commands: what is pressed, what the other phone gets of it, and what the script.
const STARS: [(&str, &str, &str); 5] =
    [("*1", "", "1"), ("5*16", "56", "1"), ("*#*0", "*#", "0"), ("**1*7", "**7", "1"), ("12*", "12*", "")];

fn commands() -> KeyUse {
    KeyUse::Commands(KeySet::of(|key| "01".contains(key)))
}

#[test]
fn a_star_as_an_event_is_held_back_and_a_command_never_reaches_the_partner() {
    for (n, (keys, partner, script)) in STARS.into_iter().enumerate() {
        let mut line = Line::new(27_400 + n as u16 * 10, |_| {}, |_| {});
        line.sides[0].leg.use_keys(commands());
        let mut far = presses_with_leaks(&mut line, keys, 100, 200);
        (0..130).for_each(|_| line.frame(&mut far));
        assert_eq!((far.events().as_str(), line.sides[0].commands().as_str()), (partner, script), "{keys}");
        assert_eq!(far.tones(Codec::Pcma), "", "{keys}");
        far.assert_one_stream();
    }
}

#[test]
fn a_star_heard_as_a_tone_is_held_back_too_and_what_goes_on_is_told_anew() {
    for (n, (keys, partner, script)) in STARS.into_iter().enumerate() {
        for (m, knows_events) in [true, false].into_iter().enumerate() {
            let change = |parameters: &mut Parameters| {
                if !knows_events {
                    no_events(parameters)
                }
            };
            let mut line = Line::new(27_500 + (n * 2 + m) as u16 * 10, in_band, change);
            line.sides[0].leg.use_keys(commands());
            let mut sound = vec![0; 800];
            for key in keys.chars() {
                let sines = frequencies(key).expect("a key").map(|frequency| Sine { frequency, level: -9.0 });
                sound.extend(tone(&sines, 120, 1));
                sound.resize(sound.len() + 3200, 0);
            }
            sound.resize(sound.len() + 24_000, 0);
            let far = line.caller_says(&sound, |_| false);
            let heard = if knows_events { far.events() } else { far.tones(Codec::Pcma) };
            assert_eq!((heard.as_str(), line.sides[0].commands().as_str()), (partner, script), "{keys}");
        }
    }
}

#[test]
fn a_star_that_is_followed_by_nothing_goes_on_after_two_seconds() {
    let mut line = Line::new(27_700, |_| {}, |_| {});
    line.sides[0].leg.use_keys(commands());
    let mut far = presses_with_leaks(&mut line, "*", 100, 100);
    (0..20).for_each(|_| line.frame(&mut far));
    assert_eq!(far.events(), "");
    (0..30).for_each(|_| line.frame(&mut far));
    assert_eq!((far.events().as_str(), line.sides[0].script_heard().as_str()), ("*", "*"));
}
