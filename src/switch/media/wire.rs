//! The sockets of one leg.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use super::ports::Pair;
use super::statistics::Statistics;

/// Sends and receives, and counts what was sent.
#[derive(Debug)]
pub(super) struct Wire {
    pub pair: Pair,
    pub statistics: Arc<Statistics>,
    /// The sockets are of IPv6, which carries IPv4 in mapped addresses.
    pub ipv6: bool,
}

impl Wire {
    /// Sends an RTP packet with so many octets of payload. Returns whether the network took it.
    pub fn send_rtp(&self, packet: &[u8], payload: usize, to: SocketAddr) -> bool {
        let sent = self.send(&self.pair.rtp, packet, to).is_ok();
        if sent {
            self.statistics.packets_sent.add(1);
            self.statistics.octets_sent.add(payload as u64);
        } else {
            self.statistics.send_failures.add(1);
        }
        sent
    }

    /// Sends an RTCP packet.
    pub fn send_rtcp(&self, packet: &[u8], to: SocketAddr) {
        if self.send(&self.pair.rtcp, packet, to).is_err() {
            self.statistics.send_failures.add(1);
        }
    }

    fn send(&self, socket: &UdpSocket, packet: &[u8], to: SocketAddr) -> io::Result<usize> {
        match to.ip() {
            // Hold as RFC 2543 told it, or a stream refused: there is nobody to send to.
            ip if ip.is_unspecified() || to.port() == 0 => Err(io::ErrorKind::AddrNotAvailable.into()),
            IpAddr::V4(ip) if self.ipv6 => socket.send_to(packet, (ip.to_ipv6_mapped(), to.port())),
            _ => socket.send_to(packet, to),
        }
    }
}

/// Receives a datagram; nothing if there is none.
pub(super) fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
    let (len, from) = socket.recv_from(buffer).ok()?;
    Some((len, SocketAddr::new(from.ip().to_canonical(), from.port())))
}
