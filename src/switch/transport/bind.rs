//! Opens what `[sip] listen` names.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use crate::sip::{Hop, Transport};

/// Room for a burst of SIP while the signalling task is busy.
const RECEIVE_BUFFER: usize = 2 << 20;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 256;

/// A socket that is open.
#[derive(Debug)]
pub(in crate::switch) enum Socket {
    /// For datagrams, both ways.
    Datagrams(UdpSocket),
    /// For connections, in the clear or with TLS.
    Connections(Transport, TcpListener),
}

impl Socket {
    /// Where it is reached.
    pub(in crate::switch) fn hop(&self) -> io::Result<Hop> {
        Ok(match self {
            Socket::Datagrams(socket) => Hop::udp(socket.local_addr()?),
            Socket::Connections(transport, listener) => {
                Hop { transport: *transport, addr: listener.local_addr()? }
            }
        })
    }
}

/// Opens a socket.
pub(in crate::switch) fn bind(own: Hop) -> io::Result<Socket> {
    match own.transport {
        Transport::Udp => datagrams(own.addr).map(Socket::Datagrams),
        transport => connections(own.addr).map(|listener| Socket::Connections(transport, listener)),
    }
}

fn datagrams(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    // The system may grant less; then a burst is short of room, and SIP sends again.
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER);
    Ok(socket)
}

fn connections(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    // Listening once more only changes the length of the queue.
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
}
