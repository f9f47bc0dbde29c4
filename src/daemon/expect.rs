//! `[[expect]]`: what the operator wants certain calls to come to. `check` lets each of them happen, and
//! says which came to something else.

use serde::Deserialize;
use toml::Spanned;

/// A call, and what it is to come to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// When it comes in: `2026-12-24T18:00 Europe/Berlin`.
    pub at: Spanned<String>,
    /// The number that is called.
    pub to: Spanned<String>,
    /// The caller's number; left out: withheld.
    pub from: Option<Spanned<String>>,
    /// The keys the caller presses.
    #[serde(default)]
    pub keys: String,
    /// Who is on the phone for another call.
    #[serde(default)]
    pub busy: Vec<Spanned<String>>,
    /// Who is rung first, or what the caller gets.
    pub reaches: Spanned<Reaches>,
}

/// What a call comes to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected a list of people, or \"voicemail\", \"closing\" or \"blocked\"")]
pub enum Reaches {
    /// These people are rung first, in this order; people of one level may be listed in any order where the
    /// route draws it.
    People(Vec<String>),
    /// Nobody is rung.
    Words(Outcome),
}

/// What a caller gets for whom nobody is rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A message is taken.
    Voicemail,
    /// Words, and the end.
    Closing,
    /// The call is refused.
    Blocked,
}
