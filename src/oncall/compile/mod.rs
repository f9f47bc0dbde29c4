//! From the file to the roster, with every fault of the file found at once.

mod hours;
mod overrides;
mod people;
mod schedules;

use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::DateTime;
use toml::Spanned;

use crate::oncall::circles;
use crate::oncall::escalation::{Escalation, EscalationLevel};
use crate::oncall::name::{EscalationId, Target, TeamId, is_name};
use crate::oncall::roster::{Roster, Team};
use crate::oncall::settings::{EscalationEntry, EscalationLevelEntry, OncallFile, TeamEntry};
use crate::oncall::zone::{Zone, ZoneError, parse_wall};
use crate::problem::Problem;

impl OncallFile {
    /// Works out what the file says. The roster is whole only where no problem is an error.
    pub fn compile(&self) -> (Roster, Vec<Problem>) {
        let mut compiler = Compiler::default();
        for entry in &self.people {
            compiler.person(entry);
        }
        for entry in &self.teams {
            compiler.team(entry);
        }
        for entry in &self.escalations {
            compiler.escalation(entry);
        }
        for entry in &self.schedules {
            compiler.schedule(entry);
        }
        for entry in &self.hours {
            compiler.hours(entry);
        }
        compiler.check_mentions();
        (compiler.roster, compiler.problems)
    }
}

/// A target, where it stands, and in what.
#[derive(Debug, Clone)]
pub(super) struct Mention {
    /// The team, schedule or escalation in which the target takes part; `None` where it is only named.
    pub inside: Option<Target>,
    /// What is named.
    pub target: Target,
    /// Where in the file.
    pub span: Range<usize>,
}

#[derive(Default)]
struct Compiler {
    roster: Roster,
    mentions: Vec<Mention>,
    problems: Vec<Problem>,
}

impl Compiler {
    fn error(&mut self, place: Range<usize>, message: impl Into<String>, help: &str) {
        self.problems.push(Problem::error(place, message).help(help));
    }

    /// Notes a fault that leaves nothing to go on with.
    fn refuse<T>(&mut self, place: Range<usize>, message: impl Into<String>, help: &str) -> Option<T> {
        self.error(place, message, help);
        None
    }

    /// Reads a value that knows how to say what is wrong with it.
    fn read<T: FromStr<Err: Display>>(&mut self, text: &Spanned<String>) -> Option<T> {
        match text.get_ref().parse() {
            Ok(value) => Some(value),
            Err(fault) => {
                self.problems.push(Problem::error(text.span(), format!("{fault}")));
                None
            }
        }
    }

    fn check_name(&mut self, kind: &str, id: &Spanned<String>, is_known: bool) {
        let name = id.get_ref();
        if !is_name(name) {
            let help = "use letters, digits, `-`, `_` and `.`, at most 64 of them";
            self.error(id.span(), format!("`{name}` cannot be the id of a {kind}"), help);
        } else if is_known {
            self.error(id.span(), format!("there are two {kind}s `{name}`"), "give one of them another id");
        }
    }

    fn team(&mut self, entry: &TeamEntry) {
        let id = TeamId::new(entry.id.get_ref());
        self.check_name("team", &entry.id, self.roster.teams.contains_key(&id));
        if entry.levels.is_empty() {
            let help = "add `levels = [[\"person:...\"]]`";
            self.error(entry.id.span(), format!("team `{id}` has no levels"), help);
        }
        let inside = Target::Team(id.clone());
        let levels = entry.levels.iter().map(|level| self.level(&inside, level)).collect();
        self.roster.teams.entry(id.clone()).or_insert(Team { id, levels });
    }

    fn level(&mut self, inside: &Target, level: &Spanned<Vec<Spanned<String>>>) -> Vec<Target> {
        if level.get_ref().is_empty() {
            self.error(level.span(), "this level is empty", "name somebody in it or take it away");
        }
        let mut targets = Vec::new();
        for text in level.get_ref() {
            if let Some(target) = self.read::<Target>(text) {
                self.mention(Some(inside), &target, text.span());
                targets.push(target);
            }
        }
        targets
    }

    fn escalation(&mut self, entry: &EscalationEntry) {
        let id = EscalationId::new(entry.id.get_ref());
        self.check_name("escalation", &entry.id, self.roster.escalations.contains_key(&id));
        if entry.levels.is_empty() {
            let help = "add `levels = [{ targets = [\"person:...\"] }]`";
            self.error(entry.id.span(), format!("escalation `{id}` has no levels"), help);
        }
        let repeat = entry.repeat.as_ref().map_or(0, |repeat| {
            if *repeat.get_ref() > 9 {
                self.error(repeat.span(), "repeat is 0 to 9", "it begins again so many times after its end");
            }
            *repeat.get_ref()
        });
        let inside = Target::Escalation(id.clone());
        let levels =
            entry.levels.iter().filter_map(|level| self.escalation_level(&inside, level.get_ref())).collect();
        self.roster.escalations.entry(id.clone()).or_insert(Escalation { id, repeat, levels });
    }

    fn escalation_level(&mut self, inside: &Target, entry: &EscalationLevelEntry) -> Option<EscalationLevel> {
        let targets = self.level(inside, &entry.targets);
        let after = entry.after.as_ref().map_or(Some(Duration::ZERO), |text| self.delay(text));
        Some(EscalationLevel { targets, after: after? })
    }

    /// Reads a length of time.
    fn delay(&mut self, text: &Spanned<String>) -> Option<Duration> {
        let length = text.get_ref().parse::<jiff::SignedDuration>().ok();
        let length = length.and_then(|length| Duration::try_from(length).ok());
        if length.is_none() {
            let message = format!("`{}` is not a length of time", text.get_ref());
            self.error(text.span(), message, "write it as in \"5m\" or \"1h 30m\"");
        }
        length
    }

    fn mention(&mut self, inside: Option<&Target>, target: &Target, span: Range<usize>) {
        self.mentions.push(Mention { inside: inside.cloned(), target: target.clone(), span });
    }

    /// Names are shown in logs and messages: one line of visible text.
    fn check_line(&mut self, what: &str, text: &Spanned<String>) {
        if text.get_ref().trim().is_empty() || text.get_ref().chars().any(char::is_control) {
            let message = format!("{what} is one line of text, and not empty");
            self.problems.push(Problem::error(text.span(), message));
        }
    }

    fn zone(&mut self, text: &Spanned<String>) -> Zone {
        text.get_ref().parse().unwrap_or_else(|fault: ZoneError| {
            let help = match &fault.nearest {
                Some(name) => format!("did you mean `{name}`?"),
                None => "write a name of the IANA database, as in Europe/Berlin".to_owned(),
            };
            self.error(text.span(), fault.to_string(), &help);
            Zone::utc()
        })
    }

    fn wall(&mut self, text: &Spanned<String>) -> Option<DateTime> {
        let wall = parse_wall(text.get_ref());
        if wall.is_none() {
            let message = format!("`{}` is not a time", text.get_ref());
            let help = "write the schedule's own wall-clock time, as in \"2026-01-05 09:00\"";
            self.error(text.span(), message, help);
        }
        wall
    }

    /// Reads an end that must come after its beginning.
    fn end(&mut self, begin: Option<DateTime>, text: &Spanned<String>, zone: &Zone) -> Option<DateTime> {
        let until = self.wall(text)?;
        if begin.is_some_and(|begin| zone.instant(until) <= zone.instant(begin)) {
            let message = "this ends before it has begun";
            self.error(text.span(), message, "`until` is the first moment after it");
        }
        Some(until)
    }

    /// What only the whole file can tell: names that lead nowhere, circles.
    fn check_mentions(&mut self) {
        self.check_known();
        self.check_circles();
    }

    fn check_circles(&mut self) {
        self.problems.extend(circles::find(&self.mentions));
    }

    fn check_known(&mut self) {
        for Mention { target, span, .. } in &self.mentions {
            if let Err(unknown) = self.roster.check_target(target) {
                let problem =
                    Problem::error(span.clone(), format!("there is no {} `{}`", unknown.kind, unknown.name));
                self.problems.push(match unknown.nearest {
                    Some(name) => problem.help(format!("did you mean `{name}`?")),
                    None => problem,
                });
            }
        }
    }
}
