//! How a responder accepts a call.

use super::Compiler;
use super::values::spanned_text;
use crate::call::plan::{Accept, AcceptKey};
use crate::call::preset::{ACCEPT_KEY, DECLINE, FilledIn};
use crate::call::settings::AcceptSettings;
use crate::call::wording::{Names, Voice};

impl Compiler<'_> {
    pub(super) fn accept(
        &mut self,
        settings: Option<&AcceptSettings>,
        names: Names<'_>,
        voice: Voice,
        preset: &mut FilledIn,
    ) -> Accept {
        let unwritten = AcceptSettings::default();
        let settings = settings.unwrap_or(&unwritten);
        let accept = spanned_text(preset, &ACCEPT_KEY, settings.key.as_ref());
        let declines = spanned_text(preset, &DECLINE, settings.decline.as_ref());
        let key = match accept.get_ref().as_str() {
            "any" => AcceptKey::Any,
            "none" => AcceptKey::None,
            _ => self.key(&accept, "0123456789*#").map_or(AcceptKey::Any, AcceptKey::Key),
        };
        let decline = match declines.get_ref().as_str() {
            "none" => None,
            _ => self.key(&declines, "0123456789*#"),
        };
        let accept_key = match key {
            AcceptKey::Key(key) => Some(key),
            AcceptKey::Any | AcceptKey::None => None,
        };
        if decline.is_some() && decline == accept_key {
            self.error(
                if settings.decline.is_some() { declines.span() } else { accept.span() },
                "one key cannot both accept and decline",
                "choose another key",
            );
        }
        let own = self.audio(settings.prompt.as_ref(), names, voice).into();
        Accept {
            key,
            decline,
            timeout: self.period(&settings.timeout, 2..=60, "accept.timeout"),
            attempts: self.count(&settings.attempts, 1..=5, "accept.attempts"),
            prompt: self.translated(own, voice, |voice| voice.accept(names, accept_key, decline)),
        }
    }
}
