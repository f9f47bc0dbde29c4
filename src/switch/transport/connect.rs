//! Connections out.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::connection::{Arrival, ConnectionId, Ended, Link};
use crate::switch::tls::{ClientTls, refusal};

/// How long a connection may take to be made: the next server must still be reached in time.
const CONNECT: Duration = Duration::from_secs(3);
/// How long its TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long the other side may leave what we wrote unacknowledged until it counts as gone.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);
/// Silence after which the system asks whether the other side is still there, and how often it asks.
const PROBE_AFTER: Duration = Duration::from_secs(30);
const PROBE_EACH: Duration = Duration::from_secs(10);
const PROBES: u32 = 3;

/// Opens a connection and carries messages over it; those that are queued meanwhile go first.
pub(super) async fn connect(
    link: Link,
    id: ConnectionId,
    bind: Option<IpAddr>,
    tls: Option<ClientTls>,
    mut queue: mpsc::Receiver<Vec<u8>>,
) {
    let why = match timeout(CONNECT, open(link.addr(), bind)).await {
        Ok(Ok(stream)) => carry(&link, stream, tls, &mut queue).await,
        Ok(Err(error)) => Ended::NotOpened(error.to_string()),
        Err(_) => Ended::NotOpened(format!("no answer within {} s", CONNECT.as_secs())),
    };
    let _ = link.arrivals.send(Arrival::Closed { id, why }).await;
}

async fn carry(
    link: &Link,
    stream: TcpStream,
    tls: Option<ClientTls>,
    queue: &mut mpsc::Receiver<Vec<u8>>,
) -> Ended {
    let Some(tls) = tls else {
        tracing::debug!(to = %link.hop(), "connected");
        return link.carry(stream, queue).await;
    };
    let handshake = TlsConnector::from(tls.config()).connect(tls.server_name(), stream);
    match timeout(HANDSHAKE, handshake).await {
        Ok(Ok(stream)) => {
            tracing::debug!(to = %link.hop(), "connected");
            link.carry(stream, queue).await
        }
        Ok(Err(error)) => Ended::NotOpened(format!("TLS with {}: {}", tls.name(), refusal(&error))),
        Err(_) => Ended::NotOpened(format!("TLS was not agreed on within {} s", HANDSHAKE.as_secs())),
    }
}

/// From the address that is listened on where that is a certain one: a carrier knows us by it.
async fn open(to: SocketAddr, bind: Option<IpAddr>) -> std::io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(own) = bind.filter(|own| own.is_ipv4() == to.is_ipv4()) {
        socket.bind(SocketAddr::new(own, 0))?;
    }
    let stream = socket.connect(to).await?;
    tune(&stream);
    Ok(stream)
}

/// Small messages go at once, and a far end that has gone is noticed. A system that refuses any of it
/// still carries messages.
pub(super) fn tune(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let unacknowledged = u32::try_from(UNACKNOWLEDGED.as_millis()).unwrap_or(u32::MAX);
    let _ = sockopt::set_tcp_user_timeout(stream, unacknowledged);
    let _ = sockopt::set_socket_keepalive(stream, true);
    let _ = sockopt::set_tcp_keepidle(stream, PROBE_AFTER);
    let _ = sockopt::set_tcp_keepintvl(stream, PROBE_EACH);
    let _ = sockopt::set_tcp_keepcnt(stream, PROBES);
}
