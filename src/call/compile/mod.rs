//! From settings to plan: fills defaults in, looks names up, and collects every problem it finds.

mod accept;
mod callers;
mod choice;
mod fallback;
mod hotline;
mod incident;
mod keys;
mod menu;
mod opening;
mod pin;
mod prompts;
mod route;
mod unique;
mod values;
mod waiting;
mod ways;

pub use incident::NotifyTarget;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::call::compile::unique::{name_used_twice, number_used_twice};
use crate::call::compile::ways::Ways;
use crate::call::plan::Hotline;
use crate::call::prompt::Piece;
use crate::call::settings::HotlineSettings;
use crate::oncall::Roster;
use crate::problem::Problem;

/// What hotlines are checked against.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The people, teams and schedules that routes name.
    pub roster: &'a Roster,
    /// The names of the trunks.
    pub trunks: &'a [&'a str],
    /// The `[[notify]]` there are.
    pub targets: &'a [NotifyTarget<'a>],
    /// Whether there is a voice command.
    pub voice: bool,
    /// Reads a file with something that nobody may see. The error says what is wrong with it: `is empty`.
    pub secret: fn(&Path) -> Result<String, String>,
    /// The folder of the settings file: audio files are relative to it.
    pub folder: &'a Path,
}

/// What came of the settings. Run it only if no problem is an error.
#[derive(Debug, Clone, Default)]
pub struct Compiled {
    /// The hotlines.
    pub hotlines: Vec<Arc<Hotline>>,
    /// All that was found wrong.
    pub problems: Vec<Problem>,
    /// Where each text and file stands, for whoever loads them and finds one wanting.
    pub pieces: Vec<(Piece, Range<usize>)>,
}

/// Compiles all hotlines.
pub fn compile(settings: &[HotlineSettings], around: Surroundings<'_>) -> Compiled {
    let mut compiler = Compiler { settings, around, problems: Vec::new(), pieces: Vec::new() };
    let hotlines: Vec<_> = settings.iter().map(|hotline| compiler.hotline(hotline)).collect();
    let Compiler { mut problems, pieces, .. } = compiler;
    name_used_twice(settings, &mut problems);
    number_used_twice(settings, &mut problems);
    problems.extend(Ways { settings, hotlines: &hotlines }.problems());
    let hotlines = hotlines.into_iter().map(Arc::new).collect();
    Compiled { hotlines, problems, pieces }
}

struct Compiler<'a> {
    settings: &'a [HotlineSettings],
    around: Surroundings<'a>,
    problems: Vec<Problem>,
    pieces: Vec<(Piece, Range<usize>)>,
}

impl Compiler<'_> {
    fn error(&mut self, span: Range<usize>, message: impl Into<String>, help: &str) {
        self.problems.push(Problem::error(span, message).help(help));
    }
}
