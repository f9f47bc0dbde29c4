//! What the script asks of the switch.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{LegEvents, LegId};
use crate::call::prompt::{Memo, Prompt};
use crate::oncall::{E164, Phone};

/// All keys there are.
pub(super) const KEYS: [char; 16] =
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];
/// What the script asks of the switch. No request waits for an answer unless it carries a channel.
#[derive(Debug)]
pub enum Request {
    /// Answer the caller. `done` tells when the caller's ACK has come, or fails when it did not.
    Answer {
        /// The caller's leg.
        leg: LegId,
        /// Sent when media can flow.
        done: oneshot::Sender<()>,
    },
    /// Ring a phone.
    Dial(Dial),
    /// Play a prompt, in place of whatever is being played.
    Play {
        /// To whom.
        leg: LegId,
        /// What.
        prompt: Prompt,
        /// Again and again, until something else is asked for.
        looped: bool,
        /// Keys that stop it at once, without waiting for the script to hear of them.
        until: KeySet,
        /// Sent at the end; dropped unsent when something else took its place.
        done: oneshot::Sender<()>,
    },
    /// Be silent.
    Silence {
        /// Towards whom.
        leg: LegId,
    },
    /// Let two answered legs hear each other. Ends with either leg.
    Bridge(LegId, LegId),
    /// Let several answered legs hear each other. Goes on without those that end.
    Confer(Vec<LegId>),
    /// What the keys of a leg are for.
    Keys {
        /// Whose.
        leg: LegId,
        /// For what.
        used: KeyUse,
    },
    /// Find out whether there is room for a recording.
    Room {
        /// What is to be recorded.
        what: Recording,
        /// Sent what is in the way, in words, if anything is.
        done: oneshot::Sender<Result<(), String>>,
    },
    /// Record what a leg says into a file.
    Record {
        /// Who speaks.
        leg: LegId,
        /// The name of the recording, without a folder: `<call>.wav`.
        name: String,
        /// What it may become.
        limits: Limits,
        /// Sent once the file is whole on the disk (or dropped, as empty). It may end by itself.
        done: oneshot::Sender<Recorded>,
    },
    /// Make a recording ready to be played to somebody.
    Load {
        /// Its name, without a folder.
        name: String,
        /// Sent the sound; nothing: it is not there, or cannot be read.
        done: oneshot::Sender<Option<Memo>>,
    },
    /// Take a few words of a leg into memory; silence ends them.
    RecordName {
        /// Who speaks.
        leg: LegId,
        /// The longest they may become.
        longest: Duration,
        /// Sent once they are over: the words, if any were said. Whoever drops its other end forgets them.
        done: oneshot::Sender<Option<Memo>>,
    },
    /// Record legs that hear each other into one file, until the last of them ends.
    RecordBridge {
        /// Who is on the left.
        caller: LegId,
        /// Who are on the right, together.
        responders: Vec<LegId>,
        /// The name of the recording, without a folder: `<call>.call.wav`.
        name: String,
        /// Sent once the file is whole on the disk.
        done: oneshot::Sender<Recorded>,
    },
    /// Another leg joins those on the right of the recording of a call.
    JoinRecording {
        /// Who is on its left.
        caller: LegId,
        /// Who joins.
        leg: LegId,
    },
    /// End the recording of a leg.
    StopRecording {
        /// Whose.
        leg: LegId,
        /// What of its end is no part of it.
        cut: Cut,
    },
    /// Nobody holds the leg any more: end it in whatever state it is.
    Release {
        /// Which.
        leg: LegId,
        /// Played to an answered leg first.
        clip: Option<Prompt>,
        /// What is told to the other side, and to a person reading the log.
        reason: Farewell,
    },
}

/// A set of keys: `0`-`9`, `*`, `#`, `A`-`D`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeySet(u16);

impl KeySet {
    /// No key.
    pub const NONE: Self = Self(0);

    /// The keys of which this holds.
    pub fn of(holds: impl Fn(char) -> bool) -> Self {
        let bits = KEYS.iter().enumerate().filter(|(_, key)| holds(**key)).map(|(n, _)| 1 << n);
        Self(bits.fold(0, |set, bit: u16| set | bit))
    }

    /// Whether a key is one of them.
    pub fn contains(self, key: char) -> bool {
        KEYS.iter().position(|known| *known == key).is_some_and(|n| self.0 & (1 << n) != 0)
    }
}

/// What the keys of a phone are for that hears another one. The script is told of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyUse {
    /// They are the other one's to hear.
    #[default]
    Partner,
    /// A star and one of these is a command to us; all else is the other one's to hear.
    Commands(KeySet),
    /// They are the script's alone.
    Script,
}

/// What is cut off the end of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Nothing.
    Nothing,
    /// The key that was pressed last, from where it began, and what came after it.
    NewestKey,
    /// All of it: nothing is kept.
    Everything,
}

/// Something that may be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// A message, this long at most.
    Message(Duration),
    /// A call with both its sides.
    Call,
}

/// A phone to be rung.
#[derive(Debug)]
pub struct Dial {
    /// The new leg.
    pub leg: LegId,
    /// Whose call it is for.
    pub call: crate::call::CallId,
    /// The caller's leg, where there is one: both hear the prompts as they were when the call began.
    pub beside: Option<LegId>,
    /// Whose phone it is: the id of a person.
    pub person: String,
    /// What to dial.
    pub phone: Phone,
    /// The trunks to go out over, by name, in order.
    pub trunks: Arc<[String]>,
    /// The number shown; nothing: withheld.
    pub caller_id: Option<E164>,
    /// The hotline's own number: the trunk is told it also where another one is shown.
    pub own_number: Option<E164>,
    /// Nobody waits for it: it ends when a caller needs the line, and leaves one for a caller to come in.
    pub gives_way: bool,
    /// Where the leg's news go.
    pub events: LegEvents,
}

/// Why we let go of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// The ordinary end.
    Done,
    /// Somebody else took the call (RFC 3326: "Call completed elsewhere").
    AnsweredElsewhere,
    /// The time for ringing is over.
    RangOut,
    /// Not let in: refused with 603 before an answer.
    Refused,
    /// No room: refused with 503 and Retry-After before an answer.
    Overload,
    /// We broke it: 500 before an answer.
    Broken,
}

/// What a message may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest.
    pub longest: Duration,
    /// How much silence ends it by itself; nothing: none does.
    pub silence: Option<Duration>,
    /// With less sound than this nothing is kept.
    pub least: Duration,
}

impl Limits {
    /// A message that only its length ends, and of which every sound is kept.
    pub fn longest(longest: Duration) -> Self {
        Self { longest, silence: None, least: Duration::ZERO }
    }
}

/// A recording that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Whether a file was kept: an empty recording is dropped.
    pub kept: bool,
    /// Its length in ms; of a message that was too short to be kept, how much sound there was.
    pub duration_ms: u64,
    /// The disk failed us before the end.
    pub truncated: bool,
    /// It ended by itself, because nothing was said for so long.
    pub silence: bool,
}

impl Recorded {
    /// One of which nothing was kept, though nothing went wrong.
    pub const NOTHING: Self = Self { kept: false, duration_ms: 0, truncated: false, silence: false };
}
