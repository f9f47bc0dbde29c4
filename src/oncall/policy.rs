//! How a route wants people to be rung.

use std::fmt;

use serde::Deserialize;

use crate::oncall::name::Target;

/// Whom a route rings, in which order and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialPolicy {
    /// The levels, first to last; a level is over when all of it have been tried.
    pub levels: Vec<Vec<Target>>,
    /// The order of the people inside a level.
    pub order: Order,
    /// Which phones of a person are rung.
    pub phones: PhoneChoice,
    /// The most people whose phones are rung in one call, repeats counted; `None`: all of them;
    /// 0: nobody, the caller is sent to the voicemail.
    pub max_people: Option<u32>,
    /// How often the chain is begun again after its end.
    pub repeat: Repeat,
    /// Ring no person and no number twice in one pass of the chain.
    pub skip_dialled: bool,
    /// Leave out who is busy with another call, and try them again after all the others.
    pub skip_busy: bool,
}

/// The order of the people inside a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// One after another, in another order for each call, so that nobody is always first.
    #[default]
    Shuffled,
    /// One after another, as they are listed.
    Listed,
    /// One alone, drawn by lot among those who are free; then the next level.
    OneRandom,
    /// All together: who accepts first has the call.
    AllAtOnce,
}

/// How often the chain is begun again after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Repeat {
    /// So often, 0 to 9.
    Times(u8),
    /// As the escalations in it say; of several, the one that says most.
    Own,
}

/// Which phones of a person are rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhoneChoice {
    /// One after another, as they are listed.
    #[default]
    All,
    /// The first alone.
    First,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shuffled => "shuffled",
            Self::Listed => "listed",
            Self::OneRandom => "one-random",
            Self::AllAtOnce => "all-at-once",
        })
    }
}

impl fmt::Display for PhoneChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all",
            Self::First => "first",
        })
    }
}

impl Default for DialPolicy {
    /// Our own choice: everybody once, in an order of the call's own, the busy ones last.
    fn default() -> Self {
        Self {
            levels: Vec::new(),
            order: Order::Shuffled,
            phones: PhoneChoice::All,
            max_people: None,
            repeat: Repeat::Times(0),
            skip_dialled: true,
            skip_busy: true,
        }
    }
}
