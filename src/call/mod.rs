//! The call: the script of a hotline from the welcome to the last goodbye.

pub mod journal;
pub mod leg;
pub mod prompt;

use std::fmt;

/// Names a call for ever: in logs, in the database, in file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}", self.0)
    }
}
