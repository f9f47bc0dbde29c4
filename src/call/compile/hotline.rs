//! A hotline: who may call it, over which trunks, and where it leads.

use std::sync::Arc;

use toml::Spanned;

use super::Compiler;
use super::choice::Spot;
use crate::call::filter::{CallerFilter, Entry};
use crate::call::plan::{Hotline, HotlineNumber};
use crate::call::preset::{CALLER_ID, FilledIn};
use crate::call::settings::{HotlineSettings, NumberList};
use crate::call::wording::{Names, Voice};
use crate::problem::nearest;

impl<'a> Compiler<'a> {
    pub(super) fn hotline(&mut self, settings: &'a HotlineSettings) -> Hotline {
        self.check_name(&settings.name);
        let name = settings.name.get_ref().as_str();
        let voice = Voice { language: settings.language, speaks: self.around.voice };
        let names = Names { hotline: name, route: "" };
        let mut preset = FilledIn::by(settings.preset);
        let spot = Spot { hotline: settings, voice, preset: settings.preset, depth: 1 };
        let choices = self.choices(&settings.routes, settings.menu.as_ref(), spot);
        let routes: Vec<_> = choices.iter().flat_map(|choice| choice.routes()).collect();
        self.check_routes(settings);
        if settings.max_calls == 0 {
            let message = format!("the hotline `{name}` takes no call: max_calls is 0");
            self.error(settings.name.span(), message, "1 at least; enabled = false closes the line");
        }
        let prompts = self.prompts(settings, &routes, names, voice);
        let menu = settings.menu.as_ref();
        let menu = menu.map(|menu| {
            Arc::new(self.menu(menu, names, spot, choices.clone(), (Some(&prompts.welcome), &mut preset)))
        });
        let hotline = Hotline {
            name: name.to_owned(),
            numbers: self.numbers(settings),
            trunks: self.trunks(settings),
            enabled: settings.enabled,
            filter: CallerFilter::new(self.entries(&settings.allow), self.entries(&settings.block)),
            caller_id: preset.value(&CALLER_ID, settings.caller_id),
            max_calls: settings.max_calls,
            announcements: self.announcements(&settings.waiting, &prompts.next_person, voice),
            prompts,
            confirm_phone: self.confirm_phone(voice),
            opening: self.opening(settings.hours.as_ref(), settings.outside.as_ref(), None, spot),
            pin: settings.pin.as_ref().map(|gate| Arc::new(self.pin(gate, spot))),
            callers: settings.callers.iter().map(|rule| self.caller_rule(rule, spot)).collect(),
            repeated: settings.repeated.as_ref().map(|rule| self.repeated(rule, spot)),
            menu,
            choices,
            routes,
            preset,
        };
        self.check_pins(settings, &hotline);
        hotline
    }

    /// Names are spoken, and shown on terminals.
    pub(super) fn check_name(&mut self, name: &Spanned<String>) {
        let text = name.get_ref();
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            let message = "a name needs letters, and no control characters";
            self.error(name.span(), message, "it is spoken to responders and shown in the log");
        }
    }

    pub(super) fn numbers(&mut self, settings: &HotlineSettings) -> Vec<HotlineNumber> {
        if settings.numbers.is_empty() {
            let message = format!("the hotline `{}` has no number", settings.name.get_ref());
            self.error(settings.name.span(), message, "name at least one: numbers = [\"+4930123456\"]");
        }
        let mut numbers = Vec::new();
        for number in &settings.numbers {
            match HotlineNumber::parse(number.get_ref()) {
                Ok(parsed) => numbers.push(parsed),
                Err(why) => self.error(
                    number.span(),
                    format!("`{}` is not a number in E.164: {why}", number.get_ref()),
                    "write it with + and country code, as in +4930123456",
                ),
            }
        }
        numbers
    }

    pub(super) fn trunks(&mut self, settings: &HotlineSettings) -> Arc<[String]> {
        if settings.trunks.is_empty() {
            let message = format!("the hotline `{}` has no trunk", settings.name.get_ref());
            self.error(settings.name.span(), message, "name at least one of the [[trunks]]");
        }
        for trunk in &settings.trunks {
            let known = self.around.trunks;
            if !known.contains(&trunk.get_ref().as_str()) {
                let help = match nearest(trunk.get_ref(), known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "trunks are named in [[trunks]]".to_owned(),
                };
                self.error(trunk.span(), format!("there is no trunk `{}`", trunk.get_ref()), &help);
            }
        }
        settings.trunks.iter().map(|trunk| trunk.get_ref().clone()).collect()
    }

    pub(super) fn entries(&mut self, list: &NumberList) -> Vec<Entry> {
        let mut entries = Vec::new();
        for written in &list.0 {
            match Entry::parse(written.get_ref()) {
                Ok(entry) => entries.push(entry),
                Err(why) => self.error(
                    written.span(),
                    format!("`{}` is not a caller: {why}", written.get_ref()),
                    "write a number (+4930123456), a prefix (+49*) or \"anonymous\"",
                ),
            }
        }
        entries
    }

    fn check_routes(&mut self, settings: &HotlineSettings) {
        let at = settings.name.span();
        if settings.routes.is_empty() {
            self.error(at, "the hotline has no route", "add a [[hotlines.routes]] with its levels");
        } else if !settings.routes.iter().any(|route| route.enabled) {
            self.error(
                at,
                "no route of the hotline is enabled",
                "enable one, or write enabled = false at the hotline: callers then hear that it is closed",
            );
        }
    }
}
