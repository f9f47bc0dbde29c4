//! What comes is authenticated, and opened.

use std::fmt;

use super::cipher::Cipher;
use super::replay::Window;
use super::sender::rollovers;
use super::{ENCRYPTED, Keying, SRTCP_CLEAR, SRTCP_INDEX, SRTCP_TAG, index, rtcp_ssrc, rtp_header};

/// SSRCs that are remembered. A phone has one, and a new one now and then; the oldest is forgotten first.
const MAX_STREAMS: usize = 16;

/// Why a packet is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is too short, or no RTP or RTCP.
    #[error("no SRTP packet")]
    Malformed,
    /// Its tag is wrong: forged, broken, or under another key.
    #[error("the authentication tag is wrong")]
    Unauthentic,
    /// It has come before, or is older than can be told.
    #[error("a repeated packet")]
    Replayed,
}

/// Opens what a phone sends.
pub struct Receiver {
    keying: Keying,
    rtp: Cipher,
    rtcp: Cipher,
    streams: Streams,
    reports: Streams,
    /// The rollover counter under the key before: a phone may go on with it.
    before: u32,
}

impl fmt::Debug for Receiver {
    /// Without the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("keying", &self.keying).finish_non_exhaustive()
    }
}

impl Receiver {
    /// A phone of which nothing has come. `before`: how often its sequence numbers have begun anew under
    /// the key before, 0 for a first key.
    #[must_use]
    pub fn new(keying: Keying, before: u32) -> Self {
        let (rtp, rtcp) = (Cipher::rtp(&keying), Cipher::rtcp(&keying));
        let (streams, reports) = (Streams::default(), Streams::default());
        Self { keying, rtp, rtcp, streams, reports, before }
    }

    /// What it was made of.
    #[must_use]
    pub fn keying(&self) -> &Keying {
        &self.keying
    }

    /// How often the sequence numbers of the stream heard last have begun anew.
    #[must_use]
    pub fn rollovers(&self) -> u32 {
        self.streams.0.last().map_or(self.before, |(_, window)| rollovers(window.newest()))
    }

    /// Opens an RTP packet in place (RFC 3711 3.3). Returns its length without what SRTP added.
    ///
    /// # Errors
    /// It is not to be believed; the packet is as it was.
    pub fn rtp(&mut self, packet: &mut [u8]) -> Result<usize, Refused> {
        let (message, tag) = self.split(packet, self.keying.suite.tag())?;
        let (sequence, ssrc, payload) = rtp_header(message).ok_or(Refused::Malformed)?;
        let index = match self.streams.get(ssrc) {
            Some(window) => {
                let index = index(window.newest(), sequence).ok_or(Refused::Replayed)?;
                if !window.is_new(index) {
                    return Err(Refused::Replayed);
                }
                Some(index).filter(|index| self.is_right(message, *index, tag))
            }
            None => self.first(message, sequence, tag),
        };
        let index = index.ok_or(Refused::Unauthentic)?;
        self.streams.note(ssrc, index);
        let length = message.len();
        self.rtp.apply(ssrc, index, packet.get_mut(payload..length).ok_or(Refused::Malformed)?);
        Ok(length)
    }

    /// The index of the first packet that comes of an SSRC. Its counter is 0, or 1 if those before a wrap
    /// were lost, or goes on where it was under the key before.
    fn first(&self, message: &[u8], sequence: u16, tag: &[u8]) -> Option<u64> {
        let wrapped = u32::from(sequence < 1 << 15);
        let mut counters = [0, wrapped, self.before, self.before.saturating_add(wrapped)];
        counters.sort_unstable();
        let mut last = None;
        counters.into_iter().find_map(|counter| {
            if last.replace(counter) == Some(counter) {
                return None;
            }
            let index = u64::from(counter) << 16 | u64::from(sequence);
            self.is_right(message, index, tag).then_some(index)
        })
    }

    fn is_right(&self, message: &[u8], index: u64, tag: &[u8]) -> bool {
        self.rtp.is_right(message, &rollovers(index).to_be_bytes(), tag)
    }

    /// Opens an RTCP packet in place (RFC 3711 3.4). Returns its length without what SRTCP added.
    ///
    /// # Errors
    /// It is not to be believed; the packet is as it was.
    pub fn rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Refused> {
        let (signed, tag) = self.split(packet, SRTCP_TAG)?;
        let length = signed.len().checked_sub(SRTCP_INDEX).filter(|length| *length >= SRTCP_CLEAR);
        let length = length.ok_or(Refused::Malformed)?;
        let ssrc = rtcp_ssrc(signed).ok_or(Refused::Malformed)?;
        let trailer = signed.get(length..).and_then(|trailer| trailer.try_into().ok());
        let trailer = u32::from_be_bytes(trailer.ok_or(Refused::Malformed)?);
        let index = u64::from(trailer & !ENCRYPTED);
        if self.reports.get(ssrc).is_some_and(|window| !window.is_new(index)) {
            return Err(Refused::Replayed);
        }
        if !self.rtcp.is_right(signed, &[], tag) {
            return Err(Refused::Unauthentic);
        }
        self.reports.note(ssrc, index);
        if trailer & ENCRYPTED != 0 {
            let body = packet.get_mut(SRTCP_CLEAR..length).ok_or(Refused::Malformed)?;
            self.rtcp.apply(ssrc, index, body);
        }
        Ok(length)
    }

    /// What the tag is over, and the tag. Between them is the name of the key, which nothing signs.
    fn split<'a>(&self, packet: &'a [u8], tag: usize) -> Result<(&'a [u8], &'a [u8]), Refused> {
        let at = packet.len().checked_sub(tag).ok_or(Refused::Malformed)?;
        let (rest, tag) = packet.split_at_checked(at).ok_or(Refused::Malformed)?;
        let end = rest.len().checked_sub(usize::from(self.keying.mki)).ok_or(Refused::Malformed)?;
        Ok((rest.get(..end).ok_or(Refused::Malformed)?, tag))
    }
}

/// What has come of each SSRC, the one heard last at the end.
#[derive(Debug, Default)]
struct Streams(Vec<(u32, Window)>);

impl Streams {
    fn get(&self, ssrc: u32) -> Option<&Window> {
        self.0.iter().rev().find(|(known, _)| *known == ssrc).map(|(_, window)| window)
    }

    /// An authentic packet has come.
    fn note(&mut self, ssrc: u32, index: u64) {
        let Some(at) = self.0.iter().position(|(known, _)| *known == ssrc) else {
            if self.0.len() >= MAX_STREAMS {
                self.0.remove(0);
            }
            return self.0.push((ssrc, Window::new(index)));
        };
        if let Some(known) = self.0.get_mut(at..) {
            known.rotate_left(1);
        }
        if let Some((_, window)) = self.0.last_mut() {
            window.note(index);
        }
    }
}
