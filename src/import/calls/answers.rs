//! The answers, read line by line.

use std::collections::HashMap;

use super::QUESTIONS;
use crate::import::Directory;
use crate::oncall::{E164, Language, Target};

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}: {why}", column.map_or_else(String::new, |column| format!(", {column}")))]
pub struct AnswerError {
    /// The line, counted from 1.
    pub line: u64,
    /// The column, where one is to blame.
    pub column: Option<&'static str>,
    /// What is wrong.
    pub why: String,
}

/// The answers for one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// The number.
    pub(super) number: E164,
    pub(super) name: String,
    pub(super) language: Option<Language>,
    pub(super) welcome: String,
    pub(super) menu_text: String,
    pub(super) recipients: Vec<Target>,
    pub(super) tries: Option<u32>,
    pub(super) notify: String,
    pub(super) voicemail: bool,
    pub(super) message: String,
    pub(super) blocklist: Vec<String>,
    pub(super) hold_music: String,
    pub(super) repeat: Repeat,
    pub(super) options: Vec<MenuOption>,
}

/// A key of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MenuOption {
    pub key: char,
    pub name: String,
    pub recipients: Vec<Target>,
}

/// How often all are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Not answered: as the preset says.
    Unsaid,
    /// As the escalations say.
    Own,
    /// So many times.
    Times(u8),
}

impl Answers {
    /// Reads a table. Recipients may be named as the other service names them.
    pub fn read(text: &str, directory: &Directory) -> Result<Vec<Self>, Vec<AnswerError>> {
        let mut reader = Reader { directory, errors: Vec::new(), numbers: Vec::new() };
        reader.table(text);
        if reader.numbers.is_empty() && reader.errors.is_empty() {
            reader.error(1, None, "no line names a number".to_owned());
        }
        if reader.errors.is_empty() { Ok(reader.numbers) } else { Err(reader.errors) }
    }
}

/// One line of the table.
struct Line<'a> {
    number: u64,
    cells: HashMap<&'static str, &'a str>,
}

impl<'a> Line<'a> {
    fn cell(&self, column: &str) -> &'a str {
        self.cells.get(column).copied().unwrap_or_default().trim()
    }

    fn list(&self, column: &str) -> impl Iterator<Item = &'a str> {
        self.cell(column).split([';', '\n']).map(str::trim).filter(|entry| !entry.is_empty())
    }
}

struct Reader<'a> {
    directory: &'a Directory,
    errors: Vec<AnswerError>,
    numbers: Vec<Answers>,
}

impl Reader<'_> {
    fn error(&mut self, line: u64, column: Option<&'static str>, why: String) {
        self.errors.push(AnswerError { line, column, why });
    }

    /// Office programs of many countries write semicolons between the cells.
    fn table(&mut self, text: &str) {
        let header = text.lines().next().unwrap_or_default();
        let delimiter = [b',', b';', b'\t']
            .into_iter()
            .max_by_key(|delimiter| header.bytes().filter(|byte| byte == delimiter).count());
        let mut table = csv::ReaderBuilder::new()
            .delimiter(delimiter.unwrap_or(b','))
            .flexible(true)
            .from_reader(text.as_bytes());
        let Some(columns) = self.columns(&mut table) else { return };
        for record in table.records() {
            match record {
                Ok(record) => {
                    let number = record.position().map_or(0, csv::Position::line);
                    let cells = columns.iter().copied().zip(record.iter());
                    let cells = cells.filter_map(|(column, cell)| Some((column?, cell))).collect();
                    self.line(&Line { number, cells });
                }
                Err(error) => self.error(0, None, error.to_string()),
            }
        }
    }

    /// The columns of the table; nothing for those that are not ours.
    fn columns(&mut self, table: &mut csv::Reader<&[u8]>) -> Option<Vec<Option<&'static str>>> {
        let header = table.headers().ok()?;
        let known = |cell: &str| {
            let cell = cell.trim().to_lowercase();
            QUESTIONS.iter().map(|(column, _)| *column).find(|column| *column == cell)
        };
        let columns: Vec<Option<&'static str>> = header.iter().map(known).collect();
        let unknown: Vec<String> = header
            .iter()
            .zip(&columns)
            .filter(|(cell, column)| column.is_none() && !cell.trim().is_empty())
            .map(|(cell, _)| cell.to_owned())
            .collect();
        if !columns.contains(&Some("number")) || !unknown.is_empty() {
            let names = QUESTIONS.map(|(column, _)| column).join(", ");
            let wrong =
                if unknown.is_empty() { String::new() } else { format!(", not {}", unknown.join(", ")) };
            self.error(1, None, format!("the first line names the columns: {names}{wrong}"));
            return None;
        }
        Some(columns)
    }

    fn line(&mut self, line: &Line<'_>) {
        let number = line.cell("number");
        if number.starts_with('#') || line.cells.values().all(|cell| cell.trim().is_empty()) {
            return;
        }
        let number = match E164::parse(number) {
            Ok(number) => number,
            Err(error) => return self.error(line.number, Some("number"), error.to_string()),
        };
        if !self.numbers.iter().any(|known| known.number == number) {
            let answers = self.answers(line, number.clone());
            self.numbers.push(answers);
        }
        self.option(line, &number);
    }

    fn answers(&mut self, line: &Line<'_>, number: E164) -> Answers {
        let has_key = !line.cell("key").is_empty();
        let name = if has_key { "" } else { line.cell("name") };
        Answers {
            name: if name.is_empty() { format!("Hotline {number}") } else { name.to_owned() },
            number,
            language: self.language(line),
            welcome: line.cell("welcome").to_owned(),
            menu_text: line.cell("menu_text").to_owned(),
            recipients: if has_key { Vec::new() } else { self.recipients(line) },
            tries: self.tries(line),
            notify: line.cell("notify").to_owned(),
            voicemail: self.yes(line, "voicemail", true),
            message: line.cell("message").to_owned(),
            blocklist: line.list("blocklist").map(str::to_owned).collect(),
            hold_music: line.cell("hold_music").to_owned(),
            repeat: self.repeat(line),
            options: Vec::new(),
        }
    }

    fn option(&mut self, line: &Line<'_>, number: &E164) {
        let text = line.cell("key");
        if text.is_empty() {
            return;
        }
        let mut characters = text.chars();
        let key = match (characters.next(), characters.next()) {
            (Some(key), None) if key.is_ascii_digit() || key == '*' => key,
            _ => return self.error(line.number, Some("key"), format!("`{text}` is not 0-9 or *")),
        };
        let name = match line.cell("name") {
            "" => format!("Option {key}"),
            name => name.to_owned(),
        };
        let recipients = self.recipients(line);
        let Some(answers) = self.numbers.iter_mut().find(|known| known.number == *number) else { return };
        if answers.options.iter().any(|option| option.key == key) {
            return self.error(line.number, Some("key"), format!("{number} has the key {key} twice"));
        }
        answers.options.push(MenuOption { key, name, recipients });
    }

    fn recipients(&mut self, line: &Line<'_>) -> Vec<Target> {
        let mut recipients = Vec::new();
        for name in line.list("recipients") {
            match self.directory.target(name) {
                Ok(target) => recipients.push(target),
                Err(error) => self.error(line.number, Some("recipients"), error.to_string()),
            }
        }
        recipients
    }

    fn language(&mut self, line: &Line<'_>) -> Option<Language> {
        let code = line.cell("language").to_lowercase();
        let language = Language::from_code(code.get(..2).unwrap_or(&code));
        if language.is_none() && !code.is_empty() {
            let known: Vec<String> = Language::ALL.iter().map(ToString::to_string).collect();
            self.error(line.number, Some("language"), format!("`{code}` is none of {}", known.join(", ")));
        }
        language
    }

    fn tries(&mut self, line: &Line<'_>) -> Option<u32> {
        let text = line.cell("tries");
        if text.is_empty() || text.eq_ignore_ascii_case("all") {
            return None;
        }
        let tries = text.parse().ok().filter(|tries| *tries <= 50);
        if tries.is_none() {
            self.error(line.number, Some("tries"), format!("`{text}` is not a number from 0 to 50"));
        }
        tries
    }

    fn repeat(&mut self, line: &Line<'_>) -> Repeat {
        let text = line.cell("repeat");
        match text.parse::<u8>() {
            Ok(times) if times <= 9 => Repeat::Times(times),
            Ok(_) => {
                self.error(line.number, Some("repeat"), format!("{text} is more than 9"));
                Repeat::Unsaid
            }
            Err(_) if text.is_empty() => Repeat::Unsaid,
            Err(_) if self.yes(line, "repeat", false) => Repeat::Own,
            Err(_) => Repeat::Times(0),
        }
    }

    fn yes(&mut self, line: &Line<'_>, column: &'static str, unsaid: bool) -> bool {
        match line.cell(column).to_lowercase().as_str() {
            "" => unsaid,
            "yes" | "y" | "true" | "on" => true,
            "no" | "n" | "false" | "off" => false,
            other => {
                self.error(line.number, Some(column), format!("`{other}` is neither yes nor no"));
                unsaid
            }
        }
    }
}
