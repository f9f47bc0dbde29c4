//! The carrier with its callers and responders: one thread that never sleeps, signalling and sound by turns.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::time::Timespec;

use crate::Kind;
use crate::daemon::number;
use crate::figures::Times;
use crate::sip::{Message, Own};
use crate::sound::Sound;

/// What epoll says of the SIP socket; RTP sockets are counted from 0.
const SIP: u64 = u64::MAX;
/// From the answer to the key: the caller hears the welcome out, the responder has heard enough.
const CALLER_WAITS: Duration = Duration::from_millis(1_300);
const RESPONDER_WAITS: Duration = Duration::from_millis(500);
/// A phone rings so long.
const RINGS: Duration = Duration::from_millis(300);
/// RFC 3261 17.1.1.2: T1, doubled each time.
const T1: Duration = Duration::from_millis(500);
const SENT_AGAIN: u32 = 6;

/// How far a leg has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Stage {
    #[default]
    Idle,
    /// An INVITE is on its way, or the phone rings.
    Inviting,
    Up,
    /// A BYE of ours is on its way.
    Ending,
    Over,
    Failed,
}

/// The signalling of one leg: callers first, then responders.
#[derive(Default)]
struct Phone {
    stage: Stage,
    /// What is sent again until something comes of it.
    pending: Option<String>,
    invited: Option<Instant>,
    /// The daemon's Contact and tag.
    target: String,
    to: String,
}

/// What is to be done at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Call(usize),
    PickUp(usize),
    Press(usize),
    HangUp(usize),
    /// Send again, for so many times so far.
    Again(usize, u32),
}

pub struct Crowd {
    kind: Kind,
    calls: usize,
    own: Own,
    server: SocketAddr,
    sip: UdpSocket,
    epoll: OwnedFd,
    pub sound: Sound,
    phones: Vec<Phone>,
    /// Responders by Call-ID.
    rung: HashMap<String, usize>,
    acts: BinaryHeap<Reverse<(Instant, Act)>>,
    /// From an INVITE to its 200, and how often something had to be sent again.
    pub answers: Times,
    pub sent_again: usize,
    /// Calls that were refused, with the status line.
    pub refusals: HashMap<String, usize>,
}

/// The carrier's socket; the daemon's settings name it.
pub fn carrier() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 4 << 20)?;
    Ok(socket)
}

impl Crowd {
    pub fn new(kind: Kind, calls: usize, sip: UdpSocket, server: u16) -> io::Result<Self> {
        let legs = if kind == Kind::Bridge { calls * 2 } else { calls };
        let sound = Sound::new(legs)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &sip, EventData::new_u64(SIP), EventFlags::IN)?;
        for (n, socket) in sound.sockets().iter().enumerate() {
            epoll::add(&epoll, socket, EventData::new_u64(n as u64), EventFlags::IN)?;
        }
        Ok(Self {
            kind,
            calls,
            own: Own { run: rand::random(), port: sip.local_addr()?.port(), server },
            server: SocketAddr::from((Ipv4Addr::LOCALHOST, server)),
            sip,
            epoll,
            sound,
            phones: (0..legs).map(|_| Phone::default()).collect(),
            rung: HashMap::new(),
            acts: BinaryHeap::new(),
            answers: Times::default(),
            sent_again: 0,
            refusals: HashMap::new(),
        })
    }

    /// All calls begin, one after the other.
    pub fn call_at(&mut self, per_second: f64) {
        self.one_by_one(per_second, Act::Call);
    }

    /// All callers hang up, one after the other.
    pub fn hang_up_at(&mut self, per_second: f64) {
        self.one_by_one(per_second, Act::HangUp);
    }

    fn one_by_one(&mut self, per_second: f64, act: impl Fn(usize) -> Act) {
        let begin = Instant::now();
        for call in 0..self.calls {
            let at = begin + Duration::from_secs_f64(call as f64 / per_second);
            self.acts.push(Reverse((at, act(call))));
        }
    }

    /// How many legs have come to a stage.
    pub fn count(&self, stage: Stage) -> usize {
        self.phones.iter().filter(|phone| phone.stage == stage).count()
    }

    pub fn stage(&self, leg: usize) -> Stage {
        self.phones[leg].stage
    }

    /// Whether a call is as it should be while it lasts: both legs up and heard by the other one.
    pub fn is_bridged(&self, call: usize) -> bool {
        let hears = |leg: usize| self.sound.leg(leg).hears;
        self.phones[call].stage == Stage::Up
            && hears(call).is_some_and(|responder| hears(responder) == Some(call))
    }

    /// Whether every leg has ended.
    pub fn is_over(&self) -> bool {
        self.acts.is_empty()
            && self
                .phones
                .iter()
                .all(|phone| matches!(phone.stage, Stage::Idle | Stage::Over | Stage::Failed))
    }

    /// Goes on until something is so, or the time is over. Returns whether it was so.
    pub fn run(&mut self, at_most: Duration, is_so: impl Fn(&Self) -> bool) -> bool {
        let (end, mut look) = (Instant::now() + at_most, Instant::now());
        loop {
            let now = Instant::now();
            if now >= look {
                // To look at every leg takes time.
                look = now + Duration::from_millis(50);
                if is_so(self) || now >= end {
                    return is_so(self);
                }
            }
            while let Some(Reverse((_, act))) =
                self.acts.peek().copied().filter(|Reverse((at, _))| *at <= now)
            {
                self.acts.pop();
                self.act(now, act);
            }
            self.sound.speak(now);
            self.listen();
        }
    }

    fn listen(&mut self) {
        let mut events = Vec::with_capacity(32);
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let _ = epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&at_once));
        // Signalling first: it says whose the sound is.
        events.sort_by_key(|event| Reverse(event.data.u64()));
        for event in events {
            match event.data.u64() {
                SIP => self.take_messages(),
                socket => self.sound.listen(socket as usize),
            }
        }
    }

    fn take_messages(&mut self) {
        let mut buffer = [0; 8192];
        while let Ok(length) = self.sip.recv(&mut buffer) {
            let Some(message) = Message::read(&buffer[..length]) else { continue };
            match message.status() {
                Some(status) => self.response(message, status),
                None => self.request(message),
            }
        }
    }

    fn send(&self, text: &str) {
        let _ = self.sip.send_to(text.as_bytes(), self.server);
    }

    /// Sends, and again until something comes of it.
    fn send_until(&mut self, leg: usize, text: String) {
        self.send(&text);
        self.phones[leg].pending = Some(text);
        self.acts.push(Reverse((Instant::now() + T1, Act::Again(leg, 1))));
    }

    fn act(&mut self, now: Instant, act: Act) {
        match act {
            Act::Call(call) => {
                let text = self.own.invite(call, &number(self.kind, call), self.sound.port(call));
                (self.phones[call].stage, self.phones[call].invited) = (Stage::Inviting, Some(now));
                self.send_until(call, text);
            }
            Act::PickUp(leg) => {
                if let Some(answer) = self.phones[leg].pending.take() {
                    self.send_until(leg, answer);
                }
            }
            Act::Press(leg) => self.sound.press(leg, 1),
            Act::HangUp(call) => self.hang_up(call),
            Act::Again(leg, times) => self.again(now, leg, times),
        }
    }

    fn again(&mut self, now: Instant, leg: usize, times: u32) {
        let Some(text) = &self.phones[leg].pending else { return };
        if times > SENT_AGAIN {
            self.phones[leg].pending = None;
            return self.fail(leg, "no answer");
        }
        self.send(text);
        self.sent_again += 1;
        self.acts.push(Reverse((now + T1 * 2_u32.pow(times), Act::Again(leg, times + 1))));
    }

    fn fail(&mut self, leg: usize, why: &str) {
        self.phones[leg].stage = Stage::Failed;
        self.sound.end(leg);
        *self.refusals.entry(why.to_owned()).or_default() += 1;
    }

    fn hang_up(&mut self, call: usize) {
        let phone = &mut self.phones[call];
        if phone.stage != Stage::Up {
            return;
        }
        phone.stage = Stage::Ending;
        let bye = self.own.request("BYE", call, 2, &phone.target, &phone.to);
        self.sound.end(call);
        self.send_until(call, bye);
    }

    // What the daemon says to callers.

    fn response(&mut self, message: Message<'_>, status: u16) {
        let Some(call) = self.own.call_of(message.field("Call-ID")).filter(|call| *call < self.calls) else {
            return;
        };
        match (message.method(), status) {
            ("INVITE", 100..=199) => self.phones[call].pending = None,
            ("INVITE", 200..=299) => self.answered(call, message),
            ("INVITE", _) => {
                self.phones[call].pending = None;
                let to = message.field("To");
                let uri = format!("sip:{}@127.0.0.1:{}", number(self.kind, call), self.own.server);
                // RFC 3261 17.1.1.3: with the branch of the INVITE.
                let ack = self.own.request("ACK", call, 1, &uri, to).replace("-ACK;rport", "-INVITE;rport");
                self.send(&ack);
                self.fail(call, &status.to_string());
            }
            ("BYE", _) => {
                self.phones[call].pending = None;
                self.phones[call].stage = Stage::Over;
            }
            _ => {}
        }
    }

    fn answered(&mut self, call: usize, message: Message<'_>) {
        let phone = &mut self.phones[call];
        phone.pending = None;
        phone.to = message.field("To").to_owned();
        phone.target = message.target().to_owned();
        let ack = self.own.request("ACK", call, 1, &phone.target, &phone.to);
        let invited = phone.invited.take();
        self.send(&ack);
        // The same answer again has been acknowledged again, and that is all.
        let Some(invited) = invited else { return };
        self.answers.add(invited.elapsed());
        self.phones[call].stage = Stage::Up;
        let Some(port) = message.media_port() else { return self.fail(call, "an answer without audio") };
        self.sound.begin(call, port);
        if self.kind == Kind::Bridge {
            self.acts.push(Reverse((Instant::now() + CALLER_WAITS, Act::Press(call))));
        }
    }

    // What the daemon asks.

    fn request(&mut self, message: Message<'_>) {
        let call_id = message.field("Call-ID");
        let leg = self.own.call_of(call_id).or_else(|| self.rung.get(call_id).copied());
        match (message.method(), leg) {
            ("INVITE", None) => self.ring(message),
            ("ACK", Some(leg)) => self.acknowledged(leg),
            ("BYE", Some(leg)) => {
                self.send(&self.own.response(message, "200 OK", None));
                self.sound.end(leg);
                self.phones[leg].pending = None;
                self.phones[leg].stage = Stage::Over;
            }
            ("ACK", None) => {}
            (_, leg) => {
                self.send(&self.own.response(message, "200 OK", None));
                if let Some(leg) = leg {
                    self.fail(leg, message.method());
                }
            }
        }
    }

    fn ring(&mut self, message: Message<'_>) {
        let leg = self.calls + self.rung.len();
        let Some(port) = message.media_port().filter(|_| leg < self.phones.len()) else {
            return self.send(&self.own.response(message, "486 Busy Here", None));
        };
        self.rung.insert(message.field("Call-ID").to_owned(), leg);
        self.sound.begin(leg, port);
        self.send(&self.own.response(message, "180 Ringing", None));
        let answer = self.own.response(message, "200 OK", Some(self.sound.port(leg)));
        (self.phones[leg].pending, self.phones[leg].stage) = (Some(answer), Stage::Inviting);
        self.acts.push(Reverse((Instant::now() + RINGS, Act::PickUp(leg))));
    }

    fn acknowledged(&mut self, leg: usize) {
        let phone = &mut self.phones[leg];
        phone.pending = None;
        if phone.stage == Stage::Inviting {
            phone.stage = Stage::Up;
            self.acts.push(Reverse((Instant::now() + RESPONDER_WAITS, Act::Press(leg))));
        }
    }
}
