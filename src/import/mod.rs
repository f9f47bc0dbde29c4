//! Moving in from elsewhere: what other services export, read as on-call data of our own. Pure: texts
//! come in, a [`Draft`] of `oncall.toml` and a [`Report`] of what became of everything come out.
//!
//! Rules are imported, not rendered shifts: a weekly rotation stays a weekly rotation.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod calendar;
pub mod calls;
mod directory;
mod draft;
mod loose;
mod moment;
mod names;
mod number;
pub mod opsgenie;
pub mod pagerduty;
mod prune;
mod rendered;
mod report;
mod stretch;
mod verify;
mod write;

pub use directory::Directory;
pub use draft::{
    CalendarDraft, Draft, EscalationDraft, LevelDraft, OverrideDraft, PersonDraft, PhoneDraft, RotationDraft,
    ScheduleDraft, TeamDraft,
};
pub use rendered::{RenderedError, TheirShift, read as read_rendered};
pub use report::{Fate, Note, Report};
pub use verify::{Comparison, Difference, compare};

/// One file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Its path below the folder that was named, with `/` between the parts.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// What was made of an export.
#[derive(Debug, Clone, Default)]
pub struct Imported {
    /// The on-call data.
    pub draft: Draft,
    /// What became of everything.
    pub report: Report,
    /// The names by which the other service knows what is now ours.
    pub directory: Directory,
}
