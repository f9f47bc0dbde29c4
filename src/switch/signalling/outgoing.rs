//! Legs that are answered, and what their phones have agreed to.

use super::Signalling;
use crate::rtp;
use crate::sip::{self, Agreed, Direction, StoredDialog};
use crate::switch::media::{InBand, KeyRules, Parameters};
use crate::switch::srtp::media_keys;

impl Signalling {
    /// A responder's phone was answered.
    pub(super) fn answered(&mut self, dialog: sip::LegId, media: &Agreed, stored: StoredDialog) {
        self.configure(dialog, media);
        self.way_works(dialog);
        self.store_leg(dialog, stored);
        self.clock_in(dialog);
        self.legs.with(dialog, |leg| {
            leg.up = true;
            leg.events.answered();
        });
    }

    /// Tells a leg's media thread what offer and answer have come to.
    pub(super) fn configure(&mut self, dialog: sip::LegId, agreed: &Agreed) {
        let standing = self.standing.borrow().clone();
        let Some(leg) = self.legs.get(dialog) else { return };
        let allowed_sources = standing.table.trunks.get(leg.trunk).map_or_else(Vec::new, |known| {
            known.trunk.sources.iter().chain(&known.trunk.media_sources).copied().collect()
        });
        let key_rules = KeyRules {
            event_rate: agreed.telephone_event.map_or(rtp::CLOCK_RATE, |types| types.clock_rate),
            repeated_ends: standing
                .table
                .trunks
                .get(leg.trunk)
                .is_none_or(|known| known.trunk.repeated_key_ends),
        };
        let may_send = matches!(agreed.direction, Direction::SendRecv | Direction::SendOnly);
        let may_receive = matches!(agreed.direction, Direction::SendRecv | Direction::RecvOnly);
        leg.codec = Some(agreed.codec);
        leg.stream.configure(Parameters {
            remote_rtp: agreed.remote_rtp,
            remote_rtcp: agreed.remote_rtcp,
            rtcp_mux: agreed.rtcp_mux,
            codec: agreed.codec,
            packet_time_ms: agreed.packet_time_ms,
            send_payload_type: agreed.send_payload_type,
            receive_payload_type: agreed.receive_payload_type,
            telephone_event: agreed.telephone_event.map(|types| (types.send, types.receive)),
            comfort_noise: agreed.comfort_noise.map(|types| (types.send, types.receive)),
            may_send,
            may_receive,
            allowed_sources,
            // A responder's keys must come from the phone's own signalling, where it has any: a
            // mailbox greeting with a tone in it cannot accept a call.
            in_band: if leg.caller { InBand::AlsoWhenEventsNeverSeen } else { InBand::WhenNoEventsAgreed },
            key_rules,
            srtp: agreed.srtp.as_ref().map(media_keys),
        });
    }
}
