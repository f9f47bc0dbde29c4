//! A database that cannot be used: calls are taken all the same, and nothing of them is lost.

use std::fs;
use std::path::{Path, PathBuf};

use nightbell::call::CallId;
use nightbell::call::journal::Outcome;
use nightbell::oncall::OncallFile;
use nightbell::store::{CallFilter, Fault, Health, IncidentFilter, OutboxFilter, Store, StoreError};

use crate::scratch::Scratch;
use crate::story::{Story, at, run};

const ANNA: &str = "[[people]]\nid = \"anna\"\nphones = [\"+4915100000001\"]\n";

fn database(folder: &Path) -> PathBuf {
    folder.join("nightbell.db")
}

/// A database with one missed call and its incident, that nobody uses.
fn with_a_call(scratch: &Scratch) {
    let store = Store::open(scratch.path()).unwrap();
    let (roster, _) = toml::from_str::<OncallFile>(ANNA).unwrap().compile();
    store.apply_roster(&roster, false).unwrap();
    run(&store, Story::missed(1, &["pager"]).records);
}

/// Makes the schema unreadable.
fn damage(database: &Path) -> Vec<u8> {
    let mut bytes = fs::read(database).unwrap();
    bytes[100..120].fill(0xa5);
    fs::write(database, &bytes).unwrap();
    bytes
}

fn fault(store: &Store) -> Option<Fault> {
    match &*store.health().borrow() {
        Health::Good => None,
        Health::Degraded { fault, .. } => Some(*fault),
    }
}

fn calls(store: &Store) -> Vec<u64> {
    store.reader().calls(&CallFilter::default()).unwrap().iter().map(|call| call.id.0).collect()
}

fn incidents(store: &Store) -> Vec<(i64, u64)> {
    let all = IncidentFilter { all: true, ..IncidentFilter::default() };
    let mut found: Vec<_> =
        store.reader().incidents(&all).unwrap().iter().map(|row| (row.id, row.call.0)).collect();
    found.sort_unstable();
    found
}

fn notices(store: &Store) -> usize {
    store.reader().outbox(&OutboxFilter { all: true, ..OutboxFilter::default() }).unwrap().len()
}

#[test]
fn a_damaged_database_is_left_as_it_is_and_calls_are_written_into_a_spare_one_until_it_is_set_aside() {
    let scratch = Scratch::new();
    with_a_call(&scratch);
    let damaged = damage(&database(scratch.path()));

    let store = Store::open_or_spare(scratch.path()).unwrap();
    assert_eq!(fault(&store), Some(Fault::Damaged));
    run(&store, Story::missed(2, &["pager"]).records);
    assert_eq!(calls(&store), [2]);
    assert_eq!(incidents(&store), [(1, 2)], "what follows from a call follows there, too");
    assert_eq!(fault(&store), Some(Fault::Damaged), "that entries are taken is not the end of it");
    drop(store);

    // At the next start the same, with what is there already; commands see it, too.
    let store = Store::open_or_spare(scratch.path()).unwrap();
    assert!(store.is_away());
    run(&store, Story::of(3).bridged().ended(Outcome::Accepted).records);
    assert_eq!(calls(&store).len(), 2);
    assert_eq!(
        Store::open_read_only(scratch.path()).unwrap().calls(&CallFilter::default()).unwrap().len(),
        2
    );
    assert!(!store.go_home().unwrap(), "not before an operator has said so");
    assert_eq!(fs::read(database(scratch.path())).unwrap(), damaged);

    let aside = store.set_aside().unwrap();
    assert_eq!(fs::read(aside).unwrap(), damaged);
    assert_eq!(fault(&store), None);
    assert_eq!(calls(&store).len(), 2);
    assert_eq!((incidents(&store), notices(&store)), (vec![(1, 2)], 1));
    drop(store);
    assert_eq!(calls(&Store::open(scratch.path()).unwrap()).len(), 2);
    assert!(!scratch.path().join("nightbell.spare.db").exists());
}

#[test]
fn a_backup_in_the_place_of_a_damaged_database_gets_what_was_written_into_the_spare_one() {
    let scratch = Scratch::new();
    with_a_call(&scratch);
    let backup = fs::read(database(scratch.path())).unwrap();
    damage(&database(scratch.path()));
    let store = Store::open_or_spare(scratch.path()).unwrap();
    run(&store, Story::missed(2, &["pager"]).records);
    run(&store, Story::of(3).bridged().records);
    drop(store);

    fs::write(database(scratch.path()), backup).unwrap();
    let store = Store::open_or_spare(scratch.path()).unwrap();
    assert_eq!(fault(&store), None);
    assert_eq!(calls(&store).len(), 3);
    assert_eq!(incidents(&store), [(1, 1), (2, 2)], "incidents are numbered on");
    let (_, log) = store.reader().incident(2).unwrap().unwrap();
    assert!(log.iter().any(|line| line.kind == "opened"), "{log:?}");
    assert_eq!(notices(&store), 2, "each has its notice");
    // What went on when the spare one was left is closed like any other call of an earlier run.
    assert_eq!(store.reconcile(at(3600)).unwrap().calls_closed, [CallId(3)]);
    drop(store);
    assert_eq!(calls(&Store::open_or_spare(scratch.path()).unwrap()).len(), 3, "and once only");
}

#[test]
fn who_is_on_call_is_taken_over_as_far_as_it_can_be_read() {
    let scratch = Scratch::new();
    with_a_call(&scratch);
    let store = Store::open_or_spare(scratch.path()).unwrap();
    let why = StoreError::Missing { path: database(scratch.path()) };
    store.use_spare(&why).unwrap();
    assert!(store.is_away());
    assert!(calls(&store).is_empty(), "it is another database");
    let roster = store.reader().load_roster().unwrap();
    assert_eq!(roster.people.values().map(|person| person.id.as_str()).collect::<Vec<_>>(), ["anna"]);
    run(&store, Story::of(2).records);
    let bell = store.bell().listen();
    assert!(store.go_home().unwrap());
    assert!(bell.has_changed().unwrap(), "what waits in the right one is to be told now");
    assert_eq!(calls(&store).len(), 2);
}

#[test]
fn a_sound_database_is_not_set_aside() {
    let scratch = Scratch::new();
    with_a_call(&scratch);
    let refusal = Store::set_damaged_aside(scratch.path()).unwrap_err();
    assert!(matches!(refusal, StoreError::NotDamaged { .. }), "{refusal}");
    let store = Store::open_or_spare(scratch.path()).unwrap();
    assert!(matches!(store.set_aside(), Err(StoreError::NotDamaged { .. })));
    assert_eq!(calls(&store), [1]);
}

#[test]
fn what_is_damaged_far_inside_is_set_aside_too() {
    let scratch = Scratch::new();
    with_a_call(&scratch);
    let mut bytes = fs::read(database(scratch.path())).unwrap();
    let inside = bytes.len() / 2;
    bytes[inside..].fill(0xa5);
    fs::write(database(scratch.path()), &bytes).unwrap();
    let aside = Store::set_damaged_aside(scratch.path()).unwrap();
    assert_eq!(fs::read(aside).unwrap(), bytes);
    assert!(calls(&Store::open_or_spare(scratch.path()).unwrap()).is_empty());
}

#[test]
fn a_newer_database_and_missing_rights_are_no_reason_for_a_spare_one() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path()).unwrap();
    let other = rusqlite::Connection::open(database(scratch.path())).unwrap();
    other.execute_batch("CREATE TABLE photos (name TEXT); INSERT INTO photos VALUES ('cat')").unwrap();
    drop(other);
    let refusal = Store::open_or_spare(scratch.path()).unwrap_err();
    assert!(matches!(refusal, StoreError::Foreign { .. }), "{refusal}");
    assert!(!scratch.path().join("nightbell.spare.db").exists());
}

#[test]
fn what_a_killed_run_has_left_in_the_spool_is_in_the_log_after_the_next_start() {
    let scratch = Scratch::new();
    let spool = scratch.path().join("spool.ring");
    let store = Store::open_or_spare(scratch.path()).unwrap();
    store.use_spool(&spool);
    let stranger = rusqlite::Connection::open(database(scratch.path())).unwrap();
    stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (journal, reader) = nightbell::call::journal::Journal::new();
    let writer = store.start_writer(reader, None).unwrap();
    for record in Story::missed(1, &["pager"]).records {
        journal.write(record);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        store.health().wait_for(|health| *health != Health::Good).await.unwrap();
        // In the spool once the answer is there.
        assert!(!journal.durable(std::time::Duration::from_secs(30)).await);
    });
    // What a kill leaves: the spool as it is now.
    let left = fs::read(&spool).unwrap();
    stranger.execute_batch("ROLLBACK").unwrap();
    drop(journal);
    writer.join();
    drop(store);

    let other = Scratch::new();
    fs::create_dir_all(other.path()).unwrap();
    fs::write(other.path().join("spool.ring"), &left).unwrap();
    for _ in 0..2 {
        let store = Store::open_or_spare(other.path()).unwrap();
        store.use_spool(&other.path().join("spool.ring"));
        assert_eq!(calls(&store), [1]);
        assert_eq!((incidents(&store), notices(&store)), (vec![(1, 1)], 1));
    }
    // A second time changes nothing: the database knows how far it has come.
    fs::write(other.path().join("spool.ring"), &left).unwrap();
    let store = Store::open_or_spare(other.path()).unwrap();
    store.use_spool(&other.path().join("spool.ring"));
    assert_eq!((calls(&store), notices(&store)), (vec![1], 1));
}
