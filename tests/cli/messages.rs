//! Messages, retention and the erasure of a caller, as an operator types them.

use std::fs;

use nightbell::call::CallId;
use nightbell::call::journal::{Ended, Journal, Outcome, Record, RecordingKind, Started, Stated};
use nightbell::store::Store;

use crate::{Folder, ONCALL, SETTINGS};

/// A message of +4915112345678.
fn with_a_message(name: &str, more: &str) -> Folder {
    let settings = SETTINGS.replacen("[sip]", &format!("{more}\n[sip]"), 1);
    let folder = Folder::with(name, settings.as_bytes(), ONCALL.as_bytes());
    let data = folder.path().join("data");
    let store = Store::open(&data).unwrap();
    let (journal, reader) = Journal::new();
    let writer = store.start_writer(reader, None).unwrap();
    let (call, at) = (CallId(42), "2026-01-05T08:00:00Z".parse().unwrap());
    let (kind, file) = (RecordingKind::Message, RecordingKind::Message.file(call));
    journal.write(Record::Started(Started {
        call,
        hotline: "Hotline".to_owned(),
        number: "+4930123456".to_owned(),
        caller: "+4915112345678".to_owned(),
        at,
        trunk: "lan".to_owned(),
        sip_call_id: "x".to_owned(),
        stated: Stated::default(),
    }));
    journal.write(Record::RecordingStarted { call, kind, file, at });
    journal.write(Record::RecordingEnded { call, at, kind, kept: true, duration_ms: 4200, truncated: false });
    journal.write(Record::Ended(Ended {
        call,
        at,
        outcome: Outcome::Voicemail,
        reason: "the caller hung up".to_owned(),
        answered_at: Some(at),
        route: Some("Production".to_owned()),
        responder: None,
        abandoned: false,
    }));
    drop(journal);
    writer.join();
    fs::create_dir_all(data.join("recordings")).unwrap();
    fs::write(data.join("recordings/000000000000002a.wav"), "RIFFsound").unwrap();
    folder
}

#[test]
fn a_message_is_listed_exported_in_other_formats_and_deleted() {
    let more = "[voicemail]\nexport = { up = [\"tr\", \"a-z\", \"A-Z\"], bad = [\"sh\", \"-c\", \"echo no codec >&2; exit 1\"] }";
    let folder = with_a_message("messages", more);
    let listed = folder.output(&["voicemail", "list", "--caller", "+4915"]);
    let text = String::from_utf8(listed.stdout).unwrap();
    assert!(
        text.contains("000000000000002a") && text.contains("Production") && text.contains("kept"),
        "{text}"
    );
    let other = folder.output(&["voicemail", "list", "--route", "Billing", "--json"]);
    assert_eq!(String::from_utf8(other.stdout).unwrap().trim(), "[]");

    let to = folder.path().join("out");
    let name = to.to_str().unwrap();
    assert!(folder.output(&["voicemail", "export", "00000", name]).status.success());
    assert_eq!(fs::read(&to).unwrap(), b"RIFFsound");
    assert!(folder.output(&["voicemail", "export", "00000", name, "--format", "up"]).status.success());
    assert_eq!(fs::read(&to).unwrap(), b"RIFFSOUND");
    assert_eq!(folder.output(&["voicemail", "export", "00000", "-"]).stdout, b"RIFFsound");
    let failed = folder.output(&["voicemail", "export", "00000", name, "--format", "bad"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8(failed.stderr).unwrap().contains("no codec"));
    assert_eq!(fs::read(&to).unwrap(), b"RIFFSOUND", "a file that was there stays");
    assert_eq!(folder.output(&["voicemail", "export", "00000", "--format", "mp3"]).status.code(), Some(2));

    assert!(folder.output(&["voicemail", "delete", "000000000000002a"]).status.success());
    assert!(!folder.path().join("data/recordings/000000000000002a.wav").exists());
    assert_eq!(folder.output(&["voicemail", "delete", "000000000000002a"]).status.code(), Some(1));
    let gone = folder.output(&["voicemail", "list", "--all", "--json"]);
    assert!(String::from_utf8(gone.stdout).unwrap().contains("\"state\": \"deleted\""));
}

#[test]
fn a_caller_is_looked_for_and_then_erased() {
    let folder = with_a_message("erased", "");
    let erase = |more: &[&str]| {
        let all = [&["calls", "erase", "--caller", "+4915112345678"], more].concat();
        String::from_utf8(folder.output(&all).stdout).unwrap()
    };
    let looked = erase(&["--dry-run"]);
    assert!(looked.starts_with("nothing was erased") && looked.contains("not reached: backups"), "{looked}");
    let erased = erase(&["--json"]);
    assert!(erased.contains("\"calls\": 1") && erased.contains("\"files\": 1"), "{erased}");
    let log = String::from_utf8(folder.output(&["calls"]).stdout).unwrap();
    assert!(log.contains("erased") && !log.contains("+4915112345678"), "{log}");
    assert_eq!(folder.output(&["calls", "erase", "--caller", "somebody"]).status.code(), Some(2));
}

#[test]
fn what_keeps_messages_from_their_readers_is_found_before_the_first_call() {
    let folder = with_a_message("retention", "[retention]\ncalls = \"30d\"\nrecordings = \"90d\"");
    let checked = folder.output(&["check"]);
    let (said, warned) =
        (String::from_utf8(checked.stdout).unwrap(), String::from_utf8(checked.stderr).unwrap());
    assert!(said.contains("kept: timelines 30d, recordings 30d, calls 30d, statistics 730d"), "{said}");
    assert!(warned.contains("recordings are kept no longer than their calls: 30d"), "{warned}");
    let folder = with_a_message("secret", "[voicemail]\nencrypt_to = [\"AGE-SECRET-KEY-1QQQ\"]");
    let refused = folder.output(&["check"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(said.contains("this is the secret key"), "{said}");
}
