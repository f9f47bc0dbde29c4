//! How punctual playing is: legs that are each played a clip by one media thread.
//!
//! `cargo bench --bench playback -- [calls] [seconds] [g722]` (2000, 10). The media thread runs on one
//! core, the phones on the other, and the kernel notes when each packet came, so that it does not
//! matter when a phone gets to look. A packet is late against its stream's own grid: 20 ms apart by
//! RTP timestamp, from a whole millisecond of the media thread's clock on, which is found as the grid
//! that all streams share. What sending costs, and waiting for the legs before, is in the figure.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::io::IoSliceMut;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;

use nightbell::audio::tone::{Sine, tone};
use nightbell::rtp::packet::Packet;
use nightbell::sip::Codec;
use nightbell::switch::clip::Clip;
use nightbell::switch::media::{Config, Media};
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force};
use tokio::sync::{mpsc, oneshot};

use common::{LOOPBACK, cpu_of, pin, stream};

/// Sockets that take the packets of all legs.
const SOCKETS: usize = 32;
const FIRST_PORT: u16 = 10_000;
const MS: u64 = 1_000_000;
const FRAME: u64 = 20 * MS;

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let (calls, seconds) = (numbers.first().copied().unwrap_or(2000), numbers.get(1).copied().unwrap_or(10));
    let codec = if std::env::args().any(|argument| argument == "g722") { Codec::G722 } else { Codec::Pcma };
    let sockets: Vec<_> = (0..SOCKETS).map(|_| socket()).collect();
    let config = Config {
        ports: FIRST_PORT..=65_535,
        threads: 1,
        media_timeout: Duration::from_secs(600),
        bind: LOOPBACK,
    };
    pin(0);
    let media = Media::start(config).unwrap();
    let requests = mpsc::unbounded_channel().0;
    let clip = music();
    let streams: Vec<_> = (0..calls)
        .map(|n| {
            let (stream, leg) =
                stream(&media, &requests, sockets[n % SOCKETS].local_addr().unwrap(), codec, None);
            let (done, _over) = oneshot::channel();
            stream.play(Arc::clone(&clip), true, done);
            (stream, leg)
        })
        .collect();
    let (heard, cpu_share) = thread::scope(|scope| {
        scope
            .spawn(|| {
                pin(1);
                // Until all legs play.
                listen(&sockets, Duration::from_secs(1));
                let (before, begin) = (cpu_of("media-"), Instant::now());
                let heard = listen(&sockets, Duration::from_secs(seconds as u64));
                let cpu = cpu_of("media-") - before;
                (heard, cpu.as_secs_f64() / begin.elapsed().as_secs_f64() * 100.0)
            })
            .join()
            .unwrap()
    });
    drop(streams);
    media.shutdown();
    println!("{calls} calls in {codec:?} for {seconds} s on one media thread");
    tell(&heard, cpu_share);
}

/// Two seconds that go round, in both widths.
fn music() -> Arc<Clip> {
    let narrow = tone(&[Sine { frequency: 523.25, level: -26.0 }], 2_000, 5);
    let wide: Vec<i16> = narrow.iter().flat_map(|sample| [*sample; 2]).collect();
    Arc::new(Clip::from_samples(&narrow).with_wide(&wide))
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind((LOOPBACK, 0)).unwrap();
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true).unwrap();
    let size = 4 << 20;
    if set_socket_recv_buffer_size_force(&socket, size).is_err() {
        set_socket_recv_buffer_size(&socket, size).unwrap();
    }
    socket
}

/// What came of one leg.
#[derive(Default, Clone)]
struct Heard {
    first: Option<(u16, u32)>,
    /// When each packet came, in ns, and how many frames after the first it was to come.
    packets: Vec<(u64, u64)>,
    /// Packets there should be, by sequence number.
    expected: u64,
}

/// Takes packets for a while; by the port they come from.
fn listen(sockets: &[UdpSocket], time: Duration) -> Vec<Heard> {
    let mut legs = vec![Heard::default(); 1 << 16];
    let begin = Instant::now();
    while begin.elapsed() < time {
        for socket in sockets {
            while take(socket, &mut legs) {}
        }
        thread::sleep(Duration::from_millis(2));
    }
    legs.retain(|leg| leg.first.is_some());
    legs
}

/// Takes a packet, if there is one.
fn take(socket: &UdpSocket, legs: &mut [Heard]) -> bool {
    let mut buffer = [0; 256];
    let mut slices = [IoSliceMut::new(&mut buffer)];
    let mut space = nix::cmsg_space!(TimeSpec);
    let received =
        recvmsg::<SockaddrIn>(socket.as_raw_fd(), &mut slices, Some(&mut space), MsgFlags::MSG_DONTWAIT);
    let Ok(message) = received else { return false };
    let at = message.cmsgs().unwrap().find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at).as_nanos() as u64),
        _ => None,
    });
    let (from, length) = (message.address.unwrap().port(), message.bytes);
    if let Some(Packet { header, .. }) = Packet::read(&buffer[..length]) {
        legs[usize::from(from)].take(at.unwrap(), header.sequence, header.timestamp);
    }
    true
}

impl Heard {
    fn take(&mut self, now: u64, sequence: u16, timestamp: u32) {
        let (first_sequence, first_timestamp) = *self.first.get_or_insert((sequence, timestamp));
        self.packets.push((now, u64::from(timestamp.wrapping_sub(first_timestamp) / 160)));
        self.expected = self.expected.max(u64::from(sequence.wrapping_sub(first_sequence)) + 1);
    }

    /// When its first packet would have come, by the one that was least late, in ns.
    fn begin(&self) -> u64 {
        self.packets.iter().map(|(at, frames)| at - frames * FRAME).min().unwrap_or(0)
    }
}

fn tell(legs: &[Heard], cpu_share: f64) {
    let phase = phase(legs);
    let mut late: Vec<u64> = legs
        .iter()
        .flat_map(|leg| {
            let begin = leg.begin();
            let grid = begin - (begin - phase) % MS;
            leg.packets.iter().map(move |(at, frames)| at - grid - frames * FRAME)
        })
        .collect();
    late.sort_unstable();
    let at = |share: f64| late.get((late.len() as f64 * share) as usize).map_or(0, |ns| ns / 1000);
    let expected: u64 = legs.iter().map(|leg| leg.expected).sum();
    println!(
        "late p50 {} us, p99 {} us, p99.9 {} us, max {} us",
        at(0.5),
        at(0.99),
        at(0.999),
        late.last().map_or(0, |ns| ns / 1000)
    );
    println!(
        "{} legs heard, {} packets, {} missing; media thread {cpu_share:.1} % of a core",
        legs.len(),
        late.len(),
        expected.saturating_sub(late.len() as u64)
    );
}

/// Where in a millisecond the grid of all legs lies, in ns: behind the largest gap in which none begins.
fn phase(legs: &[Heard]) -> u64 {
    let mut begins: Vec<u64> = legs.iter().map(|leg| leg.begin() % MS).collect();
    begins.sort_unstable();
    let before = begins.iter().rev().take(1).map(|last| last.wrapping_sub(MS)).chain(begins.iter().copied());
    let gaps = before.zip(&begins).map(|(before, begin)| (begin.wrapping_sub(before), *begin));
    gaps.max().map_or(0, |(_, begin)| begin)
}
