//! What the keys of a menu lead to, and the names by which settings refer to it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;

use super::Compiler;
use crate::call::choice::{Choice, DEEPEST, Goal, Place, Redirect};
use crate::call::preset::{FilledIn, Preset};
use crate::call::settings::{HotlineSettings, MenuSettings, RedirectSettings, RouteSettings};
use crate::call::wording::{Names, Voice};
use crate::problem::nearest;

/// Where something stands that is being compiled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'a> {
    /// The hotline.
    pub hotline: &'a HotlineSettings,
    /// Its voice.
    pub voice: Voice,
    /// What fills in what is left out.
    pub preset: Preset,
    /// How many menus lead here.
    pub depth: usize,
}

impl<'a> Compiler<'a> {
    /// The choices of a menu, or those of a hotline without one.
    pub(super) fn choices(
        &mut self,
        routes: &'a [RouteSettings],
        menu: Option<&MenuSettings>,
        spot: Spot<'a>,
    ) -> Arc<[Arc<Choice>]> {
        if menu.is_some() {
            self.check_keys(routes);
        }
        routes.iter().map(|route| Arc::new(self.choice(route, spot))).collect()
    }

    fn choice(&mut self, settings: &'a RouteSettings, spot: Spot<'a>) -> Choice {
        let spot = Spot { preset: settings.preset.unwrap_or(spot.preset), ..spot };
        self.check_name(&settings.name);
        let names = Names { hotline: spot.hotline.name.get_ref(), route: settings.name.get_ref() };
        let goal = match (&settings.menu, &settings.redirect) {
            (Some(menu), _) => self.submenu(settings, menu, spot),
            (None, Some(redirect)) => self.redirect(redirect, settings),
            (None, None) => Goal::Route(Arc::new(self.route(settings, names, spot))),
        };
        self.check_alone(settings);
        Choice {
            key: settings.key.as_ref().and_then(|key| self.key(key, "0123456789*")),
            name: settings.name.get_ref().clone(),
            enabled: settings.enabled,
            opening: self.opening(settings.hours.as_ref(), settings.outside.as_ref(), Some(settings), spot),
            pins: self.pins(&settings.pin, spot.hotline),
            goal,
        }
    }

    fn submenu(&mut self, settings: &'a RouteSettings, menu: &'a MenuSettings, spot: Spot<'a>) -> Goal {
        let name = settings.name.get_ref();
        if spot.depth >= DEEPEST {
            let message = format!("the menu of `{name}` is the {}th in a row", DEEPEST + 1);
            self.error(
                settings.name.span(),
                message,
                "menus may be nested three deep: callers get lost in more",
            );
        }
        if !settings.routes.iter().any(|route| route.enabled) {
            let message = format!("the menu of `{name}` has no route that is enabled");
            self.error(settings.name.span(), message, "add a [[hotlines.routes.routes]] behind it");
        }
        let below = Spot { depth: spot.depth + 1, ..spot };
        let choices = self.choices(&settings.routes, Some(menu), below);
        let names = Names { hotline: spot.hotline.name.get_ref(), route: name };
        let mut preset = FilledIn::by(spot.preset);
        Goal::Menu(Arc::new(self.menu(menu, names, below, choices, (None, &mut preset))))
    }

    fn redirect(&mut self, written: &Spanned<RedirectSettings>, settings: &RouteSettings) -> Goal {
        let RedirectSettings { hotline, route } = written.get_ref();
        let others = self.settings;
        let known = others.iter().find(|other| other.name.get_ref() == hotline);
        let place = match (known, route) {
            (Some(other), Some(route)) => self.place(other, route, written.span()),
            (None, _) => {
                let names = others.iter().map(|other| other.name.get_ref().as_str());
                let help = match nearest(hotline, names) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "name one of the [[hotlines]]".to_owned(),
                };
                self.error(written.span(), format!("there is no hotline `{hotline}`"), &help);
                None
            }
            (Some(_), None) => None,
        };
        if settings.menu.is_some() {
            let message = format!("the route `{}` has a menu and a redirect", settings.name.get_ref());
            self.error(written.span(), message, "keep one of them");
        }
        Goal::Redirect(Redirect { hotline: hotline.clone(), place })
    }

    /// A key that leads to a menu or elsewhere rings nobody itself.
    fn check_alone(&mut self, settings: &RouteSettings) {
        let name = settings.name.get_ref();
        if settings.menu.is_none() && !settings.routes.is_empty() {
            let message = format!("the route `{name}` has routes of its own, but no menu");
            self.error(settings.name.span(), message, "add menu = {} to it");
        }
        if settings.menu.is_none() && settings.redirect.is_none() {
            return;
        }
        if let Some(key) = settings.ringing_keys().first() {
            let message = format!("the route `{name}` rings nobody itself: `{key}` means nothing there");
            self.error(settings.name.span(), message, "write it at the routes that ring somebody");
        }
    }

    fn check_keys(&mut self, routes: &[RouteSettings]) {
        let mut seen: HashMap<&str, &str> = HashMap::new();
        for route in routes {
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

    /// The place that a key (`2`, or `3.1` in the menu of 3) or a name stands for.
    pub(super) fn place(
        &mut self,
        hotline: &HotlineSettings,
        written: &str,
        span: Range<usize>,
    ) -> Option<Place> {
        let found = by_key(&hotline.routes, written)
            .map_or_else(|| by_name(&hotline.routes, written), |one| vec![one]);
        let name = hotline.name.get_ref();
        match found.as_slice() {
            [path] if is_enabled(&hotline.routes, path) => return Some(Place(path.clone())),
            [_] => {
                let message = format!("the route `{written}` of `{name}` is not enabled");
                self.error(span, message, "enable it, or name another one");
            }
            [] => {
                let help = match nearest(written, names(&hotline.routes)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        "write the key of a route, \"3.1\" for 1 in the menu of 3, or its name".to_owned()
                    }
                };
                self.error(span, format!("`{name}` has no route `{written}`"), &help);
            }
            _ => {
                let message = format!("several routes of `{name}` are called `{written}`");
                self.error(span, message, "name it by its key");
            }
        }
        None
    }
}

fn by_key(routes: &[RouteSettings], written: &str) -> Option<Vec<usize>> {
    let (key, rest) = written.split_once('.').map_or((written, None), |(key, rest)| (key, Some(rest)));
    let has_key = |route: &RouteSettings| route.key.as_ref().is_some_and(|own| own.get_ref() == key);
    let index = routes.iter().position(has_key)?;
    let mut path = vec![index];
    if let Some(rest) = rest {
        path.extend(by_key(&routes.get(index)?.routes, rest)?);
    }
    Some(path)
}

/// All routes of this name.
fn by_name(routes: &[RouteSettings], written: &str) -> Vec<Vec<usize>> {
    let mut found = Vec::new();
    for (index, route) in routes.iter().enumerate() {
        if route.name.get_ref() == written {
            found.push(vec![index]);
        }
        let below = by_name(&route.routes, written).into_iter();
        found.extend(below.map(|path| std::iter::once(index).chain(path).collect()));
    }
    found
}

fn is_enabled(routes: &[RouteSettings], path: &[usize]) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    routes.get(*first).is_some_and(|route| route.enabled && is_enabled(&route.routes, rest))
}

fn names<'a>(routes: &'a [RouteSettings]) -> Vec<&'a str> {
    let own =
        |route: &'a RouteSettings| std::iter::once(route.name.get_ref().as_str()).chain(names(&route.routes));
    routes.iter().flat_map(own).collect()
}
