//! What came of the partner, passed on to this phone.

use std::time::Instant;

use super::Leg;
use crate::rtp::CLOCK_RATE;
use crate::rtp::packet::{Header, Packet};
use crate::rtp::telephone_event::Payload;
use crate::sip::Codec;
use crate::switch::media::keypad::Form;
use crate::switch::media::parcel::octets_in;

/// How often the end of an event is told that its own sender no longer ends (RFC 4733 2.5.1.4).
const ENDS: usize = 3;

/// What a packet means to the partner.
#[derive(Debug)]
pub(in crate::switch::media) struct Onward {
    pub packet: Packet,
    pub content: Content,
    /// Its numbers have nothing to do with those of what went on before it.
    pub anew: bool,
}

impl Onward {
    /// The key that begins with it.
    pub fn key(&self) -> Option<char> {
        match &self.content {
            Content::Audio(sound) => sound.key,
            Content::Event(event) => event.begins,
            Content::Noise => None,
        }
    }
}

#[derive(Debug)]
pub(in crate::switch::media) enum Content {
    Audio(Sound),
    /// Comfort noise (RFC 3389).
    Noise,
    Event(Event),
}

/// A packet of audio, and the keys in it.
#[derive(Debug)]
pub(in crate::switch::media) struct Sound {
    pub codec: Codec,
    /// The key that was heard in it, if that is a new press.
    pub key: Option<char>,
    /// The octet from which on the tone of a key sounds, or may just be beginning. Of no concern to a phone
    /// that is told of keys by their tones.
    pub tone_from: Option<usize>,
    /// The octet from which on a key is pressed of which the phone is told otherwise, or not at all.
    pub mute_from: Option<usize>,
}

/// A packet of a key.
#[derive(Debug)]
pub(in crate::switch::media) struct Event {
    /// Counts the presses of the partner.
    pub press: u64,
    /// The key, if it begins with this packet.
    pub begins: Option<char>,
    pub payload: Payload,
    /// The rate of its timestamp.
    pub rate: u32,
}

/// An event of the partner that goes on to this phone packet by packet.
#[derive(Debug)]
pub(super) struct Relayed {
    press: u64,
    /// Where it began. It goes on only with the numbers that it began with (one offset for all of it): with
    /// others it would be another press.
    splice: u64,
    timestamp: u32,
    newest: Payload,
}

impl Leg {
    /// Passes on what came of the partner. While we speak ourselves its audio is left out.
    pub fn forward(&mut self, now: Instant, onward: &Onward, datagram: &mut [u8]) {
        if onward.anew {
            // Whatever becomes of this packet: the numbers after it have their places counted from here.
            self.end_relayed_event();
            self.out.part();
            self.conversion.begin_anew();
        }
        let knows_noise =
            self.agreed.as_ref().is_some_and(|agreed| agreed.parameters.comfort_noise.is_some());
        if matches!(onward.content, Content::Noise) && !knows_noise {
            // To this phone its partner is still.
            return;
        }
        self.partner_spoke = now;
        self.fills_in = false;
        match &onward.content {
            Content::Audio(sound) => self.forward_audio(now, onward, sound, datagram),
            Content::Noise => self.forward_noise(now, onward, datagram),
            Content::Event(event) => self.forward_event(now, onward, event, datagram),
        }
    }

    /// Comfort noise of the partner goes on under this phone's number for it.
    fn forward_noise(&mut self, now: Instant, onward: &Onward, datagram: &mut [u8]) {
        let Some(parameters) = self.agreed.as_ref().map(|agreed| &agreed.parameters) else { return };
        let may_send = parameters.may_send && !self.voice.speaks();
        let Some((payload_type, _)) = parameters.comfort_noise.filter(|_| may_send) else { return };
        let header = self.out.relay(now, &onward.packet.header, payload_type, 0);
        if let Some(header) = header {
            self.send_rewritten(&onward.packet, &header, datagram);
        }
    }

    fn forward_audio(&mut self, now: Instant, onward: &Onward, sound: &Sound, datagram: &mut [u8]) {
        let Some(agreed) = &self.agreed else { return };
        let form = agreed.parameters.key_form();
        let knows_events = form != Form::Tone;
        if let Some(key) = sound.key.filter(|_| knows_events) {
            return self.tell_key(now, key, form);
        }
        if self.voice.speaks() || !agreed.parameters.may_send {
            return;
        }
        let tone_from = sound.tone_from.filter(|_| knows_events);
        let mute_from = [sound.mute_from, tone_from].into_iter().flatten().min();
        let payload = datagram.get_mut(onward.packet.payload.clone()).unwrap_or_default();
        self.conversion.convert(sound.codec, &mut self.encoder, payload, mute_from);
        let payload_type = agreed.parameters.send_payload_type;
        let longest = agreed.parameters.packet_time_ms.map(octets_in);
        let samples = onward.packet.payload.len();
        let header = self.out.relay(now, &onward.packet.header, payload_type, samples as u32);
        let Some(header) = header else { return };
        match longest.filter(|longest| samples > *longest) {
            Some(longest) => self.send_in_pieces(header, onward.packet.payload(datagram), longest),
            None => self.send_rewritten(&onward.packet, &header, datagram),
        }
    }

    /// A key of the partner goes on as it comes, packet by packet, unless that cannot be: then we tell it
    /// ourselves.
    fn forward_event(&mut self, now: Instant, onward: &Onward, event: &Event, datagram: &mut [u8]) {
        let Some(parameters) = self.agreed.as_ref().map(|agreed| &agreed.parameters) else { return };
        let form = parameters.key_form();
        let same_clock = event.rate == CLOCK_RATE && form == Form::Event(CLOCK_RATE);
        let goes_on = match event.begins {
            Some(_) => same_clock && !self.voice.speaks(),
            None => self.relayed.as_ref().is_some_and(|relayed| {
                relayed.press == event.press && self.out.splice() == Some(relayed.splice)
            }),
        };
        let relayed = goes_on && self.relay_event(now, onward, event, datagram);
        if let Some(key) = event.begins.filter(|_| !relayed) {
            self.tell_key(now, key, form);
        }
    }

    /// Returns whether the phone gets the packet.
    fn relay_event(&mut self, now: Instant, onward: &Onward, event: &Event, datagram: &mut [u8]) -> bool {
        let Some(parameters) = self.agreed.as_ref().map(|agreed| &agreed.parameters) else { return false };
        let Some((payload_type, _)) = parameters.telephone_event.filter(|_| parameters.may_send) else {
            return false;
        };
        let header = self.out.relay(now, &onward.packet.header, payload_type, 0);
        let (Some(header), Some(splice)) = (header, self.out.splice()) else { return false };
        let timestamp = header.timestamp;
        self.relayed = Some(Relayed { press: event.press, splice, timestamp, newest: event.payload });
        self.send_rewritten(&onward.packet, &header, datagram);
        true
    }

    fn send_rewritten(&mut self, packet: &Packet, header: &Header, datagram: &mut [u8]) {
        let Some(agreed) = &self.agreed else { return };
        let Some(octets) = packet.rewrite(datagram, header) else { return };
        let payload = packet.payload.len();
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
        if let Some(form) = self.agreed.as_ref().map(|agreed| agreed.parameters.key_form()) {
            self.tell_key(now, key, form);
        }
    }

    /// Tells a key of the partner that did not come as the phone is to hear of it.
    fn tell_key(&mut self, now: Instant, key: char, form: Form) {
        self.catch_up(now);
        self.voice.press(key, form);
    }

    /// The partner is gone: an event of it that has not ended is ended here, or the far side would take the
    /// key to be held.
    pub(super) fn end_relayed_event(&mut self) {
        let Some(relayed) = self.relayed.take().filter(|relayed| !relayed.newest.end) else { return };
        let Some(parameters) = self.agreed.as_ref().map(|agreed| &agreed.parameters) else { return };
        let Some((payload_type, _)) = parameters.telephone_event.filter(|_| parameters.may_send) else {
            return;
        };
        if self.out.splice() != Some(relayed.splice) {
            // Something else was heard since.
            return;
        }
        let payload = Payload { end: true, ..relayed.newest }.to_octets();
        // The numbers of the packets that do not come any more are used.
        self.out.part();
        for _ in 0..ENDS {
            let header = self.out.own_event(false, payload_type, relayed.timestamp);
            self.send(&header, &payload);
        }
    }
}
