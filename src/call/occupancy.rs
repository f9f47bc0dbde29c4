//! Who is on the phone for a hotline call, so that nobody is rung for two callers at once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::oncall::{PersonId, Phone};

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
}

/// Holds a person and a phone until it is dropped.
#[derive(Debug)]
pub struct Reservation {
    occupancy: Occupancy,
    person: PersonId,
    phone: Phone,
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
        let mut counts = self.counts();
        let free = !counts.people.contains_key(person) && !counts.phones.contains_key(phone);
        free.then(|| self.count(&mut counts, person, phone))
    }

    /// Marks a person and a phone as in use, whether or not they already are.
    pub fn hold(&self, person: &PersonId, phone: &Phone) -> Reservation {
        self.count(&mut self.counts(), person, phone)
    }

    fn count(&self, counts: &mut Counts, person: &PersonId, phone: &Phone) -> Reservation {
        *counts.people.entry(person.clone()).or_default() += 1;
        *counts.phones.entry(phone.clone()).or_default() += 1;
        Reservation { occupancy: self.clone(), person: person.clone(), phone: phone.clone() }
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

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut counts = self.occupancy.counts();
        release(&mut counts.people, &self.person);
        release(&mut counts.phones, &self.phone);
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
