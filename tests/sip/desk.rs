//! One endpoint on a desk, and a peer that is played by hand.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nightbell::sip::{
    Codec, Config, EndCause, Endpoint, Event, LegId, LocalMedia, Outgoing, Peer, Timers, TrunkProfile,
};

pub const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 8 0 96\r\na=rtpmap:96 telephone-event/8000\r\n";

pub struct Desk {
    pub endpoint: Endpoint,
    pub start: Instant,
    pub now: Instant,
    pub peer: Peer,
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn media() -> LocalMedia {
    let address = address("192.0.2.1:0").ip();
    LocalMedia { address, rtp_port: 20_000, codecs: vec![Codec::Pcma], session_id: 7 }
}

/// The value of a header field.
pub fn header<'a>(message: &'a str, name: &str) -> &'a str {
    headers(message, name).first().copied().unwrap_or_else(|| panic!("no {name} in {message}"))
}

pub fn headers<'a>(message: &'a str, name: &str) -> Vec<&'a str> {
    let head = message.split("\r\n\r\n").next().unwrap();
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.filter(|(own, _)| *own == name).map(|(_, value)| value).collect()
}

pub fn tag(value: &str) -> &str {
    value.split(";tag=").nth(1).unwrap_or_default()
}

pub fn start_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

/// A request of the peer's; `more` are further header fields, each ended by CRLF.
pub struct Ask<'a> {
    pub method: &'a str,
    pub branch: &'a str,
    pub to_tag: &'a str,
    pub sequence: u32,
    pub more: &'a str,
    pub body: &'a str,
}

pub const INVITE: Ask<'static> =
    Ask { method: "INVITE", branch: "one", to_tag: "", sequence: 1, more: "", body: OFFER };

impl Ask<'_> {
    pub fn text(&self) -> String {
        let Ask { method, branch, to_tag, sequence, more, body } = self;
        let to_tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
        let kind = if body.is_empty() || more.contains("Content-Type") {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        format!(
            "{method} sip:hotline@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:+4930999@carrier.test>;tag=theirs\r\nTo: <sip:hotline@192.0.2.1>{to_tag}\r\n\
             Call-ID: call-1\r\nCSeq: {sequence} {method}\r\nContact: <sip:caller@10.0.0.9:5060>\r\n{more}{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

impl Desk {
    pub fn new() -> Self {
        Self::with_room(4)
    }

    pub fn with_room(max_dialogs: usize) -> Self {
        Self::with(Self::profile(), max_dialogs)
    }

    /// A trunk as it is without any setting.
    pub fn profile() -> TrunkProfile {
        TrunkProfile::new(address("192.0.2.1:5060"), "carrier.test", vec![Codec::Pcma])
    }

    pub fn with(trunk: TrunkProfile, max_dialogs: usize) -> Self {
        let config =
            Config { trunks: vec![trunk], timers: Timers::default(), software: "desk".into(), max_dialogs };
        let start = Instant::now();
        let peer = Peer::udp(0, address("198.51.100.9:5070"));
        Self { endpoint: Endpoint::new(config, [3; 32]), start, now: start, peer }
    }

    pub fn hear(&mut self, text: &str) {
        self.endpoint.receive(self.now, self.peer, text.as_bytes());
    }

    pub fn ask(&mut self, ask: Ask<'_>) {
        self.hear(&ask.text());
    }

    pub fn sent(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.endpoint.poll_transmit())
            .map(|transmit| String::from_utf8(transmit.payload).unwrap())
            .collect()
    }

    /// The one message that was sent.
    pub fn said(&mut self) -> String {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:#?}");
        sent.remove(0)
    }

    pub fn lines(&mut self) -> Vec<String> {
        self.sent().iter().map(|message| start_line(message).to_owned()).collect()
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.endpoint.poll_event()).collect()
    }

    pub fn event(&mut self) -> Event {
        let mut events = self.events();
        assert_eq!(events.len(), 1, "{events:#?}");
        events.remove(0)
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

    /// A call has come in; its 100 and its event are out of the way.
    pub fn called(&mut self, ask: Ask<'_>) -> LegId {
        self.ask(ask);
        assert!(self.said().starts_with("SIP/2.0 100 "));
        let Event::Invite { leg, .. } = self.event() else { panic!("no call") };
        leg
    }

    /// A call that we have answered; hands back our tag.
    pub fn answered(&mut self, ask: Ask<'_>) -> (LegId, String) {
        let leg = self.called(ask);
        self.endpoint.answer(self.now, leg, media()).unwrap();
        assert!(matches!(self.event(), Event::Answering { .. }), "to be stored before it leaves");
        let answer = self.said();
        assert!(answer.starts_with("SIP/2.0 200 "));
        (leg, tag(header(&answer, "To")).to_owned())
    }

    /// A call that is up.
    pub fn talking(&mut self) -> (LegId, String) {
        let (leg, ours) = self.answered(INVITE);
        self.ask(Ask { method: "ACK", branch: "ack", to_tag: &ours, body: "", ..INVITE });
        assert!(matches!(self.event(), Event::Established { media: None, .. }));
        (leg, ours)
    }

    /// A call that we place; hands back the INVITE.
    pub fn calling(&mut self) -> (LegId, String) {
        let mut outgoing = Outgoing::new(0, self.peer.hop(), "sip:+4930123@carrier.test", media());
        outgoing.from_user = Some("+49301".into());
        let leg = self.endpoint.invite(self.now, outgoing);
        (leg, self.said())
    }

    /// The peer responds to a request of ours.
    pub fn respond(&mut self, request: &str, status: &str, their_tag: &str, more: &str, body: &str) {
        let to = header(request, "To");
        let to = if to.contains(";tag=") { to.to_owned() } else { format!("{to};tag={their_tag}") };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n{more}{kind}\
             Content-Length: {}\r\n\r\n{body}",
            header(request, "Via"),
            header(request, "From"),
            header(request, "Call-ID"),
            header(request, "CSeq"),
            body.len()
        );
        self.hear(&text);
    }

    pub fn accept(&mut self, request: &str, their_tag: &str) {
        self.respond(request, "200 OK", their_tag, "Contact: <sip:phone@10.0.0.9>\r\n", OFFER);
    }
}

pub fn end(desk: &mut Desk) -> EndCause {
    match desk.event() {
        Event::Ended { cause, .. } => cause,
        other => panic!("{other:?}"),
    }
}
