//! Reads what is written of a target: keys, addresses and secrets, with their faults at their places.

use std::path::{Path, PathBuf};

use toml::Spanned;

use super::exchange::Secret;
use super::{FACTS, Facts, TargetSettings};
use crate::problem::{Problem, nearest};

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
            if !facts.needs.contains(key) && !facts.takes.contains(key) {
                let message = format!("`{key}` means nothing for {}", facts.service);
                self.problems.push(Problem::error(span.clone(), message).help("take the line out"));
            }
        }
        let mut complete = true;
        for key in facts.needs.iter().filter(|key| written.iter().all(|(there, _)| there != *key)) {
            let message = format!("{} needs `{key}`", facts.service);
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
            Ok(text) => Some(Secret::new(text.trim())),
            Err(why) => {
                let help = "write it on the only line of a file that the daemon's user alone can read";
                self.problems.push(Problem::error(path.span(), format!("{what} {why}")).help(help));
                None
            }
        }
    }

    /// The address of a service, without a slash at its end: what is written, else its own.
    pub fn url(&mut self, written: Option<&Spanned<String>>, own: &str) -> Option<Secret> {
        let Some(written) = written else { return Some(Secret::new(own)) };
        let text = written.get_ref().trim_end_matches('/');
        if !(text.starts_with("https://") || text.starts_with("http://")) || text.len() < 10 {
            let message = format!("`{text}` is no address");
            let help = "write the address whole, as in \"https://HOST/PATH\"";
            self.problems.push(Problem::error(written.span(), message).help(help));
            return None;
        }
        Some(Secret::new(text))
    }
}
