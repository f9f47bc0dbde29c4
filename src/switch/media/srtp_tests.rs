//! Protected legs on the media threads, with phones that protect what they send.

use super::tests::{Bench, EVENT, Phone, clip, receive, socket};
use super::*;
use crate::rtp::packet::{Header, Packet};
use crate::rtp::rtcp::{self, Part};
use crate::rtp::srtp::{MASTER, Receiver, Sender, Suite};
use crate::rtp::telephone_event::Payload;
use crate::switch::clip::FRAME;

/// The phone's end of the protection.
struct Lock {
    sender: Sender,
    receiver: Receiver,
}

fn keying(octet: u8, suite: Suite) -> Keying {
    Keying { suite, master: [octet; MASTER], mki: 0 }
}

/// What the leg is told, and the phone's end of it.
fn keys(ours: u8, theirs: u8, suite: Suite) -> (SrtpKeys, Lock) {
    let (send, receive) = (keying(ours, suite), keying(theirs, suite));
    let lock = Lock { sender: Sender::new(receive.clone()), receiver: Receiver::new(send.clone(), 0) };
    (SrtpKeys { send, receive }, lock)
}

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

impl Lock {
    /// The next packet to the phone that is wanted; every one must be authentic.
    fn hear_until(&mut self, phone: &Phone, wanted: impl Fn(&[u8]) -> bool) -> (Header, Vec<u8>) {
        for _ in 0..500 {
            let mut datagram = receive(&phone.rtp);
            let length = self.receiver.rtp(&mut datagram).expect("authentic");
            let packet = Packet::read(&datagram[..length]).expect("RTP");
            let payload = packet.payload(&datagram).to_vec();
            if wanted(&payload) {
                return (packet.header, payload);
            }
        }
        panic!("not heard");
    }

    fn say(&mut self, phone: &Phone, payload_type: u8, sequence: u16, payload: &[u8]) {
        let timestamp = u32::from(sequence) * 160;
        let header = Header { marker: false, payload_type, sequence, timestamp, ssrc: 7 };
        let plain = [&header.to_octets()[..], payload].concat();
        let packet = self.sender.rtp(&plain).expect("protected");
        phone.rtp.send_to(packet, phone.far_end()).expect("sent");
    }
}

fn protected(bench: &Bench, suite: Suite) -> (Phone, Lock) {
    let (keys, lock) = keys(1, 2, suite);
    (bench.configured(|p| p.srtp = Some(keys)), lock)
}

#[test]
fn prompts_silence_and_reports_leave_a_protected_leg_authentic_and_unreadable() {
    for (first, suite) in [(25_000, SUITE), (25_010, Suite::AesCm128HmacSha1_32)] {
        let bench = Bench::new(first..=first + 9);
        let (phone, mut lock) = protected(&bench, suite);
        let raw = receive(&phone.rtp);
        assert!(!raw.windows(8).any(|octets| octets == [0xd5; 8]), "silence is not to be seen");
        phone.stream.play(clip(0x11, 3), false, oneshot::channel().0);
        let (one, _) = lock.hear_until(&phone, |payload| payload == [0x11; FRAME]);
        let (two, _) = lock.hear_until(&phone, |payload| payload == [0x11; FRAME]);
        assert_eq!((two.ssrc, two.sequence), (one.ssrc, one.sequence.wrapping_add(1)));
        let Phone { rtcp, stream, .. } = phone;
        drop(stream);
        let mut goodbye = receive(&rtcp);
        let length = lock.receiver.rtcp(&mut goodbye).expect("authentic");
        let mut parts = rtcp::read(&goodbye[..length]).expect("RTCP");
        assert!(parts.any(|part| matches!(part, Part::Goodbye { .. })));
    }
}

#[test]
fn a_protected_leg_and_one_in_the_clear_hear_each_other_and_each_others_keys() {
    let bench = Bench::new(25_020..=25_039);
    let (caller, mut lock) = protected(&bench, SUITE);
    let mut responder = bench.configured(|_| {});
    caller.stream.bridge(&responder.stream);
    lock.say(&caller, 8, 1, &[0x2a; FRAME]);
    lock.say(&caller, 8, 2, &[0x2b; FRAME]);
    let (one, _) = responder.hear_until(|_, payload| payload == [0x2a; FRAME]);
    let (two, payload) = responder.hear();
    assert_eq!((two.sequence, payload), (one.sequence.wrapping_add(1), vec![0x2b; FRAME]));
    let key = Payload { event: 5, end: true, volume: 10, duration: 800 }.to_octets();
    lock.say(&caller, EVENT, 3, &key);
    responder.hear_until(|header, payload| header.payload_type == EVENT && payload == key);
    responder.say(8, 800, &[0x3c; FRAME]);
    lock.hear_until(&caller, |payload| payload == [0x3c; FRAME]);
}

#[test]
fn two_protected_legs_each_have_keys_of_their_own() {
    let bench = Bench::new(25_040..=25_059);
    let (caller, mut caller_lock) = protected(&bench, SUITE);
    let (keys, mut responder_lock) = keys(3, 4, Suite::AesCm128HmacSha1_32);
    let responder = bench.configured(|p| p.srtp = Some(keys));
    caller.stream.bridge(&responder.stream);
    caller_lock.say(&caller, 8, 1, &[0x2a; FRAME]);
    responder_lock.hear_until(&responder, |payload| payload == [0x2a; FRAME]);
    responder_lock.say(&responder, 8, 1, &[0x2b; FRAME]);
    caller_lock.hear_until(&caller, |payload| payload == [0x2b; FRAME]);
}

#[test]
fn ten_thousand_forged_packets_are_counted_and_the_call_goes_on() {
    let bench = Bench::new(25_060..=25_079);
    let (caller, mut lock) = protected(&bench, SUITE);
    let responder = bench.configured(|_| {});
    caller.stream.bridge(&responder.stream);
    lock.say(&caller, 8, 1, &[0x2a; FRAME]);
    responder.hear_until(|_, payload| payload == [0x2a; FRAME]);
    let statistics = caller.stream.statistics();
    let refused = || statistics.unauthentic.get() + statistics.replayed.get();
    // From the phone's own address, some of its own SSRC, some numbered far ahead; in step with the thread,
    // which must not be able to lose them in the socket.
    for n in 0..10_000_u64 {
        let header = Header {
            marker: false,
            payload_type: 8,
            sequence: (n * 7) as u16,
            timestamp: n as u32,
            ssrc: if n % 2 == 0 { 7 } else { n as u32 },
        };
        let forged = [&header.to_octets()[..], &[0x66; FRAME + 10]].concat();
        caller.rtp.send_to(&forged, caller.far_end()).expect("sent");
        while n % 32 == 31 && refused() <= n {
            std::thread::yield_now();
        }
    }
    lock.say(&caller, 8, 2, &[0x2b; FRAME]);
    let (_, heard) = responder.hear_until(|_, payload| payload != [0xd5; FRAME]);
    assert_eq!(heard, [0x2b; FRAME]);
    assert_eq!((refused(), statistics.packets_received.get()), (10_000, 2));
    assert!(statistics.unauthentic.get() >= 5_000, "the rest claim to be old packets");
}

#[test]
fn a_repeated_packet_is_counted_and_not_heard_again() {
    let bench = Bench::new(25_080..=25_099);
    let (caller, mut lock) = protected(&bench, SUITE);
    let responder = bench.configured(|_| {});
    caller.stream.bridge(&responder.stream);
    let header = Header { marker: false, payload_type: 8, sequence: 1, timestamp: 160, ssrc: 7 };
    let packet = lock.sender.rtp(&[&header.to_octets()[..], &[0x2a; FRAME]].concat()).expect("one").to_vec();
    for _ in 0..5 {
        caller.rtp.send_to(&packet, caller.far_end()).expect("sent");
    }
    lock.say(&caller, 8, 2, &[0x2b; FRAME]);
    responder.hear_until(|_, payload| payload == [0x2b; FRAME]);
    let statistics = caller.stream.statistics();
    assert_eq!((statistics.replayed.get(), statistics.packets_received.get()), (4, 2));
}

#[test]
fn no_source_is_learnt_from_packets_that_are_not_authentic() {
    let bench = Bench::new(25_100..=25_119);
    let (keys, mut lock) = keys(1, 2, SUITE);
    let phone = bench.configured(|p| {
        p.srtp = Some(keys);
        p.remote_rtp = "192.0.2.1:4000".parse().expect("an address");
        p.allowed_sources = vec!["127.0.0.0/8".parse().expect("a network")];
    });
    // Paced by another leg, which hears a frame every 20 ms.
    let pace = bench.configured(|_| {});
    let (stranger, statistics) = (socket(), phone.stream.statistics());
    for sequence in 0..10 {
        let header = Header { marker: false, payload_type: 8, sequence, timestamp: 0, ssrc: 7 };
        let forged = [&header.to_octets()[..], &[0x66; FRAME]].concat();
        stranger.send_to(&forged, phone.far_end()).expect("sent");
        pace.hear();
    }
    assert_eq!((statistics.unauthentic.get(), statistics.unproven.get()), (10, 0));
    for sequence in (1..200).take_while(|_| statistics.packets_received.get() == 0) {
        lock.say(&phone, 8, sequence, &[1; FRAME]);
        pace.hear();
    }
    lock.hear_until(&phone, |_| true);
    stranger.set_nonblocking(true).expect("set");
    assert!(stranger.recv_from(&mut [0; 64]).is_err());
}

#[test]
fn a_key_that_stays_goes_on_counting_and_a_new_one_takes_its_place() {
    let bench = Bench::new(25_120..=25_139);
    let (phone, mut lock) = protected(&bench, SUITE);
    let responder = bench.configured(|_| {});
    phone.stream.bridge(&responder.stream);
    for sequence in [30_000, 60_000, 10_000_u16] {
        lock.say(&phone, 8, sequence, &[0x2a; FRAME]);
    }
    responder.hear_until(|_, payload| payload == [0x2a; FRAME]);
    let mut parameters = phone.parameters();
    let (same, _) = keys(1, 2, SUITE);
    parameters.srtp = Some(same);
    phone.stream.configure(parameters.clone());
    // Its sequence numbers have begun anew once: who forgot that would refuse these.
    for sequence in 10_001..10_004 {
        lock.say(&phone, 8, sequence, &[0x2b; FRAME]);
    }
    responder.hear_until(|_, payload| payload == [0x2b; FRAME]);
    let (new, mut new_lock) = keys(8, 9, SUITE);
    parameters.srtp = Some(new);
    phone.stream.configure(parameters);
    for sequence in 10_004..10_006 {
        new_lock.say(&phone, 8, sequence, &[0x2c; FRAME]);
    }
    responder.hear_until(|_, payload| payload == [0x2c; FRAME]);
    let refused = phone.stream.statistics().unauthentic.get();
    lock.say(&phone, 8, 10_007, &[0x2d; FRAME]);
    while phone.stream.statistics().unauthentic.get() == refused {
        responder.hear();
    }
}
