//! The menu of a hotline, or of a route that leads to further routes.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;

use super::Compiler;
use super::choice::Spot;
use super::values::spanned;
use crate::call::choice::{Choice, of_key};
use crate::call::menu::Menu;
use crate::call::preset::{FilledIn, WRONG_KEYS};
use crate::call::prompt::Prompt;
use crate::call::settings::{MenuPromptSetting, MenuSettings};
use crate::call::wording::Names;

impl Compiler<'_> {
    /// `welcome`: the first words of the hotline, if it is its first menu; with what its preset fills in.
    pub(super) fn menu(
        &mut self,
        settings: &MenuSettings,
        names: Names<'_>,
        spot: Spot<'_>,
        choices: Arc<[Arc<Choice>]>,
        (welcome, preset): (Option<&Prompt>, &mut FilledIn),
    ) -> Menu {
        let written = settings.prompt.as_ref();
        let said_by_welcome = matches!(written.map(Spanned::get_ref), Some(MenuPromptSetting::Welcome));
        let back = settings.back.as_ref().and_then(|key| self.back(key, &choices, welcome.is_none()));
        let prompt = written.and_then(|written| match (written.get_ref(), welcome) {
            (MenuPromptSetting::Welcome, Some(welcome)) => {
                self.check_welcome(welcome, written.span());
                Some(welcome.clone())
            }
            (MenuPromptSetting::Welcome, None) => {
                let message = "the welcome cannot say the menu of a route";
                self.error(written.span(), message, "write { say = \"...\" }, or leave it out");
                None
            }
            (MenuPromptSetting::Audio(audio), _) => {
                self.one_audio(audio, written.span(), names, spot.voice, false)
            }
        });
        let offered = choices.iter().filter(|choice| choice.enabled);
        let keys = offered.filter_map(|choice| Some((choice.key?, choice.name.as_str())));
        Menu {
            prompt: prompt.unwrap_or_else(|| spot.voice.menu(keys, back)),
            said_by_welcome,
            timeout: self.period(&settings.timeout, 1..=60, "menu.timeout"),
            attempts: self.count(&settings.attempts, 1..=9, "menu.attempts"),
            wrong_keys: self.count(
                &spanned(preset, &WRONG_KEYS, settings.wrong_keys.as_ref()),
                1..=9,
                "menu.wrong_keys",
            ),
            back,
            silence: self.silence(&settings.silence, &choices),
            choices,
        }
    }

    /// A welcome that is to say the keys has to say something.
    fn check_welcome(&mut self, welcome: &Prompt, span: Range<usize>) {
        if welcome.is_empty() {
            let message = "the welcome is to explain the menu, and welcome = false says nothing";
            self.error(span, message, "write words for one of the two, or leave out the prompt of the menu");
        }
    }

    /// The key that leads back to the menu before.
    fn back(&mut self, written: &Spanned<String>, choices: &[Arc<Choice>], nested: bool) -> Option<char> {
        if !nested {
            let message = "before the first menu of a hotline there is none";
            self.error(written.span(), message, "write `back` in the menu of a route, or leave it out");
            return None;
        }
        let key = self.key(written, "0123456789*")?;
        if let Some(other) = choices.iter().find(|choice| choice.key == Some(key)) {
            let message = format!("the key {key} already leads to `{}`", other.name);
            self.error(written.span(), message, "choose another key");
        }
        Some(key)
    }

    fn silence(&mut self, written: &Spanned<String>, choices: &[Arc<Choice>]) -> Option<Arc<Choice>> {
        if written.get_ref() == "replay" {
            return None;
        }
        let mut keys = written.get_ref().strip_prefix("route:").unwrap_or_default().chars();
        let choice = match (keys.next(), keys.next()) {
            (Some(key), None) => of_key(choices, key).filter(|choice| choice.key == Some(key)).cloned(),
            _ => None,
        };
        if choice.is_none() {
            let message = format!("`{}` is not what silence can mean", written.get_ref());
            self.error(
                written.span(),
                message,
                "write \"replay\", or \"route:KEY\" with the key of a route that is enabled",
            );
        }
        choice
    }
}
