//! The outbox against a target over real sockets, that fails in every way, on a paused clock.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{Now, Pump, ways};
use crate::call::clock::Clock;
use crate::incident::{Event, Notice, Severity};
use crate::notify::compile::{Reading, compile};
use crate::notify::http::Client;
use crate::notify::{Delivering, Target, TargetSettings};
use crate::store::{OutboxEntry, OutboxFilter, OutboxState, Store};

/// How a target answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// As it should.
    Well,
    /// 500.
    Broken,
    /// 429, and to be left alone for 45 s.
    Busy,
    /// Not at all: it hangs up.
    Gone,
    /// It takes the notice and hangs up in the middle of its answer.
    Cut,
    /// It takes the notice and does not answer until it is told to.
    Held,
    /// 400.
    Refuses,
}

/// What has arrived: the name of a notice, and what it tells of which incident.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Arrived {
    id: String,
    dedup_key: String,
    event: String,
}

#[derive(Debug)]
struct Inside {
    mode: Mode,
    /// What was answered with 200, or would have been.
    taken: Vec<Arrived>,
    tries: usize,
}

/// A target's server.
#[derive(Debug, Clone)]
struct Sink {
    address: SocketAddr,
    inside: Arc<(Mutex<Inside>, Condvar)>,
}

impl Sink {
    fn start(mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inside = Inside { mode, taken: Vec::new(), tries: 0 };
        let sink = Self { address, inside: Arc::new((Mutex::new(inside), Condvar::new())) };
        let serving = sink.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sink = serving.clone();
                std::thread::spawn(move || sink.serve(stream));
            }
        });
        sink
    }

    fn set(&self, mode: Mode) {
        self.inside.0.lock().unwrap().mode = mode;
        self.inside.1.notify_all();
    }

    fn taken(&self) -> Vec<Arrived> {
        self.inside.0.lock().unwrap().taken.clone()
    }

    fn tries(&self) -> usize {
        self.inside.0.lock().unwrap().tries
    }

    /// Waits until it holds a request, or has let it go.
    fn wait_for_tries(&self, tries: usize) {
        let (inside, changed) = &*self.inside;
        drop(changed.wait_while(inside.lock().unwrap(), |inside| inside.tries < tries).unwrap());
    }

    fn serve(&self, mut stream: TcpStream) {
        let Some(arrived) = read(&mut stream) else { return };
        let (inside, changed) = &*self.inside;
        let mut inside = inside.lock().unwrap();
        inside.tries += 1;
        changed.notify_all();
        let mode = inside.mode;
        if matches!(mode, Mode::Well | Mode::Cut | Mode::Held) {
            inside.taken.push(arrived);
        }
        if mode == Mode::Held {
            inside = changed.wait_while(inside, |inside| inside.mode == Mode::Held).unwrap();
        }
        drop(inside);
        let answer: &[u8] = match mode {
            Mode::Well | Mode::Held => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            Mode::Broken => b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
            Mode::Busy => b"HTTP/1.1 429 No\r\nRetry-After: 45\r\nContent-Length: 0\r\n\r\n",
            Mode::Gone => b"",
            Mode::Cut => b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf of i",
            Mode::Refuses => b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n",
        };
        let _ = stream.write_all(answer);
    }
}

/// Reads one request.
fn read(stream: &mut TcpStream) -> Option<Arrived> {
    let mut octets = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer).ok().filter(|length| *length > 0)?;
        octets.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&octets).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let header = |name: &str| {
            head.lines().find_map(|line| {
                let (known, value) = line.split_once(':')?;
                known.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        if body.len() < header("content-length")?.parse().ok()? {
            continue;
        }
        let notice: Value = serde_json::from_str(body).unwrap();
        let text = |key: &str| notice[key].as_str().unwrap().to_owned();
        let id = header("idempotency-key").unwrap();
        assert_eq!(id, text("id"), "the key is the notice's own name");
        return Some(Arrived { id, dedup_key: text("dedup_key"), event: text("event") });
    }
}

/// A daemon's store and clock, with webhooks to some servers.
struct House {
    store: Arc<Store>,
    folder: PathBuf,
    now: Now,
    targets: Vec<Arc<Target>>,
}

impl House {
    fn new(sinks: &[(&str, &Sink)]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("nightbell-outbox-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let clock = Clock::starting_at(Timestamp::now());
        let targets = sinks.iter().map(|(name, sink)| target(name, sink)).collect();
        let store = Arc::new(Store::open(&folder).unwrap());
        Self { store, folder, now: Arc::new(move || clock.now()), targets }
    }

    fn pump(&self) -> Pump {
        Pump::start(self.store.clone(), self.now.clone(), self.ways())
    }

    fn ways(&self) -> Vec<super::Way> {
        ways(
            &self.targets,
            &Delivering { client: Client::new(), recordings: self.folder.clone(), link: None },
        )
    }

    /// Tells all targets of something.
    fn tell(&self, incident: u32, number: u32, event: Event) {
        let targets: Vec<_> = self.targets.iter().map(|target| target.name.clone()).collect();
        self.store.tell(&targets, &notice(incident, number, event), (self.now)()).unwrap();
    }

    fn entries(&self, target: &str) -> Vec<OutboxEntry> {
        let filter = OutboxFilter { target: Some(target.to_owned()), all: true, ..OutboxFilter::default() };
        self.store.reader().outbox(&filter).unwrap()
    }

    fn all_are(&self, target: &str, state: OutboxState) -> bool {
        self.entries(target).iter().all(|entry| entry.state == state)
    }

    /// Lets time pass until all of a target's entries are settled so; answers how long it took.
    async fn until_all_are(&self, target: &str, state: OutboxState) -> Duration {
        let begun = tokio::time::Instant::now();
        while !self.all_are(target, state) {
            assert!(begun.elapsed() < Duration::from_secs(3600), "{:#?}", self.entries(target));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        begun.elapsed()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn target(name: &str, sink: &Sink) -> Arc<Target> {
    let text = format!(
        "name = \"{name}\"\nkind = \"webhook\"\nurl = \"http://{}/hook\"\nallow_private = true\n",
        sink.address
    );
    let settings: TargetSettings = toml::from_str(&text).unwrap();
    let mut problems = Vec::new();
    let reading =
        Reading { folder: Path::new(""), secret: |_| Err("is none".to_owned()), problems: &mut problems };
    let target = compile(std::slice::from_ref(&settings), reading).pop();
    assert!(problems.is_empty(), "{problems:?}");
    target.unwrap()
}

fn notice(incident: u32, number: u32, event: Event) -> Notice {
    Notice {
        event,
        id: format!("hotline-{incident}-{number}"),
        dedup_key: format!("hotline-{incident}"),
        incident: None,
        at: Timestamp::UNIX_EPOCH,
        title: "Missed call".to_owned(),
        text: "Nobody answered.".to_owned(),
        severity: Severity::Critical,
        status: "triggered".to_owned(),
        by: None,
        assigned: Vec::new(),
        hotline: None,
        number: None,
        route: None,
        call: None,
        started_at: None,
        caller: None,
        caller_name: None,
        voicemail: None,
        transcript: None,
        link: None,
        to: None,
    }
}

const COURSE: [Event; 3] = [Event::Trigger, Event::Acknowledge, Event::Resolve];

/// Checks that each incident's course has arrived whole and in order; what came twice came under the same name.
fn assert_whole(taken: &[Arrived], incidents: u32) {
    let mut courses: BTreeMap<&str, Vec<&Arrived>> = BTreeMap::new();
    for arrived in taken {
        let course = courses.entry(&arrived.dedup_key).or_default();
        if course.iter().all(|known| known.id != arrived.id) {
            course.push(arrived);
        }
    }
    assert_eq!(courses.len(), incidents as usize);
    for (key, course) in courses {
        let events: Vec<_> = course.iter().map(|arrived| arrived.event.as_str()).collect();
        assert_eq!(events, COURSE.map(Event::as_str), "{key}");
    }
}

/// Twenty incidents while a target fails for an hour; then it is there again.
async fn an_hour_of(mode: Mode) -> (Vec<Arrived>, Duration, usize) {
    let sink = Sink::start(mode);
    let house = House::new(&[("hook", &sink)]);
    let pump = house.pump();
    for incident in 0..20 {
        for (number, event) in COURSE.into_iter().enumerate() {
            house.tell(incident, number as u32 + 1, event);
        }
        tokio::time::sleep(Duration::from_secs(180)).await;
    }
    let tries = sink.tries();
    sink.set(Mode::Well);
    let took = house.until_all_are("hook", OutboxState::Sent).await;
    pump.stop().await;
    (sink.taken(), took, tries)
}

#[tokio::test(start_paused = true)]
async fn after_an_hour_without_the_target_all_of_it_arrives_in_order_and_once() {
    let (taken, took, tries) = an_hour_of(Mode::Gone).await;
    assert_whole(&taken, 20);
    assert_eq!(taken.len(), 60, "nothing came twice");
    assert!(took <= Duration::from_secs(120), "{took:?}");
    assert!(tries < 600, "{tries} tries in an hour");
}

#[tokio::test(start_paused = true)]
async fn after_an_hour_of_500s_all_of_it_arrives_in_order_and_once() {
    let (taken, took, _) = an_hour_of(Mode::Broken).await;
    assert_whole(&taken, 20);
    assert_eq!(taken.len(), 60);
    assert!(took <= Duration::from_secs(120), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_cut_short_are_told_again_under_the_same_name() {
    let (taken, _, _) = an_hour_of(Mode::Cut).await;
    assert_whole(&taken, 20);
    assert!(taken.len() > 60, "what was not confirmed was sent again");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_asks_to_be_left_alone_is() {
    let sink = Sink::start(Mode::Busy);
    let house = House::new(&[("hook", &sink)]);
    let pump = house.pump();
    let asked = tokio::time::Instant::now();
    for incident in 0..5 {
        house.tell(incident, 1, Event::Trigger);
    }
    while sink.tries() == 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    sink.set(Mode::Well);
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!((sink.tries(), sink.taken().len()), (1, 0), "the others wait, too");
    house.until_all_are("hook", OutboxState::Sent).await;
    assert!(asked.elapsed() >= Duration::from_secs(45));
    pump.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_dead_at_once_and_what_follows_is_sent() {
    let sink = Sink::start(Mode::Refuses);
    let house = House::new(&[("hook", &sink)]);
    let pump = house.pump();
    house.tell(1, 1, Event::Trigger);
    house.until_all_are("hook", OutboxState::Dead).await;
    assert_eq!(sink.tries(), 1);
    sink.set(Mode::Well);
    house.tell(1, 2, Event::Resolve);
    while sink.taken().is_empty() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let states: Vec<_> = house.entries("hook").iter().map(|entry| entry.state).collect();
    assert_eq!(states[0], OutboxState::Dead);
    pump.stop().await;
}

#[tokio::test]
async fn a_target_that_does_not_answer_delays_neither_another_nor_the_calls() {
    let (slow, quick) = (Sink::start(Mode::Held), Sink::start(Mode::Well));
    let house = House::new(&[("slow", &slow), ("quick", &quick)]);
    let (journal, records) = crate::call::journal::Journal::new();
    let writer = house.store.start_writer(records, None).unwrap();
    let pump = house.pump();
    house.tell(1, 1, Event::Trigger);
    let held = slow.clone();
    tokio::task::spawn_blocking(move || held.wait_for_tries(1)).await.unwrap();
    // It holds the request: everything else goes on.
    house.tell(2, 1, Event::Trigger);
    let arrived = quick.clone();
    tokio::task::spawn_blocking(move || arrived.wait_for_tries(2)).await.unwrap();
    assert!(journal.durable(Duration::from_secs(60)).await, "the journal is written");
    assert_eq!(slow.tries(), 1);
    slow.set(Mode::Well);
    let rest = slow.clone();
    tokio::task::spawn_blocking(move || rest.wait_for_tries(2)).await.unwrap();
    pump.stop().await;
    drop(journal);
    writer.join();
    assert_eq!(slow.taken().len(), 2, "each of them once");
}

#[tokio::test(start_paused = true)]
async fn a_database_that_does_not_take_the_result_makes_nothing_be_sent_again() {
    let sink = Sink::start(Mode::Well);
    let house = House::new(&[("hook", &sink)]);
    let stranger = rusqlite::Connection::open(house.folder.join("nightbell.db")).unwrap();
    stranger
        .execute_batch(
            "CREATE TRIGGER full BEFORE UPDATE OF state ON outbox
             BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
        )
        .unwrap();
    let pump = house.pump();
    house.tell(1, 1, Event::Trigger);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(sink.tries(), 1);
    assert!(house.all_are("hook", OutboxState::Waiting));
    stranger.execute_batch("DROP TRIGGER full").unwrap();
    house.until_all_are("hook", OutboxState::Sent).await;
    assert_eq!(sink.tries(), 1);
    pump.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_being_sent_when_the_daemon_ended_is_sent_again_under_the_same_name() {
    let sink = Sink::start(Mode::Held);
    let house = House::new(&[("hook", &sink)]);
    house.tell(1, 1, Event::Trigger);
    {
        let pump = house.pump();
        while sink.tries() == 0 {
            tokio::task::yield_now().await;
        }
        // As a kill does: nothing is written any more.
        drop(pump);
    }
    sink.set(Mode::Well);
    let pump = house.pump();
    house.until_all_are("hook", OutboxState::Sent).await;
    pump.stop().await;
    let ids: Vec<_> = sink.taken().into_iter().map(|arrived| arrived.id).collect();
    assert_eq!(ids, ["hotline-1-1", "hotline-1-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_leaves_the_settings_keeps_its_entries_for_when_it_is_back() {
    let (first, second) = (Sink::start(Mode::Well), Sink::start(Mode::Well));
    let mut house = House::new(&[("first", &first), ("second", &second)]);
    let mut pump = house.pump();
    let all = house.ways();
    pump.settings_changed(house.ways().into_iter().filter(|way| way.name == "first").collect());
    house.tell(1, 1, Event::Trigger);
    house.until_all_are("first", OutboxState::Sent).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(house.all_are("second", OutboxState::Waiting));
    pump.settings_changed(all);
    house.until_all_are("second", OutboxState::Sent).await;

    // One whose address was mended is tried at once.
    first.set(Mode::Gone);
    house.tell(2, 1, Event::Trigger);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let mended = Sink::start(Mode::Well);
    house.targets = vec![target("first", &mended), target("second", &second)];
    pump.settings_changed(house.ways());
    let took = house.until_all_are("first", OutboxState::Sent).await;
    assert!(took <= Duration::from_secs(1), "{took:?}");
    pump.stop().await;
}

#[tokio::test]
async fn the_end_sends_what_is_due_and_does_not_wait_for_a_target_that_hangs() {
    let (well, held) = (Sink::start(Mode::Well), Sink::start(Mode::Held));
    let house = House::new(&[("well", &well), ("held", &held)]);
    let pump = house.pump();
    let holding = held.clone();
    house.tell(1, 1, Event::Trigger);
    tokio::task::spawn_blocking(move || holding.wait_for_tries(1)).await.unwrap();
    house.tell(1, 2, Event::Resolve);
    pump.stop().await;
    assert!(house.all_are("well", OutboxState::Sent), "{:#?}", house.entries("well"));
    assert!(house.all_are("held", OutboxState::Waiting), "it still hangs");
    held.set(Mode::Well);
}
