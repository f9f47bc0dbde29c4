//! Recordings: messages of callers, and calls with both sides.
//!
//! A media thread puts samples into the inbox of a recording ([`Tap`]) and never waits. One thread visits
//! the inboxes five times a second and writes what has come; another one makes it safe, with one sync of the
//! file system for all recordings together, so that a slow disk holds up neither audio nor writing.
//!
//! A recording grows as `<name>.wav.part` with a true header about once a second; [`repair_all`] finishes
//! such files at the next start. At its end it is cut, trimmed, synced and renamed. While nothing is
//! recorded the threads sleep and never wake.

mod conclude;
mod file;
mod inbox;
mod keeper;
mod load;
mod memo;
mod promises;
mod recording;
mod repair;
mod tap;
#[cfg(test)]
mod tests;
mod writer;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Weak, mpsc};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::audio::LINE_RATE;
use crate::call::leg::{Limits, Recorded};
use inbox::{Inlet, Shared, Waiting};
use keeper::{Keeper, SyncAll, Syncs};
use promises::{Promises, octets};
use recording::Opening;
use writer::Writer;

pub use file::PART;
pub use memo::unless_forgotten;
pub use repair::{Repaired, repair_all};
pub use tap::Tap;

/// How far a mute reaches back, in ms: until then it is certain that a tone is a key's, in packets of 60 ms
/// too.
pub const HELD_MS: u64 = 150;
/// How long a call can be recorded: longer than a trunk lets it last, within the 4 GiB of a file.
const LONGEST_CALL: Duration = Duration::from_secs(25 * 3600);
/// The room that a call is given at its begin. Whoever speaks longer is recorded as long as there is room.
const CALL_ROOM: Duration = Duration::from_secs(900);

/// Where recordings are made. The threads end with the last clone and the last tap.
#[derive(Debug, Clone)]
pub struct Recorder {
    folder: PathBuf,
    openings: mpsc::Sender<Opening>,
    writer: Thread,
    waiting: Arc<Waiting>,
    promises: Promises,
}

impl Recorder {
    /// Starts the threads. Recordings are kept in `folder`, which has to be there.
    pub fn start(folder: PathBuf) -> io::Result<Self> {
        Self::start_with(folder, Box::new(|folder| Ok(rustix::fs::syncfs(folder)?)))
    }

    fn start_with(folder: PathBuf, sync_all: SyncAll) -> io::Result<Self> {
        let (openings, receiver) = mpsc::channel();
        let (keeper, tasks) = mpsc::channel();
        let (waiting, syncs) = (Arc::<Waiting>::default(), Arc::<Syncs>::default());
        let keeping = Keeper { tasks, folder: File::open(&folder)?, syncs: Arc::clone(&syncs), sync_all };
        let writer = Writer {
            openings: receiver,
            keeper,
            waiting: Arc::clone(&waiting),
            syncs,
            open: Vec::new(),
            spare: Vec::new(),
        };
        thread::Builder::new().name("recorder-sync".to_owned()).spawn(move || keeping.run())?;
        let running = thread::Builder::new().name("recorder".to_owned()).spawn(move || writer.run())?;
        let writer = running.thread().clone();
        Ok(Self { folder, openings, writer, waiting, promises: Promises::default() })
    }

    /// Begins a message that will be kept as `name` (`x.wav`), in the place of one that has the name already.
    /// `done` is told once the file is whole on the disk, or was dropped because it is empty; before the tap is
    /// let go of, if the disk fails or the message ends by itself.
    pub fn message(&self, name: &str, limits: Limits, done: oneshot::Sender<Recorded>) -> Tap {
        let inbox = Arc::new(Shared::new(1));
        self.open(Opening {
            path: self.folder.join(name),
            inbox: Arc::clone(&inbox),
            sides: 1,
            began: Instant::now(),
            limits,
            promise: self.promises.make(octets(limits.longest, 1)),
            done,
        });
        self.tap(&inbox, 0, 0)
    }

    /// Begins the recording of a call, kept as `name`: what the first tap gets is on the left, what the
    /// second one gets on the right, with all that [join](Joint::join) it there.
    pub fn call(&self, name: &str, done: oneshot::Sender<Recorded>) -> ([Tap; 2], Joint) {
        let inbox = Arc::new(Shared::new(2));
        let began = Instant::now();
        self.open(Opening {
            path: self.folder.join(name),
            inbox: Arc::clone(&inbox),
            sides: 2,
            began,
            limits: Limits::longest(LONGEST_CALL),
            promise: self.promises.make(octets(CALL_ROOM, 2)),
            done,
        });
        let joint = Joint { inbox: Arc::downgrade(&inbox), began, recorder: self.clone() };
        ([0, 1].map(|side| self.tap(&inbox, side, 0)), joint)
    }

    /// Whether a message that may become so long would fit on the disk, beside those under way. The error
    /// says in words why not. Waits for the disk: not for a thread that must not.
    pub fn has_room_for_message(&self, longest: Duration) -> Result<(), String> {
        self.promises.check(&self.folder, octets(longest, 1))
    }

    /// The same for the recording of a call.
    pub fn has_room_for_call(&self) -> Result<(), String> {
        self.promises.check(&self.folder, octets(CALL_ROOM, 2))
    }

    /// The sound of a recording, at 8000 samples a second; of a call both sides together. Waits for the disk.
    pub fn load(&self, name: &str) -> io::Result<Vec<i16>> {
        load::load(&self.folder.join(name))
    }

    fn open(&self, opening: Opening) {
        // The thread outlives every sender, unless it was never to be trusted again.
        let _ = self.openings.send(opening);
        self.writer.unpark();
    }

    fn tap(&self, inbox: &Arc<Shared>, channel: usize, offset: u64) -> Tap {
        Tap {
            inbox: Arc::clone(inbox),
            channel,
            offset,
            waiting: Arc::clone(&self.waiting),
            recorder: self.writer.clone(),
            backlog: Inlet::empty(),
            dropped: 0,
        }
    }
}

/// The recording of a call, for whoever joins the call later.
#[derive(Debug)]
pub struct Joint {
    inbox: Weak<Shared>,
    began: Instant,
    recorder: Recorder,
}

impl Joint {
    /// A tap of somebody who is heard on the right from now on; nothing, once the recording is over.
    pub fn join(&self) -> Option<Tap> {
        let inbox = self.inbox.upgrade()?;
        let channel = inbox.lock().join()?;
        let offset = samples(self.began.elapsed());
        Some(self.recorder.tap(&inbox, channel, offset))
    }
}

/// A length of time in samples of one channel.
fn samples(length: Duration) -> u64 {
    u64::try_from(length.as_millis() * u128::from(LINE_RATE) / 1000).unwrap_or(u64::MAX)
}
