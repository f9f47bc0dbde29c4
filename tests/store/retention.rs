//! What is kept no longer than it may be, what is erased on demand, and the proof of both.

use std::fs;
use std::path::PathBuf;

use jiff::ToSpan;
use nightbell::call::CallId;
use nightbell::call::journal::Outcome;
use nightbell::daemon::messages::age::Recipient;
use nightbell::daemon::messages::seal_all;
use nightbell::daemon::retention::{Removal, Retention, RetentionSettings, Strays, carry_out, purge, strays};
use nightbell::incident::Fact;
use nightbell::store::{CallFilter, Purgeable, Settled, Store, VoicemailFilter};
use rusqlite::Connection;

use crate::scratch::Scratch;
use crate::story::{Story, at, run};

const CALLER: &str = "+4915112345678";
const OTHER: &str = "+4915199999999";

struct House {
    store: Store,
    recordings: PathBuf,
    scratch: Scratch,
}

impl House {
    /// A message at the first day, one after a hundred days, and a recorded call of somebody else after two hundred.
    fn new() -> Self {
        let scratch = Scratch::new();
        let store = Store::open(scratch.path()).unwrap();
        let recordings = scratch.path().join("recordings");
        fs::create_dir(&recordings).unwrap();
        let message = |call| Story::of(call).dialling().recording().recorded(true).ended(Outcome::Voicemail);
        let answered = Story::from_caller(3, OTHER).bridged().call_recording().call_recorded();
        let stories = [message(1), message(2).later(100), answered.ended(Outcome::Accepted).later(200)];
        run(&store, stories.into_iter().flat_map(|story| story.records));
        let house = Self { store, recordings, scratch };
        for name in ["0000000000000001.wav", "0000000000000002.wav", "0000000000000003.call.wav"] {
            fs::write(house.recordings.join(name), "sound").unwrap();
        }
        house
    }

    fn purge(&self, settings: &str, day: i64) -> Vec<(Purgeable, u32, u32)> {
        let now = at(60) + (day * 24).hours();
        let removed = purge(&self.store, &self.recordings, &retention(settings), now).unwrap();
        removed.into_iter().map(|(what, removed)| (what, removed.rows, removed.files)).collect()
    }

    fn files(&self) -> Vec<String> {
        let names = fs::read_dir(&self.recordings).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn number(&self, sql: &str) -> i64 {
        let database = Connection::open(self.scratch.path().join("nightbell.db")).unwrap();
        database.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn calls(&self) -> Vec<String> {
        let calls = self.store.reader().calls(&CallFilter::default()).unwrap();
        calls.into_iter().map(|call| call.caller).collect()
    }

    fn remove(&self, removal: &Removal) -> Result<nightbell::daemon::retention::Erased, String> {
        carry_out(&self.store, &self.recordings, removal, at(9)).map_err(|error| error.to_string())
    }

    /// Whether these words stand anywhere in the files of the database.
    fn holds(&self, words: &str) -> bool {
        let names = ["nightbell.db", "nightbell.db-wal"];
        names.iter().any(|name| {
            let octets = fs::read(self.scratch.path().join(name)).unwrap_or_default();
            octets.windows(words.len()).any(|window| window == words.as_bytes())
        })
    }
}

fn retention(settings: &str) -> Retention {
    toml::from_str::<RetentionSettings>(settings).unwrap().compile().0
}

#[test]
fn what_is_young_enough_stays_and_leaves_no_proof() {
    let house = House::new();
    assert_eq!(house.purge("", 300), []);
    assert_eq!(house.store.reader().purges().unwrap(), []);
    assert_eq!(house.files().len(), 3);
}

#[test]
fn recordings_go_with_their_files_and_their_calls_stay() {
    let house = House::new();
    assert_eq!(house.purge("recordings = \"150d\"", 251), [(Purgeable::Recordings, 2, 2)]);
    assert_eq!(house.files(), ["0000000000000003.call.wav"]);
    assert_eq!(house.calls().len(), 3);
    let reader = house.store.reader();
    assert_eq!(reader.voicemails(&VoicemailFilter::default()).unwrap(), []);
    let gone = reader.voicemails(&VoicemailFilter { gone: true, ..VoicemailFilter::default() }).unwrap();
    assert_eq!(gone.iter().map(|row| row.state.as_str()).collect::<Vec<_>>(), ["purged", "purged"]);
    assert_eq!(house.purge("recordings = \"150d\"", 251), [], "once is enough");

    let proofs = reader.purges().unwrap();
    assert_eq!(proofs.len(), 1);
    let proof = &proofs[0];
    assert_eq!((proof.what.as_str(), proof.rows, proof.files), ("recordings", 2, 2));
    assert_eq!(proof.rule, "recordings = 150d");
    assert_eq!((proof.oldest, proof.newest), (Some(at(5)), Some(at(5) + 2400.hours())));
}

#[test]
fn a_file_that_is_gone_already_is_no_obstacle() {
    let house = House::new();
    fs::remove_file(house.recordings.join("0000000000000001.wav")).unwrap();
    assert_eq!(house.purge("recordings = \"1d\"", 50), [(Purgeable::Recordings, 1, 1)]);
}

#[test]
fn timelines_go_and_the_call_stays_with_its_message() {
    let house = House::new();
    assert_eq!(house.purge("timelines = \"150d\"", 200), [(Purgeable::Timelines, 1, 0)]);
    let (row, timeline) = house.store.reader().call("0000000000000001").unwrap().unwrap();
    assert_eq!((row.outcome, timeline.len()), (Outcome::Voicemail, 0));
    assert!(row.voicemail.is_some());
    assert_eq!(house.number("SELECT count(*) FROM dial_intents"), 2);
    assert_eq!(house.purge("timelines = \"150d\"", 200), []);
}

#[test]
fn calls_go_with_everything_and_their_counts_stay() {
    let house = House::new();
    let before = house.number("SELECT sum(calls * 1000 + duration_s) FROM all_statistics");
    let removed = house.purge("calls = \"150d\"", 251);
    assert_eq!(removed, [(Purgeable::Recordings, 2, 2), (Purgeable::Calls, 2, 0)]);
    assert_eq!(house.calls(), [OTHER]);
    assert_eq!(house.files(), ["0000000000000003.call.wav"]);
    for table in ["call_events", "dial_intents", "recordings"] {
        let sql =
            format!("SELECT count(*) FROM {table} WHERE call_id IN ('0000000000000001', '0000000000000002')");
        assert_eq!(house.number(&sql), 0, "{table}");
    }
    assert_eq!(house.number("SELECT count(*) FROM statistics"), 2, "a row a day");
    assert_eq!(house.number("SELECT sum(calls * 1000 + duration_s) FROM all_statistics"), before);
    assert_eq!(house.store.reader().purges().unwrap()[0].rule, "calls = 150d");
    assert!(!house.holds("0000000000000001"), "nothing of it is left in the database's files");
}

#[test]
fn counts_go_in_their_own_time() {
    let house = House::new();
    house.purge("calls = \"1d\"", 120);
    assert_eq!(house.number("SELECT sum(calls) FROM statistics"), 2);
    assert_eq!(house.purge("calls = \"1d\"\nstatistics = \"30d\"", 120), [(Purgeable::Statistics, 1, 0)]);
    assert_eq!(house.number("SELECT sum(calls) FROM statistics"), 1);
}

#[test]
fn what_is_kept_for_good_is_never_purged() {
    let house = House::new();
    let keep = "timelines = \"keep\"\nrecordings = \"keep\"\ncalls = \"keep\"\nstatistics = \"keep\"";
    assert_eq!(house.purge(keep, 10_000), []);
}

#[test]
fn a_call_of_which_somebody_is_still_to_be_told_waits() {
    let house = House::new();
    let database = Connection::open(house.scratch.path().join("nightbell.db")).unwrap();
    let waits = "INSERT INTO outbox (target, notice_id, dedup_key, call_id, notice, created_at, wanted_at, due_at)
                 VALUES ('chat', 'n1', 'hotline-1', '0000000000000001', '{}', '2026-01-05', '2026-01-05', '2026-01-05')";
    database.execute(waits, []).unwrap();
    let all = "timelines = \"1d\"\nrecordings = \"1d\"\ncalls = \"1d\"";
    assert_eq!(house.purge(all, 50), []);
    database.execute("UPDATE outbox SET state = 'sent', settled_at = '2026-01-05'", []).unwrap();
    assert_eq!(house.purge(all, 50).len(), 3);
    assert_eq!(house.number("SELECT count(*) FROM outbox"), 0);
}

/// A missed call of which a pager was told, and whose incident is open.
fn told_of_a_missed_call(house: &House) {
    run(&house.store, Story::missed(4, &["pager"]).records);
    let trigger = house.store.reader().outbox_heads("pager").unwrap()[0].id;
    assert!(house.store.outbox_try(trigger).unwrap());
    house.store.outbox_settle(trigger, &Settled::Sent, at(60)).unwrap();
}

fn hears_of_the_end(house: &House) -> bool {
    let resolved = Fact::Resolved { by: "anna".to_owned() };
    house.store.incident_fact(CallId(4), at(90), &resolved).unwrap();
    let heads = house.store.reader().outbox_heads("pager").unwrap();
    let entries = heads.iter().map(|head| house.store.reader().outbox_entry(head.id).unwrap().unwrap());
    entries.map(|entry| entry.event()).eq(["resolve"])
}

#[test]
fn who_was_told_of_an_open_incident_hears_of_its_end_though_its_timeline_is_purged() {
    let house = House::new();
    told_of_a_missed_call(&house);
    assert_eq!(house.purge("timelines = \"1d\"", 50)[0].1, 2);
    assert_eq!(house.number("SELECT count(*) FROM outbox WHERE notice LIKE '%+4915112345678%'"), 0);
    assert!(hears_of_the_end(&house));
}

#[test]
fn who_was_told_of_an_open_incident_hears_of_its_end_though_its_caller_is_erased() {
    let house = House::new();
    told_of_a_missed_call(&house);
    let caller = Removal::Caller { number: CALLER.to_owned(), dry_run: false };
    house.remove(&caller).unwrap();
    assert!(!house.holds(CALLER));
    assert!(hears_of_the_end(&house));
    assert!(!house.holds(CALLER));
}

#[test]
fn more_than_one_step_has_one_proof() {
    let house = House::new();
    let many = (100..350).flat_map(|call| Story::of(call).greeted().ended(Outcome::Missed).records);
    run(&house.store, many);
    let removed = house.purge("calls = \"30d\"", 90);
    assert_eq!(removed, [(Purgeable::Recordings, 1, 1), (Purgeable::Calls, 251, 0)]);
    assert_eq!(house.store.reader().purges().unwrap().len(), 2);
}

#[test]
fn a_file_without_a_row_and_a_row_without_a_file_are_found() {
    let house = House::new();
    fs::write(house.recordings.join("00000000000000ff.wav"), "sound").unwrap();
    fs::remove_file(house.recordings.join("0000000000000002.wav")).unwrap();
    let strays = strays(&house.store, &house.recordings).unwrap();
    assert_eq!(strays.files.into_iter().collect::<Vec<_>>(), ["00000000000000ff.wav"]);
    assert_eq!(strays.missing.into_iter().collect::<Vec<_>>(), ["0000000000000002.wav"]);
}

// ---- by command ----

#[test]
fn a_deleted_message_is_gone_and_its_call_stays() {
    let house = House::new();
    let delete = |call: &str| house.remove(&Removal::Message { call: call.to_owned() });
    delete("0000000000000001").unwrap();
    assert_eq!(house.files(), ["0000000000000002.wav", "0000000000000003.call.wav"]);
    let rows = house.store.reader().voicemails(&VoicemailFilter { gone: true, ..VoicemailFilter::default() });
    let states: Vec<_> = rows.unwrap().into_iter().map(|row| row.state).collect();
    assert_eq!(states, ["kept", "deleted"]);
    assert_eq!(house.calls().len(), 3);
    assert_eq!(house.store.reader().purges().unwrap()[0].what, "message");
    for none in ["0000000000000001", "0000000000000003", "00000000000000aa", "../x"] {
        assert!(delete(none).unwrap_err().contains("there is no message"), "{none}");
    }
}

#[test]
fn a_message_that_is_encrypted_in_the_moment_it_is_deleted_is_gone_all_the_same() {
    let house = House::new();
    fs::write(house.recordings.join("0000000000000001.wav.age"), "sealed").unwrap();
    house.remove(&Removal::Message { call: "0000000000000001".to_owned() }).unwrap();
    assert_eq!(house.files(), ["0000000000000002.wav", "0000000000000003.call.wav"]);
}

#[test]
fn an_erased_caller_is_nowhere_in_the_database_and_the_log_still_has_the_calls() {
    let house = House::new();
    let database = Connection::open(house.scratch.path().join("nightbell.db")).unwrap();
    database
        .execute_batch(&format!(
            "UPDATE call_events SET detail = '{CALLER} (Erika Mustermann) calls' WHERE call_id <> '0000000000000003';
             UPDATE calls SET display_name = 'Erika Mustermann' WHERE caller = '{CALLER}';
             INSERT INTO incidents (call_id, title, severity, status, opened_at)
             VALUES ('0000000000000001', 'Voicemail of {CALLER}', 'critical', 'triggered', '2026-01-05');
             INSERT INTO incident_log (incident_id, at, kind, detail) VALUES (1, '2026-01-05', 'note', 'Erika Mustermann called');
             INSERT INTO outbox (target, notice_id, dedup_key, call_id, incident_id, notice, created_at, wanted_at, due_at)
             VALUES ('chat', 'n1', 'k', '0000000000000001', 1, '{{\"caller\":\"{CALLER}\"}}', '2026-01-05', '2026-01-05', '2026-01-05');"
        ))
        .unwrap();
    drop(database);
    let caller = |dry_run| Removal::Caller { number: CALLER.to_owned(), dry_run };
    let looked = house.remove(&caller(true)).unwrap();
    assert!(house.holds("Erika") && looked.dry_run);
    assert_eq!(house.files().len(), 3, "a dry run touches nothing");

    let erased = house.remove(&caller(false)).unwrap();
    assert_eq!(erased.traces, looked.traces);
    let found = &erased.traces;
    assert_eq!((found.calls, found.recordings, found.incidents), (2, 2, 1));
    assert_eq!((found.notices, found.unsent, erased.files), (1, 1, 2));
    assert!(erased.log_emptied);
    for words in [CALLER, "Erika", "Mustermann", "0000000000000001@carrier"] {
        assert!(!house.holds(words), "{words}");
    }
    assert_eq!(house.files(), ["0000000000000003.call.wav"]);
    assert_eq!(house.calls(), [OTHER, "erased", "erased"]);
    let (row, timeline) = house.store.reader().call(&CallId(1).to_string()).unwrap().unwrap();
    assert_eq!((row.outcome, row.voicemail, row.display_name), (Outcome::Voicemail, None, None));
    assert!(timeline.len() > 3 && timeline.iter().all(|event| event.detail == "erased"));
    let proofs = house.store.reader().purges().unwrap();
    assert_eq!((proofs[0].what.as_str(), proofs[0].rows, proofs[0].files), ("caller", 2, 2));
    assert_eq!(house.remove(&caller(false)).unwrap().traces.calls, 0, "there is nothing left to be erased");
}

#[test]
fn who_passed_a_call_on_is_taken_out_of_it_and_its_own_caller_stays() {
    let house = House::new();
    let database = Connection::open(house.scratch.path().join("nightbell.db")).unwrap();
    database.execute("UPDATE calls SET diverted_by = '+49301' WHERE caller = ?1", [OTHER]).unwrap();
    drop(database);
    let removal = Removal::Caller { number: "+49301".to_owned(), dry_run: false };
    assert_eq!(house.remove(&removal).unwrap().traces.passed_on, 1);
    assert!(house.calls().contains(&OTHER.to_owned()));
    assert_eq!(house.number("SELECT count(*) FROM calls WHERE diverted_by IS NOT NULL"), 0);
}

#[test]
fn a_call_that_goes_on_is_left_alone_and_told() {
    let house = House::new();
    run(&house.store, Story::of(9).dialling().records);
    let removal = Removal::Caller { number: CALLER.to_owned(), dry_run: false };
    assert_eq!(house.remove(&removal).unwrap().traces.running, 1);
    assert!(house.calls().contains(&CALLER.to_owned()));
}

// ---- encryption ----

fn recipient() -> Recipient {
    "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj".parse().unwrap()
}

impl House {
    fn seal(&self) -> (usize, usize) {
        seal_all(&self.store, &self.recordings, &[recipient()]).unwrap()
    }
}

#[test]
fn recordings_are_encrypted_once_and_the_clear_ones_are_gone() {
    let house = House::new();
    assert_eq!(house.seal(), (3, 0));
    let names = ["0000000000000001.wav.age", "0000000000000002.wav.age", "0000000000000003.call.wav.age"];
    assert_eq!(house.files(), names);
    for name in names {
        assert!(fs::read(house.recordings.join(name)).unwrap().starts_with(b"age-encryption.org/v1\n"));
    }
    let rows = house.store.reader().voicemails(&VoicemailFilter::default()).unwrap();
    assert!(rows.iter().all(|row| row.encrypted && row.file.ends_with(".wav.age")));
    assert_eq!(house.seal(), (0, 0));
    assert_eq!(strays(&house.store, &house.recordings).unwrap(), Strays::default());
    assert_eq!(house.purge("recordings = \"1d\"", 300), [(Purgeable::Recordings, 3, 3)]);
    assert_eq!(house.files(), [""; 0]);
}

#[test]
fn what_a_crash_left_in_the_clear_is_removed_and_what_cannot_be_encrypted_stays() {
    let house = House::new();
    let clear = house.recordings.join("0000000000000001.wav");
    fs::remove_file(&clear).unwrap();
    assert_eq!(house.seal(), (2, 1), "a file that cannot be read is tried again");
    fs::write(&clear, "sound").unwrap();
    assert_eq!(house.seal(), (1, 0));
    // Between the row and the removal.
    fs::write(&clear, "sound").unwrap();
    assert_eq!(house.seal(), (0, 0));
    assert!(!clear.exists());
}

#[test]
fn a_message_that_is_still_to_be_written_out_stays_in_the_clear_until_it_is() {
    let house = House::new();
    let database = Connection::open(house.scratch.path().join("nightbell.db")).unwrap();
    let queued = "INSERT INTO transcripts (call_id, file, queued_at)
                  VALUES ('0000000000000001', '0000000000000001.wav', '2026-01-05')";
    database.execute(queued, []).unwrap();
    assert_eq!(house.seal(), (2, 1));
    assert!(house.recordings.join("0000000000000001.wav").exists());
    database.execute("UPDATE transcripts SET state = 'made', settled_at = '2026-01-05'", []).unwrap();
    assert_eq!(house.seal(), (1, 0));
}
