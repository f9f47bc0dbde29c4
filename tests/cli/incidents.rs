//! Incidents, quiet times and the outbox by command: the same with the daemon running and without it.

use jiff::Timestamp;
use nightbell::call::CallId;
use nightbell::call::journal::{Ended, Journal, Outcome, Record, Started, Stated};
use nightbell::incident::{Fact, Moment, Policy, Routed};
use nightbell::store::Store;
use serde_json::{Value, json};

use crate::signals::Running;
use crate::{Folder, ONCALL, SETTINGS};

fn told(folder: &Folder, command: &[&str]) -> Value {
    let output = folder.output(&[command, &["--json"]].concat());
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(folder: &Folder, command: &[&str], status: i32) -> String {
    let output = folder.output(command);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{command:?}: {said}");
    said
}

/// A call that nobody answered, told to a target that no settings name.
fn missed(call: CallId, at: Timestamp) -> Vec<Record> {
    let (hotline, number, caller) =
        ("Hotline".to_owned(), "+4930123456".to_owned(), "+4915112345678".to_owned());
    let started = Started {
        call,
        hotline: hotline.clone(),
        number: number.clone(),
        caller: caller.clone(),
        at,
        trunk: "lan".to_owned(),
        sip_call_id: format!("{call}@lan"),
        stated: Stated::default(),
    };
    let routed = Routed {
        hotline,
        number,
        route: "Production".to_owned(),
        started_at: at,
        caller,
        caller_name: None,
        first_level: vec!["bob".to_owned()],
        policy: Policy {
            open: [Moment::NoAnswer].into(),
            notify: vec!["pager".to_owned()],
            ..Policy::never()
        },
    };
    let ended = Ended {
        call,
        at,
        outcome: Outcome::Missed,
        reason: "caller hung up".to_owned(),
        answered_at: None,
        route: Some("Production".to_owned()),
        responder: None,
        abandoned: false,
    };
    let fact = |fact| Record::Fact { call, at, fact: Box::new(fact) };
    vec![
        Record::Started(started),
        fact(Fact::Routed(Box::new(routed))),
        fact(Fact::NobodyAnswered),
        Record::Ended(ended),
    ]
}

/// Settings with a database in which two calls were missed, and a third was blocked.
fn folder(name: &str) -> Folder {
    let folder = Folder::with(name, SETTINGS.as_bytes(), ONCALL.as_bytes());
    let store = Store::open(&folder.path().join("data")).unwrap();
    let (journal, records) = Journal::new();
    let writer = store.start_writer(records, None).unwrap();
    let at = "2026-01-05T08:00:00Z".parse().unwrap();
    for call in 1..=3 {
        // The third got to no route.
        let is_known = |record: &Record| call < 3 || !matches!(record, Record::Fact { .. });
        missed(CallId(call), at).into_iter().filter(is_known).for_each(|record| journal.write(record));
    }
    drop(journal);
    writer.join();
    folder
}

fn ids(list: &Value) -> Vec<i64> {
    list.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

fn incidents_by_command(folder: &Folder) {
    let list = told(folder, &["incidents"]);
    assert_eq!(ids(&list), [2, 1]);
    let expected = json!({
        "id": 1, "call": "0000000000000001", "severity": "critical", "status": "triggered",
        "title": "Missed call from +4915112345678 on Production (Hotline)",
        "opened_at": "2026-01-05T08:00:00Z", "acknowledged_at": null, "acknowledged_by": null,
        "resolved_at": null, "resolved_by": null, "assigned": ["bob"], "muted": false, "snoozed_until": null,
        "hotline": "Hotline", "route": "Production", "caller": "+4915112345678", "voicemail": null,
        "transcript": null,
    });
    assert_eq!(list[1], expected);

    let taken = told(folder, &["incidents", "ack", "1", "--by", "bob"]);
    assert_eq!((&taken["status"], &taken["acknowledged_by"]), (&json!("acknowledged"), &json!("bob")));
    assert!(refused(folder, &["incidents", "ack", "1"], 1).contains("bob has taken incident 1 on already"));
    told(folder, &["incidents", "note", "1", "the disk is full"]);
    let over = told(folder, &["incidents", "resolve", "1"]);
    assert_eq!(over["status"], "resolved");
    assert!(over["resolved_by"].as_str().is_some_and(|by| !by.is_empty()));
    assert!(refused(folder, &["incidents", "resolve", "1"], 1).contains("is over"));
    assert_eq!(ids(&told(folder, &["incidents"])), [2]);
    assert_eq!(ids(&told(folder, &["incidents", "--status", "resolved"])), [1]);

    let whole = told(folder, &["incidents", "1"]);
    let log = whole["log"].as_array().unwrap();
    let kinds: Vec<_> = log.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["opened", "acknowledged", "note", "resolved"]);
    assert_eq!(log[2]["detail"], "the disk is full");

    let opened = told(folder, &["incidents", "open", "--call", "0000000000000003", "--assign", "bob"]);
    assert_eq!((&opened["status"], &opened["assigned"]), (&json!("acknowledged"), &json!(["bob"])));
    let again = &["incidents", "open", "--call", "0000000000000003", "--assign", "bob"];
    assert!(refused(folder, again, 1).contains("incident 3 is of this call already"));
}

fn quiet_by_command(folder: &Folder) {
    let until = "2090-01-01T00:00:00Z";
    assert_eq!(told(folder, &["mute", "2"])["muted"], true);
    assert_eq!(told(folder, &["mute", "2", "--off"])["muted"], false);
    assert_eq!(told(folder, &["snooze", "2", "--until", until])["snoozed_until"], until);
    assert_eq!(told(folder, &["snooze", "2", "--off"])["snoozed_until"], Value::Null);

    let at = ["--from", "2089-01-01T00:00:00Z", "--until", until];
    let window = ["maintenance", "add", "--hotline", "Hotline", "--reason", "new disks"];
    let made = told(folder, &[&window[..], &at].concat());
    let expected = json!({
        "id": 1, "kind": "maintenance", "hotline": "Hotline", "route": null,
        "from": "2089-01-01T00:00:00Z", "until": until, "reason": "new disks",
    });
    assert_eq!(made, expected);
    told(folder, &["snooze", "--route", "Production", "--until", until]);
    told(folder, &["mute", "--everywhere"]);
    let kinds = |list: &Value| -> Vec<String> {
        let rows = list.as_array().unwrap();
        rows.iter().map(|row| row["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&told(folder, &["maintenance", "list"])), ["snooze", "mute", "maintenance"]);
    assert_eq!(told(folder, &["mute", "--everywhere", "--off"]), json!([3]));
    assert_eq!(told(folder, &["snooze", "--route", "Production", "--off"]), json!([2]));
    assert_eq!(told(folder, &["maintenance", "remove", "1"]), json!([1]));
    assert_eq!(told(folder, &["maintenance", "list"]), json!([]));
}

fn outbox_by_command(folder: &Folder) {
    let list = told(folder, &["outbox"]);
    let second = list.as_array().unwrap().iter().find(|entry| entry["incident"] == 2).unwrap();
    assert_eq!((&second["target"], &second["state"]), (&json!("pager"), &json!("waiting")));
    assert_eq!(second["notice"]["dedup_key"], "hotline-0000000000000002");
    let id = second["id"].to_string();
    assert_eq!(told(folder, &["outbox", &id])["notice"]["event"], "trigger");
    assert!(refused(folder, &["outbox", "replay", &id], 1).contains("waits to be sent anyway"));
    assert_eq!(told(folder, &["outbox", "drop", &id]), json!({ "dropped": second["id"] }));
    assert!(refused(folder, &["outbox", "drop", &id], 1).contains("waits or is dead"));
    assert_eq!(told(folder, &["outbox", "replay", "--target", "pager"]), json!({ "waiting": 0 }));
    let all = told(folder, &["outbox", "--all", "--target", "pager"]);
    assert!(all.as_array().unwrap().iter().all(|entry| entry["state"] == "withdrawn"), "{all:#}");
}

#[test]
fn a_stopped_daemons_incidents_and_outbox_are_changed_in_its_database() {
    let folder = folder("incidents-stopped");
    incidents_by_command(&folder);
    quiet_by_command(&folder);
    outbox_by_command(&folder);
}

#[test]
fn a_running_daemon_takes_all_of_it_through_its_journal() {
    let folder = folder("incidents-running");
    let mut running = Running::start(&folder, &["run"]);
    running.wait_for("ready for calls");
    incidents_by_command(&folder);
    quiet_by_command(&folder);
    outbox_by_command(&folder);
    running.ends_with_status_0();
}

#[test]
fn what_makes_no_sense_is_refused_and_says_why() {
    let folder = folder("incidents-refused");
    let failed: [(&[&str], &str); 9] = [
        (&["incidents", "7"], "there is no incident 7"),
        (&["incidents", "ack", "7"], "there is no incident 7"),
        (&["incidents", "ack", "1", "--by", "bo"], "did you mean `bob`?"),
        (&["incidents", "note", "1", "  "], "the note says nothing"),
        (&["incidents", "open", "--call", "00ff", "--assign", "bob"], "there is no call 00ff"),
        (&["maintenance", "remove", "7"], "there is no maintenance 7"),
        (&["maintenance", "add", "--hotline", "Hotlin", "--until", "2h"], "did you mean `Hotline`?"),
        (&["snooze", "1", "--until", "2020-01-01T00:00:00Z"], "in the past"),
        (&["outbox", "77"], "there is no entry 77"),
    ];
    for (command, because) in failed {
        let said = refused(&folder, command, 1);
        assert!(said.contains(because), "{command:?}: {said}");
    }
    let usage: [(&[&str], &str); 4] = [
        (&["snooze", "1"], "until when?"),
        (&["mute"], "--everywhere"),
        (&["mute", "1", "--until", "2h"], "`nightbell snooze`"),
        (&["incidents", "--status", "open"], "known are triggered, acknowledged, resolved"),
    ];
    for (command, because) in usage {
        let said = refused(&folder, command, 2);
        assert!(said.contains(because), "{command:?}: {said}");
    }
}

#[test]
fn the_lists_are_read_by_people_too() {
    let folder = folder("incidents-read");
    let text = |command: &[&str]| {
        let output = folder.output(command);
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(text(&["incidents"]).contains("Missed call from +4915112345678 on Production (Hotline)"));
    let one = text(&["incidents", "1"]);
    assert!(one.contains("on it: bob") && one.contains("nightbell calls 0000000000000001"), "{one}");
    let outbox = text(&["outbox"]);
    assert!(outbox.contains("no [[notify]] named pager"), "{outbox}");
    let doctor = text(&["doctor", "--no-call"]);
    assert!(doctor.contains("pager: 2 wait to be told; the settings have no such"), "{doctor}");
    assert!(text(&["maintenance", "list"]).contains("UNTIL"));
}
