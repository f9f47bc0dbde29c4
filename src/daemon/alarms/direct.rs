//! Alarms told from memory, without the database: that is the case that matters.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::{JoinSet, spawn_blocking};

use crate::daemon::outbox::{Tell, Way};
use crate::incident::Notice;
use crate::notify::exchange::Verdict;

/// How long after the first try that failed the next one follows; then twice as long, and so on.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest time between two tries.
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// How many notices wait for a target at most: those of the oldest alarms go.
const MOST: usize = 256;

/// Tells targets, each in order and none waiting for another.
#[derive(Debug, Default)]
pub struct Direct {
    shared: Arc<Mutex<Shared>>,
    running: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    tells: BTreeMap<String, Tell>,
    waiting: BTreeMap<String, VecDeque<Notice>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("waiting", &self.waiting).finish_non_exhaustive()
    }
}

impl Direct {
    /// Takes other targets into use. What waits for one that is gone goes with it.
    pub fn settings_changed(&self, ways: Vec<Way>) {
        let mut shared = lock(&self.shared);
        shared.tells = ways.into_iter().map(|way| (way.name, way.tell)).collect();
    }

    /// Whether something waits for a target: what follows must wait behind it.
    pub fn is_busy(&self, target: &str) -> bool {
        lock(&self.shared).waiting.contains_key(target)
    }

    /// Tells a target, now and until it has heard it.
    pub fn tell(&mut self, target: &str, notice: &Notice) {
        let is_first = {
            let mut shared = lock(&self.shared);
            let is_first = !shared.waiting.contains_key(target);
            let waiting = shared.waiting.entry(target.to_owned()).or_default();
            waiting.push_back(notice.clone());
            if waiting.len() > MOST {
                waiting.remove(1);
            }
            is_first
        };
        // Those that are done are let go of.
        while self.running.try_join_next().is_some() {}
        if is_first {
            self.running.spawn(empty(self.shared.clone(), target.to_owned()));
        }
    }
}

/// Tells a target until nothing waits for it.
async fn empty(shared: Arc<Mutex<Shared>>, target: String) {
    let mut pause = FIRST_RETRY;
    while let Some((notice, tell)) = next(&shared, &target) {
        let told = spawn_blocking(move || tell(&notice)).await;
        let verdict = told.unwrap_or_else(|_| Verdict::later("telling it broke"));
        if let Verdict::Later { why, after } = &verdict {
            tracing::warn!(target_name = target, why, "an alarm was not taken: it is told again");
            tokio::time::sleep(pause.max(after.unwrap_or_default()).min(LONGEST_RETRY)).await;
            pause = (pause * 2).min(LONGEST_RETRY);
            continue;
        }
        if let Verdict::Refused { why } = &verdict {
            tracing::error!(target_name = target, why, "an alarm was refused");
        }
        pause = FIRST_RETRY;
        if let Some(waiting) = lock(&shared).waiting.get_mut(&target) {
            waiting.pop_front();
        }
    }
}

/// What is told next. Nothing waits: nobody is busy with the target any more.
fn next(shared: &Mutex<Shared>, target: &str) -> Option<(Notice, Tell)> {
    let mut shared = lock(shared);
    let tell = shared.tells.get(target).cloned();
    match (shared.waiting.get(target).and_then(VecDeque::front).cloned(), tell) {
        (Some(notice), Some(tell)) => Some((notice, tell)),
        _ => {
            shared.waiting.remove(target);
            None
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
