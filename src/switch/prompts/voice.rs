//! The voice command: an outside program that speaks a text into a WAV file.
//!
//! Each text is spoken once and kept under a name made of its content, so that a restart speaks
//! nothing, and a text whose rendering is there needs no voice command at all.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::{Sources, Unmade};
use crate::audio;
use crate::audio::prompt::Sound;
use crate::oncall::Language;
use crate::problem::Problem;
use crate::switch::child::{finish, last_line, memory};

/// How long a command may take for one text.
const DEADLINE: Duration = Duration::from_secs(20);
/// The largest file a command may write, in octets. Some voices map a file of 64 MiB for sound
/// that they never play.
const MAX_FILE: u64 = 80 << 20;

/// `[voice]`: what renders `say` texts, once, at check or start, never during a call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceSettings {
    /// The program and its arguments; no shell is involved. The text comes on standard input;
    /// `{language}` becomes `en`, `de` and so on, `{output}` the WAV file to be written.
    pub command: Spanned<Vec<String>>,
}

impl VoiceSettings {
    /// What is wrong with the settings.
    pub fn problems(&self) -> Vec<Problem> {
        let (span, command) = (self.command.span(), self.command.get_ref());
        if command.first().is_none_or(String::is_empty) {
            let problem = Problem::error(span, "the voice command names no program");
            return vec![problem.help("name a program, or leave out [voice]")];
        }
        if !command.iter().any(|argument| argument.contains("{output}")) {
            let problem = Problem::error(span, "the voice command has no \u{201c}{output}\u{201d}");
            return vec![
                problem.help("put {output} where the program takes the name of the WAV file to write"),
            ];
        }
        Vec::new()
    }

    /// The command.
    pub fn command(&self) -> VoiceCommand {
        VoiceCommand { command: self.command.get_ref().clone() }
    }
}

/// A program that speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoiceCommand {
    /// The program and its arguments, with placeholders as in [`VoiceSettings`].
    pub command: Vec<String>,
}

/// A spoken text: from its rendering, or from the command.
pub(super) fn say(language: Language, text: &str, sources: &Sources) -> Result<Sound, Unmade> {
    let rate = sources.rate();
    let spoken = Spoken { language, text, dir: &sources.prompts_dir, rate };
    let Some(voice) = &sources.voice else {
        return spoken.any_rendering().ok_or_else(|| {
            let help = "set [voice] command, or replace the text by { file = \"...\" }, or leave it out for the shipped wording";
            Unmade::new(format!("nothing can speak {spoken}: no voice command is set"), help)
        });
    };
    let path = spoken.path(voice);
    if let Some(samples) = rendering(&path, rate) {
        return Ok(samples);
    }
    spoken.render(voice, &path).map_err(|error| {
        let program = voice.command.first().map_or("", String::as_str);
        let help = format!("try the command of [voice] by hand: {}", voice.command.join(" "));
        Unmade::new(format!("the voice command {program} cannot speak {spoken}: {error}"), help)
    })
}

/// A text in a language, and where its renderings are kept: `<text>.<command>.wav`, both hashed.
struct Spoken<'a> {
    language: Language,
    text: &'a str,
    dir: &'a Path,
    /// Samples per second that are wanted of it.
    rate: u32,
}

impl std::fmt::Display for Spoken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\u{201c}{}\u{201d}", self.text)
    }
}

impl Spoken<'_> {
    fn stem(&self) -> String {
        format!("{:032x}", hash([self.language.code(), self.text]))
    }

    fn path(&self, voice: &VoiceCommand) -> PathBuf {
        let command = hash(voice.command.iter().map(String::as_str));
        self.dir.join(format!("{}.{command:032x}.wav", self.stem()))
    }

    /// A rendering of whatever command there was.
    fn any_rendering(&self) -> Option<Sound> {
        let prefix = format!("{}.", self.stem());
        let mut names: Vec<_> =
            fs::read_dir(self.dir).ok()?.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        let ours = |name: &str| name.starts_with(&prefix) && name.ends_with(".wav") && !name.ends_with(PART);
        names
            .iter()
            .filter(|name| name.to_str().is_some_and(ours))
            .find_map(|name| rendering(&self.dir.join(name), self.rate))
    }

    /// Lets the command speak, and keeps what it wrote if it can be played.
    fn render(&self, voice: &VoiceCommand, path: &Path) -> Result<Sound, String> {
        // `check` may be the first to make the data directory: it is for its owner alone.
        let folder = DirBuilder::new().recursive(true).mode(0o700).create(self.dir);
        folder.map_err(|error| format!("{}: {error}", self.dir.display()))?;
        let part = Part(path.with_extension(format!("{}{PART}", std::process::id())));
        speak(voice, self.language, self.text, &part.0)?;
        let file = super::read(&part.0).map_err(|error| format!("it wrote no file: {error}"))?;
        let samples = audio::prompt::load(&file, self.rate, 0)
            .map_err(|error| format!("what it wrote cannot be played: {error}"))?;
        keep(&part.0, path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(samples)
    }
}

/// How the name of a rendering ends while it is written.
const PART: &str = "part.wav";

/// A file being written, gone with this value unless it was renamed.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn rendering(path: &Path, rate: u32) -> Option<Sound> {
    audio::prompt::load(&super::read(path).ok()?, rate, 0).ok()
}

/// Gives a finished file its name, for good.
fn keep(part: &Path, path: &Path) -> io::Result<()> {
    fs::File::open(part)?.sync_all()?;
    fs::rename(part, path)?;
    path.parent().map_or(Ok(()), |dir| fs::File::open(dir)?.sync_all())
}

fn speak(voice: &VoiceCommand, language: Language, text: &str, output: &Path) -> Result<(), String> {
    let errors = memory("errors", "").map_err(|error| error.to_string())?;
    let mut command = command(voice, language, output)?;
    command
        .stdin(memory("text", text).map_err(|error| error.to_string())?)
        .stdout(Stdio::null())
        .stderr(errors.try_clone().map_err(|error| error.to_string())?)
        .process_group(0);
    let child = command.spawn().map_err(|error| error.to_string())?;
    match finish(child, DEADLINE, MAX_FILE) {
        Ok(Some(status)) if status.success() => Ok(()),
        Ok(Some(status)) => Err(format!("it ended with {status}{}", last_line(errors))),
        Ok(None) => Err(format!("it was not done after {} s{}", DEADLINE.as_secs(), last_line(errors))),
        Err(error) => Err(error.to_string()),
    }
}

fn command(voice: &VoiceCommand, language: Language, output: &Path) -> Result<Command, String> {
    let output = output.to_str().ok_or("the path of data_dir is not UTF-8")?;
    let fill =
        |argument: &String| argument.replace("{language}", language.code()).replace("{output}", output);
    let mut words = voice.command.iter().map(fill);
    let mut command = Command::new(words.next().ok_or("it names no program")?);
    command.args(words);
    Ok(command)
}

/// FNV-1a over words and their ends, 128 bits: the same on every machine and in every version.
fn hash<'a>(words: impl IntoIterator<Item = &'a str>) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let octets = words.into_iter().flat_map(|word| word.bytes().chain([0]));
    octets.fold(OFFSET, |hash, octet| (hash ^ u128::from(octet)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::scratch::Scratch;

    const SOUND: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/audio/formats/alaw-8000.wav");

    /// A voice that notes what it is told in `heard` and then does `script`, with `$0` its output.
    fn voice(scratch: &Scratch, script: &str) -> VoiceCommand {
        let heard = scratch.path().join("heard");
        let script = format!("{{ printf '%s:' \"$1\"; cat; echo; }} >> {}; {script}", heard.display());
        let words = ["sh", "-c", script.as_str(), "{output}", "{language}"];
        VoiceCommand { command: words.map(str::to_owned).to_vec() }
    }

    fn sources(scratch: &Scratch, voice: Option<VoiceCommand>) -> Sources {
        Sources { prompts_dir: scratch.path().join("prompts"), voice, wide: false }
    }

    fn heard(scratch: &Scratch) -> String {
        fs::read_to_string(scratch.path().join("heard")).unwrap_or_default()
    }

    fn kept(scratch: &Scratch) -> usize {
        fs::read_dir(scratch.path().join("prompts")).map_or(0, Iterator::count)
    }

    #[test]
    fn a_text_is_spoken_once_and_then_known() {
        let scratch = Scratch::new();
        let sources = sources(&scratch, Some(voice(&scratch, &format!("cp {SOUND} \"$0\""))));
        for _ in 0..3 {
            assert_eq!(
                say(Language::De, "Gr\u{fc}\u{df} Gott $(date)", &sources).unwrap().samples.len(),
                2000
            );
        }
        assert_eq!(heard(&scratch), "de:Gr\u{fc}\u{df} Gott $(date)\n");
        say(Language::En, "Gr\u{fc}\u{df} Gott $(date)", &sources).unwrap();
        assert_eq!(heard(&scratch).lines().count(), 2, "another language is another rendering");
        assert_eq!(kept(&scratch), 2);
    }

    #[test]
    fn a_changed_command_speaks_anew() {
        let scratch = Scratch::new();
        for script in ["cp {} \"$0\"", "cp {} \"$0\"; true"] {
            let voice = voice(&scratch, &script.replace("{}", SOUND));
            say(Language::En, "Hello", &sources(&scratch, Some(voice))).unwrap();
        }
        assert_eq!(heard(&scratch), "en:Hello\nen:Hello\n");
    }

    #[test]
    fn what_was_spoken_needs_no_command_any_more() {
        let scratch = Scratch::new();
        let voice = voice(&scratch, &format!("cp {SOUND} \"$0\""));
        say(Language::En, "Hello", &sources(&scratch, Some(voice))).unwrap();
        assert_eq!(say(Language::En, "Hello", &sources(&scratch, None)).unwrap().samples.len(), 2000);
    }

    #[test]
    fn a_text_nothing_can_speak_is_named_together_with_the_remedy() {
        let scratch = Scratch::new();
        let error = say(Language::En, "Welcome to Acme.", &sources(&scratch, None)).unwrap_err();
        assert_eq!(
            error.message,
            "nothing can speak \u{201c}Welcome to Acme.\u{201d}: no voice command is set"
        );
        assert!(error.help.contains("[voice]"), "{}", error.help);
    }

    #[test]
    fn a_command_that_fails_is_quoted_and_leaves_nothing_behind() {
        let failures = [
            ("echo no voice named de >&2; exit 3", "exit status: 3: no voice named de"),
            ("true", "it wrote no file"),
            ("echo nonsense > \"$0\"", "what it wrote cannot be played"),
            (
                "sleep 0.3; head -c 100000000 /dev/zero > \"$0\" 2>/dev/null || exit 9",
                "it ended with exit status: 9",
            ),
        ];
        for (script, complaint) in failures {
            let scratch = Scratch::new();
            let voice = voice(&scratch, script);
            let error = say(Language::De, "Hallo", &sources(&scratch, Some(voice))).unwrap_err();
            assert!(error.message.contains(complaint), "{script}: {}", error.message);
            assert_eq!(kept(&scratch), 0, "{script}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let scratch = Scratch::new();
        let voice = VoiceCommand { command: vec!["no-such-voice".to_owned(), "{output}".to_owned()] };
        let error = say(Language::De, "Hallo", &sources(&scratch, Some(voice))).unwrap_err();
        assert!(
            error.message.starts_with("the voice command no-such-voice cannot speak \u{201c}Hallo\u{201d}: ")
        );
    }

    #[test]
    fn settings_without_a_program_or_an_output_are_refused() {
        let problems = |settings: &str| toml::from_str::<VoiceSettings>(settings).unwrap().problems();
        assert_eq!(problems(r#"command = ["espeak-ng", "-w", "{output}", "--stdin"]"#), []);
        for (settings, wrong) in [
            ("command = []", "names no program"),
            (r#"command = ["espeak-ng", "--stdin"]"#, "has no \u{201c}{output}\u{201d}"),
        ] {
            let problems = problems(settings);
            assert!(problems[0].message.contains(wrong) && problems[0].help.is_some(), "{problems:?}");
            assert_eq!(problems[0].span, Some(10..settings.len()));
        }
    }
}
