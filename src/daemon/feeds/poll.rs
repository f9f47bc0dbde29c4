//! Reads the calendars again and again while the daemon runs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rand::RngExt as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{CalendarSettings, Fetcher, Place, Tried, attach, health, renew, sources};
use crate::daemon::blocking;
use crate::oncall::Roster;
use crate::store::{Store, StoreError};

/// How soon a calendar that could not be read is tried again; then after twice that time, and so on.
const FIRST_RETRY: Duration = Duration::from_secs(60);
/// How often the same alarm is told.
const REPEAT_ALARM: Duration = Duration::from_secs(24 * 3600);

/// What the settings want.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where calendars that are files are looked for.
    pub folder: PathBuf,
    /// How often they are read, and when somebody should look.
    pub settings: CalendarSettings,
}

/// The task that reads calendars. Dropped, it ends.
#[derive(Debug)]
pub struct Poller {
    wanted: watch::Sender<Wanted>,
    news: watch::Receiver<u64>,
    /// What has been taken into use of the news.
    taken: u64,
    task: JoinHandle<()>,
}

impl Poller {
    /// Starts to read: all calendars at once, then each in its time.
    pub fn start(store: Arc<Store>, wanted: Wanted) -> Self {
        let (wanted, reader) = watch::channel(wanted);
        let (sender, news) = watch::channel(0);
        let task = tokio::spawn(poll(store, reader, sender));
        Self { wanted, news, taken: 0, task }
    }

    /// The settings or the roster have changed: what is new, or was refused, is read at once.
    pub fn settings_changed(&self, wanted: Wanted) {
        self.wanted.send_replace(wanted);
    }

    /// The roster has changed.
    pub fn roster_changed(&self) {
        self.wanted.send_modify(|_| {});
    }

    /// Resolves when calendars have been read that are not in use yet: with what to say to [`Poller::took`].
    pub async fn news(&mut self) -> u64 {
        let taken = self.taken;
        match self.news.wait_for(|news| *news != taken).await {
            Ok(news) => *news,
            Err(_) => std::future::pending().await,
        }
    }

    /// The news are in use.
    pub fn took(&mut self, news: u64) {
        self.taken = news;
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// When a calendar is read next.
#[derive(Debug, Clone, Copy)]
struct Turn {
    due: Instant,
    failures: u32,
}

async fn poll(store: Arc<Store>, mut wanted: watch::Receiver<Wanted>, news: watch::Sender<u64>) {
    let mut turns: BTreeMap<String, Turn> = BTreeMap::new();
    let mut alarms = Alarms::default();
    let mut fetcher = None;
    loop {
        let now = wanted.borrow_and_update().clone();
        let roster = match roster(&store, &mut turns).await {
            Ok(roster) => Arc::new(roster),
            Err(error) => {
                tracing::error!(%error, "the calendars could not be looked up");
                tokio::time::sleep(FIRST_RETRY).await;
                continue;
            }
        };
        let due: Vec<String> = turns
            .iter()
            .filter(|(_, turn)| turn.due <= Instant::now())
            .map(|(source, _)| source.clone())
            .collect();
        let mut any_read = false;
        for source in due {
            let fetcher = fetcher.get_or_insert_with(|| Arc::new(Fetcher::new())).clone();
            let tried = tried(&store, fetcher, &roster, &source, now.folder.clone()).await;
            any_read |= !matches!(tried, Tried::Failed(_));
            if let Some(turn) = turns.get_mut(&source) {
                turn.after(&tried, now.settings.every.0);
            }
        }
        if any_read {
            news.send_modify(|count| *count += 1);
        }
        alarms.tell(&store, now.settings).await;
        let next = turns.values().map(|turn| turn.due).min();
        tokio::select! {
            changed = wanted.changed() => match changed {
                Ok(()) => turns.values_mut().filter(|turn| turn.failures > 0).for_each(|turn| turn.due = Instant::now()),
                Err(_) => return,
            },
            () = until(next) => {}
        }
    }
}

async fn until(next: Option<Instant>) {
    match next {
        Some(next) => tokio::time::sleep_until(next).await,
        None => std::future::pending().await,
    }
}

/// The roster as it is, and a turn for each of its calendars; new ones have it now.
async fn roster(store: &Arc<Store>, turns: &mut BTreeMap<String, Turn>) -> Result<Roster, StoreError> {
    let store = store.clone();
    let (roster, named) = blocking(move || {
        let roster = store.reader().load_roster()?;
        let named = sources(&roster);
        store.keep_calendars(&named)?;
        Ok::<_, StoreError>((roster, named))
    })
    .await?;
    turns.retain(|source, _| named.contains(source));
    for source in named {
        turns.entry(source).or_insert_with(|| Turn { due: Instant::now(), failures: 0 });
    }
    Ok(roster)
}

impl Turn {
    /// The next time, some minutes sooner or later, so that not all who read a server do it at the same moment.
    fn after(&mut self, tried: &Tried, every: Duration) {
        let wait = match tried {
            Tried::Failed(_) => {
                let wait = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(self.failures.min(10)));
                self.failures = self.failures.saturating_add(1);
                wait.min(every)
            }
            Tried::New | Tried::Same => {
                self.failures = 0;
                every
            }
        };
        let jitter = rand::rng().random_range(0.9..1.1);
        self.due = Instant::now() + wait.mul_f64(jitter);
    }
}

async fn tried(
    store: &Arc<Store>,
    fetcher: Arc<Fetcher>,
    roster: &Arc<Roster>,
    source: &str,
    folder: PathBuf,
) -> Tried {
    let label = Place::label(source);
    let (store, roster, name) = (store.clone(), roster.clone(), source.to_owned());
    let before = store.clone();
    let tried = blocking(move || {
        let last = before.reader().calendars()?.remove(&name).and_then(|copy| copy.failure);
        Ok::<_, StoreError>((renew(&store, &fetcher, &roster, &name, &folder)?, last))
    });
    match tried.await {
        Ok((Tried::Failed(why), last)) if last.as_ref() == Some(&why) => Tried::Failed(why),
        Ok((Tried::Failed(why), _)) => {
            tracing::warn!("the {label} was not taken, what was read before stays in use: {why}");
            Tried::Failed(why)
        }
        Ok((tried, last)) => {
            if tried == Tried::New || last.is_some() {
                tracing::info!("the {label} was read");
            }
            tried
        }
        Err(error) => {
            tracing::error!(%error, "the {label} could not be kept");
            Tried::Failed(error.to_string())
        }
    }
}

/// What has been told, and when.
#[derive(Debug, Default)]
struct Alarms(BTreeMap<String, Instant>);

impl Alarms {
    /// Tells what somebody should look at, each thing once a day.
    async fn tell(&mut self, store: &Arc<Store>, settings: CalendarSettings) {
        let store = store.clone();
        let standing = blocking(move || {
            let copies = store.reader().calendars()?;
            let mut roster = store.reader().load_roster()?;
            attach(&mut roster, &copies);
            Ok::<_, StoreError>(health(&roster, &copies, &settings, Timestamp::now()))
        });
        let Ok(standing) = standing.await else { return };
        let told = std::mem::take(&mut self.0);
        for health in standing {
            for alarm in &health.alarms {
                // How old it is changes from time to time; that it is old does not.
                let kind = format!("{} {}", health.whose, alarm.split(", read").next().unwrap_or(alarm));
                let last = told.get(&kind).copied().filter(|last| last.elapsed() < REPEAT_ALARM);
                if last.is_none() {
                    tracing::error!("{}: {alarm} ({})", health.whose, health.label);
                }
                self.0.insert(kind, last.unwrap_or_else(Instant::now));
            }
        }
    }
}
