//! The signalling task: the one owner of the SIP endpoint, and of every leg's signalling.
//!
//! It is the shell around `sip::Endpoint`: datagrams and timeouts go in, datagrams and events come
//! out. Towards the calls it is the other end of `call::leg`: requests come in over one channel,
//! news go out through each leg's `LegEvents`. It never waits for a call, a disk or a name server.

mod incoming;
mod legs;
mod outgoing;
mod registrations;
mod release;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};

use crate::call::journal::Record;
use crate::call::leg::{Farewell, Gone, Recorded, Request};
use crate::call::plan::Snapshot;
use crate::call::run::House;
use crate::sip::{EndCause, Endpoint, Event, Message, Method, Peer, StoredDialog};
use crate::switch::media::{Media, MediaEvent};
use crate::switch::prompts::Library;
use crate::switch::recorder::Recorder;
use crate::switch::table::{Slots, Table};
pub(super) use legs::Legs;
pub(super) use registrations::Registrations;

/// Datagrams that wait for the signalling task; more are dropped, and SIP sends again.
const QUEUE: usize = 2048;
/// The largest datagram UDP can carry.
const DATAGRAM: usize = 65_535;

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
    /// New calls are refused: the daemon is being stopped.
    pub draining: bool,
}

/// The signalling task's parts, made by `Switch::start`.
pub(super) struct Signalling {
    pub(super) endpoint: Endpoint,
    pub(super) sockets: Vec<Arc<UdpSocket>>,
    pub(super) standing: watch::Receiver<Standing>,
    pub(super) house: House,
    pub(super) media: Media,
    pub(super) recorder: Recorder,
    pub(super) recordings: PathBuf,
    pub(super) media_events: mpsc::UnboundedReceiver<MediaEvent>,
    pub(super) media_events_from: mpsc::UnboundedSender<MediaEvent>,
    pub(super) requests: mpsc::UnboundedReceiver<Request>,
    pub(super) legs: Legs,
    pub(super) registrations: Registrations,
    pub(super) slots: Slots,
    pub(super) rng: StdRng,
    pub(super) stored: Vec<StoredDialog>,
}

/// A datagram from one of a trunk's sources.
struct Datagram {
    peer: Peer,
    bytes: Vec<u8>,
}

impl Signalling {
    /// Runs until the switch is let go of; then ends every leg that is left.
    pub(super) async fn run(mut self) {
        let mut datagrams = self.listen();
        // Registrations begin here.
        self.reloaded();
        for dialog in std::mem::take(&mut self.stored) {
            self.endpoint.bye_stored(Instant::now(), &dialog);
        }
        self.flush().await;
        loop {
            let timeout = self.endpoint.poll_timeout();
            tokio::select! {
                // What comes from outside comes last: a flood must not hold up what calls ask for.
                biased;
                () = sleep_until(timeout), if timeout.is_some() => self.endpoint.handle_timeout(Instant::now()),
                request = self.requests.recv() => match request {
                    Some(request) => self.request(request),
                    None => break,
                },
                Some(event) = self.media_events.recv() => self.media_event(event),
                changed = self.standing.changed() => match changed {
                    Ok(()) => self.reloaded(),
                    Err(_) => break,
                },
                Some(datagram) = datagrams.recv() => {
                    self.endpoint.receive(Instant::now(), datagram.peer, &datagram.bytes);
                }
            }
            self.flush().await;
        }
        self.wind_up(datagrams).await;
    }

    /// One task a socket: checks whose datagram it is before anything else looks at it.
    fn listen(&self) -> mpsc::Receiver<Datagram> {
        let (forward, datagrams) = mpsc::channel(QUEUE);
        for socket in &self.sockets {
            tokio::spawn(receive(socket.clone(), self.standing.clone(), forward.clone()));
        }
        datagrams
    }

    /// Carries out what the endpoint wants, until it wants nothing more.
    async fn flush(&mut self) {
        loop {
            while let Some(event) = self.endpoint.poll_event() {
                self.event(event);
            }
            let Some(transmit) = self.endpoint.poll_transmit() else { return };
            let socket = self.socket_of(transmit.trunk);
            let Some(socket) = self.sockets.get(socket) else { continue };
            if let Err(error) = socket.send_to(&transmit.payload, transmit.hop.addr).await {
                tracing::warn!(to = %transmit.hop, %error, "SIP could not be sent");
                self.endpoint.transport_failed(Instant::now(), transmit.trunk, transmit.hop);
            }
        }
    }

    fn socket_of(&self, trunk: usize) -> usize {
        self.standing.borrow().table.trunks.get(trunk).map_or(0, |known| known.socket)
    }

    fn reloaded(&mut self) {
        let profiles = self.standing.borrow_and_update().table.profiles();
        self.endpoint.set_trunks(Instant::now(), profiles);
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Invite { leg, peer, call } => self.invited(leg, peer, &call),
            Event::Established { leg, media, dialog } => self.established(leg, media, &dialog),
            Event::Ringing { leg, .. } => self.legs.with(leg, |leg| leg.events.ringing()),
            Event::Answered { leg, media, dialog } => self.answered(leg, &media, &dialog),
            Event::MediaChanged { leg, media } => self.configure(leg, &media),
            Event::Digit { leg, key, .. } => self.legs.with(leg, |leg| leg.stream.press(key)),
            Event::Failed { leg, status, reason, cause } => self.failed(leg, status, &reason, cause),
            Event::Ended { leg, cause } => self.ended(leg, ended_because(cause)),
            Event::Registered { trunk, expires, .. } => self.registered(trunk, expires),
            Event::Unregistered { trunk, status, reason, retry_in } => {
                self.not_registered(trunk, status, reason, retry_in);
            }
            // Nobody pings yet.
            Event::Pinged { .. } => {}
        }
    }

    fn request(&mut self, request: Request) {
        match request {
            Request::Answer { leg, done } => self.answer(leg, done),
            Request::Dial(dial) => self.dial(dial),
            Request::Play { leg, prompt, looped, done } => {
                let Some(live) = self.legs.named(leg) else { return };
                match live.library.clip(&prompt) {
                    Some(clip) => live.stream.play(clip, looped, done),
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
            Request::Record { leg, name, done } => match self.legs.stream(leg) {
                Some(stream) => stream.record(self.recorder.open(self.recordings.join(name), done)),
                // It has just hung up: nothing was said, and nothing went wrong.
                None => _ = done.send(Recorded { kept: false, duration_ms: 0, truncated: false }),
            },
            Request::StopRecording { leg, cut_ms } => {
                if let Some(stream) = self.legs.stream(leg) {
                    stream.stop_recording(cut_ms);
                }
            }
            Request::Release { leg, clip, reason } => self.release(leg, clip, reason),
        }
    }

    fn media_event(&mut self, event: MediaEvent) {
        match event {
            MediaEvent::Timeout { leg } => self.legs.with_name(leg, |leg| {
                tracing::warn!(call = %leg.call, leg = %leg.name, "no media for too long: the leg is ended");
                leg.events.gone(Gone::MediaTimeout);
            }),
            MediaEvent::NeverAnyMedia { leg } => self.legs.with_name(leg, |leg| {
                tracing::warn!(call = %leg.call, leg = %leg.name, "no media has come for 10 s: one-way audio?");
            }),
        }
    }

    /// The end of every leg that is left (one that hears its last words hears no more of them), and
    /// a moment for the last BYEs to be answered.
    async fn wind_up(&mut self, mut datagrams: mpsc::Receiver<Datagram>) {
        let deadline = tokio::time::Instant::now() + LAST_ANSWERS;
        for dialog in self.legs.dialogs() {
            self.end(dialog, Farewell::Done);
        }
        self.endpoint.unregister(Instant::now());
        self.flush().await;
        while self.endpoint.active() > 0 {
            let timeout = self.endpoint.poll_timeout();
            tokio::select! {
                biased;
                Some(datagram) = datagrams.recv() => {
                    self.endpoint.receive(Instant::now(), datagram.peer, &datagram.bytes);
                }
                () = sleep_until(timeout), if timeout.is_some() => self.endpoint.handle_timeout(Instant::now()),
                () = tokio::time::sleep_until(deadline) => return,
            }
            self.flush().await;
        }
    }

    fn journal(&self, record: Record) {
        self.house.journal.write(record);
    }
}

async fn receive(
    socket: Arc<UdpSocket>,
    standing: watch::Receiver<Standing>,
    forward: mpsc::Sender<Datagram>,
) {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let (length, addr) = tokio::select! {
            biased;
            () = forward.closed() => return,
            received = socket.recv_from(&mut buffer) => match received {
                Ok(received) => received,
                // An ICMP error of an earlier send: the transaction's own timer deals with it.
                Err(_) => continue,
            },
        };
        let Some((trunk, retired)) = trunk_of(&standing, addr.ip()) else { continue };
        let bytes = buffer.get(..length).unwrap_or_default().to_vec();
        if retired && !belongs_to_a_call(&bytes) {
            continue;
        }
        // A full queue is a flood; SIP over UDP sends again.
        let _ = forward.try_send(Datagram { peer: Peer::udp(trunk, addr), bytes });
    }
}

/// The trunk a datagram belongs to, and whether it has been taken out of the settings.
fn trunk_of(standing: &watch::Receiver<Standing>, source: IpAddr) -> Option<(usize, bool)> {
    let standing = standing.borrow();
    let trunk = standing.table.of_source(source)?;
    Some((trunk, standing.table.trunks.get(trunk)?.retired))
}

/// Whether a datagram may be one of a call that has begun: from a trunk that is no longer in the
/// settings nothing else gets an answer.
fn belongs_to_a_call(datagram: &[u8]) -> bool {
    match Message::parse_datagram(datagram) {
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
        EndCause::Bye | EndCause::Cancelled => Gone::HungUp,
        EndCause::NoAck => Gone::NoAck,
        EndCause::NoMedia => Gone::Broken("no codec in common".to_owned()),
    }
}
