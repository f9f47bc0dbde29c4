//! Sound files as operators have them, against the decoder of prompts.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its own files has to fail")]

mod damage;
mod formats;
mod g722;
mod sentence;
mod talk_off;

use std::fs;
use std::path::PathBuf;

use nightbell::audio::LINE_RATE;
use nightbell::audio::prompt::{Unplayable, load, to_i16};

/// A file at the line's rate.
fn decode(file: &[u8]) -> Result<Vec<i16>, Unplayable> {
    load(file, LINE_RATE, 0).map(|sound| to_i16(&sound.samples))
}

/// The files of `formats/`, by name.
fn files() -> Vec<(String, Vec<u8>)> {
    let dir = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/audio/formats"));
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}
