//! The tones a prompt can name, as samples.

use crate::audio::tone::{Sine, note, silence, tone};
use crate::call::prompt::Tone;

/// Edges soft enough not to click, short enough not to be heard.
const EDGE_MS: u32 = 5;

/// A tone's samples at the line's rate. Each is a multiple of 20 ms long and begins and ends in
/// silence, so that it can be looped.
pub(super) fn samples(name: Tone) -> Vec<i16> {
    match name {
        Tone::Beep => sounding(&[1000.0], 400, -12.0),
        Tone::Hold => hold(),
        Tone::RingbackDe => [sounding(&[425.0], 1000, -14.0), silence(4000)].concat(),
        Tone::RingbackUs => [sounding(&[440.0, 480.0], 2000, -19.0), silence(4000)].concat(),
        Tone::RingbackGb => {
            let burst = sounding(&[400.0, 450.0], 400, -19.0);
            [burst.clone(), silence(200), burst, silence(2000)].concat()
        }
    }
}

/// Two struck notes, a falling third, every four seconds: quiet, and nothing like a ringing tone, a
/// busy tone or a key.
fn hold() -> Vec<i16> {
    let struck = |frequency| note(Sine { frequency, level: -16.0 }, 1200);
    let (first, second) = (struck(659.26), struck(523.25));
    let mut sound = silence(4000);
    for (offset, notes) in [(0, first), (3200, second)] {
        for (sample, note) in sound.iter_mut().skip(offset).zip(notes) {
            *sample = sample.saturating_add(note);
        }
    }
    sound
}

fn sounding(frequencies: &[f64], ms: u32, level: f64) -> Vec<i16> {
    let sines: Vec<Sine> = frequencies.iter().map(|&frequency| Sine { frequency, level }).collect();
    tone(&sines, ms, EDGE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::dtmf::Detector;
    use crate::audio::level::dbm0;

    const ALL: [Tone; 5] = [Tone::Beep, Tone::Hold, Tone::RingbackDe, Tone::RingbackUs, Tone::RingbackGb];

    #[test]
    fn every_tone_can_be_looped_without_a_click() {
        for name in ALL {
            let sound = samples(name);
            assert_eq!(sound.len() % 160, 0, "{name:?} is no whole number of frames");
            assert!(sound[0].abs() < 50 && sound[sound.len() - 1].abs() < 50, "{name:?}");
        }
    }

    #[test]
    fn no_tone_is_taken_for_a_key() {
        for name in ALL {
            assert_eq!(Detector::new(8000).process(&samples(name)), [], "{name:?}");
        }
    }

    #[test]
    fn the_ringing_tones_have_their_countrys_cadence() {
        let cadence = |name| {
            let loud: Vec<bool> = samples(name).chunks(800).map(|part| dbm0(part) > -30.0).collect();
            loud.chunk_by(|a, b| a == b).map(|part| (part[0], part.len())).collect::<Vec<_>>()
        };
        assert_eq!(cadence(Tone::RingbackDe), [(true, 10), (false, 40)]);
        assert_eq!(cadence(Tone::RingbackUs), [(true, 20), (false, 40)]);
        assert_eq!(cadence(Tone::RingbackGb), [(true, 4), (false, 2), (true, 4), (false, 20)]);
        assert_eq!(cadence(Tone::Beep), [(true, 4)]);
    }

    #[test]
    fn hold_is_gentle() {
        let sound = samples(Tone::Hold);
        assert!(dbm0(&sound) < -20.0);
        assert!(dbm0(&sound[..4000]) > -30.0);
    }
}
