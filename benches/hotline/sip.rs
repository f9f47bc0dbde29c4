//! What a carrier and its phones say: fixed texts, and as much of an answer as they look at.

use std::fmt::Write;

/// The tone of our phones' audio, and the events, in SDP.
pub const AUDIO: u8 = 8;
pub const EVENTS: u8 = 101;

/// A message as it came.
#[derive(Clone, Copy)]
pub struct Message<'a>(&'a str);

impl<'a> Message<'a> {
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok().map(Self)
    }

    /// The status of a response; nothing: it is a request.
    pub fn status(self) -> Option<u16> {
        self.0.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// What is asked for, or what was.
    pub fn method(self) -> &'a str {
        match self.status() {
            Some(_) => self.field("CSeq").rsplit(' ').next().unwrap_or(""),
            None => self.0.split(' ').next().unwrap_or(""),
        }
    }

    /// The first header field of that name.
    pub fn field(self, name: &'a str) -> &'a str {
        self.fields(name).next().unwrap_or("")
    }

    fn fields(self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let lines = self.0.split("\r\n").skip(1).take_while(|line| !line.is_empty());
        lines.filter_map(move |line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
    }

    /// Where requests inside the dialog go.
    pub fn target(self) -> &'a str {
        let contact = self.field("Contact");
        contact.split(['<', '>']).nth(1).unwrap_or(contact)
    }

    /// Where its sender wants audio.
    pub fn media_port(self) -> Option<u16> {
        self.0.split("\r\nm=audio ").nth(1)?.split(' ').next()?.parse().ok()
    }
}

/// Our end of the signalling.
#[derive(Clone)]
pub struct Own {
    /// Distinguishes this run from others.
    pub run: u32,
    /// The carrier's port.
    pub port: u16,
    /// The daemon's.
    pub server: u16,
}

impl Own {
    pub fn call_id(&self, call: usize) -> String {
        format!("load-{:08x}-{call}", self.run)
    }

    /// Which call a Call-ID of ours names.
    pub fn call_of(&self, call_id: &str) -> Option<usize> {
        call_id.strip_prefix(&format!("load-{:08x}-", self.run))?.parse().ok()
    }

    pub fn invite(&self, call: usize, number: &str, media: u16) -> String {
        let (port, server) = (self.port, self.server);
        let to = format!("<sip:{number}@127.0.0.1:{server}>");
        let mut text = self.head("INVITE", &format!("sip:{number}@127.0.0.1:{server}"), call, 1, &to);
        let _ =
            write!(text, "Contact: <sip:carrier@127.0.0.1:{port}>\r\nAllow: INVITE, ACK, BYE, CANCEL\r\n");
        with_sdp(text, media)
    }

    /// A request inside a caller's dialog (or the ACK of a refusal), with the To of the answer.
    pub fn request(&self, method: &str, call: usize, sequence: u32, target: &str, to: &str) -> String {
        self.head(method, target, call, sequence, to) + "Content-Length: 0\r\n\r\n"
    }

    fn head(&self, method: &str, uri: &str, call: usize, sequence: u32, to: &str) -> String {
        let (run, port) = (self.run, self.port);
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{run:x}-{call}-{method};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:+4940{call:07}@127.0.0.1:{port}>;tag=c{call}\r\nTo: {to}\r\n\
             Call-ID: {}\r\nCSeq: {sequence} {method}\r\n",
            self.call_id(call)
        )
    }

    /// A response to a request of the daemon's; with a port: an answer with SDP.
    pub fn response(&self, request: Message<'_>, status: &str, media: Option<u16>) -> String {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for via in request.fields("Via") {
            let _ = write!(text, "Via: {via}\r\n");
        }
        for name in ["From", "Call-ID", "CSeq"] {
            let _ = write!(text, "{name}: {}\r\n", request.field(name));
        }
        let (to, port) = (request.field("To"), self.port);
        let tag = if to.contains(";tag=") { "" } else { ";tag=phone" };
        let _ = write!(text, "To: {to}{tag}\r\nContact: <sip:phone@127.0.0.1:{port}>\r\n");
        match media {
            Some(media) => with_sdp(text, media),
            None => text + "Content-Length: 0\r\n\r\n",
        }
    }
}

fn with_sdp(mut text: String, media: u16) -> String {
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {media} RTP/AVP {AUDIO} {EVENTS}\r\n\
         a=rtpmap:{AUDIO} PCMA/8000\r\na=rtpmap:{EVENTS} telephone-event/8000\r\na=fmtp:{EVENTS} 0-15\r\n"
    );
    let _ = write!(text, "Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len());
    text
}
