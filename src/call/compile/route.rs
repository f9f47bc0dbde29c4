//! A route: who is rung, in which order.

use std::str::FromStr;

use toml::Spanned;

use super::Compiler;
use super::choice::Spot;
use super::incident::Course;
use super::values::spanned;
use crate::call::plan::Route;
use crate::call::preset::{FilledIn, MAX_PEOPLE, ORDER, PHONES, REPEAT, RING, SKIP_BUSY, SKIP_DIALLED};
use crate::call::settings::{ChaseSettings, DirectSetting, FallbackKind, RouteSettings};
use crate::call::wording::Names;
use crate::incident::chase::Chasing;
use crate::oncall::{DialPolicy, Repeat, Target};
use crate::problem::Problem;

impl Compiler<'_> {
    pub(super) fn route(&mut self, settings: &RouteSettings, names: Names<'_>, spot: Spot<'_>) -> Route {
        let mut preset = FilledIn::by(spot.preset);
        let levels = self.levels(settings);
        let max_people = preset.value(&MAX_PEOPLE, settings.max_people).0;
        let direct_voicemail = settings.direct == DirectSetting::Voicemail || max_people == Some(0);
        if levels.is_empty() && !direct_voicemail {
            self.error(
                settings.name.span(),
                format!("the route `{}` rings nobody", settings.name.get_ref()),
                "name who is rung in levels = [[\"schedule:NAME\"]], or set direct = \"voicemail\"",
            );
        }
        let policy = DialPolicy {
            levels,
            order: preset.value(&ORDER, settings.order),
            phones: preset.value(&PHONES, settings.phones),
            max_people,
            repeat: preset.value(&REPEAT, settings.repeat.as_ref().map(|repeat| *repeat.get_ref())).0,
            skip_dialled: preset.value(&SKIP_DIALLED, settings.skip_dialled),
            skip_busy: preset.value(&SKIP_BUSY, settings.skip_busy),
        };
        self.check_repeat(settings, &policy);
        let accept =
            self.accept(settings.accept.as_ref(), settings.record_name, names, spot.voice, &mut preset);
        let keys = self.keys(&settings.keys.or(&spot.hotline.keys), spot.voice);
        let invite = self.invite(&settings.invite, &keys, &accept, spot.voice);
        let fallback = self.fallback(settings.fallback.as_ref(), names, spot.voice, &mut preset);
        let last = if direct_voicemail || fallback.by_key.is_some() {
            FallbackKind::Voicemail
        } else {
            fallback.then
        };
        let course = Course { direct: direct_voicemail, last };
        let incident = self.incident(settings, course, &mut preset);
        let route = Route {
            key: settings.key.as_ref().and_then(|key| self.key(key, "0123456789*")),
            name: settings.name.get_ref().clone(),
            enabled: settings.enabled,
            direct_voicemail,
            record_calls: settings.record_calls.unwrap_or(spot.hotline.recording.calls),
            waiting: self.waiting(settings, policy.skip_busy),
            policy,
            ring: self.period(&spanned(&mut preset, &RING, settings.ring.as_ref()), 5..=120, "ring"),
            record_name: settings.record_name,
            accept,
            keys,
            invite,
            chase: self.chase(settings),
            fallback,
            incident,
            preset,
        };
        self.check_messages(settings, &route, spot.hotline);
        route
    }

    fn chase(&mut self, route: &RouteSettings) -> Chasing {
        let settings = route.chase.as_ref();
        if settings.is_some() && route.levels.is_empty() {
            let idle = Problem::warning(route.name.span(), "nobody is chased: the route has no levels");
            self.problems
                .push(idle.help("name who is phoned in levels = [[\"schedule:NAME\"]], or take chase out"));
        }
        let unwritten = ChaseSettings::default();
        let settings = settings.unwrap_or(&unwritten);
        Chasing {
            wait: self.period(&settings.wait, 10..=24 * 3600, "chase.wait"),
            repeat: self.count(&settings.repeat, 0..=50, "chase.repeat"),
            phone: settings.phone,
        }
    }

    fn check_repeat(&mut self, settings: &RouteSettings, policy: &DialPolicy) {
        let at = settings.repeat.as_ref().map_or_else(|| settings.name.span(), Spanned::span);
        // What a preset fills in may come to nothing; what is written should not.
        let own = policy.repeat == Repeat::Own;
        if own && settings.repeat.is_some() && !self.around.roster.meets_escalation(&policy.levels) {
            let idle = Problem::warning(at, "nothing is repeated: no escalation is in the levels");
            self.problems.push(idle.help("name an escalation:ID, or write how often: repeat = 1"));
            return;
        }
        if policy.repeat == Repeat::Times(0) || !policy.skip_dialled {
            return;
        }
        let message = "repeat rings the same phones again although skip_dialled is set";
        let help = "skip_dialled holds within one pass of the chain; set it to false beside repeat";
        self.problems.push(Problem::warning(at, message).help(help));
    }

    pub(super) fn levels(&mut self, settings: &RouteSettings) -> Vec<Vec<Target>> {
        let mut levels = Vec::new();
        for level in &settings.levels {
            if level.is_empty() {
                let message = format!("the route `{}` has an empty level", settings.name.get_ref());
                self.error(settings.name.span(), message, "name who is rung there, or take the level out");
            }
            let targets: Vec<_> = level.iter().filter_map(|written| self.target(written)).collect();
            levels.push(targets);
        }
        levels
    }

    pub(super) fn target(&mut self, written: &Spanned<String>) -> Option<Target> {
        let checked =
            Target::from_str(written.get_ref()).map_err(|error| error.to_string()).and_then(|target| {
                match self.around.roster.check_target(&target) {
                    Ok(()) => Ok(target),
                    Err(unknown) => Err(unknown.to_string()),
                }
            });
        match checked {
            Ok(target) => Some(target),
            Err(why) => {
                self.error(
                    written.span(),
                    why,
                    "targets are person:ID, team:ID, schedule:ID, escalation:ID and everyone:SCHEDULE, with ids of the on-call \
                     file",
                );
                None
            }
        }
    }
}
