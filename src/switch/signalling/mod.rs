//! The signalling task: the one owner of the SIP endpoint, and of every leg's signalling.
//!
//! It is the shell around `sip::Endpoint`: datagrams and timeouts go in, datagrams and events come
//! out. Towards the calls it is the other end of `call::leg`: requests come in over one channel,
//! news go out through each leg's `LegEvents`. It never waits for a call, a disk or a name server.

mod costs;
mod failure;
mod incoming;
mod legs;
mod outgoing;
mod placing;
mod quality;
mod registrations;
mod release;
mod sleep;
mod states;
mod stored;
mod supervision;
mod trouble;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use tokio::sync::{mpsc, oneshot, watch};

use crate::call::journal::Record;
use crate::call::leg::{Farewell, Gone, LegId, Recorded, Recording, Request};
use crate::call::plan::Snapshot;
use crate::call::prompt::Memo;
use crate::call::run::House;
use crate::sip::{EndCause, Endpoint, Event, Message, Method, Peer};
use crate::switch::health::Health;
use crate::switch::media::{Media, MediaEvent};
use crate::switch::prompts::{Library, memo};
use crate::switch::recorder::{Joint, Recorder, unless_forgotten};
use crate::switch::report::AudioTroubles;
use crate::switch::spend::Ledger;
use crate::switch::table::{Slots, Table};
use crate::switch::tls::ServerTls;
use crate::switch::transport::{Lost, News, SWEEP, SendError, Transports};
use failure::Failure;
pub(super) use legs::Legs;
pub(super) use registrations::Registrations;
use sleep::Sleep;
pub(super) use states::{Ask, Asking};
pub use stored::StoredLeg;

/// How long the last BYEs may take to be answered.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// What the signalling works with, and what a reload replaces.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The trunks.
    pub table: Arc<Table>,
    /// Hotlines and people.
    pub snapshot: Arc<Snapshot>,
    /// The prompts, rendered and encoded.
    pub library: Arc<Library>,
    /// Our certificate.
    pub tls: Option<ServerTls>,
    /// New calls are refused: the daemon is being stopped.
    pub draining: bool,
}

/// The signalling task's parts, made by `Switch::start`.
pub(super) struct Signalling {
    pub(super) endpoint: Endpoint,
    pub(super) transports: Transports,
    pub(super) standing: watch::Receiver<Standing>,
    pub(super) house: House,
    pub(super) media: Media,
    pub(super) recorder: Recorder,
    pub(super) media_events: mpsc::UnboundedReceiver<MediaEvent>,
    pub(super) media_events_from: mpsc::UnboundedSender<MediaEvent>,
    pub(super) requests: mpsc::UnboundedReceiver<Request>,
    pub(super) legs: Legs,
    pub(super) registrations: Registrations,
    pub(super) slots: Slots,
    pub(super) health: Health,
    pub(super) ledger: Ledger,
    pub(super) next_tally: Option<Instant>,
    pub(super) asks: mpsc::UnboundedReceiver<Ask>,
    pub(super) asking: Vec<Asking>,
    pub(super) rng: StdRng,
    pub(super) stored: Vec<StoredLeg>,
    /// What has been wrong with audio since the start, for each trunk by its name.
    pub(super) audio_troubles: HashMap<String, AudioTroubles>,
}

impl Signalling {
    /// Runs until the switch is let go of; then ends every leg that is left.
    pub(super) async fn run(mut self) {
        // Registrations begin here.
        self.reloaded();
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut sleep = Sleep::new();
        self.end_stored();
        self.watch_trunks(Instant::now());
        self.flush();
        loop {
            let timeout = self.endpoint.poll_timeout();
            let upkeep = self.next_upkeep();
            // A daemon without connections and registrations has nothing to wake for.
            let has_to_look = self.transports.are_open() || !self.registrations.is_empty();
            tokio::select! {
                // What comes from outside comes last: a flood must not hold up what calls ask for.
                biased;
                () = sleep_until(timeout), if timeout.is_some() => self.endpoint.handle_timeout(Instant::now()),
                () = sleep_until(upkeep), if upkeep.is_some() => self.upkeep(Instant::now()),
                request = self.requests.recv() => match request {
                    Some(request) => self.request(request),
                    None => break,
                },
                Some(event) = self.media_events.recv() => self.media_event(event),
                Some(ask) = self.asks.recv() => self.asked(ask),
                changed = self.standing.changed() => match changed {
                    Ok(()) => self.reloaded(),
                    Err(_) => break,
                },
                _ = sweep.tick(), if has_to_look => {
                    let table = self.standing.borrow().table.clone();
                    self.transports.sweep(&table, &self.endpoint.hops_in_use());
                    if sleep.happened() {
                        tracing::info!("the machine has slept: registrations are made anew");
                        self.endpoint.renew_registrations(Instant::now());
                    }
                }
                news = self.transports.next() => self.news(news),
            }
            self.flush();
        }
        self.wind_up().await;
    }

    /// What the sockets tell.
    fn news(&mut self, news: News) {
        let now = Instant::now();
        match news {
            News::Message { peer, bytes } => {
                let peer = self.owned(peer, &bytes);
                if self.takes(peer, &bytes) {
                    self.endpoint.receive(now, peer, &bytes);
                }
            }
            News::Malformed { peer, malformed } => self.endpoint.receive_malformed(peer, malformed),
            News::Lost(lost) => self.lost(now, &lost),
        }
    }

    /// A connection is no more: what waits for an answer by it goes another way, or has failed.
    fn lost(&mut self, now: Instant, lost: &Lost) {
        for hop in &lost.hops {
            self.asked_ping_trouble(lost.trunk, *hop, &lost.why);
            if lost.was_open {
                self.endpoint.connection_lost(now, lost.trunk, *hop);
            } else {
                self.endpoint.transport_failed(now, lost.trunk, *hop);
            }
        }
    }

    /// Where trunks share an address, the message itself says whose it is, if it can.
    fn owned(&self, peer: Peer, message: &[u8]) -> Peer {
        let sharing = self.standing.borrow().table.sharing(peer.addr.ip());
        if sharing.len() < 2 {
            return peer;
        }
        Peer { trunk: self.endpoint.owner(&sharing, message).unwrap_or(peer.trunk), ..peer }
    }

    /// From a trunk that is no longer in the settings, only what belongs to a call is taken.
    fn takes(&self, peer: Peer, message: &[u8]) -> bool {
        let is_retired =
            self.standing.borrow().table.trunks.get(peer.trunk).is_none_or(|known| known.retired);
        !is_retired || belongs_to_a_call(message)
    }

    /// Carries out what the endpoint wants, until it wants nothing more.
    fn flush(&mut self) {
        loop {
            while let Some(event) = self.endpoint.poll_event() {
                self.event(event);
            }
            let Some(transmit) = self.endpoint.poll_transmit() else { return };
            let (trunk, hop) = (transmit.trunk, transmit.hop);
            let table = self.standing.borrow().table.clone();
            if let Err(error) = self.transports.send(&table, transmit) {
                tracing::warn!(to = %hop, %error, "SIP could not be sent");
                match error {
                    // A connection was let go of: a binding made over it is gone with it.
                    SendError::Stuck => self.endpoint.connection_lost(Instant::now(), trunk, hop),
                    _ => self.endpoint.transport_failed(Instant::now(), trunk, hop),
                }
            }
        }
    }

    fn reloaded(&mut self) {
        let profiles = self.standing.borrow_and_update().table.profiles();
        self.registrations
            .keep(|trunk| profiles.get(trunk).is_some_and(|known| known.registration.is_some()));
        self.endpoint.set_trunks(Instant::now(), profiles);
        self.watch_trunks(Instant::now());
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Invite { leg, peer, call } => self.invited(leg, peer, &call),
            Event::Loop { leg, peer } => self.came_back(leg, peer),
            Event::Answering { leg, dialog } => self.store_leg(leg, dialog),
            Event::Established { leg, media } => self.established(leg, media),
            Event::Ringing { leg, .. } => self.legs.with(leg, |leg| {
                if let Some(attempt) = &mut leg.attempt {
                    attempt.rings = true;
                }
                leg.events.ringing();
            }),
            Event::Answered { leg, media, dialog } => self.answered(leg, &media, dialog),
            Event::MediaChanged { leg, media } => self.configure(leg, &media),
            Event::Digit { leg, key, .. } => self.legs.with(leg, |leg| leg.stream.press(key)),
            Event::Failed { leg, status, reason, cause, more } => {
                self.failed(leg, &Failure { status, reason, cause, more });
            }
            Event::Ended { leg, cause, because } => self.ended(leg, ended_because(cause), because.as_ref()),
            Event::Registered { trunk, expires, .. } => self.registered(trunk, expires),
            Event::Unregistered { trunk, status, reason, retry_in } => {
                self.not_registered(trunk, status, reason, retry_in);
            }
            Event::TooFast { trunk, refused } => {
                let trunk = self.trunk_name(trunk);
                tracing::warn!(
                    trunk,
                    refused,
                    "calls were refused: calls_per_second of the trunk is reached"
                );
            }
            Event::Pinged { trunk, hop, status } => self.pinged(trunk, hop, status),
        }
    }

    fn request(&mut self, request: Request) {
        match request {
            Request::Answer { leg, done } => self.answer(leg, done),
            Request::Dial(dial) => self.dial(dial),
            Request::Play { leg, prompt, looped, until, done } => {
                let Some(live) = self.legs.named(leg) else { return };
                match live.library.clip(&prompt) {
                    Some(clip) => live.stream.play_until(clip, looped, until, done),
                    None => tracing::error!(call = %live.call, %leg, %prompt, "a prompt was never loaded"),
                }
            }
            Request::Silence { leg } => {
                if let Some(stream) = self.legs.stream(leg) {
                    stream.silence();
                }
            }
            Request::Bridge(one, other) => {
                if let (Some(one), Some(other)) = (self.legs.stream(one), self.legs.stream(other)) {
                    one.bridge(other);
                }
            }
            Request::Confer(legs) => {
                let mut streams = legs.iter().filter_map(|leg| self.legs.stream(*leg));
                if let Some(first) = streams.next() {
                    first.confer(streams);
                }
            }
            Request::Keys { leg, used } => {
                if let Some(stream) = self.legs.stream(leg) {
                    stream.use_keys(used);
                }
            }
            Request::Room { what, done } => self.look_for_room(what, done),
            Request::Record { leg, name, limits, done } => match self.legs.stream(leg) {
                Some(stream) => stream.record(self.recorder.message(&name, limits, done)),
                // It has just hung up: nothing was said, and nothing went wrong.
                None => _ = done.send(Recorded::NOTHING),
            },
            Request::Load { name, done } => self.load(name, done),
            Request::RecordName { leg, longest, done } => self.record_name(leg, longest, done),
            Request::RecordBridge { caller, responders, name, done } => {
                self.record_bridge(caller, &responders, &name, done);
            }
            Request::JoinRecording { caller, leg } => self.join_recording(caller, leg),
            Request::StopRecording { leg, cut } => {
                if let Some(stream) = self.legs.stream(leg) {
                    stream.stop_recording(cut);
                }
            }
            Request::Release { leg, clip, reason } => self.release(leg, clip, reason),
        }
    }

    fn record_bridge(
        &mut self,
        caller: LegId,
        responders: &[LegId],
        name: &str,
        done: oneshot::Sender<Recorded>,
    ) {
        let mut right = responders.iter().filter(|leg| self.legs.stream(**leg).is_some());
        let streams = (self.legs.stream(caller), right.next().and_then(|leg| self.legs.stream(*leg)));
        let (Some(left), Some(first)) = streams else {
            // Somebody has just hung up.
            _ = done.send(Recorded::NOTHING);
            return;
        };
        let (taps, joint) = self.recorder.call(name, done);
        let [on_the_left, on_the_right] = taps;
        left.record(on_the_left);
        first.record(on_the_right);
        let others: Vec<_> = right.copied().collect();
        self.legs.with_name(caller, |leg| leg.recording = Some(joint));
        others.into_iter().for_each(|leg| self.join_recording(caller, leg));
    }

    fn join_recording(&mut self, caller: LegId, leg: LegId) {
        let joint = self.legs.named(caller).and_then(|caller| caller.recording.as_ref());
        let tap = joint.and_then(Joint::join);
        if let (Some(tap), Some(stream)) = (tap, self.legs.stream(leg)) {
            stream.record(tap);
        }
    }

    /// Takes a few words into memory. They are made ready to be played where that holds nobody up.
    fn record_name(&self, leg: LegId, longest: Duration, mut done: oneshot::Sender<Option<Memo>>) {
        let Some(stream) = self.legs.stream(leg) else { return };
        let (tap, words) = self.recorder.words(longest);
        stream.record(tap);
        tokio::spawn(async move {
            let said = unless_forgotten(words, &mut done).await;
            tokio::task::spawn_blocking(move || {
                let _ = done.send(said.map(|said| memo(&said)));
            });
        });
    }

    /// Reads a recording and makes it ready to be played, where that holds nobody up.
    fn load(&self, name: String, done: oneshot::Sender<Option<Memo>>) {
        let recorder = self.recorder.clone();
        tokio::task::spawn_blocking(move || {
            let loaded = recorder.load(&name).inspect_err(|error| {
                tracing::warn!(recording = name, %error, "the recording cannot be played");
            });
            // The call may have gone on without it.
            let _ = done.send(loaded.ok().map(|said| memo(&said)));
        });
    }

    /// Asks the disk for its room, where waiting holds nobody up.
    fn look_for_room(&self, what: Recording, done: oneshot::Sender<Result<(), String>>) {
        let recorder = self.recorder.clone();
        tokio::task::spawn_blocking(move || {
            let room = match what {
                Recording::Message(longest) => recorder.has_room_for_message(longest),
                Recording::Call => recorder.has_room_for_call(),
            };
            // The call may have gone on without an answer.
            let _ = done.send(room);
        });
    }

    /// The end of every leg that is left (one that hears its last words hears no more of them), and
    /// a moment for the last BYEs to be answered.
    async fn wind_up(&mut self) {
        let deadline = tokio::time::Instant::now() + LAST_ANSWERS;
        for dialog in self.legs.dialogs() {
            self.end(dialog, Farewell::Done);
        }
        self.endpoint.unregister(Instant::now());
        self.flush();
        while self.endpoint.active() > 0 {
            let timeout = self.endpoint.poll_timeout();
            tokio::select! {
                biased;
                news = self.transports.next() => self.news(news),
                () = sleep_until(timeout), if timeout.is_some() => self.endpoint.handle_timeout(Instant::now()),
                () = tokio::time::sleep_until(deadline) => return,
            }
            self.flush();
        }
    }

    fn journal(&self, record: Record) {
        self.house.journal.write(record);
    }
}

/// Whether a message may be one of a call that has begun.
fn belongs_to_a_call(message: &[u8]) -> bool {
    match Message::parse_datagram(message) {
        Ok(Message::Response(_)) => true,
        Ok(Message::Request(request)) => {
            let is_tagged = request.headers.to().ok().flatten().is_some_and(|to| to.tag().is_some());
            is_tagged || matches!(request.method, Method::Ack | Method::Cancel)
        }
        Err(_) => false,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

fn ended_because(cause: EndCause) -> Gone {
    match cause {
        // Whoever lets his call run out has given up.
        EndCause::Bye | EndCause::Cancelled | EndCause::InviteExpired => Gone::HungUp,
        EndCause::NoAck | EndCause::NoPrack => Gone::NoAck,
        EndCause::SessionExpired => Gone::Broken("the trunk gave no more sign of the call".to_owned()),
        EndCause::NoMedia => Gone::Broken("no codec in common".to_owned()),
    }
}
