//! A call of ours, until it is answered or refused (RFC 3261 8.1, 9.1, 13.2).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::early::{Provisional, take_early};
use super::event::{
    Cause, EndCause, Event, FailureCause, LegId, Outgoing, Peer, Refusal, ReliableProvisional,
};
use super::leg::{Calling, DialogKey, Early, Leg, State, Up};
use super::refresh::retry_after;
use super::transactions::{ClientKey, Kind, Purpose, Transaction, TransactionId};
use super::uas::allows_update;
use super::{Endpoint, compose, media};
use crate::sip::dialog::{Dialog, StoredDialog};
use crate::sip::digest::Attempts;
use crate::sip::header::CSeq;
use crate::sip::message::{HeaderName, Headers, Method, Request, Response};
use crate::sip::offer_answer::{Agreed, Negotiation};
use crate::sip::reason::Reason;
use crate::sip::session_timer::{SessionTimer, Stated};
use crate::sip::transaction::{ClientOther, OnResponse, Timer, TimerTable};
use crate::sip::transport::Hop;
use crate::sip::uri::Uri;

/// How many phones may answer one INVITE before more of them are not even hung up on.
const MAX_FORKS: usize = 16;
/// More PRACKs than anybody sends in one early dialog.
const PRACKS: u32 = 64;

impl Endpoint {
    /// Places a call. What becomes of it comes as events.
    pub fn invite(&mut self, now: Instant, outgoing: Outgoing) -> LegId {
        let leg = self.next_leg();
        let Some(profile) = self.config.trunks.get(outgoing.trunk).cloned() else {
            let (status, reason) = (503, "No such trunk".to_owned());
            let (cause, more) = (FailureCause::Transport, Box::default());
            self.events.push_back(Event::Failed { leg, status, reason, cause, more });
            return leg;
        };
        let names = self.names(outgoing.trunk);
        let routes = self.preloaded_routes(outgoing.trunk);
        let security = self.media_security(outgoing.trunk, outgoing.to.transport);
        let mut negotiation = Negotiation::secured(outgoing.media.clone(), security);
        let offer = negotiation.offer();
        let session = SessionTimer::new(profile.session_timer);
        let mut invite = compose::invite(&outgoing, &profile, &names, &routes, &self.config.software, offer);
        compose::with_fields(&mut invite.headers, session.ask());
        let (trunk, to) = (outgoing.trunk, outgoing.to);
        let transaction = self.send_request(now, trunk, to, invite, Purpose::Call(leg));
        let calling = Calling {
            transaction,
            negotiation,
            unwanted: None,
            cancelled: false,
            early: Vec::new(),
            session,
        };
        let key = DialogKey { call_id: names.call_id, local_tag: names.tag };
        let state = State::Calling(Box::new(calling));
        let contact = profile.contact_for(to.transport);
        let (contact_user, mut timers) = (names.contact_user, TimerTable::default());
        if let Some(patience) = outgoing.no_response {
            // A connection that cannot be opened takes its time too, and then the way is UDP.
            let by_size = if self.moved.contains(&transaction) { patience } else { Duration::ZERO };
            timers.start(Timer::Patience, now + patience + by_size);
        }
        self.add_leg(
            leg,
            Leg {
                trunk,
                key,
                contact,
                contact_user,
                ours: true,
                silent: false,
                reliable: None,
                timers,
                state,
            },
        );
        leg
    }

    /// A Call-ID of ours.
    pub(super) fn call_id(&mut self, trunk: usize) -> String {
        let token = self.long_token();
        match self.config.trunks.get(trunk) {
            Some(profile) => format!("{token}@{}", profile.contact.ip().to_string().replace(':', ".")),
            None => token,
        }
    }

    fn names(&mut self, trunk: usize) -> compose::Names {
        compose::Names { call_id: self.call_id(trunk), tag: self.token(), contact_user: self.long_token() }
    }

    /// A response to an INVITE of ours, with what its transaction makes of it.
    pub(super) fn invite_response(
        &mut self,
        now: Instant,
        id: TransactionId,
        response: &Response,
        order: OnResponse,
    ) {
        if let Some(Kind::ClientInvite { purpose: Purpose::Reinvite(leg), .. }) =
            self.transactions.get(id).map(|transaction| &transaction.kind)
        {
            let leg = *leg;
            return self.reinvite_response(now, id, leg, response, order);
        }
        match order {
            OnResponse::Absorb => {}
            OnResponse::Deliver if response.status < 200 => self.call_proceeds(now, id, response),
            OnResponse::Deliver => {
                self.ask_again(now, id, response);
                self.call_answered(now, id, response);
            }
            OnResponse::Acknowledge => self.acknowledge_refusal(id, None),
            OnResponse::AcknowledgeAndDeliver => {
                self.acknowledge_refusal(id, Some(response));
                if !self.ask_again(now, id, response) && !self.longer_session(now, id, response) {
                    self.call_refused(id, response);
                }
            }
        }
    }

    /// Sends the ACK of a refusal, the same one each time.
    pub(super) fn acknowledge_refusal(&mut self, id: TransactionId, response: Option<&Response>) {
        let Some(transaction) = self.transactions.get_mut(id) else { return };
        let Kind::ClientInvite { invite, refusal_ack, .. } = &mut transaction.kind else { return };
        if let Some(response) = response {
            *refusal_ack = compose::refusal_ack(invite, response).to_bytes();
        }
        let (trunk, to, message) = (transaction.trunk, transaction.to, refusal_ack.clone());
        self.send(trunk, to, message);
    }

    /// A provisional response: a CANCEL that had to wait for it goes out now.
    fn call_proceeds(&mut self, now: Instant, id: TransactionId, response: &Response) {
        let Some((leg, mut entry)) = self.take_calling(id) else { return };
        let provisional = self.early_response(now, leg, &mut entry, response);
        let State::Calling(calling) = &mut entry.state else { return self.keep(leg, entry) };
        let (cancelled, unwanted) = (calling.cancelled, calling.unwanted);
        match unwanted {
            Some(cause) if !cancelled => self.send_cancel(now, &mut entry, cause),
            Some(_) => {}
            None => entry.timers.start(Timer::Patience, now + self.config.timers.timer_c),
        }
        if response.status >= 180 && provisional == Provisional::New {
            self.tell(&entry, Event::Ringing { leg, status: response.status });
        }
        self.keep(leg, entry);
    }

    /// CANCEL goes where the INVITE went, with its branch (RFC 3261 9.1). When nothing more comes for
    /// 64*T1, the INVITE is over all the same.
    pub(super) fn send_cancel(&mut self, now: Instant, leg: &mut Leg, cause: Cause) {
        let State::Calling(calling) = &mut leg.state else { return };
        let Some(transaction) = self.transactions.get(calling.transaction) else { return };
        let Kind::ClientInvite { invite, branch, .. } = &transaction.kind else { return };
        let message = compose::cancel(invite, cause.reasons()).to_bytes();
        let key = ClientKey { branch: branch.clone(), method: Method::Cancel };
        let (trunk, to) = (transaction.trunk, transaction.to);
        calling.cancelled = true;
        leg.timers.start(Timer::Patience, now + self.config.timers.transaction_life());
        let kind = Kind::ClientOther {
            machine: ClientOther::new(now, &self.config.timers, to.transport),
            key,
            purpose: Purpose::Nothing,
            attempts: Attempts::default(),
            request: None,
        };
        self.add_transaction(Transaction { trunk, to, message: message.clone(), kind });
        self.send(trunk, to, message);
    }

    /// A 2xx. Each one is acknowledged; only the first phone that answers is kept.
    fn call_answered(&mut self, now: Instant, id: TransactionId, response: &Response) {
        let tag = to_tag(response).unwrap_or_default();
        let Some(transaction) = self.transactions.get(id) else { return };
        let Kind::ClientInvite { answered, invite, .. } = &transaction.kind else { return };
        let (trunk, to, forks) = (transaction.trunk, transaction.to, answered.len());
        if let Some((_, ack)) = answered.iter().find(|(seen, _)| *seen == tag) {
            let ack = ack.clone();
            return self.send(trunk, to, ack);
        }
        if forks >= MAX_FORKS {
            return;
        }
        let Some(mut dialog) = established(invite, response, trunk, to) else { return };
        self.acknowledge(id, tag, &dialog);
        match self.take_calling(id) {
            Some((leg, entry)) => self.first_answer(now, leg, entry, dialog, response),
            None => {
                // Its early dialog is forgotten, and with it the numbers of the PRACKs sent there.
                dialog.sequence = dialog.sequence.saturating_add(self.pracks_at_most(trunk));
                self.send_bye(now, &mut dialog, Cause::AnsweredElsewhere.reasons(), None);
            }
        }
    }

    /// A 2xx to an INVITE that is forgotten: of the run before a crash, or given up as unanswered. Its
    /// phone was picked up by somebody who would hear nothing: ACK and BYE (RFC 3261 13.2.2.4).
    pub(super) fn stray_answer(&mut self, now: Instant, peer: Peer, response: &Response) {
        let Some(mut dialog) = self.forgotten(peer, response).filter(|_| self.has_room()) else { return };
        let branch = self.branch();
        let ack = compose::in_dialog(&dialog, Method::Ack, dialog.sequence, &branch).to_bytes();
        self.send(dialog.trunk, dialog.next_hop, ack);
        self.send_bye(now, &mut dialog, Cause::Internal.reasons(), None);
    }

    /// The dialog of a 2xx to an INVITE that was ours, but of no leg there is.
    fn forgotten(&self, peer: Peer, response: &Response) -> Option<StoredDialog> {
        let headers = &response.headers;
        let contact = self.config.trunks.get(peer.trunk)?.contact_for(peer.transport);
        let is_invite = headers.cseq().ok()??.method == Method::Invite;
        let vias = headers.vias().ok()?;
        let [via] = vias.as_slice() else { return None };
        let ours = via.has_unique_branch()
            && via.host.address() == Some(contact.ip())
            && via.port.unwrap_or(5060) == contact.port();
        if !is_invite || !ours || !(200..300).contains(&response.status) {
            return None;
        }
        let hop = Ours { trunk: peer.trunk, next_hop: peer.hop(), contact, contact_user: String::new() };
        let dialog = dialog(headers, response, hop, &contact_uri(response)?)?;
        let key = DialogKey { call_id: dialog.call_id.clone(), local_tag: dialog.local_tag.clone() };
        (!self.dialogs.contains_key(&key)).then_some(dialog)
    }

    /// The ACK of a 2xx is a request of the dialog; it is kept for the 2xx's retransmissions.
    fn acknowledge(&mut self, id: TransactionId, tag: String, dialog: &StoredDialog) {
        let branch = self.branch();
        let mut ack = compose::in_dialog(dialog, Method::Ack, dialog.sequence, &branch);
        let Some(transaction) = self.transactions.get_mut(id) else { return };
        let Kind::ClientInvite { answered, invite, .. } = &mut transaction.kind else { return };
        compose::with_credentials_of(&mut ack, invite);
        let ack = ack.to_bytes();
        answered.push((tag, ack.clone()));
        self.send(dialog.trunk, dialog.next_hop, ack);
    }

    fn first_answer(
        &mut self,
        now: Instant,
        leg: LegId,
        mut entry: Leg,
        mut identity: StoredDialog,
        response: &Response,
    ) {
        let early = match &mut entry.state {
            State::Calling(calling) => take_early(calling, &identity.remote_tag),
            _ => None,
        };
        // The PRACKs of the early dialog have counted on.
        let sequence = early.as_ref().map_or(0, |early| early.dialog.identity.sequence);
        identity.sequence = identity.sequence.max(sequence);
        let remote_sequence = early.as_ref().and_then(|early| early.dialog.remote_sequence);
        let state = std::mem::replace(&mut entry.state, State::Ending(Box::new(waiting(&identity))));
        let State::Calling(mut calling) = state else { return self.forget(leg, entry) };
        entry.timers.clear();
        if let Some(cause) = calling.unwanted {
            // It was answered while our CANCEL was on its way, or before it could leave.
            self.begin_bye(now, leg, &mut entry, cause.reasons());
            return self.keep(leg, entry);
        }
        match agreement(&mut calling, early, response) {
            Some(agreed) => {
                let dialog = Dialog { identity: identity.clone(), remote_sequence };
                let mut session = calling.session;
                session.accept(&Stated::of(&response.headers));
                entry.state = State::Up(Box::new(Up {
                    dialog,
                    negotiation: calling.negotiation,
                    answer: None,
                    farewell: None,
                    session,
                    updates: allows_update(&response.headers),
                    asking: None,
                }));
                self.schedule_session(now, &mut entry);
                self.tell(&entry, Event::Answered { leg, media: agreed, dialog: identity });
            }
            None => {
                let reason = "No media that can be used".to_owned();
                let (cause, more) = (FailureCause::NoMedia, Box::default());
                self.tell(&entry, Event::Failed { leg, status: 488, reason, cause, more });
                entry.silent = true;
                self.begin_bye(now, leg, &mut entry, EndCause::NoMedia.reasons());
            }
        }
        self.keep(leg, entry);
    }

    /// A final response other than 2xx. Redirections are refusals: they are never followed.
    fn call_refused(&mut self, id: TransactionId, response: &Response) {
        let Some((leg, entry)) = self.take_calling(id) else { return };
        let status = response.status;
        let cause = match status {
            401 | 407 => FailureCause::Authentication,
            487 => FailureCause::Cancelled,
            _ => FailureCause::Response,
        };
        let reason = printable(&response.reason);
        let more = Box::new(refusal(response));
        self.tell(&entry, Event::Failed { leg, status, reason, cause, more });
        self.forget(leg, entry);
    }

    /// 422 (RFC 4028 7.3): the INVITE once more, with the interval that is wanted. False: it is a refusal.
    fn longer_session(&mut self, now: Instant, id: TransactionId, response: &Response) -> bool {
        if response.status != 422 {
            return false;
        }
        let Some((leg, mut entry)) = self.take_calling(id) else { return false };
        let again = self.with_longer_session(id, &mut entry, response);
        let is_asked = again.is_some();
        if let Some((trunk, hop, invite)) = again {
            let transaction = self.send_request(now, trunk, hop, invite, Purpose::Call(leg));
            entry.timers.stop(Timer::Patience);
            if let State::Calling(calling) = &mut entry.state {
                calling.transaction = transaction;
                calling.early.clear();
            }
        }
        self.keep(leg, entry);
        is_asked
    }

    fn with_longer_session(
        &self,
        id: TransactionId,
        leg: &mut Leg,
        response: &Response,
    ) -> Option<(usize, Hop, Request)> {
        let State::Calling(calling) = &mut leg.state else { return None };
        let stated = Stated::of(&response.headers);
        if calling.unwanted.is_some() || !calling.session.raise(&stated) {
            return None;
        }
        let transaction = self.transactions.get(id)?;
        let Kind::ClientInvite { invite, .. } = &transaction.kind else { return None };
        let mut invite = (**invite).clone();
        let CSeq { number, method } = invite.headers.cseq().ok()??;
        let number = number.saturating_add(1);
        invite.headers.set(HeaderName::CSeq, CSeq { number, method }.to_bytes());
        invite.headers.remove(&HeaderName::SessionExpires);
        invite.headers.remove(&HeaderName::MinSe);
        compose::with_fields(&mut invite.headers, calling.session.ask());
        Some((transaction.trunk, transaction.to, invite))
    }

    /// How far the numbers of an early dialog on a trunk may have counted.
    fn pracks_at_most(&self, trunk: usize) -> u32 {
        let profile = self.config.trunks.get(trunk);
        let spoken = profile.is_some_and(|profile| profile.reliable_provisional != ReliableProvisional::Off);
        if spoken { PRACKS } else { 0 }
    }

    /// An INVITE that has had no response in time. One that comes late is seen to all the same.
    pub(super) fn call_unanswered(&mut self, id: TransactionId) {
        if let Some((leg, mut entry)) = self.take_calling(id) {
            entry.timers.clear();
            self.tell_unanswered(leg, &mut entry);
            self.keep(leg, entry);
        }
    }

    /// An INVITE that nobody has answered, and nobody will.
    pub(super) fn call_failed(&mut self, id: TransactionId, cause: FailureCause) {
        if let Some((leg, entry)) = self.take_calling(id) {
            let (status, reason) = match cause {
                FailureCause::Transport => (503, "Network unreachable"),
                _ => (408, "Request Timeout"),
            };
            let (reason, more) = (reason.to_owned(), Box::default());
            self.tell(&entry, Event::Failed { leg, status, reason, cause, more });
            self.forget(leg, entry);
        }
        self.remove_transaction(id);
    }

    /// The leg whose INVITE this is, while it has no final response.
    fn take_calling(&mut self, id: TransactionId) -> Option<(LegId, Leg)> {
        let kind = &self.transactions.get(id)?.kind;
        let Kind::ClientInvite { purpose: Purpose::Call(leg), .. } = kind else { return None };
        let leg = *leg;
        let State::Calling(calling) = &self.legs.get(&leg)?.state else { return None };
        // An INVITE that was asked again with credentials no longer speaks for the leg.
        (calling.transaction == id).then(|| self.take(leg).map(|entry| (leg, entry)))?
    }
}

/// The answer to our offer. That of a reliable provisional response is final (RFC 3261 13.2.1). Of an
/// unreliable one it only serves when the 2xx has none: what is sent later is what the phone means.
fn agreement(calling: &mut Calling, early: Option<Early>, response: &Response) -> Option<Agreed> {
    let (negotiation, before) = early.map_or((None, None), |early| (early.negotiation, early.sdp));
    if let Some(negotiation) = negotiation {
        calling.negotiation = negotiation;
        return calling.negotiation.agreed().cloned();
    }
    let sdp = media::in_response(response).or(before.as_deref())?;
    calling.negotiation.accept(sdp).ok()
}

/// What a refusal says beside its status.
fn refusal(response: &Response) -> Refusal {
    let redirected = (300..400).contains(&response.status).then(|| contact_uri(response)).flatten();
    Refusal {
        because: Reason::of(&response.headers),
        retry_after: retry_after(&response.headers),
        redirected_to: redirected.map(|uri| printable(uri.to_string().as_bytes())),
    }
}

fn waiting(identity: &StoredDialog) -> Dialog {
    Dialog { identity: identity.clone(), remote_sequence: None }
}

pub(super) fn to_tag(response: &Response) -> Option<String> {
    response.headers.to().ok()??.tag().map(str::to_owned)
}

/// The dialog that a 2xx to an INVITE begins.
pub(super) fn established(
    invite: &Request,
    response: &Response,
    trunk: usize,
    next_hop: Hop,
) -> Option<StoredDialog> {
    let own = invite.headers.contact().ok()??.uri;
    let contact = SocketAddr::new(own.host()?.address()?, own.port().unwrap_or(5060));
    // Without a usable Contact the request can still be sent to where the INVITE was.
    let target = contact_uri(response).unwrap_or_else(|| invite.uri.clone());
    let hop = Ours { trunk, next_hop, contact, contact_user: own.user()? };
    dialog(&invite.headers, response, hop, &target)
}

fn contact_uri(response: &Response) -> Option<Uri> {
    response.headers.contact().ok().flatten().map(|contact| contact.uri)
}

/// Where a dialog's requests leave us.
struct Ours {
    trunk: usize,
    next_hop: Hop,
    contact: SocketAddr,
    contact_user: String,
}

/// The dialog that a 2xx begins (RFC 3261 12.1.2): its Record-Routes turned round. From, Call-ID and
/// CSeq are those of the INVITE, which its responses repeat.
fn dialog(asked: &Headers, response: &Response, hop: Ours, target: &Uri) -> Option<StoredDialog> {
    let routes = response.headers.record_routes().unwrap_or_default();
    Some(StoredDialog {
        trunk: hop.trunk,
        next_hop: hop.next_hop,
        contact: hop.contact,
        contact_user: hop.contact_user,
        call_id: asked.call_id().ok()??,
        local: compose::text(asked.get(&HeaderName::From)?),
        local_tag: asked.from().ok()??.tag()?.to_owned(),
        remote: compose::text(response.headers.get(&HeaderName::To)?),
        remote_tag: to_tag(response).unwrap_or_default(),
        sequence: asked.cseq().ok()??.number,
        routes: routes.iter().rev().map(|route| compose::text(&route.to_bytes())).collect(),
        target: target.to_string(),
    })
}

/// A reason phrase for people: without control characters.
pub(super) fn printable(phrase: &[u8]) -> String {
    compose::text(phrase).chars().filter(|character| !character.is_control()).take(200).collect()
}
