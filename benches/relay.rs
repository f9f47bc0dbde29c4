//! What bridged calls cost: our media threads beside a bare epoll relay, in turns on one machine.
//!
//! `cargo bench --bench relay -- [calls] [seconds] [turns] [relay...]` (200, 5, 3, bare ours). The relays
//! run on one core (in real time where that is allowed), the phones on another; each call has RTP of 50
//! packets a second in both directions. Relays: `bare` (receive, put three numbers in, send), `tokio` (the
//! same, a task a socket on a current-thread runtime), `batch` (the same with sendmmsg, eight at a time),
//! `ours`, `laws` (ours between A-law and u-law), `srtp` (ours, one side of each call protected).
//! `cargo bench --bench relay -- memory [calls] [times]` opens, bridges and ends calls again and again, and
//! tells what of memory and files is given back.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::expect_used)]

mod common;

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nightbell::audio::g711::{ALAW_TO_ULAW, ULAW_TO_ALAW};
use nightbell::call::leg::{Leg, Request};
use nightbell::daemon::limits::raise_open_files;
use nightbell::rtp::packet::{HEADER, Header, Packet};
use nightbell::rtp::srtp::{Keying, MASTER, Receiver, Sender, Suite};
use nightbell::sip::Codec;
use nightbell::switch::media::{Config, Media, SrtpKeys, Stream};
use preempt_rt::sched::{Pid, Scheduler, SchedulerParams, set_scheduler};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use rustix::process::setpriority_process;
use rustix::time::{ClockId, Timespec, clock_gettime};
use tokio::sync::mpsc;

use common::{LOOPBACK, cpu_of, pin, stream};

const FRAME: usize = 160;

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let number = |n: usize, default| numbers.get(n).copied().unwrap_or(default);
    let (calls, seconds, turns) = (number(0, 200), number(1, 5), number(2, 3));
    raise_open_files();
    if std::env::args().any(|argument| argument == "memory") {
        return memory(number(0, 1000), number(1, 5));
    }
    let known = ["bare", "tokio", "batch", "ours", "laws", "srtp"];
    let mut relays: Vec<_> =
        known.into_iter().filter(|name| std::env::args().any(|argument| argument == **name)).collect();
    if relays.is_empty() {
        relays = vec!["bare", "ours"];
    }
    println!("{calls} bridged calls, {seconds} s a turn; us of CPU a packet, delay in us");
    let mut costs = vec![Vec::new(); relays.len()];
    for turn in 1..=turns {
        for (name, costs) in relays.iter().zip(&mut costs) {
            let outcome = run(name, calls, seconds);
            outcome.print(turn, name);
            costs.push(outcome.cpu_us);
        }
    }
    for (name, of_relay) in relays.iter().zip(&costs).skip(1) {
        let mut ratios: Vec<_> = of_relay.iter().zip(&costs[0]).map(|(one, first)| one / first).collect();
        ratios.sort_by(f64::total_cmp);
        println!("CPU, {name} to {}: median {:.2}", relays[0], ratios[ratios.len() / 2]);
    }
}

fn run(relay: &str, calls: usize, seconds: usize) -> Outcome {
    match relay {
        "bare" => run_simple(calls, seconds, bare),
        "tokio" => run_simple(calls, seconds, tasks),
        "batch" => run_simple(calls, seconds, batches),
        ours => run_ours(calls, seconds, ours),
    }
}

/// What calls take, and leave behind.
fn memory(calls: usize, times: usize) {
    let media = start_media();
    let requests = mpsc::unbounded_channel().0;
    let phone = phone();
    let tell = |what: &str| {
        let files = fs::read_dir("/proc/self/fd").unwrap().count();
        println!("{what}: {} KiB resident, {files} files", resident() / 1024);
    };
    tell("at rest");
    for time in 1..=times {
        let streams: Vec<_> = (0..calls * 2).map(|_| call(&media, &requests, &phone, "ours")).collect();
        for pair in streams.chunks(2) {
            pair[0].0.bridge(&pair[1].0);
        }
        // Each sends a while: what is made for the first packets counts too.
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            let _ = phone.recv_from(&mut [0; 2048]);
        }
        tell(&format!("{time}: {calls} calls bridged"));
        drop(streams);
        thread::sleep(Duration::from_millis(500));
        tell(&format!("{time}: ended"));
    }
    media.shutdown();
}

fn start_media() -> Media {
    let config =
        Config { ports: 30_000..=60_000, threads: 1, media_timeout: Duration::from_secs(60), bind: LOOPBACK };
    Media::start(config).unwrap()
}

/// What one turn showed.
struct Outcome {
    sent: usize,
    delays: Vec<u64>,
    cpu_us: f64,
    cpu_share: f64,
    calls: usize,
    /// What the process grew by for each call, phones included, in octets.
    memory: u64,
}

impl Outcome {
    fn new(phones: Traffic, cpu: Duration, seconds: usize, calls: usize, memory: u64) -> Self {
        let Traffic { sent, mut delays } = phones;
        delays.sort_unstable();
        // Of what was sent: what a phone was too slow to read was relayed all the same.
        let cpu_us = cpu.as_secs_f64() * 1e6 / sent.max(1) as f64;
        let cpu_share = cpu.as_secs_f64() / seconds as f64 * 100.0;
        Self { sent, delays, cpu_us, cpu_share, calls, memory: memory / calls.max(1) as u64 }
    }

    fn print(&self, turn: usize, name: &str) {
        let at = |share: f64| {
            self.delays.get((self.delays.len() as f64 * share) as usize).map_or(0, |ns| ns / 1000)
        };
        println!(
            "{turn} {name}: cpu {:.2} us/packet ({:.1} % of a core, {:.3} % a call), lost {} of {}, \
             delay p50 {} p99 {} p99.9 {}, memory {:.1} KiB a call",
            self.cpu_us,
            self.cpu_share,
            self.cpu_share / self.calls as f64,
            self.sent - self.delays.len(),
            self.sent,
            at(0.5),
            at(0.99),
            at(0.999),
            self.memory as f64 / 1024.0,
        );
    }
}

// The relays.

/// Each port, and where what comes to it goes.
type Ways = Vec<(UdpSocket, SocketAddr)>;

fn run_simple(calls: usize, seconds: usize, relay: fn(Ways, &AtomicBool)) -> Outcome {
    let before = resident();
    let phones: Vec<_> = (0..calls * 2).map(|_| phone()).collect();
    let ways: Ways = (0..calls * 2).map(|n| (phone(), phones[n ^ 1].local_addr().unwrap())).collect();
    let targets: Vec<_> = ways.iter().map(|(port, _)| port.local_addr().unwrap()).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let thread = {
        let stop = Arc::clone(&stop);
        let run = move || {
            pin(0);
            in_real_time();
            relay(ways, &stop);
        };
        thread::Builder::new().name("simple-0".into()).spawn(run).unwrap()
    };
    let (traffic, cpu) = measure(&phones, &targets, seconds, "simple-", "");
    let memory = resident().saturating_sub(before);
    stop.store(true, Ordering::Relaxed);
    thread.join().unwrap();
    Outcome::new(traffic, cpu, seconds, calls, memory)
}

/// The least a relay can do: receive, put three numbers in, send.
fn bare(ways: Ways, stop: &AtomicBool) {
    let epoll = watched(&ways);
    let mut events = Vec::with_capacity(256);
    let mut buffer = [0; 2048];
    while !stop.load(Ordering::Relaxed) {
        wait(&epoll, &mut events);
        for event in &events {
            let (port, end) = &ways[event.data.u64() as usize];
            let Ok((len, _)) = port.recv_from(&mut buffer) else { continue };
            buffer[8..12].copy_from_slice(&[1, 2, 3, 4]);
            let _ = port.send_to(&buffer[..len], end);
        }
    }
}

/// The same with one call of the kernel for up to eight packets to be sent, over the socket of the first:
/// more than a relay can batch in truth, for each leg has a socket of its own to send from.
fn batches(ways: Ways, stop: &AtomicBool) {
    let epoll = watched(&ways);
    let mut events = Vec::with_capacity(256);
    let mut buffers = [[0; 2048]; 8];
    while !stop.load(Ordering::Relaxed) {
        wait(&epoll, &mut events);
        for eight in events.chunks(8) {
            let mut packets: Vec<(SocketAddrAny, _)> = Vec::with_capacity(8);
            for (event, buffer) in eight.iter().zip(&mut buffers) {
                let (port, end) = &ways[event.data.u64() as usize];
                let Ok((len, _)) = port.recv_from(buffer) else { continue };
                buffer[8..12].copy_from_slice(&[1, 2, 3, 4]);
                packets.push(((*end).into(), [std::io::IoSlice::new(&buffer[..len])]));
            }
            let mut controls: Vec<_> = packets.iter().map(|_| SendAncillaryBuffer::default()).collect();
            let mut messages: Vec<_> = packets
                .iter()
                .zip(&mut controls)
                .map(|((end, slices), control)| MMsgHdr::new_with_addr(end, slices, control))
                .collect();
            if let Some(first) = eight.first() {
                let _ = sendmmsg(&ways[first.data.u64() as usize].0, &mut messages, SendFlags::empty());
            }
        }
    }
}

/// The same on an async runtime: a task a socket.
fn tasks(ways: Ways, stop: &AtomicBool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (port, end) in ways {
            let port = tokio::net::UdpSocket::from_std(port).unwrap();
            tokio::spawn(async move {
                let mut buffer = [0; 2048];
                while let Ok((len, _)) = port.recv_from(&mut buffer).await {
                    buffer[8..12].copy_from_slice(&[1, 2, 3, 4]);
                    let _ = port.send_to(&buffer[..len], end).await;
                }
            });
        }
        while !stop.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
}

fn watched(ways: &Ways) -> OwnedFd {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    for (n, (port, _)) in ways.iter().enumerate() {
        epoll::add(&epoll, port, EventData::new_u64(n as u64), EventFlags::IN).unwrap();
    }
    epoll
}

fn wait(epoll: &OwnedFd, events: &mut Vec<Event>) {
    events.clear();
    let patience = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    epoll::wait(epoll, spare_capacity(events), Some(&patience)).unwrap();
}

fn run_ours(calls: usize, seconds: usize, how: &str) -> Outcome {
    let before = resident();
    let phones: Vec<_> = (0..calls * 2).map(|_| phone()).collect();
    pin(0);
    let media = start_media();
    let requests = mpsc::unbounded_channel().0;
    let streams: Vec<_> = phones
        .iter()
        .enumerate()
        .map(|(n, phone)| call(&media, &requests, phone, if n % 2 == 0 { "ours" } else { how }))
        .collect();
    for pair in streams.chunks(2) {
        pair[0].0.bridge(&pair[1].0);
    }
    let targets: Vec<_> =
        streams.iter().map(|(stream, _)| SocketAddr::new(LOOPBACK, stream.rtp_port())).collect();
    let (traffic, cpu) = measure(&phones, &targets, seconds, "media-", how);
    let memory = resident().saturating_sub(before);
    drop(streams);
    media.shutdown();
    Outcome::new(traffic, cpu, seconds, calls, memory)
}

fn call(
    media: &Media,
    requests: &mpsc::UnboundedSender<Request>,
    phone: &UdpSocket,
    how: &str,
) -> (Stream, Leg) {
    let codec = if how == "laws" { Codec::Pcmu } else { Codec::Pcma };
    let srtp = (how == "srtp").then(|| SrtpKeys { send: keying(1), receive: keying(2) });
    stream(media, requests, phone.local_addr().unwrap(), codec, srtp)
}

fn keying(octet: u8) -> Keying {
    Keying { suite: Suite::AesCm128HmacSha1_80, master: [octet; MASTER], mki: 0 }
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
    how: &str,
) -> (Traffic, Duration) {
    thread::scope(|scope| {
        scope
            .spawn(|| {
                pin(1);
                // Not in real time: it never rests, and would be held up by the kernel for that.
                let _ = setpriority_process(None, -20);
                let mut crowd = Crowd::new(phones, targets, how);
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
    /// The second phone of each call, where its audio is protected.
    locks: Vec<Option<(Sender, Receiver)>>,
    /// What a digit of the time looks like to the first and the second phone of a call: the legs may
    /// differ in law.
    digits: [[u8; 16]; 2],
    round: u32,
    epoll: OwnedFd,
}

/// Sixteen octets that stay apart in either law stand for the digits of the time a packet is sent at.
const DIGIT: u8 = 0xa0;
const DIGITS: usize = 16;

impl<'a> Crowd<'a> {
    fn new(phones: &'a [UdpSocket], targets: &'a [SocketAddr], how: &str) -> Self {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        for (n, phone) in phones.iter().enumerate() {
            epoll::add(&epoll, phone, EventData::new_u64(n as u64), EventFlags::IN).unwrap();
        }
        let locked = |n: usize| n % 2 == 1 && how == "srtp";
        let lock = || (Sender::new(keying(2)), Receiver::new(keying(1), 0));
        let locks = (0..phones.len()).map(|n| locked(n).then(lock)).collect();
        let plain = std::array::from_fn(|n| DIGIT | n as u8);
        let digits = match how {
            "laws" => [ULAW_TO_ALAW, ALAW_TO_ULAW].map(|law| plain.map(|octet| law[usize::from(octet)])),
            _ => [plain; 2],
        };
        Self { phones, targets, locks, digits, round: 0, epoll }
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

    fn say(&mut self, phone: usize) {
        let header = Header {
            marker: false,
            payload_type: if self.digits[0] != self.digits[1] && phone % 2 == 1 { 0 } else { 8 },
            sequence: self.round as u16,
            timestamp: self.round * FRAME as u32,
            ssrc: phone as u32,
        };
        let mut packet = [DIGIT; HEADER + FRAME];
        packet[..HEADER].copy_from_slice(&header.to_octets());
        let now = clock();
        for (n, octet) in packet[HEADER..].iter_mut().take(DIGITS).enumerate() {
            *octet = DIGIT | (now >> (4 * n)) as u8 & 0xf;
        }
        let packet = match &mut self.locks[phone] {
            Some((sender, _)) => sender.rtp(&packet).unwrap(),
            None => &packet,
        };
        self.phones[phone].send_to(packet, self.targets[phone]).unwrap();
    }

    fn listen(&mut self, traffic: &mut Traffic) {
        let mut events = Vec::with_capacity(256);
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&at_once)).unwrap();
        for event in events {
            let mut buffer = [0; 2048];
            let n = event.data.u64() as usize;
            let Ok((len, _)) = self.phones[n].recv_from(&mut buffer) else { continue };
            let now = clock();
            let len = match &mut self.locks[n] {
                Some((_, receiver)) => receiver.rtp(&mut buffer[..len]).unwrap(),
                None => len,
            };
            let Some(packet) = Packet::read(&buffer[..len]) else { continue };
            // Silence that was sent before the bridge carries no time.
            if let Some(sent) = self.time(n, packet.payload(&buffer[..len])) {
                traffic.delays.push(now.saturating_sub(sent));
            }
        }
    }

    /// When a packet was sent, by its payload.
    fn time(&self, phone: usize, payload: &[u8]) -> Option<u64> {
        let digits = &self.digits[phone % 2];
        let digit = |octet: &u8| digits.iter().position(|digit| digit == octet);
        payload.iter().take(DIGITS).enumerate().try_fold(0, |time, (n, octet)| {
            let digit = digit(octet)? as u64;
            Some(time | digit << (4 * n))
        })
    }
}

/// Runs this thread as the media threads run, where that is allowed.
fn in_real_time() {
    let _ = set_scheduler(Pid::current_thread(), Scheduler::SCHED_RR, SchedulerParams { priority: 10 });
}

/// What the process has in memory, in octets.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    kib.map_or(0, |kib: u64| kib * 1024)
}

/// The monotonic clock, in ns.
fn clock() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
