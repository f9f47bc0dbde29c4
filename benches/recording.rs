//! What recording costs: messages of many callers at once, from their packets to their files.
//!
//! `cargo bench --bench recording -- [messages] [seconds]` (400, 10). The media thread and the recorder run
//! on one core, the phones on another. Every leg is sent a packet each 20 ms as well, as an answered leg is.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::expect_used)]

#[allow(dead_code, reason = "not every bench needs all of it")]
mod common;

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use common::{LOOPBACK, cpu_of, pin, stream};
use nightbell::audio::g711::linear_to_alaw;
use nightbell::call::leg::{Leg, Limits, Recorded};
use nightbell::rtp::packet::{HEADER, Header};
use nightbell::sip::Codec;
use nightbell::switch::media::{Config, Media, Stream};
use nightbell::switch::recorder::Recorder;
use tokio::sync::{mpsc, oneshot};

const FRAME: usize = 160;

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let number = |n: usize, default| numbers.get(n).copied().unwrap_or(default);
    let (messages, seconds) = (number(0, 400), number(1, 10));
    // A disk, where there is one: temporary folders are often memory.
    let folder = PathBuf::from(concat!(env!("CARGO_TARGET_TMPDIR"), "/recordings"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    pin(0);
    let config =
        Config { ports: 30_000..=60_000, threads: 1, media_timeout: Duration::from_secs(60), bind: LOOPBACK };
    let media = Media::start(config).unwrap();
    let recorder = Recorder::start(folder.clone()).unwrap();
    let callers: Vec<_> = (0..messages).map(|n| Caller::new(&media, &recorder, n)).collect();
    println!("{messages} messages at once, {seconds} s");
    let spent = thread::scope(|scope| scope.spawn(|| measure(&callers, seconds)).join().unwrap());
    spent.print(messages, seconds);
    let ended: Vec<_> = callers.into_iter().map(Caller::end).collect();
    let begin = Instant::now();
    let ended: Vec<Recorded> = ended.into_iter().map(|ended| ended.blocking_recv().unwrap()).collect();
    println!("all ended together: whole on the disk within {} ms", begin.elapsed().as_millis());
    media.shutdown();
    verdict(&ended, &folder, seconds);
    fs::remove_dir_all(&folder).unwrap();
}

/// Whether everything is in the files that was said.
fn verdict(ended: &[Recorded], folder: &Path, seconds: usize) {
    let said = seconds as u64 * 1000;
    let strays: Vec<u64> = ended.iter().map(|recorded| recorded.duration_ms.abs_diff(said)).collect();
    let cut_short = ended.iter().filter(|recorded| recorded.truncated).count();
    let files = fs::read_dir(folder).unwrap().count();
    let missing: usize = fs::read_dir(folder).unwrap().map(|file| silent_frames(&file.unwrap().path())).sum();
    println!(
        "{files} files, {cut_short} cut short, {missing} frames of 20 ms missing in them; their length is off by {} ms at most",
        strays.iter().max().unwrap_or(&0)
    );
}

/// Frames in which nothing is, though the caller never paused.
fn silent_frames(path: &Path) -> usize {
    let samples: Vec<i16> = hound::WavReader::open(path).unwrap().samples().map(Result::unwrap).collect();
    let begin = samples.iter().position(|sample| *sample != 0).unwrap_or(samples.len());
    samples[begin..].chunks_exact(FRAME).filter(|frame| frame.iter().all(|sample| *sample == 0)).count()
}

struct Caller {
    phone: UdpSocket,
    to: SocketAddr,
    stream: Stream,
    _leg: Leg,
    ended: oneshot::Receiver<Recorded>,
}

impl Caller {
    fn new(media: &Media, recorder: &Recorder, number: usize) -> Self {
        let phone = UdpSocket::bind((LOOPBACK, 0)).unwrap();
        phone.set_nonblocking(true).unwrap();
        let requests = mpsc::unbounded_channel().0;
        let (stream, leg) = stream(media, &requests, phone.local_addr().unwrap(), Codec::Pcma, None);
        let (done, ended) = oneshot::channel();
        let longest = Duration::from_secs(600);
        let silence = Some(Duration::from_secs(30));
        stream.record(recorder.message(
            &format!("{number}.wav"),
            Limits { silence, ..Limits::longest(longest) },
            done,
        ));
        let to = SocketAddr::new(LOOPBACK, stream.rtp_port());
        Self { phone, to, stream, _leg: leg, ended }
    }

    fn say(&self, round: usize, frame: &[u8; FRAME]) {
        let header = Header {
            marker: round == 0,
            payload_type: 8,
            sequence: round as u16,
            timestamp: (round * FRAME) as u32,
            ssrc: 7,
        };
        let mut packet = [0; HEADER + FRAME];
        packet[..HEADER].copy_from_slice(&header.to_octets());
        packet[HEADER..].copy_from_slice(frame);
        self.phone.send_to(&packet, self.to).unwrap();
        // What we are sent must not fill the socket.
        while self.phone.recv(&mut packet).is_ok() {}
    }

    fn end(self) -> oneshot::Receiver<Recorded> {
        self.stream.stop_recording(nightbell::call::leg::Cut::Nothing);
        self.ended
    }
}

/// What it took.
struct Spent {
    media: Duration,
    recorder: Duration,
    syncing: Duration,
    writes: u64,
    octets: u64,
}

impl Spent {
    fn so_far() -> Self {
        let recorder = cpu_of("recorder");
        let syncing = cpu_of("recorder-sync");
        let io = fs::read_to_string("/proc/self/io").unwrap_or_default();
        let count = |name: &str| {
            let line = io.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.and_then(|count| count.parse().ok()).unwrap_or(0)
        };
        let (writes, octets) = (count("syscw"), count("wchar"));
        Self { media: cpu_of("media-"), recorder: recorder - syncing, syncing, writes, octets }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            media: self.media - before.media,
            recorder: self.recorder - before.recorder,
            syncing: self.syncing - before.syncing,
            writes: self.writes - before.writes,
            octets: self.octets - before.octets,
        }
    }

    fn print(&self, messages: usize, seconds: usize) {
        let share = |time: Duration| time.as_secs_f64() / seconds as f64 * 100.0;
        let (media, recorder, syncing) = (share(self.media), share(self.recorder), share(self.syncing));
        println!(
            "CPU: {:.1} % of a core (media {media:.1}, recorder {recorder:.1}, sync {syncing:.1})",
            media + recorder + syncing
        );
        let of_each = |count: u64| count as f64 / (messages * seconds) as f64;
        println!(
            "{:.1} writes a second and message, {:.0} octets a second and message",
            of_each(self.writes),
            of_each(self.octets)
        );
    }
}

/// All callers say a frame in each round of 20 ms, spread over it.
fn measure(callers: &[Caller], seconds: usize) -> Spent {
    pin(1);
    let frame: [u8; FRAME] = std::array::from_fn(|n| {
        let angle = std::f64::consts::TAU * n as f64 / 16.0;
        linear_to_alaw((6000.0 * angle.sin()) as i16)
    });
    let before = Spent::so_far();
    let begin = Instant::now();
    for n in 0..callers.len() * seconds * 50 {
        let due = begin + Duration::from_nanos(20_000_000 * n as u64 / callers.len() as u64);
        while Instant::now() < due {
            std::hint::spin_loop();
        }
        callers[n % callers.len()].say(n / callers.len(), &frame);
    }
    Spent::so_far().since(&before)
}
