//! Responders: from a dial to an answered leg, or to the reason why not.

use std::time::Instant;

use super::Signalling;
use super::legs::LiveLeg;
use crate::call::journal::Record;
use crate::call::leg::{Dial, Gone, LegId, NotAnswered};
use crate::sip::{self, Agreed, Direction, FailureCause, Outgoing, StoredDialog};
use crate::switch::media::{InBand, Parameters};
use crate::switch::srtp::media_keys;
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
    pub(super) fn answered(&mut self, dialog: sip::LegId, media: &Agreed, stored: &StoredDialog) {
        self.configure(dialog, media);
        self.leg_is_up(dialog, stored);
        self.legs.with(dialog, |leg| leg.events.answered());
    }

    /// Writes down what a restart needs to end the leg.
    pub(super) fn leg_is_up(&mut self, dialog: sip::LegId, stored: &StoredDialog) {
        let Some(leg) = self.legs.get(dialog) else { return };
        leg.up = true;
        let (call, leg) = (leg.call, leg.name);
        match serde_json::to_string(stored) {
            Ok(dialog) => self.journal(Record::LegUp { call, leg, dialog }),
            Err(error) => tracing::error!(%call, %leg, %error, "a dialog could not be written down"),
        }
    }

    /// A phone was not answered.
    pub(super) fn failed(&mut self, dialog: sip::LegId, status: u16, reason: &str, cause: FailureCause) {
        let Some(leg) = self.legs.remove(dialog) else { return };
        tracing::info!(call = %leg.call, leg = %leg.name, status, reason, "not answered");
        leg.events.gone(Gone::NotAnswered(not_answered(status, reason, cause)));
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
            srtp: agreed.srtp.as_ref().map(media_keys),
        });
    }
}

/// What a final response means for the chain: busy, declined and no answer lead to the
/// next person, and what blames the number is for the operator to mend.
fn not_answered(status: u16, reason: &str, cause: FailureCause) -> NotAnswered {
    match (cause, status) {
        (FailureCause::Timeout, _) => NotAnswered::Unreachable("the trunk did not answer".to_owned()),
        (FailureCause::Transport, _) => NotAnswered::Unreachable("the trunk could not be reached".to_owned()),
        (FailureCause::NoMedia, _) => {
            NotAnswered::Unreachable("it answered without a codec in common".to_owned())
        }
        (FailureCause::Authentication, _) => {
            NotAnswered::Unreachable(format!("the trunk did not accept our credentials: {status} {reason}"))
        }
        (_, 486 | 600) => NotAnswered::Busy,
        (_, 603 | 607 | 608) => NotAnswered::Declined,
        (_, 408 | 480 | 487) => NotAnswered::NoAnswer,
        (_, 500..=599) => NotAnswered::Unreachable(format!("{status} {reason}")),
        _ => NotAnswered::Rejected { status, reason: reason.to_owned() },
    }
}
