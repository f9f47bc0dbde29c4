//! Speech of many voices in many languages, rendered by espeak-ng.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use nightbell::audio::level::dbm0;

use crate::line::Random;

/// espeak-ng's own rate.
const RATE: u32 = 22_050;

const VOICES: [&str; 22] = [
    "en-us",
    "de",
    "en-gb",
    "fr-fr",
    "es",
    "it",
    "en-gb-scotland",
    "nl",
    "pl",
    "pt",
    "sv",
    "tr",
    "cs",
    "fi",
    "hu",
    "ro",
    "da",
    "hr",
    "id",
    "sw",
    "vi",
    "en-us",
];

const VARIANTS: [&str; 14] =
    ["", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7", "+f1", "+f2", "+f3", "+f4", "+f5", "+croak"];

/// What an English voice reads: this repository's own pages.
const PAGES: [&str; 3] = [
    include_str!("../../docs/architecture.md"),
    include_str!("../../docs/media.md"),
    include_str!("../../README.md"),
];

pub fn is_installed() -> bool {
    Command::new("espeak-ng").arg("--version").output().is_ok()
}

/// Some two minutes of speech, at `RATE`: a voice, a speed, a pitch and a level of their own for each number.
pub fn render(number: usize) -> (u32, Vec<i16>) {
    let mut random = Random::new(number as u64 + 1000);
    let language = VOICES[number % VOICES.len()];
    let voice = format!("{language}{}", VARIANTS[(random.next() % VARIANTS.len() as u64) as usize]);
    let text = text(&mut random, language);
    let mut samples = speak(&text, &voice, random.between(110.0, 230.0), random.between(5.0, 95.0));
    // From a quiet talker to one who overloads the line.
    let gain = 10.0_f64.powf((random.between(-25.0, -8.0) - dbm0(&samples)) / 20.0);
    for sample in &mut samples {
        *sample = (f64::from(*sample) * gain) as i16;
    }
    (RATE, samples)
}

fn speak(text: &str, voice: &str, speed: f64, pitch: f64) -> Vec<i16> {
    let mut child = Command::new("espeak-ng")
        .args(["--stdin", "--stdout", "-v", voice])
        .args(["-s", &format!("{speed:.0}"), "-p", &format!("{pitch:.0}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("espeak-ng was there before");
    let mut stdin = child.stdin.take().expect("it was piped");
    let mut wav = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(text.as_bytes()).expect("it reads all it is given"));
        child.stdout.take().expect("it was piped").read_to_end(&mut wav).expect("a WAV file");
    });
    child.wait().expect("it was started by us");
    // The header, whose lengths a pipe cannot know, has 44 octets.
    wav.get(44..).unwrap_or_default().as_chunks().0.iter().map(|octets| i16::from_le_bytes(*octets)).collect()
}

/// English voices read a page. The others read numbers, which every language speaks in words of its own, and
/// words made of syllables, which each reads by its own rules.
fn text(random: &mut Random, language: &str) -> String {
    if language.starts_with("en") && random.unit() < 0.7 {
        let page = PAGES[(random.next() % PAGES.len() as u64) as usize];
        let begin = (random.unit() * page.chars().count().saturating_sub(2200) as f64) as usize;
        return page
            .chars()
            .skip(begin)
            .take(2200)
            .filter(|letter| !"|`*#_[]()<>".contains(*letter))
            .collect();
    }
    let mut text = String::new();
    while text.len() < 2000 {
        match random.next() % 5 {
            0 => text += &format!("{} ", random.next() % 1_000_000),
            1 => text += &format!("{}:{:02}. ", random.next() % 24, random.next() % 60),
            _ => (0..1 + random.next() % 3).for_each(|_| syllable(random, &mut text)),
        }
        text.push(if random.unit() < 0.1 { ',' } else { ' ' });
    }
    text
}

fn syllable(random: &mut Random, text: &mut String) {
    const BEGIN: [&str; 24] = [
        "b", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "st", "tr",
        "kl", "", "", "w", "pl",
    ];
    const MIDDLE: [&str; 12] = ["a", "e", "i", "o", "u", "a", "e", "o", "ai", "au", "ei", "ou"];
    const END: [&str; 10] = ["", "", "", "n", "r", "s", "l", "t", "m", "k"];
    for part in [&BEGIN[..], &MIDDLE, &END] {
        text.push_str(part[(random.next() % part.len() as u64) as usize]);
    }
}
