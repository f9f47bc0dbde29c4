//! Speech must not press keys: the shipped prompts are what a detector hears most.

use std::fs;
use std::path::Path;

use nightbell::audio::dtmf::Detector;
use nightbell::audio::g711::{alaw_to_linear, linear_to_alaw};

use super::decode;

#[test]
fn no_shipped_prompt_presses_a_key() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio");
    for language in ["en", "de", "fr", "es", "it", "pt", "nl", "pl"] {
        let texts = fs::read_to_string(folder.join(language).with_extension("txt")).unwrap();
        let written = texts.lines().filter(|line| !line.starts_with('#') && line.contains('|')).count();
        let mut prompts = 0;
        for entry in fs::read_dir(folder.join(language)).unwrap() {
            let path = entry.unwrap().path();
            let sound = decode(&fs::read(&path).unwrap()).unwrap();
            let heard: Vec<_> =
                sound.into_iter().map(|sample| alaw_to_linear(linear_to_alaw(sample))).collect();
            assert_eq!(Detector::new(8000).process(&heard), [], "{}", path.display());
            prompts += 1;
        }
        assert!(prompts > 0 && prompts == written, "{language}: {prompts} of {written}");
    }
}
