//! Problems in settings files, shown as a person reads them: file, line, column, remedy.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Level, Origin, Renderer, Snippet};

use crate::daemon::secrets::concealed;
use crate::problem::{Problem, Severity};

/// One file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its path.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

/// A problem and the file it is in.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The file, where there is one.
    pub source: Option<Arc<Source>>,
    /// The problem.
    pub problem: Problem,
}

/// All that was found.
#[derive(Debug, Clone, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Adds the problems of one file.
    pub fn add(&mut self, source: &Arc<Source>, problems: impl IntoIterator<Item = Problem>) {
        let found = problems.into_iter().map(|problem| Finding { source: Some(source.clone()), problem });
        self.0.extend(found);
    }

    /// Adds a problem that stands in no file.
    pub fn add_elsewhere(&mut self, problem: Problem) {
        self.0.push(Finding { source: None, problem });
    }

    /// Whether any keeps the daemon from starting.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|finding| finding.problem.is_error())
    }

    /// How many errors and warnings there are.
    pub fn counts(&self) -> (usize, usize) {
        let errors = self.0.iter().filter(|finding| finding.problem.is_error()).count();
        (errors, self.0.len() - errors)
    }

    /// All of them as text, errors first.
    pub fn render(&self, colour: bool) -> String {
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_by_key(|finding| std::cmp::Reverse(finding.problem.severity));
        sorted.iter().map(|finding| finding.render(colour) + "\n\n").collect()
    }
}

impl Finding {
    fn render(&self, colour: bool) -> String {
        let level = match self.problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(&self.problem.message);
        let text = self.source.as_ref().map(|source| concealed(&source.text)).unwrap_or_default();
        let mut group = match (&self.source, &self.problem.span) {
            (Some(source), Some(span)) if span.start < span.end => {
                title.element(snippet(&source.path, &text, span))
            }
            (Some(source), _) => title.element(Origin::path(source.path.display().to_string())),
            (None, _) => title.elements(None::<Origin<'_>>),
        };
        if let Some(help) = &self.problem.help {
            group = group.element(Level::HELP.message(help));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.decor_style(DecorStyle::Ascii).render(&[group])
    }

    /// Line and column, counted from 1.
    pub fn place(&self) -> Option<(usize, usize)> {
        let start = self.problem.span.as_ref().filter(|span| !span.is_empty())?.start;
        let before = self.source.as_ref()?.text.get(..start)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        Some((line, column))
    }
}

/// The place in the file. A span that is a whole table is cut to its first line.
fn snippet<'a>(path: &Path, text: &'a str, span: &Range<usize>) -> Snippet<'a, Annotation<'a>> {
    let (start, end) = (span.start.min(text.len()), span.end.min(text.len()));
    let first_line = text.get(start..end).and_then(|part| part.find('\n')).map_or(end, |at| start + at);
    Snippet::source(text)
        .path(path.display().to_string())
        .annotation(AnnotationKind::Primary.span(start..first_line))
}
