//! Responders: a phone is dialled in one way after another until one of them takes the call.
//!
//! Only where nothing was reached is another way tried: no answer at all, a server that says 503, a
//! connection that fails; or where a trunk has no room, or may not cost more. What a phone says
//! (busy, declined, no such number) is the last word, and so is all that comes once it has rung: nobody
//! is rung twice for one call.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::Signalling;
use super::failure::{Failure, not_answered};
use super::legs::LiveLeg;
use crate::call::leg::{Dial, Gone, NotAnswered};
use crate::oncall::{E164, Phone};
use crate::sip::{self, FailureCause, Outgoing};
use crate::switch::table::{HeldSlots, Table};
use crate::switch::trunks::Trunk;
use crate::switch::ways::{Way, ways};

/// How long a server may be silent while another one waits to be tried.
const PATIENCE: Duration = Duration::from_secs(3);

/// A phone that is being dialled.
#[derive(Debug)]
pub(in crate::switch) struct Attempt {
    dial: Dial,
    /// The way it is dialled at the moment.
    way: Way,
    /// What is left to be tried.
    left: VecDeque<Way>,
    /// Its phone rings, or something on the way says so.
    pub(super) rings: bool,
    /// Why the ways before came to nothing.
    passed: Vec<String>,
    /// All that was in the way so far is that lines were in use.
    only_full: bool,
}

/// Why a trunk is passed over.
#[derive(Debug)]
enum Obstacle {
    /// All its lines are in use.
    Full(String),
    /// Something that does not pass so soon.
    Other(String),
}

/// What a failure means for the other ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The server does not take calls: the next one, on this trunk or another.
    NextServer { overloaded: bool },
    /// The trunk cannot place it.
    NextTrunk,
    /// It was an answer.
    Final,
}

impl Signalling {
    /// Dials a phone.
    pub(super) fn dial(&mut self, dial: Dial) {
        let events = dial.events.clone();
        match self.prepared(dial) {
            Ok(leg) => self.next_way(leg),
            Err(why) => events.gone(Gone::NotAnswered(NotAnswered::Unreachable(why))),
        }
    }

    /// The ways to a phone, and the media of its leg.
    fn prepared(&mut self, dial: Dial) -> Result<LiveLeg, String> {
        let table = self.standing.borrow().table.clone();
        let now = Instant::now();
        let mut lot = StdRng::from_rng(&mut self.rng);
        let unregistered = |trunk| self.is_unregistered(trunk);
        let ways = ways(&table, &dial.trunks, &dial.phone, now, &self.health, unregistered, &mut lot)?;
        let way = *ways.first().ok_or("there is no way to dial it")?;
        // Both legs of a call live on one media thread.
        let stream = self
            .media
            .open(dial.call.0, dial.leg, self.media_events_from.clone(), dial.events.clone())
            .map_err(|error| error.to_string())?;
        let library = match dial.beside.and_then(|beside| self.legs.named(beside)) {
            Some(caller) => caller.library.clone(),
            None => self.standing.borrow().library.clone(),
        };
        Ok(LiveLeg {
            name: dial.leg,
            call: dial.call,
            trunk: way.trunk,
            who: dial.person.clone(),
            events: dial.events.clone(),
            stream,
            library,
            caller: false,
            codec: None,
            up: false,
            stored: false,
            answered: None,
            released: false,
            slots: None,
            gives_way: dial.gives_way,
            recording: None,
            reserve_used_by: None,
            cost: None,
            ends_at: None,
            attempt: Some(Box::new(Attempt {
                dial,
                way,
                left: ways.into(),
                rings: false,
                passed: Vec::new(),
                only_full: true,
            })),
        })
    }

    /// Dials in the next way that is open.
    fn next_way(&mut self, mut leg: LiveLeg) {
        let table = self.standing.borrow().table.clone();
        let Some(mut attempt) = leg.attempt.take() else { return };
        while let Some(way) = attempt.left.pop_front() {
            (leg.slots, leg.cost) = (None, None);
            (leg.trunk, attempt.way) = (way.trunk, way);
            match self.place(&table, &mut leg, &attempt) {
                Ok(dialog) => {
                    leg.attempt = Some(attempt);
                    return self.legs.insert(dialog, leg);
                }
                Err(obstacle) => {
                    attempt.only_full &= matches!(obstacle, Obstacle::Full(_));
                    let (Obstacle::Full(why) | Obstacle::Other(why)) = obstacle;
                    tracing::warn!(call = %leg.call, leg = %leg.name, "a trunk is passed over: {why}");
                    attempt.left.retain(|other| other.trunk != way.trunk);
                    attempt.passed.push(why);
                }
            }
        }
        let why = attempt.passed.join("; ");
        leg.events.gone(Gone::NotAnswered(match attempt.only_full {
            true => NotAnswered::NoLine(why),
            false => NotAnswered::Unreachable(why),
        }));
    }

    /// Sends the INVITE, if the trunk has room and may cost more.
    fn place(&mut self, table: &Table, leg: &mut LiveLeg, attempt: &Attempt) -> Result<sip::LegId, Obstacle> {
        let (dial, way) = (&attempt.dial, attempt.way);
        let removed = || Obstacle::Other("the trunk has been removed".to_owned());
        let known = table.trunks.get(way.trunk).ok_or_else(removed)?;
        let slots = self.more_slots(table, way.trunk, dial).map_err(Obstacle::Full)?;
        let mut media = self.local_media(way.trunk, leg.stream.rtp_port()).ok_or_else(removed)?;
        if let Some(codec) = dial.beside.and_then(|beside| self.legs.named(beside)?.codec) {
            // First what the caller speaks, so that nothing has to be converted.
            media.codecs.sort_by_key(|ours| *ours != codec);
        }
        leg.cost = Some(self.spend(&known.trunk).map_err(Obstacle::Other)?);
        leg.slots = slots;
        let request_uri = known.trunk.request_uri(&dial.phone, &known.domain());
        tracing::info!(call = %dial.call, leg = %dial.leg, trunk = known.trunk.name, %request_uri,
            to = %way.hop, "ringing");
        let mut outgoing = Outgoing::new(way.trunk, way.hop, request_uri, media);
        outgoing.from_user = dial.caller_id.as_ref().map(|number| known.trunk.written(number));
        let own = dial.own_number.as_ref().map(|number| known.trunk.written(number));
        outgoing.own_user = own.filter(|own| outgoing.from_user.as_ref() != Some(own));
        outgoing.no_response = (!attempt.left.is_empty()).then_some(PATIENCE);
        Ok(self.endpoint.invite(Instant::now(), outgoing))
    }

    /// A slot on the trunk, unless it is the one that was reserved when the caller was let in: that one is for
    /// one phone of the call at a time. A phone that was let go of gives way to the next.
    fn more_slots(&mut self, table: &Table, trunk: usize, dial: &Dial) -> Result<Option<HeldSlots>, String> {
        let Some(known) = table.trunks.get(trunk) else { return Ok(None) };
        let name = known.trunk.name.as_str();
        let caller = dial.beside.and_then(|beside| self.legs.named(beside)).filter(|leg| leg.caller);
        let reserve =
            caller.filter(|leg| leg.slots.as_ref().is_some_and(|slots| slots.outbound() == Some(name)));
        let user = reserve.and_then(|leg| leg.reserve_used_by).and_then(|leg| self.legs.named(leg));
        if reserve.is_some() && user.is_none_or(|leg| leg.released) {
            if let Some(beside) = dial.beside {
                self.legs.with_name(beside, |leg| leg.reserve_used_by = Some(dial.leg));
            }
            return Ok(None);
        }
        let taken = match dial.gives_way {
            true => self.slots.take_spare(name, known.trunk.max_calls),
            false => self.making_room(|own| own.slots.take(&[(name, known.trunk.max_calls)])),
        };
        taken.map(Some).ok_or_else(|| format!("max_calls of the trunk `{name}` is reached"))
    }

    /// A phone was not answered: the next way, or the end.
    pub(super) fn failed(&mut self, dialog: sip::LegId, failure: &Failure) {
        let Some(mut leg) = self.legs.remove(dialog) else { return };
        let (status, reason, cause) = (failure.status, failure.in_words(), failure.cause);
        self.clock_out(&mut leg);
        tracing::info!(call = %leg.call, leg = %leg.name, status, reason, "not answered");
        let Some(attempt) = leg.attempt.as_mut() else {
            return leg.events.gone(Gone::NotAnswered(not_answered(failure)));
        };
        let verdict = match failure.is_the_phones() {
            true => Verdict::Final,
            false => verdict(status, cause, attempt.rings),
        };
        let way = attempt.way;
        match verdict {
            Verdict::NextServer { overloaded } => {
                let now = Instant::now();
                self.health.failed(now, way.trunk, way.hop, overloaded);
                if let Some(wished) = failure.more.retry_after {
                    self.health.asks_for_rest(now, way.trunk, way.hop, wished);
                }
            }
            Verdict::NextTrunk => attempt.left.retain(|other| other.trunk != way.trunk),
            Verdict::Final => attempt.left.clear(),
        }
        if verdict == Verdict::Final {
            self.way_is_alive(way);
        }
        if attempt.left.is_empty() {
            return leg.events.gone(Gone::NotAnswered(attempt.end(not_answered(failure))));
        }
        let table = self.standing.borrow().table.clone();
        let name = table.trunks.get(way.trunk).map_or("", |known| known.trunk.name.as_str());
        let why = format!("{} of the trunk `{name}`: {}", way.hop, in_words(failure));
        tracing::warn!(call = %leg.call, leg = %leg.name, "another way is tried: {why}");
        leg.events.another_way(&why);
        attempt.passed.push(why);
        attempt.only_full = false;
        self.next_way(leg);
    }

    /// A responder's phone was answered: its way works.
    pub(super) fn way_works(&mut self, dialog: sip::LegId) {
        let way = self.legs.get(dialog).and_then(|leg| leg.attempt.take()).map(|attempt| attempt.way);
        if let Some(way) = way {
            self.way_is_alive(way);
        }
    }
}

impl Attempt {
    /// Whether a call that comes in is this one, passed on by the phone that it rings.
    pub(super) fn has_come_back(&self, trunk: &Trunk, identity: &sip::Identity) -> bool {
        let own = self.dial.own_number.as_ref();
        own.is_some_and(|own| is_passed_on(trunk, identity, own, &self.dial.phone))
    }

    /// The last way has failed: with what came of the others.
    fn end(&self, last: NotAnswered) -> NotAnswered {
        match last {
            NotAnswered::Unreachable(why) if !self.passed.is_empty() => {
                let mut all = self.passed.clone();
                all.push(why);
                NotAnswered::Unreachable(all.join("; "))
            }
            other => other,
        }
    }
}

/// Whether a phone has passed on a call of ours: it is among those who did, and the call bears our number, as
/// the caller's or as that of somebody who passed it on before. Either alone is an ordinary call: of a
/// colleague whose number is shown as ours is, or of somebody who has dialled the responder.
fn is_passed_on(trunk: &Trunk, identity: &sip::Identity, own: &E164, phone: &Phone) -> bool {
    let is_own = |text: &str| trunk.number(text).as_ref() == Some(own);
    let is_phone = |text: &str| match phone {
        Phone::Number(number) => trunk.number(text).as_ref() == Some(number),
        Phone::Sip(address) => address.user() == text,
    };
    // The last to pass it on comes first.
    let mut diverters = identity.diversions.iter().filter_map(|diversion| diversion.by.as_deref());
    let by_phone = diverters.by_ref().any(is_phone);
    by_phone && (identity.callers.iter().any(|caller| is_own(caller)) || diverters.any(is_own))
}

/// Whether a failure says anything about the phone, or only about the way to it.
fn verdict(status: u16, cause: FailureCause, rang: bool) -> Verdict {
    if rang {
        return Verdict::Final;
    }
    match (cause, status) {
        (FailureCause::Timeout | FailureCause::Transport, _) => Verdict::NextServer { overloaded: false },
        (FailureCause::Response, 503) => Verdict::NextServer { overloaded: true },
        // Nothing behind the trunk has answered (408), or the trunk is broken as a whole.
        (FailureCause::Response, 408 | 500..=599) => Verdict::NextTrunk,
        // It is we who are not let in, not the phone that does not want.
        (FailureCause::Authentication, _) => Verdict::NextTrunk,
        _ => Verdict::Final,
    }
}

fn in_words(failure: &Failure) -> String {
    match failure.cause {
        FailureCause::Timeout => "no answer".to_owned(),
        FailureCause::Transport => "it could not be reached".to_owned(),
        _ => format!("{} {}", failure.status, failure.in_words()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_way_that_reached_nobody_is_given_up_for_another() {
        use FailureCause::{Authentication, Cancelled, NoMedia, Response, Timeout, Transport};
        let next = Verdict::NextServer { overloaded: false };
        for (status, cause, expected) in [
            (408, Timeout, next),
            (503, Transport, next),
            (503, Response, Verdict::NextServer { overloaded: true }),
            (500, Response, Verdict::NextTrunk),
            (504, Response, Verdict::NextTrunk),
            (408, Response, Verdict::NextTrunk),
            (407, Authentication, Verdict::NextTrunk),
            (404, Response, Verdict::Final),
            (403, Response, Verdict::Final),
            (480, Response, Verdict::Final),
            (486, Response, Verdict::Final),
            (302, Response, Verdict::Final),
            (600, Response, Verdict::Final),
            (603, Response, Verdict::Final),
            (487, Cancelled, Verdict::Final),
            (488, NoMedia, Verdict::Final),
        ] {
            assert_eq!(verdict(status, cause, false), expected, "{status} {cause:?}");
            assert_eq!(verdict(status, cause, true), Verdict::Final, "it has rung: {status} {cause:?}");
        }
    }

    const HOTLINE: &str = "+4930123456";
    const ANNA: &str = "+4915112345678";

    /// A call from one number, passed on by others, the last one first, while the hotline rings Anna.
    fn refuses(caller: &str, diverters: &[&str]) -> bool {
        let diversion = |by: &&str| sip::Diversion {
            by: Some((*by).to_owned()),
            reason: sip::DiversionReason::Unconditional,
        };
        let identity = sip::Identity {
            callers: vec![caller.to_owned()],
            diversions: diverters.iter().map(diversion).collect(),
            ..sip::Identity::default()
        };
        let trunk = Trunk { country: Some("49".to_owned()), ..Trunk::named("carrier") };
        let (own, anna) = (trunk.number(HOTLINE).unwrap(), trunk.number(ANNA).unwrap());
        is_passed_on(&trunk, &identity, &own, &Phone::Number(anna))
    }

    #[test]
    fn our_call_that_a_ringing_phone_passes_on_is_known_in_any_form_of_the_numbers() {
        assert!(refuses(HOTLINE, &[ANNA]));
        assert!(refuses("030123456", &["015112345678"]));
        assert!(refuses("004930123456", &["+4930777", "4915112345678"]), "a phone between passed it on too");
        assert!(refuses("+49401", &[ANNA, HOTLINE]), "with the caller's number shown, we are named behind");
    }

    #[test]
    fn an_ordinary_call_is_never_taken_for_ours() {
        assert!(!refuses("+49401", &[]), "anybody");
        assert!(!refuses("+49401", &[ANNA]), "somebody who dialled Anna, who passes her calls on");
        assert!(!refuses(HOTLINE, &[]), "a colleague behind the same number");
        assert!(!refuses(HOTLINE, &["+4930777"]), "the same, over a phone that is not being rung");
        assert!(!refuses(ANNA, &[]), "Anna herself");
        assert!(!refuses("+49401", &[HOTLINE]), "the hotline's number is passed on to us by the carrier");
        assert!(!refuses("+49401", &[HOTLINE, ANNA]), "from Anna to the hotline's number, and on to us");
    }
}
