//! What callers say here: a tone that rises steadily, so that every moment of it is known again in a recording.

use std::f64::consts::TAU;
use std::path::Path;

use nightbell::audio::g711::{alaw_to_linear, linear_to_alaw};

/// Samples of 20 ms.
pub const FRAME: usize = 160;
/// Samples in a second.
pub const RATE: f64 = 8000.0;
/// Where the tone begins, in Hz.
const FIRST: f64 = 400.0;
/// How fast it rises, in Hz a second.
const RISE: f64 = 40.0;
/// A pause of [`PAUSE`] frames comes once in so many: a tone without one is no speech but the noise of a line.
const PHRASE: u32 = 25;
const PAUSE: u32 = 2;
/// Samples that are looked at together: 40 ms.
const WINDOW: usize = 320;
/// What is quieter is a pause.
const QUIET: f64 = 500.0;

/// A frame of what is said, in A-law.
pub fn said(frame: u32) -> Vec<u8> {
    let sample = |n: usize| {
        let t = (f64::from(frame) * FRAME as f64 + n as f64) / RATE;
        let loud = if frame % PHRASE < PAUSE { 0.0 } else { 8000.0 };
        linear_to_alaw((loud * (TAU * (FIRST * t + RISE / 2.0 * t * t)).sin()) as i16)
    };
    (0..FRAME).map(sample).collect()
}

/// What stands in a recording: which part of what was said, in seconds since the first word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heard {
    pub from: f64,
    pub to: f64,
    /// How long the recording is.
    pub length: f64,
}

/// Reads a message. The error says what is wrong with the file.
pub fn heard(path: &Path) -> Result<Heard, String> {
    let samples = read(path)?;
    let length = samples.len() as f64 / RATE;
    let place = |at: usize| Some((at, spoken_at(samples.get(at..at + WINDOW)?)?));
    let mut places = (0..samples.len()).step_by(WINDOW / 4).filter_map(place);
    let (first, begin) = places.next().ok_or("nothing of what was said is in it")?;
    let (last, end) = places.next_back().unwrap_or((first, begin));
    let from = begin - first as f64 / RATE;
    Ok(Heard { from, to: end + (samples.len() - last) as f64 / RATE, length })
}

/// All samples of a file; it has to be whole.
pub fn read(path: &Path) -> Result<Vec<f64>, String> {
    let wrong = |error| format!("{} cannot be read: {error}", path.display());
    let mut wav = hound::WavReader::open(path).map_err(wrong)?;
    wav.samples::<i16>().map(|sample| sample.map(f64::from)).collect::<Result<_, _>>().map_err(wrong)
}

/// When this was said, in seconds; nothing, where there is a pause in it.
fn spoken_at(window: &[f64]) -> Option<f64> {
    let quiet =
        |part: &[f64]| part.iter().map(|sample| sample.abs()).sum::<f64>() / (part.len() as f64) < QUIET;
    if window.chunks(40).any(quiet) {
        return None;
    }
    let mut crossings = Vec::new();
    for (n, pair) in window.windows(2).enumerate() {
        if pair[0] < 0.0 && pair[1] >= 0.0 {
            crossings.push(n as f64 + pair[0] / (pair[0] - pair[1]));
        }
    }
    let (first, last) = (crossings.first()?, crossings.last()?);
    let hz = (crossings.len() - 1) as f64 * RATE / (last - first);
    // The mean of a steady rise is where its middle is.
    let middle = (first + last) / 2.0 / RATE;
    let at = (hz - FIRST) / RISE - middle;
    (at > -0.1).then_some(at)
}

/// The share of the beep's tone in a packet of A-law, from 0 to 1; nothing, where the packet is silent.
pub fn beeps(packet: &[u8]) -> Option<f64> {
    let samples: Vec<f64> = packet.iter().map(|octet| f64::from(alaw_to_linear(*octet))).collect();
    let energy: f64 = samples.iter().map(|sample| sample * sample).sum();
    if energy < samples.len() as f64 * 10_000.0 {
        return None;
    }
    let coefficient = 2.0 * (TAU * 1000.0 / RATE).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in &samples {
        (before, last) = (last, sample + coefficient * last - before);
    }
    let share = last * last + before * before - coefficient * last * before;
    Some(2.0 * share / (samples.len() as f64 * energy))
}

/// Writes a prompt of so many ms, which is no beep.
pub fn write_prompt(path: &Path, ms: u32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).unwrap();
    for n in 0..ms * 8 {
        wav.write_sample((6000.0 * (TAU * 600.0 * f64::from(n) / RATE).sin()) as i16).unwrap();
    }
    wav.finalize().unwrap();
}

#[test]
fn a_part_of_what_was_said_is_known_again_to_a_hundredth_of_a_second() {
    let folder = crate::scratch::Scratch::new();
    std::fs::create_dir_all(folder.path()).unwrap();
    let path = folder.path().join("part.wav");
    let all: Vec<u8> = (0..1000).flat_map(said).collect();
    for (from, to) in [(0.0, 1.0), (1.33, 4.567), (7.891, 19.9)] {
        let part = &all[(from * RATE) as usize..(to * RATE) as usize];
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut wav = hound::WavWriter::create(&path, spec).unwrap();
        part.iter().for_each(|octet| wav.write_sample(alaw_to_linear(*octet)).unwrap());
        wav.finalize().unwrap();
        let heard = heard(&path).unwrap();
        assert!(
            (heard.from - from).abs() < 0.01 && (heard.to - to).abs() < 0.01,
            "{from} to {to}: {heard:?}"
        );
    }
}
