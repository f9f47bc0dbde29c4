//! What comes from the phone: believed, counted, understood.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Leg;
use super::onward::{Content, Onward};
use crate::rtp::jitter::Sound;
use crate::rtp::latch::Verdict;
use crate::rtp::packet::{Header, Packet};
use crate::rtp::sequence::Arrival;
use crate::switch::media::keys::{Began, Way};

/// A key's tone may begin so much before the place where it was found, in units of the timestamp: 40 ms.
const BEFORE_TONE: u32 = 320;
/// How long before a key in the signalling its tone may have begun, if there is one.
const SIGNALLED_LATE: Duration = Duration::from_millis(120);
/// Microseconds in a unit of the RTP timestamp.
const US_PER_UNIT: u64 = 125;

impl Leg {
    /// A key came in the signalling. Returns whether it is a new press.
    pub fn press(&mut self, now: Instant, key: char) -> bool {
        let began = now.checked_sub(SIGNALLED_LATE).unwrap_or(now);
        self.keys.press(now, key, Way::Signalled, Began::Came(began))
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
        let Header { sequence, timestamp, .. } = packet.header;
        let (numbers, codec) = ((sequence, timestamp), parameters.codec);
        let content = if payload_type == parameters.receive_payload_type {
            let wanted = parameters.listens_in_band(self.presses.presses() > 0);
            self.ear.listen_for_keys(wanted);
            let mut heard = self.ear.receive(now, numbers, codec, Sound::Audio(payload), anew);
            if heard.mute_from.is_some() {
                self.keys.still_held(now, Way::InBand);
            }
            heard.key = heard.key.filter(|pressed| {
                let began = pressed.at.wrapping_sub(BEFORE_TONE);
                self.keys.press(now, pressed.key, Way::InBand, Began::Stamped(began))
            });
            Content::Audio(codec, heard)
        } else if parameters.telephone_event.is_some_and(|(_, receive)| receive == payload_type) {
            self.ear.receive(now, numbers, codec, Sound::Other, anew);
            self.hear_event(now, &packet.header, payload)?
        } else if parameters.is_comfort_noise(payload_type) {
            self.ear.receive(now, numbers, codec, Sound::Noise(payload), anew);
            Content::Noise
        } else {
            self.ear.receive(now, numbers, codec, Sound::Other, anew);
            self.wire.statistics.unusable.add(1);
            return None;
        };
        Some(Onward { packet, content, anew })
    }

    fn hear_event(&mut self, now: Instant, header: &Header, payload: &[u8]) -> Option<Content> {
        let heard = self.presses.receive(now, header.ssrc, header.timestamp, header.marker, payload)?;
        if !heard.begins {
            self.keys.still_held(now, Way::Event);
        }
        let key = heard.begins.then_some(heard.key);
        if key.is_some_and(|key| !self.keys.press(now, key, Way::Event, Began::Stamped(header.timestamp))) {
            self.private_presses = heard.press;
        }
        (heard.press > self.private_presses).then_some(Content::Event(key))
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
}
