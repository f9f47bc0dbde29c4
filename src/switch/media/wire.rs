//! The sockets of one leg.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use super::ports::Pair;
use super::security::Security;
use super::statistics::Statistics;
use crate::switch::sockets;

/// Sends and receives, and counts what was sent.
#[derive(Debug)]
pub(super) struct Wire {
    pub pair: Pair,
    pub statistics: Arc<Statistics>,
    /// What protects the stream, where something does.
    pub security: Option<Security>,
    /// The sockets are of IPv6, which carries IPv4 in mapped addresses.
    pub ipv6: bool,
    /// RTCP goes out at the RTP port (RFC 5761).
    pub rtcp_mux: bool,
}

impl Wire {
    /// Sends an RTP packet with so many octets of payload. Returns whether the network took it.
    pub fn send_rtp(&mut self, packet: &[u8], payload: usize, to: SocketAddr) -> bool {
        let packet = match &mut self.security {
            Some(security) => security.protect_rtp(packet),
            None => Some(packet),
        };
        let sent = packet.is_some_and(|packet| send(&self.pair.rtp, self.ipv6, packet, to).is_ok());
        if sent {
            self.statistics.packets_sent.add(1);
            self.statistics.octets_sent.add(payload as u64);
        } else {
            self.statistics.send_failures.add(1);
        }
        sent
    }

    /// Sends an RTCP packet.
    pub fn send_rtcp(&mut self, packet: &[u8], to: SocketAddr) {
        let packet = match &mut self.security {
            Some(security) => security.protect_rtcp(packet),
            None => Some(packet),
        };
        let socket = if self.rtcp_mux { &self.pair.rtp } else { &self.pair.rtcp };
        if packet.is_none_or(|packet| send(socket, self.ipv6, packet, to).is_err()) {
            self.statistics.send_failures.add(1);
        }
    }

    /// Opens what came to the RTP port. Returns how much of it is to be read, if anything.
    pub fn open_rtp(&mut self, datagram: &mut [u8]) -> Option<usize> {
        match &mut self.security {
            Some(security) => security.open_rtp(datagram, &self.statistics),
            None => Some(datagram.len()),
        }
    }

    /// The same for the RTCP port.
    pub fn open_rtcp(&mut self, datagram: &mut [u8]) -> Option<usize> {
        match &mut self.security {
            Some(security) => security.open_rtcp(datagram, &self.statistics),
            None => Some(datagram.len()),
        }
    }
}

fn send(socket: &UdpSocket, ipv6: bool, packet: &[u8], to: SocketAddr) -> io::Result<usize> {
    match to.ip() {
        // Hold as RFC 2543 told it, or a stream refused: there is nobody to send to.
        ip if ip.is_unspecified() || to.port() == 0 => Err(io::ErrorKind::AddrNotAvailable.into()),
        _ => sockets::send(socket, ipv6, packet, to),
    }
}

/// Receives a datagram; nothing if there is none.
pub(super) fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
    let (len, from) = socket.recv_from(buffer).ok()?;
    Some((len, sockets::canonical(from)))
}
