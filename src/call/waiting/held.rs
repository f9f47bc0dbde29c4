//! What a caller hears while people are rung: "please hold", music, and what there is to tell.

use std::time::Duration;

use tokio::time::Instant;

use crate::call::Desk;
use crate::call::leg::{Gone, Leg, Told};
use crate::call::plan::{Hotline, Route};
use crate::call::prompt::Prompt;
use crate::call::run::House;
use crate::call::spoken::Spoken;
use crate::call::waiting::Ticket;

/// "Please hold", then the hold tone for as long as it takes, and from time to time what the caller is to be told
/// of the line. A caller who is not heard is told so once; one who is put through, that it is connected.
pub async fn held(caller: &Leg, hotline: &Hotline, route: &Route, house: &House, ticket: &Ticket) {
    let mut due = Instant::now();
    let mut words = hotline.prompts.please_hold.clone();
    loop {
        let mut playing = caller.start(&words, false);
        tokio::select! {
            biased;
            () = ticket.is_connected() => words = hotline.prompts.connected.clone(),
            () = playing.ended() => {
                let _hold = caller.start(&hotline.prompts.hold, true);
                words = Prompt::default();
                while words.is_empty() {
                    words = something_to_tell(caller, hotline, route, house, ticket, &mut due).await;
                }
            }
        }
    }
}

/// Waits for something that the caller is to be told; it may turn out to be nothing.
async fn something_to_tell(
    caller: &Leg,
    hotline: &Hotline,
    route: &Route,
    house: &House,
    ticket: &Ticket,
    due: &mut Instant,
) -> Prompt {
    let (told, unheard) = (&hotline.announcements, caller.unheard());
    tokio::select! {
        biased;
        () = ticket.is_connected() => hotline.prompts.connected.clone(),
        () = unheard.told() => hotline.prompts.cannot_hear.clone(),
        () = ticket.next_is_tried(), if told.next_person.is_some() => {
            told.next_person.clone().unwrap_or_default()
        }
        () = tokio::time::sleep_until(*due), if told.of_the_line() => {
            *due = Instant::now() + told.every;
            of_the_line(hotline, route, house, ticket)
        }
    }
}

/// The place in line, where several callers wait, and how long it will take, where that is known.
fn of_the_line(hotline: &Hotline, route: &Route, house: &House, ticket: &Ticket) -> Prompt {
    let told = &hotline.announcements;
    let (position, callers) = ticket.place();
    let usual = house.history.usual_wait(&hotline.name, &route.name, house.clock.now());
    let left = usual.and_then(|usual| usual.checked_sub(ticket.waited())).filter(|left| !left.is_zero());
    let position_words = told.position.as_ref().filter(|_| callers > 1);
    let time_words = told.time.as_ref().filter(|_| left.is_some());
    let spoken = Spoken { position, waiting: left.unwrap_or(Duration::ZERO), ..Spoken::default() };
    let words = position_words.into_iter().chain(time_words).cloned();
    words.reduce(Prompt::then).unwrap_or_default().filled(&spoken)
}

/// Tells both that they are connected, at the same time, right before they are: a responder who hangs up
/// meanwhile was not yet the caller's.
pub async fn say_connected(desk: &Desk, responder: &mut Leg) -> Result<(), Gone> {
    let connected = &desk.hotline.prompts.connected;
    let Some(ticket) = desk.ticket.as_ref().filter(|_| !connected.is_empty()) else { return Ok(()) };
    ticket.connects();
    match responder.tell(connected).await {
        Told::Gone(why) => Err(why),
        Told::Whole | Told::Cut => Ok(()),
    }
}
