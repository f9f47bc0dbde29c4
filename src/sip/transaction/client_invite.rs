//! The INVITE client transaction (RFC 3261 17.1.1, figure 5; RFC 6026 7.2 and 8.4).

use std::time::{Duration, Instant};

use crate::sip::transport::Transport;

use super::{OnResponse, OnTimeout, Timer, TimerTable, Timers};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Calling,
    Proceeding,
    /// Refused: acknowledges what is retransmitted.
    Completed,
    /// A 2xx came: every further one goes up, for forks and retransmissions (RFC 6026).
    Accepted,
}

/// The INVITE client transaction.
#[derive(Debug)]
pub struct ClientInvite {
    state: State,
    transport: Transport,
    interval: Duration,
    timers: TimerTable,
    /// How long a final response is waited for after a provisional one; nothing: without end.
    patience: Option<Duration>,
    /// Nobody waits for it any more.
    given_up: bool,
}

impl ClientInvite {
    /// Begins when the INVITE is sent for the first time.
    pub fn new(now: Instant, lengths: &Timers, transport: Transport) -> Self {
        let mut timers = TimerTable::default();
        if !transport.is_reliable() {
            timers.start(Timer::Request, now + lengths.t1);
        }
        timers.start(Timer::NoResponse, now + lengths.timer_b);
        Self {
            state: State::Calling,
            transport,
            interval: lengths.t1,
            timers,
            patience: None,
            given_up: false,
        }
    }

    /// A re-INVITE: there is no other trunk to pass on to, so timer B has the 64*T1 of the RFC; and nobody
    /// is rung, so a provisional response may be followed by silence for no longer than that.
    pub fn within_dialog(now: Instant, lengths: &Timers, transport: Transport) -> Self {
        let life = lengths.transaction_life();
        Self { patience: Some(life), ..Self::new(now, &Timers { timer_b: life, ..*lengths }, transport) }
    }

    /// A response with our branch has come.
    pub fn response(&mut self, now: Instant, status: u16, lengths: &Timers) -> OnResponse {
        match (self.state, status) {
            (State::Calling | State::Proceeding, ..200) => {
                self.state = State::Proceeding;
                self.timers.clear();
                if let Some(patience) = self.patience {
                    self.timers.start(Timer::NoResponse, now + patience);
                }
                OnResponse::Deliver
            }
            (State::Calling | State::Proceeding, 200..300) => {
                self.finish(State::Accepted, now + lengths.transaction_life());
                OnResponse::Deliver
            }
            (State::Calling | State::Proceeding, _) => {
                // Timer D: over reliable transport nothing is sent again.
                let linger =
                    if self.transport.is_reliable() { Duration::ZERO } else { lengths.transaction_life() };
                self.finish(State::Completed, now + linger);
                OnResponse::AcknowledgeAndDeliver
            }
            (State::Completed, 300..) => OnResponse::Acknowledge,
            // A fork may still answer what was refused elsewhere (16.7): it is not left to wait for an ACK.
            (State::Accepted | State::Completed, 200..300) => OnResponse::Deliver,
            (State::Completed | State::Accepted, _) => OnResponse::Absorb,
        }
    }

    /// Nothing but a final response can follow: no retransmission, no timer B.
    pub fn is_proceeding(&self) -> bool {
        self.state == State::Proceeding
    }

    /// Whether nothing has come back yet.
    pub fn is_calling(&self) -> bool {
        self.state == State::Calling
    }

    /// Nobody waits for it any more; what comes back until then still belongs to it. False: it has had a
    /// response, or was given up before.
    pub fn give_up(&mut self, until: Instant) -> bool {
        let waits = self.is_calling() && !self.given_up;
        if waits {
            self.given_up = true;
            self.timers.start(Timer::NoResponse, until);
        }
        waits
    }

    /// When to call [`Self::timeout`].
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The time has come.
    pub fn timeout(&mut self, now: Instant) -> OnTimeout {
        if let Some(end) = self.timers.client_end(now) {
            return end;
        }
        if self.timers.take_if_due(Timer::Request, now) {
            // Timer A doubles without the bound of T2; timer B ends it.
            self.interval = self.interval.saturating_mul(2);
            self.timers.start(Timer::Request, now + self.interval);
            return OnTimeout::Retransmit;
        }
        OnTimeout::Wait
    }

    fn finish(&mut self, state: State, until: Instant) {
        self.state = state;
        self.timers.clear();
        self.timers.start(Timer::ClientLinger, until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(value: f64) -> Duration {
        Duration::from_secs_f64(value)
    }

    #[test]
    fn an_unanswered_invite_is_repeated_at_doubling_intervals_until_timer_b() {
        let (start, lengths) = (Instant::now(), Timers::default());
        let mut machine = ClientInvite::new(start, &lengths, Transport::Udp);
        let mut sent = Vec::new();
        let end = loop {
            let Some(at) = machine.next_timeout() else { panic!("a timer must run") };
            match machine.timeout(at) {
                OnTimeout::Retransmit => sent.push((at - start).as_millis()),
                OnTimeout::TimedOut => break at - start,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(sent, [500, 1500, 3500]);
        assert_eq!(end, lengths.timer_b);
    }

    #[test]
    fn a_provisional_response_ends_the_retransmissions_and_timer_b() {
        let (start, lengths) = (Instant::now(), Timers::default());
        let mut machine = ClientInvite::new(start, &lengths, Transport::Udp);
        assert_eq!(machine.response(start, 100, &lengths), OnResponse::Deliver);
        assert!(machine.is_proceeding());
        assert_eq!(machine.next_timeout(), None);
    }

    #[test]
    fn a_reinvite_has_64_times_t1_and_does_not_wait_behind_a_provisional_response_for_ever() {
        let (start, lengths) = (Instant::now(), Timers::default());
        let mut machine = ClientInvite::within_dialog(start, &lengths, Transport::Udp);
        assert_eq!(machine.timeout(start + lengths.timer_b), OnTimeout::Retransmit);
        assert_eq!(machine.response(start + seconds(10.0), 100, &lengths), OnResponse::Deliver);
        assert_eq!(machine.next_timeout(), Some(start + seconds(42.0)));
        assert_eq!(machine.timeout(start + seconds(42.0)), OnTimeout::TimedOut);
    }

    #[test]
    fn a_refusal_is_delivered_once_and_acknowledged_each_time() {
        let (start, lengths) = (Instant::now(), Timers::default());
        let mut machine = ClientInvite::new(start, &lengths, Transport::Udp);
        assert_eq!(machine.response(start, 486, &lengths), OnResponse::AcknowledgeAndDeliver);
        assert_eq!(machine.response(start, 486, &lengths), OnResponse::Acknowledge);
        assert_eq!(machine.response(start, 200, &lengths), OnResponse::Deliver);
        assert_eq!(machine.response(start, 180, &lengths), OnResponse::Absorb);
        assert_eq!(machine.timeout(start + seconds(32.0)), OnTimeout::Terminated);
    }

    #[test]
    fn every_2xx_is_delivered_until_timer_m() {
        let (start, lengths) = (Instant::now(), Timers::default());
        let mut machine = ClientInvite::new(start, &lengths, Transport::Udp);
        for _ in 0..3 {
            assert_eq!(machine.response(start, 200, &lengths), OnResponse::Deliver);
        }
        assert_eq!(machine.response(start, 486, &lengths), OnResponse::Absorb);
        assert!(!machine.is_calling());
        assert_eq!(machine.timeout(start + seconds(31.9)), OnTimeout::Wait);
        assert_eq!(machine.timeout(start + seconds(32.0)), OnTimeout::Terminated);
    }
}
