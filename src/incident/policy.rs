//! What a route wants of incidents: when one is opened, who is told, and what becomes of it.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Declares an enum whose words in settings, database and output are one.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word used in settings, in the database and in output.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The value a word stands for.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(super) use words;

words! {
    /// At what an incident is opened.
    Moment {
        /// The call itself: when the caller has got to the route (after the menu, where there is one).
        Call = "call",
        /// The same by another name, for hotlines with a menu.
        AfterMenu = "after-menu",
        /// Nobody answered, or the caller gave up before somebody did.
        NoAnswer = "no-answer",
        /// A message was kept.
        Voicemail = "voicemail",
        /// Somebody accepted.
        Accept = "accept",
    }
}

words! {
    /// What becomes of the incident of a call that was answered.
    Answered {
        /// Written when the bridge ends, already resolved; nobody is told to come.
        ResolveAtEnd = "resolve-at-end",
        /// Written when the bridge ends, and left open.
        Open = "open",
        /// Acknowledged by whoever accepted, at once.
        Acknowledge = "acknowledge",
        /// There is none.
        None = "none",
    }
}

words! {
    /// What becomes of the incident of a call that nobody answered.
    Unanswered {
        /// It stays as it is.
        Keep = "keep",
        /// People are told again, from level 1 on, until somebody acknowledges it.
        EscalateAgain = "escalate-again",
        /// It is resolved when the call ends.
        ResolveAtEnd = "resolve-at-end",
    }
}

words! {
    /// What becomes of the incident of a caller who gave up before an answer, without a message.
    Abandoned {
        /// It is resolved.
        Resolve = "resolve",
        /// It stays as it is.
        Keep = "keep",
        /// There is none; one that is there already is resolved.
        None = "none",
    }
}

words! {
    /// Who is on the incident.
    Assign {
        /// Whoever is on level 1.
        FirstLevel = "first-level",
        /// Whoever accepted; before that nobody.
        Answerer = "answerer",
        /// Everyone whose phone was rung.
        AllRung = "all-rung",
    }
}

words! {
    /// How grave an incident is.
    Severity {
        /// The gravest.
        Critical = "critical",
        /// Grave.
        Error = "error",
        /// To be looked at.
        Warning = "warning",
        /// To be known.
        Info = "info",
    }
}

/// When people are told of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotifyWhen {
    /// As soon as it is opened.
    AtOnce,
    /// So long after it was opened, in ms, if it is still neither answered nor resolved.
    After(u64),
    /// When there is a message.
    Voicemail,
}

impl NotifyWhen {
    /// How long after it was opened.
    pub fn after(delay: Duration) -> Self {
        Self::After(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX))
    }
}

/// What a route wants of incidents. Stored with the call: a reload does not change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// At what one is opened; empty: never.
    pub open: BTreeSet<Moment>,
    /// When people are told.
    pub notify_when: NotifyWhen,
    /// Of an answered call.
    pub answered: Answered,
    /// Of an unanswered call.
    pub unanswered: Unanswered,
    /// Of a caller who gave up.
    pub abandoned: Abandoned,
    /// Who is on it.
    pub assign: Assign,
    /// How grave it is.
    pub severity: Severity,
    /// Whether a message is written out.
    pub transcript: bool,
    /// The names of the `[[notify]]` targets that are told.
    pub notify: Vec<String>,
    /// Whether people are phoned again until somebody acknowledges an incident that is left open.
    pub chase: bool,
}

impl Policy {
    /// Of calls that no incident comes of, but by hand.
    pub fn never() -> Self {
        Self {
            open: BTreeSet::new(),
            notify_when: NotifyWhen::AtOnce,
            answered: Answered::None,
            unanswered: Unanswered::Keep,
            abandoned: Abandoned::Keep,
            assign: Assign::FirstLevel,
            severity: Severity::Critical,
            transcript: false,
            notify: Vec::new(),
            chase: false,
        }
    }
}

/// A line for each thing that matters, as `check` prints it.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.open.is_empty() {
            return writeln!(f, "  no incident is opened");
        }
        let moments: Vec<_> = self.open.iter().map(|moment| moment.in_words()).collect();
        writeln!(f, "  an incident ({}) is opened {}", self.severity, moments.join(", and "))?;
        let whom = if self.notify.is_empty() { "nobody".to_owned() } else { self.notify.join(", ") };
        writeln!(f, "  {whom} is told {}", self.notify_when)?;
        writeln!(
            f,
            "  its incident when answered: {}; unanswered: {}; given up: {}; on it: {}",
            self.answered, self.unanswered, self.abandoned, self.assign
        )?;
        Ok(())
    }
}

impl Moment {
    fn in_words(self) -> &'static str {
        match self {
            Self::Call => "when the caller is at the route",
            Self::AfterMenu => "when the caller has come through the menu",
            Self::NoAnswer => "when nobody answers",
            Self::Voicemail => "when a message is left",
            Self::Accept => "when somebody has answered",
        }
    }
}

/// `at once`, `2 min after that, if nobody has answered by then`
impl fmt::Display for NotifyWhen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtOnce => f.write_str("at once"),
            Self::After(ms) => write!(f, "{} s after that, if nobody has answered by then", ms / 1000),
            Self::Voicemail => f.write_str("when a message is left"),
        }
    }
}
