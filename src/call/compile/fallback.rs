//! What happens when nobody is left.

use std::time::Duration;

use toml::Spanned;

use super::Compiler;
use super::values::spanned;
use crate::call::plan::Fallback;
use crate::call::preset::{FilledIn, MAX_LENGTH, THEN};
use crate::call::prompt::{Prompt, Tone};
use crate::call::settings::{FallbackSettings, SilenceSetting};
use crate::call::wording::{Names, Voice};

impl Compiler<'_> {
    pub(super) fn fallback(
        &mut self,
        settings: Option<&FallbackSettings>,
        names: Names<'_>,
        voice: Voice,
        preset: &mut FilledIn,
    ) -> Fallback {
        let unwritten = FallbackSettings::default();
        let settings = settings.unwrap_or(&unwritten);
        let greeting = self.audio(settings.greeting.as_ref(), names, voice);
        let closing = self.audio(settings.closing.as_ref(), names, voice);
        Fallback {
            then: preset.value(&THEN, settings.then),
            greeting: greeting.unwrap_or_else(|| voice.shipped("leave-message")),
            beep: Prompt::tone(Tone::Beep),
            closing: closing.unwrap_or_else(|| voice.shipped("nobody-available")),
            max_length: self.period(
                &spanned(preset, &MAX_LENGTH, settings.max_length.as_ref()),
                5..=600,
                "fallback.max_length",
            ),
            silence: self.silence_limit(&settings.silence),
        }
    }

    pub(super) fn silence_limit(&mut self, written: &Spanned<SilenceSetting>) -> Option<Duration> {
        let period = Spanned::new(written.span(), written.get_ref().0?);
        Some(self.period(&period, 3..=600, "fallback.silence"))
    }
}
