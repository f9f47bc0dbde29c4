//! Datagrams in: whose one is comes before anything else looks at it.

use std::sync::Arc;
use std::time::Instant;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};

use super::flood::Limits;
use super::strangers::Strangers;
use crate::sip::Peer;
use crate::switch::signalling::Standing;
use crate::switch::sockets::canonical;

/// The largest datagram UDP can carry.
const DATAGRAM: usize = 65_535;

/// Tells whose a datagram is.
pub(super) struct Whose {
    standing: watch::Receiver<Standing>,
    strangers: Arc<Strangers>,
    limits: Limits,
}

impl Whose {
    pub(super) fn new(standing: watch::Receiver<Standing>, strangers: Arc<Strangers>) -> Self {
        Self { standing, strangers, limits: Limits::new(Instant::now()) }
    }
}

/// Receives until nobody wants datagrams any more.
pub(super) async fn receive(socket: UdpSocket, mut whose: Whose, forward: mpsc::Sender<(Peer, Vec<u8>)>) {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let (length, addr) = tokio::select! {
            biased;
            () = forward.closed() => return,
            received = socket.recv_from(&mut buffer) => match received {
                Ok(received) => received,
                // An ICMP error of an earlier send: the transaction's own timer deals with it.
                Err(_) => continue,
            },
        };
        let addr = canonical(addr);
        let trunk = whose.standing.borrow().table.of_source(addr.ip());
        let Some(trunk) = trunk else {
            whose.strangers.datagram(addr);
            continue;
        };
        if !whose.limits.admit(Instant::now(), addr.ip()) {
            whose.strangers.beyond_limit(addr);
            continue;
        }
        let bytes = buffer.get(..length).unwrap_or_default().to_vec();
        // A full queue is a flood; SIP over UDP sends again.
        let _ = forward.try_send((Peer::udp(trunk, addr), bytes));
    }
}
