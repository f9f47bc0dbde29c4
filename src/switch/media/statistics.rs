//! What a stream counts, for the call record and the metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter or a gauge. One media thread writes it; anybody reads it.
#[derive(Debug, Default)]
pub struct Figure(AtomicU64);

impl Figure {
    /// Its value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(in crate::switch) fn preset(&self, value: u64) {
        self.set(value);
    }

    pub(super) fn add(&self, more: u64) {
        // One writer only: no read-modify-write of the processor is needed.
        self.0.store(self.get().wrapping_add(more), Ordering::Relaxed);
    }

    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// The figures of one stream.
#[derive(Debug, Default)]
pub struct Statistics {
    /// RTP packets accepted.
    pub packets_received: Figure,
    /// Octets of their payload.
    pub octets_received: Figure,
    /// RTP packets sent.
    pub packets_sent: Figure,
    /// Octets of their payload.
    pub octets_sent: Figure,
    /// Packets that the network could not take.
    pub send_failures: Figure,
    /// Packets that never came.
    pub lost: Figure,
    /// Gaps in which they are missing.
    pub gaps: Figure,
    /// Packets that came behind a later one.
    pub late: Figure,
    /// Packets that came twice.
    pub repeated: Figure,
    /// Interarrival jitter of what came, in us.
    pub jitter_us: Figure,
    /// Its mean over all packets, in us.
    pub mean_jitter_us: Figure,
    /// The highest there was, in us.
    pub highest_jitter_us: Figure,
    /// The longest time in ms that no packet came once one had, while the phone was to send.
    pub longest_silence_ms: Figure,
    /// Packets from addresses that have no business here.
    pub foreign: Figure,
    /// Packets from sources not yet proven.
    pub unproven: Figure,
    /// Packets that were broken or of a payload type not agreed.
    pub unusable: Figure,
    /// Packets of a protected stream whose tag was wrong: forged, broken, or under another key.
    pub unauthentic: Figure,
    /// Packets of a protected stream that had come before.
    pub replayed: Figure,
    /// Reports in which the far side tells of what it has received of us.
    pub far_reports: Figure,
    /// Packets that it should have received by then.
    pub far_expected: Figure,
    /// Packets that never reached the far side, by its own reports.
    pub far_lost: Figure,
    /// Interarrival jitter at the far side, by its own reports, in us.
    pub far_jitter_us: Figure,
    /// From us to the far side and back, in us, by its newest report that tells; 0: none did.
    pub round_trip_us: Figure,
    /// 1 once the bridged partner was heard and this leg was not.
    pub one_way_in: Figure,
    /// 1 once the far side has reported that nothing of ours comes.
    pub one_way_out: Figure,
}
