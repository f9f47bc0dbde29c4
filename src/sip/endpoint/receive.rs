//! Which transaction, dialog or nobody a message is for (RFC 3261 8.2, 17.1.3, 17.2.3, 18.1.2).

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::{Duration, Instant};

use super::event::Peer;
use super::leg::State;
use super::request::Outcome;
use super::transactions::{CallKey, ClientKey, Kind, ServerKey, TransactionId};
use super::{DialogKey, Endpoint, compose};
use crate::sip::header::Via;
use crate::sip::message::{Fault, HeaderName, Headers, Malformed, Message, Method, Request, Response};
use crate::sip::transaction::{OnRequest, OnResponse};
use crate::sip::transport::Hop;
use crate::sip::validate;

/// What tells requests apart.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub call_id: String,
    pub from_tag: String,
    pub to_tag: Option<String>,
    pub sequence: u32,
    pub method: Method,
    pub via: Via,
}

impl Facts {
    pub(super) fn of(headers: &Headers) -> Option<Self> {
        let cseq = headers.cseq().ok()??;
        Some(Self {
            call_id: headers.call_id().ok()??,
            from_tag: headers.from().ok()??.tag().unwrap_or_default().to_owned(),
            to_tag: headers.to().ok()??.tag().map(str::to_owned),
            sequence: cseq.number,
            method: cseq.method,
            via: headers.via().ok()??,
        })
    }

    /// RFC 3261 17.2.3; a branch without the cookie of RFC 3261 says nothing, and is made up for by
    /// what RFC 2543 told requests apart by.
    pub(super) fn server_key(&self, trunk: usize, method: Method, request: &Request) -> ServerKey {
        let branch = match &self.via.branch {
            Some(branch) if self.via.has_unique_branch() => branch.clone(),
            _ => format!("{} {} {} {}", self.call_id, self.from_tag, self.sequence, request.uri),
        };
        let sent_by = format!("{}:{}", self.via.host, self.via.port.unwrap_or(5060));
        ServerKey { trunk, branch, sent_by: sent_by.to_ascii_lowercase(), method }
    }

    pub(super) fn call_key(&self) -> CallKey {
        CallKey { call_id: self.call_id.clone(), from_tag: self.from_tag.clone(), sequence: self.sequence }
    }
}

impl Endpoint {
    /// A message has come from a trunk.
    pub fn receive(&mut self, now: Instant, peer: Peer, datagram: &[u8]) {
        match Message::parse_datagram(datagram) {
            Ok(Message::Request(request)) => self.receive_request(now, peer, request),
            Ok(Message::Response(response)) => self.receive_response(now, peer, &response),
            Err(malformed) => self.receive_malformed(peer, malformed),
        }
    }

    /// Nothing can be delivered to `hop` (ICMP, a connection refused). A request that nothing has come
    /// back for fails at once (RFC 3261 8.1.3.1: as if with 503), but for those inside a dialog over UDP:
    /// they go on trying.
    pub fn transport_failed(&mut self, now: Instant, trunk: usize, hop: Hop) {
        for id in self.transactions.undelivered(trunk, hop) {
            self.request_failed(now, id, Outcome::Transport);
        }
    }

    /// Sends once more what nothing has come back for. The second time it has failed.
    pub(super) fn resend_undelivered(&mut self, now: Instant, trunk: usize, hop: Hop) {
        for id in self.transactions.undelivered(trunk, hop) {
            match self.transactions.sent_once_more(id) {
                Some(message) => self.send(trunk, hop, message),
                None => self.request_failed(now, id, Outcome::Transport),
            }
        }
    }

    /// What could not be read in full is answered where it can be, and never an ACK.
    pub fn receive_malformed(&mut self, peer: Peer, malformed: Malformed) {
        let Some(mut request) = malformed.request else { return };
        request.headers.stamp_top_via(peer.addr);
        // The Via of a version we do not speak may be one we cannot read; it goes back as it came.
        if Facts::of(&request.headers).is_some() || malformed.fault == Fault::Version {
            self.answer_stateless(peer, &request, malformed.fault.status(), |_| {});
        }
    }

    fn receive_request(&mut self, now: Instant, peer: Peer, mut request: Request) {
        request.headers.stamp_top_via(peer.addr);
        let facts = Facts::of(&request.headers);
        if let Some(facts) = &facts
            && self.belongs_to_transaction(now, peer, &request, facts)
        {
            return;
        }
        if let Some(objection) = validate::objection(&request) {
            return self.answer_stateless(peer, &request, objection.status, |response| {
                for (name, value) in objection.headers {
                    response.headers.push(name, value);
                }
            });
        }
        let Some(facts) = facts else { return };
        let begins = facts.to_tag.is_none() && !matches!(request.method, Method::Ack | Method::Cancel);
        if begins && !self.admits(now, peer, &request) {
            return;
        }
        match (&request.method, &facts.to_tag) {
            (Method::Ack, _) => self.acknowledged(now, peer, &request, &facts),
            (Method::Cancel, _) => self.cancel_received(now, peer, &request, &facts),
            (_, Some(_)) => self.receive_in_dialog(now, peer, request, &facts),
            (Method::Invite, None) if !self.admits_call(now, peer, &request) => {}
            (Method::Invite, None) => self.invite_received(now, peer, request, &facts),
            (Method::Options, None) => self.answer_options(peer, &request),
            (_, None) => self.answer_stateless(peer, &request, 481, |_| {}),
        }
    }

    /// A request that came before, or the ACK of a refusal. True: that is all there is to it.
    fn belongs_to_transaction(&mut self, now: Instant, peer: Peer, request: &Request, facts: &Facts) -> bool {
        let is_ack = request.method == Method::Ack;
        let method = if is_ack { Method::Invite } else { request.method.clone() };
        let key = facts.server_key(peer.trunk, method, request);
        let Some(id) = self.transactions.server(&key) else { return false };
        let lengths = self.config.timers;
        let Some(transaction) = self.transactions.get_mut(id) else { return false };
        let order = match &mut transaction.kind {
            Kind::ServerInvite { machine, .. } if is_ack => {
                // The ACK of a 2xx is the dialog's, whatever branch it came with.
                let ours = machine.acknowledged(now, &lengths);
                self.reschedule(id);
                return ours;
            }
            Kind::ServerInvite { machine, .. } => machine.retransmission(),
            Kind::ServerOther { machine, .. } => machine.retransmission(),
            Kind::ClientInvite { .. } | Kind::ClientOther { .. } => OnRequest::Absorb,
        };
        if order == OnRequest::Retransmit {
            let (trunk, to, message) = (transaction.trunk, transaction.to, transaction.message.clone());
            self.send(trunk, to, message);
        }
        true
    }

    fn receive_response(&mut self, now: Instant, peer: Peer, response: &Response) {
        if !validate::is_usable(response) {
            return;
        }
        let Some(id) = self.client_of(peer, response) else { return self.stray_answer(now, peer, response) };
        let lengths = self.config.timers;
        let Some(transaction) = self.transactions.get_mut(id) else { return };
        match &mut transaction.kind {
            Kind::ClientInvite { machine, .. } => {
                let order = machine.response(now, response.status, &lengths);
                self.reschedule(id);
                self.invite_response(now, id, response, order);
            }
            Kind::ClientOther { machine, purpose, .. } => {
                let order = machine.response(now, response.status, &lengths);
                let purpose = *purpose;
                self.reschedule(id);
                if order == OnResponse::Deliver
                    && response.status >= 200
                    && !self.ask_again(now, id, response)
                {
                    self.request_done(now, purpose, Outcome::Response(response));
                }
            }
            Kind::ServerInvite { .. } | Kind::ServerOther { .. } => {}
        }
    }

    /// The request of ours that a response belongs to. It must have come from its trunk, or from where it
    /// was sent, with our Via alone on it (RFC 3261 8.1.3.3); the branch is 64 random bits that nobody else
    /// has seen.
    fn client_of(&self, peer: Peer, response: &Response) -> Option<TransactionId> {
        let id = self.asked_by(response)?;
        let transaction = self.transactions.get(id)?;
        comes_from(peer, transaction.trunk, Some(transaction.to)).then_some(id)
    }

    /// The same, wherever the response has come from.
    pub(super) fn asked_by(&self, response: &Response) -> Option<TransactionId> {
        let cseq = response.headers.cseq().ok()??;
        let vias = response.headers.vias().ok()?;
        let [via] = vias.as_slice() else { return None };
        let key = ClientKey { branch: via.branch.clone()?, method: cseq.method };
        self.transactions.client(&key)
    }

    /// OPTIONS outside a call: what we can do (RFC 3261 11.2).
    fn answer_options(&mut self, peer: Peer, request: &Request) {
        self.answer_stateless(peer, request, 200, abilities);
    }

    /// Answers without keeping anything (RFC 3261 8.2.7). An ACK is never answered.
    pub(super) fn answer_stateless(
        &mut self,
        peer: Peer,
        request: &Request,
        status: u16,
        more: impl FnOnce(&mut Response),
    ) {
        if request.method == Method::Ack || request.headers.get(&HeaderName::Via).is_none() {
            return;
        }
        let tag = self.stateless_tag(request);
        let mut response = compose::response(request, status, &tag, &self.config.software);
        more(&mut response);
        self.send(peer.trunk, peer.hop(), response.to_bytes());
    }

    /// The same tag for the same request, without remembering it.
    fn stateless_tag(&self, request: &Request) -> String {
        let mut hasher = DefaultHasher::new();
        self.secret.hash(&mut hasher);
        for name in [HeaderName::CallId, HeaderName::From, HeaderName::CSeq] {
            request.headers.get(&name).hash(&mut hasher);
        }
        self.secret.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    /// Answers and remembers the answer, for the request may come again.
    pub(super) fn answer_request(
        &mut self,
        now: Instant,
        peer: Peer,
        request: &Request,
        facts: &Facts,
        response: &Response,
    ) {
        let message = response.to_bytes();
        if self.has_room() {
            let key = facts.server_key(peer.trunk, request.method.clone(), request);
            let machine = crate::sip::transaction::ServerOther::new(now, &self.config.timers, peer.transport);
            let kind = Kind::ServerOther { machine, key };
            let transaction =
                super::Transaction { trunk: peer.trunk, to: peer.hop(), message: message.clone(), kind };
            self.add_transaction(transaction);
        }
        self.send(peer.trunk, peer.hop(), message);
    }

    /// The leg that a request inside a dialog is for.
    pub(super) fn leg_of(&self, peer: Peer, facts: &Facts) -> Option<super::LegId> {
        let key = DialogKey { call_id: facts.call_id.clone(), local_tag: facts.to_tag.clone()? };
        let id = *self.dialogs.get(&key)?;
        let leg = self.legs.get(&id)?;
        let invited = || match &leg.state {
            State::Calling(calling) => self.transactions.get(calling.transaction).map(|sent| sent.to),
            _ => None,
        };
        comes_from(peer, leg.trunk, leg.next_hop().or_else(invited)).then_some(id)
    }

    /// Refuses for the moment.
    pub(super) fn answer_later(&mut self, peer: Peer, request: &Request, status: u16, delay: Duration) {
        self.answer_stateless(peer, request, status, |response| compose::with_retry_after(response, delay));
    }
}

/// Whether a message is one of a trunk's, or from the address that we speak to there. Names of two trunks may
/// lead to one address, and a datagram from it then counts as the first one's.
fn comes_from(peer: Peer, trunk: usize, hop: Option<Hop>) -> bool {
    let address = |addr: std::net::SocketAddr| addr.ip().to_canonical();
    peer.trunk == trunk || hop.is_some_and(|hop| address(hop.addr) == address(peer.addr))
}

/// Says what we can do.
pub(super) fn abilities(response: &mut Response) {
    response.headers.push(HeaderName::Allow, validate::ALLOW);
    response.headers.push(HeaderName::Accept, "application/sdp");
    response.headers.push(HeaderName::Supported, validate::SUPPORTED);
}
