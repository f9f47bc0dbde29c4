//! One sentence in each format that operators have: it is the same sentence, equally loud.

use std::fs;
use std::path::{Path, PathBuf};

use nightbell::audio::LINE_RATE;
use nightbell::audio::gsm::{Decoder, Packing, frames};
use nightbell::audio::level::dbm0;
use nightbell::audio::prompt::{Headerless, Unplayable, load_named, to_i16};
use proptest::prelude::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audio/sentence")
}

fn octets(name: &str) -> Vec<u8> {
    fs::read(folder().join(name)).unwrap()
}

fn decode(name: &str) -> Result<Vec<i16>, Unplayable> {
    let named = Path::new(name).extension().and_then(|ending| Headerless::of_ending(ending.to_str()?));
    load_named(&octets(name), named, LINE_RATE, 0).map(|sound| to_i16(&sound.samples))
}

/// Half a second amid the sentence.
const EXCERPT: std::ops::Range<usize> = 6_000..10_000;
/// A coder may make the sound late, by so many samples at most.
const LATEST: usize = 1_200;

/// How alike two sounds are at best, -1 to 1.
fn alike(one: &[i16], other: &[i16]) -> f64 {
    let product =
        |a: &[i16], b: &[i16]| -> i64 { a.iter().zip(b).map(|(a, b)| i64::from(*a) * i64::from(*b)).sum() };
    let one = &one[EXCERPT];
    let at = |late: usize| {
        let other = &other[EXCERPT.start + late..EXCERPT.end + late];
        product(one, other) as f64 / (product(one, one) as f64 * product(other, other) as f64).sqrt()
    };
    (0..LATEST).map(at).fold(-1.0, f64::max)
}

#[test]
fn row_22_recordings_in_every_common_format_are_the_sound_that_is_in_them() {
    let wanted = decode("sentence.wav").unwrap();
    let level = dbm0(&wanted);
    // What the coding itself takes away: GSM and MP3 of 8 kbit/s keep the sentence, not its waves.
    let formats = [
        ("sentence.flac", 0.995),
        ("sentence.aif", 0.995),
        ("sentence.aiff", 0.995),
        ("alaw.wav", 0.995),
        ("ulaw.wav", 0.995),
        ("sentence.alaw", 0.995),
        ("sentence.ulaw", 0.995),
        ("sentence.ogg", 0.98),
        ("mpeg-1.mp3", 0.98),
        ("mpeg-2.mp3", 0.98),
        ("8-kbit.mp3", 0.8),
        ("sentence.gsm", 0.9),
        ("gsm.wav", 0.9),
    ];
    for (name, likeness) in formats {
        let heard = decode(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (louder, alike) = (dbm0(&heard) - level, alike(&wanted, &heard));
        assert!(louder.abs() < 1.0, "{name} is {louder} dB louder");
        assert!(alike > likeness, "{name} is alike by {alike}");
    }
}

#[test]
fn gsm_is_decoded_bit_for_bit_as_others_decode_it() {
    let wave = octets("gsm.wav");
    let data = wave.windows(4).position(|four| four == b"data").unwrap() + 8;
    for (sound, packing, others) in [
        (&octets("sentence.gsm")[..], Packing::Raw, "gsm.decoded"),
        (&wave[data..], Packing::Wave, "gsm-wav.decoded"),
    ] {
        let mut decoder = Decoder::default();
        let ours: Vec<i16> =
            frames(sound, packing).flat_map(|frame| decoder.decode(&frame.unwrap())).collect();
        let theirs: Vec<i16> =
            octets(others).chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        assert_eq!(ours.len(), theirs.len());
        let first = ours.iter().zip(&theirs).position(|(our, their)| our != their);
        assert_eq!(first, None, "{packing:?}");
    }
}

#[test]
fn what_cannot_be_decoded_is_named() {
    let error = decode("opus.ogg").unwrap_err().to_string();
    assert!(error.starts_with("the file holds no sound that can be decoded"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn damaged_gsm_is_refused_or_played_but_never_kills(
        wave in any::<bool>(),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..200),
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut content, named) =
            if wave { (octets("gsm.wav"), None) } else { (octets("sentence.gsm"), Some(Headerless::Gsm)) };
        for (place, octet) in hits {
            let place = place.index(content.len());
            content[place] = octet;
        }
        content.truncate(cut.index(content.len()) + 1);
        let frames = content.len() / 32;
        if let Ok(sound) = load_named(&content, named, LINE_RATE, 0) {
            prop_assert!(sound.samples.len() <= (frames + 1) * 160);
        }
    }
}
