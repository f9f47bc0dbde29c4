//! The recordings that ship with Nightbell, made by `audio/make.sh`, within the program.

use crate::oncall::Language;

/// The recordings of a language: a file of its own for each.
macro_rules! recordings {
    ($language:literal) => {
        recordings!($language:
            "welcome"
            "press"
            "0"
            "1"
            "2"
            "3"
            "4"
            "5"
            "6"
            "7"
            "8"
            "9"
            "10"
            "11"
            "12"
            "13"
            "14"
            "15"
            "16"
            "17"
            "18"
            "19"
            "20"
            "30"
            "40"
            "50"
            "60"
            "star"
            "plus"
            "for"
            "route-unknown"
            "caller-on-hold"
            "to-accept"
            "to-decline"
            "to-go-back"
            "any-key-to-accept"
            "please-hold"
            "leave-message"
            "nobody-available"
            "closed"
            "connected"
            "cannot-hear-you"
            "caller-gone"
            "taken"
            "thank-you-message"
            "no-message"
            "message-cut-short"
            "may-be-recorded"
            "next-person"
            "your-position"
            "waiting-minutes"
            "more-than"
            "seconds"
            "one-minute"
            "two-minutes"
            "few-minutes"
            "minutes"
            "withheld-number"
            "say-name"
            "unnamed-caller"
            "confirm-phone"
            "phone-confirmed"
            "enter-code"
            "wrong-code"
            "outside-hours"
            "recording-on"
            "goodbye"
            "for-help"
            "to-add"
            "to-transfer"
            "to-record"
            "colleague-asks"
            "nobody-else"
            "recording-ended"
            "not-recorded"
            "for-message"
            "to-send"
            "to-listen"
            "to-record-again"
            "hotline-calls"
            "message-left"
            "call-missed"
            "call-open"
            "caller-is"
            "time-is"
            "length-is"
            "no-sound"
            "take-it-on"
            "taken-on"
            "settled"
        )
    };
    ($language:literal: $($name:literal)*) => {
        &[$(($name, include_bytes!(concat!("../../../audio/", $language, "/", $name, ".flac")))),*]
    };
}

/// Name and content of a FLAC file.
type Recording = (&'static str, &'static [u8]);

const EN: &[Recording] = recordings!("en");
const DE: &[Recording] = recordings!("de");
const FR: &[Recording] = recordings!("fr");
const ES: &[Recording] = recordings!("es");
const IT: &[Recording] = recordings!("it");
const PT: &[Recording] = recordings!("pt");
const NL: &[Recording] = recordings!("nl");
const PL: &[Recording] = recordings!("pl");

/// The names of all recordings; every language has all of them.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    EN.iter().map(|(name, _)| *name)
}

/// A recording as the FLAC file it is.
pub(super) fn recording(language: Language, name: &str) -> Option<&'static [u8]> {
    let set = match language {
        Language::En => EN,
        Language::De => DE,
        Language::Fr => FR,
        Language::Es => ES,
        Language::It => IT,
        Language::Pt => PT,
        Language::Nl => NL,
        Language::Pl => PL,
    };
    set.iter().find(|(known, _)| *known == name).map(|(_, file)| *file)
}

/// Whether a recording is a word amid a sentence.
pub(super) fn is_word(name: &str) -> bool {
    const WORDS: [&str; 17] = [
        "press",
        "for",
        "star",
        "plus",
        "your-position",
        "waiting-minutes",
        "more-than",
        "seconds",
        "one-minute",
        "two-minutes",
        "few-minutes",
        "minutes",
        "withheld-number",
        "unnamed-caller",
        "caller-is",
        "time-is",
        "length-is",
    ];
    WORDS.contains(&name) || name.bytes().all(|octet| octet.is_ascii_digit())
}
