//! The first deadline of every machine of the endpoint, in their order.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use super::event::LegId;
use super::transactions::TransactionId;
use crate::sip::spare::give_back;

/// Whose deadline it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Owner {
    Transaction(TransactionId),
    Leg(LegId),
    Registration(usize),
}

/// One deadline for each owner. Idle owners have none, so an idle endpoint has nothing to wake for.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    order: BTreeSet<(Instant, Owner)>,
    of: HashMap<Owner, Instant>,
}

impl Deadlines {
    /// Puts the deadline of `owner` in place of the one before.
    pub(super) fn set(&mut self, owner: Owner, deadline: Option<Instant>) {
        let before = match deadline {
            Some(at) => self.of.insert(owner, at),
            None => self.of.remove(&owner),
        };
        give_back(&mut self.of);
        if let Some(at) = before {
            self.order.remove(&(at, owner));
        }
        if let Some(at) = deadline {
            self.order.insert((at, owner));
        }
    }

    /// The first of all.
    pub(super) fn first(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes out one owner whose time has come.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Owner> {
        let (at, owner) = self.order.first().copied().filter(|(at, _)| *at <= now)?;
        self.order.remove(&(at, owner));
        self.of.remove(&owner);
        Some(owner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_new_deadline_takes_the_place_of_the_old_one() {
        let start = Instant::now();
        let owner = Owner::Leg(LegId(1));
        let mut deadlines = Deadlines::default();
        deadlines.set(owner, Some(start));
        deadlines.set(owner, Some(start + Duration::from_secs(1)));
        assert_eq!(deadlines.take_due(start), None);
        assert_eq!(deadlines.first(), Some(start + Duration::from_secs(1)));
        assert_eq!(deadlines.take_due(start + Duration::from_secs(1)), Some(owner));
        assert_eq!(deadlines.first(), None);
    }

    #[test]
    fn an_owner_without_a_deadline_is_never_due() {
        let start = Instant::now();
        let owner = Owner::Leg(LegId(1));
        let mut deadlines = Deadlines::default();
        deadlines.set(owner, Some(start));
        deadlines.set(owner, None);
        assert_eq!(deadlines.first(), None);
        assert_eq!(deadlines.take_due(start), None);
    }
}
