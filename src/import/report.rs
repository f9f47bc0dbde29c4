//! What became of everything in an export: nothing is left out in silence.

use std::fmt;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::oncall::{Target, Zone};

/// What became of a part of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It says the same here as there.
    Converted,
    /// Its meaning was guessed: a person should look at it.
    Guessed,
    /// It says nearly the same.
    Approximated,
    /// It is not in the result.
    Dropped,
}

/// What became of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// What became of it.
    #[serde(skip)]
    pub fate: Fate,
    /// The file it came from.
    pub file: String,
    /// What it is, and what was made of it.
    pub text: String,
    /// What of ours it is about, where it was converted.
    #[serde(skip)]
    pub about: Option<Target>,
}

/// What became of everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report(pub Vec<Note>);

impl Fate {
    const ALL: [Self; 4] = [Self::Converted, Self::Guessed, Self::Approximated, Self::Dropped];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Converted => "converted",
            Self::Guessed => "guessed",
            Self::Approximated => "approximated",
            Self::Dropped => "dropped",
        }
    }
}

impl Report {
    fn note(&mut self, fate: Fate, file: &str, text: impl Into<String>) {
        let note = Note { fate, file: file.to_owned(), text: text.into(), about: None };
        if !self.0.contains(&note) {
            self.0.push(note);
        }
    }

    /// Something that says the same here as there.
    pub(super) fn converted(&mut self, file: &str, text: impl Into<String>) {
        self.note(Fate::Converted, file, text);
    }

    /// Somebody or something that has become a target of ours.
    pub(super) fn became(&mut self, target: Target, file: &str, text: impl Into<String>) {
        let (file, text) = (file.to_owned(), text.into());
        self.0.push(Note { fate: Fate::Converted, file, text, about: Some(target) });
    }

    /// Takes back that something became a target; the file it came from, or nothing.
    pub(super) fn take_back(&mut self, target: &Target) -> String {
        let is_about = |note: &Note| note.about.as_ref() == Some(target);
        let file = self.file_of(target);
        self.0.retain(|note| !is_about(note));
        file
    }

    /// The file a target came from, or nothing.
    pub(super) fn file_of(&self, target: &Target) -> String {
        let note = self.0.iter().find(|note| note.about.as_ref() == Some(target));
        note.map(|note| note.file.clone()).unwrap_or_default()
    }

    /// Something whose meaning was guessed.
    pub(super) fn guessed(&mut self, file: &str, text: impl Into<String>) {
        self.note(Fate::Guessed, file, text);
    }

    /// The time zone of a schedule or of a rule; UTC, which is a guess, where it is not known.
    pub(super) fn zone(&mut self, name: &str, place: &str, file: &str) -> Zone {
        name.parse().unwrap_or_else(|_| {
            let said =
                if name.is_empty() { "none is named".to_owned() } else { format!("`{name}` is unknown") };
            self.guessed(file, format!("{place}: the time zone is taken to be UTC, as {said}"));
            Zone::utc()
        })
    }

    /// Something that says nearly the same.
    pub(super) fn approximated(&mut self, file: &str, text: impl Into<String>) {
        self.note(Fate::Approximated, file, text);
    }

    /// Something that is not in the result.
    pub(super) fn dropped(&mut self, file: &str, text: impl Into<String>) {
        self.note(Fate::Dropped, file, text);
    }

    /// All notes of one fate, in the order of the export.
    pub fn of(&self, fate: Fate) -> impl Iterator<Item = &Note> {
        self.0.iter().filter(move |note| note.fate == fate)
    }
}

/// A list for each fate: `{"converted": [{"file", "text"}], "guessed": ...}`.
impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Fate::ALL.len()))?;
        for fate in Fate::ALL {
            map.serialize_entry(fate.as_str(), &self.of(fate).collect::<Vec<_>>())?;
        }
        map.end()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fate in Fate::ALL {
            let notes: Vec<&Note> = self.of(fate).collect();
            if !notes.is_empty() {
                writeln!(f, "{} ({})", fate.as_str(), notes.len())?;
            }
            for note in notes {
                let from = if note.file.is_empty() { String::new() } else { format!(" [{}]", note.file) };
                writeln!(f, "  {}{from}", note.text)?;
            }
        }
        Ok(())
    }
}
