//! G.722 against what other implementations make of the same sounds; `tests/data/g722/README.md`
//! says which.

use std::f64::consts::TAU;
use std::fs;

use nightbell::audio::g722::{Decoder, Encoder};
use proptest::prelude::*;

fn octets(name: &str) -> Vec<u8> {
    fs::read(format!("{}/tests/data/g722/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn samples(name: &str) -> Vec<i16> {
    octets(name).chunks_exact(2).map(|sample| i16::from_le_bytes([sample[0], sample[1]])).collect()
}

fn encode(samples: &[i16]) -> Vec<u8> {
    let mut encoder = Encoder::default();
    samples.chunks_exact(2).map(|pair| encoder.encode_wide([pair[0], pair[1]])).collect()
}

fn decode(octets: &[u8]) -> Vec<i16> {
    let mut decoder = Decoder::default();
    octets.iter().flat_map(|octet| decoder.decode_wide(*octet)).collect()
}

fn sine(frequency: f64, peak: f64, rate: f64) -> Vec<i16> {
    (0..8000).map(|n| (peak * (TAU * frequency * f64::from(n) / rate).sin()) as i16).collect()
}

/// Signal to noise in dB, at the delay at which it is best.
fn quality(sound: &[i16], heard: &[i16]) -> f64 {
    let energy = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let noise = (0..40).map(|late| {
        let pairs = sound[1000..].iter().zip(&heard[1000 + late..]);
        let count = sound.len() - 1000 - late;
        energy(&mut pairs.map(|(a, b)| f64::from(*a) - f64::from(*b))) / count as f64
    });
    let loud =
        energy(&mut sound[1000..].iter().map(|sample| f64::from(*sample))) / (sound.len() - 1000) as f64;
    10.0 * (loud / noise.fold(f64::MAX, f64::min)).log10()
}

#[test]
fn what_we_encode_is_bit_for_bit_what_others_encode() {
    assert_eq!(encode(&samples("sound.s16")), octets("sound.g722"));
    let mut encoder = Encoder::default();
    let narrow: Vec<u8> =
        samples("sound.s16").iter().take(2400).map(|sample| encoder.encode_narrow(*sample)).collect();
    assert_eq!(narrow, octets("narrow.g722"));
}

#[test]
fn what_we_decode_is_bit_for_bit_what_others_decode() {
    for name in ["sound.g722", "any.octets"] {
        let wanted = samples(&format!("{}.decoded.s16", name.split('.').next().unwrap()));
        assert_eq!(decode(&octets(name)), wanted, "{name}");
    }
    let mut decoder = Decoder::default();
    let narrow: Vec<i16> = octets("any.octets").iter().map(|octet| decoder.decode_narrow(*octet)).collect();
    assert_eq!(narrow, samples("any.narrow.s16"));
}

#[test]
fn tones_of_the_whole_band_come_through() {
    for (frequency, least) in [(200.0, 35.0), (1000.0, 35.0), (3000.0, 30.0), (5000.0, 15.0), (6800.0, 15.0)]
    {
        for peak in [1000.0, 20_000.0] {
            let sound = sine(frequency, peak, 16_000.0);
            let quality = quality(&sound, &decode(&encode(&sound)));
            assert!(quality > least, "{frequency} Hz at {peak}: {quality:.1} dB");
        }
    }
}

/// The share of a frequency in the energy of samples.
fn share(samples: &[i16], frequency: f64, rate: f64) -> f64 {
    let part = |wave: fn(f64) -> f64| -> f64 {
        let angle = |n: usize| TAU * frequency * n as f64 / rate;
        samples.iter().enumerate().map(|(n, sample)| f64::from(*sample) * wave(angle(n))).sum()
    };
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (part(f64::cos).powi(2) + part(f64::sin).powi(2)) * 2.0 / samples.len() as f64 / energy
}

#[test]
fn the_narrow_forms_are_the_lower_band_of_the_wide_ones() {
    // The mirror filter is soft: of 3 kHz, one per cent is heard at 5 kHz as well.
    for (frequency, least) in [(300.0, 0.999), (1000.0, 0.999), (2000.0, 0.999), (3000.0, 0.98)] {
        let narrow = sine(frequency, 8000.0, 8000.0);
        let mut encoder = Encoder::default();
        let octets: Vec<u8> = narrow.iter().map(|sample| encoder.encode_narrow(*sample)).collect();
        let wide = share(&decode(&octets)[1600..], frequency, 16_000.0);
        assert!(wide > least, "no image of {frequency} Hz above 4 kHz: {wide}");
        let mut decoder = Decoder::default();
        let heard: Vec<i16> = encode(&sine(frequency, 8000.0, 16_000.0))
            .iter()
            .map(|octet| decoder.decode_narrow(*octet))
            .collect();
        let heard = share(&heard[800..], frequency, 8000.0);
        assert!(heard > 0.999, "{frequency} Hz: {heard}");
    }
}

#[test]
fn an_encoder_that_follows_another_goes_on_where_that_one_stopped() {
    let sound = samples("sound.s16");
    let mut first = Encoder::default();
    let mut second = Encoder::default();
    for pair in sound.chunks_exact(2) {
        second.follow(first.encode_wide([pair[0], pair[1]]));
    }
    for sample in sine(700.0, 5000.0, 8000.0) {
        assert_eq!(first.encode_narrow(sample), second.encode_narrow(sample));
    }
}

proptest! {
    #[test]
    fn any_octets_are_decoded_and_any_samples_encoded(
        octets in proptest::collection::vec(any::<u8>(), 0..2000),
        sound in proptest::collection::vec(any::<i16>(), 0..2000),
    ) {
        prop_assert_eq!(decode(&octets).len(), octets.len() * 2);
        prop_assert_eq!(encode(&sound).len(), sound.len() / 2);
        let mut coder = Encoder::default();
        for octet in octets {
            coder.follow(octet);
        }
        for sample in sound {
            coder.encode_narrow(sample);
        }
    }
}
