//! Talk-off: hours of speech and of sounds that are no keys, in which no key may be heard.

use std::path::Path;

use nightbell::audio::dtmf::Detector;
use nightbell::audio::prompt;
use nightbell::audio::resample::convert;

use crate::ears::{Ear, Tape};
use crate::line::Random;
use crate::rows::{Outcome, through_alaw, through_ulaw};
use crate::{sounds, speech};

/// Hours of speech, and hours of each set of sounds.
const SPEECH_HOURS: f64 = 4.0;
const SOUND_HOURS: f64 = 1.0;

/// What one ear heard in a kind of sound: as it is, through A-law, through mu-law.
#[derive(Clone, Copy, Default)]
struct Hits([usize; 3]);

/// A kind of sound: its name, and piece after piece of it with its rate until there is enough.
struct Source<'a> {
    name: String,
    seconds: f64,
    piece: Box<dyn FnMut() -> Option<(u32, Vec<i16>)> + 'a>,
}

/// Plays it all to all ears and prints a line for each kind; whether ours heard nothing.
pub fn run(ears: &[Ear], effort: f64, tapes: Option<&Path>) -> bool {
    let mut met = true;
    let mut hours = 0.0;
    for source in sources(effort, tapes) {
        let (name, outcome, seconds) = play(ears, source);
        hours += seconds / 3600.0;
        print!("| {name}, {:.2} h | 0 / 0 / 0 |", seconds / 3600.0);
        for (ear, Hits(hits)) in ears.iter().zip(outcome) {
            let missed = ear.is_ours() && hits != [0; 3];
            met &= !missed;
            print!(" {} / {} / {}{} |", hits[0], hits[1], hits[2], if missed { " MISSED" } else { "" });
        }
        println!();
    }
    println!("{hours:.1} hours in all, each of them three times.");
    met
}

fn sources(effort: f64, tapes: Option<&Path>) -> Vec<Source<'_>> {
    let mut sources = Vec::new();
    if speech::is_installed() {
        let mut number = 0;
        let piece = Box::new(move || {
            number += 1;
            Some(speech::render(number - 1))
        });
        sources.push(Source { name: "speech".to_owned(), seconds: SPEECH_HOURS * 3600.0 * effort, piece });
    } else {
        println!("Speech is left out: espeak-ng is not installed.");
    }
    for (n, (name, make)) in sounds::SETS.iter().enumerate() {
        let mut random = Random::new(n as u64 + 100);
        let piece = Box::new(move || {
            let mut out = Vec::new();
            while out.len() < 60 * sounds::RATE as usize {
                make(&mut random, &mut out);
            }
            Some((sounds::RATE, out.iter().map(|sample| *sample as i16).collect()))
        });
        sources.push(Source { name: (*name).to_owned(), seconds: SOUND_HOURS * 3600.0 * effort, piece });
    }
    sources.push(files("our own prompts", &Path::new(env!("CARGO_MANIFEST_DIR")).join("audio")));
    if let Some(folder) = tapes {
        sources.push(files("the tapes given", folder));
    }
    sources
}

/// All sound files in a folder and the folders in it.
fn files(name: &str, folder: &Path) -> Source<'static> {
    let mut waiting = vec![folder.to_owned()];
    let piece = move || {
        while let Some(path) = waiting.pop() {
            if let Ok(entries) = std::fs::read_dir(&path) {
                waiting.extend(entries.flatten().map(|entry| entry.path()));
                continue;
            }
            if let Ok(samples) = prompt::decode_at(&std::fs::read(&path).ok()?, sounds::RATE) {
                return Some((sounds::RATE, samples));
            }
        }
        None
    };
    Source { name: name.to_owned(), seconds: f64::INFINITY, piece: Box::new(piece) }
}

fn play(ears: &[Ear], mut source: Source<'_>) -> (String, Vec<Hits>, f64) {
    let (mut hits, mut seconds) = (vec![Hits::default(); ears.len()], 0.0);
    while seconds < source.seconds
        && let Some((rate, samples)) = (source.piece)()
    {
        seconds += samples.len() as f64 / f64::from(rate);
        for ear_rate in [8000, 16_000] {
            let plain = convert(&samples, rate, ear_rate);
            let (alaw, ulaw) = (through_alaw(&plain), through_ulaw(&plain));
            for (n, samples) in [plain, alaw, ulaw].into_iter().enumerate() {
                let tape = Tape { rate: ear_rate, samples, lost: Vec::new() };
                for (ear, Hits(hits)) in ears.iter().zip(&mut hits).filter(|(ear, _)| ear.rate == ear_rate) {
                    hits[n] += ear.hear(&tape).len();
                }
            }
        }
    }
    (source.name, hits, seconds)
}

/// The share of packets of 20 ms of speech that are muted since a key may be beginning in them.
pub fn muted_speech(ear: &Ear, effort: f64) -> Outcome {
    if !ear.is_ours() || !speech::is_installed() {
        return Outcome { text: "-".to_owned(), met: true };
    }
    let (mut packets, mut muted) = (0, 0);
    for number in 0..((20.0 * effort) as usize).max(1) {
        let (rate, samples) = speech::render(number);
        let samples = through_alaw(&convert(&samples, rate, ear.rate));
        let mut detector = Detector::new(ear.rate);
        for packet in samples.chunks(ear.rate as usize / 50) {
            detector.process(packet);
            packets += 1;
            muted += usize::from(detector.tone_since().is_some());
        }
    }
    let percent = 100.0 * f64::from(muted as u32) / f64::from(packets.max(1));
    Outcome { text: format!("{percent:.3} %"), met: percent < 0.1 }
}
