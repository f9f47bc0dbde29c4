//! A name server on loopback, for tests: what it answers is written in a closure.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hickory_resolver::proto::op::{Message, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

/// What a name server says to a question.
pub enum Reply {
    Records(Vec<Record>),
    Code(ResponseCode),
    /// Nothing at all.
    Silence,
    /// Half an answer by UDP, the whole one by TCP.
    Truncated(Vec<Record>),
}

type Zone = dyn Fn(&str, RecordType) -> Reply + Send + Sync;

pub struct Server {
    pub address: SocketAddr,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

impl Server {
    /// Answers by UDP and TCP on a free port of loopback.
    pub async fn start(zone: impl Fn(&str, RecordType) -> Reply + Send + Sync + 'static) -> Self {
        let zone: Arc<Zone> = Arc::new(zone);
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            // The port may be taken by somebody else's TCP.
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let tasks = [tokio::spawn(datagrams(udp, zone.clone())), tokio::spawn(streams(tcp, zone))];
        Self { address, tasks }
    }
}

async fn datagrams(socket: UdpSocket, zone: Arc<Zone>) {
    let mut buffer = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        if let Some(answer) = answer(&buffer[..length], &*zone, false) {
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

async fn streams(listener: TcpListener, zone: Arc<Zone>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let Ok(length) = stream.read_u16().await else { continue };
        let mut question = vec![0; usize::from(length)];
        if stream.read_exact(&mut question).await.is_err() {
            continue;
        }
        if let Some(answer) = answer(&question, &*zone, true) {
            let _ = stream.write_u16(u16::try_from(answer.len()).unwrap()).await;
            let _ = stream.write_all(&answer).await;
        }
    }
}

fn answer(question: &[u8], zone: &Zone, by_tcp: bool) -> Option<Vec<u8>> {
    let asked = Message::from_vec(question).unwrap();
    let query: Query = asked.queries.first().unwrap().clone();
    let mut message = Message::response(asked.id, asked.op_code);
    message.add_query(query.clone());
    message.metadata.recursion_available = true;
    match zone(query.name().to_ascii().trim_end_matches('.'), query.query_type()) {
        Reply::Records(records) => message.add_answers(records),
        Reply::Truncated(records) if by_tcp => message.add_answers(records),
        Reply::Truncated(_) => {
            message.metadata.truncation = true;
            &mut message
        }
        Reply::Code(code) => {
            message.metadata.response_code = code;
            &mut message
        }
        Reply::Silence => return None,
    };
    Some(message.to_vec().unwrap())
}

pub fn address(name: &str, ttl: u32, address: &str) -> Record {
    Record::from_rdata(self::name(name), ttl, RData::A(A(address.parse().unwrap())))
}

pub fn service(name: &str, ttl: u32, priority: u16, port: u16, target: &str) -> Record {
    let srv = SRV::new(priority, 1, port, self::name(target));
    Record::from_rdata(self::name(name), ttl, RData::SRV(srv))
}

fn name(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap()
}
