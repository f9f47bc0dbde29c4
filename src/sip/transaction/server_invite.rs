//! The INVITE server transaction (RFC 3261 17.2.1, figure 7; RFC 6026 7.1).

use std::time::{Duration, Instant};

use crate::sip::transport::Transport;

use super::{OnRequest, OnTimeout, Timer, TimerTable, Timers};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Proceeding,
    /// Refused; the refusal is repeated until its ACK.
    Completed,
    /// The refusal has been acknowledged.
    Confirmed,
    /// A 2xx was sent: its retransmission is the dialog's affair, so INVITEs are absorbed (RFC 6026).
    Accepted,
}

/// The INVITE server transaction.
#[derive(Debug)]
pub struct ServerInvite {
    state: State,
    transport: Transport,
    interval: Duration,
    timers: TimerTable,
}

impl ServerInvite {
    /// Begins with the INVITE; the user sends the 100 at once.
    pub fn new(lengths: &Timers, transport: Transport) -> Self {
        Self { state: State::Proceeding, transport, interval: lengths.t1, timers: TimerTable::default() }
    }

    /// The INVITE has come again.
    pub fn retransmission(&self) -> OnRequest {
        match self.state {
            State::Proceeding | State::Completed => OnRequest::Retransmit,
            State::Confirmed | State::Accepted => OnRequest::Absorb,
        }
    }

    /// The user has sent a response. False: it is too late for one, and it must not be sent.
    pub fn respond(&mut self, now: Instant, status: u16, lengths: &Timers) -> bool {
        match (self.state, status) {
            (State::Proceeding, ..200) => true,
            (State::Proceeding, 200..300) => {
                self.state = State::Accepted;
                self.timers.start(Timer::ServerLinger, now + lengths.transaction_life());
                true
            }
            (State::Proceeding, _) => {
                self.state = State::Completed;
                if !self.transport.is_reliable() {
                    self.timers.start(Timer::Refusal, now + lengths.t1);
                }
                self.timers.start(Timer::NoAck, now + lengths.transaction_life());
                true
            }
            _ => false,
        }
    }

    /// An ACK with the INVITE's own branch has come. True: it was the ACK of our refusal.
    pub fn acknowledged(&mut self, now: Instant, lengths: &Timers) -> bool {
        if self.state == State::Completed {
            self.state = State::Confirmed;
            self.timers.clear();
            // Timer I: over reliable transport no ACK comes twice.
            let linger = if self.transport.is_reliable() { Duration::ZERO } else { lengths.t4 };
            self.timers.start(Timer::ServerLinger, now + linger);
        }
        self.state == State::Confirmed
    }

    /// Whether no final response has been sent.
    pub fn is_proceeding(&self) -> bool {
        self.state == State::Proceeding
    }

    /// When to call [`Self::timeout`].
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The time has come.
    pub fn timeout(&mut self, now: Instant, lengths: &Timers) -> OnTimeout {
        if self.timers.take_if_due(Timer::NoAck, now) || self.timers.take_if_due(Timer::ServerLinger, now) {
            return OnTimeout::Terminated;
        }
        if self.timers.take_if_due(Timer::Refusal, now) {
            self.interval = lengths.doubled(self.interval);
            self.timers.start(Timer::Refusal, now + self.interval);
            return OnTimeout::Retransmit;
        }
        OnTimeout::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_repeated_until_its_ack() {
        let (start, lengths) = (Instant::now(), Timers::default());
        let mut machine = ServerInvite::new(&lengths, Transport::Udp);
        assert_eq!(machine.retransmission(), OnRequest::Retransmit);
        assert!(machine.respond(start, 486, &lengths));
        assert_eq!(machine.retransmission(), OnRequest::Retransmit);
        assert_eq!(machine.timeout(start + lengths.t1, &lengths), OnTimeout::Retransmit);
        assert_eq!(machine.next_timeout(), Some(start + lengths.t1 * 3));
        assert!(machine.acknowledged(start + lengths.t1, &lengths));
        assert_eq!(machine.retransmission(), OnRequest::Absorb);
        let end = start + lengths.t1 + lengths.t4;
        assert_eq!(machine.next_timeout(), Some(end));
        assert_eq!(machine.timeout(end, &lengths), OnTimeout::Terminated);
    }

    #[test]
    fn a_refusal_that_is_never_acknowledged_ends_with_timer_h() {
        let (start, lengths) = (Instant::now(), Timers::default());
        let mut machine = ServerInvite::new(&lengths, Transport::Udp);
        assert!(machine.respond(start, 487, &lengths));
        let mut end = None;
        while let Some(at) = machine.next_timeout() {
            match machine.timeout(at, &lengths) {
                OnTimeout::Retransmit => {}
                OnTimeout::Terminated => {
                    end = Some(at - start);
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(end, Some(Duration::from_secs(32)));
    }

    #[test]
    fn after_a_2xx_the_invite_is_absorbed_and_its_ack_is_not_ours() {
        let (start, lengths) = (Instant::now(), Timers::default());
        let mut machine = ServerInvite::new(&lengths, Transport::Udp);
        assert!(machine.respond(start, 180, &lengths));
        assert!(machine.respond(start, 200, &lengths));
        assert!(!machine.respond(start, 487, &lengths), "one final response only");
        assert_eq!(machine.retransmission(), OnRequest::Absorb);
        assert!(!machine.acknowledged(start, &lengths));
        assert_eq!(machine.timeout(start + Duration::from_secs(32), &lengths), OnTimeout::Terminated);
    }
}
