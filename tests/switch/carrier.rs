//! A carrier on loopback that is spoken to over connections.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nightbell::sip::{
    Agreed, Codec, Config, Endpoint, Event, Framed, LegId, LocalMedia, Peer, Stream, Timers, Transport,
    TrunkProfile,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// How long anything may take before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A connection, with or without TLS.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for S {}

/// How it cuts what it writes into segments.
#[derive(Debug, Clone, Copy)]
pub enum Segments {
    /// Each octet is one.
    Octets,
    /// What is to be said at once is one, and a line end goes before it.
    Merged,
}

/// The carrier.
pub struct Carrier {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    wire: Option<(Box<dyn Wire>, SocketAddr)>,
    endpoint: Endpoint,
    framing: Stream,
    transport: Transport,
    segments: Segments,
    /// Connections that were opened to it.
    pub connections: usize,
}

impl Carrier {
    pub async fn start(tls: Option<TlsAcceptor>, segments: Segments) -> Self {
        Self::start_at("127.0.0.1:0", tls, segments).await
    }

    /// One that listens there.
    pub async fn start_at(address: &str, tls: Option<TlsAcceptor>, segments: Segments) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let own = listener.local_addr().unwrap();
        let config = Config {
            trunks: vec![TrunkProfile::new(own, "127.0.0.1", vec![Codec::Pcma])],
            timers: Timers::default(),
            software: "a carrier".to_owned(),
            max_dialogs: 4,
        };
        let seed = own.port().to_be_bytes();
        let endpoint = Endpoint::new(config, [seed[0] ^ seed[1]; 32]);
        let transport = if tls.is_some() { Transport::Tls } else { Transport::Tcp };
        Self {
            listener,
            tls,
            wire: None,
            endpoint,
            framing: Stream::new(),
            transport,
            segments,
            connections: 0,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// Waits for a call, answers it, and waits until the answer is acknowledged.
    pub async fn answer(&mut self) -> (LegId, Agreed) {
        let Event::Invite { leg, .. } = self.event().await else { panic!("a call comes first") };
        let media = LocalMedia {
            address: self.address().ip(),
            rtp_port: 40_000,
            codecs: vec![Codec::Pcma],
            session_id: 1,
        };
        let agreed = self.endpoint.answer(Instant::now(), leg, media).unwrap().unwrap();
        let Event::Answering { .. } = self.event().await else { panic!("then its answer") };
        let next = self.event().await;
        assert!(matches!(next, Event::Established { .. }), "then its ACK: {next:?}");
        (leg, agreed)
    }

    /// Hangs up, and waits until that is answered.
    pub async fn hang_up(&mut self, leg: LegId) {
        self.endpoint.hang_up(Instant::now(), leg, nightbell::sip::Cause::Normal);
        self.flush().await;
        self.hear().await;
    }

    /// Closes the connection.
    pub async fn closes(&mut self) {
        let (mut wire, _) = self.wire.take().unwrap();
        wire.shutdown().await.unwrap();
    }

    /// The next thing that happens.
    pub async fn event(&mut self) -> Event {
        loop {
            self.flush().await;
            if let Some(event) = self.endpoint.poll_event() {
                self.flush().await;
                return event;
            }
            self.hear().await;
        }
    }

    /// Waits for a connection to it; whether its TLS was agreed on.
    pub async fn is_connected(&mut self) -> bool {
        let accepted = tokio::time::timeout(PATIENCE, self.listener.accept()).await;
        let (stream, from) = accepted.expect("a connection in time").unwrap();
        self.connections += 1;
        self.framing = Stream::new();
        let wire: Box<dyn Wire> = match &self.tls {
            None => Box::new(stream),
            Some(tls) => match tls.accept(stream).await {
                Ok(stream) => Box::new(stream),
                Err(_) => return false,
            },
        };
        self.wire = Some((wire, from));
        true
    }

    async fn hear(&mut self) {
        if self.wire.is_none() {
            assert!(self.is_connected().await, "TLS was agreed on");
        }
        let (wire, from) = self.wire.as_mut().unwrap();
        let mut octets = [0; 4096];
        let read = tokio::time::timeout(PATIENCE, wire.read(&mut octets)).await;
        let length = read.expect("something comes in time").unwrap();
        assert!(length > 0, "the connection stays open");
        self.framing.push(&octets[..length]);
        let peer = Peer { trunk: 0, transport: self.transport, addr: *from };
        while let Some(whole) = self.framing.next_whole().unwrap() {
            if let Framed::Message(message) = whole {
                self.endpoint.receive(Instant::now(), peer, &message);
            }
        }
    }

    async fn flush(&mut self) {
        let mut all = Vec::new();
        while let Some(transmit) = self.endpoint.poll_transmit() {
            all.extend(transmit.payload);
        }
        let Some((wire, _)) = self.wire.as_mut() else { return };
        match self.segments {
            Segments::Octets => {
                for octet in all {
                    wire.write_all(&[octet]).await.unwrap();
                    wire.flush().await.unwrap();
                }
            }
            Segments::Merged if all.is_empty() => {}
            Segments::Merged => {
                wire.write_all(&[b"\r\n", all.as_slice()].concat()).await.unwrap();
                wire.flush().await.unwrap();
            }
        }
    }
}

/// Speaks to the switch in text, over a connection that it opens.
pub struct Caller {
    pub wire: Box<dyn Wire>,
    pub own: SocketAddr,
    framing: Stream,
}

impl Caller {
    /// Connects from an address of loopback.
    pub async fn connect(from: [u8; 4], to: SocketAddr, tls: Option<TlsConnector>) -> std::io::Result<Self> {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((from, 0)))?;
        let stream: TcpStream = socket.connect(to).await?;
        stream.set_nodelay(true)?;
        let own = stream.local_addr()?;
        let wire: Box<dyn Wire> = match tls {
            None => Box::new(stream),
            Some(tls) => Box::new(tls.connect("switch.example".try_into().unwrap(), stream).await?),
        };
        Ok(Self { wire, own, framing: Stream::new() })
    }

    pub async fn says(&mut self, text: &str) {
        self.wire.write_all(text.as_bytes()).await.unwrap();
        self.wire.flush().await.unwrap();
    }

    /// The next that comes; nothing when the connection was closed.
    pub async fn hears(&mut self) -> Option<Framed> {
        let mut octets = [0; 4096];
        loop {
            if let Some(whole) = self.framing.next_whole().unwrap() {
                return Some(whole);
            }
            let read = tokio::time::timeout(PATIENCE, self.wire.read(&mut octets)).await;
            match read.expect("something comes in time") {
                Ok(0) | Err(_) => return None,
                Ok(length) => self.framing.push(&octets[..length]),
            }
        }
    }

    /// The first line and the CSeq of the next message.
    pub async fn is_answered(&mut self) -> (String, String) {
        loop {
            match self.hears().await.expect("an answer") {
                Framed::Message(message) => {
                    let text = String::from_utf8(message).unwrap();
                    let first = text.lines().next().unwrap().to_owned();
                    let sequence = text.lines().find(|line| line.starts_with("CSeq: ")).unwrap();
                    return (first, sequence.trim_start_matches("CSeq: ").to_owned());
                }
                Framed::LineEnd | Framed::Ping => {}
            }
        }
    }

    /// An OPTIONS with this number.
    pub fn options(&self, number: u32) -> String {
        let own = self.own;
        format!(
            "OPTIONS sip:switch SIP/2.0\r\nVia: SIP/2.0/TCP {own};branch=z9hG4bK{number};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{own}>;tag=1\r\nTo: <sip:switch>\r\nCall-ID: {own}\r\nCSeq: {number} OPTIONS\r\n\
             Content-Length: 0\r\n\r\n"
        )
    }
}

/// An authority of the test's own, and a folder with what it has signed.
pub struct Authority {
    folder: PathBuf,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    pub fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("nightbell-tls-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, test);
        let key = rcgen::KeyPair::generate().unwrap();
        std::fs::write(folder.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder, issuer: rcgen::Issuer::new(params, key) }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Signs a certificate for a name, valid until a year; `NAME.pem` and `NAME.key` are then in the folder.
    pub fn signs(&self, name: &str, until: i32) {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(self.folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    /// What a carrier of this name shows.
    pub fn acceptor(&self, name: &str) -> TlsAcceptor {
        let (chain, key) = self.identity(name);
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()))
    }

    /// One that trusts this authority, and shows a certificate if it has one.
    pub fn connector(&self, name: Option<&str>) -> TlsConnector {
        use tokio_rustls::rustls::{ClientConfig, RootCertStore};
        let mut roots = RootCertStore::empty();
        for authority in self.certificates("ca.pem") {
            roots.add(authority).unwrap();
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let config = match name.map(|name| self.identity(name)) {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
            None => builder.with_no_client_auth(),
        };
        TlsConnector::from(Arc::new(config))
    }

    fn identity(&self, name: &str) -> (Vec<Certificate>, Key) {
        use tokio_rustls::rustls::pki_types::pem::PemObject;
        let key = Key::from_pem_file(self.folder.join(format!("{name}.key"))).unwrap();
        (self.certificates(&format!("{name}.pem")), key)
    }

    fn certificates(&self, file: &str) -> Vec<Certificate> {
        use tokio_rustls::rustls::pki_types::pem::PemObject;
        Certificate::pem_file_iter(self.folder.join(file)).unwrap().map(Result::unwrap).collect()
    }
}

type Certificate = tokio_rustls::rustls::pki_types::CertificateDer<'static>;
type Key = tokio_rustls::rustls::pki_types::PrivateKeyDer<'static>;

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
