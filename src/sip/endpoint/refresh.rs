//! Session timers at work (RFC 4028): our refreshes by UPDATE or re-INVITE, and the end of a session that
//! nobody has refreshed. A refresh changes nothing: a re-INVITE repeats our last SDP.

use std::time::{Duration, Instant};

use super::event::{EndCause, Event, LegId};
use super::leg::{Asking, Leg, State, Up};
use super::request::{Outcome, next_in_dialog};
use super::transactions::{Kind, Purpose, TransactionId};
use super::{Endpoint, compose, media};
use crate::sip::message::{HeaderName, Headers, Method, Request, Response};
use crate::sip::scan;
use crate::sip::session_timer::{OPTION, Stated};
use crate::sip::transaction::{OnResponse, Timer};
use crate::sip::validate;

/// While our 2xx waits for its ACK no request of ours may leave; then it is looked at again.
const SOON: Duration = Duration::from_secs(1);
/// A failed refresh is not tried again in less than this.
const SHORTEST_RETRY: Duration = Duration::from_secs(5);

impl Endpoint {
    /// From a refresh on: when the next one is due, and when the session ends.
    pub(super) fn schedule_session(&self, now: Instant, leg: &mut Leg) {
        let State::Up(up) = &leg.state else { return };
        leg.timers.stop(Timer::Refresh);
        leg.timers.stop(Timer::SessionEnd);
        let Some(schedule) = up.session.schedule() else { return };
        leg.timers.start(Timer::SessionEnd, now + schedule.end);
        if let Some(refresh) = schedule.refresh {
            leg.timers.start(Timer::Refresh, now + refresh);
        }
    }

    /// It is time for our refresh, or for another attempt at it.
    pub(super) fn refresh_session(&mut self, now: Instant, id: LegId, leg: &mut Leg) {
        let State::Up(up) = &mut leg.state else { return };
        if up.asking.is_some() || up.farewell.is_some() {
            return;
        }
        if up.answer.is_some() {
            return leg.timers.start(Timer::Refresh, now + SOON);
        }
        let (asking, method, purpose) = match up.updates {
            true => (Asking::Update, Method::Update, Purpose::Update(id)),
            false => (Asking::Reinvite, Method::Invite, Purpose::Reinvite(id)),
        };
        up.asking = Some(asking);
        let identity = &mut up.dialog.identity;
        let (trunk, hop) = (identity.trunk, identity.next_hop);
        let mut request = next_in_dialog(identity, method, &self.config.software);
        let contact = compose::contact(&leg.contact_user, leg.contact, hop.transport);
        request.headers.push(HeaderName::Contact, contact);
        request.headers.push(HeaderName::Allow, validate::ALLOW);
        request.headers.push(HeaderName::Supported, OPTION);
        compose::with_fields(&mut request.headers, up.session.ask());
        if asking == Asking::Reinvite {
            request.headers.push(HeaderName::ContentType, crate::sip::sdp::MEDIA_TYPE);
            request.body = up.negotiation.repeat();
        }
        self.send_request(now, trunk, hop, request, purpose);
    }

    /// Our UPDATE has come to its end.
    pub(super) fn update_done(&mut self, now: Instant, id: LegId, outcome: Outcome<'_>) {
        let Some(mut leg) = self.take(id) else { return };
        let State::Up(up) = &mut leg.state else { return self.keep(id, leg) };
        up.asking = None;
        match outcome {
            Outcome::Response(response) if response.status < 300 => {
                refreshed(up, response);
                self.schedule_session(now, &mut leg);
                self.keep(id, leg);
            }
            // RFC 3311 does not have to be spoken by whoever says so, and boxes on the way drop what they do
            // not know: a re-INVITE does the same, and only its silence means that the call is gone.
            Outcome::Timeout
            | Outcome::Response(Response { status: 405 | 408 | 415 | 420 | 488 | 501, .. }) => {
                up.updates = false;
                self.refresh_session(now, id, &mut leg);
                self.keep(id, leg);
            }
            _ => self.refresh_failed(now, id, leg, outcome),
        }
    }

    /// A refresh without success (RFC 4028 7.3, 10; RFC 3261 12.2.1.2, 14.1).
    fn refresh_failed(&mut self, now: Instant, id: LegId, mut leg: Leg, outcome: Outcome<'_>) {
        let State::Up(up) = &mut leg.state else { return self.keep(id, leg) };
        match outcome {
            Outcome::Timeout | Outcome::Response(Response { status: 408 | 481, .. }) => {
                return self.give_up(now, id, leg, EndCause::SessionExpired);
            }
            Outcome::Response(response) if response.status == 422 => {
                if up.session.raise(&Stated::of(&response.headers)) {
                    self.refresh_session(now, id, &mut leg);
                    return self.keep(id, leg);
                }
                self.retry_refresh(now, &mut leg, None);
            }
            Outcome::Response(Response { status: 491, .. }) => {
                let delay = self.glare_delay(leg.ours);
                leg.timers.start(Timer::Refresh, now + delay);
            }
            Outcome::Response(response) => {
                self.retry_refresh(now, &mut leg, retry_after(&response.headers));
            }
            Outcome::Transport => self.retry_refresh(now, &mut leg, None),
        }
        self.keep(id, leg);
    }

    /// Another attempt in half of the time that is left, as long as there is any; the call goes on till then.
    fn retry_refresh(&self, now: Instant, leg: &mut Leg, wished: Option<Duration>) {
        let Some(end) = leg.timers.deadline(Timer::SessionEnd) else { return };
        let delay = wished.unwrap_or(end.saturating_duration_since(now) / 2).max(SHORTEST_RETRY);
        leg.timers.start(Timer::Refresh, now + delay);
    }

    /// After a 491 (RFC 3261 14.1): whoever has begun the call waits longer, so that the two do not meet again.
    fn glare_delay(&mut self, ours: bool) -> Duration {
        let steps = match ours {
            true => 210 + self.random_below(191),
            false => self.random_below(201),
        };
        Duration::from_millis(steps.saturating_mul(10))
    }

    /// A response to our re-INVITE, with what its transaction makes of it.
    pub(super) fn reinvite_response(
        &mut self,
        now: Instant,
        id: TransactionId,
        leg: LegId,
        response: &Response,
        order: OnResponse,
    ) {
        match order {
            OnResponse::Absorb => {}
            OnResponse::Deliver if response.status < 200 => {}
            OnResponse::Deliver => {
                self.ask_again(now, id, response);
                self.reinvite_accepted(now, id, leg, response);
            }
            OnResponse::Acknowledge => self.acknowledge_refusal(id, None),
            OnResponse::AcknowledgeAndDeliver => {
                self.acknowledge_refusal(id, Some(response));
                if !self.ask_again(now, id, response) {
                    self.reinvite_done(now, leg, Outcome::Response(response));
                }
            }
        }
    }

    /// Every 2xx is acknowledged, also when the call has ended meanwhile (RFC 5407 3.2.3).
    fn reinvite_accepted(&mut self, now: Instant, id: TransactionId, leg: LegId, response: &Response) {
        let branch = self.branch();
        let target = self.legs.get(&leg).and_then(|entry| match &entry.state {
            State::Up(up) => Some(up.dialog.identity.routes.is_empty()),
            _ => None,
        });
        let Some(transaction) = self.transactions.get_mut(id) else { return };
        let Kind::ClientInvite { answered, invite, .. } = &mut transaction.kind else { return };
        let (trunk, to) = (transaction.trunk, transaction.to);
        let known = answered.first().map(|(_, ack)| ack.clone());
        let is_new = known.is_none();
        let ack = known.unwrap_or_else(|| {
            let ack = answer_ack(invite, response, &branch, target.unwrap_or_default()).to_bytes();
            answered.push((String::new(), ack.clone()));
            ack
        });
        self.send(trunk, to, ack);
        if is_new {
            self.reinvite_done(now, leg, Outcome::Response(response));
        }
    }

    /// Our re-INVITE has come to its end.
    pub(super) fn reinvite_done(&mut self, now: Instant, id: LegId, outcome: Outcome<'_>) {
        let Some(mut leg) = self.take(id) else { return };
        let State::Up(up) = &mut leg.state else { return self.keep(id, leg) };
        up.asking = None;
        let Outcome::Response(response) = outcome else { return self.refresh_failed(now, id, leg, outcome) };
        if response.status >= 300 {
            return self.refresh_failed(now, id, leg, outcome);
        }
        refreshed(up, response);
        let before = up.negotiation.agreed().cloned();
        let after = media::in_response(response).and_then(|sdp| up.negotiation.accept(sdp).ok());
        self.schedule_session(now, &mut leg);
        if let Some(media) = after.filter(|after| before.as_ref() != Some(after)) {
            self.tell(&leg, Event::MediaChanged { leg: id, media });
        }
        self.keep(id, leg);
    }
}

/// What a 2xx to a refresh of ours says: the session timer, and their Contact.
fn refreshed(up: &mut Up, response: &Response) {
    up.session.accept(&Stated::of(&response.headers));
    if let Some(contact) = response.headers.contact().ok().flatten() {
        up.dialog.identity.target = contact.uri.to_string();
    }
}

/// The ACK of a 2xx to a re-INVITE goes the way of the re-INVITE; to the new Contact where no route has a
/// say in it.
fn answer_ack(invite: &Request, response: &Response, branch: &str, direct: bool) -> Request {
    let mut ack = compose::twin(invite, Method::Ack);
    compose::with_credentials_of(&mut ack, invite);
    if let Some(contact) = response.headers.contact().ok().flatten().filter(|_| direct) {
        ack.uri = contact.uri;
    }
    if let Ok(Some(mut via)) = ack.headers.via() {
        via.branch = Some(branch.to_owned());
        ack.headers.set(HeaderName::Via, via.to_bytes());
    }
    ack
}

/// Retry-After in seconds (RFC 3261 20.33); comment and parameters are passed over.
pub(super) fn retry_after(headers: &Headers) -> Option<Duration> {
    let value = headers.get(&HeaderName::RetryAfter)?;
    let digits = value.split(|octet| !octet.is_ascii_digit()).next()?;
    scan::number(digits).map(|seconds| Duration::from_secs(u64::from(seconds)))
}
