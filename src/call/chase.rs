//! Phones somebody about an open incident: tells what happened, plays the message, and has it taken on with a key.
//! Nobody calls in, yet it costs what a call costs: it has a row, a timeline and intents like any other.
//!
//! A caller always comes first: whoever is on the phone for one is not phoned, and a call of this kind ends at once
//! when a caller needs the person or the line. It also ends at once when the incident needs nobody any more.

use std::sync::Arc;
use std::time::Duration;

use crate::call::CallId;
use crate::call::dial::{Placing, RINGING_PATIENCE, result};
use crate::call::journal::{Action, Ended, Outcome, Record, Started, Stated, Step, StepResult};
use crate::call::leg::{Farewell, Gone, Heard, Leg, NotAnswered};
use crate::call::occupancy::Taken;
use crate::call::plan::{Hotline, Translated};
use crate::call::prompt::Piece;
use crate::call::run::House;
use crate::call::spoken::Spoken;
use crate::call::timeline::Timeline;
use crate::call::verify::OURSELVES;
use crate::oncall::{E164, Person, Phone, Rung};

/// Takes it on.
const TAKE: char = '1';
/// Plays it again.
const AGAIN: char = '2';
/// Has the next person phoned.
const PASS: char = '3';
/// How often it can be heard: a phone in a pocket shall not keep a line for ever.
const MOST_PLAYS: u32 = 20;

/// Somebody who is to be phoned.
#[derive(Debug)]
pub struct Asked {
    /// The id of this call.
    pub call: CallId,
    /// What people call the incident.
    pub incident: String,
    /// The hotline it came of, which calls with its number and over its trunks.
    pub hotline: Arc<Hotline>,
    /// Who.
    pub person: Arc<Person>,
    /// Their phones, rung one after another.
    pub phones: Vec<Phone>,
    /// How long each rings.
    pub ring: Duration,
    /// What they are told.
    pub story: Story,
}

/// What somebody is told.
#[derive(Debug, Clone)]
pub struct Story {
    /// What is wrong.
    pub what: What,
    /// Who had called, if the number is not withheld.
    pub caller: Option<E164>,
    /// When, on a clock on the wall: hour and minute.
    pub time: (u8, u8),
}

/// What is wrong.
#[derive(Debug, Clone)]
pub enum What {
    /// A message was left.
    Message {
        /// Its length.
        length: Duration,
        /// Its sound, if it can be played.
        sound: Option<Piece>,
    },
    /// Nobody answered the caller.
    Missed,
    /// Somebody did, and there is something to be done.
    Open,
}

/// What came of it. The words say why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The person has taken it on.
    TakenOn,
    /// The next person is to be phoned, at once.
    Next,
    /// The person was not reached, or did not say anything.
    Nothing(String),
    /// The person or the line was needed for a caller: to be tried again.
    Busy(String),
    /// The incident needs nobody any more.
    Settled(String),
    /// The daemon is being stopped: to be tried again.
    Stopped,
}

/// Phones the person. `over` resolves, in words, when the incident needs nobody any more. `keep` writes down that the
/// person has taken it on; `false`: somebody else was first. One record comes of it, or none where the person is
/// not phoned at all.
pub async fn run(
    asked: Asked,
    over: impl Future<Output = String>,
    keep: impl Future<Output = bool>,
    house: House,
) -> Answer {
    let _running = house.occupancy.begin();
    let mut lent = match house.occupancy.lend(&asked.person.id, &asked.phones) {
        Ok(lent) => lent,
        Err(Taken::InUse) => return Answer::Busy("is in a call, or being rung for one".to_owned()),
        Err(Taken::Resting(_)) => return Answer::Busy("has just had a call".to_owned()),
    };
    let timeline = Timeline::new(asked.call, house.clock, house.journal.clone());
    start(&asked, &house, &timeline);
    let mut shutdown = house.shutdown.clone();
    let mut leg = None;
    let mut script = Box::pin(script(&asked, &house, &timeline, &mut leg));
    let answer = tokio::select! {
        biased;
        answer = &mut script => answer,
        why = over => Answer::Settled(why),
        () = lent.wanted() => Answer::Busy("a caller needs them".to_owned()),
        Ok(_) = shutdown.wait_for(|stop| *stop) => Answer::Stopped,
    };
    timeline.interrupted_by(&answer.in_words());
    drop(script);
    let answer = match leg {
        Some(leg) => say_goodbye(&asked, leg, answer, keep).await,
        None => answer,
    };
    end(&asked, &answer, &house, &timeline);
    answer
}

fn start(asked: &Asked, house: &House, timeline: &Timeline) {
    let Asked { call, hotline, person, phones, incident, .. } = asked;
    house.journal.write(Record::Started(Started {
        call: *call,
        hotline: hotline.name.clone(),
        number: phones.first().map(ToString::to_string).unwrap_or_default(),
        caller: OURSELVES.to_owned(),
        at: house.clock.now(),
        trunk: hotline.trunks.first().cloned().unwrap_or_default(),
        sip_call_id: String::new(),
        stated: Stated::default(),
    }));
    let detail = format!("nobody calls: {} is told of incident {incident}", person.name);
    timeline.write(Step::CallReceived, Action::Internal, StepResult::Processed, None, &detail);
}

/// The phones one after another, until one of them says something.
async fn script(asked: &Asked, house: &House, timeline: &Timeline, slot: &mut Option<Leg>) -> Answer {
    let mut why = "has no phone that may be rung".to_owned();
    for phone in &asked.phones {
        *slot = None;
        let leg = slot.insert(dial(asked, phone, house, timeline).await);
        match answered(asked, timeline, leg).await {
            Ok(()) => {}
            Err((Rung::NoLine, why)) => return Answer::Busy(why),
            Err((Rung::Declined, why)) => return Answer::Nothing(why),
            Err((_, reason)) => {
                why = reason;
                continue;
            }
        }
        match told(asked, timeline, leg).await {
            Answer::Nothing(reason) => why = reason,
            answer => return answer,
        }
    }
    Answer::Nothing(why)
}

async fn dial(asked: &Asked, phone: &Phone, house: &House, timeline: &Timeline) -> Leg {
    let Asked { call, hotline, person, incident, .. } = asked;
    let caller_id = hotline.own_number().cloned();
    let placing = Placing { house, timeline, call: *call, beside: None, hotline, caller_id, gives_way: true };
    let detail = format!("ringing {} at {phone}, about incident {incident}", person.name);
    placing.dial(&person.id, phone, &detail).await
}

async fn answered(asked: &Asked, timeline: &Timeline, leg: &mut Leg) -> Result<(), (Rung, String)> {
    let whose = asked.person.id.as_str();
    let step = timeline.open(Step::DialTargetResult, Action::Received, Some(whose));
    let rung = leg.rung(RINGING_PATIENCE, asked.ring).await;
    for detour in leg.detours() {
        timeline.write(Step::DialTarget, Action::Internal, StepResult::Failed, Some(whose), &detour);
    }
    result(rung, leg, step, asked.ring).map_err(|unanswered| (unanswered.rung, unanswered.why))
}

/// Tells what happened, and waits for a key.
async fn told(asked: &Asked, timeline: &Timeline, leg: &mut Leg) -> Answer {
    let whose = asked.person.id.as_str();
    let detail = format!("told of {}; asked to press {TAKE} to take it on", asked.story);
    timeline.write(Step::ConfirmTarget, Action::Sent, StepResult::Processed, Some(whose), &detail);
    let step = timeline.open(Step::ConfirmTargetResult, Action::Received, Some(whose));
    leg.on_release(Farewell::Done, None);
    let (answer, words) = ask(asked, leg).await;
    match &answer {
        Answer::TakenOn | Answer::Next => step.done(&words),
        _ => step.failed(&words),
    }
    answer
}

async fn ask(asked: &Asked, leg: &mut Leg) -> (Answer, String) {
    let (prompts, language) = (&asked.hotline.prompts.incident, asked.person.language);
    let again: &Translated = match asked.story.what {
        What::Message { .. } => &prompts.again,
        What::Missed => &prompts.missed,
        What::Open => &prompts.open,
    };
    let first = match asked.story.what {
        What::Message { .. } => &prompts.message,
        What::Missed | What::Open => again,
    };
    let (timeout, attempts) = (asked.hotline.confirm_phone.timeout, asked.hotline.confirm_phone.attempts);
    // Pressed before the question was asked: a phone in a pocket, a mailbox that dials as it picks up.
    leg.forget_keys();
    let (mut words, mut unheeded) = (first, 0);
    for plays in 1..=MOST_PLAYS {
        match key(leg, &words.to(language).filled(&asked.story.spoken()), timeout).await {
            Heard::Key(TAKE) => return (Answer::TakenOn, format!("taken on with {TAKE}")),
            Heard::Key(PASS) => return (Answer::Next, format!("the next person is asked for with {PASS}")),
            Heard::Key(_) => (words, unheeded) = (again, 0),
            Heard::Nothing => unheeded += 1,
            Heard::Gone(Gone::NotAnswered(NotAnswered::NoLine(why))) => {
                return (Answer::Busy(why.clone()), why);
            }
            Heard::Gone(Gone::HungUp) => {
                return nothing(format!("answered, then hung up without a word (heard {plays} times)"));
            }
            Heard::Gone(_) => return nothing("answered, then the line was lost".to_owned()),
        }
        if unheeded >= attempts {
            break;
        }
    }
    nothing("answered, pressed nothing".to_owned())
}

fn nothing(why: String) -> (Answer, String) {
    (Answer::Nothing(why.clone()), why)
}

/// Plays the words, and waits for a key that means something.
async fn key(leg: &mut Leg, words: &crate::call::prompt::Prompt, timeout: Duration) -> Heard {
    let means = |key| matches!(key, TAKE | AGAIN | PASS);
    match leg.play_unless(words, means).await {
        Heard::Nothing => {}
        heard => return heard,
    }
    let deadline = tokio::time::Instant::now() + timeout;
    loop {
        match leg.key(deadline.saturating_duration_since(tokio::time::Instant::now())).await {
            Heard::Key(key) if !means(key) => {}
            heard => return heard,
        }
    }
}

/// The last words to whoever is on the phone, once it is clear what came of it.
async fn say_goodbye(
    asked: &Asked,
    mut leg: Leg,
    answer: Answer,
    keep: impl Future<Output = bool>,
) -> Answer {
    let (prompts, language) = (&asked.hotline.prompts.incident, asked.person.language);
    match answer {
        Answer::TakenOn if keep.await => {
            // Whoever hangs up instead of listening has taken it on all the same.
            leg.tell(prompts.taken_on.to(language)).await;
            Answer::TakenOn
        }
        Answer::TakenOn => {
            leg.tell(prompts.settled.to(language)).await;
            Answer::Settled("somebody else was first".to_owned())
        }
        Answer::Settled(why) => {
            // Whoever picks up in this very moment hears why there is nothing to do.
            leg.on_release(Farewell::AnsweredElsewhere, Some(prompts.settled.to(language).clone()));
            Answer::Settled(why)
        }
        Answer::Next => {
            leg.on_release(Farewell::Done, Some(prompts.passed_on.to(language).clone()));
            Answer::Next
        }
        Answer::Busy(why) => {
            // A caller waits: not a word more.
            leg.on_release(Farewell::Done, None);
            Answer::Busy(why)
        }
        other => other,
    }
}

fn end(asked: &Asked, answer: &Answer, house: &House, timeline: &Timeline) {
    let reason = answer.in_words();
    timeline.write(Step::Hangup, Action::Internal, StepResult::Processed, None, &reason);
    house.journal.write(Record::Ended(Ended {
        call: asked.call,
        at: house.clock.now(),
        outcome: if *answer == Answer::TakenOn { Outcome::Accepted } else { Outcome::Missed },
        reason,
        answered_at: None,
        abandoned: false,
        route: None,
        // Nobody was put through: no later caller gets this person first for it.
        responder: None,
    }));
}

impl Answer {
    /// As a person would say it.
    pub fn in_words(&self) -> String {
        match self {
            Self::TakenOn => "the incident is taken on".to_owned(),
            Self::Next => "the next person is to be asked".to_owned(),
            Self::Nothing(why) => format!("not taken on: {why}"),
            Self::Busy(why) => format!("put off: {why}"),
            Self::Settled(why) => format!("nobody is needed any more: {why}"),
            Self::Stopped => "the daemon was stopped".to_owned(),
        }
    }
}

impl Story {
    fn spoken(&self) -> Spoken<'_> {
        let (waiting, message) = match &self.what {
            What::Message { length, sound } => (*length, sound.as_ref()),
            What::Missed | What::Open => (Duration::ZERO, None),
        };
        Spoken { caller: self.caller.as_ref(), time: self.time, waiting, message, ..Spoken::default() }
    }
}

impl std::fmt::Display for Story {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.what {
            What::Message { length, sound } => {
                let unheard = if sound.is_none() { ", which cannot be played" } else { "" };
                write!(f, "a message of {}{unheard}", crate::call::describe(*length))
            }
            What::Missed => f.write_str("a call that nobody answered"),
            What::Open => f.write_str("a call that has left something to do"),
        }
    }
}
