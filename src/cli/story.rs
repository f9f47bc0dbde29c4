//! A simulated call as it goes, second by second.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::call::prompt::Prompt;
use crate::switch::prompts::{Library, Sources};

/// Something that happens in the call.
#[derive(Debug, Serialize)]
pub struct Moment {
    /// How long after the answer, at the earliest.
    #[serde(rename = "at_s", serialize_with = "seconds")]
    at: Duration,
    /// What.
    what: String,
}

/// As a number of seconds.
pub fn seconds<S: Serializer>(at: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(at.as_secs_f64())
}

/// What happens, in order.
#[derive(Debug, Default)]
pub struct Story {
    now: Duration,
    moments: Vec<Moment>,
    /// What prompts are made from, so that each has its length; `None`: lengths are not told.
    sources: Option<Sources>,
}

impl Story {
    /// A story that tells how long prompts are.
    pub fn with(sources: Sources) -> Self {
        Self { sources: Some(sources), ..Self::default() }
    }

    /// How long after the answer the story is now.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Time passes.
    pub fn passes(&mut self, time: Duration) {
        self.now += time;
    }

    /// Something happens that takes no time.
    pub fn tell(&mut self, what: impl Into<String>) {
        self.moments.push(Moment { at: self.now, what: what.into() });
    }

    /// Somebody hears a prompt, and nothing goes on before its end.
    pub fn hears(&mut self, what: &str, prompt: &Prompt) {
        let length = self.length(prompt);
        let told = match (length, &self.sources) {
            (Some(length), _) => format!(" ({:.1} s)", length.as_secs_f64()),
            (None, Some(_)) if !prompt.is_empty() => {
                " (its length is known once it has been rendered)".to_owned()
            }
            (None, _) => String::new(),
        };
        self.tell(format!("{what} {prompt}{told}"));
        self.passes(length.unwrap_or_default());
    }

    fn length(&self, prompt: &Prompt) -> Option<Duration> {
        // What cannot be rendered has no length here; `check` tells what is wrong with it.
        let (library, _) = Library::load([prompt.clone()], self.sources.as_ref()?);
        let clip = library.clip(prompt)?;
        Some(Duration::from_millis(clip.duration_ms()))
    }

    /// Everything that happens.
    pub fn moments(self) -> Vec<Moment> {
        self.moments
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", clock(self.at), self.what)
    }
}

/// Minutes and seconds: `1:05`.
pub fn clock(at: Duration) -> String {
    format!("{}:{:02}", at.as_secs() / 60, at.as_secs() % 60)
}
