//! Opens what `[sip] listen` names.

use std::io;
use std::net::{TcpListener, UdpSocket};

use crate::sip::{Hop, Transport};
use crate::switch::sockets::{Families, connections, datagrams};

/// Room for a burst of SIP while the signalling task is busy.
const RECEIVE_BUFFER: usize = 2 << 20;

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

/// Opens one of the sockets that are listened on.
pub(in crate::switch) fn bind(own: Hop, all: &[Hop]) -> io::Result<Socket> {
    let families = families(own, all);
    match own.transport {
        Transport::Udp => {
            let socket = datagrams(own.addr, families)?;
            // The system may grant less; then a burst is short of room, and SIP sends again.
            let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER);
            Ok(Socket::Datagrams(socket))
        }
        Transport::Tcp | Transport::Tls => {
            connections(own.addr, families).map(|listener| Socket::Connections(own.transport, listener))
        }
    }
}

/// Of IPv4 and IPv6 at the same port each has its own socket; a lone one of IPv6 takes both.
fn families(own: Hop, all: &[Hop]) -> Families {
    let is_twin = |other: &&Hop| {
        let same_kind = other.transport.is_reliable() == own.transport.is_reliable();
        other.addr.is_ipv4() && same_kind && other.addr.port() == own.addr.port()
    };
    if all.iter().any(|other| is_twin(&other)) { Families::Own } else { Families::Both }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn hop(transport: Transport, address: &str, port: u16) -> Hop {
        Hop { transport, addr: SocketAddr::new(address.parse().unwrap(), port) }
    }

    #[test]
    fn both_families_can_be_listened_on_at_one_port() {
        for transport in [Transport::Udp, Transport::Tcp] {
            let first = bind(hop(transport, "0.0.0.0", 0), &[]).unwrap();
            let port = first.hop().unwrap().addr.port();
            let all = [hop(transport, "0.0.0.0", port), hop(transport, "::", port)];
            let second = bind(all[1], &all).unwrap();
            assert_eq!(second.hop().unwrap(), all[1]);
        }
    }

    #[test]
    fn a_lone_listener_of_ipv6_takes_ipv4_as_well() {
        let own = hop(Transport::Udp, "::", 5060);
        assert_eq!(families(own, &[own, hop(Transport::Tcp, "0.0.0.0", 5060)]), Families::Both);
        assert_eq!(families(own, &[own, hop(Transport::Udp, "10.0.0.1", 5060)]), Families::Own);
    }
}
