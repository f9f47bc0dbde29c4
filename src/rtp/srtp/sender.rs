//! What leaves is protected.

use std::fmt;

use super::cipher::Cipher;
use super::{ENCRYPTED, Keying, SRTCP_CLEAR, SRTCP_TAG, index, rtcp_ssrc, rtp_header};

/// The largest packet that is protected, before and after.
const ROOM: usize = 2_048;

/// Protects the stream of one SSRC. The same key must never protect two of these: whoever hears both
/// could read them (RFC 3711 9.1).
pub struct Sender {
    keying: Keying,
    rtp: Cipher,
    rtcp: Cipher,
    /// The highest index sent.
    highest: Option<u64>,
    /// The next index of SRTCP.
    report: u32,
    buffer: Box<[u8; ROOM]>,
}

impl fmt::Debug for Sender {
    /// Without the keys and without what was said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("keying", &self.keying).finish_non_exhaustive()
    }
}

impl Sender {
    /// A stream that begins. `keying.mki` is of no meaning: we name no keys.
    #[must_use]
    pub fn new(keying: Keying) -> Self {
        let (rtp, rtcp) = (Cipher::rtp(&keying), Cipher::rtcp(&keying));
        Self { keying, rtp, rtcp, highest: None, report: 0, buffer: Box::new([0; ROOM]) }
    }

    /// What it was made of.
    #[must_use]
    pub fn keying(&self) -> &Keying {
        &self.keying
    }

    /// An RTP packet as it is to be sent (RFC 3711 3.1). Nothing: it is none, or too long, or the key has
    /// protected as much as it may.
    pub fn rtp(&mut self, packet: &[u8]) -> Option<&[u8]> {
        let (sequence, ssrc, payload) = rtp_header(packet)?;
        let index = index(self.highest.unwrap_or(u64::from(sequence)), sequence)?;
        let (message, rest) = self.buffer.split_at_mut_checked(packet.len())?;
        message.copy_from_slice(packet);
        self.rtp.apply(ssrc, index, message.get_mut(payload..)?);
        let tag = self.rtp.tag(message, &rollovers(index).to_be_bytes());
        let length = self.keying.suite.tag();
        rest.get_mut(..length)?.copy_from_slice(tag.get(..length)?);
        self.highest = self.highest.max(Some(index));
        self.buffer.get(..packet.len() + length)
    }

    /// An RTCP packet as it is to be sent (RFC 3711 3.4). Nothing: as with [`Self::rtp`].
    pub fn rtcp(&mut self, packet: &[u8]) -> Option<&[u8]> {
        let ssrc = rtcp_ssrc(packet)?;
        let index = self.report;
        if index & ENCRYPTED != 0 {
            return None;
        }
        let (message, rest) = self.buffer.split_at_mut_checked(packet.len())?;
        message.copy_from_slice(packet);
        self.rtcp.apply(ssrc, u64::from(index), message.get_mut(SRTCP_CLEAR..)?);
        let trailer = (index | ENCRYPTED).to_be_bytes();
        let tag = self.rtcp.tag(message, &trailer);
        let (end, rest) = rest.split_at_mut_checked(trailer.len())?;
        end.copy_from_slice(&trailer);
        rest.get_mut(..SRTCP_TAG)?.copy_from_slice(tag.get(..SRTCP_TAG)?);
        self.report += 1;
        self.buffer.get(..packet.len() + trailer.len() + SRTCP_TAG)
    }
}

/// How often the sequence number has begun anew (RFC 3711 3.3.1).
pub(super) fn rollovers(index: u64) -> u32 {
    (index >> 16) as u32
}
