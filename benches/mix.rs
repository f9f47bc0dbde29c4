//! What 20 ms of a call with several responders cost beside the sockets: each voice made even, all mixed, and
//! each phone's share encoded.
//!
//! `cargo bench --bench mix`. Ten rounds of ten seconds each; the quickest round counts, for the machine is shared.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use nightbell::audio::g711::{alaw_to_linear, linear_to_alaw};
use nightbell::audio::g722;
use nightbell::audio::mix::Mix;
use nightbell::audio::playout::{FRAME, Playout};

const FRAMES: usize = 500;

fn main() {
    let sound: Vec<u8> = (0..FRAMES * FRAME)
        .map(|n| linear_to_alaw((9000.0 * (n as f64 * 0.11).sin() * (n as f64 * 0.0007).sin()) as i16))
        .collect();
    for voices in [3, 8] {
        let alaw = measure(|| {
            room(&sound, voices, |_, frame| {
                black_box(frame.map(linear_to_alaw));
            })
        });
        println!("{voices} phones with A-law: {alaw:.1} us a frame of 20 ms");
        let mut encoders = vec![g722::Encoder::default(); voices];
        let wide = measure(|| {
            room(&sound, voices, |who, frame| {
                if let Some(encoder) = encoders.get_mut(who) {
                    black_box(frame.map(|sample| encoder.encode_narrow(sample)));
                }
            })
        });
        println!("{voices} phones with G.722: {wide:.1} us a frame of 20 ms");
    }
}

/// Ten seconds of a room.
fn room(sound: &[u8], voices: usize, mut hears: impl FnMut(usize, [i16; FRAME])) {
    let mut playouts = vec![Playout::default(); voices];
    for octets in sound.chunks_exact(FRAME) {
        let mut mix = Mix::<FRAME>::default();
        let mut said = Vec::with_capacity(voices);
        for playout in &mut playouts {
            let mut samples = [0; FRAME];
            for (sample, octet) in samples.iter_mut().zip(octets) {
                *sample = alaw_to_linear(*octet);
            }
            playout.hear(&samples);
            let frame = playout.frame();
            mix.add(&frame);
            said.push(frame);
        }
        for (who, own) in said.iter().enumerate() {
            hears(who, mix.without(own));
        }
    }
}

/// Microseconds a frame.
fn measure(mut round: impl FnMut()) -> f64 {
    let timed = || {
        let begin = Instant::now();
        round();
        begin.elapsed()
    };
    let best = std::iter::repeat_with(timed).take(10).min().unwrap_or(Duration::ZERO);
    best.as_secs_f64() * 1e6 / FRAMES as f64
}
