//! What we say to a leg ourselves: keys and tones first, then a clip, then silence.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::codec::Encoder;
use super::playing::{Playing, Stage};
use crate::audio::dtmf;
use crate::audio::tone::{Sine, tone};
use crate::rtp::telephone_event::{Outgoing, Sender};
use crate::switch::clip::{Clip, FRAME};

/// The time of a frame.
pub(super) const FRAME_TIME: Duration = Duration::from_millis(20);
/// How long a key sounds, in ms; within Q.24's 40 ms and a margin for the far side's detector.
const TONE_MS: u32 = 100;
/// The level of each of its two tones, in dBm0.
const TONE_LEVEL: f64 = -9.0;

/// What is to be sent next.
#[derive(Debug)]
pub(super) enum Utterance {
    /// A packet of a key.
    Event(Outgoing),
    /// Audio.
    Frame([u8; FRAME]),
}

/// What is being said.
#[derive(Debug, Default)]
pub(super) struct Voice {
    event: Option<Sender>,
    tone: Option<Playing>,
    stage: Stage,
}

impl Voice {
    /// Plays a clip in place of what is being played.
    pub fn play(&mut self, clip: Arc<Clip>, looped: bool, done: oneshot::Sender<()>) {
        self.stage.play(Playing::new(clip, looped, Some(done)));
    }

    /// Stops playing.
    pub fn silence(&mut self) {
        self.stage.leave();
    }

    /// Sends a key as an event, which began at `timestamp`. A key that is being sent goes first.
    pub fn send_event(&mut self, key: char, timestamp: u32) {
        if self.event.is_none() {
            self.event = Sender::new(key, timestamp);
        }
    }

    /// Lets a key sound.
    pub fn sound_key(&mut self, key: char) {
        let Some(frequencies) = dtmf::frequencies(key) else { return };
        let sines = frequencies.map(|frequency| Sine { frequency, level: TONE_LEVEL });
        let clip = Arc::new(Clip::from_samples(&tone(&sines, TONE_MS, 2)));
        self.tone = Some(Playing::new(clip, false, None));
    }

    /// Whether there is anything to be said.
    pub fn speaks(&self) -> bool {
        self.event.is_some() || self.tone.is_some() || !self.stage.is_empty()
    }

    /// What is said in the next 20 ms; nothing: silence.
    pub fn next(&mut self, encoder: &mut Encoder) -> Option<Utterance> {
        if let Some(outgoing) = self.event.as_mut().and_then(Iterator::next) {
            self.stage.interrupt();
            return Some(Utterance::Event(outgoing));
        }
        self.event = None;
        if let Some(tone) = &mut self.tone {
            self.stage.interrupt();
            match tone.next_frame(encoder) {
                Some(frame) => return Some(Utterance::Frame(frame)),
                None => self.tone = None,
            }
        }
        self.stage.next_frame(encoder).map(Utterance::Frame)
    }

    /// Time passed unused: what would have been said in it is left out.
    pub fn skip(&mut self, frames: u64) {
        self.stage.skip(frames);
    }

    /// Ends a key that is being sent: its last packets.
    pub fn end_event(&mut self) -> impl Iterator<Item = Outgoing> {
        let mut event = self.event.take();
        if let Some(sender) = &mut event {
            sender.cut_short();
        }
        event.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::dtmf::Detector;

    fn clip(frames: usize) -> Arc<Clip> {
        Arc::new(Clip::from_samples(&vec![1000; frames * FRAME]))
    }

    fn frames(voice: &mut Voice, max: usize) -> usize {
        (0..max).take_while(|_| matches!(voice.next(&mut Encoder::Pcma), Some(Utterance::Frame(_)))).count()
    }

    #[test]
    fn a_clip_tells_its_end_once_its_last_frame_has_sounded() {
        let (mut voice, (done, mut over)) = (Voice::default(), oneshot::channel());
        voice.play(clip(3), false, done);
        assert_eq!(frames(&mut voice, 3), 3);
        assert!(over.try_recv().is_err());
        assert!(voice.next(&mut Encoder::Pcma).is_none());
        assert_eq!(over.try_recv(), Ok(()));
        assert!(!voice.speaks());
    }

    #[test]
    fn a_clip_that_is_replaced_never_tells_its_end() {
        let (mut voice, (first, mut over), (second, _)) =
            (Voice::default(), oneshot::channel(), oneshot::channel());
        voice.play(clip(1), false, first);
        voice.play(clip(1), true, second);
        assert_eq!(over.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        assert_eq!(frames(&mut voice, 10), 10, "looped");
    }

    #[test]
    fn an_empty_clip_is_over_at_once_looped_or_not() {
        for looped in [false, true] {
            let (mut voice, (done, mut over)) = (Voice::default(), oneshot::channel());
            voice.play(clip(0), looped, done);
            voice.skip(7);
            assert!(voice.next(&mut Encoder::Pcmu).is_none());
            assert_eq!(over.try_recv(), Ok(()));
        }
    }

    #[test]
    fn time_that_passed_is_left_out_of_a_clip() {
        let (mut voice, (done, _over)) = (Voice::default(), oneshot::channel());
        voice.play(clip(10), false, done);
        voice.skip(4);
        assert_eq!(frames(&mut voice, 20), 6);
    }

    #[test]
    fn every_key_sounds_as_itself() {
        for key in "123A456B789C*0#D".chars() {
            let (mut voice, mut detector, mut heard) = (Voice::default(), Detector::new(8000), String::new());
            voice.sound_key(key);
            while let Some(Utterance::Frame(frame)) = voice.next(&mut Encoder::Pcmu) {
                let samples = frame.map(crate::audio::g711::ulaw_to_linear);
                heard.extend(detector.process(&samples).iter().map(|digit| digit.key));
            }
            assert_eq!(heard, key.to_string());
        }
    }

    #[test]
    fn a_key_goes_before_a_clip_and_is_ended_when_the_stream_is_closed() {
        let (mut voice, (done, _over)) = (Voice::default(), oneshot::channel());
        voice.play(clip(1), false, done);
        voice.send_event('1', 0);
        assert!(matches!(voice.next(&mut Encoder::Pcma), Some(Utterance::Event(_))));
        assert_eq!(voice.end_event().count(), 3);
        assert!(matches!(voice.next(&mut Encoder::Pcma), Some(Utterance::Frame(_))));
    }
}
