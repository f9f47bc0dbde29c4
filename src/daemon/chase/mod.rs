//! Chasing: while an incident is open, people are phoned about it one after another, by the levels of its route as they
//! are at that moment. What was begun goes on after a restart.
//!
//! An incident has one task at most, and so one phone at a time. A task begins when something is due and ends when it
//! has to wait; how far it has come is in the database before each dial.

mod levels;
mod story;
mod task;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::call::plan::Snapshot;
use crate::call::run::House;
use crate::daemon::blocking;
use crate::store::{Chase, Store};
use task::Task;

/// How soon the database is asked again after it could not be.
const AFTER_AN_ERROR: Duration = Duration::from_secs(10);
/// The longest sleep: the clock on the wall may have been set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How long the end waits for the tasks to write down how far they have come.
const AT_THE_END: Duration = Duration::from_secs(3);

/// What chases people.
#[derive(Debug)]
pub struct Chaser {
    snapshot: watch::Sender<Arc<Snapshot>>,
    resting: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What all chases work with.
#[derive(Debug, Clone)]
struct Desk {
    store: Arc<Store>,
    house: House,
    /// Where messages are.
    recordings: PathBuf,
    /// Hotlines and people as they are now.
    snapshot: watch::Receiver<Arc<Snapshot>>,
    /// Nothing is begun any more.
    resting: watch::Receiver<bool>,
}

impl Chaser {
    /// Goes on with what an earlier run has left, and begins what the database says.
    pub fn start(store: Arc<Store>, house: House, recordings: PathBuf, snapshot: Arc<Snapshot>) -> Self {
        let ((snapshot, now), (resting, rests)) = (watch::channel(snapshot), watch::channel(false));
        let desk = Desk { store, house, recordings, snapshot: now, resting: rests };
        Self { snapshot, resting, task: tokio::spawn(watch_over(desk)) }
    }

    /// Hotlines or people have changed.
    pub fn snapshot_changed(&self, snapshot: Arc<Snapshot>) {
        self.snapshot.send_replace(snapshot);
    }

    /// Phones nobody any more; calls that are going on end as they do.
    pub fn rest(&self) {
        self.resting.send_replace(true);
    }

    /// Ends, once it is written down how far each chase has come. The calls have ended before.
    pub async fn stop(mut self) {
        self.rest();
        if tokio::time::timeout(AT_THE_END, &mut self.task).await.is_err() {
            tracing::error!("chases did not end in time: they go on after the next start");
            self.task.abort();
        }
    }
}

/// A task that is running, by its incident.
#[derive(Debug)]
struct Running {
    begun_at: Timestamp,
    over: watch::Sender<bool>,
}

async fn watch_over(desk: Desk) {
    let mut bell = desk.store.bell().listen();
    let mut resting = desk.resting.clone();
    let mut snapshot = desk.snapshot.clone();
    let mut running: HashMap<i64, Running> = HashMap::new();
    let mut tasks = JoinSet::new();
    let mut begun = false;
    while !*resting.borrow() {
        bell.borrow_and_update();
        snapshot.borrow_and_update();
        let found = look(&desk, !begun).await;
        begun |= found.is_some();
        let sleep = match found {
            Some(chases) => {
                call_off(&running, &chases);
                begin(&desk, chases, &mut running, &mut tasks)
            }
            None => AFTER_AN_ERROR,
        };
        tokio::select! {
            biased;
            _ = resting.wait_for(|rests| *rests) => {}
            Some(ended) = tasks.join_next() => match ended {
                Ok(incident) => _ = running.remove(&incident),
                Err(error) => {
                    tracing::error!(%error, "a chase broke: it goes on where it was");
                    running.retain(|_, task| !task.over.is_closed());
                }
            },
            Ok(()) = bell.changed() => {}
            Ok(()) = snapshot.changed() => {}
            () = tokio::time::sleep(sleep) => {}
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// The chases that run. At the start of the daemon whoever was being phoned when the last run ended gets another turn.
async fn look(desk: &Desk, first: bool) -> Option<Vec<Chase>> {
    let store = desk.store.clone();
    let found = blocking(move || {
        let mut chases = store.reader().chases()?;
        for chase in chases.iter_mut().filter(|_| first) {
            chase.progress.restarted();
            store.chase_came_to(chase)?;
        }
        Ok::<_, crate::store::StoreError>(chases)
    });
    found
        .await
        .inspect_err(|error| tracing::error!(%error, "who is to be chased could not be looked up"))
        .ok()
}

/// Tells the tasks of chases that have been stopped, or begun anew.
fn call_off(running: &HashMap<i64, Running>, chases: &[Chase]) {
    for (incident, task) in running {
        let goes_on = |chase: &Chase| chase.incident == *incident && chase.begun_at == task.begun_at;
        if !chases.iter().any(goes_on) {
            task.over.send_replace(true);
        }
    }
}

/// Begins what is due; answers how long there is nothing else to do.
fn begin(
    desk: &Desk,
    chases: Vec<Chase>,
    running: &mut HashMap<i64, Running>,
    tasks: &mut JoinSet<i64>,
) -> Duration {
    let (now, mut sleep) = (Timestamp::now(), LONGEST_SLEEP);
    for chase in chases {
        if running.contains_key(&chase.incident) {
            continue;
        }
        if let Some(left) = left(now, chase.due_at) {
            sleep = sleep.min(left);
            continue;
        }
        let (over, is_over) = watch::channel(false);
        let (incident, begun_at) = (chase.incident, chase.begun_at);
        running.insert(incident, Running { begun_at, over });
        let task = Task::new(desk.clone(), chase, is_over);
        tasks.spawn(async move {
            task.run().await;
            incident
        });
    }
    sleep
}

/// How long it is until then; nothing: it is now, or was before.
fn left(now: Timestamp, then: Timestamp) -> Option<Duration> {
    Duration::try_from(then.duration_since(now)).ok().filter(|left| !left.is_zero())
}
