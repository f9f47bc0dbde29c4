//! Callers who wait, and responders who cannot be rung now.
//!
//! Each caller who is held on a route has a ticket (`queue`). While its own chain goes on, it is only counted
//! by it. Where all who are left are busy and the route lets callers wait, it asks for them; whoever becomes
//! free is reserved for the first in line before anybody else can ask. What callers hear meanwhile is in `held`.
//! Whoever has just had a call, has declined one or does not answer is left in peace for a while, yet never at
//! the price of a caller: see docs/decisions/0029.

mod held;
mod queue;

pub use held::{Held, say_connected};
pub(in crate::call) use queue::{Handed, Queue};
pub use queue::{Ticket, Wanted};

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::call::history::before;
use crate::call::journal::{Action, Step, StepResult};
use crate::call::occupancy::{Reservation, Rest, RestKind, Taken};
use crate::call::plan::{Pause, Route};
use crate::call::{Desk, describe};
use crate::oncall::{Attempt, Chain, Order, Person, PersonId, Phone, Rung, Standing, Walk};

/// Who has declined a call is not rung for another one for so long, if anybody else is free.
pub const AFTER_DECLINE: Duration = Duration::from_secs(30);

/// How long a call still waits for people who are busy.
#[derive(Debug)]
pub struct Patience {
    most: Duration,
    /// Since the caller first waited.
    until: Option<Instant>,
    /// Whoever can be rung at all is rung now.
    over: bool,
    /// Whoever became free for this caller.
    handed: Option<Reservation>,
    /// The person, or the level that rings together, who was rung last.
    tried: String,
}

impl Patience {
    /// That of a caller on a route.
    pub fn of(route: &Route) -> Self {
        let most = route.waiting.for_busy;
        Self { most, until: None, over: most.is_zero(), handed: None, tried: String::new() }
    }

    /// Reserves a phone that would be rung now, or tells why it is not to be. `last`: all others have been
    /// tried.
    pub fn reserve(
        &mut self,
        desk: &Desk,
        route: &Route,
        (person, phone, last): (&Person, &Phone, bool),
        reserved: &mut Option<Reservation>,
    ) -> Standing {
        if let Some(handed) = self.handed.take_if(|handed| handed.is_of(&person.id, phone)) {
            *reserved = Some(handed);
            return Standing::Free;
        }
        if let Some(why) = paused(desk, route, &person.id).filter(|_| !last) {
            return Standing::Later(why);
        }
        let heed = !(last && self.over);
        match desk.house.occupancy.reserve_rested(&person.id, phone, heed) {
            Ok(reservation) => {
                *reserved = Some(reservation);
                Standing::Free
            }
            Err(Taken::InUse) => Standing::Busy,
            Err(Taken::Resting(rest)) => Standing::Later(rests(rest)),
        }
    }

    /// Lets go of whoever became free and is not rung after all, because somebody else could be: the next
    /// caller in line gets them.
    pub fn let_go(&mut self) {
        self.handed = None;
    }

    /// Somebody is rung: the caller may be told that it is somebody else than before.
    pub fn tries(&mut self, attempt: &Attempt, order: Order, ticket: &Ticket) {
        let whom = match order {
            Order::AllAtOnce => attempt.level.as_str(),
            Order::Shuffled | Order::Listed | Order::OneRandom => attempt.person.id.as_str(),
        };
        if !self.tried.is_empty() && self.tried != whom {
            ticket.tries_the_next();
        }
        whom.clone_into(&mut self.tried);
    }

    /// Waits for somebody whom the walk has left out as busy. Nobody is to be waited for: `false`. After the
    /// time the route allows, whoever was only left in peace is tried all the same.
    pub async fn wait(&mut self, desk: &Desk, ticket: &Ticket, walk: &mut Walk) -> bool {
        let busy = walk.waits_for();
        if self.over || busy.is_empty() {
            return false;
        }
        let names: Vec<_> = busy.iter().map(|(person, _)| person.name.clone()).collect();
        let until = *self.until.get_or_insert_with(|| Instant::now() + self.most);
        tell(desk, &begun(&names, until, ticket));
        let wanted = busy.into_iter().map(|(person, phones)| (person.id.clone(), phones)).collect();
        let began = Instant::now();
        tokio::select! {
            biased;
            reservation = ticket.somebody(wanted) => {
                tell(desk, &format!("{} is free after {}", reservation.person(), describe(began.elapsed())));
                self.handed = Some(reservation);
            }
            () = tokio::time::sleep_until(until) => {
                tell(desk, &format!("nobody became free within {}", describe(self.most)));
                self.over = true;
            }
        }
        walk.try_again();
        true
    }
}

fn begun(names: &[String], until: Instant, ticket: &Ticket) -> String {
    let left = describe(until.saturating_duration_since(Instant::now()));
    let place = match ticket.place() {
        (_, 1) => String::new(),
        (place, of) => format!(", {place}. of {of} callers in line"),
    };
    format!("nobody else can be rung now: waiting up to {left} for {}{place}", names.join(", "))
}

fn tell(desk: &Desk, detail: &str) {
    desk.timeline.write(Step::DialTarget, Action::Internal, StepResult::Processed, None, detail);
}

fn rests(rest: Rest) -> String {
    let left = describe(rest.until.saturating_duration_since(Instant::now()));
    match rest.why {
        RestKind::WrapUp => format!("has just had a call (wrap-up, {left} left)"),
        RestKind::Declined => "has just declined another call".to_owned(),
    }
}

/// Why somebody is left out for a while who misses calls.
fn paused(desk: &Desk, route: &Route, person: &PersonId) -> Option<String> {
    let Pause { after_misses, length } = route.waiting.pause?;
    let misses = desk.house.history.misses(person).filter(|misses| misses.count >= after_misses)?;
    let left = left(misses.last, length, desk.house.clock.now())?;
    Some(format!("has missed {} calls in a row (paused, {} left)", misses.count, describe(left)))
}

/// What is left at an instant of a time that began at another; nothing when it is over.
fn left(began: Timestamp, length: Duration, now: Timestamp) -> Option<Duration> {
    let gone = Duration::try_from(now.duration_since(began)).unwrap_or_default();
    length.checked_sub(gone).filter(|left| !left.is_zero())
}

/// What a call teaches about somebody who was rung: the reservation tells it to the others at its end.
pub fn learn(desk: &Desk, person: &PersonId, rung: Rung, reservation: &mut Reservation) {
    let history = &desk.house.history;
    match rung {
        Rung::NoAnswer | Rung::NotAccepted => history.missed(person, desk.id, desk.house.clock.now()),
        Rung::Declined => {
            history.is_there(person);
            reservation.then_rests(AFTER_DECLINE, RestKind::Declined);
        }
        Rung::Accepted => history.is_there(person),
        _ => {}
    }
}

/// A caller is put through: the responder rests afterwards, and later callers know how long one waits.
pub fn put_through(desk: &Desk, route: &Route, ticket: &Ticket, reservation: &mut Reservation) {
    let now = desk.house.clock.now();
    desk.house.history.put_through(&desk.hotline.name, &route.name, now, ticket.waited());
    reservation.then_rests(route.waiting.wrap_up, RestKind::WrapUp);
}

/// Puts the responder first who spoke with this caller lately, if the chain leads there. Returns what there is to
/// tell.
pub fn same_responder_first(desk: &Desk, route: &Route, chain: &mut Chain) -> Option<String> {
    let within = SignedDuration::try_from(route.waiting.same_responder?).ok()?;
    let now = desk.house.clock.now();
    let caller = desk.caller_number.as_ref()?;
    let since = before(now, within);
    let (person, ended) = desk.house.history.last_responder(caller, &desk.called, since)?;
    let ago = describe(Duration::try_from(now.duration_since(ended)).unwrap_or_default());
    if chain.put_first(&person, &format!("spoke with this caller {ago} ago")) {
        return None;
    }
    Some(format!("{person} spoke with this caller {ago} ago, and is not to be rung on this route"))
}
