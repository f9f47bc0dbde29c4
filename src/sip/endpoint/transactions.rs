//! The table of all transactions: which message belongs to which (RFC 3261 17.1.3, 17.2.3).

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::event::LegId;
use crate::sip::digest::Attempts;
use crate::sip::message::{Method, Request};
use crate::sip::spare::give_back;
use crate::sip::transaction::{ClientInvite, ClientOther, OnTimeout, ServerInvite, ServerOther, Timers};
use crate::sip::transport::Hop;

/// Names a transaction within the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TransactionId(u64);

/// What makes a response belong to a request of ours: the branch, which nobody can guess, and the method.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ClientKey {
    pub branch: String,
    pub method: Method,
}

/// What makes two requests of one trunk the same. The ACK of a refusal has the key of its INVITE.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ServerKey {
    pub trunk: usize,
    pub branch: String,
    pub sent_by: String,
    pub method: Method,
}

/// What makes two INVITEs one call that came here on two ways (RFC 3261 8.2.2.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CallKey {
    pub call_id: String,
    pub from_tag: String,
    pub sequence: u32,
}

/// A transaction with the last message it sent.
#[derive(Debug)]
pub(super) struct Transaction {
    pub trunk: usize,
    pub to: Hop,
    pub message: Vec<u8>,
    pub kind: Kind,
}

/// The machine of a transaction, and whose it is.
#[derive(Debug)]
pub(super) enum Kind {
    ClientInvite {
        machine: ClientInvite,
        purpose: Purpose,
        invite: Box<Request>,
        branch: String,
        attempts: Attempts,
        /// For every To tag that a 2xx came with: the ACK that each retransmission of it is given.
        answered: Vec<(String, Vec<u8>)>,
        /// The ACK of a refusal.
        refusal_ack: Vec<u8>,
    },
    ClientOther {
        machine: ClientOther,
        key: ClientKey,
        purpose: Purpose,
        attempts: Attempts,
        /// As it was sent; none of a CANCEL, which is never asked again.
        request: Option<Box<Request>>,
    },
    ServerInvite {
        machine: ServerInvite,
        key: ServerKey,
        call: Option<CallKey>,
        leg: LegId,
    },
    ServerOther {
        machine: ServerOther,
        key: ServerKey,
    },
}

/// What a request of ours is for: who hears of its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Nobody: a CANCEL, or the BYE of a leg that is not kept.
    Nothing,
    /// The INVITE that begins a leg.
    Call(LegId),
    /// A BYE: the leg ends with it.
    Bye(LegId),
    /// A re-INVITE that refreshes the session of a leg.
    Reinvite(LegId),
    /// An UPDATE that refreshes the session of a leg.
    Update(LegId),
    /// The PRACK of a provisional response to the INVITE of a leg.
    Prack(LegId),
    /// The REGISTER of a trunk.
    Register(usize),
    /// A REGISTER that takes a binding back: nobody waits for it.
    Unregister,
    /// An OPTIONS to a server of a trunk.
    Ping(usize, Hop),
}

impl Purpose {
    /// The request is one of a dialog (or a CANCEL), not one that begins something.
    fn is_in_dialog(self) -> bool {
        match self {
            Purpose::Nothing
            | Purpose::Bye(_)
            | Purpose::Reinvite(_)
            | Purpose::Update(_)
            | Purpose::Prack(_) => true,
            Purpose::Call(_) | Purpose::Register(_) | Purpose::Unregister | Purpose::Ping(..) => false,
        }
    }

    /// The leg that it is part of.
    pub(super) fn leg(self) -> Option<LegId> {
        match self {
            Purpose::Call(leg)
            | Purpose::Bye(leg)
            | Purpose::Reinvite(leg)
            | Purpose::Update(leg)
            | Purpose::Prack(leg) => Some(leg),
            Purpose::Nothing | Purpose::Register(_) | Purpose::Unregister | Purpose::Ping(..) => None,
        }
    }

    /// How long a response is waited for, where 64*T1 is too long: another server may be asked.
    pub(super) fn patience(self) -> Option<Duration> {
        match self {
            Purpose::Register(_) | Purpose::Unregister => Some(Duration::from_secs(10)),
            Purpose::Ping(..) => Some(Duration::from_secs(5)),
            Purpose::Nothing
            | Purpose::Call(_)
            | Purpose::Bye(_)
            | Purpose::Reinvite(_)
            | Purpose::Update(_)
            | Purpose::Prack(_) => None,
        }
    }
}

impl Transaction {
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        match &self.kind {
            Kind::ClientInvite { machine, .. } => machine.next_timeout(),
            Kind::ClientOther { machine, .. } => machine.next_timeout(),
            Kind::ServerInvite { machine, .. } => machine.next_timeout(),
            Kind::ServerOther { machine, .. } => machine.next_timeout(),
        }
    }

    pub(super) fn timeout(&mut self, now: Instant, lengths: &Timers) -> OnTimeout {
        match &mut self.kind {
            Kind::ClientInvite { machine, .. } => machine.timeout(now),
            Kind::ClientOther { machine, .. } => machine.timeout(now, lengths),
            Kind::ServerInvite { machine, .. } => machine.timeout(now, lengths),
            Kind::ServerOther { machine, .. } => machine.timeout(now),
        }
    }
}

/// All transactions that are alive.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    last: u64,
    all: HashMap<TransactionId, Transaction>,
    clients: HashMap<ClientKey, TransactionId>,
    servers: HashMap<ServerKey, TransactionId>,
    calls: HashMap<CallKey, TransactionId>,
    /// Those whose message went out once more after its connection had closed.
    sent_again: HashSet<TransactionId>,
}

impl Transactions {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Where each of them sends.
    pub(super) fn hops(&self) -> impl Iterator<Item = (usize, Hop)> {
        self.all.values().map(|transaction| (transaction.trunk, transaction.to))
    }

    pub(super) fn insert(&mut self, transaction: Transaction) -> TransactionId {
        self.last = self.last.wrapping_add(1);
        let id = TransactionId(self.last);
        match &transaction.kind {
            Kind::ClientInvite { branch, .. } => {
                let key = ClientKey { branch: branch.clone(), method: Method::Invite };
                self.clients.insert(key, id);
            }
            Kind::ClientOther { key, .. } => {
                self.clients.insert(key.clone(), id);
            }
            Kind::ServerInvite { key, call, .. } => {
                self.servers.insert(key.clone(), id);
                if let Some(call) = call {
                    self.calls.insert(call.clone(), id);
                }
            }
            Kind::ServerOther { key, .. } => {
                self.servers.insert(key.clone(), id);
            }
        }
        self.all.insert(id, transaction);
        id
    }

    pub(super) fn remove(&mut self, id: TransactionId) -> Option<Transaction> {
        let transaction = self.all.remove(&id)?;
        self.sent_again.remove(&id);
        match &transaction.kind {
            Kind::ClientInvite { branch, .. } => {
                self.clients.remove(&ClientKey { branch: branch.clone(), method: Method::Invite });
            }
            Kind::ClientOther { key, .. } => {
                self.clients.remove(key);
            }
            Kind::ServerInvite { key, call, .. } => {
                self.servers.remove(key);
                if let Some(call) = call {
                    self.calls.remove(call);
                }
            }
            Kind::ServerOther { key, .. } => {
                self.servers.remove(key);
            }
        }
        give_back(&mut self.all);
        give_back(&mut self.clients);
        give_back(&mut self.servers);
        give_back(&mut self.calls);
        Some(transaction)
    }

    pub(super) fn get(&self, id: TransactionId) -> Option<&Transaction> {
        self.all.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: TransactionId) -> Option<&mut Transaction> {
        self.all.get_mut(&id)
    }

    pub(super) fn client(&self, key: &ClientKey) -> Option<TransactionId> {
        self.clients.get(key).copied()
    }

    pub(super) fn server(&self, key: &ServerKey) -> Option<TransactionId> {
        self.servers.get(key).copied()
    }

    /// The INVITE that began the same call, if it is still known.
    pub(super) fn call(&self, key: &CallKey) -> Option<TransactionId> {
        self.calls.get(key).copied()
    }

    /// The message of a transaction, if it is to be sent once more; nothing the second time.
    pub(super) fn sent_once_more(&mut self, id: TransactionId) -> Option<Vec<u8>> {
        let message = self.all.get(&id)?.message.clone();
        self.sent_again.insert(id).then_some(message)
    }

    /// Every request to `to` that nothing has come back for, and that will not be sent again with success.
    pub(super) fn undelivered(&self, trunk: usize, to: Hop) -> Vec<TransactionId> {
        let waits = |transaction: &Transaction| match &transaction.kind {
            Kind::ClientInvite { machine, .. } => machine.is_calling(),
            Kind::ClientOther { machine, purpose, .. } => {
                machine.is_trying() && (to.transport.is_reliable() || !purpose.is_in_dialog())
            }
            Kind::ServerInvite { .. } | Kind::ServerOther { .. } => false,
        };
        let there = |transaction: &&Transaction| transaction.trunk == trunk && transaction.to == to;
        let mut found: Vec<_> = self
            .clients
            .values()
            .copied()
            .filter(|id| self.all.get(id).filter(there).is_some_and(waits))
            .collect();
        found.sort_unstable();
        found
    }
}
