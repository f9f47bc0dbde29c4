//! What holds for certain callers: those of known numbers, and those who call again and again.

use std::time::Duration;

use crate::call::choice::Place;
use crate::call::filter::Entry;
use crate::call::prompt::Prompt;
use crate::oncall::E164;

/// What holds for callers with these numbers.
#[derive(Debug, Clone)]
pub struct CallerRule {
    /// Who they are.
    pub name: String,
    /// Their numbers.
    pub numbers: Vec<Entry>,
    /// Where they get to without a menu.
    pub place: Option<Place>,
    /// The level at which the chain begins for them, counted from 1.
    pub level: Option<u8>,
    /// Whether they come before all others who wait.
    pub front: bool,
    /// The first words they hear in place of the hotline's.
    pub welcome: Option<Prompt>,
}

/// What holds for callers who call again and again.
#[derive(Debug, Clone)]
pub struct Repeated {
    /// From this call on.
    pub calls: usize,
    /// Within this time.
    pub within: Duration,
    /// Where they get to without a menu.
    pub place: Option<Place>,
    /// The level at which the chain begins for them, counted from 1.
    pub level: Option<u8>,
}

impl CallerRule {
    /// Whether it is about a caller; `None` is one without a number.
    pub fn fits(&self, caller: Option<&E164>) -> bool {
        self.numbers.iter().any(|entry| entry.matches(caller))
    }
}
