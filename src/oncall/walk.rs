//! The order in which phones are really rung: one machine for live calls and for simulation.
//!
//! 1. Candidates in the order of the chain; of each, the phones in their order. One person at a time, or
//!    all of a level together, as the policy says; or one of each level, drawn by lot.
//! 2. Who is busy with another call, or is to be left in peace, is put off until all others have been
//!    tried, and then tried once more.
//! 3. A phone that is busy, silent or broken is followed by the same person's next; a decline ends
//!    the person's part in the call.
//! 4. The whole is repeated as often as the chain says. A pass in which everybody was busy is not over.
//! 5. Who is busy even then may be waited for: `Walk::waits_for`, and `Walk::try_again`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::oncall::chain::{Candidate, Chain, NotRung};
use crate::oncall::name::PersonId;
use crate::oncall::phone::Phone;
use crate::oncall::policy::{DialPolicy, Order};
use crate::oncall::roster::Person;

/// A phone to be rung now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Counts the attempts of the call from 1.
    pub order: u32,
    /// Which time the chain is gone through, from 1.
    pub pass: u32,
    /// The level, as in the chain.
    pub level: String,
    /// Whose phone.
    pub person: Arc<Person>,
    /// Which phone.
    pub phone: Phone,
    /// What led to this person.
    pub because: String,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Ring this phone, beside those that are ringing already.
    Ring(Attempt),
    /// Wait for the end of an attempt.
    Wait,
    /// Nothing: all have been tried, or somebody has accepted.
    Over,
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
    /// The phone was not even dialled: no line was free. It is, as soon as one may be.
    NoLine,
    /// Somebody else had accepted first.
    TooLate,
    /// The person has the call: nobody else is rung.
    Accepted,
}

/// How it stands with a phone right before it would be rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It may be rung. Whoever says so may already have reserved it: the attempt follows at once.
    Free,
    /// Another call has it: put off, if the policy skips the busy.
    Busy,
    /// It is to be left in peace, for this reason: put off, whatever the policy says of the busy.
    Later(String),
}

impl Standing {
    /// Busy with another call, or free.
    pub fn of(busy: bool) -> Self {
        if busy { Self::Busy } else { Self::Free }
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
    order: Order,
    max_people: Option<u32>,
    skip_dialled: bool,
    skip_busy: bool,
    pass: u32,
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
    /// The visits going on, all of one level.
    open: Vec<Visit>,
    /// On whom the lot of each level fell in this pass.
    drawn: BTreeMap<String, PersonId>,
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
    /// Phones that could not be rung now.
    put_off: VecDeque<Phone>,
    /// Why not.
    obstacle: Cow<'static, str>,
    /// Whether a phone of this visit was rung.
    has_rung: bool,
    /// The attempt going on.
    ringing: Option<Ringing>,
    /// No line was free: it waits for the end of another attempt.
    waits: bool,
}

/// An attempt going on, and what it changed: it may come to nothing.
#[derive(Debug, Clone)]
struct Ringing {
    order: u32,
    phone: Phone,
    first_of_visit: bool,
    first_of_call: bool,
}

const BUSY: &str = "busy with another call";
const NO_LINE: &str = "no line was free";

impl Walk {
    /// A way along a chain by the rules of a policy.
    pub fn new(chain: Chain, policy: &DialPolicy) -> Self {
        let mut walk = Self {
            candidates: chain.candidates,
            unreachable: chain.not_rung,
            order: policy.order,
            max_people: policy.max_people,
            skip_dialled: policy.skip_dialled,
            skip_busy: policy.skip_busy,
            pass: 0,
            passes_left: chain.repeat,
            visits: VecDeque::new(),
            put_off: VecDeque::new(),
            still_busy: VecDeque::new(),
            last_round: false,
            waited: false,
            open: Vec::new(),
            drawn: BTreeMap::new(),
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

    /// What is to be done next. Ask until it is no phone; then [`report`](Self::report) how an attempt
    /// ended, and ask again.
    ///
    /// `stands` is asked right before an attempt, and an attempt follows at once where it says `Free`, so a
    /// live call may reserve both while answering. `Busy` is not heeded where `skip_busy` is off.
    pub fn next(&mut self, stands: &mut Stands<'_>) -> Next {
        while self.accepted.is_none() {
            if let Some(visit) = self.idle().or_else(|| self.begin_visit()) {
                if let Some(attempt) = self.go_on(visit, stands) {
                    return Next::Ring(attempt);
                }
            } else if !self.open.is_empty() {
                return Next::Wait;
            } else if self.begin_round().is_none() {
                break;
            }
        }
        Next::Over
    }

    /// Tells what became of the attempt of this number. `Accepted` ends the walk: report it once
    /// the call really is with that person.
    pub fn report(&mut self, order: u32, result: Rung) {
        let of_it = |visit: &Visit| visit.ringing.as_ref().is_some_and(|ringing| ringing.order == order);
        let Some(index) = self.open.iter().position(of_it) else { return };
        let mut visit = self.open.remove(index);
        let Some(ringing) = visit.ringing.take() else { return };
        let Some(person) = self.person(&visit) else { return };
        if result != Rung::NoLine || !self.rings() {
            self.open.iter_mut().for_each(|other| other.waits = false);
        }
        match result {
            Rung::Accepted => self.accepted = Some(person),
            Rung::Declined => _ = self.declined.insert(person),
            Rung::NoLine => {
                self.take_back(&mut visit, &ringing, &person);
                self.open.insert(index, visit);
            }
            Rung::NoAnswer | Rung::Busy | Rung::NotAccepted | Rung::Failed | Rung::TooLate => {
                self.open.insert(index, visit);
            }
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

    fn rings(&self) -> bool {
        self.open.iter().any(|visit| visit.ringing.is_some())
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
        self.pass = self.pass.saturating_add(1);
        self.dialled.clear();
        self.visited.clear();
        self.still_busy.clear();
        self.drawn.clear();
        self.last_round = false;
        let visits = (0..).zip(&self.candidates).map(|(candidate, entry)| Visit::new(candidate, entry));
        self.visits = visits.collect();
        if self.order == Order::OneRandom {
            self.let_others_go_first();
        }
    }

    /// Another pass draws somebody else of each level, as long as there is anybody.
    fn let_others_go_first(&mut self) {
        let (candidates, rung) = (&self.candidates, &self.rung);
        let place = |visit: &Visit| {
            let candidate = candidates.get(visit.candidate)?;
            let first = candidates.iter().position(|other| other.level == candidate.level);
            Some((first, rung.contains(&candidate.person.id)))
        };
        self.visits.make_contiguous().sort_by_key(place);
    }

    /// A visit that is going on, and whose last attempt has ended.
    fn idle(&mut self) -> Option<Visit> {
        let index = self.open.iter().position(|visit| visit.ringing.is_none() && !visit.waits)?;
        Some(self.open.remove(index))
    }

    /// The next visit, if it may begin beside those that are going on.
    fn begin_visit(&mut self) -> Option<Visit> {
        let beside = match self.open.first() {
            None => true,
            Some(open) => {
                self.order == Order::AllAtOnce
                    && self.open.iter().all(|visit| !visit.waits)
                    && self.visits.front().is_some_and(|next| self.level(next) == self.level(open))
            }
        };
        if beside { self.visits.pop_front() } else { None }
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

    fn may_visit(&mut self, visit: &Visit, person: &PersonId) -> bool {
        if self.declined.contains(person) {
            return false;
        }
        if visit.has_rung {
            return true;
        }
        if let Some(drawn) = self.level(visit).and_then(|level| self.drawn.get(level)) {
            let reason = match self.reasons.get(person) {
                Some(reason) if reason.starts_with(BUSY) => format!("{BUSY}: the lot fell on {drawn}"),
                _ => format!("the lot fell on {drawn}"),
            };
            self.reasons.insert(person.clone(), reason);
            return false;
        }
        if self.is_full() {
            let reason = self.full();
            self.reasons.entry(person.clone()).or_insert(reason);
            return false;
        }
        !(self.skip_dialled && self.visited.contains(person))
    }

    fn person(&self, visit: &Visit) -> Option<PersonId> {
        self.candidates.get(visit.candidate).map(|candidate| candidate.person.id.clone())
    }

    fn level(&self, visit: &Visit) -> Option<&str> {
        self.candidates.get(visit.candidate).map(|candidate| candidate.level.as_str())
    }

    /// The next phone of a visit; `None` when the visit is over.
    fn go_on(&mut self, mut visit: Visit, stands: &mut Stands<'_>) -> Option<Attempt> {
        let person = Arc::clone(&self.candidates.get(visit.candidate)?.person);
        if !self.may_visit(&visit, &person.id) {
            return None;
        }
        while let Some(phone) = visit.phones.pop_front() {
            if let Some(reason) = self.had_its_turn(&phone) {
                self.reasons.entry(person.id.clone()).or_insert(reason);
                continue;
            }
            match stands(&person, &phone, self.last_round) {
                Standing::Busy if self.skip_busy => visit.put_off(phone, BUSY),
                Standing::Later(why) => visit.put_off(phone, why),
                Standing::Free | Standing::Busy => return self.attempt(visit, phone),
            }
        }
        self.end_visit(visit, &person.id);
        None
    }

    /// Why a phone is not to be rung now, though nobody else has it.
    fn had_its_turn(&self, phone: &Phone) -> Option<String> {
        let rings = |visit: &Visit| visit.ringing.as_ref().is_some_and(|ringing| ringing.phone == *phone);
        if self.open.iter().any(rings) {
            return Some(format!("{phone} is ringing already for this call"));
        }
        let again = self.skip_dialled && self.dialled.contains(phone);
        again.then(|| format!("{phone} was already rung in this call"))
    }

    fn attempt(&mut self, mut visit: Visit, phone: Phone) -> Option<Attempt> {
        let candidate = self.candidates.get(visit.candidate)?;
        let person = candidate.person.id.clone();
        self.attempts = self.attempts.saturating_add(1);
        let attempt = Attempt {
            order: self.attempts,
            pass: self.pass,
            level: candidate.level.clone(),
            person: Arc::clone(&candidate.person),
            phone: phone.clone(),
            because: self.because(candidate),
        };
        if self.order == Order::OneRandom {
            self.drawn.insert(attempt.level.clone(), person.clone());
        }
        visit.ringing = Some(Ringing {
            order: self.attempts,
            phone: phone.clone(),
            first_of_visit: !visit.has_rung,
            first_of_call: self.rung.insert(person.clone()),
        });
        if !visit.has_rung {
            visit.has_rung = true;
            self.people_rung = self.people_rung.saturating_add(1);
        }
        self.dialled.insert(phone);
        self.visited.insert(person);
        self.open.push(visit);
        Some(attempt)
    }

    fn because(&self, candidate: &Candidate) -> String {
        let level = self.candidates.iter().filter(|other| other.level == candidate.level);
        match (self.order, level.count()) {
            (Order::OneRandom, among @ 2..) => format!("{}; drawn by lot out of {among}", candidate.because),
            _ => candidate.because.clone(),
        }
    }

    /// An attempt for which there was no line has not taken place. Where others are ringing it waits until
    /// one of them ends; otherwise it is put off.
    fn take_back(&mut self, visit: &mut Visit, ringing: &Ringing, person: &PersonId) {
        self.dialled.remove(&ringing.phone);
        if ringing.first_of_visit {
            visit.has_rung = false;
            self.people_rung = self.people_rung.saturating_sub(1);
            self.visited.remove(person);
            let level = self.level(visit).map(str::to_owned);
            level.and_then(|level| self.drawn.remove(&level));
        }
        if ringing.first_of_call {
            self.rung.remove(person);
        }
        if self.rings() {
            visit.phones.push_front(ringing.phone.clone());
            visit.waits = true;
        } else {
            visit.put_off(ringing.phone.clone(), NO_LINE);
        }
    }

    /// Puts off what could not be rung, once.
    fn end_visit(&mut self, mut visit: Visit, person: &PersonId) {
        if visit.put_off.is_empty() {
            return;
        }
        let since = match (self.last_round, self.waited) {
            (true, true) => "also after waiting",
            (true, false) => "also when tried again after the others",
            (false, _) => "and put off until the others had been tried",
        };
        self.reasons.insert(person.clone(), format!("{}, {since}", visit.obstacle));
        visit.phones = std::mem::take(&mut visit.put_off);
        let later = if self.last_round { &mut self.still_busy } else { &mut self.put_off };
        later.push_back(visit);
    }

    /// Those who were busy even when tried last, with their phones: once `next` is over, they may be waited
    /// for. Nobody, where no more people may be rung.
    pub fn waits_for(&self) -> Vec<(Arc<Person>, Vec<Phone>)> {
        let over = self.accepted.is_some();
        // A line becomes free without telling.
        let may = |visit: &&Visit| !over && visit.obstacle != NO_LINE && (visit.has_rung || !self.is_full());
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
    fn new(candidate: usize, entry: &Candidate) -> Self {
        Self {
            candidate,
            phones: entry.phones.iter().cloned().collect(),
            put_off: VecDeque::new(),
            obstacle: BUSY.into(),
            has_rung: false,
            ringing: None,
            waits: false,
        }
    }

    fn put_off(&mut self, phone: Phone, obstacle: impl Into<Cow<'static, str>>) {
        self.put_off.push_back(phone);
        self.obstacle = obstacle.into();
    }
}
