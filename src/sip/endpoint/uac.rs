//! A call of ours, until it is answered or refused (RFC 3261 8.1, 9.1, 13.2).

use std::net::SocketAddr;
use std::time::Instant;

use super::event::{Cause, Event, FailureCause, LegId, Outgoing, Peer};
use super::leg::{Calling, DialogKey, Leg, State, Up};
use super::transactions::{ClientKey, Kind, Purpose, Transaction, TransactionId};
use super::{Endpoint, compose, media};
use crate::sip::dialog::{Dialog, StoredDialog};
use crate::sip::digest::Attempts;
use crate::sip::message::{HeaderName, Headers, Method, Request, Response};
use crate::sip::offer_answer::{Agreed, Negotiation};
use crate::sip::transaction::{ClientOther, OnResponse, Timer, TimerTable};
use crate::sip::transport::Hop;
use crate::sip::uri::Uri;

/// How many phones may answer one INVITE before more of them are not even hung up on.
const MAX_FORKS: usize = 16;

impl Endpoint {
    /// Places a call. What becomes of it comes as events.
    pub fn invite(&mut self, now: Instant, outgoing: Outgoing) -> LegId {
        let leg = self.next_leg();
        let Some(profile) = self.config.trunks.get(outgoing.trunk).cloned() else {
            let (status, reason) = (503, "No such trunk".to_owned());
            self.events.push_back(Event::Failed { leg, status, reason, cause: FailureCause::Transport });
            return leg;
        };
        let names = self.names(outgoing.trunk);
        let routes = self.preloaded_routes(outgoing.trunk);
        let security = self.media_security(outgoing.trunk, outgoing.to.transport);
        let mut negotiation = Negotiation::secured(outgoing.media.clone(), security);
        let offer = negotiation.offer();
        let invite = compose::invite(&outgoing, &profile, &names, &routes, &self.config.software, offer);
        let (trunk, to) = (outgoing.trunk, outgoing.to);
        let transaction = self.send_request(now, trunk, to, invite, Purpose::Call(leg));
        let calling = Calling { transaction, negotiation, unwanted: None, cancelled: false, early: None };
        let key = DialogKey { call_id: names.call_id, local_tag: names.tag };
        let state = State::Calling(Box::new(calling));
        let contact = profile.contact_for(to.transport);
        let (contact_user, mut timers) = (names.contact_user, TimerTable::default());
        if let Some(patience) = outgoing.no_response {
            timers.start(Timer::Patience, now + patience);
        }
        self.add_leg(
            leg,
            Leg { trunk, key, contact, contact_user, ours: true, silent: false, timers, state },
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
                if !self.ask_again(now, id, response) {
                    self.call_refused(id, response);
                }
            }
        }
    }

    /// Sends the ACK of a refusal, the same one each time.
    fn acknowledge_refusal(&mut self, id: TransactionId, response: Option<&Response>) {
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
        let State::Calling(calling) = &mut entry.state else { return self.keep(leg, entry) };
        if let (Some(sdp), Some(tag)) = (media::in_response(response), to_tag(response)) {
            calling.early = Some((tag, sdp.to_vec()));
        }
        let (cancelled, unwanted) = (calling.cancelled, calling.unwanted);
        match unwanted {
            Some(cause) if !cancelled => self.send_cancel(now, &mut entry, cause),
            Some(_) => {}
            None => entry.timers.start(Timer::Patience, now + self.config.timers.timer_c),
        }
        if response.status >= 180 {
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
        let message = compose::cancel(invite, cause.reason()).to_bytes();
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
            None => self.send_bye(now, &mut dialog, Cause::AnsweredElsewhere.reason(), None),
        }
    }

    /// A 2xx to an INVITE that is forgotten: of the run before a crash, or given up as unanswered. Its
    /// phone was picked up by somebody who would hear nothing: ACK and BYE (RFC 3261 13.2.2.4).
    pub(super) fn stray_answer(&mut self, now: Instant, peer: Peer, response: &Response) {
        let Some(mut dialog) = self.forgotten(peer, response).filter(|_| self.has_room()) else { return };
        let branch = self.branch();
        let ack = compose::in_dialog(&dialog, Method::Ack, dialog.sequence, &branch).to_bytes();
        self.send(dialog.trunk, dialog.next_hop, ack);
        self.send_bye(now, &mut dialog, Cause::Internal.reason(), None);
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
        let ack = compose::in_dialog(dialog, Method::Ack, dialog.sequence, &branch).to_bytes();
        if let Some(transaction) = self.transactions.get_mut(id)
            && let Kind::ClientInvite { answered, .. } = &mut transaction.kind
        {
            answered.push((tag, ack.clone()));
        }
        self.send(dialog.trunk, dialog.next_hop, ack);
    }

    fn first_answer(
        &mut self,
        now: Instant,
        leg: LegId,
        mut entry: Leg,
        identity: StoredDialog,
        response: &Response,
    ) {
        let state = std::mem::replace(&mut entry.state, State::Ending(Box::new(waiting(&identity))));
        let State::Calling(mut calling) = state else { return self.forget(leg, entry) };
        entry.timers.clear();
        if let Some(cause) = calling.unwanted {
            // It was answered while our CANCEL was on its way, or before it could leave.
            self.begin_bye(now, leg, &mut entry, cause.reason());
            return self.keep(leg, entry);
        }
        match agreement(&mut calling, &identity, response) {
            Some(agreed) => {
                let dialog = Dialog { identity: identity.clone(), remote_sequence: None };
                let up = Up { dialog, negotiation: calling.negotiation, answer: None, farewell: None };
                entry.state = State::Up(Box::new(up));
                self.tell(&entry, Event::Answered { leg, media: agreed, dialog: identity });
            }
            None => {
                let reason = "No media that can be used".to_owned();
                let cause = FailureCause::NoMedia;
                self.tell(&entry, Event::Failed { leg, status: 488, reason, cause });
                entry.silent = true;
                self.begin_bye(now, leg, &mut entry, Some("SIP;cause=488;text=\"Not Acceptable Here\""));
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
        self.tell(&entry, Event::Failed { leg, status, reason, cause });
        self.forget(leg, entry);
    }

    /// An INVITE that nobody has answered, and nobody will.
    pub(super) fn call_failed(&mut self, id: TransactionId, cause: FailureCause) {
        if let Some((leg, entry)) = self.take_calling(id) {
            let (status, reason) = match cause {
                FailureCause::Transport => (503, "Network unreachable"),
                _ => (408, "Request Timeout"),
            };
            self.tell(&entry, Event::Failed { leg, status, reason: reason.to_owned(), cause });
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

/// The answer to our offer: in the 2xx, or else in a provisional response of the same phone.
fn agreement(calling: &mut Calling, identity: &StoredDialog, response: &Response) -> Option<Agreed> {
    match media::in_response(response) {
        Some(sdp) => calling.negotiation.accept(sdp).ok(),
        None => {
            let (tag, sdp) = calling.early.take()?;
            if tag != identity.remote_tag { None } else { calling.negotiation.accept(&sdp).ok() }
        }
    }
}

fn waiting(identity: &StoredDialog) -> Dialog {
    Dialog { identity: identity.clone(), remote_sequence: None }
}

fn to_tag(response: &Response) -> Option<String> {
    response.headers.to().ok()??.tag().map(str::to_owned)
}

/// The dialog that a 2xx to an INVITE begins.
fn established(invite: &Request, response: &Response, trunk: usize, next_hop: Hop) -> Option<StoredDialog> {
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
