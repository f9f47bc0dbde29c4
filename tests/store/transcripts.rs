//! Messages are written out one after another, over restarts, and the text gets to the incident once.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nightbell::call::CallId;
use nightbell::call::journal::{Journal, Outcome};
use nightbell::daemon::transcript::{Parts, Transcriber, Transcription, Wanted};
use nightbell::incident::{Event, Fact, Policy};
use nightbell::store::{OutboxFilter, Run, Store};
use tokio::sync::broadcast;

use crate::scratch::Scratch;
use crate::story::{Story, at, policy, run};

/// A caller left a message, and the call is over.
fn message(call: u64, transcript: bool) -> Story {
    let wants = Policy { transcript, ..policy(&["chat"]) };
    Story::of(call).greeted().routed(wants).recording().recorded(true).ended(Outcome::Voicemail)
}

/// A shell's words. The network is allowed, so that they run where there are no namespaces.
fn shell(words: &str) -> Wanted {
    let command = ["sh", "-c", words].map(str::to_owned).into();
    let timeout = Duration::from_secs(30);
    let transcription = Some(Transcription { command, timeout, memory: 1 << 30, network: true });
    Wanted { transcription, ..Wanted::default() }
}

/// Writes out what waits.
async fn work(store: &Arc<Store>, scratch: &Path, wanted: Wanted) {
    let recordings = scratch.join("recordings");
    std::fs::create_dir_all(&recordings).unwrap();
    for call in 1..=3 {
        std::fs::write(recordings.join(format!("{}.wav", CallId(call))), format!("message {call}")).unwrap();
    }
    let (journal, records) = Journal::new();
    let (live, reader) = broadcast::channel(16);
    let writer = store.start_writer(records, Some(live)).unwrap();
    let parts = Parts { store: store.clone(), journal, recordings, scratch: scratch.join("transcript") };
    let transcriber = Transcriber::start(parts, wanted, reader);
    while store.reader().next_transcript().unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    transcriber.stop().await;
    tokio::task::spawn_blocking(move || writer.join()).await.unwrap();
}

/// The texts of updates, in order.
fn updates(store: &Store) -> Vec<String> {
    let entries = store.reader().outbox(&OutboxFilter { all: true, ..OutboxFilter::default() }).unwrap();
    let notices = entries.into_iter().filter_map(|entry| entry.notice);
    notices.filter(|notice| notice.event == Event::Update).filter_map(|notice| notice.transcript).collect()
}

/// The messages that may be encrypted now.
fn in_the_clear(store: &Store) -> Vec<CallId> {
    store.reader().in_the_clear().unwrap().into_iter().map(|kept| kept.call).collect()
}

/// What became of each message, and how often the command was begun for it.
fn states(scratch: &Scratch) -> Vec<(String, i64, Option<String>)> {
    let database = rusqlite::Connection::open(scratch.path().join("nightbell.db")).unwrap();
    let mut statement =
        database.prepare("SELECT state, attempts, error FROM transcripts ORDER BY call_id").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn each_message_is_written_out_once_in_order_and_told_as_an_update() {
    let scratch = Scratch::new();
    let store = Arc::new(Store::open(scratch.path()).unwrap());
    run(
        &store,
        message(1, true).records.into_iter().chain(message(2, false).records).chain(message(3, true).records),
    );
    assert_eq!(in_the_clear(&store), [CallId(2)], "what is to be written out is not encrypted before");
    work(&store, scratch.path(), shell("printf 'heard: '; cat")).await;
    assert_eq!(updates(&store), ["heard: message 1", "heard: message 3"]);
    assert_eq!(in_the_clear(&store), [CallId(1), CallId(2), CallId(3)]);
    // What is written again after a crash is written out no second time.
    run(&store, message(1, true).records);
    work(&store, scratch.path(), shell("echo something else")).await;
    assert_eq!(updates(&store).len(), 2);
}

#[tokio::test]
async fn a_command_that_crashes_is_tried_once_more_and_then_given_up() {
    let scratch = Scratch::new();
    let store = Arc::new(Store::open(scratch.path()).unwrap());
    run(&store, message(1, true).records.into_iter().chain(message(2, true).records));
    // The second message is heard, whatever became of the first.
    work(&store, scratch.path(), shell("grep 'message 2' || { echo broken >&2; exit 7; }")).await;
    assert_eq!(updates(&store), ["message 2"]);
    let states = states(&scratch);
    assert_eq!((states[0].0.as_str(), states[0].1), ("failed", 2));
    assert!(states[0].2.as_ref().unwrap().contains("broken"), "{states:?}");
    assert_eq!((states[1].0.as_str(), states[1].1), ("made", 1));
}

#[tokio::test]
async fn a_try_that_the_end_of_the_daemon_cut_off_counts() {
    let scratch = Scratch::new();
    let store = Arc::new(Store::open(scratch.path()).unwrap());
    run(&store, message(1, true).records);
    store.transcript_begun(CallId(1)).unwrap();
    drop(store);
    // The next start has one try left, and the one after that none.
    let store = Arc::new(Store::open(scratch.path()).unwrap());
    store.transcript_begun(CallId(1)).unwrap();
    work(&store, scratch.path(), shell("cat")).await;
    assert_eq!(states(&scratch)[0].0, "failed");
    assert_eq!(updates(&store), Vec::<String>::new());
}

#[tokio::test]
async fn silence_is_no_text_and_without_a_command_nothing_is_kept_for_later() {
    let scratch = Scratch::new();
    let store = Arc::new(Store::open(scratch.path()).unwrap());
    run(&store, message(1, true).records);
    work(&store, scratch.path(), shell("printf ' \\n\\n'")).await;
    run(&store, message(2, true).records);
    work(&store, scratch.path(), Wanted::default()).await;
    let found = states(&scratch);
    let words: Vec<_> = found.iter().map(|(state, ..)| state.as_str()).collect();
    assert_eq!(words, ["nothing", "skipped"]);
    assert_eq!(updates(&store), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_locked_database_holds_up_transcripts_and_no_call() {
    let scratch = Scratch::new();
    let store = Arc::new(Store::open(scratch.path()).unwrap());
    run(&store, message(1, true).records);
    let stranger = rusqlite::Connection::open(scratch.path().join("nightbell.db")).unwrap();
    stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (journal, _records) = Journal::new();
    let (_live, reader) = broadcast::channel(16);
    let (recordings, folder) = (scratch.path().join("recordings"), scratch.path().join("transcript"));
    let parts = Parts { store: store.clone(), journal, recordings, scratch: folder };
    let begun = tokio::time::Instant::now();
    // There is one thread: were it the one that waits for the lock, nobody could let go of that.
    let transcriber = Transcriber::start(parts, Wanted::default(), reader);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    stranger.execute_batch("ROLLBACK").unwrap();
    while store.reader().next_transcript().unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "it had given up in the meantime");
    transcriber.stop().await;
}

#[tokio::test]
async fn a_message_that_is_deleted_takes_its_text_along_and_gets_none_afterwards() {
    let scratch = Scratch::new();
    let store = Arc::new(Store::open(scratch.path()).unwrap());
    run(&store, message(1, true).records);
    work(&store, scratch.path(), shell("echo private words")).await;
    let purge = Run { at: at(3600), rule: "by command".to_owned() };
    assert!(store.delete_message(&purge, CallId(1)).unwrap());
    // A command that was still running is done now.
    let late = Fact::Transcribed { text: "private words".to_owned() };
    store.incident_fact(CallId(1), at(3601), &late).unwrap();
    let (_, log) = store.reader().incident(1).unwrap().unwrap();
    assert!(log.iter().all(|line| !line.detail.contains("private")), "{log:?}");
    assert!(!updates(&store).concat().contains("private"));
    assert!(states(&scratch).is_empty());
}
