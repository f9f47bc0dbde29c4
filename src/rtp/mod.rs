//! RTP, RTCP and telephone-events as values. No socket, no clock.
//!
//! Every one of these takes what came off the wire as it is: broken, repeated, late or forged.
//! The clock of the RTP timestamps is 8000 Hz throughout (RFC 3551 4.5.14), and time comes in as
//! an argument.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod jitter;
pub mod latch;
pub mod packet;
pub mod quality;
pub mod rtcp;
pub mod sequence;
pub mod srtp;
pub mod telephone_event;

use std::time::Duration;

/// Units of the RTP timestamp in a second (RFC 3551 4.5.14).
pub const CLOCK_RATE: u32 = 8_000;

/// Microseconds in such a unit.
pub const US_PER_UNIT: u64 = 1_000_000 / CLOCK_RATE as u64;

/// A span of time in units of the RTP timestamp, rounded down.
pub fn units(time: Duration) -> u64 {
    let rate = u64::from(CLOCK_RATE);
    let part = u64::from(time.subsec_nanos()) * rate / 1_000_000_000;
    time.as_secs().saturating_mul(rate).saturating_add(part)
}
