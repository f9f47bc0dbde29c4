//! Levels in dBm0 (ITU-T G.100.1): how loud samples are on the line.

/// The level of a sine whose peak is full scale: A-law's overload point (G.711 clause 5), in dBm0.
#[expect(clippy::approx_constant, reason = "a level, nothing of a circle")]
pub const FULL_SCALE_SINE: f64 = 3.14;

/// How far the power of full scale itself, as of a square wave, lies above that of a sine, in dB.
pub const SQUARE_OVER_SINE: f64 = 3.0103;

/// The level of samples in dBm0 by their power; silence is minus infinity.
pub fn dbm0(samples: &[i16]) -> f64 {
    if samples.is_empty() {
        return f64::NEG_INFINITY;
    }
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let full_scale_sine = 32_768.0_f64.powi(2) / 2.0;
    10.0 * (energy / samples.len() as f64 / full_scale_sine).log10() + FULL_SCALE_SINE
}

/// The peak of a sine of a level in dBm0, in units of `i16`.
pub fn sine_peak(dbm0: f64) -> f64 {
    32_768.0 * 10.0_f64.powf((dbm0 - FULL_SCALE_SINE) / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_has_the_level_it_was_made_with() {
        for wanted in [3.0, 0.0, -20.0, -40.0] {
            let peak = sine_peak(wanted);
            let sine: Vec<i16> =
                (0..8_000).map(|n| (peak * (f64::from(n) * 0.785).sin()).round() as i16).collect();
            let measured = dbm0(&sine);
            assert!((measured - wanted).abs() < 0.05, "{wanted} dBm0 was measured as {measured}");
        }
    }

    #[test]
    fn silence_has_no_level() {
        assert_eq!(dbm0(&[0; 160]), f64::NEG_INFINITY);
        assert_eq!(dbm0(&[]), f64::NEG_INFINITY);
    }
}
