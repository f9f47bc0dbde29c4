//! Requests of ours, inside a dialog and outside of any: how one is sent, and who hears what became of it.
//!
//! Every request but CANCEL and ACK goes out by [`Endpoint::send_request`]. CANCEL has the branch of its
//! INVITE and the ACK of a refusal has no transaction; neither may be challenged (RFC 3261 22.1).

use std::time::{Duration, Instant};

use super::authenticate::Asked;
use super::event::FailureCause;
use super::transactions::{ClientKey, Kind, Purpose, Transaction, TransactionId};
use super::{Endpoint, compose};
use crate::sip::dialog::StoredDialog;
use crate::sip::digest::Attempts;
use crate::sip::header::{NameAddr, Via};
use crate::sip::message::{HeaderName, Method, Request, Response};
use crate::sip::transaction::{ClientInvite, ClientOther};
use crate::sip::transport::{Hop, Transport};

/// The largest request that goes by UDP while the path is not known (RFC 3261 18.1.1).
const MAX_DATAGRAM: usize = 1300;
/// How long TCP is not tried again at a server that did not answer there.
const WITHOUT_TCP: Duration = Duration::from_secs(600);

/// What became of a request other than INVITE.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome<'a> {
    /// A final response.
    Response(&'a Response),
    /// No response in 64*T1.
    Timeout,
    /// It could not be delivered.
    Transport,
}

/// The next request of ours in a dialog (RFC 3261 12.2.1.1): its CSeq number is one more than the last.
/// Its Via gets a branch in [`Endpoint::send_request`].
pub(super) fn next_in_dialog(dialog: &mut StoredDialog, method: Method, software: &str) -> Request {
    dialog.sequence = dialog.sequence.saturating_add(1);
    let mut request = compose::in_dialog(dialog, method, dialog.sequence, "");
    request.headers.push(HeaderName::UserAgent, software);
    request
}

impl Endpoint {
    /// Sends a request over a trunk and keeps it until it has its final response, so that it can be asked
    /// again. The topmost Via is written here, with a branch of its own.
    pub(super) fn send_request(
        &mut self,
        now: Instant,
        trunk: usize,
        hop: Hop,
        mut request: Request,
        purpose: Purpose,
    ) -> TransactionId {
        let attempts = self.authorize_unasked(trunk, hop, &mut request, purpose);
        self.launch(now, trunk, hop, request, purpose, attempts)
    }

    /// Sends a request with the credentials it has.
    pub(super) fn launch(
        &mut self,
        now: Instant,
        trunk: usize,
        hop: Hop,
        mut request: Request,
        purpose: Purpose,
        attempts: Attempts,
    ) -> TransactionId {
        let branch = self.branch();
        self.write_via(trunk, hop.transport, &mut request, &branch);
        let (hop, by_size) = match self.is_too_large(now, trunk, hop, &request) {
            true => (Hop { transport: Transport::Tcp, ..hop }, true),
            false => (hop, false),
        };
        if by_size {
            self.rehome(trunk, hop.transport, &mut request);
            self.write_via(trunk, hop.transport, &mut request, &branch);
        }
        let message = request.to_bytes();
        let kind = self.client(now, hop.transport, request, branch, purpose, attempts);
        let id = self.add_transaction(Transaction { trunk, to: hop, message: message.clone(), kind });
        if by_size {
            self.moved.insert(id);
        }
        self.send(trunk, hop, message);
        id
    }

    /// Whether a request has to leave UDP for its size (RFC 3261 18.1.1).
    fn is_too_large(&self, now: Instant, trunk: usize, hop: Hop, request: &Request) -> bool {
        let wanted = self.config.trunks.get(trunk).is_some_and(|profile| profile.large_by_tcp);
        let in_vain = self.without_tcp.get(&(trunk, hop.addr)).is_some_and(|until| now < *until);
        wanted && !in_vain && hop.transport == Transport::Udp && request.to_bytes().len() > MAX_DATAGRAM
    }

    /// Our Contact for another transport.
    fn rehome(&self, trunk: usize, transport: Transport, request: &mut Request) {
        let Some(profile) = self.config.trunks.get(trunk) else { return };
        let Ok(Some(mut contact)) = request.headers.contact() else { return };
        let user = contact.uri.user().unwrap_or_default();
        let other = compose::contact(&user, profile.contact_for(transport), transport);
        if let Some(other) = NameAddr::parse(&other) {
            contact.uri = other.uri;
            request.headers.set(HeaderName::Contact, contact.to_bytes());
        }
    }

    /// A request that left UDP for its size and that nothing has come back for goes by UDP after all, and
    /// so do others for a while. True: it is on its way.
    fn falls_back(&mut self, now: Instant, id: TransactionId) -> bool {
        if !self.moved.contains(&id) {
            return false;
        }
        let Some(mut asked) = self.transactions.get(id).and_then(Asked::of) else { return false };
        if !self.is_wanted(asked.purpose) {
            return false;
        }
        self.without_tcp.retain(|_, until| now < *until);
        self.without_tcp.insert((asked.trunk, asked.hop.addr), now + WITHOUT_TCP);
        self.remove_transaction(id);
        let hop = Hop { transport: Transport::Udp, ..asked.hop };
        self.rehome(asked.trunk, hop.transport, &mut asked.request);
        let again = self.launch(now, asked.trunk, hop, asked.request, asked.purpose, asked.attempts);
        self.follow(asked.purpose, again);
        true
    }

    /// The client transaction of a request.
    fn client(
        &self,
        now: Instant,
        transport: Transport,
        request: Request,
        branch: String,
        purpose: Purpose,
        attempts: Attempts,
    ) -> Kind {
        let timers = &self.config.timers;
        match &request.method {
            Method::Invite => Kind::ClientInvite {
                machine: match purpose {
                    Purpose::Reinvite(_) => ClientInvite::within_dialog(now, timers, transport),
                    _ => ClientInvite::new(now, timers, transport),
                },
                purpose,
                invite: Box::new(request),
                branch,
                attempts,
                answered: Vec::new(),
                refusal_ack: Vec::new(),
            },
            method => Kind::ClientOther {
                machine: match purpose.patience() {
                    Some(patience) => ClientOther::with_patience(now, timers, transport, patience),
                    None => ClientOther::new(now, timers, transport),
                },
                key: ClientKey { branch, method: method.clone() },
                purpose,
                attempts,
                request: Some(Box::new(request)),
            },
        }
    }

    /// Our Via: the transport, the address at which its responses find us, and the branch.
    fn write_via(&self, trunk: usize, transport: Transport, request: &mut Request, branch: &str) {
        let via = match (self.config.trunks.get(trunk), request.headers.via()) {
            (Some(profile), _) => Via::new(transport, profile.contact_for(transport), branch),
            (None, Ok(Some(via))) => Via { branch: Some(branch.to_owned()), ..via },
            (None, _) => return,
        };
        request.headers.set(HeaderName::Via, via.to_bytes());
    }

    /// A request of ours other than INVITE has had its final response, or never will.
    pub(super) fn request_done(&mut self, now: Instant, purpose: Purpose, outcome: Outcome<'_>) {
        match purpose {
            Purpose::Nothing | Purpose::Call(_) | Purpose::Prack(_) | Purpose::Unregister => {}
            Purpose::Update(leg) => self.update_done(now, leg, outcome),
            Purpose::Reinvite(leg) => self.reinvite_done(now, leg, outcome),
            Purpose::Bye(leg) => self.bye_done(leg),
            Purpose::Register(trunk) => self.registered(now, trunk, outcome),
            Purpose::Ping(trunk, hop) => self.pinged(trunk, hop, outcome),
        }
    }

    /// A request of ours gets no response.
    pub(super) fn request_failed(&mut self, now: Instant, id: TransactionId, outcome: Outcome<'_>) {
        if self.falls_back(now, id) {
            return;
        }
        if matches!(outcome, Outcome::Timeout) && self.wait_silently(now, id) {
            return self.call_unanswered(id);
        }
        match self.transactions.get(id).map(|transaction| &transaction.kind) {
            Some(Kind::ClientInvite { purpose: purpose @ Purpose::Reinvite(_), .. })
            | Some(Kind::ClientOther { purpose, .. }) => {
                let purpose = *purpose;
                self.remove_transaction(id);
                self.request_done(now, purpose, outcome);
            }
            Some(Kind::ClientInvite { .. }) => {
                let cause = match outcome {
                    Outcome::Transport => FailureCause::Transport,
                    Outcome::Timeout | Outcome::Response(_) => FailureCause::Timeout,
                };
                self.call_failed(id, cause);
            }
            Some(Kind::ServerInvite { .. } | Kind::ServerOther { .. }) | None => {}
        }
    }
}
