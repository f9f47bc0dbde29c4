//! What we say to a leg ourselves: keys first, then a clip, then silence.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::codec::Encoder;
use super::keypad::{Form, Keypad};
use super::playing::{Playing, Stage};
use crate::rtp::telephone_event::Outgoing;
use crate::switch::clip::{Clip, FRAME};

/// The time of a frame.
pub(super) const FRAME_TIME: Duration = Duration::from_millis(20);

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
    keys: Keypad,
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

    /// Tells a key, after those that wait already.
    pub fn press(&mut self, key: char, form: Form) {
        self.keys.press(key, form);
    }

    /// Whether there is anything to be said.
    pub fn speaks(&self) -> bool {
        self.keys.is_busy() || !self.stage.is_empty()
    }

    /// What is said in the 20 ms from `at` on; nothing: silence. `timestamp` is asked for that of an event
    /// which begins now.
    pub fn next(
        &mut self,
        at: Instant,
        encoder: &mut Encoder,
        timestamp: impl FnOnce() -> u32,
    ) -> Option<Utterance> {
        if let Some(key) = self.keys.next(at, encoder, timestamp) {
            self.stage.interrupt();
            return Some(key);
        }
        self.stage.next_frame(encoder).map(Utterance::Frame)
    }

    /// What is said next is not sent to the phone: a clip that loses something of itself so never tells its end.
    pub fn withhold(&mut self) {
        self.stage.withhold();
    }

    /// Time passed unused: what would have been said in it is left out.
    pub fn skip(&mut self, frames: u64) {
        self.stage.skip(frames);
    }

    /// Ends a key that is being sent: its last packets.
    pub fn end_event(&mut self) -> impl Iterator<Item = Outgoing> {
        self.keys.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(frames: usize) -> Arc<Clip> {
        Arc::new(Clip::from_samples(&vec![1000; frames * FRAME]))
    }

    fn next(voice: &mut Voice) -> Option<Utterance> {
        voice.next(Instant::now(), &mut Encoder::Pcma, || 0)
    }

    fn frames(voice: &mut Voice, max: usize) -> usize {
        (0..max).take_while(|_| matches!(next(voice), Some(Utterance::Frame(_)))).count()
    }

    #[test]
    fn a_clip_tells_its_end_once_its_last_frame_has_sounded() {
        let (mut voice, (done, mut over)) = (Voice::default(), oneshot::channel());
        voice.play(clip(3), false, done);
        assert_eq!(frames(&mut voice, 3), 3);
        assert!(over.try_recv().is_err());
        assert!(next(&mut voice).is_none());
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
    fn a_clip_of_which_something_was_withheld_ends_and_never_tells_it() {
        let (mut voice, (done, mut over)) = (Voice::default(), oneshot::channel());
        voice.play(clip(3), false, done);
        assert_eq!(frames(&mut voice, 1), 1);
        voice.withhold();
        assert_eq!(frames(&mut voice, 9), 2);
        assert_eq!(over.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        assert!(!voice.speaks());
    }

    #[test]
    fn an_empty_clip_is_over_at_once_looped_or_not() {
        for looped in [false, true] {
            let (mut voice, (done, mut over)) = (Voice::default(), oneshot::channel());
            voice.play(clip(0), looped, done);
            voice.skip(7);
            assert!(next(&mut voice).is_none());
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
    fn a_key_goes_before_a_clip_and_is_ended_when_the_stream_is_closed() {
        let (mut voice, (done, _over)) = (Voice::default(), oneshot::channel());
        voice.play(clip(1), false, done);
        voice.press('1', Form::Event(8000));
        assert!(matches!(next(&mut voice), Some(Utterance::Event(_))));
        assert_eq!(voice.end_event().count(), 3);
        assert!(matches!(next(&mut voice), Some(Utterance::Frame(_))));
    }
}
