//! Requests inside a call (RFC 3261 12.2.2): ACK, BYE, INFO, OPTIONS and re-INVITE; PRACK and UPDATE have
//! files of their own.

use std::time::{Duration, Instant};

use super::event::{EndCause, Event, LegId, Peer};
use super::leg::{Answer, Leg, State};
use super::receive::{Facts, abilities};
use super::transactions::{Kind, Transaction};
use super::uas::Pending;
use super::{Endpoint, compose, media};
use crate::sip::dtmf_info;
use crate::sip::message::{HeaderName, Method, Request, Response};
use crate::sip::offer_answer::Agreed;
use crate::sip::reason::Reason;
use crate::sip::session_timer::{MIN_SE, Stated};
use crate::sip::transaction::{ServerInvite, Timer};

/// For an INVITE that comes while another one is not answered: up to 10 s, at random (RFC 3261 14.2).
const OVERLAP_SECONDS: u64 = 10;

impl Endpoint {
    /// A request with a To tag.
    pub(super) fn receive_in_dialog(&mut self, now: Instant, peer: Peer, request: Request, facts: &Facts) {
        let status = match self.leg_of(peer, facts) {
            Some(leg) => match self.admit(leg, facts) {
                Ok(()) => return self.serve(now, peer, leg, request, facts),
                Err(status) => status,
            },
            None => 481,
        };
        self.refuse_in_dialog(peer, &request, status);
    }

    fn refuse_in_dialog(&mut self, peer: Peer, request: &Request, status: u16) {
        match (status, &request.method) {
            (500, Method::Invite) => {
                let delay = Duration::from_secs(self.random_below(OVERLAP_SECONDS.saturating_add(1)));
                self.answer_later(peer, request, status, delay);
            }
            _ => self.answer_stateless(peer, request, status, |_| {}),
        }
    }

    /// Whether a leg takes a request: the tags must be those of its dialog, the CSeq must have risen,
    /// and an INVITE must not overlap another one.
    fn admit(&mut self, leg: LegId, facts: &Facts) -> Result<(), u16> {
        let Some(entry) = self.legs.get_mut(&leg) else { return Err(481) };
        let is_invite = facts.method == Method::Invite;
        match &mut entry.state {
            State::Incoming(incoming) => {
                let from = incoming.request.headers.from().ok().flatten();
                let same = from.is_some_and(|from| from.tag().unwrap_or_default() == facts.from_tag);
                match (same, facts.sequence > incoming.sequence && !is_invite) {
                    (false, _) => Err(481),
                    (true, false) => Err(500),
                    (true, true) => {
                        incoming.sequence = facts.sequence;
                        Ok(())
                    }
                }
            }
            State::Calling(calling) => {
                let mut dialogs = calling.early.iter_mut().map(|early| &mut early.dialog);
                let found = dialogs.find(|dialog| dialog.identity.remote_tag == facts.from_tag);
                match (found, &facts.method) {
                    // RFC 3261 15: a phone that has not answered has nothing to hang up on.
                    (None, _) | (_, Method::Bye) => Err(481),
                    (Some(_), Method::Invite) => Err(491),
                    (Some(dialog), _) => dialog.takes(facts.sequence).then_some(()).ok_or(500),
                }
            }
            State::Up(up) if up.dialog.identity.remote_tag != facts.from_tag => Err(481),
            State::Up(up) if is_invite && up.farewell.is_some() => Err(481),
            // Both sides would speak of media at once (RFC 3261 14.2; RFC 5407 3.1.5, 3.3.1).
            State::Up(up) if is_invite && up.is_offering() => Err(491),
            State::Up(up) => up.dialog.takes(facts.sequence).then_some(()).ok_or(500),
            State::Ending(dialog) if dialog.identity.remote_tag != facts.from_tag => Err(481),
            // Both hang up at once.
            State::Ending(_) if facts.method == Method::Bye => Ok(()),
            State::Ending(_) => Err(481),
        }
    }

    fn serve(&mut self, now: Instant, peer: Peer, leg: LegId, request: Request, facts: &Facts) {
        match request.method {
            Method::Bye => self.bye_received(now, peer, leg, &request, facts),
            Method::Invite => self.reinvite_received(now, peer, leg, &request, facts),
            Method::Info => self.info_received(now, peer, leg, &request, facts),
            Method::Update => self.update_received(now, peer, leg, &request, facts),
            Method::Prack => self.prack_received(now, peer, leg, &request, facts),
            _ => self.answer_in_dialog(now, peer, &request, facts, abilities),
        }
    }

    fn answer_in_dialog(
        &mut self,
        now: Instant,
        peer: Peer,
        request: &Request,
        facts: &Facts,
        more: impl FnOnce(&mut Response),
    ) {
        let mut response = compose::response(request, 200, "", &self.config.software);
        more(&mut response);
        self.answer_request(now, peer, request, facts, &response);
    }

    /// BYE ends the leg in whatever state it is, also before the ACK of our answer (RFC 3261 15.1.2).
    fn bye_received(&mut self, now: Instant, peer: Peer, leg: LegId, request: &Request, facts: &Facts) {
        self.answer_in_dialog(now, peer, request, facts, |_| {});
        let because = Reason::of(&request.headers);
        match self.legs.get(&leg).map(|entry| &entry.state) {
            Some(State::Incoming(_)) => self.caller_gave_up(now, leg, EndCause::Bye, because),
            Some(State::Up(_)) => {
                let Some(entry) = self.take(leg) else { return };
                self.tell(&entry, Event::Ended { leg, cause: EndCause::Bye, because });
                self.forget(leg, entry);
            }
            // Our own BYE is still under way, and its transaction ends the leg.
            Some(State::Ending(_) | State::Calling(_)) | None => {}
        }
    }

    fn info_received(&mut self, now: Instant, peer: Peer, leg: LegId, request: &Request, facts: &Facts) {
        self.answer_in_dialog(now, peer, request, facts, |_| {});
        let kind = request.headers.content_type().ok().flatten().unwrap_or_default();
        let Some(entry) = self.legs.get(&leg).filter(|entry| !entry.silent) else { return };
        if let State::Up(_) = entry.state
            && let Some(digit) = dtmf_info::read(&kind, &request.body)
        {
            let (key, duration_ms) = (digit.key, digit.duration_ms);
            self.events.push_back(Event::Digit { leg, key, duration_ms });
        }
    }

    /// re-INVITE (RFC 3261 14.2): answered at once, with 200 or with 488; either way the call goes on.
    fn reinvite_received(&mut self, now: Instant, peer: Peer, leg: LegId, request: &Request, facts: &Facts) {
        if !self.has_room() {
            return self.refuse_in_dialog(peer, request, 500);
        }
        let Some(mut entry) = self.take(leg) else { return };
        self.implicitly_acknowledged(leg, &mut entry);
        let outcome = match renegotiate(&mut entry, peer, request) {
            Ok(outcome) => outcome,
            Err(status) => {
                self.keep(leg, entry);
                let mut response = compose::response(request, status, "", &self.config.software);
                if status == 422 {
                    response.headers.push(HeaderName::MinSe, MIN_SE.to_string());
                }
                return self.open_reinvite(now, peer, leg, request, facts, &response);
            }
        };
        let contact = compose::contact(&entry.contact_user, entry.contact, peer.transport);
        let mut response = compose::response(request, 200, "", &self.config.software);
        compose::begin_dialog(&mut response, request, contact);
        compose::with_fields(&mut response.headers, outcome.session);
        compose::with_sdp(&mut response, outcome.body);
        self.schedule_session(now, &mut entry);
        self.open_reinvite(now, peer, leg, request, facts, &response);
        let offered = outcome.agreed.is_none();
        self.await_ack(now, &mut entry, &response, Pending { first: false, offered, to: peer.hop() });
        if let Some(media) = outcome.agreed.filter(|_| outcome.is_new) {
            self.tell(&entry, Event::MediaChanged { leg, media });
        }
        self.keep(leg, entry);
    }

    /// Whoever sends a re-INVITE has our 2xx to the INVITE before it: its ACK is lost or late
    /// (RFC 5407 3.1.4), and is no longer waited for.
    fn implicitly_acknowledged(&mut self, leg: LegId, entry: &mut Leg) {
        let State::Up(up) = &mut entry.state else { return };
        let Some(answer) = up.answer.take() else { return };
        entry.timers.stop(Timer::Answer);
        entry.timers.stop(Timer::AnswerAck);
        if answer.first {
            self.tell(entry, Event::Established { leg, media: None });
        }
    }

    /// The transaction of a re-INVITE, with its answer.
    fn open_reinvite(
        &mut self,
        now: Instant,
        peer: Peer,
        leg: LegId,
        request: &Request,
        facts: &Facts,
        response: &Response,
    ) {
        let kind = Kind::ServerInvite {
            machine: ServerInvite::new(&self.config.timers, peer.transport),
            key: facts.server_key(peer.trunk, Method::Invite, request),
            call: None,
            leg,
        };
        let transaction = Transaction { trunk: peer.trunk, to: peer.hop(), message: Vec::new(), kind };
        let id = self.add_transaction(transaction);
        self.respond_invite(now, id, response);
    }

    /// The ACK of a 2xx of ours. One that belongs to nothing is dropped.
    pub(super) fn acknowledged(&mut self, now: Instant, peer: Peer, request: &Request, facts: &Facts) {
        let Some(leg) = self.leg_of(peer, facts) else { return };
        let Some(mut entry) = self.take(leg) else { return };
        let Some(answer) = take_answer(&mut entry, facts) else { return self.keep(leg, entry) };
        entry.timers.stop(Timer::Answer);
        entry.timers.stop(Timer::AnswerAck);
        let State::Up(up) = &mut entry.state else { return self.keep(leg, entry) };
        let farewell = up.farewell;
        let before = up.negotiation.agreed().cloned();
        let media = match answer.offered {
            true => media::in_request(request).and_then(|sdp| up.negotiation.accept(sdp).ok()),
            false => None,
        };
        if let Some(cause) = farewell {
            self.begin_bye(now, leg, &mut entry, cause.reasons());
            return self.keep(leg, entry);
        }
        // After a re-INVITE the call stays as it was (RFC 3261 14.1).
        if answer.first && answer.offered && media.is_none() {
            return self.give_up(now, leg, entry, EndCause::NoMedia);
        }
        match media {
            media if answer.first => self.tell(&entry, Event::Established { leg, media }),
            Some(media) if before.as_ref() != Some(&media) => {
                self.tell(&entry, Event::MediaChanged { leg, media })
            }
            Some(_) | None => {}
        }
        self.keep(leg, entry);
    }
}

/// Our 2xx that this is the ACK of.
fn take_answer(leg: &mut Leg, facts: &Facts) -> Option<Answer> {
    let State::Up(up) = &mut leg.state else { return None };
    let ours = up.dialog.identity.remote_tag == facts.from_tag
        && up.answer.as_ref().is_some_and(|answer| answer.sequence == facts.sequence);
    if ours { up.answer.take() } else { None }
}

/// What comes of a re-INVITE that can be met.
struct Renegotiated {
    /// The SDP of our 200.
    body: Vec<u8>,
    /// What is agreed on from now; nothing if our SDP is an offer.
    agreed: Option<Agreed>,
    /// It differs from what was agreed on before.
    is_new: bool,
    /// What our 200 says of the session timer.
    session: Vec<(HeaderName, String)>,
}

fn renegotiate(leg: &mut Leg, peer: Peer, request: &Request) -> Result<Renegotiated, u16> {
    let State::Up(up) = &mut leg.state else { return Err(481) };
    let stated = Stated::of(&request.headers);
    let mut timer = up.session.clone();
    let session = timer.answer(&stated).map_err(|_| 422_u16)?;
    let before = up.negotiation.agreed().cloned();
    let outcome = match media::in_request(request) {
        Some(offer) => {
            let (body, agreed) = up.negotiation.answer(offer).map_err(|_| 488_u16)?;
            Renegotiated { body, is_new: before.as_ref() != Some(&agreed), agreed: Some(agreed), session }
        }
        None => Renegotiated { body: up.negotiation.offer(), agreed: None, is_new: false, session },
    };
    up.session = timer;
    let contact = request.headers.contact().ok().flatten();
    up.dialog.refresh(contact.as_ref().map(|contact| &contact.uri), peer.hop());
    Ok(outcome)
}
