//! Prompts: everything a hotline says is rendered once, before the first call, and kept as clips.
//!
//! A prompt is a row of pieces. Each piece becomes samples (a shipped recording or the operator's
//! file is decoded, a text is spoken by the voice command, a tone is computed) of one loudness; the
//! pieces are joined to the sample and encoded in both laws, and kept at 16 kHz as well where a trunk
//! speaks G.722. This blocks: it runs at start, at a reload and in
//! `check`, off the async runtime, never during a call.

mod making;
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
use crate::audio::prompt::{Headerless, Sound};
use crate::audio::resample::convert;
use crate::audio::seam::OVERLAP_MS;
use crate::audio::{self, LINE_RATE, tone};
use crate::call::prompt::{Memo, Piece, Prompt, SoundFile};
use crate::oncall::Language;
use crate::problem::{Severity, nearest};
use crate::switch::clip::Clip;
use making::{Made, Manner, Remark};

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

impl Sources {
    /// The rate, in samples per second, that sounds are decoded to.
    fn rate(&self) -> u32 {
        if self.wide { WIDE_RATE } else { LINE_RATE }
    }
}

/// A piece that cannot be played, or that will not sound well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptError {
    /// Which.
    pub piece: Piece,
    /// Whether it cannot be played.
    pub severity: Severity,
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
    /// Pieces of prompts that are put together in a call.
    pieces: HashMap<Piece, Arc<Clip>>,
}

impl Library {
    /// Renders prompts. A prompt with a piece that cannot be played has no clip; each such piece, and
    /// each that will not sound well, is reported once.
    pub fn load(prompts: impl IntoIterator<Item = Prompt>, sources: &Sources) -> (Self, Vec<PromptError>) {
        let mut workshop = Workshop { sources, pieces: HashMap::new(), errors: Vec::new() };
        let mut library = Self::default();
        for prompt in prompts {
            if prompt.has_values() {
                library.pieces.extend(workshop.parts(&prompt));
            } else if !library.clips.contains_key(&prompt)
                && let Some(clip) = workshop.render(&prompt)
            {
                library.clips.insert(prompt, Arc::new(clip));
            }
        }
        (library, workshop.errors)
    }

    /// The clip of a prompt that was loaded, or of one that was filled in: that is put together here, of
    /// clips alone.
    pub fn clip(&self, prompt: &Prompt) -> Option<Arc<Clip>> {
        self.clips.get(prompt).cloned().or_else(|| self.joined(prompt).map(Arc::new))
    }

    fn joined(&self, prompt: &Prompt) -> Option<Clip> {
        let parts = prompt.0.iter().enumerate().map(|(n, piece)| {
            let pause = pause_after(prompt.0.get(n..).unwrap_or_default());
            Some((self.part(piece)?, (pause * LINE_RATE / 1000) as usize))
        });
        let parts: Vec<_> = parts.collect::<Option<_>>()?;
        Some(Clip::joined(&parts.iter().map(|(clip, pause)| (clip.as_ref(), *pause)).collect::<Vec<_>>()))
    }

    fn part(&self, piece: &Piece) -> Option<Arc<Clip>> {
        match piece {
            Piece::Memo(memo) => Some(Arc::new(Clip::from_samples(&memo.narrow).with_wide(&memo.wide))),
            piece => self.pieces.get(piece).cloned(),
        }
    }
}

/// What was said in a call, at 8000 samples a second, as loud as all prompts and without the silence around it.
pub fn memo(said: &[i16]) -> Memo {
    let samples: Vec<f32> = said.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    let sound = Sound { samples: convert(&samples, LINE_RATE, WIDE_RATE), repeated: 0, clipped: false };
    let (made, _) = making::make(sound, WIDE_RATE, Manner::Voice, false);
    Memo { narrow: made.narrow.into(), wide: made.wide.unwrap_or_default().into() }
}

/// Renders, and remembers each piece: many prompts share "press" and the digits.
struct Workshop<'a> {
    sources: &'a Sources,
    /// What was made of a piece; none if it cannot be played.
    pieces: HashMap<Piece, Option<Arc<Made>>>,
    errors: Vec<PromptError>,
}

impl Workshop<'_> {
    fn render(&mut self, prompt: &Prompt) -> Option<Clip> {
        let pieces: Vec<_> = prompt.0.iter().map(|piece| self.piece(piece)).collect();
        let pieces: Vec<_> = pieces.into_iter().collect::<Option<_>>()?;
        let mut whole = Made::computed(Vec::new(), self.sources.rate());
        for (n, made) in pieces.iter().enumerate() {
            whole.add(made);
            let rest = prompt.0.get(n..).unwrap_or_default();
            whole.add(&Made::computed(tone::silence(pause_after(rest)), self.sources.rate()));
        }
        if let [alone] = &pieces[..] {
            whole.from = alone.from;
        }
        Some(whole.clip())
    }

    /// The clips of everything that a prompt with values may be put together of.
    fn parts(&mut self, prompt: &Prompt) -> Vec<(Piece, Arc<Clip>)> {
        let pieces = prompt.0.iter().flat_map(|piece| match piece {
            Piece::Value { language, value } => value.possible(*language),
            piece => vec![piece.clone()],
        });
        pieces.filter_map(|piece| self.piece(&piece).map(|made| (piece, Arc::new(made.clip())))).collect()
    }

    fn piece(&mut self, piece: &Piece) -> Option<Arc<Made>> {
        if let Some(known) = self.pieces.get(piece) {
            return known.clone();
        }
        let made = match make(piece, self.sources) {
            Ok((made, remarks)) => {
                self.errors.extend(remarks.iter().filter_map(|remark| told(piece, *remark)));
                Some(Arc::new(made))
            }
            Err(Unmade { message, help }) => {
                self.errors.push(PromptError {
                    piece: piece.clone(),
                    severity: Severity::Error,
                    message,
                    help,
                });
                None
            }
        };
        self.pieces.insert(piece.clone(), made.clone());
        made
    }
}

/// A breath after a sentence, in ms: together with the pauses that pieces have of themselves it is a
/// quarter of a second and more, as a speaker's is.
const BREATH_MS: u32 = 200;

/// The silence, in ms, that follows the first of some pieces.
fn pause_after(pieces: &[Piece]) -> u32 {
    let breathes = match pieces {
        [_, Piece::Pause(_), ..] | [] => false,
        [last] => is_voice(last),
        [voice, ..] => ends_sentence(voice),
    };
    if breathes { BREATH_MS } else { 0 }
}

fn is_voice(piece: &Piece) -> bool {
    matches!(piece, Piece::Shipped { .. } | Piece::Say { .. } | Piece::Memo(_))
}

/// Whether a voice stops after it: it is no word amid a sentence.
fn ends_sentence(piece: &Piece) -> bool {
    match piece {
        Piece::Shipped { name, .. } => !shipped::is_word(name),
        Piece::Say { text, .. } => text.trim_end().ends_with(['.', '!', '?']),
        Piece::Memo(_) => true,
        Piece::File(_) | Piece::Tone(_) | Piece::Pause(_) | Piece::Value { .. } => false,
    }
}

/// What the operator is told of a sound.
fn told(piece: &Piece, remark: Remark) -> Option<PromptError> {
    let what = match piece {
        Piece::File(file) => file.path.display().to_string(),
        Piece::Say { text, .. } => format!("what the voice command makes of \u{201c}{text}\u{201d}"),
        // Ours are as they are to be.
        Piece::Shipped { .. } | Piece::Tone(_) | Piece::Pause(_) | Piece::Memo(_) | Piece::Value { .. } => {
            return None;
        }
    };
    let (message, help) = match remark {
        Remark::Clipped => (
            format!("{what} is distorted: the tops of its waves are cut off"),
            "record or mix it with less gain",
        ),
        Remark::NearlySilent(None) => (format!("{what} is silent"), "name another file, or leave it out"),
        Remark::NearlySilent(Some(level)) => (
            format!("{what} is nearly silent: {level:.0} dBm0"),
            "record it louder; so faint a sound is left as it is",
        ),
        Remark::Quiet(gain) => (
            format!("{what} is {gain:.0} dB too quiet, and its noise will be heard as well"),
            "record it louder",
        ),
    };
    Some(PromptError { piece: piece.clone(), severity: Severity::Warning, message, help: help.to_owned() })
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

fn make(piece: &Piece, sources: &Sources) -> Result<(Made, Vec<Remark>), Unmade> {
    let rate = sources.rate();
    let voice = |sound| making::make(sound, rate, Manner::Voice, false);
    match piece {
        Piece::Shipped { language, name } => ship(*language, name, rate).map(voice),
        Piece::Say { language, text } => voice::say(*language, text, sources).map(voice),
        Piece::File(SoundFile { path, hold, keep_level }) => {
            let manner = if *hold { Manner::Hold } else { Manner::File };
            file(path, rate, manner).map(|sound| making::make(sound, rate, manner, *keep_level))
        }
        Piece::Tone(tone) => Ok((Made::computed(tones::samples(*tone), rate), Vec::new())),
        Piece::Pause(ms) => Ok((Made::computed(tone::silence(*ms), rate), Vec::new())),
        Piece::Memo(_) => Err(Unmade::new("what is said in a call is made in it", "fill it in there")),
        Piece::Value { value, .. } => {
            Err(Unmade::new(format!("{value} is known in a call alone"), "fill the prompt in before"))
        }
    }
}

fn ship(language: Language, name: &str, rate: u32) -> Result<Sound, Unmade> {
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
    audio::prompt::load(file, rate, 0).map_err(|error| {
        Unmade::new(format!("the shipped recording {language}/{name}: {error}"), "build Nightbell again")
    })
}

fn file(path: &Path, rate: u32, manner: Manner) -> Result<Sound, Unmade> {
    let file = read(path).map_err(|error| {
        let help = "name a sound file that the daemon's user can read";
        Unmade::new(format!("cannot read {}: {error}", path.display()), help)
    })?;
    let repeat_ms = if manner == Manner::Hold { OVERLAP_MS } else { 0 };
    let named = path.extension().and_then(|ending| Headerless::of_ending(ending.to_str()?));
    audio::prompt::load_named(&file, named, rate, repeat_ms).map_err(|error| {
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
