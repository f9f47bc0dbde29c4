//! Clips on their way to a phone. Where one ends or begins amid its sound, it fades: stopped or
//! replaced, it goes within 10 ms of the next frame; after time was left out, it comes in the same way.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::codec::{Encoder, Fade};
use crate::switch::clip::{Clip, Excerpt, FRAME};

/// A clip and how much of it was heard.
#[derive(Debug)]
pub(super) struct Playing {
    next: Excerpt,
    /// Something of it was heard, so that it cannot just stop.
    heard: bool,
    /// What comes next does not begin in silence.
    amid: bool,
    /// The phone was not sent all of it.
    withheld: bool,
    done: Option<oneshot::Sender<()>>,
}

impl Playing {
    /// From the beginning. `done` is told of the end.
    pub fn new(clip: Arc<Clip>, looped: bool, done: Option<oneshot::Sender<()>>) -> Self {
        // What goes round may have its seam at full power.
        Self { next: Excerpt { clip, at: 0, looped }, heard: false, amid: looped, withheld: false, done }
    }

    /// The next frame; nothing once it is over.
    pub fn next_frame(&mut self, encoder: &mut Encoder) -> Option<[u8; FRAME]> {
        let fade = self.begin_frame()?;
        let frame = match fade {
            Fade::Stays => encoder.frame(&self.next),
            fade => encoder.blend(&[(&self.next, fade)]),
        };
        self.next.advance(1);
        Some(frame)
    }

    /// How its next frame is to begin; nothing once it is over.
    fn begin_frame(&mut self) -> Option<Fade> {
        if self.next.is_over() {
            return None;
        }
        self.heard = true;
        Some(if std::mem::take(&mut self.amid) { Fade::In } else { Fade::Stays })
    }

    fn skip(&mut self, frames: u64) {
        self.next.advance(frames);
        self.amid = true;
    }

    /// What was withheld was not played to its end: nobody may take it for heard.
    fn end(self) {
        // The script may have stopped waiting.
        let _ = self.done.filter(|_| !self.withheld).map(|done| done.send(()));
    }
}

/// The clip that is played, and one that has just had to leave.
#[derive(Debug, Default)]
pub(super) struct Stage {
    playing: Option<Playing>,
    /// Fades out within the next frame.
    leaving: Option<Excerpt>,
}

impl Stage {
    /// In place of what is being played, whose end nobody is told of.
    pub fn play(&mut self, playing: Playing) {
        self.leave();
        self.playing = Some(playing);
    }

    /// What is being played has to leave.
    pub fn leave(&mut self) {
        if let Some(playing) = self.playing.take().filter(|playing| playing.heard) {
            self.leaving = Some(playing.next);
        }
    }

    /// Something else is heard in place of the next frame.
    pub fn interrupt(&mut self) {
        self.leaving = None;
        if let Some(playing) = &mut self.playing {
            playing.amid |= playing.heard;
        }
    }

    /// The phone is on hold: what is played now is not sent to it.
    pub fn withhold(&mut self) {
        if let Some(playing) = &mut self.playing {
            playing.withheld = true;
        }
    }

    /// Time passed in which nothing was heard, though it would have been.
    pub fn skip(&mut self, frames: u64) {
        self.leaving = None;
        if let Some(playing) = &mut self.playing {
            playing.skip(frames);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.playing.is_none() && self.leaving.is_none()
    }

    /// What is heard in the next 20 ms; nothing: silence.
    pub fn next_frame(&mut self, encoder: &mut Encoder) -> Option<[u8; FRAME]> {
        let frame = match self.leaving.take() {
            Some(left) => Some(self.splice(&left, encoder)),
            None => self.playing.as_mut().and_then(|playing| playing.next_frame(encoder)),
        };
        if frame.is_none()
            && let Some(over) = self.playing.take()
        {
            over.end();
        }
        frame
    }

    /// The end of one clip, and the beginning of the next one, if there is one.
    fn splice(&mut self, left: &Excerpt, encoder: &mut Encoder) -> [u8; FRAME] {
        let going = (left, Fade::Out);
        let Some((playing, fade)) =
            self.playing.as_mut().and_then(|playing| playing.begin_frame().map(|fade| (playing, fade)))
        else {
            return encoder.blend(&[going]);
        };
        let frame = encoder.blend(&[going, (&playing.next, fade)]);
        playing.next.advance(1);
        frame
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;

    use super::*;
    use crate::audio::g711::alaw_to_linear;
    use crate::audio::g722;
    use crate::sip::Codec;

    /// The peak of the tones here.
    const PEAK: f64 = 8_000.0;
    /// The largest step of one of them at 8000 Hz.
    const STEP: i32 = 1_300;

    /// A tone of 200 Hz that begins and ends softly, in both widths.
    fn tone(frames: usize) -> Arc<Clip> {
        let sound = |rate: usize| -> Vec<i16> {
            let (len, edge) = (rate / 50 * frames, rate / 100);
            let at = |n: usize| {
                let soft = (n.min(len - 1 - n) as f64 / edge as f64).min(1.0);
                (PEAK * soft * (TAU * 200.0 * n as f64 / rate as f64).sin()).round() as i16
            };
            (0..len).map(at).collect()
        };
        Arc::new(Clip::from_samples(&sound(8_000)).with_wide(&sound(16_000)))
    }

    /// As it goes round: at full power, and no whole number of frames.
    fn round() -> Arc<Clip> {
        let sound = |rate: usize| -> Vec<i16> {
            let at = |n: usize| (PEAK * (TAU * 200.0 * n as f64 / rate as f64).cos()).round() as i16;
            (0..rate / 200 * 31).map(at).collect()
        };
        Arc::new(Clip::from_samples(&sound(8_000)).with_wide(&sound(16_000)))
    }

    /// A phone: what it hears at 8000 Hz, or at 16 000 of G.722.
    enum Phone {
        Pcma,
        G722(Box<g722::Decoder>),
    }

    impl Phone {
        fn hear(&mut self, octets: [u8; FRAME]) -> Vec<i16> {
            match self {
                Self::Pcma => octets.map(alaw_to_linear).to_vec(),
                Self::G722(decoder) => {
                    octets.into_iter().flat_map(|octet| decoder.decode_wide(octet)).collect()
                }
            }
        }
    }

    fn largest_step(heard: &[i16]) -> i32 {
        heard.windows(2).map(|pair| (i32::from(pair[0]) - i32::from(pair[1])).abs()).max().unwrap_or(0)
    }

    fn playing(clip: &Arc<Clip>, looped: bool) -> Playing {
        Playing::new(clip.clone(), looped, None)
    }

    #[derive(Debug, Clone)]
    enum Splice {
        Tone(usize),
        Round,
        Silence,
    }

    fn splices() -> impl Strategy<Value = Vec<(Splice, usize)>> {
        let splice =
            prop_oneof![(1_usize..8).prop_map(Splice::Tone), Just(Splice::Round), Just(Splice::Silence),];
        prop::collection::vec((splice, 0_usize..6), 1..20)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn no_splice_is_heard_as_a_click_in_any_codec(splices in splices()) {
            for codec in [Codec::Pcma, Codec::G722] {
                let (mut stage, mut encoder) = (Stage::default(), Encoder::new(codec));
                let mut phone = match codec {
                    Codec::G722 => Phone::G722(Box::default()),
                    _ => Phone::Pcma,
                };
                let mut heard = Vec::new();
                for (splice, frames) in &splices {
                    match splice {
                        Splice::Tone(frames) => stage.play(playing(&tone(*frames), false)),
                        Splice::Round => stage.play(playing(&round(), true)),
                        Splice::Silence => stage.leave(),
                    }
                    for _ in 0..*frames {
                        let octets = stage.next_frame(&mut encoder).unwrap_or_else(|| encoder.silence());
                        heard.extend(phone.hear(octets));
                    }
                }
                // Two may be heard at a time, and the grain of a codec.
                prop_assert!(largest_step(&heard) < 2 * STEP + 700, "{codec:?}: {}", largest_step(&heard));
            }
        }
    }

    #[test]
    fn what_is_stopped_is_silent_after_half_a_frame() {
        let (mut stage, mut encoder) = (Stage::default(), Encoder::Pcma);
        stage.play(playing(&round(), true));
        stage.next_frame(&mut encoder).expect("it sounds");
        stage.leave();
        let last = stage.next_frame(&mut encoder).expect("it fades").map(alaw_to_linear);
        assert!(last[..20].iter().any(|sample| sample.abs() > 4_000));
        assert!(last[FRAME / 2..].iter().all(|sample| sample.abs() <= 8), "{last:?}");
        assert!(stage.is_empty() && stage.next_frame(&mut encoder).is_none());
    }

    #[test]
    fn what_was_never_heard_leaves_without_a_sound() {
        let (mut stage, mut encoder) = (Stage::default(), Encoder::Pcma);
        stage.play(playing(&round(), true));
        stage.leave();
        assert!(stage.is_empty());
        stage.play(playing(&tone(4), false));
        stage.next_frame(&mut encoder).expect("it sounds");
        // Two orders within a frame: it is the one that sounded that fades.
        stage.play(playing(&round(), true));
        stage.leave();
        let fading = stage.next_frame(&mut encoder).expect("it fades").map(alaw_to_linear);
        assert!(fading.iter().any(|sample| sample.abs() > 1_000));
        assert!(stage.is_empty());
    }

    #[test]
    fn after_time_was_left_out_and_after_a_key_a_clip_comes_back_softly() {
        let interruptions: [fn(&mut Stage); 2] = [|stage| stage.skip(3), Stage::interrupt];
        for interrupt in interruptions {
            let (mut stage, mut encoder) = (Stage::default(), Encoder::Pcma);
            stage.play(playing(&round(), true));
            stage.next_frame(&mut encoder).expect("it sounds");
            interrupt(&mut stage);
            let frame = stage.next_frame(&mut encoder).expect("it sounds").map(alaw_to_linear);
            assert!(frame[0].abs() < 100 && frame[100..].iter().any(|sample| sample.abs() > 7_000));
            assert!(largest_step(&frame) < STEP + 300);
        }
    }

    #[test]
    fn a_clip_that_goes_round_has_no_seam_in_any_codec() {
        for codec in [Codec::Pcma, Codec::G722] {
            let (mut stage, mut encoder) = (Stage::default(), Encoder::new(codec));
            let mut phone = match codec {
                Codec::G722 => Phone::G722(Box::default()),
                _ => Phone::Pcma,
            };
            stage.play(playing(&round(), true));
            let frames: Vec<_> = std::iter::from_fn(|| stage.next_frame(&mut encoder)).take(100).collect();
            let heard: Vec<i16> = frames.into_iter().flat_map(|octets| phone.hear(octets)).collect();
            assert_eq!(heard.len() % 16_000, 0);
            assert!(largest_step(&heard) < STEP + 300, "{codec:?}: {}", largest_step(&heard));
            let peaks = heard[1_000..]
                .chunks_exact(heard.len() / 400)
                .map(|part| part.iter().max().copied().unwrap_or(0));
            assert!(peaks.min() > Some(7_000), "it never pauses");
        }
    }
}
