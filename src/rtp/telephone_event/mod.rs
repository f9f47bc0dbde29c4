//! Keys as named events in RTP (RFC 4733), received and sent.

mod receive;
mod send;

pub use receive::{Heard, Receiver};
pub use send::{Outgoing, Sender};

/// The keys by event code (RFC 4733 3.2 table 3).
const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// The event code of a hook flash.
const FLASH: u8 = 16;

/// The payload (RFC 4733 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload {
    /// The event code; 0-15 are the DTMF keys.
    pub event: u8,
    /// E: this packet tells the event's end.
    pub end: bool,
    /// Power of the tone as dBm0 without the sign, 0-63.
    pub volume: u8,
    /// How long the event has lasted, in units of the timestamp.
    pub duration: u16,
}

impl Payload {
    /// Reads the first event of a payload. What follows it (padding, redundant events of RFC 2833)
    /// and the reserved bit mean nothing.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let [event, flags, high, low, ..] = *payload else { return None };
        let duration = u16::from_be_bytes([high, low]);
        Some(Self { event, end: flags & 0x80 != 0, volume: flags & 0x3f, duration })
    }

    /// As it goes on the wire.
    pub fn to_octets(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [self.event, (u8::from(self.end) << 7) | (self.volume & 0x3f), high, low]
    }

    /// Whether it is a flash of the hook (RFC 4733 3.2 table 3): no key, and worth a word to whoever looks.
    pub fn is_flash(&self) -> bool {
        self.event == FLASH
    }

    /// The key, if the event is one.
    pub fn key(&self) -> Option<char> {
        KEYS.get(usize::from(self.event)).copied()
    }
}

/// The event code of a key.
fn event_of(key: char) -> Option<u8> {
    KEYS.iter().position(|known| *known == key).and_then(|code| u8::try_from(code).ok())
}
