//! One leg on its media thread: its state, and what it is told to do. What comes from the phone is in
//! `hearing`, what is passed on to it in `onward`, what we say to it ourselves in `frames`, and the
//! reports about both directions in `reporting`.

mod frames;
mod hearing;
mod onward;
mod reporting;
#[cfg(test)]
mod timing_tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{mpsc, oneshot};

use super::codec::{Conversion, Encoder};
use super::deadlines::Due;
use super::ear::{Ear, Keep};
use super::early::EarlyEar;
use super::keypad::Form;
use super::keys::Keys;
use super::outbound::Outbound;
use super::parcel::Parcel;
use super::reports::Reports;
use super::security::Security;
use super::star::Star;
use super::voice::Voice;
use super::watch::Watch;
use super::wire::Wire;
use super::{InBand, MediaEvent, Parameters, Refused};
use crate::call::leg::{Cut, KeySet, KeyUse, LegId};
use crate::rtp::CLOCK_RATE;
use crate::rtp::jitter::Figures;
use crate::rtp::latch::{Latch, ReportLatch};
use crate::rtp::sequence::Receiver;
use crate::rtp::telephone_event;
use crate::switch::clip::Clip;
use crate::switch::recorder::Tap;
use frames::STILL;
use onward::Relayed;

/// The static payload type of comfort noise (RFC 3551 6).
const COMFORT_NOISE: u8 = 13;

/// Keys that are to be told to whoever hears the leg: a star, then another.
pub(super) type Owed = [Option<char>; 2];

/// A leg.
#[derive(Debug)]
pub(super) struct Leg {
    id: LegId,
    opened: Instant,
    pub wire: Wire,
    events: mpsc::UnboundedSender<MediaEvent>,
    keys: Keys,
    agreed: Option<Agreed>,
    received: Receiver,
    /// The numbers of what comes have begun anew, and nothing of it has gone on to a partner yet.
    begins_anew: bool,
    presses: telephone_event::Receiver,
    ear: Ear,
    /// Large, and most legs have none.
    early_ear: Option<Box<EarlyEar>>,
    out: Outbound,
    voice: Voice,
    /// Keys of this phone that stop what it is played.
    silenced_by: KeySet,
    /// What the phone hears is encoded in one go, whoever speaks.
    encoder: Encoder,
    conversion: Conversion,
    parcel: Parcel,
    reports: Reports,
    /// The far side has told that nothing of ours comes, and not yet that something does.
    told_deaf: bool,
    watch: Watch,
    /// The newest packet that was dropped, if none was taken since.
    refused: Option<Refused>,
    /// The leg it hears and is heard by.
    pub partner: Option<usize>,
    /// The room it is in instead, with several others.
    pub room: Option<usize>,
    /// When something last came of the partner, and when to look again whether it is still.
    partner_spoke: Instant,
    look_again: Instant,
    /// The partner is still, on hold perhaps: we send silence in its place.
    fills_in: bool,
    /// Presses up to this one are none of the partner's: they began before the bridge, or it was told
    /// of them in another way.
    private_presses: u64,
    /// The tone of a key sounds in its audio, or may just be beginning.
    tone_sounds: bool,
    /// That tone began before the bridge.
    private_tone: bool,
    /// What its keys are for.
    star: Star,
    /// Keys that were held back, or were heard as tones of which the partner hears nothing: it is to be told
    /// of them.
    owed: Owed,
    /// The event of the partner's that is passed on to it.
    relayed: Option<Relayed>,
    /// When the next frame of our own is due.
    next_frame: Instant,
}

/// What was agreed with the phone, and where it is.
#[derive(Debug)]
struct Agreed {
    parameters: Parameters,
    latch: Latch,
    reports: ReportLatch,
}

impl Agreed {
    /// Whether a report from there could count; nothing is learnt from it. `own`: it is of the source whose
    /// RTP we receive.
    fn may_report(&self, from: SocketAddr, own: bool) -> bool {
        let mut reports = self.reports;
        reports.receive(&self.latch, self.parameters.remote_rtcp, from, own)
    }
}

impl Leg {
    /// A leg that sends its frames on the grid of 20 ms through `first_frame`.
    pub fn new(now: Instant, opening: super::Opening, media_timeout: Duration, first_frame: Instant) -> Self {
        Self {
            id: opening.id,
            opened: now,
            wire: opening.wire,
            events: opening.events,
            keys: Keys::new(opening.keys),
            agreed: None,
            received: Receiver::default(),
            begins_anew: false,
            presses: telephone_event::Receiver::default(),
            ear: Ear::default(),
            early_ear: None,
            out: Outbound::new(now),
            voice: Voice::default(),
            silenced_by: KeySet::NONE,
            encoder: Encoder::Pcma,
            conversion: Conversion::default(),
            parcel: Parcel::default(),
            reports: Reports::new(now, SystemTime::now()),
            told_deaf: false,
            watch: Watch::new(now, media_timeout),
            refused: None,
            partner: None,
            room: None,
            partner_spoke: now,
            look_again: now,
            fills_in: false,
            private_presses: 0,
            tone_sounds: false,
            private_tone: false,
            star: Star::default(),
            owed: Owed::default(),
            relayed: None,
            next_frame: first_frame,
        }
    }

    /// When a packet that is missing is given up, or a star goes on, if one is: what has come may bring that
    /// about.
    pub fn waits_until(&self) -> Option<Instant> {
        [self.ear.due(), self.star.due()].into_iter().flatten().min()
    }

    /// When time alone has something to do here.
    pub fn deadline(&self) -> Option<Due> {
        self.agreed.as_ref()?;
        let reports = self.reports.due();
        let others = [self.watch.due(), self.ear.due(), self.star.due()];
        let look = others.into_iter().flatten().fold(reports, Instant::min);
        Some(match self.sends_frames() {
            true => Due::At(look.min(self.next_frame)),
            false if self.room.is_some() => Due::Soon(look),
            false => Due::Soon(look.min(self.look_again)),
        })
    }

    /// What was agreed, first or anew. The source is learnt again when the address changed.
    pub fn configure(&mut self, now: Instant, parameters: Parameters) {
        let (latch, reports) = match self.agreed.take() {
            Some(agreed) if agreed.parameters.has_same_sources(&parameters) => (agreed.latch, agreed.reports),
            _ => {
                let allowed = parameters.allowed_sources.clone();
                (Latch::new(parameters.remote_rtp, allowed, now), ReportLatch::default())
            }
        };
        if self.encoder.codec() != parameters.codec {
            self.encoder = Encoder::new(parameters.codec);
            self.parcel.clear();
        }
        self.watch.begin(now, parameters.may_receive);
        self.presses.agree(parameters.key_rules.event_rate, parameters.key_rules.repeated_ends);
        let before = self.wire.security.take();
        self.wire.security = parameters.srtp.clone().map(|keys| Security::renewed(before, keys));
        self.wire.rtcp_mux = parameters.rtcp_mux;
        self.agreed = Some(Agreed { parameters, latch, reports });
        self.catch_up(now);
    }

    pub fn play(
        &mut self,
        now: Instant,
        clip: Arc<Clip>,
        looped: bool,
        until: KeySet,
        done: oneshot::Sender<()>,
    ) {
        self.catch_up(now);
        self.silenced_by = until;
        self.voice.play(clip, looped, done);
    }

    pub fn silence(&mut self) {
        self.voice.silence();
    }

    pub fn bridge(&mut self, now: Instant, partner: usize) {
        self.partner = Some(partner);
        self.conversion.begin_anew();
        self.fills_in = false;
        self.partner_spoke = now;
        self.look_again = now + STILL;
        self.private_presses = self.presses.presses();
        self.private_tone = self.tone_sounds;
        self.out.part();
        self.watch.bridged(now);
    }

    /// It begins to hear its partner amid words.
    pub fn fade_in(&mut self) {
        self.conversion.fade_in();
    }

    pub fn unbridge(&mut self, now: Instant) {
        self.end_relayed_event();
        self.catch_up(now);
        self.partner = None;
        self.watch.parted();
    }

    /// Goes into a room. Whoever it heard before is parted from it already.
    pub fn enter(&mut self, now: Instant, room: usize) {
        self.parcel.clear();
        self.out.part();
        self.room = Some(room);
        self.private_presses = self.presses.presses();
        self.ear.begin_playout(now);
    }

    /// Leaves the room.
    pub fn leave(&mut self, now: Instant) {
        self.catch_up(now);
        self.room = None;
        self.ear.end_playout();
    }

    pub fn use_keys(&mut self, used: KeyUse) {
        self.star.agree(used);
    }

    pub fn record(&mut self, now: Instant, tap: Tap) {
        self.ear.record(now, tap);
    }

    pub fn stop_recording(&mut self, cut: Cut) {
        let keep = match cut {
            Cut::Nothing => Keep::All,
            Cut::NewestKey => self.keys.newest_began().map_or(Keep::All, Keep::Before),
            Cut::Everything => Keep::Nothing,
        };
        if let Some(figures) = self.ear.stop_recording(keep) {
            let Figures { late, lost, paused } = figures;
            let [lost_ms, paused_ms] = [lost, paused].map(|samples| samples * 1000 / u64::from(CLOCK_RATE));
            tracing::debug!(leg = %self.id, late, lost_ms, paused_ms, "what became of the audio that was recorded");
        }
    }

    #[cfg(test)]
    pub fn own_ssrc(&self) -> u32 {
        self.out.ssrc()
    }

    #[cfg(test)]
    pub fn first_sequence(&self) -> u16 {
        self.out.first_sequence()
    }

    #[cfg(test)]
    pub fn partner_is_heard(&mut self, now: Instant) {
        self.partner_spoke = now;
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Instant) {
        if self.agreed.is_none() {
            return;
        }
        self.ear.tick(now);
        if self.star.expire(now) {
            self.owed = [Some('*'), None];
        }
        self.look_after_partner(now);
        self.send_due_frames(now);
        if now >= self.reports.due() {
            self.send_report(now);
        }
        self.look_at_silence(now);
    }

    /// Something broke, and the leg cannot go on.
    pub fn tell_broken(&self) {
        // The signalling task may be gone already.
        let _ = self.events.send(MediaEvent::Broken { leg: self.id });
    }

    /// Says goodbye before the sockets are closed.
    pub fn close(&mut self, now: Instant) {
        self.end_relayed_event();
        let ending: Vec<_> = self.voice.end_event().collect();
        for outgoing in ending {
            self.send_event(outgoing);
        }
        // Who never sent anything does not say goodbye (RFC 3550 6.3.7).
        if self.out.sent().0 > 0 {
            let facts = self.facts(now);
            if let Some(to) = self.report_address() {
                self.wire.send_rtcp(self.reports.goodbye(now, &facts), to);
            }
        }
    }
}

impl Parameters {
    fn has_same_sources(&self, other: &Self) -> bool {
        self.remote_rtp == other.remote_rtp && self.allowed_sources == other.allowed_sources
    }

    /// How the phone is told of keys.
    fn key_form(&self) -> Form {
        self.telephone_event.map_or(Form::Tone, |_| Form::Event(self.key_rules.event_rate))
    }

    fn is_event(&self, payload_type: u8) -> bool {
        self.telephone_event.is_some_and(|(_, receive)| receive == payload_type)
    }

    /// Comfort noise has a number of its own (RFC 3551 6), which some phones use without a word about it.
    fn is_comfort_noise(&self, payload_type: u8) -> bool {
        payload_type == self.comfort_noise.map_or(COMFORT_NOISE, |(_, receive)| receive)
    }

    /// Whether a packet of this type may be audio or a key of the stream.
    fn has_agreed_on(&self, payload_type: u8) -> bool {
        payload_type == self.receive_payload_type
            || self.is_comfort_noise(payload_type)
            || self.is_event(payload_type)
    }

    /// Whether keys are to be listened for in the audio, once events were seen or not.
    fn listens_in_band(&self, events_seen: bool) -> bool {
        match self.in_band {
            InBand::Never => false,
            InBand::WhenNoEventsAgreed => self.telephone_event.is_none(),
            InBand::AlsoWhenEventsNeverSeen => self.telephone_event.is_none() || !events_seen,
        }
    }
}
