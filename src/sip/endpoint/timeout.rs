//! What is due.

use std::time::Instant;

use super::Endpoint;
use super::deadlines::Owner;
use super::event::{Cause, EndCause, Event, FailureCause, LegId};
use super::leg::{Leg, State};
use super::request::Outcome;
use super::transactions::{Kind, Purpose, TransactionId};
use crate::sip::transaction::{OnTimeout, Timer};

impl Endpoint {
    /// Does everything whose time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(owner) = self.deadlines.take_due(now) {
            match owner {
                Owner::Transaction(id) => self.transaction_timeout(now, id),
                Owner::Leg(leg) => self.leg_timeout(now, leg),
                Owner::Registration(trunk) => self.register_timeout(now, trunk),
            }
        }
    }

    fn transaction_timeout(&mut self, now: Instant, id: TransactionId) {
        let lengths = self.config.timers;
        let Some(transaction) = self.transactions.get_mut(id) else { return };
        match transaction.timeout(now, &lengths) {
            OnTimeout::Wait => self.reschedule(id),
            OnTimeout::Retransmit => {
                let (trunk, to, message) = (transaction.trunk, transaction.to, transaction.message.clone());
                self.reschedule(id);
                self.send(trunk, to, message);
            }
            OnTimeout::TimedOut => self.request_failed(now, id, Outcome::Timeout),
            OnTimeout::Terminated => {
                self.remove_transaction(id);
            }
        }
    }

    /// Gives an INVITE up that nothing has come back for, if that is so. It may have arrived all the same,
    /// with only the responses lost, and may not be cancelled before one (RFC 3261 9.1): so one is waited for,
    /// which gets a CANCEL, or an ACK and a BYE. Nobody is rung twice for long.
    pub(super) fn wait_silently(&mut self, now: Instant, id: TransactionId) -> bool {
        let until = now + self.config.timers.transaction_life();
        let Some(transaction) = self.transactions.get_mut(id) else { return false };
        let Kind::ClientInvite { machine, purpose: Purpose::Call(_), .. } = &mut transaction.kind else {
            return false;
        };
        let waits = machine.give_up(until);
        if waits {
            self.reschedule(id);
        }
        waits
    }

    /// Nobody waits for the answer to our INVITE any more.
    pub(super) fn tell_unanswered(&mut self, leg: LegId, entry: &mut Leg) {
        let State::Calling(calling) = &mut entry.state else { return };
        calling.unwanted.get_or_insert(Cause::NoAnswer);
        let (status, reason) = (408, "Request Timeout".to_owned());
        let (cause, more) = (FailureCause::Timeout, Box::default());
        self.tell(entry, Event::Failed { leg, status, reason, cause, more });
        entry.silent = true;
    }

    fn leg_timeout(&mut self, now: Instant, leg: LegId) {
        let Some(mut entry) = self.take(leg) else { return };
        if entry.timers.take_if_due(Timer::AnswerAck, now) {
            return self.give_up(now, leg, entry, EndCause::NoAck);
        }
        if entry.timers.take_if_due(Timer::SessionEnd, now) {
            return self.give_up(now, leg, entry, EndCause::SessionExpired);
        }
        if entry.timers.take_if_due(Timer::ProvisionalAck, now) {
            return self.never_acknowledged(now, leg, entry);
        }
        if entry.timers.take_if_due(Timer::InviteExpires, now) {
            self.tell(&entry, Event::Ended { leg, cause: EndCause::InviteExpired, because: None });
            return self.refuse_incoming(now, leg, entry, 487, None);
        }
        if entry.timers.take_if_due(Timer::Provisional, now) {
            self.repeat_provisional(now, &mut entry);
        }
        if entry.timers.take_if_due(Timer::Refresh, now) {
            self.refresh_session(now, leg, &mut entry);
        }
        if entry.timers.take_if_due(Timer::Answer, now)
            && let State::Up(up) = &mut entry.state
            && let Some(answer) = &mut up.answer
        {
            answer.interval = self.config.timers.doubled(answer.interval);
            entry.timers.start(Timer::Answer, now + answer.interval);
            let (trunk, to, message) = (entry.trunk, answer.to, answer.message.clone());
            self.send(trunk, to, message);
        }
        if entry.timers.take_if_due(Timer::Patience, now)
            && let State::Calling(calling) = &mut entry.state
        {
            let transaction = calling.transaction;
            if calling.cancelled {
                self.keep(leg, entry);
                return self.call_failed(transaction, FailureCause::Timeout);
            }
            self.tell_unanswered(leg, &mut entry);
            if !self.wait_silently(now, transaction) {
                self.send_cancel(now, &mut entry, Cause::NoAnswer);
            }
        }
        self.keep(leg, entry);
    }
}
