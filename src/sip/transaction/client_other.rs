//! The client transaction of every request other than INVITE (RFC 3261 17.1.2, figure 6).

use std::time::{Duration, Instant};

use crate::sip::transport::Transport;

use super::{OnResponse, OnTimeout, Timer, TimerTable, Timers};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Trying,
    Proceeding,
    Completed,
}

/// The client transaction of every method but INVITE.
#[derive(Debug)]
pub struct ClientOther {
    state: State,
    transport: Transport,
    interval: Duration,
    timers: TimerTable,
}

impl ClientOther {
    /// Begins when the request is sent for the first time.
    pub fn new(now: Instant, lengths: &Timers, transport: Transport) -> Self {
        Self::with_patience(now, lengths, transport, lengths.transaction_life())
    }

    /// The same with another timer F.
    pub fn with_patience(now: Instant, lengths: &Timers, transport: Transport, patience: Duration) -> Self {
        let mut timers = TimerTable::default();
        if !transport.is_reliable() {
            timers.start(Timer::Request, now + lengths.t1);
        }
        timers.start(Timer::NoResponse, now + patience);
        Self { state: State::Trying, transport, interval: lengths.t1, timers }
    }

    /// A response with our branch has come.
    pub fn response(&mut self, now: Instant, status: u16, lengths: &Timers) -> OnResponse {
        match (self.state, status) {
            (State::Completed, _) => OnResponse::Absorb,
            (_, ..200) => {
                self.state = State::Proceeding;
                OnResponse::Deliver
            }
            _ => {
                self.state = State::Completed;
                self.timers.clear();
                // Timer K: over reliable transport no response comes twice.
                let linger = if self.transport.is_reliable() { Duration::ZERO } else { lengths.t4 };
                self.timers.start(Timer::ClientLinger, now + linger);
                OnResponse::Deliver
            }
        }
    }

    /// Whether nothing has come back yet.
    pub fn is_trying(&self) -> bool {
        self.state == State::Trying
    }

    /// When to call [`Self::timeout`].
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The time has come.
    pub fn timeout(&mut self, now: Instant, lengths: &Timers) -> OnTimeout {
        if let Some(end) = self.timers.client_end(now) {
            return end;
        }
        if self.timers.take_if_due(Timer::Request, now) {
            // Once a provisional response has come, the request is repeated every T2 (17.1.2.2).
            self.interval = match self.state {
                State::Proceeding => lengths.t2,
                _ => lengths.doubled(self.interval),
            };
            self.timers.start(Timer::Request, now + self.interval);
            return OnTimeout::Retransmit;
        }
        OnTimeout::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bye_nobody_answers_is_sent_eleven_times_in_32_seconds() {
        let (start, lengths) = (Instant::now(), Timers::default());
        let mut machine = ClientOther::new(start, &lengths, Transport::Udp);
        let mut sent = 1;
        while let Some(at) = machine.next_timeout() {
            match machine.timeout(at, &lengths) {
                OnTimeout::Retransmit => sent += 1,
                OnTimeout::TimedOut => assert_eq!(at - start, Duration::from_secs(32)),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(sent, 11);
    }

    #[test]
    fn a_final_response_is_delivered_once_and_lingers_for_t4() {
        let (start, lengths) = (Instant::now(), Timers::default());
        let mut machine = ClientOther::new(start, &lengths, Transport::Udp);
        assert_eq!(machine.response(start, 200, &lengths), OnResponse::Deliver);
        assert_eq!(machine.response(start, 200, &lengths), OnResponse::Absorb);
        assert_eq!(machine.next_timeout(), Some(start + lengths.t4));
        assert_eq!(machine.timeout(start + lengths.t4, &lengths), OnTimeout::Terminated);
    }

    #[test]
    fn after_a_provisional_response_it_is_repeated_every_t2() {
        let (start, lengths) = (Instant::now(), Timers::default());
        let mut machine = ClientOther::new(start, &lengths, Transport::Udp);
        assert_eq!(machine.response(start, 100, &lengths), OnResponse::Deliver);
        let at = start + lengths.t1;
        assert_eq!(machine.timeout(at, &lengths), OnTimeout::Retransmit);
        assert_eq!(machine.next_timeout(), Some(at + lengths.t2));
    }
}
