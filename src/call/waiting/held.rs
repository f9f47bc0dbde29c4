//! What a caller hears while people are rung: "please hold", music, and what there is to tell.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::call::Desk;
use crate::call::facts::Facts;
use crate::call::leg::{Gone, Heard, Leg, Told};
use crate::call::plan::{Hotline, Route};
use crate::call::prompt::Prompt;
use crate::call::run::House;
use crate::call::spoken::Spoken;
use crate::call::timeline::Timeline;
use crate::call::waiting::Ticket;

/// A caller who is held, and what that is decided by.
#[derive(Debug)]
pub struct Held<'a> {
    hotline: Arc<Hotline>,
    route: &'a Route,
    house: House,
    ticket: Arc<Ticket>,
    timeline: Timeline,
    facts: Facts,
    /// When the caller is next told of the line.
    due: Instant,
    /// The caller is about to be put through, and it is too late for a message.
    put_through: bool,
}

/// What there is to do for a caller who is held.
enum Turn {
    Say(Prompt),
    TakeMessage,
}

impl<'a> Held<'a> {
    /// The caller of a call, with a place among those who are held on a route.
    pub fn of(desk: &Desk, route: &'a Route, ticket: Arc<Ticket>) -> Self {
        Self {
            hotline: desk.hotline.clone(),
            route,
            house: desk.house.clone(),
            ticket,
            timeline: desk.timeline.clone(),
            facts: desk.facts.clone(),
            due: Instant::now(),
            put_through: false,
        }
    }

    /// "Please hold", then the hold tone for as long as it takes, and from time to time what the caller is to be told
    /// of the line. A caller who is not heard is told so once; one who is put through, that it is connected. Ends when
    /// the caller presses the key for a message.
    pub async fn until_a_message(mut self, caller: &mut Leg) {
        let by_key = self.route.fallback.by_key.as_ref();
        let please_hold = &self.hotline.prompts.please_hold;
        let mut words = by_key.map_or_else(|| please_hold.clone(), |by_key| by_key.after(please_hold));
        if by_key.is_some() {
            caller.forget_keys();
        }
        loop {
            let mut playing = caller.start(&words, false);
            tokio::select! {
                biased;
                () = self.ticket.is_connected() => words = self.connected(),
                key = self.message_key(caller) => return self.leaves_the_line(key),
                () = playing.ended() => {
                    let _hold = caller.start(&self.hotline.prompts.hold, true);
                    words = Prompt::default();
                    while words.is_empty() {
                        match self.next_turn(caller).await {
                            Turn::Say(next) => words = next,
                            Turn::TakeMessage => return,
                        }
                    }
                }
            }
        }
    }

    /// Waits for something that the caller is to be told, which may turn out to be nothing, or wants.
    async fn next_turn(&mut self, caller: &mut Leg) -> Turn {
        let (hotline, unheard) = (self.hotline.clone(), caller.unheard());
        let told = &hotline.announcements;
        tokio::select! {
            biased;
            () = self.ticket.is_connected() => Turn::Say(self.connected()),
            key = self.message_key(caller) => {
                self.leaves_the_line(key);
                Turn::TakeMessage
            }
            () = unheard.told() => Turn::Say(hotline.prompts.cannot_hear.clone()),
            () = self.ticket.next_is_tried(), if told.next_person.is_some() => {
                Turn::Say(told.next_person.clone().unwrap_or_default())
            }
            () = tokio::time::sleep_until(self.due), if told.of_the_line() => {
                self.due = Instant::now() + told.every;
                Turn::Say(self.of_the_line())
            }
        }
    }

    fn connected(&mut self) -> Prompt {
        self.put_through = true;
        self.hotline.prompts.connected.clone()
    }

    /// Waits for the key with which the caller asks to leave a message, as long as nobody has accepted.
    async fn message_key(&self, caller: &mut Leg) -> char {
        let by_key = self.route.fallback.by_key.as_ref().filter(|_| !self.put_through);
        let Some(by_key) = by_key else { return std::future::pending().await };
        loop {
            match caller.key(Duration::MAX).await {
                Heard::Key(key) if key == by_key.key => return key,
                Heard::Key(_) | Heard::Nothing => {}
                // The run ends this script.
                Heard::Gone(_) => return std::future::pending().await,
            }
        }
    }

    fn leaves_the_line(&self, key: char) {
        self.facts.learn(|known| known.message_key = Some(key));
        self.timeline.interrupted_by(&format!("the caller pressed {key} to leave a message"));
    }

    /// The place in line, where several callers wait, and how long it will take, where that is known.
    fn of_the_line(&self) -> Prompt {
        let told = &self.hotline.announcements;
        let (position, callers) = self.ticket.place();
        let (hotline, now) = (&self.hotline.name, self.house.clock.now());
        let usual = self.house.history.usual_wait(hotline, &self.route.name, now);
        let left = usual.and_then(|usual| usual.checked_sub(self.ticket.waited()));
        let left = left.filter(|left| !left.is_zero());
        let position_words = told.position.as_ref().filter(|_| callers > 1);
        let time_words = told.time.as_ref().filter(|_| left.is_some());
        let spoken = Spoken { position, waiting: left.unwrap_or(Duration::ZERO), ..Spoken::default() };
        let words = position_words.into_iter().chain(time_words).cloned();
        words.reduce(Prompt::then).unwrap_or_default().filled(&spoken)
    }
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
