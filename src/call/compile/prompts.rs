//! What is heard: texts, files and tones.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;

use super::Compiler;
use crate::call::plan::Route;
use crate::call::prompt::{Piece, Prompt, SoundFile, Tone};
use crate::call::settings::{AudioSetting, LevelSetting, RecordingSettings};
use crate::call::wording::{Names, Voice};
use crate::problem::Problem;

/// The silence after words that are said over and over, in ms.
const HOLD_PAUSE_MS: u32 = 1000;

impl Compiler<'_> {
    /// What both sides hear before a call is recorded.
    pub(super) fn consent(
        &mut self,
        settings: &RecordingSettings,
        routes: &[Arc<Route>],
        names: Names<'_>,
        voice: Voice,
    ) -> Prompt {
        let records = routes.iter().any(|route| route.record_calls && !route.direct_voicemail);
        if let Some(consent) = settings.consent.as_ref().filter(|_| !records) {
            let unheard = Problem::warning(consent.span(), "nobody ever hears the words of consent");
            self.problems
                .push(unheard.help("no call is recorded: set calls = true, or record_calls at a route"));
        }
        if let Some(tone) = settings.consent.as_ref().filter(|consent| consent.get_ref().ringback.is_some()) {
            let mute = Problem::error(tone.span(), "a ringing tone tells nobody that the call is recorded");
            self.problems
                .push(mute.help("write consent = { say = \"...\" } or { file = \"...\" }, or leave it out"));
        }
        self.audio(settings.consent.as_ref(), names, voice)
            .unwrap_or_else(|| voice.shipped("may-be-recorded"))
    }

    pub(super) fn audio(
        &mut self,
        written: Option<&Spanned<AudioSetting>>,
        names: Names<'_>,
        voice: Voice,
    ) -> Option<Prompt> {
        let written = written?;
        self.one_audio(written.get_ref(), written.span(), names, voice, false)
    }

    /// What is played over and over. Words are said again after a pause.
    pub(super) fn hold(
        &mut self,
        written: Option<&Spanned<AudioSetting>>,
        names: Names<'_>,
        voice: Voice,
    ) -> Prompt {
        let read =
            written.and_then(|written| self.one_audio(written.get_ref(), written.span(), names, voice, true));
        let hold = read.unwrap_or_else(|| Prompt::tone(Tone::Hold));
        match hold.0.last() {
            Some(Piece::Say { .. }) => hold.then(Prompt(vec![Piece::Pause(HOLD_PAUSE_MS)])),
            _ => hold,
        }
    }

    pub(super) fn one_audio(
        &mut self,
        audio: &AudioSetting,
        span: Range<usize>,
        names: Names<'_>,
        voice: Voice,
        hold: bool,
    ) -> Option<Prompt> {
        let keep_level = audio.level == Some(LevelSetting::Keep);
        let read = match (&audio.say, &audio.file, &audio.ringback) {
            (_, None, _) if keep_level => Err("only a file has a level that can be kept".to_owned()),
            (Some(text), None, None) => names
                .fill(text)
                .map(|text| voice.say(text))
                .map_err(|unknown| format!("the placeholder {{{unknown}}} is not known here")),
            (None, Some(file), None) => {
                Ok(Prompt(vec![Piece::File(SoundFile { path: self.path(file), hold, keep_level })]))
            }
            (None, None, Some(country)) => ringback(country),
            _ => Err("a prompt is either a text or a file".to_owned()),
        };
        match read {
            Ok(prompt) => {
                self.pieces.extend(prompt.0.iter().map(|piece| (piece.clone(), span.clone())));
                Some(prompt)
            }
            Err(message) => {
                let help = "write { say = \"...\" } (placeholders: {hotline}, {route}), { file = \"...\" } \
                            or { ringback = \"de\" }";
                self.error(span, message, help);
                None
            }
        }
    }

    pub(super) fn path(&self, file: &Path) -> PathBuf {
        self.around.folder.join(file)
    }
}

fn ringback(country: &str) -> Result<Prompt, String> {
    match country {
        "de" => Ok(Prompt::tone(Tone::RingbackDe)),
        "us" => Ok(Prompt::tone(Tone::RingbackUs)),
        "gb" => Ok(Prompt::tone(Tone::RingbackGb)),
        _ => Err(format!("there is no ringing tone `{country}`; known are de, us and gb")),
    }
}
