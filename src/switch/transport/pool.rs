//! Which connection a message leaves by (RFC 3261 18.1.1, 18.2.2; RFC 5923).
//!
//! A connection is known by its trunk, its transport, its far end and who opened it. A message goes over the
//! one with the far end that it is for; if there is none, one is opened. What is for the far end of a
//! connection to us that has closed (an answer, a BYE) goes over another one from the same address, and else
//! to the trunk's server: behind the port of a closed connection nobody listens.
//!
//! Over TLS, what is for one of the trunk's servers only ever leaves by a connection that we have opened, for
//! on no other has the server shown its certificate to us.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;

use super::connection::{Accepted, Arrival, ConnectionId, Ended, Link, Pulse, QUEUE};
use super::{Lost, News, SendError, connect};
use crate::sip::{Hop, Peer, Transmit, Transport};
use crate::switch::table::{Resolved, Table};
use crate::switch::tls::ClientTls;

/// How long a connection may be idle that no call needs.
const IDLE: Duration = Duration::from_secs(120);

/// Far ends that a connection is remembered to stand in for.
const MAX_HOPS: usize = 64;

/// Far ends whose trouble is remembered.
const MAX_TOLD: usize = 256;

/// What a connection is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    trunk: usize,
    hop: Hop,
    is_ours: bool,
}

#[derive(Debug)]
struct Connection {
    id: ConnectionId,
    queue: mpsc::Sender<Vec<u8>>,
    pulse: Arc<Pulse>,
    /// The far end, and the closed ones of others that it stands in for.
    hops: Vec<Hop>,
    /// The settings it was opened with: others need another connection.
    tls: Option<ClientTls>,
}

/// The connections that are open or being opened.
#[derive(Debug)]
pub(super) struct Pool {
    open: HashMap<Key, Connection>,
    keys: HashMap<ConnectionId, Key>,
    /// Connections of ours that were let go of, for they are stuck or their settings have changed, until they
    /// have closed.
    given_up: HashMap<ConnectionId, Key>,
    /// Why a far end was not reached the last time: told once.
    told: HashMap<Key, String>,
    arrivals: mpsc::Sender<Arrival>,
}

impl Pool {
    pub(super) fn new(arrivals: mpsc::Sender<Arrival>) -> Self {
        Self {
            open: HashMap::new(),
            keys: HashMap::new(),
            given_up: HashMap::new(),
            told: HashMap::new(),
            arrivals,
        }
    }

    /// Keeps the books; what is not for them is news.
    pub(super) fn note(&mut self, arrival: Arrival) -> Option<News> {
        match arrival {
            Arrival::Message(peer, bytes) => Some(News::Message { peer, bytes }),
            Arrival::Malformed(peer, malformed) => Some(News::Malformed { peer, malformed }),
            Arrival::Accepted(Accepted { id, peer, queue, pulse }) => {
                let key = Key { trunk: peer.trunk, hop: peer.hop(), is_ours: false };
                self.insert(key, Connection { id, queue, pulse, hops: vec![key.hop], tls: None });
                None
            }
            Arrival::Closed { id, why } => self.closed(id, &why),
        }
    }

    fn insert(&mut self, key: Key, connection: Connection) {
        self.keys.insert(connection.id, key);
        if let Some(old) = self.open.insert(key, connection) {
            // Its queue is let go of: it closes once that is empty.
            self.forget(key, old.id);
        }
    }

    fn closed(&mut self, id: ConnectionId, why: &Ended) -> Option<News> {
        if let Some(key) = self.given_up.remove(&id) {
            // What is bound to it, as a registration may be, is bound to nothing now.
            let lost = Lost { trunk: key.trunk, hops: vec![key.hop], was_open: true, why: why.to_string() };
            return Some(News::Lost(lost));
        }
        // One that was let go of here is nobody's loss.
        let key = self.keys.remove(&id)?;
        let hops = self.open.remove(&key)?.hops;
        let hop = key.hop;
        match why {
            Ended::Closed | Ended::Unneeded => tracing::debug!(%hop, "connection over: {why}"),
            Ended::NotOpened(_) => self.tell_once(key, why),
            _ => tracing::warn!(%hop, "connection over: {why}"),
        }
        let was_open = !matches!(why, Ended::NotOpened(_));
        if was_open {
            self.told.remove(&key);
        }
        Some(News::Lost(Lost { trunk: key.trunk, hops, was_open, why: why.to_string() }))
    }

    /// A far end that is not reached is tried again and again: the same reason is no news.
    fn tell_once(&mut self, key: Key, why: &Ended) {
        let (hop, why) = (key.hop, why.to_string());
        if self.told.get(&key) == Some(&why) {
            return tracing::debug!(%hop, "still no connection: {why}");
        }
        tracing::warn!(%hop, "no connection: {why}");
        if self.told.len() >= MAX_TOLD {
            self.told.clear();
        }
        self.told.insert(key, why);
    }

    /// Gives a message to the connection that it leaves by.
    pub(super) fn send(&mut self, known: &Resolved, transmit: Transmit) -> Result<(), SendError> {
        let Transmit { trunk, hop, payload } = transmit;
        let key = match self.live(known, trunk, hop) {
            Some(key) => key,
            None => self.begin(known, trunk, way(known, hop))?,
        };
        let Some(connection) = self.open.get_mut(&key) else { return Err(SendError::Stuck) };
        if !connection.hops.contains(&hop) {
            connection.hops.truncate(MAX_HOPS.saturating_sub(1));
            connection.hops.push(hop);
        }
        match connection.queue.try_send(payload) {
            Ok(()) => Ok(()),
            // It has just ended, and the news of that is on its way: then all that waits for an answer from
            // this hop is sent once more, this among it.
            Err(TrySendError::Closed(_)) => Ok(()),
            // It ends by losing its queue.
            Err(TrySendError::Full(_)) => {
                self.let_go(&key);
                Err(SendError::Stuck)
            }
        }
    }

    /// The connection that a message for `hop` leaves by, if it is there.
    fn live(&self, known: &Resolved, trunk: usize, hop: Hop) -> Option<Key> {
        let (ours, theirs) = (Key { trunk, hop, is_ours: true }, Key { trunk, hop, is_ours: false });
        let fits =
            |key: &Key| self.open.get(key).is_some_and(|open| !key.is_ours || open.tls == tls_of(known, hop));
        if is_server(known, hop) {
            let shown = hop.transport != Transport::Tls;
            return [ours, theirs].into_iter().filter(|key| key.is_ours || shown).find(fits);
        }
        let own = [theirs, ours].into_iter().find(fits);
        own.or_else(|| self.shared(hop)).or_else(|| self.another_from(trunk, hop))
    }

    /// The connection to us from that very far end: trunks that share an address share it, and an answer
    /// leaves by the connection that the request came by (RFC 3261 18.2.2).
    fn shared(&self, hop: Hop) -> Option<Key> {
        self.open.keys().find(|key| !key.is_ours && key.hop == hop).copied()
    }

    /// The connection from an address that was of use last.
    fn another_from(&self, trunk: usize, hop: Hop) -> Option<Key> {
        let same = |key: &Key| {
            key.trunk == trunk && key.hop.transport == hop.transport && key.hop.addr.ip() == hop.addr.ip()
        };
        let found = self.open.iter().filter(|(key, _)| same(key));
        found.max_by_key(|(_, connection)| connection.pulse.last()).map(|(key, _)| *key)
    }

    /// Begins to open a connection; it takes messages at once.
    fn begin(&mut self, known: &Resolved, trunk: usize, hop: Hop) -> Result<Key, SendError> {
        let key = Key { trunk, hop, is_ours: true };
        let tls = tls_of(known, hop);
        if hop.transport == Transport::Tls && tls.is_none() {
            return Err(SendError::NoTls);
        }
        if self.open.get(&key).is_some_and(|open| open.tls == tls) {
            return Ok(key);
        }
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (id, pulse) = (ConnectionId::next(), Arc::new(Pulse::new()));
        let peer = Peer { trunk, transport: hop.transport, addr: hop.addr };
        let link = Link { peer, arrivals: self.arrivals.clone(), pulse: pulse.clone(), is_ours: true };
        tokio::spawn(connect::connect(link, id, known.own.bind, tls.clone(), waiting));
        self.insert(key, Connection { id, queue, pulse, hops: vec![hop], tls });
        Ok(key)
    }

    fn let_go(&mut self, key: &Key) {
        if let Some(connection) = self.open.remove(key) {
            self.forget(*key, connection.id);
        }
    }

    /// A connection that carries nothing of ours any more, and closes by itself.
    fn forget(&mut self, key: Key, id: ConnectionId) {
        self.keys.remove(&id);
        if key.is_ours {
            self.given_up.insert(id, key);
        }
    }

    /// Whether there is any connection.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Lets go of connections that have been idle for long, but for those to the trunks' servers, which are
    /// kept alive, and those that a call needs.
    pub(super) fn sweep(&mut self, table: &Table, in_use: &HashSet<(usize, Hop)>) {
        let now = Instant::now();
        let is_kept = |key: &Key| {
            let known = table.trunks.get(key.trunk).filter(|known| !known.retired);
            key.is_ours && known.is_some_and(|known| is_server(known, key.hop))
        };
        let idle = |connection: &Connection| now.saturating_duration_since(connection.pulse.last()) > IDLE;
        let unneeded: Vec<_> = self
            .open
            .iter()
            .filter(|(key, connection)| {
                idle(connection) && !is_kept(key) && !in_use.contains(&(key.trunk, key.hop))
            })
            .map(|(key, _)| *key)
            .collect();
        for key in unneeded {
            self.let_go(&key);
        }
    }
}

/// Where a connection is opened to for a message for `hop`: to a server of the trunk; a trunk without one is
/// reached where its phones are.
fn way(known: &Resolved, hop: Hop) -> Hop {
    match known.servers.first() {
        Some(server) if !is_server(known, hop) => {
            Hop { transport: hop.transport, addr: port_of(known, hop, *server) }
        }
        _ => hop,
    }
}

/// The server's address; over another transport than its own, at the usual port of that.
fn port_of(known: &Resolved, hop: Hop, server: SocketAddr) -> SocketAddr {
    let own = known.trunk.server.as_ref().map(|server| server.transport);
    if own == Some(Transport::Tls) || hop.transport == Transport::Tls {
        let same = own == Some(hop.transport);
        return SocketAddr::new(server.ip(), if same { server.port() } else { hop.transport.default_port() });
    }
    server
}

fn is_server(known: &Resolved, hop: Hop) -> bool {
    known.servers.contains(&hop.addr)
}

/// The settings that a connection there is opened with.
fn tls_of(known: &Resolved, hop: Hop) -> Option<ClientTls> {
    known.trunk.tls.clone().filter(|_| hop.transport == Transport::Tls)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;
    use crate::switch::table::Own;
    use crate::switch::trunks::{Server, Trunk};

    /// A trunk whose server listens on loopback, and that.
    async fn served() -> (Resolved, TcpListener) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let server = listener.local_addr().unwrap();
        let trunk = Trunk {
            server: Some(Server {
                transport: Transport::Tcp,
                host: server.ip().to_string(),
                port: Some(server.port()),
            }),
            ..Trunk::named("carrier")
        };
        let own = Own { contact: server, others: Vec::new(), socket: None, bind: None };
        let former = Vec::new();
        (Resolved { trunk, location: None, servers: vec![server], former, own, retired: false }, listener)
    }

    fn pool() -> (Pool, mpsc::Receiver<Arrival>) {
        let (to, arrivals) = mpsc::channel(16);
        (Pool::new(to), arrivals)
    }

    fn from_outside(port: u16) -> (Arrival, mpsc::Receiver<Vec<u8>>, ConnectionId, Hop) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let peer = Peer { trunk: 0, transport: Transport::Tcp, addr };
        let id = ConnectionId::next();
        let accepted = Accepted { id, peer, queue, pulse: Arc::new(Pulse::new()) };
        (Arrival::Accepted(accepted), waiting, id, peer.hop())
    }

    fn message(hop: Hop) -> Transmit {
        Transmit { trunk: 0, hop, payload: b"SIP/2.0 200 OK\r\n\r\n".to_vec() }
    }

    async fn octets_at(listener: &TcpListener) -> Vec<u8> {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut octets = vec![0; 64];
        let length = stream.read(&mut octets).await.unwrap();
        octets.truncate(length);
        octets
    }

    #[tokio::test]
    async fn an_answer_goes_by_the_connection_that_its_request_came_by() {
        let (known, _listener) = served().await;
        let (mut pool, _arrivals) = pool();
        let (accepted, mut waiting, _, hop) = from_outside(40_001);
        pool.note(accepted);
        pool.send(&known, message(hop)).unwrap();
        assert_eq!(waiting.recv().await.unwrap(), message(hop).payload);
    }

    #[tokio::test]
    async fn once_that_is_closed_it_goes_by_another_from_the_same_address_and_else_to_the_server() {
        let (known, listener) = served().await;
        let (mut pool, _arrivals) = pool();
        let (first, _, first_id, hop) = from_outside(40_001);
        let (second, mut waiting, second_id, _) = from_outside(40_002);
        pool.note(first);
        pool.note(second);
        pool.note(Arrival::Closed { id: first_id, why: Ended::Closed });
        pool.send(&known, message(hop)).unwrap();
        assert_eq!(waiting.recv().await.unwrap(), message(hop).payload);
        let lost = pool.note(Arrival::Closed { id: second_id, why: Ended::Closed });
        let Some(News::Lost(lost)) = lost else { panic!("{lost:?}") };
        assert!(lost.hops.contains(&hop), "who waits for an answer there must hear of it: {lost:?}");
        pool.send(&known, message(hop)).unwrap();
        assert_eq!(octets_at(&listener).await, message(hop).payload);
    }

    #[tokio::test]
    async fn what_is_for_a_connection_that_has_just_ended_is_told_as_lost_with_all_the_others() {
        let (known, listener) = served().await;
        let (mut pool, mut arrivals) = pool();
        let hop = Hop { transport: Transport::Tcp, addr: listener.local_addr().unwrap() };
        pool.send(&known, message(hop)).unwrap();
        drop(listener.accept().await.unwrap());
        drop(listener);
        let ended = arrivals.recv().await.unwrap();
        tokio::task::yield_now().await;
        // The carrier has closed it, and we do not know yet.
        pool.send(&known, message(hop)).unwrap();
        let Some(News::Lost(lost)) = pool.note(ended) else { panic!("nobody would hear of it") };
        assert_eq!((lost.hops, lost.was_open), (vec![hop], true));
    }

    #[tokio::test]
    async fn what_no_server_takes_is_lost_and_told() {
        let (known, listener) = served().await;
        let hop = Hop { transport: Transport::Tcp, addr: listener.local_addr().unwrap() };
        drop(listener);
        let (mut pool, mut arrivals) = pool();
        pool.send(&known, message(hop)).unwrap();
        let news = pool.note(arrivals.recv().await.unwrap());
        let Some(News::Lost(Lost { trunk: 0, hops, was_open: false, .. })) = news else { panic!("{news:?}") };
        assert_eq!(hops, [hop]);
    }

    #[tokio::test]
    async fn a_connection_that_another_stands_in_for_is_lost_once_it_has_closed() {
        let (known, listener) = served().await;
        let hop = Hop { transport: Transport::Tcp, addr: listener.local_addr().unwrap() };
        let (mut pool, mut arrivals) = pool();
        pool.send(&known, message(hop)).unwrap();
        let key = Key { trunk: 0, hop, is_ours: true };
        // As with other settings for TLS: a registration is bound to the old one.
        let (queue, _waiting) = mpsc::channel(QUEUE);
        let (id, pulse) = (ConnectionId::next(), Arc::new(Pulse::new()));
        pool.insert(key, Connection { id, queue, pulse, hops: vec![hop], tls: None });
        let news = loop {
            if let Some(news) = pool.note(arrivals.recv().await.unwrap()) {
                break news;
            }
        };
        let News::Lost(Lost { trunk: 0, hops, was_open: true, .. }) = news else { panic!("{news:?}") };
        assert_eq!(hops, [hop]);
        assert!(pool.open.contains_key(&key), "the new one stays");
    }

    #[tokio::test]
    async fn trunks_that_share_an_address_answer_by_the_connection_that_the_request_came_by() {
        let (known, _listener) = served().await;
        let (mut pool, _arrivals) = pool();
        let (accepted, mut waiting, _, hop) = from_outside(40_001);
        pool.note(accepted);
        pool.send(&known, Transmit { trunk: 1, ..message(hop) }).unwrap();
        assert_eq!(waiting.recv().await.unwrap(), message(hop).payload);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_closed_unless_a_call_needs_it() {
        let (known, _listener) = served().await;
        let table = Table { trunks: vec![known] };
        let (mut pool, _arrivals) = pool();
        let (idle, mut idle_waiting, ..) = from_outside(40_001);
        let (used, used_waiting, _, hop) = from_outside(40_002);
        pool.note(idle);
        pool.note(used);
        tokio::time::advance(IDLE + Duration::from_secs(1)).await;
        pool.sweep(&table, &HashSet::from([(0, hop)]));
        assert_eq!(idle_waiting.recv().await, None, "let go of");
        assert!(!used_waiting.is_closed());
        assert_eq!(pool.open.len(), 1);
    }

    #[tokio::test]
    async fn over_tls_a_server_is_not_spoken_to_by_a_connection_it_has_opened() {
        let (mut known, _listener) = served().await;
        known.servers = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 40_001))];
        let (mut pool, _arrivals) = pool();
        let (Arrival::Accepted(mut accepted), ..) = from_outside(40_001) else { panic!() };
        accepted.peer.transport = Transport::Tls;
        let hop = accepted.peer.hop();
        pool.note(Arrival::Accepted(accepted));
        // It has shown no certificate; and here there is nothing to check one with.
        assert!(matches!(pool.send(&known, message(hop)), Err(SendError::NoTls)));
    }
}
