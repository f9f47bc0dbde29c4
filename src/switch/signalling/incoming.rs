//! Callers: from an INVITE to a running call, and its answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rand::RngExt;
use tokio::sync::oneshot;

use super::Signalling;
use super::legs::LiveLeg;
use crate::call::CallId;
use crate::call::clock::Clock;
use crate::call::leg::{Gone, Leg, LegId};
use crate::call::plan::{Hotline, Snapshot};
use crate::call::run::{House, Incoming, run};
use crate::sip::{self, AnswerError, IncomingCall, LocalMedia, Peer};
use crate::switch::table::HeldSlots;
use crate::switch::trunks::Trunk;

/// When a caller who finds no room may try again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why a caller is refused before there is a call.
struct NoRoom(u16, &'static str);

impl Signalling {
    /// An INVITE that SIP itself has no objection to.
    pub(super) fn invited(&mut self, dialog: sip::LegId, peer: Peer, call: &IncomingCall) {
        if let Err(NoRoom(status, why)) = self.admit(dialog, peer, call) {
            let retry_after = (status == 503).then_some(RETRY_AFTER);
            let trunk = self.trunk_name(peer.trunk);
            tracing::warn!(trunk, from = %peer.addr, to = call.request_user, status, "a call was refused: {why}");
            self.endpoint.refuse(Instant::now(), dialog, status, retry_after);
        }
    }

    fn admit(&mut self, dialog: sip::LegId, peer: Peer, call: &IncomingCall) -> Result<(), NoRoom> {
        let standing = self.standing.borrow().clone();
        if standing.draining {
            return Err(NoRoom(503, "the daemon is being stopped"));
        }
        let Some(known) = standing.table.trunks.get(peer.trunk) else {
            return Err(NoRoom(503, "the trunk has just been removed"));
        };
        let trunk = &known.trunk;
        if self.passes_on(trunk, call) {
            return Err(NoRoom(482, "a phone that is being rung passes its calls on to the hotline"));
        }
        let called = trunk.called_number.of(call);
        let Some(hotline) = hotline(&standing.snapshot, trunk, called) else {
            hint(&standing.snapshot, trunk, call);
            return Err(NoRoom(404, "no hotline has this number on this trunk"));
        };
        let slots = self.making_room(|own| own.slots(hotline, &trunk.name));
        let Some(slots) = slots else {
            return Err(NoRoom(503, "max_calls of the trunk is reached"));
        };
        // The wall clock is read anew for each call: it may have been set since the last.
        let now = Timestamp::now();
        let house = House { clock: Clock::starting_at(now), ..self.house.clone() };
        let id = CallId::new(now, self.rng.random());
        let (caller, events) = Leg::new(self.requests_to());
        let stream = self
            .media
            .open(id.0, caller.id(), self.media_events_from.clone(), events.clone())
            .map_err(|error| {
                tracing::error!(call = %id, %error, "no media port");
                NoRoom(503, "no media port is free")
            })?;
        tracing::info!(call = %id, leg = %caller.id(), from = %peer.addr, sip_call_id = call.call_id, "INVITE");
        let incoming = Incoming {
            call: id,
            hotline: hotline.clone(),
            number: trunk.number_or_name(called),
            from: trunk.caller(&call.identity),
            stated: trunk.stated(&call.identity),
            trunk: trunk.name.clone(),
            sip_call_id: call.call_id.clone(),
            snapshot: standing.snapshot.clone(),
            seed: self.rng.random(),
            caller,
        };
        let leg = LiveLeg {
            name: incoming.caller.id(),
            call: id,
            trunk: peer.trunk,
            who: "caller".to_owned(),
            events,
            stream,
            library: standing.library.clone(),
            caller: true,
            codec: None,
            up: false,
            stored: false,
            answered: None,
            released: false,
            slots: Some(slots),
            gives_way: false,
            recording: None,
            reserve_used_by: None,
            attempt: None,
            cost: None,
            ends_at: None,
        };
        self.legs.insert(dialog, leg);
        tokio::spawn(run(incoming, house));
        Ok(())
    }

    /// The call is one of ours that a responder's phone has passed on to us. Letting it in would ring that
    /// phone again, and pay for each round.
    fn passes_on(&mut self, trunk: &Trunk, call: &IncomingCall) -> bool {
        let passes_on = |leg: &LiveLeg| {
            leg.attempt.as_ref().is_some_and(|attempt| attempt.has_come_back(trunk, &call.identity))
        };
        let found = self.legs.all().find(|leg| passes_on(leg));
        found.inspect(|leg| leg.events.came_back()).is_some()
    }

    /// An INVITE of ours has come back as it was sent, and was refused.
    pub(super) fn came_back(&mut self, dialog: sip::LegId, peer: Peer) {
        self.legs.with(dialog, |leg| {
            tracing::warn!(call = %leg.call, leg = %leg.name, from = %peer.addr, status = 482,
                "a call of ours came back to us and was refused");
            leg.events.came_back();
        });
    }

    /// A slot for the caller, and one on a trunk that responders are rung over: the first that is up and
    /// has room.
    fn slots(&self, hotline: &Arc<Hotline>, inbound: &str) -> Option<HeldSlots> {
        let table = &self.standing.borrow().table;
        let inbound = (inbound, table.max_calls(inbound));
        let mut outbound: Vec<_> = hotline.trunks.iter().map(String::as_str).collect();
        if outbound.is_empty() {
            outbound.push(inbound.0);
        }
        outbound.sort_by_key(|name| table.by_name(name).is_some_and(|(trunk, _)| self.is_passed_over(trunk)));
        outbound.into_iter().find_map(|name| self.slots.take(&[inbound, (name, table.max_calls(name))]))
    }

    /// The script answers its caller.
    pub(super) fn answer(&mut self, leg: LegId, done: oneshot::Sender<()>) {
        let Some(dialog) = self.legs.dialog(leg) else { return };
        let Some(live) = self.legs.get(dialog) else { return };
        live.answered = Some(done);
        let (trunk, port) = (live.trunk, live.stream.rtp_port());
        let Some(media) = self.local_media(trunk, port) else { return };
        match self.endpoint.answer(Instant::now(), dialog, media) {
            Ok(Some(agreed)) => self.configure(dialog, &agreed),
            // A late offer: the caller's answer comes with the ACK.
            Ok(None) => {}
            Err(AnswerError::Gone) => {}
            Err(AnswerError::NotAcceptable) => {
                let why = "no codec in common".to_owned();
                self.legs.with(dialog, |leg| leg.events.gone(Gone::Broken(why)));
            }
        }
    }

    /// The caller has acknowledged our answer.
    pub(super) fn established(&mut self, dialog: sip::LegId, media: Option<sip::Agreed>) {
        if let Some(agreed) = media {
            self.configure(dialog, &agreed);
        }
        self.clock_in(dialog);
        self.legs.with(dialog, |leg| {
            leg.up = true;
            leg.events.answered();
            if let Some(done) = leg.answered.take() {
                let _ = done.send(());
            }
        });
    }

    /// Our side of an offer or answer on a trunk.
    pub(super) fn local_media(&mut self, trunk: usize, rtp_port: u16) -> Option<LocalMedia> {
        let standing = self.standing.borrow();
        let known = standing.table.trunks.get(trunk)?;
        let address = known.own.contact.ip();
        let codecs = known.trunk.codecs.clone();
        drop(standing);
        // RFC 8866 5.2: a number unique to the session.
        Some(LocalMedia { address, rtp_port, codecs, session_id: u64::from(self.rng.random::<u32>()) })
    }
}

/// The hotline that a number or a name belongs to.
fn hotline<'a>(snapshot: &'a Snapshot, trunk: &Trunk, called: &str) -> Option<&'a Arc<Hotline>> {
    let country = trunk.country.as_deref();
    // A number may be read in ways that depend on the trunk; a name is compared as it came.
    let number =
        trunk.number(called).and_then(|number| snapshot.hotline(number.as_str(), &trunk.name, country));
    number.or_else(|| snapshot.hotline(called, &trunk.name, country))
}

/// Tells the operator of a header field that would have named a hotline.
fn hint(snapshot: &Snapshot, trunk: &Trunk, call: &IncomingCall) {
    let other = trunk.called_number.others().find(|other| hotline(snapshot, trunk, other.of(call)).is_some());
    if let Some(other) = other {
        tracing::warn!(
            trunk = trunk.name,
            number = other.of(call),
            "another header field names a hotline: set called_number = \"{}\" for this trunk",
            other.word()
        );
    }
}
