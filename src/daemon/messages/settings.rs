//! `[voicemail]`: what is done with recordings.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use toml::Spanned;

use super::age::{NoRecipient, Recipient};
use crate::problem::Problem;

/// `[voicemail]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VoicemailSettings {
    /// Recordings are encrypted to these age recipients; none: they are not.
    pub encrypt_to: Vec<Spanned<String>>,
    /// Programs that make other formats of a WAV file, by the name of the format.
    pub export: BTreeMap<String, Spanned<Vec<String>>>,
}

/// What is done with recordings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handling {
    /// Who alone can hear them; nobody: they are not encrypted.
    pub encrypt_to: Vec<Recipient>,
    /// Programs that make other formats, with their arguments.
    pub export: BTreeMap<String, Vec<String>>,
}

/// As `check` prints it.
impl fmt::Display for Handling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.encrypt_to.len() {
            0 => Ok(()),
            1 => writeln!(f, "messages and recorded calls are encrypted once their call is over"),
            keys => writeln!(
                f,
                "messages and recorded calls are encrypted to {keys} keys once their call is over"
            ),
        }
    }
}

impl VoicemailSettings {
    /// What holds, and what is wrong with what is written.
    pub fn compile(&self) -> (Handling, Vec<Problem>) {
        let (mut handling, mut problems) = (Handling::default(), Vec::new());
        for written in &self.encrypt_to {
            match written.get_ref().parse() {
                Ok(recipient) => handling.encrypt_to.push(recipient),
                Err(why) => problems.push(Problem::error(written.span(), why.to_string()).help(remedy(why))),
            }
        }
        for (format, command) in &self.export {
            let is_name =
                !format.is_empty() && format.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
            if !is_name || format == "wav" {
                let message = format!("`{format}` cannot be the name of a format");
                let help =
                    "it becomes the ending of the file, in small letters and digits; wav needs no program";
                problems.push(Problem::error(command.span(), message).help(help));
            }
            if command.get_ref().first().is_none_or(String::is_empty) {
                let message = format!("nothing makes {format}: no program is named");
                let help = "name it with its arguments, as in opus = [\"opusenc\", \"-\", \"-\"]";
                problems.push(Problem::error(command.span(), message).help(help));
            }
            handling.export.insert(format.clone(), command.get_ref().clone());
        }
        (handling, problems)
    }
}

fn remedy(why: NoRecipient) -> &'static str {
    match why {
        NoRecipient::Secret => {
            "take it out of the settings at once; `age-keygen -y FILE` prints the recipient of a key"
        }
        NoRecipient::Other => {
            "a recipient begins with age1: `age-keygen -o key.txt` makes a key and prints it"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let (_, problems) = toml::from_str::<VoicemailSettings>(text).unwrap().compile();
        problems.into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn a_secret_key_in_the_settings_is_refused_and_not_shown() {
        let secret = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
        let problems = problems(&format!("encrypt_to = [\"{secret}\"]"));
        assert_eq!(problems, ["this is the secret key, which only the reader of messages should have"]);
    }

    #[test]
    fn a_format_has_a_name_and_a_program() {
        assert_eq!(problems("export = { opus = [\"opusenc\", \"-\", \"-\"] }"), [""; 0]);
        assert_eq!(problems("export = { wav = [\"cat\"], \"../x\" = [\"cat\"], mp3 = [] }").len(), 3);
    }
}
