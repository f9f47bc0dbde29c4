//! The codecs as the media threads need them. In all of them an octet is 125 us, a unit of the RTP
//! timestamp, so a packet keeps its length and its place in time when it goes from one to another.

use std::f32::consts::PI;

use crate::audio::g711::{
    ALAW_SILENCE, ALAW_TO_ULAW, ULAW_SILENCE, ULAW_TO_ALAW, alaw_to_linear, linear_to_alaw, linear_to_ulaw,
    ulaw_to_linear,
};
use crate::audio::g722;
use crate::sip::Codec;
use crate::switch::clip::{Excerpt, FRAME, WideFrame};

/// A codec on one stream, with what it has to remember of it.
#[derive(Debug)]
pub(super) enum Stream<T> {
    Pcma,
    Pcmu,
    G722(Box<T>),
}

/// Turns octets into samples at 8000 Hz.
pub(super) type Decoder = Stream<g722::Decoder>;
/// Turns samples into the octets of one stream.
pub(super) type Encoder = Stream<Adaptive>;

/// What becomes of a sound within a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fade {
    /// It begins amid the sound.
    In,
    /// It is heard no longer.
    Out,
    Stays,
}

/// How long a fade takes, in samples at the line's rate: 10 ms, half of the frame, so that what is
/// stopped is not heard for the whole of another frame.
const FADE: usize = FRAME / 2;

impl Fade {
    /// What is left of a sample of the frame (raised cosine).
    fn gain(self, sample: usize) -> f32 {
        let coming = || 0.5 - 0.5 * (PI * (sample.min(FADE) as f32 + 0.5) / FADE as f32).cos();
        match self {
            Self::Stays => 1.0,
            Self::In if sample >= FADE => 1.0,
            Self::In => coming(),
            Self::Out if sample >= FADE => 0.0,
            Self::Out => 1.0 - coming(),
        }
    }
}

/// The next frame of a clip at the line's rate.
fn narrow(excerpt: &Excerpt) -> [i16; FRAME] {
    excerpt.frame(&excerpt.clip.pcma, ALAW_SILENCE).map(alaw_to_linear)
}

fn scaled(sample: i16, gain: f32) -> i16 {
    // A cast from float saturates.
    (f32::from(sample) * gain).round() as i16
}

/// The sum of frames, each faded.
fn sum_of<T: Copy + Default>(
    parts: &[(&Excerpt, Fade)],
    frame: impl Fn(&Excerpt) -> [T; FRAME],
    scale: impl Fn(T, f32) -> T,
    add: impl Fn(T, T) -> T,
) -> [T; FRAME] {
    let mut whole = [T::default(); FRAME];
    for (excerpt, fade) in parts {
        for (n, (place, sample)) in whole.iter_mut().zip(frame(excerpt)).enumerate() {
            *place = add(*place, scale(sample, fade.gain(n)));
        }
    }
    whole
}

impl<T: Default> Stream<T> {
    pub fn new(codec: Codec) -> Self {
        match codec {
            Codec::Pcma => Self::Pcma,
            Codec::Pcmu => Self::Pcmu,
            Codec::G722 => Self::G722(Box::default()),
        }
    }

    pub fn codec(&self) -> Codec {
        match self {
            Self::Pcma => Codec::Pcma,
            Self::Pcmu => Codec::Pcmu,
            Self::G722(_) => Codec::G722,
        }
    }
}

impl Decoder {
    /// Of G.722 it is the lower half of the band.
    pub fn decode(&mut self, octet: u8) -> i16 {
        match self {
            Self::Pcma => alaw_to_linear(octet),
            Self::Pcmu => ulaw_to_linear(octet),
            Self::G722(decoder) => decoder.decode_narrow(octet),
        }
    }

    /// Decodes a payload; `give` gets its samples in pieces, with nothing allocated.
    pub fn decode_all(&mut self, payload: &[u8], mut give: impl FnMut(&[i16])) {
        let mut samples = [0_i16; FRAME];
        for octets in payload.chunks(FRAME) {
            for (sample, octet) in samples.iter_mut().zip(octets) {
                *sample = self.decode(*octet);
            }
            give(samples.get(..octets.len()).unwrap_or_default());
        }
    }
}

impl Encoder {
    /// A frame of silence.
    pub fn silence(&mut self) -> [u8; FRAME] {
        match self {
            Self::Pcma => [ALAW_SILENCE; FRAME],
            Self::Pcmu => [ULAW_SILENCE; FRAME],
            Self::G722(adaptive) => adaptive.wide(&[[0; 2]; FRAME]),
        }
    }

    /// The next frame of a clip. In G.722 the clip is wide-band if it was made so.
    pub fn frame(&mut self, excerpt: &Excerpt) -> [u8; FRAME] {
        let clip = &excerpt.clip;
        match self {
            Self::Pcma => excerpt.frame(&clip.pcma, ALAW_SILENCE),
            Self::Pcmu => excerpt.frame(&clip.pcmu, ULAW_SILENCE),
            Self::G722(adaptive) => match &clip.wide {
                Some(wide) => adaptive.wide(&excerpt.frame(wide, [0; 2])),
                None => narrow(excerpt).map(|sample| adaptive.narrow(sample)),
            },
        }
    }

    /// The next frames of clips together, each coming, going or staying.
    pub fn blend(&mut self, parts: &[(&Excerpt, Fade)]) -> [u8; FRAME] {
        match self {
            Self::G722(adaptive) if parts.iter().all(|(excerpt, _)| excerpt.clip.wide.is_some()) => {
                let wide = |excerpt: &Excerpt| {
                    excerpt.clip.wide.as_ref().map_or([[0; 2]; FRAME], |wide| excerpt.frame(wide, [0; 2]))
                };
                let both = |pair: [i16; 2], gain| pair.map(|sample| scaled(sample, gain));
                let sum = |a: [i16; 2], b: [i16; 2]| [a[0].saturating_add(b[0]), a[1].saturating_add(b[1])];
                adaptive.wide(&sum_of(parts, wide, both, sum))
            }
            _ => sum_of(parts, narrow, scaled, i16::saturating_add).map(|sample| self.encode(sample)),
        }
    }

    /// Encodes a sample at 8000 Hz.
    pub fn encode(&mut self, sample: i16) -> u8 {
        match self {
            Self::Pcma => linear_to_alaw(sample),
            Self::Pcmu => linear_to_ulaw(sample),
            Self::G722(adaptive) => adaptive.narrow(sample),
        }
    }

    /// Octets go by that another encoder of the same codec has made.
    fn passed(&mut self, octets: &[u8]) {
        if let Self::G722(adaptive) = self {
            adaptive.passed(octets);
        }
    }
}

/// G.722 adapts to what it has encoded, and the phone's decoder to what it has heard. Where our own
/// audio follows what was relayed untouched, it must begin from what the phone has heard last: else
/// a phone that has just heard loud speech hears a bang.
#[derive(Debug, Default)]
pub(super) struct Adaptive {
    encoder: g722::Encoder,
    /// The end of what was relayed; it is followed only when that matters.
    trail: Vec<u8>,
}

/// Octets after which nothing before them matters: 60 ms.
const TRAIL: usize = 3 * FRAME;

impl Adaptive {
    fn wide(&mut self, frame: &WideFrame) -> [u8; FRAME] {
        self.catch_up();
        frame.map(|pair| self.encoder.encode_wide(pair))
    }

    fn narrow(&mut self, sample: i16) -> u8 {
        self.catch_up();
        self.encoder.encode_narrow(sample)
    }

    fn passed(&mut self, octets: &[u8]) {
        self.trail.extend_from_slice(octets);
        let old = self.trail.len().saturating_sub(TRAIL);
        self.trail.drain(..old);
    }

    fn catch_up(&mut self) {
        for octet in self.trail.drain(..) {
            self.encoder.follow(octet);
        }
    }
}

/// Turns what the partner says into a leg's codec, and mutes the tones of keys in it.
#[derive(Debug, Default)]
pub(super) struct Conversion {
    /// What the partner speaks, where it must be decoded.
    decoder: Option<Decoder>,
    fader: Fader,
}

impl Conversion {
    /// Converts octets in place, unless both sides have the same codec. The octets of a lost packet
    /// are simply not there: the decoder goes on where the next ones begin. From `mute_from` on they
    /// become silence.
    pub fn convert(&mut self, from: Codec, to: &mut Encoder, octets: &mut [u8], mute_from: Option<usize>) {
        if mute_from.is_some() || !self.fader.is_open() {
            return self.mute(from, to, octets, mute_from.unwrap_or(octets.len()));
        }
        let table = match (from, to.codec()) {
            (from, same) if from == same => return to.passed(octets),
            (Codec::Pcma, Codec::Pcmu) => &ALAW_TO_ULAW,
            (Codec::Pcmu, Codec::Pcma) => &ULAW_TO_ALAW,
            _ => return self.transcode(from, to, octets),
        };
        for octet in octets {
            *octet = table.get(usize::from(*octet)).copied().unwrap_or(*octet);
        }
    }

    fn transcode(&mut self, from: Codec, to: &mut Encoder, octets: &mut [u8]) {
        let decoder = self.decoder(from);
        for octet in octets {
            *octet = to.encode(decoder.decode(*octet));
        }
    }

    fn decoder(&mut self, from: Codec) -> &mut Decoder {
        let known = self.decoder.take().filter(|decoder| decoder.codec() == from);
        self.decoder.insert(known.unwrap_or_else(|| Decoder::new(from)))
    }

    fn mute(&mut self, from: Codec, to: &mut Encoder, octets: &mut [u8], mute_from: usize) {
        if (from, to.codec()) == (Codec::G722, Codec::G722) {
            return self.mute_passed(to, octets, mute_from);
        }
        let mut fader = std::mem::take(&mut self.fader);
        let decoder = self.decoder(from);
        for (n, octet) in octets.iter_mut().enumerate() {
            *octet = to.encode(fader.step(decoder.decode(*octet), n >= mute_from));
        }
        self.fader = fader;
    }

    /// G.722 that is not decoded is not faded: silence that is encoded from where the octets before it have
    /// led to does not begin with a step.
    fn mute_passed(&mut self, to: &mut Encoder, octets: &mut [u8], mute_from: usize) {
        let (passed, muted) = octets.split_at_mut(mute_from.min(octets.len()));
        to.passed(passed);
        self.fader = if muted.is_empty() { Fader::default() } else { Fader::shut() };
        for octet in muted {
            *octet = to.encode(0);
        }
    }

    /// What follows fades in.
    pub fn fade_in(&mut self) {
        self.fader = Fader::shut();
    }

    /// Another stream follows.
    pub fn begin_anew(&mut self) {
        *self = Self::default();
    }
}

/// Samples over which sound is muted, and heard again: 2 ms.
const MUTING: i32 = 16;

/// Fades sound out where it is to be muted, and in again.
#[derive(Debug)]
struct Fader {
    /// From 0, mute, to [`MUTING`].
    gain: i32,
}

impl Default for Fader {
    fn default() -> Self {
        Self { gain: MUTING }
    }
}

impl Fader {
    fn shut() -> Self {
        Self { gain: 0 }
    }

    fn is_open(&self) -> bool {
        self.gain == MUTING
    }

    fn step(&mut self, sample: i16, mute: bool) -> i16 {
        self.gain = if mute { self.gain - 1 } else { self.gain + 1 }.clamp(0, MUTING);
        // Not above what it was, so it fits.
        (i32::from(sample) * self.gain / MUTING) as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::tone::{Sine, tone};

    fn loudness(samples: &[i16]) -> f64 {
        let sum: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        (sum / samples.len() as f64).sqrt()
    }

    /// Loud speech stands for itself: two tones, in G.722 of another encoder.
    fn loud(frames: usize) -> Vec<u8> {
        let sines = [(310.0, -6.0), (1900.0, -9.0)].map(|(frequency, level)| Sine { frequency, level });
        let mut encoder = g722::Encoder::default();
        tone(&sines, frames as u32 * 20, 2).iter().map(|sample| encoder.encode_narrow(*sample)).collect()
    }

    fn heard(decoder: &mut g722::Decoder, octets: &[u8]) -> Vec<i16> {
        octets.iter().map(|octet| decoder.decode_narrow(*octet)).collect()
    }

    #[test]
    fn silence_after_loud_relayed_audio_is_silent_at_once() {
        let (mut encoder, mut conversion) = (Encoder::new(Codec::G722), Conversion::default());
        let mut phone = g722::Decoder::default();
        let mut relayed = loud(10);
        let untouched = relayed.clone();
        for packet in relayed.chunks_mut(FRAME) {
            conversion.convert(Codec::G722, &mut encoder, packet, None);
        }
        assert_eq!(relayed, untouched);
        assert!(loudness(&heard(&mut phone, &relayed)) > 5000.0);
        let mut unprepared = phone.clone();
        let own: Vec<u8> = (0..3).flat_map(|_| encoder.silence()).collect();
        let after = heard(&mut phone, &own);
        let bang = heard(&mut unprepared, &Encoder::new(Codec::G722).silence());
        assert!(loudness(&after[40..]) < 40.0, "{}", loudness(&after[40..]));
        assert!(loudness(&bang) > 1000.0, "or there would be nothing to prevent: {}", loudness(&bang));
    }

    #[test]
    fn audio_stays_what_it_is_from_any_codec_to_any_other() {
        let sound = tone(&[Sine { frequency: 1020.0, level: -10.0 }], 400, 2);
        for (from, to) in Codec::ALL.iter().flat_map(|from| Codec::ALL.map(|to| (*from, to))) {
            let (mut spoken, mut encoder, mut decoder) =
                (Encoder::new(from), Encoder::new(to), Decoder::new(to));
            let mut conversion = Conversion::default();
            let mut octets: Vec<u8> = sound.iter().map(|sample| spoken.encode(*sample)).collect();
            // Packets of odd lengths; none is lost.
            for packet in octets.chunks_mut(7 * 33) {
                conversion.convert(from, &mut encoder, packet, None);
            }
            let heard: Vec<i16> = octets.iter().map(|octet| decoder.decode(*octet)).collect();
            // Codecs of this kind are late by some samples, and the same at each frequency.
            let noise = (0..4)
                .map(|late| {
                    let pairs = sound[400..].iter().zip(&heard[400 + late..]);
                    loudness(&pairs.map(|(a, b)| a.saturating_sub(*b)).collect::<Vec<_>>())
                })
                .fold(f64::MAX, f64::min);
            let ratio = 20.0 * (loudness(&sound[400..]) / noise).log10();
            assert!(ratio > 28.0, "{from:?} to {to:?}: {ratio:.1} dB");
        }
    }

    #[test]
    fn a_lost_packet_is_forgotten_soon() {
        let (mut encoder, mut conversion) = (Encoder::new(Codec::Pcma), Conversion::default());
        let octets = loud(20);
        let whole: Vec<i16> = heard(&mut g722::Decoder::default(), &octets);
        let mut converted = Vec::new();
        for packet in octets.chunks(FRAME).enumerate().filter(|(n, _)| *n != 5).map(|(_, packet)| packet) {
            let mut packet = packet.to_vec();
            conversion.convert(Codec::G722, &mut encoder, &mut packet, None);
            converted.extend(packet.into_iter().map(alaw_to_linear));
        }
        let loudest = converted.chunks(FRAME).map(loudness).fold(0.0, f64::max);
        assert!(loudest < 1.3 * loudness(&whole), "no bang: {loudest}");
        // Tones are what it takes longest over; A-law's own noise is far below.
        let late: Vec<i16> = whole[11 * FRAME..]
            .iter()
            .zip(&converted[10 * FRAME..])
            .map(|(a, b)| a.saturating_sub(*b))
            .collect();
        assert!(loudness(&late) < 0.2 * loudness(&whole), "{}", loudness(&late));
    }

    /// A tone in packets of 20 ms, muted from the middle of the third packet to the end of the sixth.
    fn muted(from: Codec, to: Codec) -> (Vec<i16>, Vec<u8>, Vec<u8>) {
        let sound = tone(&[Sine { frequency: 770.0, level: -6.0 }], 240, 2);
        let (mut spoken, mut encoder, mut decoder) = (Encoder::new(from), Encoder::new(to), Decoder::new(to));
        let mut conversion = Conversion::default();
        let said: Vec<u8> = sound.iter().map(|sample| spoken.encode(*sample)).collect();
        let mut octets = said.clone();
        for (n, packet) in octets.chunks_mut(FRAME).enumerate() {
            let mute_from = [(2, Some(80)), (3, Some(0)), (4, Some(0)), (5, Some(0))];
            let mute_from = mute_from.iter().find(|(packet, _)| *packet == n).and_then(|(_, from)| *from);
            conversion.convert(from, &mut encoder, packet, mute_from);
        }
        let heard = octets.iter().map(|octet| decoder.decode(*octet)).collect();
        (heard, said, octets)
    }

    #[test]
    fn what_is_to_be_muted_is_silent_and_what_is_not_stays_what_it_is_without_a_click() {
        for (from, to) in Codec::ALL.iter().flat_map(|from| Codec::ALL.map(|to| (*from, to))) {
            let (heard, said, octets) = muted(from, to);
            let (begin, end) = (2 * FRAME + 80, 6 * FRAME);
            // 2 ms of fading, and what codecs of this kind are late by.
            let silent = loudness(&heard[begin + 48..end]);
            assert!(silent < 40.0, "{from:?} to {to:?}: {silent}");
            for kept in [&heard[FRAME..begin], &heard[end + 2 * FRAME..]] {
                let loud = loudness(kept);
                assert!((7_000.0..8_700.0).contains(&loud), "{from:?} to {to:?}: {loud}");
            }
            if from == to {
                assert_eq!(octets[..begin], said[..begin]);
                assert_eq!(octets[end + 16..], said[end + 16..]);
            }
            let steepest =
                |samples: &[i16]| samples.windows(2).map(|pair| pair[1].abs_diff(pair[0])).max().unwrap_or(0);
            let tone = steepest(&heard[FRAME..begin]);
            assert!(steepest(&heard[begin - 8..begin + 48]) <= tone + tone / 4, "{from:?} to {to:?}");
        }
    }
}
