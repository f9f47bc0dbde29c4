//! What a responder can ask for with a star and a key while talking to a caller, as a route has it.

use std::fmt;

use crate::call::leg::{KeySet, KeyUse};
use crate::call::plan::Translated;
use crate::call::prompt::Prompt;
use crate::oncall::Target;

/// The key that makes a talk of all of them, between the two who speak before a transfer.
const EVERYBODY: char = '#';

/// The keys, each after a star; nothing: there is none for it.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Another person joins the call.
    pub conference: Option<char>,
    /// Another person is spoken to first, and then gets the call.
    pub transfer: Option<char>,
    /// Begins a recording, or ends it.
    pub record: Option<char>,
    /// Says which keys there are.
    pub help: Option<char>,
    /// Whether the key for help is told to everybody who accepts a call.
    pub announce: bool,
    /// What is said about it.
    pub words: Words,
}

/// What responders hear about these keys, and nobody else.
#[derive(Debug, Clone, Default)]
pub struct Words {
    /// The key for help, right after somebody has accepted.
    pub announce: Translated,
    /// The keys.
    pub help: Translated,
    /// A key that means nothing now.
    pub unknown: Translated,
    /// While another person's phone rings, to a responder whose caller is on hold; looped.
    pub ringing: Prompt,
    /// No other person has accepted.
    pub nobody_else: Translated,
    /// The recording has ended.
    pub recording_ended: Translated,
    /// The call cannot be recorded.
    pub not_recorded: Translated,
}

/// Who is rung when another person is asked for.
#[derive(Debug, Clone, Default)]
pub struct Invite {
    /// Those who may be; nobody: the others of the route.
    pub targets: Vec<Target>,
    /// Which of several.
    pub which: Translated,
    /// To whoever picks up, instead of the accept prompt.
    pub ask: Translated,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Another person joins the call.
    Conference,
    /// Another person is spoken to first, and then gets the call.
    Transfer,
    /// All hear each other, after two have spoken alone.
    Everybody,
    /// A recording begins, or ends.
    Record,
    /// Which keys there are.
    Help,
}

impl Keys {
    /// What the key after a star asks for.
    pub fn command(&self, key: char) -> Option<Command> {
        let known = self.all().into_iter().find(|(of, _)| *of == Some(key)).map(|(_, command)| command);
        known.or((key == EVERYBODY).then_some(Command::Everybody))
    }

    /// What the keys of a responder are for who speaks to the caller.
    pub fn in_call(&self) -> KeyUse {
        let known = KeySet::of(|key| self.all().iter().any(|(of, _)| *of == Some(key)));
        if known == KeySet::NONE { KeyUse::Partner } else { KeyUse::Commands(known) }
    }

    /// The same while the caller is on hold, and the responder speaks to the one who is to get the call.
    pub fn before_transfer(&self) -> KeyUse {
        KeyUse::Commands(KeySet::of(|key| {
            key == EVERYBODY || self.all().iter().any(|(of, _)| *of == Some(key))
        }))
    }

    fn all(&self) -> [(Option<char>, Command); 4] {
        [
            (self.conference, Command::Conference),
            (self.transfer, Command::Transfer),
            (self.record, Command::Record),
            (self.help, Command::Help),
        ]
    }

    /// Whether another person can be asked for.
    pub fn invites(&self) -> bool {
        self.conference.is_some() || self.transfer.is_some()
    }

    /// All that can be said about them.
    pub fn prompts(&self) -> Vec<Prompt> {
        if self.in_call() == KeyUse::Partner {
            return Vec::new();
        }
        let words = &self.words;
        let mut said = vec![&words.unknown];
        said.extend(self.announce.then_some(&words.announce));
        said.extend(self.help.map(|_| &words.help));
        said.extend(self.invites().then_some(&words.nobody_else));
        if self.record.is_some() {
            said.extend([&words.recording_ended, &words.not_recorded]);
        }
        let tone = self.invites().then(|| words.ringing.clone());
        said.into_iter().flat_map(Translated::all).cloned().chain(tone).collect()
    }
}

/// A line for `check`; nothing where there is no key.
impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.all().into_iter().filter_map(|(key, command)| Some((key?, command)));
        let told: Vec<_> = known.map(|(key, command)| format!("*{key} {command}")).collect();
        if told.is_empty() {
            return Ok(());
        }
        writeln!(f, "    keys of a responder during the call: {}", told.join(", "))
    }
}

/// The same.
impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.targets.is_empty() {
            return Ok(());
        }
        let targets: Vec<_> = self.targets.iter().map(ToString::to_string).collect();
        writeln!(f, "    another person is one of {}", targets.join(", "))
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Conference => "conference",
            Self::Transfer => "transfer",
            Self::Everybody => "all together",
            Self::Record => "record",
            Self::Help => "help",
        })
    }
}
