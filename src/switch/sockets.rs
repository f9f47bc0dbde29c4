//! Sockets of either family of addresses.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 256;

/// What a socket of IPv6 takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Families {
    /// IPv4 as well, in mapped addresses: whatever the system's own default is.
    Both,
    /// IPv6 alone: IPv4 has a socket of its own at the same port.
    Own,
}

/// Opens a socket for datagrams.
pub(super) fn datagrams(address: SocketAddr, families: Families) -> io::Result<UdpSocket> {
    open(SocketType::DGRAM, address, families).map(UdpSocket::from)
}

/// Opens a socket that takes connections.
pub(super) fn connections(address: SocketAddr, families: Families) -> io::Result<TcpListener> {
    let socket = open(SocketType::STREAM, address, families)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

/// Sends a datagram over a socket of either family.
pub(super) fn send(socket: &UdpSocket, is_ipv6: bool, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
    match to.ip() {
        IpAddr::V4(ip) if is_ipv6 => socket.send_to(datagram, (ip.to_ipv6_mapped(), to.port())),
        IpAddr::V4(_) | IpAddr::V6(_) => socket.send_to(datagram, to),
    }
}

/// An address as people write it: IPv4 that came through a socket of IPv6 is IPv4.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), address.port()),
        // With its scope.
        IpAddr::V6(_) => address,
    }
}

fn open(kind: SocketType, address: SocketAddr, families: Families) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, kind, flags, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, families == Families::Own)?;
    }
    if kind == SocketType::STREAM {
        // A port whose connections have just been closed can be listened on again.
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    Ok(socket)
}
