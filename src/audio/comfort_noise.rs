//! Comfort noise (RFC 3389): what a phone that suppresses silence would have us hear in its place.

use super::LINE_RATE;

/// Reflection coefficients that are made use of; a packet may have more (RFC 3389 3).
const ORDER: usize = 12;
/// No filter rings for longer than this lets it.
const SHARPEST: f32 = 0.97;
/// How long the noise takes to become another, in samples: 20 ms. A step in level is heard as one.
const GLIDE: f32 = LINE_RATE as f32 / 50.0;
/// Of numbers that are evenly spread from -1 to 1, one over the root of the mean square.
const EVEN_TO_ROOT: f32 = 1.732_050_8;

/// The level and the spectrum of noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Description {
    /// The root of the mean square of the samples.
    loudness: f32,
    /// All-pole, as reflection coefficients.
    reflections: [f32; ORDER],
}

/// Makes noise at 8000 samples per second.
#[derive(Debug, Clone)]
pub struct ComfortNoise {
    description: Description,
    /// How strongly the filter is driven now.
    gain: f32,
    state: [f32; ORDER],
    seed: u32,
}

impl Description {
    /// Reads a payload: the level in -dBov, then reflection coefficients, one octet each (RFC 3389 3.1,
    /// 3.2). Nothing if there is no level.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let (level, quantized) = payload.split_first()?;
        // 0 dBov is a square wave of full scale; the top bit is reserved.
        let loudness = 32_768.0 * 10_f32.powf(-f32::from(level & 0x7f) / 20.0);
        let mut reflections = [0.0; ORDER];
        for (reflection, octet) in reflections.iter_mut().zip(quantized) {
            let value = 258.0 * (f32::from(*octet) - 127.0) / 32_768.0;
            *reflection = value.clamp(-SHARPEST, SHARPEST);
        }
        Some(Self { loudness, reflections })
    }

    /// How strongly the filter must be driven for the level.
    fn gain(&self) -> f32 {
        let passed: f32 = self.reflections.iter().map(|reflection| 1.0 - reflection * reflection).product();
        self.loudness * passed.sqrt() * EVEN_TO_ROOT
    }
}

impl ComfortNoise {
    /// Noise that fades in.
    pub fn new(description: Description) -> Self {
        Self { description, gain: 0.0, state: [0.0; ORDER], seed: 1 }
    }

    /// Goes over to another noise.
    pub fn change(&mut self, description: Description) {
        self.description = description;
    }

    /// Makes as much as there is room for.
    pub fn fill(&mut self, samples: &mut [i16]) {
        let wanted = self.description.gain();
        for sample in samples {
            self.gain += (wanted - self.gain) / GLIDE;
            let driven = self.gain * self.even();
            *sample = self.filtered(driven).round() as i16;
        }
    }

    /// A pseudo-random number from -1 to 1.
    fn even(&mut self) -> f32 {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.seed as i32) as f32 / 2_147_483_648.0
    }

    /// The all-pole lattice filter of the reflection coefficients, the outermost stage first.
    fn filtered(&mut self, driven: f32) -> f32 {
        let mut forward = driven;
        // What each stage hands back is the state of the one outside of it.
        let mut outside: Option<&mut f32> = None;
        for (reflection, state) in self.description.reflections.iter().zip(&mut self.state).rev() {
            forward -= reflection * *state;
            if let Some(outside) = outside {
                *outside = *state + reflection * forward;
            }
            outside = Some(state);
        }
        if let Some(innermost) = outside {
            *innermost = forward;
        }
        forward
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn noise(payload: &[u8], samples: usize) -> Vec<i16> {
        let mut noise = ComfortNoise::new(Description::read(payload).expect("a description"));
        let mut heard = vec![0; samples + 1600];
        noise.fill(&mut heard);
        heard.split_off(1600)
    }

    fn level(samples: &[i16]) -> f64 {
        let power = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
        10.0 * (power / samples.len() as f64 / 32_768.0_f64.powi(2)).log10()
    }

    /// The share of the power that is in the correlation with the sample before: near 1 is dull, near -1
    /// is shrill.
    fn dullness(samples: &[i16]) -> f64 {
        let product = |shift: usize| -> f64 {
            samples.iter().zip(&samples[shift..]).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        product(1) / product(0)
    }

    #[test]
    fn noise_has_its_level_whatever_its_spectrum() {
        for stated in [20, 35, 50, 60] {
            for shape in [&[][..], &[10], &[230, 60], &[30, 200, 90, 150, 127, 100], &[255; 20]] {
                let payload = [&[stated], shape].concat();
                let heard = level(&noise(&payload, 80_000));
                // The sharpest of filters hums more than it rustles, and so at a less steady level.
                assert!((heard + f64::from(stated)).abs() < 1.5, "{payload:?}: {heard:.1} dBov");
            }
        }
    }

    #[test]
    fn noise_has_the_spectrum_it_is_told_to_have() {
        // The first reflection coefficient of a spectrum is its correlation at one sample, with the sign changed.
        for octet in [20, 70, 127, 180, 230] {
            let reflection = 258.0 * (f64::from(octet) - 127.0) / 32_768.0;
            let heard = dullness(&noise(&[30, octet], 80_000));
            assert!((heard + reflection).abs() < 0.03, "{octet}: {heard:.2}");
        }
    }

    #[test]
    fn a_change_of_level_is_no_step() {
        let mut noise = ComfortNoise::new(Description::read(&[70]).expect("a description"));
        noise.change(Description::read(&[30]).expect("a description"));
        let mut heard = [0; 1600];
        noise.fill(&mut heard);
        assert!(heard[0].abs() < 40, "{}", heard[0]);
        assert!((level(&heard[800..]) + 30.0).abs() < 1.0);
    }

    #[test]
    fn a_packet_without_a_level_is_none() {
        assert_eq!(Description::read(&[]), None);
    }

    proptest! {
        #[test]
        fn any_payload_makes_noise_that_stays_in_bounds(payload in proptest::collection::vec(any::<u8>(), 1..40)) {
            let mut noise = ComfortNoise::new(Description::read(&payload).expect("a description"));
            let mut heard = [0; 800];
            noise.fill(&mut heard);
            prop_assert!(noise.state.iter().all(|value| value.is_finite()));
        }
    }
}
