//! Screening: whoever picks up must press a key, so that a mailbox never gets the caller.

use crate::call::consent::{self, Consent};
use crate::call::journal::{Action, Step, StepResult};
use crate::call::leg::{Farewell, Gone, Heard, KeySource, Leg, Told};
use crate::call::plan::{Accept, AcceptKey, Route};
use crate::call::prompt::Prompt;
use crate::call::race::Race;
use crate::call::timeline::OpenStep;
use crate::call::{Desk, describe, waiting};
use crate::oncall::{Person, Rung};

/// What an answered phone said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Accepted(Option<(char, KeySource)>),
    Declined(char),
    Nothing,
    Gone(Gone),
    /// Accepted, and then gone.
    Left(Gone),
    /// Somebody else, of this name, had the call first.
    TooLate(String),
}

/// Asks an answered phone to accept. The leg comes back only if it did, and with it whether the call may be
/// recorded: then the call is this person's, and nobody else's.
pub async fn confirm(
    desk: &Desk,
    route: &Route,
    race: &Race,
    person: &Person,
    mut leg: Leg,
) -> Result<(Leg, Consent), Rung> {
    let accept = &route.accept;
    let target = person.id.to_string();
    let asked = match accept.key {
        AcceptKey::Key(key) => format!("asked to press {key}"),
        AcceptKey::Any => "asked to press any key".to_owned(),
        AcceptKey::None => "picking up is accepting".to_owned(),
    };
    desk.timeline.write(Step::ConfirmTarget, Action::Sent, StepResult::Processed, Some(&target), &asked);
    let step = desk.timeline.open(Step::ConfirmTargetResult, Action::Received, Some(&target));
    // If the caller gives up now, the responder is told before the line goes dead.
    leg.on_release(Farewell::Done, Some(desk.hotline.prompts.caller_gone.to(person.language).clone()));
    let mut said = tokio::select! {
        biased;
        winner = race.lost() => Said::TooLate(winner),
        said = ask(&mut leg, accept, || accept.prompt.to(person.language).filled(&desk.spoken())) => said,
    };
    let mut consent = Consent::NotAsked;
    if let Said::Accepted(_) = said {
        match take(desk, route, race, person, &mut leg).await {
            Ok(told) => consent = told,
            Err(lost) => said = lost,
        }
    }
    match &said {
        Said::TooLate(_) => {
            leg.on_release(
                Farewell::AnsweredElsewhere,
                Some(desk.hotline.prompts.taken.to(person.language).clone()),
            );
        }
        _ => leg.on_release(Farewell::Done, None),
    }
    told(said, step, accept).map(|()| (leg, consent))
}

/// The call is put through to somebody who has accepted, unless somebody else was first. Who was first and
/// is lost leaves it to the next.
async fn take(
    desk: &Desk,
    route: &Route,
    race: &Race,
    person: &Person,
    leg: &mut Leg,
) -> Result<Consent, Said> {
    let mut gone = leg.gone();
    let _first = tokio::select! {
        biased;
        winner = race.lost() => return Err(Said::TooLate(winner)),
        why = gone.ended() => return Err(Said::Left(why)),
        permit = race.claim() => permit,
    };
    let consent = consent::tell_responder(desk, leg).await.map_err(Said::Left)?;
    if route.keys.announce
        && let Told::Gone(why) = leg.tell(route.keys.words.announce.to(person.language)).await
    {
        return Err(Said::Left(why));
    }
    waiting::say_connected(desk, leg).await.map_err(Said::Left)?;
    match leg.gone().now() {
        Some(why) => Err(Said::Left(why)),
        None => Ok(consent),
    }
}

/// Puts what was said into words, and into what it means for the chain.
fn told(said: Said, step: OpenStep, accept: &Accept) -> Result<(), Rung> {
    let words = said.in_words(accept);
    let rung = match said {
        Said::Accepted(_) => {
            step.done(&words);
            return Ok(());
        }
        Said::Gone(Gone::HungUp) | Said::Left(Gone::HungUp) | Said::Nothing => Rung::NotAccepted,
        Said::Declined(_) => Rung::Declined,
        Said::TooLate(_) => Rung::TooLate,
        Said::Gone(_) | Said::Left(_) => Rung::Failed,
    };
    match rung {
        Rung::Failed => step.failed(&words),
        _ => step.done(&words),
    }
    Err(rung)
}

impl Said {
    /// As a person would say it.
    pub(super) fn in_words(&self, accept: &Accept) -> String {
        match self {
            Self::Accepted(Some((key, KeySource::Told))) => format!("accepted with {key}"),
            // A mailbox could have made it: whoever wonders about a call should see that.
            Self::Accepted(Some((key, KeySource::Tone))) => format!("accepted with {key}, heard as a tone"),
            Self::Accepted(None) => "accepted by picking up".to_owned(),
            Self::Declined(key) => format!("declined with {key}"),
            Self::Nothing => {
                let wait = describe(accept.timeout);
                let again = match accept.attempts {
                    1 => String::new(),
                    times => format!(", {times} times"),
                };
                format!("answered, pressed nothing within {wait} of the prompt{again}")
            }
            Self::Gone(Gone::HungUp) => "answered, then hung up without accepting".to_owned(),
            Self::Left(Gone::HungUp) => "accepted, then hung up before the call was put through".to_owned(),
            Self::TooLate(winner) => format!("{winner} accepted first; told that the call is taken"),
            Self::Gone(_) | Self::Left(_) => "answered, then the line was lost".to_owned(),
        }
    }
}

/// Asks for the key. Each time the words are made anew: they may tell of what changes.
pub(super) async fn ask(leg: &mut Leg, accept: &Accept, words: impl Fn() -> Prompt) -> Said {
    if accept.key == AcceptKey::None {
        return Said::Accepted(None);
    }
    // Pressed before the question was asked: a phone in a pocket, a mailbox that dials as it picks up.
    leg.forget_keys();
    for _ in 0..accept.attempts {
        match once(leg, accept, &words()).await {
            Said::Nothing => {}
            said => return said,
        }
    }
    Said::Nothing
}

/// Plays the prompt once and waits. Keys that mean nothing are passed over.
async fn once(leg: &mut Leg, accept: &Accept, prompt: &Prompt) -> Said {
    let means = |key| meaning(Heard::Key(key), accept, KeySource::Told).is_some();
    let heard = leg.play_unless(prompt, means).await;
    if let Some(said) = meaning(heard, accept, leg.key_source()) {
        return said;
    }
    let deadline = tokio::time::Instant::now() + accept.timeout;
    loop {
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        match leg.key(left).await {
            Heard::Nothing => return Said::Nothing,
            heard => {
                if let Some(said) = meaning(heard, accept, leg.key_source()) {
                    return said;
                }
            }
        }
    }
}

fn meaning(heard: Heard, accept: &Accept, source: KeySource) -> Option<Said> {
    match heard {
        Heard::Key(key) if accept.decline == Some(key) => Some(Said::Declined(key)),
        Heard::Key(key) if accept.key == AcceptKey::Any || accept.key == AcceptKey::Key(key) => {
            Some(Said::Accepted(Some((key, source))))
        }
        Heard::Gone(gone) => Some(Said::Gone(gone)),
        Heard::Key(_) | Heard::Nothing => None,
    }
}
