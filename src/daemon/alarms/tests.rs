use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::mpsc;

use super::*;
use crate::call::CallId;
use crate::call::journal::{Ended, Journal, Outcome, Record, Started, Stated};
use crate::call::plan::Snapshot;
use crate::daemon::config::Config;
use crate::daemon::findings::Findings;
use crate::incident::Severity;
use crate::notify::exchange::Verdict;
use crate::store::OutboxFilter;

/// A data directory of its own.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("nightbell-alarms-{}-{number}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn now() -> Timestamp {
    "2026-01-05T02:00:00Z".parse().unwrap()
}

fn full() -> Alarm {
    Alarm {
        name: "disk".to_owned(),
        since: "2026-01-05T01:30:00Z".parse().unwrap(),
        severity: Severity::Error,
        title: "The disk is nearly full".to_owned(),
        detail: "3 MiB are free.".to_owned(),
    }
}

/// A target that fails so often before it takes anything, and what it has taken.
fn way(name: &str, failures: u32) -> (Way, mpsc::UnboundedReceiver<String>) {
    let (taken, told) = mpsc::unbounded_channel();
    let left = Mutex::new(failures);
    let tell = move |notice: &Notice| {
        let mut left = left.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            return Verdict::later("not now");
        }
        taken.send(format!("{} {}", notice.event, notice.dedup_key)).unwrap();
        Verdict::Delivered
    };
    (Way { name: name.to_owned(), tell: Arc::new(tell) }, told)
}

fn teller(store: &Arc<Store>, ways: Vec<Way>) -> Teller {
    let teller = Teller::new(store.clone(), Arc::new(now));
    teller.direct.settings_changed(ways);
    teller
}

fn waiting(store: &Store) -> Vec<(String, String)> {
    let entries = store.reader().outbox(&OutboxFilter::default()).unwrap();
    entries.iter().map(|entry| (entry.target.clone(), entry.event().to_owned())).collect()
}

#[tokio::test]
async fn an_alarm_and_its_end_go_by_the_outbox_and_the_alarm_outlives_a_restart() {
    let folder = Folder::new();
    let store = Arc::new(Store::open(&folder.0).unwrap());
    let mut teller = teller(&store, Vec::new());
    let targets = ["mail".to_owned(), "chat".to_owned()];
    teller.tell(Change::Raised(full()), &targets, true).await;
    assert_eq!(teller.recall().await, [full()]);
    teller.tell(Change::Over(full()), &targets, true).await;
    assert_eq!(teller.recall().await, []);
    let of = |target: &str, event: &str| (target.to_owned(), event.to_owned());
    let told = [of("mail", "trigger"), of("chat", "trigger"), of("mail", "resolve"), of("chat", "resolve")];
    assert_eq!(waiting(&store), told);
}

#[tokio::test(start_paused = true)]
async fn where_the_database_takes_nothing_an_alarm_is_told_from_memory_until_it_is_heard() {
    let folder = Folder::new();
    let store = Arc::new(Store::open(&folder.0).unwrap());
    let (mail, mut told) = way("mail", 5);
    let mut teller = teller(&store, vec![mail]);
    let targets = ["mail".to_owned()];
    teller.tell(Change::Raised(full()), &targets, false).await;
    assert_eq!(told.recv().await.as_deref(), Some("trigger alarm-disk"));
    teller.tell(Change::Over(full()), &targets, false).await;
    assert_eq!(told.recv().await.as_deref(), Some("resolve alarm-disk"));
    assert_eq!(waiting(&store), []);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_an_alarm_does_not_overtake_it_when_the_database_is_back_meanwhile() {
    let folder = Folder::new();
    let store = Arc::new(Store::open(&folder.0).unwrap());
    let ((mail, mut mailed), (chat, mut chatted)) = (way("mail", 3), way("chat", 0));
    let mut teller = teller(&store, vec![mail, chat]);
    let targets = ["mail".to_owned(), "chat".to_owned()];
    teller.tell(Change::Raised(full()), &targets, false).await;
    assert_eq!(chatted.recv().await.as_deref(), Some("trigger alarm-disk"));
    while teller.direct.is_busy("chat") {
        tokio::task::yield_now().await;
    }
    teller.tell(Change::Over(full()), &targets, true).await;
    assert_eq!(mailed.recv().await.as_deref(), Some("trigger alarm-disk"));
    assert_eq!(mailed.recv().await.as_deref(), Some("resolve alarm-disk"));
    assert_eq!(waiting(&store), [("chat".to_owned(), "resolve".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_slow_keeps_no_other_from_hearing_of_it() {
    let folder = Folder::new();
    let store = Arc::new(Store::open(&folder.0).unwrap());
    let ((mail, _mailed), (chat, mut chatted)) = (way("mail", u32::MAX), way("chat", 0));
    let mut teller = teller(&store, vec![mail, chat]);
    let targets = ["mail".to_owned(), "chat".to_owned()];
    teller.tell(Change::Raised(full()), &targets, false).await;
    assert_eq!(chatted.recv().await.as_deref(), Some("trigger alarm-disk"));
}

#[test]
fn each_time_an_alarm_is_on_has_names_of_its_own_and_the_same_key() {
    let first = notice(&full(), Event::Trigger, now());
    let over = notice(&full(), Event::Resolve, now());
    let again = notice(&Alarm { since: now(), ..full() }, Event::Trigger, now());
    assert_eq!(first.dedup_key, "alarm-disk");
    assert_eq!((&first.dedup_key, &first.dedup_key), (&over.dedup_key, &again.dedup_key));
    assert!(first.id != over.id && first.id != again.id);
    assert_eq!(over.text, "It is over, after 30 min.");
}

const SETTINGS: &str = r#"
oncall = "oncall.toml"
[sip]
listen = ["udp:127.0.0.1:0"]
[[trunks]]
name = "lan"
server = "udp:127.0.0.1:9"
destinations = ["+49"]
[[hotlines]]
name = "Emergency hotline"
numbers = ["+4930123456"]
trunks = ["lan"]
[[hotlines.routes]]
name = "Production"
levels = [["schedule:days"]]
"#;

const ONCALL: &str = r#"
[[people]]
id = "anna"
phones = ["+4915112345678"]
[[schedules]]
id = "days"
timezone = "UTC"
[[schedules.rotations]]
name = "weekly"
people = ["anna"]
every = "1 week"
start = "2026-01-05 00:00"
until = "2026-01-09 12:00"
"#;

/// What is found of the routes of these settings within a week.
fn gaps(levels: &str) -> Vec<Found> {
    let folder = Folder::new();
    std::fs::create_dir_all(&folder.0).unwrap();
    let path = folder.0.join("nightbell.toml");
    std::fs::write(&path, SETTINGS.replace(r#"[["schedule:days"]]"#, levels)).unwrap();
    std::fs::write(folder.0.join("oncall.toml"), ONCALL).unwrap();
    let (config, mut findings) = Config::load(&path);
    let config = config.unwrap();
    let (_, roster) = config.oncall.clone().unwrap();
    let hotlines = config.hotlines(&roster, &mut findings).hotlines;
    assert!(!Findings::has_errors(&findings), "{}", findings.render(false));
    let snapshot = Snapshot { hotlines, roster: Arc::new(roster) };
    looks::gaps(&snapshot, &config.trunks, now(), Duration::from_secs(7 * 24 * 3600))
}

#[test]
fn a_route_that_would_ring_nobody_within_a_week_is_found_and_one_with_somebody_behind_it_is_not() {
    let found = gaps(r#"[["schedule:days"]]"#);
    let [gap] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(gap.name(), "coverage-Emergency-hotline-Production");
    assert_eq!(
        (gap.title.as_str(), gap.severity),
        ("Nobody would be rung: Emergency hotline, Production", Severity::Warning)
    );
    assert_eq!(gaps(r#"[["schedule:days"], ["person:anna"]]"#), []);
}

#[test]
fn a_call_from_outside_that_was_answered_is_a_test_and_our_own_to_a_phone_is_none() {
    let folder = Folder::new();
    let store = Store::open(&folder.0).unwrap();
    let (journal, records) = Journal::new();
    let writer = store.start_writer(records, None).unwrap();
    let began = |minute: i64| now() + jiff::SignedDuration::from_mins(minute);
    for (id, caller, answered) in
        [(1, "+4930111", true), (2, "+4930222", true), (3, "+4930222", false), (4, "nightbell", true)]
    {
        let (call, at) = (CallId(id), began(i64::try_from(id).unwrap()));
        journal.write(Record::Started(Started {
            call,
            hotline: "Hotline".to_owned(),
            number: "+4930123456".to_owned(),
            caller: caller.to_owned(),
            at,
            trunk: "lan".to_owned(),
            sip_call_id: format!("{call}@lan"),
            stated: Stated::default(),
        }));
        journal.write(Record::Ended(Ended {
            call,
            at,
            outcome: Outcome::Missed,
            reason: "caller hung up".to_owned(),
            answered_at: answered.then_some(at),
            route: None,
            responder: None,
            abandoned: false,
        }));
    }
    drop(journal);
    writer.join();
    let last = |callers: &[&str]| {
        let callers: Vec<_> = callers.iter().map(|&caller| caller.to_owned()).collect();
        store.reader().last_answered(&callers).unwrap()
    };
    assert_eq!(last(&[]), Some(began(2)));
    assert_eq!(last(&["+4930111", "+4930333"]), Some(began(1)));
    assert_eq!(last(&["+4930333"]), None);
}
