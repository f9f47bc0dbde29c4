//! Hands and ears: SIP and RTP on real sockets.

pub mod clip;
pub mod media;
pub mod prompts;
pub mod recorder;
#[cfg(test)]
mod scratch;
