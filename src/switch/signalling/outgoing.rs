//! Responders: from a dial to an answered leg, or to the reason why not.

use std::time::Instant;

use super::Signalling;
use super::legs::LiveLeg;
use crate::call::leg::{Dial, Gone, LegId, NotAnswered};
use crate::sip::reason::Protocol;
use crate::sip::{self, Agreed, Direction, FailureCause, Outgoing, Refusal, StoredDialog};
use crate::switch::media::{InBand, Parameters};
use crate::switch::table::{HeldSlots, Table};

impl Signalling {
    /// Rings a phone over the first trunk that may.
    pub(super) fn dial(&mut self, dial: Dial) {
        let events = dial.events.clone();
        if let Err(why) = self.try_dial(dial) {
            events.gone(Gone::NotAnswered(NotAnswered::Unreachable(why)));
        }
    }

    fn try_dial(&mut self, dial: Dial) -> Result<(), String> {
        let table = self.standing.borrow().table.clone();
        let (trunk, to) = table.route(&dial.trunks, &dial.phone)?;
        let slots = self.more_slots(&table, trunk, dial.beside)?;
        // Both legs of a call live on one media thread.
        let stream = self
            .media
            .open(dial.call.0, dial.leg, self.media_events_from.clone(), dial.events.clone())
            .map_err(|error| error.to_string())?;
        let mut media = self.local_media(trunk, stream.rtp_port()).ok_or("the trunk has been removed")?;
        if let Some(codec) = self.legs.named(dial.beside).and_then(|caller| caller.codec) {
            // First what the caller speaks, so that nothing has to be converted.
            media.codecs.sort_by_key(|ours| *ours != codec);
        }
        let known = table.trunks.get(trunk).ok_or("the trunk has been removed")?;
        let domain = table.profiles().get(trunk).map(|profile| profile.domain.clone());
        let request_uri = known.trunk.request_uri(&dial.phone, &domain.unwrap_or_default());
        tracing::info!(call = %dial.call, leg = %dial.leg, %request_uri, %to, "ringing");
        let library = match self.legs.named(dial.beside) {
            Some(caller) => caller.library.clone(),
            None => self.standing.borrow().library.clone(),
        };
        let mut outgoing = Outgoing::new(trunk, to, request_uri, media);
        outgoing.from_user = dial.caller_id.as_ref().map(|number| known.trunk.written(number));
        let own = dial.own_number.as_ref().map(|number| known.trunk.written(number));
        outgoing.own_user = own.filter(|own| outgoing.from_user.as_ref() != Some(own));
        let dialog = self.endpoint.invite(Instant::now(), outgoing);
        let leg = LiveLeg {
            name: dial.leg,
            call: dial.call,
            trunk,
            events: dial.events,
            stream,
            library,
            caller: false,
            codec: None,
            up: false,
            stored: false,
            answered: None,
            released: false,
            slots,
        };
        self.legs.insert(dialog, leg);
        Ok(())
    }

    /// A slot on the trunk, unless it is the one that was reserved when the caller was let in.
    fn more_slots(&self, table: &Table, trunk: usize, caller: LegId) -> Result<Option<HeldSlots>, String> {
        let Some(known) = table.trunks.get(trunk) else { return Ok(None) };
        let name = known.trunk.name.as_str();
        let reserved = self.legs.named(caller).filter(|leg| leg.caller).and_then(|leg| leg.slots.as_ref());
        if reserved.is_some_and(|slots| slots.outbound() == Some(name)) {
            return Ok(None);
        }
        let taken = self.slots.take(&[(name, known.trunk.max_calls)]);
        taken.map(Some).ok_or_else(|| format!("max_calls of the trunk `{name}` is reached"))
    }

    /// A responder's phone was answered.
    pub(super) fn answered(&mut self, dialog: sip::LegId, media: &Agreed, stored: StoredDialog) {
        self.configure(dialog, media);
        self.store_leg(dialog, stored);
        self.legs.with(dialog, |leg| {
            leg.up = true;
            leg.events.answered();
        });
    }

    /// A phone was not answered.
    pub(super) fn failed(&mut self, dialog: sip::LegId, failure: &Failure) {
        let Some(leg) = self.legs.remove(dialog) else { return };
        let (status, reason) = (failure.status, failure.in_words());
        tracing::info!(call = %leg.call, leg = %leg.name, status, reason, "not answered");
        leg.events.gone(Gone::NotAnswered(not_answered(failure)));
    }

    /// Tells a leg's media thread what offer and answer have come to.
    pub(super) fn configure(&mut self, dialog: sip::LegId, agreed: &Agreed) {
        let standing = self.standing.borrow().clone();
        let Some(leg) = self.legs.get(dialog) else { return };
        let allowed_sources = standing.table.trunks.get(leg.trunk).map_or_else(Vec::new, |known| {
            known.trunk.sources.iter().chain(&known.trunk.media_sources).copied().collect()
        });
        let may_send = matches!(agreed.direction, Direction::SendRecv | Direction::SendOnly);
        let may_receive = matches!(agreed.direction, Direction::SendRecv | Direction::RecvOnly);
        leg.codec = Some(agreed.codec);
        leg.stream.configure(Parameters {
            remote_rtp: agreed.remote_rtp,
            remote_rtcp: agreed.remote_rtcp,
            codec: agreed.codec,
            packet_time_ms: agreed.packet_time_ms,
            send_payload_type: agreed.send_payload_type,
            receive_payload_type: agreed.receive_payload_type,
            telephone_event: agreed.telephone_event.map(|types| (types.send, types.receive)),
            may_send,
            may_receive,
            allowed_sources,
            // A responder's keys must come from the phone's own signalling, where it has any: a
            // mailbox greeting with a tone in it cannot accept a call.
            in_band: if leg.caller { InBand::AlsoWhenEventsNeverSeen } else { InBand::WhenNoEventsAgreed },
        });
    }
}

/// What became of an INVITE that was not answered.
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) reason: String,
    pub(super) cause: FailureCause,
    pub(super) more: Box<Refusal>,
}

impl Failure {
    /// The reason phrase, with what the telephone network says, and where a redirection points.
    fn in_words(&self) -> String {
        let mut words = self.reason.clone();
        if let Some(because) = &self.more.because {
            words.push_str(&format!(" ({because})"));
        }
        if let Some(target) = &self.more.redirected_to {
            words.push_str(&format!(" (it points to {target}, which is not called)"));
        }
        words
    }

    /// The Q.850 cause, where the network has named one that means more than its status. A cause that only
    /// says that the call was cleared means nothing.
    fn q850(&self) -> Option<u16> {
        let because = self.more.because.as_ref().filter(|because| because.protocol == Protocol::Q850)?;
        Some(because.cause).filter(|cause| !matches!(cause, 16 | 31 | 127))
    }
}

/// What a final response means for the chain: busy, declined and no answer lead to the
/// next person, and what blames the number is for the operator to mend. A Q.850 cause knows better than
/// the status that some gateway has made of it.
fn not_answered(failure: &Failure) -> NotAnswered {
    let status = failure.status;
    match failure.cause {
        FailureCause::Timeout => return NotAnswered::Unreachable("the trunk did not answer".to_owned()),
        FailureCause::Transport => {
            return NotAnswered::Unreachable("the trunk could not be reached".to_owned());
        }
        FailureCause::NoMedia => {
            return NotAnswered::Unreachable("it answered without a codec in common".to_owned());
        }
        FailureCause::Authentication => {
            let why = failure.in_words();
            let why = format!("the trunk did not accept our credentials: {status} {why}");
            return NotAnswered::Unreachable(why);
        }
        FailureCause::Response | FailureCause::Cancelled => {}
    }
    match (failure.q850(), status) {
        (Some(17), _) => NotAnswered::Busy,
        (Some(18..=20), _) => NotAnswered::NoAnswer,
        // 21 also comes with the refusals of carriers (403), which the operator must see.
        (Some(21), 480 | 486 | 600 | 603) => NotAnswered::Declined,
        (Some(1 | 3 | 22 | 28), 400..=599) => NotAnswered::Rejected { status, reason: failure.in_words() },
        (Some(27 | 34 | 38 | 41 | 42 | 44 | 47), 400..=599) => {
            NotAnswered::Unreachable(format!("{status} {}", failure.in_words()))
        }
        (_, 486 | 600) => NotAnswered::Busy,
        (_, 603 | 607 | 608) => NotAnswered::Declined,
        (_, 408 | 480 | 487) => NotAnswered::NoAnswer,
        (_, 500..=599) => NotAnswered::Unreachable(format!("{status} {}", failure.in_words())),
        _ => NotAnswered::Rejected { status, reason: failure.in_words() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Reason;

    fn failure(status: u16, q850: Option<u16>) -> Failure {
        let because = q850.map(|cause| Reason::new(Protocol::Q850, cause));
        let more = Box::new(Refusal { because, ..Refusal::default() });
        Failure { status, reason: "No".to_owned(), cause: FailureCause::Response, more }
    }

    #[test]
    fn the_cause_in_the_telephone_network_counts_more_than_the_status_made_of_it() {
        for (status, cause, expected) in [
            (486, None, NotAnswered::Busy),
            (480, None, NotAnswered::NoAnswer),
            (603, None, NotAnswered::Declined),
            (503, Some(17), NotAnswered::Busy),
            (500, Some(19), NotAnswered::NoAnswer),
            (480, Some(21), NotAnswered::Declined),
            (480, Some(16), NotAnswered::NoAnswer),
            (486, Some(127), NotAnswered::Busy),
        ] {
            assert_eq!(not_answered(&failure(status, cause)), expected, "{status} {cause:?}");
        }
        let unallocated = not_answered(&failure(480, Some(1)));
        let reason = "No (Q.850 cause 1, unallocated number)".to_owned();
        assert_eq!(unallocated, NotAnswered::Rejected { status: 480, reason });
        let congested = not_answered(&failure(480, Some(42)));
        let why = "480 No (Q.850 cause 42, switching equipment congestion)".to_owned();
        assert_eq!(congested, NotAnswered::Unreachable(why));
    }

    #[test]
    fn a_redirection_is_told_and_not_called() {
        let mut moved = failure(302, None);
        moved.more.redirected_to = Some("sip:+88299@premium.test".to_owned());
        let reason = "No (it points to sip:+88299@premium.test, which is not called)".to_owned();
        assert_eq!(not_answered(&moved), NotAnswered::Rejected { status: 302, reason });
    }
}
