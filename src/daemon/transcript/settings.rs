//! `[transcript]`: the command that writes messages out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::confine::PATHS;
use crate::call::settings::Period;
use crate::notify::Size;
use crate::oncall::Language;
use crate::problem::Problem;

/// How long it may take, where nothing is written.
const TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// How much memory it may take, where nothing is written.
const MEMORY: Size = Size::mib(4096);
/// The least memory in which any program could begin.
const LEAST_MEMORY: Size = Size::mib(64);

/// `[transcript]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TranscriptSettings {
    /// The program and its arguments; no shell is involved. `{input}` becomes the path of the WAV file, which comes on
    /// standard input where it is not written; `{language}` becomes `en`, `de` and so on. The text goes to standard
    /// output.
    pub command: Spanned<Vec<String>>,
    /// How long it may take for one message. Default: 5 min.
    pub timeout: Option<Spanned<Period>>,
    /// How much memory each of its processes may have. Default: 4 GiB.
    pub memory: Option<Spanned<Size>>,
    /// Whether it may use the network. Default: no.
    #[serde(default)]
    pub network: bool,
}

/// A command that writes messages out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcription {
    /// The program and its arguments, with placeholders as in [`TranscriptSettings`].
    pub command: Vec<String>,
    /// How long it may take for one message.
    pub timeout: Duration,
    /// How much memory each of its processes may have, in octets.
    pub memory: u64,
    /// Whether it may use the network.
    pub network: bool,
}

impl TranscriptSettings {
    /// Checks what is written; nothing where it is at fault. A program that is written with a slash lies beside the
    /// settings.
    pub fn compile(&self, folder: &Path, problems: &mut Vec<Problem>) -> Option<Transcription> {
        let before = problems.len();
        let mut command = self.command.get_ref().clone();
        match command.first_mut().filter(|program| !program.is_empty()) {
            Some(program) => match found(program, folder) {
                Some(path) => *program = path.display().to_string(),
                None => {
                    let message = format!("there is no program `{program}`");
                    let help = format!("write its path, or put it into one of {}", PATHS.replace(':', ", "));
                    problems.push(Problem::error(self.command.span(), message).help(help));
                }
            },
            None => {
                let message = "the transcript command names no program";
                let help = "name a program, or leave out [transcript]";
                problems.push(Problem::error(self.command.span(), message).help(help));
            }
        }
        let timeout = self.timeout.as_ref().map_or(TIMEOUT, |written| written.get_ref().0);
        if !(10..=3600).contains(&timeout.as_secs()) {
            let span = self.timeout.as_ref().map_or(0..0, Spanned::span);
            let message = "a message is written out within 10s to 1h";
            problems.push(Problem::error(span, message).help("as in timeout = \"5m\""));
        }
        let memory = self.memory.as_ref().map_or(MEMORY, |written| *written.get_ref());
        if memory < LEAST_MEMORY {
            let span = self.memory.as_ref().map_or(0..0, Spanned::span);
            let message = "no program can write a message out in so little memory";
            problems.push(Problem::error(span, message).help("as in memory = \"4 GiB\""));
        }
        let network = self.network;
        (problems.len() == before).then_some(Transcription {
            command,
            timeout,
            memory: memory.octets(),
            network,
        })
    }
}

/// Where a program is.
fn found(program: &str, folder: &Path) -> Option<PathBuf> {
    if program.contains('/') {
        let path = std::path::absolute(folder.join(program)).ok()?;
        return path.is_file().then_some(path);
    }
    PATHS.split(':').map(|place| Path::new(place).join(program)).find(|path| path.is_file())
}

impl Transcription {
    /// The command for a message.
    pub fn filled(&self, language: Language, input: &Path) -> Vec<String> {
        let input = input.display().to_string();
        let fill = |word: &String| word.replace("{language}", language.code()).replace("{input}", &input);
        self.command.iter().map(fill).collect()
    }
}
