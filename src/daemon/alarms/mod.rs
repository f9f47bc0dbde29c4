//! Self-supervision: the daemon looks at itself, and tells somebody when calls would not come in, not go out, or not
//! be kept. Over the `[[notify]]` targets, never over the phone that may be what is broken.

mod board;
mod direct;
mod looks;
mod settings;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, timeout};

pub use board::{Board, Change, Found, Kind, Look};
pub use looks::Watched;
pub use settings::{AlarmsSettings, DiskFree, Reach};

use crate::daemon::outbox::{Now, Way};
use crate::incident::{Event, Notice};
use crate::store::{Alarm, Store, StoreError};
use crate::switch::report::Reporter;
use direct::Direct;
use looks::Eyes;

/// How often everything is looked at: what is wrong is told after two looks, so within a minute.
const EVERY: Duration = Duration::from_secs(10);
/// How long the database may take to write an alarm down, before it is told without it.
const PATIENCE: Duration = Duration::from_secs(3);

/// The task that looks. Dropped, it ends.
#[derive(Debug)]
pub struct Alarms {
    wanted: watch::Sender<Wanted>,
    task: JoinHandle<()>,
}

/// What is wanted: what alarms go by, and the ways out.
type Wanted = (Watched, Vec<Way>);

impl Alarms {
    /// Begins to look.
    pub fn start(
        store: Arc<Store>,
        reporter: Reporter,
        data_dir: PathBuf,
        now: Now,
        watched: Watched,
        ways: Vec<Way>,
    ) -> Self {
        let (wanted, reader) = watch::channel((watched, ways));
        let eyes = Eyes::new(store.clone(), reporter, data_dir, now());
        let task = tokio::spawn(keep_looking(eyes, Teller::new(store, now), reader));
        Self { wanted, task }
    }

    /// Other settings: everything is looked at by them at once.
    pub fn settings_changed(&self, watched: Watched, ways: Vec<Way>) {
        self.wanted.send_replace((watched, ways));
    }
}

impl Drop for Alarms {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep_looking(mut eyes: Eyes, mut teller: Teller, mut wanted: watch::Receiver<Wanted>) {
    let mut board = Board::recalling(teller.recall().await);
    let mut due = interval(EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = eyes.database_changes() => {}
            _ = due.tick() => {}
            changed = wanted.changed() => if changed.is_err() { return },
        }
        let (watched, ways) = wanted.borrow_and_update().clone();
        teller.direct.settings_changed(ways);
        let look = eyes.look(&watched, (teller.now)()).await;
        for change in board.take((teller.now)(), &look) {
            teller.tell(change, &watched.alarms.targets(), eyes.database_is_good()).await;
        }
    }
}

/// Tells of alarms: by the outbox where the database works, from memory where it does not.
struct Teller {
    store: Arc<Store>,
    now: Now,
    direct: Direct,
}

impl Teller {
    fn new(store: Arc<Store>, now: Now) -> Self {
        Self { store, now, direct: Direct::default() }
    }

    /// The alarms that were on before the restart.
    async fn recall(&self) -> Vec<Alarm> {
        let store = self.store.clone();
        match spawn_blocking(move || store.reader().alarms()).await {
            Ok(Ok(alarms)) => alarms,
            Ok(Err(error)) => {
                tracing::error!(%error, "the alarms of before could not be read");
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }

    async fn tell(&mut self, change: Change, targets: &[String], database_is_good: bool) {
        let at = (self.now)();
        let (alarm, event) = match change {
            Change::Raised(alarm) => (alarm, Event::Trigger),
            Change::Over(alarm) => (alarm, Event::Resolve),
        };
        match event {
            Event::Trigger => tracing::error!(alarm = alarm.name, "ALARM: {}: {}", alarm.title, alarm.detail),
            _ => tracing::info!(alarm = alarm.name, "the alarm is over: {}", alarm.title),
        }
        let notice = notice(&alarm, event, at);
        // What waits in memory for a target must not be overtaken.
        let (mut direct, by_outbox): (Vec<_>, Vec<_>) =
            targets.iter().cloned().partition(|target| !database_is_good || self.direct.is_busy(target));
        if !(database_is_good && self.write(alarm, notice.clone(), by_outbox.clone()).await) {
            direct.extend(by_outbox);
        }
        for target in direct {
            self.direct.tell(&target, &notice);
        }
    }

    /// Writes down that an alarm is on or over, with what is to be told of it; answers whether that is done.
    async fn write(&self, alarm: Alarm, notice: Notice, targets: Vec<String>) -> bool {
        let store = self.store.clone();
        let written = spawn_blocking(move || -> Result<(), StoreError> {
            match notice.event {
                Event::Resolve => store.alarm_over(&alarm.name, &notice, &targets),
                _ => store.alarm_raised(&alarm, &notice, &targets),
            }
        });
        matches!(timeout(PATIENCE, written).await, Ok(Ok(Ok(()))))
    }
}

/// What is told of an alarm.
fn notice(alarm: &Alarm, event: Event, at: Timestamp) -> Notice {
    let (status, text) = match event {
        Event::Resolve => {
            let minutes = at.duration_since(alarm.since).as_mins().max(1);
            ("resolved", format!("It is over, after {minutes} min."))
        }
        _ => ("triggered", alarm.detail.clone()),
    };
    let id = format!("alarm-{}-{}-{event}", alarm.name, alarm.since.as_millisecond());
    Notice {
        title: format!("Nightbell: {}", alarm.title),
        text,
        severity: alarm.severity,
        status: status.to_owned(),
        ..Notice::of_no_call(event, id, format!("alarm-{}", alarm.name), at)
    }
}
