//! The server transaction of every request other than INVITE (RFC 3261 17.2.2, figure 8).
//!
//! We answer each of them at once, so the machine begins in the state Completed: its one work is to
//! repeat the answer for as long as the request may come again (timer J).

use std::time::{Duration, Instant};

use crate::sip::transport::Transport;

use super::{OnRequest, OnTimeout, Timer, TimerTable, Timers};

/// The server transaction of BYE, CANCEL, INFO and OPTIONS.
#[derive(Debug)]
pub struct ServerOther {
    timers: TimerTable,
}

impl ServerOther {
    /// Begins with the request and its final response.
    pub fn new(now: Instant, lengths: &Timers, transport: Transport) -> Self {
        let mut timers = TimerTable::default();
        // Timer J: over reliable transport no request comes twice.
        let linger = if transport.is_reliable() { Duration::ZERO } else { lengths.transaction_life() };
        timers.start(Timer::ServerLinger, now + linger);
        Self { timers }
    }

    /// The request has come again.
    pub fn retransmission(&self) -> OnRequest {
        OnRequest::Retransmit
    }

    /// When to call [`Self::timeout`].
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The time has come.
    pub fn timeout(&mut self, now: Instant) -> OnTimeout {
        if self.timers.take_if_due(Timer::ServerLinger, now) {
            OnTimeout::Terminated
        } else {
            OnTimeout::Wait
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_can_be_repeated_for_64_times_t1() {
        let (start, lengths) = (Instant::now(), Timers::default());
        let mut machine = ServerOther::new(start, &lengths, Transport::Udp);
        assert_eq!(machine.retransmission(), OnRequest::Retransmit);
        let end = start + lengths.transaction_life();
        assert_eq!(machine.next_timeout(), Some(end));
        assert_eq!(machine.timeout(end), OnTimeout::Terminated);
    }
}
