use std::fs;

use super::*;
use crate::audio::g711::alaw_to_linear;
use crate::audio::level::{FULL_SCALE_SINE, SQUARE_OVER_SINE, dbm0};
use crate::call::prompt::Tone;
use crate::call::spoken::{Spoken, Value};
use crate::switch::scratch::Scratch;

fn load(prompts: impl IntoIterator<Item = Prompt>) -> (Library, Vec<PromptError>) {
    Library::load(prompts, &sources(false))
}

fn sources(wide: bool) -> Sources {
    Sources { prompts_dir: PathBuf::from("/nonexistent"), voice: None, wide }
}

/// A clip with both forms.
fn wide_clip(prompt: &Prompt) -> Arc<Clip> {
    let (library, errors) = Library::load([prompt.clone()], &sources(true));
    assert!(errors.iter().all(|error| error.severity == Severity::Warning), "{errors:?}");
    library.clip(prompt).unwrap()
}

fn piece(path: impl Into<PathBuf>) -> Piece {
    Piece::File(SoundFile { path: path.into(), hold: false, keep_level: false })
}

fn hold(path: impl Into<PathBuf>) -> Prompt {
    Prompt(vec![Piece::File(SoundFile { path: path.into(), hold: true, keep_level: false })])
}

/// Writes a WAV of 16 bits whose full scale is 1.0.
fn wav(path: &Path, rate: u32, sound: impl IntoIterator<Item = f64>) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for sample in sound {
        writer.write_sample((sample * 32_767.0).round() as i16).unwrap();
    }
    writer.finalize().unwrap();
}

/// A voice stands for itself: syllables of 200 ms with 100 ms between them, of a peak.
fn syllables(peak: f64, rate: u32, ms: u32) -> impl Iterator<Item = f64> {
    (0..rate / 1000 * ms).map(move |n| {
        let seconds = f64::from(n) / f64::from(rate);
        let speaks = seconds % 0.3 < 0.2;
        let glottis = (1..8).map(|k| (std::f64::consts::TAU * 140.0 * f64::from(k) * seconds).sin());
        if speaks { peak * glottis.sum::<f64>() / 5.0 } else { 0.0 }
    })
}

fn active(samples: &[i16], rate: u32) -> f64 {
    let samples: Vec<f32> = samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    let level = |samples: &[f32]| audio::active_level::active_level(samples, rate).unwrap();
    level(&samples[audio::edges::spoken(&samples, rate, level(&samples)).unwrap()])
}

fn samples(clip: &Clip) -> Vec<i16> {
    clip.pcma.as_flattened().iter().map(|octet| alaw_to_linear(*octet)).collect()
}

#[test]
fn every_recording_is_there_in_every_language_as_it_was_made() {
    for (language, name) in
        Language::ALL.into_iter().flat_map(|l| shipped::names().map(move |name| (l, name)))
    {
        // At its own rate: nothing is converted.
        let sound = ship(language, name, WIDE_RATE).unwrap().samples;
        assert!(
            (3_000..WIDE_RATE as usize * 12).contains(&sound.len()),
            "{language}/{name}: {}",
            sound.len()
        );
        let energy: f64 = sound.iter().map(|sample| f64::from(sample * sample)).sum();
        let level = 10.0 * (energy / sound.len() as f64).log10() + SQUARE_OVER_SINE + FULL_SCALE_SINE;
        assert!((level + 20.0).abs() < 1.0, "{language}/{name} is at {level} dBm0");
        let loud = |sample: &f32| sample.abs() > 0.004;
        let first = sound.iter().position(loud).unwrap();
        let last = sound.len() - sound.iter().rposition(loud).unwrap();
        for (end, ms) in [("begins", first / 16), ("ends", last / 16)] {
            assert!((40..=80).contains(&ms), "{language}/{name} {end} with {ms} ms of silence");
        }
    }
}

#[test]
fn recordings_are_equally_loud_when_they_are_played() {
    // Words, and sentences, of the languages that are least like each other.
    for (language, name) in [Language::De, Language::Fr, Language::Pl]
        .into_iter()
        .flat_map(|language| ["1", "press", "closed", "caller-on-hold"].map(|name| (language, name)))
    {
        let prompt = Prompt::shipped(language, name);
        let (library, errors) = load([prompt.clone()]);
        assert_eq!(errors, []);
        let sound = samples(&library.clip(&prompt).unwrap());
        let level = active(&sound, 8_000);
        assert!((level - making::VOICE_LEVEL).abs() < 0.5, "{language}/{name} is at {level} dBm0");
    }
}

#[test]
fn the_texts_and_the_recordings_have_the_same_names() {
    for language in Language::ALL {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/audio");
        let texts = fs::read_to_string(format!("{folder}/{language}.txt")).unwrap();
        let of_texts: Vec<_> =
            texts.lines().filter_map(|line| line.split_once('|')).map(|(name, _)| name).collect();
        assert_eq!(of_texts[0], "# name");
        assert_eq!(of_texts[1..], shipped::names().collect::<Vec<_>>(), "{language}");
        let files = fs::read_dir(format!("{folder}/{language}")).unwrap().count();
        assert_eq!(files, shipped::names().count(), "{language} has a file for each text and no other");
    }
}

#[test]
fn pieces_follow_each_other_to_the_sample_in_every_codec() {
    let press = Prompt::shipped(Language::En, "press");
    let one = Prompt::shipped(Language::En, "1");
    let (pause, beep) = (Prompt(vec![Piece::Pause(7)]), Prompt::tone(Tone::Beep));
    let whole = press.clone().then(one).then(pause).then(beep);
    let (library, errors) = load([whole.clone()]);
    assert_eq!(errors, []);
    assert!(library.clip(&press).is_none(), "only what was asked for is kept");
    for wide in [false, true] {
        let made: Vec<_> = whole.0.iter().map(|piece| make(piece, &sources(wide)).unwrap().0).collect();
        let narrow: Vec<i16> = made.iter().flat_map(|made| made.narrow.clone()).collect();
        assert!(made.iter().any(|made| made.narrow.len() % 160 != 0), "or there would be nothing to pad");
        let clip = if wide { wide_clip(&whole) } else { library.clip(&whole).unwrap() };
        let expected = Clip::from_samples(&narrow);
        assert_eq!((&clip.pcma, &clip.pcmu), (&expected.pcma, &expected.pcmu));
        let pairs: Vec<i16> = made.iter().flat_map(|made| made.wide.clone().unwrap_or_default()).collect();
        let heard: Vec<i16> =
            clip.wide.iter().flat_map(|wide| wide.as_flattened().as_flattened()).copied().collect();
        assert_eq!(heard[..pairs.len()], pairs);
        assert!(heard[pairs.len()..].iter().all(|sample| *sample == 0));
        assert_eq!(pairs.len(), if wide { 2 * narrow.len() } else { 0 }, "both forms keep step");
    }
}

/// The stretches of silence within a sound, longer than 30 ms, in ms, with those at its ends.
fn pauses(samples: &[i16]) -> Vec<usize> {
    let quiet: Vec<_> = samples.chunks(8).map(|ms| ms.iter().all(|sample| sample.abs() < 60)).collect();
    quiet.chunk_by(|a, b| a == b).filter(|run| run[0] && run.len() > 30).map(<[bool]>::len).collect()
}

#[test]
fn spoken_pieces_have_the_same_pause_between_them_whatever_silence_they_were_made_with() {
    let scratch = Scratch::new();
    let word = |before: u32, after: u32| {
        let silence = |ms: u32| std::iter::repeat_n(0.0, ms as usize * 22);
        let path = scratch.path().join(format!("{before}-{after}.wav"));
        wav(&path, 22_000, silence(before).chain(syllables(0.3, 22_000, 200)).chain(silence(after)));
        let voice =
            VoiceCommand { command: vec!["cp".into(), path.display().to_string(), "{output}".into()] };
        let sources =
            Sources { prompts_dir: scratch.path().join("prompts"), voice: Some(voice), wide: false };
        let say = |text: &str| Piece::Say { language: Language::En, text: text.into() };
        let prompt = Prompt(vec![say("press"), say("one"), say("for Production."), say("Goodbye")]);
        let (library, errors) = Library::load([prompt.clone()], &sources);
        assert_eq!(errors, []);
        pauses(&samples(&library.clip(&prompt).unwrap()))
    };
    for (before, after) in [(0, 0), (300, 500), (5, 1_000)] {
        let pauses = word(before, after);
        let near = |ms: usize, wanted: usize| ms.abs_diff(wanted) <= 15;
        let wanted = [50, 100, 100, 300, 250];
        assert!(pauses.len() == 5, "{before}, {after}: {pauses:?}");
        // The last frame is filled up.
        for (n, (ms, wanted)) in pauses.iter().zip(wanted).enumerate() {
            assert!(near(*ms, wanted) || (n == 4 && *ms <= wanted + 35), "{before}, {after}: {pauses:?}");
        }
    }
}

#[test]
fn files_are_equally_loud_however_they_were_recorded_unless_they_are_to_be_kept() {
    let scratch = Scratch::new();
    for (n, (peak, rate)) in
        [(0.02, 8_000), (0.1, 44_100), (0.9, 16_000), (0.4, 48_000)].into_iter().enumerate()
    {
        let path = scratch.path().join(format!("{n}.wav"));
        // Recorded with a constant in it.
        wav(&path, rate, syllables(peak, rate, 3_000).map(|sample| sample * 0.9 + 0.01));
        let clip = wide_clip(&Prompt(vec![piece(&path)]));
        let (narrow, wide) = (samples(&clip), clip.wide.as_ref().unwrap().as_flattened().as_flattened());
        for (heard, rate) in [(active(&narrow, 8_000), 8_000), (active(wide, 16_000), 16_000)] {
            assert!((heard - making::VOICE_LEVEL).abs() < 0.6, "peak {peak}, {rate} Hz: {heard} dBm0");
        }
        let mean: i64 = narrow.iter().map(|sample| i64::from(*sample)).sum::<i64>() / narrow.len() as i64;
        assert!(mean.abs() < 20, "{mean} is left of the constant");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/audio/formats/stereo-44100.ogg");
    let kept = Prompt(vec![Piece::File(SoundFile { path: path.into(), hold: false, keep_level: true })]);
    let level = dbm0(&samples(&load([kept.clone()]).0.clip(&kept).unwrap())[400..1600]);
    assert!((level + 10.0).abs() < 0.2, "{level} dBm0");
}

#[test]
fn the_peaks_of_a_file_never_clip() {
    let scratch = Scratch::new();
    let path = scratch.path().join("peaks.wav");
    // A soft voice with a bang in it: the voice is raised by what the bang would not bear.
    let bang = |(n, sample): (usize, f64)| if (8_000..8_040).contains(&n) { 0.9 } else { sample };
    wav(&path, 8_000, syllables(0.03, 8_000, 4_000).enumerate().map(bang));
    let clip = wide_clip(&Prompt(vec![piece(&path)]));
    let peak = |samples: &[i16]| samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
    let most = (f32::from(i16::MAX) * audio::limiter::CEILING) as u16 + 600;
    assert!(peak(&samples(&clip)) <= most, "{}", peak(&samples(&clip)));
    assert!(peak(clip.wide.as_ref().unwrap().as_flattened().as_flattened()) <= most);
}

#[test]
fn hold_music_is_softer_and_goes_round_without_a_step_at_the_seam() {
    let scratch = Scratch::new();
    // Neither a whole number of frames nor of periods.
    for (rate, length) in [(8_000, 20_077), (44_100, 61_234), (16_000, 5_000)] {
        let path = scratch.path().join("music.wav");
        let music = (0..length).map(|n| {
            let at = |hertz: f64| (std::f64::consts::TAU * hertz * f64::from(n) / f64::from(rate)).cos();
            0.2 * at(331.0) + 0.2 * at(512.5) + 0.1 * at(993.7)
        });
        wav(&path, rate, music);
        let clip = wide_clip(&hold(&path));
        let level = active(&samples(&clip), 8_000);
        assert!((level - making::HOLD_LEVEL).abs() < 0.7, "{level} dBm0");
        let largest = |sound: &[i16]| {
            sound.windows(2).map(|pair| (i32::from(pair[0]) - i32::from(pair[1])).abs()).max().unwrap()
        };
        let within = largest(&samples(&clip)[400..2_000]);
        let mut excerpt = crate::switch::clip::Excerpt { clip: clip.clone(), at: 0, looped: true };
        let (mut narrow, mut wide) = (Vec::new(), Vec::new());
        for _ in 0..3 * clip.pcma.len() {
            narrow.extend(excerpt.frame(&clip.pcma, 0).map(alaw_to_linear));
            wide.extend_from_slice(excerpt.frame(clip.wide.as_ref().unwrap(), [0; 2]).as_flattened());
            excerpt.advance(1);
        }
        assert!(largest(&narrow[160..]) * 10 <= within * 14, "{} where {within} is usual", largest(&narrow));
        assert!(largest(&wide[320..]) * 10 <= within * 14);
        let silent = narrow[160..].chunks(160).map(dbm0).fold(f64::INFINITY, f64::min);
        assert!(silent > level - 12.0, "there is no gap: {silent} dBm0");
    }
}

#[test]
fn a_ringing_tone_keeps_its_cadence_when_it_goes_round() {
    let clip = wide_clip(&Prompt::tone(Tone::RingbackGb));
    let mut excerpt = crate::switch::clip::Excerpt { clip: clip.clone(), at: 0, looped: true };
    let twice: Vec<[u8; 160]> = (0..2 * clip.pcma.len())
        .map(|_| {
            let frame = excerpt.frame(&clip.pcma, 0);
            excerpt.advance(1);
            frame
        })
        .collect();
    assert_eq!(twice, clip.pcma.repeat(2));
}

#[test]
fn a_file_that_will_not_sound_well_is_told_of_and_played() {
    let scratch = Scratch::new();
    let path = |name: &str| scratch.path().join(name);
    wav(&path("clipped.wav"), 8_000, syllables(3.0, 8_000, 1_000).map(|sample| sample.clamp(-1.0, 1.0)));
    wav(&path("silent.wav"), 8_000, std::iter::repeat_n(0.0, 8_000));
    wav(&path("faint.wav"), 8_000, syllables(0.003, 8_000, 1_000));
    wav(&path("quiet.wav"), 8_000, syllables(0.02, 8_000, 1_000));
    wav(&path("good.wav"), 8_000, syllables(0.3, 8_000, 1_000));
    let names = ["clipped.wav", "silent.wav", "faint.wav", "quiet.wav", "good.wav"];
    let prompts = names.map(|name| Prompt(vec![piece(path(name))]));
    let (library, errors) = load(prompts.clone());
    assert!(prompts.iter().all(|prompt| library.clip(prompt).is_some()));
    assert!(errors.iter().all(|error| error.severity == Severity::Warning));
    let told: Vec<_> = errors.iter().map(|error| error.message.as_str()).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    for (told, wanted) in told.iter().zip([
        "clipped.wav is distorted: the tops of its waves are cut off",
        "silent.wav is silent",
        "faint.wav is nearly silent: -5",
        "quiet.wav is 1",
    ]) {
        assert!(told.contains(wanted), "{told}");
    }
    let silence = samples(&library.clip(&prompts[1]).unwrap());
    assert!(silence.iter().all(|sample| sample.abs() <= 8), "silence stays silence");
}

#[test]
fn each_bad_piece_is_reported_once_and_the_rest_is_rendered() {
    let scratch = Scratch::new();
    let text = scratch.path().join("welcome.mp3");
    fs::write(&text, "this is no music").unwrap();
    let bad = Prompt(vec![piece(text.clone())]);
    let missing = Prompt(vec![piece(scratch.path().join("none.wav"))]);
    let folder = Prompt(vec![piece(scratch.path())]);
    let good = Prompt::tone(Tone::Beep);
    let prompts = [bad.clone(), bad.clone().then(good.clone()), missing, folder, good.clone()];
    let (library, errors) = load(prompts);
    let messages: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert!(messages[0].contains("welcome.mp3: not a whole sound file"), "{}", messages[0]);
    assert!(messages[1].contains("none.wav: No such file"), "{}", messages[1]);
    assert!(messages[2].contains("it is not a file"), "{}", messages[2]);
    assert!(library.clip(&good).is_some());
    assert!(library.clip(&bad.then(good)).is_none());
}

#[test]
fn a_misspelt_recording_is_met_with_the_nearest_name() {
    let (_, errors) = load([Prompt::shipped(Language::De, "goodbey")]);
    assert_eq!(
        errors[0].to_string(),
        "no recording named \u{201c}goodbey\u{201d} ships with Nightbell: did you mean \u{201c}goodbye\u{201d}?"
    );
}

#[test]
fn an_empty_prompt_is_a_clip_of_no_length() {
    let (library, errors) = load([Prompt::default()]);
    assert_eq!((library.clip(&Prompt::default()).unwrap().duration_ms(), errors.len()), (0, 0));
}

#[test]
fn what_is_put_together_in_a_call_sounds_as_if_it_had_been_rendered_before() {
    let value = |value| Piece::Value { language: Language::De, value };
    let template = Prompt::shipped(Language::De, "your-position").then(Prompt(vec![
        value(Value::Position),
        Piece::Pause(250),
        value(Value::WaitingTime),
    ]));
    let (library, errors) = Library::load([template.clone()], &sources(true));
    assert_eq!(errors, []);
    assert!(library.clip(&template).is_none(), "it is not filled in");
    for (position, seconds) in [(1, 12), (7, 60), (33, 200)] {
        let waiting = std::time::Duration::from_secs(seconds);
        let filled = template.filled(&Spoken { position, waiting, ..Spoken::default() });
        let (joined, rendered) = (library.clip(&filled).unwrap(), wide_clip(&filled));
        assert_eq!(
            (&joined.pcma, &joined.pcmu, &joined.wide),
            (&rendered.pcma, &rendered.pcmu, &rendered.wide)
        );
    }
    assert!(library.clip(&Prompt::shipped(Language::De, "welcome")).is_none(), "nobody asked for it");
}

#[test]
fn every_word_of_every_value_ships_in_every_language() {
    let values =
        [Value::CallerNumber, Value::WaitingTime, Value::WaitingMinutes, Value::Position, Value::CallerName];
    for language in Language::ALL {
        let template = Prompt(values.map(|value| Piece::Value { language, value }).to_vec());
        let (_, errors) = load([template]);
        assert_eq!(errors, [], "{language}");
    }
}
