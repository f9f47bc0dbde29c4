//! The early ear: hears the tones of keys before they go on to a partner.
//!
//! A key is certain some 35 ms after its tone began, and after every gap once it is clear that nothing comes
//! to fill it. What was relayed by then would be a key to the far side's own detector, beside the one that
//! we tell it. So packets of a bridged leg are also heard in the order in which they come, before they are
//! passed on, and muted from where a tone may begin.

use super::codec::Decoder;
use crate::audio::LINE_RATE;
use crate::audio::dtmf::Detector;
use crate::sip::Codec;

/// Samples that are decoded at once.
const CHUNK: usize = 160;
/// Silence that a phone did not send is heard for so long, in samples, which ends any key: 200 ms.
const LONGEST_SILENCE: u32 = 1_600;
/// A timestamp that leaps further than this belongs to another stream, in units of the timestamp: 2 s.
const LEAP: u32 = 16_000;

/// Listens to what is passed on.
#[derive(Debug)]
pub(super) struct EarlyEar {
    /// Large, and most legs have none.
    detector: Box<Detector>,
    decoder: Decoder,
    /// The timestamp of the detector's first sample.
    origin: u32,
    /// What the next packet is numbered and stamped with.
    next: (u16, u32),
}

impl EarlyEar {
    /// A packet of audio that is about to go on. Returns the octet from which on the tone of a key sounds in
    /// it, or may just be beginning.
    pub fn receive(
        ear: &mut Option<Box<Self>>,
        (sequence, timestamp): (u16, u32),
        codec: Codec,
        payload: &[u8],
    ) -> Option<usize> {
        let known = ear.take().filter(|ear| ear.decoder.codec() == codec && !ear.leaps(timestamp));
        let ear = ear.insert(known.unwrap_or_else(|| Box::new(Self::new(sequence, timestamp, codec))));
        let len = payload.len() as u32;
        if (sequence.wrapping_sub(ear.next.0) as i16) < 0 || (timestamp.wrapping_sub(ear.next.1) as i32) < 0 {
            // It comes too late to be heard in its place; most likely it sounds like what is around it.
            return ear.tone_from(timestamp, len);
        }
        ear.pass_time(sequence == ear.next.0, timestamp.wrapping_sub(ear.next.1));
        ear.next = (sequence.wrapping_add(1), timestamp.wrapping_add(len));
        ear.hear(payload);
        ear.tone_from(timestamp, len)
    }

    fn new(sequence: u16, timestamp: u32, codec: Codec) -> Self {
        let detector = Box::new(Detector::new(LINE_RATE));
        Self { detector, decoder: Decoder::new(codec), origin: timestamp, next: (sequence, timestamp) }
    }

    fn leaps(&self, timestamp: u32) -> bool {
        (timestamp.wrapping_sub(self.next.1) as i32).unsigned_abs() > LEAP
    }

    /// Time for which there is no audio. Without a packet missing the phone was silent; else its packets may
    /// be lost, or late.
    fn pass_time(&mut self, silent: bool, samples: u32) {
        let heard = if silent { samples.min(LONGEST_SILENCE) } else { 0 };
        for _ in 0..heard / CHUNK as u32 {
            self.detector.process(&[0; CHUNK]);
        }
        let rest = samples - heard / CHUNK as u32 * CHUNK as u32;
        if rest > 0 {
            self.detector.lost(u64::from(rest));
        }
    }

    fn hear(&mut self, payload: &[u8]) {
        let mut samples = [0_i16; CHUNK];
        for octets in payload.chunks(CHUNK) {
            for (sample, octet) in samples.iter_mut().zip(octets) {
                *sample = self.decoder.decode(*octet);
            }
            // Keys are told by the other ear, which hears them whole.
            self.detector.process(samples.get(..octets.len()).unwrap_or_default());
        }
    }

    fn tone_from(&self, timestamp: u32, len: u32) -> Option<usize> {
        let since = self.origin.wrapping_add(self.detector.tone_since()? as u32);
        let from = (since.wrapping_sub(timestamp) as i32).max(0).unsigned_abs();
        usize::try_from(from).ok().filter(|_| from < len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::dtmf::frequencies;
    use crate::audio::g711::linear_to_alaw;
    use crate::audio::tone::{Sine, tone};

    const FRAME: usize = 160;
    const FIRST: u32 = u32::MAX - 3000;

    /// Where packets of 20 ms are muted that have a key of 200 ms from sample 1000 on; `numbers` says which
    /// packets come, in their order.
    fn muted(numbers: impl Iterator<Item = usize>) -> Vec<(usize, Option<usize>)> {
        let sines = frequencies('5').expect("a key").map(|frequency| Sine { frequency, level: -9.0 });
        let mut sound = vec![0; 1000];
        sound.extend(tone(&sines, 200, 1));
        sound.resize(6400, 0);
        let octets: Vec<u8> = sound.into_iter().map(linear_to_alaw).collect();
        let mut ear = None;
        let heard = numbers.map(|n| {
            let payload = &octets[n * FRAME..][..FRAME];
            let stamp = FIRST.wrapping_add((n * FRAME) as u32);
            (n, EarlyEar::receive(&mut ear, (n as u16, stamp), Codec::Pcma, payload))
        });
        heard.collect()
    }

    /// Octets of the tone that are not muted.
    fn leaked(heard: &[(usize, Option<usize>)]) -> usize {
        let open = heard.iter().flat_map(|(n, from)| n * FRAME..n * FRAME + from.unwrap_or(FRAME));
        open.filter(|at| (1000..2600).contains(at)).count()
    }

    #[test]
    fn less_than_20_ms_of_a_tone_go_on() {
        let heard = muted(0..40);
        assert!(leaked(&heard) < 160, "{}", leaked(&heard));
        assert!(heard.iter().filter(|(n, _)| *n < 6 || *n > 20).all(|(_, from)| from.is_none()), "{heard:?}");
    }

    #[test]
    fn a_tone_that_begins_after_a_lost_packet_is_muted_without_waiting_for_it() {
        for lost in 4..20 {
            let heard = muted((0..40).filter(|n| *n != lost));
            assert!(leaked(&heard) < 160, "without {lost}: {}", leaked(&heard));
        }
    }

    #[test]
    fn packets_out_of_order_are_muted_as_what_is_around_them() {
        for late in 9..15 {
            let swapped = (0..40).map(|n| match n {
                n if n == late => late + 1,
                n if n == late + 1 => late,
                n => n,
            });
            let heard = muted(swapped);
            assert!(leaked(&heard) < 160, "with {late} late: {}", leaked(&heard));
        }
    }

    #[test]
    fn a_tone_ends_in_silence_that_is_not_sent() {
        let heard = muted((0..14).chain(30..40));
        assert!(heard.iter().filter(|(n, _)| *n >= 30).all(|(_, from)| from.is_none()), "{heard:?}");
    }
}
