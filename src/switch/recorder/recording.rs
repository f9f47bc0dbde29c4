//! One recording as the writing thread has it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::file::{Growing, part_of};
use super::inbox::{Inlet, Shared, Waiting};
use super::keeper::Conclusion;
use super::promises::Promise;
use super::samples;
use crate::audio::silence::SilenceGate;
use crate::call::leg::{Limits, Recorded};

/// A recording that is to begin.
#[derive(Debug)]
pub(super) struct Opening {
    /// The name that the file will have.
    pub path: PathBuf,
    pub inbox: Arc<Shared>,
    /// The channels of the file; more than these may speak.
    pub sides: usize,
    pub began: Instant,
    /// What it may become.
    pub limits: Limits,
    pub promise: Promise,
    pub done: oneshot::Sender<Recorded>,
}

/// A recording that grows. The first error of the disk ends it; what is there is kept.
#[derive(Debug)]
pub(super) struct Recording {
    opening: Opening,
    part: PathBuf,
    growing: Option<Growing>,
    failed: bool,
    failures_before: u64,
    gate: Option<(SilenceGate, u64)>,
    over: Option<Over>,
}

/// How a recording came to its end.
#[derive(Debug, Clone, Copy, Default)]
struct Over {
    end: Option<u64>,
    discard: bool,
    silence: bool,
    dropped: u64,
}

impl Recording {
    /// Begins the file. `failures_before` counts the syncs that have failed.
    pub fn begin(opening: Opening, failures_before: u64) -> Self {
        let part = part_of(&opening.path);
        let mut recording = Self {
            part,
            growing: None,
            failed: false,
            failures_before,
            gate: opening.limits.silence.map(|limit| (SilenceGate::default(), samples(limit))),
            over: None,
            opening,
        };
        let created = Growing::create(
            &recording.part,
            recording.opening.sides,
            samples(recording.opening.limits.longest),
        );
        match created {
            Ok(growing) => recording.growing = Some(growing),
            Err(error) => recording.fail(&error),
        }
        recording
    }

    /// Takes what has come, by way of `spare`, and writes what is due. Returns whether it goes on.
    pub fn visit(&mut self, now: Instant, spare: &mut Vec<Inlet>, waiting: &Waiting) -> bool {
        let clock = samples(now.saturating_duration_since(self.opening.began));
        self.empty_inbox(spare);
        self.attempt(|growing, gate| {
            let mut heard = |sound: &[i16]| gate.iter_mut().for_each(|(gate, _)| gate.push(sound));
            for (channel, inlet) in spare.iter().enumerate() {
                growing.take(channel, inlet, clock, &mut heard)?;
            }
            growing.advance(clock, &mut heard)
        });
        for inlet in spare {
            waiting.give_back(inlet.samples.len());
            inlet.clear();
        }
        self.listen(clock);
        let over = self.over.is_some() || self.failed;
        if over {
            self.close_inbox(waiting);
        }
        !over
    }

    /// Makes the header true. Returns whether there is anything new to be synced.
    pub fn flush(&mut self) -> bool {
        let mut new = false;
        self.attempt(|growing, _| {
            new = growing.flush()?;
            Ok(())
        });
        new
    }

    /// What is left to be done, for the thread that may wait for the disk; nothing, if that is all.
    pub fn conclude(mut self) -> Option<Conclusion> {
        let over = self.over.unwrap_or_default();
        self.attempt(|growing, gate| {
            let mut heard = |sound: &[i16]| gate.iter_mut().for_each(|(gate, _)| gate.push(sound));
            growing.complete(&mut heard)?;
            growing.flush().map(drop)
        });
        if over.dropped > 0 {
            tracing::warn!(recording = %self.part.display(), samples = over.dropped, "the disk was too slow");
        }
        let failed = self.failed || over.dropped > 0;
        let Some(growing) = self.growing.filter(|_| !over.discard) else {
            if over.discard {
                // Of no use to anybody, whether it is there or not.
                let _ = std::fs::remove_file(&self.part);
            }
            let nothing = Recorded { kept: false, duration_ms: 0, truncated: self.failed, silence: false };
            // The script may have ended before its recording.
            let _ = self.opening.done.send(nothing);
            return None;
        };
        Some(Conclusion {
            file: growing.into_file(),
            part: self.part,
            path: self.opening.path,
            end: over.end,
            failed,
            silence: over.silence,
            least: self.opening.limits.least,
            failures_before: self.failures_before,
            promise: self.opening.promise,
            done: self.opening.done,
        })
    }

    /// Exchanges the inbox for the empty `spare`.
    fn empty_inbox(&mut self, spare: &mut Vec<Inlet>) {
        let mut inbox = self.opening.inbox.lock();
        spare.resize_with(inbox.channels.len().max(spare.len()), Inlet::default);
        for (full, empty) in inbox.channels.iter_mut().zip(spare.iter_mut()) {
            std::mem::swap(full, empty);
        }
        if inbox.taps == 0 || inbox.discard {
            let (end, discard, dropped) = (inbox.end, inbox.discard, inbox.dropped);
            self.over = Some(Over { end, discard, silence: false, dropped });
        }
    }

    /// Nobody looks into the inbox after this.
    fn close_inbox(&mut self, waiting: &Waiting) {
        let mut inbox = self.opening.inbox.lock();
        inbox.closed = true;
        for inlet in &mut inbox.channels {
            waiting.give_back(inlet.samples.len());
            *inlet = Inlet::empty();
        }
    }

    /// Whether it ends by itself, because nothing was said for too long.
    fn listen(&mut self, clock: u64) {
        let Some((gate, limit)) = &self.gate else { return };
        if self.over.is_none() && clock.saturating_sub(gate.heard_until()) >= *limit {
            self.over = Some(Over { silence: true, ..Over::default() });
        }
    }

    fn attempt(
        &mut self,
        what: impl FnOnce(&mut Growing, &mut Option<(SilenceGate, u64)>) -> io::Result<()>,
    ) {
        if !self.failed
            && let Some(growing) = &mut self.growing
            && let Err(error) = what(growing, &mut self.gate)
        {
            self.fail(&error);
        }
    }

    fn fail(&mut self, error: &io::Error) {
        tracing::error!(recording = %self.part.display(), %error, "ALARM: the recording cannot go on");
        self.failed = true;
    }

    /// Puts a writer that fails in the place of the one that works.
    #[cfg(test)]
    pub fn break_with(&mut self, writer: crate::audio::wav::Writer<std::fs::File>) {
        self.growing.as_mut().unwrap().break_with(writer);
    }
}
