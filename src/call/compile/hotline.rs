//! A hotline: who may call it, over which trunks, and where it leads.

use std::collections::HashMap;
use std::sync::Arc;

use toml::Spanned;

use super::Compiler;
use crate::call::filter::{CallerFilter, Entry};
use crate::call::plan::{Hotline, HotlineNumber, Route};
use crate::call::settings::{HotlineSettings, NumberList};
use crate::call::wording::{Names, Voice};
use crate::problem::nearest;

impl Compiler<'_> {
    pub(super) fn hotline(&mut self, settings: &HotlineSettings) -> Hotline {
        self.check_name(&settings.name);
        let name = settings.name.get_ref().as_str();
        let voice = Voice { language: settings.language, speaks: self.around.voice };
        let names = Names { hotline: name, route: "" };
        let routes: Vec<_> = settings
            .routes
            .iter()
            .map(|route| {
                let named = Names { route: route.name.get_ref(), ..names };
                Arc::new(self.route(route, settings.recording.calls, named, voice))
            })
            .collect();
        self.check_routes(settings, &routes);
        if settings.max_calls == 0 {
            let message = format!("the hotline `{name}` takes no call: max_calls is 0");
            self.error(settings.name.span(), message, "1 at least; enabled = false closes the line");
        }
        let prompts = self.prompts(settings, &routes, names, voice);
        let menu =
            settings.menu.as_ref().map(|menu| self.menu(menu, names, voice, &routes, &prompts.welcome));
        Hotline {
            name: name.to_owned(),
            numbers: self.numbers(settings),
            trunks: self.trunks(settings),
            enabled: settings.enabled,
            filter: CallerFilter::new(self.entries(&settings.allow), self.entries(&settings.block)),
            caller_id: settings.caller_id,
            max_calls: settings.max_calls,
            announcements: self.announcements(&settings.waiting, voice),
            prompts,
            menu,
            routes,
        }
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

    pub(super) fn check_routes(&mut self, settings: &HotlineSettings, routes: &[Arc<Route>]) {
        let at = settings.name.span();
        match (settings.menu.is_some(), routes.len()) {
            (_, 0) => self.error(at, "the hotline has no route", "add a [[hotlines.routes]] with its levels"),
            _ if !routes.iter().any(|route| route.enabled) => self.error(
                at,
                "no route of the hotline is enabled",
                "enable one, or write enabled = false at the hotline: callers then hear that it is closed",
            ),
            (false, 1) => {}
            (false, _) => self.error(
                at,
                "the hotline has several routes but no menu",
                "add [hotlines.menu], so that callers can choose",
            ),
            (true, _) => self.check_keys(settings),
        }
    }

    pub(super) fn check_keys(&mut self, settings: &HotlineSettings) {
        let mut seen: HashMap<&str, &str> = HashMap::new();
        for route in &settings.routes {
            let Some(key) = &route.key else {
                let message = format!("the route `{}` has no key", route.name.get_ref());
                self.error(route.name.span(), message, "with a menu every route has a key: 1-9, 0 or *");
                continue;
            };
            if let Some(other) = seen.insert(key.get_ref(), route.name.get_ref()) {
                let message = format!("the key {} already leads to `{other}`", key.get_ref());
                self.error(key.span(), message, "give each route a key of its own");
            }
        }
    }
}
