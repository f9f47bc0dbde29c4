//! How a responder accepts a call.

use super::Compiler;
use crate::call::plan::{Accept, AcceptKey};
use crate::call::settings::AcceptSettings;
use crate::call::wording::{Names, Voice};

impl Compiler<'_> {
    pub(super) fn accept(&mut self, settings: &AcceptSettings, names: Names<'_>, voice: Voice) -> Accept {
        let key = match settings.key.get_ref().as_str() {
            "any" => AcceptKey::Any,
            "none" => AcceptKey::None,
            _ => self.key(&settings.key, "0123456789*#").map_or(AcceptKey::Any, AcceptKey::Key),
        };
        let decline = match settings.decline.get_ref().as_str() {
            "none" => None,
            _ => self.key(&settings.decline, "0123456789*#"),
        };
        let accept_key = match key {
            AcceptKey::Key(key) => Some(key),
            AcceptKey::Any | AcceptKey::None => None,
        };
        if decline.is_some() && decline == accept_key {
            self.error(
                settings.decline.span(),
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
