//! The line of callers who are held on a route, over all calls; and who of them gets whoever becomes free.

use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::call::occupancy::{Occupancy, Reservation};
use crate::oncall::{PersonId, Phone};

/// People who are waited for, with the phones that may be rung, in order.
pub type Wanted = Vec<(PersonId, Vec<Phone>)>;

/// A reservation on its way to the caller it was made for.
pub(in crate::call) type Handed = (oneshot::Sender<Reservation>, Reservation);

/// All callers who are held, those first whose turn it is first.
#[derive(Debug, Default)]
pub(in crate::call) struct Queue {
    newest: u64,
    held: Vec<Held>,
}

#[derive(Debug)]
struct Held {
    ticket: u64,
    hotline: String,
    route: String,
    front: bool,
    /// Whom the caller waits for, and where to send them.
    waits: Option<(Wanted, oneshot::Sender<Reservation>)>,
}

impl Queue {
    fn enter(&mut self, hotline: &str, route: &str, front: bool) -> u64 {
        self.newest += 1;
        let place = match front {
            true => self.held.iter().position(|held| !held.front).unwrap_or(self.held.len()),
            false => self.held.len(),
        };
        let (hotline, route) = (hotline.to_owned(), route.to_owned());
        self.held.insert(place, Held { ticket: self.newest, hotline, route, front, waits: None });
        self.newest
    }

    /// Takes a caller out; what was on the way is let go of by whoever gets it.
    fn leave(&mut self, ticket: u64) -> Option<oneshot::Sender<Reservation>> {
        let index = self.held.iter().position(|held| held.ticket == ticket)?;
        self.held.remove(index).waits.map(|(_, to)| to)
    }

    fn held(&mut self, ticket: u64) -> Option<&mut Held> {
        self.held.iter_mut().find(|held| held.ticket == ticket)
    }

    /// The place of a caller among those of the same route, from 1, and how many these are.
    fn place(&self, ticket: u64) -> Option<(usize, usize)> {
        let own = self.held.iter().find(|held| held.ticket == ticket)?;
        let route = self.held.iter().filter(|held| held.hotline == own.hotline && held.route == own.route);
        let tickets: Vec<_> = route.map(|held| held.ticket).collect();
        let index = tickets.iter().position(|known| *known == ticket)?;
        Some((index + 1, tickets.len()))
    }

    /// Whether anybody waits for somebody.
    pub(in crate::call) fn is_waiting(&self) -> bool {
        self.held.iter().any(|held| held.waits.is_some())
    }

    /// Goes along the line, and reserves for each caller who waits the first who can be.
    pub(in crate::call) fn hand_out(
        &mut self,
        mut reserve: impl FnMut(&PersonId, &Phone) -> Option<Reservation>,
    ) -> Vec<Handed> {
        let mut handed = Vec::new();
        for held in &mut self.held {
            let Some((wanted, _)) = &held.waits else { continue };
            let phones =
                wanted.iter().flat_map(|(person, phones)| phones.iter().map(move |phone| (person, phone)));
            let reserved = phones.into_iter().find_map(|(person, phone)| reserve(person, phone));
            if let Some(reservation) = reserved {
                handed.extend(held.waits.take().map(|(_, to)| (to, reservation)));
            }
        }
        handed
    }
}

/// A caller's place in the line, until it is dropped.
#[derive(Debug)]
pub struct Ticket {
    occupancy: Occupancy,
    number: u64,
    since: Instant,
    next_person: Notify,
    connected: Notify,
}

impl Ticket {
    /// A caller is held on a route from now on. `front`: before all who are not.
    pub fn draw(occupancy: &Occupancy, hotline: &str, route: &str, front: bool) -> Self {
        let number = occupancy.queue(|queue| queue.enter(hotline, route, front));
        Self {
            occupancy: occupancy.clone(),
            number,
            since: Instant::now(),
            next_person: Notify::new(),
            connected: Notify::new(),
        }
    }

    /// The place among those who are held on the same route, from 1, and how many these are.
    pub fn place(&self) -> (usize, usize) {
        self.occupancy.queue(|queue| queue.place(self.number)).unwrap_or((1, 1))
    }

    /// How long the caller has been held.
    pub fn waited(&self) -> Duration {
        self.since.elapsed()
    }

    /// Somebody else is tried now.
    pub fn tries_the_next(&self) {
        self.next_person.notify_one();
    }

    /// Resolves when somebody else is tried.
    pub async fn next_is_tried(&self) {
        self.next_person.notified().await;
    }

    /// The caller is about to be put through.
    pub fn connects(&self) {
        self.connected.notify_one();
    }

    /// Resolves when the caller is about to be put through.
    pub async fn is_connected(&self) {
        self.connected.notified().await;
    }

    /// Waits until one of these people is free and rested, and it is this caller's turn: then they are
    /// reserved for it.
    pub async fn somebody(&self, wanted: Wanted) -> Reservation {
        let (to, mut free) = oneshot::channel();
        self.occupancy.queue(|queue| {
            if let Some(held) = queue.held(self.number) {
                held.waits = Some((wanted, to));
            }
        });
        let asked = Asked(self);
        self.occupancy.hand_out();
        let reservation = (&mut free).await;
        drop(asked);
        match reservation {
            Ok(reservation) => reservation,
            // Nobody lets go of the other end: this caller alone could.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // Whatever is let go of here is let go of without the lock.
        let _waits = self.occupancy.queue(|queue| queue.leave(self.number));
    }
}

/// A question that is taken back when nobody listens to the answer any more.
struct Asked<'a>(&'a Ticket);

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let Ticket { occupancy, number, .. } = self.0;
        let _waits = occupancy.queue(|queue| queue.held(*number).and_then(|held| held.waits.take()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone() -> Phone {
        Phone::parse("+4930111").unwrap()
    }

    fn anna() -> Wanted {
        vec![("anna".into(), vec![phone()])]
    }

    /// In which order these callers get anna, each letting go of her at once.
    async fn served(occupancy: Occupancy, tickets: Vec<(&'static str, Ticket)>) -> Vec<&'static str> {
        let busy = occupancy.hold(&"anna".into(), &phone());
        let (told, mut order) = tokio::sync::mpsc::unbounded_channel();
        for (name, ticket) in tickets {
            let told = told.clone();
            tokio::spawn(async move {
                let _reservation = ticket.somebody(anna()).await;
                told.send(name).unwrap();
                drop(ticket);
            });
        }
        drop(told);
        tokio::task::yield_now().await;
        drop(busy);
        let mut served = Vec::new();
        while let Some(name) = order.recv().await {
            served.push(name);
        }
        served
    }

    fn poll<F: Future>(future: &mut std::pin::Pin<Box<F>>) -> Option<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn who_has_waited_longest_comes_first_and_who_is_to_be_in_front_before_all_others() {
        let occupancy = Occupancy::default();
        let names = [("first", false), ("second", false), ("vip", true), ("third", false), ("vip 2", true)];
        let tickets: Vec<_> = names
            .map(|(name, front)| (name, Ticket::draw(&occupancy, "Support", "Production", front)))
            .into_iter()
            .collect();
        assert_eq!(tickets[0].1.place(), (3, 5));
        assert_eq!(tickets[4].1.place(), (2, 5));
        let order = served(occupancy, tickets).await;
        assert_eq!(order, ["vip", "vip 2", "first", "second", "third"]);
    }

    #[tokio::test]
    async fn places_are_counted_within_a_route() {
        let occupancy = Occupancy::default();
        let draw = |hotline, route| Ticket::draw(&occupancy, hotline, route, false);
        let callers = [draw("A", "1"), draw("A", "2"), draw("B", "1"), draw("A", "1")];
        assert_eq!(callers.each_ref().map(Ticket::place), [(1, 2), (1, 1), (1, 1), (2, 2)]);
        let [first, _, _, last] = callers;
        drop(first);
        assert_eq!(last.place(), (1, 1));
    }

    #[tokio::test]
    async fn a_caller_who_has_gone_passes_whoever_was_on_the_way_on_to_the_next() {
        let occupancy = Occupancy::default();
        let busy = occupancy.hold(&"anna".into(), &phone());
        let [gone, next] = [(); 2].map(|()| Ticket::draw(&occupancy, "A", "1", false));
        let mut left = Box::pin(gone.somebody(anna()));
        let mut right = Box::pin(next.somebody(anna()));
        assert!(poll(&mut left).is_none() && poll(&mut right).is_none());
        drop(busy);
        // Anna is reserved for the first caller, whose task has not yet run when it is ended.
        assert!(occupancy.reserve(&"anna".into(), &phone()).is_none());
        drop(left);
        assert!(poll(&mut right).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_rests_is_handed_out_when_the_rest_is_over() {
        use crate::call::occupancy::RestKind;
        let occupancy = Occupancy::default();
        let mut busy = occupancy.hold(&"anna".into(), &phone());
        busy.then_rests(Duration::from_secs(30), RestKind::WrapUp);
        let ticket = Ticket::draw(&occupancy, "A", "1", false);
        let began = Instant::now();
        let (reservation, ()) = tokio::join!(ticket.somebody(anna()), async { drop(busy) });
        assert_eq!(began.elapsed(), Duration::from_secs(30));
        drop(reservation);
        assert!(occupancy.reserve(&"anna".into(), &phone()).is_some());
    }
}
