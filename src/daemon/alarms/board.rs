//! Which alarms are on: what was found in, what is to be told out. Values alone; time is an argument.
//!
//! What was found must be found twice in a row, so that one look at a bad moment wakes nobody. It is over when it was
//! not found for a minute; where it has come and gone before, for longer each time, so that what comes and goes is
//! one alarm and not fifty.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::incident::Severity;
use crate::store::Alarm;

/// For how long it must not have been found any more.
const CALM: SignedDuration = SignedDuration::from_secs(60);
/// For how long at most.
const LONGEST_CALM: SignedDuration = SignedDuration::from_secs(16 * 60);
/// For how long it is remembered that an alarm was on.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A trunk does not answer, or we are not registered.
    Trunk,
    /// The disk is nearly full.
    Disk,
    /// The database takes no entries.
    Database,
    /// What is to be told does not get out.
    Outbox,
    /// A calendar is out of date.
    Calendar,
    /// A route has nobody to ring at some time ahead.
    Coverage,
    /// There was no call from outside for too long.
    SelfTest,
    /// A limit of a trunk is nearly used up.
    Limits,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Trunk,
        Self::Disk,
        Self::Database,
        Self::Outbox,
        Self::Calendar,
        Self::Coverage,
        Self::SelfTest,
        Self::Limits,
    ];

    /// The word it begins with in names.
    pub fn word(self) -> &'static str {
        match self {
            Self::Trunk => "trunk",
            Self::Disk => "disk",
            Self::Database => "database",
            Self::Outbox => "outbox",
            Self::Calendar => "calendar",
            Self::Coverage => "coverage",
            Self::SelfTest => "self-test",
            Self::Limits => "limits",
        }
    }

    /// That of a name.
    pub fn of(name: &str) -> Option<Self> {
        let is_it = |kind: &Self| {
            name.strip_prefix(kind.word()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        Self::ALL.into_iter().find(is_it)
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What kind of thing.
    pub kind: Kind,
    /// Of what, where there may be several.
    pub of: Option<String>,
    /// How grave it is.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// What was found, and what to do.
    pub detail: String,
    /// Whether whoever found it has looked more than once.
    pub sure: bool,
}

impl Found {
    /// Names it: `disk`, `trunk-carrier`.
    pub fn name(&self) -> String {
        match &self.of {
            Some(of) => format!("{}-{of}", self.kind.word()),
            None => self.kind.word().to_owned(),
        }
    }
}

/// What one look has come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// What is wrong.
    pub found: Vec<Found>,
    /// What could not be looked at: nothing is known of it.
    pub blind: Vec<Kind>,
}

/// What is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// An alarm is on.
    Raised(Alarm),
    /// It is over.
    Over(Alarm),
}

/// What is known of each thing that was wrong lately.
#[derive(Debug, Default)]
pub struct Board {
    known: BTreeMap<String, Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The alarm, while it is on.
    on: Option<Alarm>,
    /// Found at the last look.
    seen: bool,
    /// Since when it is not found any more.
    calm_since: Option<Timestamp>,
    /// When it was raised, in the last hour.
    raised: Vec<Timestamp>,
}

impl Board {
    /// One that knows of alarms that were on before.
    pub fn recalling(alarms: impl IntoIterator<Item = Alarm>) -> Self {
        let known = |alarm: Alarm| (alarm.name.clone(), Known { on: Some(alarm), ..Known::default() });
        Self { known: alarms.into_iter().map(known).collect() }
    }

    /// Takes what one look has come to; what follows is to be told.
    pub fn take(&mut self, now: Timestamp, look: &Look) -> Vec<Change> {
        let mut changes = Vec::new();
        for found in &look.found {
            let name = found.name();
            let known = self.known.entry(name.clone()).or_default();
            changes.extend(known.found(now, &name, found).map(Change::Raised));
        }
        let found: Vec<String> = look.found.iter().map(Found::name).collect();
        for (name, known) in &mut self.known {
            let is_blind = Kind::of(name).is_some_and(|kind| look.blind.contains(&kind));
            if !is_blind && !found.contains(name) {
                changes.extend(known.not_found(now).map(Change::Over));
            }
        }
        self.known.retain(|_, known| known.is_remembered(now));
        changes
    }

    /// The alarms that are on.
    pub fn on(&self) -> impl Iterator<Item = &Alarm> {
        self.known.values().filter_map(|known| known.on.as_ref())
    }
}

impl Known {
    fn found(&mut self, now: Timestamp, name: &str, found: &Found) -> Option<Alarm> {
        self.calm_since = None;
        let again = std::mem::replace(&mut self.seen, true);
        if self.on.is_some() || !(again || found.sure) {
            return None;
        }
        let (severity, title, detail) = (found.severity, found.title.clone(), found.detail.clone());
        self.raised.push(now);
        self.on = Some(Alarm { name: name.to_owned(), since: now, severity, title, detail });
        self.on.clone()
    }

    fn not_found(&mut self, now: Timestamp) -> Option<Alarm> {
        self.seen = false;
        let since = *self.calm_since.get_or_insert(now);
        let calm = now.duration_since(since) >= self.calm();
        if calm { self.on.take() } else { None }
    }

    /// A minute, twice as long for each time it was raised before in the last hour.
    fn calm(&self) -> SignedDuration {
        let before = u32::try_from(self.raised.len().saturating_sub(1)).unwrap_or(u32::MAX);
        CALM.saturating_mul(2_i32.saturating_pow(before)).min(LONGEST_CALM)
    }

    fn is_remembered(&mut self, now: Timestamp) -> bool {
        self.raised.retain(|at| now.duration_since(*at) < REMEMBERED);
        self.on.is_some() || self.seen || !self.raised.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks each 15 s: `x` found, `.` not, `?` could not be looked at. What was told, by the number of the look.
    fn told(looks: &str, sure: bool) -> Vec<(usize, &'static str)> {
        let mut board = Board::default();
        run(&mut board, looks, sure)
    }

    fn run(board: &mut Board, looks: &str, sure: bool) -> Vec<(usize, &'static str)> {
        let begin: Timestamp = "2026-01-05T02:00:00Z".parse().unwrap();
        let look = |letter| match letter {
            'x' => Look { found: vec![found(sure)], blind: Vec::new() },
            '?' => Look { found: Vec::new(), blind: vec![Kind::Disk] },
            _ => Look::default(),
        };
        let mut told = Vec::new();
        for (n, letter) in looks.chars().enumerate() {
            let now = begin + SignedDuration::from_secs(15 * i64::try_from(n).unwrap());
            told.extend(board.take(now, &look(letter)).into_iter().map(|change| match change {
                Change::Raised(_) => (n, "raised"),
                Change::Over(_) => (n, "over"),
            }));
        }
        told
    }

    fn found(sure: bool) -> Found {
        let (title, detail) = ("The disk is nearly full".to_owned(), "3 %".to_owned());
        Found { kind: Kind::Disk, of: None, severity: Severity::Error, title, detail, sure }
    }

    #[test]
    fn it_is_told_once_within_a_minute_and_once_when_it_is_over() {
        assert_eq!(told("xxxxxxxxxx.....", false), [(1, "raised"), (14, "over")]);
        assert_eq!(told("xxxx", true), [(0, "raised")]);
    }

    #[test]
    fn one_look_at_a_bad_moment_wakes_nobody() {
        assert_eq!(told("x.x.x.x.", false), []);
    }

    #[test]
    fn what_comes_and_goes_is_one_alarm() {
        assert_eq!(told(&format!("xx{}", "...xx".repeat(30)), false), [(1, "raised")]);
        // Gone for more than a minute each time: the second time it has to be gone for two, the third for four.
        let often = told(&format!("xx{}", "......xx".repeat(30)), false);
        assert_eq!(often.first_chunk(), Some(&[(1, "raised"), (6, "over"), (9, "raised")]));
        assert_eq!(often.len(), 3, "{often:?}");
    }

    #[test]
    fn what_cannot_be_looked_at_is_neither_raised_nor_over() {
        assert_eq!(told("xx??????????????????", false), [(1, "raised")]);
        assert_eq!(told("????", false), []);
        assert_eq!(told("xx??..?..", false), [(1, "raised"), (8, "over")]);
    }

    #[test]
    fn an_alarm_of_before_the_restart_is_not_told_again_and_its_end_is() {
        let alarm = || Alarm {
            name: "disk".to_owned(),
            since: "2026-01-05T01:00:00Z".parse().unwrap(),
            severity: Severity::Error,
            title: String::new(),
            detail: String::new(),
        };
        assert_eq!(run(&mut Board::recalling([alarm()]), "xxxx", false), []);
        assert_eq!(run(&mut Board::recalling([alarm()]), "......", false), [(4, "over")]);
    }

    #[test]
    fn a_name_tells_its_kind() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of(kind.word()), Some(kind));
            assert_eq!(Kind::of(&format!("{}-x", kind.word())), Some(kind));
        }
        assert_eq!(Kind::of("diskette"), None);
    }
}
