//! A schedule: people who take turns, in whose clock time, and who stands in for them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;

use crate::oncall::feed::Feed;
use crate::oncall::name::{PersonId, ScheduleId, Target};
use crate::oncall::overrides::Overrides;
use crate::oncall::recurrence::{Numbered, RuleError, Series};
use crate::oncall::week::WeekInterval;
use crate::oncall::zone::Zone;

/// Who is on call when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Its name.
    pub id: ScheduleId,
    /// Whose wall clock all its times are told in.
    pub timezone: Zone,
    /// How its rotations go together.
    pub stacking: Stacking,
    /// Whether anybody is on call here at all.
    pub enabled: bool,
    /// The calendar whose events are shifts, where there is one.
    pub calendar: Option<ShiftCalendar>,
    /// People taking turns; where they are layers, later ones cover earlier ones.
    pub rotations: Vec<Rotation>,
    /// What is otherwise than the rotations say, each one after the ones before it: those of the file,
    /// then those made by command.
    pub overrides: Overrides,
}

/// A calendar that tells who is on call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShiftCalendar {
    /// Its address (`https://...`) or its file, as it is written.
    pub source: String,
    /// Whom the names in its events mean.
    pub names: BTreeMap<String, PersonId>,
    /// Its shifts, once it has been read.
    pub feed: Option<Feed>,
}

/// How the rotations of a schedule go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Stacking {
    /// A later rotation covers the earlier ones while it is in force.
    #[default]
    Layers,
    /// All are on call at once, in the order of the rotations.
    Parallel,
}

/// People taking turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Its name, unique within the schedule.
    pub name: String,
    /// Who takes turns, in this order, over and over.
    pub people: Vec<Member>,
    /// When turns begin, and how long they are.
    pub turns: Turns,
    /// Wall-clock time of the first turn's start: every hand-off follows from it. Nobody before it.
    pub start: DateTime,
    /// Wall-clock time of the end; nobody from then on.
    pub until: Option<DateTime>,
    /// The times of the week at which it is in force; empty: always.
    pub hours: Vec<WeekInterval>,
}

/// One place in a rotation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Member {
    /// A person, or whoever a team or another schedule stands for.
    Target(Target),
    /// Nobody, on purpose.
    Nobody,
}

/// When the turns of a rotation begin, and how long they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turns {
    /// One after another, all of the same length.
    Every(Every),
    /// By a rule, with time between them.
    Recurrence(Recurrence),
}

/// Turns that begin by a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    rule: String,
    lasts: Every,
    times: Box<Numbered>,
}

impl Recurrence {
    /// The turns of a rule of RFC 5545 (`FREQ=WEEKLY;BYDAY=MO,TH`) from a first time on, each of a length by the
    /// clocks of a zone.
    pub fn new(rule: &str, lasts: Every, start: DateTime, zone: &Zone) -> Result<Self, RuleError> {
        let times = Numbered::new(Series::new(&rule.parse()?, start, zone));
        Ok(Self { rule: rule.to_owned(), lasts, times: Box::new(times) })
    }

    /// The rule, as it is written.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// How long each turn lasts.
    pub fn lasts(&self) -> Every {
        self.lasts
    }

    /// When the turns begin.
    pub(super) fn times(&self) -> &Numbered {
        &self.times
    }
}

/// The length of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Every {
    /// How many.
    pub count: u32,
    /// Of what.
    pub unit: Unit,
}

/// What turns are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Hours: of the wall clock where they divide a day, else elapsed.
    Hours,
    /// Days of the calendar.
    Days,
    /// Weeks of the calendar.
    Weeks,
    /// Months of the calendar; the 31st becomes the last day of a shorter month.
    Months,
}

/// Something that is otherwise than the rotations say, for some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Who stands in, comes along or is left out.
    pub member: Member,
    /// What becomes of those who would be on call.
    pub kind: OverrideKind,
    /// Whom alone it replaces; `None`: whoever is on call.
    pub instead_of: Option<Target>,
    /// The names of the rotations it is about; empty: the whole schedule.
    pub rotations: Vec<String>,
    /// Wall-clock time of the beginning.
    pub from: DateTime,
    /// Wall-clock time of the end.
    pub until: DateTime,
    /// Where it comes from.
    pub origin: Origin,
}

/// What an override does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OverrideKind {
    /// Its member is on call instead of those who would be.
    #[default]
    Replace,
    /// Its member is on call beside those who are.
    Add,
    /// Its member is not on call.
    Remove,
}

/// Where an override comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// It stands in the file, and goes with it.
    File,
    /// A command has made it, and alone takes it away. The number names it for good.
    Command(i64),
}

impl OverrideKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Replace, Self::Add, Self::Remove];

    /// The word in settings and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Add => "add",
            Self::Remove => "remove",
        }
    }

    /// The value a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Turns {
    /// `every 1 week`, `FREQ=WEEKLY;BYDAY=MO for 12 hours`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(every) => write!(f, "every {every}"),
            Self::Recurrence(Recurrence { rule, lasts, .. }) => write!(f, "{rule} for {lasts}"),
        }
    }
}

impl Stacking {
    /// The word in settings and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Layers => "layers",
            Self::Parallel => "parallel",
        }
    }

    /// The value a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Layers, Self::Parallel].into_iter().find(|stacking| stacking.as_str() == word)
    }
}

/// A text that is neither a target nor a person's name nor `nobody`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a person's name nor `team:...`, `schedule:...`, `escalation:...` or `nobody`")]
pub struct MemberError(String);

impl Member {
    /// Who it is; `None`: nobody.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Target(target) => Some(target),
            Self::Nobody => None,
        }
    }
}

impl FromStr for Member {
    type Err = MemberError;

    /// `anna`, `person:anna`, `team:sre`, `schedule:nights` or `nobody`.
    fn from_str(text: &str) -> Result<Self, MemberError> {
        let target = match text {
            "nobody" => return Ok(Self::Nobody),
            plain if !plain.contains(':') => format!("person:{plain}"),
            other => other.to_owned(),
        };
        target.parse().map(Self::Target).map_err(|_| MemberError(text.to_owned()))
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(Target::Person(person)) => person.fmt(f),
            Self::Target(target) => target.fmt(f),
            Self::Nobody => f.write_str("nobody"),
        }
    }
}

impl Unit {
    const ALL: [Self; 4] = [Self::Hours, Self::Days, Self::Weeks, Self::Months];

    fn singular(self) -> &'static str {
        match self {
            Self::Hours => "hour",
            Self::Days => "day",
            Self::Weeks => "week",
            Self::Months => "month",
        }
    }

    /// The longest turn, about a year.
    fn most(self) -> u32 {
        match self {
            Self::Hours => 8784,
            Self::Days => 366,
            Self::Weeks => 53,
            Self::Months => 12,
        }
    }
}

/// Why a text is not the length of a turn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EveryError {
    /// Not a count and a unit.
    #[error(
        "`{0}` is not the length of a turn: write a count and hours, days, weeks or months, as in \"1 week\""
    )]
    Form(String),
    /// Nothing, or more than a year.
    #[error("a turn lasts from 1 to {most} {unit}s, not {count}")]
    Range {
        /// What was written.
        count: u32,
        /// The longest.
        most: u32,
        /// Of what.
        unit: &'static str,
    },
}

impl FromStr for Every {
    type Err = EveryError;

    /// `1 week`, `12 hours`; without a count, one: `day`.
    fn from_str(text: &str) -> Result<Self, EveryError> {
        let wrong = || EveryError::Form(text.to_owned());
        let mut words = text.split_whitespace();
        let (count, unit) = match (words.next(), words.next(), words.next()) {
            (Some(unit), None, None) => (1, unit),
            (Some(count), Some(unit), None) => (count.parse().map_err(|_| wrong())?, unit),
            _ => return Err(wrong()),
        };
        let singular = unit.strip_suffix('s').unwrap_or(unit);
        let unit = Unit::ALL.into_iter().find(|known| known.singular() == singular).ok_or_else(wrong)?;
        if (1..=unit.most()).contains(&count) {
            Ok(Self { count, unit })
        } else {
            Err(EveryError::Range { count, most: unit.most(), unit: unit.singular() })
        }
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.count == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", self.count, self.unit.singular())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_turn_is_printed_as_it_is_written() {
        for text in ["1 week", "12 hours", "2 days", "1 month", "8784 hours"] {
            assert_eq!(text.parse::<Every>().unwrap().to_string(), text);
        }
        assert_eq!("day".parse::<Every>().unwrap().to_string(), "1 day");
    }

    #[test]
    fn a_turn_of_nothing_or_of_more_than_a_year_is_refused() {
        let range = |text: &str| matches!(text.parse::<Every>(), Err(EveryError::Range { .. }));
        assert!(range("0 days") && range("13 months") && range("4294967295 hours"));
        for wrong in
            ["", "week week", "1 fortnight", "-1 days", "1.5 days", "1 week or so", "9999999999 days"]
        {
            assert!(matches!(wrong.parse::<Every>(), Err(EveryError::Form(_))), "{wrong}");
        }
    }

    #[test]
    fn a_place_in_a_rotation_is_printed_as_it_is_written() {
        for text in ["anna", "nobody", "team:sre", "schedule:nights", "everyone:nights"] {
            assert_eq!(text.parse::<Member>().unwrap().to_string(), text);
        }
        assert_eq!("person:anna".parse::<Member>().unwrap().to_string(), "anna");
        assert!("group:x".parse::<Member>().is_err() && "a b".parse::<Member>().is_err());
    }
}
