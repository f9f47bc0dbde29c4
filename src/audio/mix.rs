//! Mixing: what several say at once, and what each of them is to hear of it.

/// What all say in a frame of `LEN` samples: 160 for 20 ms at 8000 Hz, 320 at 16 000.
#[derive(Debug, Clone)]
pub struct Mix<const LEN: usize> {
    /// Wide enough for 65 000 voices at full scale.
    total: [i32; LEN],
}

impl<const LEN: usize> Default for Mix<LEN> {
    fn default() -> Self {
        Self { total: [0; LEN] }
    }
}

impl<const LEN: usize> Mix<LEN> {
    /// Adds what one of them says.
    pub fn add(&mut self, voice: &[i16; LEN]) {
        for (sum, sample) in self.total.iter_mut().zip(voice) {
            *sum = sum.saturating_add(i32::from(*sample));
        }
    }

    /// What somebody hears who says this: all the others. Where that is louder than full scale it is cut off
    /// there and does not wrap.
    pub fn without(&self, own: &[i16; LEN]) -> [i16; LEN] {
        let mut heard = [0; LEN];
        for ((heard, sum), own) in heard.iter_mut().zip(&self.total).zip(own) {
            let others = sum.saturating_sub(i32::from(*own));
            // Within the range now.
            *heard = others.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        }
        heard
    }
}

/// Fades a frame out over its first half: what follows it is silence.
pub fn fade_out<const LEN: usize>(frame: &mut [i16; LEN]) {
    let half = (LEN / 2).max(1) as i32;
    for (n, sample) in (0..).zip(frame.iter_mut()) {
        // Not above what it was, so it fits.
        *sample = (i32::from(*sample) * (half - n).max(0) / half) as i16;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LEN: usize = 160;

    fn mixed(voices: &[[i16; LEN]]) -> Vec<[i16; LEN]> {
        let mut mix = Mix::default();
        voices.iter().for_each(|voice| mix.add(voice));
        voices.iter().map(|own| mix.without(own)).collect()
    }

    #[test]
    fn two_hear_each_other_untouched_and_neither_hears_itself() {
        let [one, other] = [std::array::from_fn(|n| n as i16 * 200), [i16::MIN; LEN]];
        assert_eq!(mixed(&[one, other]), [other, one]);
    }

    #[test]
    fn what_is_too_loud_together_is_cut_off_at_full_scale() {
        let heard = mixed(&[[0; LEN], [i16::MAX; LEN], [i16::MAX; LEN], [i16::MIN; LEN], [i16::MIN; LEN]]);
        assert_eq!(heard[0], [-2; LEN], "what cancels out is not cut off on the way");
        let heard = mixed(&[[0; LEN], [30_000; LEN], [30_000; LEN]]);
        assert_eq!((heard[0], heard[1]), ([i16::MAX; LEN], [30_000; LEN]));
    }

    #[test]
    fn a_faded_frame_begins_as_it_was_and_is_silent_in_its_second_half() {
        let mut frame = [8_000; LEN];
        fade_out(&mut frame);
        assert_eq!(frame[0], 8_000);
        assert!(frame.windows(2).all(|pair| (0..=101).contains(&(pair[0] - pair[1]))), "{frame:?}");
        assert_eq!(frame[LEN / 2..], [0; LEN / 2]);
    }

    proptest! {
        #[test]
        fn each_hears_the_sum_of_all_others(
            voices in prop::collection::vec(prop::array::uniform32(any::<i16>()), 1..9)
        ) {
            let mut mix = Mix::<32>::default();
            voices.iter().for_each(|voice| mix.add(voice));
            for (place, own) in voices.iter().enumerate() {
                let heard = mix.without(own);
                for n in 0..32 {
                    let others = voices.iter().enumerate().filter(|(other, _)| *other != place);
                    let sum: i64 = others.map(|(_, voice)| i64::from(voice[n])).sum();
                    prop_assert_eq!(i64::from(heard[n]), sum.clamp(i64::from(i16::MIN), i64::from(i16::MAX)));
                }
            }
        }
    }
}
