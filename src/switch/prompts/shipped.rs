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
            "star"
            "for"
            "route-unknown"
            "caller-on-hold"
            "to-accept"
            "to-decline"
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
            "goodbye"
        )
    };
    ($language:literal: $($name:literal)*) => {
        &[$(($name, include_bytes!(concat!("../../../audio/", $language, "/", $name, ".flac")))),*]
    };
}

/// Name and content of a FLAC file.
type Recording = (&'static str, &'static [u8]);

const ENGLISH: &[Recording] = recordings!("en");
const GERMAN: &[Recording] = recordings!("de");

/// The names of all recordings; every language has all of them.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ENGLISH.iter().map(|(name, _)| *name)
}

/// A recording as the FLAC file it is.
pub(super) fn recording(language: Language, name: &str) -> Option<&'static [u8]> {
    let set = match language {
        Language::En => ENGLISH,
        Language::De => GERMAN,
    };
    set.iter().find(|(known, _)| *known == name).map(|(_, file)| *file)
}

/// Whether a recording is a word amid a sentence.
pub(super) fn is_word(name: &str) -> bool {
    matches!(name, "press" | "for" | "star") || name.bytes().all(|octet| octet.is_ascii_digit())
}
