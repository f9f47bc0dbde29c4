//! What holds for every octets read as GSM 06.10.

use nightbell::audio::gsm::{Decoder, FRAME, Packing, frames};

/// Fails by panic.
pub fn check(sound: &[u8]) {
    for packing in [Packing::Raw, Packing::Wave] {
        let mut decoder = Decoder::default();
        let mut samples = 0;
        for frame in frames(sound, packing).map_while(Result::ok) {
            // 13 bits count.
            assert!(decoder.decode(&frame).iter().all(|sample| sample & 7 == 0));
            samples += FRAME;
        }
        assert!(samples <= packing.frames_in(sound) * FRAME);
    }
}
