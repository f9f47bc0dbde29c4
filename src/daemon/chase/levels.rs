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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::SeedableRng;

    use super::*;
    use crate::oncall::{DialPolicy, OncallFile, Order, PhoneChoice, Repeat};

    #[test]
    fn levels_within_a_level_have_its_number_and_the_delays_of_an_escalation() {
        let file = "[[people]]\nid = 'a'\nphones = ['+49301']\n[[people]]\nid = 'b'\nphones = ['+49302']\n\
            [[people]]\nid = 'c'\nphones = ['+49303']\n\
            [[escalations]]\nid = 'e'\nlevels = [{ targets = ['person:a'] }, { targets = ['person:b'], after = '2m' }]\n";
        let (roster, _) = OncallFile::parse(file).unwrap().compile();
        let level = |targets: &[&str]| targets.iter().map(|target| target.parse().unwrap()).collect();
        let policy = DialPolicy {
            levels: vec![level(&["escalation:e"]), level(&["person:c", "person:a"])],
            order: Order::Listed,
            phones: PhoneChoice::All,
            max_people: None,
            repeat: Repeat::Times(0),
            skip_dialled: true,
            skip_busy: true,
        };
        let people =
            resolve(&roster, &policy, Timestamp::UNIX_EPOCH, &mut StdRng::from_seed([0; 32])).candidates;
        let level = |number, after, people: &[&str]| Level {
            number,
            after,
            people: people.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(
            levels(&people),
            [
                level(1, Some(Duration::ZERO), &["a"]),
                level(1, Some(Duration::from_secs(120)), &["b"]),
                level(2, None, &["c", "a"])
            ]
        );
    }
}
