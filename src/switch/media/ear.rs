//! What is done with a leg's own audio besides passing it on: in-band keys and the recording.

use std::time::Instant;

use super::codec::Decoder;
use super::keys::Began;
use crate::audio::LINE_RATE;
use crate::audio::dtmf::Detector;
use crate::rtp::reassembly::{Piece, Reassembly};
use crate::sip::Codec;
use crate::switch::recorder::Tap;

/// Samples that are decoded at once.
const CHUNK: usize = 160;

/// Listens to one leg. While nobody wants to know, it does nothing.
#[derive(Debug, Default)]
pub(super) struct Ear {
    reassembly: Option<Reassembly>,
    consumers: Consumers,
}

#[derive(Debug, Default)]
struct Consumers {
    detector: Option<Detector>,
    recording: Option<Recording>,
    /// Of the stream in its order; it begins afresh with what listens.
    decoder: Option<Decoder>,
}

#[derive(Debug)]
struct Recording {
    tap: Tap,
    /// Where it began.
    begin: u64,
}

impl Ear {
    /// Whether in-band keys are to be listened for.
    pub fn listen_for_keys(&mut self, wanted: bool) {
        if !wanted {
            self.consumers.detector = None;
        } else if self.consumers.detector.is_none() {
            self.consumers.detector = Some(Detector::new(LINE_RATE));
        }
    }

    /// Begins to record, in place of what was recorded before.
    pub fn record(&mut self, now: Instant, tap: Tap) {
        let begin = self.reassembly.get_or_insert_with(|| Reassembly::new(now)).position(now);
        self.consumers.recording = Some(Recording { tap, begin });
    }

    /// Ends the recording; with a key that ended it, where that began.
    pub fn stop_recording(&mut self, codec: Codec, key: Option<Began>) {
        let consumers = &mut self.consumers;
        let mut cut = 0;
        if let Some(reassembly) = &mut self.reassembly {
            // What is still held back belongs to it; a key in it would come too late to matter.
            reassembly.flush(&mut |piece| {
                consumers.take(codec, piece);
            });
            let begin = key.and_then(|began| match began {
                Began::Stamped(timestamp) => reassembly.position_of(timestamp),
                Began::Came(at) => Some(reassembly.position(at)),
            });
            cut = begin.map_or(0, |begin| reassembly.end().saturating_sub(begin));
        }
        if let Some(recording) = consumers.recording.take() {
            recording.tap.finish(cut);
        }
    }

    /// A packet of audio has come. Returns the in-band key that is certain now.
    pub fn receive(
        &mut self,
        now: Instant,
        (sequence, timestamp): (u16, u32),
        codec: Codec,
        payload: &[u8],
        anew: bool,
    ) -> Option<char> {
        if self.consumers.is_idle() {
            self.reassembly = None;
            self.consumers.decoder = None;
            return None;
        }
        let consumers = &mut self.consumers;
        let reassembly = self.reassembly.get_or_insert_with(|| Reassembly::new(now));
        let mut key = None;
        let mut give = |piece: Piece<'_>| key = consumers.take(codec, piece).or(key);
        if anew {
            reassembly.resynchronize(&mut give);
        }
        reassembly.receive(now, sequence, timestamp, payload, &mut give);
        key
    }
}

impl Consumers {
    fn is_idle(&self) -> bool {
        self.detector.is_none() && self.recording.is_none()
    }

    fn take(&mut self, codec: Codec, piece: Piece<'_>) -> Option<char> {
        match piece {
            Piece::Lost { samples, .. } => {
                if let Some(detector) = &mut self.detector {
                    detector.lost(samples);
                }
                None
            }
            Piece::Audio { at, payload } => self.hear(codec, at, payload),
        }
    }

    fn hear(&mut self, codec: Codec, mut at: u64, payload: &[u8]) -> Option<char> {
        let mut key = None;
        let mut samples = [0_i16; CHUNK];
        let known = self.decoder.take().filter(|decoder| decoder.codec() == codec);
        let decoder = self.decoder.insert(known.unwrap_or_else(|| Decoder::new(codec)));
        for octets in payload.chunks(CHUNK) {
            for (sample, octet) in samples.iter_mut().zip(octets) {
                *sample = decoder.decode(*octet);
            }
            let samples = samples.get(..octets.len()).unwrap_or_default();
            if let Some(recording) = &mut self.recording {
                recording.write(at, samples);
            }
            let digits = self.detector.as_mut().map(|detector| detector.process(samples)).unwrap_or_default();
            key = digits.last().map(|digit| digit.key).or(key);
            at = at.saturating_add(octets.len() as u64);
        }
        key
    }
}

impl Recording {
    fn write(&mut self, at: u64, samples: &[i16]) {
        // What was held back from before the begin is no part of it.
        if let Some(at) = at.checked_sub(self.begin) {
            self.tap.write(at, samples);
        }
    }
}
