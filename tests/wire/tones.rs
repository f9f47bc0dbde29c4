//! What is said and heard on the wire.

use std::f64::consts::TAU;

use nightbell::audio::g711::{alaw_to_linear, linear_to_alaw, linear_to_ulaw, ulaw_to_linear};

/// Samples in 20 ms.
pub const FRAME: usize = 160;

/// A law of G.711.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Law {
    Pcma,
    Pcmu,
}

impl Law {
    pub fn payload_type(self) -> u8 {
        if self == Self::Pcma { 8 } else { 0 }
    }

    pub fn name(self) -> &'static str {
        if self == Self::Pcma { "PCMA" } else { "PCMU" }
    }

    pub fn encode(self, sample: f64) -> u8 {
        if self == Self::Pcma { linear_to_alaw(sample as i16) } else { linear_to_ulaw(sample as i16) }
    }

    pub fn decode(self, octet: u8) -> f64 {
        f64::from(if self == Self::Pcma { alaw_to_linear(octet) } else { ulaw_to_linear(octet) })
    }
}

/// The share of the energy at one frequency (Goertzel), of all frames that are not silent; 0 where
/// there is none.
pub fn share(samples: &[f64], hz: f64) -> f64 {
    let coefficient = 2.0 * (TAU * hz / 8000.0).cos();
    let mut share = 0.0;
    let mut frames = 0.0;
    for frame in samples.chunks_exact(FRAME) {
        let (mut last, mut before) = (0.0, 0.0);
        for sample in frame {
            (before, last) = (last, sample + coefficient * last - before);
        }
        let energy: f64 = frame.iter().map(|sample| sample * sample).sum();
        if energy > 160.0 * 100.0 {
            share += 2.0 * (last * last + before * before - coefficient * last * before) / (160.0 * energy);
            frames += 1.0;
        }
    }
    share / f64::max(frames, 1.0)
}

/// The samples of a recording.
pub fn read(path: &std::path::Path) -> Vec<f64> {
    let mut wav = hound::WavReader::open(path).unwrap();
    wav.samples::<i16>().map(|sample| f64::from(sample.unwrap())).collect()
}

/// The two frequencies of a key (ITU-T Q.23).
pub fn of_key(key: char) -> (f64, f64) {
    let place = "123A456B789C*0#D".find(key).unwrap();
    ([697.0, 770.0, 852.0, 941.0][place / 4], [1209.0, 1336.0, 1477.0, 1633.0][place % 4])
}

/// A key's number in RFC 4733.
pub fn event_of_key(key: char) -> u8 {
    "0123456789*#ABCD".find(key).unwrap() as u8
}
