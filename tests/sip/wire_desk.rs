//! One endpoint on virtual time, with servers that are played by hand.

use std::time::{Duration, Instant};

use nightbell::sip::{
    Config, Endpoint, Event, Hop, LegId, Outgoing, Peer, Timers, Transmit, Transport, TrunkProfile,
};

pub use crate::desk::{address, header, headers, media, start_line};

pub const SERVER: &str = "198.51.100.9:5060";
pub const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 8\r\n";

pub struct Desk {
    pub endpoint: Endpoint,
    pub now: Instant,
    pub peer: Peer,
}

pub fn hop(transport: Transport, text: &str) -> Hop {
    Hop { transport, addr: address(text) }
}

pub fn udp(text: &str) -> Hop {
    Hop::udp(address(text))
}

/// A trunk whose domain is `carrier.test`.
pub fn profile() -> TrunkProfile {
    crate::desk::Desk::profile()
}

/// A parameter of credentials, without quotation marks.
pub fn param<'a>(credentials: &'a str, name: &str) -> &'a str {
    let params = credentials.strip_prefix("Digest ").unwrap().split(", ");
    let found = params.filter_map(|param| param.split_once('=')).find(|(own, _)| *own == name);
    found.unwrap_or_else(|| panic!("no {name} in {credentials}")).1.trim_matches('"')
}

/// A response to a request of ours; `more` are further header fields, each ended by CRLF.
pub fn response(request: &str, status: &str, to_tag: &str, more: &str, body: &str) -> String {
    let vias: String = headers(request, "Via").iter().map(|via| format!("Via: {via}\r\n")).collect();
    let to = header(request, "To");
    let to = if to.contains(";tag=") { to.to_owned() } else { format!("{to};tag={to_tag}") };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "SIP/2.0 {status}\r\n{vias}From: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n{more}{kind}\
         Content-Length: {}\r\n\r\n{body}",
        header(request, "From"),
        header(request, "Call-ID"),
        header(request, "CSeq"),
        body.len()
    )
}

/// Line ends alone, which are no message.
pub fn is_keep_alive(sent: &Transmit) -> bool {
    sent.payload == b"\r\n\r\n"
}

impl Desk {
    /// With these trunks, and everything that begins by itself begun.
    pub fn with(trunks: Vec<TrunkProfile>) -> Self {
        let config =
            Config { trunks: Vec::new(), timers: Timers::default(), software: "desk".into(), max_dialogs: 4 };
        let start = Instant::now();
        let mut endpoint = Endpoint::new(config, [3; 32]);
        endpoint.set_trunks(start, trunks);
        let mut desk = Self { endpoint, now: start, peer: Peer::udp(0, address(SERVER)) };
        desk.wait(Duration::ZERO);
        desk
    }

    pub fn hear(&mut self, text: &str) {
        self.endpoint.receive(self.now, self.peer, text.as_bytes());
    }

    /// The messages that were sent.
    pub fn transmits(&mut self) -> Vec<Transmit> {
        std::iter::from_fn(|| self.endpoint.poll_transmit()).filter(|sent| !is_keep_alive(sent)).collect()
    }

    pub fn sent(&mut self) -> Vec<String> {
        self.transmits().into_iter().map(|transmit| String::from_utf8(transmit.payload).unwrap()).collect()
    }

    /// The one message that was sent.
    pub fn said(&mut self) -> String {
        self.said_to().1
    }

    /// The one message that was sent, and where to.
    pub fn said_to(&mut self) -> (Hop, String) {
        let mut sent = self.transmits();
        assert_eq!(sent.len(), 1, "{:#?}", sent.iter().map(text).collect::<Vec<_>>());
        let transmit = sent.remove(0);
        (transmit.hop, text(&transmit))
    }

    pub fn lines(&mut self) -> Vec<String> {
        self.sent().iter().map(|message| start_line(message).to_owned()).collect()
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.endpoint.poll_event()).collect()
    }

    /// The one thing that happened.
    pub fn event(&mut self) -> Event {
        let mut events = self.events();
        assert_eq!(events.len(), 1, "{events:#?}");
        events.remove(0)
    }

    pub fn respond(&mut self, request: &str, status: &str, more: &str) {
        self.hear(&response(request, status, "t", more, ""));
    }

    /// Answers an INVITE of ours with 200 and SDP.
    pub fn accept(&mut self, invite: &str, to_tag: &str) {
        self.hear(&response(invite, "200 OK", to_tag, "Contact: <sip:phone@198.51.100.9>\r\n", OFFER));
    }

    /// Lets time pass, with everything that is due on the way.
    pub fn wait(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some(at) = self.endpoint.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.endpoint.handle_timeout(self.now);
        }
        self.now = until;
    }

    pub fn seconds(&mut self, seconds: u64) {
        self.wait(Duration::from_secs(seconds));
    }

    /// Places a call to the trunk's server.
    pub fn call(&mut self) -> LegId {
        let mut outgoing = Outgoing::new(0, udp(SERVER), "sip:+4930123456@carrier.test", media());
        outgoing.from_user = Some("+49301".into());
        self.endpoint.invite(self.now, outgoing)
    }
}

fn text(transmit: &Transmit) -> String {
    String::from_utf8(transmit.payload.clone()).unwrap()
}
