//! What a caller or a responder is to hear, as the script names it: words, not samples.
//!
//! Every prompt of a hotline is known when its settings are read, so the switch renders and
//! encodes each one once, at start, and playing is only sending. What changes from call to call
//! (`spoken`) is put together from words of which each is known.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::call::spoken::Value;
use crate::oncall::Language;

/// A sequence of pieces played without a gap.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Prompt(pub Vec<Piece>);

/// One piece of a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Piece {
    /// A recording that ships with Nightbell (`audio/<language>/<name>.flac`).
    Shipped {
        /// Whose voice.
        language: Language,
        /// The recording's name without its ending.
        name: String,
    },
    /// A text to be spoken by the voice command.
    Say {
        /// In which language.
        language: Language,
        /// The text, placeholders filled in.
        text: String,
    },
    /// The operator's own audio file.
    File(SoundFile),
    /// A tone.
    Tone(Tone),
    /// Silence, in ms.
    Pause(u32),
    /// Words that a caller has said.
    Memo(Memo),
    /// What is known only when it is played: `Prompt::filled` puts shipped words in its place.
    Value {
        /// In which language.
        language: Language,
        /// What.
        value: Value,
    },
}

/// Words that were said in a call, ready to be played. They are gone with the last of these.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Memo {
    /// At 8000 samples a second.
    pub narrow: Arc<[i16]>,
    /// At 16 000.
    pub wide: Arc<[i16]>,
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memo({} samples)", self.narrow.len())
    }
}

/// An audio file of the operator's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SoundFile {
    /// Where it is.
    pub path: PathBuf,
    /// It is played over and over while people are rung: more softly than a voice, and without a seam.
    pub hold: bool,
    /// It stays as loud as it is.
    pub keep_level: bool,
}

/// Tones made by Nightbell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tone {
    /// Before a voicemail: 1000 Hz, 400 ms.
    Beep,
    /// While people are rung: the shipped hold tone, made to be looped.
    Hold,
    /// Germany's ringing tone: 425 Hz, 1 s on, 4 s off (ITU-T E.180).
    RingbackDe,
    /// The ringing tone of the United States: 440 + 480 Hz, 2 s on, 4 s off.
    RingbackUs,
    /// The United Kingdom's: 400 + 450 Hz, 0.4 s on, 0.2 off, 0.4 on, 2 s off.
    RingbackGb,
}

impl Prompt {
    /// A prompt of one shipped recording.
    pub fn shipped(language: Language, name: &str) -> Self {
        Self(vec![Piece::Shipped { language, name: name.to_owned() }])
    }

    /// A prompt of one tone.
    pub fn tone(tone: Tone) -> Self {
        Self(vec![Piece::Tone(tone)])
    }

    /// Nothing to hear.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// This prompt, then another.
    #[must_use]
    pub fn then(mut self, next: Prompt) -> Self {
        self.0.extend(next.0);
        self
    }
}

impl fmt::Display for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, piece) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            piece.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shipped { language, name } => write!(f, "[{language}/{name}]"),
            Self::Say { text, .. } => write!(f, "\u{201c}{text}\u{201d}"),
            Self::File(file) => write!(f, "[{}]", file.path.display()),
            Self::Tone(tone) => write!(f, "[{tone:?}]"),
            Self::Pause(ms) => write!(f, "[{ms} ms]"),
            Self::Memo(_) => f.write_str("[what was said]"),
            Self::Value { value, .. } => value.fmt(f),
        }
    }
}
