use proptest::prelude::*;

use super::*;

const FRAME: usize = 160;

/// Speech stands for itself: voiced sounds of a gliding pitch through two formants, with pauses, at some
/// -20 dBm0. The same each time.
fn speech(seconds: usize) -> Vec<i16> {
    let mut phase = 0.0_f64;
    let mut formants = [[0.0_f64; 2]; 2];
    let samples = (0..seconds * 8000).map(|n| {
        let second = n as f64 / 8000.0;
        let pitch = 120.0 + 35.0 * (second * 3.1).sin() + 12.0 * (second * 11.0).sin();
        phase += pitch / 8000.0;
        let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
        phase -= phase.floor();
        // Syllables of 300 ms, of different vowels.
        let syllable = (second / 0.3).floor();
        let loud = (std::f64::consts::PI * (second / 0.3 - syllable)).sin().powi(2);
        let first = 350.0 + 300.0 * ((syllable * 1.7).sin() + 1.0) / 2.0;
        let second_formant = 1000.0 + 1200.0 * ((syllable * 2.3).cos() + 1.0) / 2.0;
        let mut sample = pulse * loud * 45_000.0;
        for (state, frequency, width) in [(0, first, 80.0), (1, second_formant, 120.0)] {
            let radius = (-std::f64::consts::PI * width / 8000.0_f64).exp();
            let angle = std::f64::consts::TAU * frequency / 8000.0;
            let [one, two]: [f64; 2] = formants[state];
            let next =
                sample * (1.0 - radius) * 6.0 + 2.0 * radius * angle.cos() * one - radius * radius * two;
            formants[state] = [next, one];
            sample = next;
        }
        sample.clamp(-30_000.0, 30_000.0) as i16
    });
    samples.collect()
}

/// What is heard of it when frames are lost, concealed or filled with zeros.
fn with_losses(sound: &[i16], lost: impl Fn(usize) -> bool, conceals: bool) -> Vec<i16> {
    let mut concealer = Concealer::default();
    let mut heard = Vec::new();
    for (n, frame) in sound.chunks(FRAME).enumerate() {
        match (lost(n), conceals) {
            (true, true) => concealer.conceal(frame.len() as u64, |samples| heard.extend_from_slice(samples)),
            (true, false) => heard.extend(vec![0; frame.len()]),
            (false, true) => concealer.hear(frame, |samples| heard.extend_from_slice(samples)),
            (false, false) => heard.extend_from_slice(frame),
        }
    }
    concealer.end(|samples| heard.extend_from_slice(samples));
    heard
}

/// One in twenty, and sometimes two in a row.
fn five_percent(n: usize) -> bool {
    n > 3 && (n * 7919) % 101 < 4 || n % 97 == 50
}

/// The mean over all lost frames that are not silent of how near the powers of 16 bands are to the true
/// ones, in dB: the log-spectral distance.
fn distance(sound: &[i16], heard: &[i16]) -> f64 {
    let mut sum = (0.0, 0);
    let frames = sound.chunks(FRAME).zip(heard.chunks(FRAME)).enumerate();
    for (_, (sound, heard)) in frames.filter(|(n, (sound, _))| five_percent(*n) && loudness(sound) > 200.0) {
        let apart: f64 = (1..=16).map(|band| (level(sound, band) - level(heard, band)).powi(2)).sum();
        sum = (sum.0 + (apart / 16.0).sqrt(), sum.1 + 1);
    }
    sum.0 / f64::from(sum.1)
}

fn loudness(samples: &[i16]) -> f64 {
    (samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
}

/// The level of a band of 200 Hz, in dB, from a floor of the noise of G.711 up.
fn level(samples: &[i16], band: u32) -> f64 {
    let frequency = f64::from(band) * 200.0;
    let part = |wave: fn(f64) -> f64| -> f64 {
        let samples = samples.iter().enumerate();
        samples
            .map(|(n, s)| f64::from(*s) * wave(std::f64::consts::TAU * frequency * n as f64 / 8000.0))
            .sum()
    };
    10.0 * ((part(f64::cos).powi(2) + part(f64::sin).powi(2)) / samples.len() as f64 + 1000.0).log10()
}

fn steps(samples: &[i16]) -> i32 {
    samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap_or(0)
}

#[test]
fn what_is_heard_in_whole_is_given_as_it_is() {
    let sound = speech(2);
    assert_eq!(with_losses(&sound, |_| false, true), sound);
}

#[test]
fn speech_with_one_frame_in_twenty_lost_is_nearer_to_itself_than_with_silence_by_far() {
    let sound = speech(30);
    let [zeros, made] = [false, true].map(|conceals| with_losses(&sound, five_percent, conceals));
    assert_eq!(made.len(), sound.len());
    let (zeros, made) = (distance(&sound, &zeros), distance(&sound, &made));
    assert!(made < zeros / 3.0, "log-spectral distance {made:.1} dB, of silence {zeros:.1} dB");
}

#[test]
fn a_steady_tone_goes_on_through_a_gap() {
    // 100 Hz, of which 80 samples are a period.
    let tone: Vec<i16> =
        (0..1600).map(|n| (9000.0 * (std::f64::consts::TAU * n as f64 / 80.0).sin()) as i16).collect();
    let heard = with_losses(&tone, |n| n == 5, true);
    // In the first 10 ms nothing fades.
    let apart = |range: std::ops::Range<usize>| -> i32 {
        range.map(|n| (i32::from(tone[n]) - i32::from(heard[n])).abs()).max().unwrap_or(0)
    };
    assert!(apart(800..880) <= 2, "{}", apart(800..880));
    assert!(apart(880..960) <= 9000 / 5 + 2, "it fades by a fifth");
    assert!(apart(1060..1600) == 0);
}

#[test]
fn no_gap_clicks_at_its_begin_nor_at_its_end() {
    let sound = speech(10);
    for frames in 1..=8 {
        let lost = |n: usize| n % 25 >= 10 && n % 25 < 10 + frames;
        let worst = [false, true].map(|conceals| {
            let heard = with_losses(&sound, lost, conceals);
            let edges = (1..sound.len() / FRAME).filter(|n| lost(*n) != lost(n - 1)).map(|n| n * FRAME);
            // The step at the edge beside the largest of the 20 ms around it, as it was said.
            let click = |at: usize| {
                steps(&heard[at - 1..=at]) - steps(&sound[at - FRAME..(at + FRAME).min(sound.len())])
            };
            edges.map(click).max().unwrap_or(0)
        });
        assert!(worst[0] > 300, "silence clicks: {worst:?}");
        assert!(worst[1] <= 0, "{frames} frames: {worst:?}");
    }
}

#[test]
fn a_long_gap_has_faded_to_silence_after_60_ms() {
    let sound = speech(1);
    let mut concealer = Concealer::default();
    let mut heard = Vec::new();
    concealer.hear(&sound[..1200], |samples| heard.extend_from_slice(samples));
    concealer.conceal(8000, |samples| heard.extend_from_slice(samples));
    assert!(loudness(&heard[1200..1280]) > 500.0, "{}", loudness(&heard[1200..1280]));
    assert!(heard[1200 + FADED as usize..].iter().all(|sample| *sample == 0));
    assert_eq!(heard.len(), 9200 - BEHIND);
}

proptest! {
    #[test]
    fn as_much_is_given_as_went_in_whatever_it_is(
        pieces in proptest::collection::vec(
            (any::<bool>(), 0usize..700, proptest::sample::select(vec![0, 1, -1, i16::MAX, i16::MIN])), 0..20),
        noise in proptest::collection::vec(any::<i16>(), 700),
    ) {
        let (mut concealer, mut given, mut taken) = (Concealer::default(), 0, 0);
        for (lost, len, value) in pieces {
            let samples: Vec<i16> =
                noise[..len].iter().map(|n| if value == 1 { *n } else { value }).collect();
            if lost {
                concealer.conceal(len as u64, |samples| given += samples.len());
            } else {
                concealer.hear(&samples, |samples| given += samples.len());
            }
            taken += len;
            prop_assert!(given <= taken && taken - given <= BEHIND);
        }
        concealer.end(|samples| given += samples.len());
        prop_assert_eq!(given, taken);
    }
}
