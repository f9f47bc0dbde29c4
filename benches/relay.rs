//! What bridged calls cost: our media threads beside a bare epoll relay, in turns on one machine.
//!
//! `cargo bench --bench relay -- [calls] [seconds] [turns]` (200, 5, 3). The relays run on one core,
//! the phones on another; each call has RTP of 50 packets a second in both directions.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::expect_used)]

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nightbell::rtp::packet::{HEADER, Header, Packet};
use nightbell::sip::Codec;
use nightbell::switch::media::{Config, Media};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::time::Timespec;
use tokio::sync::mpsc;

use common::{LOOPBACK, clock, cpu_of, pin, stream};

const FRAME: usize = 160;

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let number = |n: usize, default| numbers.get(n).copied().unwrap_or(default);
    let (calls, seconds, turns) = (number(0, 200), number(1, 5), number(2, 3));
    println!("{calls} bridged calls, {seconds} s a turn; us of CPU a packet, delay in us");
    let mut ratios = Vec::new();
    for turn in 1..=turns {
        let bare = run_bare(calls, seconds);
        let ours = run_ours(calls, seconds);
        bare.print(turn, "bare");
        ours.print(turn, "ours");
        ratios.push(ours.cpu_us / bare.cpu_us);
    }
    ratios.sort_by(f64::total_cmp);
    println!("CPU, ours to bare: median {:.2}", ratios[ratios.len() / 2]);
}

/// What one turn showed.
struct Outcome {
    sent: usize,
    delays: Vec<u64>,
    cpu_us: f64,
    cpu_share: f64,
}

impl Outcome {
    fn new(phones: Traffic, cpu: Duration, seconds: usize) -> Self {
        let Traffic { sent, mut delays } = phones;
        delays.sort_unstable();
        let cpu_us = cpu.as_secs_f64() * 1e6 / delays.len().max(1) as f64;
        Self { sent, delays, cpu_us, cpu_share: cpu.as_secs_f64() / seconds as f64 * 100.0 }
    }

    fn print(&self, turn: usize, name: &str) {
        let at = |share: f64| {
            self.delays.get((self.delays.len() as f64 * share) as usize).map_or(0, |ns| ns / 1000)
        };
        println!(
            "{turn} {name}: cpu {:.2} us/packet ({:.1} % of a core), lost {} of {}, delay p50 {} p99 {}",
            self.cpu_us,
            self.cpu_share,
            self.sent - self.delays.len(),
            self.sent,
            at(0.5),
            at(0.99),
        );
    }
}

// The two relays.

fn run_bare(calls: usize, seconds: usize) -> Outcome {
    let phones: Vec<_> = (0..calls * 2).map(|_| phone()).collect();
    let ports: Vec<_> = (0..calls * 2).map(|_| phone()).collect();
    let targets: Vec<_> = ports.iter().map(|port| port.local_addr().unwrap()).collect();
    let ends: Vec<_> = (0..calls * 2).map(|n| phones[n ^ 1].local_addr().unwrap()).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let relay = {
        let (stop, ports) = (Arc::clone(&stop), ports);
        let ports: Vec<_> = ports.into_iter().enumerate().map(|(n, port)| (port, n)).collect();
        thread::Builder::new().name("bare-0".into()).spawn(move || relay(&ports, &ends, &stop)).unwrap()
    };
    let (traffic, cpu) = measure(&phones, &targets, seconds, "bare-");
    stop.store(true, Ordering::Relaxed);
    relay.join().unwrap();
    Outcome::new(traffic, cpu, seconds)
}

/// The least a relay can do: receive, put three numbers in, send.
fn relay(ports: &[(UdpSocket, usize)], ends: &[SocketAddr], stop: &AtomicBool) {
    pin(0);
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    for (port, n) in ports {
        epoll::add(&epoll, port, EventData::new_u64(*n as u64), EventFlags::IN).unwrap();
    }
    let mut events = Vec::with_capacity(256);
    let mut buffer = [0; 2048];
    let patience = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    while !stop.load(Ordering::Relaxed) {
        events.clear();
        epoll::wait(&epoll, spare_capacity(&mut events), Some(&patience)).unwrap();
        for event in &events {
            let n = event.data.u64() as usize;
            let Ok((len, _)) = ports[n].0.recv_from(&mut buffer) else { continue };
            buffer[8..12].copy_from_slice(&[1, 2, 3, 4]);
            let _ = ports[n].0.send_to(&buffer[..len], ends[n]);
        }
    }
}

fn run_ours(calls: usize, seconds: usize) -> Outcome {
    let phones: Vec<_> = (0..calls * 2).map(|_| phone()).collect();
    let config =
        Config { ports: 30_000..=60_000, threads: 1, media_timeout: Duration::from_secs(60), bind: LOOPBACK };
    pin(0);
    let media = Media::start(config).unwrap();
    let requests = mpsc::unbounded_channel().0;
    let streams: Vec<_> = phones
        .iter()
        .map(|phone| stream(&media, &requests, phone.local_addr().unwrap(), Codec::Pcma))
        .collect();
    for pair in streams.chunks(2) {
        pair[0].0.bridge(&pair[1].0);
    }
    let targets: Vec<_> =
        streams.iter().map(|(stream, _)| SocketAddr::new(LOOPBACK, stream.rtp_port())).collect();
    let (traffic, cpu) = measure(&phones, &targets, seconds, "media-");
    drop(streams);
    media.shutdown();
    Outcome::new(traffic, cpu, seconds)
}

// The phones.

struct Traffic {
    sent: usize,
    /// In ns.
    delays: Vec<u64>,
}

fn phone() -> UdpSocket {
    let socket = UdpSocket::bind((LOOPBACK, 0)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// Lets all phones talk, and tells what the relay's threads took for it.
fn measure(
    phones: &[UdpSocket],
    targets: &[SocketAddr],
    seconds: usize,
    threads: &str,
) -> (Traffic, Duration) {
    thread::scope(|scope| {
        scope
            .spawn(|| {
                pin(1);
                let mut crowd = Crowd::new(phones, targets);
                // What was played before the bridge, and the first packets, do not count.
                crowd.talk(25);
                let before = cpu_of(threads);
                let traffic = crowd.talk(seconds * 50);
                (traffic, cpu_of(threads) - before)
            })
            .join()
            .unwrap()
    })
}

struct Crowd<'a> {
    phones: &'a [UdpSocket],
    targets: &'a [SocketAddr],
    round: u32,
    epoll: std::os::fd::OwnedFd,
}

impl<'a> Crowd<'a> {
    fn new(phones: &'a [UdpSocket], targets: &'a [SocketAddr]) -> Self {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        for (n, phone) in phones.iter().enumerate() {
            epoll::add(&epoll, phone, EventData::new_u64(n as u64), EventFlags::IN).unwrap();
        }
        Self { phones, targets, round: 0, epoll }
    }

    /// All phones say a frame in each of so many rounds of 20 ms, spread over it.
    fn talk(&mut self, rounds: usize) -> Traffic {
        let mut traffic = Traffic { sent: 0, delays: Vec::new() };
        let (count, begin) = (self.phones.len(), Instant::now());
        for n in 0..rounds * count {
            let due = begin + Duration::from_nanos(20_000_000 * n as u64 / count as u64);
            while Instant::now() < due {
                self.listen(&mut traffic);
            }
            let phone = n % count;
            self.round += u32::from(phone == 0);
            self.say(phone);
            traffic.sent += 1;
        }
        let end = Instant::now() + Duration::from_millis(200);
        while Instant::now() < end {
            self.listen(&mut traffic);
        }
        traffic
    }

    fn say(&self, phone: usize) {
        let header = Header {
            marker: false,
            payload_type: 8,
            sequence: self.round as u16,
            timestamp: self.round * FRAME as u32,
            ssrc: phone as u32,
        };
        let mut packet = [0xd4; HEADER + FRAME];
        packet[..HEADER].copy_from_slice(&header.to_octets());
        packet[HEADER..HEADER + 8].copy_from_slice(&clock().to_be_bytes());
        self.phones[phone].send_to(&packet, self.targets[phone]).unwrap();
    }

    fn listen(&self, traffic: &mut Traffic) {
        let mut events = Vec::with_capacity(256);
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&at_once)).unwrap();
        for event in events {
            let mut buffer = [0; 2048];
            let phone = &self.phones[event.data.u64() as usize];
            let Ok((len, _)) = phone.recv_from(&mut buffer) else { continue };
            let Some(packet) = Packet::read(&buffer[..len]) else { continue };
            let payload = packet.payload(&buffer[..len]);
            // Silence that was sent before the bridge carries no time.
            if payload.last() == Some(&0xd4) {
                let sent = u64::from_be_bytes(*payload.first_chunk().unwrap());
                traffic.delays.push(clock().saturating_sub(sent));
            }
        }
    }
}
