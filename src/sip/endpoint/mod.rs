//! The endpoint: datagrams or a timeout in, datagrams and events out. It owns all transactions and
//! all legs, and no socket and no clock.
//!
//! Its owner runs this loop: send all of [`Endpoint::poll_transmit`], take all of
//! [`Endpoint::poll_event`], wait for a datagram, a wish of its own or [`Endpoint::poll_timeout`].
//!
//! | file | what it does |
//! |---|---|
//! | `admission` | how many calls a second a trunk may begin |
//! | `owner` | whose a message is where trunks share an address |
//! | `receive` | which transaction, dialog or nobody a message is for |
//! | `uas` | a call to us until it is answered or refused |
//! | `uac` | a call of ours until it is answered or refused |
//! | `request` | requests of ours, and who hears what became of them |
//! | `early` | dialogs before the answer: the phones that ring, and their reliable responses |
//! | `reliable` | our provisional responses that have to be acknowledged |
//! | `authenticate` | requests of ours that are challenged |
//! | `register` | registrations and pings |
//! | `in_dialog` | requests inside a call |
//! | `update` | UPDATE |
//! | `refresh` | session timers, and the requests of ours that refresh a session |
//! | `hang_up` | the end of a leg, in whatever state it is |
//! | `timeout` | what is due |
//! | `compose` | our messages |
//!
//! A request that begins nothing (a refusal before a leg exists, OPTIONS) is answered without state
//! (RFC 3261 8.2.7): the same request gets the same answer again, and nothing can grow from it.

mod admission;
mod authenticate;
mod compose;
mod deadlines;
mod early;
mod event;
mod hang_up;
mod in_dialog;
mod leg;
mod media;
mod owner;
mod receive;
mod refresh;
mod register;
mod reliable;
mod request;
mod timeout;
mod transactions;
mod uac;
mod uas;
mod update;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use crate::sip::digest::Guard;
use crate::sip::media_security::{MediaSecurity, SrtpPolicy};
use crate::sip::spare::give_back;
use crate::sip::token_bucket::TokenBucket;
use crate::sip::transport::{Hop, Transport};
use authenticate::Account;
use deadlines::{Deadlines, Owner};
pub use event::{
    AnswerError, Cause, Config, EndCause, Event, FailureCause, IncomingCall, LegId, Outgoing, Peer, Refusal,
    ReliableProvisional, Transmit, TrunkProfile,
};
use leg::{DialogKey, Leg};
use register::Entry;
use transactions::{Transaction, TransactionId, Transactions};

/// The SIP side of the daemon as one value.
#[derive(Debug)]
pub struct Endpoint {
    config: Config,
    random: StdRng,
    /// Makes the tags of answers without state unpredictable.
    secret: u64,
    last_leg: u64,
    legs: HashMap<LegId, Leg>,
    dialogs: BTreeMap<DialogKey, LegId>,
    transactions: Transactions,
    accounts: HashMap<usize, Account>,
    guard: Guard,
    /// Requests that go by TCP for their size.
    moved: HashSet<TransactionId>,
    /// Servers that have not answered there, and until when they are not asked there again.
    without_tcp: HashMap<(usize, SocketAddr), Instant>,
    registrations: BTreeMap<usize, Entry>,
    /// How many calls each trunk may begin at the moment.
    call_rates: HashMap<usize, TokenBucket>,
    /// Calls refused for coming too fast since that was told, and when it was.
    too_fast: HashMap<usize, (u64, Option<Instant>)>,
    deadlines: Deadlines,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

impl Endpoint {
    /// An endpoint without a call. All tags, branches, Call-IDs and Contacts follow from the seed,
    /// which must not be guessable.
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        let mut random = StdRng::from_seed(seed);
        let secret = random.next_u64();
        let guard = Guard::new(random.random());
        Self {
            config,
            random,
            secret,
            last_leg: 0,
            legs: HashMap::new(),
            dialogs: BTreeMap::new(),
            transactions: Transactions::default(),
            accounts: HashMap::new(),
            guard,
            moved: HashSet::new(),
            without_tcp: HashMap::new(),
            registrations: BTreeMap::new(),
            call_rates: HashMap::new(),
            too_fast: HashMap::new(),
            deadlines: Deadlines::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// The trunks from now on; registrations begin and end with it. Running calls keep what they began with;
    /// a trunk that stays has to keep its place in the list.
    pub fn set_trunks(&mut self, now: Instant, trunks: Vec<TrunkProfile>) {
        let before = std::mem::replace(&mut self.config.trunks, trunks);
        for (trunk, old) in before.iter().enumerate() {
            let Some(new) = self.config.trunks.get(trunk) else { continue };
            let (moved, others) = (!new.is_reached_as(old), new.credentials != old.credentials);
            if others {
                self.forget_account(trunk);
            }
            if moved || others {
                self.renew_registration(now, trunk);
            }
        }
        self.settle_registrations(now);
    }

    /// The next datagram to be sent.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`]; nothing while nothing is pending.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first()
    }

    /// How many legs and transactions are alive: 0 when the endpoint may be let go of.
    pub fn active(&self) -> usize {
        self.legs.len().saturating_add(self.transactions.len())
    }

    /// Every hop, with its trunk, by which something may still come or go: connections there are needed.
    pub fn hops_in_use(&self) -> HashSet<(usize, Hop)> {
        let legs = self.legs.values().filter_map(|leg| Some((leg.trunk, leg.next_hop()?)));
        let bound = self.registrations.iter().filter_map(|(trunk, entry)| Some((*trunk, entry.bound()?)));
        self.transactions.hops().chain(legs).chain(bound).collect()
    }

    fn send(&mut self, trunk: usize, hop: Hop, payload: Vec<u8>) {
        self.transmits.push_back(Transmit { trunk, hop, payload });
    }

    /// Tells the owner, unless it has let go of the leg.
    fn tell(&mut self, leg: &Leg, event: Event) {
        if !leg.silent {
            self.events.push_back(event);
        }
    }

    /// Takes back what the owner has not heard yet of a leg that it lets go of.
    fn hush(&mut self, leg: LegId) {
        self.events.retain(|event| event.leg() != Some(leg));
    }

    fn next_leg(&mut self) -> LegId {
        self.last_leg = self.last_leg.wrapping_add(1);
        LegId(self.last_leg)
    }

    /// 64 random bits for tags and branches, which only have to be unguessable for as long as a call lives.
    fn token(&mut self) -> String {
        format!("{:016x}", self.random.next_u64())
    }

    /// 128 random bits for names that are all an outsider would need.
    fn long_token(&mut self) -> String {
        format!("{:016x}{:016x}", self.random.next_u64(), self.random.next_u64())
    }

    /// Whether the audio of a dialog is to be protected, with keys of its own.
    fn media_security(&mut self, trunk: usize, transport: Transport) -> MediaSecurity {
        let policy = self.config.trunks.get(trunk).map(|profile| profile.srtp).unwrap_or_default();
        match policy {
            SrtpPolicy::Off => MediaSecurity::off(),
            policy => MediaSecurity::new(policy, transport, self.random.random()),
        }
    }

    /// A random number below `bound`.
    fn random_below(&mut self, bound: u64) -> u64 {
        self.random.next_u64().checked_rem(bound).unwrap_or_default()
    }

    fn branch(&mut self) -> String {
        format!("z9hG4bK{}", self.token())
    }

    /// Puts a new leg in.
    fn add_leg(&mut self, id: LegId, leg: Leg) {
        self.dialogs.insert(leg.key.clone(), id);
        self.keep(id, leg);
    }

    /// Puts a leg back that was taken out with [`Self::take`].
    fn keep(&mut self, id: LegId, leg: Leg) {
        self.deadlines.set(Owner::Leg(id), leg.next_timeout());
        self.legs.insert(id, leg);
    }

    /// Takes a leg out to work on it: it is then either kept or dropped.
    fn take(&mut self, id: LegId) -> Option<Leg> {
        self.legs.remove(&id)
    }

    /// The end of a leg that was taken out.
    fn forget(&mut self, id: LegId, leg: Leg) {
        self.deadlines.set(Owner::Leg(id), None);
        self.dialogs.remove(&leg.key);
        give_back(&mut self.legs);
    }

    fn add_transaction(&mut self, transaction: Transaction) -> TransactionId {
        let deadline = transaction.next_timeout();
        let id = self.transactions.insert(transaction);
        self.deadlines.set(Owner::Transaction(id), deadline);
        id
    }

    /// Sets the deadline of a transaction that has been worked on.
    fn reschedule(&mut self, id: TransactionId) {
        let deadline = self.transactions.get(id).and_then(Transaction::next_timeout);
        self.deadlines.set(Owner::Transaction(id), deadline);
    }

    fn remove_transaction(&mut self, id: TransactionId) -> Option<Transaction> {
        self.deadlines.set(Owner::Transaction(id), None);
        self.moved.remove(&id);
        self.transactions.remove(id)
    }

    /// Whether another transaction may be remembered: a peer inside a call cannot fill the memory.
    fn has_room(&self) -> bool {
        self.transactions.len() < self.config.max_dialogs.saturating_mul(8).saturating_add(64)
    }
}
