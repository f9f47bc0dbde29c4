//! The media thread's end of a recording.

use std::sync::Arc;
use std::thread::Thread;

use super::inbox::{Inlet, Shared, Waiting};

/// One channel of a recording as the media thread holds it. Letting go of the last tap of a recording
/// ends it. No call of it waits for anything.
#[derive(Debug)]
pub struct Tap {
    pub(super) inbox: Arc<Shared>,
    pub(super) channel: usize,
    /// How long after the recording's begin its own begin is, in samples.
    pub(super) offset: u64,
    pub(super) waiting: Arc<Waiting>,
    /// Wakes the recorder when a recording is over.
    pub(super) recorder: Thread,
    /// What came while the recorder was emptying the inbox.
    pub(super) backlog: Inlet,
    pub(super) dropped: u64,
}

impl Tap {
    /// Adds samples that belong `at` so many samples after the tap's begin (8 kHz). A gap
    /// becomes silence; what is there already stays. While the disk is too slow, samples are dropped
    /// and counted.
    pub fn write(&mut self, at: u64, samples: &[i16]) {
        if !self.waiting.take(samples.len()) {
            self.dropped = self.dropped.saturating_add(samples.len() as u64);
            return;
        }
        let at = self.offset.saturating_add(at);
        self.put(samples.len(), |inlet| inlet.push(at, samples));
    }

    /// Makes what came from this place on unheard: it turned out to be the tone of a key. Reaches back
    /// [`super::HELD_MS`].
    pub fn mute(&mut self, from: u64) {
        let from = self.offset.saturating_add(from);
        self.put(0, |inlet| inlet.mute(from));
    }

    /// Ends the recording at this place, so many samples after the tap's begin: what comes after it is the
    /// tone of the key that ended it.
    pub fn finish_at(self, end: u64) {
        self.inbox.lock().end = Some(self.offset.saturating_add(end));
    }

    /// Ends the recording and keeps nothing of it.
    pub fn discard(self) {
        self.inbox.lock().discard = true;
    }

    fn put(&mut self, samples: usize, how: impl FnOnce(&mut Inlet)) {
        let Some(mut inbox) = self.inbox.try_lock() else { return how(&mut self.backlog) };
        if inbox.closed {
            return self.waiting.give_back(samples);
        }
        if let Some(inlet) = inbox.channels.get_mut(self.channel) {
            inlet.append(&mut self.backlog);
            how(inlet);
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        // Waits for the moment of an exchange of buffers at most, once a recording.
        let mut inbox = self.inbox.lock();
        inbox.taps = inbox.taps.saturating_sub(1);
        inbox.dropped = inbox.dropped.saturating_add(self.dropped);
        if inbox.closed {
            self.waiting.give_back(self.backlog.samples.len());
        } else if let Some(inlet) = inbox.channels.get_mut(self.channel) {
            inlet.append(&mut self.backlog);
        }
        let over = inbox.taps == 0;
        drop(inbox);
        if over {
            self.recorder.unpark();
        }
    }
}
