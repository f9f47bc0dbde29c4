//! What would come of a call beside it: the rules of live incidents, told for each way in which the call can go.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::call::describe;
use crate::call::journal::{Outcome, Started};
use crate::call::plan::{Hotline, Route};
use crate::call::settings::FallbackKind;
use crate::call::{self, CallId};
use crate::incident::{Case, Effect, Ending, Event, Fact, Message, Quiet, Routed, Severity, Status};
use crate::oncall::{PersonId, Roster};

/// Between one thing and the next in a call that is made up.
const STEP: Duration = Duration::from_secs(20);

/// The incidents that could come of a call. Serialises as `incident` of `simulate --json`; the names are a promise.
#[derive(Debug, Serialize)]
pub struct Aftermath {
    /// How grave one is.
    severity: Severity,
    /// The names of the targets that are told.
    notify: Vec<String>,
    /// If somebody answers.
    answered: Option<Course>,
    /// If nobody answers, and no message is left.
    unanswered: Option<Course>,
    /// If a message is left.
    voicemail: Option<Course>,
    /// If the caller hangs up before.
    abandoned: Course,
}

/// What comes of a call that goes one way.
#[derive(Debug, Serialize)]
pub struct Course {
    /// How its incident stands at the end of the call; nothing: there is none.
    status: Option<Status>,
    /// Who is on it.
    assigned: BTreeSet<String>,
    /// What targets are told, in order.
    told: Vec<Event>,
    /// How long after its opening they are first told, in seconds.
    told_after_s: Option<i64>,
    /// Whether people are phoned about it until somebody takes it on.
    chased: bool,
}

/// A call that is made up.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The row it would begin with.
    pub row: &'a Started,
    /// Where the caller gets.
    pub hotline: &'a Hotline,
    /// Its route.
    pub route: &'a Route,
    /// Who can be rung.
    pub roster: &'a Roster,
    /// Who would be rung, in order.
    pub rung: &'a [&'a PersonId],
}

impl Call<'_> {
    /// What would come of it.
    pub fn aftermath(&self) -> Aftermath {
        let policy = &self.route.incident;
        let rings = !self.route.direct_voicemail;
        let by_key = rings && self.route.fallback.by_key.is_some();
        let voicemail = by_key || self.route.last_resort() == FallbackKind::Voicemail;
        let file = String::new();
        let message =
            || Fact::MessageKept(Message { file: file.clone(), duration_ms: 30_000, truncated: false });
        let first = self.rung.first().copied();
        let mut tried: Vec<Fact> = self.rung.iter().copied().map(rung).collect();
        tried.extend(rings.then_some(Fact::NobodyAnswered));
        let with_message =
            tried.iter().cloned().chain([message(), ended(Outcome::Voicemail, false)]).collect();
        let answered = first.map(|person| {
            let accepted = Fact::Accepted { person: person.to_string() };
            self.course(vec![rung(person), accepted, Fact::BridgeEnded, ended(Outcome::Accepted, false)])
        });
        tried.push(ended(Outcome::Missed, false));
        let gives_up = first.map(rung).into_iter().chain([ended(Outcome::Missed, true)]).collect();
        Aftermath {
            severity: policy.severity,
            notify: policy.notify.clone(),
            answered,
            unanswered: rings.then(|| self.course(tried)),
            voicemail: voicemail.then(|| self.course(with_message)),
            abandoned: self.course(gives_up),
        }
    }

    fn course(&self, facts: Vec<Fact>) -> Course {
        let routed: Routed = call::routed(self.row, self.hotline, self.route, self.roster, self.row.at);
        let mut case = Case::of(CallId(0).to_string());
        let (mut at, mut due, mut told, mut chased) = (self.row.at, None, Vec::new(), false);
        for fact in std::iter::once(Fact::Routed(Box::new(routed))).chain(facts) {
            for effect in case.take(at, &fact, &Quiet::default()) {
                match effect {
                    Effect::Withdraw if due > Some(at) => (due, told) = (None, Vec::new()),
                    Effect::Tell(tell) => {
                        due = due.or(Some(tell.due));
                        told.push(tell.event);
                    }
                    Effect::Chase { .. } => chased = true,
                    Effect::StopChase => chased = false,
                    _ => {}
                }
            }
            at = at.checked_add(STEP).unwrap_or(at);
        }
        let incident = case.incident();
        let after = |due: Timestamp| Some(due.duration_since(incident?.opened_at).as_secs());
        Course {
            status: incident.map(|incident| incident.status),
            assigned: incident.map(|incident| incident.people.clone()).unwrap_or_default(),
            told,
            told_after_s: due.and_then(after),
            chased,
        }
    }
}

impl Aftermath {
    /// A sentence for each way in which the call can go.
    pub fn sentences(&self) -> Vec<String> {
        let courses = [
            ("if somebody answers", self.answered.as_ref()),
            ("if nobody answers", self.unanswered.as_ref()),
            ("if a message is left", self.voicemail.as_ref()),
            ("if the caller gives up before", Some(&self.abandoned)),
        ];
        let sentence =
            |(when, course): (&str, Option<&Course>)| Some(format!("{when}, {}", self.say(course?)));
        courses.into_iter().filter_map(sentence).collect()
    }

    fn say(&self, course: &Course) -> String {
        let Some(status) = course.status else { return "there is no incident".to_owned() };
        let people: Vec<_> = course.assigned.iter().map(String::as_str).collect();
        let on_it = if people.is_empty() { String::new() } else { format!(" for {}", people.join(", ")) };
        let mut said = format!("there is an incident ({}){on_it}, {}: ", self.severity, in_words(status));
        said.push_str(&match course.told_after_s {
            Some(_) if self.notify.is_empty() => "no target is told".to_owned(),
            Some(seconds) if seconds > 0 => {
                let delay = Duration::from_secs(seconds.unsigned_abs());
                format!("after {} {} told", describe(delay), are(&self.notify))
            }
            Some(_) => format!("{} told at once", are(&self.notify)),
            None => "nobody is told".to_owned(),
        });
        said.push_str(match course.told.last() {
            Some(Event::Acknowledge) => ", then that somebody is on it",
            Some(Event::Resolve) => ", then that it is over",
            _ => "",
        });
        said.push_str(if course.chased { "; people are phoned until somebody takes it on" } else { "" });
        said
    }
}

fn in_words(status: Status) -> &'static str {
    match status {
        Status::Triggered => "open",
        Status::Acknowledged => "taken on",
        Status::Resolved => "resolved",
    }
}

fn are(names: &[String]) -> String {
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

fn rung(person: &PersonId) -> Fact {
    Fact::Rung { person: person.to_string() }
}

fn ended(outcome: Outcome, abandoned: bool) -> Fact {
    let reason = "the caller hung up".to_owned();
    Fact::Ended(Ending { outcome: outcome.as_str().to_owned(), reason, abandoned })
}
