//! The dial chain: people are rung, one after another or together, until one accepts.

use std::sync::Arc;
use std::time::Duration;

use crate::call::consent::Consent;
use crate::call::journal::{Action, DialIntent, Record, Step, StepResult};
use crate::call::leg::{Dial, Farewell, Gone, Leg, LegId, NotAnswered, Request, Ring};
use crate::call::occupancy::Reservation;
use crate::call::plan::{Hotline, Route};
use crate::call::race::{Race, Together};
use crate::call::run::{DISK_PATIENCE, House};
use crate::call::settings::CallerIdSetting;
use crate::call::timeline::{OpenStep, Timeline};
use crate::call::waiting::{self, Patience, Ticket};
use crate::call::{CallId, Desk, describe, screening};
use crate::oncall::{Attempt, Chain, E164, Next, Order, Person, PersonId, Phone, Rung, Walk, resolve};

/// How long the first sign of ringing may take.
pub(super) const RINGING_PATIENCE: Duration = Duration::from_secs(6);

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

/// Rings the people of a route, as its policy says. Nobody: none accepted.
pub async fn chain(desk: &mut Desk, route: &Route, ticket: &Ticket) -> Option<Responder> {
    let mut chain = resolve(&desk.roster, &route.policy, desk.house.clock.now(), &mut desk.rng);
    let known = waiting::same_responder_first(desk, route, &mut chain);
    let summary = summary(&chain, route.policy.order, known.as_deref());
    along(desk, route, ticket, chain, &summary).await
}

/// Rings the people of a chain that an ongoing call asks for. Nobody: none accepted.
pub async fn another(desk: &Desk, route: &Route, ticket: &Ticket, chain: Chain) -> Option<Responder> {
    let summary = summary(&chain, route.policy.order, None);
    along(desk, route, ticket, chain, &summary).await
}

async fn along(
    desk: &Desk,
    route: &Route,
    ticket: &Ticket,
    chain: Chain,
    summary: &str,
) -> Option<Responder> {
    desk.timeline.write(
        Step::DialChainResolved,
        Action::Internal,
        StepResult::Processed,
        Some(&route.name),
        summary,
    );
    let mut told = ToldWalk { walk: Walk::new(chain, &route.policy), timeline: desk.timeline.clone() };
    walk(desk, route, ticket, &mut told.walk).await
}

/// Goes along the chain until somebody has the call.
async fn walk(desk: &Desk, route: &Route, ticket: &Ticket, walk: &mut Walk) -> Option<Responder> {
    let race = Race::default();
    let mut ringing = Together::default();
    let mut patience = Patience::of(route);
    loop {
        let mut reserved = None;
        let next = walk.next(&mut |person, phone, last| {
            patience.reserve(desk, route, (person, phone, last), &mut reserved)
        });
        patience.let_go();
        match next {
            Next::Ring(attempt) => {
                patience.tries(&attempt, route.policy.order, ticket);
                ringing.add(ring(desk, route, &race, attempt, reserved));
            }
            Next::Wait => match ringing.next().await? {
                (order, Ok(mut responder)) => {
                    waiting::put_through(desk, route, ticket, &mut responder.reservation);
                    walk.report(order, Rung::Accepted);
                    race.won_by(&responder.person.name);
                    // The others let go of their phones at once, each with its own words.
                    while ringing.next().await.is_some() {}
                    return Some(responder);
                }
                (order, Err(rung)) => walk.report(order, rung),
            },
            Next::Over if patience.wait(desk, ticket, walk).await => {}
            Next::Over => return None,
        }
    }
}

/// One attempt, with its person and phone reserved.
async fn ring(
    desk: &Desk,
    route: &Route,
    race: &Race,
    attempt: Attempt,
    reserved: Option<Reservation>,
) -> (u32, Result<Responder, Rung>) {
    let hold = || desk.house.occupancy.hold(&attempt.person.id, &attempt.phone);
    let mut reservation = reserved.unwrap_or_else(hold);
    reservation.cleared().await;
    let accepted = target(desk, route, race, &attempt).await;
    let rung = accepted.as_ref().map_or_else(|rung| *rung, |_| Rung::Accepted);
    desk.facts.learn(|known| _ = known.asked.insert(attempt.person.id.clone(), rung));
    waiting::learn(desk, &attempt.person.id, rung, &mut reservation);
    let responder =
        accepted.map(|(leg, consent)| Responder { person: attempt.person, leg, consent, reservation });
    (attempt.order, responder)
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

fn summary(chain: &Chain, order: Order, known: Option<&str>) -> String {
    let mut more = known.map(|known| format!("; {known}")).unwrap_or_default();
    let left_out: Vec<_> = chain.not_rung.iter().map(ToString::to_string).collect();
    if !left_out.is_empty() {
        more.push_str(&format!("; left out: {}", left_out.join("; ")));
    }
    if chain.candidates.is_empty() {
        return format!("nobody is to be rung{more}");
    }
    let people: Vec<_> = chain
        .candidates
        .iter()
        .map(|candidate| {
            format!("{} (level {}: {})", candidate.person.name, candidate.level, candidate.because)
        })
        .collect();
    let how = match order {
        Order::Shuffled | Order::Listed => "in this order",
        Order::OneRandom => "the first of each level that is free",
        Order::AllAtOnce => "level by level, all of a level together",
    };
    format!("to be rung {how}: {}{more}", people.join("; "))
}

/// Rings one phone and asks whoever answers it.
async fn target(desk: &Desk, route: &Route, race: &Race, attempt: &Attempt) -> Result<(Leg, Consent), Rung> {
    let person = attempt.person.id.to_string();
    let detail = format!(
        "{}. ringing {} at {} (level {}: {})",
        attempt.order, attempt.person.name, attempt.phone, attempt.level, attempt.because
    );
    let mut leg = tokio::select! {
        biased;
        _ = race.lost() => return Err(Rung::TooLate),
        leg = dial(desk, attempt, &detail) => leg,
    };
    let step = desk.timeline.open(Step::DialTargetResult, Action::Received, Some(&person));
    let rung = tokio::select! {
        biased;
        winner = race.lost() => Err(winner),
        rung = leg.rung(RINGING_PATIENCE, route.ring) => Ok(rung),
    };
    for detour in leg.detours() {
        desk.timeline.write(Step::DialTarget, Action::Internal, StepResult::Failed, Some(&person), &detour);
    }
    match rung {
        Ok(rung) => result(rung, &mut leg, step, route.ring).map_err(|unanswered| unanswered.rung)?,
        Err(winner) => {
            // Whoever picks up in this very moment hears why there is nobody.
            let taken = desk.hotline.prompts.taken.to(attempt.person.language).clone();
            leg.on_release(Farewell::AnsweredElsewhere, Some(taken));
            step.done(&format!("{winner} accepted first: it rings no more"));
            return Err(Rung::TooLate);
        }
    }
    screening::confirm(desk, route, race, &attempt.person, leg).await
}

/// Dials a phone of the chain.
async fn dial(desk: &Desk, attempt: &Attempt, detail: &str) -> Leg {
    let placing = Placing {
        house: &desk.house,
        timeline: &desk.timeline,
        call: desk.id,
        beside: Some(desk.caller),
        hotline: &desk.hotline,
        caller_id: caller_id(desk),
        gives_way: false,
    };
    placing.dial(&attempt.person.id, &attempt.phone, detail).await
}

/// On whose behalf a phone is dialled.
#[derive(Debug)]
pub(super) struct Placing<'a> {
    pub(super) house: &'a House,
    pub(super) timeline: &'a Timeline,
    pub(super) call: CallId,
    /// The caller's leg, where there is one.
    pub(super) beside: Option<LegId>,
    pub(super) hotline: &'a Hotline,
    /// The number shown.
    pub(super) caller_id: Option<E164>,
    /// A caller who needs the line comes first.
    pub(super) gives_way: bool,
}

impl Placing<'_> {
    /// Writes the intent down, then dials.
    pub(super) async fn dial(&self, person: &PersonId, phone: &Phone, detail: &str) -> Leg {
        let person = person.to_string();
        let (leg, events) = Leg::new(self.house.requests.clone());
        self.house.journal.write(Record::DialIntent(DialIntent {
            call: self.call,
            leg: leg.id(),
            person: person.clone(),
            phone: phone.to_string(),
            at: self.house.clock.now(),
        }));
        if !self.house.journal.durable(DISK_PATIENCE).await {
            tracing::error!(call = %self.call, "the disk is slow or fails: dialling before the intent is durable");
        }
        self.timeline.write(Step::DialTarget, Action::Sent, StepResult::Processed, Some(&person), detail);
        // A switch that is gone drops the events, and with them the leg ends.
        let _ = self.house.requests.send(Request::Dial(Dial {
            leg: leg.id(),
            call: self.call,
            beside: self.beside,
            person,
            phone: phone.clone(),
            trunks: self.hotline.trunks.clone(),
            caller_id: self.caller_id.clone(),
            own_number: self.hotline.own_number().cloned(),
            gives_way: self.gives_way,
            events,
        }));
        leg
    }
}

fn caller_id(desk: &Desk) -> Option<E164> {
    match desk.hotline.caller_id {
        CallerIdSetting::Hotline => desk.hotline.own_number().cloned(),
        CallerIdSetting::Caller => desk.caller_number.clone(),
    }
}

/// Why a rung phone was not answered.
#[derive(Debug)]
pub(super) struct Unanswered {
    /// What it means for the chain.
    pub(super) rung: Rung,
    /// In words.
    pub(super) why: String,
    /// Whether the operator must look.
    failed: bool,
}

impl Unanswered {
    fn ordinary(rung: Rung, why: impl Into<String>) -> Self {
        Self { rung, why: why.into(), failed: false }
    }

    fn failed(rung: Rung, why: impl Into<String>) -> Self {
        Self { rung, why: why.into(), failed: true }
    }
}

/// Puts what became of a rung phone into words, and into what it means for the chain.
pub(super) fn result(rung: Ring, leg: &mut Leg, step: OpenStep, limit: Duration) -> Result<(), Unanswered> {
    let unanswered = match rung {
        Ring::Answered | Ring::Ringing => {
            step.done("answered");
            return Ok(());
        }
        Ring::RangOut => {
            leg.on_release(Farewell::RangOut, None);
            Unanswered::ordinary(Rung::NoAnswer, format!("no answer within {}", describe(limit)))
        }
        Ring::Silent => {
            leg.on_release(Farewell::RangOut, None);
            let patience = RINGING_PATIENCE.as_secs();
            Unanswered::failed(Rung::Failed, format!("it did not begin to ring within {patience} s"))
        }
        Ring::Gone(gone) => refused(gone),
    };
    match unanswered.failed {
        true => step.failed(&unanswered.why),
        false => step.done(&unanswered.why),
    }
    Err(unanswered)
}

fn refused(gone: Gone) -> Unanswered {
    let Gone::NotAnswered(why) = gone else {
        return Unanswered::failed(Rung::Failed, "the phone was lost before it answered");
    };
    match why {
        NotAnswered::Busy => Unanswered::ordinary(Rung::Busy, "busy"),
        NotAnswered::Declined => Unanswered::ordinary(Rung::Declined, "declined at the phone"),
        NotAnswered::NoAnswer => Unanswered::ordinary(Rung::NoAnswer, "no answer"),
        NotAnswered::Rejected { status, reason } => {
            let why = format!("refused with {status} {reason}: check the number and the trunk");
            Unanswered::failed(Rung::Failed, why)
        }
        NotAnswered::NoLine(why) => Unanswered::failed(Rung::NoLine, format!("no line was free: {why}")),
        NotAnswered::Unreachable(why) => {
            Unanswered::failed(Rung::Failed, format!("could not be reached: {why}"))
        }
    }
}
