//! A phone made of two sockets: it says what a test wants it to say, right or wrong.

use std::f64::consts::TAU;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crate::tones::{self, FRAME, Law};

/// Longer than anything here takes; a wait for it is a failure.
const PATIENCE: Duration = Duration::from_secs(20);
const FRAME_TIME: Duration = Duration::from_millis(20);
/// How many frames a key is pressed.
const PRESS: u16 = 5;

/// A SIP message.
#[derive(Debug, Clone)]
pub struct Message {
    text: String,
    from: SocketAddr,
    pub at: Instant,
}

impl Message {
    pub fn first_line(&self) -> &str {
        self.text.lines().next().unwrap()
    }

    pub fn headers(&self, name: &str) -> Vec<&str> {
        let fields = self.text.lines().take_while(|line| !line.is_empty());
        let fields = fields.filter_map(|line| line.split_once(':'));
        fields.filter(|field| field.0.eq_ignore_ascii_case(name)).map(|field| field.1.trim()).collect()
    }

    fn header(&self, name: &str) -> &str {
        self.headers(name).first().unwrap_or_else(|| panic!("no {name} in {}", self.text))
    }

    /// The Contact's URI.
    fn contact(&self) -> String {
        let contact = self.header("Contact");
        contact.split(['<', '>']).nth(1).unwrap_or(contact).to_owned()
    }

    /// Where its SDP wants RTP.
    fn media(&self) -> Option<SocketAddr> {
        let ip = self.text.lines().find_map(|line| line.strip_prefix("c=IN IP4 "))?;
        let port = self.text.lines().find_map(|line| line.strip_prefix("m=audio "))?.split(' ').next()?;
        format!("{ip}:{port}").parse().ok()
    }

    fn is(&self, what: &str) -> bool {
        self.first_line().starts_with(what)
    }
}

/// An RTP packet that was heard.
#[derive(Debug, Clone)]
pub struct Heard {
    pub payload_type: u8,
    pub sequence: u16,
    pub ssrc: u32,
    pub payload: Vec<u8>,
}

/// What the mouth is told.
enum Say {
    /// A key as RFC 4733, with this payload type.
    Event(char, u8),
    /// A key as its two tones.
    Tones(char),
}

/// The phone.
pub struct Phone {
    sip: UdpSocket,
    rtp: UdpSocket,
    law: Law,
    /// The payload type of telephone-event, if it knows it.
    events: Option<u8>,
    /// That of the other side.
    their_events: Option<u8>,
    /// Header fields of its INVITE and of its answer.
    pub more: String,
    call: Call,
    mouth: Option<Sender<Say>>,
}

/// The dialog, as far as it is known.
#[derive(Default)]
struct Call {
    to: Option<SocketAddr>,
    uri: String,
    local: String,
    remote: String,
    id: String,
    sequence: u32,
    media: Option<SocketAddr>,
}

impl Phone {
    pub fn new(law: Law, events: Option<u8>) -> Self {
        let socket = |ip: &str| UdpSocket::bind((ip, 0)).unwrap();
        let (sip, rtp) = (socket("127.0.0.1"), socket("127.0.0.1"));
        rtp.set_read_timeout(Some(PATIENCE)).unwrap();
        let (more, call) = (String::new(), Call::default());
        Self { sip, rtp, law, events, their_events: None, more, call, mouth: None }
    }

    /// An ordinary one.
    pub fn ordinary() -> Self {
        Self::new(Law::Pcma, Some(101))
    }

    pub fn port(&self) -> u16 {
        self.sip.local_addr().unwrap().port()
    }

    /// Where it is sent audio.
    pub fn media(&self) -> SocketAddr {
        self.call.media.expect("media was agreed")
    }

    /// From now on it speaks and hears at another port.
    pub fn moves_its_media(&mut self) {
        self.mouth = None;
        self.rtp = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        self.rtp.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    pub fn sdp(&self, direction: &str) -> String {
        let (number, name) = (self.law.payload_type(), self.law.name());
        let events = self.events.map_or_else(String::new, |number| {
            format!("a=rtpmap:{number} telephone-event/8000\r\na=fmtp:{number} 0-15\r\n")
        });
        let numbers = self.events.map_or_else(|| number.to_string(), |events| format!("{number} {events}"));
        // Each is a new version (RFC 3264 8).
        let (port, version) = (self.rtp.local_addr().unwrap().port(), self.call.sequence);
        format!(
            "v=0\r\no=- 1 {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP {numbers}\r\na=rtpmap:{number} {name}/8000\r\n{events}a={direction}\r\n"
        )
    }

    /// Sends an INVITE to the hotline.
    pub fn dials(&mut self, daemon: &str, sdp: &str) {
        self.dials_through(crate::NUMBER, daemon, sdp);
    }

    /// Sends an INVITE to the hotline as a registered trunk does: another number is in the Request-URI.
    pub fn dials_through(&mut self, pilot: &str, daemon: &str, sdp: &str) {
        let port = self.port();
        self.call = Call {
            to: Some(daemon.parse().unwrap()),
            uri: format!("sip:{pilot}@{daemon}"),
            local: format!("<sip:+4915112345678@127.0.0.1:{port}>;tag=phone{port}"),
            remote: format!("<sip:{}@{daemon}>", crate::NUMBER),
            id: format!("call-{port}"),
            sequence: 0,
            media: None,
        };
        self.asks("INVITE", sdp);
    }

    /// Calls the hotline, is answered, and begins to speak.
    pub fn calls(&mut self, daemon: &str, hz: f64) {
        self.dials(daemon, &self.sdp("sendrecv"));
        let answer = self.expects("SIP/2.0 200");
        self.took(&answer);
        self.acknowledges("");
        self.speaks(hz);
    }

    /// Sends a request of its own, the next in its dialog.
    pub fn asks(&mut self, method: &str, sdp: &str) {
        self.call.sequence += 1;
        self.sends(method, "request", sdp);
    }

    /// ACK of a 2xx: a request of its own.
    pub fn acknowledges(&mut self, sdp: &str) {
        self.sends("ACK", "accepted", sdp);
    }

    /// ACK of a refusal: of the INVITE's own transaction.
    pub fn acknowledges_refusal(&mut self) {
        self.sends("ACK", "request", "");
    }

    /// CANCEL of the INVITE sent last.
    pub fn cancels(&mut self) {
        self.sends("CANCEL", "request", "");
    }

    fn sends(&mut self, method: &str, branch: &str, sdp: &str) {
        let Call { uri, local, remote, id, sequence, .. } = &self.call;
        let port = self.port();
        let (more, length) = (&self.more, sdp.len());
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{branch}{port}-{sequence};rport\r\n\
             Max-Forwards: 70\r\nFrom: {local}\r\nTo: {remote}\r\nCall-ID: {id}\r\nCSeq: {sequence} {method}\r\n\
             Contact: <sip:phone@127.0.0.1:{port}>\r\n{more}Content-Type: application/sdp\r\n\
             Content-Length: {length}\r\n\r\n{sdp}"
        );
        self.sip.send_to(text.as_bytes(), self.call.to.unwrap()).unwrap();
    }

    /// Waits for a message that begins so; others are passed over.
    pub fn expects(&mut self, what: &str) -> Message {
        self.within(what, PATIENCE).unwrap_or_else(|| panic!("{what} never came"))
    }

    /// The same, or nothing within this time.
    pub fn within(&mut self, what: &str, time: Duration) -> Option<Message> {
        let until = Instant::now() + time;
        let mut bytes = [0; 4096];
        loop {
            let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            self.sip.set_read_timeout(Some(left)).unwrap();
            let Ok((length, from)) = self.sip.recv_from(&mut bytes) else { continue };
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            let message = Message { text, from, at: Instant::now() };
            if message.is(what) {
                return Some(message);
            }
        }
    }

    /// Takes the other side's tag, Contact and media out of an answer.
    pub fn took(&mut self, answer: &Message) {
        self.call.remote = answer.header("To").to_owned();
        self.call.uri = answer.contact();
        self.learns(answer);
    }

    fn learns(&mut self, message: &Message) {
        self.call.media = message.media().or(self.call.media);
        self.their_events = message.text.lines().find_map(|line| {
            let (number, name) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
            name.starts_with("telephone-event").then(|| number.parse().ok())?
        });
    }

    /// Waits to be rung; it does not yet say a word.
    pub fn is_rung(&mut self) -> Message {
        let invite = self.expects("INVITE");
        self.call = Call {
            to: Some(invite.from),
            uri: invite.contact(),
            local: format!("{};tag=phone{}", invite.header("To"), self.port()),
            remote: invite.header("From").to_owned(),
            id: invite.header("Call-ID").to_owned(),
            sequence: 1,
            media: None,
        };
        self.learns(&invite);
        invite
    }

    /// Waits to be rung, rings, picks up and begins to speak. Returns the ACK.
    pub fn picks_up(&mut self, hz: f64) -> Message {
        let invite = self.is_rung();
        self.replies(&invite, "180 Ringing", "");
        self.replies(&invite, "200 OK", &self.sdp("sendrecv"));
        let ack = self.expects("ACK");
        self.speaks(hz);
        ack
    }

    pub fn replies(&self, request: &Message, status: &str, sdp: &str) {
        self.replies_as(request, status, sdp, &format!("phone{}", self.port()));
    }

    /// Answers with a tag of its choice.
    pub fn replies_as(&self, request: &Message, status: &str, sdp: &str, tag: &str) {
        let vias: String = request.headers("Via").iter().map(|via| format!("Via: {via}\r\n")).collect();
        let to = request.header("To");
        let tag = if to.contains(";tag=") { String::new() } else { format!(";tag={tag}") };
        let [from, id, sequence] = ["From", "Call-ID", "CSeq"].map(|name| request.header(name));
        let (more, length, port) = (&self.more, sdp.len(), self.port());
        let text = format!(
            "SIP/2.0 {status}\r\n{vias}From: {from}\r\nTo: {to}{tag}\r\nCall-ID: {id}\r\nCSeq: {sequence}\r\n\
             Contact: <sip:phone@127.0.0.1:{port}>\r\n{more}Content-Type: application/sdp\r\n\
             Content-Length: {length}\r\n\r\n{sdp}"
        );
        self.sip.send_to(text.as_bytes(), request.from).unwrap();
    }

    /// Speaks this tone until it hangs up; 0: silence.
    pub fn speaks(&mut self, hz: f64) {
        let (to_mouth, orders) = channel();
        let (rtp, to, law) = (self.rtp.try_clone().unwrap(), self.media(), self.law);
        std::thread::spawn(move || {
            let mut mouth = Mouth { rtp, to, law, frame: 0, sequence: 0 };
            let mut due = Instant::now();
            loop {
                due += FRAME_TIME;
                match orders.recv_timeout(due.saturating_duration_since(Instant::now())) {
                    Ok(say) => due += mouth.says(&say, due),
                    Err(RecvTimeoutError::Timeout) => mouth.audio(hz, 0.0),
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        self.mouth = Some(to_mouth);
    }

    /// Presses a key: as an event where the other side knows events, else as tones.
    pub fn presses(&self, key: char) {
        let say = self.their_events.filter(|_| self.events.is_some());
        let say = say.map_or(Say::Tones(key), |number| Say::Event(key, number));
        self.mouth.as_ref().expect("it speaks").send(say).unwrap();
    }

    /// Presses 1 once the question is heard: what was pressed before does not answer it.
    pub fn accepts(&self) {
        self.hears_a_packet();
        self.presses('1');
    }

    /// A key sounds in what it says, whatever it knows of events, as in the greeting of a mailbox.
    pub fn sounds(&self, key: char) {
        self.mouth.as_ref().expect("it speaks").send(Say::Tones(key)).unwrap();
    }

    /// The next packets that come; what came before is forgotten.
    pub fn listens(&self, packets: usize) -> Vec<Heard> {
        self.rtp.set_nonblocking(true).unwrap();
        while self.rtp.recv(&mut [0; 2048]).is_ok() {}
        self.rtp.set_nonblocking(false).unwrap();
        (0..packets).map(|_| self.hears_a_packet()).collect()
    }

    pub fn hears_a_packet(&self) -> Heard {
        let mut bytes = [0; 2048];
        let length = self.rtp.recv(&mut bytes).expect("a packet in time");
        Heard {
            payload_type: bytes[1] & 0x7f,
            sequence: u16::from_be_bytes([bytes[2], bytes[3]]),
            ssrc: u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]),
            payload: bytes[12..length].to_vec(),
        }
    }

    /// The share of this tone in what is heard in the next half second.
    pub fn share_of(&self, hz: f64) -> f64 {
        let heard = self.listens(25);
        let octets = heard.iter().filter(|packet| packet.payload_type == self.law.payload_type());
        let samples: Vec<f64> =
            octets.flat_map(|packet| &packet.payload).map(|octet| self.law.decode(*octet)).collect();
        tones::share(&samples, hz)
    }
}

/// Sends what a phone says, 20 ms at a time.
struct Mouth {
    rtp: UdpSocket,
    to: SocketAddr,
    law: Law,
    frame: u32,
    sequence: u16,
}

impl Mouth {
    /// Returns how long it took.
    fn says(&mut self, say: &Say, mut due: Instant) -> Duration {
        let begin = self.frame * FRAME as u32;
        for n in 1..=PRESS {
            match *say {
                Say::Tones(key) => {
                    let (row, column) = tones::of_key(key);
                    self.audio(row, column);
                }
                Say::Event(key, number) => {
                    let end = if n == PRESS { 0x80 } else { 0 };
                    let [high, low] = (n * FRAME as u16).to_be_bytes();
                    let payload = [tones::event_of_key(key), end | 10, high, low];
                    // The end is told three times (RFC 4733 2.5.1.4).
                    for _ in 0..if n == PRESS { 3 } else { 1 } {
                        self.packet(number, begin, &payload);
                    }
                    self.frame += 1;
                }
            }
            due += FRAME_TIME;
            std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
        }
        FRAME_TIME * u32::from(PRESS)
    }

    fn audio(&mut self, hz: f64, other: f64) {
        let first = self.frame * FRAME as u32;
        let sample = |n: u32, hz: f64| 6000.0 * (TAU * hz * f64::from(first + n) / 8000.0).sin();
        let payload: Vec<u8> =
            (0..FRAME as u32).map(|n| self.law.encode(sample(n, hz) + sample(n, other))).collect();
        self.packet(self.law.payload_type(), first, &payload);
        self.frame += 1;
    }

    fn packet(&mut self, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let mut packet = vec![0x80, payload_type];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(7_u32.to_be_bytes());
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        let _ = self.rtp.send_to(&packet, self.to);
    }
}
