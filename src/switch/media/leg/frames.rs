//! What we say to the phone ourselves, packet by packet, each when it is due.

use std::time::{Duration, Instant};

use super::Leg;
use crate::rtp::US_PER_UNIT;
use crate::rtp::packet::{HEADER, Header};
use crate::rtp::telephone_event::Outgoing;
use crate::switch::clip::{FRAME, FRAME_MS};
use crate::switch::media::Parameters;
use crate::switch::media::parcel::{LONGEST, octets_in};
use crate::switch::media::voice::{FRAME_TIME, Utterance};

/// Frames that are later than this are left out instead of being sent in a burst.
const TOO_LATE: Duration = Duration::from_millis(60);
/// A bridged leg whose partner has been still for so long hears silence of ours: a NAT that sees no
/// packets closes, and a carrier gives the call up.
pub(super) const STILL: Duration = Duration::from_millis(500);

impl Leg {
    pub(super) fn sends_frames(&self) -> bool {
        self.agreed.is_some()
            && self.room.is_none()
            && (self.partner.is_none() || self.fills_in || self.voice.speaks())
    }

    /// Looks twice a second, and not at each packet, whether the partner has fallen still.
    pub(super) fn look_after_partner(&mut self, now: Instant) {
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
    pub(super) fn catch_up(&mut self, now: Instant) {
        if !self.sends_frames() {
            self.parcel.clear();
        }
        if !self.sends_frames() || self.next_frame + TOO_LATE < now {
            let late = now.saturating_duration_since(self.next_frame).as_micros();
            let frames = late.div_ceil(FRAME_TIME.as_micros());
            self.next_frame += FRAME_TIME * u32::try_from(frames).unwrap_or(u32::MAX);
        }
    }

    pub(super) fn send_due_frames(&mut self, now: Instant) {
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
        if !may_send {
            self.voice.withhold();
        }
        while self.parcel.len() < wanted {
            let place = at + Duration::from_micros(US_PER_UNIT * self.parcel.len() as u64);
            match self.voice.next(place, &mut self.encoder, || self.out.own_timestamp(at)) {
                Some(Utterance::Event(outgoing)) => {
                    self.parcel.clear();
                    self.send_event(outgoing);
                    return FRAME_TIME;
                }
                Some(Utterance::Frame(frame)) => self.parcel.push(&frame),
                // A clip has just ended on a bridged leg: the partner is heard again. What is left of a
                // longer packet goes alone, so that nothing of the partner is late for it.
                None if self.partner.is_some() && !self.fills_in => break,
                None => self.parcel.push(&self.encoder.silence()),
            }
        }
        let packet = self.parcel.take(wanted);
        if may_send && !packet.is_empty() {
            let header = self.out.own_audio(at, send_payload_type, packet.len() as u32);
            self.send(&header, packet.octets());
        }
        packet_time
    }

    /// What it says in the next 20 ms of its room.
    pub fn say(&mut self, now: Instant) -> [i16; FRAME] {
        self.ear.frame(now)
    }

    /// Frames of its room are left out.
    pub fn skip_frames(&mut self, frames: u32) {
        self.ear.skip_frames(frames);
        self.voice.skip(u64::from(frames));
        let packets = FRAME_TIME * frames;
        let packet_time = u128::from(self.packet_time_ms().max(1));
        self.out.skip(u64::try_from(packets.as_millis() / packet_time).unwrap_or(u64::MAX));
    }

    /// The 20 ms from `at` on: what is said in its room, unless we say something to it ourselves.
    pub fn hear_room(&mut self, at: Instant, said: &[i16; FRAME]) {
        let Some(agreed) = &self.agreed else { return };
        let Parameters { may_send, send_payload_type, .. } = agreed.parameters;
        if !may_send {
            self.voice.withhold();
        }
        match self.voice.next(at, &mut self.encoder, || self.out.own_timestamp(at)) {
            Some(Utterance::Event(outgoing)) => {
                self.parcel.clear();
                return self.send_event(outgoing);
            }
            Some(Utterance::Frame(frame)) => self.parcel.push(&frame),
            None => self.parcel.push(&said.map(|sample| self.encoder.encode(sample))),
        }
        let wanted = octets_in(self.packet_time_ms()).max(1);
        while self.parcel.len() >= wanted {
            // It began so long before the end of these 20 ms.
            let length = Duration::from_micros(US_PER_UNIT * self.parcel.len() as u64);
            let begin = (at + FRAME_TIME).checked_sub(length).unwrap_or(at);
            let packet = self.parcel.take(wanted);
            if may_send {
                let header = self.out.own_audio(begin, send_payload_type, packet.len() as u32);
                self.send(&header, packet.octets());
            }
        }
    }

    pub(super) fn send_event(&mut self, outgoing: Outgoing) {
        let Some(agreed) = &self.agreed else { return };
        let Some((payload_type, _)) = agreed.parameters.telephone_event else { return };
        if agreed.parameters.may_send {
            let header = self.out.own_event(outgoing.marker, payload_type, outgoing.timestamp);
            self.send(&header, &outgoing.payload);
        }
    }

    pub(super) fn send(&mut self, header: &Header, payload: &[u8]) {
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
}
