//! Hands and ears: SIP and RTP on real sockets.
//!
//! One signalling task owns the SIP endpoint and every leg's signalling; media threads own the
//! audio; a recorder thread owns the files. Calls speak to them through `call::leg` alone.

pub mod account;
pub mod addresses;
pub mod child;
pub mod clip;
pub mod credentials;
pub mod health;
pub mod identity;
pub mod limits;
pub mod location;
pub mod media;
pub mod prompts;
pub mod recorder;
pub mod report;
#[cfg(test)]
mod scratch;
pub mod sessions;
pub mod settings;
pub mod signalling;
mod sockets;
pub mod spend;
pub mod srtp;
pub mod table;
pub mod tls;
mod transport;
pub mod trunks;
mod validity;
pub mod ways;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::{StdRng, SysRng};
use rand::{RngExt, SeedableRng};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::call::leg::Request;
use crate::call::plan::Snapshot;
use crate::call::run::House;
use crate::sip::{self, Endpoint, Hop, Timers};
use crate::switch::addresses::Addresses;
use crate::switch::health::Health;
use crate::switch::location::Names;
use crate::switch::media::{Media, Priority};
use crate::switch::prompts::Library;
use crate::switch::recorder::Recorder;
use crate::switch::report::{Reporter, TrunkReport};
use crate::switch::signalling::{Ask, Legs, Registrations, Signalling, Standing, StoredLeg};
use crate::switch::spend::Ledger;
use crate::switch::table::{Slots, Table};
use crate::switch::tls::ServerTls;
use crate::switch::transport::Transports;
use crate::switch::trunks::Trunk;

/// Dialogs at a time, over all trunks: far above what one media port range can carry.
const MAX_DIALOGS: usize = 20_000;
/// How old our own address may become where the system chooses it.
const OWN_ADDRESS_AGE: Duration = Duration::from_secs(60);
/// How long the start waits for name servers; what they say later is taken into use then.
const NAMES_PATIENCE: Duration = Duration::from_secs(5);
/// A leg from which no RTP and no RTCP has come for so long is ended.
const MEDIA_TIMEOUT: Duration = Duration::from_secs(60);

/// What the switch is started with.
#[derive(Debug)]
pub struct Parts {
    /// Where to listen, and the media ports.
    pub addresses: Addresses,
    /// The trunks.
    pub trunks: Vec<Trunk>,
    /// Hotlines and people.
    pub snapshot: Arc<Snapshot>,
    /// The prompts.
    pub library: Arc<Library>,
    /// Where messages are kept.
    pub recordings: PathBuf,
    /// What calls share.
    pub house: House,
    /// The other end of the house's requests.
    pub requests: mpsc::UnboundedReceiver<Request>,
    /// What trunks were used for in the last 24 hours.
    pub ledger: Ledger,
    /// Legs that an earlier run left up: they are sent a BYE.
    pub stored: Vec<StoredLeg>,
}

/// Why the switch could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A SIP socket could not be bound.
    #[error("cannot listen for SIP on {0}: {1}")]
    Listen(Hop, #[source] io::Error),
    /// The SIP sockets could not be used.
    #[error("cannot use the SIP sockets: {0}")]
    Sockets(#[source] io::Error),
    /// The media threads or the recorder could not be started.
    #[error("cannot start the media: {0}")]
    Media(#[source] io::Error),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

/// The running switch.
#[derive(Debug)]
pub struct Switch {
    standing: Arc<watch::Sender<Standing>>,
    names: Names,
    asks: mpsc::UnboundedSender<Ask>,
    keeper: Option<AbortOnDrop>,
    task: JoinHandle<()>,
    listening: Vec<Hop>,
    addresses: Addresses,
    audio: Priority,
}

impl Switch {
    /// Binds the sockets and starts the signalling task and the media threads.
    pub async fn start(parts: Parts) -> Result<Self, StartError> {
        let (mut sockets, mut listening) = (Vec::new(), Vec::new());
        for own in &parts.addresses.listen {
            let failed = |error| StartError::Listen(*own, error);
            let socket = transport::bind(*own, &parts.addresses.listen).map_err(failed)?;
            listening.push(socket.hop().map_err(failed)?);
            sockets.push(socket);
        }
        let names = Names::new(parts.addresses.resolvers.clone());
        look_up(&names, &parts.trunks, &listening).await;
        let table = Table::resolve(&parts.trunks, &parts.addresses, &listening, &Table::default(), &names);
        let mut rng = StdRng::try_from_rng(&mut SysRng).map_err(|_| StartError::Random)?;
        let endpoint = Endpoint::new(
            sip::Config {
                trunks: table.profiles(),
                timers: Timers::default(),
                software: concat!("Nightbell/", env!("CARGO_PKG_VERSION")).to_owned(),
                max_dialogs: MAX_DIALOGS,
            },
            rng.random(),
        );
        let recorder = Recorder::start(parts.recordings).map_err(StartError::Media)?;
        let media = Media::start(media_config(&parts.addresses)).map_err(StartError::Media)?;
        tell_priority(&media);
        let audio = media.priority();
        let (standing, standing_reader) = watch::channel(Standing {
            table: Arc::new(table),
            snapshot: parts.snapshot,
            library: parts.library,
            tls: parts.addresses.tls.clone(),
            draining: false,
        });
        let transports = Transports::start(sockets, &standing_reader).map_err(StartError::Sockets)?;
        let (media_events_from, media_events) = mpsc::unbounded_channel();
        let (asks_to, asks) = mpsc::unbounded_channel();
        let signalling = Signalling {
            endpoint,
            transports,
            standing: standing_reader,
            house: parts.house,
            media,
            recorder,
            media_events,
            media_events_from,
            requests: parts.requests,
            legs: Legs::default(),
            registrations: Registrations::default(),
            slots: Slots::default(),
            health: Health::default(),
            ledger: parts.ledger,
            next_tally: None,
            asks,
            asking: Vec::new(),
            rng,
            stored: parts.stored,
            audio_troubles: HashMap::new(),
        };
        let task = tokio::spawn(signalling.run());
        let standing = Arc::new(standing);
        let mut switch = Self {
            standing,
            names,
            asks: asks_to,
            keeper: None,
            task,
            listening,
            addresses: parts.addresses,
            audio,
        };
        switch.keep_names_fresh();
        Ok(switch)
    }

    /// Looks the names of servers up again when what is known of them has become too old: the carrier may
    /// move, and its calls then come from another address. And looks whether our own address has changed,
    /// where trunks are watched and the system chooses it.
    fn keep_names_fresh(&mut self) {
        self.keeper = None;
        let (standing, names) = (Arc::downgrade(&self.standing), self.names.clone());
        let (addresses, bound) = (self.addresses.clone(), self.listening.clone());
        let watched = self.standing.borrow().table.in_use().iter().any(|trunk| trunk.ping.is_some());
        let chosen = bound.iter().any(|own| own.addr.ip().is_unspecified());
        let moves = watched && chosen && addresses.public_address.is_none();
        let due = move |names: &Names| {
            let look = moves.then(|| Instant::now() + OWN_ADDRESS_AGE);
            names.next_due().into_iter().chain(look).min()
        };
        if due(&names).is_none() {
            return;
        }
        let task = tokio::spawn(async move {
            while let Some(at) = due(&names) {
                tokio::time::sleep_until(at.into()).await;
                names.refresh(Instant::now()).await;
                let Some(standing) = standing.upgrade() else { return };
                let last = standing.borrow().table.clone();
                let table = Table::resolve(&last.in_use(), &addresses, &bound, &last, &names);
                if table != *last {
                    standing.send_modify(|standing| standing.table = Arc::new(table));
                }
            }
        });
        self.keeper = Some(AbortOnDrop(task));
    }

    /// Where SIP is listened for.
    pub fn listening(&self) -> &[Hop] {
        &self.listening
    }

    /// Where we are reached, as the switch was started.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The priority that audio has.
    pub fn audio(&self) -> Priority {
        self.audio
    }

    /// Takes new trunks, certificates, hotlines, people and prompts into use. Running calls keep what they
    /// have.
    pub async fn reload(
        &mut self,
        trunks: Vec<Trunk>,
        tls: Option<ServerTls>,
        snapshot: Arc<Snapshot>,
        library: Arc<Library>,
    ) {
        // What is looked up by now is of the old settings.
        self.keeper = None;
        look_up(&self.names, &trunks, &self.listening).await;
        let last = self.standing.borrow().table.clone();
        let table = Table::resolve(&trunks, &self.addresses, &self.listening, &last, &self.names);
        self.standing.send_modify(|standing| {
            standing.table = Arc::new(table);
            standing.tls = tls;
            standing.snapshot = snapshot;
            standing.library = library;
        });
        self.keep_names_fresh();
    }

    /// Takes new people, teams and schedules into use.
    pub fn reload_snapshot(&self, snapshot: Arc<Snapshot>) {
        self.standing.send_modify(|standing| standing.snapshot = snapshot);
    }

    /// Hotlines and people as they stand now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.standing.borrow().snapshot.clone()
    }

    /// How the trunks stand; with `ping`, what their servers answer just now, which takes six seconds at
    /// most. Nothing: the signalling has broken.
    pub fn report(&self, ping: bool) -> impl Future<Output = Option<Vec<TrunkReport>>> + Send + 'static {
        self.reporter().report(ping)
    }

    /// Tells how things stand, for as long as the switch is there.
    pub fn reporter(&self) -> Reporter {
        Reporter {
            asks: self.asks.clone(),
            names: self.names.clone(),
            standing: Arc::downgrade(&self.standing),
            listening: self.listening.clone(),
        }
    }

    /// Refuses new calls from now on.
    pub fn drain(&self) {
        self.standing.send_modify(|standing| standing.draining = true);
    }

    /// Resolves if the signalling ends by itself: it has broken, and no call can go on.
    pub async fn broken(&mut self) {
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the signalling task broke");
        }
    }

    /// Ends the signalling once the last BYEs are answered.
    pub async fn stop(self) {
        drop(self.keeper);
        drop(self.standing);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the signalling task broke");
        }
    }
}

/// A task that ends with its owner.
#[derive(Debug)]
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Looks up what is not known yet, for as long as a start may wait.
async fn look_up(names: &Names, trunks: &[Trunk], bound: &[Hop]) {
    names.want(Instant::now(), &table::wanted(trunks, bound));
    if tokio::time::timeout(NAMES_PATIENCE, names.refresh(Instant::now())).await.is_err() {
        tracing::warn!("name servers are slow: some trunks can be dialled over only once they have answered");
    }
}

/// Says how well audio is looked after on a busy machine.
fn tell_priority(media: &Media) {
    let threads = media.threads();
    match media.priority() {
        Priority::Normal => tracing::warn!(
            threads,
            "audio has no priority over other programs: it may stutter while the machine is busy (see LimitRTPRIO \
             in the service unit)"
        ),
        granted => tracing::info!(threads, "audio runs with {granted}"),
    }
}

fn media_config(addresses: &Addresses) -> media::Config {
    let bind = media_address(&addresses.listen);
    media::Config {
        ports: addresses.media_ports.clone(),
        threads: addresses.media_threads,
        media_timeout: MEDIA_TIMEOUT,
        bind,
    }
}

/// Audio comes to the address that SIP is listened for at. Where there are several, each trunk may be told of
/// another one, so it comes to all of their families.
fn media_address(listen: &[Hop]) -> IpAddr {
    let own: Vec<IpAddr> = listen.iter().map(|own| own.addr.ip()).collect();
    match own.first() {
        Some(first) if own.iter().all(|other| other == first) => *first,
        Some(_) if own.iter().any(IpAddr::is_ipv6) => Ipv6Addr::UNSPECIFIED.into(),
        Some(_) | None => Ipv4Addr::UNSPECIFIED.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_is_taken_at_every_address_that_a_trunk_may_be_told() {
        let address = |listen: &[&str]| {
            let hops: Vec<Hop> = listen.iter().map(|own| Hop::udp(own.parse().unwrap())).collect();
            media_address(&hops).to_string()
        };
        assert_eq!(address(&["10.0.0.1:5060", "10.0.0.1:5070"]), "10.0.0.1");
        assert_eq!(address(&["10.0.0.1:5060", "192.0.2.1:5060"]), "0.0.0.0");
        assert_eq!(address(&["0.0.0.0:5060", "[::]:5060"]), "::");
        assert_eq!(address(&["10.0.0.1:5060", "[2001:db8::1]:5060"]), "::");
        assert_eq!(address(&["[::1]:5060"]), "::1");
    }
}
