//! Who is on which level of a route now.

use std::sync::Arc;

use jiff::Timestamp;
use rand::rngs::StdRng;

use crate::call::plan::{Hotline, Route, Snapshot};
use crate::incident::chase::Level;
use crate::oncall::{Candidate, resolve};

/// The way of an incident: the hotline and the route of its call, as they are now, and the people.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) hotline: Arc<Hotline>,
    pub(super) route: Arc<Route>,
    pub(super) people: Vec<Candidate>,
    pub(super) levels: Vec<Level>,
}

impl Plan {
    /// Nothing: the hotline or the route is gone.
    pub(super) fn of(
        snapshot: &Snapshot,
        hotline: &str,
        route: &str,
        now: Timestamp,
        rng: &mut StdRng,
    ) -> Option<Self> {
        let hotline = snapshot.hotlines.iter().find(|known| known.name == hotline)?.clone();
        let route = hotline.routes.iter().find(|known| known.name == route)?.clone();
        let people = resolve(&snapshot.roster, &route.policy, now, rng).candidates;
        let levels = levels(&people);
        Some(Self { hotline, route, people, levels })
    }

    /// Somebody of it.
    pub(super) fn person(&self, id: &str) -> Option<&Candidate> {
        self.people.iter().find(|candidate| candidate.person.id.as_str() == id)
    }
}

/// Each level of the chain with its people.
fn levels(people: &[Candidate]) -> Vec<Level> {
    let levels = people.chunk_by(|one, next| one.level == next.level);
    levels
        .map(|level| {
            let number = level.first().and_then(|first| first.level.split('.').next()?.parse().ok());
            Level {
                number: number.unwrap_or(u8::MAX),
                after: level.iter().find_map(|candidate| candidate.after),
                people: level.iter().map(|candidate| candidate.person.id.to_string()).collect(),
            }
        })
        .collect()
}
