//! Receives a caller: the welcome, and the questions on the way to a route.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::call::Desk;
use crate::call::journal::{Action, Step, StepResult};
use crate::call::leg::{Heard, Leg};
use crate::call::menu::Menu;
use crate::call::pin::{self, PinGate};
use crate::call::prompt::Prompt;
use crate::call::reception::{Arrived, Reception, Told, Turn, Visitor};
use crate::oncall::E164;

/// A key that was pressed before its question, and a `#` that may still come and means nothing.
#[derive(Debug, Default)]
struct Keys {
    early: Option<char>,
    hash_due: bool,
}

/// From the welcome to a route. The error is why the call ended before.
pub async fn receive(caller: &mut Leg, desk: &Desk) -> Result<Arrived, String> {
    let mut reception = Reception::new(desk.snapshot.clone(), desk.hotline.clone(), visitor(desk));
    let words = reception.welcome();
    let mut told = Vec::new();
    let mut turn = reception.turn();
    while let Turn::Told(fact) = turn {
        told.push(fact);
        turn = reception.turn();
    }
    let unasked = matches!(turn, Turn::Arrived(_));
    if let Turn::Arrived(arrived) = &turn {
        // Whoever gives up in the welcome has called this route, and nothing else.
        desk.routed(arrived);
    }
    let mut keys = Keys { early: welcome(caller, desk, &words, &turn).await, hash_due: false };
    told.iter().for_each(|fact| tell(desk, fact));
    loop {
        turn = match turn {
            Turn::Told(fact) => {
                tell(desk, &fact);
                reception.turn()
            }
            Turn::Pin(gate) => ask_pin(caller, desk, &mut reception, &gate, &mut keys).await,
            Turn::Menu { menu, said } => {
                ask_key(caller, desk, &mut reception, &menu, said, &mut keys).await;
                reception.turn()
            }
            Turn::Arrived(arrived) => {
                if !unasked {
                    desk.routed(&arrived);
                }
                return Ok(arrived);
            }
            Turn::Over { words, why, closing } => {
                last_words(caller, desk, &words, &why, closing).await;
                return Err(why);
            }
        };
    }
}

fn visitor(desk: &Desk) -> Visitor {
    let at = desk.house.clock.now();
    let number = desk.caller_number.clone();
    let calls = 1 + number.as_ref().map_or(0, |number| calls_lately(desk, number, at));
    Visitor { number, at, calls }
}

/// How often a number has called this hotline within the time that counts for repeated callers.
fn calls_lately(desk: &Desk, number: &E164, at: Timestamp) -> usize {
    let Some(repeated) = &desk.hotline.repeated else { return 0 };
    let within = SignedDuration::try_from(repeated.within).unwrap_or(SignedDuration::MAX);
    let since = at.checked_sub(within).unwrap_or(Timestamp::MIN);
    let calls = desk.house.history.calls_of(number, since);
    calls.iter().filter(|call| call.hotline == desk.hotline.name).count()
}

fn tell(desk: &Desk, told: &Told) {
    desk.timeline.write(
        Step::GatherDtmf,
        Action::Internal,
        StepResult::Processed,
        told.whom.as_deref(),
        &told.detail,
    );
}

/// The first words. A key pressed during them counts, where a question follows.
async fn welcome(caller: &mut Leg, desk: &Desk, words: &Prompt, then: &Turn) -> Option<char> {
    let step = desk.timeline.open(Step::Welcome, Action::Sent, None);
    if !matches!(then, Turn::Pin(_) | Turn::Menu { .. }) {
        caller.say(words).await;
        step.done("played");
        return None;
    }
    match caller.play(words).await {
        Heard::Key(key) => {
            let hidden = matches!(then, Turn::Pin(_));
            step.done(&if hidden {
                "cut short by a key".to_owned()
            } else {
                format!("cut short by the key {key}")
            });
            Some(key)
        }
        Heard::Nothing => {
            step.done("played");
            None
        }
        Heard::Gone(_) => std::future::pending().await,
    }
}

async fn ask_key(
    caller: &mut Leg,
    desk: &Desk,
    reception: &mut Reception,
    menu: &Arc<Menu>,
    said: bool,
    keys: &mut Keys,
) {
    let mut step = desk.timeline.open(Step::GatherDtmf, Action::Received, None);
    if caller.unheard().is_told().await {
        // No key can come of a phone that is not heard, unless by the signalling.
        caller.say(&reception.hotline().prompts.cannot_hear).await;
    }
    let key = match keys.early.take() {
        Some(key) => Some(key),
        None => menu.ask(caller, said, keys.hash_due).await,
    };
    keys.hash_due = false;
    let answer = reception.pressed(key);
    if answer.right {
        if let Some(whom) = &answer.told.whom {
            step.concerning(whom);
        }
        step.done(&answer.told.detail);
        return;
    }
    step.failed(&answer.told.detail);
    if answer.wrong && answer.again {
        keys.early = menu.correct(caller, &reception.hotline().prompts.unknown_key).await;
    }
}

async fn ask_pin(
    caller: &mut Leg,
    desk: &Desk,
    reception: &mut Reception,
    gate: &PinGate,
    keys: &mut Keys,
) -> Turn {
    let (lockout, number) = (&desk.house.lockout, desk.caller_number.as_ref());
    let name = reception.hotline().name.clone();
    if lockout.is_closed(&name, number, gate.lockout) {
        return reception.locked_out();
    }
    let step = desk.timeline.open(Step::GatherDtmf, Action::Received, None);
    let entry = pin::enter(caller, gate, keys.early.take()).await;
    keys.hash_due = entry.hash_due;
    // Other calls from the same number may have been guessing meanwhile: then even the right one is not told.
    if lockout.is_closed(&name, number, gate.lockout) {
        step.failed("what was entered is not looked at");
        return reception.locked_out();
    }
    let answer = reception.entered(&entry.digits);
    if answer.right {
        step.done(&answer.told.detail);
        return reception.turn();
    }
    step.failed(&answer.told.detail);
    if answer.wrong {
        lockout.wrong(&name, number, gate.lockout);
        let means = |key| !(entry.hash_due && key == '#');
        keys.early = match caller.play_unless(&gate.wrong, means).await {
            Heard::Key(key) => Some(key),
            Heard::Nothing => None,
            // The caller is gone: the run ends this script.
            Heard::Gone(_) => std::future::pending().await,
        };
    }
    reception.turn()
}

async fn last_words(caller: &mut Leg, desk: &Desk, words: &Prompt, why: &str, closing: bool) {
    if !closing {
        return caller.say(words).await;
    }
    let step = desk.timeline.open(Step::Closing, Action::Sent, None);
    caller.say(words).await;
    step.done(&format!("{why}; the closing message was played"));
}
