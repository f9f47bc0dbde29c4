//! The two laws of G.711 as the media threads need them.

use std::sync::Arc;

use crate::audio::g711::{
    ALAW_SILENCE, ALAW_TO_ULAW, ULAW_SILENCE, ULAW_TO_ALAW, alaw_to_linear, ulaw_to_linear,
};
use crate::switch::clip::{Clip, FRAME};

/// Frames of 20 ms in one of the laws.
pub(super) type Frames = Arc<[[u8; FRAME]]>;

/// A law of G.711.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum G711 {
    /// A-law.
    Pcma,
    /// u-law.
    Pcmu,
}

impl G711 {
    /// A frame of silence.
    pub(super) fn silence(self) -> [u8; FRAME] {
        match self {
            Self::Pcma => [ALAW_SILENCE; FRAME],
            Self::Pcmu => [ULAW_SILENCE; FRAME],
        }
    }

    /// A clip's frames in this law.
    pub(super) fn frames(self, clip: &Clip) -> &Frames {
        match self {
            Self::Pcma => &clip.pcma,
            Self::Pcmu => &clip.pcmu,
        }
    }

    /// An octet as a linear sample.
    pub(super) fn decode(self, octet: u8) -> i16 {
        match self {
            Self::Pcma => alaw_to_linear(octet),
            Self::Pcmu => ulaw_to_linear(octet),
        }
    }

    /// Turns octets of this law into the other, in place.
    pub(super) fn convert(self, to: Self, octets: &mut [u8]) {
        let table = match (self, to) {
            (Self::Pcma, Self::Pcmu) => &ALAW_TO_ULAW,
            (Self::Pcmu, Self::Pcma) => &ULAW_TO_ALAW,
            _ => return,
        };
        for octet in octets {
            *octet = table.get(usize::from(*octet)).copied().unwrap_or(*octet);
        }
    }
}
