//! All names of the settings: what is known of each, and the searches that are due.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::ask::{Asker, Resolvers};
use super::choice::{Found, Location};
use super::kept::{Entry, News};
use super::search::{NotFound, Search, Wanted};

/// How long one search may take, with all its questions.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is known of the names. Cloning gives another handle to the same.
#[derive(Debug, Clone, Default)]
pub struct Names {
    resolvers: Resolvers,
    known: Arc<Mutex<HashMap<Wanted, Entry>>>,
}

impl Names {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(resolvers: Resolvers) -> Self {
        Self { resolvers, known: Arc::default() }
    }

    /// Exactly these names are wanted from now on. What is known of those that stay is kept.
    pub fn want(&self, now: Instant, wanted: &[Wanted]) {
        let mut known = self.known();
        known.retain(|name, _| wanted.contains(name));
        for name in wanted {
            known.entry(name.clone()).or_insert_with(|| Entry::new(now));
        }
    }

    /// When the next name is to be looked up; nothing while none is wanted.
    pub fn next_due(&self) -> Option<Instant> {
        self.known().values().map(Entry::due).min()
    }

    /// What is known of a name.
    pub fn get(&self, wanted: &Wanted) -> Option<Entry> {
        self.known().get(wanted).cloned()
    }

    /// Looks up everything that is due.
    pub async fn refresh(&self, now: Instant) {
        let mut searches = JoinSet::new();
        for (wanted, had_services) in self.due(now) {
            let resolvers = self.resolvers.clone();
            searches.spawn(async move {
                let found = find(&resolvers, wanted.clone(), had_services).await;
                (wanted, found)
            });
        }
        while let Some(done) = searches.join_next().await {
            match done {
                Ok((wanted, found)) => self.take(&wanted, found),
                Err(error) => tracing::error!(%error, "looking a name up broke"),
            }
        }
    }

    fn due(&self, now: Instant) -> Vec<(Wanted, bool)> {
        let known = self.known();
        let due = known.iter().filter(|(_, entry)| entry.due() <= now);
        due.map(|(wanted, entry)| (wanted.clone(), entry.had_services())).collect()
    }

    fn take(&self, wanted: &Wanted, found: Result<Found, NotFound>) {
        let mut known = self.known();
        let Some(entry) = known.get_mut(wanted) else { return };
        if let Some(news) = entry.take(Instant::now(), found) {
            tell(wanted, entry, &news);
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Wanted, Entry>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logs each change once: a name server that stays silent is not complained of each minute.
fn tell(wanted: &Wanted, entry: &Entry, news: &News) {
    let host = &wanted.host;
    let now = || {
        let addresses = entry.location().map(Location::all).unwrap_or_default();
        addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    match news {
        News::Changed => {
            let way = entry.location().map_or("", |location| location.way.as_str());
            tracing::info!(server = host, way, addresses = now(), "the server was looked up");
        }
        News::Back => tracing::info!(server = host, "name servers answer again for the server of a trunk"),
        News::Failing { why, kept: true } => {
            tracing::error!(server = host, %why, addresses = now(),
                "ALARM: the server of a trunk cannot be looked up: the last known addresses stay in use for 24 h");
        }
        News::Failing { why, kept: false } => {
            tracing::error!(server = host, %why,
                "ALARM: the server of a trunk was not found: nothing can be dialled over it");
        }
        News::TooOld => {
            tracing::error!(
                server = host,
                "ALARM: the server of a trunk could not be looked up for 24 h: nothing can be dialled over it"
            );
        }
    }
}

/// Looks one server up, from the first question to the last answer.
pub async fn find(resolvers: &Resolvers, wanted: Wanted, had_services: bool) -> Result<Found, NotFound> {
    let host = wanted.host.clone();
    let timeout = || NotFound::Failed(format!("no name server told about {host} in time"));
    match tokio::time::timeout(PATIENCE, search(resolvers, wanted, had_services)).await {
        Ok(found) => found,
        Err(_) => Err(timeout()),
    }
}

async fn search(resolvers: &Resolvers, wanted: Wanted, had_services: bool) -> Result<Found, NotFound> {
    let asker = {
        let resolvers = resolvers.clone();
        let made = tokio::task::spawn_blocking(move || Asker::new(&resolvers)).await;
        made.map_err(|error| error.to_string()).flatten().map_err(NotFound::Failed)?
    };
    if let Some(pinned) = asker.pinned(&wanted) {
        return Ok(pinned);
    }
    let mut search = Search::new(wanted, had_services);
    loop {
        let answers = asker.ask(search.questions()).await;
        if let Some(found) = search.answered(&answers) {
            return found;
        }
    }
}
