//! What a route wants of incidents, and what of that can never come to anything.

use std::collections::BTreeSet;

use toml::Spanned;

use super::Compiler;
use super::values::spanned;
use crate::call::preset::{ABANDONED, ANSWERED, ASSIGN, FilledIn, NOTIFY_WHEN, OPEN, UNANSWERED};
use crate::call::settings::{FallbackKind, IncidentSettings, NotifyWhenSetting, RouteSettings};
use crate::incident::{Answered, Moment, Policy, Severity, Unanswered};
use crate::problem::{Problem, nearest};

/// One of `[[notify]]`, as far as hotlines need to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotifyTarget<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether it is told where a route does not say who is.
    pub usual: bool,
}

/// How a route goes, as far as its incidents need to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course {
    /// It takes messages only.
    pub direct: bool,
    /// What is done when nobody is left.
    pub last: FallbackKind,
}

impl Compiler<'_> {
    pub(super) fn incident(
        &mut self,
        route: &RouteSettings,
        course: Course,
        preset: &mut FilledIn,
    ) -> Policy {
        let unwritten = IncidentSettings::default();
        let written = route.incident.as_ref().unwrap_or(&unwritten);
        let open = preset.value(&OPEN, written.open.as_ref().map(|open| *open.get_ref()));
        let open: BTreeSet<Moment> = open.moments().collect();
        let when = spanned(preset, &NOTIFY_WHEN, written.notify_when.as_ref());
        if let NotifyWhenSetting::After(delay) = *when.get_ref() {
            self.period(&Spanned::new(when.span(), delay), 1..=86_400, "incident.notify_when");
        }
        let unanswered = spanned(preset, &UNANSWERED, written.unanswered.as_ref());
        let unanswered = *unanswered.get_ref();
        let notify = self.told(written);
        let chase = unanswered == Unanswered::EscalateAgain || notify.is_empty();
        let policy = Policy {
            notify_when: when.get_ref().meaning(),
            answered: *spanned(preset, &ANSWERED, written.answered.as_ref()).get_ref(),
            unanswered,
            abandoned: preset.value(&ABANDONED, written.abandoned),
            assign: preset.value(&ASSIGN, written.assign),
            severity: written.severity.unwrap_or(Severity::Critical),
            transcript: written.transcript.unwrap_or(true),
            chase: written.chase.as_ref().map_or(chase, |chase| *chase.get_ref()),
            notify,
            open,
        };
        for problem in in_vain(written, &policy, course) {
            self.problems.push(problem);
        }
        policy
    }

    /// The targets that are told.
    fn told(&mut self, written: &IncidentSettings) -> Vec<String> {
        let targets = self.around.targets;
        let Some(names) = &written.notify else {
            return targets.iter().filter(|one| one.usual).map(|one| one.name.to_owned()).collect();
        };
        let mut told: Vec<String> = Vec::new();
        for name in names {
            let known = targets.iter().any(|target| target.name == name.get_ref());
            match (known, told.contains(name.get_ref())) {
                (false, _) => self.unknown_target(name),
                (true, true) => {
                    let twice = Problem::warning(name.span(), format!("`{}` is named twice", name.get_ref()));
                    self.problems.push(twice.help("it is told once; take one of them out"));
                }
                (true, false) => told.push(name.get_ref().clone()),
            }
        }
        told
    }

    fn unknown_target(&mut self, name: &Spanned<String>) {
        let near = nearest(name.get_ref(), self.around.targets.iter().map(|target| target.name));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "add a [[notify]] with this name".to_owned(),
        };
        self.error(name.span(), format!("there is no [[notify]] called `{}`", name.get_ref()), &help);
    }
}

/// What is written, and comes to nothing beside the rest.
fn in_vain(written: &IncidentSettings, policy: &Policy, course: Course) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut warn = |at: std::ops::Range<usize>, message: &str, help: &str| {
        problems.push(Problem::warning(at, message).help(help));
    };
    let opens = |moments: &[Moment]| moments.iter().any(|moment| policy.open.contains(moment));
    let at_the_call = opens(&[Moment::Call, Moment::AfterMenu]);
    let takes_messages = course.last == FallbackKind::Voicemail;
    if let Some(open) = &written.open {
        if opens(&[Moment::Voicemail]) && !takes_messages {
            let help = "set fallback.then = \"voicemail\", or take \"voicemail\" out";
            warn(open.span(), "no incident is opened at a message: the route takes none", help);
        }
        if opens(&[Moment::Accept]) && course.direct {
            let help = "take \"accept\" out, or name who is rung";
            warn(open.span(), "no incident is opened when somebody accepts: the route rings nobody", help);
        }
        if !at_the_call && !opens(&[Moment::NoAnswer, Moment::Voicemail]) {
            let help = "add \"no-answer\", so that nobody who was not helped is forgotten";
            warn(open.span(), "no incident is opened for a call that nobody answers", help);
        }
    }
    if let Some(when) = &written.notify_when
        && *when.get_ref() == NotifyWhenSetting::Voicemail
        && !takes_messages
    {
        let help = "set fallback.then = \"voicemail\", or notify_when = \"at-once\"";
        warn(when.span(), "nobody is ever told: the route takes no messages", help);
    }
    if let Some(answered) = &written.answered
        && *answered.get_ref() != Answered::None
        && !(at_the_call || opens(&[Moment::Accept]))
    {
        let help = "add \"accept\" to `open`";
        warn(answered.span(), "an answered call has no incident: none is opened for it", help);
    }
    if let Some(unanswered) = &written.unanswered
        && *unanswered.get_ref() == Unanswered::ResolveAtEnd
        && takes_messages
    {
        let help = "\"keep\" leaves it open until somebody has heard the message";
        warn(unanswered.span(), "the incident of a message is resolved as soon as the caller hangs up", help);
    }
    if let Some(chase) = &written.chase {
        match (*chase.get_ref(), policy.unanswered) {
            (false, Unanswered::EscalateAgain) => {
                let help = "take chase = false out, or set unanswered = \"keep\"";
                warn(chase.span(), "nobody is told again: chase is off", help);
            }
            (false, _) if policy.notify.is_empty() && !policy.open.is_empty() => {
                let help = "name a [[notify]] in `notify`, or take chase = false out";
                warn(chase.span(), "nobody is told of this route's incidents", help);
            }
            (true, _) if policy.open.is_empty() => {
                warn(chase.span(), "nobody is chased: no incident is ever opened", "add moments to `open`");
            }
            _ => {}
        }
    }
    problems
}
