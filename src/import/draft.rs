//! On-call data as it is going to be written: names and values of our own, with a comment wherever a
//! person should look again.

use std::time::Duration;

use jiff::civil::DateTime;

use crate::oncall::{
    EscalationId, Every, Language, Member, PersonId, Phone, ScheduleId, Target, TeamId, WeekInterval,
};

/// An on-call file in the making.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Draft {
    /// Who can be rung.
    pub people: Vec<PersonDraft>,
    /// Groups of targets in levels.
    pub teams: Vec<TeamDraft>,
    /// Targets in levels with delays.
    pub escalations: Vec<EscalationDraft>,
    /// Who is on call when.
    pub schedules: Vec<ScheduleDraft>,
}

/// Somebody who can be rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonDraft {
    /// The id.
    pub id: PersonId,
    /// The name as people say it.
    pub name: String,
    /// The phones, in the order in which they are rung.
    pub phones: Vec<PhoneDraft>,
    /// Where messages go.
    pub email: Option<String>,
    /// The language this person is spoken to in.
    pub language: Option<Language>,
    /// What a person should know or look at.
    pub comments: Vec<String>,
}

/// A phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneDraft {
    /// The number or address.
    pub phone: Phone,
    /// Not to be rung until its owner has confirmed it.
    pub unconfirmed: bool,
}

/// A team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamDraft {
    /// The id.
    pub id: TeamId,
    /// The levels.
    pub levels: Vec<Vec<Target>>,
    /// What a person should know or look at.
    pub comments: Vec<String>,
}

/// An escalation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationDraft {
    /// The id.
    pub id: EscalationId,
    /// How often it begins again.
    pub repeat: u8,
    /// The levels, by delay.
    pub levels: Vec<LevelDraft>,
    /// What a person should know or look at.
    pub comments: Vec<String>,
}

/// A level of an escalation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelDraft {
    /// Who is turned to.
    pub targets: Vec<Target>,
    /// How long after the beginning.
    pub after: Duration,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleDraft {
    /// The id.
    pub id: ScheduleId,
    /// The name of a zone of the IANA database.
    pub timezone: String,
    /// Whether all rotations are on call at once; else later ones cover earlier ones.
    pub parallel: bool,
    /// Whether anybody is on call at all.
    pub enabled: bool,
    /// The calendar whose events are the shifts.
    pub calendar: Option<CalendarDraft>,
    /// People taking turns.
    pub rotations: Vec<RotationDraft>,
    /// People standing in.
    pub overrides: Vec<OverrideDraft>,
    /// What a person should know or look at.
    pub comments: Vec<String>,
}

/// A calendar that feeds a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarDraft {
    /// Its address or its file.
    pub source: String,
    /// Whom the names in its events mean.
    pub names: Vec<(String, PersonId)>,
}

/// A rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationDraft {
    /// Its name, unique in the schedule.
    pub name: String,
    /// Who takes turns.
    pub people: Vec<Member>,
    /// The length of a turn.
    pub every: Every,
    /// Wall-clock time of the first turn.
    pub start: DateTime,
    /// Wall-clock time of the end.
    pub until: Option<DateTime>,
    /// The times of the week; empty: always.
    pub hours: Vec<WeekInterval>,
    /// What a person should know or look at.
    pub comments: Vec<String>,
}

/// Somebody standing in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideDraft {
    /// Who stands in.
    pub person: Member,
    /// Wall-clock time of the beginning.
    pub from: DateTime,
    /// Wall-clock time of the end.
    pub until: DateTime,
    /// The names of the rotations it is for; empty: all.
    pub rotations: Vec<String>,
    /// It counts only while this person would be on call.
    pub instead_of: Option<PersonId>,
}

impl ScheduleDraft {
    /// A schedule without rotations.
    pub(super) fn new(id: ScheduleId, timezone: &str) -> Self {
        Self {
            id,
            timezone: timezone.to_owned(),
            parallel: false,
            enabled: true,
            calendar: None,
            rotations: Vec::new(),
            overrides: Vec::new(),
            comments: Vec::new(),
        }
    }

    /// Whether a person takes turns here, or stands in.
    pub(super) fn mentions(&self, person: &PersonId) -> bool {
        let wanted = Member::Target(Target::Person(person.clone()));
        self.rotations.iter().any(|rotation| rotation.people.contains(&wanted))
            || self.overrides.iter().any(|over| over.person == wanted)
    }
}
