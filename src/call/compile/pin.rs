//! The PIN gate of a hotline.

use std::collections::HashSet;
use std::sync::Arc;

use toml::Spanned;

use super::Compiler;
use super::choice::Spot;
use crate::call::choice::Choice;
use crate::call::opening::Instead;
use crate::call::pin::{Digits, LONGEST, PinCode, PinGate, SHORTEST};
use crate::call::plan::Hotline;
use crate::call::settings::{HotlineSettings, PinCodeSettings, PinSettings};
use crate::call::wording::Names;
use crate::problem::{Problem, nearest};

impl<'a> Compiler<'a> {
    pub(super) fn pin(&mut self, settings: &'a PinSettings, spot: Spot<'a>) -> PinGate {
        let names = Names { hotline: spot.hotline.name.get_ref(), route: "" };
        let prompt = self.audio(settings.prompt.as_ref(), names, spot.voice);
        let fallback = settings.fallback.as_ref();
        self.check_codes(settings, spot.hotline);
        PinGate {
            prompt: prompt.unwrap_or_else(|| spot.voice.shipped("enter-code")),
            wrong: spot.voice.shipped("wrong-code"),
            timeout: self.period(&settings.timeout, 2..=60, "pin.timeout"),
            attempts: self.count(&settings.attempts, 1..=9, "pin.attempts"),
            lockout: self.count(&settings.lockout, 1..=100, "pin.lockout"),
            before_menu: settings.before_menu,
            fallback: fallback
                .and_then(|written| self.instead(written.get_ref(), written.span(), None, spot)),
            codes: settings.codes.iter().filter_map(|code| self.code(code, spot)).collect(),
        }
    }

    /// What is wrong with a PIN is said at its name: the place of the PIN itself would show it.
    fn code(&mut self, settings: &PinCodeSettings, spot: Spot<'a>) -> Option<PinCode> {
        let (name, at) = (settings.name.get_ref(), settings.name.span());
        let written = match (&settings.code, &settings.code_file) {
            (Some(code), None) => {
                code.get_ref().0.clone().ok_or_else(|| "is not written as a text".to_owned())
            }
            (None, Some(file)) => (self.around.secret)(&self.path(file.get_ref())),
            (Some(_), Some(_)) => Err("is named twice".to_owned()),
            (None, None) => Err("is missing".to_owned()),
        };
        let read = written.and_then(|text| Digits::parse(&text).ok_or_else(|| "is not a PIN".to_owned()));
        match read {
            Ok(digits) => {
                let route = settings.route.as_ref();
                let place = route.and_then(|route| self.place(spot.hotline, route.get_ref(), route.span()));
                Some(PinCode { name: name.clone(), digits, place })
            }
            Err(why) => {
                let help = format!(
                    "write code = \"...\" with {SHORTEST} to {LONGEST} digits, or code_file = \"...\" with a file of them"
                );
                self.error(at, format!("the PIN of `{name}` {why}"), &help);
                None
            }
        }
    }

    fn check_codes(&mut self, settings: &PinSettings, hotline: &HotlineSettings) {
        if settings.codes.is_empty() {
            let message = "a PIN is asked for, but there is none";
            self.error(
                hotline.name.span(),
                message,
                "add a [[hotlines.pin.codes]] with its name and its code",
            );
        }
        let mut seen = HashSet::new();
        for code in settings.codes.iter().filter(|code| !seen.insert(code.name.get_ref())) {
            let message = format!("there are two PINs `{}`", code.name.get_ref());
            self.error(code.name.span(), message, "give each a name of its own");
        }
    }

    /// The names of the PINs that open a route.
    pub(super) fn pins(&mut self, written: &[Spanned<String>], hotline: &HotlineSettings) -> Vec<String> {
        let codes = hotline.pin.iter().flat_map(|gate| &gate.codes);
        let known: Vec<&str> = codes.map(|code| code.name.get_ref().as_str()).collect();
        for name in written.iter().filter(|name| !known.contains(&name.get_ref().as_str())) {
            let help = match nearest(name.get_ref(), known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "PINs are named in [[hotlines.pin.codes]]".to_owned(),
            };
            self.error(name.span(), format!("there is no PIN `{}`", name.get_ref()), &help);
        }
        written.iter().map(|name| name.get_ref().clone()).collect()
    }

    /// What can only be seen once the whole hotline is known.
    pub(super) fn check_pins(&mut self, settings: &HotlineSettings, hotline: &Hotline) {
        let (Some(gate), Some(written)) = (&hotline.pin, &settings.pin) else { return };
        let at = settings.name.span();
        for (index, code) in gate.codes.iter().enumerate() {
            if let Some(other) =
                gate.codes.iter().take(index).find(|other| other.digits.same_as(&code.digits))
            {
                let message = format!("the PINs of `{}` and `{}` are the same", other.name, code.name);
                self.error(at.clone(), message, "give each of them digits of their own");
            }
        }
        let asks = |choice: &&Choice| !choice.pins.is_empty();
        if !gate.before_menu && !hotline.all_choices().iter().any(asks) {
            let unused = Problem::warning(at.clone(), "nobody is asked for a PIN");
            self.problems
                .push(unused.help("name the PINs of a route, pin = [...], or leave before_menu out"));
        }
        if let (Some(Instead::Choice(place)), Some(fallback)) = (&gate.fallback, &written.fallback) {
            let target: Option<&Arc<Choice>> = hotline.at(place);
            if target.as_ref().is_some_and(|choice| asks(&choice.as_ref())) {
                let message = "who has no PIN is sent to a route that asks for one";
                self.error(fallback.span(), message, "name a route without `pin`");
            }
        }
    }
}
