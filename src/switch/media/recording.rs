//! A leg's audio on its way into a recording: in its time, with what was lost concealed and what was
//! suppressed filled with the comfort noise the phone asked for.

use crate::audio::comfort_noise::{ComfortNoise, Description};
use crate::audio::plc::{BEHIND, Concealer, FADED};
use crate::switch::recorder::Tap;

/// Samples that are muted before a key's tone: where that began is known to a block.
const MUTED_BEFORE: u64 = 100;
/// Noise that is made at once, in samples.
const CHUNK: usize = 160;

/// A leg that is recorded.
#[derive(Debug)]
pub(super) struct Recording {
    sink: Sink,
    concealer: Concealer,
    noise: Option<ComfortNoise>,
    /// Where the tone of a key began that sounds now.
    key_since: Option<u64>,
}

/// Where it goes.
#[derive(Debug)]
struct Sink {
    tap: Tap,
    /// Where the recording began, and where the next sample belongs; positions of the leg's audio.
    begin: u64,
    at: Option<u64>,
}

impl Recording {
    /// A recording that begins at a position.
    pub fn new(tap: Tap, begin: u64) -> Self {
        Self {
            sink: Sink { tap, begin, at: None },
            concealer: Concealer::default(),
            noise: None,
            key_since: None,
        }
    }

    /// Audio that begins `at` a position.
    pub fn hear(&mut self, at: u64, samples: &[i16]) {
        self.noise = None;
        let sink = self.sink.from(at);
        self.concealer.hear(samples, |samples| sink.put(samples));
    }

    /// Audio that was lost. What is longer than can be made up is silent.
    pub fn lose(&mut self, at: u64, samples: u64) {
        let sink = self.sink.from(at);
        let made = samples.min(FADED + BEHIND as u64);
        self.concealer.conceal(made, |samples| sink.put(samples));
        sink.skip(samples - made);
    }

    /// Audio that was never sent.
    pub fn pause(&mut self, at: u64, samples: u64) {
        let sink = self.sink.from(at);
        let Some(noise) = &mut self.noise else {
            self.concealer.end(|samples| sink.put(samples));
            sink.skip(samples);
            return;
        };
        let mut chunk = [0; CHUNK];
        let mut left = samples;
        while left > 0 {
            let count = left.min(CHUNK as u64);
            let chunk = chunk.get_mut(..count as usize).unwrap_or_default();
            noise.fill(chunk);
            self.concealer.hear(chunk, |samples| sink.put(samples));
            left -= count;
        }
    }

    /// Pauses from here on are filled with this comfort noise (RFC 3389), until audio comes.
    pub fn comfort(&mut self, payload: &[u8]) {
        let Some(description) = Description::read(payload) else { return };
        match &mut self.noise {
            Some(noise) => noise.change(description),
            None => self.noise = Some(ComfortNoise::new(description)),
        }
    }

    /// What was heard last holds the tone of a key, if one `sounds`. Only once it is certain that it is
    /// one, what was said is muted: the recorder can still reach back to where it began.
    pub fn mute_key(&mut self, began: Option<u64>, sounds: bool) {
        self.key_since = began.or(self.key_since);
        self.mute();
        self.key_since = self.key_since.filter(|_| sounds);
    }

    fn mute(&mut self) {
        if let Some(since) = self.key_since {
            self.sink.tap.mute(since.saturating_sub(self.sink.begin + MUTED_BEFORE));
        }
    }

    /// Ends it, with all that was said or where a position is.
    pub fn finish(mut self, end: Option<u64>) {
        self.concealer.end(|samples| self.sink.put(samples));
        self.mute();
        let Sink { tap, begin, .. } = self.sink;
        match end {
            Some(end) => tap.finish_at(end.saturating_sub(begin)),
            // Letting go of it ends it.
            None => drop(tap),
        }
    }

    /// Nothing of it is kept.
    pub fn discard(self) {
        self.sink.tap.discard();
    }
}

impl Sink {
    /// What comes next belongs `at` a position, if nothing came before it.
    fn from(&mut self, at: u64) -> &mut Self {
        self.at.get_or_insert(at);
        self
    }

    fn put(&mut self, samples: &[i16]) {
        let at = self.at.unwrap_or(self.begin);
        self.skip(samples.len() as u64);
        // What was held back from before the begin is no part of it.
        let before = self.begin.saturating_sub(at);
        let before = usize::try_from(before).unwrap_or(usize::MAX).min(samples.len());
        if let Some(samples) = samples.get(before..).filter(|samples| !samples.is_empty()) {
            self.tap.write((at + before as u64).saturating_sub(self.begin), samples);
        }
    }

    fn skip(&mut self, samples: u64) {
        self.at = self.at.map(|at| at.saturating_add(samples));
    }
}
