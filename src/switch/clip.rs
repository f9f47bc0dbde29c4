//! A clip: sound made ready for the line, so that playing it is only sending.

use std::sync::Arc;

use crate::audio::LINE_RATE;
use crate::audio::g711::{ALAW_SILENCE, ULAW_SILENCE, linear_to_alaw, linear_to_ulaw};

/// Samples, and octets of G.711, in a frame of 20 ms.
pub const FRAME: usize = 160;
/// The length of a frame in ms.
pub const FRAME_MS: u64 = FRAME as u64 * 1000 / LINE_RATE as u64;

/// A frame at 16 000 Hz, in pairs: an octet of G.722 each.
pub type WideFrame = [[i16; 2]; FRAME];

/// A sound in both laws of G.711, cut into frames of 20 ms. All forms have the same number of frames.
#[derive(Debug, Clone)]
pub struct Clip {
    /// In A-law.
    pub pcma: Arc<[[u8; FRAME]]>,
    /// In u-law.
    pub pcmu: Arc<[[u8; FRAME]]>,
    /// For G.722, if anybody speaks it. Its octets depend on what was sent before, so each leg encodes
    /// for itself.
    pub wide: Option<Arc<[WideFrame]>>,
    /// How many samples it has at the line's rate. What is left of the last frame is silence.
    length: usize,
    /// Where it goes on after its last sample when it is played over and over.
    from: usize,
}

impl Clip {
    /// Encodes a sound of 8000 samples per second. The last frame is filled up with silence.
    pub fn from_samples(samples: &[i16]) -> Self {
        let [pcma, pcmu] = [encode(samples, linear_to_alaw), encode(samples, linear_to_ulaw)];
        Self { pcma, pcmu, wide: None, length: samples.len(), from: 0 }
    }

    /// Adds the same sound at 16 000 samples per second.
    #[must_use]
    pub fn with_wide(mut self, samples: &[i16]) -> Self {
        let (pairs, _) = samples.as_chunks::<2>();
        let mut wide = vec![[[0; 2]; FRAME]; self.pcma.len()];
        for (place, pair) in wide.as_flattened_mut().iter_mut().zip(pairs) {
            *place = *pair;
        }
        self.wide = Some(wide.into());
        self
    }

    /// Played over and over, it goes on at this sample after its last one, and not at its first.
    #[must_use]
    pub fn going_on_at(mut self, from: usize) -> Self {
        self.from = from;
        self
    }

    /// Clips one behind another, to the sample, each followed by so many samples of silence.
    pub fn joined(parts: &[(&Clip, usize)]) -> Self {
        let wide = |clip: &Clip| clip.wide.clone();
        Self {
            pcma: join(parts, |clip| clip.pcma.as_flattened(), ALAW_SILENCE),
            pcmu: join(parts, |clip| clip.pcmu.as_flattened(), ULAW_SILENCE),
            wide: parts
                .iter()
                .all(|(clip, _)| wide(clip).is_some())
                .then(|| join(parts, |clip| clip.wide.as_deref().unwrap_or_default().as_flattened(), [0; 2])),
            length: parts.iter().map(|(clip, silence)| clip.length + silence).sum(),
            from: 0,
        }
    }

    /// How long it plays, in ms.
    pub fn duration_ms(&self) -> u64 {
        self.pcma.len() as u64 * FRAME_MS
    }
}

/// One form of clips, one behind another.
fn join<T: Copy>(parts: &[(&Clip, usize)], form: impl Fn(&Clip) -> &[T], silence: T) -> Arc<[[T; FRAME]]> {
    let length: usize = parts.iter().map(|(clip, pause)| clip.length + pause).sum();
    let mut whole = Vec::with_capacity(length.next_multiple_of(FRAME));
    for (clip, pause) in parts {
        whole.extend_from_slice(form(clip).get(..clip.length).unwrap_or_default());
        whole.resize(whole.len() + pause, silence);
    }
    whole.resize(length.next_multiple_of(FRAME), silence);
    let (frames, _) = whole.as_chunks::<FRAME>();
    frames.into()
}

fn encode(samples: &[i16], law: fn(i16) -> u8) -> Arc<[[u8; FRAME]]> {
    let frame = |samples: &[i16]| {
        let mut frame = [law(0); FRAME];
        for (octet, sample) in frame.iter_mut().zip(samples) {
            *octet = law(*sample);
        }
        frame
    };
    samples.chunks(FRAME).map(frame).collect()
}

/// A place in a clip, and whether the clip goes round there.
#[derive(Debug, Clone)]
pub struct Excerpt {
    /// Of what.
    pub clip: Arc<Clip>,
    /// The next sample, at the line's rate.
    pub at: usize,
    /// After the last sample it goes on, to the sample, where the clip goes round.
    pub looped: bool,
}

impl Excerpt {
    /// Whether nothing is left.
    pub fn is_over(&self) -> bool {
        self.within(self.at).is_none()
    }

    /// The next frame of one of the clip's forms; what is not there is `silence`.
    pub fn frame<T: Copy>(&self, form: &[[T; FRAME]], silence: T) -> [T; FRAME] {
        let (form, mut frame) = (form.as_flattened(), [silence; FRAME]);
        let mut filled = 0;
        while let Some(at) = self.within(self.at.saturating_add(filled)).filter(|_| filled < FRAME) {
            let count = (FRAME - filled).min(self.clip.length - at);
            let places = frame.get_mut(filled..filled + count).zip(form.get(at..at + count));
            let Some((place, part)) = places else { return frame };
            place.copy_from_slice(part);
            filled += count;
        }
        frame
    }

    /// Moves on.
    pub fn advance(&mut self, frames: u64) {
        let samples = usize::try_from(frames).unwrap_or(usize::MAX).saturating_mul(FRAME);
        let at = self.at.saturating_add(samples);
        self.at = self.within(at).unwrap_or(at);
    }

    /// The sample that is meant by a place, which may lie behind the end.
    fn within(&self, at: usize) -> Option<usize> {
        let Clip { length, from, .. } = *self.clip;
        if at < length {
            return Some(at);
        }
        let round = length.checked_sub(from).filter(|_| self.looped)?;
        Some(from + (at - length).checked_rem(round)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::audio::g711::{alaw_to_linear, ulaw_to_linear};

    #[test]
    fn a_clip_holds_the_sound_in_both_laws_and_ends_in_silence() {
        let sound: Vec<i16> = (0..400).map(|n| n * 50 - 10_000).collect();
        let clip = Clip::from_samples(&sound);
        assert_eq!((clip.pcma.len(), clip.pcmu.len(), clip.duration_ms()), (3, 3, 60));
        for (n, sample) in sound.iter().enumerate() {
            for heard in
                [alaw_to_linear(clip.pcma[n / 160][n % 160]), ulaw_to_linear(clip.pcmu[n / 160][n % 160])]
            {
                assert!((i32::from(heard) - i32::from(*sample)).abs() <= 16 + i32::from(sample.abs()) / 32);
            }
        }
        assert_eq!(clip.pcma[2][80..], [ALAW_SILENCE; 80]);
        assert_eq!(clip.pcmu[2][80..], [ULAW_SILENCE; 80]);
    }

    #[test]
    fn nothing_to_hear_takes_no_time() {
        assert_eq!(Clip::from_samples(&[]).duration_ms(), 0);
    }

    proptest! {
        #[test]
        fn joined_clips_sound_like_one_of_their_samples(
            parts in prop::collection::vec((prop::collection::vec(-8000_i16..8000, 0..500), 0_usize..300), 0..5),
        ) {
            let pairs = |sound: &[i16]| sound.iter().flat_map(|sample| [*sample; 2]).collect::<Vec<_>>();
            let clip = |sound: &[i16]| Clip::from_samples(sound).with_wide(&pairs(sound));
            let clips: Vec<_> = parts.iter().map(|(sound, pause)| (clip(sound), *pause)).collect();
            let whole: Vec<i16> =
                parts.iter().flat_map(|(sound, pause)| sound.iter().copied().chain(vec![0; *pause])).collect();
            let refs: Vec<_> = clips.iter().map(|(clip, pause)| (clip, *pause)).collect();
            let (joined, one) = (Clip::joined(&refs), clip(&whole));
            prop_assert_eq!((&joined.pcma, &joined.pcmu), (&one.pcma, &one.pcmu));
            prop_assert_eq!((&joined.wide, joined.length), (&one.wide, one.length));
        }

        #[test]
        fn a_clip_goes_round_to_the_sample_wherever_it_goes_on(
            length in 1_usize..700,
            from in any::<prop::sample::Index>(),
            frames in 1_usize..12,
            skipped in 0_u64..12,
        ) {
            let sound: Vec<i16> = (0..length).map(|n| (n as i16 - 350) * 64).collect();
            let from = from.index(length);
            let clip = Arc::new(Clip::from_samples(&sound).going_on_at(from));
            let mut excerpt = Excerpt { clip: clip.clone(), at: 0, looped: true };
            let endless: Vec<u8> =
                sound.iter().chain(sound[from..].iter().cycle()).take(24 * FRAME).map(|s| linear_to_alaw(*s)).collect();
            excerpt.advance(skipped);
            for n in 0..frames {
                let at = (skipped as usize + n) * FRAME;
                let heard = excerpt.frame(&clip.pcma, 0);
                prop_assert_eq!(&heard[..], &endless[at..at + FRAME]);
                excerpt.advance(1);
            }
            let mut once = Excerpt { clip: clip.clone(), at: 0, looped: false };
            once.advance(skipped);
            prop_assert_eq!(once.is_over(), skipped as usize * FRAME >= length);
        }
    }
}
