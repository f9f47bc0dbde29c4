//! A few words of a caller, kept in memory and on no disk.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::inbox::{Piece, Shared};
use super::{Recorder, Tap, samples};
use crate::audio::LINE_RATE;
use crate::audio::silence::SilenceGate;

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// So much silence after the words ends them, in samples: a second.
const OVER: u64 = LINE_RATE as u64;
/// How much later than its audio a word may be here.
const LATE: Duration = Duration::from_millis(300);

impl Recorder {
    /// Begins to take words that are `longest` at most; silence ends them, and so does letting go of the tap. What
    /// resolves is what was said, without what is before and after it; nothing, if nothing was. Whoever drops it
    /// forgets the words.
    pub fn words(&self, longest: Duration) -> (Tap, impl Future<Output = Option<Vec<i16>>> + use<>) {
        let inbox = Arc::new(Shared::new(1));
        (self.tap(&inbox, 0, 0), Words { inbox, waiting: Arc::clone(&self.waiting) }.take(longest))
    }
}

/// The recorder's end of it.
struct Words {
    inbox: Arc<Shared>,
    waiting: Arc<super::Waiting>,
}

impl Words {
    async fn take(self, longest: Duration) -> Option<Vec<i16>> {
        let (began, most) = (Instant::now(), samples(longest));
        loop {
            tokio::time::sleep(LOOK).await;
            let (sound, let_go) = self.so_far();
            let mut gate = SilenceGate::default();
            gate.push(&sound);
            let (length, heard) = (sound.len() as u64, gate.heard_until());
            let silent = heard > 0 && length.saturating_sub(heard) >= OVER;
            if let_go || silent || length >= most || began.elapsed() >= longest + LATE {
                return (heard > 0).then_some(sound);
            }
        }
    }

    /// What was said so far, and whether that is all.
    fn so_far(&self) -> (Vec<i16>, bool) {
        let inbox = self.inbox.lock();
        let mut sound = Vec::new();
        for inlet in &inbox.channels {
            let mut left = &inlet.samples[..];
            for piece in &inlet.pieces {
                match *piece {
                    Piece::Sound { at, len } => {
                        let (these, rest) = left.split_at(len.min(left.len()));
                        left = rest;
                        place(&mut sound, at, these);
                    }
                    Piece::Mute { from } => {
                        let from = usize::try_from(from).unwrap_or(usize::MAX);
                        sound.iter_mut().skip(from).for_each(|sample| *sample = 0);
                    }
                }
            }
        }
        if let Some(end) = inbox.end.and_then(|end| usize::try_from(end).ok()) {
            sound.truncate(end);
        }
        (sound, inbox.taps == 0)
    }
}

/// A minute of samples: nothing said here lasts so long, whatever its numbers say.
const FARTHEST: u64 = 60 * LINE_RATE as u64;

fn place(sound: &mut Vec<i16>, at: u64, samples: &[i16]) {
    let Ok(at) = usize::try_from(at.min(FARTHEST)) else { return };
    let end = at + samples.len();
    if sound.len() < end {
        sound.resize(end, 0);
    }
    sound.iter_mut().skip(at).zip(samples).for_each(|(place, sample)| *place = *sample);
}

impl Drop for Words {
    fn drop(&mut self) {
        let mut inbox = self.inbox.lock();
        inbox.closed = true;
        let kept: usize = inbox.channels.iter().map(|inlet| inlet.samples.len()).sum();
        inbox.channels.iter_mut().for_each(super::Inlet::clear);
        drop(inbox);
        self.waiting.give_back(kept);
    }
}

/// Awaits words for somebody who may forget about them meanwhile.
pub async fn unless_forgotten<T>(
    words: impl Future<Output = Option<Vec<i16>>>,
    done: &mut oneshot::Sender<T>,
) -> Option<Vec<i16>> {
    tokio::select! {
        biased;
        () = done.closed() => None,
        words = words => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::tone::{Sine, silence, tone};
    use crate::switch::scratch::Scratch;

    const LONGEST: Duration = Duration::from_secs(3);

    /// What is taken of these sounds, one behind the other.
    async fn taken(sounds: &[Vec<i16>]) -> Option<Vec<i16>> {
        let scratch = Scratch::new();
        let recorder = Recorder::start(scratch.path().to_owned()).unwrap();
        let (mut tap, words) = recorder.words(LONGEST);
        let mut at = 0;
        for sound in sounds {
            tap.write(at, sound);
            at += sound.len() as u64;
        }
        let words = words.await;
        drop(tap);
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0, "nothing is on the disk");
        assert!(recorder.waiting.take(super::super::inbox::MAX_WAITING), "all room was given back");
        words
    }

    fn voice(ms: u32) -> Vec<i16> {
        tone(&[Sine { frequency: 300.0, level: -20.0 }], ms, 5)
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_the_words_and_without_words_there_are_none() {
        let said = taken(&[silence(400), voice(800), silence(1_100)]).await.unwrap();
        assert_eq!(said.len(), 8 * 2_300);
        assert_eq!(taken(&[silence(3_000)]).await, None);
        assert_eq!(taken(&[]).await, None);
        assert_eq!(
            taken(&[voice(2_900)]).await.map(|said| said.len()),
            Some(8 * 2_900),
            "in time all the same"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_forgets_the_words_ends_them() {
        let scratch = Scratch::new();
        let recorder = Recorder::start(scratch.path().to_owned()).unwrap();
        let (mut done, forgotten) = oneshot::channel::<()>();
        let (mut tap, words) = recorder.words(LONGEST);
        tap.write(0, &voice(500));
        drop(forgotten);
        assert_eq!(unless_forgotten(words, &mut done).await, None);
    }
}
