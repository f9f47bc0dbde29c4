//! The switch's end of a leg: what it tells of a phone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc, watch};

/// How a phone told of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// As an event beside the audio (RFC 4733), or in the signalling (SIP INFO): the phone's own word.
    Told,
    /// As a tone in the audio. Anything that sounds can make it; it counts where the phone has no other way.
    Tone,
}

/// How a leg ended, seen from the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gone {
    /// They hung up (BYE), or gave up before the answer (CANCEL).
    HungUp,
    /// No media came for the time set.
    MediaTimeout,
    /// It lasted as long as its trunk lets a call last.
    TooLong,
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
    /// All lines of the trunks were in use (`max_calls`): it was not dialled.
    NoLine(String),
    /// No trunk could carry the call (no answer at all, 5xx, none up, not an allowed destination).
    Unreachable(String),
}

/// The switch's end of a leg: where it reports what happens to a phone.
#[derive(Debug, Clone)]
pub struct LegEvents {
    pub(super) detours: Arc<Mutex<Vec<String>>>,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) keys: mpsc::Sender<(char, KeySource)>,
    pub(super) commands: mpsc::Sender<char>,
    pub(super) unheard: Arc<Notify>,
    pub(super) gone: watch::Sender<Option<Gone>>,
}

/// How far a dialled leg has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// Nothing yet. It is called in this way, counted from 0: over another trunk, or at another server of
    /// the carrier's, where the one before did not answer.
    Calling(u32),
    /// It rings (18x).
    Ringing,
    /// Answered.
    Answered,
}

impl LegEvents {
    /// Nothing came back, and it is called in another way: the time for the first sign of ringing begins
    /// anew.
    pub fn another_way(&self, why: &str) {
        self.detours().push(format!("another way was tried: {why}"));
        self.progress.send_if_modified(|now| match now {
            Progress::Calling(way) => {
                *way = way.saturating_add(1);
                true
            }
            Progress::Ringing | Progress::Answered => false,
        });
    }

    /// The call has come back to us and was refused there: the phone, or somebody on the way to it, passes
    /// calls on to us.
    pub fn came_back(&self) {
        let told = "the phone passes its calls on to the hotline: what came back was refused with 482";
        self.detours().push(told.to_owned());
    }

    fn detours(&self) -> MutexGuard<'_, Vec<String>> {
        self.detours.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It rings.
    pub fn ringing(&self) {
        self.progress.send_if_modified(|now| advance(now, Progress::Ringing));
    }

    /// It was answered, and media can flow.
    pub fn answered(&self) {
        self.progress.send_if_modified(|now| advance(now, Progress::Answered));
    }

    /// A key was pressed: `0`-`9`, `*`, `#`, `A`-`D`.
    pub fn key(&self, key: char, source: KeySource) {
        // A script that has ended no longer listens; one that reads no keys, as in a bridge, keeps few.
        let _ = self.keys.try_send((key, source));
    }

    /// A star and this key were pressed, which is a command to us.
    pub fn command(&self, key: char) {
        // A script that has ended no longer listens.
        let _ = self.commands.try_send(key);
    }

    /// Nothing has ever been heard of the phone, for so long that whoever holds it should be told.
    pub fn unheard(&self) {
        self.unheard.notify_one();
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
