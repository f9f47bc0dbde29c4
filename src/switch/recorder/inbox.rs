//! Between the media thread and the recorder's: samples of one recording, on their way.
//!
//! The media thread never waits for it. Whoever empties it holds it for the moment of an exchange of
//! buffers; a packet that comes just then waits in its tap for the next one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use crate::audio::LINE_RATE;

/// Samples for which room is kept: what comes between two visits of the recorder, and some more.
const ROOM: usize = LINE_RATE as usize / 4;
/// Pieces for which room is kept: gaps are few.
const PIECES: usize = 8;
/// Samples that may wait for the disk, of all recordings together: 32 MiB, or five seconds of 400
/// recordings.
pub(super) const MAX_WAITING: usize = 16 << 20;

/// Something that has come on a channel, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// The next `len` samples, which belong at this place.
    Sound { at: u64, len: usize },
    /// What came from this place on is not to be heard: it turned out to be the tone of a key.
    Mute { from: u64 },
}

/// What has come on one channel.
#[derive(Debug)]
pub(super) struct Inlet {
    pub pieces: Vec<Piece>,
    pub samples: Vec<i16>,
}

impl Default for Inlet {
    fn default() -> Self {
        Self { pieces: Vec::with_capacity(PIECES), samples: Vec::with_capacity(ROOM) }
    }
}

impl Inlet {
    /// One that has room for nothing yet.
    pub fn empty() -> Self {
        Self { pieces: Vec::new(), samples: Vec::new() }
    }

    pub fn push(&mut self, at: u64, samples: &[i16]) {
        match self.pieces.last_mut() {
            Some(Piece::Sound { at: begin, len }) if begin.saturating_add(*len as u64) == at => {
                *len += samples.len();
            }
            _ => self.pieces.push(Piece::Sound { at, len: samples.len() }),
        }
        self.samples.extend_from_slice(samples);
    }

    pub fn mute(&mut self, from: u64) {
        self.pieces.push(Piece::Mute { from });
    }

    pub fn append(&mut self, later: &mut Self) {
        self.pieces.append(&mut later.pieces);
        self.samples.append(&mut later.samples);
    }

    pub fn clear(&mut self) {
        self.pieces.clear();
        self.samples.clear();
    }
}

/// What has come for one recording.
#[derive(Debug)]
pub(super) struct Inbox {
    pub channels: Vec<Inlet>,
    /// Taps that are still held; without any the recording is over.
    pub taps: usize,
    /// Where the recording ends, if it was told.
    pub end: Option<u64>,
    /// Nothing of it is to be kept.
    pub discard: bool,
    /// Nobody empties it any more.
    pub closed: bool,
    /// Samples for which there was no room.
    pub dropped: u64,
}

impl Inbox {
    pub fn new(channels: usize) -> Self {
        let inlets = (0..channels).map(|_| Inlet::default()).collect();
        Self { channels: inlets, taps: channels, end: None, discard: false, closed: false, dropped: 0 }
    }

    /// One channel more; nothing, once the recording is over.
    pub fn join(&mut self) -> Option<usize> {
        if self.closed || self.discard || self.taps == 0 {
            return None;
        }
        self.taps += 1;
        self.channels.push(Inlet::default());
        Some(self.channels.len() - 1)
    }
}

/// An inbox with two keys: one that waits, and one that does not.
#[derive(Debug)]
pub(super) struct Shared(Mutex<Inbox>);

impl Shared {
    pub fn new(channels: usize) -> Self {
        Self(Mutex::new(Inbox::new(channels)))
    }

    /// For whoever may wait a moment.
    pub fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the media thread: nothing, if it is in use.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, Inbox>> {
        match self.0.try_lock() {
            Ok(inbox) => Some(inbox),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// How many samples wait for the disk, over all recordings.
#[derive(Debug, Default)]
pub(super) struct Waiting(AtomicUsize);

impl Waiting {
    /// Takes room for so many samples, if there is.
    pub fn take(&self, samples: usize) -> bool {
        let room = self.0.fetch_add(samples, Ordering::Relaxed).saturating_add(samples) <= MAX_WAITING;
        if !room {
            self.give_back(samples);
        }
        room
    }

    pub fn give_back(&self, samples: usize) {
        self.0.fetch_sub(samples, Ordering::Relaxed);
    }
}
