//! The phones' RTP: all legs talk over a few sockets, each in its own turn of every 20 ms.
//!
//! What a phone says carries the moment it was said and who said it, so that whoever hears it knows both.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::time::{Duration, Instant};

use nightbell::audio::g711;
use nightbell::rtp::packet::{HEADER, Header, Packet};
use rustix::net::sockopt;
use rustix::time::{ClockId, clock_gettime};

use crate::figures::Times;
use crate::sip::{AUDIO, EVENTS};

/// Sockets for all legs together: none of them may overflow, and few are quickly looked at.
const SOCKETS: usize = 16;
/// Octets each of them may hold for us.
const RECEIVE_BUFFER: usize = 8 << 20;
/// Samples, and octets, in 20 ms.
const FRAME: usize = 160;
const FRAME_TIME: Duration = Duration::from_millis(20);
/// Packets sent, or taken from one socket, before something else has its turn.
const AT_ONCE: usize = 64;
/// Begins what a phone says, behind its moment and its leg.
const MARK: [u8; 4] = *b"load";
/// Packets of a key that is held for 100 ms, and with its end three times.
const KEY_PACKETS: u16 = 8;
const KEY_ENDS_AT: u16 = 5;
/// No leg.
const NOBODY: u32 = u32::MAX;

/// One phone's audio.
#[derive(Default, Clone)]
pub struct Leg {
    /// Where its audio goes, while it lasts.
    to: Option<SocketAddr>,
    sequence: u16,
    timestamp: u32,
    press: Option<Press>,
    /// The leg it hears.
    pub hears: Option<usize>,
    /// Packets of it that were sent while it was counted, and how many of these were heard.
    pub sent: u32,
    pub delivered: u32,
    /// Packets of the daemon's own: how many came, how many of them with sound in them, and how many
    /// are missing by their numbers.
    pub frames: u32,
    pub sounding: u32,
    pub missing: u32,
    last: Option<(u16, u64)>,
}

/// A key that is being pressed.
#[derive(Clone, Copy)]
struct Press {
    code: u8,
    packets: u16,
    timestamp: u32,
}

/// All phones.
pub struct Sound {
    sockets: Vec<UdpSocket>,
    legs: Vec<Leg>,
    /// Which leg the daemon speaks to from a port.
    by_port: Vec<u32>,
    voice: Vec<[u8; FRAME]>,
    begin: Instant,
    /// Turns that were had.
    turn: u64,
    /// What is said now counts.
    pub counting: bool,
    window: Range<u64>,
    /// From one phone to the other.
    pub delays: Times,
    /// How far the daemon's own packets were from 20 ms after the one before.
    pub unevenness: Times,
    /// How late we were ourselves.
    pub behind: Times,
}

impl Sound {
    pub fn new(legs: usize) -> io::Result<Self> {
        Ok(Self {
            sockets: (0..SOCKETS).map(|_| socket()).collect::<io::Result<_>>()?,
            legs: vec![Leg::default(); legs],
            by_port: vec![NOBODY; 1 << 16],
            voice: voice(),
            begin: Instant::now(),
            turn: 0,
            counting: false,
            window: 0..0,
            delays: Times::default(),
            unevenness: Times::default(),
            behind: Times::default(),
        })
    }

    pub fn sockets(&self) -> &[UdpSocket] {
        &self.sockets
    }

    pub fn leg(&self, leg: usize) -> &Leg {
        &self.legs[leg]
    }

    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// The port for a leg's SDP.
    pub fn port(&self, leg: usize) -> u16 {
        self.sockets[leg % SOCKETS].local_addr().map_or(0, |own| own.port())
    }

    /// A leg talks from now on.
    pub fn begin(&mut self, leg: usize, port: u16) {
        self.by_port[usize::from(port)] = leg as u32;
        self.legs[leg].to = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }

    pub fn end(&mut self, leg: usize) {
        self.legs[leg].to = None;
    }

    pub fn press(&mut self, leg: usize, code: u8) {
        let timestamp = self.legs[leg].timestamp;
        self.legs[leg].press = Some(Press { code, packets: 0, timestamp });
    }

    /// What is said from now on is counted.
    pub fn count(&mut self) {
        (self.counting, self.window) = (true, clock()..u64::MAX);
    }

    /// What is said from now on is not counted any more; what was said before still is when it is heard.
    pub fn stop_counting(&mut self) {
        (self.counting, self.window.end) = (false, clock());
    }

    /// Lets those legs talk whose turn it is.
    pub fn speak(&mut self, now: Instant) {
        let legs = self.legs.len() as u64;
        let due = now.duration_since(self.begin).as_nanos() as u64 * legs / FRAME_TIME.as_nanos() as u64;
        let mut said = 0;
        while self.turn <= due && said < AT_ONCE {
            let leg = (self.turn % legs) as usize;
            if self.legs[leg].to.is_some() {
                let at = self.begin + Duration::from_nanos(self.turn * FRAME_TIME.as_nanos() as u64 / legs);
                self.behind.add(now.saturating_duration_since(at));
                self.say(leg, self.turn / legs);
                said += 1;
            }
            self.turn += 1;
        }
    }

    fn say(&mut self, number: usize, round: u64) {
        let leg = &mut self.legs[number];
        let Some(to) = leg.to else { return };
        let mut packet = [0; HEADER + FRAME];
        let mut header = Header {
            marker: false,
            payload_type: AUDIO,
            sequence: leg.sequence,
            timestamp: leg.timestamp,
            ssrc: number as u32 + 1,
        };
        leg.sequence = leg.sequence.wrapping_add(1);
        leg.timestamp = leg.timestamp.wrapping_add(FRAME as u32);
        let mut length = packet.len();
        if let Some(press) = &mut leg.press {
            press.packets += 1;
            (header.payload_type, header.marker) = (EVENTS, press.packets == 1);
            header.timestamp = press.timestamp;
            packet[HEADER..HEADER + 4].copy_from_slice(&press.payload());
            length = HEADER + 4;
            if press.packets == KEY_PACKETS {
                leg.press = None;
            }
        } else {
            packet[HEADER..].copy_from_slice(&self.voice[round as usize % self.voice.len()]);
            packet[HEADER + 8..HEADER + 12].copy_from_slice(&(number as u32).to_be_bytes());
            packet[HEADER + 12..HEADER + 16].copy_from_slice(&MARK);
            leg.sent += u32::from(self.counting);
            packet[HEADER..HEADER + 8].copy_from_slice(&clock().to_be_bytes());
        }
        packet[..HEADER].copy_from_slice(&header.to_octets());
        let _ = self.sockets[number % SOCKETS].send_to(&packet[..length], to);
    }

    /// Takes what has come to one of the sockets.
    pub fn listen(&mut self, socket: usize) {
        let mut buffer = [0; 2048];
        for _ in 0..AT_ONCE {
            let Ok((length, from)) = self.sockets[socket].recv_from(&mut buffer) else { return };
            let leg = self.by_port[usize::from(from.port())];
            if let Some(packet) = Packet::read(&buffer[..length]).filter(|_| leg != NOBODY) {
                self.hear(leg as usize, &packet.header, packet.payload(&buffer[..length]));
            }
        }
    }

    fn hear(&mut self, number: usize, header: &Header, payload: &[u8]) {
        let now = clock();
        if header.payload_type != AUDIO {
            return;
        }
        match said(payload) {
            Some((at, speaker)) => {
                self.legs[number].hears = Some(speaker);
                if self.window.contains(&at) {
                    self.legs[speaker].delivered += 1;
                    self.delays.add(Duration::from_nanos(now.saturating_sub(at)));
                }
            }
            None => self.hear_prompt(number, header.sequence, now, payload),
        }
    }

    fn hear_prompt(&mut self, number: usize, sequence: u16, now: u64, payload: &[u8]) {
        let leg = &mut self.legs[number];
        leg.frames += 1;
        leg.sounding +=
            u32::from(payload.iter().filter(|octet| !matches!(octet, 0xd5 | 0x55)).count() > FRAME / 2);
        if let Some((before, at)) = leg.last {
            let step = sequence.wrapping_sub(before);
            leg.missing += u32::from(step).saturating_sub(1).min(1_000);
            if step == 1 {
                let gap = Duration::from_nanos(now.saturating_sub(at));
                self.unevenness.add(gap.abs_diff(FRAME_TIME));
            }
        }
        leg.last = Some((sequence, now));
    }
}

impl Press {
    /// RFC 4733 2.3: the event, the end, the volume, and how long it has lasted.
    fn payload(self) -> [u8; 4] {
        let end = if self.packets > KEY_ENDS_AT { 0x80 } else { 0 };
        let [high, low] = (self.packets.min(KEY_ENDS_AT) * FRAME as u16).to_be_bytes();
        [self.code, end | 10, high, low]
    }
}

/// The moment and the leg of what a phone said.
fn said(payload: &[u8]) -> Option<(u64, usize)> {
    let (at, rest) = payload.split_first_chunk::<8>()?;
    let (leg, rest) = rest.split_first_chunk::<4>()?;
    rest.starts_with(&MARK).then(|| (u64::from_be_bytes(*at), u32::from_be_bytes(*leg) as usize))
}

fn socket() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    if sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER).is_err() {
        sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER)?;
    }
    Ok(socket)
}

/// A second of something like a voice: a row of overtones, four syllables a second.
fn voice() -> Vec<[u8; FRAME]> {
    let sample = |n: usize| {
        let time = n as f64 / 8000.0;
        let turn = |hertz: f64| (time * hertz * std::f64::consts::TAU).sin();
        let tones: f64 =
            (1..=20).map(|overtone| turn(120.0 * f64::from(overtone)) / f64::from(overtone)).sum();
        g711::linear_to_alaw((tones * (0.6 + 0.4 * turn(4.0)) * 4_000.0) as i16)
    };
    (0..50).map(|frame| std::array::from_fn(|n| sample(frame * FRAME + n))).collect()
}

fn clock() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
