//! What holds for certain callers.

use toml::Spanned;

use super::Compiler;
use super::choice::Spot;
use crate::call::callers::{CallerRule, Repeated};
use crate::call::settings::{CallerSettings, PositionSetting, RepeatedSettings};
use crate::call::wording::Names;
use crate::problem::Problem;

impl<'a> Compiler<'a> {
    pub(super) fn caller_rule(&mut self, settings: &CallerSettings, spot: Spot<'a>) -> CallerRule {
        self.check_name(&settings.name);
        let name = settings.name.get_ref();
        if settings.numbers.0.is_empty() {
            let message = format!("the callers `{name}` have no number");
            self.error(settings.name.span(), message, "name at least one: numbers = [\"+4915112345678\"]");
        }
        let names = Names { hotline: spot.hotline.name.get_ref(), route: "" };
        let rule = CallerRule {
            name: name.clone(),
            numbers: self.entries(&settings.numbers),
            place: settings.route.as_ref().and_then(|to| self.place(spot.hotline, to.get_ref(), to.span())),
            level: settings.level.as_ref().map(|level| self.count(level, 1..=99, "callers.level")),
            front: settings.position == PositionSetting::Front,
            welcome: self.audio(settings.welcome.as_ref(), names, spot.voice),
        };
        let changes = settings.route.is_some() || settings.level.is_some() || settings.welcome.is_some();
        if !changes && !rule.front {
            let idle = Problem::warning(settings.name.span(), format!("nothing is different for `{name}`"));
            self.problems.push(idle.help("write route, level, position or welcome"));
        }
        rule
    }

    pub(super) fn repeated(&mut self, settings: &RepeatedSettings, spot: Spot<'a>) -> Repeated {
        if settings.route.is_none() && settings.level.is_none() {
            let message = "nothing is different for callers who call again and again";
            self.error(settings.calls.span(), message, "write route = \"KEY\" or level = 2");
        }
        let place = |this: &mut Self, to: &Spanned<String>| this.place(spot.hotline, to.get_ref(), to.span());
        Repeated {
            calls: usize::from(self.count(&settings.calls, 2..=20, "repeated.calls")),
            within: self.period(&settings.within, 60..=86_400, "repeated.within"),
            place: settings.route.as_ref().and_then(|to| place(self, to)),
            level: settings.level.as_ref().map(|level| self.count(level, 1..=99, "repeated.level")),
        }
    }
}
