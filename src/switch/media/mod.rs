//! Media: RTP on real sockets, on threads of its own, so that audio waits for nothing else.
//!
//! A call's legs all live on one thread, chosen by the call's id. Each leg is a [`Stream`]: a pair of
//! ports, and one RTP stream in each direction. What a leg hears is the clip it is played, else the
//! leg it is bridged to, else silence: an answered leg is never without packets, so NATs stay open
//! and carriers do not give up the call. Packets of a bridged leg go on at once, renumbered in place;
//! there is no jitter buffer, and loss stays loss. They are converted only where the legs differ in codec
//! or a key's tone is muted; whoever listens for keys or records decodes for itself, beside that. Three legs
//! or more meet in a [`room`], where they are mixed: only there each goes through a jitter buffer.

mod codec;
mod command;
mod deadlines;
mod ear;
mod early;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod heard_tests;
#[cfg(test)]
mod key_tests;
mod keypad;
mod keys;
mod leg;
mod mailbox;
mod outbound;
mod parcel;
mod playing;
mod ports;
mod priority;
mod recording;
#[cfg(test)]
mod recording_tests;
mod reports;
mod room;
mod security;
#[cfg(test)]
mod srtp_tests;
mod star;
mod statistics;
#[cfg(test)]
mod stranger_tests;
#[cfg(test)]
mod tests;
mod thread;
mod voice;
mod watch;
mod wire;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::{mpsc, oneshot};

use crate::call::leg::{Cut, KeySet, KeyUse, LegEvents, LegId};
use crate::rtp::srtp::Keying;
use crate::sip::Codec;
use crate::switch::clip::Clip;
use crate::switch::recorder::Tap;
use command::{Command, Order, Token};
use mailbox::{Mailbox, mailbox};
use ports::Ports;
use thread::MediaThread;
use wire::Wire;

pub use ports::OpenError;
pub use priority::{Priority, probe as probe_priority};
pub use statistics::{Figure, Statistics};

/// How media is to be run.
#[derive(Debug, Clone)]
pub struct Config {
    /// UDP ports for RTP (even) and RTCP (odd).
    pub ports: RangeInclusive<u16>,
    /// How many threads carry the calls; at least one is started.
    pub threads: usize,
    /// A leg of which neither RTP nor RTCP came for so long is reported; on hold, five times that.
    pub media_timeout: Duration,
    /// The local address.
    pub bind: IpAddr,
}

/// What was agreed with a phone by offer and answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// Where its SDP wants RTP.
    pub remote_rtp: SocketAddr,
    /// Where its SDP wants RTCP.
    pub remote_rtcp: SocketAddr,
    /// RTP and RTCP share the RTP ports of both sides (RFC 5761).
    pub rtcp_mux: bool,
    /// The codec, in both directions.
    pub codec: Codec,
    /// The payload type the phone wants for it.
    pub send_payload_type: u8,
    /// The payload type we want for it.
    pub receive_payload_type: u8,
    /// What the phone wants in a packet, in ms: what we say ourselves has this length (20 ms unless it
    /// is said), and longer packets of the partner are cut to it.
    pub packet_time_ms: Option<u16>,
    /// The payload types of telephone-event, if both know it: the one to send, the one to receive.
    pub telephone_event: Option<(u8, u8)>,
    /// The payload types of comfort noise (RFC 3389), if both know it: the one to send, the one to receive.
    pub comfort_noise: Option<(u8, u8)>,
    /// Whether the phone wants to hear us.
    pub may_send: bool,
    /// Whether the phone may speak.
    pub may_receive: bool,
    /// Networks from which its audio may come besides the address in its SDP: those of its trunk.
    pub allowed_sources: Vec<IpNet>,
    /// Whether keys count that are heard as tones.
    pub in_band: InBand,
    /// How the phone tells of its keys, beyond that.
    pub key_rules: KeyRules,
    /// What protects the stream (SRTP); nothing: it is in the clear.
    pub srtp: Option<SrtpKeys>,
}

/// How a phone tells of its keys in events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRules {
    /// The rate of the events' timestamps and durations, in Hz, as their rtpmap says.
    pub event_rate: u32,
    /// Whether an end that comes alone under a new timestamp soon after that of the same key is that end
    /// again.
    pub repeated_ends: bool,
}

impl Default for KeyRules {
    fn default() -> Self {
        Self { event_rate: crate::rtp::CLOCK_RATE, repeated_ends: true }
    }
}

/// What protects a stream in both directions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SrtpKeys {
    /// What we send.
    pub send: Keying,
    /// What we receive.
    pub receive: Keying,
}

/// Whether keys count that are heard as tones in the audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InBand {
    /// Never.
    Never,
    /// If telephone-event was not agreed.
    WhenNoEventsAgreed,
    /// Also while none was ever seen though agreed. For callers only: a greeting of a responder's
    /// mailbox must not be able to press a key.
    AlsoWhenEventsNeverSeen,
}

/// What the signalling must know of a stream. Keys go straight to the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaEvent {
    /// Nothing came for [`Config::media_timeout`].
    Timeout {
        /// From which leg.
        leg: LegId,
    },
    /// It was heard, and nothing has come for a third of the time after which it is given up.
    Silent {
        /// From which leg.
        leg: LegId,
        /// Why, perhaps.
        clue: Clue,
    },
    /// No audio came in the first 10 s after the agreement.
    NeverAnyMedia {
        /// From which leg.
        leg: LegId,
        /// Why, perhaps.
        clue: Clue,
    },
    /// A fault of ours: the leg is neither heard nor spoken to any more.
    Broken {
        /// Which.
        leg: LegId,
    },
    /// Nor in the first 30 s.
    Unheard {
        /// From which leg.
        leg: LegId,
    },
    /// For 8 s of a bridge no audio came of it, while its partner was heard.
    OneWay {
        /// From which leg.
        leg: LegId,
        /// Why, perhaps.
        clue: Clue,
    },
    /// It reports that nothing of what we send arrives.
    NothingArrives {
        /// At which leg.
        leg: LegId,
        /// Where it is sent.
        clue: Clue,
    },
}

/// What is known of a stream that is not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clue {
    /// Where it is spoken to, and its audio should come from.
    pub expected: Option<SocketAddr>,
    /// The newest packet that was dropped, if none was taken since.
    pub refused: Option<Refused>,
}

/// A packet that was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Where it came from.
    pub from: SocketAddr,
    /// Why.
    pub why: Refusal,
}

/// Why a packet was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its source is neither in the SDP nor among those of the trunk, or came too late to be learnt.
    Stranger,
    /// Its source has not sent enough yet to be believed.
    Unproven,
    /// The stream is protected, and the packet is not, or with another key.
    Unauthentic,
    /// It is no RTP.
    Unreadable,
    /// Its payload type was not agreed on.
    PayloadType(u8),
}

/// A leg on its way to its thread.
#[derive(Debug)]
struct Opening {
    id: LegId,
    wire: Wire,
    events: mpsc::UnboundedSender<MediaEvent>,
    keys: LegEvents,
}

/// The media threads.
#[derive(Debug, Clone)]
pub struct Media {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ports: Arc<Ports>,
    bind: IpAddr,
    threads: Vec<Mailbox>,
    priority: Priority,
    running: Mutex<Vec<JoinHandle<()>>>,
    next_token: AtomicU64,
}

impl Media {
    /// Starts the threads.
    pub fn start(config: Config) -> io::Result<Self> {
        let mut threads = Vec::new();
        let mut running = Vec::new();
        let (granted, grants) = sync_channel(config.threads.max(1));
        for n in 0..config.threads.max(1) {
            let (mailbox, orders) = mailbox()?;
            let thread = MediaThread::new(orders, config.media_timeout)?;
            let builder = std::thread::Builder::new().name(format!("media-{n}"));
            let granted = granted.clone();
            running.push(builder.spawn(move || thread.run(&granted))?);
            threads.push(mailbox);
        }
        drop(granted);
        // Each tells once, first of all; the worst counts.
        let priority = grants.iter().take(threads.len()).max().unwrap_or(Priority::Normal);
        let shared = Shared {
            ports: Arc::new(Ports::new(config.bind, config.ports)),
            bind: config.bind,
            priority,
            threads,
            running: Mutex::new(running),
            next_token: AtomicU64::new(0),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// What the system has granted the threads.
    pub fn priority(&self) -> Priority {
        self.shared.priority
    }

    /// How many threads there are.
    pub fn threads(&self) -> usize {
        self.shared.threads.len()
    }

    /// Opens a stream for a leg. Legs of one `shard`, the call's id, share a thread, as they must to
    /// be bridged. Nothing is sent or accepted before [`Stream::configure`].
    pub fn open(
        &self,
        shard: u64,
        leg: LegId,
        events: mpsc::UnboundedSender<MediaEvent>,
        keys: LegEvents,
    ) -> Result<Stream, OpenError> {
        let shared = &self.shared;
        let pair = shared.ports.open()?;
        let rtp_port = pair.port();
        let statistics = Arc::new(Statistics::default());
        let wire = Wire {
            pair,
            statistics: Arc::clone(&statistics),
            security: None,
            ipv6: shared.bind.is_ipv6(),
            rtcp_mux: false,
        };
        let token = Token(shared.next_token.fetch_add(1, Ordering::Relaxed));
        let mut order = Command::Open(token, Box::new(Opening { id: leg, wire, events, keys }));
        for mailbox in shared.threads_for(shard) {
            if mailbox.is_full() {
                return Err(OpenError::Busy);
            }
            order = match mailbox.send(order) {
                Ok(()) => return Ok(Stream { token, mailbox: mailbox.clone(), rtp_port, statistics }),
                Err(order) => order,
            };
        }
        Err(OpenError::Ended)
    }

    /// Ends all streams and the threads, and waits for them.
    pub fn shutdown(self) {
        self.shared.end();
        let mut running = self.shared.running.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in running.drain(..) {
            // A thread that broke has said so in the log.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// The thread of a shard, and those that take its place, one after the other, when it has ended: all
    /// legs of a shard meet on one thread.
    fn threads_for(&self, shard: u64) -> impl Iterator<Item = &Mailbox> {
        let count = self.threads.len();
        let first = shard.checked_rem(count as u64).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        self.threads.iter().cycle().skip(first).take(count)
    }

    fn end(&self) {
        for mailbox in &self.threads {
            // One that has ended needs no order to end.
            let _ = mailbox.send(Command::Shutdown);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.end();
    }
}

/// The audio of one leg. Letting go of it ends the bridge and the recording, says goodbye in RTCP
/// and gives the ports back. No call of it waits.
#[derive(Debug)]
pub struct Stream {
    token: Token,
    mailbox: Mailbox,
    rtp_port: u16,
    statistics: Arc<Statistics>,
}

impl Stream {
    /// The port for our SDP; RTCP is on the next one.
    pub fn rtp_port(&self) -> u16 {
        self.rtp_port
    }

    /// Tells what was agreed, first or anew after a re-INVITE. From here on silence is sent while
    /// there is nothing else.
    pub fn configure(&self, parameters: Parameters) {
        self.order(Order::Configure(Box::new(parameters)));
    }

    /// Plays a clip, in place of what is being played and before the bridged leg. `done` is sent at
    /// its end, and dropped unsent when something else takes its place.
    pub fn play(&self, clip: Arc<Clip>, looped: bool, done: oneshot::Sender<()>) {
        self.play_until(clip, looped, KeySet::NONE, done);
    }

    /// The same, until the end or one of the keys: it is silent within 40 ms of that, however busy the one is
    /// who waits for the key.
    pub fn play_until(&self, clip: Arc<Clip>, looped: bool, until: KeySet, done: oneshot::Sender<()>) {
        self.order(Order::Play { clip, looped, until, done });
    }

    /// Stops playing.
    pub fn silence(&self) {
        self.order(Order::Silence);
    }

    /// Lets two legs of one shard hear each other, in place of those they heard before. Ends with
    /// either.
    pub fn bridge(&self, other: &Self) {
        self.tell(Command::Bridge(self.token, other.token));
    }

    /// Lets several legs of one shard hear each other, in place of those they heard before. Goes on without
    /// those that end.
    pub fn confer<'a>(&'a self, others: impl Iterator<Item = &'a Self>) {
        let all = std::iter::once(self).chain(others).map(|stream| stream.token).collect();
        self.tell(Command::Confer(all));
    }

    /// What the phone's keys are for from now on. At first they are its partner's.
    pub fn use_keys(&self, used: KeyUse) {
        self.order(Order::Keys(used));
    }

    /// Records what the leg says from now on.
    pub fn record(&self, tap: Tap) {
        self.order(Order::Record(tap));
    }

    /// Ends the recording, without what is to be cut off its end.
    pub fn stop_recording(&self, cut: Cut) {
        self.order(Order::StopRecording { cut });
    }

    /// A key came in the signalling (SIP INFO). It reaches the script unless the same press has come
    /// in the media.
    pub fn press(&self, key: char) {
        self.tell(Command::Press(self.token, key));
    }

    /// What it counts.
    pub fn statistics(&self) -> Arc<Statistics> {
        Arc::clone(&self.statistics)
    }

    fn order(&self, order: Order) {
        self.tell(Command::Leg(self.token, order));
    }

    fn tell(&self, command: Command) {
        // After a shutdown there is nobody to obey, and nothing left to be done.
        let _ = self.mailbox.send(command);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.tell(Command::Close(self.token));
    }
}
