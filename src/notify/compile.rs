//! Reads what is written of a target: keys, addresses and secrets, with their faults at their places.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use toml::Spanned;

use super::exchange::Secret;
use super::facts::Scale;
use super::{FACTS, Facts, Target, TargetSettings};
use crate::incident::Severity;
use crate::problem::{Problem, nearest};

/// How long a target may take until it begins to answer, where nothing is written.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// The bounds of what may be written.
const TIMEOUTS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(120);

/// What a target's settings are read with.
#[derive(Debug)]
pub struct Reading<'a> {
    /// The folder of the settings file.
    pub folder: &'a Path,
    /// Reads a file with a secret; the error says what is wrong with it.
    pub secret: fn(&Path) -> Result<String, String>,
    /// What was found.
    pub problems: &'a mut Vec<Problem>,
}

/// All `[[notify]]` of a settings file.
pub fn compile(written: &[TargetSettings], mut reading: Reading<'_>) -> Vec<Arc<Target>> {
    let mut names = BTreeSet::new();
    let mut targets = Vec::new();
    for settings in written {
        let name = settings.name.get_ref();
        if name.trim().is_empty() || !names.insert(name) {
            let message = match name.trim() {
                "" => "a target needs a name".to_owned(),
                name => format!("there are two targets called `{name}`"),
            };
            let help = "routes call targets by their names: give each its own";
            reading.problems.push(Problem::error(settings.name.span(), message).help(help));
            continue;
        }
        targets.extend(Target::compile(settings, &mut reading).map(Arc::new));
    }
    targets
}

/// A service's words for how grave an incident is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels([String; 4]);

impl Levels {
    /// The word for one.
    pub fn of(&self, severity: Severity) -> &str {
        let [critical, error, warning, info] = &self.0;
        match severity {
            Severity::Critical => critical,
            Severity::Error => error,
            Severity::Warning => warning,
            Severity::Info => info,
        }
    }
}

impl Reading<'_> {
    /// What is known of a target's kind, once its keys are found to be right.
    pub(super) fn facts(&mut self, settings: &TargetSettings) -> Option<&'static Facts> {
        let word = settings.kind.get_ref();
        let Some(facts) = FACTS.iter().find(|facts| facts.kind == word) else {
            let known = FACTS.iter().map(|facts| facts.kind);
            let help = match nearest(word, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", known.collect::<Vec<_>>().join(", ")),
            };
            let message = format!("there is no kind `{word}` of target");
            self.problems.push(Problem::error(settings.kind.span(), message).help(help));
            return None;
        };
        let written: Vec<_> = settings.written().collect();
        for (key, span) in &written {
            if !facts.knows(key) {
                let message = format!("`{key}` means nothing for {}", facts.service);
                self.problems.push(Problem::error(span.clone(), message).help("take the line out"));
            }
        }
        let there = |key: &str| written.iter().any(|(there, _)| *there == key);
        let mut complete = true;
        for needed in facts.needs.iter().filter(|needed| !needed.split(" or ").any(there)) {
            let message = format!("{} needs `{}`", facts.service, needed.replace(" or ", "` or `"));
            let key = needed.rsplit(" or ").next().unwrap_or(needed);
            self.problems
                .push(Problem::error(settings.name.span(), message).help(format!("add {key} = \"...\"")));
            complete = false;
        }
        complete.then_some(facts)
    }

    /// A secret from its file, where one is named. `what` names it, as in "the routing key".
    pub fn secret(&mut self, path: Option<&Spanned<PathBuf>>, what: &str) -> Option<Secret> {
        let path = path?;
        match (self.secret)(&self.folder.join(path.get_ref())) {
            Ok(text) if text.trim().is_empty() => {
                let message = format!("{what} is in a file that is empty");
                self.problems
                    .push(Problem::error(path.span(), message).help("write it on the file's only line"));
                None
            }
            Ok(text) if text.chars().any(char::is_control) => {
                let message = format!("{what} is in a file with more than one line");
                self.problems
                    .push(Problem::error(path.span(), message).help("write it on the file's only line"));
                None
            }
            Ok(text) => Some(Secret::new(text.trim())),
            Err(why) => {
                let help = "write it on the only line of a file that the daemon's user alone can read";
                self.problems.push(Problem::error(path.span(), format!("{what} {why}")).help(help));
                None
            }
        }
    }

    /// A secret that may be left out: nothing where it is at fault.
    pub fn optional_secret(&mut self, path: Option<&Spanned<PathBuf>>, what: &str) -> Option<Option<Secret>> {
        match path {
            None => Some(None),
            written => self.secret(written, what).map(Some),
        }
    }

    /// A name and its password; neither is no error, one without the other is.
    pub fn login(&mut self, settings: &TargetSettings) -> Option<Option<(String, Secret)>> {
        let (span, message, help) = match (&settings.username, &settings.password_file) {
            (None, None) => return Some(None),
            (Some(name), Some(_)) => {
                let password = self.secret(settings.password_file.as_ref(), "the password")?;
                return Some(Some((name.get_ref().clone(), password)));
            }
            (Some(name), None) => {
                (name.span(), "there is no password for it", "add password_file = \"PATH\"")
            }
            (None, Some(file)) => (file.span(), "whose password is it?", "add username = \"...\""),
        };
        self.problems.push(Problem::error(span, message).help(help));
        None
    }

    /// The address of a target or of its service, without a slash at its end: `url`, what stands in `url_file`, or
    /// the service's own.
    pub fn url(&mut self, settings: &TargetSettings, own: Option<&str>) -> Option<Secret> {
        if let (Some(url), Some(_)) = (&settings.url, &settings.url_file) {
            let message = "the address is written twice: `url` and `url_file`";
            self.problems.push(Problem::error(url.span(), message).help("take one of them out"));
            return None;
        }
        let (text, span, show) = match (&settings.url, &settings.url_file) {
            (Some(url), _) => (Secret::new(url.get_ref().trim()), url.span(), true),
            (None, Some(file)) => (self.secret(Some(file), "the address")?, file.span(), false),
            (None, None) => return own.map(Secret::new),
        };
        let fault = match text.expose() {
            text if !sound(text) => Some(match show {
                true => format!("`{text}` is no address"),
                false => "what stands in the file is no address".to_owned(),
            }),
            text if text.starts_with("http://") && !settings.allow_private => {
                Some("everybody on the way can read what is sent over http".to_owned())
            }
            _ => None,
        };
        if let Some(message) = fault {
            let help = match sound(text.expose()) {
                true => "write https://, or allow_private = true where the way is your own network",
                false => "write the address whole, as in \"https://HOST/PATH\"",
            };
            self.problems.push(Problem::error(span, message).help(help));
            return None;
        }
        Some(Secret::new(text.expose().trim_end_matches('/')))
    }

    /// The service's words for how grave an incident is: its own, and what is written instead.
    pub fn levels(&mut self, settings: &TargetSettings, scale: &Scale) -> Option<Levels> {
        let mut levels = scale.of.map(str::to_owned);
        let Some(written) = &settings.severities else { return Some(Levels(levels)) };
        let mut sound = true;
        for (severity, word) in written.get_ref() {
            if word.is_empty() || !(scale.words.is_empty() || scale.words.contains(&word.as_str())) {
                let message = format!("{} knows no `{word}`", settings.kind.get_ref());
                let help = match scale.words {
                    [] => "write a word".to_owned(),
                    words => format!("it knows {}", words.join(", ")),
                };
                self.problems.push(Problem::error(written.span(), message).help(help));
                sound = false;
            }
            let [critical, error, warning, info] = &mut levels;
            match severity {
                Severity::Critical => *critical = word.clone(),
                Severity::Error => *error = word.clone(),
                Severity::Warning => *warning = word.clone(),
                Severity::Info => *info = word.clone(),
            }
        }
        sound.then_some(Levels(levels))
    }

    /// How long the target may take until it begins to answer.
    pub(super) fn timeout(&mut self, written: Option<&Spanned<String>>) -> Option<Duration> {
        let Some(written) = written else { return Some(TIMEOUT) };
        let length = written.get_ref().parse::<SignedDuration>().ok();
        let length = length.and_then(|length| Duration::try_from(length).ok());
        let length = length.filter(|length| TIMEOUTS.contains(length));
        if length.is_none() {
            let message = format!("`{}` is no time that a target may take", written.get_ref());
            self.problems.push(Problem::error(written.span(), message).help("write \"1s\" to \"2m\""));
        }
        length
    }
}

/// Whether a text is an address as a whole.
fn sound(text: &str) -> bool {
    let Ok(uri) = text.parse::<ureq::http::Uri>() else { return false };
    matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some_and(|host| !host.is_empty())
}
