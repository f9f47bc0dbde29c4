//! What is looked at, and what is wrong with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout};

use super::board::{Found, Kind, Look};
use super::settings::AlarmsSettings;
use crate::call::plan::Snapshot;
use crate::cli::sweep::Sweep;
use crate::daemon::feeds::{self, CalendarSettings};
use crate::incident::Severity;
use crate::notify::Size;
use crate::store::{Health, OutboxCount, Store, StoreError};
use crate::switch::health::State;
use crate::switch::report::{Reporter, TrunkReport};
use crate::switch::trunks::Trunk;

/// How long a disk or the signalling may take to tell how it stands.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often all routes are looked at that have not changed.
const COVERAGE_EVERY: Duration = Duration::from_secs(300);
/// Files that a disk has to have room for, whatever their size.
const FEW_FILES: u64 = 100;

/// What alarms go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// `[alarms]`
    pub alarms: AlarmsSettings,
    /// `[calendars]`
    pub calendars: CalendarSettings,
}

/// Where the looking is done.
#[derive(Debug)]
pub struct Eyes {
    store: Arc<Store>,
    health: watch::Receiver<Health>,
    reporter: Reporter,
    data_dir: PathBuf,
    /// When we began to look.
    since: Timestamp,
    disk: Patient<Result<Disk, String>>,
    database: Patient<Result<Vec<Found>, StoreError>>,
    coverage: Patient<Vec<Found>>,
    covered: Option<Covered>,
}

/// What was found of the routes, of which people and hotlines, and when.
#[derive(Debug)]
struct Covered {
    of: Arc<Snapshot>,
    at: Instant,
    found: Vec<Found>,
}

impl Eyes {
    /// Looks at a daemon.
    pub fn new(store: Arc<Store>, reporter: Reporter, data_dir: PathBuf, now: Timestamp) -> Self {
        Self {
            health: store.health(),
            store,
            reporter,
            data_dir,
            since: now,
            disk: Patient::default(),
            database: Patient::default(),
            coverage: Patient::default(),
            covered: None,
        }
    }

    /// Whether the database takes what is written now.
    pub fn database_is_good(&self) -> bool {
        *self.health.borrow() == Health::Good
    }

    /// Resolves when the database begins or ceases to take entries.
    pub async fn database_changes(&mut self) {
        let was_good = *self.health.borrow_and_update() == Health::Good;
        let turned = self.health.wait_for(|health| (*health == Health::Good) != was_good).await.is_ok();
        if !turned {
            std::future::pending().await
        }
    }

    /// Looks at everything.
    pub async fn look(&mut self, watched: &Watched, now: Timestamp) -> Look {
        let mut look = Look::default();
        self.look_at_trunks(&mut look).await;
        self.look_at_disk(watched, &mut look).await;
        look.found.extend(database(&self.health.borrow()));
        self.look_into_database(watched, now, &mut look).await;
        self.look_at_coverage(watched, now, &mut look).await;
        look
    }

    async fn look_at_trunks(&self, look: &mut Look) {
        match timeout(PATIENCE, self.reporter.clone().report(false)).await {
            Ok(Some(trunks)) => {
                look.found.extend(trunks.iter().flat_map(|of| [trunk(of), limits(of)]).flatten())
            }
            Ok(None) | Err(_) => look.blind.extend([Kind::Trunk, Kind::Limits]),
        }
    }

    async fn look_at_disk(&mut self, watched: &Watched, look: &mut Look) {
        let place = self.data_dir.clone();
        match self.disk.ask(move || Disk::of(&place)).await {
            Some(Ok(disk)) => look.found.extend(disk.fault(&watched.alarms, &self.data_dir)),
            Some(Err(why)) => look.found.push(Found {
                kind: Kind::Disk,
                of: None,
                severity: Severity::Critical,
                title: "The disk with the data directory cannot be looked at".to_owned(),
                detail: format!("{}: {why}", self.data_dir.display()),
                sure: false,
            }),
            None => look.blind.push(Kind::Disk),
        }
    }

    async fn look_into_database(&mut self, watched: &Watched, now: Timestamp, look: &mut Look) {
        let (store, watched, since) = (self.store.clone(), watched.clone(), self.since);
        match self.database.ask(move || kept(&store, &watched, since, now)).await {
            Some(Ok(found)) => look.found.extend(found),
            Some(Err(_)) | None => look.blind.extend([Kind::Outbox, Kind::Calendar, Kind::SelfTest]),
        }
    }

    async fn look_at_coverage(&mut self, watched: &Watched, now: Timestamp, look: &mut Look) {
        let Some(ahead) = watched.alarms.coverage.0 else { return };
        let Some((trunks, snapshot)) = self.reporter.standing() else {
            return look.blind.push(Kind::Coverage);
        };
        let known = self
            .covered
            .as_ref()
            .filter(|covered| Arc::ptr_eq(&covered.of, &snapshot) && covered.at.elapsed() < COVERAGE_EVERY);
        if let Some(covered) = known {
            return look.found.extend(covered.found.iter().cloned());
        }
        let of = snapshot.clone();
        match self.coverage.ask(move || gaps(&of, &trunks, now, ahead)).await {
            Some(found) => {
                look.found.extend(found.iter().cloned());
                self.covered = Some(Covered { of: snapshot, at: Instant::now(), found });
            }
            None => look.blind.push(Kind::Coverage),
        }
    }
}

/// Work that waits for a disk, away from the calls: one at a time, however long the disk takes.
#[derive(Debug)]
struct Patient<T>(Option<JoinHandle<T>>);

impl<T> Default for Patient<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Send + 'static> Patient<T> {
    /// What came of it; nothing: it is not done yet.
    async fn ask(&mut self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let task = self.0.get_or_insert_with(|| spawn_blocking(work));
        let done = timeout(PATIENCE, task).await.ok()?;
        self.0 = None;
        done.ok()
    }
}

/// A trunk that is down, or that does not know us. Whoever says that it is down has asked several times.
fn trunk(of: &TrunkReport) -> Option<Found> {
    let found = |title: String, detail: String, sure| Found {
        kind: Kind::Trunk,
        of: Some(of.trunk.clone()),
        severity: Severity::Critical,
        title,
        detail,
        sure,
    };
    if of.state == State::Down {
        let detail =
            format!("{}. No call comes in or goes out over it. `nightbell doctor` shows more.", of.why);
        return Some(found(format!("The trunk {} does not answer", of.trunk), detail, true));
    }
    let registration = of.registration.as_ref().filter(|registration| !registration.registered)?;
    let detail = format!("{}. Calls do not come in over it.", registration.detail);
    Some(found(format!("The trunk {} is not registered", of.trunk), detail, false))
}

/// A limit of which eight tenths are used.
fn limits(of: &TrunkReport) -> Option<Found> {
    let near: Vec<_> = of.limits.iter().filter(|limit| limit.used * 10 >= limit.of * 8).collect();
    let reached = near.iter().any(|limit| limit.used >= limit.of);
    let used: Vec<_> =
        near.iter().map(|limit| format!("{}: {} of {}", limit.limit, limit.used, limit.of)).collect();
    let title = match reached {
        true => format!("A limit of the trunk {} is used up: nobody is dialled over it", of.trunk),
        false => format!("A limit of the trunk {} is nearly used up", of.trunk),
    };
    (!near.is_empty()).then(|| Found {
        kind: Kind::Limits,
        of: Some(of.trunk.clone()),
        severity: if reached { Severity::Critical } else { Severity::Warning },
        title,
        detail: format!("{}. See [trunks.limits].", used.join(", ")),
        sure: true,
    })
}

/// What is left of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Disk {
    free: u64,
    whole: u64,
    read_only: bool,
    /// Files there is room for; nothing: the file system does not count them.
    files: Option<u64>,
}

impl Disk {
    fn of(place: &Path) -> Result<Self, String> {
        let found = rustix::fs::statvfs(place).map_err(|error| error.to_string())?;
        Ok(Self {
            free: found.f_bavail.saturating_mul(found.f_frsize),
            whole: found.f_blocks.saturating_mul(found.f_frsize),
            read_only: found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
            files: (found.f_files > 0).then_some(found.f_favail),
        })
    }

    fn fault(self, settings: &AlarmsSettings, place: &Path) -> Option<Found> {
        let wanted = settings.disk_free.of(self.whole);
        let place = place.display();
        let (severity, title, detail) = if self.read_only {
            (
                Severity::Critical,
                "The disk is read-only",
                format!("{place}: messages and records are not kept."),
            )
        } else if self.files.is_some_and(|files| files < FEW_FILES) {
            (Severity::Critical, "The disk has no room for files", format!("{place}: no inodes are left."))
        } else if self.free < wanted {
            let (free, wanted) = (mib(self.free), mib(wanted));
            let detail = format!(
                "{free} are free in {place}, and {wanted} should be. A minute of a message takes 1 MiB."
            );
            (Severity::Error, "The disk is nearly full", detail)
        } else {
            return None;
        };
        Some(Found { kind: Kind::Disk, of: None, severity, title: title.to_owned(), detail, sure: false })
    }
}

fn mib(octets: u64) -> Size {
    Size::mib(u32::try_from(octets >> 20).unwrap_or(u32::MAX))
}

fn database(health: &Health) -> Option<Found> {
    let Health::Degraded { fault, detail, waiting, .. } = health else { return None };
    Some(Found {
        kind: Kind::Database,
        of: None,
        severity: Severity::Critical,
        title: format!("The database takes no entries: {fault}"),
        detail: format!("{detail}. Calls go on; {waiting} entries wait."),
        sure: true,
    })
}

/// What the database tells of itself.
fn kept(
    store: &Store,
    watched: &Watched,
    since: Timestamp,
    now: Timestamp,
) -> Result<Vec<Found>, StoreError> {
    let reader = store.reader();
    let mut found: Vec<_> =
        reader.outbox_counts(now)?.iter().filter_map(|count| stuck(count, &watched.alarms, now)).collect();
    let mut roster = reader.load_roster()?;
    if !feeds::sources(&roster).is_empty() {
        let copies = reader.calendars()?;
        feeds::attach(&mut roster, &copies);
        let standing = feeds::health(&roster, &copies, &watched.calendars, now);
        found.extend(standing.iter().filter_map(calendar));
    }
    if let Some(longest) = watched.alarms.self_test.0 {
        let last = reader.last_answered(&watched.alarms.self_test_from)?;
        found.extend(untested(last, since, now, longest));
    }
    Ok(found)
}

/// What waits too long, or was refused.
fn stuck(count: &OutboxCount, settings: &AlarmsSettings, now: Timestamp) -> Option<Found> {
    let target = &count.target;
    let waits = count
        .oldest_due
        .map(|since| now.duration_since(since))
        .filter(|waits| *waits > signed(settings.outbox.0));
    let (title, detail) = match (waits, count.dead) {
        (Some(waits), _) => (
            format!("{target} cannot be told"),
            format!("{} wait for it, the oldest for {} min.", count.waiting, waits.as_mins()),
        ),
        (None, 0) => return None,
        (None, dead) => (format!("{target} has refused what it was told"), format!("{dead} were refused.")),
    };
    Some(Found {
        kind: Kind::Outbox,
        of: Some(target.clone()),
        severity: Severity::Error,
        title,
        detail: format!("{detail} `nightbell outbox` shows why."),
        sure: false,
    })
}

fn calendar(health: &feeds::Health) -> Option<Found> {
    let alarm = health.alarms.first()?;
    Some(Found {
        kind: Kind::Calendar,
        of: Some(health.whose.replace(' ', "-")),
        severity: Severity::Warning,
        title: format!("{}: {alarm}", health.whose),
        detail: format!("{health}. The last good copy is in use."),
        sure: false,
    })
}

/// Nobody has called for too long. From the start on, where nobody ever has.
fn untested(last: Option<Timestamp>, since: Timestamp, now: Timestamp, longest: Duration) -> Option<Found> {
    let quiet = now.duration_since(last.unwrap_or(since));
    (quiet > signed(longest)).then(|| Found {
        kind: Kind::SelfTest,
        of: None,
        severity: Severity::Warning,
        title: format!("No call has been answered for {} h", quiet.as_hours()),
        detail: "Nobody knows whether calls still come in: call the hotline.".to_owned(),
        sure: false,
    })
}

/// The routes that have nobody to ring at some time ahead: one finding each, with the first time.
pub(super) fn gaps(snapshot: &Snapshot, trunks: &[Trunk], now: Timestamp, ahead: Duration) -> Vec<Found> {
    let until = now.saturating_add(signed(ahead)).unwrap_or(Timestamp::MAX);
    let routes: Vec<_> = snapshot
        .hotlines
        .iter()
        .flat_map(|hotline| hotline.routes.iter().map(|route| (hotline.clone(), route.clone())))
        .collect();
    let mut found: Vec<Found> = Vec::new();
    for gap in Sweep::new(&snapshot.roster, trunks, (now, until)).uncovered(&routes) {
        let of = format!("{}-{}", gap.hotline, gap.route).replace(' ', "-");
        if found.iter().any(|known| known.of.as_ref() == Some(&of)) {
            continue;
        }
        let (from, until) = (crate::cli::output::local(gap.from), crate::cli::output::local(gap.until));
        found.push(Found {
            kind: Kind::Coverage,
            of: Some(of),
            severity: if gap.from <= now { Severity::Error } else { Severity::Warning },
            title: format!("Nobody would be rung: {}, {}", gap.hotline, gap.route),
            detail: format!("From {from} to {until}. {}", gap.because.join("; ")),
            sure: false,
        });
    }
    found
}

fn signed(length: Duration) -> SignedDuration {
    SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::report::{AudioTroubles, RegistrationReport};
    use crate::switch::spend::Used;

    fn now() -> Timestamp {
        "2026-01-05T12:00:00Z".parse().unwrap()
    }

    fn ago(minutes: i64) -> Timestamp {
        now() - SignedDuration::from_mins(minutes)
    }

    fn carrier() -> TrunkReport {
        TrunkReport {
            trunk: "carrier".to_owned(),
            server: None,
            found_by: None,
            targets: Vec::new(),
            lookup_error: None,
            ping_s: None,
            state: State::Up,
            state_for_s: 0,
            why: "no answer".to_owned(),
            registration: None,
            calls: 0,
            max_calls: 10,
            limits: Vec::new(),
            audio: AudioTroubles::default(),
            pings: Vec::new(),
        }
    }

    #[test]
    fn a_trunk_that_is_down_or_does_not_know_us_is_found_and_one_of_which_nothing_is_known_is_not() {
        assert_eq!(trunk(&carrier()), None);
        assert_eq!(trunk(&TrunkReport { state: State::Unknown, ..carrier() }), None);
        let down = trunk(&TrunkReport { state: State::Down, ..carrier() }).unwrap();
        assert_eq!(
            (down.name().as_str(), down.title.as_str()),
            ("trunk-carrier", "The trunk carrier does not answer")
        );
        let registered = |registered| {
            let registration = Some(RegistrationReport { registered, detail: "403 Forbidden".to_owned() });
            trunk(&TrunkReport { registration, ..carrier() })
        };
        assert_eq!(registered(true), None);
        assert_eq!(registered(false).unwrap().detail, "403 Forbidden. Calls do not come in over it.");
    }

    #[test]
    fn a_limit_is_told_of_at_eight_tenths_and_again_in_other_words_when_it_is_used_up() {
        let used = |used| {
            let limits = vec![Used { limit: "legs_per_day".to_owned(), used, of: 100 }];
            limits_of(TrunkReport { limits, ..carrier() })
        };
        fn limits_of(report: TrunkReport) -> Option<(Severity, String)> {
            limits(&report).map(|found| (found.severity, found.detail))
        }
        assert_eq!(used(79), None);
        let near = "legs_per_day: 80 of 100. See [trunks.limits].".to_owned();
        assert_eq!(used(80), Some((Severity::Warning, near)));
        assert_eq!(used(100).map(|(severity, _)| severity), Some(Severity::Critical));
    }

    #[test]
    fn a_disk_is_told_of_when_it_is_nearly_full_read_only_or_out_of_files() {
        let disk = Disk { free: 600 << 20, whole: 10 << 30, read_only: false, files: Some(1000) };
        let found =
            |disk: Disk| disk.fault(&AlarmsSettings::default(), Path::new("/data")).map(|found| found.title);
        assert_eq!(found(disk), None);
        assert_eq!(found(Disk { free: 500 << 20, ..disk }).as_deref(), Some("The disk is nearly full"));
        assert_eq!(found(Disk { read_only: true, ..disk }).as_deref(), Some("The disk is read-only"));
        assert_eq!(found(Disk { files: Some(9), ..disk }).as_deref(), Some("The disk has no room for files"));
        assert_eq!(found(Disk { files: None, ..disk }), None, "some file systems count none");
    }

    #[test]
    fn what_waits_longer_than_it_may_or_was_refused_is_told_of() {
        let settings = AlarmsSettings::default();
        let found = |waiting, dead, oldest_due| {
            let count = OutboxCount { target: "chat".to_owned(), waiting, dead, oldest_due };
            stuck(&count, &settings, now()).map(|found| found.detail)
        };
        assert_eq!(found(5, 0, Some(ago(10))), None);
        let waits = "5 wait for it, the oldest for 11 min. `nightbell outbox` shows why.";
        assert_eq!(found(5, 0, Some(ago(11))).as_deref(), Some(waits));
        assert_eq!(found(0, 2, None).as_deref(), Some("2 were refused. `nightbell outbox` shows why."));
    }

    #[test]
    fn nobody_has_called_for_too_long_since_the_last_call_or_since_the_start() {
        let day = Duration::from_secs(24 * 3600);
        assert_eq!(untested(Some(ago(24 * 60)), ago(9999), now(), day), None);
        let found = untested(Some(ago(25 * 60)), ago(9999), now(), day).unwrap();
        assert_eq!(found.title, "No call has been answered for 25 h");
        assert_eq!(untested(None, ago(10), now(), day), None);
        assert!(untested(None, ago(25 * 60), now(), day).is_some());
    }
}
