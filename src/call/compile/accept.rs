//! How a responder accepts a call.

use toml::Spanned;

use super::Compiler;
use super::values::spanned_text;
use crate::call::plan::{Accept, AcceptKey};
use crate::call::preset::{ACCEPT_KEY, DECLINE, FilledIn};
use crate::call::prompt::{Piece, Prompt};
use crate::call::settings::{AcceptSettings, AudioSetting};
use crate::call::spoken::Value;
use crate::call::wording::{Names, Voice};
use crate::oncall::Language;

/// The pause after a sentence that ends in a value, in ms.
const SENTENCE_PAUSE_MS: u32 = 250;

impl Compiler<'_> {
    pub(super) fn accept(
        &mut self,
        settings: Option<&AcceptSettings>,
        named: bool,
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
        let accept_key = key.alone();
        if decline.is_some() && decline == accept_key {
            self.error(
                if settings.decline.is_some() { declines.span() } else { accept.span() },
                "one key cannot both accept and decline",
                "choose another key",
            );
        }
        let own = self.accept_words(settings.prompt.as_ref(), names, voice);
        let own = own.map(|own| self.with_name(own, named, settings, voice.language)).into();
        Accept {
            key,
            decline,
            timeout: self.period(&settings.timeout, 2..=60, "accept.timeout"),
            attempts: self.count(&settings.attempts, 1..=5, "accept.attempts"),
            prompt: self.translated(own, voice, |voice| voice.accept(names, named, accept_key, decline)),
        }
    }

    /// Words of the operator's that do not say where the caller's name belongs begin with it.
    fn with_name(
        &mut self,
        own: Prompt,
        named: bool,
        settings: &AcceptSettings,
        language: Language,
    ) -> Prompt {
        let name = Piece::Value { language, value: Value::CallerName };
        match (named, own.0.contains(&name)) {
            (true, false) => Prompt(vec![name]).then(own),
            (false, true) => {
                let at = settings.prompt.as_ref().map_or(0..0, Spanned::span);
                let message = "{name} is never known: callers of this route are not asked for it";
                self.error(at, message, "write record_name = true at the route, or leave {name} out");
                own
            }
            _ => own,
        }
    }

    /// How a phone's owner confirms it: the shipped words name the key, the rest is as it is for callers.
    pub(super) fn confirm_phone(&self, voice: Voice) -> Accept {
        let AcceptSettings { timeout, attempts, .. } = AcceptSettings::default();
        Accept {
            key: AcceptKey::Key('1'),
            decline: None,
            timeout: timeout.get_ref().0,
            attempts: *attempts.get_ref(),
            prompt: self.translated(None.into(), voice, |voice| voice.shipped("confirm-phone")),
        }
    }

    /// The operator's own words, which may say who calls and since when.
    fn accept_words(
        &mut self,
        written: Option<&Spanned<AudioSetting>>,
        names: Names<'_>,
        voice: Voice,
    ) -> Option<Prompt> {
        let audio = written?;
        let parts =
            audio.get_ref().say.as_deref().map(|text| parts(text, voice.language)).unwrap_or_default();
        if !parts.iter().any(|part| matches!(part, Piece::Value { .. })) {
            return self.audio(written, names, voice);
        }
        let mut words = Prompt::default();
        for part in parts {
            let part = match part {
                Piece::Say { text, .. } => {
                    let text = AudioSetting { say: Some(text), ..audio.get_ref().clone() };
                    self.one_audio(&text, audio.span(), names, voice, false)?
                }
                other => Prompt(vec![other]),
            };
            words = words.then(part);
        }
        Some(words)
    }
}

/// What is known only in a call, as it is written.
const VALUES: [(&str, Value); 3] =
    [("{caller}", Value::CallerNumber), ("{waiting}", Value::WaitingTime), ("{name}", Value::CallerName)];

/// Cuts a text at what is known only in a call. What is left of a sentence's end becomes a pause.
fn parts(text: &str, language: Language) -> Vec<Piece> {
    let mut parts = Vec::new();
    let mut rest = text;
    let next = |rest: &str| {
        let found = VALUES.iter().filter_map(|(name, value)| Some((rest.find(name)?, *name, *value)));
        found.min_by_key(|(at, ..)| *at)
    };
    while let Some((at, name, value)) = next(rest) {
        parts.extend(rest.get(..at).into_iter().flat_map(|before| fragment(before, language)));
        parts.push(Piece::Value { language, value });
        rest = rest.get(at + name.len()..).unwrap_or_default();
    }
    parts.extend(fragment(rest, language));
    parts
}

fn fragment(text: &str, language: Language) -> Vec<Piece> {
    let words = text.trim_start_matches(|c: char| c.is_whitespace() || ",.;:!?".contains(c)).trim_end();
    let mut pieces = Vec::new();
    if text.starts_with(['.', '!', '?', ';']) && !words.is_empty() {
        pieces.push(Piece::Pause(SENTENCE_PAUSE_MS));
    }
    if !words.is_empty() {
        pieces.push(Piece::Say { language, text: words.to_owned() });
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_what_is_known_only_in_a_call() {
        let cut = |text| Prompt(parts(text, Language::En)).to_string();
        assert_eq!(
            cut("A call from {caller}, waiting for {waiting}. Press 1."),
            "\u{201c}A call from\u{201d} {caller} \u{201c}waiting for\u{201d} {waiting} [250 ms] \u{201c}Press 1.\u{201d}"
        );
        assert_eq!(cut("{caller} calls."), "{caller} \u{201c}calls.\u{201d}");
        assert_eq!(cut("Caller: {caller}."), "\u{201c}Caller:\u{201d} {caller}");
        assert_eq!(cut("This is {hotline}."), "\u{201c}This is {hotline}.\u{201d}");
    }
}
