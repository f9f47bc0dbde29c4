//! SIP's sockets: datagrams, listeners and connections, as the signalling task sees them.
//!
//! | file | what it does |
//! |---|---|
//! | `bind` | opens what `[sip] listen` names |
//! | `udp` | datagrams in: whose they are, and how many |
//! | `accept` | connections in: whose they are, how many, and their TLS |
//! | `connect` | connections out |
//! | `connection` | what one connection carries, with its deadlines |
//! | `pool` | which connection a message leaves by |
//! | `flood` | how much one address may send |
//! | `strangers` | what nobody's addresses sent: counted, told once a minute, never answered |
//!
//! Sending never waits: a datagram goes out at once or not at all, and each connection has a queue and
//! a task that writes.

mod accept;
mod bind;
mod connect;
mod connection;
mod flood;
mod pool;
mod strangers;
mod udp;

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::sip::{Hop, Malformed, Peer, Transmit, Transport};
use crate::switch::signalling::Standing;
use crate::switch::sockets;
use crate::switch::table::Table;
pub(super) use bind::{Socket, bind};
use connection::Arrival;
use pool::Pool;
use strangers::Strangers;

/// Datagrams that wait for the signalling task; more are dropped, and SIP sends again.
const DATAGRAMS: usize = 2048;
/// Messages of connections that wait for the signalling task; then nobody reads on.
const ARRIVALS: usize = 256;
/// How often connections are looked through for idle ones.
pub(super) const SWEEP: Duration = Duration::from_secs(15);

/// What has come in.
#[derive(Debug)]
pub(super) enum News {
    /// A message from one of a trunk's addresses.
    Message {
        /// Who sent it.
        peer: Peer,
        /// The message.
        bytes: Vec<u8>,
    },
    /// What ended a stream, for it could not be read on.
    Malformed {
        /// Who sent it.
        peer: Peer,
        /// As much of it as could be read.
        malformed: Malformed,
    },
    /// A connection is closed, or could not be opened.
    Lost(Lost),
}

/// A connection that is no more.
#[derive(Debug)]
pub(super) struct Lost {
    /// Whose it was.
    pub(super) trunk: usize,
    /// Its far end, and every hop that a message went to by it.
    pub(super) hops: Vec<Hop>,
    /// It had been open: what was written to it may or may not have been read.
    pub(super) was_open: bool,
    /// Why it is gone.
    pub(super) why: String,
}

/// Why a message could not be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// The system did not take the datagram.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is no socket for datagrams.
    #[error("[sip] listen has no udp: address to send from")]
    NoDatagrams,
    /// There are no settings to check the other side's certificate with.
    #[error("the trunk's server is not tls:, so nothing says whose certificate to expect")]
    NoTls,
    /// The other side has not read for long.
    #[error("the connection takes nothing any more")]
    Stuck,
    /// The trunk is not known.
    #[error("there is no such trunk")]
    NoTrunk,
}

/// A socket that datagrams leave by.
#[derive(Debug)]
struct Datagrams {
    socket: std::net::UdpSocket,
    is_ipv6: bool,
}

/// All sockets of SIP.
#[derive(Debug)]
pub(super) struct Transports {
    /// For sending, in the order of the listeners.
    datagram_sockets: Vec<Option<Datagrams>>,
    datagrams: mpsc::Receiver<(Peer, Vec<u8>)>,
    arrivals: mpsc::Receiver<Arrival>,
    pool: Pool,
}

impl Transports {
    /// Takes messages from now on.
    pub(super) fn start(sockets: Vec<Socket>, standing: &watch::Receiver<Standing>) -> io::Result<Self> {
        let (datagrams_to, datagrams) = mpsc::channel(DATAGRAMS);
        let (arrivals_to, arrivals) = mpsc::channel(ARRIVALS);
        let strangers = Arc::new(Strangers::default());
        let door = accept::Door::new(standing.clone(), arrivals_to.clone(), strangers.clone());
        let mut datagram_sockets = Vec::new();
        for socket in sockets {
            datagram_sockets.push(match socket {
                Socket::Datagrams(socket) => {
                    let sending =
                        Datagrams { is_ipv6: socket.local_addr()?.is_ipv6(), socket: socket.try_clone()? };
                    let receiving = tokio::net::UdpSocket::from_std(socket)?;
                    let whose = udp::Whose::new(standing.clone(), strangers.clone());
                    tokio::spawn(udp::receive(receiving, whose, datagrams_to.clone()));
                    Some(sending)
                }
                Socket::Connections(transport, listener) => {
                    let listener = tokio::net::TcpListener::from_std(listener)?;
                    tokio::spawn(accept::accept(listener, transport, door.clone()));
                    None
                }
            });
        }
        Ok(Self { datagram_sockets, datagrams, arrivals, pool: Pool::new(arrivals_to) })
    }

    /// What comes in next.
    pub(super) async fn next(&mut self) -> News {
        loop {
            tokio::select! {
                // In no order: neither kind can starve the other.
                Some((peer, bytes)) = self.datagrams.recv() => return News::Message { peer, bytes },
                Some(arrival) = self.arrivals.recv() => {
                    if let Some(news) = self.pool.note(arrival) {
                        return news;
                    }
                }
            }
        }
    }

    /// Sends a message, or gives it to the connection that will.
    pub(super) fn send(&mut self, table: &Table, transmit: Transmit) -> Result<(), SendError> {
        let known = table.trunks.get(transmit.trunk).ok_or(SendError::NoTrunk)?;
        if transmit.hop.transport != Transport::Udp {
            return self.pool.send(known, transmit);
        }
        let to = transmit.hop.addr;
        let usual = known.own.socket.and_then(|place| self.datagram_sockets.get(place)?.as_ref());
        let fits = |known: &&Datagrams| known.is_ipv6 == to.is_ipv6();
        // A trunk may be called by one family and call by the other.
        let other = || self.datagram_sockets.iter().flatten().find(fits);
        let socket = usual.filter(fits).or_else(other).or(usual).ok_or(SendError::NoDatagrams)?;
        send_datagram(socket, &transmit.payload, to)
    }

    /// Whether connections may have to be closed.
    pub(super) fn are_open(&self) -> bool {
        !self.pool.is_empty()
    }

    /// Closes connections that nobody needs.
    pub(super) fn sweep(&mut self, table: &Table, in_use: &HashSet<(usize, Hop)>) {
        self.pool.sweep(table, in_use);
    }
}

/// A full buffer is a loss like any other on the way: SIP sends again.
fn send_datagram(from: &Datagrams, payload: &[u8], to: SocketAddr) -> Result<(), SendError> {
    match sockets::send(&from.socket, from.is_ipv6, payload, to) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}
