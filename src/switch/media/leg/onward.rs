//! What came of the partner, passed on to this phone.

use std::time::Instant;

use super::Leg;
use crate::rtp::packet::{Header, Packet};
use crate::sip::Codec;
use crate::switch::media::ear::Heard;
use crate::switch::media::parcel::octets_in;

/// What a packet means to the partner.
#[derive(Debug)]
pub(in crate::switch::media) struct Onward {
    pub packet: Packet,
    pub content: Content,
    /// Its numbers have nothing to do with those of packets before.
    pub anew: bool,
}

#[derive(Debug)]
pub(in crate::switch::media) enum Content {
    /// Audio, and what was heard in it; the key only if it is a new press.
    Audio(Codec, Heard),
    /// Comfort noise (RFC 3389).
    Noise,
    /// A packet of a key, and the key if it begins with it.
    Event(Option<char>),
}

impl Leg {
    /// Passes on what came of the partner. While we speak ourselves, it is left out.
    pub fn forward(&mut self, now: Instant, onward: &Onward, datagram: &mut [u8]) {
        let Some(agreed) = &self.agreed else { return };
        let parameters = &agreed.parameters;
        if matches!(onward.content, Content::Noise) && parameters.comfort_noise.is_none() {
            // To this phone its partner is still.
            return;
        }
        self.partner_spoke = now;
        self.fills_in = false;
        if self.voice.speaks() || !parameters.may_send {
            return;
        }
        let payload_type = match (&onward.content, parameters.telephone_event) {
            (Content::Audio(_, Heard { key: Some(pressed), .. }), Some(_)) => {
                return self.send_key(now, pressed.key);
            }
            (Content::Audio(codec, _), _) => {
                if onward.anew {
                    self.conversion.begin_anew();
                }
                let payload = datagram.get_mut(onward.packet.payload.clone());
                self.conversion.convert(*codec, &mut self.encoder, payload.unwrap_or_default());
                parameters.send_payload_type
            }
            (Content::Noise, _) => match parameters.comfort_noise {
                Some((send, _)) => send,
                None => return,
            },
            (Content::Event(_), Some((send, _))) => send,
            (Content::Event(key), None) => return self.sound_key(now, *key),
        };
        let samples = match onward.content {
            Content::Audio(..) => onward.packet.payload.len() as u32,
            Content::Noise | Content::Event(_) => 0,
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
}
