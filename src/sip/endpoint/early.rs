//! Dialogs before the answer (RFC 3261 12.1.2, 13.2.2.1): one for each phone that has sent a provisional
//! response to our INVITE, and the PRACK of those that must be acknowledged (RFC 3262 4).

use std::time::Instant;

use super::leg::{Calling, Early, Leg, State};
use super::request::next_in_dialog;
use super::transactions::{Kind, Purpose, TransactionId};
use super::uac::{established, to_tag};
use super::{Endpoint, LegId, media};
use crate::sip::dialog::Dialog;
use crate::sip::header::CSeq;
use crate::sip::message::{HeaderName, Headers, Method, Request, Response};
use crate::sip::scan;
use crate::sip::validate;

/// How many phones one INVITE may reach before more of them get no dialog.
const MAX_EARLY: usize = 16;

/// What a provisional response is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provisional {
    /// It is news.
    New,
    /// A reliable one that came before, or out of its turn: neither acknowledged nor told (RFC 3262 4).
    Repeated,
}

impl Endpoint {
    /// Takes what a provisional response says of its phone. A reliable one is acknowledged in its turn.
    pub(super) fn early_response(
        &mut self,
        now: Instant,
        id: LegId,
        leg: &mut Leg,
        response: &Response,
    ) -> Provisional {
        let State::Calling(calling) = &mut leg.state else { return Provisional::New };
        let Some(tag) = to_tag(response).filter(|_| response.status > 100) else { return Provisional::New };
        if response.status == 199 {
            // RFC 6228: this phone no longer rings.
            calling.early.retain(|early| early.dialog.identity.remote_tag != tag);
            return Provisional::Repeated;
        }
        let transaction = calling.transaction;
        let mut negotiation = calling.negotiation.clone();
        let Some(early) = self.early_dialog(transaction, calling, &tag, response) else {
            return Provisional::New;
        };
        let sdp = media::in_response(response);
        let Some(number) = reliable_number(response) else {
            early.sdp = sdp.map(<[u8]>::to_vec).or(early.sdp.take());
            return Provisional::New;
        };
        if early.reliable.is_some_and(|last| number != last.wrapping_add(1)) {
            return Provisional::Repeated;
        }
        early.reliable = Some(number);
        if let (Some(sdp), None) = (sdp, &early.negotiation) {
            early.negotiation = negotiation.accept(sdp).is_ok().then_some(negotiation);
        }
        self.acknowledge_provisional(now, id, leg, &tag, number);
        Provisional::New
    }

    /// The dialog of a phone, begun by this response if there is none.
    fn early_dialog<'a>(
        &self,
        transaction: TransactionId,
        calling: &'a mut Calling,
        tag: &str,
        response: &Response,
    ) -> Option<&'a mut Early> {
        let known = calling.early.iter().position(|early| early.dialog.identity.remote_tag == tag);
        let at = match known {
            Some(at) => at,
            None if calling.early.len() >= MAX_EARLY => return None,
            None => {
                let transaction = self.transactions.get(transaction)?;
                let Kind::ClientInvite { invite, .. } = &transaction.kind else { return None };
                let identity = established(invite, response, transaction.trunk, transaction.to)?;
                let dialog = Dialog { identity, remote_sequence: None };
                calling.early.push(Early { dialog, reliable: None, sdp: None, negotiation: None });
                calling.early.len().checked_sub(1)?
            }
        };
        calling.early.get_mut(at)
    }

    fn acknowledge_provisional(&mut self, now: Instant, id: LegId, leg: &mut Leg, tag: &str, number: u32) {
        let State::Calling(calling) = &mut leg.state else { return };
        let Some(invited) = self.transactions.get(calling.transaction).and_then(sequence_of) else { return };
        let found = calling.early.iter_mut().find(|early| early.dialog.identity.remote_tag == tag);
        let Some(early) = found else { return };
        let identity = &mut early.dialog.identity;
        let mut request = next_in_dialog(identity, Method::Prack, &self.config.software);
        request.headers.push(HeaderName::RAck, format!("{number} {invited} INVITE"));
        let (trunk, hop) = (identity.trunk, identity.next_hop);
        self.send_request(now, trunk, hop, request, Purpose::Prack(id));
    }
}

/// The dialog of a phone that has answered goes on where its early dialog was.
pub(super) fn take_early(calling: &mut Calling, tag: &str) -> Option<Early> {
    let at = calling.early.iter().position(|early| early.dialog.identity.remote_tag == tag)?;
    Some(calling.early.swap_remove(at))
}

fn sequence_of(transaction: &super::Transaction) -> Option<u32> {
    let Kind::ClientInvite { invite, .. } = &transaction.kind else { return None };
    sequence(invite)
}

fn sequence(request: &Request) -> Option<u32> {
    let CSeq { number, .. } = request.headers.cseq().ok()??;
    Some(number)
}

/// RSeq of a response that has to be acknowledged (RFC 3262 4).
fn reliable_number(response: &Response) -> Option<u32> {
    let number = response.headers.get(&HeaderName::RSeq).and_then(scan::number)?;
    requires_reliable(&response.headers).then_some(number)
}

/// Whether `Require: 100rel` stands there.
pub(super) fn requires_reliable(headers: &Headers) -> bool {
    let tags = headers.require().unwrap_or_default();
    tags.iter().any(|tag| tag.eq_ignore_ascii_case(validate::RELIABLE))
}
