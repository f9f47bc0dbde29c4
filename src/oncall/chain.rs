//! The dial chain: everybody a route may ring for one call, in order, with the reason for each;
//! and those it may not, with theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rand::Rng;
use rand::seq::SliceRandom as _;
use serde::Serialize;

use crate::oncall::name::PersonId;
use crate::oncall::phone::Phone;
use crate::oncall::policy::{DialPolicy, Order, PhoneChoice, Repeat};
use crate::oncall::roster::{Person, Roster};
use crate::oncall::unfold::{DeadEnd, DeadEndKind, Found, Unfolding};

/// Whom to ring, resolved once at the beginning of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    /// Those who may be rung, in order. Somebody who is in several levels is here several times.
    pub candidates: Vec<Candidate>,
    /// Those who may not, and targets that lead to nobody.
    pub not_rung: Vec<NotRung>,
    /// How often it is begun again after its end.
    pub repeat: u8,
}

/// Somebody who may be rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// `1`, `2`; and `2.1` for what a team in level 2 has in its second level.
    pub level: String,
    /// Who.
    pub person: Arc<Person>,
    /// The phones to ring, in order; at least one.
    pub phones: Vec<Phone>,
    /// What led to this person.
    pub because: String,
    /// How long after its beginning an escalation turns to this person: nobody waits for that with a caller on the
    /// line.
    pub after: Option<Duration>,
}

/// Somebody who is not rung, or a target that leads to nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotRung {
    /// Who; `None` where a target leads to nobody.
    pub person: Option<PersonId>,
    /// Why not.
    pub because: String,
}

impl fmt::Display for NotRung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.person {
            Some(person) => write!(f, "{person}: {}", self.because),
            None => f.write_str(&self.because),
        }
    }
}

/// Finds out whom a route rings for a call that comes in at an instant.
pub fn resolve(roster: &Roster, policy: &DialPolicy, at: Timestamp, rng: &mut impl Rng) -> Chain {
    let mut resolving = Resolving {
        roster,
        policy,
        at,
        chain: Chain::default(),
        people: BTreeMap::new(),
        refused: BTreeSet::new(),
    };
    let mut unfolding = Unfolding::new(roster, at);
    for (level, targets) in (1_usize..).zip(&policy.levels) {
        for (index, mut rank) in unfolding.route_level(targets).into_iter().enumerate() {
            if matches!(policy.order, Order::Shuffled | Order::OneRandom) {
                rank.shuffle(rng);
            }
            let label = if index == 0 { level.to_string() } else { format!("{level}.{index}") };
            rank.into_iter().for_each(|found| resolving.add(&label, found));
        }
    }
    unfolding.dead_ends.iter().for_each(|end| resolving.dead_end(end));
    let mut chain = resolving.chain;
    chain.repeat = match policy.repeat {
        Repeat::Times(times) => times,
        Repeat::Own => unfolding.repeat,
    };
    chain
}

/// Who is on the first level that leads to anybody, whether or not they can be rung now.
pub fn first_level(roster: &Roster, policy: &DialPolicy, at: Timestamp) -> Vec<PersonId> {
    let mut unfolding = Unfolding::new(roster, at);
    let mut people: Vec<PersonId> = Vec::new();
    for found in policy
        .levels
        .iter()
        .flat_map(|targets| unfolding.route_level(targets))
        .find(|rank| !rank.is_empty())
        .unwrap_or_default()
    {
        if roster.people.contains_key(&found.person) && !people.contains(&found.person) {
            people.push(found.person);
        }
    }
    people
}

impl Chain {
    /// Puts a person before all others, for a reason. Returns whether the chain leads to that person at all.
    pub fn put_first(&mut self, person: &PersonId, why: &str) -> bool {
        let Some(index) = self.candidates.iter().position(|candidate| candidate.person.id == *person) else {
            return false;
        };
        let mut first = self.candidates.remove(index);
        first.because = format!("{why}; {}", first.because);
        self.candidates.insert(0, first);
        true
    }
}

/// A chain on its way to be whole.
struct Resolving<'a> {
    roster: &'a Roster,
    policy: &'a DialPolicy,
    at: Timestamp,
    chain: Chain,
    /// Those who are in it.
    people: BTreeMap<&'a PersonId, Arc<Person>>,
    /// Those who may not be rung.
    refused: BTreeSet<PersonId>,
}

impl Resolving<'_> {
    fn add(&mut self, level: &str, found: Found) {
        let Some(person) = self.roster.people.get(&found.person) else {
            return self.refuse(found.person, "is not among the people".to_owned());
        };
        if let Some(because) = person.unreachable(self.at) {
            return self.refuse(found.person, because);
        }
        let most = match self.policy.phones {
            PhoneChoice::All => usize::MAX,
            PhoneChoice::First => 1,
        };
        let phones = person.confirmed_phones().take(most).cloned().collect();
        let (because, after) = (because(level, found.because, person), found.after);
        let person = self.people.entry(&person.id).or_insert_with(|| Arc::new(person.clone()));
        let person = Arc::clone(person);
        self.chain.candidates.push(Candidate { level: level.to_owned(), person, phones, because, after });
    }

    /// Notes who is not rung, each person once.
    fn refuse(&mut self, person: PersonId, because: String) {
        if self.refused.insert(person.clone()) {
            self.chain.not_rung.push(NotRung { person: Some(person), because });
        }
    }

    /// Notes a target that leads to nobody; who is not on call because of an override is somebody.
    fn dead_end(&mut self, end: &DeadEnd) {
        let because = end.say(self.roster, self.at);
        match &end.kind {
            DeadEndKind::LeftOut { who, .. } if !self.people.contains_key(who) => {
                self.refuse(who.clone(), because);
            }
            _ => self.chain.not_rung.push(NotRung { person: None, because }),
        }
    }
}

/// What led to somebody, and which phones of theirs are left out.
fn because(level: &str, way: String, person: &Person) -> String {
    let way = if way.is_empty() { format!("named in level {level}") } else { way };
    match person.unconfirmed() {
        Some(phones) => format!("{way}; {phones}"),
        None => way,
    }
}

impl DeadEnd {
    /// The reason, as a person understands it.
    pub(super) fn say(&self, roster: &Roster, at: Timestamp) -> String {
        let reason = match &self.kind {
            DeadEndKind::NobodyOnCall { schedule, .. } if roster.lacks_its_calendar(schedule) => {
                format!("schedule {schedule}: its calendar has not been read yet")
            }
            DeadEndKind::NobodyOnCall { schedule, on_purpose } => {
                let purpose =
                    on_purpose.as_ref().map_or_else(String::new, |rule| format!(" on purpose ({rule})"));
                let zone = roster.schedules.get(schedule).map(|schedule| &schedule.timezone);
                let until = match roster.next_on_call(schedule, at).zip(zone) {
                    Some((next, zone)) => format!("until {}", zone.say(next, at)),
                    None => "for a year to come".to_owned(),
                };
                format!("schedule {schedule}: nobody is on call{purpose} {until}")
            }
            DeadEndKind::NotEnabled(schedule) => {
                format!("schedule {schedule} is not enabled: nobody is on call")
            }
            DeadEndKind::LeftOut { schedule, who, rule } => {
                format!("schedule {schedule}: {who} is not on call ({rule})")
            }
            DeadEndKind::Unknown(target) => format!("there is no `{target}`"),
            DeadEndKind::TooDeep(target) => format!("{target} is nested too deep and is not followed"),
            DeadEndKind::TooMany => "too many targets: the rest is not followed".to_owned(),
        };
        if self.path.is_empty() { reason } else { format!("{}: {reason}", self.path) }
    }
}
