//! A phone on loopback that answers.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use nightbell::sip::{
    Agreed, Codec, Config, Endpoint, Event, LocalMedia, Peer, StoredDialog, Timers, TrunkProfile,
};
use tokio::net::UdpSocket;

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(5);

pub struct Phone {
    sip: UdpSocket,
    rtp: UdpSocket,
    endpoint: Endpoint,
    call: Option<(Agreed, StoredDialog)>,
    infos: u32,
    asked: u32,
}

impl Phone {
    pub async fn start() -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST).await
    }

    /// One with an address of its own.
    pub async fn start_at(address: Ipv4Addr) -> Self {
        let sip = UdpSocket::bind((address, 0)).await.unwrap();
        let rtp = UdpSocket::bind((address, 0)).await.unwrap();
        let profile = TrunkProfile::new(sip.local_addr().unwrap(), "127.0.0.1", vec![Codec::Pcma]);
        let config = Config {
            trunks: vec![profile],
            timers: Timers::default(),
            software: "a phone".to_owned(),
            max_dialogs: 1,
        };
        let port = sip.local_addr().unwrap().port().to_be_bytes();
        let endpoint = Endpoint::new(config, [port[0] ^ port[1]; 32]);
        Self { sip, rtp, endpoint, call: None, infos: 0, asked: 0 }
    }

    pub fn address(&self) -> SocketAddr {
        self.sip.local_addr().unwrap()
    }

    /// Waits for a call, and answers it.
    pub async fn answer(&mut self) {
        let Event::Invite { leg, .. } = self.event().await else { panic!("a call comes first") };
        let media = self.media();
        let agreed = self.endpoint.answer(Instant::now(), leg, media).unwrap().unwrap();
        let Event::Answering { dialog, .. } = self.event().await else { panic!("then our answer") };
        let Event::Established { .. } = self.event().await else { panic!("then its ACK") };
        self.call = Some((agreed, dialog));
    }

    /// Waits for a call, and refuses it.
    pub async fn refuse(&mut self, status: u16) {
        let Event::Invite { leg, .. } = self.event().await else { panic!("a call comes first") };
        self.endpoint.refuse(Instant::now(), leg, status, None);
        self.flush().await;
    }

    /// Whether anybody has called since.
    pub fn was_called(&self) -> bool {
        let mut datagram = [0; 16];
        self.sip.try_recv(&mut datagram).is_ok()
    }

    /// Presses a digit, told in an INFO.
    pub async fn press_in_info(&mut self, digit: u8) {
        let (_, dialog) = self.call.as_ref().unwrap();
        self.infos += 1;
        let body = format!("Signal={digit}\r\nDuration=100\r\n");
        let info = format!(
            "INFO {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKinfo{}\r\nMax-Forwards: 70\r\nFrom: {}\r\n\
             To: {}\r\nCall-ID: {}\r\nCSeq: {} INFO\r\nContent-Type: application/dtmf-relay\r\n\
             Content-Length: {}\r\n\r\n{body}",
            dialog.target,
            self.address(),
            self.infos,
            dialog.local,
            dialog.remote,
            dialog.call_id,
            self.infos,
            body.len(),
        );
        self.sip.send_to(info.as_bytes(), dialog.next_hop.addr).await.unwrap();
    }

    /// Sends an OPTIONS that belongs to no call.
    pub async fn ask_outside_the_call(&mut self) {
        let (_, dialog) = self.call.as_ref().unwrap();
        self.asked += 1;
        let (to, from, n) = (dialog.next_hop.addr, self.address(), self.asked);
        let options = format!(
            "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKoptions{n}\r\nMax-Forwards: 70\r\n\
             From: <sip:{from}>;tag=1\r\nTo: <sip:{to}>\r\nCall-ID: options{n}\r\nCSeq: 1 OPTIONS\r\n\
             Content-Length: 0\r\n\r\n"
        );
        self.sip.send_to(options.as_bytes(), to).await.unwrap();
    }

    /// The CSeq of the next answer that comes.
    pub async fn answered(&mut self) -> String {
        let mut datagram = vec![0; 65_535];
        let received = tokio::time::timeout(PATIENCE, self.sip.recv(&mut datagram)).await;
        let length = received.expect("an answer comes in time").unwrap();
        let text = String::from_utf8_lossy(&datagram[..length]).into_owned();
        text.lines().find(|line| line.starts_with("CSeq")).unwrap().to_owned()
    }

    /// Presses a digit, told as an RTP event.
    pub async fn press_in_media(&mut self, digit: u8) {
        let (agreed, _) = self.call.as_ref().unwrap();
        let marked = 0x80 | agreed.telephone_event.unwrap().send;
        let packet = [0x80, marked, 0, 1, 0, 0, 0, 160, 0, 0, 0, 1, digit, 0x0A, 0, 160];
        self.rtp.send_to(&packet, agreed.remote_rtp).await.unwrap();
    }

    /// Waits for the end of the call.
    pub async fn end(&mut self) -> Event {
        let ended = self.event().await;
        // Our 200 to the BYE.
        self.flush().await;
        ended
    }

    fn media(&self) -> LocalMedia {
        let address = self.rtp.local_addr().unwrap();
        LocalMedia {
            address: address.ip(),
            rtp_port: address.port(),
            codecs: vec![Codec::Pcma],
            session_id: 1,
        }
    }

    /// The next thing that happens.
    async fn event(&mut self) -> Event {
        let mut datagram = vec![0; 65_535];
        loop {
            self.flush().await;
            if let Some(event) = self.endpoint.poll_event() {
                return event;
            }
            let received = tokio::time::timeout(PATIENCE, self.sip.recv_from(&mut datagram)).await;
            let (length, addr) = received.expect("something comes in time").unwrap();
            self.endpoint.receive(Instant::now(), Peer::udp(0, addr), &datagram[..length]);
        }
    }

    async fn flush(&mut self) {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            self.sip.send_to(&transmit.payload, transmit.hop.addr).await.unwrap();
        }
    }
}
