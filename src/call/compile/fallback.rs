//! What happens when nobody is left.

use std::time::Duration;

use toml::Spanned;

use super::Compiler;
use super::prompts::Words;
use super::values::spanned;
use crate::call::plan::{ByKey, Fallback, MessageConsent, Route};
use crate::call::preset::{FilledIn, MAX_LENGTH, THEN};
use crate::call::prompt::{Prompt, Tone};
use crate::call::settings::{
    FallbackSettings, HotlineSettings, PromptSetting, RouteSettings, SilenceSetting,
};
use crate::call::wording::{Names, Voice};
use crate::problem::Problem;

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
        let key = settings.key.as_ref().and_then(|key| self.key(key, "0123456789*"));
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
            min_length: self.period(&settings.min_length, 0..=10, "fallback.min_length"),
            by_key: key.map(|key| ByKey { key, words: voice.key_for_message(key) }),
            consent: self.message_consent(settings.consent.as_ref(), names, voice),
            review: settings.review.then(|| voice.review()),
        }
    }

    pub(super) fn silence_limit(&mut self, written: &Spanned<SilenceSetting>) -> Option<Duration> {
        let period = Spanned::new(written.span(), written.get_ref().0?);
        Some(self.period(&period, 3..=600, "fallback.silence"))
    }

    fn message_consent(
        &mut self,
        written: Option<&Spanned<PromptSetting>>,
        names: Names<'_>,
        voice: Voice,
    ) -> MessageConsent {
        match written.map(Spanned::get_ref) {
            None | Some(PromptSetting::Shipped(false)) => MessageConsent::None,
            Some(PromptSetting::Shipped(true)) => MessageConsent::AsForCalls,
            Some(PromptSetting::Audio(_)) => match self.may_be_unsaid(written, names, voice) {
                Words::Own(words) => MessageConsent::Own(words),
                Words::Shipped => MessageConsent::AsForCalls,
            },
        }
    }

    /// What is set for messages is to come to something, and who is told of recordings of calls is to be told of
    /// those of messages.
    pub(super) fn check_messages(
        &mut self,
        settings: &RouteSettings,
        route: &Route,
        hotline: &HotlineSettings,
    ) {
        let written = settings.fallback.as_ref();
        if let Some(key) =
            written.and_then(|fallback| fallback.key.as_ref()).filter(|_| route.direct_voicemail)
        {
            let idle =
                Problem::warning(key.span(), "nobody is ever held here: the route takes messages only");
            self.problems.push(idle.help("take fallback.key out"));
        }
        let told_of_calls = hotline.recording.calls || hotline.recording.consent.is_some();
        let told_here = route.record_calls && !route.direct_voicemail;
        let decided = written.is_some_and(|fallback| fallback.consent.is_some());
        if told_of_calls && route.takes_messages() && !told_here && !decided {
            let message = format!(
                "callers of the route `{}` are not told that their message is recorded, as those are whose call is",
                route.name
            );
            let help = "write consent = true under [hotlines.routes.fallback], or words of its own; where the greeting \
                        says it, or nobody has to be told, consent = false";
            self.problems.push(Problem::warning(settings.name.span(), message).help(help));
        }
    }
}
