//! Connections in: whose one is comes before a single octet of it is read, and before TLS.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::connect::tune;
use super::connection::{Accepted, Arrival, ConnectionId, Ended, Link, Pulse, QUEUE};
use super::strangers::Strangers;
use crate::sip::{Peer, Transport};
use crate::switch::signalling::Standing;
use crate::switch::sockets::canonical;
use crate::switch::tls::refusal;

/// Connections that others may have open to us.
const MAX_CONNECTIONS: usize = 256;
/// Of these, from one address.
const MAX_FROM_ONE: usize = 8;
/// TLS handshakes at a time: each costs a signature.
const MAX_HANDSHAKES: usize = 16;
/// How long a TLS handshake may take, with the wait for its turn.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// The pause after the system has refused to accept, mostly for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Who may come in; all listeners share one.
#[derive(Clone)]
pub(super) struct Door {
    standing: watch::Receiver<Standing>,
    arrivals: mpsc::Sender<Arrival>,
    strangers: Arc<Strangers>,
    inside: Inside,
    handshakes: Arc<Semaphore>,
}

impl Door {
    pub(super) fn new(
        standing: watch::Receiver<Standing>,
        arrivals: mpsc::Sender<Arrival>,
        strangers: Arc<Strangers>,
    ) -> Self {
        let handshakes = Arc::new(Semaphore::new(MAX_HANDSHAKES));
        Self { standing, arrivals, strangers, inside: Inside::default(), handshakes }
    }

    /// The trunk of an address, and its place inside.
    fn lets_in(&self, addr: SocketAddr) -> Option<(usize, Place)> {
        let Some(trunk) = self.standing.borrow().table.of_source(addr.ip()) else {
            self.strangers.connection(addr);
            return None;
        };
        let Some(place) = self.inside.enter(addr.ip()) else {
            self.strangers.beyond_limit(addr);
            return None;
        };
        Some((trunk, place))
    }
}

/// Accepts until nobody wants connections any more.
pub(super) async fn accept(listener: TcpListener, transport: Transport, door: Door) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = door.arrivals.closed() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, addr)) => {
                let addr = canonical(addr);
                let Some((trunk, place)) = door.lets_in(addr) else { continue };
                let peer = Peer { trunk, transport, addr };
                tokio::spawn(welcome(stream, peer, place, door.clone()));
            }
            Err(error) => {
                tracing::warn!(%transport, %error, "no connection can be accepted at the moment");
                sleep(PAUSE).await;
            }
        }
    }
}

/// One connection, from its TLS to its end.
async fn welcome(stream: TcpStream, peer: Peer, _place: Place, door: Door) {
    tune(&stream);
    if peer.transport != Transport::Tls {
        return serve(stream, peer, &door).await;
    }
    let Some(tls) = door.standing.borrow().tls.clone() else { return };
    let handshake = async {
        let _turn = door.handshakes.acquire().await;
        TlsAcceptor::from(tls.config()).accept(stream).await
    };
    match timeout(HANDSHAKE, handshake).await {
        Ok(Ok(stream)) => serve(stream, peer, &door).await,
        Ok(Err(error)) => tracing::warn!(from = %peer.addr, "TLS failed: {}", refusal(&error)),
        Err(_) => tracing::warn!(from = %peer.addr, "TLS was not agreed on within {} s", HANDSHAKE.as_secs()),
    }
}

async fn serve<S>(stream: S, peer: Peer, door: &Door)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send,
{
    let (queue, mut waiting) = mpsc::channel(QUEUE);
    let pulse = Arc::new(Pulse::new());
    let id = ConnectionId::next();
    let accepted = Accepted { id, peer, queue, pulse: pulse.clone() };
    if door.arrivals.send(Arrival::Accepted(accepted)).await.is_err() {
        return;
    }
    let link = Link { peer, arrivals: door.arrivals.clone(), pulse, is_ours: false };
    let why: Ended = link.carry(stream, &mut waiting).await;
    let _ = door.arrivals.send(Arrival::Closed { id, why }).await;
}

/// How many connections are open, and from where.
#[derive(Debug, Default, Clone)]
struct Inside(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// The place of one connection; free again when it is let go of.
#[derive(Debug)]
struct Place {
    inside: Inside,
    address: IpAddr,
}

impl Inside {
    fn enter(&self, address: IpAddr) -> Option<Place> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = counts.values().sum();
        let own = counts.get(&address).copied().unwrap_or(0);
        if total >= MAX_CONNECTIONS || own >= MAX_FROM_ONE {
            return None;
        }
        counts.insert(address, own.saturating_add(1));
        Some(Place { inside: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.inside.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(own) = counts.get_mut(&self.address) else { return };
        *own = own.saturating_sub(1);
        if *own == 0 {
            counts.remove(&self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_takes_eight_places_and_all_together_256() {
        let inside = Inside::default();
        let of = |n: u8| IpAddr::from([192, 0, 2, n]);
        let mut places: Vec<_> = (0..20).filter_map(|_| inside.enter(of(1))).collect();
        assert_eq!(places.len(), MAX_FROM_ONE);
        places.pop();
        assert!(inside.enter(of(1)).is_some(), "a place that was given up is free");
        places.extend((2..=255).chain(2..=255).filter_map(|n| inside.enter(of(n))));
        assert_eq!(places.len(), MAX_CONNECTIONS);
        drop(places);
        assert!(inside.0.lock().unwrap().is_empty(), "nothing is remembered of who has gone");
    }
}
