//! Ends of legs: theirs and ours.

use std::time::{Duration, Instant};

use super::Signalling;
use super::legs::LiveLeg;
use crate::call::journal::Record;
use crate::call::leg::{Farewell, Gone, LegId, NotAnswered, Request};
use crate::call::prompt::Prompt;
use crate::sip::{self, Cause, Reason};

/// The longest last words.
const CLIP_PATIENCE: Duration = Duration::from_secs(10);

impl Signalling {
    /// A leg was ended by its phone, or by SIP itself.
    pub(super) fn ended(&mut self, dialog: sip::LegId, why: Gone, because: Option<&Reason>) {
        let Some(mut leg) = self.legs.remove(dialog) else { return };
        self.clock_out(&mut leg);
        match because {
            Some(because) => told(&leg, &format!("{why:?}: {because}")),
            None => told(&leg, &format!("{why:?}")),
        }
        if leg.stored {
            self.journal(Record::LegDown { leg: leg.name });
        }
        self.judge(&leg);
        leg.events.gone(why);
    }

    /// Nobody holds a leg any more.
    pub(super) fn release(&mut self, name: LegId, clip: Option<Prompt>, reason: Farewell) {
        // A leg that has already ended is no longer known.
        let Some(dialog) = self.legs.dialog(name) else { return };
        if let Some(clip) = clip.filter(|_| self.hears(dialog)) {
            return self.last_words(dialog, &clip, reason);
        }
        self.end(dialog, reason);
    }

    fn hears(&mut self, dialog: sip::LegId) -> bool {
        self.legs.get(dialog).is_some_and(|leg| leg.up && !leg.released)
    }

    /// Plays a clip, and comes back to the release when it is over.
    fn last_words(&mut self, dialog: sip::LegId, prompt: &Prompt, reason: Farewell) {
        let requests = self.requests_to();
        let Some(leg) = self.legs.get(dialog) else { return };
        let Some(clip) = leg.library.clip(prompt) else { return self.end(dialog, reason) };
        leg.released = true;
        let (done, ended) = tokio::sync::oneshot::channel();
        leg.stream.play(clip, false, done);
        let again = Request::Release { leg: leg.name, clip: None, reason };
        tokio::spawn(async move {
            let _ = tokio::time::timeout(CLIP_PATIENCE, ended).await;
            let _ = requests.send(again);
        });
    }

    /// CANCEL, BYE, or a final response: the endpoint knows which.
    pub(super) fn end(&mut self, dialog: sip::LegId, reason: Farewell) {
        let Some(mut leg) = self.legs.remove(dialog) else { return };
        self.clock_out(&mut leg);
        told(&leg, &format!("{reason:?}"));
        let now = Instant::now();
        if leg.stored {
            self.journal(Record::LegDown { leg: leg.name });
        }
        self.judge(&leg);
        if leg.caller && !leg.up && leg.answered.is_none() {
            let (status, retry_after) = refusal(reason);
            self.endpoint.refuse(now, dialog, status, retry_after);
        } else {
            self.endpoint.hang_up(now, dialog, cause(reason));
        }
    }

    /// Takes what a caller needs. While it is not there, calls that are for no caller end for it.
    pub(super) fn making_room<T>(&mut self, take: impl Fn(&Self) -> Option<T>) -> Option<T> {
        loop {
            let taken = take(self);
            if taken.is_some() {
                return taken;
            }
            let dialog = self.legs.gives_way()?;
            let events = self.legs.get(dialog).map(|leg| leg.events.clone());
            self.end(dialog, Farewell::Done);
            if let Some(events) = events {
                let why = "a caller needed the line".to_owned();
                events.gone(Gone::NotAnswered(NotAnswered::NoLine(why)));
            }
        }
    }

    /// A way to this task for whoever outlives a request.
    pub(super) fn requests_to(&self) -> tokio::sync::mpsc::UnboundedSender<Request> {
        self.house.requests.clone()
    }
}

/// Logs the end of a leg and what its media came to.
fn told(leg: &LiveLeg, why: &str) {
    let media = leg.stream.statistics();
    tracing::info!(
        call = %leg.call,
        leg = %leg.name,
        why,
        received = media.packets_received.get(),
        lost = media.lost.get(),
        jitter_us = media.jitter_us.get(),
        sent = media.packets_sent.get(),
        foreign = media.foreign.get(),
        unauthentic = media.unauthentic.get(),
        replayed = media.replayed.get(),
        "the leg is over"
    );
}

/// The final response to a caller who was never answered.
fn refusal(reason: Farewell) -> (u16, Option<Duration>) {
    match reason {
        Farewell::Refused => (603, None),
        Farewell::Overload => (503, Some(Duration::from_secs(5))),
        Farewell::Done | Farewell::RangOut | Farewell::AnsweredElsewhere => (480, None),
        Farewell::Broken => (500, None),
    }
}

fn cause(reason: Farewell) -> Cause {
    match reason {
        Farewell::AnsweredElsewhere => Cause::AnsweredElsewhere,
        Farewell::RangOut => Cause::NoAnswer,
        Farewell::Refused => Cause::Declined,
        Farewell::Done | Farewell::Overload => Cause::Normal,
        Farewell::Broken => Cause::Internal,
    }
}
