//! Reports about both directions (RTCP).

use std::net::SocketAddr;
use std::time::Instant;

use super::Leg;
use crate::switch::media::reports::Facts;

impl Leg {
    pub(super) fn send_report(&mut self, now: Instant) {
        let facts = self.facts(now);
        let to = self.report_address();
        let report = self.reports.next(now, &facts);
        if let Some(to) = to {
            self.wire.send_rtcp(report, to);
        }
    }

    pub(super) fn facts(&mut self, now: Instant) -> Facts {
        Facts {
            ssrc: self.out.ssrc(),
            timestamp: self.out.timestamp(now),
            sent: self.out.sent(),
            reception: self.received.report(),
        }
    }

    /// Where reports go: as signalled, or beside the port the RTP was learnt to come from.
    pub(super) fn report_address(&self) -> Option<SocketAddr> {
        let agreed = self.agreed.as_ref()?;
        if agreed.latch.is_as_signalled() {
            return Some(agreed.parameters.remote_rtcp);
        }
        let remote = agreed.latch.remote();
        Some(SocketAddr::new(remote.ip(), remote.port().checked_add(1)?))
    }
}
