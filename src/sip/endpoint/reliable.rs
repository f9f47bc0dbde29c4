//! Our provisional responses to a caller who wants them acknowledged (RFC 3262 3). They carry no SDP, so our
//! answer never has to wait for a PRACK.

use std::time::Instant;

use super::early::requires_reliable;
use super::event::{EndCause, Event, LegId, Peer};
use super::leg::{Leg, Reliable, State};
use super::receive::Facts;
use super::{Endpoint, compose, media};
use crate::sip::message::{HeaderName, Request};
use crate::sip::scan;
use crate::sip::transaction::Timer;
use crate::sip::validate;

/// RSeq begins below this (RFC 3262 3 allows up to 2^31 - 1).
const FIRST_RSEQ: u64 = 1 << 16;

impl Endpoint {
    /// Tells the caller that it rings (180), once. A caller who wants provisional responses to be
    /// acknowledged, but has left the offer to us, hears none: the first of them would have to be our offer
    /// (RFC 3262 5), and that stands in the 200.
    pub fn ring(&mut self, now: Instant, leg: LegId) {
        let Some(mut entry) = self.take(leg) else { return };
        let State::Incoming(incoming) = &entry.state else { return self.keep(leg, entry) };
        let is_reliable = requires_reliable(&incoming.request.headers);
        if is_reliable && (entry.reliable.is_some() || media::in_request(&incoming.request).is_none()) {
            return self.keep(leg, entry);
        }
        let (tag, transport) = (entry.key.local_tag.clone(), incoming.source.transport);
        let contact = compose::contact(&entry.contact_user, entry.contact, transport);
        let mut response = compose::response(&incoming.request, 180, &tag, &self.config.software);
        compose::begin_dialog(&mut response, &incoming.request, contact);
        let transaction = incoming.transaction;
        if is_reliable {
            let number = u32::try_from(self.random_below(FIRST_RSEQ)).unwrap_or_default().saturating_add(1);
            response.headers.push(HeaderName::Require, validate::RELIABLE);
            response.headers.push(HeaderName::RSeq, number.to_string());
            let sequence = response.headers.cseq().ok().flatten().map_or(0, |cseq| cseq.number);
            let (message, interval) = (response.to_bytes(), self.config.timers.t1);
            entry.reliable = Some(Reliable { number, sequence, message, interval });
            entry.timers.start(Timer::Provisional, now + interval);
            entry.timers.start(Timer::ProvisionalAck, now + self.config.timers.transaction_life());
        }
        self.keep(leg, entry);
        self.respond_invite(now, transaction, &response);
    }

    /// The 180 has not been acknowledged yet: once more, at doubling intervals.
    pub(super) fn repeat_provisional(&mut self, now: Instant, leg: &mut Leg) {
        let State::Incoming(incoming) = &leg.state else { return };
        let (trunk, to) = (leg.trunk, incoming.source);
        let Some(reliable) = &mut leg.reliable else { return };
        reliable.interval = reliable.interval.saturating_mul(2);
        leg.timers.start(Timer::Provisional, now + reliable.interval);
        let message = reliable.message.clone();
        self.send(trunk, to, message);
    }

    /// No PRACK in 64*T1 (RFC 3262 3): the INVITE is refused with a 5xx.
    pub(super) fn never_acknowledged(&mut self, now: Instant, id: LegId, leg: Leg) {
        self.tell(&leg, Event::Ended { leg: id, cause: EndCause::NoPrack, because: None });
        self.refuse_incoming(now, id, leg, 504, None);
    }

    /// PRACK: 200 when it names our provisional response, also when it comes behind our answer; else 481
    /// (RFC 3262 3).
    pub(super) fn prack_received(
        &mut self,
        now: Instant,
        peer: Peer,
        leg: LegId,
        request: &Request,
        facts: &Facts,
    ) {
        let Some(mut entry) = self.take(leg) else { return };
        let named = request.headers.get(&HeaderName::RAck).and_then(read_rack);
        let found = entry.reliable.as_ref().is_some_and(|ours| named == Some((ours.number, ours.sequence)));
        if found {
            entry.timers.stop(Timer::Provisional);
            entry.timers.stop(Timer::ProvisionalAck);
        }
        self.keep(leg, entry);
        let status = if found { 200 } else { 481 };
        let response = compose::response(request, status, "", &self.config.software);
        self.answer_request(now, peer, request, facts, &response);
    }
}

/// RAck (RFC 3262 7.2): RSeq, CSeq number and method, which has to be INVITE.
fn read_rack(value: &[u8]) -> Option<(u32, u32)> {
    let mut parts = value.split(|octet| scan::is_space(*octet)).filter(|part| !part.is_empty());
    let (number, sequence) = (scan::number(parts.next()?)?, scan::number(parts.next()?)?);
    (parts.next()? == b"INVITE" && parts.next().is_none()).then_some((number, sequence))
}
