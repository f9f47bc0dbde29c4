//! The named timers of RFC 3261 table 4 (and of RFC 6026), their lengths, and the table in which
//! one machine keeps those that run.

use std::time::{Duration, Instant};

use super::OnTimeout;

/// The base values all timers are made of. The lengths are those for UDP; over reliable transport
/// nothing is repeated and nothing lingers for repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// T1, the estimate of a round trip (RFC 3261 17.1.1.1: 500 ms).
    pub t1: Duration,
    /// T2, the longest interval between retransmissions of non-INVITE requests and of final answers to INVITE (4 s).
    pub t2: Duration,
    /// T4, how long a message may stay in the network (5 s).
    pub t4: Duration,
    /// Timer B: how long an outbound INVITE may go without any response. Shorter than the 64*T1 of
    /// the RFC, so that a dead trunk is passed over while the caller still waits.
    pub timer_b: Duration,
    /// How long a phone may be alerting after a provisional response before the call to it is given up.
    /// The RFC's timer C (16.6) for somebody who waits at the end of the call instead of in the middle.
    pub timer_c: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            timer_b: Duration::from_secs(6),
            timer_c: Duration::from_secs(240),
        }
    }
}

impl Timers {
    /// 64*T1: the life of a transaction (timers D, F, H, J, L and M), and how long a 2xx waits for its ACK.
    pub fn transaction_life(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// The interval after `interval`: doubled, up to T2.
    pub fn doubled(&self, interval: Duration) -> Duration {
        interval.saturating_mul(2).min(self.t2)
    }
}

/// A timer by its name in the RFC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// Retransmission of the request of a client transaction: A for INVITE, E for the others.
    Request,
    /// The client's patience for a response: B for INVITE, F for the others.
    NoResponse,
    /// How long a finished client transaction absorbs responses: D after a refusal, M after a 2xx
    /// (RFC 6026), K for requests other than INVITE.
    ClientLinger,
    /// G: retransmission of a refusal of an INVITE.
    Refusal,
    /// H: the wait for the ACK of a refusal.
    NoAck,
    /// How long a finished server transaction absorbs requests: I after the ACK, L after a 2xx
    /// (RFC 6026), J for requests other than INVITE.
    ServerLinger,
    /// Retransmission of a 2xx to an INVITE, which the dialog owns (RFC 3261 13.3.1.4).
    Answer,
    /// The dialog's wait for the ACK of its 2xx: 64*T1.
    AnswerAck,
    /// C: the longest time a phone may ring; after a CANCEL, the wait for the last word on the INVITE (9.1).
    Patience,
    /// Retransmission of a reliable provisional response (RFC 3262 3).
    Provisional,
    /// The wait for the PRACK of a reliable provisional response: 64*T1.
    ProvisionalAck,
    /// What the caller's INVITE says in Expires (RFC 3261 13.3.1).
    InviteExpires,
    /// Our refresh of the session (RFC 4028 10), or our next attempt at it.
    Refresh,
    /// The end of a session that nobody has refreshed (RFC 4028 10).
    SessionEnd,
}

const COUNT: usize = 14;

/// The timers of one machine that run at the moment.
#[derive(Debug, Clone, Default)]
pub struct TimerTable {
    deadlines: [Option<Instant>; COUNT],
}

impl TimerTable {
    /// Sets a timer going, or sets it anew.
    pub fn start(&mut self, timer: Timer, deadline: Instant) {
        self.put(timer, Some(deadline));
    }

    /// Stops a timer.
    pub fn stop(&mut self, timer: Timer) {
        self.put(timer, None);
    }

    /// Stops all timers.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// When a timer fires, if it runs.
    pub fn deadline(&self, timer: Timer) -> Option<Instant> {
        self.deadlines.get(timer as usize).copied().flatten()
    }

    /// The end of a client transaction, if it has come: of the patience (timers B and F), or of the time in
    /// which responses are absorbed (D, K and M).
    pub(super) fn client_end(&mut self, now: Instant) -> Option<OnTimeout> {
        if self.take_if_due(Timer::NoResponse, now) {
            self.clear();
            return Some(OnTimeout::TimedOut);
        }
        self.take_if_due(Timer::ClientLinger, now).then_some(OnTimeout::Terminated)
    }

    /// When the first of them fires.
    pub fn next(&self) -> Option<Instant> {
        self.deadlines.iter().flatten().min().copied()
    }

    /// Takes the timer out whose time has come, if it has.
    pub fn take_if_due(&mut self, timer: Timer, now: Instant) -> bool {
        let due = self.deadline(timer).is_some_and(|deadline| deadline <= now);
        if due {
            self.stop(timer);
        }
        due
    }

    fn put(&mut self, timer: Timer, deadline: Option<Instant>) {
        if let Some(slot) = self.deadlines.get_mut(timer as usize) {
            *slot = deadline;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_tells_the_first_deadline_and_gives_each_timer_once() {
        let start = Instant::now();
        let mut table = TimerTable::default();
        assert_eq!(table.next(), None);
        table.start(Timer::SessionEnd, start + Duration::from_secs(9));
        table.start(Timer::Answer, start + Duration::from_secs(3));
        assert_eq!(table.next(), Some(start + Duration::from_secs(3)));
        assert!(!table.take_if_due(Timer::Answer, start + Duration::from_secs(2)));
        assert!(table.take_if_due(Timer::Answer, start + Duration::from_secs(3)));
        assert!(!table.take_if_due(Timer::Answer, start + Duration::from_secs(4)));
        assert_eq!(table.next(), Some(start + Duration::from_secs(9)));
        assert!(
            table.take_if_due(Timer::SessionEnd, start + Duration::from_secs(9)),
            "the last timer has a slot too"
        );
    }

    #[test]
    fn intervals_double_up_to_t2() {
        let timers = Timers::default();
        let mut interval = timers.t1;
        let mut seen = Vec::new();
        for _ in 0..5 {
            seen.push(interval.as_millis());
            interval = timers.doubled(interval);
        }
        assert_eq!(seen, [500, 1000, 2000, 4000, 4000]);
    }
}
