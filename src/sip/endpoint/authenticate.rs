//! Requests that are challenged (RFC 3261 22): asked again with credentials, where these belong.

use std::collections::VecDeque;
use std::time::Instant;

use super::Endpoint;
use super::event::Peer;
use super::leg::State;
use super::transactions::{Kind, Purpose, Transaction, TransactionId};
use crate::sip::digest::{Attempts, Challenge, Sessions, Verdict};
use rand::Rng;

use crate::sip::header::{CSeq, NameAddr};
use crate::sip::message::{HeaderName, Request, Response};
use crate::sip::transaction::Timer;
use crate::sip::transport::{Hop, Transport};
use crate::sip::uri::Host;

/// How many servers of one trunk are remembered.
const MAX_SERVERS: usize = 16;

/// What we are to the servers of one trunk.
#[derive(Debug, Default)]
pub(super) struct Account {
    sessions: Sessions,
    /// Where we have sent calls and registrations of our own: nobody else gets the trunk's credentials.
    servers: VecDeque<Hop>,
}

impl Account {
    fn note_server(&mut self, hop: Hop) {
        if !self.servers.contains(&hop) {
            self.servers.push_back(hop);
        }
        if self.servers.len() > MAX_SERVERS {
            self.servers.pop_front();
        }
    }

    /// Whether a hop is one of the servers. In the clear the address tells, whichever port it speaks from; with
    /// TLS only what we have connected to has shown a certificate, and nothing in the clear stands in for it.
    fn is_server(&self, hop: Hop) -> bool {
        let is_tls = |hop: Hop| hop.transport == Transport::Tls;
        self.servers.iter().any(|known| match is_tls(*known) || is_tls(hop) {
            true => *known == hop,
            false => known.addr.ip() == hop.addr.ip(),
        })
    }
}

impl Endpoint {
    /// A request outside of any dialog, from a trunk that has to authenticate to us (RFC 3261 22.1). False: it
    /// has been challenged. What comes inside a dialog has been let in with the dialog, whose tags nobody
    /// else knows.
    pub(super) fn admits(&mut self, now: Instant, peer: Peer, request: &Request) -> bool {
        let Some(profile) = self.config.trunks.get(peer.trunk) else { return true };
        let Some(credentials) = &profile.inbound_auth else { return true };
        let realm = profile.domain.clone();
        let Verdict::Challenge { stale } = self.guard.check(now, credentials, &realm, request) else {
            return true;
        };
        let salt = self.random.next_u64();
        let challenges = self.guard.challenge(now, &realm, &credentials.algorithms, stale, salt);
        self.answer_stateless(peer, request, 401, |response| {
            for challenge in challenges {
                response.headers.push(HeaderName::WwwAuthenticate, challenge);
            }
        });
        false
    }

    /// The trunk's credentials are others, or gone: what was made with the old ones is forgotten.
    pub(super) fn forget_account(&mut self, trunk: usize) {
        self.accounts.remove(&trunk);
    }

    /// Before a request leaves for the first time: credentials that were accepted before, for servers of
    /// the trunk.
    pub(super) fn authorize_unasked(
        &mut self,
        trunk: usize,
        hop: Hop,
        request: &mut Request,
        purpose: Purpose,
    ) -> Attempts {
        let Some(profile) = self.config.trunks.get(trunk) else { return Attempts::default() };
        let Some(credentials) = profile.credentials.clone() else { return Attempts::default() };
        // A call straight to a phone is none to the trunk's server.
        let host = request.uri.host().map(ToString::to_string).unwrap_or_default();
        let is_direct = !host.eq_ignore_ascii_case(&profile.domain)
            && request.uri.host().and_then(Host::address) == Some(hop.addr.ip());
        let begins = matches!(purpose, Purpose::Call(_) | Purpose::Register(_));
        let cnonce = self.token();
        let account = self.accounts.entry(trunk).or_default();
        if begins && !is_direct {
            account.note_server(hop);
        }
        let wants = !matches!(purpose, Purpose::Ping(..));
        match wants && account.is_server(hop) {
            true => account.sessions.authorize_unasked(&credentials, request, &cnonce),
            false => Attempts::default(),
        }
    }

    /// What a final response says about the credentials of its request. True: it was a challenge, and the
    /// request is on its way once more with CSeq number and branch of its own (RFC 3261 22.2).
    pub(super) fn ask_again(&mut self, now: Instant, id: TransactionId, response: &Response) -> bool {
        let Some(asked) = self.transactions.get(id).and_then(Asked::of) else { return false };
        if !matches!(response.status, 401 | 403 | 407) {
            if let Some(account) = self.accounts.get_mut(&asked.trunk) {
                account.sessions.accepted(&asked.attempts, response);
            }
            return false;
        }
        let Some(mut asked) = self.with_credentials(asked, response) else { return false };
        self.renumber(&mut asked);
        let purpose = asked.purpose;
        let again = self.launch(now, asked.trunk, asked.hop, asked.request, purpose, asked.attempts);
        self.follow(purpose, again);
        true
    }

    /// The request as it may be asked again, if it may.
    fn with_credentials(&mut self, mut asked: Asked, response: &Response) -> Option<Asked> {
        if !self.is_wanted(asked.purpose) {
            return None;
        }
        let credentials = self.config.trunks.get(asked.trunk)?.credentials.clone()?;
        let cnonce = self.token();
        let began_here = self.began_here(asked.purpose);
        let account = self.accounts.get_mut(&asked.trunk)?;
        if response.status == 403 {
            // Some servers do not challenge an old nonce but forbid it.
            if !asked.attempts.are_unasked() {
                return None;
            }
            account.sessions.forget(&asked.attempts);
            asked.attempts = Attempts::default();
        } else {
            let challenges = Challenge::all(response);
            let known = challenges.iter().all(|challenge| account.sessions.knows(challenge));
            if !account.is_server(asked.hop) || !(began_here || known) {
                return None;
            }
            account.sessions.challenged(&credentials, &challenges, &mut asked.attempts).ok()?;
        }
        account.sessions.authorize(&credentials, &mut asked.request, &asked.attempts, &cnonce);
        Some(asked)
    }

    /// Whether somebody still waits for what a request is for.
    pub(super) fn is_wanted(&self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Ping(..) => false,
            Purpose::Reinvite(leg) | Purpose::Update(leg) => {
                matches!(self.legs.get(&leg).map(|entry| &entry.state), Some(State::Up(_)))
            }
            Purpose::Call(leg) => match self.legs.get(&leg).map(|entry| &entry.state) {
                Some(State::Calling(calling)) => calling.unwanted.is_none(),
                _ => false,
            },
            _ => true,
        }
    }

    /// Whether we have begun what a request is part of. In the calls of others an unknown realm gets
    /// nothing: that is how a password is fished for.
    fn began_here(&self, purpose: Purpose) -> bool {
        match purpose.leg() {
            Some(leg) => self.legs.get(&leg).is_some_and(|entry| entry.ours),
            None => matches!(purpose, Purpose::Register(_)),
        }
    }

    /// The next CSeq number: of the dialog, of the registration, or of the request itself.
    fn renumber(&mut self, asked: &mut Asked) {
        let Ok(Some(cseq)) = asked.request.headers.cseq() else { return };
        let leg = asked.purpose.leg().and_then(|leg| self.legs.get_mut(&leg));
        let counted = match (leg.map(|entry| &mut entry.state), asked.purpose) {
            (Some(State::Up(up)), _) => Some(&mut up.dialog.identity.sequence),
            (Some(State::Ending(dialog)), _) => Some(&mut dialog.identity.sequence),
            (Some(State::Calling(calling)), Purpose::Prack(_)) => {
                let to = asked.request.headers.to().ok().flatten();
                let tag = to.as_ref().and_then(NameAddr::tag).unwrap_or_default();
                let mut dialogs = calling.early.iter_mut().map(|early| &mut early.dialog.identity);
                dialogs.find(|dialog| dialog.remote_tag == tag).map(|dialog| &mut dialog.sequence)
            }
            (_, Purpose::Register(trunk)) => {
                self.registrations.get_mut(&trunk).map(|entry| &mut entry.sequence)
            }
            _ => None,
        };
        let number = match counted {
            Some(sequence) => {
                *sequence = sequence.saturating_add(1);
                *sequence
            }
            None => cseq.number.saturating_add(1),
        };
        let value = CSeq { number, method: cseq.method }.to_bytes();
        asked.request.headers.set(HeaderName::CSeq, value);
    }

    /// Whoever keeps a transaction in mind is told its new name.
    pub(super) fn follow(&mut self, purpose: Purpose, again: TransactionId) {
        let Purpose::Call(leg) = purpose else { return };
        let Some(mut entry) = self.take(leg) else { return };
        if let State::Calling(calling) = &mut entry.state {
            calling.transaction = again;
            calling.early.clear();
            entry.timers.stop(Timer::Patience);
        }
        self.keep(leg, entry);
    }
}

/// A request as it was sent.
pub(super) struct Asked {
    pub trunk: usize,
    pub hop: Hop,
    pub request: Request,
    pub purpose: Purpose,
    pub attempts: Attempts,
}

impl Asked {
    /// The request of a client transaction; none of a CANCEL.
    pub(super) fn of(transaction: &Transaction) -> Option<Self> {
        let (request, purpose, attempts) = match &transaction.kind {
            Kind::ClientInvite { invite, purpose, attempts, .. } => (invite, purpose, attempts),
            Kind::ClientOther { request: Some(request), purpose, attempts, .. } => {
                (request, purpose, attempts)
            }
            Kind::ClientOther { .. } | Kind::ServerInvite { .. } | Kind::ServerOther { .. } => return None,
        };
        Some(Self {
            trunk: transaction.trunk,
            hop: transaction.to,
            request: (**request).clone(),
            purpose: *purpose,
            attempts: attempts.clone(),
        })
    }
}
