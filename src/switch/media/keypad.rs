//! Keys that a phone is told by us, one after the other: as events, or as their tones where it knows none.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::codec::Encoder;
use super::playing::Playing;
use super::voice::Utterance;
use crate::audio::dtmf;
use crate::audio::tone::{Sine, tone};
use crate::rtp::telephone_event::{Outgoing, Sender};
use crate::switch::clip::Clip;

/// How long a key sounds, in ms; within Q.24's 40 ms and a margin for the far side's detector.
const TONE_MS: u32 = 100;
/// The level of each of its two tones, in dBm0.
const TONE_LEVEL: f64 = -9.0;
/// From the begin of a key to that of the next one: 100 ms of the key, and 50 ms without one, so that no
/// receiver takes two presses for one.
const CYCLE: Duration = Duration::from_millis(150);
/// Keys that wait for their turn; more are forgotten.
const WAITING: usize = 32;

/// How a key is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// RFC 4733, with so many units of the timestamp a second.
    Event(u32),
    /// As its two tones in the audio.
    Tone,
}

/// Keys to be told. Each goes before whatever else there is to say.
#[derive(Debug, Default)]
pub(super) struct Keypad {
    waiting: VecDeque<(char, Form)>,
    pressed: Option<Pressed>,
    /// When the next key may begin.
    free: Option<Instant>,
}

#[derive(Debug)]
enum Pressed {
    Event(Sender),
    Tone(Playing),
}

impl Keypad {
    /// A key, after those that wait already.
    pub fn press(&mut self, key: char, form: Form) {
        if self.waiting.len() < WAITING {
            self.waiting.push_back((key, form));
        }
    }

    /// Whether there is a key to be told.
    pub fn is_busy(&self) -> bool {
        self.pressed.is_some() || !self.waiting.is_empty()
    }

    /// What is to be sent in the 20 ms from `at` on: the key's next packet or frame, the silence between two
    /// keys, or nothing. `timestamp` is asked for that of a key which begins now.
    pub fn next(
        &mut self,
        at: Instant,
        encoder: &mut Encoder,
        timestamp: impl FnOnce() -> u32,
    ) -> Option<Utterance> {
        if let Some(utterance) = self.pressed.as_mut().and_then(|pressed| pressed.next(encoder)) {
            return Some(utterance);
        }
        self.pressed = None;
        if !self.waiting.is_empty() && self.free.is_some_and(|free| at < free) {
            return Some(Utterance::Frame(encoder.silence()));
        }
        let (key, form) = self.waiting.pop_front()?;
        self.free = Some(at + CYCLE);
        let mut pressed = Pressed::begin(key, form, timestamp)?;
        let utterance = pressed.next(encoder);
        self.pressed = Some(pressed);
        utterance
    }

    /// Ends the event that is being sent, and forgets the keys after it: its last packets.
    pub fn end(&mut self) -> impl Iterator<Item = Outgoing> {
        self.waiting.clear();
        let event = match self.pressed.take() {
            Some(Pressed::Event(mut sender)) => {
                sender.cut_short();
                Some(sender)
            }
            _ => None,
        };
        event.into_iter().flatten()
    }
}

impl Pressed {
    fn begin(key: char, form: Form, timestamp: impl FnOnce() -> u32) -> Option<Self> {
        if let Form::Event(rate) = form {
            return Some(Self::Event(Sender::new(key, timestamp(), rate)?));
        }
        let sines = dtmf::frequencies(key)?.map(|frequency| Sine { frequency, level: TONE_LEVEL });
        let clip = Arc::new(Clip::from_samples(&tone(&sines, TONE_MS, 2)));
        Some(Self::Tone(Playing::new(clip, false, None)))
    }

    fn next(&mut self, encoder: &mut Encoder) -> Option<Utterance> {
        match self {
            Self::Event(sender) => sender.next().map(Utterance::Event),
            Self::Tone(playing) => playing.next_frame(encoder).map(Utterance::Frame),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::dtmf::Detector;
    use crate::rtp::telephone_event::Payload;

    const FRAME_TIME: Duration = Duration::from_millis(20);

    /// What is sent 20 ms by 20 ms, until nothing is.
    fn sent(keypad: &mut Keypad) -> Vec<Utterance> {
        let begin = Instant::now();
        (0..1000).map_while(|n| keypad.next(begin + FRAME_TIME * n, &mut Encoder::Pcmu, || n * 160)).collect()
    }

    /// The events sent: when each packet came in frames, its timestamp, and what it says.
    fn events(sent: &[Utterance]) -> Vec<(usize, Outgoing, Payload)> {
        let events = sent.iter().enumerate().filter_map(|(n, utterance)| match utterance {
            Utterance::Event(event) => Some((n, *event, Payload::read(&event.payload).expect("whole"))),
            Utterance::Frame(_) => None,
        });
        events.collect()
    }

    #[test]
    fn every_key_sounds_as_itself() {
        for key in "123A456B789C*0#D".chars() {
            let mut keypad = Keypad::default();
            keypad.press(key, Form::Tone);
            assert_eq!(heard(&sent(&mut keypad)), key.to_string());
        }
    }

    /// The keys in the frames.
    fn heard(sent: &[Utterance]) -> String {
        let mut detector = Detector::new(8000);
        let mut keys = String::new();
        for utterance in sent {
            if let Utterance::Frame(frame) = utterance {
                let samples = frame.map(crate::audio::g711::ulaw_to_linear);
                keys.extend(detector.process(&samples).iter().map(|digit| digit.key));
            }
        }
        keys
    }

    #[test]
    fn keys_pressed_in_a_row_are_all_told_with_50_ms_or_more_between_them() {
        let mut keypad = Keypad::default();
        "5512".chars().for_each(|key| keypad.press(key, Form::Event(8000)));
        let sent = sent(&mut keypad);
        let events = events(&sent);
        let begins: Vec<_> = events.iter().filter(|(_, event, _)| event.marker).collect();
        assert_eq!(
            begins.iter().map(|(.., payload)| payload.key().expect("a key")).collect::<String>(),
            "5512"
        );
        for pair in begins.windows(2) {
            let gap = pair[1].1.timestamp - (pair[0].1.timestamp + 800);
            assert!((400..800).contains(&gap), "{gap} units of silence");
        }
        assert!(begins.iter().all(|(n, event, _)| *n as u32 * 160 == event.timestamp), "its clock goes on");
        assert_eq!(events.iter().filter(|(.., payload)| payload.end).count(), 4 * 3);
    }

    #[test]
    fn keys_that_sound_in_a_row_are_heard_as_so_many_presses() {
        let mut keypad = Keypad::default();
        "55500".chars().for_each(|key| keypad.press(key, Form::Tone));
        assert_eq!(heard(&sent(&mut keypad)), "55500");
    }

    #[test]
    fn more_keys_than_anybody_presses_are_forgotten() {
        let mut keypad = Keypad::default();
        (0..10 * WAITING).for_each(|_| keypad.press('1', Form::Event(8000)));
        assert_eq!(events(&sent(&mut keypad)).iter().filter(|(_, event, _)| event.marker).count(), WAITING);
    }

    #[test]
    fn a_key_is_ended_when_the_stream_is_closed_and_those_that_wait_are_not_begun() {
        let mut keypad = Keypad::default();
        "12".chars().for_each(|key| keypad.press(key, Form::Event(8000)));
        keypad.next(Instant::now(), &mut Encoder::Pcma, || 0);
        let ends: Vec<_> = keypad.end().filter_map(|event| Payload::read(&event.payload)).collect();
        assert_eq!(ends.len(), 3);
        assert!(ends.iter().all(|payload| payload.end && payload.event == 1 && payload.duration > 0));
        assert!(!keypad.is_busy());
    }
}
