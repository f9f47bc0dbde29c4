//! When what we say is sent, and what of it, on virtual time: the leg is told what time it is, and its
//! phone is a socket.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use proptest::prelude::*;

use super::*;
use crate::audio::g711::{alaw_to_linear, linear_to_alaw};
use crate::rtp::packet::{HEADER, Header, Packet};
use crate::sip::Codec;
use crate::switch::clip::FRAME;
use crate::switch::media::KeyRules;
use crate::switch::media::Opening;
use crate::switch::media::leg::onward::{Content, Onward, Sound};
use crate::switch::media::ports::Ports;
use crate::switch::media::statistics::Statistics;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A leg, its phone, and the time.
struct Bench {
    leg: Leg,
    phone: UdpSocket,
    /// Of the leg.
    port: u16,
    begin: Instant,
    ms: u64,
    heard: Vec<(u64, Header, Vec<u8>)>,
}

impl Bench {
    fn new(packet_time_ms: u16) -> Self {
        let begin = Instant::now();
        let phone = UdpSocket::bind((LOOPBACK, 0)).expect("a port");
        phone.set_nonblocking(true).expect("set");
        let pair = Arc::new(Ports::new(LOOPBACK, 26_000..=26_999)).open().expect("ports");
        let port = pair.port();
        let wire = Wire {
            pair,
            statistics: Arc::new(Statistics::default()),
            security: None,
            ipv6: false,
            rtcp_mux: false,
        };
        let (leg, keys) = crate::call::leg::Leg::new(mpsc::unbounded_channel().0);
        let opening = Opening { id: leg.id(), wire, events: mpsc::unbounded_channel().0, keys };
        let mut leg = Leg::new(begin, opening, Duration::from_secs(600), begin);
        let remote = phone.local_addr().expect("bound");
        leg.configure(begin, parameters(remote, packet_time_ms));
        Self { leg, phone, port, begin, ms: 0, heard: Vec::new() }
    }

    fn now(&self) -> Instant {
        self.begin + Duration::from_millis(self.ms)
    }

    /// The thread has its turn at this moment.
    fn tick_at(&mut self, ms: u64) {
        self.ms = ms;
        self.leg.tick(self.now());
        let mut datagram = [0; 2_048];
        while let Ok((length, from)) = self.phone.recv_from(&mut datagram) {
            if from.port() != self.port {
                // Meant for whoever had the port before.
                continue;
            }
            let packet = Packet::read(&datagram[..length]).expect("RTP");
            self.heard.push((ms, packet.header, packet.payload(&datagram[..length]).to_vec()));
        }
    }

    /// The thread is punctual for so long.
    fn run(&mut self, ms: u64) {
        for at in self.ms + 1..=self.ms + ms {
            self.tick_at(at);
        }
    }

    fn play(&mut self, clip: Clip, looped: bool) {
        let (done, _over) = oneshot::channel();
        self.leg.play(self.now(), Arc::new(clip), looped, KeySet::NONE, done);
    }

    /// The partner says a packet.
    fn partner_says(&mut self, n: u16, octet: u8) {
        let header =
            Header { marker: false, payload_type: 8, sequence: n, timestamp: u32::from(n) * 160, ssrc: 9 };
        let mut datagram = [&header.to_octets()[..], &[octet; FRAME]].concat();
        let packet = Packet::read(&datagram).expect("RTP");
        let content =
            Content::Audio(Sound { codec: Codec::Pcma, key: None, tone_from: None, mute_from: None });
        let onward = Onward { packet, content, anew: n == 0 };
        self.leg.forward(self.now(), &onward, &mut datagram[..HEADER + FRAME]);
    }
}

fn parameters(remote: SocketAddr, packet_time_ms: u16) -> Parameters {
    Parameters {
        remote_rtp: remote,
        remote_rtcp: remote,
        codec: Codec::Pcma,
        packet_time_ms: Some(packet_time_ms),
        send_payload_type: 8,
        receive_payload_type: 8,
        telephone_event: None,
        comfort_noise: None,
        may_send: true,
        may_receive: true,
        allowed_sources: Vec::new(),
        in_band: InBand::Never,
        key_rules: KeyRules::default(),
        srtp: None,
        rtcp_mux: false,
    }
}

/// A clip whose n-th frame is known by its level.
fn staircase(frames: usize) -> Clip {
    let level = |n: usize| (n as i16 % 100 + 2) * 256;
    Clip::from_samples(&(0..frames).flat_map(|n| [level(n); FRAME]).collect::<Vec<_>>())
}

fn loud() -> Clip {
    Clip::from_samples(&[9_000; 50 * FRAME])
}

fn is_loud(octet: &u8) -> bool {
    alaw_to_linear(*octet).abs() > 20
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn frames_keep_to_their_grid_however_late_the_thread_is(
        delays in prop::collection::vec(prop_oneof![4 => 0_u64..20, 2 => 20_u64..80, 1 => 80_u64..400], 1..40),
    ) {
        let mut bench = Bench::new(20);
        bench.tick_at(0);
        bench.play(staircase(1_000), false);
        for delay in delays {
            bench.tick_at(bench.ms + delay);
        }
        let (_, first, _) = bench.heard[0].clone();
        for (at, header, payload) in &bench.heard {
            let due = u64::from(header.timestamp.wrapping_sub(first.timestamp)) / 8;
            let frame = u64::from(header.sequence.wrapping_sub(first.sequence));
            prop_assert_eq!(due, frame * 20, "number and timestamp keep step");
            prop_assert!(due <= *at && at - due <= 60, "due at {}, sent at {}", due, at);
            // The frame of silence before the clip is the first. One after a gap comes in softly.
            let level = if frame == 0 { 8 } else { (frame as i16 - 1) % 100 * 256 + 512 };
            let wanted = alaw_to_linear(linear_to_alaw(level));
            prop_assert_eq!(alaw_to_linear(payload[FRAME - 1]), wanted, "frame {}", frame);
        }
    }

    #[test]
    fn from_the_order_to_silence_it_takes_no_longer_than_30_ms(wait in 0_u64..60) {
        let mut bench = Bench::new(20);
        bench.tick_at(0);
        bench.play(loud(), true);
        bench.run(200 + wait);
        let order = bench.ms;
        bench.leg.silence();
        bench.run(100);
        let sounded = bench.heard.iter().filter_map(|(at, _, payload)| {
            payload.iter().rposition(is_loud).map(|last| at + last as u64 / 8 + 1)
        });
        let last = sounded.max().expect("it sounded");
        prop_assert!(last <= order + 30, "stopped at {order}, heard until {last}");
        prop_assert!(last > order - 1, "it was heard until then");
    }

    #[test]
    fn when_a_bridge_takes_the_place_of_a_clip_the_partner_loses_no_more_than_a_packet(
        wait in 0_u64..60,
        phase in 0_u64..20,
    ) {
        let mut bench = Bench::new(20);
        bench.tick_at(0);
        bench.play(loud(), true);
        bench.run(200 + wait);
        bench.leg.silence();
        bench.leg.bridge(bench.now(), 1);
        bench.run(phase);
        for n in 0..10 {
            bench.partner_says(n, 0x2a);
            bench.run(20);
        }
        let relayed = bench.heard.iter().filter(|(_, _, payload)| payload[..] == [0x2a; FRAME]).count();
        prop_assert!(relayed >= 9, "{relayed} of 10 were heard");
        let numbers: Vec<_> = bench.heard.iter().map(|(_, header, _)| header.sequence).collect();
        prop_assert!(numbers.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == 1), "and no number is missing");
        let overlap = bench.heard.windows(2).any(|pair| {
            let (before, after) = (&pair[0], &pair[1]);
            after.1.timestamp.wrapping_sub(before.1.timestamp) < before.2.len() as u32
        });
        prop_assert!(!overlap, "no packet begins before the end of the one before");
    }
}

#[test]
fn what_is_left_of_a_clip_in_long_packets_goes_alone_when_the_partner_is_to_be_heard() {
    let mut bench = Bench::new(60);
    bench.tick_at(0);
    bench.play(loud(), true);
    bench.run(150);
    bench.leg.silence();
    bench.leg.bridge(bench.now(), 1);
    bench.run(60);
    let (_, _, fading) = bench.heard.last().expect("heard").clone();
    assert_eq!(fading.len(), FRAME);
    bench.partner_says(0, 0x2a);
    bench.tick_at(bench.ms + 1);
    assert_eq!(bench.heard.last().expect("heard").2, [0x2a; FRAME]);
}
