//! A route: who is rung, in which order.

use std::str::FromStr;

use toml::Spanned;

use super::Compiler;
use crate::call::plan::Route;
use crate::call::settings::{DirectSetting, RouteSettings};
use crate::call::wording::{Names, Voice};
use crate::oncall::{DialPolicy, Repeat, Target};
use crate::problem::Problem;

impl Compiler<'_> {
    pub(super) fn route(
        &mut self,
        settings: &RouteSettings,
        record_calls: bool,
        names: Names<'_>,
        voice: Voice,
    ) -> Route {
        self.check_name(&settings.name);
        let levels = self.levels(settings);
        let max_people = settings.max_people.get_ref().0;
        let direct_voicemail = settings.direct == DirectSetting::Voicemail || max_people == Some(0);
        if levels.is_empty() && !direct_voicemail {
            self.error(
                settings.name.span(),
                format!("the route `{}` rings nobody", settings.name.get_ref()),
                "name who is rung in levels = [[\"schedule:NAME\"]], or set direct = \"voicemail\"",
            );
        }
        let repeat = settings.repeat.get_ref().0;
        if repeat != Repeat::Times(0) && settings.skip_dialled {
            self.problems.push(
                Problem::warning(
                    settings.repeat.span(),
                    "repeat rings the same phones again although skip_dialled is set",
                )
                .help("skip_dialled holds within one pass of the chain; set it to false beside repeat"),
            );
        }
        Route {
            key: settings.key.as_ref().and_then(|key| self.key(key, "0123456789*")),
            name: settings.name.get_ref().clone(),
            enabled: settings.enabled,
            direct_voicemail,
            record_calls: settings.record_calls.unwrap_or(record_calls),
            policy: DialPolicy {
                levels,
                order: settings.order,
                phones: settings.phones,
                max_people,
                repeat,
                skip_dialled: settings.skip_dialled,
                skip_busy: settings.skip_busy,
            },
            waiting: self.waiting(settings),
            ring: self.period(&settings.ring, 5..=120, "ring"),
            accept: self.accept(&settings.accept, names, voice),
            fallback: self.fallback(&settings.fallback, names, voice),
        }
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
                    "targets are person:ID, team:ID, schedule:ID and everyone:SCHEDULE, with ids of the on-call file",
                );
                None
            }
        }
    }
}
