//! How SIP messages travel (RFC 3261 18), and the next hop they travel to.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams: what is lost is sent again by the transactions.
    #[default]
    Udp,
    /// A stream (RFC 3261 18.3).
    Tcp,
    /// TLS over TCP.
    Tls,
}

impl Transport {
    /// The transport delivers by itself: nothing is sent twice (RFC 3261 17).
    #[must_use]
    pub fn is_reliable(self) -> bool {
        !matches!(self, Transport::Udp)
    }

    /// As Via has it (RFC 3261 20.42).
    #[must_use]
    pub fn via_name(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
        }
    }

    /// As settings and the URI parameter `transport` have it (RFC 3261 19.1.1).
    #[must_use]
    pub fn param(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
        }
    }

    /// The port that is meant where none is written (RFC 3261 18.2.2).
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp => 5060,
            Transport::Tls => 5061,
        }
    }

    /// The transport that goes by this name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Transport> {
        let all = [Transport::Udp, Transport::Tcp, Transport::Tls];
        all.into_iter().find(|transport| transport.param().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.param())
    }
}

/// Where a message goes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hop {
    /// By which transport.
    pub transport: Transport,
    /// To where.
    pub addr: SocketAddr,
}

impl Hop {
    /// A hop by datagrams.
    #[must_use]
    pub fn udp(addr: SocketAddr) -> Self {
        Hop { transport: Transport::Udp, addr }
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport, self.addr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_is_written_as_settings_have_it() {
        let hop = Hop { transport: Transport::Tls, addr: SocketAddr::from(([192, 0, 2, 1], 5061)) };
        assert_eq!(hop.to_string(), "tls:192.0.2.1:5061");
        assert_eq!(Transport::named("TLS"), Some(Transport::Tls));
        assert_eq!(Transport::named("sctp"), None);
    }
}
