//! Samples as values: codecs, tones, detectors, prompts, WAV.
//!
//! Linear audio is mono `i16`. The line's rate is [`LINE_RATE`]; full scale is the overload point
//! of G.711's A-law, so a sine whose peak is 32768 has +3.14 dBm0.

pub mod active_level;
pub mod comfort_noise;
pub mod dtmf;
pub mod edges;
pub mod g711;
pub mod g722;
pub mod gsm;
pub mod level;
pub mod limiter;
pub mod mix;
pub mod playout;
pub mod plc;
pub mod prompt;
pub mod resample;
pub mod seam;
pub mod silence;
pub mod tone;
pub mod wav;

/// Samples per second on the line (ITU-T G.711 clause 2).
pub const LINE_RATE: u32 = 8_000;
