use std::fs;

use super::*;
use crate::audio::g711::alaw_to_linear;
use crate::audio::level::dbm0;
use crate::call::prompt::Tone;
use crate::switch::scratch::Scratch;

fn load(prompts: impl IntoIterator<Item = Prompt>) -> (Library, Vec<PromptError>) {
    Library::load(prompts, &Sources { prompts_dir: PathBuf::from("/nonexistent"), voice: None, wide: false })
}

fn samples(clip: &Clip) -> Vec<i16> {
    clip.pcma.as_flattened().iter().map(|octet| alaw_to_linear(*octet)).collect()
}

#[test]
fn every_recording_is_there_in_every_language_and_equally_loud() {
    let all =
        || Language::ALL.into_iter().flat_map(|language| shipped::names().map(move |name| (language, name)));
    let (library, errors) = load(all().map(|(language, name)| Prompt::shipped(language, name)));
    assert_eq!(errors, []);
    for (language, name) in all() {
        let sound = samples(&library.clip(&Prompt::shipped(language, name)).unwrap());
        let level = dbm0(&sound);
        assert!((-21.5..-19.0).contains(&level), "{language}/{name} is at {level} dBm0");
        let first = sound.iter().position(|sample| sample.abs() > 300).unwrap();
        let last = sound.iter().rposition(|sample| sample.abs() > 300).unwrap();
        assert!(first < 800 && sound.len() - last < 1600, "{language}/{name} begins or ends with a pause");
    }
}

#[test]
fn the_texts_and_the_recordings_have_the_same_names() {
    for texts in [include_str!("../../../audio/en.txt"), include_str!("../../../audio/de.txt")] {
        let of_texts: Vec<_> =
            texts.lines().filter_map(|line| line.split_once('|')).map(|(name, _)| name).collect();
        assert_eq!(of_texts[0], "# name");
        assert_eq!(of_texts[1..], shipped::names().collect::<Vec<_>>());
    }
}

#[test]
fn pieces_follow_each_other_without_a_gap() {
    let press = Prompt::shipped(Language::En, "press");
    let one = Prompt::shipped(Language::En, "1");
    let beep = Prompt::tone(Tone::Beep);
    let pause = Prompt(vec![Piece::Pause(7)]);
    let whole = press.clone().then(one.clone()).then(pause).then(beep);
    let (library, errors) = load([whole.clone()]);
    assert_eq!(errors, []);
    let expected = [
        ship(Language::En, "press", 8000).unwrap(),
        ship(Language::En, "1", 8000).unwrap(),
        vec![0; 56],
        tones::samples(Tone::Beep),
    ]
    .concat();
    let clip = library.clip(&whole).unwrap();
    assert_eq!(clip.pcma, Clip::from_samples(&expected).pcma);
    assert!(library.clip(&press).is_none(), "only what was asked for is kept");
}

#[test]
fn an_operators_file_is_played_as_loud_as_it_is() {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/audio/formats/stereo-44100.ogg"));
    let prompt = Prompt(vec![Piece::File(path)]);
    let (library, errors) = load([prompt.clone()]);
    assert_eq!(errors, []);
    let level = dbm0(&samples(&library.clip(&prompt).unwrap())[400..1600]);
    assert!((level + 10.0).abs() < 0.2, "{level} dBm0");
}

#[test]
fn each_bad_piece_is_reported_once_and_the_rest_is_rendered() {
    let scratch = Scratch::new();
    let text = scratch.path().join("welcome.mp3");
    fs::write(&text, "this is no music").unwrap();
    let bad = Prompt(vec![Piece::File(text.clone())]);
    let missing = Prompt(vec![Piece::File(scratch.path().join("none.wav"))]);
    let folder = Prompt(vec![Piece::File(scratch.path().to_owned())]);
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
