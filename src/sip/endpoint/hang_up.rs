//! The end of a leg, in whatever state it is (RFC 3261 9.1, 15).

use std::time::Instant;

use super::event::{Cause, EndCause, Event, LegId};
use super::leg::{Leg, State};
use super::request::next_in_dialog;
use super::transactions::{Kind, Purpose};
use super::{Endpoint, compose};
use crate::sip::dialog::{Dialog, StoredDialog};
use crate::sip::message::Method;

/// How far the CSeq number of a BYE after a restart lies above the stored one: the requests sent since
/// it was written down are not known, and gaps are allowed (RFC 3261 12.2.2).
const SEQUENCE_LEAP: u32 = 1 << 16;

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
            State::Up(_) => self.begin_bye(now, leg, &mut entry, cause.reasons()),
            State::Ending(_) => {}
        }
        self.keep(leg, entry);
    }

    /// After a restart: BYE to a leg that was left up.
    pub fn bye_stored(&mut self, now: Instant, dialog: &StoredDialog) {
        let mut dialog = dialog.clone();
        dialog.sequence = dialog.sequence.saturating_add(SEQUENCE_LEAP);
        self.send_bye(now, &mut dialog, Cause::Internal.reasons(), None);
    }

    /// BYE on a leg that is up; the leg lives on until the BYE is answered.
    pub(super) fn begin_bye(&mut self, now: Instant, id: LegId, leg: &mut Leg, reasons: &[&str]) {
        leg.timers.clear();
        if let State::Up(up) = &leg.state {
            let dialog =
                Dialog { identity: up.dialog.identity.clone(), remote_sequence: up.dialog.remote_sequence };
            leg.state = State::Ending(Box::new(dialog));
        }
        if let State::Ending(dialog) = &mut leg.state {
            self.send_bye(now, &mut dialog.identity, reasons, Some(id));
        }
    }

    /// BYE in a dialog; with the leg that ends with it.
    pub(super) fn send_bye(
        &mut self,
        now: Instant,
        dialog: &mut StoredDialog,
        reasons: &[&str],
        leg: Option<LegId>,
    ) {
        let mut request = next_in_dialog(dialog, Method::Bye, &self.config.software);
        compose::with_reasons(&mut request.headers, reasons);
        let purpose = leg.map_or(Purpose::Nothing, Purpose::Bye);
        self.send_request(now, dialog.trunk, dialog.next_hop, request, purpose);
    }

    /// Our BYE has been answered, or never will be: either way the leg is over.
    pub(super) fn bye_done(&mut self, leg: LegId) {
        if let Some(entry) = self.take(leg) {
            self.forget(leg, entry);
        }
    }

    /// We hang up on a leg for a reason that its owner has to hear.
    pub(super) fn give_up(&mut self, now: Instant, leg: LegId, mut entry: Leg, cause: EndCause) {
        self.tell(&entry, Event::Ended { leg, cause, because: None });
        entry.silent = true;
        self.begin_bye(now, leg, &mut entry, cause.reasons());
        self.keep(leg, entry);
    }

    fn is_proceeding(&self, id: super::TransactionId) -> bool {
        let kind = self.transactions.get(id).map(|transaction| &transaction.kind);
        matches!(kind, Some(Kind::ClientInvite { machine, .. }) if machine.is_proceeding())
    }
}
