//! A daemon in trouble tells a service on a real socket: by the outbox, and without the database.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::signals::Running;
use crate::{Folder, ONCALL, SETTINGS};

/// How long a machine that is busy may take: the promise is a minute.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a webhook is told.
fn sink() -> (u16, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, heard) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut wire = BufReader::new(stream.unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                wire.read_line(&mut line).unwrap();
                match line.to_ascii_lowercase().trim().split_once(": ") {
                    Some(("content-length", value)) => length = value.parse().unwrap(),
                    Some(_) => {}
                    None if line.trim().is_empty() => break,
                    None => {}
                }
            }
            let mut body = vec![0; length];
            wire.read_exact(&mut body).unwrap();
            wire.get_mut()
                .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                .unwrap();
            if told.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
        }
    });
    (port, heard)
}

/// Settings of a daemon that wants more room than there is on any disk.
fn without_room(name: &str) -> (Folder, Receiver<Value>) {
    let (port, heard) = sink();
    let settings = format!(
        "{SETTINGS}[alarms]\nnotify = [\"sink\"]\ndisk_free = \"4000000 GiB\"\n\
         [[notify]]\nname = \"sink\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{port}/\"\nallow_private = true\n"
    );
    (Folder::with(name, settings.as_bytes(), ONCALL.as_bytes()), heard)
}

#[test]
fn a_disk_without_room_is_told_of_and_doctor_shows_it() {
    let (folder, heard) = without_room("alarm");
    let mut daemon = Running::start(&folder, &["run"]);
    daemon.wait_for("ready for calls");
    let told = heard.recv_timeout(PATIENCE).unwrap();
    assert_eq!((&told["event"], &told["dedup_key"]), (&"trigger".into(), &"alarm-disk".into()));
    assert_eq!(
        (&told["title"], &told["severity"]),
        (&"Nightbell: The disk is nearly full".into(), &"error".into())
    );
    let doctor = folder.output(&["doctor", "--no-call"]);
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(said.contains("The disk is nearly full"), "{said}");
    drop(daemon);
}

#[test]
fn a_daemon_whose_database_takes_nothing_tells_of_trouble_all_the_same() {
    let (folder, heard) = without_room("alarm-without-database");
    let mut daemon = Running::start(&folder, &["run"]);
    daemon.wait_for("ready for calls");
    let database = rusqlite::Connection::open(folder.path().join("data/nightbell.db")).unwrap();
    database.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let told = heard.recv_timeout(PATIENCE).unwrap();
    assert_eq!((&told["event"], &told["dedup_key"]), (&"trigger".into(), &"alarm-disk".into()));
    database.execute_batch("ROLLBACK").unwrap();
    drop(daemon);
}

#[test]
fn a_target_of_alarms_that_is_not_there_is_told_of_with_its_place_and_the_nearest_one() {
    let (folder, _) = without_room("alarm-unknown");
    let path = folder.path().join("nightbell.toml");
    let settings =
        std::fs::read_to_string(&path).unwrap().replace("notify = [\"sink\"]", "notify = [\"snik\"]");
    std::fs::write(&path, settings).unwrap();
    let check = folder.output(&["check"]);
    let said = String::from_utf8(check.stderr).unwrap();
    assert_eq!(check.status.code(), Some(2));
    assert!(said.contains("there is no target `snik`") && said.contains("did you mean `sink`?"), "{said}");
}
