//! SRTP on one leg: what leaves it, and what comes to it.

use super::SrtpKeys;
use super::statistics::Statistics;
use crate::rtp::srtp::{Receiver, Refused, Sender};

/// Both directions of a leg that is protected.
#[derive(Debug)]
pub(super) struct Security {
    sender: Sender,
    receiver: Receiver,
}

impl Security {
    /// What was agreed, first or anew. A direction whose key stayed goes on: the far side counts on.
    pub fn renewed(before: Option<Self>, keys: SrtpKeys) -> Self {
        let (sender, receiver) = before.map(|before| (before.sender, before.receiver)).unzip();
        let rollovers = receiver.as_ref().map_or(0, Receiver::rollovers);
        let sender = match sender {
            Some(sender) if *sender.keying() == keys.send => sender,
            _ => Sender::new(keys.send),
        };
        let receiver = match receiver {
            Some(receiver) if *receiver.keying() == keys.receive => receiver,
            _ => Receiver::new(keys.receive, rollovers),
        };
        Self { sender, receiver }
    }

    pub fn protect_rtp(&mut self, packet: &[u8]) -> Option<&[u8]> {
        self.sender.rtp(packet)
    }

    pub fn protect_rtcp(&mut self, packet: &[u8]) -> Option<&[u8]> {
        self.sender.rtcp(packet)
    }

    /// Opens a packet in place. Returns how much of it is RTP, or nothing for one that is not to be
    /// believed, which is counted.
    pub fn open_rtp(&mut self, packet: &mut [u8], statistics: &Statistics) -> Option<usize> {
        counted(self.receiver.rtp(packet), statistics)
    }

    /// The same for RTCP.
    pub fn open_rtcp(&mut self, packet: &mut [u8], statistics: &Statistics) -> Option<usize> {
        counted(self.receiver.rtcp(packet), statistics)
    }
}

fn counted(opened: Result<usize, Refused>, statistics: &Statistics) -> Option<usize> {
    match opened {
        Ok(length) => return Some(length),
        Err(Refused::Malformed) => statistics.unusable.add(1),
        Err(Refused::Unauthentic) => statistics.unauthentic.add(1),
        Err(Refused::Replayed) => statistics.replayed.add(1),
    }
    None
}
