//! The detector against a generator of its own, row by row of the requirements (Q.24, ES 201 235-3).

use super::*;
use crate::audio::g711::{alaw_to_linear, linear_to_alaw, linear_to_ulaw, ulaw_to_linear};
use crate::audio::level::sine_peak;

/// The bench's lines: both hear the same.
#[path = "../../../benches/dtmf/line.rs"]
#[allow(dead_code)]
mod line;

use line::{HIGH, LOW, Line, Press, Random};

/// Tries of each row; a row of 100 % allows no miss at all.
const TRIES: usize = 320;

fn on_line(seed: u64) -> Line {
    Line::new(8000.0, seed)
}

fn heard_on(line: &Line) -> String {
    keys(line.rate as u32, &line.samples())
}

fn keys(rate: u32, samples: &[i16]) -> String {
    let mut detector = Detector::new(rate);
    samples.chunks(160).flat_map(|frame| detector.process(frame)).map(|digit| digit.key).collect()
}

/// In how many of [`TRIES`] a press was heard: once and as the right key. Hearing another key, or
/// one twice, fails at once.
fn heard(make: impl Fn(&mut Random, Press) -> Press, spoil: impl Fn(&mut Line)) -> usize {
    let hear = |n: usize| {
        let mut line = on_line(n as u64 + 1);
        let press = make(&mut line.random, Press::new(n % 16));
        line.pause(20.0).press(press).pause(60.0);
        spoil(&mut line);
        let keys = heard_on(&line);
        assert!(
            keys.is_empty() || keys == press.letter().to_string(),
            "{} was heard as {keys}",
            press.letter()
        );
        usize::from(!keys.is_empty())
    };
    (0..TRIES).map(hear).sum()
}

fn clean(_: &mut Line) {}

#[test]
fn every_key_of_40_ms_is_heard_once() {
    assert_eq!(heard(|_, press| Press { ms: 40.0, ..press }, clean), TRIES);
}

#[test]
fn a_tone_of_20_ms_is_never_a_key_and_one_of_23_ms_hardly_ever() {
    assert_eq!(heard(|_, press| Press { ms: 20.0, ..press }, clean), 0);
    assert!(heard(|_, press| Press { ms: 23.0, ..press }, clean) <= TRIES / 20);
}

#[test]
fn a_key_held_for_seconds_is_one_key() {
    let mut line = on_line(1);
    line.pause(20.0).press(Press { ms: 3000.0, ..Press::new(5) }).pause(60.0);
    assert_eq!(heard_on(&line), "5");
}

#[test]
fn both_tones_may_be_off_by_one_and_a_half_percent_and_2_hz() {
    let off = |random: &mut Random, press: Press| {
        let frequencies =
            press.frequencies.map(|frequency| frequency + random.sign() * (frequency * 0.015 + 2.0));
        Press { frequencies, ..press }
    };
    assert!(heard(off, clean) >= TRIES * 99 / 100);
    assert!(heard(|random, press| Press { ms: 40.0, ..off(random, press) }, clean) >= TRIES * 99 / 100);
}

#[test]
fn one_tone_may_be_off_by_1_8_percent_and_never_by_3_5() {
    for (percent, wanted) in [(1.8, TRIES), (3.5, 0)] {
        for which in 0..2 {
            let off = |random: &mut Random, mut press: Press| {
                press.frequencies[which] *= 1.0 + random.sign() * percent / 100.0;
                Press { ms: 100.0, ..press }
            };
            assert_eq!(heard(off, clean), wanted, "{percent} %, tone {which}");
        }
    }
}

#[test]
fn the_low_tone_may_be_8_db_louder_and_the_high_tone_4_db() {
    for (levels, wanted) in
        [([-12.0, -20.0], TRIES), ([-16.0, -12.0], TRIES), ([-12.0, -25.0], 0), ([-20.5, -12.0], 0)]
    {
        assert_eq!(heard(|_, press| Press { levels, ms: 40.0, ..press }, clean), wanted, "{levels:?}");
    }
}

#[test]
fn keys_are_heard_from_0_to_minus_36_dbm0_and_not_below_minus_45() {
    for (level, wanted) in [(0.0, TRIES), (-25.0, TRIES), (-36.0, TRIES), (-45.5, 0)] {
        assert_eq!(heard(|_, press| Press { levels: [level; 2], ..press }, clean), wanted, "{level} dBm0");
    }
}

#[test]
fn noise_12_db_below_the_key_hides_none_and_9_db_hardly_any() {
    // Two tones of -13 dBm0 have -10 dBm0 together.
    let make = |_: &mut Random, press: Press| Press { levels: [-13.0; 2], ms: 40.0, ..press };
    assert_eq!(heard(make, |line| line.noise(-22.0)), TRIES);
    assert!(heard(make, |line| line.noise(-19.0)) >= TRIES * 97 / 100);
}

#[test]
fn both_laws_of_g711_carry_keys_at_any_level() {
    let laws: [fn(i16) -> i16; 2] =
        [|sample| alaw_to_linear(linear_to_alaw(sample)), |sample| ulaw_to_linear(linear_to_ulaw(sample))];
    for law in laws {
        for level in [-3.0, -20.0, -35.0] {
            let spoil = |line: &mut Line| {
                line.sound = line.samples().into_iter().map(|sample| f64::from(law(sample))).collect();
            };
            assert_eq!(heard(|_, press| Press { levels: [level; 2], ..press }, spoil), TRIES, "{level} dBm0");
        }
    }
}

#[test]
fn a_dial_tone_under_the_key_does_not_hide_it() {
    for tones in [&[350.0, 440.0][..], &[425.0]] {
        let mut line = on_line(10);
        for key in 0..64 {
            line.pause(70.0).press(Press::new(key % 16));
        }
        line.gap(60.0).tones(tones, -10.0);
        assert_eq!(heard_on(&line), "123A456B789C*0#D".repeat(4), "{tones:?} Hz");
    }
}

#[test]
fn a_pause_of_40_ms_makes_two_keys_and_one_of_20_ms_does_not() {
    for (ms, wanted) in [(5.0, 1), (10.0, 1), (20.0, 1), (40.0, 2), (60.0, 2)] {
        for n in 0..TRIES {
            let mut line = on_line(n as u64 + 1);
            let press = Press { ms: 60.0, ..Press::new(n % 16) };
            line.pause(20.0).press(press).gap(ms).press(press).pause(60.0);
            assert_eq!(heard_on(&line), press.letter().to_string().repeat(wanted), "a pause of {ms} ms");
        }
    }
}

#[test]
fn keys_in_quick_succession_are_all_heard_in_their_order() {
    // 93 ms is Q.24's shortest cycle.
    let mut line = on_line(3);
    for key in 0..16 {
        line.press(Press { ms: 45.0, ..Press::new(key) }).gap(48.0);
    }
    assert_eq!(heard_on(&line), "123A456B789C*0#D");
}

/// Hears 100 ms presses in packets of 20 ms of which some are lost: how many presses were missed.
/// A press heard twice fails at once.
fn missed_at_loss(percent: f64) -> usize {
    let hear = |n: usize| {
        let mut line = on_line(n as u64 + 1);
        line.pause(60.0).press(Press { ms: 100.0, ..Press::new(n % 16) }).pause(80.0);
        let mut detector = Detector::new(8000);
        let mut heard = 0;
        for packet in line.samples().chunks(160) {
            if line.random.unit() * 100.0 < percent {
                detector.lost(packet.len() as u64);
            } else {
                heard += detector.process(packet).len();
            }
        }
        assert!(heard <= 1, "one press of {n} became {heard} at {percent} % loss");
        1 - heard
    };
    (0..4 * TRIES).map(hear).sum()
}

#[test]
fn lost_packets_never_make_two_keys_of_one_and_hardly_ever_none() {
    assert_eq!(missed_at_loss(1.0), 0);
    assert!(missed_at_loss(5.0) <= 4 * TRIES / 300);
}

#[test]
fn a_long_loss_ends_the_key_so_that_the_next_press_counts() {
    for (ms, wanted) in [(100, "5"), (400, "55")] {
        let mut line = on_line(1);
        line.press(Press { ms: 100.0, ..Press::new(5) });
        let mut detector = Detector::new(8000);
        let mut found = detector.process(&line.samples());
        detector.lost(ms * 8);
        found.extend(detector.process(&line.samples()));
        assert_eq!(found.into_iter().map(|digit| digit.key).collect::<String>(), wanted, "{ms} ms lost");
    }
}

#[test]
fn the_begin_of_a_key_is_told_within_7_ms_lost_packets_included() {
    for n in 0..64 {
        let mut line = on_line(n as u64 + 1);
        line.pause(100.0);
        let begin = 1600 + line.sound.len() as u64;
        line.press(Press::new(n % 16)).pause(50.0);
        let mut detector = Detector::new(8000);
        detector.lost(1600);
        let found = detector.process(&line.samples());
        assert!(found[0].at.abs_diff(begin) <= 56, "{} instead of {begin}", found[0].at);
    }
}

#[test]
fn any_rate_will_do() {
    for rate in [8000.0, 11_025.0, 16_000.0, 48_000.0] {
        for key in 0..16 {
            let mut line = Line::new(rate, key as u64 + 1);
            let press = Press { ms: 40.0, ..Press::new(key) };
            line.pause(20.0).press(press).pause(60.0);
            assert_eq!(heard_on(&line), press.letter().to_string(), "at {rate}");
        }
    }
}

#[test]
fn noise_is_no_key() {
    let mut line = on_line(7);
    line.gap(60_000.0).noise(-20.0);
    assert_eq!(heard_on(&line), "");
}

/// The bench's sounds that are made to look like keys.
#[path = "../../../benches/dtmf/sounds.rs"]
mod sounds;

#[test]
fn voices_sweeps_music_chords_modems_and_whistling_are_no_keys() {
    for (name, make) in sounds::SETS {
        let (mut random, mut sound) = (Random::new(11), Vec::new());
        while sound.len() < 15 * sounds::RATE as usize {
            make(&mut random, &mut sound);
        }
        let samples: Vec<i16> = sound.iter().map(|sample| *sample as i16).collect();
        assert_eq!(keys(sounds::RATE, &samples), "", "{name}");
    }
}

#[test]
fn harmonics_of_a_voice_that_lie_near_a_key_are_no_key() {
    // The third and the fourth harmonic of 308 Hz are within 2 % of the star's frequencies.
    let mut line = on_line(8);
    let press = Press { frequencies: [923.5, 1231.3], ms: 300.0, ..Press::new(12) };
    line.press(press);
    assert_eq!(heard_on(&line), "");
}

#[test]
fn the_tone_is_told_of_before_20_ms_of_it_have_passed() {
    for n in 0..TRIES {
        let mut line = on_line(n as u64 + 1);
        line.pause(60.0);
        let begin = line.sound.len();
        line.press(Press::new(n % 16));
        let mut detector = Detector::new(8000);
        let mut told = None;
        for (at, sample) in line.samples().into_iter().enumerate() {
            detector.process(&[sample]);
            told = told.or(detector.tone_since().map(|_| at));
        }
        let told = told.unwrap();
        assert!((begin..begin + 160).contains(&told), "a tone at {begin} was told of at {told}");
    }
}

#[test]
fn the_tone_is_told_of_until_after_its_end_and_not_for_ever() {
    let mut line = on_line(1);
    line.press(Press { ms: 200.0, ..Press::new(5) });
    let mut detector = Detector::new(8000);
    detector.process(&line.samples());
    assert!(detector.tone_since().is_some(), "the tone has just ended");
    detector.process(&[0; 400]);
    assert_eq!(detector.tone_since(), None, "50 ms after its end");
}

#[test]
fn what_is_no_key_after_all_is_not_taken_for_one_any_longer() {
    // Between what must be accepted and what must be refused.
    let mut line = on_line(1);
    line.press(Press { frequencies: [697.0 * 1.028, 1209.0 * 1.028], ms: 500.0, ..Press::new(0) });
    let mut detector = Detector::new(8000);
    let since: Vec<_> =
        line.samples().chunks(51).map(|step| (detector.process(step), detector.tone_since())).collect();
    assert!(since.iter().any(|(_, since)| since.is_some()), "it looks like a key at first");
    assert!(since.iter().all(|(keys, _)| keys.is_empty()));
    assert_eq!(detector.tone_since(), None);
}

#[test]
fn a_single_tone_is_no_key() {
    for frequency in LOW.into_iter().chain(HIGH).chain([425.0, 1000.0, 1400.0, 2100.0]) {
        let mut line = on_line(9);
        line.press(Press { frequencies: [frequency; 2], ms: 500.0, ..Press::new(0) });
        assert_eq!(heard_on(&line), "", "{frequency} Hz");
    }
}

proptest::proptest! {
    /// Whatever comes in whatever pieces, nothing breaks, and where the pieces begin does not matter.
    #[test]
    fn the_cut_into_packets_does_not_matter(
        samples in proptest::collection::vec(proptest::num::i16::ANY, 0..3000),
        key in 0_usize..16,
        cut in 1_usize..700,
    ) {
        for rate in [8000, 16_000] {
            let mut line = Line::new(f64::from(rate), 1);
            line.press(Press::new(key));
            let sound = [samples.clone(), line.samples(), samples.clone()].concat();
            let mut detector = Detector::new(rate);
            let whole = Detector::new(rate).process(&sound);
            let pieces: Vec<_> = sound.chunks(cut).flat_map(|piece| detector.process(piece)).collect();
            proptest::prop_assert_eq!(whole, pieces);
        }
    }

    /// Whatever comes and whatever is lost, positions rise and lie in what was heard.
    #[test]
    fn positions_rise(
        pieces in proptest::collection::vec((0_usize..16, 0.0..90.0, 0.0..90.0, 0_u64..2000), 1..12),
    ) {
        let (mut detector, mut at, mut last) = (Detector::new(8000), 0, 0);
        for (n, (key, press, gap, lost)) in pieces.into_iter().enumerate() {
            let mut line = on_line(n as u64);
            line.press(Press { ms: press, ..Press::new(key) }).gap(gap);
            let digits = detector.process(&line.samples());
            at += line.sound.len() as u64;
            for digit in digits {
                proptest::prop_assert!(digit.at >= last && digit.at < at, "{digit:?} after {last}, of {at}");
                last = digit.at;
            }
            detector.lost(lost);
            at += lost;
        }
    }

    /// Wherever packets of a held key are lost, up to five in a row, it is one key; and one it is if half of it came.
    #[test]
    fn lost_packets_never_double_a_held_key(
        key in 0_usize..16,
        seed in 0_u64..1000,
        lost in proptest::collection::vec(proptest::bool::weighted(0.4), 30..60),
    ) {
        let mut line = on_line(seed);
        line.pause(20.0).press(Press { ms: 20.0 * lost.len() as f64, ..Press::new(key) }).gap(60.0);
        let (mut detector, mut found, mut in_a_row) = (Detector::new(8000), Vec::new(), 0);
        for (n, packet) in line.samples().chunks(160).enumerate() {
            in_a_row = if lost.get(n) == Some(&true) && in_a_row < 5 { in_a_row + 1 } else { 0 };
            if in_a_row > 0 {
                detector.lost(packet.len() as u64);
            } else {
                found.extend(detector.process(packet));
            }
        }
        let keys: String = found.iter().map(|digit| digit.key).collect();
        proptest::prop_assert_eq!(keys, Press::new(key).letter().to_string());
    }
}
