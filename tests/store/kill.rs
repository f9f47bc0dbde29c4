//! Real processes: killed in the middle of writing, and writing to a disk that is full for a while.
//! The test binary starts itself again as the daemon; what it was told to be durable it says on
//! standard output.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use nightbell::call::journal::{Journal, Outcome};
use nightbell::store::{CallFilter, Health, Store};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::scratch::Scratch;
use crate::story::{Story, at};

/// Tells a child where to write; without it, it is not a child.
const FOLDER: &str = "NIGHTBELL_TEST_STORE";

/// Starts a test of this binary as a child process. `start` is the shell's way to start `"$@"`.
fn child(test: &str, folder: &Path, start: &str) -> Child {
    Command::new("sh")
        .args(["-c", start, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("kill::{test}"), "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What a child says on standard output: a word and a number.
struct Said(Lines<BufReader<ChildStdout>>);

impl Said {
    fn by(child: &mut Child) -> Self {
        Self(BufReader::new(child.stdout.take().unwrap()).lines())
    }

    /// The numbers that follow a word, until the child has ended.
    fn after<'a>(&'a mut self, word: &'a str) -> impl Iterator<Item = u64> + 'a {
        let lines = self.0.by_ref().map_while(Result::ok);
        lines.filter_map(move |line| line.strip_prefix(word)?.trim().parse().ok())
    }
}

fn open_as_child() -> (Store, tokio::runtime::Runtime) {
    let folder = std::env::var_os(FOLDER).expect("this is not a test of its own");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    (Store::open(Path::new(&folder)).unwrap(), runtime)
}

/// Writes calls, every second one with its end, and says which are durable.
fn write_calls(at_most: u64) {
    let (store, runtime) = open_as_child();
    let (journal, reader) = Journal::new();
    let _writer = store.start_writer(reader, None).unwrap();
    let first = store.reader().calls(&CallFilter::default()).unwrap().len() as u64 + 1;
    runtime.block_on(async {
        for call in (first..).take(usize::try_from(at_most).unwrap()) {
            for record in Story::of(call).bridged().records {
                journal.write(record);
            }
            assert!(journal.durable(Duration::from_secs(30)).await);
            println!("\ndurable {call}");
            if call % 2 == 0 {
                for record in Story::of(call).ended(Outcome::Accepted).records.into_iter().skip(1) {
                    journal.write(record);
                }
            }
        }
    });
}

#[test]
#[ignore = "the child of the test below"]
fn write_until_killed() {
    write_calls(u64::MAX);
}

#[test]
fn a_daemon_that_is_killed_has_kept_all_it_had_acknowledged() {
    let scratch = Scratch::new();
    // The calls that a kill cut short before they were acknowledged: they may lack steps for ever.
    let mut cut_short = Vec::new();
    for round in 1..=8 {
        let mut daemon = child("write_until_killed", scratch.path(), r#"exec "$@""#);
        let mut said = Said::by(&mut daemon);
        let last = said.after("durable").nth(round * 3).expect("the child writes until it is killed");
        daemon.kill().unwrap();
        // It may have gone on between the last line read and the kill.
        let last = said.after("durable").last().unwrap_or(last);
        daemon.wait().unwrap();

        let store = Store::open(scratch.path()).unwrap();
        store.reconcile(at(3600)).unwrap();
        let calls = store.reader().calls(&CallFilter::default()).unwrap();
        let count = calls.len() as u64;
        assert!((last..=last + 1).contains(&count), "{last} were acknowledged, {count} are there");
        for call in &calls {
            assert!(call.ended_at.is_some(), "{} is still open", call.id);
            if call.id.0 <= last && !cut_short.contains(&call.id.0) {
                let (_, timeline) = store.reader().call(&call.id.to_string()).unwrap().unwrap();
                assert!(timeline.len() >= 7, "{} has lost steps", call.id);
                assert_eq!(call.outcome, Outcome::Accepted, "{}", call.id);
            }
        }
        cut_short.extend(last + 1..=count);
        store.legs_released().unwrap();
    }
}

#[test]
#[ignore = "the child of the test below"]
fn write_until_there_is_room_again() {
    let (store, runtime) = open_as_child();
    let (journal, reader) = Journal::new();
    let writer = store.start_writer(reader, None).unwrap();
    let failed_at = runtime.block_on(async {
        let mut call = 0;
        loop {
            call += 1;
            for record in Story::of(call).bridged().records {
                journal.write(record);
            }
            if !journal.durable(Duration::from_millis(500)).await {
                return call;
            }
        }
    });
    println!("\nfull {failed_at}");
    let limit = Rlimit { current: getrlimit(Resource::Fsize).maximum, ..getrlimit(Resource::Fsize) };
    setrlimit(Resource::Fsize, limit).unwrap();
    runtime.block_on(async {
        let mut health = store.health();
        let again = health.wait_for(|health| *health == Health::Good);
        tokio::time::timeout(Duration::from_secs(60), again).await.expect("there is room again").unwrap();
        assert!(journal.durable(Duration::from_secs(30)).await);
    });
    println!("\nroom {failed_at}");
    drop(journal);
    writer.join();
}

#[test]
fn a_disk_that_was_full_for_a_while_has_cost_nothing() {
    let scratch = Scratch::new();
    // No file may grow beyond 1000 blocks of 512 bytes, until the child lifts that limit itself.
    let start = r#"trap '' XFSZ; ulimit -S -f 1000; exec "$@""#;
    let mut daemon = child("write_until_there_is_room_again", scratch.path(), start);
    let mut said = Said::by(&mut daemon);
    let full = said.after("full").next().expect("the disk fills up");
    let room = said.after("room").next();
    assert!(daemon.wait().unwrap().success());
    assert_eq!(room, Some(full));

    let store = Store::open(scratch.path()).unwrap();
    let calls = store.reader().calls(&CallFilter::default()).unwrap();
    assert_eq!(calls.len() as u64, full);
    for call in calls {
        assert_eq!(store.reader().call(&call.id.to_string()).unwrap().unwrap().1.len(), 7);
    }
}

#[test]
#[ignore = "the child of the test below"]
fn write_twenty_calls() {
    write_calls(20);
}

/// A power cut keeps what was synced and nothing else for certain.
#[test]
fn seen_from_the_system_every_acknowledgement_follows_a_sync_of_all_that_was_written() {
    let probe = Command::new("strace").args(["-o", "/dev/null", "true"]).status();
    if !probe.is_ok_and(|status| status.success()) {
        // Not by a macro: what those print is hidden while the test passes.
        let _ =
            std::io::Write::write_all(&mut std::io::stderr(), b"LEFT OUT: the order of syncs needs strace\n");
        return;
    }
    let scratch = Scratch::new();
    std::fs::create_dir_all(scratch.path()).unwrap();
    let trace = scratch.path().join("trace");
    let start = format!(
        r#"exec strace -f -y -s 16 -e trace=pwrite64,write,fsync,fdatasync -o '{}' "$@""#,
        trace.display()
    );
    let mut daemon = child("write_twenty_calls", &scratch.path().join("data"), &start);
    assert_eq!(Said::by(&mut daemon).after("durable").count(), 20);
    assert!(daemon.wait().unwrap().success());

    let mut unsynced = false;
    let mut acknowledged = 0;
    for line in std::fs::read_to_string(trace).unwrap().lines() {
        if line.contains("pwrite64(") && line.contains("nightbell.db-wal>") {
            unsynced = true;
        } else if line.contains("sync(") && line.contains("nightbell.db-wal>") && line.ends_with("= 0")
            || line.contains("sync resumed>") && line.ends_with("= 0")
        {
            unsynced = false;
        } else if line.contains("write(1<") && line.contains("durable") {
            acknowledged += 1;
            assert!(!unsynced, "acknowledgement {acknowledged} came before the sync");
        }
    }
    assert_eq!(acknowledged, 20);
}
