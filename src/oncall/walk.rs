//! The order in which phones are really rung: one machine for live calls and for simulation.
//!
//! 1. Candidates in the order of the chain; of each, the phones in their order.
//! 2. Who is busy with another call, or is to be left in peace, is put off until all others have been
//!    tried, and then tried once more.
//! 3. A phone that is busy, silent or broken is followed by the same person's next; a decline ends
//!    the person's part in the call.
//! 4. The whole is repeated as often as the policy says. A pass in which everybody was busy is not over.
//! 5. Who is busy even then may be waited for: `Walk::waits_for`, and `Walk::try_again`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::oncall::chain::{Candidate, Chain, NotRung};
use crate::oncall::name::PersonId;
use crate::oncall::phone::Phone;
use crate::oncall::policy::DialPolicy;
use crate::oncall::roster::Person;

/// A phone to be rung now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Counts the attempts of the call from 1.
    pub order: u32,
    /// The level, as in the chain.
    pub level: String,
    /// Whose phone.
    pub person: Arc<Person>,
    /// Which phone.
    pub phone: Phone,
    /// What led to this person.
    pub because: String,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rung {
    /// Nobody answered in time.
    NoAnswer,
    /// The phone was busy.
    Busy,
    /// The person does not want the call.
    Declined,
    /// Answered, but the call was not accepted in time.
    NotAccepted,
    /// The phone could not be rung.
    Failed,
    /// The person has the call: nobody else is rung.
    Accepted,
}

/// How it stands with a phone right before it would be rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It may be rung. Whoever says so may already have reserved it: the attempt follows at once.
    Free,
    /// It is taken, for this reason: put off, if the policy skips the busy.
    Busy(String),
    /// It is to be left in peace, for this reason: put off, whatever the policy says of the busy.
    Later(String),
}

impl Standing {
    /// Busy with another call, or free.
    pub fn of(busy: bool) -> Self {
        if busy { Self::Busy("busy with another call".to_owned()) } else { Self::Free }
    }
}

/// How it stands with a person's phone. `true`: it is asked for the last time, because all others have been
/// tried.
pub type Stands<'a> = dyn FnMut(&Person, &Phone, bool) -> Standing + 'a;

/// A way along a chain.
#[derive(Debug, Clone)]
pub struct Walk {
    candidates: Vec<Candidate>,
    unreachable: Vec<NotRung>,
    max_people: Option<u32>,
    skip_dialled: bool,
    skip_busy: bool,
    passes_left: u8,
    /// What is still to be done in this pass.
    visits: VecDeque<Visit>,
    /// Those put off because they were busy.
    put_off: VecDeque<Visit>,
    /// Those who were busy even then.
    still_busy: VecDeque<Visit>,
    /// Nobody is put off any more in this pass.
    last_round: bool,
    /// The busy have been waited for.
    waited: bool,
    /// The visit going on.
    current: Option<Visit>,
    dialled: BTreeSet<Phone>,
    visited: BTreeSet<PersonId>,
    attempts: u32,
    people_rung: u32,
    rung: BTreeSet<PersonId>,
    declined: BTreeSet<PersonId>,
    accepted: Option<PersonId>,
    reasons: BTreeMap<PersonId, String>,
}

/// One candidate's phones, on the way.
#[derive(Debug, Clone)]
struct Visit {
    /// Which candidate.
    candidate: usize,
    /// The phones still to be rung.
    phones: VecDeque<Phone>,
    /// Phones found busy with another call.
    busy: VecDeque<Phone>,
    /// Why the last of these was.
    why: String,
    /// Whether a phone of this visit was rung.
    has_rung: bool,
}

impl Walk {
    /// A way along a chain by the rules of a policy.
    pub fn new(chain: Chain, policy: &DialPolicy) -> Self {
        let mut walk = Self {
            candidates: chain.candidates,
            unreachable: chain.not_rung,
            max_people: policy.max_people,
            skip_dialled: policy.skip_dialled,
            skip_busy: policy.skip_busy,
            passes_left: policy.repeat,
            visits: VecDeque::new(),
            put_off: VecDeque::new(),
            still_busy: VecDeque::new(),
            last_round: false,
            waited: false,
            current: None,
            dialled: BTreeSet::new(),
            visited: BTreeSet::new(),
            attempts: 0,
            people_rung: 0,
            rung: BTreeSet::new(),
            declined: BTreeSet::new(),
            accepted: None,
            reasons: BTreeMap::new(),
        };
        walk.begin_pass();
        walk
    }

    /// The next phone to ring; `None` when all have been tried or somebody has accepted.
    ///
    /// `stands` is asked right before an attempt, and an attempt follows at once where it says `Free`, so a
    /// live call may reserve both while answering. Its `Busy` is asked for, though not heeded, where
    /// `skip_busy` is off.
    pub fn next(&mut self, stands: &mut Stands<'_>) -> Option<Attempt> {
        if self.accepted.is_some() {
            return None;
        }
        loop {
            let visit = self.current.take().or_else(|| self.next_visit())?;
            if let Some(attempt) = self.go_on(visit, stands) {
                return Some(attempt);
            }
        }
    }

    /// Tells what became of the attempt last given out. `Accepted` ends the walk: report it once
    /// the call really is with that person. An attempt without a report counts as `NoAnswer`.
    pub fn report(&mut self, result: Rung) {
        let Some(person) = self.current.as_ref().and_then(|visit| self.person(visit)) else { return };
        match result {
            Rung::Accepted => self.accepted = Some(person),
            Rung::Declined => {
                self.declined.insert(person);
                self.current = None;
            }
            Rung::NoAnswer | Rung::Busy | Rung::NotAccepted | Rung::Failed => {}
        }
    }

    /// Everybody of the chain who was not rung, each with one reason, then the targets that lead to
    /// nobody. True at any time: those still to come are "not reached".
    pub fn not_rung(&self) -> Vec<NotRung> {
        let mut told = BTreeSet::new();
        let left = self.candidates.iter().map(|candidate| &candidate.person.id);
        left.filter(|person| !self.rung.contains(*person) && told.insert(*person))
            .map(|person| NotRung { person: Some(person.clone()), because: self.reason(person) })
            .chain(self.unreachable.iter().cloned())
            .collect()
    }

    fn reason(&self, person: &PersonId) -> String {
        match (self.reasons.get(person), &self.accepted) {
            (Some(reason), _) => reason.clone(),
            (None, Some(other)) => format!("{other} accepted first"),
            (None, None) if self.is_full() => self.full(),
            (None, None) => "not reached before the call ended".to_owned(),
        }
    }

    fn is_full(&self) -> bool {
        self.max_people.is_some_and(|most| self.people_rung >= most)
    }

    fn full(&self) -> String {
        match self.max_people.unwrap_or_default() {
            0 => "nobody is to be rung: at most 0 people".to_owned(),
            1 => "the limit of 1 person was reached".to_owned(),
            most => format!("the limit of {most} people was reached"),
        }
    }

    fn begin_pass(&mut self) {
        self.dialled.clear();
        self.visited.clear();
        self.still_busy.clear();
        self.last_round = false;
        self.visits = (0..)
            .zip(&self.candidates)
            .map(|(candidate, entry)| Visit {
                candidate,
                phones: entry.phones.iter().cloned().collect(),
                busy: VecDeque::new(),
                why: String::new(),
                has_rung: false,
            })
            .collect();
    }

    /// The next visit that may take place.
    fn next_visit(&mut self) -> Option<Visit> {
        loop {
            let Some(visit) = self.visits.pop_front() else {
                self.begin_round()?;
                continue;
            };
            if self.may_visit(&visit) {
                return Some(visit);
            }
        }
    }

    /// After all visits: those put off; after these: the next pass, unless everybody was busy in this one.
    fn begin_round(&mut self) -> Option<()> {
        if !self.put_off.is_empty() {
            self.last_round = true;
            self.visits = std::mem::take(&mut self.put_off);
        } else if self.visited.is_empty() && !self.still_busy.is_empty() {
            return None;
        } else {
            self.passes_left = self.passes_left.checked_sub(1)?;
            self.begin_pass();
        }
        Some(())
    }

    fn may_visit(&mut self, visit: &Visit) -> bool {
        let Some(person) = self.person(visit) else { return false };
        if self.declined.contains(&person) {
            return false;
        }
        if visit.has_rung {
            return true;
        }
        if self.is_full() {
            let reason = self.full();
            self.reasons.entry(person).or_insert(reason);
            return false;
        }
        !(self.skip_dialled && self.visited.contains(&person))
    }

    fn person(&self, visit: &Visit) -> Option<PersonId> {
        self.candidates.get(visit.candidate).map(|candidate| candidate.person.id.clone())
    }

    /// The next phone of a visit; `None` when the visit is over.
    fn go_on(&mut self, mut visit: Visit, stands: &mut Stands<'_>) -> Option<Attempt> {
        let person = Arc::clone(&self.candidates.get(visit.candidate)?.person);
        while let Some(phone) = visit.phones.pop_front() {
            if self.skip_dialled && self.dialled.contains(&phone) {
                let reason = format!("{phone} was already rung in this call");
                self.reasons.entry(person.id.clone()).or_insert(reason);
                continue;
            }
            match stands(&person, &phone, self.last_round) {
                Standing::Busy(why) if self.skip_busy => visit.put_off(phone, why),
                Standing::Later(why) => visit.put_off(phone, why),
                Standing::Free | Standing::Busy(_) => return self.attempt(visit, phone),
            }
        }
        self.end_visit(visit, &person.id);
        None
    }

    fn attempt(&mut self, mut visit: Visit, phone: Phone) -> Option<Attempt> {
        let candidate = self.candidates.get(visit.candidate)?;
        let person = candidate.person.id.clone();
        self.attempts = self.attempts.saturating_add(1);
        let attempt = Attempt {
            order: self.attempts,
            level: candidate.level.clone(),
            person: Arc::clone(&candidate.person),
            phone: phone.clone(),
            because: candidate.because.clone(),
        };
        if !visit.has_rung {
            visit.has_rung = true;
            self.people_rung = self.people_rung.saturating_add(1);
        }
        self.dialled.insert(phone);
        self.visited.insert(person.clone());
        self.rung.insert(person);
        self.current = Some(visit);
        Some(attempt)
    }

    /// Puts off what was busy, once.
    fn end_visit(&mut self, mut visit: Visit, person: &PersonId) {
        if visit.busy.is_empty() {
            return;
        }
        let since = match (self.last_round, self.waited) {
            (true, true) => "also after waiting",
            (true, false) => "also when tried again after the others",
            (false, _) => "and put off until the others had been tried",
        };
        self.reasons.insert(person.clone(), format!("{}, {since}", visit.why));
        visit.phones = std::mem::take(&mut visit.busy);
        let later = if self.last_round { &mut self.still_busy } else { &mut self.put_off };
        later.push_back(visit);
    }

    /// Those who were busy even when tried last, with their phones: once `next` has nobody, they may be waited
    /// for. Nobody, where no more people may be rung.
    pub fn waits_for(&self) -> Vec<(Arc<Person>, Vec<Phone>)> {
        let may = |visit: &&Visit| visit.has_rung || !self.is_full();
        let busy = self.still_busy.iter().filter(may).filter_map(|visit| {
            let person = &self.candidates.get(visit.candidate)?.person;
            Some((Arc::clone(person), visit.phones.iter().cloned().collect()))
        });
        busy.filter(|(person, _): &(Arc<Person>, _)| !self.declined.contains(&person.id)).collect()
    }

    /// Tries those once more who were busy even when tried last.
    pub fn try_again(&mut self) {
        self.waited = true;
        self.last_round = true;
        self.visits = std::mem::take(&mut self.still_busy);
    }
}

impl Visit {
    fn put_off(&mut self, phone: Phone, why: String) {
        self.busy.push_back(phone);
        self.why = why;
    }
}
