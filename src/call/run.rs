//! A call from its INVITE to its record: the start, the one place where a hang-up is noticed, and
//! the epilogue that always runs.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{mpsc, watch};

use crate::call::clock::Clock;
use crate::call::consent::Consent;
use crate::call::facts::{Facts, Known};
use crate::call::history::{History, PastCall};
use crate::call::hotline;
use crate::call::journal::{Action, Ended, Journal, Record, Started, Stated, Step, StepResult};
use crate::call::leg::{Gone, GoneWatch, Leg, Request};
use crate::call::lockout::Lockout;
use crate::call::occupancy::Occupancy;
use crate::call::plan::{Hotline, Snapshot};
use crate::call::timeline::Timeline;
use crate::call::{CallId, Desk};
use crate::incident::Fact;
use crate::oncall::{E164, PersonId};

/// How long a call waits for the disk before it goes on without it.
pub const DISK_PATIENCE: Duration = Duration::from_millis(500);

/// What calls share.
#[derive(Debug, Clone)]
pub struct House {
    /// Where calls are written down.
    pub journal: Journal,
    /// Who is on the phone.
    pub occupancy: Occupancy,
    /// What is known of the calls before.
    pub history: History,
    /// Wrong PINs of late.
    pub lockout: Lockout,
    /// The way to the switch.
    pub requests: mpsc::UnboundedSender<Request>,
    /// The time.
    pub clock: Clock,
    /// `true`: calls still running are to end.
    pub shutdown: watch::Receiver<bool>,
}

/// A call that has come in.
#[derive(Debug)]
pub struct Incoming {
    /// Its id.
    pub call: CallId,
    /// The caller's leg.
    pub caller: Leg,
    /// The hotline that was dialled.
    pub hotline: Arc<Hotline>,
    /// The number that was dialled.
    pub number: String,
    /// Who calls, if the number is not withheld.
    pub from: Option<E164>,
    /// What else the trunk says of the caller.
    pub stated: Stated,
    /// The trunk.
    pub trunk: String,
    /// The Call-ID.
    pub sip_call_id: String,
    /// All hotlines, people, teams and schedules as they stand now.
    pub snapshot: Arc<Snapshot>,
    /// Seeds the order in which people are rung.
    pub seed: [u8; 32],
}

/// Runs a call to its end. Exactly one record comes of it, whatever happens.
pub async fn run(incoming: Incoming, house: House) {
    let id = incoming.call;
    let began = house.clock.now();
    let _running = house.occupancy.begin();
    let timeline = Timeline::new(id, house.clock, house.journal.clone());
    let facts = Facts::default();
    let from = incoming.from.as_ref().map_or("anonymous", E164::as_str).to_owned();
    let row = Started {
        call: id,
        hotline: incoming.hotline.name.clone(),
        number: incoming.number.clone(),
        caller: from.clone(),
        at: began,
        trunk: incoming.trunk.clone(),
        sip_call_id: incoming.sip_call_id.clone(),
        stated: incoming.stated.clone(),
    };
    house.journal.write(Record::Started(row.clone()));
    let received = received(&from, &incoming);
    let hotline = incoming.hotline.name.clone();
    timeline.write(Step::CallReceived, Action::Received, StepResult::Processed, None, &received);

    let mut caller_gone = incoming.caller.gone();
    let mut shutdown = house.shutdown.clone();
    let desk = Desk {
        id,
        row: Arc::new(row),
        caller: incoming.caller.id(),
        caller_number: incoming.from,
        called: hotline.clone(),
        hotline: incoming.hotline,
        roster: incoming.snapshot.roster.clone(),
        snapshot: incoming.snapshot,
        front: false,
        caller_name: None,
        ticket: None,
        house: house.clone(),
        timeline: timeline.clone(),
        facts: facts.clone(),
        consent: Consent::default(),
        rng: StdRng::from_seed(incoming.seed),
    };
    let mut caller = incoming.caller;
    let mut script = tokio::spawn(async move {
        let reason = hotline::script(&mut caller, desk).await;
        // The leg comes back with the reason: were it let go of inside, its end would be seen first.
        (reason, caller)
    });
    let reason = tokio::select! {
        biased;
        ended = &mut script => script_ended(id, ended, &facts),
        reason = interruption(&mut caller_gone, &mut shutdown, &facts) => {
            timeline.interrupted_by(&reason);
            script.abort();
            // Letting go of the script lets go of its legs; only then is the recording's end near.
            let _ = script.await;
            reason
        }
    };

    spoken(id, &facts, &house);
    facts.close_recordings(id, &timeline, &house.journal).await;
    epilogue(id, &reason, &facts, &timeline, &house);
    house.history.ended(past_call(from, hotline, began, facts.known(), house.clock.now()));
}

/// What later calls know of this one.
fn past_call(caller: String, hotline: String, began: Timestamp, known: Known, ended: Timestamp) -> PastCall {
    let outcome = known.outcome();
    let responder = known.responder.as_deref().map(PersonId::from);
    PastCall { caller, hotline, route: known.route, responder, outcome, began, ended }
}

/// Who calls whom, and what the trunk says of it, in words.
fn received(from: &str, incoming: &Incoming) -> String {
    let stated = &incoming.stated;
    let name = stated.display_name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let mut said = format!("{from}{name} calls {} over {}", incoming.number, incoming.trunk);
    let more = stated.describe();
    if !more.is_empty() {
        said.push_str(": ");
        said.push_str(&more);
    }
    said
}

/// What ends a call from outside its script, in words.
async fn interruption(caller: &mut GoneWatch, shutdown: &mut watch::Receiver<bool>, facts: &Facts) -> String {
    tokio::select! {
        biased;
        gone = caller.ended() => describe_gone(&gone, facts),
        Ok(_) = shutdown.wait_for(|stop| *stop) => "the daemon was stopped".to_owned(),
    }
}

/// How it was with those who accepted, at the end: they had spoken, or had left the caller alone.
fn spoken(call: CallId, facts: &Facts, house: &House) {
    let Known { bridged: true, alone, .. } = facts.known() else { return };
    let fact = if alone { Fact::NobodyAnswered } else { Fact::BridgeEnded };
    house.journal.write(Record::Fact { call, at: house.clock.now(), fact: Box::new(fact) });
}

fn epilogue(id: CallId, reason: &str, facts: &Facts, timeline: &Timeline, house: &House) {
    timeline.write(Step::Hangup, Action::Internal, StepResult::Processed, None, reason);
    let known = facts.known();
    let abandoned = known.abandoned();
    house.journal.write(Record::Ended(Ended {
        call: id,
        at: house.clock.now(),
        outcome: known.outcome(),
        reason: reason.to_owned(),
        answered_at: known.answered_at,
        route: known.route,
        responder: known.responder,
        abandoned,
    }));
}

fn script_ended(id: CallId, ended: Result<(String, Leg), tokio::task::JoinError>, facts: &Facts) -> String {
    match ended {
        Ok((reason, _caller)) => reason,
        Err(error) => {
            facts.learn(|known| known.broken = true);
            tracing::error!(call = %id, %error, "the script of a call broke");
            "internal error".to_owned()
        }
    }
}

fn describe_gone(gone: &Gone, facts: &Facts) -> String {
    match gone {
        Gone::HungUp => {
            facts.learn(|known| known.hung_up = true);
            "the caller hung up".to_owned()
        }
        Gone::MediaTimeout => "nothing was heard from the caller's phone any more".to_owned(),
        Gone::TooLong => "max_call_length was reached".to_owned(),
        Gone::NoAck => {
            facts.learn(|known| known.broken = true);
            "the answer was never acknowledged".to_owned()
        }
        Gone::NotAnswered(_) => "the caller's leg was refused".to_owned(),
        Gone::Broken(why) => {
            facts.learn(|known| known.broken = true);
            why.clone()
        }
    }
}
