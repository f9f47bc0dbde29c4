use super::*;
use crate::audio::level::sine_peak;

#[test]
fn smoke() {
    let mut d = Detector::new(8000);
    let p = sine_peak(-10.0);
    let s: Vec<i16> = (0..800)
        .map(|n| {
            (p * ((n as f64 * 697.0 * std::f64::consts::TAU / 8000.0).sin()
                + (n as f64 * 1209.0 * std::f64::consts::TAU / 8000.0).sin())) as i16
        })
        .collect();
    let found = d.process(&s);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].key, '1');
}
