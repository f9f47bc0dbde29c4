//! One leg on its media thread: what comes from a phone, and what is sent to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::codec::{Conversion, Encoder};
use super::ear::Ear;
use super::keys::{Keys, Way};
use super::outbound::Outbound;
use super::parcel::{LONGEST, Parcel, octets_in};
use super::reports::{Facts, Reports};
use super::security::Security;
use super::voice::{FRAME_TIME, Utterance, Voice};
use super::watch::Watch;
use super::wire::Wire;
use super::{InBand, MediaEvent, Parameters};
use crate::call::leg::LegId;
use crate::rtp::latch::{Latch, Verdict};
use crate::rtp::packet::{HEADER, Header, Packet};
use crate::rtp::sequence::{Arrival, Receiver};
use crate::rtp::telephone_event::{self, Outgoing};
use crate::rtp::units;
use crate::sip::Codec;
use crate::switch::clip::{Clip, FRAME_MS};
use crate::switch::recorder::Tap;

/// Frames that are later than this are left out instead of being sent in a burst.
const TOO_LATE: Duration = Duration::from_millis(60);
/// A bridged leg whose partner has been still for so long hears silence of ours: a NAT that sees no
/// packets closes, and a carrier gives the call up.
const STILL: Duration = Duration::from_millis(500);
/// Microseconds in a unit of the RTP timestamp.
const US_PER_UNIT: u64 = 125;

/// A leg.
#[derive(Debug)]
pub(super) struct Leg {
    id: LegId,
    pub wire: Wire,
    events: mpsc::UnboundedSender<MediaEvent>,
    keys: Keys,
    agreed: Option<Agreed>,
    received: Receiver,
    presses: telephone_event::Receiver,
    ear: Ear,
    out: Outbound,
    voice: Voice,
    /// What the phone hears is encoded in one go, whoever speaks.
    encoder: Encoder,
    conversion: Conversion,
    parcel: Parcel,
    reports: Reports,
    watch: Watch,
    /// The leg it hears and is heard by.
    pub partner: Option<usize>,
    /// When something last came of the partner, and when to look again whether it is still.
    partner_spoke: Instant,
    look_again: Instant,
    /// The partner is still, on hold perhaps: we send silence in its place.
    fills_in: bool,
    /// Presses up to this one are none of the partner's: they began before the bridge, or it was told
    /// of them in another way.
    private_presses: u64,
    /// When the next frame of our own is due.
    next_frame: Instant,
}

/// What was agreed with the phone, and where it is.
#[derive(Debug)]
struct Agreed {
    parameters: Parameters,
    latch: Latch,
}

/// What a packet means to the partner.
#[derive(Debug)]
pub(super) struct Onward {
    packet: Packet,
    content: Content,
    /// Its numbers have nothing to do with those of packets before.
    anew: bool,
}

#[derive(Debug)]
enum Content {
    /// Audio, and the key that was heard in it.
    Audio(Codec, Option<char>),
    /// A packet of a key, and the key if it begins with it.
    Event(Option<char>),
}

impl Leg {
    /// A leg that sends its frames on the grid of 20 ms through `first_frame`.
    pub fn new(now: Instant, opening: super::Opening, media_timeout: Duration, first_frame: Instant) -> Self {
        Self {
            id: opening.id,
            wire: opening.wire,
            events: opening.events,
            keys: Keys::new(opening.keys),
            agreed: None,
            received: Receiver::default(),
            presses: telephone_event::Receiver::default(),
            ear: Ear::default(),
            out: Outbound::new(now),
            voice: Voice::default(),
            encoder: Encoder::Pcma,
            conversion: Conversion::default(),
            parcel: Parcel::default(),
            reports: Reports::new(now),
            watch: Watch::new(now, media_timeout),
            partner: None,
            partner_spoke: now,
            look_again: now,
            fills_in: false,
            private_presses: 0,
            next_frame: first_frame,
        }
    }

    /// When time alone has something to do here.
    pub fn deadline(&self) -> Option<Instant> {
        self.agreed.as_ref()?;
        let frame = if self.sends_frames() { self.next_frame } else { self.look_again };
        [Some(frame), Some(self.reports.due()), self.watch.due()].into_iter().flatten().min()
    }

    /// What was agreed, first or anew. The source is learnt again when the address changed.
    pub fn configure(&mut self, now: Instant, parameters: Parameters) {
        let latch = match self.agreed.take() {
            Some(agreed) if agreed.parameters.has_same_sources(&parameters) => agreed.latch,
            _ => Latch::new(parameters.remote_rtp, parameters.allowed_sources.clone(), now),
        };
        if self.encoder.codec() != parameters.codec {
            self.encoder = Encoder::new(parameters.codec);
            self.parcel.clear();
        }
        self.watch.begin(now, parameters.may_receive);
        let before = self.wire.security.take();
        self.wire.security = parameters.srtp.clone().map(|keys| Security::renewed(before, keys));
        self.agreed = Some(Agreed { parameters, latch });
        self.catch_up(now);
    }

    pub fn play(&mut self, now: Instant, clip: Arc<Clip>, looped: bool, done: oneshot::Sender<()>) {
        self.catch_up(now);
        self.voice.play(clip, looped, done);
    }

    pub fn silence(&mut self) {
        self.voice.silence();
    }

    pub fn bridge(&mut self, now: Instant, partner: usize) {
        self.partner = Some(partner);
        self.conversion.begin_anew();
        self.fills_in = false;
        self.partner_spoke = now;
        self.look_again = now + STILL;
        self.private_presses = self.presses.presses();
    }

    pub fn unbridge(&mut self, now: Instant) {
        self.catch_up(now);
        self.partner = None;
    }

    pub fn record(&mut self, now: Instant, tap: Tap) {
        self.ear.record(now, tap);
    }

    pub fn stop_recording(&mut self, cut_ms: u32) {
        let codec = self.agreed.as_ref().map_or(Codec::Pcma, |agreed| agreed.parameters.codec);
        self.ear.stop_recording(codec, units(Duration::from_millis(u64::from(cut_ms))));
    }

    /// A key came in the signalling. Returns whether it is a new press.
    pub fn press(&mut self, now: Instant, key: char) -> bool {
        self.keys.press(now, key, Way::Signalled)
    }

    /// A datagram has come to the RTP port. Returns what is to go to the partner.
    pub fn receive(&mut self, now: Instant, datagram: &mut [u8], from: SocketAddr) -> Option<Onward> {
        let agreed = self.agreed.as_mut()?;
        if !agreed.latch.may_receive(now, from) {
            self.wire.statistics.foreign.add(1);
            return None;
        }
        // Before anything is learnt from the packet.
        let length = self.wire.open_rtp(datagram)?;
        let datagram = datagram.get(..length)?;
        let statistics = &self.wire.statistics;
        let Some(packet) = Packet::read(datagram) else {
            statistics.unusable.add(1);
            return None;
        };
        let header = packet.header;
        match agreed.latch.receive(now, from, header.ssrc, header.sequence) {
            Verdict::Accepted => {}
            Verdict::Unproven => {
                statistics.unproven.add(1);
                return None;
            }
            Verdict::Foreign => {
                statistics.foreign.add(1);
                return None;
            }
        }
        let anew = self.count(now, &packet)?;
        self.understand(now, packet, datagram, anew)
    }

    /// Takes a packet of the stream into account; nothing if it is to be left alone. Returns whether
    /// its numbers begin anew.
    fn count(&mut self, now: Instant, packet: &Packet) -> Option<bool> {
        let Header { ssrc, sequence, timestamp, .. } = packet.header;
        let clock = self.out.timestamp(now);
        let arrival = self.received.receive(ssrc, sequence, timestamp, clock);
        self.watch.heard(now);
        let statistics = &self.wire.statistics;
        statistics.packets_received.add(1);
        statistics.octets_received.add(packet.payload.len() as u64);
        statistics.lost.set(self.received.lost());
        statistics.jitter_us.set(u64::from(self.received.jitter()) * US_PER_UNIT);
        match arrival {
            Arrival::Synchronized => Some(true),
            Arrival::Ahead | Arrival::Late => Some(false),
            Arrival::Repeated | Arrival::Doubtful => None,
        }
    }

    fn understand(&mut self, now: Instant, packet: Packet, datagram: &[u8], anew: bool) -> Option<Onward> {
        let parameters = &self.agreed.as_ref()?.parameters;
        if !parameters.may_receive {
            return None;
        }
        let payload = packet.payload(datagram);
        let payload_type = packet.header.payload_type;
        let content = if payload_type == parameters.receive_payload_type {
            let codec = parameters.codec;
            let wanted = parameters.listens_in_band(self.presses.presses() > 0);
            self.ear.listen_for_keys(wanted);
            let Header { sequence, timestamp, .. } = packet.header;
            let key = self.ear.receive(now, (sequence, timestamp), codec, payload, anew);
            Content::Audio(codec, key.filter(|key| self.keys.press(now, *key, Way::InBand)))
        } else if parameters.telephone_event.is_some_and(|(_, receive)| receive == payload_type) {
            self.hear_event(now, &packet.header, payload)?
        } else {
            self.wire.statistics.unusable.add(1);
            return None;
        };
        Some(Onward { packet, content, anew })
    }

    fn hear_event(&mut self, now: Instant, header: &Header, payload: &[u8]) -> Option<Content> {
        let heard = self.presses.receive(now, header.ssrc, header.timestamp, header.marker, payload)?;
        let key = heard.begins.then_some(heard.key);
        if key.is_some_and(|key| !self.keys.press(now, key, Way::Event)) {
            self.private_presses = heard.press;
        }
        (heard.press > self.private_presses).then_some(Content::Event(key))
    }

    /// Passes on what came of the partner. While we speak ourselves, it is left out.
    pub fn forward(&mut self, now: Instant, onward: &Onward, datagram: &mut [u8]) {
        self.partner_spoke = now;
        self.fills_in = false;
        let Some(agreed) = &self.agreed else { return };
        let parameters = &agreed.parameters;
        if self.voice.speaks() || !parameters.may_send {
            return;
        }
        let payload_type = match (&onward.content, parameters.telephone_event) {
            (Content::Audio(_, Some(key)), Some(_)) => return self.send_key(now, *key),
            (Content::Audio(codec, _), _) => {
                if onward.anew {
                    self.conversion.begin_anew();
                }
                let payload = datagram.get_mut(onward.packet.payload.clone());
                self.conversion.convert(*codec, &mut self.encoder, payload.unwrap_or_default());
                parameters.send_payload_type
            }
            (Content::Event(_), Some((send, _))) => send,
            (Content::Event(key), None) => return self.sound_key(now, *key),
        };
        let samples = match onward.content {
            Content::Audio(..) => onward.packet.payload.len() as u32,
            Content::Event(_) => 0,
        };
        let header = self.out.relay(now, &onward.packet.header, payload_type, samples, onward.anew);
        let Some(header) = header else { return };
        let payload = onward.packet.payload.len();
        let longest = parameters.packet_time_ms.map(octets_in);
        if let Some(longest) = longest.filter(|longest| samples as usize > *longest) {
            return self.send_in_pieces(header, onward.packet.payload(datagram), longest);
        }
        let Some(octets) = onward.packet.rewrite(datagram, &header) else { return };
        if self.wire.send_rtp(octets, payload, agreed.latch.remote()) {
            self.out.count(payload);
        }
    }

    /// Relays a packet that is longer than the phone wants. It gets no longer ones; shorter ones it
    /// gets as they come, for to gather them would delay them.
    fn send_in_pieces(&mut self, mut header: Header, payload: &[u8], longest: usize) {
        if !self.out.is_newest(&header) {
            // Its pieces would need numbers that are used.
            return;
        }
        let mut pieces = payload.chunks(longest).peekable();
        while let Some(piece) = pieces.next() {
            self.send(&header, piece);
            if pieces.peek().is_some() {
                header = self.out.next_piece(&header, piece.len() as u32);
            }
        }
    }

    /// The partner's key came in the signalling: this phone gets it as an event, or else as a sound.
    pub fn pass_key(&mut self, now: Instant, key: char) {
        match self.agreed.as_ref().map(|agreed| agreed.parameters.telephone_event) {
            Some(Some(_)) => self.send_key(now, key),
            Some(None) => self.sound_key(now, Some(key)),
            None => {}
        }
    }

    /// The partner's key was not heard as an event: sent on as one.
    fn send_key(&mut self, now: Instant, key: char) {
        self.catch_up(now);
        let timestamp = self.out.own_timestamp(now);
        self.voice.send_event(key, timestamp);
    }

    /// The partner's key came as an event, and this phone knows no events: it sounds.
    fn sound_key(&mut self, now: Instant, key: Option<char>) {
        if let Some(key) = key {
            self.catch_up(now);
            self.voice.sound_key(key);
        }
    }

    /// A datagram has come to the RTCP port.
    pub fn receive_report(&mut self, now: Instant, datagram: &mut [u8], from: SocketAddr) {
        let Some(agreed) = &self.agreed else { return };
        if from.ip() != agreed.latch.remote().ip() && from != agreed.parameters.remote_rtcp {
            return self.wire.statistics.foreign.add(1);
        }
        let Some(length) = self.wire.open_rtcp(datagram) else { return };
        let datagram = datagram.get(..length).unwrap_or_default();
        let statistics = &self.wire.statistics;
        if self.reports.receive(now, datagram, self.out.ssrc(), statistics) {
            self.watch.heard(now);
        } else {
            statistics.unusable.add(1);
        }
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Instant) {
        if self.agreed.is_none() {
            return;
        }
        self.look_after_partner(now);
        self.send_due_frames(now);
        if now >= self.reports.due() {
            self.send_report(now);
        }
        if let Some(event) = self.watch.check(now, self.id) {
            // The signalling task may be gone already.
            let _ = self.events.send(event);
        }
    }

    /// Says goodbye before the sockets are closed.
    pub fn close(&mut self, now: Instant) {
        let ending: Vec<_> = self.voice.end_event().collect();
        for outgoing in ending {
            self.send_event(outgoing);
        }
        // Who never sent anything does not say goodbye (RFC 3550 6.3.7).
        if self.out.sent().0 > 0 {
            let facts = self.facts(now);
            if let Some(to) = self.report_address() {
                self.wire.send_rtcp(self.reports.goodbye(now, &facts), to);
            }
        }
    }

    fn sends_frames(&self) -> bool {
        self.agreed.is_some() && (self.partner.is_none() || self.fills_in || self.voice.speaks())
    }

    /// Looks twice a second, and not at each packet, whether the partner has fallen still.
    fn look_after_partner(&mut self, now: Instant) {
        if self.partner.is_none() || self.fills_in || now < self.look_again {
            return;
        }
        self.look_again = self.partner_spoke + STILL;
        if self.look_again <= now {
            self.catch_up(now);
            self.fills_in = true;
        }
    }

    /// Before frames begin after a pause: the next is due at the next point of the grid.
    fn catch_up(&mut self, now: Instant) {
        if !self.sends_frames() {
            self.parcel.clear();
        }
        if !self.sends_frames() || self.next_frame + TOO_LATE < now {
            let late = now.saturating_duration_since(self.next_frame).as_micros();
            let frames = late.div_ceil(FRAME_TIME.as_micros());
            self.next_frame += FRAME_TIME * u32::try_from(frames).unwrap_or(u32::MAX);
        }
    }

    fn send_due_frames(&mut self, now: Instant) {
        self.leave_out_late_frames(now);
        while self.sends_frames() && self.next_frame <= now {
            let until_next = self.send_frame(self.next_frame);
            self.next_frame += until_next;
        }
    }

    fn leave_out_late_frames(&mut self, now: Instant) {
        let late = now.saturating_duration_since(self.next_frame);
        if self.sends_frames() && late > TOO_LATE {
            let packet_time = Duration::from_millis(u64::from(self.packet_time_ms()));
            let packets = u32::try_from(late.as_micros() / packet_time.as_micros()).unwrap_or(u32::MAX);
            let late = packet_time * packets;
            self.next_frame += late;
            self.voice.skip((late.as_micros() / FRAME_TIME.as_micros()) as u64);
            self.out.skip(u64::from(packets));
        }
    }

    /// What the phone wants to hear in a packet.
    fn packet_time_ms(&self) -> u16 {
        self.agreed.as_ref().and_then(|agreed| agreed.parameters.packet_time_ms).unwrap_or(FRAME_MS as u16)
    }

    /// Sends a packet of our own that is due at `at`. Returns how long after it the next one is due.
    fn send_frame(&mut self, at: Instant) -> Duration {
        let Some(agreed) = &self.agreed else { return FRAME_TIME };
        let Parameters { may_send, send_payload_type, .. } = agreed.parameters;
        let packet_time_ms = self.packet_time_ms();
        let packet_time = Duration::from_millis(u64::from(packet_time_ms));
        let wanted = octets_in(packet_time_ms);
        while self.parcel.len() < wanted {
            match self.voice.next(&mut self.encoder) {
                Some(Utterance::Event(outgoing)) => {
                    self.parcel.clear();
                    self.send_event(outgoing);
                    return FRAME_TIME;
                }
                Some(Utterance::Frame(frame)) => self.parcel.push(&frame),
                // A clip has just ended on a bridged leg: the partner is heard again.
                None if self.parcel.is_empty() && self.partner.is_some() && !self.fills_in => {
                    return packet_time;
                }
                None => self.parcel.push(&self.encoder.silence()),
            }
        }
        let packet = self.parcel.take(wanted);
        if may_send {
            let header = self.out.own_audio(at, send_payload_type, wanted as u32);
            self.send(&header, packet.octets());
        }
        packet_time
    }

    fn send_event(&mut self, outgoing: Outgoing) {
        let Some(agreed) = &self.agreed else { return };
        let Some((payload_type, _)) = agreed.parameters.telephone_event else { return };
        if agreed.parameters.may_send {
            let header = self.out.own_event(outgoing.marker, payload_type, outgoing.timestamp);
            self.send(&header, &outgoing.payload);
        }
    }

    fn send(&mut self, header: &Header, payload: &[u8]) {
        let Some(agreed) = &self.agreed else { return };
        let mut packet = [0_u8; HEADER + LONGEST];
        let Some(packet) = packet.get_mut(..HEADER + payload.len()) else { return };
        let (head, body) = packet.split_at_mut(HEADER);
        head.copy_from_slice(&header.to_octets());
        body.copy_from_slice(payload);
        if self.wire.send_rtp(packet, payload.len(), agreed.latch.remote()) {
            self.out.count(payload.len());
        }
    }

    fn send_report(&mut self, now: Instant) {
        let facts = self.facts(now);
        let to = self.report_address();
        let report = self.reports.next(now, &facts);
        if let Some(to) = to {
            self.wire.send_rtcp(report, to);
        }
    }

    fn facts(&mut self, now: Instant) -> Facts {
        Facts {
            ssrc: self.out.ssrc(),
            timestamp: self.out.timestamp(now),
            sent: self.out.sent(),
            reception: self.received.report(),
        }
    }

    /// Where reports go: as signalled, or beside the port the RTP was learnt to come from.
    fn report_address(&self) -> Option<SocketAddr> {
        let agreed = self.agreed.as_ref()?;
        if agreed.latch.is_as_signalled() {
            return Some(agreed.parameters.remote_rtcp);
        }
        let remote = agreed.latch.remote();
        Some(SocketAddr::new(remote.ip(), remote.port().checked_add(1)?))
    }
}

impl Parameters {
    fn has_same_sources(&self, other: &Self) -> bool {
        self.remote_rtp == other.remote_rtp && self.allowed_sources == other.allowed_sources
    }

    /// Whether keys are to be listened for in the audio, once events were seen or not.
    fn listens_in_band(&self, events_seen: bool) -> bool {
        match self.in_band {
            InBand::Never => false,
            InBand::WhenNoEventsAgreed => self.telephone_event.is_none(),
            InBand::AlsoWhenEventsNeverSeen => self.telephone_event.is_none() || !events_seen,
        }
    }
}
