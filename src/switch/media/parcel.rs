//! Our own audio between the frames it is made in and the packets the phone wants.

use crate::switch::clip::FRAME;

/// The longest payload we send, in octets: 60 ms.
pub(super) const LONGEST: usize = 3 * FRAME;

/// The octets of a time in ms, in any of our codecs.
pub(super) fn octets_in(ms: u16) -> usize {
    usize::from(ms) * 8
}

/// Audio that is not sent yet: less than a packet and a frame.
#[derive(Debug)]
pub(super) struct Parcel {
    octets: [u8; LONGEST + FRAME],
    len: usize,
}

impl Default for Parcel {
    fn default() -> Self {
        Self { octets: [0; LONGEST + FRAME], len: 0 }
    }
}

impl Parcel {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds a frame, while there is room for it.
    pub fn push(&mut self, frame: &[u8; FRAME]) {
        if let Some(place) = self.octets.get_mut(self.len..self.len + FRAME) {
            place.copy_from_slice(frame);
            self.len += FRAME;
        }
    }

    /// Takes the first `wanted` octets, at most [`LONGEST`] and what there is.
    pub fn take(&mut self, wanted: usize) -> Self {
        let wanted = wanted.min(self.len).min(LONGEST);
        let taken = Self { octets: self.octets, len: wanted };
        self.octets.copy_within(wanted..self.len, 0);
        self.len -= wanted;
        taken
    }

    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}
