//! A leg: a phone as the script sees it. Handles and channels only; the switch is at the other end.
//!
//! A leg's handle exists from the moment it is dialled (or arrives), and letting go of it in any
//! state releases the phone: the switch decides whether that is a CANCEL, a BYE or a refusal.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot, watch};

use crate::call::prompt::Prompt;
use crate::oncall::{E164, Phone};

/// Names a leg within this run of the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub u64);

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leg-{}", self.0)
    }
}

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
    /// Record what a leg says into a file.
    Record {
        /// Who speaks.
        leg: LegId,
        /// The name of the recording, without a folder: `<call>.wav`.
        name: String,
        /// Sent once the file is whole on the disk (or dropped, as empty).
        done: oneshot::Sender<Recorded>,
    },
    /// End the recording of a leg.
    StopRecording {
        /// Whose.
        leg: LegId,
        /// How much of the end to cut, in ms: the tone of the finishing key.
        cut_ms: u32,
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

/// A phone to be rung.
#[derive(Debug)]
pub struct Dial {
    /// The new leg.
    pub leg: LegId,
    /// Whose call it is for.
    pub call: crate::call::CallId,
    /// The caller's leg: both must live on one media thread.
    pub beside: LegId,
    /// What to dial.
    pub phone: Phone,
    /// The trunks to go out over, by name, in order.
    pub trunks: Arc<[String]>,
    /// The number shown; nothing: withheld.
    pub caller_id: Option<E164>,
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

/// How a leg ended, seen from the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gone {
    /// They hung up (BYE), or gave up before the answer (CANCEL).
    HungUp,
    /// No media came for the time set.
    MediaTimeout,
    /// Our answer was never acknowledged.
    NoAck,
    /// A dialled leg ended before its answer.
    NotAnswered(NotAnswered),
    /// We could not go on with it.
    Broken(String),
}

/// Why a dialled phone was not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAnswered {
    /// Busy (486, 600).
    Busy,
    /// Turned down at the phone (603 and the like).
    Declined,
    /// It rang, and the other side ended the attempt (408, 480, 487).
    NoAnswer,
    /// The number or the way to it is wrong (404, 484, 403 ...): the operator must look.
    Rejected {
        /// SIP status code.
        status: u16,
        /// The reason phrase as it came.
        reason: String,
    },
    /// No trunk could carry the call (no answer at all, 5xx, none up, not an allowed destination).
    Unreachable(String),
}

/// A recording that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Whether a file was kept: an empty recording is dropped.
    pub kept: bool,
    /// Its length in ms.
    pub duration_ms: u64,
    /// The disk failed us before the end.
    pub truncated: bool,
}

/// The switch's end of a leg: where it reports what happens to a phone.
#[derive(Debug, Clone)]
pub struct LegEvents {
    progress: watch::Sender<Progress>,
    keys: mpsc::UnboundedSender<char>,
    gone: watch::Sender<Option<Gone>>,
}

/// How far a dialled leg has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// Nothing yet.
    Calling,
    /// It rings (18x).
    Ringing,
    /// Answered.
    Answered,
}

impl LegEvents {
    /// It rings.
    pub fn ringing(&self) {
        self.progress.send_if_modified(|now| advance(now, Progress::Ringing));
    }

    /// It was answered, and media can flow.
    pub fn answered(&self) {
        self.progress.send_if_modified(|now| advance(now, Progress::Answered));
    }

    /// A key was pressed: `0`-`9`, `*`, `#`, `A`-`D`.
    pub fn key(&self, key: char) {
        // A script that has ended no longer listens.
        let _ = self.keys.send(key);
    }

    /// The leg is over. The first word counts.
    pub fn gone(&self, why: Gone) {
        self.gone.send_if_modified(|gone| {
            let first = gone.is_none();
            if first {
                *gone = Some(why);
            }
            first
        });
    }
}

fn advance(now: &mut Progress, to: Progress) -> bool {
    let further = to > *now;
    if further {
        *now = to;
    }
    further
}

/// What came first while a leg was listened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A key.
    Key(char),
    /// The prompt is over, or the time is.
    Nothing,
    /// The leg is gone.
    Gone(Gone),
}

/// A phone, as the script holds it.
#[derive(Debug)]
pub struct Leg {
    id: LegId,
    requests: mpsc::UnboundedSender<Request>,
    progress: watch::Receiver<Progress>,
    keys: mpsc::UnboundedReceiver<char>,
    gone: watch::Receiver<Option<Gone>>,
    farewell: Farewell,
    clip: Option<Prompt>,
}

impl Leg {
    /// A new leg and the switch's end of it.
    pub fn new(requests: mpsc::UnboundedSender<Request>) -> (Self, LegEvents) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = LegId(NEXT.fetch_add(1, Ordering::Relaxed));
        let (progress_tx, progress) = watch::channel(Progress::Calling);
        let (keys_tx, keys) = mpsc::unbounded_channel();
        let (gone_tx, gone) = watch::channel(None);
        let leg = Self { id, requests, progress, keys, gone, farewell: Farewell::Done, clip: None };
        let events = LegEvents { progress: progress_tx, keys: keys_tx, gone: gone_tx };
        (leg, events)
    }

    /// Its name.
    pub fn id(&self) -> LegId {
        self.id
    }
}

impl Drop for Leg {
    fn drop(&mut self) {
        let _ = self.requests.send(Request::Release {
            leg: self.id,
            clip: self.clip.take(),
            reason: self.farewell,
        });
    }
}
