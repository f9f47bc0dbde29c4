//! The script of a hotline: the product's flow chart, top to bottom.

use std::sync::Arc;

use crate::call::bridge::{self, End};
use crate::call::filter::Admission;
use crate::call::journal::{Action, Step, StepResult};
use crate::call::leg::{Farewell, Leg};
use crate::call::plan::Route;
use crate::call::receive::receive;
use crate::call::run::DISK_PATIENCE;
use crate::call::settings::FallbackKind;
use crate::call::waiting::{Held, Ticket};
use crate::call::{Desk, consent, dial, naming, voicemail};

/// From the INVITE to the last word. What it returns is why the call ended.
pub async fn script(caller: &mut Leg, mut desk: Desk) -> String {
    if let Admission::Blocked(why) = desk.hotline.filter.admit(desk.caller_number.as_ref()) {
        return block(caller, &desk, &why);
    }
    let Some(_line) = desk.house.occupancy.line(&desk.hotline.name, desk.hotline.max_calls) else {
        caller.on_release(Farewell::Overload, None);
        return "all lines of the hotline were in use".to_owned();
    };
    if !desk.house.journal.durable(DISK_PATIENCE).await {
        tracing::error!(call = %desk.id, "the disk is slow or fails: answering before the call's row is durable");
    }
    if caller.answer().await.is_err() {
        // The caller is gone: the run ends this script.
        return std::future::pending().await;
    }
    desk.facts.learn(|known| known.answered_at = Some(desk.house.clock.now()));
    if !desk.hotline.enabled {
        return closing(caller, &desk, &desk.hotline.prompts.closed, "the line is closed").await;
    }
    let arrived = match receive(caller, &desk).await {
        Ok(arrived) => arrived,
        Err(why) => return why,
    };
    let route = arrived.route;
    (desk.hotline, desk.front) = (arrived.hotline, arrived.front);
    desk.consent = consent::tell_caller(caller, &desk, &route).await;
    desk.caller_name = naming::ask(caller, &desk, &route).await;
    if let Some(responder) = ring(caller, &mut desk, &route).await
        && let End::Over(reason) = bridge::talk(caller, &mut desk, &route, responder).await
    {
        return reason;
    }
    if !route.direct_voicemail {
        desk.nobody_answered();
    }
    let resort = match desk.facts.known().message_key {
        Some(_) => FallbackKind::Voicemail,
        None => route.last_resort(),
    };
    match resort {
        FallbackKind::Voicemail => voicemail::take(caller, &desk, &route).await,
        FallbackKind::Closing => {
            closing(caller, &desk, &route.fallback.closing, "nobody was available").await
        }
    }
}

fn block(caller: &mut Leg, desk: &Desk, why: &str) -> String {
    desk.facts.learn(|known| known.blocked = true);
    desk.timeline.write(Step::CallerBlocked, Action::Internal, StepResult::Processed, None, why);
    caller.on_release(Farewell::Refused, None);
    why.to_owned()
}

/// Rings the people of a route while the caller hears the hold tone. With the key for that a caller leaves the
/// line for the voicemail, and nobody is rung any more.
async fn ring(caller: &mut Leg, desk: &mut Desk, route: &Route) -> Option<dial::Responder> {
    if route.direct_voicemail {
        return None;
    }
    let ticket = Arc::new(Ticket::draw(&desk.house.occupancy, &desk.hotline.name, &route.name, desk.front));
    desk.ticket = Some(ticket.clone());
    let held = Held::of(desk, route, ticket.clone());
    let responder = tokio::select! {
        biased;
        responder = dial::chain(desk, route, &ticket) => responder,
        () = held.until_a_message(caller) => None,
    };
    desk.ticket = None;
    if desk.facts.known().message_key.is_some() {
        desk.timeline.interrupted_by("interrupted");
    }
    caller.silence();
    responder
}

async fn closing(caller: &mut Leg, desk: &Desk, words: &crate::call::prompt::Prompt, why: &str) -> String {
    let step = desk.timeline.open(Step::Closing, Action::Sent, None);
    caller.say(words).await;
    step.done(&format!("{why}; the closing message was played"));
    why.to_owned()
}
