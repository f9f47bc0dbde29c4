//! GSM 06.10 full rate (ETSI EN 300 961): the decoder, for prompts of telephone systems that keep theirs so.
//!
//! A frame of 260 bits is 160 samples at 8000 Hz, 20 ms. The arithmetic is that of the standard, in
//! integers of 16 bits that saturate, so that every sample is the one the standard's own test gives;
//! numbers in brackets are its clauses.

mod frame;
mod synthesis;

pub use frame::{Packing, frames};
pub use synthesis::Decoder;

/// Samples of a frame.
pub const FRAME: usize = 160;

/// What is saturated stays in 16 bits.
fn saturated(value: i32) -> i32 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
}

/// The rounded product of two fractions [mult_r].
fn product(one: i32, other: i32) -> i32 {
    saturated((one * other + 16_384) >> 15)
}
