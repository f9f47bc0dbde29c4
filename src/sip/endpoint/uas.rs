//! A call to us, until it is answered or refused (RFC 3261 8.2, 9.2, 13.3).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::event::{AnswerError, EndCause, Event, IncomingCall, LegId, Peer};
use super::leg::{Answer, DialogKey, Incoming, Leg, State, Up};
use super::receive::Facts;
use super::transactions::{Kind, Transaction, TransactionId};
use super::{Endpoint, compose, media};
use crate::sip::dialog::{Dialog, StoredDialog};
use crate::sip::identity::{self, Identity};
use crate::sip::message::{HeaderName, Headers, Method, Request, Response};
use crate::sip::offer_answer::{Agreed, LocalMedia, Negotiation};
use crate::sip::reason::{Reason, q850_of};
use crate::sip::scan;
use crate::sip::session_timer::{MIN_SE, SessionTimer, Stated};
use crate::sip::transaction::{ServerInvite, Timer, TimerTable};
use crate::sip::transport::Hop;

/// How long a caller is asked to wait when there is no room for his call.
const RETRY_AFTER: Duration = Duration::from_secs(5);

impl Endpoint {
    /// An INVITE outside any dialog that nothing can be held against.
    pub(super) fn invite_received(&mut self, now: Instant, peer: Peer, request: Request, facts: &Facts) {
        if self.transactions.call(&facts.call_key()).is_some() {
            return self.answer_stateless(peer, &request, 482, |_| {});
        }
        if let Some(leg) = self.leg_of_ours(&facts.call_id) {
            self.events.push_back(Event::Loop { leg, peer });
            return self.answer_stateless(peer, &request, 482, |_| {});
        }
        let Some(profile) = self.config.trunks.get(peer.trunk) else { return };
        let contact = profile.contact_for(peer.transport);
        let served = |offer: &[u8]| media::is_acceptable(offer, profile, contact, peer.transport);
        if media::in_request(&request).is_some_and(|offer| !served(offer)) {
            return self.answer_stateless(peer, &request, 488, |_| {});
        }
        let session = SessionTimer::new(profile.session_timer);
        if session.clone().answer(&Stated::of(&request.headers)).is_err() {
            return self.answer_stateless(peer, &request, 422, |response| {
                response.headers.push(HeaderName::MinSe, MIN_SE.to_string());
            });
        }
        if self.legs.len() >= self.config.max_dialogs || !self.has_room() {
            return self.answer_later(peer, &request, 503, RETRY_AFTER);
        }
        self.begin_incoming(now, peer, contact, session, request, facts);
    }

    /// Our own leg of this Call-ID. We choose each at random, so an INVITE that has it is ours, and somebody
    /// has sent it back (RFC 3261 16.3, 4).
    fn leg_of_ours(&self, call_id: &str) -> Option<LegId> {
        let first = DialogKey { call_id: call_id.to_owned(), local_tag: String::new() };
        let (key, leg) = self.dialogs.range(first..).next()?;
        let ours = self.legs.get(leg).is_some_and(|entry| entry.ours);
        (key.call_id == call_id && ours).then_some(*leg)
    }

    /// A leg for the INVITE, and the 100 at once.
    fn begin_incoming(
        &mut self,
        now: Instant,
        peer: Peer,
        contact: SocketAddr,
        session: SessionTimer,
        request: Request,
        facts: &Facts,
    ) {
        let leg = self.next_leg();
        let trying = compose::response(&request, 100, "", &self.config.software).to_bytes();
        let kind = Kind::ServerInvite {
            machine: ServerInvite::new(&self.config.timers, peer.transport),
            key: facts.server_key(peer.trunk, Method::Invite, &request),
            call: Some(facts.call_key()),
            leg,
        };
        let transaction = Transaction { trunk: peer.trunk, to: peer.hop(), message: trying.clone(), kind };
        let transaction = self.add_transaction(transaction);
        let key = DialogKey { call_id: facts.call_id.clone(), local_tag: self.token() };
        let contact_user = self.long_token();
        let call = Box::new(describe(&request));
        let mut timers = TimerTable::default();
        if let Some(seconds) = request.headers.get(&HeaderName::Expires).and_then(scan::number) {
            timers.start(Timer::InviteExpires, now + Duration::from_secs(u64::from(seconds)));
        }
        let (source, sequence) = (peer.hop(), facts.sequence);
        let state = State::Incoming(Box::new(Incoming { transaction, source, request, sequence, session }));
        self.send(peer.trunk, peer.hop(), trying);
        self.add_leg(
            leg,
            Leg {
                trunk: peer.trunk,
                key,
                contact,
                contact_user,
                ours: false,
                silent: false,
                reliable: None,
                timers,
                state,
            },
        );
        self.events.push_back(Event::Invite { leg, peer, call });
    }

    /// Answers a call with 200. What was agreed on comes back at once, or with the ACK
    /// ([`Event::Established`]) if the caller left the offer to us.
    ///
    /// # Errors
    /// The caller is no longer waiting, or the offer cannot be met (488 has been sent).
    pub fn answer(
        &mut self,
        now: Instant,
        leg: LegId,
        media: LocalMedia,
    ) -> Result<Option<Agreed>, AnswerError> {
        let mut entry = self.take(leg).ok_or(AnswerError::Gone)?;
        let State::Incoming(incoming) = &entry.state else {
            self.keep(leg, entry);
            return Err(AnswerError::Gone);
        };
        let security = self.media_security(entry.trunk, incoming.source.transport);
        let mut negotiation = Negotiation::secured(media, security);
        let described = match media::in_request(&incoming.request) {
            Some(offer) => negotiation.answer(offer).ok().map(|(body, agreed)| (body, Some(agreed))),
            None => Some((negotiation.offer(), None)),
        };
        let Some((body, agreed)) = described else {
            self.refuse_incoming(now, leg, entry, 488, None);
            return Err(AnswerError::NotAcceptable);
        };
        let Some(dialog) = established(&entry, incoming) else {
            self.refuse_incoming(now, leg, entry, 400, None);
            return Err(AnswerError::NotAcceptable);
        };
        let (transaction, to) = (incoming.transaction, incoming.source);
        let mut response = self.answer_with(&entry, incoming, body);
        let mut session = incoming.session.clone();
        let stated = Stated::of(&incoming.request.headers);
        compose::with_fields(&mut response.headers, session.answer(&stated).unwrap_or_default());
        let updates = allows_update(&incoming.request.headers);
        self.tell(&entry, Event::Answering { leg, dialog: dialog.identity.clone() });
        let up = Up { answer: None, farewell: None, negotiation, dialog, session, updates, asking: None };
        entry.state = State::Up(Box::new(up));
        entry.timers.clear();
        self.schedule_session(now, &mut entry);
        self.respond_invite(now, transaction, &response);
        self.await_ack(now, &mut entry, &response, Pending { first: true, offered: agreed.is_none(), to });
        self.keep(leg, entry);
        Ok(agreed)
    }

    fn answer_with(&self, leg: &Leg, incoming: &Incoming, body: Vec<u8>) -> Response {
        let mut response =
            compose::response(&incoming.request, 200, &leg.key.local_tag, &self.config.software);
        compose::begin_dialog(
            &mut response,
            &incoming.request,
            compose::contact(&leg.contact_user, leg.contact, incoming.source.transport),
        );
        compose::with_sdp(&mut response, body);
        response
    }

    /// The 2xx is repeated by the dialog until its ACK comes (RFC 3261 13.3.1.4).
    pub(super) fn await_ack(&mut self, now: Instant, leg: &mut Leg, response: &Response, pending: Pending) {
        let timers = self.config.timers;
        let State::Up(up) = &mut leg.state else { return };
        up.answer = Some(Answer {
            sequence: response.headers.cseq().ok().flatten().map_or(0, |cseq| cseq.number),
            message: response.to_bytes(),
            interval: timers.t1,
            first: pending.first,
            offered: pending.offered,
            to: pending.to,
        });
        leg.timers.start(Timer::Answer, now + timers.t1);
        leg.timers.start(Timer::AnswerAck, now + timers.transaction_life());
    }

    /// Refuses a call. Nothing more is heard of it.
    pub fn refuse(&mut self, now: Instant, leg: LegId, status: u16, retry_after: Option<Duration>) {
        let Some(entry) = self.take(leg) else { return self.hush(leg) };
        match &entry.state {
            State::Incoming(_) => self.refuse_incoming(now, leg, entry, status.clamp(300, 699), retry_after),
            State::Calling(_) | State::Up(_) | State::Ending(_) => self.keep(leg, entry),
        }
    }

    /// The end of a leg that waits for our answer.
    pub(super) fn refuse_incoming(
        &mut self,
        now: Instant,
        id: LegId,
        leg: Leg,
        status: u16,
        retry_after: Option<Duration>,
    ) {
        if let State::Incoming(incoming) = &leg.state {
            let mut response =
                compose::response(&incoming.request, status, &leg.key.local_tag, &self.config.software);
            if let Some(delay) = retry_after {
                compose::with_retry_after(&mut response, delay);
            }
            let cause = format!("Q.850;cause={}", q850_of(status));
            response.headers.push(HeaderName::Reason, cause);
            self.respond_invite(now, incoming.transaction, &response);
        }
        self.forget(id, leg);
    }

    /// Sends a response to an INVITE and keeps it for retransmissions.
    pub(super) fn respond_invite(&mut self, now: Instant, id: TransactionId, response: &Response) {
        let lengths = self.config.timers;
        let Some(transaction) = self.transactions.get_mut(id) else { return };
        let Kind::ServerInvite { machine, .. } = &mut transaction.kind else { return };
        if !machine.respond(now, response.status, &lengths) {
            return;
        }
        transaction.message = response.to_bytes();
        let (trunk, to, message) = (transaction.trunk, transaction.to, transaction.message.clone());
        self.reschedule(id);
        self.send(trunk, to, message);
    }

    /// CANCEL (RFC 3261 9.2): 200 for itself; an INVITE not yet answered ends with 487.
    pub(super) fn cancel_received(&mut self, now: Instant, peer: Peer, request: &Request, facts: &Facts) {
        let key = facts.server_key(peer.trunk, Method::Invite, request);
        let found = self.transactions.server(&key).and_then(|id| self.transactions.get(id));
        let Some(Kind::ServerInvite { machine, leg, .. }) = found.map(|transaction| &transaction.kind) else {
            return self.answer_stateless(peer, request, 481, |_| {});
        };
        let (waiting, leg) = (machine.is_proceeding(), *leg);
        let tag = self.legs.get(&leg).map_or_else(String::new, |entry| entry.key.local_tag.clone());
        let tag = if tag.is_empty() { self.token() } else { tag };
        let response = compose::response(request, 200, &tag, &self.config.software);
        self.answer_request(now, peer, request, facts, &response);
        if waiting {
            self.caller_gave_up(now, leg, EndCause::Cancelled, Reason::of(&request.headers));
        }
    }

    /// The caller no longer waits for our answer.
    pub(super) fn caller_gave_up(
        &mut self,
        now: Instant,
        leg: LegId,
        cause: EndCause,
        because: Option<Reason>,
    ) {
        let Some(entry) = self.take(leg) else { return };
        self.tell(&entry, Event::Ended { leg, cause, because });
        self.refuse_incoming(now, leg, entry, 487, None);
    }
}

/// What a 2xx that waits for its ACK was sent for.
pub(super) struct Pending {
    pub first: bool,
    pub offered: bool,
    pub to: Hop,
}

/// The dialog that our 2xx begins (RFC 3261 12.1.1).
fn established(leg: &Leg, incoming: &Incoming) -> Option<Dialog> {
    let headers = &incoming.request.headers;
    let (from, to) = (headers.from().ok()??, headers.to().ok()??);
    let routes = headers.record_routes().ok()?;
    let identity = StoredDialog {
        trunk: leg.trunk,
        next_hop: incoming.source,
        contact: leg.contact,
        contact_user: leg.contact_user.clone(),
        call_id: leg.key.call_id.clone(),
        local: compose::text(&to.with_tag(&leg.key.local_tag).to_bytes()),
        local_tag: leg.key.local_tag.clone(),
        remote: compose::text(headers.get(&HeaderName::From).unwrap_or_default()),
        remote_tag: from.tag().unwrap_or_default().to_owned(),
        sequence: 0,
        routes: routes.iter().map(|route| compose::text(&route.to_bytes())).collect(),
        // RFC 2543 knew INVITEs without Contact: whoever is From is the target.
        target: headers.contact().ok()?.map_or(from.uri, |contact| contact.uri).to_string(),
    };
    Some(Dialog { identity, remote_sequence: Some(incoming.sequence) })
}

/// Whether the sender of a message takes UPDATE (RFC 3311 4).
pub(super) fn allows_update(headers: &Headers) -> bool {
    let methods = headers.tokens(&HeaderName::Allow).unwrap_or_default();
    methods.iter().any(|method| method == "UPDATE")
}

/// What an INVITE says about the call.
fn describe(request: &Request) -> IncomingCall {
    let headers = &request.headers;
    let to = headers.to().ok().flatten();
    IncomingCall {
        call_id: headers.call_id().ok().flatten().unwrap_or_default(),
        request_user: identity::called(&request.uri).unwrap_or_default(),
        request_host: request.uri.host().map(ToString::to_string).unwrap_or_default(),
        to_user: to.and_then(|to| identity::called(&to.uri)).unwrap_or_default(),
        called_party: identity::called_party(headers),
        identity: Identity::read(headers),
        has_offer: media::in_request(request).is_some(),
    }
}
