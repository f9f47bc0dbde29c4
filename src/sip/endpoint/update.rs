//! UPDATE (RFC 3311): a change of the media, a new Contact or a sign of life, before and after the answer.

use std::time::{Duration, Instant};

use super::event::{Event, LegId, Peer};
use super::leg::{Leg, State};
use super::receive::Facts;
use super::{Endpoint, compose, media};
use crate::sip::message::{HeaderName, Request, Response};
use crate::sip::offer_answer::Agreed;
use crate::sip::session_timer::{MIN_SE, Stated};
use crate::sip::validate;

/// For a request that comes while another one is not answered: up to 10 s, at random (RFC 3311 5.2).
const BUSY_SECONDS: u64 = 10;

/// What comes of an UPDATE.
enum Outcome {
    Refused(u16),
    /// The header fields and the SDP of the 200, and what is agreed on if it is new.
    Done(Vec<(HeaderName, String)>, Option<Vec<u8>>, Option<Agreed>),
}

impl Endpoint {
    /// An UPDATE for a leg of ours, wherever it stands.
    pub(super) fn update_received(
        &mut self,
        now: Instant,
        peer: Peer,
        leg: LegId,
        request: &Request,
        facts: &Facts,
    ) {
        let Some(mut entry) = self.take(leg) else { return };
        let outcome = match &entry.state {
            State::Incoming(_) => update_before_our_answer(&mut entry, request),
            State::Calling(_) => update_before_their_answer(&mut entry, request, facts),
            State::Up(_) => update_of_a_call(&mut entry, peer, request),
            State::Ending(_) => Outcome::Refused(481),
        };
        let contact = compose::contact(&entry.contact_user, entry.contact, peer.transport);
        let response = match outcome {
            Outcome::Refused(status) => self.refused_update(request, status),
            Outcome::Done(headers, sdp, agreed) => {
                self.schedule_session(now, &mut entry);
                if let Some(media) = agreed {
                    self.tell(&entry, Event::MediaChanged { leg, media });
                }
                let mut response = compose::response(request, 200, "", &self.config.software);
                response.headers.push(HeaderName::Contact, contact);
                response.headers.push(HeaderName::Allow, validate::ALLOW);
                compose::with_fields(&mut response.headers, headers);
                if let Some(sdp) = sdp {
                    compose::with_sdp(&mut response, sdp);
                }
                response
            }
        };
        self.keep(leg, entry);
        self.answer_request(now, peer, request, facts, &response);
    }

    fn refused_update(&mut self, request: &Request, status: u16) -> Response {
        let mut response = compose::response(request, status, "", &self.config.software);
        match status {
            422 => response.headers.push(HeaderName::MinSe, MIN_SE.to_string()),
            500 => {
                let seconds = self.random_below(BUSY_SECONDS.saturating_add(1));
                compose::with_retry_after(&mut response, Duration::from_secs(seconds));
            }
            _ => {}
        }
        response
    }
}

/// The caller's offer still waits for our answer (RFC 3311 5.2): another one is too early.
fn update_before_our_answer(leg: &mut Leg, request: &Request) -> Outcome {
    let State::Incoming(incoming) = &mut leg.state else { return Outcome::Refused(481) };
    if media::in_request(request).is_some() {
        return Outcome::Refused(500);
    }
    if let Some(contact) = request.headers.get(&HeaderName::Contact) {
        incoming.request.headers.set(HeaderName::Contact, contact);
    }
    Outcome::Done(Vec::new(), None, None)
}

/// Our offer waits for an answer (491), unless a reliable provisional response has brought it.
fn update_before_their_answer(leg: &mut Leg, request: &Request, facts: &Facts) -> Outcome {
    let State::Calling(calling) = &mut leg.state else { return Outcome::Refused(481) };
    let mut dialogs = calling.early.iter_mut();
    let found = dialogs.find(|early| early.dialog.identity.remote_tag == facts.from_tag);
    let Some(early) = found else { return Outcome::Refused(481) };
    let sdp = match (media::in_request(request), &mut early.negotiation) {
        (None, _) => None,
        (Some(_), None) => return Outcome::Refused(491),
        (Some(offer), Some(negotiation)) => match negotiation.answer(offer) {
            Ok((sdp, _)) => Some(sdp),
            Err(_) => return Outcome::Refused(488),
        },
    };
    let contact = request.headers.contact().ok().flatten();
    if let Some(contact) = contact {
        early.dialog.identity.target = contact.uri.to_string();
    }
    Outcome::Done(Vec::new(), sdp, None)
}

fn update_of_a_call(leg: &mut Leg, peer: Peer, request: &Request) -> Outcome {
    let State::Up(up) = &mut leg.state else { return Outcome::Refused(481) };
    let offer = media::in_request(request);
    if offer.is_some() && up.is_offering() {
        return Outcome::Refused(491);
    }
    let stated = Stated::of(&request.headers);
    let mut session = up.session.clone();
    let Ok(headers) = session.answer(&stated) else { return Outcome::Refused(422) };
    let before = up.negotiation.agreed().cloned();
    let (sdp, agreed) = match offer.map(|offer| up.negotiation.answer(offer)) {
        None => (None, None),
        Some(Ok((sdp, agreed))) => (Some(sdp), Some(agreed).filter(|new| before.as_ref() != Some(new))),
        Some(Err(_)) => return Outcome::Refused(488),
    };
    up.session = session;
    let contact = request.headers.contact().ok().flatten();
    up.dialog.refresh(contact.as_ref().map(|contact| &contact.uri), peer.hop());
    Outcome::Done(headers, sdp, agreed)
}
