//! What a packet costs on its way through the jitter buffer, and a lost one in a recording.
//!
//! `cargo bench --bench jitter`. Ten rounds of each; the quickest counts, for the machine is shared. For counts of
//! instructions: `valgrind --tool=callgrind --toggle-collect='jitter::measured*' <the bench's binary> once`.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use nightbell::audio::comfort_noise::{ComfortNoise, Description};
use nightbell::audio::plc::Concealer;
use nightbell::rtp::jitter::{JitterBuffer, Sound};

const PACKETS: usize = 15_000;
const FRAME: usize = 160;

/// A packet on its way: when it comes, its number and its timestamp.
type Sent = (Duration, u16, u32);

fn main() {
    let rounds = if std::env::args().any(|argument| argument == "once") { 1 } else { 10 };
    let calm = stream(0, 0);
    let plain = measure("a packet in order", rounds, calm.len(), || measured_buffer(&calm));
    let lossy = stream(5, 60);
    let shaken = measure("with 5 % lost and 60 ms jitter", rounds, lossy.len(), || measured_buffer(&lossy));
    println!("ratio: {:.1}", shaken / plain);

    let sound: Vec<i16> = (0..FRAME * 1000).map(|n| (9000.0 * (n as f64 * 0.083).sin()) as i16).collect();
    let whole = measure("a recorded frame of 20 ms", rounds, 1000, || measured_frames(&sound, usize::MAX));
    let made = measure("the same, every other one made up", rounds, 1000, || measured_frames(&sound, 2));
    println!("a frame that is made up, and the blend after it: {:.0} ns", 2.0 * made - whole);
    measure("20 ms of comfort noise", rounds, 1000, measured_noise);
}

/// Five minutes of a stream.
fn stream(loss_percent: u64, jitter_ms: u64) -> Vec<Sent> {
    let mut seed = 1_u64;
    let mut chance = move |bound: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % bound
    };
    let mut sent: Vec<Sent> = (0..PACKETS as u64)
        .filter_map(|n| {
            let at = Duration::from_millis(n * 20 + chance(jitter_ms + 1));
            (chance(100) >= loss_percent).then_some((at, n as u16, n as u32 * FRAME as u32))
        })
        .collect();
    sent.sort_unstable();
    sent
}

#[inline(never)]
fn measured_buffer(sent: &[Sent]) {
    let begin = Instant::now();
    let mut buffer = JitterBuffer::new(begin);
    let payload = [0x55; FRAME];
    for (at, sequence, timestamp) in sent {
        let now = begin + *at;
        while let Some(due) = buffer.due().filter(|due| *due <= now) {
            buffer.release(due, |piece| {
                black_box(piece);
            });
        }
        buffer.receive(now, (*sequence, *timestamp), Sound::Audio(&payload), |piece| {
            black_box(piece);
        });
    }
}

#[inline(never)]
fn measured_frames(sound: &[i16], lost_every: usize) {
    let mut concealer = Concealer::default();
    for (n, frame) in sound.chunks(FRAME).enumerate() {
        let give = |samples: &[i16]| {
            black_box(samples);
        };
        if n % lost_every == lost_every - 1 {
            concealer.conceal(FRAME as u64, give);
        } else {
            concealer.hear(frame, give);
        }
    }
}

#[inline(never)]
fn measured_noise() {
    let Some(description) = Description::read(&[40, 100, 150, 120, 130]) else { return };
    let mut noise = ComfortNoise::new(description);
    let mut samples = [0; FRAME];
    for _ in 0..1000 {
        noise.fill(black_box(&mut samples));
    }
}

/// The quickest round, in ns for each of `count`.
fn measure(what: &str, rounds: usize, count: usize, mut round: impl FnMut()) -> f64 {
    let timed = |_| {
        let begin = Instant::now();
        round();
        begin.elapsed()
    };
    let best = (0..rounds).map(timed).min().unwrap_or(Duration::ZERO);
    let each = best.as_secs_f64() * 1e9 / count as f64;
    println!("{what}: {each:.0} ns");
    each
}
