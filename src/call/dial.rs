//! The dial chain: people are rung one after another until one accepts.

use std::sync::Arc;
use std::time::Duration;

use crate::call::consent::Consent;
use crate::call::journal::{Action, DialIntent, Record, Step, StepResult};
use crate::call::leg::{Dial, Farewell, Gone, Leg, NotAnswered, Request, Ring};
use crate::call::occupancy::Reservation;
use crate::call::plan::Route;
use crate::call::run::DISK_PATIENCE;
use crate::call::settings::CallerIdSetting;
use crate::call::timeline::{OpenStep, Timeline};
use crate::call::{Desk, describe, screening};
use crate::oncall::{Attempt, Chain, E164, Next, Person, PersonId, Rung, Walk, resolve};

/// How long the first sign of ringing may take.
const RINGING_PATIENCE: Duration = Duration::from_secs(6);

/// Somebody who has accepted.
#[derive(Debug)]
pub struct Responder {
    /// Who.
    pub person: Arc<Person>,
    /// Their phone.
    pub leg: Leg,
    /// Whether the call is recorded.
    pub consent: Consent,
    /// Keeps other calls from ringing them.
    pub reservation: Reservation,
}

/// Rings the people of a route in turn. Nobody: none accepted.
pub async fn chain(desk: &mut Desk, route: &Route) -> Option<Responder> {
    let chain = resolve(&desk.roster, &route.policy, desk.house.clock.now(), &mut desk.rng);
    let summary = summary(&chain);
    desk.timeline.write(
        Step::DialChainResolved,
        Action::Internal,
        StepResult::Processed,
        Some(&route.name),
        &summary,
    );
    let mut walk = ToldWalk { walk: Walk::new(chain, &route.policy), timeline: desk.timeline.clone() };
    let mut responder = None;
    while responder.is_none() {
        let occupancy = desk.house.occupancy.clone();
        let mut reserved = None;
        let next = walk.walk.next(&mut |person, phone| {
            reserved = occupancy.reserve(&person.id, phone);
            reserved.is_none()
        });
        let Next::Ring(attempt) = next else { break };
        let reservation = reserved.unwrap_or_else(|| occupancy.hold(&attempt.person.id, &attempt.phone));
        match target(desk, route, &attempt).await {
            Ok((leg, consent)) => {
                walk.walk.report(attempt.order, Rung::Accepted);
                responder = Some(Responder { person: attempt.person, leg, consent, reservation });
            }
            Err(rung) => walk.walk.report(attempt.order, rung),
        }
    }
    responder
}

/// A walk that tells at its end, also where the call ends in the middle of it, who was not rung.
#[derive(Debug)]
struct ToldWalk {
    walk: Walk,
    timeline: Timeline,
}

impl Drop for ToldWalk {
    fn drop(&mut self) {
        for left_out in self.walk.not_rung() {
            let detail = format!("not rung: {}", left_out.because);
            let person = left_out.person.as_ref().map(PersonId::as_str);
            self.timeline.write(Step::DialTarget, Action::Internal, StepResult::Ignored, person, &detail);
        }
    }
}

fn summary(chain: &Chain) -> String {
    if chain.candidates.is_empty() {
        return "nobody is to be rung".to_owned();
    }
    let people: Vec<_> = chain
        .candidates
        .iter()
        .map(|candidate| {
            format!("{} (level {}: {})", candidate.person.name, candidate.level, candidate.because)
        })
        .collect();
    format!("to be rung in this order: {}", people.join("; "))
}

/// Rings one phone and asks whoever answers it.
async fn target(desk: &mut Desk, route: &Route, attempt: &Attempt) -> Result<(Leg, Consent), Rung> {
    let person = attempt.person.id.to_string();
    let detail = format!(
        "{}. ringing {} at {} (level {}: {})",
        attempt.order, attempt.person.name, attempt.phone, attempt.level, attempt.because
    );
    let mut leg = dial(desk, attempt, &detail).await;
    let step = desk.timeline.open(Step::DialTargetResult, Action::Received, Some(&person));
    let rung = leg.rung(RINGING_PATIENCE, route.ring).await;
    for detour in leg.detours() {
        desk.timeline.write(Step::DialTarget, Action::Internal, StepResult::Failed, Some(&person), &detour);
    }
    result(rung, &mut leg, step, route.ring)?;
    screening::confirm(desk, route, &attempt.person, leg).await
}

/// Writes the intent down, then dials.
async fn dial(desk: &Desk, attempt: &Attempt, detail: &str) -> Leg {
    let person = attempt.person.id.to_string();
    let (leg, events) = Leg::new(desk.house.requests.clone());
    desk.house.journal.write(Record::DialIntent(DialIntent {
        call: desk.id,
        leg: leg.id(),
        person: person.clone(),
        phone: attempt.phone.to_string(),
        at: desk.house.clock.now(),
    }));
    if !desk.house.journal.durable(DISK_PATIENCE).await {
        tracing::error!(call = %desk.id, "the disk is slow: dialling before the intent is durable");
    }
    desk.timeline.write(Step::DialTarget, Action::Sent, StepResult::Processed, Some(&person), detail);
    // A switch that is gone drops the events, and with them the leg ends.
    let _ = desk.house.requests.send(Request::Dial(Dial {
        leg: leg.id(),
        call: desk.id,
        beside: desk.caller,
        person,
        phone: attempt.phone.clone(),
        trunks: desk.hotline.trunks.clone(),
        caller_id: caller_id(desk),
        own_number: desk.hotline.own_number().cloned(),
        events,
    }));
    leg
}

fn caller_id(desk: &Desk) -> Option<E164> {
    match desk.hotline.caller_id {
        CallerIdSetting::Hotline => desk.hotline.own_number().cloned(),
        CallerIdSetting::Caller => desk.caller_number.clone(),
    }
}

/// Puts what became of a rung phone into words, and into what it means for the chain.
fn result(rung: Ring, leg: &mut Leg, step: OpenStep, limit: Duration) -> Result<(), Rung> {
    let limit = describe(limit);
    match rung {
        Ring::Answered | Ring::Ringing => {
            step.done("answered");
            Ok(())
        }
        Ring::RangOut => {
            leg.on_release(Farewell::RangOut, None);
            step.done(&format!("no answer within {limit}"));
            Err(Rung::NoAnswer)
        }
        Ring::Silent => {
            leg.on_release(Farewell::RangOut, None);
            let patience = RINGING_PATIENCE.as_secs();
            step.failed(&format!("it did not begin to ring within {patience} s"));
            Err(Rung::Failed)
        }
        Ring::Gone(gone) => Err(refused(gone, step)),
    }
}

fn refused(gone: Gone, step: OpenStep) -> Rung {
    let Gone::NotAnswered(why) = gone else {
        step.failed("the phone was lost before it answered");
        return Rung::Failed;
    };
    match why {
        NotAnswered::Busy => {
            step.done("busy");
            Rung::Busy
        }
        NotAnswered::Declined => {
            step.done("declined at the phone");
            Rung::Declined
        }
        NotAnswered::NoAnswer => {
            step.done("no answer");
            Rung::NoAnswer
        }
        NotAnswered::Rejected { status, reason } => {
            step.failed(&format!("refused with {status} {reason}: check the number and the trunk"));
            Rung::Failed
        }
        NotAnswered::Unreachable(why) => {
            step.failed(&format!("could not be reached: {why}"));
            Rung::Failed
        }
    }
}
