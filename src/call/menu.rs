//! The menu: which route the caller takes.

use std::sync::Arc;

use crate::call::Desk;
use crate::call::journal::{Action, Step};
use crate::call::leg::{Heard, Leg};
use crate::call::plan::{Hotline, Menu, Route};

/// What came of the menu.
#[derive(Debug)]
pub enum Choice {
    /// This route.
    Route(Arc<Route>),
    /// All attempts were used up.
    Left,
}

impl Hotline {
    /// What an answer to the menu leads to, in a sentence: the very rule of a live call.
    pub fn answer(&self, menu: &Menu, key: Option<char>) -> (Option<Arc<Route>>, String) {
        match (key, &menu.silence) {
            (Some(key), _) => match self.route_for(key) {
                Some(route) => (Some(route.clone()), format!("pressed {key}: {}", route.name)),
                None => (None, format!("pressed {key}, which leads nowhere")),
            },
            (None, Some(route)) => (Some(route.clone()), format!("pressed nothing: {}", route.name)),
            (None, None) => (None, "pressed nothing".to_owned()),
        }
    }
}

/// Asks until a route is chosen or the attempts are used up. `early` is a key that was pressed
/// during the welcome.
pub async fn choose(caller: &mut Leg, desk: &Desk, early: Option<char>) -> Choice {
    let Some(menu) = &desk.hotline.menu else {
        return desk.hotline.routes.first().cloned().map_or(Choice::Left, Choice::Route);
    };
    let mut early = early;
    for attempt in 1..=menu.attempts {
        let mut step = desk.timeline.open(Step::GatherDtmf, Action::Received, None);
        if caller.unheard().is_told().await {
            // No key can come of a phone that is not heard, unless by the signalling.
            caller.say(&desk.hotline.prompts.cannot_hear).await;
        }
        let said = attempt == 1 && menu.said_by_welcome;
        let key = match early.take() {
            Some(key) => Some(key),
            None => ask(caller, menu, said).await,
        };
        let (route, detail) = desk.hotline.answer(menu, key);
        let detail = format!("{detail} (attempt {attempt} of {})", menu.attempts);
        match route {
            Some(route) => {
                step.concerning(&route.name);
                step.done(&detail);
                return Choice::Route(route);
            }
            None => step.failed(&detail),
        }
        if key.is_some() && attempt < menu.attempts {
            early = barge_in(caller, desk).await;
        }
    }
    Choice::Left
}

/// Plays the menu and waits for a key. A key pressed during the prompt counts.
async fn ask(caller: &mut Leg, menu: &Menu, already_said: bool) -> Option<char> {
    let heard = if already_said { Heard::Nothing } else { caller.play(&menu.prompt).await };
    let heard = match heard {
        Heard::Nothing => caller.key(menu.timeout).await,
        heard => heard,
    };
    key_of(heard).await
}

/// Says that the key leads nowhere; a key pressed meanwhile is the next answer.
async fn barge_in(caller: &mut Leg, desk: &Desk) -> Option<char> {
    key_of(caller.play(&desk.hotline.prompts.unknown_key).await).await
}

async fn key_of(heard: Heard) -> Option<char> {
    match heard {
        Heard::Key(key) => Some(key),
        Heard::Nothing => None,
        // The caller is gone: the run ends this script.
        Heard::Gone(_) => std::future::pending().await,
    }
}
