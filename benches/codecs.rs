//! What G.722 costs for 20 ms of audio, in each form the media threads use.
//!
//! `cargo bench --bench codecs`. Ten rounds of ten seconds each; the quickest round counts, for the machine is shared.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use nightbell::audio::g711::{alaw_to_linear, linear_to_alaw};
use nightbell::audio::g722::{Decoder, Encoder};

const FRAMES: usize = 500;
const FRAME: usize = 160;

fn main() {
    let sound: Vec<i16> = (0..FRAMES * FRAME * 2)
        .map(|n| (9000.0 * (n as f64 * 0.11).sin() * (n as f64 * 0.0007).sin()) as i16)
        .collect();
    let pairs: Vec<[i16; 2]> = sound.as_chunks().0.to_vec();
    let mut encoder = Encoder::default();
    let octets: Vec<u8> = pairs.iter().map(|pair| encoder.encode_wide(*pair)).collect();
    let alaw: Vec<u8> = pairs.iter().map(|pair| linear_to_alaw(pair[0])).collect();

    measure("a prompt: encode from 16 kHz", &pairs, Encoder::default(), |encoder, pair| {
        black_box(encoder.encode_wide(*pair));
    });
    measure("an ear: decode to 8 kHz", &octets, Decoder::default(), |decoder, octet| {
        black_box(decoder.decode_narrow(*octet));
    });
    measure("a bridge: G.722 to A-law", &octets, Decoder::default(), |decoder, octet| {
        black_box(linear_to_alaw(decoder.decode_narrow(*octet)));
    });
    measure("a bridge: A-law to G.722", &alaw, Encoder::default(), |encoder, octet| {
        black_box(encoder.encode_narrow(alaw_to_linear(*octet)));
    });
    measure("following what is relayed", &octets, Encoder::default(), |encoder, octet| {
        encoder.follow(*octet)
    });
}

fn measure<T, S: Clone>(what: &str, input: &[T], state: S, mut step: impl FnMut(&mut S, &T)) {
    let round = || {
        let (mut state, begin) = (state.clone(), Instant::now());
        input.iter().for_each(|item| step(&mut state, item));
        begin.elapsed()
    };
    let best = std::iter::repeat_with(round).take(10).min().unwrap_or(Duration::ZERO);
    println!("{what}: {:.1} us", best.as_secs_f64() * 1e6 / FRAMES as f64);
}
