//! The daemon's life: start, reload, drain, stop.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};

use crate::call;
use crate::call::clock::Clock;
use crate::call::history::{self, History, PastCall};
use crate::call::journal::{Journal, Record};
use crate::call::lockout::Lockout;
use crate::call::occupancy::Occupancy;
use crate::call::plan::Snapshot;
use crate::call::run::House;
use crate::daemon::alarms::Alarms;
use crate::daemon::blocking;
use crate::daemon::changes::{self, Change, ChangeError, Changed};
use crate::daemon::chase::Chaser;
use crate::daemon::config::{Config, Plan};
use crate::daemon::control::{self, Asked};
use crate::daemon::feeds::{self, Poller};
use crate::daemon::findings::Findings;
use crate::daemon::incidents::{self, IncidentChange};
use crate::daemon::messages::Sealer;
use crate::daemon::outbox::{self, Pump};
use crate::daemon::retention::{self, Purger, Removal};
use crate::daemon::storage;
use crate::daemon::transcript::{self, Transcriber};
use crate::daemon::verify::{self, Verified};
use crate::notify::http::Client;
use crate::oncall::{Language, PersonId, Phone, Roster};
use crate::sip::Hop;
use crate::store::{CallFilter, Store, StoreError, Unfinished, WriterHandle};
use crate::switch::recorder::{PART, repair_all};
use crate::switch::signalling::StoredLeg;
use crate::switch::spend::{Ledger, Use};
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
    config: Config,
    /// The one in use, whatever a reload says.
    data_dir: PathBuf,
    spool: PathBuf,
    store: Arc<Store>,
    switch: Switch,
    writer: WriterHandle,
    occupancy: Occupancy,
    shutdown: watch::Sender<bool>,
    commands: mpsc::Receiver<Asked>,
    /// Keeps the way of commands open while there is no control socket.
    _no_commands: Option<mpsc::Sender<Asked>>,
    /// Tells that the right database is in use again.
    home: Arc<Notify>,
    /// What calls to phones have come to.
    confirmed: (mpsc::Sender<Asked>, mpsc::Receiver<Asked>),
    house: House,
    live: broadcast::Sender<Arc<Record>>,
    warnings: Findings,
    /// The languages of the people, beside the hotlines' own, that prompts were made in.
    languages: BTreeSet<Language>,
    feeds: Poller,
    purger: Purger,
    sealer: Sealer,
    outbox: Pump,
    transcriber: Transcriber,
    /// Phones people about open incidents.
    chaser: Chaser,
    alarms: Alarms,
    /// Sends what targets are told.
    client: Client,
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
        let (config, findings) = load(config_path)?;
        let store = Arc::new(Store::open_or_spare(&config.data_dir)?);
        store.use_spool(&config.spool);
        let mut prepared = prepare(config, findings, &store).await;
        if let Err(StartError::Store(why)) = &prepared
            && why.leaves_calls_possible()
            && !store.is_away()
        {
            // What was looked at first is not damaged, and all else may be.
            store.use_spare(why)?;
            let (config, findings) = load(config_path)?;
            prepared = prepare(config, findings, &store).await;
        }
        let Prepared { ready, recordings, stored, history, ledger } = prepared?;
        let Ready { config, plan, roster, warnings } = ready;
        let languages = languages(&roster);

        let wanted = config.wanted_transcripts();
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
        let feeds = Poller::start(store.clone(), config.wanted_calendars());
        let client = Client::new();
        let ways = outbox::ways(&config.targets, &config.delivering(&client));
        let outbox = Pump::start(store.clone(), Arc::new(Timestamp::now), ways.clone());
        let parts = transcript::Parts {
            store: store.clone(),
            journal: house.journal.clone(),
            recordings: config.data_dir.join("recordings"),
            scratch: config.data_dir.join("transcript"),
        };
        let transcriber = Transcriber::start(parts, wanted, live.subscribe());
        store.set_ways(&config.ways())?;
        let chaser = Chaser::start(store.clone(), house.clone(), recordings.clone(), snapshot);
        let purger = Purger::start(store.clone(), recordings.clone(), config.retention);
        let sealer = Sealer::start(store.clone(), recordings, config.voicemail.clone(), live.subscribe());
        let now = Arc::new(Timestamp::now);
        let data_dir = config.data_dir.clone();
        let alarms = Alarms::start(store.clone(), switch.reporter(), data_dir, now, config.watched(), ways);
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
            feeds,
            purger,
            sealer,
            outbox,
            transcriber,
            chaser,
            alarms,
            client,
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
                news = self.feeds.news() => self.take_calendars(news).await,
            }
        }
    }

    /// Takes calendars that have been read into use. What is not done when this is dropped is done the next time.
    async fn take_calendars(&mut self, news: u64) {
        match self.reload_roster().await {
            Ok(()) => self.feeds.took(news),
            Err(error) => {
                tracing::error!(%error, "calendars were read, but could not be taken into use");
                self.feeds.took(news);
            }
        }
    }

    /// Carries a command out.
    pub async fn obey(&mut self, asked: Asked) {
        match asked.command {
            control::Command::Apply { path, text, dry_run } => {
                let reply = match self.apply(path, text, dry_run).await {
                    Ok(lines) => control::Reply::Done(lines),
                    Err(why) => control::Reply::Failed(why),
                };
                // The command may have gone away meanwhile.
                let _ = asked.reply.send(reply);
            }
            control::Command::Change(change) => {
                let reply = match self.change(change).await {
                    Ok(changed) => control::Reply::Changed(changed),
                    Err(error) => control::Reply::Failed(error.to_string()),
                };
                let _ = asked.reply.send(reply);
            }
            control::Command::Incident(change) => self.change_incident(change, asked.reply),
            control::Command::Verify { person, phone } => self.verify(&person, phone.as_deref(), asked.reply),
            control::Command::Remove(removal) => self.remove(removal, asked.reply),
            control::Command::Trunks { ping } => self.tell_trunks(ping, asked.reply),
            control::Command::Storage => {
                let health = self.store.health().borrow().clone();
                let _ = asked.reply.send(control::Reply::Storage(health));
            }
            control::Command::SetAside => {
                let reply = match self.set_aside().await {
                    Ok(lines) => control::Reply::Done(lines),
                    Err(error) => control::Reply::Failed(error.to_string()),
                };
                let _ = asked.reply.send(reply);
            }
        }
    }

    /// Moves a damaged database out of the way, and goes on with a new one.
    async fn set_aside(&mut self) -> Result<Vec<String>, StoreError> {
        let store = self.store.clone();
        let aside = blocking(move || store.set_aside()).await?;
        self.take_home().await;
        Ok(storage::set_aside_lines(&aside))
    }

    /// The right database is in use again: so is who is on call by the file, and by it.
    async fn take_home(&mut self) {
        let (store, file) =
            (self.store.clone(), self.config.oncall.as_ref().map(|(_, roster)| roster.clone()));
        let ways = self.config.ways();
        let applied = blocking(move || {
            file.map_or(Ok(()), |roster| store.apply_roster(&roster, false).map(drop))?;
            store.set_ways(&ways)
        });
        if let Err(error) = applied.await {
            tracing::error!(%error, "the on-call file could not be taken into the database");
        }
        if let Err(error) = self.reload_roster().await {
            tracing::error!(%error, "who is on call could not be read from the database");
        }
    }

    /// Tells how the trunks stand, once they have: nothing else waits for that.
    fn tell_trunks(&self, ping: bool, reply: oneshot::Sender<control::Reply>) {
        let listening = self.listening().iter().map(ToString::to_string).collect();
        let audio = self.switch.audio();
        let report = self.switch.report(ping);
        tokio::spawn(async move {
            let told = match report.await {
                Some(trunks) => control::Reply::Trunks { listening, audio, trunks },
                None => control::Reply::Failed("the daemon is stopping".to_owned()),
            };
            let _ = reply.send(told);
        });
    }

    /// Removes a message, or what tells of a caller. Other commands do not wait for the disk.
    fn remove(&self, removal: Removal, reply: oneshot::Sender<control::Reply>) {
        let (store, recordings) = (self.store.clone(), self.data_dir.join("recordings"));
        if let Removal::Caller { number, dry_run: false } = &removal {
            self.house.history.forget(number);
        }
        tokio::task::spawn_blocking(move || {
            let removed = retention::carry_out(&store, &recordings, &removal, Timestamp::now());
            let told =
                removed.map_or_else(|why| control::Reply::Failed(why.to_string()), control::Reply::Removed);
            let _ = reply.send(told);
        });
    }

    /// Changes incidents, quiet times or the outbox. Other commands do not wait for the disk with it.
    fn change_incident(&self, change: IncidentChange, reply: oneshot::Sender<control::Reply>) {
        // What is done to an incident stands in its own log, and notes stand nowhere else.
        if !matches!(change, IncidentChange::Of { .. }) {
            tracing::info!(?change, "incidents: a command");
        }
        let (store, journal) = (self.store.clone(), self.house.journal.clone());
        tokio::spawn(async move {
            let done = incidents::carry_out_running(store, journal, change, Timestamp::now()).await;
            let told =
                done.map_or_else(|why| control::Reply::Failed(why.to_string()), control::Reply::Incident);
            let _ = reply.send(told);
        });
    }

    /// Calls a phone to have it confirmed. Other commands do not wait for that.
    fn verify(&self, person: &str, phone: Option<&str>, reply: oneshot::Sender<control::Reply>) {
        let snapshot = self.switch.snapshot();
        let asked = match verify::prepare(&snapshot, &self.config.trunks, person, phone) {
            Ok(asked) => asked,
            Err(why) => {
                let _ = reply.send(control::Reply::Failed(why));
                return;
            }
        };
        let keep = keep_confirmed(self.confirmed.0.clone(), asked.person.id.clone(), asked.phone.clone());
        let (told, house) = (Verified::new(&asked), self.house.clone());
        tokio::spawn(async move {
            let ended = call::verify::run(asked, keep, house).await;
            let confirmed = ended.is_ok();
            let reason = ended.unwrap_or_else(|why| why);
            let _ = reply.send(control::Reply::Verified(Verified { confirmed, reason, ..told }));
        });
    }

    async fn apply(&mut self, path: PathBuf, text: String, dry_run: bool) -> Result<Vec<String>, String> {
        let mut findings = Findings::default();
        let source = Arc::new(crate::daemon::findings::Source { path, text });
        let roster = crate::daemon::config::read_roster(&source, &mut findings);
        let Some(roster) = roster.filter(|_| !findings.has_errors()) else {
            return Err(findings.render(false));
        };
        // A hotline must not be left with a target that is no longer there.
        self.config.hotlines(&roster, &mut findings);
        if findings.has_errors() {
            return Err(findings.render(false));
        }
        let store = self.store.clone();
        let changes = blocking(move || store.apply_roster(&roster, dry_run))
            .await
            .map_err(|error| error.to_string())?;
        if !dry_run {
            self.reload_roster().await.map_err(|error| error.to_string())?;
            self.feeds.roster_changed();
        }
        Ok(changes.iter().map(ToString::to_string).collect())
    }

    /// Changes who is on call, from the next call on.
    async fn change(&mut self, change: Change) -> Result<Changed, ChangeError> {
        let store = self.store.clone();
        tracing::info!(?change, "on call: a command");
        let changed = blocking(move || changes::carry_out(&store, &change, Timestamp::now())).await?;
        self.reload_roster().await?;
        Ok(changed)
    }

    /// Takes what the database says of people, teams and schedules into use.
    async fn reload_roster(&mut self) -> Result<(), StoreError> {
        let store = self.store.clone();
        let (mut roster, _) = blocking(move || feeds::load(store.reader())).await?;
        self.speak_known_languages(&mut roster);
        let hotlines = self.config.hotlines(&roster, &mut Findings::default()).hotlines;
        let snapshot = Arc::new(Snapshot { hotlines, roster: Arc::new(roster) });
        self.switch.reload_snapshot(snapshot.clone());
        self.chaser.snapshot_changed(snapshot);
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
        self.transcriber.settings_changed(ready.config.wanted_transcripts());
        let snapshot = Arc::new(Snapshot { hotlines: ready.plan.hotlines, roster: Arc::new(ready.roster) });
        self.switch
            .reload(ready.config.trunks.clone(), tls, snapshot.clone(), Arc::new(ready.plan.library))
            .await;
        self.chaser.snapshot_changed(snapshot);
        self.config = ready.config;
        let (store, ways) = (self.store.clone(), self.config.ways());
        if let Err(error) = blocking(move || store.set_ways(&ways)).await {
            tracing::error!(%error, "where people's own ways lead could not be kept: what was known before counts");
        }
        self.feeds.settings_changed(self.config.wanted_calendars());
        self.purger.settings_changed(self.config.retention);
        self.sealer.settings_changed(self.config.voicemail.clone());
        let ways = outbox::ways(&self.config.targets, &self.config.delivering(&self.client));
        self.outbox.settings_changed(ways.clone());
        self.alarms.settings_changed(self.config.watched(), ways);
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
        self.chaser.rest();
        let occupancy = self.occupancy.clone();
        async move { occupancy.quiet().await }
    }

    /// Ends the calls that still run, writes everything down, and stops.
    pub async fn stop(self) {
        self.switch.drain();
        self.chaser.rest();
        self.shutdown.send_replace(true);
        if tokio::time::timeout(LAST_RECORDS, self.occupancy.quiet()).await.is_err() {
            tracing::error!("calls did not end in time");
        }
        self.chaser.stop().await;
        self.switch.stop().await;
        self.transcriber.stop().await;
        drop((self.commands, self.confirmed, self.house));
        // What the disk has not taken by then is in the log.
        let written = tokio::task::spawn_blocking(move || self.writer.join());
        match tokio::time::timeout(LAST_RECORDS, written).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::error!("the writer of the database broke"),
            Err(_) => tracing::error!("the database did not take the last records in time"),
        }
        // Calls that the end has cut off are told of at once.
        drop(self.alarms);
        self.outbox.stop().await;
    }
}

/// Has a confirmation written down and taken into use.
async fn keep_confirmed(to: mpsc::Sender<Asked>, person: PersonId, phone: Phone) -> Result<(), String> {
    let (reply, answer) = oneshot::channel();
    let command = control::Command::Change(Change::ConfirmPhone { person, phone });
    let sent = to.send(Asked { command, reply }).await;
    match sent.map(|()| answer) {
        Ok(answer) => match answer.await {
            Ok(control::Reply::Changed(_)) => Ok(()),
            Ok(control::Reply::Failed(why)) => Err(why),
            Ok(_) | Err(_) => Err("the daemon is stopping".to_owned()),
        },
        Err(_) => Err("the daemon is stopping".to_owned()),
    }
}

/// The languages people are spoken to in.
fn languages(roster: &Roster) -> BTreeSet<Language> {
    roster.people.values().filter_map(|person| person.language).collect()
}

/// The calls of the last day.
fn past_calls(store: &Store) -> Result<History, StoreError> {
    let since = Timestamp::now().checked_sub(history::REMEMBERED).ok();
    let limit = u32::try_from(history::MOST_CALLS).ok();
    let calls = store.reader().calls(&CallFilter { since, limit, ..CallFilter::default() })?;
    let history = History::default();
    history.recall(calls.into_iter().filter_map(|call| {
        Some(PastCall {
            responder: call.responder.as_deref().map(PersonId::from),
            ended: call.ended_at?,
            caller: call.caller,
            hotline: call.hotline,
            route: call.route,
            outcome: call.outcome,
            began: call.started_at,
        })
    }));
    Ok(history)
}

/// What the trunks were used for in the last 24 hours.
fn ledger(store: &Store) -> Result<Ledger, StoreError> {
    let ledger = Ledger::default();
    for used in store.reader().trunk_use(Timestamp::now())? {
        let spent = Use { legs: used.legs, seconds: used.seconds };
        ledger.with(&used.trunk, |spend| spend.recall(used.minute, spent));
    }
    Ok(ledger)
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

/// After a crash: closes open calls, repairs messages, and finds the legs that were left up. Afterwards nothing is left
/// to be put right.
pub fn put_right(store: &Store, recordings: &Path) -> Result<Vec<StoredLeg>, StartError> {
    let failed = |source| StartError::Io { path: recordings.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(recordings).map_err(failed)?;
    let found = files(recordings).map_err(failed)?;
    let strangers = store.adopt_recordings(&found)?;
    let repaired = repair_all(recordings).map_err(failed)?;
    // Only once: while a spare database is in use, it knows none of the others.
    for file in repaired.iter().filter(|file| file.kept && strangers.contains(&file.name)) {
        tracing::error!(
            file = file.name,
            "the database does not know the call of this recording: listen to the file"
        );
    }
    let left = store.reconcile(Timestamp::now())?;
    for call in left.calls_closed {
        tracing::warn!(%call, "the daemon had stopped during this call: its record is closed");
    }
    for recording in left.recordings {
        let Unfinished { call, kind, file } = &recording;
        let found = repaired.iter().find(|repaired| repaired.name == *file);
        let (duration_ms, kept) = match found {
            Some(repaired) if repaired.kept => (repaired.duration_ms, true),
            // Whole already: the crash came between its last byte and its row, or while it was recorded again.
            _ => whole_recording(&recordings.join(file)),
        };
        store.recording_recovered(&recording, duration_ms, kept)?;
        tracing::warn!(%call, file, kept, "the recording of a {} was put right", kind.as_str());
    }
    let dialogs = left.legs_up.into_iter().filter_map(|leg| match serde_json::from_str(&leg.dialog) {
        Ok(dialog) => Some(dialog),
        Err(error) => {
            tracing::error!(%error, "a stored leg could not be read");
            None
        }
    });
    Ok(dialogs.collect())
}

/// The recordings in a folder, by the names they have when they are finished.
fn files(recordings: &Path) -> std::io::Result<Vec<String>> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(recordings)? {
        if let Ok(name) = entry?.file_name().into_string() {
            files.insert(name.strip_suffix(PART).map(str::to_owned).unwrap_or(name));
        }
    }
    Ok(files.into_iter().collect())
}

/// The length of a finished recording in ms, and whether it is there at all.
fn whole_recording(path: &Path) -> (u64, bool) {
    match hound::WavReader::open(path) {
        Ok(wav) => (u64::from(wav.duration()) * 1000 / u64::from(wav.spec().sample_rate.max(1)), true),
        Err(_) => (0, false),
    }
}
