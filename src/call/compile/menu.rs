//! The menu of a hotline.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;

use super::Compiler;
use crate::call::plan::{Menu, Route};
use crate::call::prompt::Prompt;
use crate::call::settings::{MenuPromptSetting, MenuSettings};
use crate::call::wording::{Names, Voice};

impl Compiler<'_> {
    pub(super) fn menu(
        &mut self,
        settings: &MenuSettings,
        names: Names<'_>,
        voice: Voice,
        routes: &[Arc<Route>],
        welcome: &Prompt,
    ) -> Menu {
        let said_by_welcome =
            matches!(settings.prompt.as_ref().map(Spanned::get_ref), Some(MenuPromptSetting::Welcome));
        let prompt = match &settings.prompt {
            Some(written) => match written.get_ref() {
                MenuPromptSetting::Welcome => {
                    self.check_welcome(welcome, written.span());
                    Some(welcome.clone())
                }
                MenuPromptSetting::Audio(audio) => self.one_audio(audio, written.span(), names, voice, false),
            },
            None => None,
        };
        let offered = || routes.iter().filter(|route| route.enabled);
        let keys = || offered().filter_map(|route| Some((route.key?, route.name.as_str())));
        Menu {
            prompt: prompt.unwrap_or_else(|| voice.menu(keys())),
            said_by_welcome,
            timeout: self.period(&settings.timeout, 1..=60, "menu.timeout"),
            attempts: self.count(&settings.attempts, 1..=9, "menu.attempts"),
            silence: self.silence(&settings.silence, routes),
        }
    }

    /// A welcome that is to say the keys has to say something.
    fn check_welcome(&mut self, welcome: &Prompt, span: Range<usize>) {
        if welcome.is_empty() {
            let message = "the welcome is to explain the menu, and welcome = false says nothing";
            self.error(span, message, "write words for one of the two, or leave out the prompt of the menu");
        }
    }

    pub(super) fn silence(&mut self, written: &Spanned<String>, routes: &[Arc<Route>]) -> Option<Arc<Route>> {
        if written.get_ref() == "replay" {
            return None;
        }
        let key = written.get_ref().strip_prefix("route:");
        let route = key.and_then(|key| {
            let leads =
                |route: &&Arc<Route>| route.enabled && route.key.is_some_and(|own| key.chars().eq([own]));
            routes.iter().find(leads).cloned()
        });
        if route.is_none() {
            let message = format!("`{}` is not what silence can mean", written.get_ref());
            self.error(
                written.span(),
                message,
                "write \"replay\", or \"route:KEY\" with the key of a route that is enabled",
            );
        }
        route
    }
}
