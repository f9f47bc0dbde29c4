//! A softphone for the demo: real SIP and RTP over real sockets, on a thread of its own.
//!
//! It speaks with a tone, so that whoever hears it can be told from the sound alone.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{self, Receiver, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rand::TryRng;
use rand::rngs::SysRng;

use super::ear::Ear;
use crate::audio::g711::linear_to_alaw;
use crate::rtp::CLOCK_RATE;
use crate::rtp::packet::{Header, Packet};
use crate::rtp::telephone_event::Sender;
use crate::sip::{
    Agreed, Cause, Codec, Config, Endpoint, Event, Hop, LegId, LocalMedia, Outgoing, Peer, Timers,
    TrunkProfile,
};

/// A frame of G.711 in samples, and its length in time.
const FRAME: u32 = 160;
const FRAME_TIME: Duration = Duration::from_millis(20);
/// The name of its RTP stream.
const SSRC: u32 = 0x4E42_4445;

/// What a phone does when it is called.
#[derive(Debug, Clone, Copy)]
pub enum Behaviour {
    /// Lets it ring.
    Rings,
    /// Is busy.
    Busy,
    /// Picks up, waits for so long, presses the key, then speaks.
    Accepts {
        /// Time from the answer to the key.
        after: Duration,
        /// The key.
        key: char,
    },
}

/// What a caller does after the answer, in order; each waits from the one before.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    /// Waits.
    Wait(Duration),
    /// Presses a key.
    Press(char),
    /// Speaks from now on, or stops.
    Speak(bool),
    /// Hangs up.
    HangUp,
}

/// What came of a call, as the phone saw it.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The final response, if the call was refused.
    pub refused: Option<u16>,
    /// Whether it was answered.
    pub answered: bool,
    /// What was heard.
    pub heard: Ear,
}

enum Order {
    Behave(Behaviour),
    Call { to: SocketAddr, user: String, from: String, acts: Vec<Act> },
    Stop,
}

/// A softphone.
#[derive(Debug)]
pub struct Phone {
    /// Where it takes SIP.
    pub address: SocketAddr,
    orders: mpsc::Sender<Order>,
    reports: Receiver<Report>,
    thread: JoinHandle<()>,
}

impl Phone {
    /// Starts a phone on a free loopback port that speaks with a tone of so many Hz.
    pub fn start(voice_hz: u32) -> io::Result<Self> {
        let sip = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        sip.set_read_timeout(Some(Duration::from_millis(2)))?;
        let rtp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        rtp.set_nonblocking(true)?;
        let address = sip.local_addr()?;
        let (orders, taken) = channel();
        let (reports_to, reports) = channel();
        let body = Body::new(sip, rtp, voice_hz, reports_to)?;
        let thread =
            std::thread::Builder::new().name("softphone".to_owned()).spawn(move || body.live(&taken))?;
        Ok(Self { address, orders, reports, thread })
    }

    /// What it does from now on when it is called.
    pub fn behave(&self, behaviour: Behaviour) {
        let _ = self.orders.send(Order::Behave(behaviour));
    }

    /// Places a call.
    pub fn call(&self, to: SocketAddr, user: &str, from: &str, acts: &[Act]) {
        let (user, from, acts) = (user.to_owned(), from.to_owned(), acts.to_vec());
        let _ = self.orders.send(Order::Call { to, user, from, acts });
    }

    /// Waits for the end of a call.
    pub fn report(&self, patience: Duration) -> Option<Report> {
        self.reports.recv_timeout(patience).ok()
    }

    /// Forgets reports that nobody asked for.
    pub fn forget_reports(&self) {
        while self.reports.try_recv().is_ok() {}
    }

    /// Ends the phone.
    pub fn stop(self) {
        let _ = self.orders.send(Order::Stop);
        let _ = self.thread.join();
    }
}

/// The phone's inside.
struct Body {
    sip: UdpSocket,
    rtp: UdpSocket,
    endpoint: Endpoint,
    local: LocalMedia,
    voice_hz: u32,
    behaviour: Behaviour,
    reports: mpsc::Sender<Report>,
    call: Option<OneCall>,
}

/// The call a phone is in.
struct OneCall {
    leg: LegId,
    media: Option<Agreed>,
    acts: VecDeque<Act>,
    not_before: Instant,
    speaking: bool,
    key: Option<Sender>,
    report: Report,
    sequence: u16,
    timestamp: u32,
    next_frame: Instant,
}

impl OneCall {
    fn new(leg: LegId, acts: VecDeque<Act>) -> Self {
        let now = Instant::now();
        Self {
            leg,
            media: None,
            acts,
            not_before: now,
            speaking: false,
            key: None,
            report: Report::default(),
            sequence: 0,
            timestamp: 0,
            next_frame: now,
        }
    }
}

impl Body {
    fn new(sip: UdpSocket, rtp: UdpSocket, voice_hz: u32, reports: mpsc::Sender<Report>) -> io::Result<Self> {
        let address = sip.local_addr()?;
        let mut seed = [0; 32];
        SysRng.try_fill_bytes(&mut seed).map_err(io::Error::other)?;
        let profile = TrunkProfile::new(address, address.ip().to_string(), vec![Codec::Pcma]);
        let config = Config {
            trunks: vec![profile],
            timers: Timers::default(),
            software: "Nightbell demo phone".to_owned(),
            max_dialogs: 4,
        };
        let local = LocalMedia {
            address: address.ip(),
            rtp_port: rtp.local_addr()?.port(),
            codecs: vec![Codec::Pcma],
            session_id: u64::from(address.port()),
        };
        let endpoint = Endpoint::new(config, seed);
        Ok(Self { sip, rtp, endpoint, local, voice_hz, behaviour: Behaviour::Rings, reports, call: None })
    }

    fn live(mut self, orders: &Receiver<Order>) {
        let mut datagram = vec![0; 65_535];
        loop {
            match orders.try_recv() {
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return,
                Ok(order) => self.obey(order),
                Err(TryRecvError::Empty) => {}
            }
            // Waits 2 ms at most: this is what paces the loop.
            if let Ok((length, addr)) = self.sip.recv_from(&mut datagram) {
                let bytes = datagram.get(..length).unwrap_or_default();
                self.endpoint.receive(Instant::now(), Peer::udp(0, addr), bytes);
            }
            let now = Instant::now();
            if self.endpoint.poll_timeout().is_some_and(|due| due <= now) {
                self.endpoint.handle_timeout(now);
            }
            while let Some(event) = self.endpoint.poll_event() {
                self.event(event);
            }
            self.act(now);
            self.media(now);
            while let Some(transmit) = self.endpoint.poll_transmit() {
                let _ = self.sip.send_to(&transmit.payload, transmit.hop.addr);
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Behave(behaviour) => self.behaviour = behaviour,
            Order::Call { to, user, from, acts } => {
                let request_uri = format!("sip:{user}@{to}");
                let mut outgoing = Outgoing::new(0, Hop::udp(to), request_uri, self.local.clone());
                outgoing.from_user = Some(from);
                let leg = self.endpoint.invite(Instant::now(), outgoing);
                self.call = Some(OneCall::new(leg, acts.into()));
            }
            Order::Stop => {}
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Invite { leg, .. } => self.called(leg),
            Event::Answered { media, .. } => self.answered(Some(media)),
            Event::Established { media, .. } => self.answered(media),
            Event::Failed { status, .. } => {
                if let Some(call) = &mut self.call {
                    call.report.refused = Some(status);
                }
                self.over();
            }
            Event::Ended { .. } => self.over(),
            Event::Loop { .. }
            | Event::Answering { .. }
            | Event::Ringing { .. }
            | Event::MediaChanged { .. }
            | Event::Digit { .. }
            | Event::Registered { .. }
            | Event::Unregistered { .. }
            | Event::TooFast { .. }
            | Event::Pinged { .. } => {}
        }
    }

    fn called(&mut self, leg: LegId) {
        let now = Instant::now();
        match self.behaviour {
            Behaviour::Busy => self.endpoint.refuse(now, leg, 486, None),
            Behaviour::Rings => {
                self.endpoint.ring(now, leg);
                self.call = Some(OneCall::new(leg, VecDeque::new()));
            }
            Behaviour::Accepts { after, key } => {
                self.endpoint.ring(now, leg);
                let acts = [Act::Wait(after), Act::Press(key), Act::Speak(true)];
                let mut call = OneCall::new(leg, acts.into());
                if let Ok(media) = self.endpoint.answer(now, leg, self.local.clone()) {
                    call.media = media;
                }
                self.call = Some(call);
            }
        }
    }

    fn answered(&mut self, media: Option<Agreed>) {
        if let Some(call) = &mut self.call {
            call.report.answered = true;
            call.media = media.or(call.media.take());
            call.not_before = Instant::now();
            call.next_frame = Instant::now();
        }
    }

    fn over(&mut self) {
        if let Some(call) = self.call.take() {
            let _ = self.reports.send(call.report);
        }
    }

    /// Does what is due.
    fn act(&mut self, now: Instant) {
        let Some(call) = &mut self.call else { return };
        if !call.report.answered || now < call.not_before || call.key.is_some() {
            return;
        }
        match call.acts.pop_front() {
            Some(Act::Wait(time)) => call.not_before = now + time,
            Some(Act::Press(key)) => call.key = Sender::new(key, call.timestamp, CLOCK_RATE),
            Some(Act::Speak(speaking)) => call.speaking = speaking,
            Some(Act::HangUp) => {
                self.endpoint.hang_up(now, call.leg, Cause::Normal);
                self.over();
            }
            None => {}
        }
    }

    /// Sends a frame every 20 ms, and listens.
    fn media(&mut self, now: Instant) {
        let mut packet = [0; 2048];
        while let Ok((length, _)) = self.rtp.recv_from(&mut packet) {
            self.hear(packet.get(..length).unwrap_or_default());
        }
        let Some(call) = &mut self.call else { return };
        let Some(media) = call.media.clone().filter(|_| call.report.answered) else { return };
        if now < call.next_frame {
            return;
        }
        call.next_frame += FRAME_TIME;
        let packet = key_packet(call, &media).unwrap_or_else(|| speech_packet(call, &media, self.voice_hz));
        call.timestamp = call.timestamp.wrapping_add(FRAME);
        let _ = self.rtp.send_to(&packet, media.remote_rtp);
    }

    fn hear(&mut self, packet: &[u8]) {
        let Some(call) = &mut self.call else { return };
        let Some(media) = &call.media else { return };
        if let Some(read) = Packet::read(packet)
            && read.header.payload_type == media.receive_payload_type
        {
            call.report.heard.hear(read.payload(packet));
        }
    }
}

/// The next packet of a pressed key; nothing once it is told in full.
fn key_packet(call: &mut OneCall, media: &Agreed) -> Option<Vec<u8>> {
    let outgoing = call.key.as_mut().and_then(Iterator::next);
    let Some((outgoing, types)) = outgoing.zip(media.telephone_event) else {
        call.key = None;
        return None;
    };
    Some(rtp(call, types.send, outgoing.marker, outgoing.timestamp, &outgoing.payload))
}

fn speech_packet(call: &mut OneCall, media: &Agreed, voice_hz: u32) -> Vec<u8> {
    let began = call.timestamp;
    let frame: Vec<u8> = (0..FRAME).map(|n| voice(call.speaking, voice_hz, began.wrapping_add(n))).collect();
    rtp(call, media.send_payload_type, false, began, &frame)
}

fn voice(speaking: bool, hz: u32, at: u32) -> u8 {
    let phase = std::f64::consts::TAU * f64::from(hz) * f64::from(at % 8000) / 8000.0;
    linear_to_alaw(if speaking { (8000.0 * phase.sin()) as i16 } else { 0 })
}

fn rtp(call: &mut OneCall, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    call.sequence = call.sequence.wrapping_add(1);
    let header = Header { marker, payload_type, sequence: call.sequence, timestamp, ssrc: SSRC };
    [&header.to_octets(), payload].concat()
}
