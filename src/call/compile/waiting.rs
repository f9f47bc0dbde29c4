//! What callers hear while they are held, and how calls leave people in peace.

use super::Compiler;
use crate::call::plan::{Announcements, Pause, Waiting};
use crate::call::prompt::{Piece, Prompt};
use crate::call::settings::{PauseSettings, RouteSettings, WaitingSettings};
use crate::call::spoken::Value;
use crate::call::wording::Voice;
use crate::problem::Problem;

/// An hour, in s.
const HOUR: u64 = 3600;

impl Compiler<'_> {
    pub(super) fn announcements(
        &mut self,
        settings: &WaitingSettings,
        next_person: &Prompt,
        voice: Voice,
    ) -> Announcements {
        let value = |value| Prompt(vec![Piece::Value { language: voice.language, value }]);
        let position = || voice.shipped("your-position").then(value(Value::Position));
        let time = || voice.shipped("waiting-minutes").then(value(Value::WaitingMinutes));
        Announcements {
            next_person: settings.next_person.then(|| next_person.clone()),
            position: settings.position.then(position),
            time: settings.time.then(time),
            every: self.period(&settings.every, 10..=600, "waiting.every"),
        }
    }

    pub(super) fn waiting(&mut self, settings: &RouteSettings, skip_busy: bool) -> Waiting {
        let for_busy = self.period(&settings.wait_for_busy, 0..=HOUR, "wait_for_busy");
        if !for_busy.is_zero() && !skip_busy {
            let at = settings.wait_for_busy.span();
            let idle =
                Problem::warning(at, "nobody is ever waited for: skip_busy = false rings the busy, too");
            self.problems.push(idle.help("take one of the two out"));
        }
        let same_responder = self.period(&settings.same_responder, 0..=24 * HOUR, "same_responder");
        Waiting {
            for_busy,
            wrap_up: self.period(&settings.wrap_up, 0..=HOUR, "wrap_up"),
            pause: self.pause(&settings.pause),
            same_responder: Some(same_responder).filter(|within| !within.is_zero()),
        }
    }

    fn pause(&mut self, settings: &PauseSettings) -> Option<Pause> {
        let after_misses = self.count(&settings.after_misses, 0..=50, "pause.after_misses");
        let length = self.period(&settings.r#for, 10..=24 * HOUR, "pause.for");
        (after_misses > 0).then_some(Pause { after_misses: after_misses.into(), length })
    }
}
