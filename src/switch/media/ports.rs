//! The ports of the streams: RTP on an even one, RTCP on the next (RFC 3550 11).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::sockopt;

use crate::switch::sockets::{self, Families};

/// How long a freed port is not used while there are others: packets of the old call should not reach
/// the next one. A call is not refused for it: the source of its packets is checked anyway.
const REST: Duration = Duration::from_secs(30);
/// Octets a socket may hold for us: some 50 packets, a second of audio.
const RECEIVE_BUFFER: usize = 32 * 1024;
/// DSCP EF (RFC 3246) as the octet of the header.
const EXPEDITED_FORWARDING: u8 = 46 << 2;

/// Why no stream could be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// All ports are in use, or taken by other programs.
    #[error("no free pair of media ports in {}-{}", .0.start(), .0.end())]
    NoPorts(RangeInclusive<u16>),
    /// The system refused for another reason.
    #[error("cannot open a media socket on {address}")]
    Socket {
        /// Where.
        address: IpAddr,
        /// Why.
        source: io::Error,
    },
    /// The media threads have more to do than they can: no leg is added to that.
    #[error("the media threads do not keep up")]
    Busy,
    /// The media threads have ended.
    #[error("the media threads have ended")]
    Ended,
}

/// The range of ports.
#[derive(Debug)]
pub(super) struct Ports {
    bind: IpAddr,
    range: RangeInclusive<u16>,
    /// Even ports that cannot be taken, and until when; nothing: in use.
    taken: Mutex<HashMap<u16, Option<Instant>>>,
}

/// A pair of ports and its sockets. Letting go of it gives the ports back.
#[derive(Debug)]
pub(super) struct Pair {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    lease: Lease,
}

/// The right to a pair of ports.
#[derive(Debug)]
struct Lease {
    ports: Arc<Ports>,
    port: u16,
}

impl Pair {
    /// The even port.
    pub fn port(&self) -> u16 {
        self.lease.port
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.ports.rest(self.port, Instant::now());
    }
}

impl Ports {
    pub fn new(bind: IpAddr, range: RangeInclusive<u16>) -> Self {
        Self { bind, range, taken: Mutex::default() }
    }

    /// Opens a pair, at random, so that nobody can guess where the next call will be; where all
    /// others are in use, the one that has rested longest.
    pub fn open(self: &Arc<Self>) -> Result<Pair, OpenError> {
        for port in self.shuffled().chain(std::iter::once_with(|| self.resting()).flatten()) {
            let Some(lease) = self.lease(port) else { continue };
            match self.bind(port) {
                Ok((rtp, rtcp)) => return Ok(Pair { rtp, rtcp, lease }),
                // Taken by another program: the lease rests it, so it is not tried each time.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(source) => return Err(OpenError::Socket { address: self.bind, source }),
            }
        }
        Err(OpenError::NoPorts(self.range.clone()))
    }

    /// The even ports that are free, from a random one on. The port above lies within the range too.
    fn shuffled(&self) -> impl Iterator<Item = u16> {
        let first = u32::from(*self.range.start()).next_multiple_of(2);
        let pairs = (u32::from(*self.range.end()) + 1).saturating_sub(first) / 2;
        let start = if pairs == 0 { 0 } else { rand::random_range(0..pairs) };
        let ports = (0..pairs).filter_map(move |n| u16::try_from(first + (start + n) % pairs * 2).ok());
        ports.filter(|port| self.is_free(*port, Instant::now()))
    }

    /// The ports at rest, those first that have rested longest.
    fn resting(&self) -> Vec<u16> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut resting: Vec<_> = taken.iter().filter_map(|(port, until)| Some(((*until)?, *port))).collect();
        resting.sort_unstable();
        resting.into_iter().map(|(_, port)| port).collect()
    }

    fn is_free(&self, port: u16, now: Instant) -> bool {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.get(&port).is_none_or(|until| until.is_some_and(|until| until <= now))
    }

    /// The right to a port that is not in use.
    fn lease(self: &Arc<Self>, port: u16) -> Option<Lease> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let in_use = taken.get(&port).is_some_and(Option::is_none);
        (!in_use).then(|| {
            taken.insert(port, None);
            Lease { ports: Arc::clone(self), port }
        })
    }

    fn rest(&self, port: u16, now: Instant) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert(port, Some(now + REST));
    }

    fn bind(&self, port: u16) -> io::Result<(UdpSocket, UdpSocket)> {
        let open = |port| sockets::datagrams(SocketAddr::new(self.bind, port), Families::Both);
        let (rtp, rtcp) = (open(port)?, open(port.saturating_add(1))?);
        for socket in [&rtp, &rtcp] {
            sockopt::set_socket_recv_buffer_size(socket, RECEIVE_BUFFER)?;
        }
        // A network that knows nothing of it carries the call all the same.
        let _ = if self.bind.is_ipv4() {
            sockopt::set_ip_tos(&rtp, EXPEDITED_FORWARDING)
        } else {
            sockopt::set_ipv6_tclass(&rtp, u32::from(EXPEDITED_FORWARDING))
        };
        Ok((rtp, rtcp))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_port_rests_after_its_call() {
        let ports = Arc::new(Ports::new(LOOPBACK, 0..=0));
        let now = Instant::now();
        let lease = ports.lease(4000).expect("nobody has it");
        assert!(!ports.is_free(4000, now + REST * 10), "still in use");
        assert!(ports.lease(4000).is_none());
        ports.rest(4000, now);
        assert!(!ports.is_free(4000, now + REST.checked_sub(Duration::from_millis(1)).expect("longer")));
        assert!(ports.is_free(4000, now + REST));
        drop(lease);
    }

    #[test]
    fn a_call_that_finds_only_ports_at_rest_gets_the_one_that_has_rested_longest() {
        let ports = Arc::new(Ports::new(LOOPBACK, 23_951..=23_956));
        let both = [ports.open().expect("a pair"), ports.open().expect("a pair")];
        let [first, second] = both;
        let port = first.port();
        drop(first);
        drop(second);
        assert_eq!(ports.open().expect("rather than none").port(), port);
    }

    #[test]
    fn pairs_are_even_and_within_the_range_until_there_are_no_more() {
        let ports = Arc::new(Ports::new(LOOPBACK, 23_911..=23_920));
        let open: Vec<_> = std::iter::from_fn(|| ports.open().ok()).collect();
        let mut taken: Vec<_> = open.iter().map(Pair::port).collect();
        taken.sort_unstable();
        assert_eq!(taken, [23_912, 23_914, 23_916, 23_918]);
        assert!(matches!(ports.open(), Err(OpenError::NoPorts(_))));
    }

    #[test]
    fn a_port_of_another_program_is_passed_over() {
        let other = UdpSocket::bind((LOOPBACK, 23_933)).expect("a free port");
        let ports = Arc::new(Ports::new(LOOPBACK, 23_932..=23_935));
        assert_eq!(ports.open().expect("the other pair").port(), 23_934);
        drop(other);
    }
}
