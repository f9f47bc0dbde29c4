//! What is done with a leg's own audio besides passing it on: in-band keys, the recording, and the way into a
//! mix.

use std::time::Instant;

use super::codec::Decoder;
use super::keys::Began;
use super::recording::Recording;
use crate::audio::LINE_RATE;
use crate::audio::dtmf::{Detector, Digit};
use crate::audio::playout::Playout;
use crate::rtp::jitter::{Figures, JitterBuffer, Piece, Sound};
use crate::sip::Codec;
use crate::switch::clip::FRAME;
use crate::switch::recorder::Tap;

/// How much of a pause is listened to, in samples; no key lasts through 100 ms of silence.
const SILENCE_HEARD: usize = 800;

/// Listens to one leg. While nobody wants to know, it does nothing.
#[derive(Debug, Default)]
pub(super) struct Ear {
    /// Large, and nobody listens to most legs.
    buffer: Option<Box<JitterBuffer>>,
    consumers: Consumers,
    /// What had become of the audio when the recording began.
    before: Figures,
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
    recording: Option<Box<Recording>>,
    /// Its way into a mix.
    playout: Option<Box<Playout>>,
    /// What the stream is spoken in.
    codec: Option<Codec>,
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
        let buffer = self.buffer.get_or_insert_with(|| Box::new(JitterBuffer::new(now)));
        self.before = buffer.figures();
        self.consumers.recording = Some(Box::new(Recording::new(tap, buffer.position(now))));
    }

    /// Ends the recording. Returns what had become of its audio on the way.
    pub fn stop_recording(&mut self, keep: Keep) -> Option<Figures> {
        // What is still held back belongs to it; a key in it would come too late to matter.
        self.flush();
        let recording = self.consumers.recording.take()?;
        let end = self.buffer.as_ref().and_then(|buffer| match keep {
            Keep::Before(Began::Stamped(timestamp)) => buffer.position_of(timestamp),
            Keep::Before(Began::Came(at)) => Some(buffer.position(at)),
            Keep::All | Keep::Nothing => None,
        });
        match keep {
            Keep::Nothing => recording.discard(),
            Keep::All | Keep::Before(_) => recording.finish(end),
        }
        self.buffer.as_ref().map(|buffer| buffer.figures().since(&self.before))
    }

    /// Begins to be heard in a mix.
    pub fn begin_playout(&mut self, now: Instant) {
        self.buffer.get_or_insert_with(|| Box::new(JitterBuffer::new(now)));
        self.consumers.playout = Some(Box::default());
    }

    /// Is heard in a mix no longer.
    pub fn end_playout(&mut self) {
        self.consumers.playout = None;
    }

    /// What is heard in the mix in the next 20 ms. A packet that is missing is waited for no longer than until
    /// it is wanted here.
    pub fn frame(&mut self, now: Instant) -> [i16; FRAME] {
        self.tick(now);
        if self.consumers.playout.as_ref().is_some_and(|playout| playout.is_short()) {
            self.flush();
        }
        self.consumers.playout.as_mut().map_or([0; FRAME], |playout| playout.frame())
    }

    /// Frames of the mix are left out.
    pub fn skip_frames(&mut self, frames: u32) {
        self.consumers.playout.iter_mut().for_each(|playout| playout.skip(u64::from(frames)));
    }

    /// When time alone has something to do here: a packet has been waited for long enough.
    pub fn due(&self) -> Option<Instant> {
        self.buffer.as_ref()?.due()
    }

    /// Does what is due. A key that is certain with it is told with the next packet.
    pub fn tick(&mut self, now: Instant) {
        if let Some(buffer) = &mut self.buffer {
            buffer.release(now, |piece: Piece<'_>| self.consumers.take(piece));
        }
    }

    /// A packet has come, of audio in this codec or of something else.
    pub fn receive(
        &mut self,
        now: Instant,
        numbers: (u16, u32),
        codec: Codec,
        sound: Sound<'_>,
        anew: bool,
    ) -> Heard {
        if self.consumers.is_idle() {
            self.buffer = None;
            self.consumers.decoder = None;
            return Heard::default();
        }
        if self.consumers.codec != Some(codec) {
            // What is held back is in the one before.
            self.flush();
            self.consumers.codec = Some(codec);
        }
        let consumers = &mut self.consumers;
        let buffer = self.buffer.get_or_insert_with(|| Box::new(JitterBuffer::new(now)));
        let mut give = |piece: Piece<'_>| consumers.take(piece);
        if anew {
            buffer.resynchronize(&mut give);
        }
        let at = buffer.receive(now, numbers, sound, &mut give);
        let Some(listener) = &mut self.consumers.listener else { return Heard::default() };
        let key = listener.found.take().and_then(|digit| {
            let at = buffer.timestamp(listener.position(digit.at))?;
            Some(InBandKey { key: digit.key, at })
        });
        let Sound::Audio(payload) = sound else { return Heard { key, mute_from: None } };
        Heard { key, mute_from: listener.tone_from(at, payload.len()) }
    }

    fn flush(&mut self) {
        if let Some(buffer) = &mut self.buffer {
            buffer.flush(|piece: Piece<'_>| self.consumers.take(piece));
        }
    }
}

impl Consumers {
    fn is_idle(&self) -> bool {
        self.listener.is_none() && self.recording.is_none() && self.playout.is_none()
    }

    fn take(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Audio { at, payload } => self.hear(at, payload),
            Piece::Lost { at, samples } => {
                self.recording.iter_mut().for_each(|recording| recording.lose(at, samples));
                self.listener.iter_mut().for_each(|listener| listener.lose(samples));
                self.playout.iter_mut().for_each(|playout| playout.lose(samples));
            }
            Piece::Pause { at, samples } => {
                self.recording.iter_mut().for_each(|recording| recording.pause(at, samples));
                self.listener.iter_mut().for_each(|listener| listener.pause(samples));
                self.playout.iter_mut().for_each(|playout| playout.pause(samples));
            }
            Piece::Noise { payload, .. } => {
                self.recording.iter_mut().for_each(|recording| recording.comfort(payload));
                self.playout.iter_mut().for_each(|playout| playout.comfort(payload));
            }
        }
    }

    fn hear(&mut self, mut at: u64, payload: &[u8]) {
        let Some(codec) = self.codec else { return };
        let known = self.decoder.take().filter(|decoder| decoder.codec() == codec);
        let decoder = self.decoder.insert(known.unwrap_or_else(|| Decoder::new(codec)));
        decoder.decode_all(payload, |samples| {
            if let Some(recording) = &mut self.recording {
                recording.hear(at, samples);
            }
            let mut sounds = false;
            if let Some(listener) = &mut self.listener {
                let key = listener.hear(at, samples);
                sounds = listener.detector.tone_since().is_some();
                self.recording.iter_mut().for_each(|recording| recording.mute_key(key, sounds));
            }
            if let Some(playout) = &mut self.playout {
                // The tone of a key, or what may be its begin, is nobody's to hear.
                let silence = [0; FRAME];
                let muted = silence.get(..samples.len()).unwrap_or(&silence);
                playout.hear(if sounds { muted } else { samples });
            }
            at = at.saturating_add(samples.len() as u64);
        });
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

    fn lose(&mut self, samples: u64) {
        if self.origin.is_some() {
            self.detector.lost(samples);
        }
    }

    /// Silence that was never sent ends a key, as it would if it had been sent.
    fn pause(&mut self, samples: u64) {
        let Some(origin) = self.origin else { return };
        let silence = [0; SILENCE_HEARD];
        let heard = silence.get(..usize::try_from(samples).unwrap_or(usize::MAX)).unwrap_or(&silence);
        self.hear(origin, heard);
        self.lose(samples - heard.len() as u64);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;
    use crate::audio::dtmf::frequencies;
    use crate::audio::g711::linear_to_alaw;
    use crate::audio::tone::{Sine, tone};
    use crate::switch::recorder::Recorder;
    use crate::switch::scratch::Scratch;

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
            heard[n] = ear.receive(now, (n as u16, timestamp), Codec::Pcma, Sound::Audio(packets[n]), false);
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
            assert_eq!(ear.receive(now, numbers, Codec::Pcma, Sound::Audio(octets), false), Heard::default());
        }
    }

    /// What a recording holds of an ear that heard `packets`: when each came (ms), its number, timestamp and
    /// sound. The recording lasts from the first moment to the end of the last packet.
    fn recorded(packets: &[(u64, u16, u32, Sound<'_>)]) -> Vec<i16> {
        let folder = Scratch::new();
        let path = folder.path().join("a.wav");
        let (done, told) = oneshot::channel();
        let (begin, mut ear) = (Instant::now(), Ear::default());
        let recorder = Recorder::start(folder.path().to_owned()).expect("a recorder");
        ear.record(
            begin,
            recorder.message("a.wav", crate::call::leg::Limits::longest(Duration::from_secs(60)), done),
        );
        for (ms, sequence, timestamp, sound) in packets {
            let now = begin + Duration::from_millis(*ms);
            while let Some(due) = ear.due().filter(|due| *due <= now) {
                ear.tick(due);
            }
            ear.receive(now, (*sequence, *timestamp), Codec::Pcma, *sound, false);
        }
        ear.stop_recording(Keep::All);
        told.blocking_recv().expect("told");
        let wav = hound::WavReader::open(path).expect("a WAV");
        wav.into_samples().map(|sample| sample.expect("whole")).collect()
    }

    /// A hum of 100 Hz in A-law; each packet of 20 ms is two periods of it.
    fn hum() -> [u8; 160] {
        std::array::from_fn(|n| {
            linear_to_alaw((9000.0 * (std::f64::consts::TAU * n as f64 / 80.0).sin()) as i16)
        })
    }

    fn loudness(samples: &[i16]) -> f64 {
        let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        (power / samples.len() as f64).sqrt()
    }

    #[test]
    fn what_is_lost_is_made_up_in_a_recording_and_what_was_held_back_is_in_it() {
        let hum = hum();
        let packets: Vec<_> = (0..50_u16)
            .filter(|n| *n != 20 && *n != 47)
            .map(|n| (u64::from(n) * 20, n, u32::from(n) * 160, Sound::Audio(&hum)))
            .collect();
        let heard = recorded(&packets);
        assert_eq!(heard.len(), 8000);
        for lost in [20, 47] {
            let gap = loudness(&heard[lost * 160..][..160]) / loudness(&heard[..160]);
            assert!(gap > 0.8, "packet {lost}: {gap:.2}");
        }
    }

    #[test]
    fn comfort_noise_is_heard_in_a_recording_for_as_long_as_it_lasts() {
        let hum = hum();
        let mut packets: Vec<_> =
            (0..25_u16).map(|n| (u64::from(n) * 20, n, u32::from(n) * 160, Sound::Audio(&hum))).collect();
        packets.push((500, 25, 4000, Sound::Noise(&[40])));
        packets.push((3500, 26, 28_000, Sound::Audio(&hum)));
        let heard = recorded(&packets);
        assert_eq!(heard.len(), 28_160);
        let level = 20.0 * (loudness(&heard[4800..27_900]) / 32_768.0).log10();
        assert!((level + 40.0).abs() < 1.0, "{level:.1} dBov");
        assert!(heard[4400..27_900].chunks(400).all(|part| loudness(part) > 100.0), "without a hole");
    }

    #[test]
    fn keys_as_events_leave_silence_of_their_length_in_a_recording() {
        let hum = hum();
        let mut packets: Vec<_> =
            (0..25_u16).map(|n| (u64::from(n) * 20, n, u32::from(n) * 160, Sound::Audio(&hum))).collect();
        packets.extend((0..10_u16).map(|n| (500 + u64::from(n) * 20, 25 + n, 4000, Sound::Other)));
        packets.push((700, 35, 5600, Sound::Audio(&hum)));
        let heard = recorded(&packets);
        assert_eq!(heard.len(), 5760);
        assert!(heard[4000..5600].iter().all(|sample| *sample == 0), "nothing is made up");
    }

    #[test]
    fn a_key_that_is_held_when_silence_is_suppressed_ends_and_the_same_one_is_another_press() {
        let pressed = pressed_after(0, '7');
        let mut ear = Ear::default();
        ear.listen_for_keys(true);
        let begin = Instant::now();
        // 80 ms of the tone, then nothing is sent for 200 ms, in numbers without a gap; and once more.
        let mut told = String::new();
        for (n, octets) in pressed.chunks(160).take(4).chain(pressed.chunks(160).take(4)).enumerate() {
            let place = n as u32 * 160 + if n >= 4 { 1600 } else { 0 };
            let now = begin + Duration::from_micros(u64::from(place) * 125);
            let heard = ear.receive(now, (n as u16, place), Codec::Pcma, Sound::Audio(octets), false);
            told.extend(heard.key.map(|pressed| pressed.key));
        }
        assert_eq!(told, "77");
    }
}
