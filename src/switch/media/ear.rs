//! What is done with a leg's own audio besides passing it on: in-band keys and the recording.

use std::time::Instant;

use super::codec::Decoder;
use super::keys::Began;
use crate::audio::LINE_RATE;
use crate::audio::dtmf::{Detector, Digit};
use crate::rtp::jitter::{JitterBuffer, Piece, Sound};
use crate::sip::Codec;
use crate::switch::recorder::Tap;

/// Samples that are decoded at once.
const CHUNK: usize = 160;
/// Samples that are muted in a recording before a key's tone: where that began is known to a block.
const MUTED_BEFORE: u64 = 100;

/// Listens to one leg. While nobody wants to know, it does nothing.
#[derive(Debug, Default)]
pub(super) struct Ear {
    buffer: Option<JitterBuffer>,
    consumers: Consumers,
}

/// What was heard with a packet.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heard {
    /// The key that is certain now. Its tone began in this packet or before.
    pub key: Option<InBandKey>,
    /// The octet of this packet's payload from which on the tone of a key sounds, or may just be
    /// beginning; 0: all of it.
    pub mute_from: Option<usize>,
}

/// A key that was heard as tones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InBandKey {
    /// `0`-`9`, `*`, `#`, `A`-`D`.
    pub key: char,
    /// Where its tone began, as a timestamp of the phone's stream.
    pub at: u32,
}

#[derive(Debug, Default)]
struct Consumers {
    listener: Option<Listener>,
    recording: Option<Recording>,
    /// Of the stream in its order; it begins afresh with what listens.
    decoder: Option<Decoder>,
}

#[derive(Debug)]
struct Listener {
    /// Large, and most legs have none.
    detector: Box<Detector>,
    /// Where the first sample it heard was.
    origin: Option<u64>,
    /// The newest key that is certain and was not told yet.
    found: Option<Digit>,
}

#[derive(Debug)]
struct Recording {
    tap: Tap,
    /// Where it began.
    begin: u64,
    /// Where the tone of a key began that sounds now.
    key_since: Option<u64>,
}

/// What a recording keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// All of it.
    All,
    /// What came before a key.
    Before(Began),
    /// Nothing.
    Nothing,
}

impl Ear {
    /// Whether in-band keys are to be listened for.
    pub fn listen_for_keys(&mut self, wanted: bool) {
        if !wanted {
            self.consumers.listener = None;
        } else if self.consumers.listener.is_none() {
            self.consumers.listener = Some(Listener::new());
        }
    }

    /// Begins to record, in place of what was recorded before.
    pub fn record(&mut self, now: Instant, tap: Tap) {
        let begin = self.buffer.get_or_insert_with(|| JitterBuffer::new(now)).position(now);
        self.consumers.recording = Some(Recording { tap, begin, key_since: None });
    }

    /// Ends the recording.
    pub fn stop_recording(&mut self, codec: Codec, keep: Keep) {
        let consumers = &mut self.consumers;
        let mut end = None;
        if let Some(buffer) = &mut self.buffer {
            // What is still held back belongs to it; a key in it would come too late to matter.
            buffer.flush(|piece: Piece<'_>| consumers.take(codec, piece));
            end = match keep {
                Keep::Before(Began::Stamped(timestamp)) => buffer.position_of(timestamp),
                Keep::Before(Began::Came(at)) => Some(buffer.position(at)),
                Keep::All | Keep::Nothing => None,
            };
        }
        let Some(recording) = consumers.recording.take() else { return };
        match (keep, end) {
            (Keep::Nothing, _) => recording.tap.discard(),
            (_, Some(end)) => recording.tap.finish_at(end.saturating_sub(recording.begin)),
            // Letting go of it ends it.
            (_, None) => {}
        }
    }

    /// A packet of audio has come.
    pub fn receive(
        &mut self,
        now: Instant,
        (sequence, timestamp): (u16, u32),
        codec: Codec,
        payload: &[u8],
        anew: bool,
    ) -> Heard {
        if self.consumers.is_idle() {
            self.buffer = None;
            self.consumers.decoder = None;
            return Heard::default();
        }
        let consumers = &mut self.consumers;
        let buffer = self.buffer.get_or_insert_with(|| JitterBuffer::new(now));
        let mut give = |piece: Piece<'_>| consumers.take(codec, piece);
        if anew {
            buffer.resynchronize(&mut give);
        }
        let at = buffer.receive(now, (sequence, timestamp), Sound::Audio(payload), &mut give);
        let Some(listener) = &mut self.consumers.listener else { return Heard::default() };
        let key = listener.found.take().and_then(|digit| {
            let at = buffer.timestamp(listener.position(digit.at))?;
            Some(InBandKey { key: digit.key, at })
        });
        Heard { key, mute_from: listener.tone_from(at, payload.len()) }
    }
}

impl Consumers {
    fn is_idle(&self) -> bool {
        self.listener.is_none() && self.recording.is_none()
    }

    fn take(&mut self, codec: Codec, piece: Piece<'_>) {
        match piece {
            Piece::Lost { samples, .. } | Piece::Pause { samples, .. } => {
                if let Some(listener) = &mut self.listener {
                    listener.lost(samples);
                }
            }
            Piece::Audio { at, payload } => self.hear(codec, at, payload),
            Piece::Noise { .. } => {}
        }
    }

    fn hear(&mut self, codec: Codec, mut at: u64, payload: &[u8]) {
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
            if let Some(listener) = &mut self.listener {
                let key = listener.hear(at, samples);
                let sounds = listener.detector.tone_since().is_some();
                self.recording.iter_mut().for_each(|recording| recording.mute_key(key, sounds));
            }
            at = at.saturating_add(octets.len() as u64);
        }
    }
}

impl Listener {
    fn new() -> Self {
        Self { detector: Box::new(Detector::new(LINE_RATE)), origin: None, found: None }
    }

    /// Hears what comes next. Returns where the tone of a key began that is certain with it.
    fn hear(&mut self, at: u64, samples: &[i16]) -> Option<u64> {
        self.origin.get_or_insert(at);
        let found = self.detector.process(samples).last().copied();
        self.found = found.or(self.found);
        found.map(|digit| self.position(digit.at))
    }

    fn lost(&mut self, samples: u64) {
        if self.origin.is_some() {
            self.detector.lost(samples);
        }
    }

    /// A place in what the detector heard as a position.
    fn position(&self, at: u64) -> u64 {
        self.origin.unwrap_or(0).saturating_add(at)
    }

    /// The octet from which on the tone of a key sounds in a packet of `len` that was placed `at`. One
    /// that is not in its place yet is taken to sound as what was heard last.
    fn tone_from(&self, at: Option<u64>, len: usize) -> Option<usize> {
        let begin = self.position(self.detector.tone_since()?);
        let from = at.map_or(0, |at| begin.saturating_sub(at));
        usize::try_from(from).ok().filter(|from| *from < len)
    }
}

impl Recording {
    fn write(&mut self, at: u64, samples: &[i16]) {
        // What was held back from before the begin is no part of it.
        if let Some(at) = at.checked_sub(self.begin) {
            self.tap.write(at, samples);
        }
    }

    /// What was written last holds the tone of a key, if one `sounds`. Only once it is certain that it is
    /// one, what was said is muted: the recorder can still reach back to where it began.
    fn mute_key(&mut self, began: Option<u64>, sounds: bool) {
        let since = began.or(self.key_since);
        if let Some(since) = since {
            self.tap.mute(since.saturating_sub(self.begin + MUTED_BEFORE));
        }
        self.key_since = since.filter(|_| sounds);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::audio::dtmf::frequencies;
    use crate::audio::g711::linear_to_alaw;
    use crate::audio::tone::{Sine, tone};

    /// So many samples of silence, then 100 ms of a key, then silence; in A-law, one second.
    fn pressed_after(silence: usize, key: char) -> Vec<u8> {
        let sines = frequencies(key).expect("a key").map(|frequency| Sine { frequency, level: -9.0 });
        let mut samples = vec![0_i16; silence];
        samples.extend(tone(&sines, 100, 1));
        samples.resize(8000, 0);
        samples.into_iter().map(linear_to_alaw).collect()
    }

    /// What an ear heard packet by packet, told in the order of their numbers. The first has a timestamp
    /// shortly before the wrap.
    fn heard(octets: &[u8], packet: usize, order: impl Fn(usize) -> usize) -> Vec<Heard> {
        let begin = Instant::now();
        let mut ear = Ear::default();
        ear.listen_for_keys(true);
        let packets: Vec<&[u8]> = octets.chunks(packet).collect();
        let mut heard = vec![Heard::default(); packets.len()];
        for n in (0..packets.len()).map(order) {
            let now = begin + Duration::from_micros((n * packet * 125) as u64);
            let timestamp = FIRST.wrapping_add((n * packet) as u32);
            heard[n] = ear.receive(now, (n as u16, timestamp), Codec::Pcma, packets[n], false);
        }
        heard
    }

    const FIRST: u32 = u32::MAX - 1000;

    #[test]
    fn a_key_is_told_once_with_the_timestamp_where_its_tone_began() {
        for packet in [80, 160, 240, 480] {
            let told: Vec<_> = heard(&pressed_after(2000, '5'), packet, |n| n)
                .iter()
                .filter_map(|heard| heard.key)
                .collect();
            assert_eq!(told.iter().map(|pressed| pressed.key).collect::<String>(), "5");
            let began = told[0].at.wrapping_sub(FIRST);
            assert!(began.abs_diff(2000) <= 60, "in packets of {packet}: {began}");
        }
    }

    #[test]
    fn the_tone_is_marked_from_20_ms_after_its_begin_at_most_until_50_ms_after_its_end() {
        for packet in [80, 160, 240, 480] {
            let marked: Vec<usize> = heard(&pressed_after(2000, '5'), packet, |n| n)
                .iter()
                .enumerate()
                .filter_map(|(n, heard)| heard.mute_from.map(|from| n * packet + from))
                .collect();
            // A packet that ends before the tone is suspected has gone on by then.
            let first = *marked.first().expect("marked");
            assert!((1940..=2160).contains(&first), "in packets of {packet}: {first}");
            assert!(marked.windows(2).all(|pair| pair[1] / packet == pair[0] / packet + 1));
            assert!(
                marked.iter().skip(1).all(|at| at % packet == 0),
                "the packets after it are marked whole"
            );
            assert!((2800..=2800 + 400 + packet).contains(&(marked[marked.len() - 1] + packet)));
        }
    }

    #[test]
    fn a_packet_that_comes_before_its_turn_is_marked_as_what_was_heard_last() {
        // The tone fills the packets 10 to 14; 13 comes before 12.
        let swapped = |n| if n == 12 || n == 13 { 25 - n } else { n };
        let heard = heard(&pressed_after(1600, '#'), 160, swapped);
        assert_eq!([heard[12].mute_from, heard[13].mute_from], [Some(0); 2]);
        assert_eq!(heard.iter().filter(|heard| heard.key.is_some()).count(), 1);
    }

    #[test]
    fn nobody_who_does_not_listen_is_told_of_keys() {
        let mut ear = Ear::default();
        let now = Instant::now();
        for (n, octets) in pressed_after(0, '1').chunks(160).enumerate() {
            let numbers = (n as u16, n as u32 * 160);
            assert_eq!(ear.receive(now, numbers, Codec::Pcma, octets, false), Heard::default());
        }
    }
}
