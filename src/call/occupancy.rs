//! Who is on the phone for a hotline call, so that nobody is rung for two callers at once; who is to be left in
//! peace for a while; and which waiting caller gets whoever becomes free (`waiting::Queue`).
//!
//! Somebody who becomes free is reserved for the caller whose turn it is before anybody else can ask: there is
//! no moment at which a newcomer overtakes those who wait.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::call::waiting::{Handed, Queue};
use crate::oncall::{PersonId, Phone};

/// How long a caller waits for somebody who was lent to be given back.
const GIVEN_BACK: Duration = Duration::from_millis(500);

/// People and phones that are rung, screened or bridged, and lines in use, over all calls.
#[derive(Debug, Clone, Default)]
pub struct Occupancy {
    inner: Arc<Mutex<Counts>>,
    calls: Arc<watch::Sender<usize>>,
}

#[derive(Debug, Default)]
struct Counts {
    people: HashMap<PersonId, usize>,
    phones: HashMap<Phone, usize>,
    lines: HashMap<String, usize>,
    rests: HashMap<PersonId, Rest>,
    /// Who is phoned while no caller needs them.
    lent: HashMap<PersonId, LentTo>,
    queue: Queue,
}

/// The other end of somebody who is lent.
#[derive(Debug)]
struct LentTo {
    phones: Vec<Phone>,
    wanted: watch::Sender<bool>,
    /// Closed when they are given back.
    back: watch::Receiver<()>,
}

/// A while in which somebody is to be left in peace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// When it is over.
    pub until: Instant,
    /// What for.
    pub why: RestKind,
}

/// What somebody rests from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestKind {
    /// A call that has just ended: time to write things down.
    WrapUp,
    /// A call that was just declined.
    Declined,
}

/// Why a phone cannot be reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Another call has the person or the phone.
    InUse,
    /// The person is to be left in peace.
    Resting(Rest),
}

/// Holds a person and a phone until it is dropped.
#[derive(Debug)]
pub struct Reservation {
    occupancy: Occupancy,
    person: PersonId,
    phone: Phone,
    rest: Option<(Duration, RestKind)>,
    /// Whoever was lent and had to be given back for it.
    back: Option<watch::Receiver<()>>,
}

/// A person and their phones, until it is dropped, or a caller needs them: then it is to be dropped at once.
#[derive(Debug)]
pub struct Lent {
    occupancy: Occupancy,
    person: PersonId,
    wanted: watch::Receiver<bool>,
    _back: watch::Sender<()>,
}

/// Counts as a running call until it is dropped.
#[derive(Debug)]
pub struct Running(Arc<watch::Sender<usize>>);

/// Holds one line of a hotline until it is dropped.
#[derive(Debug)]
pub struct Line {
    occupancy: Occupancy,
    hotline: String,
}

impl Occupancy {
    /// Reserves a person and a phone, unless either is already in use.
    pub fn reserve(&self, person: &PersonId, phone: &Phone) -> Option<Reservation> {
        self.reserve_rested(person, phone, false).ok()
    }

    /// Reserves a person and a phone, unless either is already in use, or the person is resting and that is to be
    /// heeded.
    pub fn reserve_rested(&self, person: &PersonId, phone: &Phone, heed: bool) -> Result<Reservation, Taken> {
        let mut counts = self.counts();
        if !counts.is_free(person, phone) {
            return Err(Taken::InUse);
        }
        match counts.rest(person).filter(|_| heed) {
            Some(rest) => Err(Taken::Resting(rest)),
            None => Ok(self.count(&mut counts, person, phone)),
        }
    }

    /// Gives whoever is free and rested to the callers who wait for them, in the order of their turns.
    pub(super) fn hand_out(&self) {
        let mut counts = self.counts();
        let mut queue = std::mem::take(&mut counts.queue);
        let handed: Vec<Handed> = queue.hand_out(|person, phone| {
            let free = counts.is_free(person, phone) && counts.rest(person).is_none();
            free.then(|| self.count(&mut counts, person, phone))
        });
        counts.queue = queue;
        drop(counts);
        for (caller, reservation) in handed {
            // Unlocked: a caller who has just gone lets go of it, and the next one is asked.
            let _ = caller.send(reservation);
        }
    }

    /// Looks at the line of callers who are held.
    pub(super) fn queue<T>(&self, look: impl FnOnce(&mut Queue) -> T) -> T {
        look(&mut self.counts().queue)
    }

    /// Looks at the line again when a rest is over.
    fn hand_out_at(&self, until: Instant) {
        // Without a runtime nobody waits.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let occupancy = self.clone();
        runtime.spawn(async move {
            tokio::time::sleep_until(until).await;
            occupancy.hand_out();
        });
    }

    /// Marks a person and a phone as in use, whether or not they already are.
    pub fn hold(&self, person: &PersonId, phone: &Phone) -> Reservation {
        self.count(&mut self.counts(), person, phone)
    }

    /// Lends a person and phones to somebody who is no caller, unless they are in use or to be left in peace. For
    /// callers they stay free.
    pub fn lend(&self, person: &PersonId, phones: &[Phone]) -> Result<Lent, Taken> {
        let mut counts = self.counts();
        let shared = |lent: &LentTo| lent.phones.iter().any(|phone| phones.contains(phone));
        let is_lent = counts.lent.contains_key(person) || counts.lent.values().any(shared);
        if is_lent || phones.iter().any(|phone| !counts.is_free(person, phone)) {
            return Err(Taken::InUse);
        }
        if let Some(rest) = counts.rest(person) {
            return Err(Taken::Resting(rest));
        }
        let ((wanted, is_wanted), (back, is_back)) = (watch::channel(false), watch::channel(()));
        let lent = LentTo { phones: phones.to_vec(), wanted, back: is_back };
        counts.lent.insert(person.clone(), lent);
        Ok(Lent { occupancy: self.clone(), person: person.clone(), wanted: is_wanted, _back: back })
    }

    fn count(&self, counts: &mut Counts, person: &PersonId, phone: &Phone) -> Reservation {
        let back = counts.call_back(person, phone);
        *counts.people.entry(person.clone()).or_default() += 1;
        *counts.phones.entry(phone.clone()).or_default() += 1;
        Reservation {
            occupancy: self.clone(),
            person: person.clone(),
            phone: phone.clone(),
            rest: None,
            back,
        }
    }

    /// Takes one of a hotline's lines, if fewer than `limit` are taken.
    pub fn line(&self, hotline: &str, limit: usize) -> Option<Line> {
        let mut counts = self.counts();
        let taken = counts.lines.entry(hotline.to_owned()).or_default();
        if *taken >= limit {
            return None;
        }
        *taken += 1;
        Some(Line { occupancy: self.clone(), hotline: hotline.to_owned() })
    }

    /// A call begins.
    pub fn begin(&self) -> Running {
        self.calls.send_modify(|calls| *calls += 1);
        Running(self.calls.clone())
    }

    /// How many calls are running.
    pub fn running(&self) -> usize {
        *self.calls.borrow()
    }

    /// Resolves when no call is running.
    pub async fn quiet(&self) {
        // The sender lives as long as `self`.
        let _ = self.calls.subscribe().wait_for(|calls| *calls == 0).await;
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Counting up and down cannot leave a half-done state behind a panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation {
    /// Whether it is of this person's phone.
    pub fn is_of(&self, person: &PersonId, phone: &Phone) -> bool {
        self.person == *person && self.phone == *phone
    }

    /// Resolves once whoever phoned them before has let go, as they were told to: at once, as a rule, and in any case
    /// soon.
    pub async fn cleared(&mut self) {
        if let Some(mut back) = self.back.take() {
            let _ = tokio::time::timeout(GIVEN_BACK, async { while back.changed().await.is_ok() {} }).await;
        }
    }

    /// Who is reserved.
    pub fn person(&self) -> &PersonId {
        &self.person
    }

    /// From its end on the person is left in peace for a while: rung after all others, and not given to callers
    /// who wait.
    pub fn then_rests(&mut self, length: Duration, why: RestKind) {
        self.rest = Some((length, why)).filter(|_| !length.is_zero());
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut counts = self.occupancy.counts();
        let rest = self.rest.map(|(length, why)| Rest { until: Instant::now() + length, why });
        let begun = rest.filter(|rest| counts.begin_rest(&self.person, *rest));
        release(&mut counts.people, &self.person);
        release(&mut counts.phones, &self.phone);
        let waited_for = counts.queue.is_waiting();
        drop(counts);
        if waited_for {
            self.occupancy.hand_out();
        }
        if let Some(rest) = begun {
            self.occupancy.hand_out_at(rest.until);
        }
    }
}

impl Counts {
    fn is_free(&self, person: &PersonId, phone: &Phone) -> bool {
        !self.people.contains_key(person) && !self.phones.contains_key(phone)
    }

    /// The rest of a person, if it is not over.
    fn rest(&mut self, person: &PersonId) -> Option<Rest> {
        let rest = self.rests.get(person).copied()?;
        if rest.until > Instant::now() {
            return Some(rest);
        }
        self.rests.remove(person);
        None
    }

    /// Begins a rest, unless a longer one goes on.
    fn begin_rest(&mut self, person: &PersonId, rest: Rest) -> bool {
        let longer = self.rest(person).is_none_or(|known| known.until < rest.until);
        if longer {
            self.rests.insert(person.clone(), rest);
        }
        longer
    }
}

impl Counts {
    /// A caller needs somebody: whoever they are lent to is told.
    fn call_back(&self, person: &PersonId, phone: &Phone) -> Option<watch::Receiver<()>> {
        let mut back = None;
        for (whom, lent) in &self.lent {
            if whom == person || lent.phones.contains(phone) {
                lent.wanted.send_replace(true);
                back = Some(lent.back.clone());
            }
        }
        back
    }
}

impl Lent {
    /// Resolves when a caller needs them.
    pub async fn wanted(&mut self) {
        if self.wanted.wait_for(|wanted| *wanted).await.is_err() {
            std::future::pending().await
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.occupancy.counts().lent.remove(&self.person);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|calls| *calls -= 1);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        release(&mut self.occupancy.counts().lines, &self.hotline);
    }
}

fn release<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_on_one_phone_is_busy_on_all_and_free_again_after() {
        let occupancy = Occupancy::default();
        let anna: PersonId = "anna".into();
        let (desk, mobile) = (Phone::parse("+4930111").unwrap(), Phone::parse("+49151222").unwrap());
        let first = occupancy.reserve(&anna, &desk).unwrap();
        assert!(occupancy.reserve(&anna, &mobile).is_none());
        assert!(occupancy.reserve(&"bob".into(), &desk).is_none());
        drop(first);
        assert!(occupancy.reserve(&anna, &mobile).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_lent_is_free_for_callers_and_given_back_at_once() {
        let occupancy = Occupancy::default();
        let (anna, mobile) = (PersonId::new("anna"), Phone::parse("+49151222").unwrap());
        let mut lent = occupancy.lend(&anna, std::slice::from_ref(&mobile)).unwrap();
        assert!(occupancy.lend(&anna, &[]).is_err(), "to one at a time");
        let mut caller = occupancy.reserve(&anna, &mobile).unwrap();
        lent.wanted().await;
        tokio::join!(caller.cleared(), async { drop(lent) });
        assert!(occupancy.lend(&anna, std::slice::from_ref(&mobile)).is_err(), "a caller has her");
        drop(caller);
        assert!(occupancy.lend(&anna, std::slice::from_ref(&mobile)).is_ok());
    }

    #[test]
    fn a_hotline_has_as_many_lines_as_it_is_given() {
        let occupancy = Occupancy::default();
        let first = occupancy.line("support", 1);
        assert!(first.is_some());
        assert!(occupancy.line("support", 1).is_none());
        assert!(occupancy.line("sales", 1).is_some());
        drop(first);
        assert!(occupancy.line("support", 1).is_some());
    }
}
