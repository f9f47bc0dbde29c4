//! Settings files as they lie on the disk: reads one whole, and says of one that cannot be read
//! where it is broken and what to do.

use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use crate::daemon::findings::{Findings, Source};
use crate::problem::{Problem, nearest};

/// The longest settings file, in bytes. A device or a log named by mistake must not fill the memory.
const LONGEST: u64 = 16 << 20;
/// The longest secret, in bytes.
const LONGEST_SECRET: u64 = 4096;

/// Reads a file. `named_at` is the place that names it, where another file does.
pub fn read(
    path: &Path,
    findings: &mut Findings,
    named_at: Option<(&Arc<Source>, Range<usize>)>,
) -> Option<Arc<Source>> {
    let problem = match bytes(path) {
        Ok(bytes) if bytes.len() as u64 > LONGEST => {
            let message = format!("{} is longer than {} MiB", path.display(), LONGEST >> 20);
            Problem::error(0..0, message).help("name the settings file: this is something else")
        }
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => return Some(Arc::new(Source { path: path.to_owned(), text })),
            Err(error) => {
                not_utf8(path, error, findings);
                return None;
            }
        },
        Err(error) => Problem::error(0..0, format!("cannot read {}: {}", path.display(), plain(&error)))
            .help("name another file, or let the daemon's user read it"),
    };
    match named_at {
        Some((source, span)) => findings.add(source, [Problem { span: Some(span), ..problem }]),
        None => findings.add_elsewhere(problem),
    }
    None
}

/// Reads a file with a secret on its only line: nobody else may be able to read it. The error says what is
/// wrong with it, as in "is in a file that others can read".
pub fn secret(path: &Path) -> Result<String, String> {
    let unreadable =
        |error: io::Error| format!("is in {}, which cannot be read: {}", path.display(), plain(&error));
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() || about.len() > LONGEST_SECRET {
        return Err(format!("is to be in {}, which is no file with a secret", path.display()));
    }
    if about.permissions().mode() & 0o077 != 0 {
        let path = path.display();
        return Err(format!("is in {path}, which others can read (chmod 600 {path})"));
    }
    let text = String::from_utf8(bytes(path).map_err(unreadable)?);
    text.map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
        .map_err(|_| format!("is in {}, which is no text", path.display()))
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Shows the first letter that is not UTF-8, in the text as far as it can be read.
fn not_utf8(path: &Path, error: std::string::FromUtf8Error, findings: &mut Findings) {
    let at = error.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
    let source = Arc::new(Source { path: path.to_owned(), text });
    let span = at..at + char::REPLACEMENT_CHARACTER.len_utf8();
    let problem = Problem::error(span, "this letter is not in UTF-8")
        .help("save the file as UTF-8: iconv -f latin1 -t utf-8 turns most such files into it");
    findings.add(&source, [problem]);
}

fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

/// What toml says of a text it cannot read, with the nearest known key where one is misspelt, and
/// how the value is written where it is of the wrong kind.
pub fn unreadable(error: &toml::de::Error, text: &str) -> Problem {
    let span = error.span().map_or(0..0, |span| visible(span, text));
    let message = error.message();
    let problem = Problem::error(span, in_plain_words(message));
    if message.starts_with("unknown ") {
        return unknown(problem);
    }
    if let Some(missing) = message.strip_prefix("missing field ") {
        return problem.help(format!("add {missing} here"));
    }
    match way_to_write(message) {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// A fault at the end of a line or of the file has no letter of its own: the one before is shown.
fn visible(span: Range<usize>, text: &str) -> Range<usize> {
    if span.start < span.end {
        return span;
    }
    let end = text.get(..span.start).map_or(0, |before| before.trim_end().len());
    let start = text.get(..end).and_then(|before| before.char_indices().next_back()).map_or(0, |(at, _)| at);
    start..end
}

fn unknown(problem: Problem) -> Problem {
    let names: Vec<&str> = problem.message.split('`').skip(1).step_by(2).collect();
    let Some((wrong, known)) = names.split_first() else { return problem };
    let what = if problem.message.starts_with("unknown variant") { "value" } else { "key" };
    let message = format!("there is no {what} `{wrong}` here");
    let help = match nearest(wrong, known.iter().copied()) {
        _ if *wrong == "password" && known.contains(&"password_file") => {
            "a password never stands in the settings: write it into a file, and password_file = \"PATH\""
                .to_owned()
        }
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", known.join(", ")),
    };
    Problem { message, ..problem }.help(help)
}

/// Settings know tables; the names of our types are nobody's concern.
fn in_plain_words(message: &str) -> String {
    match message.rsplit_once("expected struct ") {
        Some((before, _)) => format!("{before}expected a table"),
        None => message.to_owned(),
    }
}

/// How a value of the kind that was expected is written.
fn way_to_write(message: &str) -> Option<&'static str> {
    let expected = message.rsplit_once("expected ").map_or("", |(_, expected)| expected);
    match expected {
        "a string" | "a borrowed string" => Some("write it in quotes, as in \"20s\""),
        "a sequence" => Some("write a list, as in [\"...\"]"),
        "a boolean" => Some("write true or false, without quotes"),
        "u8" | "u16" | "u32" | "u64" | "usize" => Some("write a number from 0 up, without quotes"),
        "struct AudioSetting" => Some("write { file = \"...\" }, { say = \"...\" } or { ringback = \"de\" }"),
        _ if expected.starts_with("struct ") => {
            Some("write its keys on lines of their own below [its name], or as { key = ... }")
        }
        _ if message == "invalid IP address syntax" => Some(
            "write an address (198.51.100.10), or where networks are named, a network (198.51.100.10/32)",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Problem {
        let error = toml::from_str::<toml::Table>(text).unwrap_err();
        unreadable(&error, text)
    }

    #[test]
    fn a_fault_at_the_end_of_the_file_is_shown_at_its_last_letter() {
        let text = "a = 1\n[[hotlines\n";
        assert_eq!(fault(text).span, Some(15..16));
    }

    #[test]
    fn a_text_where_a_sound_belongs_is_told_in_the_words_of_the_settings() {
        #[derive(Debug, serde::Deserialize)]
        #[allow(dead_code, reason = "only its type is of interest")]
        struct Wanted {
            welcome: crate::call::settings::AudioSetting,
        }
        let text = "welcome = \"hello\"";
        let problem = unreadable(&toml::from_str::<Wanted>(text).unwrap_err(), text);
        assert_eq!(problem.message, "invalid type: string \"hello\", expected a table");
        assert!(problem.help.is_some_and(|help| help.contains("{ say = ")));
    }

    #[test]
    fn a_letter_that_is_not_utf_8_is_named_with_line_and_column() {
        let mut findings = Findings::default();
        let error = String::from_utf8(b"a = 1\nname = \"Z\xfcrich\"\n".to_vec()).unwrap_err();
        not_utf8(Path::new("n.toml"), error, &mut findings);
        let finding = findings.0.first().unwrap();
        assert_eq!(finding.place(), Some((2, 10)));
        assert!(findings.render(false).contains("n.toml:2:10"), "{}", findings.render(false));
    }

    #[test]
    fn a_value_of_the_wrong_kind_comes_with_the_way_to_write_it() {
        #[derive(Debug, serde::Deserialize)]
        struct Wanted {
            #[allow(dead_code, reason = "only its type is of interest")]
            a: Vec<ipnet::IpNet>,
        }
        for (text, part) in [("a = 3", "a list"), ("a = [\"127.0.0.1\"]", "127.0.0.1/32")] {
            let error = toml::from_str::<Wanted>(text).unwrap_err();
            let help = unreadable(&error, text).help.unwrap_or_default();
            assert!(help.replace("198.51.100.10", "127.0.0.1").contains(part), "{text}: {help}");
        }
    }

    #[test]
    fn a_file_without_an_end_is_not_read_to_its_end() {
        let mut findings = Findings::default();
        assert!(read(Path::new("/dev/zero"), &mut findings, None).is_none());
        assert!(findings.render(false).contains("longer than 16 MiB"));
    }
}
