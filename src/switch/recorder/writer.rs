//! The thread that writes: it visits all recordings a few times a second, and never waits for the disk to
//! be safe.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::inbox::{Inlet, Waiting};
use super::keeper::{Syncs, Task};
use super::recording::{Opening, Recording};

/// How often what has come is written: what a daemon that dies can lose.
const VISIT_EVERY: Duration = Duration::from_millis(200);
/// How often it is made safe, in visits: 800 ms, so that with what is on its way then, and the time of a
/// sync, a power cut costs a second at most.
const VISITS_A_SYNC: u32 = 4;

pub(super) struct Writer {
    pub openings: Receiver<Opening>,
    pub keeper: Sender<Task>,
    pub waiting: Arc<Waiting>,
    pub syncs: Arc<Syncs>,
    pub open: Vec<Recording>,
    pub spare: Vec<Inlet>,
}

impl Writer {
    /// Runs until nobody can begin a recording any more, and all are over.
    pub fn run(mut self) {
        loop {
            if self.open.is_empty() {
                let Ok(opening) = self.openings.recv() else { return };
                self.begin(opening);
            }
            for _ in 0..VISITS_A_SYNC {
                let due = Instant::now() + VISIT_EVERY;
                while self.wait(due) {
                    self.visit();
                }
                self.visit();
            }
            self.sync();
        }
    }

    /// Waits until it is time, or something wakes us: then `true`.
    fn wait(&self, due: Instant) -> bool {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() || self.open.is_empty() {
            return false;
        }
        thread::park_timeout(left);
        Instant::now() < due
    }

    fn visit(&mut self) {
        while let Ok(opening) = self.openings.try_recv() {
            self.begin(opening);
        }
        let now = Instant::now();
        let (spare, waiting) = (&mut self.spare, &self.waiting);
        for over in self.open.extract_if(.., |recording| !recording.visit(now, spare, waiting)) {
            if let Some(conclusion) = over.conclude() {
                // The keeper outlives us.
                let _ = self.keeper.send(Task::Conclude(conclusion));
            }
        }
    }

    fn begin(&mut self, opening: Opening) {
        self.open.push(Recording::begin(opening, self.syncs.failures()));
    }

    /// Makes the headers true, and has it all made safe.
    fn sync(&mut self) {
        let mut new = false;
        for recording in &mut self.open {
            new |= recording.flush();
        }
        if new && self.syncs.begin() {
            let _ = self.keeper.send(Task::Sync);
        }
    }
}
