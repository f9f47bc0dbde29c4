//! From the file to the roster, with every fault of the file found at once.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::DateTime;
use toml::Spanned;

use crate::oncall::circles;
use crate::oncall::escalation::{Escalation, EscalationLevel};
use crate::oncall::name::{EscalationId, PersonId, ScheduleId, Target, TeamId, is_name};
use crate::oncall::phone::Phone;
use crate::oncall::roster::{Person, Roster, Team};
use crate::oncall::schedule::{Every, Member, Override, Rotation, Schedule, Stacking, Unit};
use crate::oncall::settings::{
    EscalationEntry, EscalationLevelEntry, OncallFile, OverrideEntry, PersonEntry, RotationEntry,
    ScheduleEntry, TeamEntry,
};
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
        compiler.check_mentions();
        (compiler.roster, compiler.problems)
    }
}

/// A target, where it stands, and in what.
#[derive(Debug, Clone)]
pub(super) struct Mention {
    /// The team or schedule that names the target; `None` for the person of an override.
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

    fn person(&mut self, entry: &PersonEntry) {
        let id = PersonId::new(entry.id.get_ref());
        self.check_name("person", &entry.id, self.roster.people.contains_key(&id));
        if id.as_str() == "nobody" {
            let help = "choose another id: in a rotation `nobody` is a gap on purpose";
            self.error(entry.id.span(), "nobody can be called `nobody`", help);
        }
        let name = entry.name.as_ref().unwrap_or(&entry.id);
        self.check_line("a name", name);
        if let Some(email) = &entry.email {
            self.check_email(email);
        }
        let person = Person {
            name: name.get_ref().clone(),
            phones: self.phones(entry),
            email: entry.email.as_ref().map(|email| email.get_ref().clone()),
            language: entry.language,
            available: entry.available,
            id: id.clone(),
        };
        self.roster.people.entry(id).or_insert(person);
    }

    /// Names are shown in logs and messages: one line of visible text.
    fn check_line(&mut self, what: &str, text: &Spanned<String>) {
        if text.get_ref().trim().is_empty() || text.get_ref().chars().any(char::is_control) {
            let message = format!("{what} is one line of text, and not empty");
            self.problems.push(Problem::error(text.span(), message));
        }
    }

    fn check_email(&mut self, email: &Spanned<String>) {
        let text = email.get_ref();
        let plain = !text.chars().any(|c| c.is_control() || c.is_whitespace());
        let parts = text.rsplit_once('@');
        if !plain || !parts.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty()) {
            let message = format!("`{text}` is not an e-mail address");
            self.error(email.span(), message, "write it as in anna@acme.example");
        }
    }

    /// The confirmed phones of a person.
    fn phones(&mut self, entry: &PersonEntry) -> Vec<Phone> {
        let id = entry.id.get_ref();
        let mut phones: Vec<Phone> = Vec::new();
        for written in &entry.phones {
            match Phone::parse(&written.get_ref().phone) {
                Err(fault) => self.problems.push(Problem::error(
                    written.span(),
                    format!("`{}` is not a phone: {fault}", written.get_ref().phone),
                )),
                Ok(_) if written.get_ref().unconfirmed => {}
                Ok(phone) if phones.contains(&phone) => {
                    let message = format!("{id} has the phone {phone} twice; it is rung once");
                    self.problems.push(Problem::warning(written.span(), message));
                }
                Ok(phone) => phones.push(phone),
            }
        }
        if entry.phones.is_empty() {
            let help = "add `phones = [\"+49...\"]`: numbers in E.164 or SIP addresses";
            self.error(entry.id.span(), format!("person `{id}` has no phone"), help);
        } else if entry.phones.iter().all(|written| written.get_ref().unconfirmed) {
            let message = format!("person `{id}` has no confirmed phone and is never rung");
            let help = "take `unconfirmed` away once the person has confirmed the number";
            self.problems.push(Problem::warning(entry.id.span(), message).help(help));
        }
        phones
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

    fn schedule(&mut self, entry: &ScheduleEntry) {
        let id = ScheduleId::new(entry.id.get_ref());
        self.check_name("schedule", &entry.id, self.roster.schedules.contains_key(&id));
        if entry.rotations.is_empty() && entry.overrides.is_empty() {
            let message = format!("schedule `{id}` has no rotation: nobody is ever on call");
            self.problems.push(Problem::warning(entry.id.span(), message));
        }
        let timezone = self.zone(&entry.timezone);
        let stacking = entry.stacking.as_ref().map(|word| self.stacking(word)).unwrap_or_default();
        let inside = Target::Schedule(id.clone());
        self.check_rotation_names(&entry.rotations);
        let rotations =
            entry.rotations.iter().filter_map(|rotation| self.rotation(&inside, rotation, &timezone));
        let rotations = rotations.collect();
        let overrides =
            entry.overrides.iter().filter_map(|over| self.override_entry(over, &timezone)).collect();
        let schedule = Schedule { id: id.clone(), timezone, stacking, rotations, overrides };
        self.roster.schedules.entry(id).or_insert(schedule);
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

    fn stacking(&mut self, word: &Spanned<String>) -> Stacking {
        Stacking::from_word(word.get_ref()).unwrap_or_else(|| {
            let message = format!("`{}` is no way of stacking rotations", word.get_ref());
            let help = "`layers`: later rotations cover earlier ones; `parallel`: all are on call";
            self.error(word.span(), message, help);
            Stacking::default()
        })
    }

    fn check_rotation_names(&mut self, rotations: &[RotationEntry]) {
        let mut seen = BTreeSet::new();
        for rotation in rotations {
            self.check_line("the name of a rotation", &rotation.name);
            let name = rotation.name.get_ref();
            if !seen.insert(name) {
                let message = format!("there are two rotations `{name}` in this schedule");
                self.error(rotation.name.span(), message, "give one of them another name");
            }
        }
    }

    fn rotation(&mut self, inside: &Target, entry: &RotationEntry, zone: &Zone) -> Option<Rotation> {
        if entry.people.get_ref().is_empty() {
            let message = format!("rotation `{}` has no people", entry.name.get_ref());
            self.error(entry.people.span(), message, "name those who take turns, or `nobody`");
        }
        let people = entry.people.get_ref().iter().filter_map(|text| self.member(inside, text)).collect();
        let hours = entry.hours.iter().filter_map(|text| self.read(text)).collect();
        let every = self.every(&entry.every);
        let start = self.wall(&entry.start);
        let until = entry.until.as_ref().map(|until| self.end(start, until, zone));
        Some(Rotation {
            name: entry.name.get_ref().clone(),
            people,
            every: every?,
            start: start?,
            until: until.flatten(),
            hours,
        })
    }

    fn member(&mut self, inside: &Target, text: &Spanned<String>) -> Option<Member> {
        let member = self.read::<Member>(text)?;
        if let Member::Target(target) = &member {
            self.mention(Some(inside), target, text.span());
        }
        Some(member)
    }

    fn every(&mut self, text: &Spanned<String>) -> Option<Every> {
        let every = self.read::<Every>(text)?;
        let days = every.count / 24;
        if every.unit == Unit::Hours && days > 1 && every.count % 24 == 0 {
            let message = format!("turns of {every} move by an hour whenever the clocks are changed");
            let help = format!("write \"{days} days\" to hand over at the same time of the day always");
            self.problems.push(Problem::warning(text.span(), message).help(help));
        }
        Some(every)
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

    fn override_entry(&mut self, entry: &OverrideEntry, zone: &Zone) -> Option<Override> {
        let id = entry.person.get_ref();
        let person = PersonId::new(id.strip_prefix("person:").unwrap_or(id));
        self.mention(None, &Target::Person(person.clone()), entry.person.span());
        let from = self.wall(&entry.from);
        let until = self.end(from, &entry.until, zone);
        Some(Override { person, from: from?, until: until?, from_file: true })
    }

    /// What only the whole file can tell: names that lead nowhere, circles.
    fn check_mentions(&mut self) {
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
        self.problems.extend(circles::find(&self.mentions));
    }
}
