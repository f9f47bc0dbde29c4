//! SRTP and SRTCP (RFC 3711) with AES in counter mode and HMAC-SHA1, keyed by the signalling.
//!
//! A [`Sender`] protects what leaves, a [`Receiver`] opens what comes. Nothing that a packet claims is
//! believed before its tag is right: a forged one changes no state, however many there are.

mod cipher;
mod receiver;
mod replay;
mod sender;
#[cfg(test)]
mod tests;

use std::fmt;

pub use receiver::{Receiver, Refused};
pub use sender::Sender;

/// Octets of a master key and its salt together (RFC 4568 6.1).
pub const MASTER: usize = 30;
/// Octets of the tag of SRTCP, in every suite (RFC 3711 5.2).
const SRTCP_TAG: usize = 10;
/// Octets of E and the index at the end of an SRTCP packet (RFC 3711 3.4).
const SRTCP_INDEX: usize = 4;
/// The bit that says that an SRTCP packet is encrypted.
const ENCRYPTED: u32 = 1 << 31;
/// Octets of an SRTCP packet that stay in the clear: the first header and its SSRC.
const SRTCP_CLEAR: usize = 8;

/// A way of protecting (RFC 4568 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// AES_CM_128_HMAC_SHA1_80.
    AesCm128HmacSha1_80,
    /// AES_CM_128_HMAC_SHA1_32: a tag of 4 octets on RTP.
    AesCm128HmacSha1_32,
}

impl Suite {
    /// Octets of the tag of an RTP packet.
    fn tag(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 => 10,
            Self::AesCm128HmacSha1_32 => 4,
        }
    }
}

/// What protects one direction of a stream.
#[derive(Clone, PartialEq, Eq)]
pub struct Keying {
    /// How.
    pub suite: Suite,
    /// The master key, 16 octets, and its salt, 14.
    pub master: [u8; MASTER],
    /// Octets of the name of the key (MKI) before each tag; 0 where the peer sends none.
    pub mki: u8,
}

impl fmt::Debug for Keying {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keying").field("suite", &self.suite).field("mki", &self.mki).finish_non_exhaustive()
    }
}

/// The index of a packet follows from its sequence number and the highest index so far (RFC 3711 3.3.1).
/// Nothing: it would lie before the first packet of all, or beyond the last that a key allows.
fn index(highest: u64, sequence: u16) -> Option<u64> {
    let ahead = i64::from(sequence.wrapping_sub(highest as u16) as i16);
    highest.checked_add_signed(ahead).filter(|index| *index < 1 << 48)
}

/// The sequence number and the SSRC of an RTP packet, and where its payload begins (RFC 3550 5.1).
fn rtp_header(packet: &[u8]) -> Option<(u16, u32, usize)> {
    let first = *packet.first()?;
    if first >> 6 != 2 {
        return None;
    }
    let sequence = u16::from_be_bytes(packet.get(2..4)?.try_into().ok()?);
    let ssrc = u32::from_be_bytes(packet.get(8..12)?.try_into().ok()?);
    let mut header = 12 + 4 * usize::from(first & 0x0f);
    if first & 0x10 != 0 {
        let words = u16::from_be_bytes(packet.get(header + 2..header + 4)?.try_into().ok()?);
        header += 4 + 4 * usize::from(words);
    }
    (header <= packet.len()).then_some((sequence, ssrc, header))
}

/// The SSRC of the sender of an RTCP packet (RFC 3550 6.4).
fn rtcp_ssrc(packet: &[u8]) -> Option<u32> {
    if packet.first()? >> 6 != 2 {
        return None;
    }
    Some(u32::from_be_bytes(packet.get(4..8)?.try_into().ok()?))
}
