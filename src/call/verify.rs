//! Calls a phone to have it confirmed by its owner. Nobody calls in, yet it costs what a call costs: it has
//! a row, a timeline and an intent like any other.

use std::sync::Arc;
use std::time::Duration;

use crate::call::CallId;
use crate::call::dial::{Placing, RINGING_PATIENCE, result};
use crate::call::journal::{Action, Ended, Outcome, Record, Started, Stated, Step, StepResult};
use crate::call::leg::{Farewell, Leg};
use crate::call::plan::Hotline;
use crate::call::run::House;
use crate::call::screening::{self, Said};
use crate::call::timeline::Timeline;
use crate::oncall::{Person, Phone};

/// The caller in the log of a call that nobody has made.
pub const OURSELVES: &str = "nightbell";

/// How long the phone rings.
const RING: Duration = Duration::from_secs(30);

/// A phone that is to be confirmed.
#[derive(Debug)]
pub struct Verification {
    /// The id of the call.
    pub call: CallId,
    /// The hotline that calls, with its number and over its trunks.
    pub hotline: Arc<Hotline>,
    /// Whose phone it is.
    pub person: Person,
    /// Which.
    pub phone: Phone,
}

/// Calls the phone and asks for the key; `keep` writes down that it was pressed, before the thanks. The answer
/// says what happened, and the error why the phone is not confirmed. Exactly one record comes of it.
pub async fn run(
    asked: Verification,
    keep: impl Future<Output = Result<(), String>>,
    house: House,
) -> Result<String, String> {
    let _running = house.occupancy.begin();
    let Some(_reserved) = house.occupancy.reserve(&asked.person.id, &asked.phone) else {
        return Err(format!("{} is in a call, or being rung for one", asked.person.name));
    };
    let timeline = Timeline::new(asked.call, house.clock, house.journal.clone());
    start(&asked, &house, &timeline);
    let mut shutdown = house.shutdown.clone();
    let ended = tokio::select! {
        biased;
        ended = script(&asked, keep, &house, &timeline) => ended,
        Ok(_) = shutdown.wait_for(|stop| *stop) => Err("the daemon was stopped".to_owned()),
    };
    let (outcome, reason) = match &ended {
        Ok(how) => (Outcome::Accepted, format!("the phone is confirmed: {how}")),
        Err(why) => (Outcome::Missed, format!("the phone is not confirmed: {why}")),
    };
    timeline.write(Step::Hangup, Action::Internal, StepResult::Processed, None, &reason);
    house.journal.write(Record::Ended(Ended {
        call: asked.call,
        at: house.clock.now(),
        outcome,
        reason,
        answered_at: None,
        route: None,
        // Nobody was put through: no later caller gets this person first for it.
        responder: None,
        abandoned: false,
    }));
    ended
}

fn start(asked: &Verification, house: &House, timeline: &Timeline) {
    let Verification { call, hotline, person, phone } = asked;
    house.journal.write(Record::Started(Started {
        call: *call,
        hotline: hotline.name.clone(),
        number: phone.to_string(),
        caller: OURSELVES.to_owned(),
        at: house.clock.now(),
        trunk: hotline.trunks.first().cloned().unwrap_or_default(),
        sip_call_id: String::new(),
        stated: Stated::default(),
    }));
    let detail = format!("nobody calls: {} is asked to confirm the phone {phone}", person.name);
    timeline.write(Step::CallReceived, Action::Internal, StepResult::Processed, None, &detail);
}

async fn script(
    asked: &Verification,
    keep: impl Future<Output = Result<(), String>>,
    house: &House,
    timeline: &Timeline,
) -> Result<String, String> {
    let Verification { call, hotline, person, phone } = asked;
    let caller_id = hotline.own_number().cloned();
    let placing =
        Placing { house, timeline, call: *call, beside: None, hotline, caller_id, gives_way: false };
    let detail = format!("ringing {} at {phone}, to have it confirmed", person.name);
    let mut leg = placing.dial(&person.id, phone, &detail).await;
    answered(asked, timeline, &mut leg).await?;
    let how = confirmed(asked, timeline, &mut leg).await?;
    keep.await?;
    // Whoever hangs up instead of listening has confirmed it all the same.
    leg.tell(hotline.prompts.phone_confirmed.to(person.language)).await;
    Ok(how)
}

async fn answered(asked: &Verification, timeline: &Timeline, leg: &mut Leg) -> Result<(), String> {
    let whose = asked.person.id.as_str();
    let step = timeline.open(Step::DialTargetResult, Action::Received, Some(whose));
    let rung = leg.rung(RINGING_PATIENCE, RING).await;
    for detour in leg.detours() {
        timeline.write(Step::DialTarget, Action::Internal, StepResult::Failed, Some(whose), &detour);
    }
    result(rung, leg, step, RING).map_err(|unanswered| unanswered.why)
}

async fn confirmed(asked: &Verification, timeline: &Timeline, leg: &mut Leg) -> Result<String, String> {
    let (accept, whose) = (&asked.hotline.confirm_phone, asked.person.id.as_str());
    let detail = "asked to press 1 to confirm the phone";
    timeline.write(Step::ConfirmTarget, Action::Sent, StepResult::Processed, Some(whose), detail);
    let step = timeline.open(Step::ConfirmTargetResult, Action::Received, Some(whose));
    leg.on_release(Farewell::Done, None);
    let said = screening::ask(leg, accept, || accept.prompt.to(asked.person.language).clone()).await;
    let words = said.in_words(accept);
    if matches!(said, Said::Accepted(_)) {
        step.done(&words);
        return Ok(words);
    }
    step.failed(&words);
    Err(words)
}
