//! Legs that are answered, and what their phones have agreed to; and what a refusal means.

use super::Signalling;
use crate::call::journal::Record;
use crate::call::leg::NotAnswered;
use crate::sip::{self, Agreed, Direction, FailureCause, StoredDialog};
use crate::switch::media::{InBand, Parameters};
use crate::switch::srtp::media_keys;

impl Signalling {
    /// A responder's phone was answered.
    pub(super) fn answered(&mut self, dialog: sip::LegId, media: &Agreed, stored: &StoredDialog) {
        self.configure(dialog, media);
        self.way_works(dialog);
        self.leg_is_up(dialog, stored);
        self.legs.with(dialog, |leg| leg.events.answered());
    }

    /// Writes down what a restart needs to end the leg.
    pub(super) fn leg_is_up(&mut self, dialog: sip::LegId, stored: &StoredDialog) {
        let Some(leg) = self.legs.get(dialog) else { return };
        leg.up = true;
        let (call, leg) = (leg.call, leg.name);
        self.clock_in(dialog);
        match serde_json::to_string(stored) {
            Ok(dialog) => self.journal(Record::LegUp { call, leg, dialog }),
            Err(error) => tracing::error!(%call, %leg, %error, "a dialog could not be written down"),
        }
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
pub(super) fn not_answered(status: u16, reason: &str, cause: FailureCause) -> NotAnswered {
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
