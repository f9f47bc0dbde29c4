use std::f64::consts::TAU;

use nightbell::audio::level::dbm0;
use nightbell::audio::prompt::Unplayable;

use super::{decode, files};

/// The share of a frequency in the energy of samples at 8000 per second.
fn share(frequency: f64, samples: &[i16]) -> f64 {
    let angle = |n: usize| TAU * frequency * n as f64 / 8000.0;
    let correlate = |wave: fn(f64) -> f64| -> f64 {
        samples.iter().enumerate().map(|(n, sample)| f64::from(*sample) * wave(angle(n))).sum()
    };
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (correlate(f64::cos).powi(2) + correlate(f64::sin).powi(2)) * 2.0 / samples.len() as f64 / energy
}

#[test]
fn every_format_gives_the_tone_that_is_in_it() {
    let files = files();
    assert_eq!(files.len(), 11);
    for (name, content) in files {
        let samples = decode(&content).unwrap_or_else(|error| panic!("{name}: {error}"));
        // MP3 may add its own delay at both ends.
        assert!((2000..2600).contains(&samples.len()), "{name} has {} samples", samples.len());
        let middle = &samples[600..1400];
        let level = dbm0(middle);
        let wanted = match name.as_str() {
            "left-only-44100.wav" => -16.02,
            // lame makes everything 5 % quieter.
            "mono-44100.mp3" => -10.45,
            _ => -10.0,
        };
        assert!((level - wanted).abs() < 0.1, "{name} is at {level} dBm0");
        let share = share(1000.0, middle);
        assert!(share > 0.99, "{name} is only {share} of 1000 Hz");
    }
}

#[test]
fn all_but_mp3_have_their_exact_length() {
    for (name, content) in files().into_iter().filter(|(name, _)| !name.ends_with("mp3")) {
        assert_eq!(decode(&content).map(|samples| samples.len()), Ok(2000), "{name}");
    }
}

#[test]
fn what_is_no_sound_is_refused_in_plain_words() {
    for content in [&b""[..], b"#!/bin/sh\necho hello\n", &[0; 4096], b"RIFF"] {
        assert_eq!(decode(content), Err(Unplayable::UnknownKind), "{content:?}");
    }
    let message = decode(b"<html></html>").unwrap_err().to_string();
    assert_eq!(
        message,
        "not a whole sound file of a known kind (WAV, AIFF, FLAC, MP3, Ogg Vorbis, GSM or raw G.711)"
    );
}

#[test]
fn a_wav_without_samples_is_called_empty() {
    let (_, mut content) = files().into_iter().find(|(name, _)| name == "alaw-8000.wav").unwrap();
    let data = content.windows(4).position(|four| four == b"data").unwrap();
    content.truncate(data + 8);
    content[data + 4..].fill(0);
    assert_eq!(decode(&content), Err(Unplayable::Empty));
}

#[test]
fn a_rate_beyond_reason_is_named() {
    let (_, mut content) = files().into_iter().find(|(name, _)| name == "left-only-44100.wav").unwrap();
    content[24..28].copy_from_slice(&1000_u32.to_le_bytes());
    assert_eq!(decode(&content), Err(Unplayable::Rate(1000)));
}

#[test]
fn a_sound_that_is_too_long_is_refused_before_it_fills_the_memory() {
    let mut content = Vec::new();
    let len: u32 = 16 * 60 * 8000;
    content.extend(
        b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data",
    );
    content.extend(len.to_le_bytes());
    content.resize(content.len() + len as usize, 0x80);
    assert_eq!(decode(&content), Err(Unplayable::TooLong));
}
