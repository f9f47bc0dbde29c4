//! Another person for a call that somebody has accepted: whom, and ringing them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::call::plan::{Accept, Route, Waiting};
use crate::call::waiting::Ticket;
use crate::call::{Desk, dial};
use crate::oncall::{Chain, DialPolicy, NotRung, PersonId, Repeat, Rung, Target, resolve};

/// Rings others of a route, or the one who was chosen among those who may be invited. Who is in the call
/// already is `here`. Nobody: none accepted.
pub async fn ring(
    mut desk: Desk,
    route: Route,
    here: Vec<PersonId>,
    chosen: Option<Target>,
) -> Option<dial::Responder> {
    let named = !route.invite.targets.is_empty();
    let levels = match chosen {
        Some(target) => vec![vec![target]],
        None if named => vec![route.invite.targets.clone()],
        None => route.policy.levels.clone(),
    };
    // The limits of the chain were for the caller's waiting; this is somebody's wish.
    let policy = DialPolicy { levels, max_people: None, repeat: Repeat::Times(0), ..route.policy.clone() };
    let accept = Accept { prompt: route.invite.ask.clone(), ..route.accept.clone() };
    // Nobody is waited for, and no caller's time on hold is counted by it: it has a name of its own.
    let waiting = Waiting { for_busy: Duration::ZERO, ..route.waiting };
    let name = format!("{} (another person)", route.name);
    let route = Route { name, policy, accept, waiting, ..route };
    let mut chain = resolve(&desk.roster, &route.policy, desk.house.clock.now(), &mut desk.rng);
    leave_out(&mut chain, |person| here.contains(person), "in this call already");
    if !named {
        leave_out_asked(&mut chain, &desk.facts.known().asked);
    }
    let ticket = Ticket::draw(&desk.house.occupancy, &desk.hotline.name, &route.name, false);
    dial::another(&desk, &route, &ticket, chain).await
}

/// Who has declined the call is not rung for it again. Who was rung before and did not answer is only where
/// nobody else is left.
fn leave_out_asked(chain: &mut Chain, asked: &BTreeMap<PersonId, Rung>) {
    let declined = |person: &PersonId| asked.get(person) == Some(&Rung::Declined);
    leave_out(chain, declined, "declined this call before");
    if chain.candidates.iter().any(|candidate| !asked.contains_key(&candidate.person.id)) {
        leave_out(chain, |person| asked.contains_key(person), "rung for this call before");
    }
}

fn leave_out(chain: &mut Chain, whom: impl Fn(&PersonId) -> bool, because: &str) {
    let left_out = chain.candidates.extract_if(.., |candidate| whom(&candidate.person.id));
    for candidate in left_out {
        let person = Some(candidate.person.id.clone());
        if !chain.not_rung.iter().any(|entry| entry.person == person) {
            chain.not_rung.push(NotRung { person, because: because.to_owned() });
        }
    }
}
