//! The end of a leg, in whatever state it is (RFC 3261 9.1, 15).

use std::time::Instant;

use super::event::{Cause, EndCause, Event, LegId};
use super::leg::{Leg, State};
use super::transactions::{ClientKey, Kind, Purpose, Transaction};
use super::{Endpoint, compose};
use crate::sip::dialog::StoredDialog;
use crate::sip::message::{HeaderName, Method};
use crate::sip::transaction::ClientOther;

impl Endpoint {
    /// Lets go of a leg: a CANCEL (held back until the first provisional response), a BYE (held back
    /// until the ACK of our answer) or a final response. Nothing more is heard of it.
    pub fn hang_up(&mut self, now: Instant, leg: LegId, cause: Cause) {
        self.hush(leg);
        let Some(mut entry) = self.take(leg) else { return };
        entry.silent = true;
        match &mut entry.state {
            State::Incoming(_) => return self.refuse_incoming(now, leg, entry, cause.status(), None),
            State::Calling(calling) if calling.unwanted.is_some() => {}
            State::Calling(calling) => {
                calling.unwanted = Some(cause);
                let transaction = calling.transaction;
                if self.is_proceeding(transaction) {
                    self.send_cancel(now, &mut entry, cause);
                }
            }
            State::Up(up) if up.answer.as_ref().is_some_and(|answer| answer.first) => {
                up.farewell = Some(cause)
            }
            State::Up(_) => self.begin_bye(now, leg, &mut entry, cause.reason()),
            State::Ending(_) => {}
        }
        self.keep(leg, entry);
    }

    /// After a restart: BYE to a leg that was left up.
    pub fn bye_stored(&mut self, now: Instant, dialog: &StoredDialog) {
        self.send_bye(now, dialog, Cause::Internal.reason(), None);
    }

    /// BYE on a leg that is up; the leg lives on until the BYE is answered.
    pub(super) fn begin_bye(&mut self, now: Instant, id: LegId, leg: &mut Leg, reason: Option<&str>) {
        leg.timers.clear();
        let identity = match &leg.state {
            State::Up(up) => up.dialog.identity.clone(),
            State::Ending(dialog) => dialog.identity.clone(),
            State::Incoming(_) | State::Calling(_) => return,
        };
        if let State::Up(up) = &leg.state {
            let dialog = crate::sip::dialog::Dialog {
                identity: identity.clone(),
                remote_sequence: up.dialog.remote_sequence,
            };
            leg.state = State::Ending(Box::new(dialog));
        }
        self.send_bye(now, &identity, reason, Some(id));
    }

    /// BYE in a dialog; with the leg that ends with it.
    pub(super) fn send_bye(
        &mut self,
        now: Instant,
        dialog: &StoredDialog,
        reason: Option<&str>,
        leg: Option<LegId>,
    ) {
        let branch = self.branch();
        let mut request = compose::in_dialog(dialog, Method::Bye, dialog.sequence.saturating_add(1), &branch);
        request.headers.push(HeaderName::UserAgent, self.config.software.as_str());
        if let Some(reason) = reason {
            request.headers.push(HeaderName::Reason, reason);
        }
        let message = request.to_bytes();
        let purpose = leg.map_or(Purpose::Nothing, Purpose::Bye);
        let key = ClientKey { branch, method: Method::Bye };
        let kind = Kind::ClientOther {
            machine: ClientOther::new(now, &self.config.timers, dialog.next_hop.transport),
            key,
            purpose,
        };
        let (trunk, to) = (dialog.trunk, dialog.next_hop);
        self.add_transaction(Transaction { trunk, to, message: message.clone(), kind });
        self.send(trunk, to, message);
    }

    /// Our BYE has been answered, or never will be: either way the leg is over.
    pub(super) fn bye_done(&mut self, leg: LegId) {
        if let Some(entry) = self.take(leg) {
            self.forget(leg, entry);
        }
    }

    /// We hang up on a leg for a reason that its owner has to hear.
    pub(super) fn give_up(&mut self, now: Instant, leg: LegId, mut entry: Leg, cause: EndCause) {
        self.tell(&entry, Event::Ended { leg, cause });
        entry.silent = true;
        let reason = match cause {
            EndCause::NoAck => Some("SIP;cause=408;text=\"No ACK\""),
            EndCause::NoMedia => Some("SIP;cause=488;text=\"Not Acceptable Here\""),
            EndCause::Bye | EndCause::Cancelled => None,
        };
        self.begin_bye(now, leg, &mut entry, reason);
        self.keep(leg, entry);
    }

    fn is_proceeding(&self, id: super::TransactionId) -> bool {
        let kind = self.transactions.get(id).map(|transaction| &transaction.kind);
        matches!(kind, Some(Kind::ClientInvite { machine, .. }) if machine.is_proceeding())
    }
}
