//! What comes from the phone: believed, counted, understood.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::onward::{Content, Event, Onward, Sound};
use super::{Leg, Owed};
use crate::rtp::jitter;
use crate::rtp::latch::Verdict;
use crate::rtp::packet::{Header, Packet};
use crate::rtp::sequence::Arrival;
use crate::rtp::telephone_event::Payload;
use crate::rtp::{CLOCK_RATE, US_PER_UNIT};
use crate::rtp::{rtcp, units};
use crate::switch::media::ear::InBandKey;
use crate::switch::media::early::EarlyEar;
use crate::switch::media::keys::{Began, Way};
use crate::switch::media::star::Fate;
use crate::switch::media::{Refusal, Refused};

/// A key's tone may begin so much before the place where it was found, in units of the timestamp: 40 ms.
const BEFORE_TONE: u32 = 320;
/// How long before a key in the signalling its tone may have begun, if there is one.
const SIGNALLED_LATE: Duration = Duration::from_millis(120);

impl Leg {
    /// A key came in the signalling. Returns whether it goes on to the partner.
    pub fn press(&mut self, now: Instant, key: char) -> bool {
        let began = now.checked_sub(SIGNALLED_LATE).unwrap_or(now);
        self.pressed(now, key, Way::Signalled, Began::Came(began)) && self.goes_on(now, key)
    }

    /// Keys that the partner is to be told of, now and once.
    pub fn take_owed(&mut self) -> Owed {
        std::mem::take(&mut self.owed)
    }

    /// Whether a key that is a new press goes on to the partner. A star that was held back goes before it.
    fn goes_on(&mut self, now: Instant, key: char) -> bool {
        let (goes_on, star) = match self.star.press(now, key) {
            Fate::GoesOn { star_first } => (true, star_first),
            Fate::Stays { star_goes } => (false, star_goes),
            Fate::Command => {
                self.keys.command(key);
                (false, false)
            }
        };
        if star {
            self.owed = [Some('*'), None];
        }
        goes_on
    }

    /// A key was told in some way. If it is a new press the script hears of it, and what it stops is silent
    /// at once.
    fn pressed(&mut self, now: Instant, key: char, way: Way, began: Began) -> bool {
        let new = self.keys.press(now, key, way, began);
        if new && self.silenced_by.contains(key) {
            self.silence();
        }
        new
    }

    /// A datagram has come to the RTP port. Returns what is to go to the partner.
    pub fn receive(&mut self, now: Instant, datagram: &mut [u8], from: SocketAddr) -> Option<Onward> {
        let agreed = self.agreed.as_ref()?;
        if agreed.parameters.rtcp_mux && rtcp::is_rtcp(datagram) {
            self.receive_beside_rtp(now, datagram, from);
            return None;
        }
        if !agreed.latch.may_receive(now, from) {
            return self.refuse(from, Refusal::Stranger);
        }
        // Before anything is learnt from the packet.
        let Some(length) = self.wire.open_rtp(datagram) else {
            return self.refuse(from, Refusal::Unauthentic);
        };
        let datagram = datagram.get(..length)?;
        let Some(packet) = Packet::read(datagram) else {
            return self.refuse(from, Refusal::Unreadable);
        };
        self.believe(now, &packet.header, from)?;
        let anew = self.count(now, &packet, from)?;
        // The partner has to hear of it with the first packet that goes on, which this one may not be.
        self.begins_anew |= anew;
        let (packet, content) = self.understand(now, packet, datagram, anew)?;
        Some(Onward { packet, content, anew: std::mem::take(&mut self.begins_anew) })
    }

    /// Whether a packet is the stream's, by where it comes from.
    fn believe(&mut self, now: Instant, header: &Header, from: SocketAddr) -> Option<()> {
        let agreed = self.agreed.as_mut()?;
        // Another source than that of the stream must send what was agreed, or nothing is learnt from it.
        if !agreed.latch.is_peer(from) && !agreed.parameters.has_agreed_on(header.payload_type) {
            return self.refuse(from, Refusal::PayloadType(header.payload_type));
        }
        match agreed.latch.receive(now, from, header.ssrc, header.sequence) {
            Verdict::Accepted => Some(()),
            Verdict::Unproven => self.refuse(from, Refusal::Unproven),
            Verdict::Foreign => self.refuse(from, Refusal::Stranger),
        }
    }

    /// Drops a packet, and remembers for a while whose it was: if nothing else comes, it tells why.
    fn refuse<T>(&mut self, from: SocketAddr, why: Refusal) -> Option<T> {
        let statistics = &self.wire.statistics;
        match why {
            Refusal::Stranger => statistics.foreign.add(1),
            Refusal::Unproven => statistics.unproven.add(1),
            Refusal::Unreadable | Refusal::PayloadType(_) => statistics.unusable.add(1),
            // Counted where it could not be opened.
            Refusal::Unauthentic => {}
        }
        self.refused = Some(Refused { from, why });
        None
    }

    /// Takes a packet of the stream into account; nothing if it is to be left alone. Returns whether
    /// its numbers begin anew.
    fn count(&mut self, now: Instant, packet: &Packet, from: SocketAddr) -> Option<bool> {
        let Header { ssrc, sequence, timestamp, payload_type, .. } = packet.header;
        let parameters = &self.agreed.as_ref()?.parameters;
        let is_event = parameters.is_event(payload_type);
        let clock = (!is_event).then(|| units(now.saturating_duration_since(self.opened)) as u32);
        let arrival = self.received.receive(ssrc, sequence, timestamp, clock);
        if parameters.has_agreed_on(payload_type) {
            self.watch.heard_audio(now);
            self.refused = None;
        } else {
            self.watch.heard(now);
            self.refused = Some(Refused { from, why: Refusal::PayloadType(payload_type) });
        }
        self.wire.statistics.packets_received.add(1);
        self.wire.statistics.octets_received.add(packet.payload.len() as u64);
        self.publish();
        match arrival {
            Arrival::Synchronized => Some(true),
            Arrival::Ahead | Arrival::Late => Some(false),
            Arrival::Repeated | Arrival::Doubtful => None,
        }
    }

    fn publish(&self) {
        let (statistics, received) = (&self.wire.statistics, &self.received);
        let tally = received.tally();
        statistics.lost.set(tally.lost);
        statistics.gaps.set(tally.gaps);
        statistics.late.set(tally.late);
        statistics.repeated.set(tally.repeated);
        statistics.jitter_us.set(u64::from(received.jitter()) * US_PER_UNIT);
        statistics.mean_jitter_us.set(u64::from(received.mean_jitter()) * US_PER_UNIT);
        statistics.highest_jitter_us.set(u64::from(received.highest_jitter()) * US_PER_UNIT);
    }

    fn understand(
        &mut self,
        now: Instant,
        mut packet: Packet,
        datagram: &[u8],
        anew: bool,
    ) -> Option<(Packet, Content)> {
        let parameters = &self.agreed.as_ref()?.parameters;
        if !parameters.may_receive {
            return None;
        }
        let payload = packet.payload(datagram);
        let payload_type = packet.header.payload_type;
        let Header { sequence, timestamp, .. } = packet.header;
        let (numbers, codec) = ((sequence, timestamp), parameters.codec);
        let content = if payload_type == parameters.receive_payload_type {
            self.hear_audio(now, &packet, payload, anew)?
        } else if parameters.is_event(payload_type) {
            self.ear.receive(now, numbers, codec, jitter::Sound::Other, anew);
            self.hear_event(now, &mut packet.header, payload)?
        } else if parameters.is_comfort_noise(payload_type) {
            self.ear.receive(now, numbers, codec, jitter::Sound::Noise(payload), anew);
            Content::Noise
        } else {
            self.ear.receive(now, numbers, codec, jitter::Sound::Other, anew);
            self.wire.statistics.unusable.add(1);
            return None;
        };
        Some((packet, content))
    }

    /// A packet of audio: listened to, and the keys in it reported.
    fn hear_audio(&mut self, now: Instant, packet: &Packet, payload: &[u8], anew: bool) -> Option<Content> {
        let parameters = &self.agreed.as_ref()?.parameters;
        let codec = parameters.codec;
        let listens = parameters.listens_in_band(self.presses.presses() > 0);
        self.ear.listen_for_keys(listens);
        let Header { ssrc, sequence, timestamp, .. } = packet.header;
        let heard = self.ear.receive(now, (sequence, timestamp), codec, jitter::Sound::Audio(payload), anew);
        let early = if listens && self.partner.is_some() {
            EarlyEar::receive(&mut self.early_ear, (sequence, timestamp), codec, payload)
        } else {
            self.early_ear = None;
            None
        };
        let tone_from = [heard.mute_from, early].into_iter().flatten().min();
        self.tone_sounds = tone_from.is_some();
        self.private_tone &= self.tone_sounds;
        let key = heard.key.and_then(|pressed| self.hear_tone(now, pressed));
        if self.tone_sounds {
            self.keys.still_held(now, Way::InBand);
        }
        let told = self.presses.audio(now, ssrc, timestamp, payload.len());
        // Whose keys may be for us is not heard pressing them: what is not for us is told anew.
        let private = tone_from.filter(|_| self.private_tone || self.star.listens());
        let mute_from = [told, private].into_iter().flatten().min();
        Some(Content::Audio(Sound { codec, key, tone_from, mute_from }))
    }

    /// A key was heard as tones: it is told on if it is a new press. If it is not, the partner knows of it,
    /// and the tone is not for it.
    fn hear_tone(&mut self, now: Instant, pressed: InBandKey) -> Option<char> {
        let began = Began::Stamped(pressed.at.wrapping_sub(BEFORE_TONE));
        let new = self.pressed(now, pressed.key, Way::InBand, began);
        self.private_tone |= !new;
        let key = pressed.key;
        if !self.star.listens() {
            return new.then_some(key);
        }
        if new && self.goes_on(now, key) {
            let [star, _] = self.owed;
            self.owed = [star, Some(key)];
        }
        None
    }

    /// A packet of an event. Its header is put right where the partner's phone is to understand it.
    fn hear_event(&mut self, now: Instant, header: &mut Header, payload: &[u8]) -> Option<Content> {
        let Header { ssrc, timestamp, marker, .. } = *header;
        if self.presses.flash(now, ssrc, timestamp, payload) {
            tracing::info!(leg = %self.id, "the phone has flashed its hook: that is no key, and nothing comes of it");
        }
        let heard = self.presses.receive(now, ssrc, timestamp, marker, payload)?;
        if !heard.begins {
            self.keys.still_held(now, Way::Event);
        }
        let key = heard.begins.then_some(heard.key);
        let rate = self.agreed.as_ref()?.parameters.key_rules.event_rate;
        // Timestamps of another clock say nothing about the place in the audio.
        let began = if rate == CLOCK_RATE { Began::Stamped(timestamp) } else { Began::Came(now) };
        if key.is_some_and(|key| !(self.pressed(now, key, Way::Event, began) && self.goes_on(now, key))) {
            self.private_presses = heard.press;
        }
        (header.timestamp, header.marker) = (heard.timestamp, heard.begins);
        let event = Event { press: heard.press, begins: key, payload: Payload::read(payload)?, rate };
        (heard.press > self.private_presses).then_some(Content::Event(event))
    }
}
