//! The far end's phones, and what each has seen and said: a ledger that the daemon has no part in.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::sound;

/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// How often a phone that waits looks up.
const GLANCE: Duration = Duration::from_millis(20);
const FRAME_TIME: Duration = Duration::from_millis(20);
/// How many frames a key is pressed.
const PRESS: u32 = 5;
/// What is heard of the beep's tone for so many packets is the beep: 200 ms.
const BEEP: u32 = 10;

/// A SIP message.
#[derive(Debug, Clone)]
pub struct Message {
    text: String,
    from: SocketAddr,
}

impl Message {
    fn is(&self, what: &str) -> bool {
        self.text.starts_with(what)
    }

    fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.text.lines().take_while(|line| !line.is_empty());
        let fields = fields.filter_map(|line| line.split_once(':'));
        fields.filter(move |field| field.0.eq_ignore_ascii_case(name)).map(|field| field.1.trim())
    }

    fn header<'a>(&'a self, name: &'a str) -> &'a str {
        self.headers(name).next().unwrap_or_default()
    }

    fn contact(&self) -> &str {
        let contact = self.header("Contact");
        contact.split(['<', '>']).nth(1).unwrap_or(contact)
    }

    fn media(&self) -> Option<SocketAddr> {
        let ip = self.text.lines().find_map(|line| line.strip_prefix("c=IN IP4 "))?;
        let port = self.text.lines().find_map(|line| line.strip_prefix("m=audio "))?.split(' ').next()?;
        format!("{ip}:{port}").parse().ok()
    }
}

/// What one phone has seen of one call.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The Call-ID.
    pub call: String,
    /// Since when the leg has been up: the 200 was there.
    pub answered: Option<Instant>,
    /// When it had been rung.
    pub rung: Option<Instant>,
    /// When the key was pressed that accepts.
    pub accepted: Option<Instant>,
    /// When the beep was over, and how much had been said by then, in seconds.
    pub beep: Option<(Instant, f64)>,
    /// When the caller was done with the message, and how much had been said by then, in seconds.
    pub said: Option<(Instant, f64)>,
    /// When the leg was over for this side: a BYE came or was answered.
    pub over: Option<Instant>,
    /// When the phone itself had hung up.
    pub hung_up: Option<Instant>,
}

/// A page of the ledger, and whoever waits for an entry.
#[derive(Debug, Default)]
pub struct Page {
    seen: Mutex<Seen>,
    news: Condvar,
    voice: Mutex<Option<Arc<Shared>>>,
}

impl Page {
    pub fn read(&self) -> Seen {
        self.lock().clone()
    }

    fn write(&self, entry: impl FnOnce(&mut Seen)) {
        entry(&mut self.lock());
        self.news.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// How much has been said so far, in seconds, and by how much the mouth was late at most.
    pub fn has_said(&self) -> (f64, f64) {
        let voice = self.voice.lock().unwrap();
        voice.as_ref().map_or((0.0, 0.0), |voice| (voice.has_said(), voice.was_late()))
    }

    /// Waits until the page says so; whether it did in this time.
    pub fn wait(&self, time: Duration, what: impl Fn(&Seen) -> bool) -> bool {
        let waited = self.news.wait_timeout_while(self.lock(), time, |seen| !what(seen));
        !waited.unwrap().1.timed_out()
    }
}

/// What all phones of a scene are told.
#[derive(Debug, Default)]
pub struct Scene {
    /// The daemon has been killed: what is agreed by now is left as it is.
    pub killed: AtomicBool,
    /// The scene is over.
    pub closed: AtomicBool,
}

impl Scene {
    fn goes_on(&self) -> bool {
        !self.killed.load(Ordering::SeqCst) && !self.closed.load(Ordering::SeqCst)
    }
}

/// A phone with at most one call.
pub struct Phone {
    sip: UdpSocket,
    dialog: Option<Dialog>,
    voice: Option<Voice>,
    pub page: Arc<Page>,
    scene: Arc<Scene>,
}

struct Dialog {
    to: SocketAddr,
    uri: String,
    local: String,
    remote: String,
    id: String,
    sequence: u32,
}

impl Phone {
    /// A phone with a line of its own.
    pub fn new(scene: &Arc<Scene>) -> Self {
        Self::at(UdpSocket::bind("127.0.0.1:0").unwrap(), scene)
    }

    /// A phone at a line that there is.
    pub fn at(sip: UdpSocket, scene: &Arc<Scene>) -> Self {
        sip.set_read_timeout(Some(GLANCE)).unwrap();
        Self { sip, dialog: None, voice: None, page: Arc::default(), scene: scene.clone() }
    }

    fn port(&self) -> u16 {
        self.sip.local_addr().unwrap().port()
    }

    /// Whether the scene goes on.
    pub fn goes_on(&self) -> bool {
        self.scene.goes_on() && self.page.lock().over.is_none()
    }

    /// Calls, and begins to speak once it is answered; whether it was.
    pub fn calls(&mut self, number: &str, caller: &str, daemon: SocketAddr) -> bool {
        let (port, rtp) = (self.port(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let id = format!("{:016x}-{port}", rand::random::<u64>());
        self.page.write(|seen| seen.call.clone_from(&id));
        self.dialog = Some(Dialog {
            to: daemon,
            uri: format!("sip:{number}@{daemon}"),
            local: format!("<sip:{caller}@127.0.0.1:{port}>;tag=phone{port}"),
            remote: format!("<sip:{number}@{daemon}>"),
            id,
            sequence: 0,
        });
        self.asks("INVITE", &sdp(&rtp));
        let Some(answer) = self.waits_for("SIP/2.0 200", PATIENCE) else { return false };
        self.page.write(|seen| seen.answered = Some(Instant::now()));
        if let Some(dialog) = &mut self.dialog {
            answer.header("To").clone_into(&mut dialog.remote);
            answer.contact().clone_into(&mut dialog.uri);
        }
        self.sends("ACK", "accepted", "");
        self.voice = answer.media().map(|to| Voice::speaks(rtp, to, self.page.clone()));
        true
    }

    /// Waits to be rung, and rings; whether it is.
    pub fn is_rung(&mut self) -> Option<Message> {
        let invite = self.waits_for("INVITE", PATIENCE)?;
        let local = format!("{};tag=phone{}", invite.header("To"), self.port());
        self.dialog = Some(Dialog {
            to: invite.from,
            uri: invite.contact().to_owned(),
            local,
            remote: invite.header("From").to_owned(),
            id: invite.header("Call-ID").to_owned(),
            sequence: 1,
        });
        self.replies(&invite, "180 Ringing", "");
        self.page.write(|seen| {
            invite.header("Call-ID").clone_into(&mut seen.call);
            seen.rung = Some(Instant::now());
        });
        Some(invite)
    }

    /// Picks up, and begins to speak; whether that was noticed.
    pub fn picks_up(&mut self, invite: &Message) -> bool {
        let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
        self.replies(invite, "200 OK", &sdp(&rtp));
        if self.waits_for("ACK", PATIENCE).is_none() {
            return false;
        }
        self.page.write(|seen| seen.answered = Some(Instant::now()));
        self.voice = invite.media().map(|to| Voice::speaks(rtp, to, self.page.clone()));
        true
    }

    /// Refuses.
    pub fn refuses(&mut self, invite: &Message) {
        self.replies(invite, "486 Busy Here", "");
        self.page.write(|seen| seen.over = Some(Instant::now()));
        self.waits_for("ACK", Duration::from_secs(1));
    }

    /// Presses a key.
    pub fn presses(&self, key: char) {
        if let Some(voice) = &self.voice {
            let number = "0123456789*#".find(key).unwrap() as u32;
            voice.shared.key.store(number + 1, Ordering::SeqCst);
        }
    }

    /// Presses the key that accepts once something is heard: what was pressed before does not answer the question.
    pub fn accepts(&mut self) {
        let heard = |voice: &Voice| voice.shared.heard.load(Ordering::SeqCst) > 2;
        let until = Instant::now() + PATIENCE;
        while self.goes_on() && Instant::now() < until && !self.voice.as_ref().is_some_and(heard) {
            self.glances();
        }
        self.presses('1');
        self.page.write(|seen| seen.accepted = Some(Instant::now()));
    }

    /// Is done with the message: what is said from now on does not belong to it.
    pub fn is_done(&self) {
        let (said, _) = self.page.has_said();
        self.page.write(|seen| seen.said = Some((Instant::now(), said)));
    }

    /// Hangs up.
    pub fn hangs_up(&mut self) {
        if !self.goes_on() || self.page.lock().answered.is_none() {
            return;
        }
        self.page.write(|seen| seen.hung_up = Some(Instant::now()));
        self.voice = None;
        self.asks("BYE", "");
        if self.waits_for("SIP/2.0 200", Duration::from_secs(5)).is_some() {
            self.page.write(|seen| seen.over = Some(Instant::now()));
        }
    }

    /// Stays for so long, unless the scene or the call ends before.
    pub fn stays(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while self.goes_on() && Instant::now() < until {
            self.glances();
        }
    }

    /// Stays until the page says so, for as long as anything may take.
    pub fn stays_until(&mut self, what: impl Fn(&Seen) -> bool) -> bool {
        let until = Instant::now() + PATIENCE;
        while self.goes_on() && Instant::now() < until && !what(&self.page.lock()) {
            self.glances();
        }
        what(&self.page.lock())
    }

    /// Takes what comes until the scene is closed: after a kill somebody may still hang up on it.
    pub fn lingers(mut self) -> UdpSocket {
        while !self.scene.closed.load(Ordering::SeqCst) {
            if self.scene.killed.load(Ordering::SeqCst) {
                self.voice = None;
            }
            self.glances();
        }
        self.sip
    }

    fn glances(&mut self) {
        self.waits_for("nothing that there is", GLANCE);
    }

    /// Waits for a message that begins so; nothing, once the scene or the call is over.
    fn waits_for(&mut self, what: &str, time: Duration) -> Option<Message> {
        let until = Instant::now() + time;
        let goes_on = self.scene.goes_on();
        loop {
            if let Some(message) = self.receives() {
                if message.is(what) {
                    return Some(message);
                }
                self.minds(&message);
            }
            if (goes_on && !self.scene.goes_on()) || Instant::now() >= until {
                return None;
            }
        }
    }

    fn receives(&self) -> Option<Message> {
        let mut bytes = [0; 4096];
        let (length, from) = self.sip.recv_from(&mut bytes).ok()?;
        let message = Message { text: String::from_utf8_lossy(&bytes[..length]).into_owned(), from };
        // What belongs to an earlier call is not ours to answer.
        let ours = self.dialog.as_ref().is_none_or(|dialog| message.header("Call-ID") == dialog.id);
        (ours || message.is("INVITE")).then_some(message)
    }

    /// Answers what comes unasked.
    fn minds(&mut self, message: &Message) {
        let ours = self.dialog.as_ref().is_some_and(|dialog| message.header("Call-ID") == dialog.id);
        if ours && (message.is("BYE") || message.is("CANCEL")) {
            self.replies(message, "200 OK", "");
            self.voice = None;
            self.page.write(|seen| seen.over = seen.over.or(Some(Instant::now())));
        } else if ours && message.is("SIP/2.0 200") && message.header("CSeq").ends_with("INVITE") {
            // The ACK was lost, or the answer came after the kill.
            self.page.write(|seen| seen.answered = seen.answered.or(Some(Instant::now())));
            self.sends("ACK", "accepted", "");
        } else if ours && (message.is("SIP/2.0 4") || message.is("SIP/2.0 5") || message.is("SIP/2.0 6")) {
            self.page.write(|seen| seen.over = Some(Instant::now()));
        }
    }

    fn asks(&mut self, method: &str, sdp: &str) {
        if let Some(dialog) = &mut self.dialog {
            dialog.sequence += 1;
        }
        self.sends(method, "request", sdp);
    }

    fn sends(&self, method: &str, branch: &str, sdp: &str) {
        let Some(Dialog { to, uri, local, remote, id, sequence }) = &self.dialog else { return };
        let (port, length) = (self.port(), sdp.len());
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{branch}{id}-{sequence};rport\r\n\
             Max-Forwards: 70\r\nFrom: {local}\r\nTo: {remote}\r\nCall-ID: {id}\r\nCSeq: {sequence} {method}\r\n\
             Contact: <sip:phone@127.0.0.1:{port}>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {length}\r\n\r\n{sdp}"
        );
        let _ = self.sip.send_to(text.as_bytes(), to);
    }

    fn replies(&self, request: &Message, status: &str, sdp: &str) {
        let vias: String = request.headers("Via").map(|via| format!("Via: {via}\r\n")).collect();
        let (to, port) = (request.header("To"), self.port());
        let tag = if to.contains(";tag=") { String::new() } else { format!(";tag=phone{port}") };
        let [from, id, sequence] = ["From", "Call-ID", "CSeq"].map(|name| request.header(name));
        let length = sdp.len();
        let text = format!(
            "SIP/2.0 {status}\r\n{vias}From: {from}\r\nTo: {to}{tag}\r\nCall-ID: {id}\r\nCSeq: {sequence}\r\n\
             Contact: <sip:phone@127.0.0.1:{port}>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {length}\r\n\r\n{sdp}"
        );
        let _ = self.sip.send_to(text.as_bytes(), request.from);
    }
}

fn sdp(rtp: &UdpSocket) -> String {
    let port = rtp.local_addr().unwrap().port();
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\n\
         a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
    )
}

/// Mouth and ear, which stop when this is dropped.
struct Voice {
    shared: Arc<Shared>,
}

/// What is known of a voice.
#[derive(Debug, Default)]
struct Shared {
    /// Frames that were said.
    said: AtomicU32,
    /// Packets that were heard.
    heard: AtomicU32,
    /// A key to be pressed: its number and one; 0: none.
    key: AtomicU32,
    /// The longest time the mouth was late, in ms: the machine was busy elsewhere.
    late: AtomicU32,
    silent: AtomicBool,
}

impl Shared {
    /// How much has been said, in seconds.
    fn has_said(&self) -> f64 {
        f64::from(self.said.load(Ordering::SeqCst)) * 0.02
    }

    /// By how much the mouth was late at most, in seconds.
    fn was_late(&self) -> f64 {
        f64::from(self.late.load(Ordering::SeqCst)) / 1000.0
    }
}

impl Voice {
    fn speaks(rtp: UdpSocket, to: SocketAddr, page: Arc<Page>) -> Self {
        rtp.set_nonblocking(true).unwrap();
        let shared = Arc::<Shared>::default();
        *page.voice.lock().unwrap() = Some(shared.clone());
        let (mine, mut ear) = (shared.clone(), Ear { page, beeping: 0 });
        std::thread::spawn(move || {
            let mut mouth = Mouth { rtp, to, sequence: 0, frame: 0, key: None };
            let mut due = Instant::now();
            while !mine.silent.load(Ordering::SeqCst) {
                ear.listens(&mouth.rtp, &mine);
                mouth.says(&mine);
                due += FRAME_TIME;
                let late = Instant::now().saturating_duration_since(due).as_millis();
                mine.late.fetch_max(u32::try_from(late).unwrap(), Ordering::SeqCst);
                std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
            }
        });
        Self { shared }
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        self.shared.silent.store(true, Ordering::SeqCst);
    }
}

struct Mouth {
    rtp: UdpSocket,
    to: SocketAddr,
    sequence: u16,
    frame: u32,
    /// The key that is being pressed, since which frame.
    key: Option<(u8, u32)>,
}

impl Mouth {
    fn says(&mut self, shared: &Shared) {
        if let Some(key) = shared.key.swap(0, Ordering::SeqCst).checked_sub(1) {
            self.key = Some((u8::try_from(key).unwrap(), self.frame));
        }
        match self.key {
            Some((key, begin)) => self.presses(key, begin),
            None => self.packet(8, self.frame, &sound::said(self.frame)),
        }
        self.frame += 1;
        shared.said.store(self.frame, Ordering::SeqCst);
    }

    /// One more frame of a key. Its end is told three times (RFC 4733 2.5.1.4).
    fn presses(&mut self, key: u8, begin: u32) {
        let length = self.frame - begin + 1;
        let (end, times) = if length == PRESS { (0x80, 3) } else { (0, 1) };
        let [high, low] = u16::try_from(length * 160).unwrap().to_be_bytes();
        for _ in 0..times {
            self.packet(101, begin, &[key, end | 10, high, low]);
        }
        if length == PRESS {
            self.key = None;
        }
    }

    fn packet(&mut self, payload_type: u8, frame: u32, payload: &[u8]) {
        let mut packet = vec![0x80, payload_type];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend((frame * sound::FRAME as u32).to_be_bytes());
        packet.extend(7_u32.to_be_bytes());
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        let _ = self.rtp.send_to(&packet, self.to);
    }
}

struct Ear {
    page: Arc<Page>,
    beeping: u32,
}

impl Ear {
    fn listens(&mut self, rtp: &UdpSocket, shared: &Shared) {
        let mut bytes = [0; 2048];
        while let Ok(length) = rtp.recv(&mut bytes) {
            if length <= 12 || bytes[1] & 0x7f != 8 {
                continue;
            }
            let share = sound::beeps(&bytes[12..length]);
            if share.is_some() {
                shared.heard.fetch_add(1, Ordering::SeqCst);
            }
            if share.is_some_and(|share| share > 0.8) {
                self.beeping += 1;
            } else if std::mem::take(&mut self.beeping) >= BEEP {
                self.page.write(|seen| seen.beep = Some((Instant::now(), shared.has_said())));
            }
        }
    }
}
