//! What comes of a call beside it: its facts, taken by the rules that the store takes them by.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use nightbell::incident::{Case, Effect, Event, Fact, Known, Notice, Quiet};

use crate::told::Told;

/// Between a fact of the call and something that is done later by hand.
const LATER: Duration = Duration::from_secs(600);

pub struct Aftermath {
    case: Case,
    came: Timestamp,
    now: Timestamp,
    quiet: Quiet,
    /// What followed, with its time, and when it is due.
    followed: Vec<(Timestamp, Effect)>,
    /// What targets are told, as far as it is not withdrawn.
    notices: Vec<(Timestamp, Notice)>,
}

impl Told {
    /// What came of it.
    pub fn aftermath(&self) -> Aftermath {
        self.aftermath_in(Quiet::default())
    }

    /// The same where it is quiet.
    pub fn aftermath_in(&self, quiet: Quiet) -> Aftermath {
        let came = self.came();
        let case = Case::of("1");
        let mut after = Aftermath { case, came, now: came, quiet, followed: Vec::new(), notices: Vec::new() };
        self.facts.iter().for_each(|(at, fact)| after.take(*at, fact));
        after
    }

    /// A quiet time that ends so long after the call came in.
    pub fn snoozed_for(&self, time: Duration) -> Quiet {
        Quiet { snoozed_until: Some(self.came() + time), ..Quiet::default() }
    }
}

impl Aftermath {
    /// Ten minutes later.
    pub fn then(mut self, fact: Fact) -> Self {
        let later = self.now + LATER;
        self.take(later, &fact);
        self
    }

    fn take(&mut self, at: Timestamp, fact: &Fact) {
        self.now = at;
        for effect in self.case.take(at, fact, &self.quiet) {
            match &effect {
                Effect::Withdraw => self.notices.retain(|(due, _)| *due <= at),
                Effect::Tell(tell) => {
                    let known = Known { incident: 1, people: &[], link: None };
                    self.notices.push((tell.due, self.case.notice(tell, at, &known).unwrap()));
                }
                _ => {}
            }
            self.followed.push((at, effect));
        }
    }

    /// How the incident stands; `none`: there is none.
    pub fn status(&self) -> &'static str {
        self.case.incident().map_or("none", |incident| incident.status.as_str())
    }

    pub fn title(&self) -> &str {
        self.case.incident().map_or("", |incident| incident.title.as_str())
    }

    pub fn people(&self) -> Vec<&str> {
        self.case.incident().iter().flat_map(|incident| &incident.people).map(String::as_str).collect()
    }

    pub fn acknowledged_by(&self) -> Option<&str> {
        Some(self.case.incident()?.acknowledged.as_ref()?.by.as_str())
    }

    pub fn resolved_by(&self) -> Option<&str> {
        Some(self.case.incident()?.resolved.as_ref()?.by.as_str())
    }

    /// Whether maintenance kept an incident from being opened.
    pub fn was_suppressed(&self) -> bool {
        self.case.suppressed().is_some()
    }

    pub fn wants_a_transcript(&self) -> bool {
        self.case.policy().is_some_and(|policy| policy.transcript)
    }

    /// What each target is told, in order.
    pub fn told(&self) -> Vec<Event> {
        self.notices.iter().map(|(_, notice)| notice.event).collect()
    }

    pub fn notices(&self) -> Vec<&Notice> {
        self.notices.iter().map(|(_, notice)| notice).collect()
    }

    /// The names of those that are told.
    pub fn targets(&self) -> Vec<&str> {
        let policy = self.case.policy();
        policy
            .iter()
            .filter(|_| !self.notices.is_empty())
            .flat_map(|it| &it.notify)
            .map(String::as_str)
            .collect()
    }

    /// When targets are told of it first, since the call came in.
    pub fn told_after(&self) -> Option<Duration> {
        self.notices.first().map(|(due, _)| self.since(*due))
    }

    /// From when on people are phoned, since the call came in. Nothing: nobody is.
    pub fn chased_from(&self) -> Option<Duration> {
        let last = self.followed.iter().rev().find_map(|(_, effect)| match effect {
            Effect::Chase { from } => Some(Some(self.since(*from))),
            Effect::StopChase => Some(None),
            _ => None,
        });
        last.flatten()
    }

    /// When it was opened, since the call came in.
    pub fn opened_after(&self) -> Option<Duration> {
        Some(self.since(self.case.incident()?.opened_at))
    }

    fn since(&self, at: Timestamp) -> Duration {
        at.duration_since(self.came).unsigned_abs()
    }

    /// A line for each thing that followed: seconds since the call came in, and what.
    pub fn log(&self) -> String {
        let mut text = String::new();
        for (at, effect) in &self.followed {
            let at = self.since(*at).as_secs_f64();
            let what = match effect {
                Effect::Changed => continue,
                Effect::Logged { by, kind, detail } => {
                    format!(
                        "{kind}{}: {detail}",
                        by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default()
                    )
                }
                Effect::Tell(tell) => {
                    let due = self.since(tell.due).as_secs_f64();
                    let due = if due > at { format!(" (due {due:.1})") } else { String::new() };
                    format!("-> {}{due}: {}", tell.event, tell.text)
                }
                Effect::Withdraw => "-> withdrawn".to_owned(),
                Effect::Chase { from } => format!("chased from {:.1}", self.since(*from).as_secs_f64()),
                Effect::StopChase => "not chased any more".to_owned(),
                Effect::Suppressed => "suppressed".to_owned(),
            };
            writeln!(text, "{at:>7.1} {what}").unwrap();
        }
        write!(text, "{}: {}", self.status(), self.title()).unwrap();
        text
    }
}
