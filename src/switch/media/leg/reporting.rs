//! Reports about both directions (RTCP), and what is told of a leg that is not heard or does not hear.

use std::net::SocketAddr;
use std::time::Instant;

use super::Leg;
use crate::rtp::rtcp;
use crate::switch::media::reports::{About, Facts, Told};
use crate::switch::media::watch::{Alarm, Surroundings};
use crate::switch::media::{Clue, MediaEvent};

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

    /// Where the phone is spoken to.
    pub fn remote(&self) -> Option<SocketAddr> {
        self.agreed.as_ref().map(|agreed| agreed.latch.remote())
    }

    /// Where reports go: where the RTP goes if one port carries both, else as signalled, or to the port
    /// beside the one that the RTP was learnt to come from.
    pub fn report_address(&self) -> Option<SocketAddr> {
        let agreed = self.agreed.as_ref()?;
        if agreed.parameters.rtcp_mux {
            return Some(agreed.latch.remote());
        }
        agreed.reports.remote(&agreed.latch, agreed.parameters.remote_rtcp)
    }

    /// A datagram has come to the RTCP port.
    pub fn receive_report(&mut self, now: Instant, datagram: &mut [u8], from: SocketAddr) {
        let own = self.is_of_the_stream(datagram);
        let Some(agreed) = &self.agreed else { return };
        // With one port for both nothing is agreed on that would come here.
        if agreed.parameters.rtcp_mux || !agreed.may_report(from, own) {
            return self.wire.statistics.foreign.add(1);
        }
        let Some(length) = self.wire.open_rtcp(datagram) else { return };
        let Some(agreed) = &mut self.agreed else { return };
        if !agreed.reports.receive(&agreed.latch, agreed.parameters.remote_rtcp, from, own) {
            return self.wire.statistics.foreign.add(1);
        }
        self.read_report(now, datagram.get(..length).unwrap_or_default());
    }

    /// A report has come to the RTP port, as was agreed on (RFC 5761): from where the RTP comes.
    pub(super) fn receive_beside_rtp(&mut self, now: Instant, datagram: &mut [u8], from: SocketAddr) {
        if !self.agreed.as_ref().is_some_and(|agreed| agreed.latch.is_peer(from)) {
            return self.wire.statistics.foreign.add(1);
        }
        let Some(length) = self.wire.open_rtcp(datagram) else { return };
        self.read_report(now, datagram.get(..length).unwrap_or_default());
    }

    /// Whether a report is of the very source whose RTP we receive.
    fn is_of_the_stream(&self, datagram: &[u8]) -> bool {
        let source = rtcp::source(datagram);
        source.is_some() && source == self.received.ssrc()
    }

    fn read_report(&mut self, now: Instant, datagram: &[u8]) {
        let about = About {
            own: self.out.ssrc(),
            theirs: self.received.ssrc(),
            first_sequence: self.out.first_sequence(),
            sent: self.out.sent().0,
        };
        let told = self.reports.receive(now, datagram, &about, &self.wire.statistics);
        if told == Told::Unreadable {
            return self.wire.statistics.unusable.add(1);
        }
        self.watch.heard(now);
        let is_deaf = told == Told::NothingArrives;
        if is_deaf && !self.told_deaf {
            self.wire.statistics.one_way_out.set(1);
            self.tell(MediaEvent::NothingArrives { leg: self.id, clue: self.clue() });
        }
        self.told_deaf = is_deaf;
    }

    /// Tells what there is to tell of a leg that is not heard.
    pub(super) fn look_at_silence(&mut self, now: Instant) {
        let silence = self.watch.longest_silence(now).as_millis();
        self.wire.statistics.longest_silence_ms.set(u64::try_from(silence).unwrap_or(u64::MAX));
        let partner_spoke = self.partner.map(|_| self.partner_spoke);
        let around = Surroundings { partner_spoke, explained: self.reports.explained() };
        let Some(alarm) = self.watch.check(now, &around) else { return };
        let (leg, clue) = (self.id, self.clue());
        if alarm == Alarm::OneWay {
            self.wire.statistics.one_way_in.set(1);
        }
        self.tell(match alarm {
            Alarm::NeverAny => MediaEvent::NeverAnyMedia { leg, clue },
            Alarm::Unheard => MediaEvent::Unheard { leg },
            Alarm::OneWay => MediaEvent::OneWay { leg, clue },
            Alarm::Silent => MediaEvent::Silent { leg, clue },
            Alarm::Timeout => MediaEvent::Timeout { leg },
        });
    }

    fn clue(&self) -> Clue {
        Clue { expected: self.remote(), refused: self.refused }
    }

    fn tell(&self, event: MediaEvent) {
        // The signalling task may be gone already.
        let _ = self.events.send(event);
    }
}
