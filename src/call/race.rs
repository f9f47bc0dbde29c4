//! Several phones ring for one caller: who accepts first has the call, and nobody else.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use tokio::sync::{Semaphore, SemaphorePermit, watch};

/// Settles which of those who are rung for a call gets it.
#[derive(Debug)]
pub struct Race {
    /// The name of who has the call.
    winner: watch::Sender<Option<String>>,
    /// Whoever has accepted holds it until the call is theirs, or they are lost.
    first: Semaphore,
}

impl Default for Race {
    /// Nobody has won.
    fn default() -> Self {
        Self { winner: watch::Sender::new(None), first: Semaphore::new(1) }
    }
}

impl Race {
    /// Waits until nobody who accepted earlier is in the way. As long as the permit is held the call is
    /// nobody else's.
    pub async fn claim(&self) -> SemaphorePermit<'_> {
        match self.first.acquire().await {
            Ok(permit) => permit,
            // Nobody closes it.
            Err(_) => std::future::pending().await,
        }
    }

    /// The call is this person's, who holds the permit.
    pub fn won_by(&self, name: &str) {
        self.winner.send_replace(Some(name.to_owned()));
    }

    /// Resolves, with the name of the winner, once somebody else has the call.
    pub async fn lost(&self) -> String {
        let mut winner = self.winner.subscribe();
        let name = winner.wait_for(Option::is_some).await.ok().and_then(|winner| winner.clone());
        match name {
            Some(name) => name,
            // The sender lives as long as `self`.
            None => std::future::pending().await,
        }
    }
}

/// Futures that go on side by side in one task. Letting go of it lets go of them all.
pub struct Together<'a, T> {
    running: Vec<Pin<Box<dyn Future<Output = T> + Send + 'a>>>,
}

impl<T> fmt::Debug for Together<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Together({} running)", self.running.len())
    }
}

impl<T> Default for Together<'_, T> {
    /// Nothing is going on.
    fn default() -> Self {
        Self { running: Vec::new() }
    }
}

impl<'a, T> Together<'a, T> {
    /// One more begins.
    pub fn add(&mut self, future: impl Future<Output = T> + Send + 'a) {
        self.running.push(Box::pin(future));
    }

    /// What comes of the next one to end; of those that end in the same moment, of the one that began
    /// first. Nothing, if nothing is going on.
    pub async fn next(&mut self) -> Option<T> {
        poll_fn(|context| {
            for index in 0..self.running.len() {
                let Some(future) = self.running.get_mut(index) else { break };
                if let Poll::Ready(outcome) = future.as_mut().poll(context) {
                    drop(self.running.remove(index));
                    return Poll::Ready(Some(outcome));
                }
            }
            if self.running.is_empty() { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_next_to_accept_has_it_if_the_first_is_lost() {
        let race = Race::default();
        let anna = race.claim().await;
        let bob = async {
            let _bob = race.claim().await;
            race.won_by("bob");
        };
        tokio::join!(bob, async { drop(anna) });
        assert_eq!(race.lost().await, "bob");
    }

    #[tokio::test]
    async fn of_those_that_end_in_one_moment_the_one_that_began_first_is_told_first() {
        let mut together = Together::default();
        let (go, gone) = watch::channel(false);
        for name in ["anna", "bob", "carla"] {
            let mut gone = gone.clone();
            together.add(async move {
                let _ = gone.wait_for(|gone| *gone).await;
                name
            });
        }
        let started = async { go.send_replace(true) };
        let (first, _) = tokio::join!(together.next(), started);
        assert_eq!(first, Some("anna"));
        assert_eq!((together.next().await, together.next().await), (Some("bob"), Some("carla")));
        assert_eq!(together.next().await, None);
    }
}
