//! Recordings: one thread writes all of them, so that a slow disk holds up no audio.
//!
//! A recording grows as `<name>.wav.part`. Once a second what has come is written, the header made
//! true and the file synced, so a crash loses a second at most; [`repair_all`] finishes such files
//! at the next start. At its end a recording is cut, trimmed, synced and renamed. While nothing is
//! recorded the thread sleeps and never wakes.

mod file;
mod repair;
#[cfg(test)]
mod tests;
mod writer;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

use crate::audio::LINE_RATE;
use crate::call::leg::Recorded;

pub use repair::{Repaired, repair_all};

/// Samples a tap gathers before it hands them over: 100 ms.
const BATCH: usize = LINE_RATE as usize / 10;
/// Samples that may wait for the disk, of all recordings together: 16 MiB, or ten seconds of a
/// hundred recordings.
const MAX_WAITING: usize = 8 << 20;

/// What the thread is told. Orders always get through; samples only while there is room.
enum Order {
    Open { id: u64, path: PathBuf, done: oneshot::Sender<Recorded> },
    Samples { id: u64, at: u64, samples: Vec<i16> },
    Finish { id: u64, cut: u64, dropped: u64 },
}

/// Where recordings are made. The thread ends with the last clone and the last tap.
#[derive(Debug, Clone)]
pub struct Recorder {
    queue: Queue,
    next_id: Arc<AtomicU64>,
}

/// The way to the thread.
#[derive(Debug, Clone)]
struct Queue {
    orders: mpsc::Sender<Order>,
    /// Samples on their way.
    waiting: Arc<AtomicUsize>,
}

impl Recorder {
    /// Starts the thread.
    pub fn start() -> io::Result<Self> {
        let (orders, receiver) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let writer = writer::Writer::new(receiver, Arc::clone(&waiting));
        thread::Builder::new().name("recorder".to_owned()).spawn(move || writer.run())?;
        Ok(Self { queue: Queue { orders, waiting }, next_id: Arc::default() })
    }

    /// Begins a recording that will be kept at `path` (`x.wav`). `done` is told once the file is
    /// whole on the disk, or was dropped because it is empty.
    pub fn open(&self, path: PathBuf, done: oneshot::Sender<Recorded>) -> Tap {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.queue.send(Order::Open { id, path, done });
        Tap { id, queue: self.queue.clone(), batch_at: 0, batch: Vec::new(), dropped: 0, cut: 0 }
    }
}

impl Queue {
    fn send(&self, order: Order) {
        // The thread outlives every sender, unless it was never to be trusted again.
        let _ = self.orders.send(order);
    }

    /// Hands samples over, if there is room.
    fn send_samples(&self, id: u64, at: u64, samples: Vec<i16>) -> bool {
        let len = samples.len();
        let room = self.waiting.fetch_add(len, Ordering::Relaxed) + len <= MAX_WAITING;
        if room {
            self.send(Order::Samples { id, at, samples });
        } else {
            self.waiting.fetch_sub(len, Ordering::Relaxed);
        }
        room
    }
}

/// The media thread's end of a recording. Letting go of it ends the recording.
#[derive(Debug)]
pub struct Tap {
    id: u64,
    queue: Queue,
    /// Where the batch begins.
    batch_at: u64,
    batch: Vec<i16>,
    dropped: u64,
    cut: u64,
}

impl Tap {
    /// Adds samples that belong `at` so many samples after the recording's begin (8 kHz). A gap
    /// becomes silence; what is there already stays. Never blocks: while the disk is too slow,
    /// samples are dropped and counted.
    pub fn write(&mut self, at: u64, samples: &[i16]) {
        let continues = at == self.batch_at.saturating_add(self.batch.len() as u64);
        if !continues || self.batch.len() + samples.len() > BATCH {
            self.hand_over();
            self.batch_at = at;
        }
        if self.batch.is_empty() {
            self.batch.reserve_exact(BATCH.max(samples.len()));
        }
        self.batch.extend_from_slice(samples);
    }

    /// Ends the recording without its last `cut` samples: the tone of the key that ended it.
    pub fn finish(mut self, cut: u64) {
        self.cut = cut;
    }

    fn hand_over(&mut self) {
        let samples = std::mem::take(&mut self.batch);
        let len = samples.len() as u64;
        if len > 0 && !self.queue.send_samples(self.id, self.batch_at, samples) {
            self.dropped += len;
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.hand_over();
        self.queue.send(Order::Finish { id: self.id, cut: self.cut, dropped: self.dropped });
    }
}
