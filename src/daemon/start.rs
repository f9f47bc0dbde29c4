//! The daemon's life: start, reload, drain, stop.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, broadcast, mpsc, watch};

use crate::call::clock::Clock;
use crate::call::history::History;
use crate::call::journal::{Journal, Record};
use crate::call::lockout::Lockout;
use crate::call::occupancy::Occupancy;
use crate::call::plan::Snapshot;
use crate::call::run::House;
use crate::daemon::background::{Around, Background};
use crate::daemon::config::{Config, Plan};
use crate::daemon::control::{self, Asked};
use crate::daemon::findings::Findings;
use crate::daemon::recovery::{ledger, past_calls, put_right};
use crate::daemon::{blocking, feeds, storage};
use crate::oncall::{Language, Roster};
use crate::sip::Hop;
use crate::store::{Store, StoreError, WriterHandle};
use crate::switch::signalling::StoredLeg;
use crate::switch::spend::Ledger;
use crate::switch::{Parts, StartError as SwitchError, Switch};

/// How many entries of the journal a live view may lag behind.
const LIVE_BACKLOG: usize = 4096;
/// How long calls that are still running at the end get to close their records.
const LAST_RECORDS: Duration = Duration::from_secs(15);

/// Why the daemon could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings have errors: status 2.
    #[error("the settings have errors")]
    Settings(Findings),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The switch cannot start.
    #[error(transparent)]
    Switch(#[from] SwitchError),
    /// A folder or the control socket cannot be made.
    #[error("{0}: {1}", path.display(), source)]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The running daemon.
#[derive(Debug)]
pub struct Daemon {
    config_path: PathBuf,
    pub(super) config: Config,
    /// The one in use, whatever a reload says.
    pub(super) data_dir: PathBuf,
    spool: PathBuf,
    pub(super) store: Arc<Store>,
    pub(super) switch: Switch,
    writer: WriterHandle,
    occupancy: Occupancy,
    shutdown: watch::Sender<bool>,
    commands: mpsc::Receiver<Asked>,
    /// Keeps the way of commands open while there is no control socket.
    _no_commands: Option<mpsc::Sender<Asked>>,
    /// Tells that the right database is in use again.
    home: Arc<Notify>,
    /// What calls to phones have come to.
    pub(super) confirmed: (mpsc::Sender<Asked>, mpsc::Receiver<Asked>),
    pub(super) house: House,
    live: broadcast::Sender<Arc<Record>>,
    warnings: Findings,
    /// The languages of the people, beside the hotlines' own, that prompts were made in.
    languages: BTreeSet<Language>,
    pub(super) background: Background,
}

/// Settings that were read and are good enough to run on.
struct Ready {
    config: Config,
    plan: Plan,
    roster: Roster,
    warnings: Findings,
}

impl Daemon {
    /// Reads the settings, opens the database, puts right what an earlier run left behind, and
    /// starts to take calls.
    pub async fn start(config_path: &Path) -> Result<Self, StartError> {
        let (store, prepared) = open(config_path).await?;
        let Prepared { ready, recordings, stored, history, ledger } = prepared;
        let Ready { config, plan, roster, warnings } = ready;
        let languages = languages(&roster);

        let (journal, records) = Journal::new();
        let (live, _) = broadcast::channel(LIVE_BACKLOG);
        let writer = store.start_writer(records, Some(live.clone()))?;
        let (shutdown, shutdown_reader) = watch::channel(false);
        let (requests_to, requests) = mpsc::unbounded_channel();
        let occupancy = Occupancy::default();
        let house = House {
            journal,
            occupancy: occupancy.clone(),
            history,
            lockout: Lockout::default(),
            requests: requests_to,
            clock: Clock::starting_at(Timestamp::now()),
            shutdown: shutdown_reader,
        };
        let snapshot = Arc::new(Snapshot { hotlines: plan.hotlines, roster: Arc::new(roster) });
        let switch = Switch::start(Parts {
            addresses: config.addresses.clone(),
            trunks: config.trunks.clone(),
            snapshot: snapshot.clone(),
            library: Arc::new(plan.library),
            recordings: recordings.clone(),
            house: house.clone(),
            requests,
            ledger,
            stored,
        })
        .await?;
        if let Err(error) = store.legs_released() {
            tracing::error!(%error, "the legs of an earlier run are released again at the next start");
        }
        let around = Around {
            store: &store,
            house: &house,
            live: &live,
            recordings: &recordings,
            switch: &switch,
            snapshot,
        };
        let background = Background::start(&config, around);
        let (commands, no_commands) = commands(&config.data_dir)?;
        let home = storage::go_home(store.clone());
        Ok(Self {
            config_path: config_path.to_owned(),
            data_dir: config.data_dir.clone(),
            spool: config.spool.clone(),
            config,
            store,
            switch,
            writer,
            occupancy,
            shutdown,
            commands,
            _no_commands: no_commands,
            home,
            confirmed: mpsc::channel(8),
            house,
            live,
            warnings,
            languages,
            background,
        })
    }

    /// Where SIP is listened for.
    pub fn listening(&self) -> &[Hop] {
        self.switch.listening()
    }

    /// Everything that is written down from now on, as it happens.
    pub fn watch(&self) -> broadcast::Receiver<Arc<Record>> {
        self.live.subscribe()
    }

    /// What was found in the settings that does not keep calls from working.
    pub fn warnings(&self) -> &Findings {
        &self.warnings
    }

    /// The database.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// How many calls are running.
    pub fn running(&self) -> usize {
        self.occupancy.running()
    }

    /// The next command on the control socket. Nothing: the switch has broken, and whoever
    /// supervises the daemon must start it again.
    pub async fn command(&mut self) -> Option<Asked> {
        loop {
            tokio::select! {
                biased;
                () = self.switch.broken() => return None,
                Some(asked) = self.confirmed.1.recv() => return Some(asked),
                asked = self.commands.recv() => return asked,
                () = self.home.notified() => self.take_home().await,
                news = self.background.feeds.news() => self.take_calendars(news).await,
            }
        }
    }

    /// Takes calendars that have been read into use. What is not done when this is dropped is done the next time.
    async fn take_calendars(&mut self, news: u64) {
        match self.reload_roster().await {
            Ok(()) => self.background.feeds.took(news),
            Err(error) => {
                tracing::error!(%error, "calendars were read, but could not be taken into use");
                self.background.feeds.took(news);
            }
        }
    }

    /// Takes what the database says of people, teams and schedules into use.
    pub(super) async fn reload_roster(&mut self) -> Result<(), StoreError> {
        let store = self.store.clone();
        let (mut roster, _) = blocking(move || feeds::load(store.reader())).await?;
        self.speak_known_languages(&mut roster);
        let hotlines = self.config.hotlines(&roster, &mut Findings::default()).hotlines;
        let snapshot = Arc::new(Snapshot { hotlines, roster: Arc::new(roster) });
        self.switch.reload_snapshot(snapshot.clone());
        self.background.chaser.snapshot_changed(snapshot);
        Ok(())
    }

    /// Whoever has a language that no prompt was made in yet hears the hotline's until the settings are read again:
    /// nothing is spoken or decoded here.
    fn speak_known_languages(&self, roster: &mut Roster) {
        for person in roster.people.values_mut() {
            if let Some(language) = person.language.take_if(|language| !self.languages.contains(language)) {
                let person = &person.id;
                tracing::warn!(%person, %language, "prompts in this language are made when the settings are read again");
            }
        }
    }

    /// Reads the settings again. A file with errors changes nothing.
    pub async fn reload(&mut self) {
        let (config, findings) = Config::load(&self.config_path);
        let config = match config {
            Some(config) if !findings.has_errors() => config,
            _ => return keep_old(&findings),
        };
        let ready = match ready(config, findings, &self.store).await {
            Ok(ready) => ready,
            Err(StartError::Settings(findings)) => return keep_old(&findings),
            Err(error) => return tracing::error!(%error, "reload failed: the old settings stay in use"),
        };
        let tls = ready.config.addresses.tls.clone();
        let later = self.at_the_next_start(&ready.config);
        if !later.is_empty() {
            tracing::warn!("changed, but not in use before the next start: {}", later.join(", "));
        }
        self.languages = languages(&ready.roster);
        let snapshot = Arc::new(Snapshot { hotlines: ready.plan.hotlines, roster: Arc::new(ready.roster) });
        self.switch
            .reload(ready.config.trunks.clone(), tls, snapshot.clone(), Arc::new(ready.plan.library))
            .await;
        self.background.chaser.snapshot_changed(snapshot);
        self.config = ready.config;
        self.background.settings_changed(&self.config, &self.store).await;
        self.warnings = ready.warnings;
        tracing::info!("the settings were read again");
    }

    /// Settings that differ from those the daemon was started with, and cannot change while it runs.
    fn at_the_next_start(&self, new: &Config) -> Vec<&'static str> {
        let (running, wanted) = (self.switch.addresses(), &new.addresses);
        let changed = [
            ("data_dir", self.data_dir != new.data_dir),
            ("[storage] spool", self.spool != new.spool),
            ("listen", running.listen != wanted.listen),
            ("public_address", running.public_address != wanted.public_address),
            ("resolvers", running.resolvers != wanted.resolvers),
            ("[media] ports", running.media_ports != wanted.media_ports),
            ("[media] threads", running.media_threads != wanted.media_threads),
        ];
        changed.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    /// Refuses new calls from now on; resolves when none is running.
    pub fn drain(&self) -> impl Future<Output = ()> + use<> {
        self.switch.drain();
        self.background.chaser.rest();
        let occupancy = self.occupancy.clone();
        async move { occupancy.quiet().await }
    }

    /// Ends the calls that still run, writes everything down, and stops.
    pub async fn stop(self) {
        self.switch.drain();
        self.background.chaser.rest();
        self.shutdown.send_replace(true);
        if tokio::time::timeout(LAST_RECORDS, self.occupancy.quiet()).await.is_err() {
            tracing::error!("calls did not end in time");
        }
        let Background { feeds, chaser, transcriber, outbox, alarms, purger, sealer, .. } = self.background;
        chaser.stop().await;
        self.switch.stop().await;
        transcriber.stop().await;
        drop((self.commands, self.confirmed, self.house));
        // What the disk has not taken by then is in the log.
        let written = tokio::task::spawn_blocking(move || self.writer.join());
        match tokio::time::timeout(LAST_RECORDS, written).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::error!("the writer of the database broke"),
            Err(_) => tracing::error!("the database did not take the last records in time"),
        }
        // Calls that the end has cut off are told of at once.
        drop((feeds, alarms, purger, sealer));
        outbox.stop().await;
    }
}

/// The languages people are spoken to in.
fn languages(roster: &Roster) -> BTreeSet<Language> {
    roster.people.values().filter_map(|person| person.language).collect()
}

fn keep_old(findings: &Findings) {
    tracing::error!("the settings have errors and were not taken into use:\n{}", findings.render(false));
}

/// What a start needs of the database.
struct Prepared {
    ready: Ready,
    recordings: PathBuf,
    stored: Vec<StoredLeg>,
    history: History,
    ledger: Ledger,
}

/// The database that can be used, and what it says.
async fn open(config_path: &Path) -> Result<(Arc<Store>, Prepared), StartError> {
    let (config, findings) = load(config_path)?;
    let store = Arc::new(Store::open_or_spare(&config.data_dir)?);
    store.use_spool(&config.spool);
    match prepare(config, findings, &store).await {
        Err(StartError::Store(why)) if why.leaves_calls_possible() && !store.is_away() => {
            // What was looked at first is not damaged, and all else may be.
            store.use_spare(&why)?;
            let (config, findings) = load(config_path)?;
            let prepared = prepare(config, findings, &store).await?;
            Ok((store, prepared))
        }
        prepared => Ok((store, prepared?)),
    }
}

async fn prepare(config: Config, findings: Findings, store: &Arc<Store>) -> Result<Prepared, StartError> {
    let recordings = config.data_dir.join("recordings");
    let ready = ready(config, findings, store).await?;
    let stored = put_right(store, &recordings)?;
    Ok(Prepared { ready, recordings, stored, history: past_calls(store)?, ledger: ledger(store)? })
}

/// The settings, without faults.
fn load(config_path: &Path) -> Result<(Config, Findings), StartError> {
    match Config::load(config_path) {
        (Some(config), findings) if !findings.has_errors() => Ok((config, findings)),
        (_, findings) => Err(StartError::Settings(findings)),
    }
}

/// The way of commands. On a disk that takes nothing there is no socket, and calls are taken all the same.
fn commands(data_dir: &Path) -> Result<(mpsc::Receiver<Asked>, Option<mpsc::Sender<Asked>>), StartError> {
    match control::listen(data_dir) {
        Ok(commands) => Ok((commands, None)),
        Err(error) if matches!(error.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::StorageFull) => {
            tracing::error!(%error, "ALARM: no control socket can be made: commands do not reach the daemon");
            let (keep, commands) = mpsc::channel(1);
            Ok((commands, Some(keep)))
        }
        Err(source) => Err(StartError::Io { path: data_dir.join("control.sock"), source }),
    }
}

/// Applies the on-call file, reads back what the database says, and compiles the hotlines.
async fn ready(config: Config, mut findings: Findings, store: &Arc<Store>) -> Result<Ready, StartError> {
    let store = store.clone();
    blocking(move || {
        // The hotlines are checked against the file first: a bad one must not reach the database.
        if let Some((_, roster)) = &config.oncall {
            let mut first = Findings::default();
            config.hotlines(roster, &mut first);
            if first.has_errors() {
                findings.0.extend(first.0);
                return Err(StartError::Settings(findings));
            }
            for change in store.apply_roster(roster, false)? {
                tracing::info!("on call: {change}");
            }
        }
        feeds::renew_files(&store, &store.reader().load_roster()?, &config.wanted_calendars().folder)?;
        let (roster, _) = feeds::load(store.reader())?;
        let plan = config.plan(&roster, &mut findings);
        if findings.has_errors() {
            return Err(StartError::Settings(findings));
        }
        Ok(Ready { config, plan, roster, warnings: findings })
    })
    .await
}
