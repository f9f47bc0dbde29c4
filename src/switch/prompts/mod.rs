//! Prompts: everything a hotline says is rendered once, before the first call, and kept as clips.
//!
//! A prompt is a row of pieces. Each piece becomes samples (a shipped recording or the operator's
//! file is decoded, a text is spoken by the voice command, a tone is computed); the pieces are
//! joined without a gap and encoded in both laws, and kept at 16 kHz as well where a trunk speaks
//! G.722. This blocks: it runs at start, at a reload and in
//! `check`, off the async runtime, never during a call.

mod shipped;
#[cfg(test)]
mod tests;
mod tones;
mod voice;

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use voice::{VoiceCommand, VoiceSettings};

use crate::audio::g722::WIDE_RATE;
use crate::audio::{self, LINE_RATE};
use crate::call::prompt::{Piece, Prompt};
use crate::oncall::Language;
use crate::problem::nearest;
use crate::switch::clip::Clip;

/// The largest file that is read, in octets.
const MAX_FILE: u64 = 64 << 20;

/// What pieces are made from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Where spoken texts are kept, so that each is spoken once.
    pub prompts_dir: PathBuf,
    /// What speaks texts.
    pub voice: Option<VoiceCommand>,
    /// Clips are made for G.722 too, at twice the memory of the others together.
    pub wide: bool,
}

/// A piece that cannot be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptError {
    /// Which.
    pub piece: Piece,
    /// What is wrong, naming the file or the text, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl fmt::Display for PromptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.message, self.help)
    }
}

impl std::error::Error for PromptError {}

/// The clips of all prompts.
#[derive(Debug, Clone, Default)]
pub struct Library {
    clips: HashMap<Prompt, Arc<Clip>>,
}

impl Library {
    /// Renders prompts. A prompt with a piece that cannot be played has no clip; each such piece is
    /// reported once.
    pub fn load(prompts: impl IntoIterator<Item = Prompt>, sources: &Sources) -> (Self, Vec<PromptError>) {
        let mut workshop = Workshop { sources, pieces: HashMap::new(), errors: Vec::new() };
        let mut library = Self::default();
        for prompt in prompts {
            if !library.clips.contains_key(&prompt)
                && let Some(clip) = workshop.render(&prompt)
            {
                library.clips.insert(prompt, Arc::new(clip));
            }
        }
        (library, workshop.errors)
    }

    /// The clip of a prompt that was loaded.
    pub fn clip(&self, prompt: &Prompt) -> Option<Arc<Clip>> {
        self.clips.get(prompt).cloned()
    }
}

/// Renders, and remembers each piece: many prompts share "press" and the digits.
struct Workshop<'a> {
    sources: &'a Sources,
    /// The samples of a piece at a rate; none if it cannot be played.
    pieces: HashMap<(Piece, u32), Option<Arc<[i16]>>>,
    errors: Vec<PromptError>,
}

impl Workshop<'_> {
    fn render(&mut self, prompt: &Prompt) -> Option<Clip> {
        let clip = Clip::from_samples(&self.samples(prompt, LINE_RATE)?);
        if !self.sources.wide {
            return Some(clip);
        }
        Some(clip.with_wide(&self.samples(prompt, WIDE_RATE)?))
    }

    fn samples(&mut self, prompt: &Prompt, rate: u32) -> Option<Vec<i16>> {
        let pieces: Vec<_> = prompt.0.iter().map(|piece| self.piece(piece, rate)).collect();
        let pieces: Vec<_> = pieces.into_iter().collect::<Option<_>>()?;
        Some(pieces.concat())
    }

    fn piece(&mut self, piece: &Piece, rate: u32) -> Option<Arc<[i16]>> {
        let name = (piece.clone(), rate);
        if let Some(known) = self.pieces.get(&name) {
            return known.clone();
        }
        let samples = match make(piece, self.sources, rate) {
            Ok(samples) => Some(samples.into()),
            Err(Unmade { message, help }) => {
                self.errors.push(PromptError { piece: piece.clone(), message, help });
                None
            }
        };
        self.pieces.insert(name, samples.clone());
        samples
    }
}

/// Why there are no samples, and the remedy.
#[derive(Debug)]
struct Unmade {
    message: String,
    help: String,
}

impl Unmade {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

fn make(piece: &Piece, sources: &Sources, rate: u32) -> Result<Vec<i16>, Unmade> {
    match piece {
        Piece::Shipped { language, name } => ship(*language, name, rate),
        Piece::Say { language, text } => voice::say(*language, text, sources, rate),
        Piece::File(path) => file(path, rate),
        Piece::Tone(tone) => Ok(at_rate(tones::samples(*tone), rate)),
        Piece::Pause(ms) => Ok(at_rate(audio::tone::silence(*ms), rate)),
    }
}

/// What is computed is computed at the line's rate.
fn at_rate(samples: Vec<i16>, rate: u32) -> Vec<i16> {
    if rate == LINE_RATE { samples } else { audio::resample::convert(&samples, LINE_RATE, rate) }
}

fn ship(language: Language, name: &str, rate: u32) -> Result<Vec<i16>, Unmade> {
    let unknown = || {
        let meant =
            nearest(name, shipped::names()).map(|near| format!("did you mean \u{201c}{near}\u{201d}?"));
        Unmade::new(
            format!("no recording named \u{201c}{name}\u{201d} ships with Nightbell"),
            meant
                .unwrap_or_else(|| format!("there are: {}", shipped::names().collect::<Vec<_>>().join(", "))),
        )
    };
    let file = shipped::recording(language, name).ok_or_else(unknown)?;
    audio::prompt::decode_at(file, rate).map_err(|error| {
        Unmade::new(format!("the shipped recording {language}/{name}: {error}"), "build Nightbell again")
    })
}

fn file(path: &Path, rate: u32) -> Result<Vec<i16>, Unmade> {
    let file = read(path).map_err(|error| {
        let help = "name a sound file that the daemon's user can read";
        Unmade::new(format!("cannot read {}: {error}", path.display()), help)
    })?;
    audio::prompt::decode_at(&file, rate).map_err(|error| {
        let help = "convert it to WAV, FLAC, MP3, Ogg Vorbis or AIFF, 15 minutes at most";
        Unmade::new(format!("cannot play {}: {error}", path.display()), help)
    })
}

/// Reads a regular file of bounded size.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    if metadata.len() > MAX_FILE {
        return Err(format!("it is larger than {} MiB", MAX_FILE >> 20));
    }
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE).read_to_end(&mut content))
        .map_err(|error| error.to_string())?;
    Ok(content)
}
